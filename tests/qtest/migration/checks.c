/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a migration test looks at: states, figures, events, memory. */
#include "qemu/osdep.h"
#include "migration/framework.h"

#define SECONDS(n) ((n) * G_TIME_SPAN_SECOND)
#define EVENTS_WAIT_S 10

/* --- Values ---------------------------------------------------------------- */

static char *query_string(QTest *qts, const char *command, const char *key)
{
    struct json_object *info =
        qtest_qmp_return(qts, "{'execute': '%s'}", command);
    struct json_object *value;
    char *text = NULL;

    if (json_object_object_get_ex(info, key, &value)) {
        text = g_strdup(json_object_get_string(value));
    }
    json_object_put(info);
    return text;
}

char *migrate_status(QTest *qts)
{
    char *status = query_string(qts, "query-migrate", "status");

    return status ? status : g_strdup("none");
}

char *migrate_error(QTest *qts)
{
    return query_string(qts, "query-migrate", "error-desc");
}

char *migrate_run_state(QTest *qts)
{
    return query_string(qts, "query-status", "status");
}

static int64_t number_in(struct json_object *info, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, ".", -1);

    for (char **key = keys; *key; key++) {
        if (!json_object_object_get_ex(info, *key, &info)) {
            return -1;
        }
    }
    return json_object_get_int64(info);
}

int64_t migrate_number(QTest *qts, const char *path)
{
    struct json_object *info =
        qtest_qmp_return(qts, "{'execute': 'query-migrate'}");
    int64_t value = number_in(info, path);

    json_object_put(info);
    return value;
}

/* --- Waiting ---------------------------------------------------------------- */

static bool is_final(const char *status)
{
    return g_str_equal(status, "completed") ||
           g_str_equal(status, "failed") || g_str_equal(status, "cancelled");
}

void migrate_wait_status(QTest *qts, const char *wanted)
{
    gint64 deadline = g_get_monotonic_time() + SECONDS(QTEST_TIMEOUT_S);

    for (;;) {
        g_autofree char *status = migrate_status(qts);

        if (g_str_equal(status, wanted)) {
            return;
        }
        if (is_final(status) || g_get_monotonic_time() > deadline) {
            g_autofree char *error = migrate_error(qts);
            g_autofree char *events = qtest_event_history(qts);

            g_error("migration is %s, not %s; error-desc: %s; events: %s",
                    status, wanted, error ? error : "none", events);
        }
        g_usleep(1000);
    }
}

void migrate_wait_number(QTest *qts, const char *path, int64_t least)
{
    gint64 deadline = g_get_monotonic_time() + SECONDS(QTEST_TIMEOUT_S);

    for (;;) {
        int64_t value = migrate_number(qts, path);
        g_autofree char *status = NULL;

        if (value >= least) {
            return;
        }
        status = migrate_status(qts);
        if (is_final(status) || g_get_monotonic_time() > deadline) {
            g_error("%s is %" PRId64 ", not %" PRId64 ", and the migration "
                    "is %s", path, value, least, status);
        }
        g_usleep(1000);
    }
}

void migrate_assert_run_state(QTest *qts, const char *state)
{
    g_autofree char *now = migrate_run_state(qts);
    struct json_object *info =
        qtest_qmp_return(qts, "{'execute': 'query-status'}");

    g_assert_cmpstr(now, ==, state);
    g_assert_cmpint(json_object_get_boolean(
                        json_object_object_get(info, "running")), ==,
                    g_str_equal(state, "running"));
    json_object_put(info);
}

/* Stock tells of the end of a migration before it has left this state. */
static void wait_left_finish_migrate(QTest *qts)
{
    gint64 deadline = g_get_monotonic_time() + SECONDS(QTEST_TIMEOUT_S);

    while (g_get_monotonic_time() < deadline) {
        g_autofree char *now = migrate_run_state(qts);

        if (!g_str_equal(now, "finish-migrate")) {
            return;
        }
        g_usleep(1000);
    }
}

/* --- The guest --------------------------------------------------------------- */

