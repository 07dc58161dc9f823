/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The built-in emulator: libx86emu runs plain instructions, this folder
 * gives it paging, interrupts, privilege levels, string instructions that
 * can be interrupted, and what else the library lacks or gets wrong.
 *
 * Everything here runs in the one vCPU's thread, or in any thread with the
 * BQL while that vCPU is parked.
 */
#ifndef ACCEL_X86EMU_INT_H
#define ACCEL_X86EMU_INT_H

#include <x86emu.h>

/* The library's short names clash with those of CPUArchState's indices. */
#undef R_ES
#undef R_CS
#undef R_SS
#undef R_DS
#undef R_FS
#undef R_GS
#undef R_EAX
#undef R_ECX
#undef R_EDX
#undef R_EBX
#undef R_ESP
#undef R_EBP
#undef R_ESI
#undef R_EDI

#include "qemu/osdep.h"
#include "system/memory.h"
#include "target/i386/cpu.h"

#define TLB_BITS 10
#define TLB_SIZE (1U << TLB_BITS)
#define EMU_PAGE_MASK 0xfffff000U

enum {
    EXC_DE = 0, EXC_DB = 1, EXC_NMI = 2, EXC_UD = 6, EXC_NM = 7, EXC_DF = 8,
    EXC_TS = 10, EXC_NP = 11, EXC_SS = 12, EXC_GP = 13, EXC_PF = 14,
    EXC_MF = 16,
};

/* A linear page; tags are the page's address with bit 0 as "valid". */
typedef struct EmuTLBEntry {
    uint32_t read_tag;
    uint32_t write_tag;
    uint8_t *host;
    RAMBlock *block;
    uint64_t offset; /* of the page in block */
} EmuTLBEntry;

typedef struct EmuFault {
    bool pending;
    bool has_error;
    uint8_t vector;
    uint32_t error;
} EmuFault;

/* General registers, EIP and EFLAGS: what an instruction may change early. */
typedef struct EmuCheckpoint {
    struct i386_general_regs gen;
    struct i386_special_regs spc;
} EmuCheckpoint;

/* What an access is for, and whether as CPL 3. */
typedef struct EmuHow {
    X86Access access;
    bool user;
} EmuHow;

/* What the emulated CPU lacks and a guest asked for; told of once each. */
typedef enum EmuLack {
    EMU_LACK_LONG_MODE,
    EMU_LACK_VECTORS,
    EMU_LACKS,
} EmuLack;

/* A place in a segment. */
typedef struct EmuFar {
    sel_t *seg;
    uint32_t offset;
} EmuFar;

typedef struct X86Emu {
    CPUState *cpu;
    VM *vm;
    CPUArchState *env; /* MSRs and what else the library has no place for */
    x86emu_t *emu;
    uint32_t a20_mask;
    uint64_t tsc_offset;
    bool user;    /* the current instruction runs at CPL 3 */
    bool shadow;  /* no interrupts before the next instruction is done */
    bool hlt;     /* executed HLT */
    bool triple;  /* shut down by a triple fault */
    EmuFault fault;
    EmuCheckpoint checkpoint;
    bool told[EMU_LACKS];
    Error *error; /* what the emulator cannot do; ends vcpu_run() */
    EmuTLBEntry tlb[2][TLB_SIZE]; /* supervisor's, user's */
} X86Emu;

/* An instruction this folder executes itself. */
typedef struct EmuInsn {
    X86Emu *e;
    uint32_t eip; /* of the next octet */
    bool data32;
    bool addr32;
    uint8_t rep; /* 0xf2, 0xf3 or 0 */
    sel_t *segment; /* override, or NULL */
    uint8_t opcode;
    uint8_t mod, reg, rm;
    uint32_t offset;  /* operand in memory: in its segment */
    sel_t *operand_seg;
} EmuInsn;

typedef enum EmuResult {
    EMU_LIBRARY, /* let the library execute it */
    EMU_DONE,    /* executed; EIP is the next one */
    EMU_FAULT,   /* e->fault is set; registers as the fault wants them */
    EMU_STOP,    /* leave the run loop; EIP is right */
} EmuResult;

static inline unsigned emu_cpl(const X86Emu *e)
{
    return e->emu->x86.crx[0] & CR0_PE_MASK
               ? e->emu->x86.seg[R_CS_INDEX].sel & 3
               : 0;
}

static inline unsigned emu_iopl(const X86Emu *e)
{
    return (e->emu->x86.spc.FLAGS & EFLAGS_IOPL) >> 12;
}

/* General register by its number in instructions. */
static inline uint32_t *emu_reg32(X86Emu *e, unsigned n)
{
    static const uint16_t offsets[8] = {
        offsetof(x86emu_regs_t, gen.A),  offsetof(x86emu_regs_t, gen.C),
        offsetof(x86emu_regs_t, gen.D),  offsetof(x86emu_regs_t, gen.B),
        offsetof(x86emu_regs_t, spc.SP), offsetof(x86emu_regs_t, spc.BP),
        offsetof(x86emu_regs_t, spc.SI), offsetof(x86emu_regs_t, spc.DI),
    };

    return (uint32_t *)((char *)&e->emu->x86 + offsets[n & 7]);
}

uint8_t *emu_reg8(X86Emu *e, unsigned n);

