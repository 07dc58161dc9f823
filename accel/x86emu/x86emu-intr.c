/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts and exceptions: from the vector to the handler's first
 * instruction, and IRET back, in real and protected mode with privilege
 * levels. Task gates and virtual-8086 mode are refused. vCPU thread.
 */
#include "qemu/osdep.h"

#include "x86emu-int.h"

/* Registers an interrupt changes; written back when all of it worked. */
typedef struct EmuFrame {
    X86Emu *e;
    sel_t ss;
    uint32_t sp;
    bool user; /* rights of the pushes */
    bool wide; /* 32-bit pushes */
} EmuFrame;

void emu_raise(X86Emu *e, uint8_t vector, bool has_error, uint32_t error)
{
    e->fault = (EmuFault){
        .pending = true,
        .vector = vector,
        .has_error = has_error,
        .error = error,
    };
}

static void emu_unsupported(X86Emu *e, const char *what)
{
    if (!e->error) {
        error_setg(&e->error,
                   "the guest wants %s at EIP 0x%08x, which the built-in "
                   "emulator cannot do", what,
                   e->emu->x86.spc.IP.I32_reg.e_reg);
        error_append_hint(&e->error,
                          "Run this guest with -accel kvm.\n");
    }
}

bool emu_read_descriptor(X86Emu *e, uint16_t selector, uint32_t desc[2])
{
    const x86emu_regs_t *x86 = &e->emu->x86;
    bool local = selector & 4;
    uint32_t base = local ? x86->ldt.base : x86->gdt.base;
    uint32_t limit = local ? x86->ldt.limit : x86->gdt.limit;
    uint32_t offset = selector & 0xfff8;

    if (offset + 7 > limit || (!local && !offset)) {
        emu_raise(e, EXC_GP, true, selector & 0xfffc);
        return false;
    }
    return emu_access(e, base + offset, desc, 8, (EmuHow){ X86_READ, false });
}

static void descriptor_to_segment(uint16_t selector, const uint32_t desc[2],
                                  sel_t *seg)
{
    uint32_t limit = (desc[0] & 0xffff) | (desc[1] & 0xf0000);

    seg->sel = selector;
    seg->acc = ((desc[1] >> 8) & 0xff) | ((desc[1] >> 12) & 0xf00);
    seg->base = desc[0] >> 16 | (desc[1] & 0xff) << 16 |
                (desc[1] & 0xff000000);
    seg->limit = desc[1] & SEG_G ? limit << 12 | 0xfff : limit;
}

static bool frame_push(EmuFrame *f, uint32_t value)
{
    unsigned bytes = f->wide ? 4 : 2;
    bool big = ACC_D(f->ss.acc);
    uint32_t sp = f->sp - bytes;

    sp = big ? sp : (f->sp & 0xffff0000) | (sp & 0xffff);
    if (!emu_access(f->e, f->ss.base + (big ? sp : sp & 0xffff), &value, bytes, (EmuHow){ X86_WRITE, f->user })) {
        return false;
    }
    f->sp = sp;
    return true;
}

static bool deliver_real(X86Emu *e, uint8_t vector)
{
    x86emu_regs_t *x86 = &e->emu->x86;
    EmuFrame f = {.e = e, .ss = x86->seg[R_SS_INDEX],
                  .sp = x86->spc.SP.I32_reg.e_reg};
    uint16_t entry[2];

    if (vector * 4U + 3 > x86->idt.limit) {
        emu_raise(e, EXC_GP, false, 0);
        return false;
    }
    if (!emu_access(e, x86->idt.base + vector * 4U, entry, 4, (EmuHow){ X86_READ, false }) ||
        !frame_push(&f, x86->spc.FLAGS) ||
        !frame_push(&f, x86->seg[R_CS_INDEX].sel) ||
        !frame_push(&f, x86->spc.IP.I32_reg.e_reg)) {
        return false;
    }
    x86->spc.SP.I32_reg.e_reg = f.sp;
    x86->spc.FLAGS &= ~(EFLAGS_IF | EFLAGS_TF);
    x86->seg[R_CS_INDEX].sel = entry[1];
    x86->seg[R_CS_INDEX].base = (uint32_t)entry[1] << 4;
    x86->spc.IP.I32_reg.e_reg = entry[0];
    return true;
}

