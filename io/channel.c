/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all channels share: reference counting, loops until everything is
 * moved, waiting, main loop sources. The thread rules are in io/channel.h.
 */
#include "qemu/osdep.h"
#include <poll.h>
#include "io/channel.h"

/* Elements copied at a time after a partial write. */
#define IOV_WINDOW 128

#ifndef TSAN_SOURCE_USED /* include/qemu/tsan.h */
#define TSAN_SOURCE_BEGIN(source)
#define TSAN_SOURCE_USED(source)
#define TSAN_SOURCE_FINALIZE(source)
#endif

void qio_channel_init(QIOChannel *ioc, const QIOChannelOps *ops,
                      unsigned features, const char *name)
{
    ioc->ops = ops;
    ioc->features = features;
    ioc->name = g_strdup(name);
    ioc->closed = false;
    qatomic_set(&ioc->ref, 1);
}

QIOChannel *qio_channel_ref(QIOChannel *ioc)
{
    qatomic_fetch_add(&ioc->ref, 1);
    return ioc;
}

void qio_channel_unref(QIOChannel *ioc)
{
    if (!ioc || qatomic_fetch_add(&ioc->ref, -1) > 1) {
        return;
    }
    qio_channel_close(ioc, NULL);
    g_free(ioc->name);
    ioc->name = NULL;
    ioc->ops->finalize(ioc);
}

bool qio_channel_has_feature(const QIOChannel *ioc, QIOChannelFeature feature)
{
    return (ioc->features & feature) != 0;
}

static bool channel_check_open(QIOChannel *ioc, Error **errp)
{
    if (ioc->closed) {
        error_setg(errp, "%s: the channel is closed", ioc->name);
        return false;
    }
    return true;
}

static bool iov_is_empty(const struct iovec *iov, size_t niov)
{
    for (size_t i = 0; i < niov; i++) {
        if (iov[i].iov_len) {
            return false;
        }
    }
    return true;
}

ssize_t qio_channel_readv_full(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, int **fds, size_t *nfds,
                               Error **errp)
{
    if (fds) {
        *fds = NULL;
        *nfds = 0;
    }
    if (!channel_check_open(ioc, errp)) {
        return -1;
    }
    if (fds && !qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_FD_PASS)) {
        fds = NULL;
        nfds = NULL;
    }
    if (iov_is_empty(iov, niov)) {
        return 0;
    }
    return ioc->ops->readv(ioc, iov, MIN(niov, IOV_MAX), fds, nfds, errp);
}

ssize_t qio_channel_writev_full(QIOChannel *ioc, const struct iovec *iov,
                                size_t niov, const int *fds, size_t nfds,
                                Error **errp)
{
    if (!channel_check_open(ioc, errp)) {
        return -1;
    }
    if (nfds && !qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_FD_PASS)) {
        error_setg(errp,
                   "%s: file descriptors can only be passed over a UNIX socket",
                   ioc->name);
        return -1;
    }
    if (iov_is_empty(iov, niov)) {
        return 0;
    }
    return ioc->ops->writev(ioc, iov, MIN(niov, IOV_MAX), fds, nfds, errp);
}

ssize_t qio_channel_read(QIOChannel *ioc, void *buf, size_t len_bytes,
                         Error **errp)
{
    struct iovec iov = { .iov_base = buf, .iov_len = len_bytes };

    return qio_channel_readv_full(ioc, &iov, 1, NULL, NULL, errp);
}

/* Where a vectored read or write has got to: @skip octets into element @index. */
typedef struct IovCursor {
    const struct iovec *iov;
    size_t niov;
    size_t index;
    size_t skip;
} IovCursor;

static void iov_cursor_advance(IovCursor *cur, size_t n)
{
    while (cur->index < cur->niov) {
        size_t left = cur->iov[cur->index].iov_len - cur->skip;

        if (n < left) {
            cur->skip += n;
            return;
        }
        n -= left;
        cur->skip = 0;
        cur->index++;
    }
}

/* What is left from the cursor on; @window is used in mid-element only. */
static const struct iovec *iov_cursor_rest(const IovCursor *cur,
                                           struct iovec window[IOV_WINDOW],
                                           size_t *niov)
{
    const struct iovec *iov = cur->iov + cur->index;

    *niov = MIN(cur->niov - cur->index, IOV_MAX);
    if (cur->skip) {
        *niov = MIN(*niov, IOV_WINDOW);
        memcpy(window, iov, *niov * sizeof(*iov));
        window[0].iov_base = (uint8_t *)window[0].iov_base + cur->skip;
        window[0].iov_len -= cur->skip;
        iov = window;
    }
    return iov;
}

static ssize_t iov_cursor_write(QIOChannel *ioc, const IovCursor *cur,
                                bool zero_copy, Error **errp)
{
    struct iovec window[IOV_WINDOW];
    size_t niov;
    const struct iovec *iov = iov_cursor_rest(cur, window, &niov);

    return zero_copy ? ioc->ops->writev_zero_copy(ioc, iov, niov, errp)
                     : ioc->ops->writev(ioc, iov, niov, NULL, 0, errp);
}

