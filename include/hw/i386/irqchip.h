/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of the PC's interrupt controllers, as it migrates. The device models
 * of hw/ keep theirs in these structs; an accelerator with controllers of
 * its own fills them in and takes them over (AccelOps irqchip_get/put).
 *
 * Order and width of the members follow the sections `i8259` v1, `i8254` v3,
 * `ioapic` v3, `apic` v3 and `kvmclock` v1. Times are virtual ns.
 */
#ifndef HW_I386_IRQCHIP_H
#define HW_I386_IRQCHIP_H

#include "qemu/osdep.h"

#define IOAPIC_PINS 24
#define PIT_CHANNELS 3
#define APIC_LVTS 6

/* @kind of irqchip_get/put; @index and the type of @state are in brackets. */
typedef enum IrqchipKind {
    IRQCHIP_I8259,    /* [0 master, 1 slave] I8259State */
    IRQCHIP_I8254,    /* [0] I8254State */
    IRQCHIP_IOAPIC,   /* [0] IOAPICState */
    IRQCHIP_APIC,     /* [vCPU index] APICState */
    IRQCHIP_KVMCLOCK, /* [0] KVMClockState */
} IrqchipKind;

typedef struct I8259State {
    uint8_t last_irr; /* levels last seen, for edge detection */
    uint8_t irr;
    uint8_t imr;
    uint8_t isr;
    uint8_t priority_add; /* highest priority line */
    uint8_t irq_base;
    uint8_t read_reg_select;
    uint8_t poll;
    uint8_t special_mask;
    uint8_t init_state;
    uint8_t auto_eoi;
    uint8_t rotate_on_auto_eoi;
    uint8_t special_fully_nested_mode;
    uint8_t init4; /* ICW4 follows */
    uint8_t single_mode;
    uint8_t elcr;
} I8259State;

typedef struct I8254Channel {
    int32_t count;
    uint16_t latched_count;
    uint8_t count_latched;
    uint8_t status_latched;
    uint8_t status;
    uint8_t read_state;
    uint8_t write_state;
    uint8_t write_latch;
    uint8_t rw_mode;
    uint8_t mode;
    uint8_t bcd;
    uint8_t gate;
    int64_t count_load_time_ns;
    int64_t next_transition_time_ns; /* -1: none */
    /* Channel 0 only on the wire: HPET or a legacy switch took the line. */
    uint32_t irq_disabled;
} I8254Channel;

typedef struct I8254State {
    I8254Channel channels[PIT_CHANNELS];
} I8254State;

typedef struct IOAPICState {
    uint8_t id;
    uint8_t ioregsel;
    uint32_t irr;
    uint64_t ioredtbl[IOAPIC_PINS];
    uint64_t base_address; /* not on the wire; 0xfec00000 */
} IOAPICState;

typedef struct APICState {
    uint32_t apicbase;
    uint8_t id;
    uint8_t arb_id;
    uint8_t tpr;
    uint32_t spurious_vec;
    uint8_t log_dest;
    uint8_t dest_mode; /* high four bits of DFR */
    uint32_t isr[8];
    uint32_t tmr[8];
    uint32_t irr[8];
    uint32_t lvt[APIC_LVTS]; /* timer thermal perf lint0 lint1 error */
    uint32_t esr;
    uint32_t icr[2];
    uint32_t divide_conf;
    int32_t count_shift;
    uint32_t initial_count;
    int64_t initial_count_load_time_ns;
    int64_t next_time_ns;
    int64_t timer_expiry_ns; /* -1: off */
    /* Subsection apic_sipi, written while wait_for_sipi. */
    int32_t sipi_vector;
    int32_t wait_for_sipi;
} APICState;

typedef struct KVMClockState {
    uint64_t clock_ns;
    bool clock_is_reliable;
} KVMClockState;

#endif