/* The stack of privilege level @cpl, from the TSS. */
static bool frame_switch_stack(EmuFrame *f, unsigned cpl)
{
    X86Emu *e = f->e;
    const x86emu_regs_t *x86 = &e->emu->x86;
    bool wide = x86->tr.acc & 8;
    uint32_t offset = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
    uint32_t desc[2], sp = 0;
    uint16_t ss;

    if (offset + (wide ? 5 : 3) > x86->tr.limit) {
        emu_raise(e, EXC_TS, true, x86->tr.sel & 0xfffc);
        return false;
    }
    if (!emu_access(e, x86->tr.base + offset, &sp, wide ? 4 : 2, (EmuHow){ X86_READ, false }) ||
        !emu_access(e, x86->tr.base + offset + (wide ? 4 : 2), &ss, 2, (EmuHow){ X86_READ, false }) ||
        !emu_read_descriptor(e, ss, desc)) {
        return false;
    }
    if (!(desc[1] & SEG_P) || !(desc[1] & SEG_S) ||
        ((desc[1] >> SEG_DPL_SHIFT) & 3) != cpl) {
        emu_raise(e, EXC_TS, true, ss & 0xfffc);
        return false;
    }
    descriptor_to_segment(ss, desc, &f->ss);
    f->sp = sp;
    f->user = cpl == 3;
    return true;
}

/* The gate of @vector, checked up to its presence. */
static bool read_gate(X86Emu *e, uint8_t vector, bool soft, uint32_t gate[2])
{
    const x86emu_regs_t *x86 = &e->emu->x86;
    uint32_t error = vector * 8U + 2;
    unsigned type;

    if (vector * 8U + 7 > x86->idt.limit) {
        emu_raise(e, EXC_GP, true, error);
        return false;
    }
    if (!emu_access(e, x86->idt.base + vector * 8U, gate, 8, (EmuHow){ X86_READ, false })) {
        return false;
    }
    type = (gate[1] >> 8) & 0x1f;
    if (type == 5) {
        emu_unsupported(e, "a task gate");
        return false;
    }
    if ((type & 0x16) != 6 ||
        (soft && ((gate[1] >> SEG_DPL_SHIFT) & 3) < emu_cpl(e))) {
        emu_raise(e, EXC_GP, true, error);
        return false;
    }
    if (!(gate[1] & SEG_P)) {
        emu_raise(e, EXC_NP, true, error);
        return false;
    }
    return true;
}

/* The handler's code segment; *@cpl is what it runs at. */
static bool read_handler_segment(X86Emu *e, uint16_t selector, sel_t *cs,
                                 unsigned *cpl)
{
    uint32_t desc[2];
    unsigned dpl;

    if (!emu_read_descriptor(e, selector, desc)) {
        return false;
    }
    dpl = (desc[1] >> SEG_DPL_SHIFT) & 3;
    if (!(desc[1] & SEG_S) || !(desc[1] & BIT(11)) || dpl > emu_cpl(e)) {
        emu_raise(e, EXC_GP, true, selector & 0xfffc);
        return false;
    }
    if (!(desc[1] & SEG_P)) {
        emu_raise(e, EXC_NP, true, selector & 0xfffc);
        return false;
    }
    *cpl = desc[1] & BIT(10) ? emu_cpl(e) : dpl;
    descriptor_to_segment((selector & 0xfffc) | *cpl, desc, cs);
    return true;
}

static bool deliver_protected(X86Emu *e, uint8_t vector, bool soft,
                              const EmuFault *fault)
{
    x86emu_regs_t *x86 = &e->emu->x86;
    EmuFrame f = {.e = e, .ss = x86->seg[R_SS_INDEX],
                  .sp = x86->spc.SP.I32_reg.e_reg, .user = emu_cpl(e) == 3};
    uint32_t gate[2];
    unsigned cpl;
    sel_t cs;

    if (!read_gate(e, vector, soft, gate) ||
        !read_handler_segment(e, gate[0] >> 16, &cs, &cpl)) {
        return false;
    }
    f.wide = gate[1] & BIT(11);
    if (cpl != emu_cpl(e) &&
        (!frame_switch_stack(&f, cpl) ||
         !frame_push(&f, x86->seg[R_SS_INDEX].sel) ||
         !frame_push(&f, x86->spc.SP.I32_reg.e_reg))) {
        return false;
    }
    if (!frame_push(&f, x86->spc.FLAGS) ||
        !frame_push(&f, x86->seg[R_CS_INDEX].sel) ||
        !frame_push(&f, x86->spc.IP.I32_reg.e_reg) ||
        (fault && fault->has_error && !frame_push(&f, fault->error))) {
        return false;
    }
    x86->seg[R_SS_INDEX] = f.ss;
    x86->spc.SP.I32_reg.e_reg = f.sp;
    x86->seg[R_CS_INDEX] = cs;
    x86->spc.IP.I32_reg.e_reg = (gate[0] & 0xffff) | (gate[1] & 0xffff0000);
    x86->spc.FLAGS &= ~(EFLAGS_TF | EFLAGS_NT | EFLAGS_RF | EFLAGS_VM);
    if (!(gate[1] & BIT(8))) {
        x86->spc.FLAGS &= ~EFLAGS_IF;
    }
    e->user = cpl == 3;
    return true;
}

