/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUArchState to and from a KVM vCPU. vCPU parked or its own thread; BQL. */
#include "qemu/osdep.h"

#include "kvm-int.h"

#define HFLAGS2_NMI_MASKED BIT(2)

bool kvm_cpu_fail(const char *what, Error **errp)
{
    error_setg_errno(errp, errno, "%s", what);
    return false;
}

/* --- Registers ------------------------------------------------------------ */

static void regs_pointers(struct kvm_regs *r, __u64 **p)
{
    __u64 *const order[CPU_NB_REGS] = {
        (__u64 *)&r->rax, (__u64 *)&r->rcx, (__u64 *)&r->rdx,
        (__u64 *)&r->rbx, (__u64 *)&r->rsp, (__u64 *)&r->rbp,
        (__u64 *)&r->rsi, (__u64 *)&r->rdi, (__u64 *)&r->r8,
        (__u64 *)&r->r9,  (__u64 *)&r->r10, (__u64 *)&r->r11,
        (__u64 *)&r->r12, (__u64 *)&r->r13, (__u64 *)&r->r14,
        (__u64 *)&r->r15,
    };

    memcpy(p, order, sizeof(order));
}

static bool regs_get(KVMCpu *kc, Error **errp)
{
    CPUArchState *env = kc->cpu->arch;
    __u64 *p[CPU_NB_REGS];
    struct kvm_regs regs;

    if (ioctl(kc->fd, KVM_GET_REGS, &regs) < 0) {
        return kvm_cpu_fail("KVM_GET_REGS", errp);
    }
    regs_pointers(&regs, p);
    for (unsigned i = 0; i < CPU_NB_REGS; i++) {
        env->regs[i] = *p[i];
    }
    env->eip = regs.rip;
    env->eflags = regs.rflags;
    return true;
}

static bool regs_put(KVMCpu *kc, Error **errp)
{
    const CPUArchState *env = kc->cpu->arch;
    __u64 *p[CPU_NB_REGS];
    struct kvm_regs regs = {.rip = env->eip, .rflags = env->eflags};

    regs_pointers(&regs, p);
    for (unsigned i = 0; i < CPU_NB_REGS; i++) {
        *p[i] = env->regs[i];
    }
    if (ioctl(kc->fd, KVM_SET_REGS, &regs) < 0) {
        return kvm_cpu_fail("KVM_SET_REGS", errp);
    }
    return true;
}

static X86Segment segment_get(const struct kvm_segment *s)
{
    return (X86Segment){
        .selector = s->selector,
        .base = s->base,
        .limit = s->limit,
        .flags = s->unusable
                     ? 0
                     : (uint32_t)s->type << SEG_TYPE_SHIFT |
                           (s->s ? SEG_S : 0) |
                           (uint32_t)s->dpl << SEG_DPL_SHIFT |
                           (s->present ? SEG_P : 0) | (s->avl ? SEG_AVL : 0) |
                           (s->l ? SEG_L : 0) | (s->db ? SEG_B : 0) |
                           (s->g ? SEG_G : 0),
    };
}

static struct kvm_segment segment_put(const X86Segment *s)
{
    return (struct kvm_segment){
        .selector = s->selector,
        .base = s->base,
        .limit = s->limit,
        .type = (s->flags >> SEG_TYPE_SHIFT) & 15,
        .s = !!(s->flags & SEG_S),
        .dpl = (s->flags >> SEG_DPL_SHIFT) & 3,
        .present = !!(s->flags & SEG_P),
        .avl = !!(s->flags & SEG_AVL),
        .l = !!(s->flags & SEG_L),
        .db = !!(s->flags & SEG_B),
        .g = !!(s->flags & SEG_G),
        .unusable = !(s->flags & SEG_P),
    };
}

static bool sregs_get(KVMCpu *kc, Error **errp)
{
    CPUArchState *env = kc->cpu->arch;
    struct kvm_sregs s;

    if (ioctl(kc->fd, KVM_GET_SREGS, &s) < 0) {
        return kvm_cpu_fail("KVM_GET_SREGS", errp);
    }
    env->segs[R_ES] = segment_get(&s.es);
    env->segs[R_CS] = segment_get(&s.cs);
    env->segs[R_SS] = segment_get(&s.ss);
    env->segs[R_DS] = segment_get(&s.ds);
    env->segs[R_FS] = segment_get(&s.fs);
    env->segs[R_GS] = segment_get(&s.gs);
    env->ldt = segment_get(&s.ldt);
    env->tr = segment_get(&s.tr);
    env->gdt = (X86Segment){.base = s.gdt.base, .limit = s.gdt.limit};
    env->idt = (X86Segment){.base = s.idt.base, .limit = s.idt.limit};
    env->cr[0] = s.cr0;
    env->cr[2] = s.cr2;
    env->cr[3] = s.cr3;
    env->cr[4] = s.cr4;
    env->v_tpr = s.cr8;
    env->efer = s.efer;
    env->apic_base = s.apic_base;
    return true;
}

