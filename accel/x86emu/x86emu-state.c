/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUArchState to and from the library's registers. vCPU parked; BQL. */
#include "qemu/osdep.h"

#include "system/clock.h"
#include "x86emu-int.h"

/* env->segs and the library have the same order: ES CS SS DS FS GS. */

static void segment_save(X86Segment *to, const sel_t *from)
{
    to->selector = from->sel;
    to->base = from->base;
    to->limit = from->limit;
    to->flags = (from->acc & 0xffU) << 8 | (from->acc & 0xf00U) << 12;
}

static void segment_load(sel_t *to, const X86Segment *from)
{
    to->sel = from->selector;
    to->base = from->base;
    to->limit = from->limit;
    to->acc = ((from->flags >> 8) & 0xff) | ((from->flags >> 12) & 0xf00);
}

void emu_state_save(X86Emu *e)
{
    const x86emu_regs_t *x86 = &e->emu->x86;
    CPUArchState *env = e->env;

    for (unsigned i = 0; i < 8; i++) {
        env->regs[i] = *emu_reg32(e, i);
    }
    env->eip = x86->spc.IP.I32_reg.e_reg;
    env->eflags = x86->spc.FLAGS;
    for (unsigned i = 0; i < CPU_NB_SEGS; i++) {
        segment_save(&env->segs[i], &x86->seg[i]);
    }
    segment_save(&env->ldt, &x86->ldt);
    segment_save(&env->tr, &x86->tr);
    env->gdt.base = x86->gdt.base;
    env->gdt.limit = x86->gdt.limit;
    env->idt.base = x86->idt.base;
    env->idt.limit = x86->idt.limit;
    for (unsigned i = 0; i < 5; i++) {
        env->cr[i] = x86->crx[i];
    }
    for (unsigned i = 0; i < 8; i++) {
        env->dr[i] = x86->drx[i];
        memcpy(env->xmm_regs[i].q, &x86->sse.XMM[i], 16);
    }
    env->tsc = emu_read_tsc(e);
    clock_set_ticks_bias(e->vm, (int64_t)e->tsc_offset);
    env->interrupt_shadow = e->shadow;
}

static bool state_is_runnable(const CPUArchState *env, Error **errp)
{
    const char *what = NULL;

    if (env->efer & EFER_LMA) {
        what = "long mode";
    } else if ((env->cr[0] & CR0_PE_MASK) && (env->eflags & EFLAGS_VM)) {
        what = "virtual-8086 mode";
    } else if (env->eip >> 32 || env->cr[3] >> 32) {
        what = "an address beyond 4 GiB in a register";
    }
    if (!what) {
        return true;
    }
    error_setg(errp, "the CPU state has %s, which the built-in emulator "
               "cannot run; use -accel kvm", what);
    return false;
}

bool emu_state_load(X86Emu *e, Error **errp)
{
    x86emu_regs_t *x86 = &e->emu->x86;
    const CPUArchState *env = e->env;

    if (!state_is_runnable(env, errp)) {
        return false;
    }
    for (unsigned i = 0; i < 8; i++) {
        *emu_reg32(e, i) = env->regs[i];
    }
    x86->spc.IP.I32_reg.e_reg = env->eip;
    x86->spc.FLAGS = env->eflags | EFLAGS_FIXED;
    for (unsigned i = 0; i < CPU_NB_SEGS; i++) {
        segment_load(&x86->seg[i], &env->segs[i]);
    }
    segment_load(&x86->ldt, &env->ldt);
    segment_load(&x86->tr, &env->tr);
    x86->gdt.base = env->gdt.base;
    x86->gdt.limit = env->gdt.limit;
    x86->idt.base = env->idt.base;
    x86->idt.limit = env->idt.limit;
    for (unsigned i = 0; i < 5; i++) {
        x86->crx[i] = env->cr[i];
    }
    for (unsigned i = 0; i < 8; i++) {
        x86->drx[i] = env->dr[i];
        memcpy(&x86->sse.XMM[i], env->xmm_regs[i].q, 16);
    }
    x86->intr_type = 0;
    /* Stock's TCG leaves the field 0 and keeps the counter with the clock. */
    e->tsc_offset = env->tsc
                        ? env->tsc - (uint64_t)clock_virtual_ns(e->vm)
                        : (uint64_t)clock_get_ticks_bias(e->vm);
    e->a20_mask = env->a20_mask;
    e->shadow = env->interrupt_shadow;
    e->fault.pending = false;
    e->hlt = false;
    e->triple = false;
    emu_tlb_flush(e);
    return true;
}
