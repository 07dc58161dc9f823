/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Receiving RAM: whole migrations over a socket, and malformed records. */
#include "qemu/osdep.h"

#include <sys/mman.h>

#include "stream-double.h"

#define PAGE TARGET_PAGE_SIZE
#define PAGES 3000

/* The blocks of load_vm() that migrate. */
#define LIST                                                                   \
    "0000000000005004 01 \"a\" 0000000000004000"                               \
    "05 \"grows\" 0000000000001000"

/* --- malformed --- */

static TestVM *load_vm(void)
{
    TestVM *t = test_vm_new();
    RAMBlock *not;

    test_vm_add_block(t, "a", 4 * PAGE);
    not = test_vm_add_block(t, "not", PAGE);
    not->migratable = false;
    not = test_vm_add_block(t, "grows", 4 * PAGE);
    not->resizable = true;
    not->used_bytes = PAGE;
    return t;
}

static bool load(TestVM *t, const GByteArray *o, Error **errp)
{
    QEMUFile *f = test_input_new(o->data, o->len);
    bool ok;

    g_assert_true(ram_load_setup(f, &t->vm, NULL));
    ok = ram_load_state(f, &t->vm, 4, errp);
    ram_load_cleanup(&t->vm);
    qemu_fclose(f, NULL);
    return ok;
}

static const struct {
    const char *text;
    const char *error;
} malformed[] = {
    { "", "record at offset 0: input ends early" },
    { "0000000000000001", "not supported here: FULL" },
    { "0000000000000040", "not supported here: XBZRLE" },
    { "0000000000000060", "not supported here: XBZRLE" },
    { "0000000000000080", "not supported here: HOOK" },
    { "0000000000000100", "not supported here: COMPRESS_PAGE" },
    { "0000000000000000", "unknown flags 0x000" },
    { "0000000000000020", "unknown flags 0x020" },
    { "000000000000000a", "unknown flags 0x00a" },
    { "0000000000000030", "unknown flags 0x030" },
    { "0000000000000400", "unknown flags 0x400" },
    { "0000000000000802", "unknown flags 0x802" },
    { "0000000000000022 00", "previous block, but there was none" },
    { "0000000000000002 01 \"b\" 00", "page 0x0: block 'b' is unknown" },
    { "0000000000000002 00 00", "block '' is unknown" },
    { "0000000000001002 03 \"not\" 00", "block 'not' does not migrate" },
    { "0000000000004002 01 \"a\" 00", "page 0x4000 is outside of block 'a'" },
    { "fffffffffffff002 01 \"a\" 00", "is outside of block 'a'" },
    { "0000000000000002 01 \"a\" 00 0000000000004022 00",
      "record at offset 11: page 0x4000 is outside" },
    { "0000000000000002 01 \"a\" 00 0000000000004028", "is outside of" },
    { "0000000000000002 01 \"a\" 01", "ZERO record with octet 0x01" },
    { "0000000000000002 01 \"a\" 00 0000000000001022 07",
      "page 0x1000 of block 'a': ZERO record with octet 0x07" },
    { "0000000000000002 01 \"a\"", "input ends early" },
    { "0000000000000008 01 \"a\" 00", "input ends early" },
    { "0000000000004004 01 \"b\" 0000000000004000",
      "block list: block 'b' is unknown" },
    { "0000000000004004 03 \"not\" 0000000000004000",
      "block list: block 'not' does not migrate" },
    { "0000000000004004 01 \"a\" 0000000000003000",
      "block 'a' has 0x3000 octets on the source but 0x4000 here" },
    { "0000000000005004 05 \"grows\" 0000000000005000",
      "takes whole pages up to 0x4000" },
    { "0000000000005004 05 \"grows\" 0000000000001001",
      "takes whole pages up to 0x4000" },
    { "0000000000003004 01 \"a\" 0000000000004000",
      "only 0x3000 are left of the total" },
    { "0000000000004004 01 \"a\" 0000", "input ends early" },
    { "0000000000004004 01 \"a\" 0000000000004000 0000000000000010",
      "block list: block 'grows' is not in it" },
    { "0000000000001004 05 \"grows\" 0000000000001000", "block 'a' is not in" },
    { "0000000000000004 0000000000000010", "block 'a' is not in" },
    { "0000000000008004 01 \"a\" 0000000000004000 01 \"a\" 0000000000004000",
      "block list: block 'a' is in it twice" },
    { LIST LIST, "block list: there was one before" },
    { "0000000000000010", "the block list is missing" },
    { "0000000000000002 01 \"a\" 00 0000000000000010", "list is missing" },
};

