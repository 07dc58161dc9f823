/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: the guest's instruction is run by the host's x87 on the guest's
 * registers, which are loaded before and stored after it. What is run is one
 * of a fixed set of stubs, never guest code. Stack faults, rounding and
 * exceptions come out as the processor makes them; one that is not masked
 * stays pending and is raised before the next waiting instruction.
 *
 * fpregs[] has the registers by number, not by distance from the top. vCPU
 * thread.
 */
#include "qemu/osdep.h"

#include "x86emu-int.h"

#ifndef __x86_64__
#error "the built-in emulator runs x87 instructions on a 64-bit x86 host"
#endif

#define FPUS_ES BIT(7)
#define FPUS_TOP_SHIFT 11
#define FPU_CODE_FLAGS (FB_CF | FB_PF | FB_AF | FB_ZF | FB_SF | FB_OF)

/* FNSAVE's image in 64-bit code; registers start with the top one. */
typedef struct FPUImage {
    uint32_t control;
    uint32_t status;
    uint32_t tags; /* two bits each, by number; 3: empty */
    uint32_t eip;
    uint32_t cs_opcode;
    uint32_t operand;
    uint32_t operand_seg;
    uint8_t st[8][10];
} FPUImage;

_Static_assert(sizeof(FPUImage) == 108, "octets FNSAVE stores");

/*
 * Runs stub @stub on @image with the arithmetic flags @flags; returns them.
 * Stubs 0 to 511: register forms, 64 for each opcode from 0xd8 on. From 512:
 * memory forms, eight for each opcode, on @mem.
 */
uint64_t x86emu_fpu_stub(FPUImage *image, void *mem, uint64_t stub,
                         uint64_t flags)
    __attribute__((visibility("hidden")));

__asm__(".pushsection .text\n"
        ".p2align 4\n"
        ".hidden x86emu_fpu_stub\n"
        ".globl x86emu_fpu_stub\n"
        ".type x86emu_fpu_stub, @function\n"
        "x86emu_fpu_stub:\n"
        "    .cfi_startproc\n"
        "    subq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    fnstcw (%rsp)\n"
        "    leaq 1f(%rip), %rax\n"
        "    leaq (%rax,%rdx,4), %rax\n"
        "    frstor (%rdi)\n"
        "    pushq %rcx\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    popfq\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    call *%rax\n"
        "    pushfq\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    popq %rax\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    fnsave (%rdi)\n"
        "    fldcw (%rsp)\n"
        "    addq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    ret\n"
        "    .cfi_endproc\n"
        "1:\n"
        "    .set .Lop, 0xd8\n"
        "    .rept 8\n"
        "    .set .Lmodrm, 0xc0\n"
        "    .rept 64\n"
        "    .byte .Lop, .Lmodrm, 0xc3, 0x90\n"
        "    .set .Lmodrm, .Lmodrm + 1\n"
        "    .endr\n"
        "    .set .Lop, .Lop + 1\n"
        "    .endr\n"
        "    .set .Lop, 0xd8\n"
        "    .rept 8\n"
        "    .set .Lmodrm, 0x06\n" /* (%rsi) */
        "    .rept 8\n"
        "    .byte .Lop, .Lmodrm, 0xc3, 0x90\n"
        "    .set .Lmodrm, .Lmodrm + 8\n"
        "    .endr\n"
        "    .set .Lop, .Lop + 1\n"
        "    .endr\n"
        ".size x86emu_fpu_stub, . - x86emu_fpu_stub\n"
        ".popsection\n");