static bool deliver_once(X86Emu *e, uint8_t vector, bool soft,
                         const EmuFault *fault)
{
    e->fault.pending = false;
    if (e->emu->x86.crx[0] & CR0_PE_MASK) {
        return deliver_protected(e, vector, soft, fault);
    }
    return deliver_real(e, vector);
}

static bool is_contributory(uint8_t vector)
{
    return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

void emu_deliver_fault(X86Emu *e)
{
    EmuFault fault = e->fault;

    e->shadow = false;
    while (!deliver_once(e, fault.vector, false, &fault)) {
        EmuFault second = e->fault;

        if (e->error) {
            return;
        }
        if (fault.vector == EXC_DF) {
            e->fault.pending = false;
            e->triple = true;
            return;
        }
        if ((is_contributory(fault.vector) &&
             is_contributory(second.vector)) ||
            (fault.vector == EXC_PF && (second.vector == EXC_PF ||
                                        is_contributory(second.vector)))) {
            second = (EmuFault){.vector = EXC_DF, .has_error = true};
        }
        fault = second;
    }
}

void emu_deliver(X86Emu *e, uint8_t vector, bool soft)
{
    e->shadow = false;
    if (!deliver_once(e, vector, soft, NULL) && !e->error) {
        emu_deliver_fault(e);
    }
}

/*
 * The library found an exception or executed INT. What it has done to the
 * registers of a failed instruction is undone.
 */
int emu_intr_hook(x86emu_t *emu, u8 num, unsigned type)
{
    X86Emu *e = emu->_private;
    bool restart = (type & 0xff) == INTR_TYPE_FAULT ||
                   (type & INTR_MODE_RESTART);

    if (!restart) {
        EmuCheckpoint after;

        memcpy(&after, &emu->x86.gen, sizeof(after));
        e->fault.pending = false;
        if (!deliver_once(e, num, true, NULL) && !e->error) {
            /* A fault of INT n returns to the instruction itself. */
            memcpy(&emu->x86.gen, &e->checkpoint, sizeof(e->checkpoint));
            emu_deliver_fault(e);
        }
    } else {
        memcpy(&emu->x86.gen, &e->checkpoint, sizeof(e->checkpoint));
        if (!e->fault.pending) {
            bool has_error = type & INTR_MODE_ERRCODE;

            emu_raise(e, num, has_error, emu->x86.intr_errcode & 0xfffc);
        }
        emu_deliver_fault(e);
    }
    if (e->error || e->triple) {
        x86emu_stop(emu);
    }
    return 1;
}

/* --- IRET ----------------------------------------------------------------- */

static bool iret_pop(X86Emu *e, uint32_t *sp, unsigned bytes, uint32_t *value)
{
    const sel_t *ss = &e->emu->x86.seg[R_SS_INDEX];
    bool big = ACC_D(ss->acc);

    *value = 0;
    if (!emu_access(e, ss->base + (big ? *sp : *sp & 0xffff), value, bytes, (EmuHow){ X86_READ, e->user })) {
        return false;
    }
    *sp = big ? *sp + bytes
              : (*sp & 0xffff0000) | ((*sp + bytes) & 0xffff);
    return true;
}

static void iret_set_flags(X86Emu *e, uint32_t flags, bool wide, unsigned cpl,
                           unsigned iopl)
{
    uint32_t mask = FB_CF | FB_PF | FB_AF | FB_ZF | FB_SF | FB_TF | FB_DF |
                    FB_OF | EFLAGS_NT;
    uint32_t *now = &e->emu->x86.spc.FLAGS;

    if (cpl <= iopl) {
        mask |= EFLAGS_IF;
    }
    if (cpl == 0) {
        mask |= EFLAGS_IOPL;
    }
    if (wide) {
        mask |= EFLAGS_RF | BIT(18) | FB_ID;
    }
    *now = (*now & ~mask) | (flags & mask) | EFLAGS_FIXED;
}

/* Segments that the outer level may not use any more. */
static void iret_drop_segments(X86Emu *e, unsigned cpl)
{
    static const uint8_t data[] = {R_ES_INDEX, R_DS_INDEX, R_FS_INDEX,
                                   R_GS_INDEX};

    for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
        sel_t *seg = &e->emu->x86.seg[data[i]];
        bool conforming = (seg->acc & 0x1c) == 0x1c;

        if (!conforming && ACC_DPL(seg->acc) < cpl) {
            memset(seg, 0, sizeof(*seg));
        }
    }
}

