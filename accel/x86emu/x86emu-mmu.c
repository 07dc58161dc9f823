/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulator's memory: the library asks for linear addresses, a small
 * direct-mapped TLB turns them into host pointers, and the page walk fills
 * it. Stores are logged dirty after they are made.
 */
#include "qemu/osdep.h"

#include "x86emu-int.h"

#include "system/ioport.h"

void emu_tlb_flush(X86Emu *e)
{
    memset(e->tlb, 0, sizeof(e->tlb));
}

void emu_check_a20(X86Emu *e)
{
    uint32_t mask = e->env->a20_mask;

    if (mask != e->a20_mask) {
        e->a20_mask = mask;
        emu_tlb_flush(e);
    }
}

void emu_tlb_flush_page(X86Emu *e, uint32_t lin)
{
    /* Large pages have many entries; a flush of all is right for them too. */
    if (e->emu->x86.crx[4] & (CR4_PSE_MASK | CR4_PAE_MASK)) {
        emu_tlb_flush(e);
        return;
    }
    memset(emu_tlb_entry(e, lin, false), 0, sizeof(EmuTLBEntry));
    memset(emu_tlb_entry(e, lin, true), 0, sizeof(EmuTLBEntry));
}

/* --- The walk's view of memory -------------------------------------------- */

static uint8_t *ram_pointer(VM *vm, uint64_t gpa, uint64_t len_bytes,
                            RAMBlock **block, uint64_t *offset)
{
    const MemoryRange *range = memory_find(vm, gpa);

    if (!range || !range->block ||
        gpa - range->gpa + len_bytes > range->size_bytes) {
        return NULL;
    }
    *block = range->block;
    *offset = range->offset + (gpa - range->gpa);
    return range->block->host + *offset;
}

static bool walk_read(void *opaque, uint64_t gpa, void *buf, size_t len_bytes)
{
    X86Emu *e = opaque;
    RAMBlock *block;
    uint64_t offset;
    const uint8_t *host = ram_pointer(e->vm, gpa, len_bytes, &block, &offset);

    if (!host) {
        return false;
    }
    memcpy(buf, host, len_bytes);
    return true;
}

static bool walk_set_bits(void *opaque, uint64_t gpa, uint8_t bits)
{
    X86Emu *e = opaque;
    RAMBlock *block;
    uint64_t offset;
    uint8_t *host = ram_pointer(e->vm, gpa, 1, &block, &offset);

    if (!host) {
        return false;
    }
    if (!block->rom) {
        qatomic_fetch_or(host, bits);
        ram_block_mark_dirty(block, offset, 1);
    }
    return true;
}

static bool emu_walk(X86Emu *e, uint32_t lin, X86Access access, bool user,
                     X86WalkResult *result)
{
    X86Walk walk = {
        .read = walk_read,
        .set_bits = walk_set_bits,
        .opaque = e,
        .cr0 = e->emu->x86.crx[0],
        .cr3 = e->emu->x86.crx[3],
        .cr4 = e->emu->x86.crx[4],
        .a20_mask = (uint64_t)(int64_t)(int32_t)e->a20_mask,
    };

    return x86_walk(&walk, lin, access, user, result);
}

/* --- Fast path ------------------------------------------------------------ */

void emu_stored(EmuTLBEntry *entry, uint32_t lin, unsigned size_bytes)
{
    ram_block_mark_dirty(entry->block,
                         entry->offset + (lin & ~EMU_PAGE_MASK), size_bytes);
}

static inline void ram_access(EmuTLBEntry *entry, uint32_t lin, void *buf,
                              unsigned size_bytes, X86Access access)
{
    uint8_t *host = entry->host + (lin & ~EMU_PAGE_MASK);

    if (access != X86_WRITE) {
        memcpy(buf, host, size_bytes);
        return;
    }
    memcpy(host, buf, size_bytes);
    emu_stored(entry, lin, size_bytes);
}

/*
 * Translates and, where the page is RAM, fills the TLB. False: e->fault.
 * *@entry is NULL for devices, ROM stores and holes.
 */
static bool tlb_fill(X86Emu *e, uint32_t lin, EmuHow how, EmuTLBEntry **entry,
                     uint64_t *gpa)
{
    X86WalkResult result;
    EmuTLBEntry fresh = {0};
    EmuTLBEntry *slot = emu_tlb_entry(e, lin, how.user);

    if (!emu_walk(e, lin, how.access, how.user, &result)) {
        e->emu->x86.crx[2] = lin;
        emu_raise(e, EXC_PF, true, result.error_code);
        return false;
    }
    *gpa = result.paddr;
    *entry = NULL;
    fresh.host = ram_pointer(e->vm, result.paddr & ~0xfffULL,
                             TARGET_PAGE_SIZE, &fresh.block, &fresh.offset);
    if (!fresh.host || (how.access == X86_WRITE && fresh.block->rom)) {
        return true;
    }
    fresh.read_tag = (lin & EMU_PAGE_MASK) | 1;
    if (result.writable && !fresh.block->rom) {
        fresh.write_tag = fresh.read_tag;
    }
    *slot = fresh;
    *entry = slot;
    return true;
}

