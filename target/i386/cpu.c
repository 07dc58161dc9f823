/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 CPU: allocation, reset state, A20. Values after reset are those of the
 * architecture and, where a section carries them, of stock QEMU.
 */
#include "qemu/osdep.h"

#include "target/i386/cpu.h"

#define MCG_CAP_DEFAULT 0x0100010aULL /* ten banks, MCG_CTL, SER */
#define PAT_DEFAULT 0x0007040600070406ULL
#define APIC_BASE_DEFAULT 0xfee00800ULL
#define APIC_BASE_BSP 0x100ULL
#define HFLAGS2_DEFAULT 0x101U /* global interrupt flags, real and virtual */
#define MP_STATE_RUNNABLE 0
#define MP_STATE_UNINITIALIZED 1

/* The one model that there is: the accelerator decides what it has. */
const ObjectClass x86_cpu_class = {
    .name = "x86_64-cpu",
    .parent = &cpu_class,
    .abstract = true,
};

const ObjectClass x86_cpu_max_class = {
    .name = "max-x86_64-cpu",
    .parent = &x86_cpu_class,
};

const ObjectClass *const cpu_arch_class = &x86_cpu_max_class;

CPUArchState *cpu_arch_new(CPUState *cpu, Error **errp)
{
    CPUArchState *env = g_new0(CPUArchState, 1);

    env->mcg_cap = MCG_CAP_DEFAULT;
    env->mcg_ctl = UINT64_MAX;
    for (unsigned i = 0; i < X86_MCE_BANKS; i++) {
        env->mce_banks[4 * i] = UINT64_MAX;
    }
    env->poll_control_default = 0;
    env->cpu = cpu;
    cpu->arch = env;
    cpu_arch_reset(cpu);
    return env;
}

void cpu_arch_free(CPUState *cpu)
{
    g_free(cpu->arch);
    cpu->arch = NULL;
}

static void cpu_reset_segments(CPUArchState *env)
{
    const uint32_t data = SEG_P | SEG_S | (3 << SEG_TYPE_SHIFT);
    const X86Segment flat = {.limit = 0xffff, .flags = data};

    for (unsigned i = 0; i < CPU_NB_SEGS; i++) {
        env->segs[i] = flat;
    }
    env->segs[R_CS].selector = 0xf000;
    env->segs[R_CS].base = 0xffff0000;
    env->segs[R_CS].flags = SEG_P | SEG_S | (11 << SEG_TYPE_SHIFT);
    env->ldt = (X86Segment){
        .limit = 0xffff,
        .flags = SEG_P | (2 << SEG_TYPE_SHIFT),
    };
    env->tr = (X86Segment){
        .limit = 0xffff,
        .flags = SEG_P | (11 << SEG_TYPE_SHIFT),
    };
    env->gdt = (X86Segment){.limit = 0xffff};
    env->idt = (X86Segment){.limit = 0xffff};
}

static void cpu_reset_fpu(CPUArchState *env)
{
    env->fpuc = 0x37f;
    env->mxcsr = 0x1f80;
    env->xcr0 = 1;
}

void cpu_arch_reset(CPUState *cpu)
{
    CPUArchState *env = cpu->arch;
    /* What survives a reset: banks of machine checks, the model, the board. */
    CPUArchState *old = g_new(CPUArchState, 1);

    *old = *env;
    memset(env, 0, sizeof(*env));
    env->cpu = cpu;
    env->mcg_cap = old->mcg_cap;
    env->mcg_ctl = old->mcg_ctl;
    memcpy(env->mce_banks, old->mce_banks, sizeof(env->mce_banks));
    memcpy(env->cpuid, old->cpuid, sizeof(env->cpuid));
    env->cpuid_count = old->cpuid_count;
    env->tsc_khz = old->tsc_khz;
    env->int_ack = old->int_ack;
    env->poll_control_default = old->poll_control_default;
    g_free(old);

    cpu_reset_segments(env);
    cpu_reset_fpu(env);
    env->eip = 0xfff0;
    env->eflags = EFLAGS_FIXED;
    env->regs[R_EDX] = x86_cpuid_find(env, 1, 0).eax;
    env->cr[0] = CR0_CD_MASK | CR0_NW_MASK | CR0_ET_MASK;
    env->dr[6] = 0xffff0ff0;
    env->dr[7] = 0x400;
    env->a20_mask = -1;
    env->smbase = 0x30000;
    env->pat = PAT_DEFAULT;
    env->hflags2 = HFLAGS2_DEFAULT;
    env->interrupt_injected = -1;
    env->exception_nr = -1;
    env->poll_control_msr = env->poll_control_default;
    env->msr_ia32_misc_enable = 1;
    env->apic_base = APIC_BASE_DEFAULT | (cpu->index ? 0 : APIC_BASE_BSP);
    /* Application processors wait for the first one's start-up message. */
    env->mp_state = cpu->index ? MP_STATE_UNINITIALIZED : MP_STATE_RUNNABLE;
    cpu->halted = cpu->index != 0;
    qatomic_set(&cpu->interrupt_request, 0);
}

void cpu_x86_set_int_ack(CPUState *cpu, X86IntAck ack)
{
    cpu->arch->int_ack = ack;
}

void cpu_x86_set_a20(CPUState *cpu, bool on)
{
    cpu->arch->a20_mask = on ? -1 : ~(1 << 20);
}

uint32_t x86_cpu_compute_hflags(const CPUArchState *env)
{
    const X86Segment *cs = &env->segs[R_CS];
    const X86Segment *ss = &env->segs[R_SS];
    uint32_t hflags = (ss->flags >> SEG_DPL_SHIFT) & 3;
    uint64_t bases = env->segs[R_DS].base | env->segs[R_ES].base | ss->base;
    bool pe = env->cr[0] & CR0_PE_MASK;

    hflags |= pe ? BIT(7) : 0;
    hflags |= (env->cr[0] & (CR0_MP_MASK | CR0_EM_MASK | CR0_TS_MASK)) << 8;
    hflags |= env->eflags & (EFLAGS_TF | EFLAGS_VM | EFLAGS_IOPL);
    hflags |= env->cr[4] & CR4_OSFXSR_MASK ? BIT(22) : 0;
    hflags |= env->cr[4] & CR4_SMAP_MASK ? BIT(23) : 0;
    hflags |= env->cr[4] & CR4_UMIP_MASK ? BIT(27) : 0;
    hflags |= env->efer & EFER_LMA ? BIT(14) : 0;
    if ((env->cr[4] & CR4_OSXSAVE_MASK) && (env->xcr0 & 4)) {
        hflags |= BIT(28);
    }
    if ((env->efer & EFER_LMA) && (cs->flags & SEG_L)) {
        return hflags | BIT(4) | BIT(5) | BIT(15);
    }
    hflags |= cs->flags & SEG_B ? BIT(4) : 0;
    hflags |= ss->flags & SEG_B ? BIT(5) : 0;
    if (!pe || (env->eflags & EFLAGS_VM) || !(cs->flags & SEG_B) || bases) {
        hflags |= BIT(6);
    }
    return hflags;
}
