/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU's loop around KVM_RUN and the reasons it returns for. */
#include "qemu/osdep.h"

#include "kvm-int.h"

#include <signal.h>
#include <sys/mman.h>

#include "qapi/qapi-types-run-state.h"
#include "system/ioport.h"
#include "system/runstate.h"

#define PROBE_BYTES 0x10000UL
#define PROBE_CODE 0x1000
#define PROBE_DIRECTORY 0x2000

/*
 * exit_request was set before. Pairs with the order in kvm_vcpu_run():
 * immediate_exit is cleared first, exit_request looked at after.
 */
void kvm_vcpu_kick(CPUState *cpu)
{
    KVMCpu *kc = cpu->accel_data;

    if (kc) {
        qatomic_set(&kc->run->immediate_exit, 1);
        pthread_kill(kc->thread, SIGUSR1);
    }
}

static void exit_io(KVMCpu *kc)
{
    struct kvm_run *run = kc->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        uint32_t value = 0;

        if (run->io.direction == KVM_EXIT_IO_OUT) {
            memcpy(&value, data, run->io.size);
            ioport_write(kc->cpu->vm, run->io.port, value, run->io.size);
        } else {
            value = ioport_read(kc->cpu->vm, run->io.port, run->io.size);
            memcpy(data, &value, run->io.size);
        }
    }
    kc->io_pending = true;
}

/* Ends the run until a reset or a shutdown takes the vCPU further. */
static void exit_and_wait(KVMCpu *kc, bool reset)
{
    VM *vm = kc->cpu->vm;

    bql_lock(vm);
    kc->cpu->stop = true;
    if (reset) {
        vm_request_reset(vm, SHUTDOWN_CAUSE_GUEST_RESET);
    } else {
        vm_request_shutdown(vm, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
    bql_unlock(vm);
}

static uint64_t current_rip(KVMCpu *kc)
{
    struct kvm_regs regs;

    return ioctl(kc->fd, KVM_GET_REGS, &regs) == 0 ? regs.rip : 0;
}

/* A triple fault; on a KVM without paging, what enabling it looks like. */
static bool exit_shutdown(KVMCpu *kc, Error **errp)
{
    struct kvm_sregs sregs;

    if (ioctl(kc->fd, KVM_GET_SREGS, &sregs) == 0 &&
        (sregs.cr0 & CR0_PG_MASK) && !kvm_probe_paging(kc->kvm)) {
        error_setg(errp, "KVM cannot run guest code with paging on this "
                   "host (RIP 0x%" PRIx64 "); try -accel tcg",
                   current_rip(kc));
        return false;
    }
    exit_and_wait(kc, true);
    return true;
}

static bool exit_internal_error(KVMCpu *kc, Error **errp)
{
    struct kvm_run *run = kc->run;

    if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
        error_setg(errp, "KVM cannot run this guest code on this host "
                   "(emulation failure, suberror 1, RIP 0x%" PRIx64
                   "); try -accel tcg", current_rip(kc));
    } else {
        error_setg(errp, "KVM internal error, suberror %u, RIP 0x%" PRIx64,
                   run->internal.suberror, current_rip(kc));
    }
    return false;
}

static bool exit_system_event(KVMCpu *kc, Error **errp)
{
    switch (kc->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        exit_and_wait(kc, false);
        return true;
    case KVM_SYSTEM_EVENT_RESET:
        exit_and_wait(kc, true);
        return true;
    default:
        error_setg(errp, "the guest crashed (KVM system event %u)",
                   kc->run->system_event.type);
        return false;
    }
}

static bool handle_exit(KVMCpu *kc, Error **errp)
{
    struct kvm_run *run = kc->run;

    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        exit_io(kc);
        return true;
    case KVM_EXIT_MMIO:
        memory_io_access(kc->cpu->vm, run->mmio.phys_addr, run->mmio.data,
                         run->mmio.len, run->mmio.is_write);
        kc->io_pending = true;
        return true;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        return true;
    case KVM_EXIT_SHUTDOWN:
        return exit_shutdown(kc, errp);
    case KVM_EXIT_SYSTEM_EVENT:
        return exit_system_event(kc, errp);
    case KVM_EXIT_INTERNAL_ERROR:
        return exit_internal_error(kc, errp);
    case KVM_EXIT_FAIL_ENTRY:
        error_setg(errp, "KVM cannot enter the guest: hardware reason 0x%"
                   PRIx64 ", RIP 0x%" PRIx64,
                   (uint64_t)run->fail_entry.hardware_entry_failure_reason,
                   current_rip(kc));
        return false;
    default:
        error_setg(errp, "KVM exit %u is not known, RIP 0x%" PRIx64,
                   run->exit_reason, current_rip(kc));
        return false;
    }
}

