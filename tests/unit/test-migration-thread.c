/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pace and convergence policy. (Phases: test-migration-two-vms.c.) */
#include "qemu/osdep.h"

#include "migration/migration-rate.h"

static MigrationLiveParams params(uint64_t max, uint64_t avail, uint64_t limit)
{
    return (MigrationLiveParams) {
        .max_bandwidth_bytes = max,
        .avail_switchover_bandwidth_bytes = avail,
        .downtime_limit_ms = limit,
    };
}

static void test_slice(void)
{
    MigrationLiveParams p = params(1000000, 0, 300);
    MigrationRateLimit rate;

    migration_rate_start(&rate, 1000, 50, p.max_bandwidth_bytes);
    g_assert_cmpuint(migration_rate_left(&rate, 50 + 99999), ==, 1);
    g_assert_cmpuint(migration_rate_left(&rate, 50 + 100000), ==, 0);
    g_assert_cmpint(migration_rate_wait_ms(&rate, 1010, 50 + 99999), ==, 0);
    g_assert_cmpint(migration_rate_wait_ms(&rate, 1010, 50 + 100000), ==, 90);
    g_assert_cmpint(migration_rate_wait_ms(&rate, 1100, 50 + 100000), ==, 0);

    g_assert_false(migration_rate_slice(&rate, 1099, 200050, &p));
    g_assert_cmpuint(rate.threshold_bytes, ==, 0);
    g_assert_true(migration_rate_slice(&rate, 1100, 200050, &p));
    /* 2000 bytes per ms, for 300 ms */
    g_assert_cmpuint(rate.threshold_bytes, ==, 600000);
    /* half of what was sent is still owed */
    g_assert_cmpuint(rate.debt_bytes, ==, 100000);
    g_assert_cmpuint(migration_rate_left(&rate, 200050), ==, 0);

    /* no limit */
    p.max_bandwidth_bytes = 0;
    g_assert_true(migration_rate_slice(&rate, 1200, 200050, &p));
    g_assert_cmpuint(migration_rate_left(&rate, UINT64_MAX / 2), ==,
                     UINT64_MAX);
    g_assert_cmpuint(rate.threshold_bytes, ==, 0);
}

/* Pieces larger than a slice's share still average to the limit. */
static void test_debt(void)
{
    MigrationLiveParams p = params(1000000, 0, 300);
    MigrationRateLimit rate;
    uint64_t sent = 0;

    migration_rate_start(&rate, 0, 0, p.max_bandwidth_bytes);
    for (int64_t now_ms = 0; now_ms < 10000; now_ms += MIGRATION_SLICE_MS) {
        if (migration_rate_left(&rate, sent)) {
            sent += 350000;
        }
        g_assert_true(migration_rate_slice(
            &rate, now_ms + MIGRATION_SLICE_MS, sent, &p));
    }
    g_assert_cmpuint(sent, >=, 10000000);
    g_assert_cmpuint(sent, <, 10000000 + 350000);
}

static void test_available(void)
{
    MigrationLiveParams p = params(0, 5000000, 100);
    MigrationRateLimit rate;

    migration_rate_start(&rate, 0, 0, 0);
    g_assert_true(migration_rate_slice(&rate, 100, 100, &p));
    g_assert_cmpuint(rate.threshold_bytes, ==, 500000);

    p = params(0, UINT64_MAX, 2000000);
    g_assert_true(migration_rate_slice(&rate, 200, 100, &p));
    g_assert_cmpuint(rate.threshold_bytes, ==, INT64_MAX);
}

static void test_decide(void)
{
    MigrationRateLimit rate = { .threshold_bytes = 0 };

    /* Nothing measured yet: only nothing at all is little enough. */
    g_assert_cmpint(migration_rate_decide(&rate, 1, false), ==,
                    MIGRATION_GO_ON);
    g_assert_cmpint(migration_rate_decide(&rate, 0, false), ==,
                    MIGRATION_ASK_EXACT);
    g_assert_cmpint(migration_rate_decide(&rate, 0, true), ==,
                    MIGRATION_SWITCH_OVER);

    rate.threshold_bytes = 4096;
    g_assert_cmpint(migration_rate_decide(&rate, 4096, false), ==,
                    MIGRATION_GO_ON);
    g_assert_cmpint(migration_rate_decide(&rate, 4095, false), ==,
                    MIGRATION_ASK_EXACT);
    g_assert_cmpint(migration_rate_decide(&rate, 4096, true), ==,
                    MIGRATION_GO_ON);
    g_assert_cmpint(migration_rate_decide(&rate, 4095, true), ==,
                    MIGRATION_SWITCH_OVER);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-thread/slice", test_slice);
    g_test_add_func("/migration-thread/debt", test_debt);
    g_test_add_func("/migration-thread/available", test_available);
    g_test_add_func("/migration-thread/decide", test_decide);
    return g_test_run();
}
