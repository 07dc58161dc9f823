/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The most frequent instructions of flat 32-bit code, executed before the
 * library sees them. Only what cannot fail is done here: operands in
 * registers or in RAM that the TLB knows. All else is left as it was, to the
 * library and its exceptions. vCPU thread.
 */
#include "qemu/osdep.h"

#include "x86emu-int.h"

#define ARITHMETIC_FLAGS (FB_CF | FB_PF | FB_AF | FB_ZF | FB_SF | FB_OF)
#define INSN_MAX_BYTES 16
#define SEG_FLAT_MASK 0x9e /* present, data or code, direction, writable */
#define SEG_FLAT_DATA 0x92

enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

typedef struct FastInsn {
    X86Emu *e;
    const uint8_t *next; /* what is not decoded yet */
    uint8_t reg;
    uint32_t *rm_reg;    /* r/m is a register, or NULL */
    uint8_t *host;       /* r/m in memory */
    EmuTLBEntry *entry;
    uint32_t lin;
    uint32_t jump;       /* from the next instruction */
} FastInsn;

static uint32_t fast_imm32(FastInsn *in)
{
    uint32_t value;

    memcpy(&value, in->next, 4);
    in->next += 4;
    return value;
}

static uint32_t fast_imm8(FastInsn *in)
{
    return (int32_t)(int8_t)*in->next++;
}

/* The offset of a memory operand; *@stack: in SS. */
static uint32_t fast_address(FastInsn *in, unsigned mod, unsigned rm,
                             bool *stack)
{
    uint32_t offset = 0;
    unsigned base = rm;

    if (rm == 4) {
        uint8_t sib = *in->next++;
        unsigned index = (sib >> 3) & 7;

        base = sib & 7;
        offset = index == 4 ? 0 : *emu_reg32(in->e, index) << (sib >> 6);
    }
    if (base == 5 && mod == 0) {
        return offset + fast_imm32(in);
    }
    *stack = base == 4 || base == 5;
    offset += *emu_reg32(in->e, base);
    if (mod == 1) {
        offset += fast_imm8(in);
    } else if (mod == 2) {
        offset += fast_imm32(in);
    }
    return offset;
}

static bool fast_memory(FastInsn *in, uint32_t offset, bool stack, bool write)
{
    X86Emu *e = in->e;
    const sel_t *seg = &e->emu->x86.seg[stack ? R_SS_INDEX : R_DS_INDEX];

    if (seg->limit != UINT32_MAX ||
        (seg->acc & SEG_FLAT_MASK) != SEG_FLAT_DATA) {
        return false;
    }
    in->lin = seg->base + offset;
    if ((in->lin & ~EMU_PAGE_MASK) > TARGET_PAGE_SIZE - 4) {
        return false;
    }
    in->host = emu_host(e, in->lin, write, &in->entry);
    return in->host != NULL;
}

/* False: a memory operand that is not at hand. */
static bool fast_modrm(FastInsn *in, bool write)
{
    uint8_t modrm = *in->next++;
    bool stack = false;
    uint32_t offset;

    in->reg = (modrm >> 3) & 7;
    if (modrm >> 6 == 3) {
        in->rm_reg = emu_reg32(in->e, modrm & 7);
        return true;
    }
    offset = fast_address(in, modrm >> 6, modrm & 7, &stack);
    return fast_memory(in, offset, stack, write);
}

static uint32_t fast_rm_read(const FastInsn *in)
{
    uint32_t value;

    memcpy(&value, in->rm_reg ? (void *)in->rm_reg : in->host, 4);
    return value;
}

static void fast_rm_write(FastInsn *in, uint32_t value)
{
    if (in->rm_reg) {
        *in->rm_reg = value;
        return;
    }
    memcpy(in->host, &value, 4);
    emu_stored(in->entry, in->lin, 4);
}

