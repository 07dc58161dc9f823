/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QIOChannel: one end of a byte stream (socket, file, pipe, command, memory).
 *
 * A channel is reference counted and used by one reading and one writing
 * thread at a time. qio_channel_shutdown() may come from any thread, at any
 * time, and makes blocked and later I/O on the channel fail or see the end.
 */
#ifndef IO_CHANNEL_H
#define IO_CHANNEL_H

#include <sys/uio.h>
#include "qapi/error.h"

typedef struct QIOChannel QIOChannel;

typedef enum QIOChannelFeature {
    QIO_CHANNEL_FEATURE_FD_PASS = BIT(0),
    QIO_CHANNEL_FEATURE_SHUTDOWN = BIT(1),
    QIO_CHANNEL_FEATURE_SEEKABLE = BIT(2),
    /* Bytes written can be answered: the peer reads and writes. */
    QIO_CHANNEL_FEATURE_DUPLEX = BIT(3),
    QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY = BIT(4),
} QIOChannelFeature;

typedef enum QIOChannelShutdown {
    QIO_CHANNEL_SHUTDOWN_READ,
    QIO_CHANNEL_SHUTDOWN_WRITE,
    QIO_CHANNEL_SHUTDOWN_BOTH,
} QIOChannelShutdown;

/* Returned by readv/writev slots on a non-blocking channel. */
#define QIO_CHANNEL_ERR_BLOCK (-2)

typedef struct QIOChannelOps {
    const char *type; /* "socket", for error texts and thread names */

    /*
     * One attempt, of at most IOV_MAX elements. Return octets moved, 0 at the
     * end of input, QIO_CHANNEL_ERR_BLOCK, or -1 with *errp set. @fds (may be NULL) receive
     * or pass descriptors where FD_PASS is on; received ones are the
     * caller's.
     */
    ssize_t (*readv)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                     int **fds, size_t *nfds, Error **errp);
    ssize_t (*writev)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                      const int *fds, size_t nfds, Error **errp);

    /*
     * Where WRITE_ZERO_COPY is on, else NULL. One attempt, as writev(), but
     * the octets are read from @iov's memory some time before flush() says
     * that they were. *@copied is whether something was written since the
     * last flush() and all of it was copied after all.
     */
    ssize_t (*writev_zero_copy)(QIOChannel *ioc, const struct iovec *iov,
                                size_t niov, Error **errp);
    bool (*flush)(QIOChannel *ioc, bool *copied, Error **errp);

    /* Positioned I/O for SEEKABLE channels, else NULL. */
    ssize_t (*preadv)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                      off_t offset, Error **errp);
    ssize_t (*pwritev)(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                       off_t offset, Error **errp);
    off_t (*seek)(QIOChannel *ioc, off_t offset, int whence, Error **errp);

    /* Any thread; NULL where SHUTDOWN is off. */
    bool (*shutdown)(QIOChannel *ioc, QIOChannelShutdown how, Error **errp);

    bool (*set_blocking)(QIOChannel *ioc, bool enabled, Error **errp);

    /*
     * Flushes and closes; for a command, waits for it: a failing exit status
     * is an error. Called once, by qio_channel_close() or the last unref.
     */
    bool (*close)(QIOChannel *ioc, Error **errp);

    /* The descriptor to poll for @condition, -1 if there is none. */
    int (*poll_fd)(QIOChannel *ioc, GIOCondition condition);

    /*
     * A second descriptor, readable once @condition's direction was shut
     * down, for channels whose poll_fd() does not notice it. May be NULL.
     */
    int (*wake_fd)(QIOChannel *ioc, GIOCondition condition);

    /* Frees what close() left. */
    void (*finalize)(QIOChannel *ioc);
} QIOChannelOps;

struct QIOChannel {
    const QIOChannelOps *ops; /* [const] */
    unsigned features;        /* [const] QIOChannelFeature bits */
    char *name;               /* [const] for error texts: "tcp:127.0.0.1:4" */
    int ref;                  /* [atomic] */
    bool closed;              /* [own: closer] */
};

/* For implementations: fills in the base; the first reference. */
void qio_channel_init(QIOChannel *ioc, const QIOChannelOps *ops,
                      unsigned features, const char *name);

QIOChannel *qio_channel_ref(QIOChannel *ioc);
void qio_channel_unref(QIOChannel *ioc); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QIOChannel, qio_channel_unref)

bool qio_channel_has_feature(const QIOChannel *ioc, QIOChannelFeature feature);

/*
 * One attempt, as the slots of QIOChannelOps; more than IOV_MAX elements are
 * a short read or write. Asking for 0 octets gives 0.
 */
ssize_t qio_channel_readv_full(QIOChannel *ioc, const struct iovec *iov,
                               size_t niov, int **fds, size_t *nfds,
                               Error **errp);
ssize_t qio_channel_writev_full(QIOChannel *ioc, const struct iovec *iov,
                                size_t niov, const int *fds, size_t nfds,
                                Error **errp);
ssize_t qio_channel_read(QIOChannel *ioc, void *buf, size_t len_bytes,
                         Error **errp);

/*
 * All of it or an error; waits where the channel would block. An end of
 * input in the middle is an error.
 */
bool qio_channel_read_all(QIOChannel *ioc, void *buf, size_t len_bytes,
                          Error **errp);
bool qio_channel_readv_all(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, Error **errp);
bool qio_channel_write_all(QIOChannel *ioc, const void *buf, size_t len_bytes,
                           Error **errp);
bool qio_channel_writev_all(QIOChannel *ioc, const struct iovec *iov,
                            size_t niov, Error **errp);
/*
 * All, without a copy: the memory stays, and what changes in it before
 * qio_channel_flush() returns may or may not be what the peer gets. An error
 * where WRITE_ZERO_COPY is off, or the limit of locked memory too low.
 */
bool qio_channel_writev_zero_copy_all(QIOChannel *ioc,
                                      const struct iovec *iov, size_t niov,
                                      Error **errp);
/*
 * Waits, also in non-blocking mode, until the kernel is done with all memory
 * that was so written: the peer has it, or it was copied. *@copied is whether
 * something was written since the last flush and nothing of it went without
 * a copy. A shutdown of writing ends the wait with an error.
 */
bool qio_channel_flush(QIOChannel *ioc, bool *copied, Error **errp);
/* All at @offset; SEEKABLE only. */
bool qio_channel_pwrite_all(QIOChannel *ioc, const void *buf, size_t len_bytes,
                            off_t offset, Error **errp);
bool qio_channel_pread_all(QIOChannel *ioc, void *buf, size_t len_bytes,
                           off_t offset, Error **errp);

off_t qio_channel_seek(QIOChannel *ioc, off_t offset, int whence,
                       Error **errp);
bool qio_channel_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                          Error **errp);
bool qio_channel_set_blocking(QIOChannel *ioc, bool enabled, Error **errp);
bool qio_channel_close(QIOChannel *ioc, Error **errp);

/* Waits in this thread until @condition or a shutdown. */
void qio_channel_wait(QIOChannel *ioc, GIOCondition condition);

/*
 * Calls @fn in @context (NULL: default) when @condition holds; the source is
 * destroyed when @fn returns false. The caller gets a reference to destroy.
 */
typedef gboolean (*QIOChannelWatchFn)(QIOChannel *ioc, GIOCondition condition,
                                      void *opaque);
GSource *qio_channel_add_watch(QIOChannel *ioc, GIOCondition condition,
                               QIOChannelWatchFn fn, void *opaque,
                               GMainContext *context);

#endif
