/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/memory-*.c, ram-block.c, dirty-log.c, ram-populated.c. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "system/memory.h"
#include "system/system-internal.h"

#define PAGE TARGET_PAGE_SIZE

static uint64_t io_read(void *opaque, uint64_t addr, unsigned size_bytes)
{
    g_string_append_printf(opaque, "r%" PRIx64 ".%u ", addr, size_bytes);
    return 0x1122334455667788;
}

static void io_write(void *opaque, uint64_t addr, uint64_t value,
                     unsigned size_bytes)
{
    g_string_append_printf(opaque, "w%" PRIx64 ".%u=%" PRIx64 " ", addr,
                           size_bytes, value);
}

static const MemoryRegionOps io_ops = {.read = io_read, .write = io_write};

static void assert_range(const MemoryRange *range, uint64_t gpa,
                         uint64_t size_bytes, const RAMBlock *block,
                         uint64_t offset)
{
    g_assert_cmphex(range->gpa, ==, gpa);
    g_assert_cmphex(range->size_bytes, ==, size_bytes);
    g_assert_true(range->block == block);
    g_assert_cmphex(range->offset, ==, offset);
}

static void test_map(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *ram = ram_block_new_anon(vm, "ram", 16 * PAGE, NULL);
    RAMBlock *rom = ram_block_new_anon(vm, "rom", 2 * PAGE, NULL);
    const MemoryRange *ranges;
    Error *err = NULL;
    size_t count;

    g_assert_true(memory_map_ram(vm, 0, ram, 0, 16 * PAGE, NULL));
    g_assert_true(memory_map_ram(vm, 4 * PAGE, rom, PAGE, PAGE, NULL));
    g_assert_true(memory_map_io(vm, 14 * PAGE, 4 * PAGE, &io_ops, vm, NULL));
    /* Over the rest of a range, the ROM and the start of the next. */
    g_assert_true(
        memory_map_io(vm, 3 * PAGE, 5 * PAGE / 2, &io_ops, vm, NULL));

    ranges = memory_ranges(vm, &count);
    g_assert_cmpuint(count, ==, 4);
    assert_range(&ranges[0], 0, 3 * PAGE, ram, 0);
    assert_range(&ranges[1], 3 * PAGE, 5 * PAGE / 2, NULL, 0);
    assert_range(&ranges[2], 11 * PAGE / 2, 17 * PAGE / 2, ram, 11 * PAGE / 2);
    assert_range(&ranges[3], 14 * PAGE, 4 * PAGE, NULL, 0);

    g_assert_true(memory_find(vm, 0) == &ranges[0]);
    g_assert_true(memory_find(vm, 3 * PAGE - 1) == &ranges[0]);
    g_assert_true(memory_find(vm, 3 * PAGE) == &ranges[1]);
    g_assert_true(memory_find(vm, 18 * PAGE - 1) == &ranges[3]);
    g_assert_null(memory_find(vm, 18 * PAGE));
    g_assert_null(memory_find(vm, UINT64_MAX));

    /* The end of the address space. */
    g_assert_true(memory_map_ram(vm, -PAGE, ram, 0, PAGE, NULL));
    g_assert_nonnull(memory_find(vm, UINT64_MAX));
    g_assert_false(memory_map_ram(vm, -PAGE, ram, 0, 2 * PAGE, &err));
    error_free(g_steal_pointer(&err));
    g_assert_false(memory_map_ram(vm, 0, ram, PAGE, 16 * PAGE, &err));
    error_free(g_steal_pointer(&err));
    vm_free(vm);
}

