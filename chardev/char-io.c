/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The path of bytes between a character device's peer and its front end.
 *
 * Input and events: in the front end's context, under fe_lock. Output: either
 * chardev_write(), any thread, under write_lock, waiting; or
 * chardev_write_some(), BQL held, under fe_lock, never waiting.
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/eventfd.h>
#include "chardev/chardev-internal.h"

#define READ_MAX_BYTES 4096

static void chardev_update_watch(Chardev *chr);

bool chardev_lock_fe(Chardev *chr)
{
    bool take_bql;

    g_rec_mutex_lock(&chr->fe_lock);
    take_bql = chr->fe && !chr->context && !bql_locked(chr->vm);
    if (take_bql) {
        /* The BQL goes first. */
        g_rec_mutex_unlock(&chr->fe_lock);
        bql_lock(chr->vm);
        g_rec_mutex_lock(&chr->fe_lock);
    }
    return take_bql;
}

void chardev_unlock_fe(Chardev *chr, bool unlock_bql)
{
    g_rec_mutex_unlock(&chr->fe_lock);
    if (unlock_bql) {
        bql_unlock(chr->vm);
    }
}

static void chardev_send_event(Chardev *chr, ChardevEvent event)
{
    if (chr->fe && chr->fe->event) {
        chr->fe->event(chr->opaque, event);
    }
}

static void close_fds(int *fds, size_t nfds)
{
    for (size_t i = 0; i < nfds; i++) {
        qemu_close(&fds[i]);
    }
    g_free(fds);
}

/* Takes the array over; an empty one leaves the old descriptors. */
static void chardev_keep_fds(Chardev *chr, int *fds, size_t nfds)
{
    if (!nfds) {
        g_free(fds);
        return;
    }
    g_mutex_lock(&chr->lock);
    close_fds(chr->fds, chr->nfds);
    chr->fds = fds;
    chr->nfds = nfds;
    g_mutex_unlock(&chr->lock);
}

static void chardev_drop_fds(Chardev *chr)
{
    g_mutex_lock(&chr->lock);
    close_fds(chr->fds, chr->nfds);
    chr->fds = NULL;
    chr->nfds = 0;
    g_mutex_unlock(&chr->lock);
}

int chardev_take_fd(Chardev *chr)
{
    int fd = -1;

    g_mutex_lock(&chr->lock);
    if (chr->nfds) {
        fd = chr->fds[0];
        chr->nfds--;
        memmove(chr->fds, chr->fds + 1, chr->nfds * sizeof(int));
    }
    g_mutex_unlock(&chr->lock);
    return fd;
}

static void chardev_clear_watch(Chardev *chr)
{
    if (chr->watch) {
        g_source_destroy(chr->watch);
        g_clear_pointer(&chr->watch, g_source_unref);
    }
}

static void chardev_clear_out_watch(Chardev *chr)
{
    if (chr->out_watch) {
        g_source_destroy(chr->out_watch);
        g_clear_pointer(&chr->out_watch, g_source_unref);
    }
}

static GMainContext *chardev_context(Chardev *chr)
{
    return chr->context ? chr->context : chr->vm->main_context;
}

