/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes wrong on the way: a side that dies, a destination that refuses,
 * a stream that is not one. The source keeps its guest and says why.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "migration/framework.h"
#include "migration/groups.h"

/* --- A side dies -------------------------------------------------------------- */

static void kill_destination(MigrateTest *t)
{
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    qtest_kill(t->dst);
    t->dst = NULL;
}

static void run_source_dies(const char *listen)
{
    MigrateCase c = { .name = "x", .listen = listen };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *stderr_path = NULL;

    migrate_start_source(t);
    migrate_start_destination(t);
    stderr_path = g_strdup_printf("%s/target.stderr", t->dir);
    migrate_listen(t);
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    qtest_kill(t->src);
    t->src = NULL;
    migrate_end_destination(t, MIGRATE_DST_EXITS_1);
    {
        g_autofree char *said = NULL;

        g_assert_true(g_file_get_contents(stderr_path, &said, NULL, NULL));
        g_assert_cmpstr(said, !=, "");
    }
    migrate_test_free(t);
}

static void test_source_dies_tcp(void)
{
    run_source_dies("tcp:127.0.0.1:0");
}

static void test_source_dies_unix(void)
{
    run_source_dies("unix:@D/mig");
}

/* A source that hangs: the destination's monitor answers, and it can end. */
static void test_source_hangs(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig" };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    kill(qtest_pid(t->src), SIGSTOP);
    for (int i = 0; i < 20; i++) {
        gint64 start_us = g_get_monotonic_time();
        g_autofree char *status = migrate_status(t->dst);

        g_assert_cmpstr(status, ==, "active");
        migrate_assert_run_state(t->dst, "inmigrate");
        g_assert_cmpint(g_get_monotonic_time() - start_us, <, 2000000);
        g_usleep(10000);
    }
    kill(qtest_pid(t->src), SIGCONT);
    migrate_go_fast(t);
    migrate_wait_status(t->src, "completed");
    migrate_assert_moved(t);
    migrate_test_free(t);
}

/* The same with an end: SIGTERM while it waits for more. */
static void test_destination_quits_waiting(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig" };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    kill(qtest_pid(t->src), SIGSTOP);
    if (t->dst_is_ours) {
        qtest_quit(t->dst);
    } else {
        qtest_kill(t->dst);
    }
    t->dst = NULL;
    kill(qtest_pid(t->src), SIGCONT);
    migrate_wait_status(t->src, "failed");
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

/* The source is told to end while it migrates. */
static void test_source_quits(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig" };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    qtest_quit(t->src);
    t->src = NULL;
    migrate_end_destination(t, MIGRATE_DST_EXITS_1);
    migrate_test_free(t);
}

/* --- A destination that refuses -------------------------------------------------- */

static const MigrateCase cases[] = {
    { .name = "destination-dies/tcp", .listen = "tcp:127.0.0.1:0",
      .during = kill_destination, .outcome = MIGRATE_FAILS },
    { .name = "destination-dies/unix", .listen = "unix:@D/mig",
      .during = kill_destination, .outcome = MIGRATE_FAILS },
    { .name = "destination-dies/fd", .listen = "fd:fd-mig",
      .during = kill_destination, .outcome = MIGRATE_FAILS },
    { .name = "destination-dies/return-path", .listen = "tcp:127.0.0.1:0",
      .caps = "return-path", .during = kill_destination,
      .outcome = MIGRATE_FAILS },
    { .name = "uuid/tcp", .listen = "tcp:127.0.0.1:0",
      .caps = "validate-uuid", .outcome = MIGRATE_FAILS,
      .src_args = "-uuid 11111111-1111-1111-1111-111111111111",
      .dst_args = "-uuid 22222222-2222-2222-2222-222222222222",
      .error = "destination",
      .dst_says = "11111111-1111-1111-1111-111111111111" },
    { .name = "uuid/unix", .listen = "unix:@D/mig",
      .caps = "validate-uuid", .outcome = MIGRATE_FAILS,
      .src_args = "-uuid 11111111-1111-1111-1111-111111111111",
      .dst_args = "-uuid 22222222-2222-2222-2222-222222222222",
      .error = "destination",
      .dst_says = "22222222-2222-2222-2222-222222222222" },
    { .name = "uuid/paused", .listen = "unix:@D/mig", .paused = true,
      .caps = "validate-uuid", .outcome = MIGRATE_FAILS,
      .src_args = "-uuid 11111111-1111-1111-1111-111111111111",
      .dst_args = "-uuid 22222222-2222-2222-2222-222222222222" },
    { .name = "ram-size/smaller", .listen = "unix:@D/mig",
      .outcome = MIGRATE_FAILS,
      .dst_args = "-object memory-backend-ram,id=other,size=120M "
                  "-machine memory-backend=other -m 120M",
      .error = "destination", .dst_says = "mig.mem" },
};

/* Another board altogether. */
static void test_machine(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig",
                      .outcome = MIGRATE_FAILS };
    MigrateTest *t = migrate_test_new(&c);
    const char *const args[] = { "-machine", "none", "-m", "150M",
                                 "-incoming", "defer", NULL };
    g_autofree char *error = NULL;

    migrate_start_source(t);
    t->dst = qtest_start(qtest_binary("_DST"), t->dir, "target", args);
    migrate_listen(t);
    migrate_go_fast(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "failed");
    error = migrate_error(t->src);
    g_assert_nonnull(error);
    migrate_end_destination(t, MIGRATE_DST_EXITS_1);
    g_free(error);
    error = migrate_text(t, "@D/target.stderr");
    g_assert_true(!t->dst_is_ours || qtest_file_has(error, t->guest->name));
    g_assert_true(!t->dst_is_ours || qtest_file_has(error, "none"));
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

/* As a case, but the destination stays to tell of it. */
static void test_refusal_stays(void)
{
    MigrateCase c = {
        .name = "x", .listen = "unix:@D/mig", .caps = "validate-uuid",
        .src_args = "-uuid 11111111-1111-1111-1111-111111111111",
        .dst_args = "-uuid 22222222-2222-2222-2222-222222222222",
        .outcome = MIGRATE_FAILS,
    };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *error = NULL;

    migrate_start_source(t);
    migrate_start_destination(t);
    qtest_qmp_ok(t->dst, "{'execute': 'migrate-incoming', 'arguments': "
                 "{'uri': 'unix:%s/mig', 'exit-on-error': false}}", t->dir);
    migrate_go_fast(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "failed");
    migrate_end_destination(t, MIGRATE_DST_FAILED);
    error = migrate_error(t->dst);
    g_assert_nonnull(error);
    if (t->dst_is_ours) {
        g_assert_nonnull(strstr(error, "11111111-1111"));
    }
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

/* --- Streams that are none -------------------------------------------------------- */

/* A destination gets @data by a socket; what it says as it gives up. */
static void feed(const void *data, size_t len, const char *word)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig" };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *path = migrate_text(t, "@D/mig");
    g_autofree char *error = NULL;
    QTestClient *client;

    migrate_start_destination(t);
    qtest_qmp_ok(t->dst, "{'execute': 'migrate-incoming', 'arguments': "
                 "{'uri': 'unix:%s', 'exit-on-error': false}}", path);
    client = qtest_client_connect(path);
    qtest_client_send(client, data, len);
    qtest_client_free(client);
    migrate_end_destination(t, MIGRATE_DST_FAILED);
    error = migrate_error(t->dst);
    g_assert_nonnull(error);
    if (t->dst_is_ours && !strstr(error, word)) {
        g_error("the destination's error \"%s\" does not name '%s'", error,
                word);
    }
    migrate_test_free(t);
}

static void test_no_stream(void)
{
    static const char http[] = "GET / HTTP/1.0\r\n\r\n";
    static const uint8_t version[] = { 'Q', 'E', 'V', 'M', 0, 0, 0, 9 };
    static const uint8_t record[] = { 'Q', 'E', 'V', 'M', 0, 0, 0, 3, 0x55 };

    feed("", 0, "");
    feed(http, sizeof(http), "");
    feed(version, sizeof(version), "version");
    feed(record, sizeof(record), "");
}

/* A stream as our own source writes it; g_free(). */
static char *record_stream(gsize *len)
{
    MigrateCase c = { .name = "x", .connect = "file:@D/stream",
                      .listen = "file:@D/stream", .paused = true };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *path = migrate_text(t, "@D/stream");
    char *data;

    migrate_start_source(t);
    migrate_go_fast(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "completed");
    g_assert_true(g_file_get_contents(path, &data, len, NULL));
    migrate_test_free(t);
    return data;
}

static void test_truncated(void)
{
    gsize len;
    g_autofree char *data = record_stream(&len);
    const gsize cuts[] = { 4, 12, 60, 4096, len / 2, len - len / 4 };

    for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
        feed(data, cuts[i], "");
    }
}

