/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `-accel kvm`: opening /dev/kvm, what it must offer, vCPUs. */
#include "qemu/osdep.h"

#include "kvm-int.h"

#include <json-c/json.h>
#include <signal.h>
#include <sys/mman.h>

#include "../accel-int.h"

#define TSS_ADDR 0xfffbd000UL
#define IDENTITY_MAP_ADDR 0xfffbc000ULL
#define CPUID_MAX 256

/* What every KVM this is made for has, with the kernel that brought it. */
static const struct {
    int cap;
    const char *name;
} required_caps[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    {KVM_CAP_IRQ_INJECT_STATUS, "KVM_CAP_IRQ_INJECT_STATUS"},
    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
    {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
    {KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM"},
    {KVM_CAP_PIT2, "KVM_CAP_PIT2"},
    {KVM_CAP_PIT_STATE2, "KVM_CAP_PIT_STATE2"},
    {KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK"},
};

static bool kvm_check_props(struct json_object *props, Error **errp)
{
    json_object_object_foreach(props, key, value)
    {
        const char *text = json_object_get_string(value);

        if (!strcmp(key, "kernel-irqchip")) {
            if (!strcmp(text, "on")) {
                continue;
            }
            error_setg(errp, "property 'kernel-irqchip' can only be 'on'");
        } else if (!strcmp(key, "dirty-ring-size")) {
            if (!strcmp(text, "0")) {
                continue;
            }
            error_setg(errp, "property 'dirty-ring-size' can only be 0: "
                       "the dirty ring is not supported");
        } else {
            error_setg(errp,
                       "property '%s' of this accelerator is not known", key);
        }
        return false;
    }
    return true;
}

static bool kvm_check_caps(KVMState *kvm, Error **errp)
{
    for (size_t i = 0; i < ARRAY_SIZE(required_caps); i++) {
        if (ioctl(kvm->fd, KVM_CHECK_EXTENSION, required_caps[i].cap) <= 0) {
            error_setg(errp, "the host's KVM has no %s",
                       required_caps[i].name);
            return false;
        }
    }
    kvm->has_xsave = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE) > 0;
    kvm->has_xcrs = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) > 0;
    kvm->has_debugregs =
        ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_DEBUGREGS) > 0;
    kvm->has_tsc_control =
        ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0;
    return true;
}

static bool kvm_read_cpuid(KVMState *kvm, Error **errp)
{
    g_autofree struct kvm_cpuid2 *cpuid = g_malloc0(
        sizeof(*cpuid) + CPUID_MAX * sizeof(struct kvm_cpuid_entry2));

    cpuid->nent = CPUID_MAX;
    if (ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0) {
        error_setg_errno(errp, errno, "KVM_GET_SUPPORTED_CPUID");
        return false;
    }
    for (unsigned i = 0; i < cpuid->nent; i++) {
        const struct kvm_cpuid_entry2 *from = &cpuid->entries[i];

        kvm->host[kvm->host_count++] = (X86CPUIDLeaf){
            .function = from->function,
            .index = from->index,
            .has_index = from->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
            .eax = from->eax,
            .ebx = from->ebx,
            .ecx = from->ecx,
            .edx = from->edx,
        };
        if (from->function == 0xd && from->index >= 2 &&
            from->index < KVM_XSAVE_FEATURES &&
            from->ebx + from->eax <= KVM_XSAVE_BYTES) {
            kvm->xsave_offset[from->index] = from->ebx;
        }
    }
    return true;
}

static bool kvm_create_vm(KVMState *kvm, Error **errp)
{
    uint64_t identity = IDENTITY_MAP_ADDR;
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
        .args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
    };

    kvm->vm_fd = RETRY_ON_EINTR(ioctl(kvm->fd, KVM_CREATE_VM, 0));
    if (kvm->vm_fd < 0) {
        error_setg_errno(errp, errno, "KVM_CREATE_VM");
        return false;
    }
    if (ioctl(kvm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
        ioctl(kvm->vm_fd, KVM_SET_TSS_ADDR, TSS_ADDR) < 0) {
        error_setg_errno(errp, errno, "cannot place KVM's own pages");
        return false;
    }
    kvm->manual_clear =
        ioctl(kvm->fd, KVM_CHECK_EXTENSION,
              KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) > 0 &&
        ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &cap) == 0;
    return kvm_irqchip_create(kvm, errp);
}

