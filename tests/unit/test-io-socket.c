/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket channels: addresses, connecting, listening, descriptors, hang-ups. */
#include "qemu/osdep.h"
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "io/channel-file.h"
#include "io/channel-socket.h"
#include "test-folder.h"

static SocketAddress *parse(const char *str)
{
    Error *err = NULL;
    SocketAddress *addr = socket_parse(str, &err);

    if (!addr) {
        g_error("%s", error_get_pretty(err));
    }
    return addr;
}

static SocketAddress *unix_address(const char *name)
{
    g_autofree char *str = g_strdup_printf("unix:%s/%s", tmp_dir, name);

    return parse(str);
}

static void test_parse(void)
{
    static const struct {
        const char *str, *text;
    } good[] = {
        { "tcp:127.0.0.1:4444", "tcp:127.0.0.1:4444" },
        { "localhost:1", "tcp:localhost:1" },
        { ":0", "tcp::0" },
        { "tcp:[::1]:5", "tcp:[::1]:5" },
        { "unix:/a,b:c", "unix:/a,b:c" },
        { "fd:7", "fd:7" },
    };
    static const struct {
        const char *str, *error;
    } bad[] = {
        { "", "no port" },
        { "host", "no port" },
        { "host:", "no valid port" },
        { "::1:5", "brackets" },
        { "[::1]5", "expected [" },
        { "[::1", "expected [" },
        { "h:1,to=70000", "'to' needs a port" },
        { "h:1,foo=on", "unknown option 'foo'" },
        { "h:1,ipv4=maybe", "ipv4" },
        { "h:1,", "empty option" },
        { "unix:", "no path" },
        { "fd:", "no file descriptor" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        g_autoptr(SocketAddress) addr = parse(good[i].str);
        g_autofree char *text = socket_address_to_string(addr);

        g_assert_cmpstr(text, ==, good[i].text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Error *err = NULL;

        g_assert_null(socket_parse(bad[i].str, &err));
        check_error(err, bad[i].error);
    }
    g_autoptr(SocketAddress) addr = parse("h:1,to=9,ipv4,ipv6=off");

    g_assert_cmpuint(addr->u.inet.to, ==, 9);
    g_assert_true(addr->u.inet.ipv4);
    g_assert_true(addr->u.inet.has_ipv6 && !addr->u.inet.ipv6);
}

/* Both ends of one connection through @listener. */
static void connect_pair(QIONetListener *listener, QIOChannel **client,
                         QIOChannel **server)
{
    Error *err = NULL;

    *client = qio_channel_socket_connect_sync(
        qio_net_listener_address(listener, 0), &err);
    if (!*client) {
        g_error("%s", error_get_pretty(err));
    }
    *server = qio_net_listener_wait_client(listener, &err);
    g_assert_nonnull(*server);
}

static void check_talk(QIOChannel *a, QIOChannel *b)
{
    char buf[4];

    g_assert_true(qio_channel_write_all(a, "ping", 4, NULL));
    g_assert_true(qio_channel_read_all(b, buf, 4, NULL));
    g_assert_true(qio_channel_write_all(b, "pong", 4, NULL));
    g_assert_true(qio_channel_read_all(a, buf, 4, NULL));
    g_assert_cmpmem(buf, 4, "pong", 4);
}

static void test_tcp(void)
{
    g_autoptr(SocketAddress) addr = parse("127.0.0.1:0");
    g_autoptr(QIONetListener) listener = NULL;
    const SocketAddress *real;
    QIOChannel *a, *b;
    Error *err = NULL;

    listener = qio_net_listener_new(addr, 1, &err);
    g_assert_nonnull(listener);
    real = qio_net_listener_address(listener, 0);
    g_assert_cmpstr(real->u.inet.port, !=, "0");
    g_assert_null(qio_net_listener_address(listener, 1));
    connect_pair(listener, &a, &b);
    g_assert_false(qio_channel_has_feature(a, QIO_CHANNEL_FEATURE_FD_PASS));
    check_talk(a, b);

    /* A second listener cannot have it; with `to` it takes a later one. */
    g_assert_null(qio_net_listener_new(real, 1, &err));
    g_assert_cmpint(error_get_errno(err), ==, EADDRINUSE);
    g_clear_pointer(&err, error_free);
    if (atoi(real->u.inet.port) < 65000) {
        g_autoptr(SocketAddress) range = QAPI_CLONE(SocketAddress, real);
        g_autoptr(QIONetListener) second = NULL;

        range->u.inet.has_to = true;
        range->u.inet.to = atoi(real->u.inet.port) + 500;
        second = qio_net_listener_new(range, 1, &err);
        g_assert_nonnull(second);
        g_assert_cmpint(
            atoi(qio_net_listener_address(second, 0)->u.inet.port), >,
            atoi(real->u.inet.port));
    }

    /* A hang-up in the middle of what we expect. */
    g_assert_true(qio_channel_write_all(a, "abc", 3, NULL));
    qio_channel_unref(a);
    g_assert_false(qio_channel_read_all(b, (char[5]){ 0 }, 5, &err));
    check_error(g_steal_pointer(&err), "after 3 of 5");
    qio_channel_unref(b);

    /* And nobody there. */
    g_autoptr(SocketAddress) gone = QAPI_CLONE(SocketAddress, real);

    g_clear_pointer(&listener, qio_net_listener_free);
    g_assert_null(qio_channel_socket_connect_sync(gone, &err));
    check_error(err, "Connection refused");
}

static void test_wildcard(void)
{
    g_autoptr(SocketAddress) addr = parse(":0");
    g_autoptr(SocketAddress) target = NULL;
    g_autoptr(QIONetListener) listener = qio_net_listener_new(addr, 1, NULL);
    g_autoptr(QIOChannel) a = NULL;
    const SocketAddress *second;

    g_assert_nonnull(listener);
    second = qio_net_listener_address(listener, 1);
    target = parse("localhost:0");
    g_free(target->u.inet.port);
    target->u.inet.port =
        g_strdup(qio_net_listener_address(listener, 0)->u.inet.port);
    if (second) {
        g_assert_cmpstr(second->u.inet.port, ==, target->u.inet.port);
    }
    a = qio_channel_socket_connect_sync(target, NULL);
    g_assert_nonnull(a);
}

static void test_unix(void)
{
    g_autoptr(SocketAddress) addr = unix_address("sock");
    g_autoptr(SocketAddress) plain = unix_address("plain");
    const char *path = addr->u.q_unix.path;
    QIONetListener *listener, *second;
    QIOChannel *a, *b;
    Error *err = NULL;
    int fd;

    listener = qio_net_listener_new(addr, 1, &err);
    g_assert_nonnull(listener);
    connect_pair(listener, &a, &b);
    check_talk(a, b);
    g_assert_cmpstr(b->name, ==, a->name);
    qio_channel_unref(a);
    qio_channel_unref(b);

    g_assert_null(qio_net_listener_new(addr, 1, &err));
    g_assert_cmpint(error_get_errno(err), ==, EADDRINUSE);
    g_clear_pointer(&err, error_free);
    connect_pair(listener, &a, &b); /* the first one did not notice */
    check_talk(a, b);
    qio_channel_unref(a);
    qio_channel_unref(b);
    qio_net_listener_free(listener);
    g_assert_cmpint(access(path, F_OK), <, 0);

    /* What a crashed process left is replaced. */
    struct sockaddr_un un;
    socklen_t len;

    g_assert_true(socket_unix_to_sockaddr(&addr->u.q_unix, &un, &len, NULL));
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&un, len), ==, 0);
    close(fd);
    second = qio_net_listener_new(addr, 1, &err);
    g_assert_nonnull(second);
    qio_net_listener_free(second);

    /* A file is not. */
    g_assert_true(g_file_set_contents(plain->u.q_unix.path, "x", 1, NULL));
    g_assert_null(qio_net_listener_new(plain, 1, &err));
    check_error(g_steal_pointer(&err), "not a socket");
    g_assert_cmpint(access(plain->u.q_unix.path, F_OK), ==, 0);

    g_free(plain->u.q_unix.path);
    plain->u.q_unix.path = g_strnfill(200, 'x');
    g_assert_null(qio_net_listener_new(plain, 1, &err));
    check_error(err, "too long");
}