/* Whether something wants the vCPU out of its instruction stream. */
static inline bool emu_wants_out(const X86Emu *e)
{
    uint32_t irq;

    if (qatomic_read_relaxed(&e->cpu->exit_request)) {
        return true;
    }
    irq = qatomic_read_relaxed(&e->cpu->interrupt_request);
    if (!irq || e->shadow) {
        return false;
    }
    return (irq & CPU_INTERRUPT_NMI) ||
           ((irq & CPU_INTERRUPT_HARD) &&
            (e->emu->x86.spc.FLAGS & EFLAGS_IF));
}

/* --- x86emu-mmu.c --------------------------------------------------------- */

void emu_tlb_flush(X86Emu *e);
void emu_tlb_flush_page(X86Emu *e, uint32_t lin);
/* After a device may have moved line A20. */
void emu_check_a20(X86Emu *e);

/* Linear memory; false: e->fault is set. Nothing is stored then. */
bool emu_access(X86Emu *e, uint32_t lin, void *buf, unsigned size_bytes,
                EmuHow how);
/*
 * A host pointer to RAM, good up to the end of the page, or NULL (fault,
 * device, ROM; nothing is reported). Stores go through emu_stored().
 */
static inline EmuTLBEntry *emu_tlb_entry(X86Emu *e, uint32_t lin, bool user)
{
    return &e->tlb[user][(lin >> TARGET_PAGE_BITS) & (TLB_SIZE - 1)];
}

static inline bool emu_tlb_hit(const EmuTLBEntry *entry, uint32_t lin,
                               X86Access access)
{
    uint32_t tag = access == X86_WRITE ? entry->write_tag : entry->read_tag;

    return tag == ((lin & EMU_PAGE_MASK) | 1);
}

static inline uint8_t *emu_host(X86Emu *e, uint32_t lin, bool write,
                                EmuTLBEntry **entry)
{
    EmuTLBEntry *slot = emu_tlb_entry(e, lin, e->user);

    if (!emu_tlb_hit(slot, lin, write ? X86_WRITE : X86_READ)) {
        return NULL;
    }
    *entry = slot;
    return slot->host + (lin & ~EMU_PAGE_MASK);
}

void emu_stored(EmuTLBEntry *entry, uint32_t lin, unsigned size_bytes);

unsigned emu_memio(x86emu_t *emu, u32 addr, u32 *val, unsigned type);

/* --- x86emu-intr.c -------------------------------------------------------- */

void emu_raise(X86Emu *e, uint8_t vector, bool has_error, uint32_t error);
/* Delivers e->fault, up to the triple fault. */
void emu_deliver_fault(X86Emu *e);
/* INT n (@soft), or an interrupt from outside. */
void emu_deliver(X86Emu *e, uint8_t vector, bool soft);
int emu_intr_hook(x86emu_t *emu, u8 num, unsigned type);
EmuResult emu_iret(EmuInsn *in);
/* A GDT or LDT entry; raises #GP(@selector) where there is none. */
bool emu_read_descriptor(X86Emu *e, uint16_t selector, uint32_t desc[2]);

/* --- x86emu-decode.c ------------------------------------------------------ */

/* Octets of the instruction; false: e->fault is set. */
bool emu_fetch(EmuInsn *in, void *buf, unsigned size_bytes);
bool emu_decode_modrm(EmuInsn *in);
/* The r/m operand, in memory or in a register. */
bool emu_rm_read(EmuInsn *in, uint32_t *value, unsigned size_bytes);
bool emu_rm_write(EmuInsn *in, uint32_t value, unsigned size_bytes);
/* Memory in a segment, limit checked. */
bool emu_seg_access(X86Emu *e, EmuFar at, void *buf, unsigned size_bytes,
                    X86Access access);
void emu_set_sub_flags(X86Emu *e, uint32_t a, uint32_t b, unsigned bytes);
void emu_set_add_flags(X86Emu *e, uint32_t a, uint32_t b, unsigned bytes);

/* The instruction is executed; EIP goes on behind it. */
static inline EmuResult emu_done(EmuInsn *in)
{
    in->e->emu->x86.spc.IP.I32_reg.e_reg = in->eip;
    return EMU_DONE;
}

/* The instruction ends in exception @vector; error code 0 if it has one. */
static inline EmuResult emu_fault(EmuInsn *in, uint8_t vector)
{
    emu_raise(in->e, vector, vector == EXC_GP, 0);
    return EMU_FAULT;
}

/* --- x86emu-fast.c -------------------------------------------------------- */

/* Executes the instruction at @code; false: it did nothing. */
bool emu_fast(X86Emu *e, const uint8_t *code);

/* --- x86emu-special.c, -system.c, -string.c, -fpu.c ----------------------- */

/* The library's hook before each instruction. */
int emu_code_hook(x86emu_t *emu);
EmuResult emu_two_byte(EmuInsn *in);
/* Warns on stderr the first time, and in the log (-d unimp) every time. */
void emu_tell_lack(X86Emu *e, EmuLack lack);
EmuResult emu_string(EmuInsn *in);
/* FWAIT and 0xd8 to 0xdf, with the modrm octet not yet read. */
EmuResult emu_x87(EmuInsn *in);
uint64_t emu_read_tsc(X86Emu *e);

/* --- x86emu-state.c ------------------------------------------------------- */

void emu_state_save(X86Emu *e);
bool emu_state_load(X86Emu *e, Error **errp);

#endif
