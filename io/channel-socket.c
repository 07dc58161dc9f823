/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels over connected stream sockets. The descriptor's own O_NONBLOCK,
 * which other processes may share, is left alone and does not matter.
 */
#include "qemu/osdep.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include "io/channel-socket.h"
#include "io/socket-zero-copy.h"

/*
 * A UNIX socket's buffer does not grow by itself, and at its usual size both
 * sides wake each other all the time. It is raised for who writes in bulk.
 */
#define BULK_WRITE_BYTES (256 * KiB)
#define BULK_BUFFER_BYTES (2 * MiB)

typedef struct QIOChannelSocket {
    QIOChannel parent;
    GMutex lock;
    int fd;            /* [own: closer] to use, [lock: lock] to close or shut */
    bool non_blocking; /* [atomic] */
    bool small_buffer; /* [own: writer] to be raised for a bulk write */
    bool write_shut;   /* [atomic] no more is to be written */
    SocketZeroCopy zero_copy; /* [own: writer] */
} QIOChannelSocket;

static QIOChannelSocket *socket_of(QIOChannel *ioc)
{
    return container_of(ioc, QIOChannelSocket, parent);
}

/* 0 to try again after errno, else what the slot returns. */
static ssize_t socket_again(QIOChannelSocket *sioc, short events, Error **errp)
{
    struct pollfd pfd = { .fd = sioc->fd, .events = events };

    if (errno != EAGAIN && errno != EWOULDBLOCK) {
        error_setg_errno(errp, errno, "%s: cannot %s", sioc->parent.name,
                         events == POLLIN ? "read" : "write");
        return -1;
    }
    if (qatomic_read(&sioc->non_blocking)) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    RETRY_ON_EINTR(poll(&pfd, 1, -1));
    return 0;
}

/* Moves descriptors from the control messages to a new array. */
static void socket_take_fds(struct msghdr *msg, int **fds, size_t *nfds)
{
    struct cmsghdr *cmsg;

    for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        size_t n;

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        *fds = g_renew(int, *fds, *nfds + n);
        memcpy(*fds + *nfds, CMSG_DATA(cmsg), n * sizeof(int));
        *nfds += n;
    }
}

typedef union FdControl {
    struct cmsghdr header; /* for alignment */
    char space[CMSG_SPACE(QIO_CHANNEL_MAX_FDS * sizeof(int))];
} FdControl;

static ssize_t socket_readv(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, int **fds, size_t *nfds, Error **errp)
{
    QIOChannelSocket *sioc = socket_of(ioc);
    FdControl control;
    ssize_t n, result;

    do {
        int flags = qatomic_read(&sioc->non_blocking) ? MSG_DONTWAIT : 0;
        struct msghdr msg = {
            .msg_iov = (struct iovec *)iov,
            .msg_iovlen = niov,
            .msg_control = fds ? &control : NULL,
            .msg_controllen = fds ? sizeof(control) : 0,
        };

        n = RETRY_ON_EINTR(recvmsg(sioc->fd, &msg, flags | MSG_CMSG_CLOEXEC));
        if (n >= 0) {
            if (fds) {
                socket_take_fds(&msg, fds, nfds);
            }
            return n;
        }
        result = socket_again(sioc, POLLIN, errp);
    } while (result == 0);
    return result;
}

static size_t iov_octets(const struct iovec *iov, size_t niov)
{
    size_t total = 0;

    for (size_t i = 0; i < niov; i++) {
        total += iov[i].iov_len;
    }
    return total;
}

