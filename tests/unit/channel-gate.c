/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See channel-gate.h. Any thread. */
#include "qemu/osdep.h"
#include "channel-gate.h"

typedef struct GateSide {
    uint64_t passed_bytes;
    uint64_t stop_at;
    ChannelGateAction action;
    bool armed;
    bool arrived;
    bool shut;
    bool ready;   /* there is input, or the end of it: a read does not wait */
    bool reading; /* such a read is under way */
} GateSide;

typedef struct ChannelGate {
    QIOChannel parent;
    QIOChannel *inner; /* [const] */
    GMutex lock;
    GCond cond;
    GateSide sides[CHANNEL_GATE__MAX]; /* [lock: lock] */
    bool non_blocking;                 /* [lock: lock] */
} ChannelGate;

static ChannelGate *gate_of(QIOChannel *ioc)
{
    return container_of(ioc, ChannelGate, parent);
}

/* @iov cut to @limit octets, in @out; returns the number of elements. */
static size_t iov_cut(struct iovec *out, const struct iovec *iov, size_t niov,
                      uint64_t limit)
{
    size_t n = 0;

    for (size_t i = 0; i < niov && limit; i++) {
        out[n] = iov[i];
        out[n].iov_len = MIN(iov[i].iov_len, limit);
        limit -= out[n].iov_len;
        n++;
    }
    return n;
}

/*
 * How many octets may pass now, at least 1; or 0 with *@result what the slot
 * returns.
 */
static uint64_t gate_pass(ChannelGate *gate, ChannelGateSide which,
                          ssize_t *result, Error **errp)
{
    GateSide *side = &gate->sides[which];
    uint64_t room = UINT64_MAX;

    g_mutex_lock(&gate->lock);
    while (side->armed && side->passed_bytes >= side->stop_at && !side->shut) {
        side->arrived = true;
        g_cond_broadcast(&gate->cond);
        if (side->action == CHANNEL_GATE_WAIT && gate->non_blocking) {
            room = 0;
            *result = QIO_CHANNEL_ERR_BLOCK;
            break;
        }
        if (side->action == CHANNEL_GATE_WAIT) {
            g_cond_wait(&gate->cond, &gate->lock);
            continue;
        }
        room = 0;
        *result = -1;
        if (side->action == CHANNEL_GATE_FAIL) {
            error_setg_errno(errp, EIO, "gate at offset %" PRIu64,
                             side->stop_at);
        } else if (which == CHANNEL_GATE_WRITE) {
            error_setg_errno(errp, EPIPE, "gate at offset %" PRIu64,
                             side->stop_at);
        } else {
            *result = 0;
        }
        break;
    }
    if (room && side->armed && !side->shut) {
        room = side->stop_at - side->passed_bytes;
    }
    side->reading = room && side->ready;
    g_mutex_unlock(&gate->lock);
    return room;
}

static ssize_t gate_passed(ChannelGate *gate, ChannelGateSide which, ssize_t n)
{
    g_mutex_lock(&gate->lock);
    gate->sides[which].passed_bytes += MAX(n, 0);
    gate->sides[which].reading = false;
    g_cond_broadcast(&gate->cond);
    g_mutex_unlock(&gate->lock);
    return n;
}

/* A stop may be set while a reader waits: it decides when there is input. */
static void wait_unless_stopped(ChannelGate *gate)
{
    GateSide *side = &gate->sides[CHANNEL_GATE_READ];
    bool wait;

    g_mutex_lock(&gate->lock);
    wait = !gate->non_blocking && !side->armed;
    g_mutex_unlock(&gate->lock);
    if (wait) {
        qio_channel_wait(gate->inner, G_IO_IN);
    }
    g_mutex_lock(&gate->lock);
    side->ready = wait;
    g_mutex_unlock(&gate->lock);
}

static ssize_t gate_readv(QIOChannel *ioc, const struct iovec *iov, size_t niov,
                          int **fds, size_t *nfds, Error **errp)
{
    ChannelGate *gate = gate_of(ioc);
    struct iovec cut[IOV_MAX];
    ssize_t n = 0;
    uint64_t room;

    wait_unless_stopped(gate);
    room = gate_pass(gate, CHANNEL_GATE_READ, &n, errp);
    if (!room) {
        return n;
    }
    niov = iov_cut(cut, iov, niov, room);
    n = qio_channel_readv_full(gate->inner, cut, niov, fds, nfds, errp);
    return gate_passed(gate, CHANNEL_GATE_READ, n);
}

static ssize_t gate_writev(QIOChannel *ioc, const struct iovec *iov,
                           size_t niov, const int *fds, size_t nfds,
                           Error **errp)
{
    ChannelGate *gate = gate_of(ioc);
    struct iovec cut[IOV_MAX];
    ssize_t n = 0;
    uint64_t room = gate_pass(gate, CHANNEL_GATE_WRITE, &n, errp);

    if (!room) {
        return n;
    }
    niov = iov_cut(cut, iov, niov, room);
    n = qio_channel_writev_full(gate->inner, cut, niov, fds, nfds, errp);
    return gate_passed(gate, CHANNEL_GATE_WRITE, n);
}