void migrate_assert_guest_works(MigrateTest *t, QTest *qts)
{
    gint64 deadline = g_get_monotonic_time() + SECONDS(QTEST_TIMEOUT_S);

    migrate_assert_run_state(qts, "running");
    /* It changes twice: time for one whole pass in between. */
    for (int changes = 0; changes < 2; changes++) {
        uint32_t before = qtest_readl(qts, t->guest->busy_at);

        while (qtest_readl(qts, t->guest->busy_at) == before) {
            if (g_get_monotonic_time() > deadline) {
                g_error("the guest at the %s changes no memory",
                        qts == t->src ? "source" : "destination");
            }
            g_usleep(1000);
        }
    }
    t->guest->assert_no_errors(qts == t->src ? t->src_serial
                                             : t->dst_serial);
}

/* g_free(). The VM is stopped. */
static uint8_t *read_ram(MigrateTest *t, QTest *qts, uint64_t from,
                         uint64_t to)
{
    g_autofree char *path = g_build_filename(t->dir, "ram", NULL);
    g_autoptr(GError) gerr = NULL;
    char *ram;
    gsize len;

    qtest_qmp_ok(qts, "{'execute': 'pmemsave', 'arguments': {'val': %" PRIu64
                 ", 'size': %" PRIu64 ", 'filename': '%s'}}", from, to - from,
                 path);
    g_file_get_contents(path, &ram, &len, &gerr);
    g_assert_no_error(gerr);
    g_assert_cmpuint(len, ==, to - from);
    unlink(path);
    return (uint8_t *)ram;
}

void migrate_assert_memory_whole(MigrateTest *t, QTest *qts)
{
    g_autofree char *state = migrate_run_state(qts);
    bool running = g_str_equal(state, "running");
    g_autofree uint8_t *ram = NULL;

    if (running) {
        qtest_qmp_ok(qts, "{'execute': 'stop'}");
    }
    ram = read_ram(t, qts, t->guest->from, t->guest->to);
    t->guest->assert_whole(t->guest, ram);
    if (running) {
        qtest_qmp_ok(qts, "{'execute': 'cont'}");
    }
}

void migrate_assert_same_memory(MigrateTest *t)
{
    uint64_t from = 1 * MiB;
    uint64_t to = t->guest->ram_bytes;
    g_autofree uint8_t *src = read_ram(t, t->src, from, to);
    g_autofree uint8_t *dst = read_ram(t, t->dst, from, to);

    for (uint64_t at = 0; at < to - from; at += 4096) {
        if (memcmp(src + at, dst + at, 4096) != 0) {
            g_error("the page at 0x%" PRIx64 " differs", from + at);
        }
    }
}

/* How much of the guest's memory the emulator has in its tables. */
static uint64_t resident_bytes(QTest *qts, uint64_t ram_bytes)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/smaps", qtest_pid(qts));
    g_autofree char *text = NULL;
    const char *at;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    for (at = text; (at = strstr(at, "\nSize:")) != NULL; at++) {
        if (g_ascii_strtoull(at + 6, NULL, 10) * KiB == ram_bytes) {
            at = strstr(at, "\nRss:");
            return g_ascii_strtoull(at + 5, NULL, 10) * KiB;
        }
    }
    g_error("%s has nothing as large as the guest's memory", path);
}

void migrate_end_sparse(MigrateTest *t)
{
    uint64_t bytes;

    if (!t->dst_is_ours) {
        return;
    }
    g_assert_cmpuint(t->guest->to + 16 * MiB, <, t->guest->ram_bytes);
    bytes = resident_bytes(t->dst, t->guest->ram_bytes);
    g_assert_cmpuint(bytes, >, 0);
    g_assert_cmpuint(bytes, <, t->guest->to + 16 * MiB);
}

/* --- What is left ------------------------------------------------------------- */

/* A thread that the kernel adds when a guest runs for the first time. */
#define KVM_THREAD "kvm-nx-lpage-re"