static uint32_t fast_alu(X86Emu *e, unsigned op, uint32_t a, uint32_t b)
{
    uint32_t *flags = &e->emu->x86.spc.FLAGS;
    uint32_t r, set = 0;

    switch (op) {
    case ALU_ADD:
        r = a + b;
        set = (r < a ? FB_CF : 0) | ((a ^ b ^ r) & FB_AF) |
              (((~(a ^ b) & (a ^ r)) >> 31) ? FB_OF : 0);
        break;
    case ALU_SUB:
    case ALU_CMP:
        r = a - b;
        set = (a < b ? FB_CF : 0) | ((a ^ b ^ r) & FB_AF) |
              ((((a ^ b) & (a ^ r)) >> 31) ? FB_OF : 0);
        break;
    case ALU_OR:
        r = a | b;
        break;
    case ALU_AND:
        r = a & b;
        break;
    default:
        r = a ^ b;
        break;
    }
    set |= (r ? 0 : FB_ZF) | ((r >> 31) ? FB_SF : 0) |
           (__builtin_parity(r & 0xff) ? 0 : FB_PF);
    *flags = (*flags & ~ARITHMETIC_FLAGS) | set;
    return r;
}

static bool fast_alu_known(unsigned op)
{
    return op != ALU_ADC && op != ALU_SBB;
}

/* 01 to 3b: register and r/m, either way. */
static bool fast_alu_rm(FastInsn *in, uint8_t opcode)
{
    unsigned op = opcode >> 3;
    bool to_reg = opcode & 2;
    uint32_t a, b, r, *reg;

    if (!fast_alu_known(op) || !fast_modrm(in, !to_reg && op != ALU_CMP)) {
        return false;
    }
    reg = emu_reg32(in->e, in->reg);
    a = to_reg ? *reg : fast_rm_read(in);
    b = to_reg ? fast_rm_read(in) : *reg;
    r = fast_alu(in->e, op, a, b);
    if (op == ALU_CMP) {
        return true;
    }
    if (to_reg) {
        *reg = r;
    } else {
        fast_rm_write(in, r);
    }
    return true;
}

/* 81 and 83: r/m and an immediate. */
static bool fast_alu_imm(FastInsn *in, uint8_t opcode)
{
    unsigned op = (*in->next >> 3) & 7;
    uint32_t b, r;

    if (!fast_alu_known(op) || !fast_modrm(in, op != ALU_CMP)) {
        return false;
    }
    b = opcode == 0x83 ? fast_imm8(in) : fast_imm32(in);
    r = fast_alu(in->e, op, fast_rm_read(in), b);
    if (op != ALU_CMP) {
        fast_rm_write(in, r);
    }
    return true;
}

/* INC and DEC leave the carry alone. */
static uint32_t fast_step(X86Emu *e, uint32_t value, bool down)
{
    uint32_t *flags = &e->emu->x86.spc.FLAGS, carry = *flags & FB_CF;
    uint32_t r = fast_alu(e, down ? ALU_SUB : ALU_ADD, value, 1);

    *flags = (*flags & ~FB_CF) | carry;
    return r;
}

static bool fast_step_rm(FastInsn *in)
{
    unsigned op = (*in->next >> 3) & 7;

    if (op > 1 || !fast_modrm(in, true)) {
        return false;
    }
    fast_rm_write(in, fast_step(in->e, fast_rm_read(in), op));
    return true;
}

static bool fast_mov(FastInsn *in, uint8_t opcode)
{
    unsigned modrm = *in->next;
    bool stack;

    switch (opcode) {
    case 0x89:
        if (!fast_modrm(in, true)) {
            return false;
        }
        fast_rm_write(in, *emu_reg32(in->e, in->reg));
        return true;
    case 0x8b:
        if (!fast_modrm(in, false)) {
            return false;
        }
        *emu_reg32(in->e, in->reg) = fast_rm_read(in);
        return true;
    case 0x8d:
        if (modrm >> 6 == 3) {
            return false;
        }
        in->next++;
        *emu_reg32(in->e, (modrm >> 3) & 7) =
            fast_address(in, modrm >> 6, modrm & 7, &stack);
        return true;
    default: /* 0xc7 */
        if (((modrm >> 3) & 7) != 0 || !fast_modrm(in, true)) {
            return false;
        }
        fast_rm_write(in, fast_imm32(in));
        return true;
    }
}

