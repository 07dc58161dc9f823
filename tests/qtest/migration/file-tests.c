/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration into a file or command, and out of it later. */
#include "qemu/osdep.h"
#include "migration/framework.h"
#include "migration/groups.h"

#define OFFSET 4096
#define MAGIC "QEVM"

/* The file is there before, and full of X. */
static void prepare_file(MigrateTest *t)
{
    g_autofree char *path = migrate_text(t, "@D/stream");
    g_autofree char *old = g_strnfill(2 * OFFSET, 'X');

    g_assert_true(g_file_set_contents(path, old, 2 * OFFSET, NULL));
}

static void end_offset(MigrateTest *t)
{
    g_autofree char *path = migrate_text(t, "@D/stream");
    g_autofree char *data = NULL;
    gsize len;

    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpuint(strspn(data, "X"), ==, OFFSET);
    g_assert_cmpuint(len, >, (gsize)OFFSET + 8);
    g_assert_cmpint(memcmp(data + OFFSET, MAGIC "\0\0\0\3", 8), ==, 0);
}

static void end_magic(MigrateTest *t)
{
    g_autofree char *path = migrate_text(t, "@D/stream");
    g_autofree char *data = NULL;
    gsize len;

    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpuint(len, >, 8);
    g_assert_cmpint(memcmp(data, MAGIC "\0\0\0\3", 8), ==, 0);
    /* The last thing in it is the description of the devices' state. */
    g_assert_nonnull(memmem(data + len / 2, len - len / 2,
                            "\"page_size\"", 11));
}

/* Read-only files, and files that a second destination reads again. */
static void end_again(MigrateTest *t)
{
    g_autofree char *path = migrate_text(t, "@D/stream");

    qtest_quit(t->dst);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_wait_status(t->dst, "completed");
    migrate_assert_guest_works(t, t->dst);
    migrate_assert_memory_whole(t, t->dst);
    g_assert_true(qtest_file_has(path, MAGIC));
}

/* The source cannot know what became of it: it has all, and can go on. */
static void end_continue(MigrateTest *t)
{
    qtest_quit(t->dst);
    t->dst = NULL;
    qtest_qmp_ok(t->src, "{'execute': 'cont'}");
    migrate_assert_guest_works(t, t->src);
    migrate_assert_memory_whole(t, t->src);
}

static const MigrateCase cases[] = {
    { .name = "file/live", .listen = "file:@D/stream", .stored = true,
      .end = end_magic },
    { .name = "file/paused", .listen = "file:@D/stream", .stored = true,
      .paused = true },
    { .name = "file/direct", .listen = "file:@D/stream", .stored = true,
      .direct = true, .quick = true },
    { .name = "file/channels", .listen = "file:@D/stream", .stored = true,
      .channels = true, .quick = true },
    { .name = "file/longer-before", .listen = "file:@D/stream",
      .stored = true, .quick = true, .prepare = prepare_file,
      .end = end_magic },
    { .name = "file/twice", .listen = "file:@D/stream", .stored = true,
      .quick = true, .end = end_again },
    { .name = "file/offset", .listen = "file:@D/stream,offset=4096",
      .stored = true, .prepare = prepare_file, .end = end_offset },
    { .name = "file/offset-hex", .listen = "file:@D/stream,offset=0x1000",
      .stored = true, .quick = true, .prepare = prepare_file,
      .end = end_offset },
    { .name = "file/offset-suffix", .listen = "file:@D/stream,offset=4k",
      .stored = true, .quick = true, .prepare = prepare_file,
      .end = end_offset },
    { .name = "file/offset-channels",
      .listen = "file:@D/stream,offset=4096", .stored = true,
      .channels = true, .quick = true, .prepare = prepare_file,
      .end = end_offset },
    { .name = "file/release-ram", .listen = "file:@D/stream", .stored = true,
      .quick = true, .src_caps = "release-ram", .end = end_continue },
    { .name = "exec/release-ram", .connect = "exec:cat > @D/stream",
      .listen = "exec:cat @D/stream", .stored = true, .quick = true,
      .src_caps = "release-ram", .end = end_continue },
    { .name = "exec/live", .connect = "exec:cat > @D/stream",
      .listen = "exec:cat @D/stream", .stored = true, .end = end_magic },
    { .name = "exec/file", .connect = "exec:cat > @D/stream",
      .listen = "file:@D/stream", .stored = true, .quick = true },
    { .name = "file/exec", .connect = "file:@D/stream",
      .listen = "exec:cat @D/stream", .stored = true, .quick = true },
};

/* --- Old machine types -------------------------------------------------------- */

/* Whether a stream of this machine type says that the switchover starts:
 * command 11, no data, as the first record of the end. */
static bool stream_has_switchover(const char *args)
{
    static const uint8_t record[] = { 8, 0, 11, 0, 0 };
    MigrateCase c = { .name = "x", .connect = "file:@D/stream",
                      .listen = "file:@D/stream", .src_args = args,
                      .paused = true, .caps = "return-path" };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *path = migrate_text(t, "@D/stream");
    g_autofree char *data = NULL;
    gsize len;
    bool found;

    migrate_start_source(t);
    migrate_go_fast(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "completed");
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    found = memmem(data, len, record, sizeof(record)) != NULL;
    migrate_test_free(t);
    return found;
}

static void test_switchover_start(void)
{
    g_assert_true(stream_has_switchover("-machine q35"));
    g_assert_true(stream_has_switchover("-machine pc-q35-10.0"));
    g_assert_false(stream_has_switchover("-machine pc-q35-9.2"));
    g_assert_false(stream_has_switchover("-machine pc-q35-7.2"));
    g_assert_false(stream_has_switchover(
        "-global migration.send-switchover-start=off"));
    g_assert_true(stream_has_switchover(
        "-machine pc-q35-9.2 -global migration.send-switchover-start=on"));
}

void migration_add_file_tests(void)
{
    migrate_add_cases("file/", cases, ARRAY_SIZE(cases));
    if (guest_choose(!g_str_equal(qtest_binary("_SRC"),
                                  qtest_binary("_DST"))) == &guest_q35) {
        migrate_add_func("file/switchover-start", test_switchover_start);
    }
}
