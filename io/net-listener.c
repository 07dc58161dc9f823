/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listening sockets: one address of the user's, which may be several of the
 * kernel's. Sources hold references, so that any thread can stop them.
 */
#include "qemu/osdep.h"
#include <glib-unix.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/stat.h>
#include "io/channel-socket.h"

#define LISTENER_MAX_SOCKETS 8
/* How long accepting rests after it failed. */
#define LISTENER_REST_MS 100

struct QIONetListener {
    int fds[LISTENER_MAX_SOCKETS];
    SocketAddress *addrs[LISTENER_MAX_SOCKETS];
    unsigned count; /* this and the above: [const] */
    int ref;        /* [atomic] */
    bool keep_alive;
    char *unlink_path; /* UNIX path that is ours, or NULL */
    dev_t unlink_dev;
    ino_t unlink_ino;

    GMutex lock; /* for the rest */
    GSource *sources[LISTENER_MAX_SOCKETS];
    GSource *rest; /* timer, while accepting rests */
    bool failed;   /* since a client came last */
    QIONetListenerFn fn;
    QIONetListenerErrorFn error_fn;
    void *opaque;
    GMainContext *context; /* NULL: default */
};

/* Takes @fd over. */
static bool listener_add_fd(QIONetListener *l, int fd, Error **errp)
{
    SocketAddress *addr = socket_local_address(fd, errp);

    if (!addr) {
        qemu_close(&fd);
        return false;
    }
    l->fds[l->count] = fd;
    l->addrs[l->count] = addr;
    l->count++;
    return true;
}

/* A listening socket, or -1 and errno. */
static int listen_inet_one(const struct addrinfo *ai, bool v6only, int backlog)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);
    int on = 1, only = v6only;

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    }
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, backlog) < 0) {
        qemu_close(&fd);
        return -1;
    }
    return fd;
}

static void sockaddr_set_port(struct sockaddr *sa, unsigned port)
{
    if (sa->sa_family == AF_INET) {
        ((struct sockaddr_in *)sa)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)sa)->sin6_port = htons(port);
    }
}

static unsigned sockaddr_port(const struct sockaddr *sa)
{
    return ntohs(sa->sa_family == AF_INET ?
                     ((const struct sockaddr_in *)sa)->sin_port :
                     ((const struct sockaddr_in6 *)sa)->sin6_port);
}

static unsigned fd_port(int fd)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t len = sizeof(ss);

    getsockname(fd, (struct sockaddr *)&ss, &len);
    return sockaddr_port((struct sockaddr *)&ss);
}

static bool addrinfo_has(const struct addrinfo *list, int family)
{
    while (list && list->ai_family != family) {
        list = list->ai_next;
    }
    return list != NULL;
}

/*
 * Listens at @port on all addresses of @list. One that the host does not
 * have is skipped; one in use fails the port. False leaves errno.
 */
static bool listen_inet_port(QIONetListener *l, const struct addrinfo *list,
                             unsigned port, int backlog)
{
    bool v6only = addrinfo_has(list, AF_INET);
    int err = EADDRNOTAVAIL;

    for (const struct addrinfo *ai = list;
         ai && l->count < LISTENER_MAX_SOCKETS; ai = ai->ai_next) {
        int fd;

        sockaddr_set_port(ai->ai_addr, port);
        fd = listen_inet_one(ai, v6only, backlog);
        if (fd < 0) {
            err = errno;
            if (err == EADDRINUSE) {
                break;
            }
            continue;
        }
        port = port ? port : fd_port(fd);
        if (!listener_add_fd(l, fd, NULL)) {
            err = EIO;
            break;
        }
    }
    if (l->count && err != EADDRINUSE && err != EIO) {
        return true;
    }
    while (l->count) {
        l->count--;
        qemu_close(&l->fds[l->count]);
        g_clear_pointer(&l->addrs[l->count], qapi_free_SocketAddress);
    }
    errno = err;
    return false;
}

static bool listen_inet(QIONetListener *l, const InetSocketAddress *addr,
                        int backlog, Error **errp)
{
    struct addrinfo *list = socket_resolve(addr, true, errp);
    unsigned port, last;
    bool ok = false;

    if (!list) {
        return false;
    }
    port = sockaddr_port(list->ai_addr);
    last = port && addr->has_to && addr->to > port ? addr->to : port;
    l->keep_alive = addr->has_keep_alive && addr->keep_alive;
    do {
        ok = listen_inet_port(l, list, port, backlog);
    } while (!ok && errno == EADDRINUSE && ++port <= last && port);
    if (!ok) {
        error_setg_errno(errp, errno, "Failed to listen on '%s:%s'%s",
                         addr->host, addr->port,
                         addr->has_to ? " and the ports after it" : "");
    }
    freeaddrinfo(list);
    return ok;
}

