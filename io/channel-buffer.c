/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A channel over memory. One thread at a time. */
#include "qemu/osdep.h"
#include "io/channel-file.h"

typedef struct QIOChannelBuffer {
    QIOChannel parent;
    uint8_t *data;
    size_t len_bytes;
    size_t size_bytes;  /* allocated */
    size_t limit_bytes; /* [const] */
    size_t pos;
} QIOChannelBuffer;

static QIOChannelBuffer *buffer_of(QIOChannel *ioc)
{
    return container_of(ioc, QIOChannelBuffer, parent);
}

static ssize_t buffer_preadv(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, off_t offset, Error **errp)
{
    QIOChannelBuffer *buf = buffer_of(ioc);
    size_t done = 0;

    if (offset < 0 || (uint64_t)offset >= buf->len_bytes) {
        return 0;
    }
    for (size_t i = 0; i < niov; i++) {
        size_t n = MIN(iov[i].iov_len, buf->len_bytes - offset - done);

        if (n) {
            memcpy(iov[i].iov_base, buf->data + offset + done, n);
        }
        done += n;
    }
    return done;
}

static bool buffer_reserve(QIOChannelBuffer *buf, size_t end, Error **errp)
{
    if (end <= buf->size_bytes) {
        return true;
    }
    if (end > buf->limit_bytes) {
        error_setg(errp, "%s: %zu bytes do not fit its limit of %zu bytes",
                   buf->parent.name, end, buf->limit_bytes);
        return false;
    }
    buf->size_bytes = MIN(MAX(end, buf->size_bytes * 2), buf->limit_bytes);
    buf->data = g_realloc(buf->data, buf->size_bytes);
    return true;
}

static ssize_t buffer_pwritev(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, off_t offset, Error **errp)
{
    QIOChannelBuffer *buf = buffer_of(ioc);
    size_t total = 0, pos = offset;

    for (size_t i = 0; i < niov; i++) {
        total += iov[i].iov_len;
    }
    if (offset < 0 || total > SSIZE_MAX || pos > SSIZE_MAX - total) {
        error_setg(errp, "%s: bad offset %" PRId64, ioc->name, (int64_t)offset);
        return -1;
    }
    if (!buffer_reserve(buf, pos + total, errp)) {
        return -1;
    }
    if (pos > buf->len_bytes) {
        memset(buf->data + buf->len_bytes, 0, pos - buf->len_bytes);
    }
    for (size_t i = 0; i < niov; i++) {
        if (iov[i].iov_len) {
            memcpy(buf->data + pos, iov[i].iov_base, iov[i].iov_len);
        }
        pos += iov[i].iov_len;
    }
    buf->len_bytes = MAX(buf->len_bytes, pos);
    return total;
}

static ssize_t buffer_readv(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, int **fds, size_t *nfds, Error **errp)
{
    QIOChannelBuffer *buf = buffer_of(ioc);
    ssize_t n = buffer_preadv(ioc, iov, niov, buf->pos, errp);

    buf->pos += n > 0 ? n : 0;
    return n;
}

static ssize_t buffer_writev(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, const int *fds, size_t nfds,
                             Error **errp)
{
    QIOChannelBuffer *buf = buffer_of(ioc);
    ssize_t n = buffer_pwritev(ioc, iov, niov, buf->pos, errp);

    buf->pos += n > 0 ? n : 0;
    return n;
}

static off_t buffer_seek(QIOChannel *ioc, off_t offset, int whence,
                         Error **errp)
{
    QIOChannelBuffer *buf = buffer_of(ioc);
    off_t base = whence == SEEK_SET   ? 0
                 : whence == SEEK_CUR ? (off_t)buf->pos
                                      : (off_t)buf->len_bytes;
    off_t pos;

    if (__builtin_add_overflow(base, offset, &pos) || pos < 0) {
        error_setg(errp, "%s: cannot seek to offset %" PRId64, ioc->name,
                   (int64_t)offset);
        return -1;
    }
    buf->pos = pos;
    return pos;
}

static bool buffer_set_blocking(QIOChannel *ioc, bool enabled, Error **errp)
{
    return true;
}

static bool buffer_close(QIOChannel *ioc, Error **errp)
{
    QIOChannelBuffer *buf = buffer_of(ioc);

    g_free(buf->data);
    buf->data = NULL;
    buf->len_bytes = buf->size_bytes = 0;
    return true;
}

static int buffer_poll_fd(QIOChannel *ioc, GIOCondition condition)
{
    return -1;
}

static void buffer_finalize(QIOChannel *ioc)
{
    g_free(buffer_of(ioc));
}

static const QIOChannelOps buffer_ops = {
    .type = "buffer",
    .readv = buffer_readv,
    .writev = buffer_writev,
    .preadv = buffer_preadv,
    .pwritev = buffer_pwritev,
    .seek = buffer_seek,
    .set_blocking = buffer_set_blocking,
    .close = buffer_close,
    .poll_fd = buffer_poll_fd,
    .finalize = buffer_finalize,
};

QIOChannel *qio_channel_buffer_new(size_t limit_bytes)
{
    QIOChannelBuffer *buf = g_new0(QIOChannelBuffer, 1);

    buf->limit_bytes = limit_bytes;
    qio_channel_init(&buf->parent, &buffer_ops, QIO_CHANNEL_FEATURE_SEEKABLE,
                     "buffer");
    return &buf->parent;
}

const uint8_t *qio_channel_buffer_data(QIOChannel *ioc, size_t *len_bytes)
{
    g_assert(ioc->ops == &buffer_ops);
    *len_bytes = buffer_of(ioc)->len_bytes;
    return buffer_of(ioc)->data;
}