/* One line an entry, with what it is. g_free(). */
static char *list_proc(QTest *qts, const char *what, unsigned *n)
{
    g_autofree char *dir = g_strdup_printf("/proc/%d/%s", qtest_pid(qts), what);
    GString *text = g_string_new(NULL);
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;

    g_assert_nonnull(d);
    *n = 0;
    while ((name = g_dir_read_name(d))) {
        g_autofree char *link = g_build_filename(dir, name, NULL);
        g_autofree char *comm = g_build_filename(link, "comm", NULL);
        g_autofree char *target = g_file_read_link(link, NULL);

        if (!target) {
            g_file_get_contents(comm, &target, NULL, NULL);
        }
        if (target && g_str_has_prefix(target, KVM_THREAD)) {
            continue;
        }
        g_string_append_printf(text, "%s %s\n", name,
                               target ? g_strchomp(target) : "?");
        ++*n;
    }
    g_dir_close(d);
    return g_string_free(text, FALSE);
}

MigrateHoldings migrate_holdings(QTest *qts)
{
    MigrateHoldings holds;

    g_free(list_proc(qts, "task", &holds.threads));
    g_free(list_proc(qts, "fd", &holds.files));
    return holds;
}

void migrate_assert_holds(QTest *qts, const MigrateHoldings *most)
{
    gint64 deadline = g_get_monotonic_time() + SECONDS(QTEST_TIMEOUT_S);
    MigrateHoldings now;

    for (;;) {
        g_autofree char *threads = list_proc(qts, "task", &now.threads);
        g_autofree char *files = list_proc(qts, "fd", &now.files);

        if (now.threads <= most->threads && now.files <= most->files) {
            return;
        }
        if (g_get_monotonic_time() > deadline) {
            g_error("of %u threads and %u descriptors there are now:\n%s%s",
                    most->threads, most->files, threads, files);
        }
        g_usleep(1000);
    }
}

/* Stock keeps some until the next migration. */
static void assert_nothing_left(MigrateTest *t)
{
    if (t->src_is_ours && t->src && t->src_holds.files) {
        migrate_assert_holds(t->src, &t->src_holds);
    }
    if (t->dst_is_ours && t->dst && t->dst_holds.files) {
        migrate_assert_holds(t->dst, &t->dst_holds);
    }
}

/* --- After a migration --------------------------------------------------------- */

/* The first of @names that @history does not have behind those before it. */
static char *missing_event(const char *history, const char *names)
{
    g_auto(GStrv) wanted = g_strsplit(names, " ", -1);
    g_auto(GStrv) events = g_strsplit(history, " ", -1);
    char **event = events;

    for (char **name = wanted; *name; name++) {
        while (*event && !g_str_equal(*event, *name)) {
            event++;
        }
        if (!*event) {
            return g_strdup(*name);
        }
        event++;
    }
    return NULL;
}

/* A status may be told before the event is, with stock QEMU. */
void migrate_assert_events(QTest *qts, const char *names)
{
    gint64 deadline = g_get_monotonic_time() + SECONDS(EVENTS_WAIT_S);

    for (;;) {
        g_autofree char *history = qtest_event_history(qts);
        g_autofree char *missing = missing_event(history, names);

        if (!missing) {
            return;
        }
        if (g_get_monotonic_time() > deadline) {
            g_error("events are '%s': '%s' is not there or out of order (%s)",
                    history, missing, names);
        }
        g_usleep(1000);
        g_free(migrate_status(qts)); /* reads what has come */
    }
}

static bool is_compressed(const MigrateCase *c)
{
    return c->params && strstr(c->params, "multifd-compression") &&
           !strstr(c->params, "'multifd-compression': 'none'");
}

