/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMUFile. Output: small puts are copied into one buffer, pages are
 * referred to; a vector in stream order mixes both and goes out with one
 * vectored write. Input: one buffer that is filled with large reads.
 *
 * Used by the migration, loading and return path threads, each its own file.
 */
#include "qemu/osdep.h"

#include "migration/qemu-file.h"
#include "qemu/cutils.h"

#define OUT_BUF_BYTES (128 * KiB)
#define IN_BUF_BYTES (512 * KiB)
/* Vector entries per write: IOV_MAX of Linux. */
#define OUT_IOV_MAX 1024

_Static_assert(QEMU_FILE_RESERVE_MAX_BYTES <= OUT_BUF_BYTES, "fits");
_Static_assert(QEMU_FILE_PEEK_MAX_BYTES <= IN_BUF_BYTES, "fits");
_Static_assert(QEMU_FILE_UNGET_MAX_BYTES <= IN_BUF_BYTES, "fits");

struct QEMUFile {
    QIOChannel *ioc; /* [const] */
    bool writable;   /* [const] */
    uint8_t *buf;    /* [const] pointer */
    /* Everything below is the using thread's. */
    Error *error;
    /* Input: next octet and end of what is there. Output: octets used. */
    size_t pos;
    size_t end;
    struct iovec *iov;
    unsigned niov;
    QEMUFileWaitFn *wait_begin; /* NULL: no hooks */
    QEMUFileWaitFn *wait_end;
    void *wait_opaque;
    /* [atomic] relaxed: progress for other threads, nothing depends on it */
    uint64_t total_bytes;
};

static QEMUFile *qemu_file_new(QIOChannel *ioc, bool writable)
{
    QEMUFile *f = g_new0(QEMUFile, 1);

    f->ioc = qio_channel_ref(ioc);
    f->writable = writable;
    f->buf = g_malloc(writable ? OUT_BUF_BYTES : IN_BUF_BYTES);
    if (writable) {
        f->iov = g_new(struct iovec, OUT_IOV_MAX);
    }
    return f;
}

QEMUFile *qemu_file_new_output(QIOChannel *ioc)
{
    return qemu_file_new(ioc, true);
}

QEMUFile *qemu_file_new_input(QIOChannel *ioc)
{
    return qemu_file_new(ioc, false);
}

bool qemu_fclose(QEMUFile *f, Error **errp)
{
    bool ok;

    if (f->writable) {
        ok = qemu_fflush(f, errp);
    } else {
        ok = qemu_file_ok(f, errp);
    }
    qio_channel_unref(f->ioc);
    error_free(f->error);
    g_free(f->iov);
    g_free(f->buf);
    g_free(f);
    return ok;
}

QIOChannel *qemu_file_channel(QEMUFile *f)
{
    return f->ioc;
}

bool qemu_file_ok(QEMUFile *f, Error **errp)
{
    if (G_LIKELY(!f->error)) {
        return true;
    }
    error_propagate(errp, error_copy(f->error));
    return false;
}

void qemu_file_set_error(QEMUFile *f, Error *err)
{
    error_propagate(&f->error, err);
    if (f->writable) {
        f->niov = 0;
        f->pos = 0;
    }
}

