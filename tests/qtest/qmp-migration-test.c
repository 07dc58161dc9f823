/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QMP says of the threads and channels of a migration by multifd, and
 * which defaults older machines have. No guest runs.
 */
#include "qemu/osdep.h"
#include "libqtest.h"

#define CHANNELS 3

typedef struct Pair {
    char *dir, *uri;
    QTest *src, *dst;
} Pair;

static void set_multifd(QTest *qts)
{
    qtest_qmp_ok(qts, "{'execute': 'migrate-set-capabilities', 'arguments': "
                 "{'capabilities': [{'capability': 'multifd', 'state': true}, "
                 "{'capability': 'events', 'state': true}]}}");
    qtest_qmp_ok(qts, "{'execute': 'migrate-set-parameters', 'arguments': "
                 "{'multifd-channels': %d, 'max-bandwidth': 1000000, "
                 "'zero-page-detection': 'none'}}", CHANNELS);
}

/* Both sides with multifd, the source slow; NULL: no such option. */
static Pair pair_new(const char *machine, const char *src_global,
                     const char *dst_global)
{
    Pair p = { .dir = qtest_folder_new() };
    const char *const src_args[] = {
        "-machine", machine, "-nodefaults", "-m", "16", "-S",
        src_global ? "-global" : NULL, src_global, NULL
    };
    const char *const dst_args[] = {
        "-machine", machine, "-nodefaults", "-m", "16", "-S",
        "-incoming", "defer", dst_global ? "-global" : NULL, dst_global, NULL
    };

    p.uri = g_strdup_printf("unix:%s/mig", p.dir);
    p.src = qtest_start(qtest_binary(""), p.dir, "src", src_args);
    p.dst = qtest_start(qtest_binary(""), p.dir, "dst", dst_args);
    set_multifd(p.src);
    set_multifd(p.dst);
    qtest_qmp_ok(p.dst, "{'execute': 'migrate-incoming', 'arguments': "
                 "{'uri': '%s', 'exit-on-error': false}}", p.uri);
    return p;
}

static void pair_start(Pair *p)
{
    qtest_qmp_ok(p->src, "{'execute': 'migrate', 'arguments': {'uri': '%s'}}",
                 p->uri);
}

/* Waits for an end; false: it failed. */
static bool pair_end(QTest *qts)
{
    for (;;) {
        json_object *event = qtest_wait_event(qts, "MIGRATION");
        json_object *data = json_object_object_get(event, "data");
        const char *status = json_object_get_string(
            json_object_object_get(data, "status"));
        bool completed = g_str_equal(status, "completed");
        bool failed = g_str_equal(status, "failed");

        json_object_put(event);
        if (completed || failed) {
            return completed;
        }
    }
}

static void pair_free(Pair *p)
{
    qtest_quit(p->src);
    qtest_quit(p->dst);
    qtest_folder_free(p->dir);
    g_free(p->uri);
}

static uint64_t number(json_object *obj, const char *name)
{
    json_object *value;

    g_assert_true(json_object_object_get_ex(obj, name, &value));
    return json_object_get_uint64(value);
}

/* Names in their order, each a thread of the process; those of @qts. */
static void check_threads(QTest *qts, unsigned channels)
{
    json_object *list =
        qtest_qmp_return(qts, "{'execute': 'query-migrationthreads'}");

    g_assert_cmpuint(json_object_array_length(list), ==, 1 + channels);
    for (unsigned i = 0; i <= channels; i++) {
        json_object *info = json_object_array_get_idx(list, i);
        g_autofree char *name =
            i ? g_strdup_printf("mig/src/send_%u", i - 1)
              : g_strdup("mig/src/main");
        g_autofree char *path = g_strdup_printf(
            "/proc/%d/task/%d/comm", qtest_pid(qts),
            (int)number(info, "thread-id"));
        g_autofree char *comm = NULL;

        g_assert_cmpstr(json_object_get_string(
                            json_object_object_get(info, "name")), ==, name);
        g_assert_true(g_file_get_contents(path, &comm, NULL, NULL));
        g_assert_cmpstr(g_strchomp(comm), ==, name);
    }
    json_object_put(list);
}

static json_object *query_migrate(QTest *qts)
{
    return qtest_qmp_return(qts, "{'execute': 'query-migrate'}");
}

/* Waits until pages went over a channel, and checks what it is called. */
static void wait_channels(QTest *qts, const char *thread)
{
    bool seen = false;

    while (!seen) {
        json_object *info = query_migrate(qts), *list;

        if (json_object_object_get_ex(info, "x-multifd-channels", &list)) {
            json_object *last =
                json_object_array_get_idx(list, CHANNELS - 1);

            g_assert_cmpstr(json_object_get_string(json_object_object_get(
                                last, "thread")), ==, thread);
            seen = number(last, "normal") > 0;
        }
        json_object_put(info);
    }
}

/* The sum of a figure over the channels of a reply. */
static uint64_t sum(json_object *info, const char *name)
{
    json_object *list = json_object_object_get(info, "x-multifd-channels");
    uint64_t total = 0;

    g_assert_cmpuint(json_object_array_length(list), ==, CHANNELS);
    for (size_t i = 0; i < CHANNELS; i++) {
        json_object *c = json_object_array_get_idx(list, i);

        g_assert_cmpuint(number(c, "id"), ==, i);
        g_assert_cmpuint(number(c, "bytes"), >, 0);
        total += number(c, name);
    }
    return total;
}

