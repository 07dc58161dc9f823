/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hook before each instruction: picks out those that the library lacks
 * or gets wrong and executes them here. vCPU thread.
 */
#include "qemu/osdep.h"

#include "x86emu-int.h"

/* What the first octet of an instruction means to the hook. */
enum { OP_PLAIN, OP_LOOK, OP_PREFIX };

static const uint8_t op_class[256] = {
    [0x0f] = OP_LOOK,   [0x17] = OP_LOOK,   [0x26] = OP_PREFIX,
    [0x2e] = OP_PREFIX, [0x36] = OP_PREFIX, [0x3e] = OP_PREFIX,
    [0x64] = OP_PREFIX, [0x65] = OP_PREFIX, [0x66] = OP_PREFIX,
    [0x67] = OP_PREFIX, [0x6c ... 0x6f] = OP_LOOK,
    [0x8e] = OP_LOOK,   [0x9b] = OP_LOOK,   [0x9d] = OP_LOOK,
    [0xa4 ... 0xa7] = OP_LOOK,              [0xaa ... 0xaf] = OP_LOOK,
    [0xcf] = OP_LOOK,   [0xd4] = OP_LOOK,   [0xd8 ... 0xdf] = OP_LOOK,
    [0xf0] = OP_PREFIX, [0xf2] = OP_PREFIX, [0xf3] = OP_PREFIX,
    [0xf4] = OP_LOOK,   [0xf7] = OP_LOOK,   [0xfa] = OP_LOOK,
    [0xfb] = OP_LOOK,
};

static EmuResult do_popf(EmuInsn *in)
{
    X86Emu *e = in->e;
    x86emu_regs_t *x86 = &e->emu->x86;
    bool big = ACC_D(x86->seg[R_SS_INDEX].acc);
    unsigned bytes = in->data32 ? 4 : 2;
    uint32_t sp = x86->spc.SP.I32_reg.e_reg, flags = 0;
    uint32_t mask = FB_CF | FB_PF | FB_AF | FB_ZF | FB_SF | FB_TF | FB_DF |
                    FB_OF | EFLAGS_NT | (in->data32 ? BIT(18) | FB_ID : 0);

    if (!emu_seg_access(e, (EmuFar){ &x86->seg[R_SS_INDEX], big ? sp : sp & 0xffff }, &flags, bytes, X86_READ)) {
        return EMU_FAULT;
    }
    mask |= emu_cpl(e) <= emu_iopl(e) ? EFLAGS_IF : 0;
    mask |= emu_cpl(e) == 0 ? EFLAGS_IOPL : 0;
    x86->spc.FLAGS = (x86->spc.FLAGS & ~mask) | (flags & mask) | EFLAGS_FIXED;
    x86->spc.SP.I32_reg.e_reg =
        big ? sp + bytes : (sp & 0xffff0000) | ((sp + bytes) & 0xffff);
    return emu_done(in);
}

static EmuResult do_cli_sti(EmuInsn *in)
{
    X86Emu *e = in->e;
    uint32_t *flags = &e->emu->x86.spc.FLAGS;

    if (emu_cpl(e) > emu_iopl(e)) {
        return emu_fault(in, EXC_GP);
    }
    if (in->opcode == 0xfa) {
        *flags &= ~EFLAGS_IF;
    } else {
        e->shadow = !(*flags & EFLAGS_IF);
        *flags |= EFLAGS_IF;
    }
    return emu_done(in);
}

static EmuResult do_hlt(EmuInsn *in)
{
    if (emu_cpl(in->e)) {
        return emu_fault(in, EXC_GP);
    }
    in->e->hlt = true;
    in->e->shadow = false;
    emu_done(in);
    return EMU_STOP;
}

/* MOV SS and POP SS hold interrupts off for one instruction. */
static EmuResult look_mov_ss(EmuInsn *in)
{
    uint8_t modrm;

    if (in->opcode == 0x8e) {
        if (!emu_fetch(in, &modrm, 1)) {
            return EMU_FAULT;
        }
        if (((modrm >> 3) & 7) != R_SS_INDEX) {
            return EMU_LIBRARY;
        }
    }
    in->e->shadow = true;
    return EMU_LIBRARY;
}

/*
 * The library divides before it checks: the two dividends whose quotient
 * fits no register whatever the divisor would stop the emulator itself.
 */
static EmuResult look_divide(EmuInsn *in)
{
    X86Emu *e = in->e;
    uint32_t low = *emu_reg32(e, 0), high = *emu_reg32(e, 2);
    uint8_t modrm;

    if (!emu_fetch(in, &modrm, 1)) {
        return EMU_FAULT;
    }
    if (((modrm >> 3) & 7) != 7) {
        return EMU_LIBRARY;
    }
    if (in->data32 ? high == 0x80000000 && low == 0
                   : (high & 0xffff) == 0x8000 && !(low & 0xffff)) {
        return emu_fault(in, EXC_DE);
    }
    return EMU_LIBRARY;
}