/* One octet of the head of each kind is wrong. */
static void test_corrupted(void)
{
    gsize len;
    g_autofree char *data = record_stream(&len);
    const char *ram = memmem(data, len, "\3ram", 4);

    g_assert_nonnull(ram);
    data[ram - data + 1] ^= 0x40; /* a section that nobody knows */
    feed(data, len, "");
    data[ram - data + 1] ^= 0x40;
    data[ram - data + 11] ^= 0x40; /* its version */
    feed(data, len, "ram");
    data[ram - data + 11] ^= 0x40;
    data[9] ^= 0x7f; /* the length of the machine's name */
    feed(data, len, "");
}

/* Nobody sends, and then the connection goes. */
static void test_silence(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig" };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *path = migrate_text(t, "@D/mig");
    QTestClient *client;

    migrate_start_destination(t);
    migrate_listen(t);
    client = qtest_client_connect(path);
    for (int i = 0; i < 10; i++) {
        migrate_assert_run_state(t->dst, "inmigrate");
        g_usleep(10000);
    }
    qtest_client_free(client);
    migrate_end_destination(t, MIGRATE_DST_EXITS_1);
    migrate_test_free(t);
}

void migration_add_fault_tests(void)
{
    migrate_add_cases("fault/", cases, ARRAY_SIZE(cases));
    migrate_add_func("fault/source-dies/tcp", test_source_dies_tcp);
    migrate_add_func("fault/source-dies/unix", test_source_dies_unix);
    migrate_add_func("fault/source-hangs", test_source_hangs);
    migrate_add_func("fault/source-quits", test_source_quits);
    migrate_add_func("fault/destination-quits",
                     test_destination_quits_waiting);
    migrate_add_func("fault/machine", test_machine);
    migrate_add_func("fault/refusal-stays", test_refusal_stays);
    migrate_add_func("fault/no-stream", test_no_stream);
    migrate_add_func("fault/truncated", test_truncated);
    migrate_add_func("fault/corrupted", test_corrupted);
    migrate_add_func("fault/silence", test_silence);
}
