/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two-octet instructions the library lacks: system, 486 and Pentium ones. */
#include "qemu/osdep.h"

#include "qemu/log.h"
#include "system/clock.h"
#include "x86emu-int.h"

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define MSR_MISC_ENABLE 0x1a0
#define MSR_PAT 0x277
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MTRR_CAP 0xfe
#define MSR_MTRR_DEFTYPE 0x2ff
#define MSR_EFER 0xc0000080

uint64_t emu_read_tsc(X86Emu *e)
{
    /* One cycle per nanosecond of virtual time. */
    return (uint64_t)clock_virtual_ns(e->vm) + e->tsc_offset;
}

void emu_tell_lack(X86Emu *e, EmuLack lack)
{
    static const char *const texts[EMU_LACKS] = {
        [EMU_LACK_LONG_MODE] =
            "the guest asks for long mode (MSR EFER), which this accelerator "
            "does not have: it gets #GP; run 64-bit guests with -accel kvm",
        [EMU_LACK_VECTORS] =
            "the guest executes MMX or SSE instructions, which this "
            "accelerator does not have: it gets #UD; use -accel kvm",
    };

    if (!e->told[lack]) {
        e->told[lack] = true;
        warn_report("CPU %u at EIP 0x%x: %s", e->cpu->index,
                    e->emu->x86.saved_eip, texts[lack]);
    }
    qemu_log_mask(LOG_UNIMP, "CPU %u at EIP 0x%x: %s\n", e->cpu->index,
                  e->emu->x86.saved_eip, texts[lack]);
}

/* --- Control registers, tables -------------------------------------------- */

static void set_control(X86Emu *e, unsigned n, uint32_t value)
{
    e->emu->x86.crx[n] = n == 0 ? value | CR0_ET_MASK : value;
    emu_tlb_flush(e);
}

static EmuResult do_mov_to_cr(EmuInsn *in)
{
    X86Emu *e = in->e;
    uint32_t value;

    if (!emu_decode_modrm(in)) {
        return EMU_FAULT;
    }
    if (emu_cpl(e)) {
        return emu_fault(in, EXC_GP);
    }
    if (in->reg == 1 || in->reg > 4) {
        return emu_fault(in, EXC_UD);
    }
    value = *emu_reg32(e, in->rm);
    if (in->reg == 0 && (value & CR0_PG_MASK) && !(value & CR0_PE_MASK)) {
        return emu_fault(in, EXC_GP);
    }
    set_control(e, in->reg, value);
    return emu_done(in);
}

static bool load_system_segment(EmuInsn *in, sel_t *seg, uint16_t selector,
                                bool tss)
{
    X86Emu *e = in->e;
    uint32_t desc[2];
    unsigned type;

    if (!tss && !(selector & 0xfffc)) {
        *seg = (sel_t){.sel = selector};
        return true;
    }
    if (!emu_read_descriptor(e, selector, desc)) {
        return false;
    }
    type = (desc[1] >> 8) & 0x1f;
    if ((selector & 4) ||
        (tss ? type != 1 && type != 9 : type != 2)) {
        emu_raise(e, EXC_GP, true, selector & 0xfffc);
        return false;
    }
    if (!(desc[1] & SEG_P)) {
        emu_raise(e, EXC_NP, true, selector & 0xfffc);
        return false;
    }
    if (tss) {
        uint8_t busy = (desc[1] >> 8) | 2;

        desc[1] |= BIT(9);
        if (!emu_access(e, e->emu->x86.gdt.base + (selector & 0xfff8) + 5, &busy, 1, (EmuHow){ X86_WRITE, false })) {
            return false;
        }
    }
    seg->sel = selector;
    seg->base = desc[0] >> 16 | (desc[1] & 0xff) << 16 |
                (desc[1] & 0xff000000);
    seg->limit = (desc[0] & 0xffff) | (desc[1] & 0xf0000);
    if (desc[1] & SEG_G) {
        seg->limit = seg->limit << 12 | 0xfff;
    }
    seg->acc = ((desc[1] >> 8) & 0xff) | ((desc[1] >> 12) & 0xf00);
    return true;
}

/* LLDT and LTR; SLDT, STR, VERR and VERW are the library's. */
static EmuResult do_group6(EmuInsn *in)
{
    X86Emu *e = in->e;
    uint32_t selector;

    if (!emu_decode_modrm(in)) {
        return EMU_FAULT;
    }
    if (in->reg != 2 && in->reg != 3) {
        return EMU_LIBRARY;
    }
    if (!(e->emu->x86.crx[0] & CR0_PE_MASK)) {
        return emu_fault(in, EXC_UD);
    }
    if (emu_cpl(e)) {
        return emu_fault(in, EXC_GP);
    }
    if (!emu_rm_read(in, &selector, 2) ||
        !load_system_segment(in, in->reg == 3 ? &e->emu->x86.tr
                                              : &e->emu->x86.ldt,
                             selector, in->reg == 3)) {
        return EMU_FAULT;
    }
    return emu_done(in);
}

