/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Run states around a migration, and what is refused while one runs. */
#include "qemu/osdep.h"
#include "migration/framework.h"
#include "migration/groups.h"

/* A source that was never started; its destination starts from scratch. */
static void test_prelaunch(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig",
                      .src_args = "-S", .quick = true };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    migrate_assert_run_state(t->src, "prelaunch");
    migrate_start_destination(t);
    migrate_assert_run_state(t->dst, "inmigrate");
    migrate_listen(t);
    migrate_move(t);
    migrate_assert_run_state(t->dst, "prelaunch");
    qtest_qmp_ok(t->dst, "{'execute': 'cont'}");
    t->guest->wait_alive(t->dst, t->dst_serial);
    migrate_assert_guest_works(t, t->dst);
    migrate_test_free(t);
}

/* stop and cont in the middle: the guest ends as it was last. */
static void test_stop_during(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig", .quick = true };
    MigrateTest *t = migrate_open(&c);

    migrate_get_midway(t);
    qtest_qmp_ok(t->src, "{'execute': 'stop'}");
    migrate_assert_run_state(t->src, "paused");
    qtest_qmp_ok(t->src, "{'execute': 'cont'}");
    migrate_assert_guest_works(t, t->src);
    qtest_qmp_ok(t->src, "{'execute': 'stop'}");
    migrate_go_fast(t);
    migrate_wait_status(t->src, "completed");
    migrate_wait_status(t->dst, "completed");
    migrate_assert_run_state(t->dst, "paused");
    migrate_assert_same_memory(t);
    qtest_qmp_ok(t->dst, "{'execute': 'cont'}");
    migrate_assert_guest_works(t, t->dst);
    migrate_assert_memory_whole(t, t->dst);
    migrate_test_free(t);
}

/* What cannot be changed or begun while one is under way. */
static void test_busy(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig" };
    MigrateTest *t = migrate_open(&c);

    migrate_get_midway(t);
    g_free(qtest_qmp_error(t->src, "{'execute': 'migrate', 'arguments': "
                           "{'uri': 'unix:%s/other'}}", t->dir));
    g_free(qtest_qmp_error(t->src, "{'execute': 'migrate-set-capabilities', "
                           "'arguments': {'capabilities': [{'capability': "
                           "'return-path', 'state': true}]}}"));
    migrate_rounds(t);
    migrate_wait_status(t->src, "completed");
    migrate_wait_status(t->dst, "completed");
    migrate_assert_guest_works(t, t->dst);
    migrate_assert_memory_whole(t, t->dst);
    migrate_test_free(t);
}

static void test_parameters(void)
{
    static const char *const bad[] = {
        "'downtime-limit': 2000001", "'downtime-limit': -1",
        "'max-bandwidth': 'x'",
        "'zero-page-detection': 'maybe'", "'no-such-parameter': 1",
    };
    MigrateTest *t = migrate_test_new(NULL);

    migrate_start_source(t);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_free(qtest_qmp_error(t->src, "{'execute': 'migrate-set-parameters',"
                               " 'arguments': { %s }}", bad[i]));
    }
    migrate_set_param(t->src, "max-bandwidth", 12345678);
    migrate_set_param(t->src, "downtime-limit", 2000000);
    migrate_set_param(t->src, "avail-switchover-bandwidth", 87654321);
    g_free(qtest_qmp_error(t->src, "{'execute': 'migrate-set-capabilities', "
                           "'arguments': {'capabilities': [{'capability': "
                           "'no-such-thing', 'state': true}]}}"));
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

/* There and back again, several times, the same guest. */
static void test_ping_pong(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig", .quick = true };
    MigrateTest *t = migrate_test_new(&c);

    if (!g_str_equal(qtest_binary("_SRC"), qtest_binary("_DST"))) {
        g_test_skip("the sides are different programs");
        migrate_test_free(t);
        return;
    }
    migrate_start_source(t);
    for (int hop = 0; hop < 4; hop++) {
        unlink(t->dst_serial);
        migrate_again(t);
        qtest_quit(t->src);
        t->src = g_steal_pointer(&t->dst);
        /* The next destination's file is always of the same name. */
        rename(t->dst_serial, t->src_serial);
    }
    migrate_test_free(t);
}

void migration_add_state_tests(void)
{
    migrate_add_func("state/prelaunch", test_prelaunch);
    migrate_add_func("state/stop-during", test_stop_during);
    migrate_add_func("state/busy", test_busy);
    migrate_add_func("state/parameters", test_parameters);
    migrate_add_func("state/ping-pong", test_ping_pong);
}