static void test_malformed(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        g_autoptr(GByteArray) o = test_octets(malformed[i].text);
        TestVM *t = load_vm();
        Error *err = NULL;

        g_assert_false(load(t, o, &err));
        test_assert_error(err, malformed[i].error);
        test_vm_free(t);
    }
}

static void test_good(void)
{
    static const char *const texts[] = {
        LIST "0000000000000010",
        LIST "0000000000000200 0000000000000010",
        "0000000000000200" LIST "0000000000000010",
        ("0000000000008004 05 \"grows\" 0000000000004000"
         "01 \"a\" 0000000000004000 0000000000000010"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        g_autoptr(GByteArray) o = test_octets(texts[i]);
        TestVM *t = load_vm();

        g_assert_true(load(t, o, NULL));
        test_vm_free(t);
    }
}

static void test_resize(void)
{
    g_autoptr(GByteArray) o = test_octets(
        "0000000000007004 05 \"grows\" 0000000000003000"
        "01 \"a\" 0000000000004000 0000000000002002 05 \"grows\" 00 0000000000000010");
    TestVM *t = load_vm();
    RAMBlock *block = t->blocks->pdata[2];

    block->host[2 * PAGE] = 4;
    g_assert_true(load(t, o, NULL));
    g_assert_cmpuint(block->used_bytes, ==, 3 * PAGE);
    g_assert_cmpuint(block->host[2 * PAGE], ==, 0);
    test_vm_free(t);
}

/* Zero records leave pages that nobody populated alone: they fault here. */
static void test_zero_untouched(void)
{
    g_autoptr(GByteArray) o = test_octets(
        LIST "0000000000000002 01 \"a\" 00 0000000000001022 00"
        "0000000000002022 00 0000000000000010");
    TestVM *t = load_vm();
    RAMBlock *block = t->blocks->pdata[0];

    t->populated = bitmap_new(4);
    set_bit(2, t->populated);
    block->host[2 * PAGE] = 1;
    g_assert_cmpint(mprotect(block->host, 2 * PAGE, PROT_NONE), ==, 0);
    g_assert_true(load(t, o, NULL));
    g_assert_cmpuint(block->host[2 * PAGE], ==, 0);
    test_vm_free(t);
}

/* --- whole migrations --- */

typedef struct Pair {
    TestVM *src, *dst;
    QEMUFile *out, *in;
    GRand *rand;
    unsigned turns;
} Pair;

static Pair *pair; /* of the test that runs, for the dirtier's hook */

static void *load_thread(void *opaque)
{
    TestVM *t = opaque;
    Error *err = NULL;

    if (!loadvm(&t->incoming, t->incoming.from_src, &err)) {
        g_error("%s", error_get_pretty(err));
    }
    loadvm_cleanup(&t->incoming);
    return NULL;
}

static void fill(RAMBlock *block, GRand *rand, const char *kind)
{
    for (uint64_t page = 0; page < ram_block_pages(block); page++) {
        bool random = *kind == 'r' ||
                      (*kind == 'm' && g_rand_int_range(rand, 0, 8)) ||
                      (*kind == 'h' && g_rand_boolean(rand));

        for (unsigned i = 0; random && i < PAGE; i += 4) {
            uint32_t v = g_rand_int(rand);

            memcpy(block->host + page * PAGE + i, &v, 4);
        }
    }
}

/* The guest's turn: writes, and clears, a few pages of both blocks. */
static void dirty_some(TestVM *t)
{
    if (pair->turns++ > 200) {
        return;
    }
    for (unsigned i = 0; i < 20; i++) {
        RAMBlock *block = t->blocks->pdata[i % 2];
        uint64_t offset =
            g_rand_int_range(pair->rand, 0, block->used_bytes / PAGE) * PAGE;

        if (i % 5 == 0) {
            memset(block->host + offset, 0, PAGE);
            ram_block_mark_dirty(block, offset, PAGE);
        } else {
            test_vm_store(block, offset + g_rand_int_range(pair->rand, 0, PAGE),
                          g_rand_int(pair->rand));
        }
    }
}

static void migrate_live(Pair *p)
{
    MigrationState *s = &p->src->source;

    g_assert_true(savevm_send_header(s, p->out, NULL));
    g_assert_true(savevm_setup(s, p->out, NULL));
    for (unsigned round = 0; round < 6; round++) {
        MigrationPending pending;

        do {
            g_assert_true(savevm_iterate(s, p->out, NULL));
            g_assert_true(savevm_pending(s, false, &pending, NULL));
        } while (pending.precopy_bytes && p->turns <= 200);
        g_assert_true(savevm_pending(s, true, &pending, NULL));
    }
    bql_lock(&p->src->vm);
    g_assert_true(savevm_complete(s, p->out, NULL));
    savevm_cleanup(s);
    bql_unlock(&p->src->vm);
}

static void test_migrate(const void *opaque)
{
    const char *kind = opaque;
    Pair p = { .src = test_vm_new(), .dst = test_vm_new(),
               .rand = g_rand_new_with_seed(42) };
    GThread *thread;

    pair = &p;
    test_pair_new(&p.out, &p.in);
    for (int i = 0; i < 2; i++) {
        TestVM *t = i ? p.dst : p.src;

        test_vm_add_block(t, "ram", PAGES * PAGE);
        test_vm_add_block(t, "second", 100 * PAGE);
        g_assert_true(savevm_register_universal(&t->vm, NULL));
    }
    p.dst->populated = bitmap_new(PAGES);
    if (strchr(kind, '+')) {
        /* Something else is there already. */
        bitmap_set(p.dst->populated, 0, PAGES);
        memset(((RAMBlock *)p.dst->blocks->pdata[0])->host, 0x55,
               PAGES * PAGE);
    }
    fill(p.src->blocks->pdata[0], p.rand, kind);
    fill(p.src->blocks->pdata[1], p.rand, kind);
    p.src->on_rate = dirty_some;
    p.dst->incoming.from_src = p.in;
    thread = g_thread_new("load", load_thread, p.dst);
    migrate_live(&p);
    g_thread_join(thread);
    for (int i = 0; i < 2; i++) {
        RAMBlock *a = p.src->blocks->pdata[i], *b = p.dst->blocks->pdata[i];

        g_assert_true(!memcmp(a->host, b->host, a->used_bytes));
    }
    g_assert_cmpuint(p.turns, >, 6);
    g_assert_true(qemu_fclose(p.out, NULL));
    qemu_fclose(p.in, NULL);
    g_rand_free(p.rand);
    test_vm_free(p.src);
    test_vm_free(p.dst);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ram-load/malformed", test_malformed);
    g_test_add_func("/ram-load/good", test_good);
    g_test_add_func("/ram-load/resize", test_resize);
    g_test_add_func("/ram-load/zero-untouched", test_zero_untouched);
    g_test_add_data_func("/ram-load/migrate/random", "r", test_migrate);
    g_test_add_data_func("/ram-load/migrate/zero", "z", test_migrate);
    g_test_add_data_func("/ram-load/migrate/mixed", "m", test_migrate);
    g_test_add_data_func("/ram-load/migrate/half", "h", test_migrate);
    g_test_add_data_func("/ram-load/migrate/over-data", "h+", test_migrate);
    return g_test_run();
}