void qemu_file_shutdown(QEMUFile *f)
{
    qio_channel_shutdown(f->ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
}

void qemu_file_set_wait_hooks(QEMUFile *f, QEMUFileWaitFn *begin,
                              QEMUFileWaitFn *end, void *opaque)
{
    f->wait_begin = begin;
    f->wait_end = end;
    f->wait_opaque = opaque;
}

static inline void qemu_file_wait_begin(QEMUFile *f)
{
    if (f->wait_begin) {
        f->wait_begin(f->wait_opaque);
    }
}

static inline void qemu_file_wait_end(QEMUFile *f)
{
    if (f->wait_begin) {
        f->wait_end(f->wait_opaque);
    }
}

uint64_t qemu_file_transferred(QEMUFile *f)
{
    return qatomic_read_relaxed(&f->total_bytes);
}

static inline void qemu_file_count(QEMUFile *f, size_t len_bytes)
{
    qatomic_set_relaxed(&f->total_bytes, f->total_bytes + len_bytes);
}

/* --- output ------------------------------------------------------------- */

bool qemu_fflush(QEMUFile *f, Error **errp)
{
    Error *err = NULL;

    assert(f->writable);
    if (f->niov && !f->error) {
        qemu_file_wait_begin(f);
        qio_channel_writev_all(f->ioc, f->iov, f->niov, &err);
        qemu_file_wait_end(f);
        if (err) {
            qemu_file_set_error(f, err);
        }
        f->niov = 0;
    }
    f->pos = 0;
    return qemu_file_ok(f, errp);
}

/* Adds octets to the vector; those that follow the last entry extend it. */
static inline void qemu_file_add_iov(QEMUFile *f, const uint8_t *base,
                                     size_t len_bytes)
{
    if (f->niov) {
        struct iovec *last = &f->iov[f->niov - 1];

        if ((uint8_t *)last->iov_base + last->iov_len == base) {
            last->iov_len += len_bytes;
            return;
        }
    }
    f->iov[f->niov].iov_base = (void *)base;
    f->iov[f->niov].iov_len = len_bytes;
    f->niov++;
}

uint8_t *qemu_file_reserve(QEMUFile *f, size_t len_bytes)
{
    assert(f->writable && len_bytes <= QEMU_FILE_RESERVE_MAX_BYTES);
    if (G_UNLIKELY(f->pos + len_bytes > OUT_BUF_BYTES ||
                   f->niov == OUT_IOV_MAX)) {
        qemu_fflush(f, NULL);
    }
    return f->buf + f->pos;
}

void qemu_file_commit(QEMUFile *f, size_t len_bytes)
{
    if (G_UNLIKELY(f->error) || !len_bytes) {
        return;
    }
    qemu_file_add_iov(f, f->buf + f->pos, len_bytes);
    f->pos += len_bytes;
    qemu_file_count(f, len_bytes);
}

void qemu_put_buffer(QEMUFile *f, const void *buf, size_t len_bytes)
{
    const uint8_t *src = buf;

    while (len_bytes && !f->error) {
        size_t n = MIN(len_bytes, QEMU_FILE_RESERVE_MAX_BYTES);

        memcpy(qemu_file_reserve(f, n), src, n);
        qemu_file_commit(f, n);
        src += n;
        len_bytes -= n;
    }
}

void qemu_put_buffer_async(QEMUFile *f, const void *buf, size_t len_bytes)
{
    if (G_UNLIKELY(f->error) || !len_bytes) {
        return;
    }
    if (f->niov == OUT_IOV_MAX) {
        if (!qemu_fflush(f, NULL)) {
            return;
        }
    }
    qemu_file_add_iov(f, buf, len_bytes);
    qemu_file_count(f, len_bytes);
}

void qemu_put_byte(QEMUFile *f, uint8_t v)
{
    *qemu_file_reserve(f, 1) = v;
    qemu_file_commit(f, 1);
}

void qemu_put_be16(QEMUFile *f, uint16_t v)
{
    stw_be_p(qemu_file_reserve(f, 2), v);
    qemu_file_commit(f, 2);
}

void qemu_put_be32(QEMUFile *f, uint32_t v)
{
    stl_be_p(qemu_file_reserve(f, 4), v);
    qemu_file_commit(f, 4);
}

void qemu_put_be64(QEMUFile *f, uint64_t v)
{
    stq_be_p(qemu_file_reserve(f, 8), v);
    qemu_file_commit(f, 8);
}

void qemu_put_counted_string(QEMUFile *f, const char *str)
{
    size_t len = strlen(str);

    assert(len <= 255);
    qemu_put_byte(f, len);
    qemu_put_buffer(f, str, len);
}

/* --- input -------------------------------------------------------------- */

/*
 * Reads once into the vector. 0 at the end of input and on errors; the latter
 * stick.
 */
static size_t qemu_file_read(QEMUFile *f, const struct iovec *iov,
                             unsigned niov)
{
    Error *err = NULL;

    while (!f->error) {
        ssize_t n;

        qemu_file_wait_begin(f);
        n = qio_channel_readv_full(f->ioc, iov, niov, NULL, NULL, &err);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            qio_channel_wait(f->ioc, G_IO_IN);
        }
        qemu_file_wait_end(f);
        if (n == QIO_CHANNEL_ERR_BLOCK) {
            continue;
        }
        if (n < 0) {
            qemu_file_set_error(f, err);
            break;
        }
        return n;
    }
    return 0;
}

/* One read behind what is there. False: no more came. */
static bool qemu_file_fill(QEMUFile *f)
{
    struct iovec iov;
    size_t n;

    assert(!f->writable);
    if (f->pos == f->end) {
        f->pos = f->end = 0;
    } else if (f->pos) {
        memmove(f->buf, f->buf + f->pos, f->end - f->pos);
        f->end -= f->pos;
        f->pos = 0;
    }
    iov.iov_base = f->buf + f->end;
    iov.iov_len = IN_BUF_BYTES - f->end;
    n = qemu_file_read(f, &iov, 1);
    f->end += n;
    return n > 0;
}

static void qemu_file_premature_end(QEMUFile *f)
{
    Error *err = NULL;

    if (!f->error) {
        error_setg(&err, "input ends early, after %" PRIu64
                   " octets; was the source cut off?",
                   qemu_file_transferred(f) + (f->end - f->pos));
        qemu_file_set_error(f, err);
    }
}

