/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes wrong on the way: a side that dies, a destination that refuses,
 * a stream that is not one. The source keeps its guest and says why.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "migration/framework.h"
#include "migration/groups.h"

/* --- In the middle -------------------------------------------------------------- */

static void wait_midway(MigrateTest *t)
{
    migrate_wait_number(t->src, "ram.transferred", 1000000);
}

static void kill_destination(MigrateTest *t)
{
    wait_midway(t);
    qtest_kill(t->dst);
    t->dst = NULL;
}

static void kill_source(MigrateTest *t)
{
    wait_midway(t);
    qtest_kill(t->src);
    t->src = NULL;
}

/* Told to end, it does, whatever it is at. */
static void quit_source(MigrateTest *t)
{
    wait_midway(t);
    qtest_quit(t->src);
    t->src = NULL;
}

/* The same while it waits for more than the source sends. */
static void quit_destination(MigrateTest *t)
{
    wait_midway(t);
    kill(qtest_pid(t->src), SIGSTOP);
    if (t->dst_is_ours) {
        qtest_quit(t->dst);
    } else {
        qtest_kill(t->dst);
    }
    t->dst = NULL;
    kill(qtest_pid(t->src), SIGCONT);
}

/* A source that hangs: the destination's monitor answers. */
static void hang_source(MigrateTest *t)
{
    wait_midway(t);
    kill(qtest_pid(t->src), SIGSTOP);
    for (int i = 0; i < 100; i++) {
        gint64 start_us = g_get_monotonic_time();
        g_autofree char *status = migrate_status(t->dst);

        g_assert_cmpstr(status, ==, "active");
        migrate_assert_run_state(t->dst, "inmigrate");
        g_assert_cmpint(g_get_monotonic_time() - start_us, <, 2000000);
    }
    kill(qtest_pid(t->src), SIGCONT);
}

/* --- The table -------------------------------------------------------------------- */

static char *missing_q35(const MigrateTest *t)
{
    return t->guest == &guest_q35 ? NULL
                                  : g_strdup("only q35 has versions");
}

#define EXEC .listen = "exec:cat @D/pipe", .connect = "exec:cat > @D/pipe",    \
             .prepare = migrate_make_pipe
#define UUID_1 "11111111-1111-1111-1111-111111111111"
#define UUID_2 "22222222-2222-2222-2222-222222222222"
#define UUIDS .caps = "validate-uuid", .src_args = "-uuid " UUID_1,            \
              .dst_args = "-uuid " UUID_2
#define DESTINATION_DIES                                                       \
    .during = kill_destination, .outcome = MIGRATE_FAILS
#define SOURCE_DIES .during = kill_source, .outcome = MIGRATE_SOURCE_GONE,     \
                    .dst_says = "offset"

static const MigrateCase cases[] = {
    { .name = "destination-dies/tcp", .listen = "tcp:127.0.0.1:0",
      DESTINATION_DIES },
    { .name = "destination-dies/unix", .listen = "unix:@D/mig",
      DESTINATION_DIES },
    { .name = "destination-dies/fd", .listen = "fd:fd-mig",
      DESTINATION_DIES },
    { .name = "destination-dies/exec", EXEC, DESTINATION_DIES },
    { .name = "destination-dies/paused", .listen = "unix:@D/mig",
      .paused = true, DESTINATION_DIES },
    { .name = "destination-dies/return-path", .listen = "tcp:127.0.0.1:0",
      .caps = "return-path", DESTINATION_DIES },
    { .name = "destination-quits", .listen = "unix:@D/mig",
      .during = quit_destination, .outcome = MIGRATE_FAILS },

    { .name = "source-dies/tcp", .listen = "tcp:127.0.0.1:0", SOURCE_DIES },
    { .name = "source-dies/unix", .listen = "unix:@D/mig", SOURCE_DIES },
    { .name = "source-dies/fd", .listen = "fd:fd-mig", SOURCE_DIES },
    { .name = "source-dies/exec", EXEC, SOURCE_DIES },
    { .name = "source-dies/paused", .listen = "unix:@D/mig", .paused = true,
      SOURCE_DIES },
    { .name = "source-dies/stays", .listen = "unix:@D/mig", .stays = true,
      SOURCE_DIES },
    { .name = "source-quits", .listen = "unix:@D/mig", .during = quit_source,
      .outcome = MIGRATE_SOURCE_GONE },
    { .name = "source-hangs", .listen = "unix:@D/mig", .quick = true,
      .during = hang_source },

    { .name = "uuid/tcp", .listen = "tcp:127.0.0.1:0", UUIDS,
      .outcome = MIGRATE_FAILS, .error = "destination", .dst_says = UUID_1 },
    { .name = "uuid/unix", .listen = "unix:@D/mig", UUIDS,
      .outcome = MIGRATE_FAILS, .error = "destination", .dst_says = UUID_2 },
    { .name = "uuid/paused", .listen = "unix:@D/mig", .paused = true, UUIDS,
      .outcome = MIGRATE_FAILS },
    { .name = "uuid/stays", .listen = "unix:@D/mig", .stays = true, UUIDS,
      .outcome = MIGRATE_FAILS, .dst_says = UUID_1 },
    { .name = "version/older", .listen = "unix:@D/mig",
      .missing = missing_q35, .src_args = "-machine pc-q35-10.0",
      .dst_args = "-machine pc-q35-9.2", .outcome = MIGRATE_FAILS,
      .dst_says = "pc-q35-9.2" },
    { .name = "version/newer", .listen = "tcp:127.0.0.1:0",
      .missing = missing_q35, .src_args = "-machine pc-q35-7.2",
      .dst_args = "-machine pc-q35-10.0", .outcome = MIGRATE_FAILS,
      .dst_says = "pc-q35-7.2" },
    { .name = "block/smaller", .listen = "unix:@D/mig",
      .dst_ram_bytes = 120 * MiB, .outcome = MIGRATE_FAILS,
      .error = "destination", .dst_says = "mig.mem" },
    { .name = "block/larger", .listen = "tcp:127.0.0.1:0",
      .dst_ram_bytes = 256 * MiB, .outcome = MIGRATE_FAILS,
      .error = "destination", .dst_says = "mig.mem" },
    { .name = "block/other-name", .listen = "unix:@D/mig",
      .outcome = MIGRATE_FAILS,
      .dst_args = "-object memory-backend-ram,id=other,size=150M "
                  "-machine memory-backend=other -m 150M",
      .error = "destination", .dst_says = "mig.mem" },
    { .name = "block/paused", .listen = "unix:@D/mig", .paused = true,
      .dst_ram_bytes = 120 * MiB, .outcome = MIGRATE_FAILS,
      .error = "destination", .dst_says = "mig.mem" },

    { .name = "command-fails/at-once", .connect = "exec:exit 3",
      .stored = true, .outcome = MIGRATE_FAILS },
    { .name = "command-fails/midway", .connect = "exec:head -c 1000000 | wc -c",
      .stored = true, .outcome = MIGRATE_FAILS },
    { .name = "disk-full", .connect = "exec:cat > /dev/full", .stored = true,
      .outcome = MIGRATE_FAILS },
};

