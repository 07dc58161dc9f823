/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs and their threads, whoever executes their instructions.
 *
 * Each vCPU has a thread that loops: while asked to stop, or halted with
 * nothing pending, wait; else accel->vcpu_run() without the BQL. cpu->arch
 * belongs to that thread while the vCPU runs and to the holder of the BQL
 * while all vCPUs are stopped.
 */
#ifndef SYSTEM_CPUS_H
#define SYSTEM_CPUS_H

#include "qom/object.h"
#include "system/vm.h"

/* Bits of CPUState.interrupt_request; QEMU's values, they migrate. */
#define CPU_INTERRUPT_HARD 0x0002
#define CPU_INTERRUPT_NMI 0x0200
#define CPU_INTERRUPT_INIT 0x0400
#define CPU_INTERRUPT_SIPI 0x0800

typedef struct CPUs CPUs;

typedef struct CPUState {
    Object parent; /* below /machine/unattached */
    /* [const] */
    VM *vm;
    int index;
    struct CPUArchState *arch; /* target/i386/cpu.h */
    void *accel_data;          /* the accelerator's own */

    /* [own: vCPU thread] */
    GThread *thread;

    /* [atomic] */
    int thread_id;               /* 0 until the thread runs */
    bool exit_request;           /* leave vcpu_run() soon */
    uint32_t interrupt_request;

    /* [lock: bql] */
    bool halted;
    bool stop;    /* someone wants it parked until cpus_resume() */
    bool parked;  /* it is, and its state is in arch */
    GCond wake;   /* with vm->bql: stop, halted or interrupts changed */
} CPUState;

/* Creates @count vCPUs, parked, threads running. Machine build, BQL held. */
bool cpus_create(VM *vm, unsigned count, Error **errp);

/* Ends and joins the threads, frees the CPUs. BQL held. */
void cpus_destroy(VM *vm);

unsigned cpus_count(VM *vm);
CPUState *cpu_get(VM *vm, unsigned index);

/* The vCPU whose thread is calling, NULL for other threads. */
CPUState *cpu_current(VM *vm);

/*
 * Parks (releases) all vCPUs, for changes of the run state. Pausing waits for
 * them with the BQL released; after it every cpu->arch holds the
 * guest-visible state. A vCPU thread that calls cpus_pause() itself is not
 * waited for; it parks when it returns.
 *
 * When a pause fails all vCPUs are parked nevertheless, but the accelerator
 * could not tell the state of one. The caller leaves the guest in a run state
 * in which it does not run, or calls cpus_resume(). A resume releases even
 * those that asked for a reset, a shutdown or a stop.
 */
bool cpus_pause(VM *vm, Error **errp);
bool cpus_resume(VM *vm, Error **errp);

/*
 * For a look at the vCPUs' state, whether the guest runs or not: between the
 * two all are parked as by cpus_pause(), no other thread changes the run
 * state, and what any vCPU asked for stays asked for: one that is to stop
 * does not run on afterwards. A failed begin releases them itself and wants
 * no end. Nests. BQL; not from a vCPU's thread.
 */
bool cpus_peek_begin(VM *vm, Error **errp);
void cpus_peek_end(VM *vm);

/* Wakes a halted vCPU and makes a running one look at its requests. Any. */
void cpu_interrupt(CPUState *cpu, uint32_t mask);
void cpu_reset_interrupt(CPUState *cpu, uint32_t mask);

/*
 * After arch was written from outside (migration, reset): pushes it to the
 * accelerator. All vCPUs parked, BQL held.
 */
bool cpus_push_state(VM *vm, Error **errp);

/* What all classes of vCPUs are derived from; no device_class's. */
extern const ObjectClass cpu_class;
/* Provided by target/: the class of each vCPU. */
extern const ObjectClass *const cpu_arch_class;

/* Provided by target/: allocation, reset, registers for "info registers". */
struct CPUArchState *cpu_arch_new(CPUState *cpu, Error **errp);
void cpu_arch_free(CPUState *cpu);
void cpu_arch_reset(CPUState *cpu);
void cpu_arch_dump(CPUState *cpu, GString *out);

/* Linear to physical with the vCPU's paging; vCPU parked or calling. */
bool cpu_arch_translate(CPUState *cpu, uint64_t vaddr, uint64_t *paddr);

#endif
