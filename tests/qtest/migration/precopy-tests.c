/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Precopy over every live transport, with the guest running or not. */
#include "qemu/osdep.h"
#include "migration/framework.h"
#include "migration/groups.h"

/* --- Figures ----------------------------------------------------------------- */

static void during_query(MigrateTest *t)
{
    int64_t before, after, total;

    migrate_wait_number(t->src, "ram.transferred", 1);
    before = migrate_number(t->src, "ram.transferred");
    migrate_wait_number(t->src, "ram.transferred", before + 100000);
    after = migrate_number(t->src, "ram.transferred");
    g_assert_cmpint(after, >, before);
    total = migrate_number(t->src, "ram.total");
    g_assert_cmpint(total, >=, (int64_t)t->guest->ram_bytes);
    g_assert_cmpint(migrate_number(t->src, "ram.remaining"), <=, total);
    g_assert_cmpint(migrate_number(t->src, "ram.remaining"), >, 0);
    g_assert_cmpint(migrate_number(t->src, "expected-downtime"), >=, 0);
    g_assert_cmpint(migrate_number(t->src, "total-time"), >=, 0);
    g_assert_cmpint(migrate_number(t->src, "setup-time"), >=, 0);
    g_assert_cmpint(migrate_number(t->src, "downtime"), ==, -1);
    migrate_assert_guest_works(t, t->src);
    migrate_assert_run_state(t->dst, "inmigrate");
    {
        g_autofree char *status = migrate_status(t->dst);

        g_assert_cmpstr(status, ==, "active");
    }
}

/* At 3 MB/s: what is sent in a time, which only a limit keeps that small. */
static void during_bandwidth(MigrateTest *t)
{
    gint64 start_us, us;
    int64_t start, bytes;

    migrate_wait_number(t->src, "ram.transferred", 2000000);
    start = migrate_number(t->src, "ram.transferred");
    start_us = g_get_monotonic_time();
    migrate_wait_number(t->src, "ram.transferred", start + 3000000);
    us = g_get_monotonic_time() - start_us;
    bytes = migrate_number(t->src, "ram.transferred") - start;
    /* Slower is the machine's business. One burst of 100 ms is allowed. */
    g_assert_cmpint(bytes, <=, us * 3 + us * 3 / 4 + 600000);
}

static void end_no_zero_pages(MigrateTest *t)
{
    g_assert_cmpint(migrate_number(t->src, "ram.duplicate"), ==, 0);
    g_assert_cmpint(migrate_number(t->src, "ram.normal-bytes"), >=,
                    (int64_t)t->guest->ram_bytes);
}

static void end_zero_pages(MigrateTest *t)
{
    /* The guest leaves a good part of its RAM alone. */
    g_assert_cmpint(migrate_number(t->src, "ram.duplicate"), >, 1000);
}

/* A command and its answer while data flows; none takes long. */
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

/* --- Huge pages --------------------------------------------------------------- */

#define HUGE_POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"

/* Both sides at once, whether or not both use them. */
static char *missing_huge_pages(const MigrateTest *t)
{
    int64_t wanted = 2 * (int64_t)(t->guest->ram_bytes / (2 * MiB));
    g_autofree char *text = NULL;
    int64_t free_pages = 0;

    if (g_file_get_contents(HUGE_POOL "free_hugepages", &text, NULL, NULL)) {
        free_pages = g_ascii_strtoll(text, NULL, 10);
    }
    return free_pages >= wanted
               ? NULL
               : g_strdup_printf("needs %" PRId64 " free huge pages of 2 MiB, "
                                 "has %" PRId64 " (see " HUGE_POOL
                                 "nr_hugepages)", wanted, free_pages);
}

/* Its RAM is made of huge pages, and some are in use. */
static void assert_huge(QTest *qts)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/smaps", qtest_pid(qts));
    g_autofree char *text = NULL;
    const char *p;
    int64_t kib = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    for (p = text; (p = strstr(p, "_Hugetlb:")); p += 9) {
        kib += g_ascii_strtoll(p + 9, NULL, 10);
    }
    g_assert_cmpint(kib, >=, 2048);
}

static void start_huge_source(MigrateTest *t)
{
    assert_huge(t->src);
}

static void end_huge_destination(MigrateTest *t)
{
    assert_huge(t->dst);
}

/* --- The guest's state --------------------------------------------------------- */

static void end_reset(MigrateTest *t)
{
    qtest_qmp_ok(t->dst, "{'execute': 'system_reset'}");
    json_object_put(qtest_wait_event(t->dst, "RESET"));
    /* It starts over: A again, which it says once per start. */
    qtest_wait_file(t->dst_serial,
                    t->guest == &guest_q35 ? "A" : "start");
    t->guest->wait_alive(t->dst, t->dst_serial);
    migrate_assert_guest_works(t, t->dst);
}

static void end_stop_cont(MigrateTest *t)
{
    for (int i = 0; i < 5; i++) {
        qtest_qmp_ok(t->dst, "{'execute': 'stop'}");
        migrate_assert_run_state(t->dst, "paused");
        qtest_qmp_ok(t->dst, "{'execute': 'cont'}");
    }
    migrate_assert_guest_works(t, t->dst);
}

