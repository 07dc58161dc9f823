/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps of a migration test, and the one runner that goes through them. */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include <sys/stat.h>
#include "migration/framework.h"

#define MARK_VALUE 0xfeed1234u

static const MigrateCase plain_case = { .name = "plain" };

/* --- Set-up --------------------------------------------------------------- */

MigrateTest *migrate_test_new(const MigrateCase *c)
{
    MigrateTest *t = g_new0(MigrateTest, 1);
    const char *src = qtest_binary("_SRC");
    const char *dst = qtest_binary("_DST");

    t->c = c ? c : &plain_case;
    t->guest = guest_choose(!g_str_equal(src, dst));
    t->dir = qtest_folder_new();
    t->src_is_ours = qtest_binary_is_ours(src);
    t->dst_is_ours = qtest_binary_is_ours(dst);
    t->src_serial = g_build_filename(t->dir, "source.serial", NULL);
    t->dst_serial = g_build_filename(t->dir, "target.serial", NULL);
    return t;
}

void migrate_test_free(MigrateTest *t)
{
    if (t->src) {
        qtest_quit(t->src);
    }
    if (t->dst) {
        qtest_quit(t->dst);
    }
    qtest_folder_free(t->dir);
    g_free(t->src_serial);
    g_free(t->dst_serial);
    g_free(t);
}

char *migrate_text(const MigrateTest *t, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "@D", -1);

    return g_strjoinv(t->dir, parts);
}

static void add_words(const MigrateTest *t, GPtrArray *args, const char *text)
{
    g_autofree char *expanded = NULL;
    g_auto(GStrv) words = NULL;

    if (!text) {
        return;
    }
    expanded = migrate_text(t, text);
    words = g_strsplit(expanded, " ", -1);
    for (char **word = words; *word; word++) {
        g_ptr_array_add(args, g_strdup(*word));
    }
}

static void add_ram(const MigrateTest *t, bool source, GPtrArray *args)
{
    const char *backend = !source && t->c->dst_backend ? t->c->dst_backend
                          : t->c->backend              ? t->c->backend
                                                       : "ram";
    bool huge = g_str_equal(backend, "hugetlb");
    uint64_t bytes = !source && t->c->dst_ram_bytes ? t->c->dst_ram_bytes
                                                    : t->guest->ram_bytes;
    g_autofree char *path = NULL;

    if (g_str_equal(backend, "file")) {
        path = g_strdup_printf(",mem-path=%s/%s.ram", t->dir,
                               source ? "source" : "target");
    }
    g_ptr_array_add(args, g_strdup("-object"));
    g_ptr_array_add(args, g_strdup_printf(
                              "memory-backend-%s,id=mig.mem,size=%" PRIu64
                              "M,share=%s%s", huge ? "memfd" : backend,
                              (uint64_t)(bytes / MiB),
                              t->c->backend ? "on" : "off",
                              huge ? ",hugetlb=on,hugetlbsize=2M"
                              : path ? path : ""));
    g_ptr_array_add(args, g_strdup("-machine"));
    g_ptr_array_add(args, g_strdup("memory-backend=mig.mem"));
    if (!strstr(t->guest->name, "q35") || bytes != t->guest->ram_bytes) {
        g_ptr_array_add(args, g_strdup("-m"));
        g_ptr_array_add(args, g_strdup_printf("%" PRIu64 "M",
                                              (uint64_t)(bytes / MiB)));
    }
}

static void set_caps(QTest *qts, const char *text)
{
    g_auto(GStrv) caps = text ? g_strsplit(text, " ", -1) : NULL;

    for (char **cap = caps; cap && *cap; cap++) {
        migrate_set_cap(qts, *cap, true);
    }
}

static void set_params(QTest *qts, const char *text)
{
    if (text) {
        qtest_qmp_ok(qts, "{'execute': 'migrate-set-parameters', "
                     "'arguments': { %s }}", text);
    }
}