/* Register forms of 0xd8 to 0xdf; bit n: modrm 0xc0 + n is an instruction. */
static const uint64_t fpu_reg_forms[8] = {
    UINT64_MAX,         /* arithmetic with ST(0) */
    0xffff7f330001ffff, /* FLD FXCH FNOP, 0xe0 on: of ST(0) alone */
    0x00000200ffffffff, /* FCMOVcc FUCOMPP */
    0x00ffff1fffffffff, /* FCMOVNcc FNCLEX FNINIT FUCOMI FCOMI */
    0xffffffff0000ffff, /* arithmetic with ST(i) */
    0x0000ffffffff00ff, /* FFREE FST FSTP FUCOM FUCOMP */
    0xffffffff0200ffff, /* arithmetic with ST(i) and pop, FCOMPP */
    0x00ffff0100000000, /* FNSTSW AX, FUCOMIP FCOMIP */
};

/* Memory forms: octets of the operand; 0: none, or an environment. */
static const uint8_t fpu_mem_bytes[8][8] = {
    {4, 4, 4, 4, 4, 4, 4, 4},
    {4, 0, 4, 4, 0, 2, 0, 2},
    {4, 4, 4, 4, 4, 4, 4, 4},
    {4, 0, 4, 4, 0, 10, 0, 10},
    {8, 8, 8, 8, 8, 8, 8, 8},
    {8, 0, 8, 8, 0, 0, 0, 2},
    {2, 2, 2, 2, 2, 2, 2, 2},
    {2, 0, 2, 2, 10, 8, 10, 8},
};
/* Bit /r: it stores. */
static const uint8_t fpu_mem_stores[8] = {0, 0xcc, 0, 0x8c,
                                          0, 0xcc, 0, 0xcc};

static void fpu_load(const CPUArchState *env, FPUImage *image)
{
    unsigned top = (env->fpus >> FPUS_TOP_SHIFT) & 7;

    memset(image, 0, sizeof(*image));
    image->control = env->fpuc;
    image->status = env->fpus;
    for (unsigned i = 0; i < 8; i++) {
        const X86FPReg *reg = &env->fpregs[(top + i) & 7];

        image->tags |= env->fptag & BIT(i) ? 0 : 3U << (2 * i);
        memcpy(image->st[i], &reg->mantissa, 8);
        memcpy(image->st[i] + 8, &reg->exponent, 2);
    }
}

static void fpu_store(CPUArchState *env, const FPUImage *image)
{
    unsigned top = (image->status >> FPUS_TOP_SHIFT) & 7;

    env->fpuc = image->control;
    env->fpus = image->status;
    env->fptag = 0;
    for (unsigned i = 0; i < 8; i++) {
        X86FPReg *reg = &env->fpregs[(top + i) & 7];

        env->fptag |= ((image->tags >> (2 * i)) & 3) == 3 ? 0 : BIT(i);
        memcpy(&reg->mantissa, image->st[i], 8);
        memcpy(&reg->exponent, image->st[i] + 8, 2);
    }
}

static unsigned fpu_reg_stub(uint8_t opcode, uint8_t modrm)
{
    return (opcode & 7U) << 6 | (modrm & 0x3f);
}

static uint8_t fpu_modrm(const EmuInsn *in)
{
    return in->mod << 6 | in->reg << 3 | in->rm;
}

static void fpu_note_instruction(EmuInsn *in)
{
    CPUArchState *env = in->e->env;

    env->fpop = (in->opcode & 7) << 8 | fpu_modrm(in);
    env->fpip = in->e->emu->x86.spc.IP.I32_reg.e_reg;
    if (in->mod != 3) {
        env->fpdp = in->offset;
    }
}

/* --- Environments: FLDENV, FNSTENV, FRSTOR, FNSAVE ------------------------ */

/* In protected mode's layout; real mode packs the pointers differently. */
static unsigned fpu_environment_bytes(const EmuInsn *in)
{
    return in->data32 ? 28 : 14;
}

static void fpu_write_words(const EmuInsn *in, const FPUImage *image,
                            uint8_t *buf)
{
    const CPUArchState *env = in->e->env;
    const uint32_t words[7] = {
        image->control & 0xffff, image->status & 0xffff,
        image->tags & 0xffff,    env->fpip,
        (in->data32 ? (uint32_t)env->fpop << 16 : 0), env->fpdp, 0,
    };

    for (unsigned i = 0; i < 7; i++) {
        uint32_t word = words[i] | (in->data32 && i < 3 ? 0xffff0000 : 0);

        memcpy(buf + i * (in->data32 ? 4 : 2), &word, in->data32 ? 4 : 2);
    }
}