/* LMSW, INVLPG, and the rights of LGDT and LIDT. */
static EmuResult do_group7(EmuInsn *in)
{
    X86Emu *e = in->e;
    uint32_t value, cr0 = e->emu->x86.crx[0];

    if (!emu_decode_modrm(in)) {
        return EMU_FAULT;
    }
    if (in->reg < 2 || in->reg == 4 || in->reg == 5) {
        return EMU_LIBRARY;
    }
    if (emu_cpl(e)) {
        return emu_fault(in, EXC_GP);
    }
    if (in->reg == 6) {
        if (!emu_rm_read(in, &value, 2)) {
            return EMU_FAULT;
        }
        /* PE can be set but not cleared this way. */
        set_control(e, 0, (cr0 & ~0xeU) | (value & 0xf));
        return emu_done(in);
    }
    if (in->reg == 7) {
        if (in->mod == 3) {
            return emu_fault(in, EXC_UD);
        }
        emu_tlb_flush_page(e, in->operand_seg->base + in->offset);
        return emu_done(in);
    }
    return EMU_LIBRARY;
}

/* --- MSRs ----------------------------------------------------------------- */

static bool msr_read(X86Emu *e, uint32_t msr, uint64_t *value)
{
    const CPUArchState *env = e->env;

    switch (msr) {
    case MSR_TSC: *value = emu_read_tsc(e); return true;
    case MSR_APIC_BASE: *value = env->apic_base; return true;
    case MSR_MISC_ENABLE: *value = env->msr_ia32_misc_enable; return true;
    case MSR_PAT: *value = env->pat; return true;
    case MSR_SYSENTER_CS: *value = env->sysenter_cs; return true;
    case MSR_SYSENTER_ESP: *value = env->sysenter_esp; return true;
    case MSR_SYSENTER_EIP: *value = env->sysenter_eip; return true;
    case MSR_MTRR_CAP: *value = 0; return true;
    case MSR_MTRR_DEFTYPE: *value = env->mtrr_deftype; return true;
    default: return false;
    }
}

static bool msr_write(X86Emu *e, uint32_t msr, uint64_t value)
{
    CPUArchState *env = e->env;

    switch (msr) {
    case MSR_TSC: e->tsc_offset += value - emu_read_tsc(e); return true;
    case MSR_APIC_BASE: env->apic_base = value; return true;
    case MSR_MISC_ENABLE: env->msr_ia32_misc_enable = value; return true;
    case MSR_PAT: env->pat = value; return true;
    case MSR_SYSENTER_CS: env->sysenter_cs = value; return true;
    case MSR_SYSENTER_ESP: env->sysenter_esp = value; return true;
    case MSR_SYSENTER_EIP: env->sysenter_eip = value; return true;
    case MSR_MTRR_DEFTYPE: env->mtrr_deftype = value; return true;
    default: return false;
    }
}

static EmuResult do_msr(EmuInsn *in, bool write)
{
    X86Emu *e = in->e;
    uint32_t msr = *emu_reg32(e, 1);
    uint64_t value = (uint64_t)*emu_reg32(e, 2) << 32 | *emu_reg32(e, 0);

    if (emu_cpl(e)) {
        return emu_fault(in, EXC_GP);
    }
    if (msr == MSR_EFER) {
        emu_tell_lack(e, EMU_LACK_LONG_MODE);
    }
    if (write) {
        return msr_write(e, msr, value) ? emu_done(in) : emu_fault(in, EXC_GP);
    }
    if (!msr_read(e, msr, &value)) {
        return emu_fault(in, EXC_GP);
    }
    *emu_reg32(e, 0) = value;
    *emu_reg32(e, 2) = value >> 32;
    return emu_done(in);
}

static EmuResult do_rdtsc(EmuInsn *in)
{
    uint64_t tsc = emu_read_tsc(in->e);

    *emu_reg32(in->e, 0) = tsc;
    *emu_reg32(in->e, 2) = tsc >> 32;
    return emu_done(in);
}

static EmuResult do_cpuid(EmuInsn *in)
{
    X86Emu *e = in->e;
    X86CPUIDLeaf leaf =
        x86_cpuid_find(e->env, *emu_reg32(e, 0), *emu_reg32(e, 1));

    *emu_reg32(e, 0) = leaf.eax;
    *emu_reg32(e, 1) = leaf.ecx;
    *emu_reg32(e, 2) = leaf.edx;
    *emu_reg32(e, 3) = leaf.ebx;
    return emu_done(in);
}

/* --- 486 and Pentium ------------------------------------------------------ */

static uint32_t reg_read(EmuInsn *in, unsigned n, unsigned bytes)
{
    uint32_t value = 0;

    memcpy(&value, bytes == 1 ? (void *)emu_reg8(in->e, n)
                              : emu_reg32(in->e, n), bytes);
    return value;
}