static void test_fd_address(void)
{
    g_autoptr(SocketAddress) addr = parse("fd:999999");
    g_autoptr(QIONetListener) taken = NULL;
    Error *err = NULL;
    QIOChannel *a, *b;
    struct sockaddr_in sin = { .sin_family = AF_INET };
    int fd;

    g_assert_null(qio_channel_socket_connect_sync(addr, &err));
    check_error(g_steal_pointer(&err), "999999 is not open");
    fd = socket(AF_INET, SOCK_STREAM, 0);
    g_free(addr->u.fd.str);
    addr->u.fd.str = g_strdup_printf("%d", fd);
    g_assert_null(qio_net_listener_new(addr, 1, &err));
    check_error(g_steal_pointer(&err), "not a listening socket");
    sin.sin_addr.s_addr = htonl(0x7f000001);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    taken = qio_net_listener_new(addr, 1, &err);
    g_assert_nonnull(taken);
    connect_pair(taken, &a, &b);
    check_talk(a, b);
    qio_channel_unref(a);
    qio_channel_unref(b);
}

static void test_fd_pass(void)
{
    struct iovec iov = { .iov_base = (void *)"m", .iov_len = 1 };
    char c;
    struct iovec in = { .iov_base = &c, .iov_len = 1 };
    int *fds = NULL, pipe_fds[2], many[QIO_CHANNEL_MAX_FDS + 1] = { 0 };
    Error *err = NULL;
    QIOChannel *a, *b;
    size_t nfds = 0;

    g_assert_true(qio_channel_pair_new(&a, &b, &err));
    g_assert_cmpint(pipe(pipe_fds), ==, 0);
    g_assert_cmpint(qio_channel_writev_full(a, &iov, 1, pipe_fds, 2, &err), ==,
                    1);
    g_assert_cmpint(qio_channel_readv_full(b, &in, 1, &fds, &nfds, &err), ==,
                    1);
    g_assert_cmpuint(nfds, ==, 2);
    g_assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    g_assert_cmpint(write(fds[1], "z", 1), ==, 1);
    g_assert_cmpint(read(pipe_fds[0], &c, 1), ==, 1);
    g_assert_cmpint(c, ==, 'z');
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
    }
    g_free(fds);

    /* Descriptors that nobody asked for go nowhere. */
    g_assert_cmpint(qio_channel_writev_full(a, &iov, 1, pipe_fds, 2, &err), ==,
                    1);
    close(pipe_fds[1]);
    g_assert_cmpint(qio_channel_readv_full(b, &in, 1, NULL, NULL, &err), ==, 1);
    g_assert_cmpint(read(pipe_fds[0], &c, 1), ==, 0);
    close(pipe_fds[0]);

    g_assert_cmpint(qio_channel_writev_full(a, &iov, 1, many, ARRAY_SIZE(many),
                                            &err),
                    ==, -1);
    check_error(err, "cannot pass 17");
    qio_channel_unref(a);
    qio_channel_unref(b);
}