static void test_access(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *ram = ram_block_new_anon(vm, "ram", 2 * PAGE, NULL);
    RAMBlock *rom = ram_block_new_anon(vm, "rom", PAGE, NULL);
    GString *log = g_string_new(NULL);
    uint8_t buf[32];
    uint64_t word = 0x0102030405060708;

    rom->rom = true;
    g_assert_true(memory_map_ram(vm, 0, ram, 0, 2 * PAGE, NULL));
    g_assert_true(memory_map_ram(vm, 2 * PAGE, rom, 0, PAGE, NULL));
    g_assert_true(memory_map_io(vm, 3 * PAGE + 4, 12, &io_ops, log, NULL));

    bql_lock(vm);
    /* Across pages, into ROM: what falls there vanishes. */
    g_assert_true(memory_write(vm, 2 * PAGE - 4, &word, 8));
    g_assert_cmphex(*(uint32_t *)(ram->host + 2 * PAGE - 4), ==, 0x05060708);
    g_assert_cmphex(*(uint32_t *)rom->host, ==, 0);
    g_assert_true(memory_write_rom(vm, 2 * PAGE - 4, &word, 8));
    g_assert_cmphex(*(uint32_t *)rom->host, ==, 0x01020304);
    g_assert_true(memory_read(vm, 2 * PAGE - 4, buf, 8));
    g_assert_cmpmem(buf, 8, &word, 8);

    /* A hole, a device, a hole. */
    g_assert_false(memory_read(vm, 3 * PAGE, buf, 20));
    g_assert_cmphex(buf[0], ==, 0xff);
    g_assert_cmphex(buf[3], ==, 0xff);
    g_assert_cmphex(buf[4], ==, 0x88);
    g_assert_cmphex(buf[12], ==, 0x88);
    g_assert_cmphex(buf[15], ==, 0x55);
    g_assert_cmphex(buf[16], ==, 0xff);
    g_assert_cmpstr(log->str, ==, "r0.8 r8.4 ");
    g_string_truncate(log, 0);
    g_assert_true(memory_write(vm, 3 * PAGE + 5, &word, 7));
    g_assert_cmpstr(log->str, ==, "w1.1=8 w2.2=607 w4.4=2030405 ");
    g_assert_false(memory_read(vm, UINT64_MAX, buf, 1));
    bql_unlock(vm);

    /* By itself it takes the lock. */
    memory_io_access(vm, 3 * PAGE + 4, &word, 4, false);
    g_assert_cmphex(word & 0xffffffff, ==, 0x55667788);
    vm_free(vm);
    g_string_free(log, TRUE);
}

static bool append_id(RAMBlock *block, void *opaque, Error **errp)
{
    g_string_append_printf(opaque, "%s ", block->id);
    return true;
}

static void test_blocks(void)
{
    VM *vm = vm_new(NULL);
    g_autoptr(GString) ids = g_string_new(NULL);
    g_autofree char *long_id = g_strnfill(RAM_BLOCK_ID_MAX + 1, 'x');
    Error *err = NULL;
    RAMBlock *big;

    g_assert_nonnull(ram_block_new_anon(vm, "a", PAGE, NULL));
    g_assert_nonnull(ram_block_new_anon(vm, "b", 2 * PAGE, NULL));
    g_assert_nonnull(ram_block_new_anon(vm, "c", PAGE, NULL));
    big = ram_block_new_anon(vm, "big", 4 * MiB, NULL);
    g_assert_true(ram_block_foreach(vm, append_id, ids, NULL));
    g_assert_cmpstr(ids->str, ==, "big b a c ");
    g_assert_true(IS_ALIGNED((uintptr_t)big->host, 2 * MiB));
    g_assert_true(ram_block_by_id(vm, "big") == big);
    g_assert_null(ram_block_by_id(vm, "x"));

    g_assert_null(ram_block_new_anon(vm, "a", PAGE, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "'a'"));
    error_free(g_steal_pointer(&err));
    g_assert_null(ram_block_new_anon(vm, "d", PAGE + 1, &err));
    error_free(g_steal_pointer(&err));
    g_assert_null(ram_block_new_anon(vm, "d", 0, &err));
    error_free(g_steal_pointer(&err));
    g_assert_null(ram_block_new_anon(vm, long_id, PAGE, &err));
    error_free(g_steal_pointer(&err));
    vm_free(vm);
}

static void test_dirty(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *ram = ram_block_new_anon(vm, "ram", 200 * PAGE, NULL);
    g_autofree unsigned long *bitmap = bitmap_new(200);
    uint64_t new_pages = 0;
    uint8_t buf[3 * PAGE] = {0};

    g_assert_true(memory_map_ram(vm, 0, ram, 0, 200 * PAGE, NULL));
    bql_lock(vm);
    memory_write(vm, 0, buf, 1);
    g_assert_false(memory_dirty_log_enabled(vm));
    g_assert_true(memory_dirty_log_start(vm, NULL));
    g_assert_false(memory_dirty_log_start(vm, NULL));
    g_assert_true(ram_block_dirty_sync(ram, bitmap, &new_pages, NULL));
    g_assert_cmpuint(new_pages, ==, 0);

    memory_write(vm, 62 * PAGE - 1, buf, 2 * PAGE + 2);
    memory_write(vm, 199 * PAGE, buf, PAGE);
    memory_write(vm, 5, buf, 1);
    set_bit(62, bitmap);
    g_assert_true(ram_block_dirty_sync(ram, bitmap, &new_pages, NULL));
    g_assert_cmpuint(new_pages, ==, 5);
    g_assert_cmpuint(bitmap_count(bitmap, 0, 200), ==, 6);
    g_assert_true(test_bit(0, bitmap));
    g_assert_true(test_bit(61, bitmap));
    g_assert_true(test_bit(64, bitmap));
    g_assert_false(test_bit(65, bitmap));
    g_assert_true(test_bit(199, bitmap));
    g_assert_true(ram_block_dirty_clear(ram, 0, 200, NULL));

    memory_write(vm, 0, buf, 1);
    memory_dirty_log_stop(vm);
    memory_write(vm, PAGE, buf, 1);
    /* What an earlier log left does not show in a new one. */
    g_assert_true(memory_dirty_log_start(vm, NULL));
    new_pages = 0;
    g_assert_true(ram_block_dirty_sync(ram, bitmap, &new_pages, NULL));
    g_assert_cmpuint(new_pages, ==, 0);
    memory_dirty_log_stop(vm);
    bql_unlock(vm);
    vm_free(vm);
}

