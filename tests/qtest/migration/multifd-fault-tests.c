/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several channels when something goes wrong: sides that do not agree, that
 * die or cancel, connections of strangers, and what is refused beforehand.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "migration/framework.h"
#include "migration/groups.h"

#define MULTIFD .caps = "multifd"
#define CHANNELS(n) "'multifd-channels': " #n
#define METHOD(method) "'multifd-compression': '" method "'"
#define PER_SECTION "-global migration.multifd-flush-after-each-section=on"
#define PER_ROUND "-global migration.multifd-flush-after-each-section=off"
#define UUID_1 "-uuid 11111111-1111-1111-1111-111111111111"
#define UUID_2 "-uuid 22222222-2222-2222-2222-222222222222"

/* --- In the middle ---------------------------------------------------------- */

static void wait_midway(MigrateTest *t)
{
    migrate_wait_number(t->src, "ram.multifd-bytes", 300000);
}

static void cancel(QTest *qts)
{
    qtest_qmp_ok(qts, "{'execute': 'migrate_cancel'}");
}

static void during_cancel(MigrateTest *t)
{
    wait_midway(t);
    cancel(t->src);
}

/* Before anything was sent, perhaps. */
static void during_cancel_thrice(MigrateTest *t)
{
    cancel(t->src);
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    cancel(t->src);
}

