/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: RAM blocks, the map of guest-physical addresses onto them
 * and onto devices, and the log of dirty pages.
 *
 * The map and the list of blocks are built with the machine and constant
 * while vCPUs run, so readers take no lock. RAM contents are shared with
 * vCPUs by nature.
 *
 * Dirty log. Writers (x86emu stores, device DMA, QMP/qtest writes) set bits
 * in block->dirty with atomics while logging is on; KVM keeps its own log.
 * ram_block_dirty_sync() hides which: it moves everything logged so far into
 * the caller's bitmap.
 */
#ifndef SYSTEM_MEMORY_H
#define SYSTEM_MEMORY_H

#include "qemu/bitmap.h"
#include "system/vm.h"

#define TARGET_PAGE_BITS 12
#define TARGET_PAGE_SIZE (1ULL << TARGET_PAGE_BITS)
#define RAM_BLOCK_ID_MAX 255

typedef struct GuestMemory GuestMemory;

typedef struct RAMBlock {
    /* [const] */
    VM *vm;
    char id[RAM_BLOCK_ID_MAX + 1]; /* the name on the wire */
    uint8_t *host;
    uint64_t max_bytes;
    uint64_t page_size_bytes; /* of the backing: 4 KiB, 2 MiB, 1 GiB */
    int fd;                   /* backing file, -1 if anonymous */
    uint64_t fd_offset;
    bool shared;
    bool named_file;          /* fd has a path other processes can open */
    bool migratable;
    bool resizable;
    bool rom;                 /* guest stores are ignored */

    /* [lock: bql], changed only while the guest is stopped */
    uint64_t used_bytes;

    /* [atomic] one bit per target page; see above */
    unsigned long *dirty;

    void (*free_host)(struct RAMBlock *block); /* NULL: not ours to unmap */
    void *opaque;                              /* backend's */
} RAMBlock;

/*
 * Adds a block; @block is filled in by the caller up to `resizable` and then
 * owned by the VM. The id must be new. Machine build only.
 */
bool ram_block_add(VM *vm, RAMBlock *block, Error **errp);

/* An anonymous private mapping of @size_bytes (MADV_HUGEPAGE) as a block. */
RAMBlock *ram_block_new_anon(VM *vm, const char *id, uint64_t size_bytes,
                             Error **errp);

/* NULL if there is none of this name. Any thread once the machine runs. */
RAMBlock *ram_block_by_id(VM *vm, const char *id);

/* For every block, largest first (the order on the wire). */
typedef bool (*RAMBlockFn)(RAMBlock *block, void *opaque, Error **errp);
bool ram_block_foreach(VM *vm, RAMBlockFn fn, void *opaque, Error **errp);

static inline uint64_t ram_block_pages(const RAMBlock *block)
{
    return block->used_bytes >> TARGET_PAGE_BITS;
}

/* --- The map of guest-physical addresses -------------------------------- */

typedef struct MemoryRegionOps {
    /* @size_bytes 1, 2, 4 or 8; @addr relative to the region; BQL held. */
    uint64_t (*read)(void *opaque, uint64_t addr, unsigned size_bytes);
    void (*write)(void *opaque, uint64_t addr, uint64_t value,
                  unsigned size_bytes);
} MemoryRegionOps;

/*
 * Map part of a block, or a device, at @gpa. Later maps win where they
 * overlap earlier ones. Machine build only.
 */
bool memory_map_ram(VM *vm, uint64_t gpa, RAMBlock *block,
                    uint64_t offset, uint64_t size_bytes, Error **errp);
bool memory_map_io(VM *vm, uint64_t gpa, uint64_t size_bytes,
                   const MemoryRegionOps *ops, void *opaque, Error **errp);

/* One flat, sorted, non-overlapping piece of the map. */
typedef struct MemoryRange {
    uint64_t gpa;
    uint64_t size_bytes;
    RAMBlock *block; /* NULL: a device */
    uint64_t offset; /* in block */
    const MemoryRegionOps *ops;
    void *opaque;
    uint64_t io_base; /* gpa of the device's region */
} MemoryRange;