static inline void qemu_file_consume(QEMUFile *f, size_t len_bytes)
{
    f->pos += len_bytes;
    qemu_file_count(f, len_bytes);
}

size_t qemu_peek_buffer(QEMUFile *f, const uint8_t **buf, size_t len_bytes)
{
    assert(len_bytes <= QEMU_FILE_PEEK_MAX_BYTES);
    while (G_UNLIKELY(f->end - f->pos < len_bytes)) {
        if (f->error || !qemu_file_fill(f)) {
            break;
        }
    }
    *buf = f->buf + f->pos;
    return f->error ? 0 : f->end - f->pos;
}

/*
 * The rest of a large get: straight to the destination, what comes beyond it
 * into the buffer.
 */
static size_t qemu_file_read_direct(QEMUFile *f, uint8_t *dst,
                                    size_t len_bytes)
{
    struct iovec iov[2] = {
        { .iov_base = dst, .iov_len = len_bytes },
        { .iov_base = f->buf, .iov_len = IN_BUF_BYTES },
    };
    size_t n = qemu_file_read(f, iov, 2);

    f->pos = 0;
    f->end = n > len_bytes ? n - len_bytes : 0;
    n = MIN(n, len_bytes);
    qemu_file_count(f, n);
    return n;
}

size_t qemu_get_buffer(QEMUFile *f, void *buf, size_t len_bytes)
{
    uint8_t *dst = buf;
    size_t left = len_bytes;

    while (left && !f->error) {
        size_t n = MIN(left, f->end - f->pos);

        if (n) {
            memcpy(dst, f->buf + f->pos, n);
            qemu_file_consume(f, n);
        } else {
            n = qemu_file_read_direct(f, dst, left);
            if (!n) {
                qemu_file_premature_end(f);
            }
        }
        dst += n;
        left -= n;
    }
    if (left) {
        memset(dst, 0, left);
    }
    return len_bytes - left;
}

size_t qemu_file_buffered(const QEMUFile *f)
{
    return f->error ? 0 : f->end - f->pos;
}

size_t qemu_file_readv(QEMUFile *f, const struct iovec *iov, unsigned niov)
{
    size_t n;

    assert(!f->writable && f->pos == f->end);
    f->pos = f->end = 0;
    n = qemu_file_read(f, iov, niov);
    qemu_file_count(f, n);
    return n;
}

void qemu_file_unget(QEMUFile *f, const void *buf, size_t len_bytes)
{
    assert(f->pos == 0 && len_bytes <= IN_BUF_BYTES - f->end);
    memcpy(f->buf + f->end, buf, len_bytes);
    f->end += len_bytes;
    qatomic_set_relaxed(&f->total_bytes, f->total_bytes - len_bytes);
}

void qemu_file_preload(QEMUFile *f, const void *buf, size_t len_bytes)
{
    assert(!f->writable && !f->end && len_bytes <= IN_BUF_BYTES);
    memcpy(f->buf, buf, len_bytes);
    f->end = len_bytes;
}

void qemu_file_skip(QEMUFile *f, size_t len_bytes)
{
    while (len_bytes && !f->error) {
        size_t n = MIN(len_bytes, f->end - f->pos);

        if (!n && !qemu_file_fill(f)) {
            qemu_file_premature_end(f);
        }
        qemu_file_consume(f, n);
        len_bytes -= n;
    }
}

/* @len_bytes to be consumed in one piece; NULL on error. */
static const uint8_t *qemu_file_take(QEMUFile *f, size_t len_bytes)
{
    const uint8_t *p;

    if (qemu_peek_buffer(f, &p, len_bytes) < len_bytes) {
        qemu_file_premature_end(f);
        return NULL;
    }
    qemu_file_consume(f, len_bytes);
    return p;
}

uint8_t qemu_get_byte(QEMUFile *f)
{
    const uint8_t *p = qemu_file_take(f, 1);

    return p ? *p : 0;
}

int qemu_peek_byte(QEMUFile *f)
{
    const uint8_t *p;

    return qemu_peek_buffer(f, &p, 1) ? *p : -1;
}

uint16_t qemu_get_be16(QEMUFile *f)
{
    const uint8_t *p = qemu_file_take(f, 2);

    return p ? ldw_be_p(p) : 0;
}

uint32_t qemu_get_be32(QEMUFile *f)
{
    const uint8_t *p = qemu_file_take(f, 4);

    return p ? ldl_be_p(p) : 0;
}

uint64_t qemu_get_be64(QEMUFile *f)
{
    const uint8_t *p = qemu_file_take(f, 8);

    return p ? ldq_be_p(p) : 0;
}

bool qemu_get_counted_string(QEMUFile *f, char str[256])
{
    size_t len = qemu_get_byte(f);

    qemu_get_buffer(f, str, len);
    str[len] = '\0';
    return !f->error;
}