/* Sent as fast as can be, and not read: the senders' writes block. */
static void during_cancel_blocked(MigrateTest *t)
{
    int64_t before, now = -1;

    wait_midway(t);
    kill(qtest_pid(t->dst), SIGSTOP);
    migrate_set_param(t->src, "max-bandwidth", 1000000000);
    do {
        before = now;
        g_usleep(100000);
        now = migrate_number(t->src, "ram.multifd-bytes");
    } while (now != before);
    migrate_assert_guest_works(t, t->src);
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    kill(qtest_pid(t->dst), SIGCONT);
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

static void quit_source(MigrateTest *t)
{
    wait_midway(t);
    qtest_quit(t->src);
    t->src = NULL;
}

/* The receivers wait for more than comes. */
static void quit_destination(MigrateTest *t)
{
    wait_midway(t);
    kill(qtest_pid(t->src), SIGSTOP);
    qtest_quit(t->dst);
    t->dst = NULL;
    kill(qtest_pid(t->src), SIGCONT);
}

/* The destination has the main channel, and waits for others. */
static void kill_unanswered_source(MigrateTest *t)
{
    migrate_wait_number(t->src, "ram.transferred", 1);
    qtest_kill(t->src);
    t->src = NULL;
}

static void cancel_unanswered(MigrateTest *t)
{
    migrate_wait_number(t->src, "ram.transferred", 1);
    cancel(t->src);
}

/* The destination may open a few files more, but not one per channel. */
static void few_files(MigrateTest *t)
{
    struct rlimit limit = { 24, 24 };

    g_assert_cmpint(prlimit(qtest_pid(t->dst), RLIMIT_NOFILE, &limit, NULL),
                    ==, 0);
}

static char *missing_q35(const MigrateTest *t)
{
    return t->guest == &guest_q35 ? NULL
                                  : g_strdup("only q35 has versions");
}

/* --- The table ---------------------------------------------------------------- */

#define UNIX .listen = "unix:@D/mig", MULTIFD
#define TCP .listen = "tcp:127.0.0.1:0", MULTIFD
#define CANCELLED .during = during_cancel, .outcome = MIGRATE_CANCELLED,       \
                  .end = migrate_again
#define DESTINATION_DIES                                                       \
    .during = kill_destination, .outcome = MIGRATE_FAILS, .end = migrate_again
#define SOURCE_DIES .during = kill_source, .outcome = MIGRATE_SOURCE_GONE
#define REFUSED(word) .outcome = MIGRATE_FAILS, .error = word, .dst_says = word

static const MigrateCase cases[] = {
    { .name = "mismatch/flush-section-to-round", UNIX,
      .src_args = PER_SECTION, REFUSED("multifd-flush-after-each-section") },
    { .name = "mismatch/flush-round-to-section", TCP,
      .dst_args = PER_SECTION, REFUSED("multifd-flush-after-each-section") },
    { .name = "mismatch/flush-paused", UNIX, .paused = true,
      .src_args = PER_SECTION, REFUSED("multifd-flush-after-each-section") },
    { .name = "mismatch/flush-versions", UNIX, .missing = missing_q35,
      .src_args = "-machine pc-q35-8.0",
      .dst_args = "-machine pc-q35-8.0 " PER_ROUND,
      REFUSED("multifd-flush-after-each-section") },
    { .name = "mismatch/channels-more", UNIX, .src_params = CHANNELS(5),
      .dst_params = CHANNELS(2), REFUSED("multifd-channels") },
    { .name = "mismatch/channels-more-tcp", TCP, .src_params = CHANNELS(2),
      .dst_params = CHANNELS(1), REFUSED("multifd-channels") },
    { .name = "mismatch/channels-fewer-killed", UNIX,
      .src_params = CHANNELS(2), .dst_params = CHANNELS(5),
      .during = kill_unanswered_source, .outcome = MIGRATE_SOURCE_GONE,
      .dst_says = "missing: 2-4 of 5" },
    { .name = "mismatch/channels-fewer-cancelled", TCP,
      .src_params = CHANNELS(2), .dst_params = CHANNELS(3),
      .during = cancel_unanswered, .outcome = MIGRATE_CANCELLED,
      .dst_says = "multifd-channels" },
    { .name = "mismatch/zlib-to-none", UNIX, .src_params = METHOD("zlib"),
      REFUSED("multifd-compression") },
    { .name = "mismatch/none-to-zlib", TCP, .dst_params = METHOD("zlib"),
      REFUSED("multifd-compression") },
    { .name = "mismatch/zstd-to-zlib", UNIX, .src_params = METHOD("zstd"),
      .dst_params = METHOD("zlib"), REFUSED("multifd-compression") },
    { .name = "mismatch/zlib-to-zstd-paused", UNIX, .paused = true,
      .src_params = METHOD("zlib"), .dst_params = METHOD("zstd"),
      REFUSED("multifd-compression") },
    { .name = "mismatch/stays", UNIX, .stays = true,
      .src_params = METHOD("zstd"), REFUSED("multifd-compression") },
    { .name = "mismatch/uuid", TCP, .src_args = UUID_1, .dst_args = UUID_2,
      REFUSED("UUID") },
    { .name = "mismatch/uuid-one-side", UNIX, .src_args = UUID_1,
      REFUSED("UUID") },
    { .name = "mismatch/source-only", .listen = "unix:@D/mig",
      .src_caps = "multifd", .outcome = MIGRATE_FAILS,
      .error = "are 'multifd' and 'multifd-channels' alike" },
    { .name = "mismatch/source-only-tcp", .listen = "tcp:127.0.0.1:0",
      .src_caps = "multifd", .outcome = MIGRATE_FAILS,
      .error = "are 'multifd' and 'multifd-channels' alike" },
    { .name = "mismatch/destination-only", .listen = "unix:@D/mig",
      .dst_caps = "multifd", .during = cancel_unanswered,
      .outcome = MIGRATE_CANCELLED, .dst_says = "multifd" },
    { .name = "mismatch/ram-size", UNIX, .dst_ram_bytes = 256 * MiB,
      REFUSED("mig.mem") },
    { .name = "mismatch/destination-files", TCP, .params = CHANNELS(32),
      .start = few_files, REFUSED("Too many open files") },
    /* Nothing but time tells that no more channels will come. */
    { .name = "late/channels-fewer", TCP, .src_params = CHANNELS(2),
      .dst_params = CHANNELS(5), REFUSED("missing: 2-4 of 5") },

    { .name = "cancel/tcp", TCP, CANCELLED },
    { .name = "cancel/unix", UNIX, CANCELLED },
    { .name = "cancel/zlib", UNIX, .params = METHOD("zlib"), CANCELLED },
    { .name = "cancel/zstd", TCP, .params = METHOD("zstd"), CANCELLED },
    { .name = "cancel/many", UNIX, .params = CHANNELS(16), CANCELLED },
    { .name = "cancel/section", UNIX, .src_args = PER_SECTION,
      .dst_args = PER_SECTION, CANCELLED },
    { .name = "cancel/paused", UNIX, .paused = true, .during = during_cancel,
      .outcome = MIGRATE_CANCELLED },
    { .name = "cancel/thrice", UNIX, .during = during_cancel_thrice,
      .outcome = MIGRATE_CANCELLED, .end = migrate_again },
    { .name = "cancel/stays", UNIX, .stays = true, .during = during_cancel,
      .outcome = MIGRATE_CANCELLED },
    { .name = "cancel/blocked-tcp", TCP, .during = during_cancel_blocked,
      .outcome = MIGRATE_CANCELLED, .end = migrate_again },
    { .name = "cancel/blocked-zlib", UNIX, .params = METHOD("zlib"),
      .during = during_cancel_blocked, .outcome = MIGRATE_CANCELLED,
      .end = migrate_again },

    { .name = "dies/destination-tcp", TCP, DESTINATION_DIES },
    { .name = "dies/destination-unix", UNIX, DESTINATION_DIES },
    { .name = "dies/destination-zlib", UNIX, .params = METHOD("zlib"),
      DESTINATION_DIES },
    { .name = "dies/destination-zstd-many", TCP,
      .params = METHOD("zstd") ", " CHANNELS(16), DESTINATION_DIES },
    { .name = "dies/destination-section", UNIX, .src_args = PER_SECTION,
      .dst_args = PER_SECTION, DESTINATION_DIES },
    { .name = "dies/destination-paused", UNIX, .paused = true,
      .during = kill_destination, .outcome = MIGRATE_FAILS },
    { .name = "dies/destination-quits", UNIX, .during = quit_destination,
      .outcome = MIGRATE_FAILS },
    { .name = "dies/source-tcp", TCP, SOURCE_DIES },
    { .name = "dies/source-unix", UNIX, SOURCE_DIES },
    { .name = "dies/source-zlib", TCP, .params = METHOD("zlib"), SOURCE_DIES },
    { .name = "dies/source-stays", UNIX, .stays = true, SOURCE_DIES },
    { .name = "dies/source-section", UNIX, .src_args = PER_SECTION,
      .dst_args = PER_SECTION, SOURCE_DIES },
    { .name = "dies/source-quits", UNIX, .during = quit_source,
      .outcome = MIGRATE_SOURCE_GONE },
};

/* --- Before all channels are there -------------------------------------------- */

static const MigrateCase unix_case = { .name = "x", UNIX };

/*
 * A listener with room for one lets the main channel in; the next stays half
 * made.
 */
static void test_cancel_setup(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    g_autofree char *path = migrate_text(t, "@D/full");
    g_autofree char *status = NULL;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    g_assert_cmpint(bind(listener, (struct sockaddr *)&addr, sizeof(addr)),
                    ==, 0);
    g_assert_cmpint(listen(listener, 0), ==, 0);
    migrate_start_source(t);
    t->src_holds = migrate_holdings(t->src);
    qtest_qmp_ok(t->src, "{'execute': 'migrate', 'arguments': "
                 "{'uri': 'unix:%s'}}", path);
    migrate_assert_guest_works(t, t->src);
    status = migrate_status(t->src);
    g_assert_cmpstr(status, ==, "setup");
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    close(listener);
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

/* At once after the command: whatever state that hits. */
static void test_cancel_at_once(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);

    migrate_start_source(t);
    for (int i = 0; i < 5; i++) {
        migrate_start_destination(t);
        migrate_listen(t);
        migrate_go_slowly(t);
        migrate_begin(t);
        cancel(t->src);
        migrate_wait_status(t->src, "cancelled");
        qtest_kill(t->dst);
        t->dst = NULL;
    }
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

/* Nobody is there any more for the channels behind the first. */
static void test_destination_gone(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);
    g_autofree char *error = NULL;

    migrate_start_source(t);
    t->src_holds = migrate_holdings(t->src);
    qtest_qmp_ok(t->src, "{'execute': 'migrate', 'arguments': "
                 "{'uri': 'unix:%s/nobody'}}", t->dir);
    migrate_wait_status(t->src, "failed");
    error = migrate_error(t->src);
    g_assert_nonnull(error);
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

/* --- Strangers ------------------------------------------------------------------- */

/* Some say nothing, some begin and hang up: no harm. */
static void test_silent_strangers(void)
{
    MigrateTest *t = migrate_open(&unix_case);
    g_autofree char *path = migrate_text(t, "@D/mig");
    QTestClient *silent[4];

    for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
        QTestClient *brief = qtest_client_connect(path);

        qtest_client_send(brief, "QEVM", i);
        qtest_client_free(brief);
        silent[i] = qtest_client_connect(path);
        qtest_client_send(silent[i], "\x11\x22\x33\x44", i);
    }
    migrate_move(t);
    for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
        qtest_client_free(silent[i]);
    }
    migrate_test_free(t);
}