/* The result of an I/O instruction reaches the registers. */
static void complete_io(KVMCpu *kc)
{
    if (kc->io_pending) {
        qatomic_set(&kc->run->immediate_exit, 1);
        ioctl(kc->fd, KVM_RUN, 0);
        kc->io_pending = false;
    }
}

bool kvm_vcpu_run(CPUState *cpu, Error **errp)
{
    KVMCpu *kc = cpu->accel_data;
    bool ok = true;

    while (ok) { /* who wants it to stop sets exit_request, too */
        int rc;

        qatomic_set(&kc->run->immediate_exit, 0);
        if (qatomic_read(&cpu->exit_request)) {
            break;
        }
        rc = ioctl(kc->fd, KVM_RUN, 0);
        kc->io_pending = false;
        if (rc == 0) {
            ok = handle_exit(kc, errp);
        } else if (errno != EINTR && errno != EAGAIN) {
            error_setg_errno(errp, errno, "KVM_RUN, RIP 0x%" PRIx64,
                             current_rip(kc));
            ok = false;
        }
    }
    complete_io(kc);
    return ok;
}

/* --- The probe ------------------------------------------------------------ */

static bool probe_set_registers(int fd)
{
    struct kvm_segment code = {.limit = UINT32_MAX, .selector = 8,
                               .type = 11, .present = 1, .s = 1, .db = 1,
                               .g = 1};
    struct kvm_segment data = code;
    struct kvm_regs regs = {.rip = PROBE_CODE, .rflags = EFLAGS_FIXED};
    struct kvm_sregs sregs;

    if (ioctl(fd, KVM_GET_SREGS, &sregs) < 0) {
        return false;
    }
    data.type = 3;
    data.selector = 16;
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.cr0 = CR0_PE_MASK | CR0_ET_MASK | CR0_PG_MASK;
    sregs.cr3 = PROBE_DIRECTORY;
    sregs.cr4 = CR4_PSE_MASK;
    return ioctl(fd, KVM_SET_SREGS, &sregs) == 0 &&
           ioctl(fd, KVM_SET_REGS, &regs) == 0;
}

static bool probe_run(KVMState *kvm, int vm_fd, uint8_t *ram)
{
    struct kvm_userspace_memory_region region = {
        .memory_size = PROBE_BYTES,
        .userspace_addr = (uintptr_t)ram,
    };
    const uint32_t entry = PG_P | PG_RW | PG_PS;
    struct kvm_run *run;
    bool ok = false;
    int fd;

    ioctl(vm_fd, KVM_SET_TSS_ADDR, 0xfffbd000UL);
    if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        return false;
    }
    fd = ioctl(vm_fd, KVM_CREATE_VCPU, 0UL);
    if (fd < 0) {
        return false;
    }
    ram[PROBE_CODE] = 0xf4; /* HLT, which without controllers is an exit */
    memcpy(ram + PROBE_DIRECTORY, &entry, 4);
    run = mmap(NULL, kvm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
               0);
    if (run != MAP_FAILED) {
        ok = probe_set_registers(fd) && ioctl(fd, KVM_RUN, 0) == 0 &&
             run->exit_reason == KVM_EXIT_HLT;
        munmap(run, kvm->run_bytes);
    }
    close(fd);
    return ok;
}

bool kvm_probe_paging(KVMState *kvm)
{
    int vm_fd = ioctl(kvm->fd, KVM_CREATE_VM, 0);
    uint8_t *ram = mmap(NULL, PROBE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool ok = false;

    if (vm_fd >= 0 && ram != MAP_FAILED) {
        ok = probe_run(kvm, vm_fd, ram);
    }
    if (vm_fd >= 0) {
        close(vm_fd);
    }
    if (ram != MAP_FAILED) {
        munmap(ram, PROBE_BYTES);
    }
    return ok;
}
