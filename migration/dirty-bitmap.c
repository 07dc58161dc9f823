/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages of a RAM block are still to be sent.
 *
 * Migration thread; setup with the BQL held.
 */
#include "qemu/osdep.h"

#include "migration/dirty-bitmap.h"

void dirty_bitmap_init(DirtyBitmap *map, RAMBlock *block)
{
    uint64_t pages = ram_block_pages(block);
    uint64_t chunks = DIV_ROUND_UP(pages, DIRTY_CHUNK_PAGES);

    map->block = block;
    map->pages = pages;
    map->dirty_pages = pages;
    map->dirty = bitmap_new(pages);
    map->populated = bitmap_new(pages);
    map->synced = bitmap_new(pages);
    map->rearm = bitmap_new(chunks);
    bitmap_set(map->dirty, 0, pages);
    bitmap_set(map->populated, 0, pages);
    bitmap_set(map->rearm, 0, chunks);
    ram_block_mask_unpopulated(block, map->populated);
}

void dirty_bitmap_destroy(DirtyBitmap *map)
{
    g_free(map->dirty);
    g_free(map->populated);
    g_free(map->synced);
    g_free(map->rearm);
    memset(map, 0, sizeof(*map));
}

bool dirty_bitmap_sync(DirtyBitmap *map, uint64_t *new_pages, Error **errp)
{
    const uint64_t words = BITS_TO_LONGS(map->pages);
    uint64_t logged = 0, found = 0;

    if (!ram_block_dirty_sync(map->block, map->synced, &logged, errp)) {
        return false;
    }
    for (uint64_t i = 0; logged && i < words; i++) {
        unsigned long word = map->synced[i];

        if (!word) {
            continue;
        }
        map->synced[i] = 0;
        found += __builtin_popcountl(word & ~map->dirty[i]);
        map->dirty[i] |= word;
        map->populated[i] |= word;
        set_bit(i * BITS_PER_LONG / DIRTY_CHUNK_PAGES, map->rearm);
    }
    map->dirty_pages += found;
    *new_pages += found;
    return true;
}

bool dirty_bitmap_next_run(const DirtyBitmap *map, uint64_t start,
                           uint64_t max_pages, uint64_t *first,
                           uint64_t *count)
{
    uint64_t end;

    *first = find_next_bit(map->dirty, map->pages, start);
    if (*first >= map->pages) {
        return false;
    }
    end = MIN(map->pages, *first + max_pages);
    end = MIN(end, ROUND_DOWN(*first, DIRTY_CHUNK_PAGES) + DIRTY_CHUNK_PAGES);
    *count = find_next_zero_bit(map->dirty, end, *first) - *first;
    return true;
}

bool dirty_bitmap_take(DirtyBitmap *map, uint64_t first, uint64_t count,
                       Error **errp)
{
    uint64_t chunk = first / DIRTY_CHUNK_PAGES;

    if (test_bit(chunk, map->rearm)) {
        uint64_t start = chunk * DIRTY_CHUNK_PAGES;

        clear_bit(chunk, map->rearm);
        if (!ram_block_dirty_clear(map->block, start,
                                   MIN(DIRTY_CHUNK_PAGES, map->pages - start),
                                   errp)) {
            return false;
        }
    }
    bitmap_clear(map->dirty, first, count);
    map->dirty_pages -= count;
    return true;
}