typedef struct Async {
    GMainLoop *loop;
    QIOChannel *client, *server;
    Error *err;
} Async;

static void async_done(QIOChannel *ioc, Error *err, void *opaque)
{
    Async *s = opaque;

    s->client = ioc;
    s->err = err;
    g_main_loop_quit(s->loop);
}

static void async_accepted(QIONetListener *listener, QIOChannel *ioc,
                           void *opaque)
{
    Async *s = opaque;

    qio_channel_unref(s->server);
    s->server = ioc;
}

static void test_async(void)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GMainLoop) loop = g_main_loop_new(context, FALSE);
    g_autoptr(SocketAddress) addr = unix_address("async");
    QIONetListener *listener = qio_net_listener_new(addr, 4, NULL);
    g_autoptr(QIOChannel) first = NULL;
    Async s = { .loop = loop };
    QIOConnect *conn;

    qio_net_listener_set_client_fn(listener, async_accepted, &s, context);
    qio_channel_socket_connect_async(addr, context, async_done, &s);
    g_main_loop_run(loop);
    g_assert_nonnull(s.client);
    while (!s.server) {
        g_main_context_iteration(context, TRUE);
    }
    check_talk(s.client, s.server);
    qio_channel_unref(s.client);
    g_clear_pointer(&s.server, qio_channel_unref);
    qio_net_listener_free(listener);

    qio_channel_socket_connect_async(addr, context, async_done, &s);
    g_main_loop_run(loop);
    g_assert_null(s.client);
    check_error(g_steal_pointer(&s.err), "No such file");

    /* Cancelled: no call. The full backlog keeps the second one waiting. */
    listener = qio_net_listener_new(addr, 0, NULL);
    first = qio_channel_socket_connect_sync(addr, NULL);
    g_assert_nonnull(first);
    conn = qio_channel_socket_connect_async(addr, context, async_done, &s);
    qio_connect_cancel(conn);
    qio_channel_socket_connect_async(addr, context, async_done, &s);
    qio_net_listener_set_client_fn(listener, async_accepted, &s, context);
    g_main_loop_run(loop);
    g_assert_nonnull(s.client);
    qio_channel_unref(s.client);
    qio_net_listener_free(listener);
    qio_channel_unref(s.server);
}

