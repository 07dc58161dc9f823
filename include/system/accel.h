/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accelerators: who executes guest instructions. */
#ifndef SYSTEM_ACCEL_H
#define SYSTEM_ACCEL_H

#include "system/cpus.h"
#include "system/memory.h"

struct json_object;

typedef struct AccelOps {
    /* What -accel says ("kvm", "tcg", "qtest") and the QOM type's name. */
    const char *name;
    const char *alias;     /* second name ("x86emu"), or NULL */
    const char *type_name; /* "kvm-accel" */
    const char *description;

    /* Whether interrupt controllers live in the accelerator. */
    bool irqchip;

    /* Whether virtual time moves by qtest command only. */
    bool manual_clock;

    /*
     * Opens what is needed; accel->opaque. @props are -accel's options as a
     * keyval object; unknown ones are an error. Main thread, once, before
     * the machine is built. Failure: the next -accel is tried.
     */
    bool (*init)(struct Accel *accel, struct json_object *props, Error **errp);
    void (*cleanup)(struct Accel *accel);

    /* The memory map is complete. Main thread, BQL, once. */
    bool (*memory_ready)(struct Accel *accel, Error **errp);

    /* In the vCPU's thread, before its first run and after its last. BQL. */
    bool (*vcpu_init)(CPUState *cpu, Error **errp);
    void (*vcpu_destroy)(CPUState *cpu);

    /*
     * Executes guest code until an exit_request, a halt (sets cpu->halted
     * under the BQL) or an error. vCPU thread, BQL not held; halted was
     * cleared if has_work() said so. False: the guest cannot go on (internal
     * error); the VM is stopped. NULL: the thread only waits.
     */
    bool (*vcpu_run)(CPUState *cpu, Error **errp);

    /* Gets the vCPU out of vcpu_run() soon. Any thread. */
    void (*vcpu_kick)(CPUState *cpu);

    /* cpu->arch <- accelerator, and back. vCPU's thread or parked; BQL. */
    bool (*get_state)(CPUState *cpu, Error **errp);
    bool (*put_state)(CPUState *cpu, Error **errp);

    /* Whether a halted vCPU has something to wake up for. BQL. */
    bool (*has_work)(CPUState *cpu);

    /* KVM's dirty log; no-ops where stores are logged in block->dirty. */
    bool (*dirty_log_start)(struct Accel *accel, Error **errp);
    void (*dirty_log_stop)(struct Accel *accel);
    /* Moves the accelerator's log of @block into block->dirty (atomics). */
    bool (*dirty_log_sync)(struct Accel *accel, RAMBlock *block, Error **errp);
    /* Manual re-protection; see ram_block_dirty_clear(). */
    bool (*dirty_log_clear)(struct Accel *accel, RAMBlock *block,
                            uint64_t first_page, uint64_t pages, Error **errp);

    /*
     * With irqchip: raise or lower a GSI; fetch or store the state of a
     * controller (hw/i386 irqchip kinds; @state is that device's struct).
     */
    void (*irqchip_set_gsi)(struct Accel *accel, unsigned gsi, bool level);
    bool (*irqchip_get)(struct Accel *accel, unsigned kind, unsigned index,
                        void *state, Error **errp);
    bool (*irqchip_put)(struct Accel *accel, unsigned kind, unsigned index,
                        const void *state, Error **errp);
} AccelOps;

typedef struct Accel {
    /* [const] */
    const AccelOps *ops;
    VM *vm;
    void *opaque; /* the accelerator's own */
} Accel;

/* The table of accelerators in accel/accel-table.c, ended by NULL. */
extern const AccelOps *const accel_table[];

/*
 * Sets vm->accel to the first of @specs (arrays of "-accel" keyval objects
 * with "accel") that initialises; the error tells why each one did not.
 */
bool accel_select(VM *vm, struct json_object *const *specs, size_t count,
                  Error **errp);
void accel_free(VM *vm);

#endif