/*
 * Removes a socket that nobody listens on. Connecting with another type tells
 * a live one (EPROTOTYPE) from a dead one without being seen by it.
 */
static bool unix_remove_stale(const struct sockaddr_un *un, socklen_t len,
                              Error **errp)
{
    struct stat st;
    int fd, err;

    if (lstat(un->sun_path, &st) < 0) {
        return true; /* bind() tells what is wrong */
    }
    if (!S_ISSOCK(st.st_mode)) {
        error_setg(errp, "'%s' exists and is not a socket", un->sun_path);
        return false;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_setg_errno(errp, errno, "cannot make a socket");
        return false;
    }
    err = connect(fd, (const struct sockaddr *)un, len) < 0 ? errno : 0;
    qemu_close(&fd);
    if (err == ECONNREFUSED) {
        unlink(un->sun_path);
    }
    return true;
}

static bool listen_unix(QIONetListener *l, const UnixSocketAddress *addr,
                        int backlog, Error **errp)
{
    bool abstract = addr->has_abstract && addr->abstract;
    struct sockaddr_un un;
    struct stat st;
    socklen_t len;
    int fd;

    if (!socket_unix_to_sockaddr(addr, &un, &len, errp) ||
        (!abstract && !unix_remove_stale(&un, len, errp))) {
        return false;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&un, len) < 0) {
        error_setg_errno(errp, errno, "Failed to bind socket to '%s'",
                         addr->path);
        qemu_close(&fd);
        return false;
    }
    if (!abstract && lstat(addr->path, &st) == 0) {
        l->unlink_path = g_strdup(addr->path);
        l->unlink_dev = st.st_dev;
        l->unlink_ino = st.st_ino;
    }
    if (listen(fd, backlog) < 0) {
        error_setg_errno(errp, errno, "Failed to listen on '%s'", addr->path);
        qemu_close(&fd);
        return false;
    }
    return listener_add_fd(l, fd, errp);
}

