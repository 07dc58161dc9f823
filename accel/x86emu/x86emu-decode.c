/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operands of the instructions that the library is not given. vCPU thread. */
#include "qemu/osdep.h"

#include "x86emu-int.h"

uint8_t *emu_reg8(X86Emu *e, unsigned n)
{
    return (uint8_t *)emu_reg32(e, n & 3) + (n & 4 ? 1 : 0);
}

bool emu_fetch(EmuInsn *in, void *buf, unsigned size_bytes)
{
    X86Emu *e = in->e;
    uint32_t lin = e->emu->x86.seg[R_CS_INDEX].base + in->eip;

    if (!emu_access(e, lin, buf, size_bytes, (EmuHow){ X86_EXEC, e->user })) {
        return false;
    }
    in->eip += size_bytes;
    if (!(e->emu->x86.mode & _MODE_CODE32)) {
        in->eip &= 0xffff;
    }
    return true;
}

static uint32_t decode_reg(EmuInsn *in, unsigned n)
{
    return *emu_reg32(in->e, n);
}

static bool decode_address32(EmuInsn *in, bool *stack)
{
    uint8_t sib;
    unsigned base = in->rm;
    uint32_t index = 0;

    if (in->rm == 4) {
        if (!emu_fetch(in, &sib, 1)) {
            return false;
        }
        base = sib & 7;
        if (((sib >> 3) & 7) != 4) {
            index = decode_reg(in, (sib >> 3) & 7) << (sib >> 6);
        }
    }
    if (base == 5 && in->mod == 0) {
        uint32_t disp;

        if (!emu_fetch(in, &disp, 4)) {
            return false;
        }
        in->offset = disp + index;
        return true;
    }
    *stack = base == 4 || base == 5;
    in->offset = decode_reg(in, base) + index;
    return true;
}

static bool decode_address16(EmuInsn *in, bool *stack)
{
    static const int8_t base[8] = {3, 3, 5, 5, 6, 7, 5, 3};
    static const int8_t index[8] = {6, 7, 6, 7, -1, -1, -1, -1};
    uint16_t disp;

    if (in->rm == 6 && in->mod == 0) {
        if (!emu_fetch(in, &disp, 2)) {
            return false;
        }
        in->offset = disp;
        return true;
    }
    in->offset = decode_reg(in, base[in->rm]);
    if (index[in->rm] >= 0) {
        in->offset += decode_reg(in, index[in->rm]);
    }
    *stack = base[in->rm] == 5;
    return true;
}

bool emu_decode_modrm(EmuInsn *in)
{
    bool stack = false;
    uint8_t modrm;
    int8_t disp8;
    int16_t disp16;
    int32_t disp = 0;

    if (!emu_fetch(in, &modrm, 1)) {
        return false;
    }
    in->mod = modrm >> 6;
    in->reg = (modrm >> 3) & 7;
    in->rm = modrm & 7;
    if (in->mod == 3) {
        return true;
    }
    if (!(in->addr32 ? decode_address32(in, &stack)
                     : decode_address16(in, &stack))) {
        return false;
    }
    if (in->mod == 1) {
        if (!emu_fetch(in, &disp8, 1)) {
            return false;
        }
        disp = disp8;
    } else if (in->mod == 2 && in->addr32) {
        if (!emu_fetch(in, &disp, 4)) {
            return false;
        }
    } else if (in->mod == 2) {
        if (!emu_fetch(in, &disp16, 2)) {
            return false;
        }
        disp = disp16;
    }
    in->offset += disp;
    if (!in->addr32) {
        in->offset &= 0xffff;
    }
    in->operand_seg = in->segment
                          ? in->segment
                          : &in->e->emu->x86.seg[stack ? R_SS_INDEX
                                                       : R_DS_INDEX];
    return true;
}

bool emu_seg_access(X86Emu *e, EmuFar at, void *buf, unsigned size_bytes,
                    X86Access access)
{
    bool expand_down = (at.seg->acc & 0x1c) == 0x14;
    uint32_t last = at.offset + size_bytes - 1;

    if (!expand_down && (last > at.seg->limit || last < at.offset)) {
        bool stack = at.seg == &e->emu->x86.seg[R_SS_INDEX];

        emu_raise(e, stack ? EXC_SS : EXC_GP, true, 0);
        return false;
    }
    return emu_access(e, at.seg->base + at.offset, buf, size_bytes, (EmuHow){ access, e->user });
}

bool emu_rm_read(EmuInsn *in, uint32_t *value, unsigned size_bytes)
{
    *value = 0;
    if (in->mod == 3) {
        const void *reg = size_bytes == 1 ? (void *)emu_reg8(in->e, in->rm)
                                          : emu_reg32(in->e, in->rm);

        memcpy(value, reg, size_bytes);
        return true;
    }
    return emu_seg_access(in->e, (EmuFar){ in->operand_seg, in->offset }, value, size_bytes, X86_READ);
}

bool emu_rm_write(EmuInsn *in, uint32_t value, unsigned size_bytes)
{
    if (in->mod == 3) {
        void *reg = size_bytes == 1 ? (void *)emu_reg8(in->e, in->rm)
                                    : emu_reg32(in->e, in->rm);

        memcpy(reg, &value, size_bytes);
        return true;
    }
    return emu_seg_access(in->e, (EmuFar){ in->operand_seg, in->offset }, &value, size_bytes, X86_WRITE);
}

/* @set: what @result does not tell, of FB_CF, FB_AF and FB_OF. */
static void set_result_flags(X86Emu *e, uint32_t result, unsigned bytes,
                             uint32_t set)
{
    uint32_t mask = bytes == 4 ? UINT32_MAX : (1U << (8 * bytes)) - 1;
    uint32_t *flags = &e->emu->x86.spc.FLAGS;

    *flags &= ~(FB_CF | FB_PF | FB_AF | FB_ZF | FB_SF | FB_OF);
    *flags |= set;
    *flags |= __builtin_parity(result & 0xff) ? 0 : FB_PF;
    *flags |= (result & mask) ? 0 : FB_ZF;
    *flags |= (result >> (8 * bytes - 1)) & 1 ? FB_SF : 0;
}

void emu_set_sub_flags(X86Emu *e, uint32_t a, uint32_t b, unsigned bytes)
{
    uint32_t top = 8 * bytes - 1;
    uint32_t r = a - b;

    set_result_flags(e, r, bytes,
                     (a < b ? FB_CF : 0) |
                     ((a ^ b ^ r) & 0x10 ? FB_AF : 0) |
                     ((((a ^ b) & (a ^ r)) >> top) & 1 ? FB_OF : 0));
}

void emu_set_add_flags(X86Emu *e, uint32_t a, uint32_t b, unsigned bytes)
{
    uint32_t mask = bytes == 4 ? UINT32_MAX : (1U << (8 * bytes)) - 1;
    uint32_t top = 8 * bytes - 1;
    uint32_t r = a + b;

    set_result_flags(e, r, bytes,
                     ((r & mask) < (a & mask) ? FB_CF : 0) |
                     ((a ^ b ^ r) & 0x10 ? FB_AF : 0) |
                     (((~(a ^ b) & (a ^ r)) >> top) & 1 ? FB_OF : 0));
}
