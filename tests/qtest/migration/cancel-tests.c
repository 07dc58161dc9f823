/* SPDX-License-Identifier: GPL-2.0-or-later */
/* migrate_cancel in every state of the source. The guest stays. */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include <sys/un.h>
#include "migration/framework.h"
#include "migration/groups.h"

static void cancel(QTest *qts)
{
    qtest_qmp_ok(qts, "{'execute': 'migrate_cancel'}");
}

static void assert_history(QTest *qts, const char *tail)
{
    g_autofree char *events = qtest_event_history(qts);

    if (!g_str_has_suffix(events, tail)) {
        g_error("events are '%s', should end in '%s'", events, tail);
    }
}

/* A whole new migration to a new destination. */
static void migrate_again(MigrateTest *t)
{
    g_autofree char *path = migrate_text(t, "@D/mig");

    g_assert_null(t->dst);
    unlink(path);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_go_fast(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "completed");
    migrate_assert_moved(t);
}

/* The stream stops short at the destination; it gives up. */
static void end_destination(MigrateTest *t)
{
    migrate_end_destination(t, MIGRATE_DST_EXITS_1);
}

static const MigrateCase unix_case = { .name = "x",
                                       .listen = "unix:@D/mig" };

static void test_idle(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);

    migrate_start_source(t);
    cancel(t->src);
    cancel(t->src);
    {
        g_autofree char *status = migrate_status(t->src);

        g_assert_cmpstr(status, ==, "none");
    }
    migrate_assert_stayed(t);
    migrate_again(t);
    /* Nothing to cancel any more. */
    cancel(t->src);
    migrate_assert_run_state(t->src, "postmigrate");
    migrate_wait_status(t->src, "completed");
    cancel(t->dst);
    migrate_assert_guest_works(t, t->dst);
    migrate_test_free(t);
}

static void test_active(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);

    migrate_start_source(t);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "active");
    migrate_wait_number(t->src, "ram.transferred", 100000);
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    json_object_put(qtest_wait_event(t->src, "MIGRATION"));
    assert_history(t->src, "MIGRATION:cancelling MIGRATION:cancelled");
    end_destination(t);
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

static void test_active_tcp_return_path(void)
{
    MigrateCase c = { .name = "x", .listen = "tcp:127.0.0.1:0",
                      .caps = "return-path" };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    end_destination(t);
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

/* While cancelling and after cancelled: no harm. */
static void test_twice(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);

    migrate_start_source(t);
    for (int i = 0; i < 3; i++) {
        migrate_start_destination(t);
        migrate_listen(t);
        migrate_go_slowly(t);
        migrate_begin(t);
        migrate_wait_status(t->src, "active");
        cancel(t->src);
        cancel(t->src);
        migrate_wait_status(t->src, "cancelled");
        cancel(t->src);
        migrate_wait_status(t->src, "cancelled");
        end_destination(t);
        {
            g_autofree char *path = migrate_text(t, "@D/mig");

            unlink(path);
        }
    }
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

/* At once after the command: whatever state that hits. */
static void test_at_once(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);

    migrate_start_source(t);
    for (int i = 0; i < 3; i++) {
        g_autofree char *path = migrate_text(t, "@D/mig");

        unlink(path);
        migrate_start_destination(t);
        migrate_listen(t);
        migrate_go_slowly(t);
        migrate_begin(t);
        cancel(t->src);
        migrate_wait_status(t->src, "cancelled");
        /* It saw part of a stream, or no connection at all. */
        qtest_kill(t->dst);
        t->dst = NULL;
    }
    migrate_assert_stayed(t);
    {
        g_autofree char *path = migrate_text(t, "@D/mig");

        unlink(path);
    }
    migrate_again(t);
    migrate_test_free(t);
}

/*
 * In setup, for sure: a listener whose queue is full lets nobody in, so the
 * connection stays half made.
 */
static void test_setup(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    g_autofree char *path = migrate_text(t, "@D/full");
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    g_assert_cmpint(bind(listener, (struct sockaddr *)&addr, sizeof(addr)),
                    ==, 0);
    g_assert_cmpint(listen(listener, 0), ==, 0);
    g_assert_cmpint(connect(first, (struct sockaddr *)&addr, sizeof(addr)),
                    ==, 0);
    migrate_start_source(t);
    qtest_qmp_ok(t->src, "{'execute': 'migrate', 'arguments': "
                 "{'uri': 'unix:%s'}}", path);
    {
        g_autofree char *status = migrate_status(t->src);

        g_assert_cmpstr(status, ==, "setup");
    }
    migrate_assert_guest_works(t, t->src);
    if (t->src_is_ours) {
        /* Before there is a connection, one cannot wait for it. */
        cancel(t->src);
        migrate_wait_status(t->src, "cancelled");
        assert_history(t->src, "MIGRATION:setup MIGRATION:cancelling "
                       "MIGRATION:cancelled");
        close(listener);
    } else {
        cancel(t->src);
        close(listener);
        migrate_wait_status(t->src, "cancelled");
    }
    close(first);
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

/* A destination that reads nothing: the source's writes block. */
static void test_blocked(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);
    struct json_object *reply;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                    ==, 0);
    migrate_start_source(t);
    reply = qtest_qmp_fd(t->src, fds[0], "{'execute': 'getfd', "
                         "'arguments': {'fdname': 'f'}}");
    json_object_put(reply);
    close(fds[0]);
    migrate_go_fast(t);
    qtest_qmp_ok(t->src, "{'execute': 'migrate', 'arguments': "
                 "{'uri': 'fd:f'}}");
    migrate_wait_status(t->src, "active");
    /* Enough for the buffers between the two to fill. */
    g_usleep(200000);
    migrate_assert_guest_works(t, t->src);
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    close(fds[1]);
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

/* What was stopped stays stopped. */
static void test_paused(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig", .paused = true };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    migrate_start_destination(t);
    migrate_listen(t);
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "active");
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    end_destination(t);
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

static void test_exit_on_error(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);

    migrate_start_source(t);
    migrate_start_destination(t);
    qtest_qmp_ok(t->dst, "{'execute': 'migrate-incoming', 'arguments': "
                 "{'uri': 'unix:%s/mig', 'exit-on-error': false}}", t->dir);
    migrate_go_slowly(t);
    migrate_begin(t);
    migrate_wait_number(t->src, "ram.transferred", 100000);
    migrate_wait_status(t->dst, "active");
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    migrate_end_destination(t, MIGRATE_DST_FAILED);
    {
        g_autofree char *error = migrate_error(t->dst);

        g_assert_nonnull(error);
    }
    assert_history(t->dst, "MIGRATION:failed");
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

/* To cancel is the source's to do. */
static void during_cancel_destination(MigrateTest *t)
{
    cancel(t->dst);
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    cancel(t->dst);
}

static const MigrateCase cases[] = {
    { .name = "destination", .listen = "unix:@D/mig", .quick = true,
      .during = during_cancel_destination },
};

void migration_add_cancel_tests(void)
{
    migrate_add_func("cancel/idle", test_idle);
    migrate_add_func("cancel/setup", test_setup);
    migrate_add_func("cancel/at-once", test_at_once);
    migrate_add_func("cancel/active", test_active);
    migrate_add_func("cancel/active-return-path",
                     test_active_tcp_return_path);
    migrate_add_func("cancel/blocked", test_blocked);
    migrate_add_func("cancel/twice", test_twice);
    migrate_add_func("cancel/paused", test_paused);
    migrate_add_func("cancel/exit-on-error", test_exit_on_error);
    migrate_add_cases("cancel/", cases, ARRAY_SIZE(cases));
}
