/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory over several channels: each compression with each way to find zero
 * pages and each number of channels, with a guest that keeps writing, and the
 * figures that must add up.
 */
#include "qemu/osdep.h"
#include "migration/framework.h"
#include "migration/groups.h"

#define PAGE_BYTES 4096
/* On the wire: a packet without its payload, and what begins a channel. */
#define PACKET_BYTES 1344
#define INIT_BYTES 64
#define PACKET_PAGES 128
/* A ZERO record on the main channel, at least. */
#define ZERO_RECORD_BYTES 9

static const char *const methods[] = { "none", "zlib", "zstd" };
static const char *const zero_modes[] = { "none", "legacy", "multifd" };
static const unsigned channel_counts[] = { 1, 2, 5, 16 };

/* --- Figures ---------------------------------------------------------------- */

typedef struct Figures {
    int64_t transferred, multifd, normal, zero, total;
} Figures;

static Figures get_figures(MigrateTest *t)
{
    return (Figures) {
        .transferred = migrate_number(t->src, "ram.transferred"),
        .multifd = migrate_number(t->src, "ram.multifd-bytes"),
        .normal = migrate_number(t->src, "ram.normal"),
        .zero = migrate_number(t->src, "ram.duplicate"),
        .total = migrate_number(t->src, "ram.total") / PAGE_BYTES,
    };
}

/* Of an uncompressed one; pages that changed are counted again. */
static void assert_packets(const Figures *f, unsigned channels,
                           int64_t zero_in_packets)
{
    int64_t heads = f->multifd - f->normal * PAGE_BYTES -
                    (int64_t)channels * INIT_BYTES;
    int64_t pages = f->normal + zero_in_packets;

    g_assert_cmpint(heads % PACKET_BYTES, ==, 0);
    heads /= PACKET_BYTES;
    g_assert_cmpint(heads, >=,
                    (pages + PACKET_PAGES - 1) / PACKET_PAGES + channels);
}

static void assert_figures(MigrateTest *t, const char *method,
                           const char *zero_mode, unsigned channels)
{
    Figures f = get_figures(t);
    bool in_packets = g_str_equal(zero_mode, "multifd");

    /* The first round has every page. */
    g_assert_cmpint(f.normal + f.zero, >=, f.total);
    g_assert_cmpint(f.multifd, >, 0);
    g_assert_cmpint(f.multifd, <, f.transferred);
    g_assert_cmpint(f.transferred, ==,
                    migrate_number(t->src, "ram.precopy-bytes") +
                        migrate_number(t->src, "ram.downtime-bytes"));
    if (g_str_equal(zero_mode, "none")) {
        g_assert_cmpint(f.zero, ==, 0);
    } else {
        g_assert_cmpint(f.zero, >, 1000);
    }
    if (g_str_equal(zero_mode, "legacy")) {
        g_assert_cmpint(f.transferred - f.multifd, >=,
                        f.zero * ZERO_RECORD_BYTES);
    }
    if (g_str_equal(method, "none")) {
        assert_packets(&f, channels, in_packets ? f.zero : 0);
    } else {
        /* The guest's memory has little in it. */
        g_assert_cmpint(f.multifd, <, f.normal * PAGE_BYTES);
    }
}

/* --- The table -------------------------------------------------------------- */

typedef struct Combination {
    const char *name;
    MigrateCase c;
    const char *method, *zero_mode;
    unsigned channels;
} Combination;

/* The case is part of it, and the test knows the case. */
static void end_combination(MigrateTest *t)
{
    const Combination *comb =
        (const Combination *)((const char *)t->c - offsetof(Combination, c));

    assert_figures(t, comb->method, comb->zero_mode, comb->channels);
}

static void run_combination(const void *data)
{
    const Combination *comb = data;

    migrate_run_case(&comb->c);
}

/* Every other one over TCP. */
static void fill_combination(Combination *comb, unsigned number)
{
    const char *method = methods[number % 3];
    const char *zero_mode = zero_modes[number / 3 % 3];
    unsigned channels = channel_counts[number / 9];
    bool tcp = (number + number / 9) % 2 == 0;

    comb->method = method;
    comb->zero_mode = zero_mode;
    comb->channels = channels;
    comb->name = g_strdup_printf("%s/%s-%u", method, zero_mode, channels);
    comb->c = (MigrateCase) {
        .name = comb->name,
        .listen = tcp ? "tcp:127.0.0.1:0" : "unix:@D/mig",
        .caps = "multifd",
        .params = g_strdup_printf(
            "'multifd-compression': '%s', 'multifd-channels': %u", method,
            channels),
        .src_params = g_strdup_printf("'zero-page-detection': '%s'",
                                      zero_mode),
        .end = end_combination,
    };
}

/* Freed by the end of the program: GLib runs the tests later. */
static void add_combinations(void)
{
    unsigned n = ARRAY_SIZE(methods) * ARRAY_SIZE(zero_modes) *
                 ARRAY_SIZE(channel_counts);
    static Combination combinations[36];

    g_assert_cmpuint(n, ==, ARRAY_SIZE(combinations));
    for (unsigned i = 0; i < n; i++) {
        fill_combination(&combinations[i], i);
    }
    migrate_add_table("multifd-", combinations, n, sizeof(combinations[0]),
                      run_combination);
}