static bool sregs_put(KVMCpu *kc, Error **errp)
{
    const CPUArchState *env = kc->cpu->arch;
    struct kvm_sregs s = {
        .es = segment_put(&env->segs[R_ES]),
        .cs = segment_put(&env->segs[R_CS]),
        .ss = segment_put(&env->segs[R_SS]),
        .ds = segment_put(&env->segs[R_DS]),
        .fs = segment_put(&env->segs[R_FS]),
        .gs = segment_put(&env->segs[R_GS]),
        .ldt = segment_put(&env->ldt),
        .tr = segment_put(&env->tr),
        .gdt = {.base = env->gdt.base, .limit = env->gdt.limit},
        .idt = {.base = env->idt.base, .limit = env->idt.limit},
        .cr0 = env->cr[0],
        .cr2 = env->cr[2],
        .cr3 = env->cr[3],
        .cr4 = env->cr[4],
        .efer = env->efer,
        .apic_base = env->apic_base,
    };
    struct kvm_sregs now;

    /* The task priority is the local APIC's. */
    if (ioctl(kc->fd, KVM_GET_SREGS, &now) < 0) {
        return kvm_cpu_fail("KVM_GET_SREGS", errp);
    }
    s.cr8 = now.cr8;
    if (ioctl(kc->fd, KVM_SET_SREGS, &s) < 0) {
        return kvm_cpu_fail("KVM does not take the segment and control "
                            "registers (KVM_SET_SREGS)", errp);
    }
    return true;
}

/* --- Events --------------------------------------------------------------- */

static bool events_get(KVMCpu *kc, Error **errp)
{
    CPUArchState *env = kc->cpu->arch;
    struct kvm_vcpu_events e;

    if (ioctl(kc->fd, KVM_GET_VCPU_EVENTS, &e) < 0) {
        return kvm_cpu_fail("KVM_GET_VCPU_EVENTS", errp);
    }
    env->exception_nr = e.exception.injected ? e.exception.nr : -1;
    env->exception_injected = e.exception.injected;
    env->exception_pending = 0;
    env->has_error_code = e.exception.has_error_code;
    env->error_code = e.exception.error_code;
    env->interrupt_injected = e.interrupt.injected ? e.interrupt.nr : -1;
    env->soft_interrupt = e.interrupt.soft;
    env->interrupt_shadow = e.interrupt.shadow != 0;
    env->nmi_injected = e.nmi.injected;
    env->nmi_pending = e.nmi.pending;
    env->hflags2 &= ~HFLAGS2_NMI_MASKED;
    env->hflags2 |= e.nmi.masked ? HFLAGS2_NMI_MASKED : 0;
    env->sipi_vector = e.sipi_vector;
    return true;
}

static bool events_put(KVMCpu *kc, Error **errp)
{
    const CPUArchState *env = kc->cpu->arch;
    struct kvm_vcpu_events e = {
        .exception.injected = env->exception_nr >= 0,
        .exception.nr = env->exception_nr >= 0 ? env->exception_nr : 0,
        .exception.has_error_code = env->has_error_code,
        .exception.error_code = env->error_code,
        .interrupt.injected = env->interrupt_injected >= 0,
        .interrupt.nr = env->interrupt_injected >= 0 ? env->interrupt_injected
                                                     : 0,
        .interrupt.soft = env->soft_interrupt,
        .interrupt.shadow = env->interrupt_shadow ? KVM_X86_SHADOW_INT_STI
                                                  : 0,
        .nmi.injected = env->nmi_injected,
        .nmi.pending = env->nmi_pending,
        .nmi.masked = !!(env->hflags2 & HFLAGS2_NMI_MASKED),
        .sipi_vector = env->sipi_vector,
        .flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
                 KVM_VCPUEVENT_VALID_SIPI_VECTOR |
                 KVM_VCPUEVENT_VALID_SHADOW,
    };

    if (ioctl(kc->fd, KVM_SET_VCPU_EVENTS, &e) < 0) {
        return kvm_cpu_fail("KVM_SET_VCPU_EVENTS", errp);
    }
    return true;
}

static bool mp_state_get(KVMCpu *kc, Error **errp)
{
    struct kvm_mp_state mp;

    if (ioctl(kc->fd, KVM_GET_MP_STATE, &mp) < 0) {
        return kvm_cpu_fail("KVM_GET_MP_STATE", errp);
    }
    kc->cpu->arch->mp_state = mp.mp_state;
    kc->cpu->halted = mp.mp_state == KVM_MP_STATE_HALTED;
    return true;
}