static void fpu_read_words(const EmuInsn *in, FPUImage *image,
                           const uint8_t *buf)
{
    uint32_t words[7] = {0};
    CPUArchState *env = in->e->env;

    for (unsigned i = 0; i < 7; i++) {
        memcpy(&words[i], buf + i * (in->data32 ? 4 : 2),
               in->data32 ? 4 : 2);
    }
    image->control = words[0] & 0xffff;
    image->status = words[1] & 0xffff;
    image->tags = words[2] & 0xffff;
    env->fpip = words[3];
    env->fpop = (words[4] >> 16) & 0x7ff;
    env->fpdp = words[5];
}

/* FLDENV and FRSTOR. */
static EmuResult fpu_load_environment(EmuInsn *in, bool registers)
{
    X86Emu *e = in->e;
    CPUArchState *env = e->env;
    unsigned bytes = fpu_environment_bytes(in);
    uint8_t buf[28 + 80];
    FPUImage image;
    uint16_t status;

    if (!emu_seg_access(e, (EmuFar){ in->operand_seg, in->offset }, buf, bytes + (registers ? 80 : 0), X86_READ)) {
        return EMU_FAULT;
    }
    /* Registers keep their numbers while the top moves. */
    memcpy(&status, buf + bytes / 7, 2);
    env->fpus = status;
    fpu_load(env, &image);
    fpu_read_words(in, &image, buf);
    if (registers) {
        memcpy(image.st, buf + bytes, 80);
    }
    /* The processor works out the summary bit. */
    x86emu_fpu_stub(&image, NULL, fpu_reg_stub(0xdb, 0xe4), 0);
    fpu_store(env, &image);
    return emu_done(in);
}

/* FNSTENV and FNSAVE. */
static EmuResult fpu_store_environment(EmuInsn *in, bool registers)
{
    X86Emu *e = in->e;
    CPUArchState *env = e->env;
    unsigned bytes = fpu_environment_bytes(in);
    uint8_t buf[28 + 80];
    FPUImage image;

    fpu_load(env, &image);
    /* For the tags, which tell more than what is empty. */
    x86emu_fpu_stub(&image, NULL, fpu_reg_stub(0xdb, 0xe4), 0);
    fpu_write_words(in, &image, buf);
    memcpy(buf + bytes, image.st, 80);
    if (!emu_seg_access(e, (EmuFar){ in->operand_seg, in->offset }, buf, bytes + (registers ? 80 : 0), X86_WRITE)) {
        return EMU_FAULT;
    }
    if (registers) {
        x86emu_fpu_stub(&image, NULL, fpu_reg_stub(0xdb, 0xe3), 0);
        fpu_store(env, &image);
    } else {
        env->fpuc |= 0x3f;
        env->fpus &= ~(FPUS_ES | BIT(15));
    }
    return emu_done(in);
}

/* --- All others ----------------------------------------------------------- */

static EmuResult fpu_memory(EmuInsn *in, unsigned bytes)
{
    X86Emu *e = in->e;
    CPUArchState *env = e->env;
    bool store = fpu_mem_stores[in->opcode & 7] & BIT(in->reg);
    bool control = (in->opcode & 0xfb) == 0xd9 && in->reg >= 4;
    bool unmasked = ~env->fpuc & 0x3f;
    uint8_t buf[16] = {0};
    FPUImage image;

    /* A store may leave memory alone if an exception is not masked. */
    if ((!store || unmasked) &&
        !emu_seg_access(e, (EmuFar){ in->operand_seg, in->offset }, buf, bytes, X86_READ)) {
        return EMU_FAULT;
    }
    fpu_load(env, &image);
    x86emu_fpu_stub(&image, buf, 512 + 8 * (in->opcode & 7) + in->reg, 0);
    if (store && !emu_seg_access(e, (EmuFar){ in->operand_seg, in->offset }, buf, bytes, X86_WRITE)) {
        return EMU_FAULT;
    }
    fpu_store(env, &image);
    if (!control) {
        fpu_note_instruction(in);
    }
    return emu_done(in);
}

