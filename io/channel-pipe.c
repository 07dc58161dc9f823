/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels over pipes, terminals and other descriptors that poll(2) works on.
 *
 * The descriptors are always non-blocking and a blocking channel polls, so
 * that a shutdown from another thread can wake it.
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include "io/channel-file.h"

typedef enum PipeSide {
    PIPE_SIDE_READ,
    PIPE_SIDE_WRITE,
    PIPE_SIDE__MAX,
} PipeSide;

typedef struct PipeEnd {
    int fd;          /* [lock: lock] to change, [own: user] to use; or -1 */
    int wake_fd;     /* [const] eventfd */
    int saved_flags; /* [const] to restore, -1 if it is our own */
    bool shut;       /* [atomic] */
} PipeEnd;

typedef struct QIOChannelPipe {
    QIOChannel parent;
    GMutex lock;
    PipeEnd ends[PIPE_SIDE__MAX];
    bool non_blocking; /* [atomic] */
} QIOChannelPipe;

static QIOChannelPipe *pipe_of(QIOChannel *ioc)
{
    return container_of(ioc, QIOChannelPipe, parent);
}

/*
 * After errno from a read or write: 0 to try again, or the result that the
 * caller returns.
 */
static ssize_t pipe_again(QIOChannelPipe *pipe, PipeEnd *end, short events,
                          Error **errp)
{
    struct pollfd fds[2] = {
        { .fd = end->fd, .events = events },
        { .fd = end->wake_fd, .events = POLLIN },
    };

    if (errno != EAGAIN) {
        error_setg_errno(errp, errno, "%s: cannot %s", pipe->parent.name,
                         events == POLLIN ? "read" : "write");
        return -1;
    }
    if (qatomic_read(&pipe->non_blocking)) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    RETRY_ON_EINTR(poll(fds, ARRAY_SIZE(fds), -1));
    return 0;
}

static ssize_t pipe_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          int **fds, size_t *nfds, Error **errp)
{
    QIOChannelPipe *pipe = pipe_of(ioc);
    PipeEnd *end = &pipe->ends[PIPE_SIDE_READ];
    ssize_t n, result;

    if (end->fd < 0) {
        error_setg(errp, "%s: not open for reading", ioc->name);
        return -1;
    }
    do {
        if (qatomic_read(&end->shut)) {
            return 0;
        }
        n = RETRY_ON_EINTR(readv(end->fd, iov, niov));
        if (n >= 0) {
            return n;
        }
        if (errno == EIO && isatty(end->fd)) {
            return 0; /* the terminal hung up */
        }
        result = pipe_again(pipe, end, POLLIN, errp);
    } while (result == 0);
    return result;
}

static ssize_t pipe_writev(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, const int *fds, size_t nfds,
                           Error **errp)
{
    QIOChannelPipe *pipe = pipe_of(ioc);
    PipeEnd *end = &pipe->ends[PIPE_SIDE_WRITE];
    ssize_t n, result;

    if (end->fd < 0) {
        error_setg(errp, "%s: not open for writing", ioc->name);
        return -1;
    }
    do {
        if (qatomic_read(&end->shut)) {
            error_setg_errno(errp, EPIPE, "%s: cannot write", ioc->name);
            return -1;
        }
        n = RETRY_ON_EINTR(writev(end->fd, iov, niov));
        if (n >= 0) {
            return n;
        }
        result = pipe_again(pipe, end, POLLOUT, errp);
    } while (result == 0);
    return result;
}

/*
 * Lets go of the pipe but keeps its number in use, so that a thread that is
 * about to use it cannot hit an unrelated file.
 */
static void pipe_end_shutdown(PipeEnd *end)
{
    uint64_t one = 1;
    int null_fd;

    if (end->fd < 0 || qatomic_xchg(&end->shut, true)) {
        return;
    }
    if (end->saved_flags >= 0) {
        fcntl(end->fd, F_SETFL, end->saved_flags);
        end->saved_flags = -1;
    }
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd >= 0) {
        dup3(null_fd, end->fd, O_CLOEXEC);
        qemu_close(&null_fd);
    }
    if (write(end->wake_fd, &one, sizeof(one)) < 0) {
        g_assert(errno == EAGAIN);
    }
}

static bool pipe_shutdown(QIOChannel *ioc, QIOChannelShutdown how, Error **errp)
{
    QIOChannelPipe *pipe = pipe_of(ioc);

    g_mutex_lock(&pipe->lock);
    if (how != QIO_CHANNEL_SHUTDOWN_WRITE) {
        pipe_end_shutdown(&pipe->ends[PIPE_SIDE_READ]);
    }
    if (how != QIO_CHANNEL_SHUTDOWN_READ) {
        pipe_end_shutdown(&pipe->ends[PIPE_SIDE_WRITE]);
    }
    g_mutex_unlock(&pipe->lock);
    return true;
}