static void test_channel_figures(void)
{
    static const char *const figures[] = { "packets", "bytes", "normal",
                                           "zero" };
    Pair p = pair_new("none", NULL, NULL);
    json_object *src, *dst, *ram;
    g_autofree char *hmp = NULL;

    src = qtest_qmp_return(p.src, "{'execute': 'query-migrationthreads'}");
    g_assert_cmpuint(json_object_array_length(src), ==, 0);
    json_object_put(src);
    pair_start(&p);
    wait_channels(p.src, "mig/src/send_2");
    wait_channels(p.dst, "mig/dst/recv_2");
    check_threads(p.src, CHANNELS);
    src = qtest_qmp_return(p.dst, "{'execute': 'query-migrationthreads'}");
    g_assert_cmpuint(json_object_array_length(src), ==, 0);
    json_object_put(src);
    qtest_qmp_ok(p.src, "{'execute': 'migrate-set-parameters', 'arguments': "
                 "{'max-bandwidth': 0}}");
    g_assert_true(pair_end(p.src));
    g_assert_true(pair_end(p.dst));

    /* The channels are gone; what went over them can still be read. */
    src = qtest_qmp_return(p.src, "{'execute': 'query-migrationthreads'}");
    g_assert_cmpuint(json_object_array_length(src), ==, 0);
    json_object_put(src);
    src = query_migrate(p.src);
    dst = query_migrate(p.dst);
    ram = json_object_object_get(src, "ram");
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        g_assert_cmpuint(sum(src, figures[i]), ==, sum(dst, figures[i]));
    }
    g_assert_cmpuint(sum(src, "bytes"), ==, number(ram, "multifd-bytes"));
    g_assert_cmpuint(sum(src, "normal"), ==, number(ram, "normal"));
    g_assert_cmpuint(sum(src, "normal"), ==, 16 * 1024 / 4);
    g_assert_cmpuint(sum(src, "zero"), ==, 0);
    json_object_put(src);
    json_object_put(dst);
    hmp = qtest_hmp(p.src, "info migrate");
    g_assert_nonnull(strstr(hmp, "mig/src/send_0: "));
    g_clear_pointer(&hmp, g_free);
    hmp = qtest_hmp(p.dst, "info migrate");
    g_assert_nonnull(strstr(hmp, "mig/dst/recv_2: "));
    pair_free(&p);
}

/* --- Defaults of older machines ------------------------------------------- */

static void check_detection(const char *machine, const char *expected)
{
    g_autofree char *dir = qtest_folder_new();
    const char *const args[] = { "-machine", machine, "-nodefaults", "-S",
                                 NULL };
    QTest *qts = qtest_start(qtest_binary(""), dir, "m", args);
    json_object *params =
        qtest_qmp_return(qts, "{'execute': 'query-migrate-parameters'}");

    g_assert_cmpstr(json_object_get_string(json_object_object_get(
                        params, "zero-page-detection")), ==, expected);
    json_object_put(params);
    qtest_quit(qts);
    qtest_folder_free(g_steal_pointer(&dir));
}

static void test_compat_zero_page(void)
{
    check_detection("pc-q35-7.2", "legacy");
    check_detection("pc-q35-8.0", "legacy");
    check_detection("pc-q35-8.1", "legacy");
    check_detection("pc-q35-8.2", "legacy");
    check_detection("pc-q35-9.0", "multifd");
    check_detection("pc-q35-9.2", "multifd");
    check_detection("q35", "multifd");
    check_detection("microvm", "multifd");
}

/*
 * When channels are synchronised shows in who gets on with whom. @each: by
 * default, in each section.
 */
static void check_sync_mode(const char *machine, bool each)
{
    const char *name = "migration.multifd-flush-after-each-section";
    g_autofree char *same = g_strdup_printf("%s=%s", name,
                                            each ? "on" : "off");
    g_autofree char *other = g_strdup_printf("%s=%s", name,
                                             each ? "off" : "on");

    for (int differ = 0; differ < 2; differ++) {
        Pair p = pair_new(machine, NULL, differ ? other : same);

        qtest_qmp_ok(p.src, "{'execute': 'migrate-set-parameters', "
                     "'arguments': {'max-bandwidth': 0}}");
        pair_start(&p);
        g_assert_cmpint(pair_end(p.src), ==, !differ);
        g_assert_cmpint(pair_end(p.dst), ==, !differ);
        if (differ) {
            QTest *const both[] = { p.src, p.dst };

            for (int i = 0; i < 2; i++) {
                json_object *info = query_migrate(both[i]);
                const char *desc = json_object_get_string(
                    json_object_object_get(info, "error-desc"));

                g_test_message("%s", desc);
                g_assert_nonnull(strstr(desc, strchr(name, '.') + 1));
                json_object_put(info);
            }
        }
        pair_free(&p);
    }
}

static void test_compat_flush(void)
{
    check_sync_mode("pc-q35-7.2", true);
    check_sync_mode("pc-q35-8.0", true);
    check_sync_mode("pc-q35-8.1", false);
    check_sync_mode("q35", false);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp-migration/figures", test_channel_figures);
    g_test_add_func("/qmp-migration/compat/zero-page-detection",
                    test_compat_zero_page);
    g_test_add_func("/qmp-migration/compat/flush", test_compat_flush);
    return g_test_run();
}
