/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be sent of one block. */
#include "qemu/osdep.h"

#include "stream-double.h"

#define PAGES (3 * DIRTY_CHUNK_PAGES + 100)

static DirtyBitmap map_new(TestVM *t)
{
    RAMBlock *block = test_vm_add_block(t, "ram", PAGES * TARGET_PAGE_SIZE);
    DirtyBitmap map = { 0 };

    qatomic_set(&t->logging, true);
    dirty_bitmap_init(&map, block);
    return map;
}

static void drain(DirtyBitmap *map)
{
    uint64_t first, count, at = 0;

    while (dirty_bitmap_next_run(map, at, UINT32_MAX, &first, &count)) {
        g_assert_true(dirty_bitmap_take(map, first, count, NULL));
        at = first + count;
    }
    g_assert_cmpuint(map->dirty_pages, ==, 0);
}

static void test_all_dirty(void)
{
    TestVM *t = test_vm_new();
    DirtyBitmap map;

    map = map_new(t);
    g_assert_cmpuint(map.dirty_pages, ==, PAGES);
    drain(&map);
    /* One call per chunk, the last one short. */
    g_assert_cmpuint(t->clears, ==, 4);
    g_assert_cmpuint(t->pages_cleared, ==, PAGES);
    dirty_bitmap_destroy(&map);
    test_vm_free(t);
}

static void test_sync(void)
{
    TestVM *t = test_vm_new();
    DirtyBitmap map = map_new(t);
    uint64_t fresh = 0, first, count;

    drain(&map);
    t->clears = 0;
    bitmap_clear(map.populated, 0, PAGES);
    test_vm_store(map.block, 5 * TARGET_PAGE_SIZE + 7, 1);
    test_vm_store(map.block, 6 * TARGET_PAGE_SIZE, 1);
    test_vm_store(map.block, (PAGES - 1) * TARGET_PAGE_SIZE, 1);
    g_assert_cmpuint(map.dirty_pages, ==, 0);
    g_assert_true(dirty_bitmap_sync(&map, &fresh, NULL));
    g_assert_cmpuint(fresh, ==, 3);
    g_assert_cmpuint(map.dirty_pages, ==, 3);
    g_assert_true(test_bit(5, map.populated));
    g_assert_false(test_bit(7, map.populated));
    g_assert_true(dirty_bitmap_next_run(&map, 0, 100, &first, &count));
    g_assert_cmpuint(first, ==, 5);
    g_assert_cmpuint(count, ==, 2);
    /* Again while it is still to be sent: not new. */
    test_vm_store(map.block, 5 * TARGET_PAGE_SIZE, 2);
    g_assert_true(dirty_bitmap_sync(&map, &fresh, NULL));
    g_assert_cmpuint(fresh, ==, 3);
    drain(&map);
    g_assert_cmpuint(t->clears, ==, 2);
    g_assert_true(dirty_bitmap_sync(&map, &fresh, NULL));
    g_assert_cmpuint(map.dirty_pages, ==, 0);
    dirty_bitmap_destroy(&map);
    test_vm_free(t);
}

static void test_runs(void)
{
    TestVM *t = test_vm_new();
    DirtyBitmap map = map_new(t);
    uint64_t first, count;

    g_assert_true(dirty_bitmap_next_run(&map, 10, 7, &first, &count));
    g_assert_cmpuint(first, ==, 10);
    g_assert_cmpuint(count, ==, 7);
    /* Not past the end of a chunk, nor of the block. */
    g_assert_true(dirty_bitmap_next_run(&map, DIRTY_CHUNK_PAGES - 3, 100,
                                        &first, &count));
    g_assert_cmpuint(count, ==, 3);
    g_assert_true(dirty_bitmap_next_run(&map, PAGES - 2, 100, &first,
                                        &count));
    g_assert_cmpuint(count, ==, 2);
    g_assert_false(dirty_bitmap_next_run(&map, PAGES, 100, &first, &count));
    dirty_bitmap_destroy(&map);
    test_vm_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty-bitmap/all-dirty", test_all_dirty);
    g_test_add_func("/dirty-bitmap/sync", test_sync);
    g_test_add_func("/dirty-bitmap/runs", test_runs);
    return g_test_run();
}