/* The flat map, for accelerators; [const] once the machine is built. */
const MemoryRange *memory_ranges(VM *vm, size_t *count);

/* The range that holds @gpa, NULL if nothing is there. */
const MemoryRange *memory_find(VM *vm, uint64_t gpa);

/*
 * Copies between guest-physical memory and @buf. RAM: no lock; stores are
 * logged dirty and do not reach ROM. Devices: wants the BQL. Where nothing
 * is mapped reads give ones and writes vanish; returns false if any octet
 * was such. memory_write_rom() also writes ROM, for loaders.
 */
bool memory_read(VM *vm, uint64_t gpa, void *buf, size_t len_bytes);
bool memory_write(VM *vm, uint64_t gpa, const void *buf, size_t len_bytes);
bool memory_write_rom(VM *vm, uint64_t gpa, const void *buf,
                      size_t len_bytes);

/*
 * A device access of one vCPU instruction: takes and releases the BQL by
 * itself. For accelerators.
 */
void memory_io_access(VM *vm, uint64_t gpa, void *buf, unsigned size_bytes,
                      bool is_write);

/* --- The dirty log ------------------------------------------------------ */

/* Marks target pages that [@offset, @offset+@len_bytes) touches. Any thread. */
void ram_block_mark_dirty(RAMBlock *block, uint64_t offset,
                          uint64_t len_bytes);

/*
 * Start and stop logging, accelerator included. Every store that begins
 * after start returns is seen by a later sync. BQL.
 */
bool memory_dirty_log_start(VM *vm, Error **errp);
void memory_dirty_log_stop(VM *vm);
bool memory_dirty_log_enabled(VM *vm);

/*
 * Moves the log of @block into @bitmap (one bit per target page, or-ed) and
 * adds the number of bits newly set in it to *@new_pages. May run while
 * vCPUs do. One caller at a time per VM; the BQL is not needed.
 */
bool ram_block_dirty_sync(RAMBlock *block, unsigned long *bitmap,
                          uint64_t *new_pages, Error **errp);

/*
 * Re-arms write detection for pages about to be read and sent (KVM's manual
 * clear); must come before the page is read.
 */
bool ram_block_dirty_clear(RAMBlock *block, uint64_t first_page,
                           uint64_t pages, Error **errp);

/*
 * Gives the block's pages back to the host: their contents are lost, and read
 * as zeros. A file that has a name is the user's and keeps them: only what of
 * it is mapped here goes. What the kernel still sends from the pages stays as
 * it was. False: some or all stay. The guest must have no further use for
 * them. Any thread.
 */
bool ram_block_release(RAMBlock *block, Error **errp);

/*
 * The same with the first page alone: if that stays, so would the block. Sets
 * *@lost if contents are gone, which also a failure may have done, and else
 * leaves it.
 */
bool ram_block_release_first(RAMBlock *block, bool *lost, Error **errp);

/* --- Which pages were ever populated ------------------------------------ */

/*
 * Clears in @bitmap (one bit per target page, all ones on entry or any) the
 * bits of pages of @block that no one ever wrote and that therefore read as
 * zeros, without touching them. Falls back to clearing nothing where the
 * kernel does not tell, and for shared files with a name. Any thread; pages
 * written meanwhile are only known by the dirty log, so start that first.
 */
void ram_block_mask_unpopulated(RAMBlock *block, unsigned long *bitmap);

/*
 * A shared file with a name may have holes, which read as zeros, and reading
 * fills them: where the one ends that the page at @offset lies in, in whole
 * pages. @offset if there is none, for other memory, and where the kernel does
 * not tell. Others can write to the file, so that the answer is one of this
 * moment. Any thread.
 */
uint64_t ram_block_hole_end(const RAMBlock *block, uint64_t offset);

#endif
