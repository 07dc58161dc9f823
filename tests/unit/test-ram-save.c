/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending RAM: the octets of each record, and a guest that writes meanwhile. */
#include "qemu/osdep.h"

#include "stream-double.h"

#define PAGE TARGET_PAGE_SIZE

static void setup(TestVM *t, QEMUFile *f)
{
    bql_lock(&t->vm);
    g_assert_true(ram_save_setup(f, &t->vm, NULL));
    bql_unlock(&t->vm);
}

static void finish(TestVM *t, QEMUFile *f)
{
    bql_lock(&t->vm);
    g_assert_true(ram_save_complete(f, &t->vm, NULL));
    g_assert_true(qemu_fflush(f, NULL));
    ram_save_cleanup(&t->vm);
    bql_unlock(&t->vm);
}

static void append(GByteArray *to, const char *text)
{
    g_autoptr(GByteArray) o = test_octets(text);

    g_byte_array_append(to, o->data, o->len);
}

static void test_records(void)
{
    TestVM *t = test_vm_new();
    RAMBlock *a = test_vm_add_block(t, "a", 4 * PAGE);
    RAMBlock *rom = test_vm_add_block(t, "rom", PAGE);
    RAMBlock *not = test_vm_add_block(t, "not", PAGE);
    QEMUFile *f = test_output_new();
    g_autoptr(GByteArray) want = g_byte_array_new();
    g_autoptr(GByteArray) is = NULL;

    not->migratable = false;
    memset(a->host + PAGE, 0x11, PAGE);
    memset(a->host + 2 * PAGE, 0x22, PAGE);
    rom->host[PAGE - 1] = 1;
    setup(t, f);
    g_assert_true(ram_save_iterate(f, &t->vm, NULL));
    g_assert_cmpuint(t->source.counters.remaining_pages, ==, 0);
    test_vm_store(a, 3 * PAGE + 4, 5);
    finish(t, f);
    is = test_output_take(f);

    append(want, "0000000000005004 01 \"a\" 0000000000004000"
           "03 \"rom\" 0000000000001000 0000000000000010"
           "0000000000000002 01 \"a\" 00 0000000000001028");
    g_byte_array_append(want, a->host + PAGE, PAGE);
    append(want, "0000000000002028");
    g_byte_array_append(want, a->host + 2 * PAGE, PAGE);
    append(want, "0000000000003022 00 0000000000000008 03 \"rom\"");
    g_byte_array_append(want, rom->host, PAGE);
    append(want, "0000000000000010 0000000000003008 01 \"a\"");
    g_byte_array_append(want, a->host + 3 * PAGE, PAGE);
    append(want, "0000000000000010");
    g_assert_cmpmem(is->data, is->len, want->data, want->len);
    g_assert_cmpuint(t->source.counters.normal_pages, ==, 4);
    g_assert_cmpuint(t->source.counters.zero_pages, ==, 2);
    g_assert_cmpuint(t->source.counters.total_ram_bytes, ==, 5 * PAGE);
    g_assert_cmpuint(t->source.counters.remaining_pages, ==, 0);
    g_assert_cmpuint(t->source.counters.dirty_sync_count, ==, 2);
    g_assert_cmpuint(t->passes, ==, 2);
    test_vm_free(t);
}

static void test_no_detection(void)
{
    TestVM *t = test_vm_new();
    QEMUFile *f = test_output_new();

    test_vm_add_block(t, "a", 8 * PAGE);
    t->populated = bitmap_new(8);
    t->source.config.zero_page_detection = ZERO_PAGE_DETECTION_NONE;
    setup(t, f);
    g_assert_true(ram_save_iterate(f, &t->vm, NULL));
    finish(t, f);
    g_assert_cmpuint(t->source.counters.normal_pages, ==, 8);
    g_assert_cmpuint(t->source.counters.zero_pages, ==, 0);
    qemu_fclose(f, NULL);
    test_vm_free(t);
}

/*
 * Pages nobody wrote are not read: they are made unreadable. One of them is
 * written by the guest before its turn, and goes out with its contents.
 */