/* The first octets of a channel. */
typedef struct Greeting {
    uint32_t magic;
    uint32_t version;
    uint8_t uuid[16];
    uint8_t id;
    uint8_t unused[39];
} Greeting;
_Static_assert(sizeof(Greeting) == 64, "as on the wire");

static Greeting good_init(uint8_t id)
{
    return (Greeting) { .magic = GUINT32_TO_BE(0x11223344),
                        .version = GUINT32_TO_BE(1), .id = id };
}

typedef struct Octets {
    const void *data;
    size_t len;
} Octets;

/* One connection each; what the destination says as it gives up. */
static void feed(const Octets *connections, size_t n, const char *word)
{
    MigrateCase c = { .name = "x", UNIX, .stays = true };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *path = migrate_text(t, "@D/mig");
    g_autofree char *error = NULL;
    QTestClient *clients[3];

    g_assert_cmpuint(n, <=, ARRAY_SIZE(clients));
    migrate_start_destination(t);
    migrate_listen(t);
    for (size_t i = 0; i < n; i++) {
        clients[i] = qtest_client_connect(path);
        qtest_client_send(clients[i], connections[i].data,
                          connections[i].len);
    }
    migrate_end_destination(t, MIGRATE_DST_FAILED);
    error = migrate_error(t->dst);
    if (!error || !strstr(error, word)) {
        g_error("the destination's error \"%s\" does not name '%s'",
                error ? error : "none", word);
    }
    for (size_t i = 0; i < n; i++) {
        qtest_client_free(clients[i]);
    }
    migrate_test_free(t);
}

