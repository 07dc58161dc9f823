/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linear to guest-physical: the architecture's page walk, for the built-in
 * emulator's MMU and for debugger-like reads (memsave, xp).
 */
#include "qemu/osdep.h"

#include "system/memory.h"
#include "target/i386/cpu.h"

#define PHYS_MASK 0x000ffffffffff000ULL
#define PG_NX BIT_ULL(63)

typedef struct WalkLevel {
    unsigned shift; /* lowest address bit this level translates */
    unsigned bits;  /* how many */
    bool leaf_ok;   /* PS may end the walk here */
    bool rights;    /* entry has R/W, U/S and A */
} WalkLevel;

static const WalkLevel levels_32[] = {
    {22, 10, true, true}, {12, 10, false, true}, {0},
};
static const WalkLevel levels_pae[] = {
    {30, 2, false, false}, {21, 9, true, true}, {12, 9, false, true}, {0},
};
static const WalkLevel levels_64[] = {
    {48, 9, false, true}, {39, 9, false, true}, {30, 9, true, true},
    {21, 9, true, true},  {12, 9, false, true}, {0},
};

static const WalkLevel *walk_levels(const X86Walk *w, bool *wide)
{
    *wide = w->cr4 & CR4_PAE_MASK;
    if (!*wide) {
        return levels_32;
    }
    if (w->efer & EFER_LMA) {
        return w->cr4 & CR4_LA57_MASK ? levels_64 : levels_64 + 1;
    }
    return levels_pae;
}

static uint64_t walk_table_base(const X86Walk *w, bool wide)
{
    if (!wide) {
        return w->cr3 & 0xfffff000u;
    }
    return w->efer & EFER_LMA ? w->cr3 & PHYS_MASK : w->cr3 & 0xffffffe0u;
}

static bool walk_fault(X86WalkResult *r, bool present, X86Access access,
                       bool user)
{
    r->error_code = (present ? PG_P : 0) | (access == X86_WRITE ? PG_RW : 0) |
                    (user ? PG_US : 0);
    return false;
}

/* Address of the page a leaf maps, low bits not yet filled in. */
static uint64_t walk_leaf_base(const X86Walk *w, uint64_t entry,
                               unsigned shift, bool wide)
{
    if (!wide && shift == 22) {
        /* PSE-36: bits 13 to 20 are the address's bits 32 to 39. */
        return (entry & 0xffc00000u) | ((entry >> 13) & 0xff) << 32;
    }
    return entry & PHYS_MASK & ~(BIT_ULL(shift) - 1);
}

bool x86_walk(const X86Walk *w, uint64_t vaddr, X86Access access, bool user,
              X86WalkResult *r)
{
    bool wide, writable = true, usable = true;
    uint64_t entry = 0, entry_gpa = 0, base;
    unsigned shift = 0;

    if (!(w->cr0 & CR0_PG_MASK)) {
        r->paddr = vaddr & w->a20_mask;
        r->writable = true;
        return true;
    }
    const WalkLevel *level = walk_levels(w, &wide);
    unsigned entry_bytes = wide ? 8 : 4;

    base = walk_table_base(w, wide);
    for (; level->bits; level++) {
        uint64_t index = (vaddr >> level->shift) & (BIT_ULL(level->bits) - 1);

        shift = level->shift;
        entry = 0;
        entry_gpa = (base + index * entry_bytes) & w->a20_mask;
        if (!w->read(w->opaque, entry_gpa, &entry, entry_bytes) ||
            !(entry & PG_P)) {
            return walk_fault(r, false, access, user);
        }
        bool leaf = shift == 12 ||
                    (level->leaf_ok && (entry & PG_PS) &&
                     (wide || (w->cr4 & CR4_PSE_MASK)));
        if (level->rights) {
            writable = writable && (entry & PG_RW);
            usable = usable && (entry & PG_US);
        }
        if (leaf) {
            break;
        }
        if (level->rights && w->set_bits && !(entry & PG_A) &&
            !w->set_bits(w->opaque, entry_gpa, PG_A)) {
            return walk_fault(r, false, access, user);
        }
        base = wide ? entry & PHYS_MASK : entry & 0xfffff000u;
    }

    bool may_write = writable || (!user && !(w->cr0 & CR0_WP_MASK));

    if (!w->ignore_rights &&
        ((user && !usable) || (access == X86_WRITE && !may_write))) {
        return walk_fault(r, true, access, user);
    }
    if (w->set_bits) {
        uint8_t bits = PG_A | (access == X86_WRITE ? PG_D : 0);

        if ((entry & bits) != bits &&
            !w->set_bits(w->opaque, entry_gpa, bits)) {
            return walk_fault(r, false, access, user);
        }
        entry |= bits;
    }
    base = walk_leaf_base(w, entry, shift, wide);
    r->paddr = (base | (vaddr & (BIT_ULL(shift) - 1))) & w->a20_mask;
    r->writable = may_write && (entry & PG_D);
    return true;
}

static bool translate_read(void *opaque, uint64_t gpa, void *buf,
                           size_t len_bytes)
{
    const MemoryRange *range = memory_find(opaque, gpa);

    /* Tables in device memory: reading might have side effects. */
    return range && range->block && memory_read(opaque, gpa, buf, len_bytes);
}

bool cpu_arch_translate(CPUState *cpu, uint64_t vaddr, uint64_t *paddr)
{
    const CPUArchState *env = cpu->arch;
    X86WalkResult result;
    X86Walk walk = {
        .read = translate_read,
        .opaque = cpu->vm,
        .cr0 = env->cr[0],
        .cr3 = env->cr[3],
        .cr4 = env->cr[4],
        .efer = env->efer,
        .a20_mask = (uint64_t)(int64_t)env->a20_mask,
        .ignore_rights = true,
    };

    if (!x86_walk(&walk, vaddr, X86_READ, false, &result)) {
        return false;
    }
    *paddr = result.paddr;
    return true;
}