/* --- While it is under way ----------------------------------------------------- */

static void during_query(MigrateTest *t)
{
    int64_t before, after;

    migrate_wait_number(t->src, "ram.multifd-bytes", 1);
    before = migrate_number(t->src, "ram.multifd-bytes");
    migrate_wait_number(t->src, "ram.multifd-bytes", before + 300000);
    after = migrate_number(t->src, "ram.transferred");
    g_assert_cmpint(after, >=, before + 300000);
    g_assert_cmpint(migrate_number(t->src, "ram.remaining"), >, 0);
    migrate_assert_guest_works(t, t->src);
    migrate_assert_run_state(t->dst, "inmigrate");
}

/* At 3 MB/s: what is sent in a time, which only a limit keeps that small. */
static void during_bandwidth(MigrateTest *t)
{
    gint64 start_us, us;
    int64_t start, bytes;

    migrate_wait_number(t->src, "ram.transferred", 1000000);
    start_us = g_get_monotonic_time();
    start = migrate_number(t->src, "ram.transferred");
    migrate_wait_number(t->src, "ram.transferred", start + 1500000);
    bytes = migrate_number(t->src, "ram.transferred") - start;
    us = g_get_monotonic_time() - start_us;
    /* Slower is the machine's business. One burst, and what the channels hold
     * of the largest size, is allowed. */
    g_assert_cmpint(bytes, <=, us * 3 + us * 3 / 4 + 600000 +
                                   5 * PACKET_PAGES * PAGE_BYTES);
}

static void during_monitor(MigrateTest *t)
{
    QTest *const sides[] = { t->src, t->dst };

    for (int i = 0; i < 100; i++) {
        for (int side = 0; side < 2; side++) {
            gint64 start_us = g_get_monotonic_time();

            json_object_put(qtest_qmp_return(
                sides[side], "{'execute': 'query-migrate'}"));
            g_assert_cmpint(g_get_monotonic_time() - start_us, <, 2000000);
        }
    }
}

/* The guest has a home, and none here any more. */
static void end_released(MigrateTest *t)
{
    g_autofree char *error = NULL;

    if (t->src_is_ours) {
        error = qtest_qmp_error(t->src, "{'execute': 'cont'}");
        g_assert_nonnull(strstr(error, "release-ram"));
        g_assert_cmpuint(qtest_readl(t->src, t->guest->busy_at), ==, 0);
    }
}

static char *missing_q35(const MigrateTest *t)
{
    return t->guest == &guest_q35 ? NULL
                                  : g_strdup("only q35 has versions");
}

#define MULTIFD .caps = "multifd"
#define PER_SECTION "-global migration.multifd-flush-after-each-section=on"
#define SECTIONS MULTIFD, .src_args = PER_SECTION, .dst_args = PER_SECTION
#define VERSION(v) MULTIFD, .missing = missing_q35,                            \
                   .src_args = "-machine pc-q35-" v,                           \
                   .dst_args = "-machine pc-q35-" v
#define METHOD(method, more)                                                   \
    .params = "'multifd-compression': '" method "'" more