typedef struct Refused {
    GMainContext *context;
    QIOChannel *server;
    Error *err;      /* the last one */
    unsigned errors; /* told for the first time */
    unsigned again;
} Refused;

static void refused_accepted(QIONetListener *listener, QIOChannel *ioc,
                             void *opaque)
{
    Refused *r = opaque;

    qio_channel_unref(r->server);
    r->server = ioc;
}

static void refused_told(QIONetListener *listener, Error *err, bool again,
                         void *opaque)
{
    Refused *r = opaque;

    error_free(r->err);
    r->err = err;
    *(again ? &r->again : &r->errors) += 1;
}

static void refused_and_free(QIONetListener *listener, Error *err, bool again,
                             void *opaque)
{
    refused_told(listener, err, again, opaque);
    qio_net_listener_free(listener);
}

static gboolean set_true(void *opaque)
{
    *(bool *)opaque = true;
    return G_SOURCE_REMOVE;
}

/* Several tries of a listener that cannot accept: it must rest in between. */
static void refused_run(Refused *r)
{
    GSource *source = g_timeout_source_new(350);
    unsigned rounds = 0;
    bool over = false;

    g_source_set_callback(source, set_true, &over, NULL);
    g_source_attach(source, r->context);
    g_source_unref(source);
    while (!over) {
        g_main_context_iteration(r->context, TRUE);
        rounds++;
    }
    /* Each try is two: the rest is over, the socket is ready. */
    g_assert_cmpuint(rounds, <, 20);
}

/* No descriptor is left from now on; what the limit was before. */
static struct rlimit use_up_descriptors(void)
{
    struct rlimit old, limit;
    int next = dup(STDERR_FILENO);

    close(next);
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
    limit = old;
    limit.rlim_cur = (rlim_t)next;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    return old;
}

/*
 * Without descriptors: told, tried again at rest, and all are accepted when
 * there are some again.
 */
static void test_no_descriptors(void)
{
    g_autoptr(SocketAddress) addr = unix_address("none-left");
    g_autoptr(QIONetListener) listener = qio_net_listener_new(addr, 4, NULL);
    Refused r = { .context = g_main_context_new() };

    qio_net_listener_set_error_fn(listener, refused_told);
    qio_net_listener_set_client_fn(listener, refused_accepted, &r, r.context);
    for (unsigned round = 1; round <= 2; round++) {
        g_autoptr(QIOChannel) client =
            qio_channel_socket_connect_sync(addr, NULL);
        struct rlimit old = use_up_descriptors();

        g_assert_nonnull(client);
        refused_run(&r);
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
        g_assert_cmpuint(r.errors, ==, round);
        g_assert_cmpuint(r.again, >=, round);
        g_assert_cmpint(error_get_errno(r.err), ==, EMFILE);
        check_error(g_steal_pointer(&r.err), "ulimit -Hn");
        g_assert_null(r.server);
        while (!r.server) {
            g_main_context_iteration(r.context, TRUE);
        }
        check_talk(client, r.server);
        g_clear_pointer(&r.server, qio_channel_unref);
    }
    g_assert_cmpuint(r.errors, ==, 2);

    /* One that waits has nothing else to do: it fails. */
    qio_net_listener_set_client_fn(listener, NULL, NULL, NULL);
    {
        g_autoptr(QIOChannel) client =
            qio_channel_socket_connect_sync(addr, NULL);
        struct rlimit old = use_up_descriptors();
        Error *err = NULL;

        g_assert_nonnull(client);
        g_assert_null(qio_net_listener_wait_client(listener, &err));
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
        check_error(err, "cannot accept a connection");
    }
    g_main_context_unref(r.context);
}