static QTest *start_side(MigrateTest *t, bool source)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
    const char *name = source ? "source" : "target";
    bool ours = source ? t->src_is_ours : t->dst_is_ours;
    QTest *qts;

    t->guest->add_args(t->guest, t->dir, args);
    add_ram(t, source, args);
    add_words(t, args, "-nodefaults -serial");
    g_ptr_array_add(args, g_strdup_printf(
                              "file:%s",
                              source ? t->src_serial : t->dst_serial));
    if (ours) {
        add_words(t, args, "-run-with exit-with-parent=on");
    }
    if (!source) {
        add_words(t, args, t->c->direct ? "-incoming" : "-incoming defer");
        if (t->c->direct) {
            g_ptr_array_add(args, migrate_text(t, t->c->listen));
        }
        if (t->c->dst_stopped) {
            add_words(t, args, "-S");
        }
    }
    add_words(t, args, source ? t->c->src_args : t->c->dst_args);
    g_ptr_array_add(args, NULL);
    qts = qtest_start(qtest_binary(source ? "_SRC" : "_DST"), t->dir, name,
                      (const char *const *)args->pdata);
    if (!source && t->c->direct && t->c->stored) {
        return qts; /* it is at work by now, or through */
    }
    migrate_set_cap(qts, "events", true);
    set_caps(qts, t->c->caps);
    set_caps(qts, source ? t->c->src_caps : t->c->dst_caps);
    set_params(qts, t->c->params);
    set_params(qts, source ? t->c->src_params : t->c->dst_params);
    return qts;
}

void migrate_start_source(MigrateTest *t)
{
    t->src = start_side(t, true);
    /* A stock source hears of a refusal only when told to listen. */
    if (!t->src_is_ours && t->c->outcome == MIGRATE_FAILS && !t->c->stored) {
        migrate_set_cap(t->src, "return-path", true);
    }
    if (t->c->src_args && strstr(t->c->src_args, "-S")) {
        return;
    }
    t->guest->wait_alive(t->src, t->src_serial);
    if (t->c->paused) {
        qtest_qmp_ok(t->src, "{'execute': 'stop'}");
        migrate_assert_run_state(t->src, "paused");
    }
}

void migrate_start_destination(MigrateTest *t)
{
    t->dst = start_side(t, false);
}

/* --- Addresses ------------------------------------------------------------ */

static char *channel_address(const char *uri)
{
    const char *rest = strchr(uri, ':') + 1;

    if (g_str_has_prefix(uri, "tcp:")) {
        const char *port = strrchr(rest, ':');

        return g_strdup_printf("{'transport': 'socket', 'type': 'inet', "
                               "'host': '%.*s', 'port': '%s'}",
                               (int)(port - rest), rest, port + 1);
    }
    if (g_str_has_prefix(uri, "unix:")) {
        return g_strdup_printf("{'transport': 'socket', 'type': 'unix', "
                               "'path': '%s'}", rest);
    }
    if (g_str_has_prefix(uri, "fd:")) {
        return g_strdup_printf("{'transport': 'socket', 'type': 'fd', "
                               "'str': '%s'}", rest);
    }
    if (g_str_has_prefix(uri, "exec:")) {
        return g_strdup_printf("{'transport': 'exec', 'args': ['/bin/sh', "
                               "'-c', '%s']}", rest);
    }
    if (g_str_has_prefix(uri, "file:")) {
        g_auto(GStrv) parts = g_strsplit(rest, ",offset=", 2);

        return g_strdup_printf("{'transport': 'file', 'filename': '%s', "
                               "'offset': %s}", parts[0],
                               parts[1] ? parts[1] : "0");
    }
    g_error("no channel form for %s", uri);
}

char *migrate_channels_of(const char *uri)
{
    g_autofree char *address = channel_address(uri);

    return g_strdup_printf("[{'channel-type': 'main', 'addr': %s}]", address);
}

/* @more: further arguments. */
static void run_migrate(MigrateTest *t, QTest *qts, const char *command,
                        const char *uri, const char *more)
{
    g_autofree char *where =
        t->c->channels ? migrate_channels_of(uri)
                       : g_strdup_printf("'%s'", uri);

    qtest_qmp_ok(qts, "{'execute': '%s', 'arguments': {'%s': %s%s}}", command,
                 t->c->channels ? "channels" : "uri", where, more);
}

static void pass_socket_pair(MigrateTest *t)
{
    QTest *const sides[2] = { t->src, t->dst };
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                    ==, 0);
    for (int i = 0; i < 2; i++) {
        struct json_object *reply = qtest_qmp_fd(
            sides[i], fds[i], "{'execute': 'getfd', 'arguments': "
            "{'fdname': 'fd-mig'}}");

        g_assert_true(json_object_object_get_ex(reply, "return", NULL));
        json_object_put(reply);
        close(fds[i]);
    }
}

void migrate_listen(MigrateTest *t)
{
    g_autofree char *uri = migrate_text(t, t->c->listen);

    if (t->c->direct) {
        return;
    }
    if (g_str_has_prefix(uri, "fd:")) {
        pass_socket_pair(t);
    }
    t->dst_holds = migrate_holdings(t->dst);
    if (g_str_has_prefix(uri, "unix:")) {
        unlink(uri + strlen("unix:"));
    }
    run_migrate(t, t->dst, "migrate-incoming", uri,
                t->c->stays ? ", 'exit-on-error': false" : "");
}