static EmuResult iret_protected(EmuInsn *in, uint32_t eip, uint16_t selector,
                                uint32_t flags, uint32_t sp)
{
    X86Emu *e = in->e;
    x86emu_regs_t *x86 = &e->emu->x86;
    unsigned old_cpl = emu_cpl(e), old_iopl = emu_iopl(e), cpl = selector & 3;
    sel_t cs, ss = x86->seg[R_SS_INDEX];
    uint32_t desc[2];

    if (!emu_read_descriptor(e, selector, desc)) {
        return EMU_FAULT;
    }
    if (cpl < old_cpl || !(desc[1] & SEG_S) || !(desc[1] & BIT(11))) {
        emu_raise(e, EXC_GP, true, selector & 0xfffc);
        return EMU_FAULT;
    }
    if (!(desc[1] & SEG_P)) {
        emu_raise(e, EXC_NP, true, selector & 0xfffc);
        return EMU_FAULT;
    }
    descriptor_to_segment(selector, desc, &cs);
    if (cpl != old_cpl) {
        uint32_t new_sp, new_ss;

        if (!iret_pop(e, &sp, in->data32 ? 4 : 2, &new_sp) ||
            !iret_pop(e, &sp, in->data32 ? 4 : 2, &new_ss) ||
            !emu_read_descriptor(e, new_ss, desc)) {
            return EMU_FAULT;
        }
        if (!(desc[1] & SEG_S) || !(desc[1] & SEG_P) ||
            ((desc[1] >> SEG_DPL_SHIFT) & 3) != cpl) {
            emu_raise(e, EXC_GP, true, new_ss & 0xfffc);
            return EMU_FAULT;
        }
        descriptor_to_segment(new_ss, desc, &ss);
        sp = new_sp;
    }
    x86->seg[R_CS_INDEX] = cs;
    x86->seg[R_SS_INDEX] = ss;
    x86->spc.SP.I32_reg.e_reg = sp;
    x86->spc.IP.I32_reg.e_reg = eip;
    iret_set_flags(e, flags, in->data32, old_cpl, old_iopl);
    if (cpl != old_cpl) {
        iret_drop_segments(e, cpl);
    }
    e->user = cpl == 3;
    return EMU_DONE;
}

EmuResult emu_iret(EmuInsn *in)
{
    X86Emu *e = in->e;
    x86emu_regs_t *x86 = &e->emu->x86;
    unsigned bytes = in->data32 ? 4 : 2;
    uint32_t sp = x86->spc.SP.I32_reg.e_reg;
    uint32_t eip, cs, flags;

    if (!iret_pop(e, &sp, bytes, &eip) || !iret_pop(e, &sp, bytes, &cs) ||
        !iret_pop(e, &sp, bytes, &flags)) {
        return EMU_FAULT;
    }
    if (!(x86->crx[0] & CR0_PE_MASK)) {
        x86->seg[R_CS_INDEX].sel = cs;
        x86->seg[R_CS_INDEX].base = (cs & 0xffff) << 4;
        x86->spc.IP.I32_reg.e_reg = eip;
        x86->spc.SP.I32_reg.e_reg = sp;
        iret_set_flags(e, flags, in->data32, 0, 3);
        return EMU_DONE;
    }
    if (x86->spc.FLAGS & EFLAGS_NT) {
        emu_unsupported(e, "a task return");
        return EMU_STOP;
    }
    if (in->data32 && (flags & EFLAGS_VM) && !emu_cpl(e)) {
        emu_unsupported(e, "virtual-8086 mode");
        return EMU_STOP;
    }
    return iret_protected(in, eip, cs, flags, sp);
}