void chardev_drop_peer(Chardev *chr)
{
    QIOChannel *out;

    chardev_clear_watch(chr);
    chardev_clear_out_watch(chr);
    g_mutex_lock(&chr->lock);
    out = g_steal_pointer(&chr->out);
    g_mutex_unlock(&chr->lock);
    /* A writer in another thread gives up at once. */
    if (out && qio_channel_has_feature(out, QIO_CHANNEL_FEATURE_SHUTDOWN)) {
        qio_channel_shutdown(out, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    }
    qio_channel_unref(out);
    g_clear_pointer(&chr->in, qio_channel_unref);
    chardev_drop_fds(chr);
}

static void chardev_send_writable(Chardev *chr)
{
    if (chr->fe && chr->fe->writable) {
        chr->fe->writable(chr->opaque);
    }
}

static void chardev_peer_lost(Chardev *chr)
{
    chr->ended = false;
    if (chr->klass->one_connection) {
        chardev_drop_peer(chr);
    } else {
        /* The end of stdin says nothing about stdout. */
        chardev_clear_watch(chr);
        g_clear_pointer(&chr->in, qio_channel_unref);
    }
    if (chr->opened) {
        chr->opened = false;
        chardev_send_event(chr, CHR_EVENT_CLOSED);
    }
    /* What waited for the peer vanishes now. */
    chardev_send_writable(chr);
    if (chr->fe && chr->klass->lost) {
        chr->klass->lost(chr);
    }
}

/* The front end hears of the end once it has answered what came before. */
static void chardev_input_ended(Chardev *chr)
{
    chr->ended = true;
    if (chr->fe->busy && chr->fe->busy(chr->opaque)) {
        chardev_clear_watch(chr);
    } else {
        chardev_peer_lost(chr);
    }
}

/* Moves one piece of input to the front end; false at its end. */
static bool chardev_read_some(Chardev *chr, size_t room)
{
    uint8_t buf[READ_MAX_BYTES];
    struct iovec iov = { .iov_base = buf, .iov_len = MIN(room, sizeof(buf)) };
    int *fds = NULL;
    size_t nfds = 0;
    ssize_t n = qio_channel_readv_full(chr->in, &iov, 1, &fds, &nfds, NULL);

    if (n == QIO_CHANNEL_ERR_BLOCK) {
        return true;
    }
    chardev_keep_fds(chr, fds, nfds);
    if (n <= 0) {
        return false;
    }
    chr->fe->read(chr->opaque, buf, n);
    return true;
}

static gboolean chardev_in_ready(QIOChannel *ioc, GIOCondition condition,
                                 void *opaque)
{
    Chardev *chr = opaque;
    bool unlock_bql = chardev_lock_fe(chr);
    size_t room;

    if (!g_source_is_destroyed(g_main_current_source()) && chr->fe) {
        room = chr->watch_reads ? chr->fe->can_read(chr->opaque) : 0;
        if (room && !chardev_read_some(chr, room)) {
            chardev_input_ended(chr);
        } else if (chr->watch_reads) {
            chardev_update_watch(chr);
        } else if (chr->fe->busy && chr->fe->busy(chr->opaque)) {
            /* A hang-up, but there may be input before it. */
            chardev_clear_watch(chr);
        } else {
            chardev_peer_lost(chr);
        }
    }
    chardev_unlock_fe(chr, unlock_bql);
    return G_SOURCE_CONTINUE;
}

/* Reads while the front end takes input; else only looks for a hang-up. */
static void chardev_update_watch(Chardev *chr)
{
    bool reads;

    if (!chr->fe || !chr->in) {
        return;
    }
    reads = chr->fe->can_read && chr->fe->can_read(chr->opaque) > 0;
    if (chr->watch && chr->watch_reads == reads) {
        return;
    }
    chardev_clear_watch(chr);
    chr->watch_reads = reads;
    chr->watch = qio_channel_add_watch(chr->in, reads ? G_IO_IN : G_IO_HUP,
                                       chardev_in_ready, chr,
                                       chardev_context(chr));
}

void chardev_set_peer(Chardev *chr, QIOChannel *in, QIOChannel *out)
{
    if (in) {
        qio_channel_set_blocking(in, false, NULL);
    }
    if (out) {
        qio_channel_set_blocking(out, false, NULL);
    }
    chr->in = in;
    chr->ended = false;
    g_mutex_lock(&chr->lock);
    chr->out = out;
    g_mutex_unlock(&chr->lock);
    if (chr->fe) {
        chr->opened = true;
        chardev_send_event(chr, CHR_EVENT_OPENED);
        chardev_update_watch(chr);
    }
}

static gboolean chardev_kicked(void *opaque)
{
    Chardev *chr = opaque;
    bool unlock_bql = chardev_lock_fe(chr);
    GSource *source = g_main_current_source();

    g_source_set_ready_time(source, -1);
    if (!g_source_is_destroyed(source) && chr->fe && chr->ended) {
        chardev_input_ended(chr);
    } else if (!g_source_is_destroyed(source)) {
        chardev_update_watch(chr);
    }
    chardev_unlock_fe(chr, unlock_bql);
    return G_SOURCE_CONTINUE;
}

static gboolean kick_dispatch(GSource *source, GSourceFunc fn, void *opaque)
{
    return fn(opaque);
}

static GSourceFuncs kick_funcs = { .dispatch = kick_dispatch };

void chardev_accept_input(Chardev *chr)
{
    g_mutex_lock(&chr->lock);
    if (chr->kick) {
        g_source_set_ready_time(chr->kick, 0);
    }
    g_mutex_unlock(&chr->lock);
}

bool chardev_connect(Chardev *chr, const ChardevFrontend *fe, void *opaque,
                     GMainContext *context, Error **errp)
{
    GSource *kick;

    g_rec_mutex_lock(&chr->fe_lock);
    if (chr->fe) {
        g_rec_mutex_unlock(&chr->fe_lock);
        error_setg(errp, "chardev '%s' is already in use", chr->id);
        return false;
    }
    chr->fe = fe;
    chr->opaque = opaque;
    chr->context = context;
    kick = g_source_new(&kick_funcs, sizeof(GSource));
    g_source_set_callback(kick, chardev_kicked, chr, NULL);
    g_source_attach(kick, chardev_context(chr));
    g_mutex_lock(&chr->lock);
    chr->kick = kick;
    chr->fe_open = true;
    chr->no_wait = false;
    eventfd_read(chr->no_wait_fd, &(eventfd_t){ 0 });
    g_mutex_unlock(&chr->lock);

    if (chr->in || chr->out || !chr->klass->attach) {
        chr->opened = true;
        chardev_send_event(chr, CHR_EVENT_OPENED);
    }
    if (chr->fe && chr->klass->attach) {
        chr->klass->attach(chr);
    }
    chardev_update_watch(chr);
    g_rec_mutex_unlock(&chr->fe_lock);
    return true;
}

void chardev_disconnect(Chardev *chr)
{
    chardev_stop_waiting(chr);
    g_rec_mutex_lock(&chr->fe_lock);
    if (chr->fe) {
        chr->fe = NULL;
        chr->opened = false;
        g_mutex_lock(&chr->lock);
        chr->fe_open = false;
        g_source_destroy(chr->kick);
        g_clear_pointer(&chr->kick, g_source_unref);
        g_mutex_unlock(&chr->lock);
        chardev_clear_watch(chr);
        chardev_clear_out_watch(chr);
        if (chr->klass->detach) {
            chr->klass->detach(chr);
        }
    }
    g_rec_mutex_unlock(&chr->fe_lock);
}

void chardev_stop_waiting(Chardev *chr)
{
    g_mutex_lock(&chr->lock);
    chr->no_wait = true;
    eventfd_write(chr->no_wait_fd, 1);
    g_mutex_unlock(&chr->lock);
}

/* Waits for room or the peer's end; false: do not wait. */
static bool chardev_wait_writable(Chardev *chr, QIOChannel *out)
{
    struct pollfd fds[] = {
        { .fd = out->ops->poll_fd(out, G_IO_OUT), .events = POLLOUT },
        { .fd = chr->no_wait_fd, .events = POLLIN },
        { .fd = -1, .events = POLLIN },
    };
    bool wait;

    if (out->ops->wake_fd) {
        fds[2].fd = out->ops->wake_fd(out, G_IO_OUT);
    }
    RETRY_ON_EINTR(poll(fds, ARRAY_SIZE(fds), -1));
    g_mutex_lock(&chr->lock);
    wait = !chr->no_wait;
    g_mutex_unlock(&chr->lock);
    return wait;
}

/* False if the peer broke, or is not to be waited for. write_lock. */
static bool chardev_write_out(Chardev *chr, QIOChannel *out, const uint8_t *buf,
                              size_t len_bytes)
{
    while (len_bytes) {
        struct iovec iov = { .iov_base = (void *)buf, .iov_len = len_bytes };
        ssize_t n = qio_channel_writev_full(out, &iov, 1, NULL, 0, NULL);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            if (!chardev_wait_writable(chr, out)) {
                return false;
            }
            continue;
        }
        if (n < 0) {
            return false;
        }
        buf += n;
        len_bytes -= n;
    }
    return true;
}