#define RACE_PAGES 4096
#define RACE_WRITES 200000

static void *race_writer(void *opaque)
{
    RAMBlock *ram = opaque;
    uint32_t x = 1;

    for (unsigned i = 0; i < RACE_WRITES; i++) {
        uint64_t page;

        x = x * 1664525 + 1013904223;
        page = (x >> 8) % RACE_PAGES;
        qatomic_fetch_add((uint32_t *)(ram->host + page * PAGE), 1);
        ram_block_mark_dirty(ram, page * PAGE, 4);
    }
    return NULL;
}

static void copy_dirty(RAMBlock *ram, unsigned long *bitmap, uint32_t *seen)
{
    uint64_t new_pages = 0;

    g_assert_true(ram_block_dirty_sync(ram, bitmap, &new_pages, NULL));
    for (uint64_t p = find_next_bit(bitmap, RACE_PAGES, 0); p < RACE_PAGES;
         p = find_next_bit(bitmap, RACE_PAGES, p + 1)) {
        clear_bit(p, bitmap);
        seen[p] = qatomic_read((uint32_t *)(ram->host + p * PAGE));
    }
}

/* A copy made from dirty pages only is in the end the whole truth. */
static void test_dirty_race(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *ram = ram_block_new_anon(vm, "ram", RACE_PAGES * PAGE, NULL);
    g_autofree unsigned long *bitmap = bitmap_new(RACE_PAGES);
    g_autofree uint32_t *seen = g_new0(uint32_t, RACE_PAGES);
    GThread *writers[2];

    bql_lock(vm);
    g_assert_true(memory_dirty_log_start(vm, NULL));
    bql_unlock(vm);
    for (int i = 0; i < 2; i++) {
        writers[i] = g_thread_new("writer", race_writer, ram);
    }
    for (int i = 0; i < 50; i++) {
        copy_dirty(ram, bitmap, seen);
    }
    for (int i = 0; i < 2; i++) {
        g_thread_join(writers[i]);
    }
    copy_dirty(ram, bitmap, seen);
    for (unsigned p = 0; p < RACE_PAGES; p++) {
        g_assert_cmpuint(seen[p], ==, *(uint32_t *)(ram->host + p * PAGE));
    }
    vm_free(vm);
}

/* Writes and reads some pages of @ram and looks at what is known of them. */
static void check_populated(RAMBlock *ram, bool huge_possible)
{
    uint64_t pages = ram_block_pages(ram);
    g_autofree unsigned long *bitmap = bitmap_new(pages);
    uint64_t known;

    if (huge_possible) {
        madvise(ram->host, ram->max_bytes, MADV_NOHUGEPAGE);
    }
    ram->host[3 * PAGE] = 1;
    ram->host[700 * PAGE + 5] = 1;
    bitmap_set(bitmap, 0, pages);
    clear_bit(700, bitmap); /* never sets a bit */
    ram_block_mask_unpopulated(ram, bitmap);
    g_assert_true(test_bit(3, bitmap));
    g_assert_false(test_bit(700, bitmap));
    known = bitmap_count(bitmap, 0, pages);
    if (known == pages - 1) {
        g_test_skip("neither pagemap nor SEEK_DATA tells about pages here");
        return;
    }
    g_assert_cmpuint(known, ==, 1);
}

/* Each way to ask by itself, for kernels that lack one; and none at all. */
static void test_populated_ways(void)
{
    static const struct {
        unsigned ways;
        const char *name;
    } cases[] = {
        { RAM_POPULATED_SCAN, "PAGEMAP_SCAN" },
        { RAM_POPULATED_PAGEMAP, "/proc/self/pagemap" },
        { 0, NULL },
    };
    VM *vm = vm_new(NULL);
    RAMBlock *ram = ram_block_new_anon(vm, "ram", 32 * MiB, NULL);
    uint64_t pages = ram_block_pages(ram), last = pages - 1;
    g_autofree unsigned long *bitmap = bitmap_new(pages);

    madvise(ram->host, ram->max_bytes, MADV_NOHUGEPAGE);
    ram->host[3 * PAGE] = 1;
    ram->host[5000 * PAGE] = 1; /* beyond one piece of entries */
    ram->host[last * PAGE] = 1;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t known;

        bitmap_set(bitmap, 0, pages);
        ram_block_mask_unpopulated_by(ram, bitmap, cases[i].ways);
        known = bitmap_count(bitmap, 0, pages);
        g_assert_true(test_bit(3, bitmap) && test_bit(5000, bitmap) &&
                      test_bit(last, bitmap));
        if (cases[i].name && known == pages) {
            g_test_message("%s does not work here", cases[i].name);
            g_test_skip("a way to ask for populated pages is missing");
        } else {
            g_assert_cmpuint(known, ==, cases[i].name ? 3 : pages);
        }
    }
    vm_free(vm);
}

