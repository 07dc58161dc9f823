/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration's view of one RAM block: which pages are still to be sent.
 * Private to migration/; everything is the migration thread's.
 */
#ifndef MIGRATION_DIRTY_BITMAP_H
#define MIGRATION_DIRTY_BITMAP_H

#include "system/memory.h"

/*
 * Pages whose write detection is re-armed together: one call to the
 * accelerator for 64 MiB.
 */
#define DIRTY_CHUNK_PAGES (16 * KiB)

typedef struct DirtyBitmap {
    RAMBlock *block;
    uint64_t pages;
    uint64_t dirty_pages;     /* bits set in @dirty */
    unsigned long *dirty;     /* to be sent */
    unsigned long *populated; /* was written at some time; else it is zero */
    unsigned long *synced;    /* scratch of a sync, zero between */
    unsigned long *rearm;     /* per chunk: synced since it was re-armed */
} DirtyBitmap;

/*
 * All pages dirty. Logging must be on already, so that a page which is
 * populated after this look shows in a later sync.
 */
void dirty_bitmap_init(DirtyBitmap *map, RAMBlock *block);
void dirty_bitmap_destroy(DirtyBitmap *map);

/* Takes in what the guest wrote; *@new_pages counts bits newly set. */
bool dirty_bitmap_sync(DirtyBitmap *map, uint64_t *new_pages, Error **errp);

/*
 * The next run of dirty pages in [@start, @pages): at most @max_pages and
 * within one chunk. False: there is none.
 */
bool dirty_bitmap_next_run(const DirtyBitmap *map, uint64_t start,
                           uint64_t max_pages, uint64_t *first,
                           uint64_t *count);

/*
 * Marks a run (of one chunk) clean, before it is read: a write from now on
 * makes its page dirty again.
 */
bool dirty_bitmap_take(DirtyBitmap *map, uint64_t first, uint64_t count,
                       Error **errp);

#endif