static void socket_raise_buffer(QIOChannelSocket *sioc,
                                const struct iovec *iov, size_t niov)
{
    int size = BULK_BUFFER_BYTES;

    if (iov_octets(iov, niov) >= BULK_WRITE_BYTES) {
        /* The host's limit may leave it smaller: slower, no more. */
        setsockopt(sioc->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        sioc->small_buffer = false;
    }
}

static ssize_t socket_writev(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, const int *fds, size_t nfds,
                             Error **errp)
{
    QIOChannelSocket *sioc = socket_of(ioc);
    FdControl control = { .space = { 0 } };
    struct msghdr msg = {
        .msg_iov = (struct iovec *)iov,
        .msg_iovlen = niov,
    };
    ssize_t n, result;

    if (nfds > QIO_CHANNEL_MAX_FDS) {
        error_setg(errp, "%s: cannot pass %zu file descriptors at once, only %d",
                   ioc->name, nfds, QIO_CHANNEL_MAX_FDS);
        return -1;
    }
    if (nfds) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, nfds * sizeof(int));
    }
    if (sioc->small_buffer) {
        socket_raise_buffer(sioc, iov, niov);
    }
    do {
        int flags = qatomic_read(&sioc->non_blocking) ? MSG_DONTWAIT : 0;

        n = RETRY_ON_EINTR(sendmsg(sioc->fd, &msg, flags | MSG_NOSIGNAL));
        if (n >= 0) {
            return n;
        }
        result = socket_again(sioc, POLLOUT, errp);
    } while (result == 0);
    return result;
}

static ssize_t socket_writev_zero_copy(QIOChannel *ioc,
                                       const struct iovec *iov, size_t niov,
                                       Error **errp)
{
    QIOChannelSocket *sioc = socket_of(ioc);
    struct msghdr msg = {
        .msg_iov = (struct iovec *)iov,
        .msg_iovlen = niov,
    };
    int64_t give_up_us = 0;
    ssize_t n, result = 0;

    do {
        int flags = qatomic_read(&sioc->non_blocking) ? MSG_DONTWAIT : 0;

        n = socket_zero_copy_send(&sioc->zero_copy, sioc->fd, &msg,
                                  flags | MSG_NOSIGNAL);
        if (n >= 0) {
            return n;
        }
        if (errno == ENOBUFS) {
            if (!socket_zero_copy_make_room(&sioc->zero_copy, sioc->fd,
                                            &sioc->write_shut,
                                            iov_octets(iov, niov),
                                            &give_up_us, errp)) {
                error_prepend(errp, "%s: ", ioc->name);
                return -1;
            }
        } else {
            /* Notices that nobody reads would end every poll() at once. */
            int os_errno = errno;

            socket_zero_copy_reap(&sioc->zero_copy, sioc->fd);
            errno = os_errno;
            result = socket_again(sioc, POLLOUT, errp);
        }
    } while (result == 0);
    return result;
}

static bool socket_flush(QIOChannel *ioc, bool *copied, Error **errp)
{
    QIOChannelSocket *sioc = socket_of(ioc);

    if (!socket_zero_copy_flush(&sioc->zero_copy, sioc->fd, &sioc->write_shut,
                                copied, errp)) {
        error_prepend(errp, "%s: ", ioc->name);
        return false;
    }
    return true;
}

static bool socket_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                            Error **errp)
{
    static const int hows[] = {
        [QIO_CHANNEL_SHUTDOWN_READ] = SHUT_RD,
        [QIO_CHANNEL_SHUTDOWN_WRITE] = SHUT_WR,
        [QIO_CHANNEL_SHUTDOWN_BOTH] = SHUT_RDWR,
    };
    QIOChannelSocket *sioc = socket_of(ioc);
    int err = 0;

    if (how != QIO_CHANNEL_SHUTDOWN_READ) {
        qatomic_set(&sioc->write_shut, true);
    }
    g_mutex_lock(&sioc->lock);
    if (sioc->fd >= 0 && shutdown(sioc->fd, hows[how]) < 0) {
        err = errno;
    }
    g_mutex_unlock(&sioc->lock);
    if (err && err != ENOTCONN) {
        error_setg_errno(errp, err, "%s: cannot shut down", ioc->name);
        return false;
    }
    return true;
}

static bool socket_set_blocking(QIOChannel *ioc, bool enabled, Error **errp)
{
    qatomic_set(&socket_of(ioc)->non_blocking, !enabled);
    return true;
}

static bool socket_close(QIOChannel *ioc, Error **errp)
{
    QIOChannelSocket *sioc = socket_of(ioc);

    g_mutex_lock(&sioc->lock);
    qemu_close(&sioc->fd);
    g_mutex_unlock(&sioc->lock);
    return true;
}

static int socket_poll_fd(QIOChannel *ioc, GIOCondition condition)
{
    return socket_of(ioc)->fd;
}