static void feed_one(const void *data, size_t len, const char *word)
{
    feed(&(Octets){ data, len }, 1, word);
}

static void test_garbage(void)
{
    static const char http[] = "GET / HTTP/1.0\r\n\r\n";
    Greeting init = good_init(0);

    feed_one(http, sizeof(http), "0x47455420");
    init.version = GUINT32_TO_BE(2);
    feed_one(&init, sizeof(init), "version");
    init = good_init(0);
    init.uuid[15] = 1;
    feed_one(&init, sizeof(init), "UUID");
    init = good_init(2); /* stock lets this one in */
    feed_one(&init, sizeof(init), "multifd-channels");
    init = good_init(255);
    feed_one(&init, sizeof(init), "multifd-channels");
}

static void test_twice(void)
{
    Greeting init = good_init(1);
    const Octets channels[] = { { &init, sizeof(init) },
                                { &init, sizeof(init) } };
    const Octets mains[] = { { "QEVM", 4 }, { "QEVM", 4 } };

    feed(channels, ARRAY_SIZE(channels), "twice");
    feed(mains, ARRAY_SIZE(mains), "second main");
}

/* --- What may be set while they are there ----------------------------------------- */

static void set_params(QTest *qts, const char *members)
{
    qtest_qmp_ok(qts, "{'execute': 'migrate-set-parameters', 'arguments': "
                 "{ %s }}", members);
}

/* The destination sees to what came before the commands. */
static void let_it_look(MigrateTest *t)
{
    for (int i = 0; i < 4; i++) {
        g_free(migrate_status(t->dst));
    }
}

/* Nothing of it is in the way of a client that has not said what it is. */
static void test_settings(void)
{
    MigrateCase c = { .name = "x", UNIX,
                      .params = METHOD("zlib") ", " CHANNELS(5) };
    MigrateTest *t = migrate_open(&c);
    g_autofree char *path = migrate_text(t, "@D/mig");
    QTestClient *silent, *brief;

    set_params(t->dst, METHOD("none") ", " CHANNELS(2));
    brief = qtest_client_connect(path);
    let_it_look(t);
    qtest_client_free(brief);
    silent = qtest_client_connect(path);
    let_it_look(t);
    migrate_set_cap(t->dst, "validate-uuid", true);
    migrate_set_cap(t->dst, "validate-uuid", false);
    set_params(t->dst, METHOD("zlib") ", " CHANNELS(5));
    migrate_move(t);
    qtest_client_free(silent);
    migrate_test_free(t);
}