static EmuResult fpu_registers(EmuInsn *in)
{
    X86Emu *e = in->e;
    CPUArchState *env = e->env;
    uint32_t *flags = &e->emu->x86.spc.FLAGS;
    uint8_t modrm = fpu_modrm(in);
    FPUImage image;
    uint64_t after;

    if (in->opcode == 0xdf && modrm == 0xe0) { /* FNSTSW AX */
        memcpy(emu_reg32(e, 0), &env->fpus, 2);
        return emu_done(in);
    }
    fpu_load(env, &image);
    after = x86emu_fpu_stub(&image, NULL, fpu_reg_stub(in->opcode, modrm),
                            (*flags & FPU_CODE_FLAGS) | EFLAGS_FIXED);
    *flags = (*flags & ~FPU_CODE_FLAGS) | (after & FPU_CODE_FLAGS);
    fpu_store(env, &image);
    if (in->opcode == 0xdb && modrm == 0xe3) { /* FNINIT */
        env->fpop = 0;
        env->fpip = 0;
        env->fpdp = 0;
    } else if (in->opcode != 0xdb || modrm < 0xe0 || modrm > 0xe4) {
        fpu_note_instruction(in);
    }
    return emu_done(in);
}

/* FNINIT, FNCLEX and the like work with an exception pending. */
static bool fpu_waits(const EmuInsn *in)
{
    switch (in->opcode) {
    case 0xd9:
        return in->mod == 3 || (in->reg != 6 && in->reg != 7);
    case 0xdb:
        return in->mod != 3 || in->reg != 4;
    case 0xdd:
        return in->mod == 3 || (in->reg != 6 && in->reg != 7);
    case 0xdf:
        return in->mod != 3 || in->reg != 4;
    default:
        return true;
    }
}

/* Interrupt 13 of boards that lack CR0.NE is not wired: always #MF. */
static bool fpu_is_pending(const X86Emu *e)
{
    return e->env->fpus & FPUS_ES;
}

EmuResult emu_x87(EmuInsn *in)
{
    X86Emu *e = in->e;
    uint32_t cr0 = e->emu->x86.crx[0];
    unsigned bytes;

    if (in->opcode == 0x9b) { /* FWAIT */
        if ((cr0 & CR0_MP_MASK) && (cr0 & CR0_TS_MASK)) {
            return emu_fault(in, EXC_NM);
        }
        return fpu_is_pending(e) ? emu_fault(in, EXC_MF) : emu_done(in);
    }
    if (cr0 & (CR0_EM_MASK | CR0_TS_MASK)) {
        return emu_fault(in, EXC_NM);
    }
    if (!emu_decode_modrm(in)) {
        return EMU_FAULT;
    }
    if (in->mod == 3 &&
        !(fpu_reg_forms[in->opcode & 7] & BIT_ULL(fpu_modrm(in) & 0x3f))) {
        return emu_fault(in, EXC_UD);
    }
    if (fpu_waits(in) && fpu_is_pending(e)) {
        return emu_fault(in, EXC_MF);
    }
    if (in->mod == 3) {
        return fpu_registers(in);
    }
    bytes = fpu_mem_bytes[in->opcode & 7][in->reg];
    if (bytes) {
        return fpu_memory(in, bytes);
    }
    if ((in->opcode & 0xfb) == 0xd9 && (in->reg == 4 || in->reg == 6)) {
        return in->reg == 4
                   ? fpu_load_environment(in, in->opcode == 0xdd)
                   : fpu_store_environment(in, in->opcode == 0xdd);
    }
    return emu_fault(in, EXC_UD);
}
