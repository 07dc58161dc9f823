/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels over regular files and block devices, and the choice of a class
 * for a descriptor of unknown kind.
 */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include "io/channel-file.h"
#include "io/channel-socket.h"

typedef struct QIOChannelFile {
    QIOChannel parent;
    int fd; /* [own: closer] */
} QIOChannelFile;

static QIOChannelFile *file_of(QIOChannel *ioc)
{
    return container_of(ioc, QIOChannelFile, parent);
}

static ssize_t file_result(QIOChannel *ioc, ssize_t n, const char *verb,
                           Error **errp)
{
    if (n < 0) {
        error_setg_errno(errp, errno, "%s: cannot %s", ioc->name, verb);
    }
    return n;
}

static ssize_t file_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          int **fds, size_t *nfds, Error **errp)
{
    ssize_t n = RETRY_ON_EINTR(readv(file_of(ioc)->fd, iov, niov));

    return file_result(ioc, n, "read", errp);
}

static ssize_t file_writev(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, const int *fds, size_t nfds,
                           Error **errp)
{
    ssize_t n = RETRY_ON_EINTR(writev(file_of(ioc)->fd, iov, niov));

    return file_result(ioc, n, "write", errp);
}

static ssize_t file_preadv(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, off_t offset, Error **errp)
{
    ssize_t n = RETRY_ON_EINTR(preadv(file_of(ioc)->fd, iov, niov, offset));

    return file_result(ioc, n, "read", errp);
}

static ssize_t file_pwritev(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, off_t offset, Error **errp)
{
    ssize_t n = RETRY_ON_EINTR(pwritev(file_of(ioc)->fd, iov, niov, offset));

    return file_result(ioc, n, "write", errp);
}

static off_t file_seek(QIOChannel *ioc, off_t offset, int whence, Error **errp)
{
    off_t pos = lseek(file_of(ioc)->fd, offset, whence);

    if (pos < 0) {
        error_setg_errno(errp, errno, "%s: cannot seek to offset %" PRId64,
                         ioc->name, (int64_t)offset);
    }
    return pos;
}

/* File I/O never asks to be tried again later. */
static bool file_set_blocking(QIOChannel *ioc, bool enabled, Error **errp)
{
    return true;
}

static bool file_close(QIOChannel *ioc, Error **errp)
{
    QIOChannelFile *file = file_of(ioc);
    int fd = file->fd;

    file->fd = -1;
    if (close(fd) < 0) {
        error_setg_errno(errp, errno, "%s: cannot close", ioc->name);
        return false;
    }
    return true;
}

static int file_poll_fd(QIOChannel *ioc, GIOCondition condition)
{
    return file_of(ioc)->fd;
}

static void file_finalize(QIOChannel *ioc)
{
    g_free(file_of(ioc));
}

static const QIOChannelOps file_ops = {
    .type = "file",
    .readv = file_readv,
    .writev = file_writev,
    .preadv = file_preadv,
    .pwritev = file_pwritev,
    .seek = file_seek,
    .set_blocking = file_set_blocking,
    .close = file_close,
    .poll_fd = file_poll_fd,
    .finalize = file_finalize,
};

static bool file_check(int fd, const char *name, Error **errp)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        error_setg_errno(errp, errno, "%s: not an open file", name);
        return false;
    }
    if (S_ISDIR(st.st_mode)) {
        error_setg_errno(errp, EISDIR, "%s", name);
        return false;
    }
    if (lseek(fd, 0, SEEK_CUR) < 0) {
        error_setg(errp,
                   "%s: not a regular file or block device; use fd: or exec: "
                   "for pipes and sockets",
                   name);
        return false;
    }
    return true;
}

QIOChannel *qio_channel_file_new_fd(int fd, const char *name, Error **errp)
{
    QIOChannelFile *file;

    if (!file_check(fd, name, errp)) {
        qemu_close(&fd);
        return NULL;
    }
    file = g_new0(QIOChannelFile, 1);
    file->fd = fd;
    qio_channel_init(&file->parent, &file_ops, QIO_CHANNEL_FEATURE_SEEKABLE,
                     name);
    return &file->parent;
}

QIOChannel *qio_channel_file_new_path(const char *path, int flags, mode_t mode,
                                      Error **errp)
{
    g_autofree char *name = g_strconcat("file:", path, NULL);
    int fd;

    /* O_NONBLOCK: not to hang on a FIFO; it has no effect on files. */
    fd = RETRY_ON_EINTR(open(path, flags | O_CLOEXEC | O_NONBLOCK, mode));
    if (fd < 0 && errno == ENXIO) {
        error_setg(errp,
                   "%s: not a regular file or block device; use exec: for a "
                   "FIFO",
                   name);
        return NULL;
    }
    if (fd < 0) {
        error_setg_errno(errp, errno, "Could not open '%s'", path);
        return NULL;
    }
    return qio_channel_file_new_fd(fd, name, errp);
}

QIOChannel *qio_channel_new_fd(int fd, Error **errp)
{
    g_autofree char *name = g_strdup_printf("fd:%d", fd);
    struct stat st;
    bool can_read, can_write;
    int flags = fcntl(fd, F_GETFL);
    int copy;

    if (flags < 0 || fstat(fd, &st) < 0) {
        error_setg_errno(errp, errno, "%s: not an open file descriptor", name);
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (S_ISSOCK(st.st_mode)) {
        return qio_channel_socket_new_fd(fd, errp);
    }
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode)) {
        return qio_channel_file_new_fd(fd, name, errp);
    }
    can_read = (flags & O_ACCMODE) != O_WRONLY;
    can_write = (flags & O_ACCMODE) != O_RDONLY;
    if (!can_read || !can_write) {
        return qio_channel_pipe_new(can_read ? fd : -1, can_write ? fd : -1,
                                    name, errp);
    }
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        error_setg_errno(errp, errno, "%s: cannot duplicate", name);
        qemu_close(&fd);
        return NULL;
    }
    return qio_channel_pipe_new(fd, copy, name, errp);
}
