/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages were ever populated, without touching them: PAGEMAP_SCAN, else
 * /proc/self/pagemap for private memory; SEEK_DATA for what is in a file.
 * Where none of them works all pages count as populated. Any thread.
 */
#include "qemu/osdep.h"
#include <sys/ioctl.h>
#include "system-internal.h"

/* The kernel's interface since 6.7, which older headers lack. */
struct lighter_page_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

struct lighter_pm_scan_arg {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t vec;
    uint64_t vec_len;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};
_Static_assert(sizeof(struct lighter_pm_scan_arg) == 96, "kernel ABI");

#define LIGHTER_PAGEMAP_SCAN _IOWR('f', 16, struct lighter_pm_scan_arg)
#define CATEGORY_PRESENT     BIT_ULL(3)
#define CATEGORY_SWAPPED     BIT_ULL(4)
#define CATEGORY_PFNZERO     BIT_ULL(5)

#define PAGEMAP_PRESENT BIT_ULL(63)
#define PAGEMAP_SWAPPED BIT_ULL(62)

#define SCAN_REGIONS   512
#define PAGEMAP_CHUNK  4096

/* Marks the target pages that [@start, @end) of the block touches. */
static void mark(unsigned long *populated, uint64_t start, uint64_t end)
{
    uint64_t first = start >> TARGET_PAGE_BITS;
    uint64_t after = DIV_ROUND_UP(end, TARGET_PAGE_SIZE);

    if (after > first) {
        bitmap_set(populated, first, after - first);
    }
}

static bool scan_ioctl(int fd, const RAMBlock *block, unsigned long *populated)
{
    g_autofree struct lighter_page_region *regions =
        g_new(struct lighter_page_region, SCAN_REGIONS);
    uint64_t host = (uintptr_t)block->host;
    struct lighter_pm_scan_arg arg = {
        .size = sizeof(arg),
        .start = host,
        .end = host + block->used_bytes,
        .vec = (uintptr_t)regions,
        .vec_len = SCAN_REGIONS,
        .category_inverted = CATEGORY_PFNZERO,
        .category_mask = CATEGORY_PFNZERO,
        .category_anyof_mask = CATEGORY_PRESENT | CATEGORY_SWAPPED,
        .return_mask = CATEGORY_PRESENT,
    };

    while (arg.start < arg.end) {
        long n = RETRY_ON_EINTR(ioctl(fd, LIGHTER_PAGEMAP_SCAN, &arg));

        if (n < 0 || arg.walk_end <= arg.start) {
            return false;
        }
        for (long i = 0; i < n; i++) {
            mark(populated, regions[i].start - host, regions[i].end - host);
        }
        arg.start = arg.walk_end;
    }
    return true;
}

static bool scan_pagemap(int fd, const RAMBlock *block,
                         unsigned long *populated)
{
    g_autofree uint64_t *entries = g_new(uint64_t, PAGEMAP_CHUNK);
    uint64_t page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t pages = DIV_ROUND_UP(block->used_bytes, page_bytes);
    uint64_t host_page = (uintptr_t)block->host / page_bytes;

    for (uint64_t at = 0; at < pages;) {
        size_t want = MIN(pages - at, PAGEMAP_CHUNK);
        ssize_t got = RETRY_ON_EINTR(
            pread(fd, entries, want * sizeof(uint64_t),
                  (host_page + at) * sizeof(uint64_t)));

        if (got < (ssize_t)sizeof(uint64_t)) {
            return false;
        }
        want = got / sizeof(uint64_t);
        for (size_t i = 0; i < want; i++) {
            if (entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) {
                mark(populated, (at + i) * page_bytes,
                     (at + i + 1) * page_bytes);
            }
        }
        at += want;
    }
    return true;
}

/* Pages of this process's own, anonymous or copied from a file. */
static bool scan_private(const RAMBlock *block, unsigned long *populated,
                         unsigned ways)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = ((ways & RAM_POPULATED_SCAN) && scan_ioctl(fd, block, populated)) ||
         ((ways & RAM_POPULATED_PAGEMAP) && scan_pagemap(fd, block, populated));
    qemu_close(&fd);
    return ok;
}

/* Moves the descriptor's position, which nobody uses. */
static bool scan_file(const RAMBlock *block, unsigned long *populated)
{
    off_t start = block->fd_offset;
    off_t end = start + (off_t)block->used_bytes;
    off_t at = start;

    while (at < end) {
        off_t data = lseek(block->fd, at, SEEK_DATA);
        off_t hole;

        if (data < 0) {
            return errno == ENXIO; /* a hole up to the end */
        }
        if (data >= end) {
            return true;
        }
        hole = lseek(block->fd, data, SEEK_HOLE);
        if (hole <= data) {
            return false;
        }
        hole = MIN(hole, end);
        mark(populated, data - start, hole - start);
        at = hole;
    }
    return true;
}

void ram_block_mask_unpopulated_by(RAMBlock *block, unsigned long *bitmap,
                                   unsigned ways)
{
    uint64_t pages = ram_block_pages(block);
    g_autofree unsigned long *populated = bitmap_new(pages);

    if (block->fd >= 0 && !scan_file(block, populated)) {
        return;
    }
    if (!block->shared && !scan_private(block, populated, ways)) {
        return;
    }
    if (block->shared && block->fd < 0) {
        return; /* other processes' pages do not show in our tables */
    }
    for (uint64_t i = 0; i < pages / BITS_PER_LONG; i++) {
        bitmap[i] &= populated[i];
    }
    if (pages % BITS_PER_LONG) {
        /* What lies behind the last page is not ours to say. */
        bitmap[pages / BITS_PER_LONG] &=
            populated[pages / BITS_PER_LONG] |
            (~0UL << (pages % BITS_PER_LONG));
    }
}

void ram_block_mask_unpopulated(RAMBlock *block, unsigned long *bitmap)
{
    /* A file that others can open may get content that no log tells of. */
    if (block->shared && block->named_file) {
        return;
    }
    ram_block_mask_unpopulated_by(block, bitmap,
                                  RAM_POPULATED_SCAN | RAM_POPULATED_PAGEMAP);
}

uint64_t ram_block_hole_end(const RAMBlock *block, uint64_t offset)
{
    off_t at = (off_t)(block->fd_offset + offset);
    off_t data;

    if (!block->shared || !block->named_file) {
        return offset;
    }
    data = lseek(block->fd, at, SEEK_DATA);
    if (data < 0) {
        return errno == ENXIO ? block->used_bytes : offset;
    }
    return MIN(offset + ROUND_DOWN((uint64_t)(data - at), TARGET_PAGE_SIZE),
               block->used_bytes);
}