static ssize_t iov_cursor_read(QIOChannel *ioc, const IovCursor *cur,
                               Error **errp)
{
    struct iovec window[IOV_WINDOW];
    size_t niov;
    const struct iovec *iov = iov_cursor_rest(cur, window, &niov);

    return ioc->ops->readv(ioc, iov, niov, NULL, NULL, errp);
}

static size_t iov_bytes(const struct iovec *iov, size_t niov)
{
    size_t bytes = 0;

    for (size_t i = 0; i < niov; i++) {
        bytes += iov[i].iov_len;
    }
    return bytes;
}

bool qio_channel_readv_all(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, Error **errp)
{
    IovCursor cur = { .iov = iov, .niov = niov };
    size_t done = 0;

    if (!channel_check_open(ioc, errp)) {
        return false;
    }
    iov_cursor_advance(&cur, 0); /* over empty elements */
    while (cur.index < cur.niov) {
        ssize_t n = iov_cursor_read(ioc, &cur, errp);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            qio_channel_wait(ioc, G_IO_IN);
            continue;
        }
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            error_setg(errp,
                       "%s: the input ended after %zu of %zu expected bytes",
                       ioc->name, done, iov_bytes(iov, niov));
            return false;
        }
        done += n;
        iov_cursor_advance(&cur, n);
    }
    return true;
}

bool qio_channel_read_all(QIOChannel *ioc, void *buf, size_t len_bytes,
                          Error **errp)
{
    struct iovec iov = { .iov_base = buf, .iov_len = len_bytes };

    return qio_channel_readv_all(ioc, &iov, 1, errp);
}

static bool channel_writev_all(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, bool zero_copy, Error **errp)
{
    IovCursor cur = { .iov = iov, .niov = niov };

    if (!channel_check_open(ioc, errp)) {
        return false;
    }
    iov_cursor_advance(&cur, 0); /* over empty elements */
    while (cur.index < cur.niov) {
        ssize_t n = iov_cursor_write(ioc, &cur, zero_copy, errp);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            qio_channel_wait(ioc, G_IO_OUT);
            continue;
        }
        if (n < 0) {
            return false;
        }
        iov_cursor_advance(&cur, n);
    }
    return true;
}

bool qio_channel_writev_all(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, Error **errp)
{
    return channel_writev_all(ioc, iov, niov, false, errp);
}

bool qio_channel_writev_zero_copy_all(QIOChannel *ioc,
                                      const struct iovec *iov, size_t niov,
                                      Error **errp)
{
    if (!qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY)) {
        error_setg(errp,
                   "%s: nothing can be sent without a copy here; that takes a "
                   "TCP connection, and Linux 4.14 or later",
                   ioc->name);
        return false;
    }
    return channel_writev_all(ioc, iov, niov, true, errp);
}

bool qio_channel_flush(QIOChannel *ioc, bool *copied, Error **errp)
{
    *copied = false;
    return channel_check_open(ioc, errp) &&
           (!ioc->ops->flush || ioc->ops->flush(ioc, copied, errp));
}

bool qio_channel_write_all(QIOChannel *ioc, const void *buf, size_t len_bytes,
                           Error **errp)
{
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = len_bytes };

    return qio_channel_writev_all(ioc, &iov, 1, errp);
}

static bool channel_check_seekable(QIOChannel *ioc, Error **errp)
{
    if (!channel_check_open(ioc, errp)) {
        return false;
    }
    if (!qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_SEEKABLE)) {
        error_setg(errp, "%s: not seekable; a regular file is needed",
                   ioc->name);
        return false;
    }
    return true;
}

bool qio_channel_pwrite_all(QIOChannel *ioc, const void *buf, size_t len_bytes,
                            off_t offset, Error **errp)
{
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = len_bytes };

    if (!channel_check_seekable(ioc, errp)) {
        return false;
    }
    while (iov.iov_len) {
        ssize_t n = ioc->ops->pwritev(ioc, &iov, 1, offset, errp);

        if (n < 0) {
            return false;
        }
        if (n == 0) {
            error_setg(errp, "%s: no room to write at offset %" PRId64,
                       ioc->name, (int64_t)offset);
            return false;
        }
        iov.iov_base = (uint8_t *)iov.iov_base + n;
        iov.iov_len -= n;
        offset += n;
    }
    return true;
}

bool qio_channel_pread_all(QIOChannel *ioc, void *buf, size_t len_bytes,
                           off_t offset, Error **errp)
{
    struct iovec iov = { .iov_base = buf, .iov_len = len_bytes };

    if (!channel_check_seekable(ioc, errp)) {
        return false;
    }
    while (iov.iov_len) {
        ssize_t n = ioc->ops->preadv(ioc, &iov, 1, offset, errp);

        if (n < 0) {
            return false;
        }
        if (n == 0) {
            error_setg(errp,
                       "%s: the file ends at offset %" PRId64 ", %zu bytes "
                       "too early",
                       ioc->name, (int64_t)offset, iov.iov_len);
            return false;
        }
        iov.iov_base = (uint8_t *)iov.iov_base + n;
        iov.iov_len -= n;
        offset += n;
    }
    return true;
}