static void assert_source_figures(MigrateTest *t)
{
    static const char *const figures[] = {
        "ram.transferred", "ram.remaining", "ram.total", "ram.duplicate",
        "ram.normal", "ram.normal-bytes", "ram.dirty-pages-rate", "ram.mbps",
        "ram.dirty-sync-count", "ram.page-size", "ram.pages-per-second",
        "ram.precopy-bytes", "ram.downtime-bytes", "total-time", "downtime",
        "setup-time",
    };
    struct json_object *info =
        qtest_qmp_return(t->src, "{'execute': 'query-migrate'}");
    int64_t pages;

    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        if (number_in(info, figures[i]) < 0) {
            g_error("query-migrate has no %s: %s", figures[i],
                    json_object_to_json_string(info));
        }
    }
    pages = number_in(info, "ram.normal");
    g_assert_cmpint(number_in(info, "ram.page-size"), ==, 4096);
    g_assert_cmpint(number_in(info, "ram.remaining"), ==, 0);
    g_assert_cmpint(number_in(info, "ram.dirty-sync-count"), >=, 2);
    g_assert_cmpint(number_in(info, "ram.normal-bytes"), ==, pages * 4096);
    if (!is_compressed(t->c)) {
        g_assert_cmpint(number_in(info, "ram.transferred"), >=, pages * 4096);
    }
    g_assert_cmpint(number_in(info, "total-time"), >=,
                    number_in(info, "downtime"));
    json_object_put(info);
}

/* All events that the source sends come before the reply to a query. */
static void assert_source_events(MigrateTest *t)
{
    bool ran = !t->c->paused && !(t->c->src_args &&
                                  strstr(t->c->src_args, "-S"));

    migrate_assert_events(t->src,
                          ran ? "MIGRATION:setup MIGRATION:active STOP "
                                "MIGRATION:device MIGRATION:completed"
                              : "MIGRATION:setup MIGRATION:active "
                                "MIGRATION:device MIGRATION:completed");
    migrate_assert_events(t->src, "MIGRATION_PASS MIGRATION_PASS");
}

void migrate_assert_moved(MigrateTest *t)
{
    bool runs = !t->c->paused && !t->c->dst_stopped;

    migrate_wait_status(t->dst, "completed");
    assert_source_figures(t);
    assert_source_events(t);
    if (!t->src_is_ours) {
        wait_left_finish_migrate(t->src);
    }
    migrate_assert_run_state(t->src, "postmigrate");
    /* Reading a file may be over before events are switched on. */
    if (!t->c->stored || !t->c->direct) {
        migrate_assert_events(t->dst, "MIGRATION:active MIGRATION:completed");
    }
    assert_nothing_left(t);
    if (t->c->src_args && strstr(t->c->src_args, "-S")) {
        return;
    }
    if (runs) {
        json_object_put(qtest_wait_event(t->dst, "RESUME"));
        g_assert_cmpint(qtest_event_time_us(t->src, "STOP"), <=,
                        qtest_event_time_us(t->dst, "RESUME"));
    } else {
        migrate_assert_same_memory(t);
        migrate_assert_run_state(t->dst, "paused");
        qtest_qmp_ok(t->dst, "{'execute': 'cont'}");
    }
    migrate_assert_guest_works(t, t->dst);
    migrate_assert_memory_whole(t, t->dst);
    migrate_assert_guest_works(t, t->dst);
}

void migrate_assert_stayed(MigrateTest *t)
{
    if (t->src_is_ours && t->src_holds.files) {
        migrate_assert_holds(t->src, &t->src_holds);
    }
    if (t->c->paused) {
        migrate_assert_run_state(t->src, "paused");
        qtest_qmp_ok(t->src, "{'execute': 'cont'}");
    }
    migrate_assert_guest_works(t, t->src);
    migrate_assert_memory_whole(t, t->src);
    migrate_assert_guest_works(t, t->src);
}

void migrate_end_destination(MigrateTest *t, MigrateDstEnd end)
{
    if (!t->dst) {
        return;
    }
    switch (end) {
    case MIGRATE_DST_EXITS_1:
        qtest_wait_exit(t->dst, 1);
        t->dst = NULL;
        break;
    case MIGRATE_DST_FAILED:
        migrate_wait_status(t->dst, "failed");
        if (t->dst_is_ours && t->dst_holds.files) {
            migrate_assert_holds(t->dst, &t->dst_holds);
        }
        break;
    case MIGRATE_DST_WAITS:
        migrate_assert_run_state(t->dst, "inmigrate");
        break;
    }
}