/* An access within one page that missed the TLB. */
static bool access_slow(X86Emu *e, uint32_t lin, void *buf,
                        unsigned size_bytes, EmuHow how)
{
    bool is_write = how.access == X86_WRITE;
    const MemoryRange *range;
    EmuTLBEntry *entry;
    uint64_t gpa;

    if (!tlb_fill(e, lin, how, &entry, &gpa)) {
        return false;
    }
    if (entry) {
        ram_access(entry, lin, buf, size_bytes, how.access);
        return true;
    }
    range = memory_find(e->vm, gpa);
    if (!range || !range->block) {
        memory_io_access(e->vm, gpa, buf, size_bytes, is_write);
    } else if (is_write) {
        memory_write(e->vm, gpa, buf, size_bytes);
    } else {
        memory_read(e->vm, gpa, buf, size_bytes);
    }
    return true;
}

bool emu_access(X86Emu *e, uint32_t lin, void *buf, unsigned size_bytes,
                EmuHow how)
{
    unsigned left = TARGET_PAGE_SIZE - (lin & ~EMU_PAGE_MASK);
    EmuTLBEntry *entry = emu_tlb_entry(e, lin, how.user);
    X86WalkResult result;

    if (size_bytes <= left) {
        if (emu_tlb_hit(entry, lin, how.access)) {
            ram_access(entry, lin, buf, size_bytes, how.access);
            return true;
        }
        return access_slow(e, lin, buf, size_bytes, how);
    }
    /* Both pages must be there before the first octet is stored. */
    if (!emu_walk(e, lin + left, how.access, how.user, &result)) {
        if (!emu_walk(e, lin, how.access, how.user, &result)) {
            left = 0;
        }
        e->emu->x86.crx[2] = lin + left;
        emu_raise(e, EXC_PF, true, result.error_code);
        return false;
    }
    return access_slow(e, lin, buf, left, how) &&
           access_slow(e, lin + left, (uint8_t *)buf + left,
                       size_bytes - left, how);
}

/* --- The library's callback ------------------------------------------------ */

static unsigned emu_port_access(X86Emu *e, u32 port, u32 *val, unsigned type,
                                unsigned size_bytes)
{
    if ((e->emu->x86.crx[0] & CR0_PE_MASK) && emu_cpl(e) > emu_iopl(e)) {
        /* The TSS's permission map is not looked at: none is granted. */
        emu_raise(e, EXC_GP, true, 0);
        x86emu_intr_raise(e->emu, EXC_GP, INTR_TYPE_FAULT | INTR_MODE_RESTART,
                          0);
        *val = 0;
        return 1;
    }
    if (type == X86EMU_MEMIO_O) {
        ioport_write(e->vm, port, *val, size_bytes);
        emu_check_a20(e);
    } else {
        *val = ioport_read(e->vm, port, size_bytes);
    }
    return 0;
}

/* Descriptors are read with the processor's rights, not the program's. */
static bool is_descriptor(const X86Emu *e, uint32_t lin)
{
    const x86emu_regs_t *x86 = &e->emu->x86;

    return lin - x86->gdt.base <= x86->gdt.limit ||
           (x86->ldt.limit && lin - x86->ldt.base <= x86->ldt.limit);
}

/*
 * What nearly all accesses are: to RAM that the TLB knows, within a page.
 * Each size has its own case so that it is one load or store.
 */
static inline bool memio_fast(X86Emu *e, uint32_t lin, u32 *val,
                              unsigned type)
{
    EmuTLBEntry *entry = emu_tlb_entry(e, lin, e->user);

    if (type >= X86EMU_MEMIO_I ||
        (lin & ~EMU_PAGE_MASK) > TARGET_PAGE_SIZE - 4) {
        return false;
    }
    if ((type & ~0xffU) != X86EMU_MEMIO_W) {
        if (!emu_tlb_hit(entry, lin, X86_READ)) {
            return false;
        }
        *val = 0;
        switch (type & 3) {
        case X86EMU_MEMIO_16:
            ram_access(entry, lin, val, 2, X86_READ);
            return true;
        case X86EMU_MEMIO_32:
            ram_access(entry, lin, val, 4, X86_READ);
            return true;
        default:
            ram_access(entry, lin, val, 1, X86_READ);
            return true;
        }
    }
    if (!emu_tlb_hit(entry, lin, X86_WRITE)) {
        return false;
    }
    switch (type & 3) {
    case X86EMU_MEMIO_16:
        ram_access(entry, lin, val, 2, X86_WRITE);
        return true;
    case X86EMU_MEMIO_32:
        ram_access(entry, lin, val, 4, X86_WRITE);
        return true;
    default:
        ram_access(entry, lin, val, 1, X86_WRITE);
        return true;
    }
}

unsigned emu_memio(x86emu_t *emu, u32 addr, u32 *val, unsigned type)
{
    static const uint8_t sizes[4] = {1, 2, 4, 1};
    X86Emu *e = emu->_private;
    unsigned size_bytes = sizes[type & 3];
    bool user = e->user;
    X86Access access;

    /* The instruction has failed already and will be undone. */
    if (emu->x86.intr_type) {
        *val = 0;
        return 1;
    }
    if (memio_fast(e, addr, val, type)) {
        return 0;
    }
    type &= ~0xffU;
    if (type == X86EMU_MEMIO_I || type == X86EMU_MEMIO_O) {
        return emu_port_access(e, addr & 0xffff, val, type, size_bytes);
    }
    if (type == X86EMU_MEMIO_W) {
        access = X86_WRITE;
    } else {
        access = X86_READ;
        *val = 0;
        user = user && !(type == X86EMU_MEMIO_R && is_descriptor(e, addr));
    }
    if (emu_access(e, addr, val, size_bytes, (EmuHow){ access, user })) {
        return 0;
    }
    *val = 0;
    x86emu_intr_raise(emu, e->fault.vector,
                      INTR_TYPE_FAULT | INTR_MODE_RESTART, 0);
    return 1;
}