off_t qio_channel_seek(QIOChannel *ioc, off_t offset, int whence, Error **errp)
{
    if (!channel_check_seekable(ioc, errp)) {
        return -1;
    }
    return ioc->ops->seek(ioc, offset, whence, errp);
}

bool qio_channel_shutdown(QIOChannel *ioc, QIOChannelShutdown how, Error **errp)
{
    if (!qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_SHUTDOWN)) {
        error_setg(errp, "%s: a %s channel cannot be shut down", ioc->name,
                   ioc->ops->type);
        return false;
    }
    return ioc->ops->shutdown(ioc, how, errp);
}

bool qio_channel_set_blocking(QIOChannel *ioc, bool enabled, Error **errp)
{
    return channel_check_open(ioc, errp) &&
           ioc->ops->set_blocking(ioc, enabled, errp);
}

bool qio_channel_close(QIOChannel *ioc, Error **errp)
{
    if (ioc->closed) {
        return true;
    }
    ioc->closed = true;
    return ioc->ops->close(ioc, errp);
}

static int channel_wake_fd(QIOChannel *ioc, GIOCondition condition)
{
    return ioc->ops->wake_fd ? ioc->ops->wake_fd(ioc, condition) : -1;
}

void qio_channel_wait(QIOChannel *ioc, GIOCondition condition)
{
    struct pollfd fds[2] = {
        { .fd = ioc->ops->poll_fd(ioc, condition), .events = condition },
        { .fd = channel_wake_fd(ioc, condition), .events = POLLIN },
    };

    if (fds[0].fd >= 0) {
        RETRY_ON_EINTR(poll(fds, 2, -1));
    }
}

typedef struct ChannelSource {
    GSource base;
    QIOChannel *ioc;
    GIOCondition condition;
    void *io_tag;   /* NULL: no descriptor, always ready */
    void *wake_tag; /* NULL: none */
} ChannelSource;

static GIOCondition channel_source_ready(ChannelSource *cs)
{
    GSource *source = &cs->base;
    GIOCondition ready = cs->condition;

    if (cs->io_tag) {
        ready = g_source_query_unix_fd(source, cs->io_tag);
    }
    if (cs->wake_tag && g_source_query_unix_fd(source, cs->wake_tag)) {
        ready |= G_IO_HUP;
    }
    return ready & (cs->condition | G_IO_HUP | G_IO_ERR | G_IO_NVAL);
}

static gboolean channel_source_prepare(GSource *source, int *timeout_ms)
{
    bool ready;

    TSAN_SOURCE_BEGIN(source);
    ready = !((ChannelSource *)source)->io_tag;
    *timeout_ms = -1;
    TSAN_SOURCE_USED(source);
    return ready;
}

static gboolean channel_source_check(GSource *source)
{
    bool ready;

    TSAN_SOURCE_BEGIN(source);
    ready = channel_source_ready((ChannelSource *)source) != 0;
    TSAN_SOURCE_USED(source);
    return ready;
}

static gboolean channel_source_dispatch(GSource *source, GSourceFunc callback,
                                        void *opaque)
{
    ChannelSource *cs = (ChannelSource *)source;
    QIOChannelWatchFn fn = (QIOChannelWatchFn)(void (*)(void))callback;
    QIOChannel *ioc;
    GIOCondition ready;

    TSAN_SOURCE_BEGIN(source);
    ioc = cs->ioc;
    ready = channel_source_ready(cs);
    TSAN_SOURCE_USED(source);
    return fn(ioc, ready, opaque);
}

static void channel_source_finalize(GSource *source)
{
    TSAN_SOURCE_FINALIZE(source);
    qio_channel_unref(((ChannelSource *)source)->ioc);
}

static GSourceFuncs channel_source_funcs = {
    .prepare = channel_source_prepare,
    .check = channel_source_check,
    .dispatch = channel_source_dispatch,
    .finalize = channel_source_finalize,
};

GSource *qio_channel_add_watch(QIOChannel *ioc, GIOCondition condition,
                               QIOChannelWatchFn fn, void *opaque,
                               GMainContext *context)
{
    GSource *source = g_source_new(&channel_source_funcs,
                                   sizeof(ChannelSource));
    ChannelSource *cs = (ChannelSource *)source;
    int fd = ioc->ops->poll_fd(ioc, condition);
    int wake_fd = channel_wake_fd(ioc, condition);

    cs->ioc = qio_channel_ref(ioc);
    cs->condition = condition;
    if (fd >= 0) {
        cs->io_tag = g_source_add_unix_fd(source, fd, condition);
    }
    if (wake_fd >= 0) {
        cs->wake_tag = g_source_add_unix_fd(source, wake_fd, G_IO_IN);
    }
    (g_source_set_callback)(source, (GSourceFunc)(void (*)(void))fn, opaque,
                            NULL);
    g_source_attach(source, context);
    return source;
}