/* Ends the connection: the context sees that and tells the front end. */
static void chardev_break_out(Chardev *chr, QIOChannel *out)
{
    QIOChannel *old = NULL;

    g_mutex_lock(&chr->lock);
    if (chr->out == out) {
        old = g_steal_pointer(&chr->out);
    }
    g_mutex_unlock(&chr->lock);
    qio_channel_shutdown(out, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    qio_channel_unref(old);
}

static QIOChannel *chardev_ref_out(Chardev *chr)
{
    QIOChannel *out;

    g_mutex_lock(&chr->lock);
    out = chr->out ? qio_channel_ref(chr->out) : NULL;
    g_mutex_unlock(&chr->lock);
    return out;
}

void chardev_write(Chardev *chr, const void *buf, size_t len_bytes)
{
    QIOChannel *out;

    g_mutex_lock(&chr->write_lock);
    out = chardev_ref_out(chr);
    if (out && !chardev_write_out(chr, out, buf, len_bytes) &&
        chr->klass->one_connection) {
        chardev_break_out(chr, out);
    }
    g_mutex_unlock(&chr->write_lock);
    qio_channel_unref(out);
}

void chardev_end_connection(Chardev *chr)
{
    QIOChannel *out = chardev_ref_out(chr);

    if (out) {
        chardev_break_out(chr, out);
        qio_channel_unref(out);
    }
}

static gboolean chardev_out_ready(QIOChannel *ioc, GIOCondition condition,
                                  void *opaque)
{
    Chardev *chr = opaque;
    bool unlock_bql = chardev_lock_fe(chr);

    if (!g_source_is_destroyed(g_main_current_source())) {
        chardev_clear_out_watch(chr);
        chardev_send_writable(chr);
    }
    chardev_unlock_fe(chr, unlock_bql);
    return G_SOURCE_CONTINUE;
}

static size_t chardev_try_write(Chardev *chr, QIOChannel *out,
                                const uint8_t *buf, size_t len_bytes)
{
    size_t done_bytes = 0;

    while (done_bytes < len_bytes) {
        struct iovec iov = { .iov_base = (void *)(buf + done_bytes),
                             .iov_len = len_bytes - done_bytes };
        ssize_t n = qio_channel_writev_full(out, &iov, 1, NULL, 0, NULL);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            break;
        }
        if (n < 0) {
            if (chr->klass->one_connection) {
                chardev_break_out(chr, out);
            }
            return len_bytes;
        }
        done_bytes += n;
    }
    return done_bytes;
}