static void test_populated_anon(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *ram = ram_block_new_anon(vm, "ram", 4 * MiB, NULL);

    check_populated(ram, true);
    vm_free(vm);
}

static void unmap(RAMBlock *block)
{
    munmap(block->host, block->max_bytes);
    close(block->fd);
}

static RAMBlock *memfd_block(VM *vm, bool shared)
{
    RAMBlock *block = g_new0(RAMBlock, 1);

    g_strlcpy(block->id, "memfd", sizeof(block->id));
    block->fd = memfd_create("test", MFD_CLOEXEC);
    g_assert_cmpint(block->fd, >=, 0);
    g_assert_cmpint(ftruncate(block->fd, 5 * MiB), ==, 0);
    block->max_bytes = 4 * MiB;
    block->fd_offset = 1 * MiB;
    block->shared = shared;
    block->host = mmap(NULL, 4 * MiB, PROT_READ | PROT_WRITE,
                       shared ? MAP_SHARED : MAP_PRIVATE, block->fd, 1 * MiB);
    g_assert_true(block->host != MAP_FAILED);
    block->free_host = unmap;
    g_assert_true(ram_block_add(vm, block, NULL));
    return block;
}

static void test_populated_shared(void)
{
    VM *vm = vm_new(NULL);

    check_populated(memfd_block(vm, true), false);
    vm_free(vm);
}

/* Others may write to such a file, so that nothing is known for long. */
static void test_populated_named(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *ram = memfd_block(vm, true);
    uint64_t pages = ram_block_pages(ram);
    g_autofree unsigned long *bitmap = bitmap_new(pages);

    ram->host[3 * PAGE + 5] = 1;
    g_assert_cmpuint(ram_block_hole_end(ram, 700 * PAGE), ==, 700 * PAGE);
    ram->named_file = true;
    bitmap_set(bitmap, 0, pages);
    ram_block_mask_unpopulated(ram, bitmap);
    g_assert_cmpuint(bitmap_count(bitmap, 0, pages), ==, pages);
    g_assert_cmpuint(ram_block_hole_end(ram, 3 * PAGE), ==, 3 * PAGE);
    if (ram_block_hole_end(ram, 2 * PAGE) == 2 * PAGE) {
        g_test_skip("SEEK_DATA does not tell about pages here");
        vm_free(vm);
        return;
    }
    g_assert_cmpuint(ram_block_hole_end(ram, 0), ==, 3 * PAGE);
    g_assert_cmpuint(ram_block_hole_end(ram, 700 * PAGE), ==, pages * PAGE);
    g_assert_cmpint(pwrite(ram->fd, "x", 1, 1 * MiB + 700 * PAGE), ==, 1);
    g_assert_cmpuint(ram_block_hole_end(ram, 4 * PAGE), ==, 700 * PAGE);
    g_assert_cmpuint(ram_block_hole_end(ram, 700 * PAGE), ==, 700 * PAGE);
    vm_free(vm);
}

static void test_populated_private_file(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *ram = memfd_block(vm, false);
    g_autofree unsigned long *bitmap = bitmap_new(1024);

    check_populated(ram, false);
    /* What the file holds counts too, touched or not. */
    g_assert_cmpint(pwrite(ram->fd, "x", 1, 1 * MiB + 9 * PAGE), ==, 1);
    bitmap_set(bitmap, 0, 1024);
    ram_block_mask_unpopulated(ram, bitmap);
    g_assert_true(test_bit(9, bitmap));
    g_assert_true(test_bit(3, bitmap));
    vm_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/map", test_map);
    g_test_add_func("/memory/access", test_access);
    g_test_add_func("/memory/blocks", test_blocks);
    g_test_add_func("/memory/dirty", test_dirty);
    g_test_add_func("/memory/dirty-race", test_dirty_race);
    g_test_add_func("/memory/populated/anon", test_populated_anon);
    g_test_add_func("/memory/populated/named", test_populated_named);
    g_test_add_func("/memory/populated/ways", test_populated_ways);
    g_test_add_func("/memory/populated/shared", test_populated_shared);
    g_test_add_func("/memory/populated/private-file",
                    test_populated_private_file);
    return g_test_run();
}