static bool listen_fd(QIONetListener *l, const FdSocketAddress *addr,
                      Error **errp)
{
    int fd = socket_fd_number(addr, errp);
    socklen_t len = sizeof(int);
    int listening = 0;

    if (fd < 0) {
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
        !listening) {
        error_setg(errp, "file descriptor %d is not a listening socket", fd);
        return false;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return listener_add_fd(l, fd, errp);
}

QIONetListener *qio_net_listener_new(const SocketAddress *addr, int backlog,
                                     Error **errp)
{
    g_autoptr(QIONetListener) l = g_new0(QIONetListener, 1);
    bool ok = false;

    qatomic_set(&l->ref, 1);
    g_mutex_init(&l->lock);
    switch (addr->type) {
    case SOCKET_ADDRESS_TYPE_INET:
        ok = listen_inet(l, &addr->u.inet, backlog, errp);
        break;
    case SOCKET_ADDRESS_TYPE_UNIX:
        ok = listen_unix(l, &addr->u.q_unix, backlog, errp);
        break;
    case SOCKET_ADDRESS_TYPE_FD:
        ok = listen_fd(l, &addr->u.fd, errp);
        break;
    default:
        error_setg(errp, "cannot listen on a socket address of type '%s'",
                   SocketAddressType_str(addr->type));
        break;
    }
    return ok ? g_steal_pointer(&l) : NULL;
}

static void listener_clear_source(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

/* With the lock, as the next ones. */
static void listener_stop(QIONetListener *l)
{
    listener_clear_source(&l->rest);
    for (unsigned i = 0; i < l->count; i++) {
        listener_clear_source(&l->sources[i]);
    }
}

static void listener_unref(void *opaque)
{
    QIONetListener *l = opaque;

    if (qatomic_fetch_add(&l->ref, -1) > 1) {
        return;
    }
    for (unsigned i = 0; i < l->count; i++) {
        qemu_close(&l->fds[i]);
        qapi_free_SocketAddress(l->addrs[i]);
    }
    g_mutex_clear(&l->lock);
    g_free(l->unlink_path);
    g_free(l);
}

void qio_net_listener_free(QIONetListener *l)
{
    struct stat st;

    if (!l) {
        return;
    }
    qio_net_listener_set_client_fn(l, NULL, NULL, NULL);
    if (l->unlink_path && lstat(l->unlink_path, &st) == 0 &&
        st.st_dev == l->unlink_dev && st.st_ino == l->unlink_ino) {
        unlink(l->unlink_path);
    }
    listener_unref(l);
}

const SocketAddress *qio_net_listener_address(const QIONetListener *l,
                                              unsigned index)
{
    return index < l->count ? l->addrs[index] : NULL;
}

/*
 * accept() passes on what befell the one connection: it is out of the queue,
 * and the next may be taken. Anything else happens again at once.
 */
static bool errno_is_of_client(int os_errno)
{
    switch (os_errno) {
    case EAGAIN:
    case ECONNABORTED:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPERM: /* a firewall's */
    case EPROTO:
        return true;
    default:
        return false;
    }
}

static void accept_error(int os_errno, Error **errp)
{
    const char *advice = "";

    if (os_errno == EMFILE) {
        advice = "; raise the limit of open files (ulimit -Hn)";
    } else if (os_errno == ENFILE) {
        advice = "; raise the host's fs.file-max";
    }
    error_setg_errno(errp, os_errno, "cannot accept a connection%s", advice);
}

/* NULL without an error: the client is gone again. */
static QIOChannel *listener_accept(QIONetListener *l, int fd, Error **errp)
{
    int client = RETRY_ON_EINTR(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    int on = 1;

    if (client < 0) {
        if (!errno_is_of_client(errno)) {
            accept_error(errno, errp);
        }
        return NULL;
    }
    if (l->keep_alive) {
        setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    return qio_channel_socket_new_fd(client, NULL);
}

static void listener_attach(QIONetListener *l, GSource *source, GSourceFunc fn)
{
    qatomic_fetch_add(&l->ref, 1);
    /* Of either type. */
    (g_source_set_callback)(source, fn, l, listener_unref);
    g_source_attach(source, l->context);
}

static void listener_start(QIONetListener *l);

static gboolean listener_rest_over(void *opaque)
{
    QIONetListener *l = opaque;

    g_mutex_lock(&l->lock);
    if (!g_source_is_destroyed(g_main_current_source())) {
        listener_stop(l);
        listener_start(l);
    }
    g_mutex_unlock(&l->lock);
    return G_SOURCE_REMOVE;
}

static void listener_rest(QIONetListener *l)
{
    listener_stop(l);
    l->rest = g_timeout_source_new(LISTENER_REST_MS);
    listener_attach(l, l->rest, listener_rest_over);
}

static gboolean listener_ready(int fd, GIOCondition condition, void *opaque)
{
    QIONetListener *l = opaque;
    QIONetListenerErrorFn error_fn;
    QIOChannel *ioc = NULL;
    QIONetListenerFn fn;
    Error *err = NULL;
    bool again;
    void *fn_opaque;

    g_mutex_lock(&l->lock);
    if (!g_source_is_destroyed(g_main_current_source())) {
        ioc = listener_accept(l, fd, &err);
        if (err) {
            /* The socket stays ready: polling it would spin. */
            listener_rest(l);
        }
    }
    again = l->failed;
    if (ioc || err) {
        l->failed = err != NULL;
    }
    fn = l->fn;
    error_fn = l->error_fn;
    fn_opaque = l->opaque;
    g_mutex_unlock(&l->lock);
    if (ioc) {
        fn(l, ioc, fn_opaque);
    } else if (err && error_fn) {
        error_fn(l, err, again, fn_opaque);
    } else {
        error_free(err);
    }
    return G_SOURCE_CONTINUE;
}

static void listener_start(QIONetListener *l)
{
    for (unsigned i = 0; i < l->count; i++) {
        l->sources[i] = g_unix_fd_source_new(l->fds[i], G_IO_IN);
        listener_attach(l, l->sources[i],
                        (GSourceFunc)(void (*)(void))listener_ready);
    }
}

void qio_net_listener_set_client_fn(QIONetListener *l, QIONetListenerFn fn,
                                    void *opaque, GMainContext *context)
{
    g_mutex_lock(&l->lock);
    listener_stop(l);
    l->fn = fn;
    l->opaque = opaque;
    l->context = context;
    if (fn) {
        listener_start(l);
    }
    g_mutex_unlock(&l->lock);
}

void qio_net_listener_set_error_fn(QIONetListener *l, QIONetListenerErrorFn fn)
{
    g_mutex_lock(&l->lock);
    l->error_fn = fn;
    g_mutex_unlock(&l->lock);
}

QIOChannel *qio_net_listener_wait_client(QIONetListener *l, Error **errp)
{
    struct pollfd fds[LISTENER_MAX_SOCKETS];

    for (;;) {
        for (unsigned i = 0; i < l->count; i++) {
            fds[i] = (struct pollfd){ .fd = l->fds[i], .events = POLLIN };
        }
        if (RETRY_ON_EINTR(poll(fds, l->count, -1)) < 0) {
            error_setg_errno(errp, errno, "cannot wait for a connection");
            return NULL;
        }
        for (unsigned i = 0; i < l->count; i++) {
            Error *err = NULL;
            QIOChannel *ioc;

            if (!fds[i].revents) {
                continue;
            }
            ioc = listener_accept(l, fds[i].fd, &err);
            if (ioc) {
                return ioc;
            }
            if (err) {
                error_propagate(errp, err);
                return NULL;
            }
        }
    }
}