static void test_unpopulated(void)
{
    enum { PAGES = 40000 };
    TestVM *t = test_vm_new();
    RAMBlock *a = test_vm_add_block(t, "a", PAGES * PAGE);
    QEMUFile *f = test_output_new();
    g_autoptr(GByteArray) is = NULL;

    t->populated = bitmap_new(PAGES);
    set_bit(3, t->populated);
    a->host[3 * PAGE] = 9;
    setup(t, f);
    test_vm_store(a, 39999 * PAGE, 7);
    while (t->source.counters.remaining_pages) {
        g_assert_true(ram_save_iterate(f, &t->vm, NULL));
    }
    g_assert_cmpuint(t->source.counters.zero_pages, ==, PAGES - 1);
    finish(t, f);
    g_assert_cmpuint(t->source.counters.normal_pages, ==, 2);
    is = test_output_take(f);
    g_assert_cmpuint(is->data[is->len - 8 - PAGE], ==, 7);
    test_vm_free(t);
}

static void test_limits(void)
{
    TestVM *t = test_vm_new();
    RAMBlock *a = test_vm_add_block(t, "a", 4096 * PAGE);
    QEMUFile *f = test_output_new();
    MigrationPending pending = { 0 };

    for (unsigned i = 0; i < 4096; i++) {
        a->host[i * PAGE] = 1;
    }
    setup(t, f);
    t->rate_exceeded = true;
    g_assert_true(ram_save_iterate(f, &t->vm, NULL));
    g_assert_cmpuint(t->source.counters.remaining_pages, >, 0);
    g_assert_cmpuint(t->source.counters.normal_pages, ==, 0);
    /* A slice with room for ten pages gets ten. */
    t->rate_exceeded = false;
    t->rate_once_bytes = 10 * PAGE + 1;
    g_assert_true(ram_save_iterate(f, &t->vm, NULL));
    g_assert_cmpuint(t->source.counters.remaining_pages, >, 0);
    g_assert_cmpuint(t->source.counters.normal_pages, ==, 10);
    g_assert_true(ram_save_pending(&t->vm, false, &pending, NULL));
    g_assert_cmpuint(pending.precopy_bytes, ==, (4096 - 10) * PAGE);
    t->rate_exceeded = false;
    t->rate_once_bytes = 4 * MiB;
    g_assert_true(ram_save_iterate(f, &t->vm, NULL));
    g_assert_cmpuint(t->source.counters.normal_pages, ==, 522);
    test_vm_store(a, 0, 2);
    pending.precopy_bytes = 0;
    g_assert_true(ram_save_pending(&t->vm, true, &pending, NULL));
    g_assert_cmpuint(pending.precopy_bytes, ==, (4096 - 522 + 1) * PAGE);
    bql_lock(&t->vm);
    ram_save_cleanup(&t->vm);
    ram_save_cleanup(&t->vm);
    bql_unlock(&t->vm);
    qemu_fclose(f, NULL);
    test_vm_free(t);
}

/* Whenever the BQL is lent someone writes, @turns times at most. */
typedef struct Writer {
    RAMBlock *block;
    unsigned turns;
    unsigned done;
} Writer;

static void write_again(void *opaque)
{
    Writer *w = opaque;

    if (w->done < w->turns) {
        w->done++;
        test_vm_store(w->block, 0, (uint8_t)w->done);
    }
}

static void nothing(void *opaque)
{
}

static bool complete_with_writer(unsigned turns, Writer *w, Error **errp)
{
    TestVM *t = test_vm_new();
    QEMUFile *f = test_output_new();
    bool ok;

    *w = (Writer) { test_vm_add_block(t, "a", PAGE), turns, 0 };
    setup(t, f);
    g_assert_true(qemu_fflush(f, NULL));
    qemu_file_set_wait_hooks(f, write_again, nothing, w);
    bql_lock(&t->vm);
    ok = ram_save_complete(f, &t->vm, errp);
    /* From the last look on the BQL stays. */
    g_assert_cmpint(t->source.bql_loan.refused, ==, ok);
    ram_save_cleanup(&t->vm);
    bql_unlock(&t->vm);
    qemu_file_set_wait_hooks(f, NULL, NULL, NULL);
    qemu_fclose(f, NULL);
    test_vm_free(t);
    return ok;
}

static void test_complete_turns(void)
{
    Error *err = NULL;
    Writer w;

    g_assert_true(complete_with_writer(99, &w, &err));
    g_assert_null(err);
    g_assert_cmpuint(w.done, ==, 99);
    g_assert_false(complete_with_writer(UINT_MAX, &w, &err));
    test_assert_error(err, "memory keeps being written to");
    g_assert_cmpuint(w.done, ==, 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ram-save/records", test_records);
    g_test_add_func("/ram-save/no-detection", test_no_detection);
    g_test_add_func("/ram-save/unpopulated", test_unpopulated);
    g_test_add_func("/ram-save/limits", test_limits);
    g_test_add_func("/ram-save/complete-turns", test_complete_turns);
    return g_test_run();
}