char *migrate_source_uri(MigrateTest *t)
{
    struct json_object *info, *list, *address;
    const char *host;
    char *uri;

    if (t->c->connect) {
        return migrate_text(t, t->c->connect);
    }
    if (!g_str_has_prefix(t->c->listen, "tcp:")) {
        return migrate_text(t, t->c->listen);
    }
    info = qtest_qmp_return(t->dst, "{'execute': 'query-migrate'}");
    g_assert_true(json_object_object_get_ex(info, "socket-address", &list));
    address = json_object_array_get_idx(list, 0);
    g_assert_cmpstr(json_object_get_string(
                        json_object_object_get(address, "type")), ==, "inet");
    host = json_object_get_string(json_object_object_get(address, "host"));
    uri = g_strdup_printf(
        strchr(host, ':') ? "tcp:[%s]:%s" : "tcp:%s:%s", host,
        json_object_get_string(json_object_object_get(address, "port")));
    json_object_put(info);
    return uri;
}

void migrate_begin(MigrateTest *t)
{
    g_autofree char *uri = migrate_source_uri(t);

    if (!t->src_holds.files) {
        t->src_holds = migrate_holdings(t->src);
    }
    run_migrate(t, t->src, "migrate", uri, "");
}

/* --- How fast ------------------------------------------------------------- */

void migrate_set_param(QTest *qts, const char *name, int64_t value)
{
    struct json_object *params, *now;

    qtest_qmp_ok(qts, "{'execute': 'migrate-set-parameters', 'arguments': "
                 "{'%s': %" PRId64 "}}", name, value);
    params = qtest_qmp_return(qts, "{'execute': 'query-migrate-parameters'}");
    g_assert_true(json_object_object_get_ex(params, name, &now));
    g_assert_cmpint(json_object_get_int64(now), ==, value);
    json_object_put(params);
}

void migrate_set_cap(QTest *qts, const char *name, bool on)
{
    qtest_qmp_ok(qts, "{'execute': 'migrate-set-capabilities', 'arguments': "
                 "{'capabilities': [{'capability': '%s', 'state': %s}]}}",
                 name, on ? "true" : "false");
}

void migrate_go_slowly(MigrateTest *t)
{
    migrate_set_param(t->src, "max-bandwidth", 3000000);
    migrate_set_param(t->src, "downtime-limit", 1);
}

void migrate_go_fast(MigrateTest *t)
{
    migrate_set_param(t->src, "downtime-limit", 30000);
    migrate_set_param(t->src, "max-bandwidth", 1000000000);
}

void migrate_rounds(MigrateTest *t)
{
    migrate_set_param(t->src, "max-bandwidth",
                      t->guest->rounds_bandwidth);
    if (t->src_is_ours) {
        migrate_wait_number(t->src, "ram.dirty-sync-count", 3);
    } else {
        gint64 deadline =
            g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;

        /* Stock QEMU may end at once after a moment without a bandwidth. */
        while (g_get_monotonic_time() < deadline) {
            g_autofree char *status = migrate_status(t->src);

            if (!g_str_equal(status, "active") ||
                migrate_number(t->src, "ram.dirty-sync-count") >= 3) {
                break;
            }
            g_usleep(1000);
        }
    }
    migrate_go_fast(t);
}

/* --- Several steps at once ------------------------------------------------ */

MigrateTest *migrate_open(const MigrateCase *c)
{
    MigrateTest *t = migrate_test_new(c);

    migrate_start_source(t);
    migrate_start_destination(t);
    migrate_listen(t);
    return t;
}

void migrate_get_midway(MigrateTest *t)
{
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_number(t->src, "ram.transferred", 1000000);
}

void migrate_complete(MigrateTest *t)
{
    migrate_go_fast(t);
    migrate_wait_status(t->src, "completed");
    migrate_assert_moved(t);
}

void migrate_move(MigrateTest *t)
{
    migrate_go_fast(t);
    migrate_begin(t);
    migrate_complete(t);
}

void migrate_again(MigrateTest *t)
{
    g_assert_null(t->dst);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_move(t);
}

void migrate_make_pipe(MigrateTest *t)
{
    g_autofree char *path = migrate_text(t, "@D/pipe");

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
}

/* --- The runner ----------------------------------------------------------- */