/* The source may have its guest back, at the user's own risk. */
static void end_source_cont(MigrateTest *t)
{
    qtest_quit(t->dst);
    t->dst = NULL;
    qtest_qmp_ok(t->src, "{'execute': 'cont'}");
    migrate_assert_guest_works(t, t->src);
    migrate_assert_memory_whole(t, t->src);
}

static const MigrateCase cases[] = {
    { .name = "tcp/live", .listen = "tcp:127.0.0.1:0" },
    { .name = "tcp/paused", .listen = "tcp:127.0.0.1:0", .paused = true },
    { .name = "tcp/direct", .listen = "tcp:127.0.0.1:0", .direct = true },
    { .name = "tcp/channels", .listen = "tcp:127.0.0.1:0",
      .channels = true, .quick = true },
    { .name = "tcp/return-path", .listen = "tcp:127.0.0.1:0",
      .caps = "return-path" },
    { .name = "tcp/ipv6", .listen = "tcp:[::1]:0", .direct = true,
      .quick = true },
    { .name = "unix/live", .listen = "unix:@D/mig" },
    { .name = "unix/paused", .listen = "unix:@D/mig", .paused = true },
    { .name = "unix/direct", .listen = "unix:@D/mig", .direct = true,
      .quick = true },
    { .name = "unix/channels", .listen = "unix:@D/mig", .channels = true,
      .quick = true },
    { .name = "fd/live", .listen = "fd:fd-mig" },
    { .name = "fd/paused", .listen = "fd:fd-mig", .paused = true },
    { .name = "fd/channels", .listen = "fd:fd-mig", .channels = true,
      .quick = true },
    { .name = "exec/live", .listen = "exec:cat @D/pipe",
      .connect = "exec:cat > @D/pipe", .prepare = migrate_make_pipe },
    { .name = "exec/channels", .listen = "exec:cat @D/pipe",
      .connect = "exec:cat > @D/pipe", .channels = true, .quick = true,
      .prepare = migrate_make_pipe },
    { .name = "exec/paused", .listen = "exec:cat @D/pipe",
      .connect = "exec:cat > @D/pipe", .paused = true,
      .prepare = migrate_make_pipe },
    { .name = "more/query", .listen = "unix:@D/mig", .during = during_query },
    { .name = "more/bandwidth", .listen = "unix:@D/mig",
      .during = during_bandwidth, .quick = true },
    { .name = "more/monitor", .listen = "tcp:127.0.0.1:0",
      .during = during_monitor },
    { .name = "ram/zero-page/none", .listen = "unix:@D/mig",
      .src_params = "'zero-page-detection': 'none'",
      .end = end_no_zero_pages },
    { .name = "ram/zero-page/legacy", .listen = "unix:@D/mig",
      .src_params = "'zero-page-detection': 'legacy'",
      .end = end_zero_pages },
    { .name = "ram/backend/file", .listen = "unix:@D/mig", .backend = "file",
      .end = migrate_end_sparse },
    { .name = "ram/backend/memfd", .listen = "unix:@D/mig",
      .backend = "memfd", .end = migrate_end_sparse },
    { .name = "ram/backend/shared", .listen = "unix:@D/mig",
      .backend = "ram", .end = migrate_end_sparse },
    { .name = "ram/hugetlb/both", .listen = "unix:@D/mig",
      .backend = "hugetlb", .missing = missing_huge_pages,
      .start = start_huge_source, .end = end_huge_destination },
    { .name = "ram/hugetlb/to-small", .listen = "unix:@D/mig",
      .backend = "hugetlb", .dst_backend = "memfd", .quick = true,
      .missing = missing_huge_pages, .start = start_huge_source },
    { .name = "ram/hugetlb/from-small", .listen = "tcp:127.0.0.1:0",
      .backend = "memfd", .dst_backend = "hugetlb", .quick = true,
      .missing = missing_huge_pages, .end = end_huge_destination },
    { .name = "ram/hugetlb/paused", .listen = "unix:@D/mig",
      .backend = "hugetlb", .paused = true, .missing = missing_huge_pages,
      .start = start_huge_source, .end = end_huge_destination },
    { .name = "more/destination-stopped", .listen = "unix:@D/mig",
      .dst_stopped = true },
    { .name = "more/reset-after", .listen = "unix:@D/mig", .quick = true,
      .end = end_reset },
    { .name = "more/stop-cont-after", .listen = "unix:@D/mig", .quick = true,
      .end = end_stop_cont },
    { .name = "more/source-cont-after", .listen = "unix:@D/mig", .quick = true,
      .end = end_source_cont },
    { .name = "more/uuid/same", .listen = "unix:@D/mig", .caps = "validate-uuid",
      .src_args = "-uuid 11111111-1111-1111-1111-111111111111",
      .dst_args = "-uuid 11111111-1111-1111-1111-111111111111",
      .quick = true },
    { .name = "more/uuid/none", .listen = "unix:@D/mig", .caps = "validate-uuid",
      .quick = true },
};

void migration_add_precopy_tests(void)
{
    migrate_add_cases("precopy-", cases, ARRAY_SIZE(cases));
}