static bool pipe_set_blocking(QIOChannel *ioc, bool enabled, Error **errp)
{
    qatomic_set(&pipe_of(ioc)->non_blocking, !enabled);
    return true;
}

static bool pipe_close(QIOChannel *ioc, Error **errp)
{
    QIOChannelPipe *pipe = pipe_of(ioc);

    g_mutex_lock(&pipe->lock);
    for (int i = 0; i < PIPE_SIDE__MAX; i++) {
        PipeEnd *end = &pipe->ends[i];

        if (end->fd >= 0 && end->saved_flags >= 0) {
            fcntl(end->fd, F_SETFL, end->saved_flags);
        }
        qemu_close(&end->fd);
    }
    g_mutex_unlock(&pipe->lock);
    return true;
}

static PipeEnd *pipe_end_for(QIOChannel *ioc, GIOCondition condition)
{
    PipeSide side = condition & G_IO_OUT ? PIPE_SIDE_WRITE : PIPE_SIDE_READ;

    return &pipe_of(ioc)->ends[side];
}

static int pipe_poll_fd(QIOChannel *ioc, GIOCondition condition)
{
    return pipe_end_for(ioc, condition)->fd;
}

static int pipe_wake_fd(QIOChannel *ioc, GIOCondition condition)
{
    return pipe_end_for(ioc, condition)->wake_fd;
}

static void pipe_finalize(QIOChannel *ioc)
{
    QIOChannelPipe *pipe = pipe_of(ioc);

    for (int i = 0; i < PIPE_SIDE__MAX; i++) {
        qemu_close(&pipe->ends[i].wake_fd);
    }
    g_mutex_clear(&pipe->lock);
    g_free(pipe);
}

static const QIOChannelOps pipe_ops = {
    .type = "pipe",
    .readv = pipe_readv,
    .writev = pipe_writev,
    .shutdown = pipe_shutdown,
    .set_blocking = pipe_set_blocking,
    .close = pipe_close,
    .poll_fd = pipe_poll_fd,
    .wake_fd = pipe_wake_fd,
    .finalize = pipe_finalize,
};

/*
 * O_NONBLOCK belongs to the open file, which other processes may share (a
 * shell's terminal, a pipe's other writers): where possible, open our own.
 */
static int pipe_reopen(int fd, int flags)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    unsigned pty_number;
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return -1;
    }
    /* Opening a pseudo terminal's master would make a new one. */
    if (!S_ISFIFO(st.st_mode) &&
        (!isatty(fd) || ioctl(fd, TIOCGPTN, &pty_number) == 0)) {
        return -1;
    }
    return open(path,
                (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static bool pipe_end_init(PipeEnd *end, int fd, const char *name, Error **errp)
{
    int flags, copy;

    end->fd = fd;
    end->saved_flags = -1;
    end->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (end->wake_fd < 0) {
        error_setg_errno(errp, errno, "%s: cannot make an eventfd", name);
        return false;
    }
    if (fd < 0) {
        return true;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0) {
        error_setg_errno(errp, errno, "%s: not an open file descriptor", name);
        return false;
    }
    if (flags & O_NONBLOCK) {
        return true;
    }
    copy = pipe_reopen(fd, flags);
    if (copy >= 0) {
        qemu_close(&end->fd);
        end->fd = copy;
        return true;
    }
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        error_setg_errno(errp, errno, "%s: cannot make non-blocking", name);
        return false;
    }
    end->saved_flags = flags;
    return true;
}

QIOChannel *qio_channel_pipe_new(int read_fd, int write_fd, const char *name,
                                 Error **errp)
{
    QIOChannelPipe *pipe = g_new0(QIOChannelPipe, 1);
    unsigned features = QIO_CHANNEL_FEATURE_SHUTDOWN;
    bool ok;

    g_mutex_init(&pipe->lock);
    if (read_fd >= 0 && write_fd >= 0) {
        features |= QIO_CHANNEL_FEATURE_DUPLEX;
    }
    qio_channel_init(&pipe->parent, &pipe_ops, features, name);
    pipe->ends[PIPE_SIDE_WRITE].fd = write_fd;
    pipe->ends[PIPE_SIDE_WRITE].saved_flags = -1;
    pipe->ends[PIPE_SIDE_WRITE].wake_fd = -1;
    ok = pipe_end_init(&pipe->ends[PIPE_SIDE_READ], read_fd, name, errp) &&
         pipe_end_init(&pipe->ends[PIPE_SIDE_WRITE], write_fd, name, errp);
    if (!ok) {
        qio_channel_unref(&pipe->parent);
        return NULL;
    }
    return &pipe->parent;
}
