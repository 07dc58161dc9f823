/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host has no room for one thread more, at any moment of a migration over
 * several channels: it fails, the source's guest runs, and nothing is left.
 */
#include "qemu/osdep.h"

#include <signal.h>

#include "io/channel-socket.h"
#include "migration-pair.h"
#include "process-count.h"
#include "qemu/thread.h"

#define CHANNELS 3
/* mig/src/main, return, one a channel; mig/dst/load, one a channel. */
#define BEFORE_FIRST_WORD 2
#define THREADS (2 + CHANNELS + 1 + CHANNELS)

/* --- In place of util/thread.c -------------------------------------------- */

static int threads_left; /* [atomic] then one fails; -1: none does */

GThread *qemu_thread_create(const char *name, GThreadFunc fn, void *opaque)
{
    return g_thread_new(name, fn, opaque);
}

GThread *qemu_thread_try_create(const char *name, GThreadFunc fn, void *opaque,
                                Error **errp)
{
    if (qatomic_read(&threads_left) >= 0 &&
        qatomic_fetch_add(&threads_left, -1) == 0) {
        g_test_message("no %s", name);
        error_setg(errp, "cannot start the thread '%s'", name);
        return NULL;
    }
    return g_thread_new(name, fn, opaque);
}

int qemu_get_thread_id(void)
{
    return 1;
}

/* --- The tests ------------------------------------------------------------ */

static void migrate(int after)
{
    Pair *p = pair_new();

    pair_use_multifd(p, CHANNELS);
    qatomic_set(&threads_left, after);
    pair_start(p);
    side_wait(&p->src);
    if (after >= THREADS) {
        side_wait(&p->dst);
        check_success(p);
    } else {
        side_check(&p->src, "failed", true, "");
    }
    if (after < BEFORE_FIRST_WORD) {
        /* It goes on waiting for a source. */
        g_assert_false(side_idle(&p->dst));
    } else if (after < THREADS) {
        side_wait(&p->dst);
        side_check(&p->dst, "failed", false, "");
    }
    pair_free(p);
}

static void test_migrate(void)
{
    ProcessCount before = process_count();

    for (int after = 0; after < THREADS; after++) {
        migrate(after);
        g_assert_cmpint(qatomic_read(&threads_left), <, 0);
        process_count_check(before);
    }
    migrate(THREADS);
    g_assert_cmpint(qatomic_read(&threads_left), ==, 0);
    process_count_check(before);
}

typedef struct Connected {
    bool done;
    Error *err;
} Connected;

static void connected(QIOChannel *ioc, Error *err, void *opaque)
{
    Connected *c = opaque;

    g_assert_null(ioc);
    c->done = true;
    c->err = err;
}

static void test_connect(void)
{
    SocketAddress addr = {
        .type = SOCKET_ADDRESS_TYPE_UNIX,
        .u.q_unix = { .path = (char *)"/nobody" },
    };
    Connected c = { false };

    qatomic_set(&threads_left, 0);
    qio_channel_socket_connect_async(&addr, NULL, connected, &c);
    g_assert_false(c.done); /* not before the caller knows what it waits for */
    while (!c.done) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_nonnull(strstr(error_get_pretty(c.err), "'connect'"));
    error_free(c.err);
    /* Cancelled before it could tell. */
    qatomic_set(&threads_left, 0);
    qio_connect_cancel(
        qio_channel_socket_connect_async(&addr, NULL, connected, &c));
    while (g_main_context_iteration(NULL, FALSE)) {
        /* what it left */
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/thread-limit/migrate", test_migrate);
    g_test_add_func("/thread-limit/connect", test_connect);
    return g_test_run();
}