static EmuResult look_aam(EmuInsn *in)
{
    uint8_t base;

    if (!emu_fetch(in, &base, 1)) {
        return EMU_FAULT;
    }
    return base ? EMU_LIBRARY : emu_fault(in, EXC_DE);
}

static EmuResult emu_one_byte(EmuInsn *in)
{
    switch (in->opcode) {
    case 0x0f:
        return emu_two_byte(in);
    case 0x17:
    case 0x8e:
        return look_mov_ss(in);
    case 0x6c ... 0x6f:
    case 0xa4 ... 0xa7:
    case 0xaa ... 0xaf:
        return emu_string(in);
    case 0x9d:
        return do_popf(in);
    case 0xcf:
        return emu_iret(in);
    case 0xd4:
        return look_aam(in);
    case 0x9b:
    case 0xd8 ... 0xdf:
        return emu_x87(in);
    case 0xf4:
        return do_hlt(in);
    case 0xf7:
        return look_divide(in);
    case 0xfa:
    case 0xfb:
        return do_cli_sti(in);
    default:
        return EMU_LIBRARY;
    }
}

/* Reads prefixes up to the opcode; *@result is for when there is none. */
static bool fetch_opcode(EmuInsn *in, EmuResult *result)
{
    x86emu_regs_t *x86 = &in->e->emu->x86;

    for (unsigned n = 0; n < 14; n++) {
        if (!emu_fetch(in, &in->opcode, 1)) {
            *result = EMU_FAULT;
            return false;
        }
        switch (in->opcode) {
        case 0x26: in->segment = &x86->seg[R_ES_INDEX]; break;
        case 0x2e: in->segment = &x86->seg[R_CS_INDEX]; break;
        case 0x36: in->segment = &x86->seg[R_SS_INDEX]; break;
        case 0x3e: in->segment = &x86->seg[R_DS_INDEX]; break;
        case 0x64: in->segment = &x86->seg[R_FS_INDEX]; break;
        case 0x65: in->segment = &x86->seg[R_GS_INDEX]; break;
        case 0x66: in->data32 = !(x86->mode & _MODE_CODE32); break;
        case 0x67: in->addr32 = !(x86->mode & _MODE_CODE32); break;
        case 0xf0: break;
        case 0xf2:
        case 0xf3: in->rep = in->opcode; break;
        default: return true;
        }
    }
    *result = emu_fault(in, EXC_GP); /* longer than any instruction */
    return false;
}

static EmuResult emu_special(X86Emu *e)
{
    bool code32 = e->emu->x86.mode & _MODE_CODE32;
    EmuInsn in = {
        .e = e,
        .eip = e->emu->x86.spc.IP.I32_reg.e_reg,
        .data32 = code32,
        .addr32 = code32,
    };
    EmuResult result;

    if (!fetch_opcode(&in, &result)) {
        return result;
    }
    return op_class[in.opcode] == OP_LOOK ? emu_one_byte(&in) : EMU_LIBRARY;
}

/* What the library's loop does before it calls the hook. */
static void begin_instruction(X86Emu *e)
{
    x86emu_regs_t *x86 = &e->emu->x86;
    uint32_t mode = 0;

    if (ACC_D(x86->seg[R_CS_INDEX].acc)) {
        mode |= _MODE_DATA32 | _MODE_ADDR32 | _MODE_CODE32;
    }
    if (ACC_D(x86->seg[R_SS_INDEX].acc)) {
        mode |= _MODE_STACK32;
    }
    x86->mode = mode;
    x86->saved_cs = x86->seg[R_CS_INDEX].sel;
    x86->saved_eip = x86->spc.IP.I32_reg.e_reg;
}

int emu_code_hook(x86emu_t *emu)
{
    X86Emu *e = emu->_private;
    x86emu_regs_t *x86 = &emu->x86;
    bool begun = true;

    for (;;) {
        EmuTLBEntry *entry;
        const uint8_t *code;

        if (emu_wants_out(e)) {
            return 1;
        }
        e->shadow = false;
        e->user = emu_cpl(e) == 3;
        code = emu_host(e, x86->seg[R_CS_INDEX].base +
                               x86->spc.IP.I32_reg.e_reg, false, &entry);
        if (code && emu_fast(e, code)) {
            begun = false;
            continue;
        }
        if (!begun) {
            begin_instruction(e);
        }
        memcpy(&e->checkpoint, &x86->gen, sizeof(e->checkpoint));
        if (code && op_class[*code] == OP_PLAIN) {
            return 0;
        }
        switch (emu_special(e)) {
        case EMU_LIBRARY:
            return 0;
        case EMU_STOP:
            return 1;
        case EMU_FAULT:
            emu_deliver_fault(e);
            if (e->error || e->triple) {
                return 1;
            }
            break;
        case EMU_DONE:
            break;
        }
        begun = false;
    }
}