static void transfer(MigrateTest *t)
{
    const MigrateCase *c = t->c;
    bool several = !c->quick && !c->paused && c->outcome == MIGRATE_SUCCEEDS;

    if (several || c->during) {
        migrate_go_slowly(t);
    } else {
        migrate_go_fast(t);
    }
    migrate_begin(t);
    if (c->during) {
        migrate_wait_status(t->src, "active");
        c->during(t);
    }
    if (several) {
        /* In a page that has its last visit of the guest behind it. */
        qtest_writel(t->src, t->guest->to + 0x400, MARK_VALUE);
        migrate_rounds(t);
    } else if (c->during && c->outcome == MIGRATE_SUCCEEDS) {
        migrate_go_fast(t);
    }
}

static void finish_success(MigrateTest *t)
{
    const MigrateCase *c = t->c;

    migrate_wait_status(t->src, "completed");
    if (c->stored) {
        migrate_start_destination(t);
        migrate_listen(t);
    }
    migrate_assert_moved(t);
    if (!c->quick && !c->paused) {
        g_assert_cmphex(qtest_readl(t->dst, t->guest->to + 0x400), ==,
                        MARK_VALUE);
    }
}

static void check_source_failed(MigrateTest *t)
{
    const MigrateCase *c = t->c;
    bool failed = c->outcome == MIGRATE_FAILS;
    g_autofree char *error = NULL;

    migrate_wait_status(t->src, failed ? "failed" : "cancelled");
    error = migrate_error(t->src);
    if (failed) {
        g_assert_nonnull(error);
        if (c->error && t->src_is_ours && !strstr(error, c->error)) {
            g_error("error-desc is \"%s\", should have \"%s\"", error,
                    c->error);
        }
    }
    migrate_assert_events(t->src,
                          failed ? "MIGRATION:setup MIGRATION:failed"
                                 : "MIGRATION:setup MIGRATION:cancelling "
                                   "MIGRATION:cancelled");
}

static void check_destination_says(MigrateTest *t)
{
    const char *text = t->c->dst_says;

    if (!text || !t->dst_is_ours) {
        return;
    }
    if (t->c->stays) {
        g_autofree char *error = migrate_error(t->dst);

        if (!error || !strstr(error, text)) {
            g_error("the destination's error-desc is \"%s\", should have "
                    "\"%s\"", error ? error : "none", text);
        }
    } else {
        g_autofree char *path = migrate_text(t, "@D/target.stderr");

        qtest_wait_file(path, text);
    }
}

static void finish_failure(MigrateTest *t)
{
    bool gone = t->c->outcome == MIGRATE_SOURCE_GONE;

    if (gone) {
        g_assert_null(t->src);
    } else {
        check_source_failed(t);
    }
    migrate_end_destination(t, t->c->stays ? MIGRATE_DST_FAILED
                                           : t->c->dst_end);
    check_destination_says(t);
    if (!gone) {
        migrate_assert_stayed(t);
    }
}

void migrate_run_case(const void *data)
{
    const MigrateCase *c = data;
    MigrateTest *t = migrate_test_new(c);
    g_autofree char *missing = c->missing ? c->missing(t) : NULL;

    if (missing) {
        g_test_skip(missing);
        migrate_test_free(t);
        return;
    }
    if (c->prepare) {
        c->prepare(t);
    }
    migrate_start_source(t);
    if (!c->stored) {
        migrate_start_destination(t);
        migrate_listen(t);
    }
    if (c->start) {
        c->start(t);
    }
    transfer(t);
    if (c->outcome == MIGRATE_SUCCEEDS) {
        finish_success(t);
    } else {
        finish_failure(t);
    }
    if (c->end) {
        c->end(t);
    }
    migrate_test_free(t);
}

/* GLib's -p runs one level: "/migration/GROUP/NAME-OF-CASE". g_free(). */
static char *test_path(const char *group, const char *name)
{
    char *path = g_strdup_printf("/migration/%s%s", group, name);
    char *flat = strchr(path + strlen("/migration/"), '/');

    g_assert_nonnull(flat);
    g_strdelimit(flat + 1, "/", '-');
    return path;
}

void migrate_add_table(const char *group, const void *cases, size_t n,
                       size_t case_bytes, void (*run)(const void *data))
{
    for (size_t i = 0; i < n; i++) {
        const void *item = (const char *)cases + i * case_bytes;
        /* Every kind of case starts with its name. */
        g_autofree char *path = test_path(group, *(const char *const *)item);

        g_test_add_data_func(path, item, run);
    }
}

void migrate_add_cases(const char *group, const MigrateCase *cases, size_t n)
{
    migrate_add_table(group, cases, n, sizeof(cases[0]), migrate_run_case);
}

void migrate_add_func(const char *name, void (*func)(void))
{
    g_autofree char *path = test_path("", name);

    g_test_add_func(path, func);
}
