/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside accel/kvm. Lock order: bql, then slots_lock. */
#ifndef ACCEL_KVM_INT_H
#define ACCEL_KVM_INT_H

#include "qemu/osdep.h"

#include <linux/kvm.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "system/accel.h"
#include "target/i386/cpu.h"

/* Octets of KVM's XSAVE area without dynamic features. */
#define KVM_XSAVE_BYTES 4096
#define KVM_XSAVE_FEATURES 10

typedef struct KVMSlot {
    uint32_t id;
    uint64_t gpa;
    uint64_t size_bytes;
    RAMBlock *block;
    uint64_t offset; /* in block */
    bool readonly;
    /* Pages reported dirty and not yet re-protected. [lock: slots_lock] */
    unsigned long *dirty;
} KVMSlot;

typedef struct KVMState {
    /* [const] after init */
    VM *vm;
    int fd;
    int vm_fd;
    size_t run_bytes;     /* of a vCPU's shared page */
    bool manual_clear;    /* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
    bool has_xsave, has_xcrs, has_debugregs, has_tsc_control;
    X86CPUIDLeaf host[256]; /* what KVM can show a guest */
    unsigned host_count;
    uint32_t xsave_offset[KVM_XSAVE_FEATURES]; /* 0: feature is not there */

    /* [const] after memory_ready */
    KVMSlot *slots;
    unsigned slot_count;

    GMutex slots_lock;
} KVMState;

#define KVM_MSRS_MAX 128

typedef struct KVMCpu {
    CPUState *cpu;
    KVMState *kvm;
    int fd;
    struct kvm_run *run;
    pthread_t thread;
    bool io_pending; /* an I/O exit is completed by the next KVM_RUN */
    unsigned msr_count;
    uint16_t msrs[KVM_MSRS_MAX]; /* rows of the MSR table KVM knows */
} KVMCpu;

static inline KVMState *kvm_state(const VM *vm)
{
    return vm->accel->opaque;
}

/* --- kvm-memory.c --------------------------------------------------------- */

bool kvm_memory_ready(Accel *accel, Error **errp);
void kvm_memory_free(KVMState *kvm);
/* KVM_SET_USER_MEMORY_REGION of @slot, with dirty logging or without. */
bool kvm_slot_set(KVMState *kvm, const KVMSlot *slot, bool log, Error **errp);

/* --- kvm-dirty.c ---------------------------------------------------------- */

bool kvm_dirty_log_start(Accel *accel, Error **errp);
void kvm_dirty_log_stop(Accel *accel);
bool kvm_dirty_log_sync(Accel *accel, RAMBlock *block, Error **errp);
bool kvm_dirty_log_clear(Accel *accel, RAMBlock *block, uint64_t first_page,
                         uint64_t pages, Error **errp);

/* --- kvm-run.c ------------------------------------------------------------ */

bool kvm_vcpu_run(CPUState *cpu, Error **errp);
void kvm_vcpu_kick(CPUState *cpu);
/* Whether this KVM can run guest code with paging on at all. */
bool kvm_probe_paging(KVMState *kvm);

/* --- kvm-cpu.c, kvm-msrs.c, kvm-xsave.c ----------------------------------- */

bool kvm_cpu_get_state(CPUState *cpu, Error **errp);
bool kvm_cpu_put_state(CPUState *cpu, Error **errp);
/* Sets @errp for a vCPU ioctl that failed with errno. */
bool kvm_cpu_fail(const char *what, Error **errp);

void kvm_msrs_probe(KVMCpu *kc);
bool kvm_msrs_get(KVMCpu *kc, Error **errp);
bool kvm_msrs_put(KVMCpu *kc, Error **errp);

bool kvm_fpu_get(KVMCpu *kc, Error **errp);
bool kvm_fpu_put(KVMCpu *kc, Error **errp);

/* --- kvm-irqchip.c -------------------------------------------------------- */

bool kvm_irqchip_create(KVMState *kvm, Error **errp);
void kvm_irqchip_set_gsi(Accel *accel, unsigned gsi, bool level);
bool kvm_irqchip_get(Accel *accel, unsigned kind, unsigned index, void *state,
                     Error **errp);
bool kvm_irqchip_put(Accel *accel, unsigned kind, unsigned index,
                     const void *state, Error **errp);

#endif