static bool gate_shutdown(QIOChannel *ioc, QIOChannelShutdown how, Error **errp)
{
    ChannelGate *gate = gate_of(ioc);
    /* First, so that what waits at the gate meets a channel that is shut. */
    bool ok = qio_channel_shutdown(gate->inner, how, errp);

    g_mutex_lock(&gate->lock);
    if (how != QIO_CHANNEL_SHUTDOWN_WRITE) {
        gate->sides[CHANNEL_GATE_READ].shut = true;
    }
    if (how != QIO_CHANNEL_SHUTDOWN_READ) {
        gate->sides[CHANNEL_GATE_WRITE].shut = true;
    }
    g_cond_broadcast(&gate->cond);
    g_mutex_unlock(&gate->lock);
    return ok;
}

static bool gate_set_blocking(QIOChannel *ioc, bool enabled, Error **errp)
{
    ChannelGate *gate = gate_of(ioc);

    g_mutex_lock(&gate->lock);
    gate->non_blocking = !enabled;
    g_mutex_unlock(&gate->lock);
    return qio_channel_set_blocking(gate->inner, enabled, errp);
}

static bool gate_close(QIOChannel *ioc, Error **errp)
{
    return qio_channel_close(gate_of(ioc)->inner, errp);
}

static int gate_poll_fd(QIOChannel *ioc, GIOCondition condition)
{
    QIOChannel *inner = gate_of(ioc)->inner;

    return inner->ops->poll_fd(inner, condition);
}

static int gate_wake_fd(QIOChannel *ioc, GIOCondition condition)
{
    QIOChannel *inner = gate_of(ioc)->inner;

    return inner->ops->wake_fd ? inner->ops->wake_fd(inner, condition) : -1;
}

static void gate_finalize(QIOChannel *ioc)
{
    ChannelGate *gate = gate_of(ioc);

    qio_channel_unref(gate->inner);
    g_mutex_clear(&gate->lock);
    g_cond_clear(&gate->cond);
    g_free(gate);
}

static const QIOChannelOps gate_ops = {
    .type = "gate",
    .readv = gate_readv,
    .writev = gate_writev,
    .shutdown = gate_shutdown,
    .set_blocking = gate_set_blocking,
    .close = gate_close,
    .poll_fd = gate_poll_fd,
    .wake_fd = gate_wake_fd,
    .finalize = gate_finalize,
};

QIOChannel *channel_gate_new(QIOChannel *inner)
{
    ChannelGate *gate = g_new0(ChannelGate, 1);

    gate->inner = inner;
    g_mutex_init(&gate->lock);
    g_cond_init(&gate->cond);
    /* Positioned I/O would go around the gate. */
    qio_channel_init(&gate->parent, &gate_ops,
                     inner->features & ~QIO_CHANNEL_FEATURE_SEEKABLE,
                     inner->name);
    return &gate->parent;
}

void channel_gate_stop_at(QIOChannel *ioc, ChannelGateSide which,
                          uint64_t offset, ChannelGateAction action)
{
    ChannelGate *gate = gate_of(ioc);
    GateSide *side = &gate->sides[which];

    g_mutex_lock(&gate->lock);
    while (side->reading) {
        g_cond_wait(&gate->cond, &gate->lock);
    }
    side->stop_at = offset;
    side->action = action;
    side->armed = true;
    side->arrived = false;
    g_cond_broadcast(&gate->cond);
    g_mutex_unlock(&gate->lock);
}

void channel_gate_release(QIOChannel *ioc, ChannelGateSide which)
{
    ChannelGate *gate = gate_of(ioc);

    g_mutex_lock(&gate->lock);
    gate->sides[which].armed = false;
    g_cond_broadcast(&gate->cond);
    g_mutex_unlock(&gate->lock);
}

bool channel_gate_wait_arrived(QIOChannel *ioc, ChannelGateSide which,
                               unsigned timeout_ms)
{
    ChannelGate *gate = gate_of(ioc);
    gint64 end = g_get_monotonic_time() + timeout_ms * 1000LL;
    bool arrived;

    g_mutex_lock(&gate->lock);
    while (!gate->sides[which].arrived &&
           g_cond_wait_until(&gate->cond, &gate->lock, end)) {
    }
    arrived = gate->sides[which].arrived;
    g_mutex_unlock(&gate->lock);
    return arrived;
}

uint64_t channel_gate_offset(QIOChannel *ioc, ChannelGateSide which)
{
    ChannelGate *gate = gate_of(ioc);
    uint64_t passed;

    g_mutex_lock(&gate->lock);
    passed = gate->sides[which].passed_bytes;
    g_mutex_unlock(&gate->lock);
    return passed;
}