/* It had the whole guest, and who knows what it did with it. */
static void test_command_fails_at_end(void)
{
    MigrateCase c = { .name = "x", .connect = "exec:cat > @D/x; exit 3",
                      .stored = true };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *error = NULL;

    if (!t->src_is_ours) {
        g_test_skip("stock QEMU takes the guest back");
        migrate_test_free(t);
        return;
    }
    migrate_start_source(t);
    migrate_go_fast(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "failed");
    error = migrate_error(t->src);
    g_assert_nonnull(strstr(error, "exit status 3"));
    g_assert_nonnull(strstr(error, "'cont' here takes the guest back"));
    migrate_assert_run_state(t->src, "postmigrate");
    qtest_qmp_ok(t->src, "{'execute': 'cont'}");
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

/* Another board altogether. */
static void test_machine(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig",
                      .outcome = MIGRATE_FAILS };
    MigrateTest *t = migrate_test_new(&c);
    const char *const args[] = { "-machine", "none", "-m", "150M",
                                 "-incoming", "defer", NULL };
    g_autofree char *path = migrate_text(t, "@D/target.stderr");
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
    g_assert_true(!t->dst_is_ours || qtest_file_has(path, t->guest->name));
    g_assert_true(!t->dst_is_ours || qtest_file_has(path, "none"));
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

/* --- Streams that are none -------------------------------------------------------- */

/* A destination gets @data by a socket; what it says as it gives up. */
static void feed(const void *data, size_t len, const char *word)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig", .stays = true };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *path = migrate_text(t, "@D/mig");
    g_autofree char *error = NULL;
    struct json_object *info;
    QTestClient *client;

    migrate_start_destination(t);
    migrate_listen(t);
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
    info = qtest_qmp_return(t->dst, "{'execute': 'query-status'}");
    g_assert_false(json_object_get_boolean(
        json_object_object_get(info, "running")));
    json_object_put(info);
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

/* One octet is wrong: @at octets behind the first @near. */
typedef struct Corruption {
    const char *near;
    size_t near_len, at;
    const char *word; /* in what the destination says */
} Corruption;

static const Corruption corruptions[] = {
    { "QEVM", 4, 0, "" },
    { "QEVM", 4, 7, "version" },
    { "QEVM", 4, 9, "" }, /* the length of the machine's name */
    { "\3ram", 4, 1, "" }, /* a section that nobody knows */
    { "\3ram", 4, 7, "ram" }, /* its instance */
    { "\3ram", 4, 11, "ram" }, /* its version */
    { "\x0a" "cpu_common", 11, 18, "cpu_common" },
};

static void test_corrupted(void)
{
    gsize len;
    g_autofree char *data = record_stream(&len);

    for (size_t i = 0; i < ARRAY_SIZE(corruptions); i++) {
        const Corruption *c = &corruptions[i];
        char *octet = memmem(data, len, c->near, c->near_len);

        g_assert_nonnull(octet);
        octet += c->at;
        *octet ^= 0x40;
        feed(data, len, c->word);
        *octet ^= 0x40;
    }
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
    migrate_wait_status(t->dst, "active");
    for (int i = 0; i < 20; i++) {
        migrate_assert_run_state(t->dst, "inmigrate");
    }
    qtest_client_free(client);
    migrate_end_destination(t, MIGRATE_DST_EXITS_1);
    migrate_test_free(t);
}

void migration_add_fault_tests(void)
{
    migrate_add_cases("fault/", cases, ARRAY_SIZE(cases));
    migrate_add_func("fault/command-fails-at-end", test_command_fails_at_end);
    migrate_add_func("fault/machine", test_machine);
    migrate_add_func("fault/no-stream", test_no_stream);
    migrate_add_func("fault/truncated", test_truncated);
    migrate_add_func("fault/corrupted", test_corrupted);
    migrate_add_func("fault/silence", test_silence);
}