static bool kvm_open(KVMState *kvm, Error **errp)
{
    int version, run_bytes;

    kvm->fd = RETRY_ON_EINTR(open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (kvm->fd < 0) {
        error_setg_errno(errp, errno, "cannot open /dev/kvm");
        return false;
    }
    version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
    run_bytes = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (version != KVM_API_VERSION || run_bytes <= 0) {
        error_setg(errp, "/dev/kvm speaks version %d of its interface, "
                   "not %d", version, KVM_API_VERSION);
        return false;
    }
    kvm->run_bytes = run_bytes;
    return kvm_check_caps(kvm, errp) && kvm_read_cpuid(kvm, errp) &&
           kvm_create_vm(kvm, errp);
}

static void kvm_free(KVMState *kvm)
{
    kvm_memory_free(kvm);
    qemu_close(&kvm->vm_fd);
    qemu_close(&kvm->fd);
    g_mutex_clear(&kvm->slots_lock);
    g_free(kvm);
}

/* Only there to interrupt KVM_RUN. */
static void kvm_kick_signal(int signum)
{
}

static bool kvm_init(Accel *accel, struct json_object *props, Error **errp)
{
    struct sigaction action = {.sa_handler = kvm_kick_signal};
    KVMState *kvm;

    if (!kvm_check_props(props, errp)) {
        return false;
    }
    kvm = g_new0(KVMState, 1);
    kvm->vm = accel->vm;
    kvm->fd = kvm->vm_fd = -1;
    g_mutex_init(&kvm->slots_lock);
    if (!kvm_open(kvm, errp)) {
        kvm_free(kvm);
        return false;
    }
    sigaction(SIGUSR1, &action, NULL);
    accel->opaque = kvm;
    return true;
}

static void kvm_cleanup(Accel *accel)
{
    kvm_free(accel->opaque);
    accel->opaque = NULL;
}

/* --- vCPUs ---------------------------------------------------------------- */

static bool kvm_set_cpuid(KVMCpu *kc, Error **errp)
{
    const CPUArchState *env = kc->cpu->arch;
    g_autofree struct kvm_cpuid2 *cpuid = g_malloc0(
        sizeof(*cpuid) + env->cpuid_count * sizeof(struct kvm_cpuid_entry2));

    cpuid->nent = env->cpuid_count;
    for (unsigned i = 0; i < env->cpuid_count; i++) {
        const X86CPUIDLeaf *leaf = &env->cpuid[i];

        cpuid->entries[i] = (struct kvm_cpuid_entry2){
            .function = leaf->function,
            .index = leaf->index,
            .flags = leaf->has_index ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
            .eax = leaf->eax,
            .ebx = leaf->ebx,
            .ecx = leaf->ecx,
            .edx = leaf->edx,
        };
    }
    if (ioctl(kc->fd, KVM_SET_CPUID2, cpuid) < 0) {
        return kvm_cpu_fail("KVM_SET_CPUID2", errp);
    }
    return true;
}

static void kvm_vcpu_destroy(CPUState *cpu)
{
    KVMCpu *kc = cpu->accel_data;

    cpu->accel_data = NULL;
    if (kc->run != MAP_FAILED) {
        munmap(kc->run, kc->kvm->run_bytes);
    }
    qemu_close(&kc->fd);
    g_free(kc);
}

static bool kvm_vcpu_open(KVMCpu *kc, Error **errp)
{
    CPUArchState *env = kc->cpu->arch;
    uint64_t mcg_cap = env->mcg_cap;
    int khz;

    kc->fd = ioctl(kc->kvm->vm_fd, KVM_CREATE_VCPU,
                   (unsigned long)kc->cpu->index);
    if (kc->fd < 0) {
        return kvm_cpu_fail("KVM_CREATE_VCPU", errp);
    }
    kc->run = mmap(NULL, kc->kvm->run_bytes, PROT_READ | PROT_WRITE,
                   MAP_SHARED, kc->fd, 0);
    if (kc->run == MAP_FAILED) {
        return kvm_cpu_fail("mapping a vCPU's page", errp);
    }
    x86_cpuid_fill(env, kc->kvm->host, kc->kvm->host_count, kc->cpu->index,
                   kc->cpu->vm->smp_cpus);
    /* Banks KVM does not have are kept for the stream only. */
    ioctl(kc->fd, KVM_X86_SETUP_MCE, &mcg_cap);
    khz = ioctl(kc->fd, KVM_GET_TSC_KHZ, 0);
    env->tsc_khz = MAX(khz, 0);
    env->poll_control_default = 1;
    env->poll_control_msr = 1;
    return kvm_set_cpuid(kc, errp);
}

static bool kvm_vcpu_init(CPUState *cpu, Error **errp)
{
    KVMCpu *kc = g_new0(KVMCpu, 1);
    sigset_t set;

    kc->cpu = cpu;
    kc->kvm = kvm_state(cpu->vm);
    kc->fd = -1;
    kc->run = MAP_FAILED;
    kc->thread = pthread_self();
    cpu->accel_data = kc;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    if (!kvm_vcpu_open(kc, errp)) {
        kvm_vcpu_destroy(cpu);
        return false;
    }
    kvm_msrs_probe(kc);
    return true;
}

/* The in-kernel controllers decide when a halted vCPU goes on. */
static bool kvm_has_work(CPUState *cpu)
{
    return true;
}

const AccelOps kvm_accel_ops = {
    .name = "kvm",
    .type_name = "kvm-accel",
    .description = "the host kernel's virtual machines",
    .irqchip = true,
    .init = kvm_init,
    .cleanup = kvm_cleanup,
    .memory_ready = kvm_memory_ready,
    .vcpu_init = kvm_vcpu_init,
    .vcpu_destroy = kvm_vcpu_destroy,
    .vcpu_run = kvm_vcpu_run,
    .vcpu_kick = kvm_vcpu_kick,
    .get_state = kvm_cpu_get_state,
    .put_state = kvm_cpu_put_state,
    .has_work = kvm_has_work,
    .dirty_log_start = kvm_dirty_log_start,
    .dirty_log_stop = kvm_dirty_log_stop,
    .dirty_log_sync = kvm_dirty_log_sync,
    .dirty_log_clear = kvm_dirty_log_clear,
    .irqchip_set_gsi = kvm_irqchip_set_gsi,
    .irqchip_get = kvm_irqchip_get,
    .irqchip_put = kvm_irqchip_put,
};