static void reg_write(EmuInsn *in, unsigned n, uint32_t value, unsigned bytes)
{
    memcpy(bytes == 1 ? (void *)emu_reg8(in->e, n) : emu_reg32(in->e, n),
           &value, bytes);
}

static EmuResult do_cmpxchg(EmuInsn *in, unsigned bytes)
{
    uint32_t old, acc = reg_read(in, 0, bytes);

    if (!emu_decode_modrm(in) || !emu_rm_read(in, &old, bytes)) {
        return EMU_FAULT;
    }
    uint32_t fresh = acc == old ? reg_read(in, in->reg, bytes) : old;

    /* The store is made in either case, as the processor does. */
    if (!emu_rm_write(in, fresh, bytes)) {
        return EMU_FAULT;
    }
    if (acc != old) {
        reg_write(in, 0, old, bytes);
    }
    emu_set_sub_flags(in->e, acc, old, bytes);
    return emu_done(in);
}

static EmuResult do_xadd(EmuInsn *in, unsigned bytes)
{
    uint32_t old, add;

    if (!emu_decode_modrm(in) || !emu_rm_read(in, &old, bytes)) {
        return EMU_FAULT;
    }
    add = reg_read(in, in->reg, bytes);
    if (in->mod == 3) {
        reg_write(in, in->reg, old, bytes);
        emu_rm_write(in, old + add, bytes);
    } else {
        if (!emu_rm_write(in, old + add, bytes)) {
            return EMU_FAULT;
        }
        reg_write(in, in->reg, old, bytes);
    }
    emu_set_add_flags(in->e, old, add, bytes);
    return emu_done(in);
}

static EmuResult do_cmpxchg8b(EmuInsn *in)
{
    X86Emu *e = in->e;
    uint64_t old, expect, fresh;

    if (!emu_decode_modrm(in)) {
        return EMU_FAULT;
    }
    if (in->reg != 1 || in->mod == 3) {
        return emu_fault(in, EXC_UD);
    }
    if (!emu_seg_access(e, (EmuFar){ in->operand_seg, in->offset }, &old, 8, X86_READ)) {
        return EMU_FAULT;
    }
    expect = (uint64_t)*emu_reg32(e, 2) << 32 | *emu_reg32(e, 0);
    fresh = (uint64_t)*emu_reg32(e, 1) << 32 | *emu_reg32(e, 3);
    if (old != expect) {
        fresh = old;
    }
    if (!emu_seg_access(e, (EmuFar){ in->operand_seg, in->offset }, &fresh, 8, X86_WRITE)) {
        return EMU_FAULT;
    }
    if (old == expect) {
        e->emu->x86.spc.FLAGS |= FB_ZF;
    } else {
        e->emu->x86.spc.FLAGS &= ~FB_ZF;
        *emu_reg32(e, 0) = old;
        *emu_reg32(e, 2) = old >> 32;
    }
    return emu_done(in);
}

/* Only ever executed by programs that ignore CPUID: MMX and SSE. */
static bool is_vector(uint8_t op)
{
    return (op >= 0x10 && op <= 0x17) || (op >= 0x28 && op <= 0x2f) ||
           op == 0x38 || op == 0x3a || (op >= 0x50 && op <= 0x7f) ||
           op == 0xae || (op >= 0xc2 && op <= 0xc6) ||
           (op >= 0xd0 && op < 0xff);
}

EmuResult emu_two_byte(EmuInsn *in)
{
    uint8_t op;

    if (!emu_fetch(in, &op, 1)) {
        return EMU_FAULT;
    }
    switch (op) {
    case 0x00:
        return do_group6(in);
    case 0x01:
        return do_group7(in);
    case 0x06: /* CLTS */
        if (emu_cpl(in->e)) {
            return emu_fault(in, EXC_GP);
        }
        in->e->emu->x86.crx[0] &= ~CR0_TS_MASK;
        return emu_done(in);
    case 0x20: /* MOV from control and debug registers, to debug ones */
    case 0x21:
    case 0x23:
        return emu_cpl(in->e) ? emu_fault(in, EXC_GP) : EMU_LIBRARY;
    case 0x22:
        return do_mov_to_cr(in);
    case 0x30:
    case 0x32:
        return do_msr(in, op == 0x30);
    case 0x31:
        return do_rdtsc(in);
    case 0xa2:
        return do_cpuid(in);
    case 0xb0:
    case 0xc0:
        return op == 0xb0 ? do_cmpxchg(in, 1) : do_xadd(in, 1);
    case 0xb1:
    case 0xc1:
        return op == 0xb1 ? do_cmpxchg(in, in->data32 ? 4 : 2)
                          : do_xadd(in, in->data32 ? 4 : 2);
    case 0xc7:
        return do_cmpxchg8b(in);
    default:
        if (is_vector(op)) {
            emu_tell_lack(in->e, EMU_LACK_VECTORS);
            return emu_fault(in, EXC_UD);
        }
        return EMU_LIBRARY;
    }
}