/* A socket that listens no more, which poll() takes for ready. */
static void test_listener_broke(void)
{
    Refused r = { .context = g_main_context_new() };

    for (int free_it = 0; free_it < 2; free_it++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        g_autofree char *str = g_strdup_printf("fd:%d", fd);
        g_autoptr(SocketAddress) addr = parse(str);
        QIONetListener *listener;
        Error *err = NULL;

        g_assert_cmpint(listen(fd, 1), ==, 0);
        listener = qio_net_listener_new(addr, 1, NULL);
        g_assert_nonnull(listener);
        g_assert_cmpint(shutdown(fd, SHUT_RDWR), ==, 0);
        if (!free_it) {
            g_assert_null(qio_net_listener_wait_client(listener, &err));
            check_error(err, "Invalid argument");
        }
        qio_net_listener_set_error_fn(listener, free_it ? refused_and_free
                                                        : refused_told);
        qio_net_listener_set_client_fn(listener, refused_accepted, &r,
                                       r.context);
        refused_run(&r);
        g_assert_cmpuint(r.errors, ==, 1 + free_it);
        if (!free_it) {
            qio_net_listener_free(listener);
        }
    }
    check_error(r.err, "Invalid argument");
    g_main_context_unref(r.context);
}

static void *flood_thread(void *opaque)
{
    g_autofree char *block = g_malloc0(1 << 20);
    struct iovec iov[4] = { { block, 1 << 20 }, { block, 1 << 20 },
                            { block, 1 << 20 }, { block, 1 << 20 } };
    unsigned n = 0;

    while (n < 1000 && qio_channel_writev_all(opaque, iov, 4, NULL)) {
        n++;
    }
    return GUINT_TO_POINTER(n);
}

/* Blocked in a write, non-blocking or not: a shutdown ends it. */
static void test_shutdown(void)
{
    for (int non_blocking = 0; non_blocking < 2; non_blocking++) {
        QIOChannel *a, *b;
        GThread *thread;

        g_assert_true(qio_channel_pair_new(&a, &b, NULL));
        qio_channel_set_blocking(a, !non_blocking, NULL);
        thread = g_thread_new("flood", flood_thread, a);
        qio_channel_wait(b, G_IO_IN);
        g_assert_true(qio_channel_shutdown(a, QIO_CHANNEL_SHUTDOWN_BOTH, NULL));
        g_assert_cmpuint(GPOINTER_TO_UINT(g_thread_join(thread)), <, 1000);
        qio_channel_unref(a);
        qio_channel_unref(b);
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/io/socket/parse", test_parse);
    g_test_add_func("/io/socket/tcp", test_tcp);
    g_test_add_func("/io/socket/wildcard", test_wildcard);
    g_test_add_func("/io/socket/unix", test_unix);
    g_test_add_func("/io/socket/fd-address", test_fd_address);
    g_test_add_func("/io/socket/fd-pass", test_fd_pass);
    g_test_add_func("/io/socket/async", test_async);
    g_test_add_func("/io/socket/no-descriptors", test_no_descriptors);
    g_test_add_func("/io/socket/listener-broke", test_listener_broke);
    g_test_add_func("/io/socket/shutdown", test_shutdown);
    return test_run_in_folder("test-io-socket");
}
