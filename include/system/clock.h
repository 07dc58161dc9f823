/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's clock and timers. Virtual time stands still while the guest is
 * stopped and travels with it; under qtest it moves by command only.
 */
#ifndef SYSTEM_CLOCK_H
#define SYSTEM_CLOCK_H

#include "system/vm.h"

typedef struct VMClock VMClock;
typedef struct VMTimer VMTimer;

/* Virtual time in ns. Any thread. */
int64_t clock_virtual_ns(VM *vm);

/* Host monotonic time in ns and in ms; needs no VM. Any thread. */
int64_t clock_host_ns(void);
int64_t clock_host_ms(void);

/* Start or stop virtual time. BQL. */
void clock_enable(VM *vm, bool running);

/* For the `timer` section: virtual time as stored, guest stopped. BQL. */
int64_t clock_get_virtual_offset_ns(VM *vm);
void clock_set_virtual_offset_ns(VM *vm, int64_t offset_ns);

/*
 * How far the tick counter of interpreted vCPUs (their TSC) is ahead of
 * virtual time, at whose rate it counts. In the `timer` section it is what
 * cpu_ticks_offset has more than cpu_clock_offset. BQL.
 */
int64_t clock_get_ticks_bias(VM *vm);
void clock_set_ticks_bias(VM *vm, int64_t bias);

/* Under qtest: time moves to @target_ns, firing timers on the way. BQL. */
void clock_set_manual(VM *vm, bool manual);
bool clock_is_manual(VM *vm);
void clock_advance_to(VM *vm, int64_t target_ns);

/* The next deadline in virtual ns, -1 if no timer is armed. BQL. */
int64_t clock_next_deadline_ns(VM *vm);

/* @fn runs in the main loop, BQL held. BQL for all of these. */
VMTimer *vm_timer_new(VM *vm, void (*fn)(void *opaque), void *opaque);
void vm_timer_free(VMTimer *timer);
void vm_timer_mod(VMTimer *timer, int64_t expire_virtual_ns);
void vm_timer_del(VMTimer *timer);
bool vm_timer_pending(const VMTimer *timer);
/* -1 where it is not armed; what the `timer` type of VMState carries. */
int64_t vm_timer_expire_ns(const VMTimer *timer);

#endif