static bool mp_state_put(KVMCpu *kc, Error **errp)
{
    struct kvm_mp_state mp = {.mp_state = kc->cpu->arch->mp_state};

    if (ioctl(kc->fd, KVM_SET_MP_STATE, &mp) < 0) {
        return kvm_cpu_fail("KVM_SET_MP_STATE", errp);
    }
    return true;
}

static bool debugregs_get(KVMCpu *kc, Error **errp)
{
    CPUArchState *env = kc->cpu->arch;
    struct kvm_debugregs d;

    if (!kc->kvm->has_debugregs) {
        return true;
    }
    if (ioctl(kc->fd, KVM_GET_DEBUGREGS, &d) < 0) {
        return kvm_cpu_fail("KVM_GET_DEBUGREGS", errp);
    }
    for (unsigned i = 0; i < 4; i++) {
        env->dr[i] = d.db[i];
    }
    env->dr[4] = env->dr[6] = d.dr6;
    env->dr[5] = env->dr[7] = d.dr7;
    return true;
}

static bool debugregs_put(KVMCpu *kc, Error **errp)
{
    const CPUArchState *env = kc->cpu->arch;
    struct kvm_debugregs d = {.dr6 = env->dr[6], .dr7 = env->dr[7]};

    if (!kc->kvm->has_debugregs) {
        return true;
    }
    for (unsigned i = 0; i < 4; i++) {
        d.db[i] = env->dr[i];
    }
    if (ioctl(kc->fd, KVM_SET_DEBUGREGS, &d) < 0) {
        return kvm_cpu_fail("KVM_SET_DEBUGREGS", errp);
    }
    return true;
}

static bool xcrs_get(KVMCpu *kc, Error **errp)
{
    struct kvm_xcrs x;

    if (!kc->kvm->has_xcrs) {
        return true;
    }
    if (ioctl(kc->fd, KVM_GET_XCRS, &x) < 0) {
        return kvm_cpu_fail("KVM_GET_XCRS", errp);
    }
    for (unsigned i = 0; i < x.nr_xcrs; i++) {
        if (x.xcrs[i].xcr == 0) {
            kc->cpu->arch->xcr0 = x.xcrs[i].value;
        }
    }
    return true;
}

static bool xcrs_put(KVMCpu *kc, Error **errp)
{
    struct kvm_xcrs x = {.nr_xcrs = 1};

    if (!kc->kvm->has_xcrs) {
        return true;
    }
    x.xcrs[0].value = kc->cpu->arch->xcr0;
    if (ioctl(kc->fd, KVM_SET_XCRS, &x) < 0) {
        return kvm_cpu_fail("KVM_SET_XCRS", errp);
    }
    return true;
}

static bool tsc_khz_put(KVMCpu *kc, Error **errp)
{
    CPUArchState *env = kc->cpu->arch;
    int64_t now = ioctl(kc->fd, KVM_GET_TSC_KHZ, 0);

    if (env->tsc_khz == 0) {
        env->tsc_khz = MAX(now, 0);
        return true;
    }
    if (env->tsc_khz < 0 || env->tsc_khz > UINT32_MAX) {
        error_setg(errp, "field env.tsc_khz is %" PRId64 ", no frequency",
                   env->tsc_khz);
        return false;
    }
    /* Where the host cannot scale, the guest's clock source must cope. */
    if (env->tsc_khz != now && kc->kvm->has_tsc_control) {
        ioctl(kc->fd, KVM_SET_TSC_KHZ, (unsigned long)env->tsc_khz);
    }
    return true;
}

bool kvm_cpu_get_state(CPUState *cpu, Error **errp)
{
    KVMCpu *kc = cpu->accel_data;

    return mp_state_get(kc, errp) && regs_get(kc, errp) &&
           kvm_fpu_get(kc, errp) && xcrs_get(kc, errp) &&
           sregs_get(kc, errp) && kvm_msrs_get(kc, errp) &&
           events_get(kc, errp) && debugregs_get(kc, errp);
}

bool kvm_cpu_put_state(CPUState *cpu, Error **errp)
{
    KVMCpu *kc = cpu->accel_data;

    /* Segments before MSRs: SET_SREGS drops EFER's checks on order. */
    return sregs_put(kc, errp) && regs_put(kc, errp) &&
           kvm_fpu_put(kc, errp) && xcrs_put(kc, errp) &&
           tsc_khz_put(kc, errp) && kvm_msrs_put(kc, errp) &&
           events_put(kc, errp) && mp_state_put(kc, errp) &&
           debugregs_put(kc, errp);
}