size_t chardev_write_some(Chardev *chr, const void *buf, size_t len_bytes)
{
    size_t done_bytes = len_bytes;
    QIOChannel *out;

    g_rec_mutex_lock(&chr->fe_lock);
    out = chardev_ref_out(chr);
    if (out) {
        done_bytes = chardev_try_write(chr, out, buf, len_bytes);
    }
    if (done_bytes < len_bytes && !chr->out_watch && chr->fe &&
        chr->fe->writable) {
        chr->out_watch = qio_channel_add_watch(
            out, G_IO_OUT, chardev_out_ready, chr, chardev_context(chr));
    }
    g_rec_mutex_unlock(&chr->fe_lock);
    qio_channel_unref(out);
    return done_bytes;
}

void chardev_io_init(Chardev *chr)
{
    g_rec_mutex_init(&chr->fe_lock);
    g_mutex_init(&chr->lock);
    g_mutex_init(&chr->write_lock);
    chr->no_wait_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void chardev_io_destroy(Chardev *chr)
{
    chardev_disconnect(chr);
    chardev_drop_peer(chr);
    g_rec_mutex_clear(&chr->fe_lock);
    g_mutex_clear(&chr->lock);
    g_mutex_clear(&chr->write_lock);
    qemu_close(&chr->no_wait_fd);
}
