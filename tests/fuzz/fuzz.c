/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"

#include "fuzz.h"

uint8_t fuzz_take_u8(FuzzInput *in)
{
    if (!in->len_bytes) {
        return 0;
    }
    in->len_bytes--;
    return *in->data++;
}

uint16_t fuzz_take_be16(FuzzInput *in)
{
    uint16_t high = fuzz_take_u8(in);

    return high << 8 | fuzz_take_u8(in);
}

char *fuzz_take_text(FuzzInput *in)
{
    char *text = g_malloc(in->len_bytes + 1);

    if (in->len_bytes) {
        memcpy(text, in->data, in->len_bytes);
    }
    text[in->len_bytes] = '\0';
    in->len_bytes = 0;
    return text;
}

void fuzz_check_result(bool ok, Error *err)
{
    g_assert(ok == !err);
    if (err) {
        g_assert(*error_get_pretty(err));
        error_free(err);
    }
}

/* --- The channel ---------------------------------------------------------- */

typedef struct FuzzChannel {
    QIOChannel parent;
    FuzzInput in; /* [own: reader] */
    size_t chunk_bytes;
    size_t pos;
    bool shut; /* [atomic] */
} FuzzChannel;

static ssize_t fuzz_readv(QIOChannel *ioc, const struct iovec *iov,
                          size_t niov, int **fds, size_t *nfds, Error **errp)
{
    FuzzChannel *c = container_of(ioc, FuzzChannel, parent);
    size_t room = MIN(c->chunk_bytes, c->in.len_bytes);
    size_t done = 0;

    if (qatomic_read(&c->shut)) {
        return 0;
    }
    for (size_t i = 0; i < niov && room > done; i++) {
        size_t n = MIN(iov[i].iov_len, room - done);

        if (n) {
            memcpy(iov[i].iov_base, c->in.data + done, n);
        }
        done += n;
    }
    c->in.data += done;
    c->in.len_bytes -= done;
    c->pos += done;
    return done;
}

static ssize_t fuzz_writev(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, const int *fds, size_t nfds,
                           Error **errp)
{
    size_t done = 0;

    for (size_t i = 0; i < niov; i++) {
        done += iov[i].iov_len;
    }
    return done;
}

static bool fuzz_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                          Error **errp)
{
    FuzzChannel *c = container_of(ioc, FuzzChannel, parent);

    qatomic_set(&c->shut, true);
    return true;
}

static bool fuzz_set_blocking(QIOChannel *ioc, bool enabled, Error **errp)
{
    return true;
}

static bool fuzz_close(QIOChannel *ioc, Error **errp)
{
    return true;
}

static int fuzz_poll_fd(QIOChannel *ioc, GIOCondition condition)
{
    return -1;
}

static void fuzz_finalize(QIOChannel *ioc)
{
    g_free(container_of(ioc, FuzzChannel, parent));
}

static const QIOChannelOps fuzz_ops = {
    .type = "fuzz",
    .readv = fuzz_readv,
    .writev = fuzz_writev,
    .shutdown = fuzz_shutdown,
    .set_blocking = fuzz_set_blocking,
    .close = fuzz_close,
    .poll_fd = fuzz_poll_fd,
    .finalize = fuzz_finalize,
};

QIOChannel *fuzz_channel_new(FuzzInput *in)
{
    FuzzChannel *c = g_new0(FuzzChannel, 1);
    unsigned power = fuzz_take_u8(in) % 20;

    c->in = *in;
    c->chunk_bytes = power ? (1U << power) - 1 : SIZE_MAX;
    in->len_bytes = 0;
    qio_channel_init(&c->parent, &fuzz_ops,
                     QIO_CHANNEL_FEATURE_SHUTDOWN | QIO_CHANNEL_FEATURE_DUPLEX,
                     "fuzz");
    return &c->parent;
}

size_t fuzz_channel_pos(const QIOChannel *ioc)
{
    return container_of(ioc, FuzzChannel, parent)->pos;
}