static void socket_finalize(QIOChannel *ioc)
{
    QIOChannelSocket *sioc = socket_of(ioc);

    g_mutex_clear(&sioc->lock);
    g_free(sioc);
}

static const QIOChannelOps socket_ops = {
    .type = "socket",
    .readv = socket_readv,
    .writev = socket_writev,
    .writev_zero_copy = socket_writev_zero_copy,
    .flush = socket_flush,
    .shutdown = socket_shutdown,
    .set_blocking = socket_set_blocking,
    .close = socket_close,
    .poll_fd = socket_poll_fd,
    .finalize = socket_finalize,
};

static bool socket_option(int fd, int option, int *value)
{
    socklen_t len = sizeof(*value);

    return getsockopt(fd, SOL_SOCKET, option, value, &len) == 0;
}

/* @fd is a connected stream socket, of a family that we know. */
static bool socket_check(int fd, int *family, Error **errp)
{
    int type, listening;

    if (!socket_option(fd, SO_TYPE, &type) ||
        !socket_option(fd, SO_DOMAIN, family)) {
        error_setg_errno(errp, errno, "file descriptor %d is not a socket", fd);
        return false;
    }
    if (type != SOCK_STREAM) {
        error_setg(errp, "file descriptor %d is not a stream socket", fd);
        return false;
    }
    if (socket_option(fd, SO_ACCEPTCONN, &listening) && listening) {
        error_setg(errp,
                   "file descriptor %d is a listening socket; a connected "
                   "one is needed",
                   fd);
        return false;
    }
    return true;
}

/* By its peer; a UNIX client has no name of its own, its server has. */
static char *socket_describe(int fd, Error **errp)
{
    g_autoptr(SocketAddress) addr = socket_remote_address(fd, errp);

    if (!addr) {
        return NULL;
    }
    if (addr->type == SOCKET_ADDRESS_TYPE_UNIX && !*addr->u.q_unix.path) {
        g_autoptr(SocketAddress) local = socket_local_address(fd, NULL);

        if (!local || !*local->u.q_unix.path) {
            return g_strdup_printf("fd:%d", fd);
        }
        return socket_address_to_string(local);
    }
    return socket_address_to_string(addr);
}

QIOChannel *qio_channel_socket_new_fd(int fd, Error **errp)
{
    unsigned features =
        QIO_CHANNEL_FEATURE_SHUTDOWN | QIO_CHANNEL_FEATURE_DUPLEX;
    g_autofree char *name = NULL;
    QIOChannelSocket *sioc;
    int family, on = 1;

    if (socket_check(fd, &family, errp)) {
        name = socket_describe(fd, errp);
    }
    if (!name) {
        qemu_close(&fd);
        return NULL;
    }
    if (family == AF_UNIX) {
        features |= QIO_CHANNEL_FEATURE_FD_PASS;
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (socket_zero_copy_enable(fd)) {
            features |= QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY;
        }
    }
    sioc = g_new0(QIOChannelSocket, 1);
    sioc->fd = fd;
    sioc->small_buffer = family == AF_UNIX;
    g_mutex_init(&sioc->lock);
    qio_channel_init(&sioc->parent, &socket_ops, features, name);
    return &sioc->parent;
}

bool qio_channel_pair_new(QIOChannel **a, QIOChannel **b, Error **errp)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        error_setg_errno(errp, errno, "cannot make a socket pair");
        return false;
    }
    *a = qio_channel_socket_new_fd(fds[0], errp);
    if (!*a) {
        qemu_close(&fds[1]);
        return false;
    }
    *b = qio_channel_socket_new_fd(fds[1], errp);
    if (!*b) {
        qio_channel_unref(*a);
        return false;
    }
    return true;
}

SocketAddress *qio_channel_socket_local_address(QIOChannel *ioc, Error **errp)
{
    g_assert(ioc->ops == &socket_ops);
    return socket_local_address(socket_of(ioc)->fd, errp);
}

SocketAddress *qio_channel_socket_remote_address(QIOChannel *ioc, Error **errp)
{
    g_assert(ioc->ops == &socket_ops);
    return socket_remote_address(socket_of(ioc)->fd, errp);
}