static const MigrateCase cases[] = {
    { .name = "more/paused/tcp", .listen = "tcp:127.0.0.1:0", MULTIFD,
      .paused = true },
    { .name = "more/paused/zlib", .listen = "unix:@D/mig", MULTIFD,
      .paused = true, METHOD("zlib", "") },
    { .name = "more/paused/zstd", .listen = "unix:@D/mig", MULTIFD,
      .paused = true, METHOD("zstd", "") },
    { .name = "more/paused/legacy", .listen = "unix:@D/mig", MULTIFD,
      .paused = true, .src_params = "'zero-page-detection': 'legacy'" },
    { .name = "more/paused/many", .listen = "unix:@D/mig", MULTIFD,
      .paused = true, .params = "'multifd-channels': 255" },
    { .name = "more/channels", .listen = "unix:@D/mig", MULTIFD,
      .channels = true, .quick = true },
    { .name = "more/ipv6", .listen = "tcp:[::1]:0", MULTIFD, .quick = true },
    { .name = "more/no-return-path", .listen = "tcp:127.0.0.1:0", MULTIFD,
      .src_args = "-global migration.return-path=off",
      .dst_args = "-global migration.return-path=off" },
    { .name = "more/destination-stopped", .listen = "unix:@D/mig", MULTIFD,
      .dst_stopped = true, .quick = true },
    { .name = "more/uuid", .listen = "unix:@D/mig", MULTIFD, .quick = true,
      .src_args = "-uuid 11111111-1111-1111-1111-111111111111",
      .dst_args = "-uuid 11111111-1111-1111-1111-111111111111" },
    { .name = "more/backend/memfd", .listen = "unix:@D/mig", MULTIFD,
      .backend = "memfd", .quick = true, .end = migrate_end_sparse },
    { .name = "more/backend/file", .listen = "unix:@D/mig", MULTIFD,
      .backend = "file", .quick = true, .end = migrate_end_sparse },
    { .name = "more/release-ram", .listen = "unix:@D/mig", MULTIFD,
      .src_caps = "release-ram", .quick = true, .end = end_released },
    { .name = "more/query", .listen = "unix:@D/mig", MULTIFD,
      .during = during_query, .quick = true },
    { .name = "more/monitor", .listen = "tcp:127.0.0.1:0", MULTIFD,
      .during = during_monitor, .quick = true },
    { .name = "more/bandwidth/one", .listen = "unix:@D/mig", MULTIFD,
      .params = "'multifd-channels': 1", .during = during_bandwidth,
      .quick = true },
    { .name = "more/bandwidth/five", .listen = "tcp:127.0.0.1:0", MULTIFD,
      .params = "'multifd-channels': 5", .during = during_bandwidth,
      .quick = true },
    { .name = "more/bandwidth/legacy", .listen = "unix:@D/mig", MULTIFD,
      .src_params = "'zero-page-detection': 'legacy'",
      .during = during_bandwidth, .quick = true },

    { .name = "level/zlib-0", .listen = "unix:@D/mig", MULTIFD, .quick = true,
      METHOD("zlib", ", 'multifd-zlib-level': 0") },
    /* So slow that a guest which writes on would take too long. */
    { .name = "level/zlib-9", .listen = "tcp:127.0.0.1:0", MULTIFD,
      .paused = true, METHOD("zlib", ", 'multifd-zlib-level': 9") },
    { .name = "level/zstd-0", .listen = "unix:@D/mig", MULTIFD, .quick = true,
      METHOD("zstd", ", 'multifd-zstd-level': 0") },
    { .name = "level/zstd-20", .listen = "tcp:127.0.0.1:0", MULTIFD,
      .paused = true, METHOD("zstd", ", 'multifd-zstd-level': 20") },
    /* The source's is what counts. */
    { .name = "level/differ", .listen = "unix:@D/mig", MULTIFD,
      .paused = true, METHOD("zlib", ""), .src_params = "'multifd-zlib-level': 9",
      .dst_params = "'multifd-zlib-level': 0" },

    { .name = "flush/section/live", .listen = "unix:@D/mig", SECTIONS },
    { .name = "flush/section/five", .listen = "tcp:127.0.0.1:0", SECTIONS,
      .params = "'multifd-channels': 5" },
    { .name = "flush/section/zlib", .listen = "unix:@D/mig", SECTIONS,
      METHOD("zlib", "") },
    { .name = "flush/section/zstd", .listen = "tcp:127.0.0.1:0", SECTIONS,
      METHOD("zstd", ", 'multifd-channels': 5") },
    { .name = "flush/section/legacy", .listen = "unix:@D/mig", SECTIONS,
      .src_params = "'zero-page-detection': 'legacy'" },
    { .name = "flush/section/paused", .listen = "unix:@D/mig", SECTIONS,
      .paused = true },
    { .name = "flush/version/8.0", .listen = "unix:@D/mig", VERSION("8.0") },
    { .name = "flush/version/8.1", .listen = "tcp:127.0.0.1:0",
      VERSION("8.1") },
    { .name = "flush/version/8.2", .listen = "unix:@D/mig", VERSION("8.2") },
    { .name = "flush/version/7.2", .listen = "tcp:127.0.0.1:0",
      VERSION("7.2") },
};

/* --- Several in a row ------------------------------------------------------------ */

/* One guest, moved on with other settings each time. */
static void test_chain(void)
{
    static const MigrateCase hops[] = {
        { .name = "x", .listen = "unix:@D/mig", MULTIFD, .quick = true,
          METHOD("zlib", "") },
        { .name = "x", .listen = "tcp:127.0.0.1:0", .quick = true },
        { .name = "x", .listen = "tcp:127.0.0.1:0", MULTIFD, .quick = true,
          METHOD("zstd", ", 'multifd-channels': 5") },
        { .name = "x", .listen = "unix:@D/mig", MULTIFD, .quick = true,
          METHOD("none", ", 'multifd-channels': 1") },
    };
    MigrateTest *t = migrate_test_new(&hops[0]);

    migrate_start_source(t);
    for (size_t i = 0; i < ARRAY_SIZE(hops); i++) {
        t->c = &hops[i];
        migrate_set_cap(t->src, "multifd", hops[i].caps != NULL);
        if (hops[i].params) {
            qtest_qmp_ok(t->src, "{'execute': 'migrate-set-parameters', "
                         "'arguments': { %s }}", hops[i].params);
        }
        unlink(t->dst_serial);
        migrate_again(t);
        qtest_quit(t->src);
        t->src = g_steal_pointer(&t->dst);
        t->src_holds.files = 0;
        rename(t->dst_serial, t->src_serial);
    }
    migrate_test_free(t);
}

void migration_add_multifd_tests(void)
{
    add_combinations();
    migrate_add_cases("multifd-", cases, ARRAY_SIZE(cases));
    migrate_add_func("multifd-more/chain", test_chain);
}
