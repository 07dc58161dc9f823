/* SPDX-License-Identifier: GPL-2.0-or-later */
/* migrate_cancel in every state of the source. The guest stays. */
#include "qemu/osdep.h"
#include <poll.h>
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

/* At once after the command: whatever state that hits. */
static void test_at_once(void)
{
    MigrateTest *t = migrate_test_new(&unix_case);

    migrate_start_source(t);
    for (int i = 0; i < 3; i++) {
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
    gint64 deadline =
        g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;
    struct pollfd room = { .events = POLLOUT };
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                    ==, 0);
    migrate_start_source(t);
    json_object_put(qtest_qmp_fd(t->src, fds[0], "{'execute': 'getfd', "
                                 "'arguments': {'fdname': 'f'}}"));
    /* Fast, but never to the end. */
    migrate_set_param(t->src, "max-bandwidth", 1000000000);
    migrate_set_param(t->src, "downtime-limit", 1);
    qtest_qmp_ok(t->src, "{'execute': 'migrate', 'arguments': "
                 "{'uri': 'fd:f'}}");
    migrate_wait_status(t->src, "active");
    room.fd = fds[0];
    while (poll(&room, 1, 0) != 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(1000);
    }
    migrate_assert_guest_works(t, t->src);
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    close(fds[0]);
    close(fds[1]);
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

/* After a failure it is as if there had been nothing. */
static void test_failed(void)
{
    MigrateTest *t = migrate_open(&unix_case);

    migrate_get_midway(t);
    qtest_kill(t->dst);
    t->dst = NULL;
    migrate_wait_status(t->src, "failed");
    cancel(t->src);
    migrate_wait_status(t->src, "failed");
    assert_history(t->src, "MIGRATION:failed");
    migrate_assert_stayed(t);
    migrate_again(t);
    migrate_test_free(t);
}

static void during_cancel(MigrateTest *t)
{
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    migrate_wait_status(t->dst, "active");
    cancel(t->src);
}

/* While cancelling and after cancelled: no harm. */
static void during_cancel_thrice(MigrateTest *t)
{
    cancel(t->src);
    cancel(t->src);
    migrate_wait_status(t->src, "cancelled");
    cancel(t->src);
}

/* To cancel is the source's to do. */
static void during_cancel_destination(MigrateTest *t)
{
    cancel(t->dst);
    migrate_wait_number(t->src, "ram.transferred", 1000000);
    cancel(t->dst);
}

static void end_failed_destination(MigrateTest *t)
{
    assert_history(t->dst, "MIGRATION:failed");
}

#define CANCELLED .during = during_cancel, .outcome = MIGRATE_CANCELLED

static const MigrateCase cases[] = {
    { .name = "active/unix", .listen = "unix:@D/mig", CANCELLED,
      .end = migrate_again },
    { .name = "active/tcp", .listen = "tcp:127.0.0.1:0", CANCELLED,
      .end = migrate_again },
    { .name = "active/return-path", .listen = "tcp:127.0.0.1:0",
      .caps = "return-path", CANCELLED, .end = migrate_again },
    { .name = "active/fd", .listen = "fd:fd-mig", CANCELLED,
      .end = migrate_again },
    { .name = "active/exec", .listen = "exec:cat @D/pipe",
      .connect = "exec:cat > @D/pipe", .prepare = migrate_make_pipe,
      CANCELLED, .end = migrate_again },
    { .name = "paused", .listen = "unix:@D/mig", .paused = true, CANCELLED },
    { .name = "thrice", .listen = "unix:@D/mig",
      .during = during_cancel_thrice, .outcome = MIGRATE_CANCELLED,
      .end = migrate_again },
    { .name = "stays", .listen = "unix:@D/mig", .stays = true, CANCELLED,
      .dst_says = "offset", .end = end_failed_destination },
    { .name = "destination", .listen = "unix:@D/mig", .quick = true,
      .during = during_cancel_destination },
};

void migration_add_cancel_tests(void)
{
    migrate_add_func("cancel/idle", test_idle);
    migrate_add_func("cancel/setup", test_setup);
    migrate_add_func("cancel/at-once", test_at_once);
    migrate_add_func("cancel/failed", test_failed);
    migrate_add_func("cancel/blocked", test_blocked);
    migrate_add_cases("cancel/", cases, ARRAY_SIZE(cases));
}
