/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connecting sockets: synchronously, or in a thread that reports to a main
 * loop context, where resolving and connecting never block.
 */
#include "qemu/osdep.h"
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include "io/channel-socket.h"
#include "qemu/thread.h"

/* How often a full UNIX listener is asked again. */
#define UNIX_BUSY_RETRY_MS 10

/* Polls @fd (or just time) and the cancel descriptor; false if cancelled. */
static bool connect_poll(int fd, int cancel_fd, int timeout_ms)
{
    struct pollfd fds[2] = {
        { .fd = fd, .events = POLLOUT },
        { .fd = cancel_fd, .events = POLLIN },
    };

    RETRY_ON_EINTR(poll(fds, ARRAY_SIZE(fds), timeout_ms));
    return fds[1].revents == 0;
}

/* Returns 0 or an errno. */
static int connect_finish(int fd, const struct sockaddr *sa, socklen_t len,
                          int cancel_fd)
{
    socklen_t err_len = sizeof(int);
    int err;

    while (connect(fd, sa, len) < 0) {
        if (errno == EAGAIN) {
            if (!connect_poll(-1, cancel_fd, UNIX_BUSY_RETRY_MS)) {
                return ECANCELED;
            }
            continue;
        }
        if (errno != EINPROGRESS && errno != EINTR) {
            return errno;
        }
        if (!connect_poll(fd, cancel_fd, -1)) {
            return ECANCELED;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_len) < 0) {
            return errno;
        }
        return err;
    }
    return 0;
}

/* A connected, blocking socket, or -1 and errno. */
static int connect_one(const struct sockaddr *sa, socklen_t len, int cancel_fd)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);
    int err;

    if (fd < 0) {
        return -1;
    }
    err = connect_finish(fd, sa, len, cancel_fd);
    if (err) {
        qemu_close(&fd);
        errno = err;
        return -1;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

static int connect_inet(const InetSocketAddress *addr, int cancel_fd,
                        Error **errp)
{
    struct addrinfo *list = socket_resolve(addr, false, errp);
    int fd = -1, on = 1;

    if (!list) {
        return -1;
    }
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = connect_one(ai->ai_addr, ai->ai_addrlen, cancel_fd);
        if (fd < 0 && errno == ECANCELED) {
            break;
        }
    }
    if (fd < 0) {
        error_setg_errno(errp, errno, "Failed to connect to '%s:%s'",
                         addr->host, addr->port);
    } else if (addr->has_keep_alive && addr->keep_alive) {
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    freeaddrinfo(list);
    return fd;
}

static int connect_unix(const UnixSocketAddress *addr, int cancel_fd,
                        Error **errp)
{
    struct sockaddr_un un;
    socklen_t len;
    int fd;

    if (!socket_unix_to_sockaddr(addr, &un, &len, errp)) {
        return -1;
    }
    fd = connect_one((struct sockaddr *)&un, len, cancel_fd);
    if (fd < 0) {
        error_setg_errno(errp, errno, "Failed to connect to '%s'", addr->path);
    }
    return fd;
}

static QIOChannel *connect_address(const SocketAddress *addr, int cancel_fd,
                                   Error **errp)
{
    int fd = -1;

    switch (addr->type) {
    case SOCKET_ADDRESS_TYPE_INET:
        fd = connect_inet(&addr->u.inet, cancel_fd, errp);
        break;
    case SOCKET_ADDRESS_TYPE_UNIX:
        fd = connect_unix(&addr->u.q_unix, cancel_fd, errp);
        break;
    case SOCKET_ADDRESS_TYPE_FD:
        fd = socket_fd_number(&addr->u.fd, errp);
        if (fd >= 0) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
        break;
    default:
        error_setg(errp, "socket address type '%s' is not supported",
                   SocketAddressType_str(addr->type));
        break;
    }
    return fd < 0 ? NULL : qio_channel_socket_new_fd(fd, errp);
}

QIOChannel *qio_channel_socket_connect_sync(const SocketAddress *addr,
                                            Error **errp)
{
    return connect_address(addr, -1, errp);
}

/* Shared by the thread and the context; the last of the two frees it. */
struct QIOConnect {
    int ref;               /* [atomic] */
    SocketAddress *addr;   /* [const] */
    GMainContext *context; /* [const] */
    QIOConnectFn fn;       /* [const] */
    void *opaque;          /* [const] */
    int cancel_fd;         /* [const] eventfd, -1 if none could be made */
    bool over;             /* [atomic] calling back, or cancelled */
    /* [atomic] stored with release by the thread, loaded with acquire */
    bool done;
    QIOChannel *ioc; /* [own: thread, then after done: context] */
    Error *err;      /* [own: thread, then after done: context] */
};

static void connect_unref(void *opaque)
{
    QIOConnect *conn = opaque;

    if (qatomic_fetch_add(&conn->ref, -1) > 1) {
        return;
    }
    g_assert(qatomic_load_acquire(&conn->done));
    qio_channel_unref(conn->ioc);
    error_free(conn->err);
    qemu_close(&conn->cancel_fd);
    g_main_context_unref(conn->context);
    qapi_free_SocketAddress(conn->addr);
    g_free(conn);
}

/* The caller's reference ends here, the thread's with the source. */
static gboolean connect_done(void *opaque)
{
    QIOConnect *conn = opaque;

    g_assert(qatomic_load_acquire(&conn->done));
    if (!qatomic_xchg(&conn->over, true)) {
        QIOChannel *ioc = g_steal_pointer(&conn->ioc);
        Error *err = g_steal_pointer(&conn->err);

        conn->fn(ioc, err, conn->opaque);
        connect_unref(conn);
    }
    return G_SOURCE_REMOVE;
}

/* There is a result: the reference goes to whoever calls back. */
static void connect_ended(QIOConnect *conn)
{
    GMainContext *context = conn->context;
    GSource *source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, connect_done, conn, connect_unref);
    qatomic_store_release(&conn->done, true); /* conn is not ours any more */
    g_source_attach(source, context);
    g_source_unref(source);
}

static void *connect_thread(void *opaque)
{
    QIOConnect *conn = opaque;

    conn->ioc = connect_address(conn->addr, conn->cancel_fd, &conn->err);
    connect_ended(conn);
    return NULL;
}

QIOConnect *qio_channel_socket_connect_async(const SocketAddress *addr,
                                             GMainContext *context,
                                             QIOConnectFn fn, void *opaque)
{
    QIOConnect *conn = g_new0(QIOConnect, 1);
    GThread *thread;

    qatomic_set(&conn->ref, 2);
    conn->addr = QAPI_CLONE(SocketAddress, addr);
    conn->context =
        g_main_context_ref(context ? context : g_main_context_default());
    conn->fn = fn;
    conn->opaque = opaque;
    conn->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    thread = qemu_thread_try_create("connect", connect_thread, conn,
                                    &conn->err);
    if (thread) {
        g_thread_unref(thread);
    } else {
        connect_ended(conn);
    }
    return conn;
}

void qio_connect_cancel(QIOConnect *conn)
{
    uint64_t one = 1;

    if (qatomic_xchg(&conn->over, true)) {
        return; /* connect_done() frees */
    }
    if (write(conn->cancel_fd, &one, sizeof(one)) < 0) {
        /* Without an eventfd it ends by itself, unheard. */
    }
    connect_unref(conn);
}