/* It is one stream then, whoever was there before. */
static void settings_off(bool stays)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig",
                      .dst_caps = "multifd" };
    MigrateTest *t = migrate_open(&c);
    g_autofree char *path = migrate_text(t, "@D/mig");
    QTestClient *silent = qtest_client_connect(path);

    let_it_look(t);
    migrate_set_cap(t->dst, "multifd", false);
    if (!stays) {
        qtest_client_free(silent);
        let_it_look(t);
    }
    migrate_move(t);
    if (stays) {
        qtest_client_free(silent);
    }
    migrate_test_free(t);
}

static void test_settings_off(void)
{
    settings_off(false);
    settings_off(true);
}

/* --- What is refused -------------------------------------------------------------- */

static void assert_refuses_params(QTest *qts, const char *members,
                                  const char *word)
{
    g_autofree char *error = qtest_qmp_error(
        qts, "{'execute': 'migrate-set-parameters', 'arguments': { %s }}",
        members);

    if (!strstr(error, word)) {
        g_error("{ %s } is refused with \"%s\", which does not name '%s'",
                members, error, word);
    }
}

static void test_refused_parameters(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);
    struct json_object *before, *after;

    migrate_start_source(t);
    before = qtest_qmp_return(t->src,
                              "{'execute': 'query-migrate-parameters'}");
    assert_refuses_params(t->src, CHANNELS(0), "multifd_channels");
    assert_refuses_params(t->src, CHANNELS(256), "multifd-channels");
    assert_refuses_params(t->src, CHANNELS(-1), "multifd-channels");
    assert_refuses_params(t->src, METHOD("lzo"), "lzo");
    assert_refuses_params(t->src, "'zero-page-detection': 'some'", "some");
    assert_refuses_params(t->src, "'multifd-zlib-level': 10",
                          "multifd_zlib_level");
    assert_refuses_params(t->src, "'multifd-zstd-level': 21",
                          "multifd_zstd_level");
    /* All or nothing. */
    assert_refuses_params(t->src, CHANNELS(3) ", 'multifd-zlib-level': 10",
                          "multifd_zlib_level");
    after = qtest_qmp_return(t->src,
                             "{'execute': 'query-migrate-parameters'}");
    g_assert_cmpstr(json_object_to_json_string(before), ==,
                    json_object_to_json_string(after));
    json_object_put(before);
    json_object_put(after);
    migrate_test_free(t);
}

static void assert_refuses_cap(QTest *qts, const char *name, bool on,
                               const char *word)
{
    g_autofree char *error = qtest_qmp_error(
        qts, "{'execute': 'migrate-set-capabilities', 'arguments': "
        "{'capabilities': [{'capability': '%s', 'state': %s}]}}", name,
        on ? "true" : "false");

    if (!strstr(error, word)) {
        g_error("%s is refused with \"%s\", which does not name '%s'", name,
                error, word);
    }
}

#define ZERO_COPY_RULE "Zero copy only available for non-compressed"

static void test_refused_zero_copy(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig" };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *error = NULL;

    migrate_start_source(t);
    assert_refuses_cap(t->src, "zero-copy-send", true, ZERO_COPY_RULE);
    migrate_set_cap(t->src, "multifd", true);
    qtest_qmp_ok(t->src, "{'execute': 'migrate-set-parameters', "
                 "'arguments': { " METHOD("zstd") " }}");
    assert_refuses_cap(t->src, "zero-copy-send", true, ZERO_COPY_RULE);
    qtest_qmp_ok(t->src, "{'execute': 'migrate-set-parameters', "
                 "'arguments': { " METHOD("none") " }}");
    migrate_set_cap(t->src, "zero-copy-send", true);
    error = qtest_qmp_error(t->src, "{'execute': 'migrate', 'arguments': "
                            "{'uri': 'unix:%s/nobody'}}", t->dir);
    g_assert_nonnull(strstr(error, "only available for TCP"));
    assert_refuses_params(t->src, METHOD("zlib"), ZERO_COPY_RULE);
    assert_refuses_cap(t->src, "multifd", false, ZERO_COPY_RULE);
    migrate_set_cap(t->src, "zero-copy-send", false);
    migrate_set_cap(t->src, "multifd", false);
    migrate_test_free(t);
}