static bool fast_condition(uint32_t flags, unsigned code)
{
    bool less = !(flags & FB_SF) != !(flags & FB_OF), met;

    switch (code >> 1) {
    case 0: met = flags & FB_OF; break;
    case 1: met = flags & FB_CF; break;
    case 2: met = flags & FB_ZF; break;
    case 3: met = flags & (FB_CF | FB_ZF); break;
    case 4: met = flags & FB_SF; break;
    case 5: met = flags & FB_PF; break;
    case 6: met = less; break;
    default: met = less || (flags & FB_ZF); break;
    }
    return met != (code & 1);
}

static bool fast_jump_if(FastInsn *in, unsigned code, bool wide)
{
    uint32_t distance = wide ? fast_imm32(in) : fast_imm8(in);

    if (fast_condition(in->e->emu->x86.spc.FLAGS, code)) {
        in->jump = distance;
    }
    return true;
}

static bool fast_push(FastInsn *in, uint32_t value)
{
    uint32_t *sp = emu_reg32(in->e, 4);

    if (!fast_memory(in, *sp - 4, true, true)) {
        return false;
    }
    fast_rm_write(in, value);
    *sp -= 4;
    return true;
}

static bool fast_pop(FastInsn *in, uint32_t *value)
{
    uint32_t *sp = emu_reg32(in->e, 4);

    if (!fast_memory(in, *sp, true, false)) {
        return false;
    }
    *sp += 4;
    *value = fast_rm_read(in);
    return true;
}

static bool fast_one(FastInsn *in)
{
    X86Emu *e = in->e;
    uint8_t opcode = *in->next++;

    switch (opcode) {
    case 0x01: case 0x03: case 0x09: case 0x0b: case 0x21: case 0x23:
    case 0x29: case 0x2b: case 0x31: case 0x33: case 0x39: case 0x3b:
        return fast_alu_rm(in, opcode);
    case 0x0f:
        opcode = *in->next++;
        return (opcode & 0xf0) == 0x80 && fast_jump_if(in, opcode & 15, true);
    case 0x40 ... 0x4f: {
        uint32_t *reg = emu_reg32(e, opcode & 7);

        *reg = fast_step(e, *reg, opcode & 8);
        return true;
    }
    case 0x50 ... 0x57:
        return fast_push(in, *emu_reg32(e, opcode & 7));
    case 0x58 ... 0x5f:
        return fast_pop(in, emu_reg32(e, opcode & 7));
    case 0x70 ... 0x7f:
        return fast_jump_if(in, opcode & 15, false);
    case 0x81:
    case 0x83:
        return fast_alu_imm(in, opcode);
    case 0x85:
        if (!fast_modrm(in, false)) {
            return false;
        }
        fast_alu(e, ALU_AND, fast_rm_read(in), *emu_reg32(e, in->reg));
        return true;
    case 0x89:
    case 0x8b:
    case 0x8d:
    case 0xc7:
        return fast_mov(in, opcode);
    case 0x90:
        return true;
    case 0xb8 ... 0xbf:
        *emu_reg32(e, opcode & 7) = fast_imm32(in);
        return true;
    case 0xe9:
        in->jump = fast_imm32(in);
        return true;
    case 0xeb:
        in->jump = fast_imm8(in);
        return true;
    case 0xff:
        return fast_step_rm(in);
    default:
        return false;
    }
}

bool emu_fast(X86Emu *e, const uint8_t *code)
{
    x86emu_regs_t *x86 = &e->emu->x86;
    const sel_t *cs = &x86->seg[R_CS_INDEX];
    FastInsn in = {.e = e, .next = code};

    if (!ACC_D(cs->acc) || cs->limit != UINT32_MAX ||
        !ACC_D(x86->seg[R_SS_INDEX].acc) || (x86->spc.FLAGS & FB_TF) ||
        ((cs->base + x86->spc.IP.I32_reg.e_reg) & ~EMU_PAGE_MASK) >
            TARGET_PAGE_SIZE - INSN_MAX_BYTES) {
        return false;
    }
    if (!fast_one(&in)) {
        return false;
    }
    x86->spc.IP.I32_reg.e_reg += (uint32_t)(in.next - code) + in.jump;
    return true;
}