static void assert_refuses_uri(QTest *qts, const char *command,
                               const char *uri)
{
    static const char rule[] = "requires multi-channel URIs";
    g_autofree char *channels = migrate_channels_of(uri);
    g_autofree char *plain = qtest_qmp_error(
        qts, "{'execute': '%s', 'arguments': {'uri': '%s'}}", command, uri);
    g_autofree char *listed = qtest_qmp_error(
        qts, "{'execute': '%s', 'arguments': {'channels': %s}}", command,
        channels);

    if (!strstr(plain, rule) || !strstr(listed, rule)) {
        g_error("%s %s is refused with \"%s\" and \"%s\"", command, uri,
                plain, listed);
    }
}

static void test_refused_uris(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);
    g_autofree char *file = migrate_text(t, "file:@D/stream");
    g_autofree char *path = migrate_text(t, "@D/stream");

    migrate_start_source(t);
    migrate_start_destination(t);
    assert_refuses_uri(t->src, "migrate", file);
    assert_refuses_uri(t->src, "migrate", "exec:cat > /dev/null");
    assert_refuses_uri(t->src, "migrate", "fd:none");
    assert_refuses_uri(t->dst, "migrate-incoming", file);
    assert_refuses_uri(t->dst, "migrate-incoming", "exec:cat /dev/null");
    assert_refuses_uri(t->dst, "migrate-incoming", "fd:none");
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    /* Nothing of it is left. */
    migrate_listen(t);
    migrate_move(t);
    migrate_test_free(t);
}

/* Not while it goes on. */
static void test_refused_meanwhile(void)
{
    MigrateTest *t = migrate_open(&unix_case);

    migrate_get_midway(t);
    assert_refuses_cap(t->src, "multifd", false, "in progress");
    assert_refuses_cap(t->dst, "multifd", false, "in progress");
    assert_refuses_params(t->dst, METHOD("zlib"), "multifd-compression");
    set_params(t->src, "'downtime-limit': 200, " METHOD("none"));
    migrate_complete(t);
    migrate_test_free(t);
}

/* What a destination would not go by, from its first channel on. */
static void test_refused_gathering(void)
{
    MigrateCase c = { .name = "x", UNIX,
                      .params = METHOD("zstd") ", " CHANNELS(3) };
    MigrateTest *t = migrate_open(&c);
    g_autofree char *path = migrate_text(t, "@D/mig");
    QTestClient *client = qtest_client_connect(path);
    Greeting init = good_init(1);

    set_params(t->dst, METHOD("none") ", " CHANNELS(2));
    qtest_client_send(client, &init, sizeof(init));
    let_it_look(t);
    assert_refuses_cap(t->dst, "multifd", false, "in progress");
    assert_refuses_params(t->dst, CHANNELS(3), "in progress");
    assert_refuses_params(t->dst, "'downtime-limit': 200, " METHOD("zstd"),
                          "multifd-compression");
    set_params(t->dst, "'downtime-limit': 200, 'multifd-zlib-level': 2, "
               METHOD("none") ", " CHANNELS(2));
    /* It was a try, and is over. */
    qtest_client_free(client);
    let_it_look(t);
    set_params(t->dst, METHOD("zstd") ", " CHANNELS(3));
    migrate_move(t);
    migrate_test_free(t);
}

void migration_add_multifd_fault_tests(void)
{
    migrate_add_cases("multifd-", cases, ARRAY_SIZE(cases));
    migrate_add_func("multifd-cancel/setup", test_cancel_setup);
    migrate_add_func("multifd-cancel/at-once", test_cancel_at_once);
    migrate_add_func("multifd-dies/destination-gone", test_destination_gone);
    migrate_add_func("multifd-stranger/silent", test_silent_strangers);
    migrate_add_func("multifd-stranger/garbage", test_garbage);
    migrate_add_func("multifd-stranger/twice", test_twice);
    migrate_add_func("multifd-stranger/settings", test_settings);
    migrate_add_func("multifd-stranger/settings-off", test_settings_off);
    migrate_add_func("multifd-refused/parameters", test_refused_parameters);
    migrate_add_func("multifd-refused/zero-copy", test_refused_zero_copy);
    migrate_add_func("multifd-refused/uris", test_refused_uris);
    migrate_add_func("multifd-refused/meanwhile", test_refused_meanwhile);
    migrate_add_func("multifd-refused/gathering", test_refused_gathering);
}
