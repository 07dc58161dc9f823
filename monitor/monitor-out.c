/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of one monitor. Any thread queues; a thread of the monitor's own
 * writes, since a chardev waits for a peer that does not read. Nothing that
 * was queued is left out as long as the connection lasts.
 */
#include "qemu/osdep.h"
#include "qemu/thread.h"
#include "monitor-internal.h"

/* From here on monitor_out_is_long() until half of it. */
#define LONG_BYTES (1 * MiB)
/* More than this, of events and large replies, ends the connection. */
#define LIMIT_BYTES (64 * MiB)
/* At the end a peer has this long to read what is left. */
#define LINGER_MS 200

struct MonitorOut {
    /* [const] */
    Chardev *chr;
    void (*drained)(void *opaque);
    void *opaque;
    GThread *thread;

    GMutex lock;
    GCond wake;
    /* [lock: lock] */
    GString *queue;
    bool was_long; /* drained() is owed when it is short again */
    bool was_busy; /* drained() is owed when it is empty */
    bool writing;
    bool overrun; /* the connection ends; nothing more is queued for it */
    bool stop;
    bool stopped; /* the thread is done */
};

static gpointer monitor_out_thread(gpointer opaque)
{
    MonitorOut *out = opaque;

    g_mutex_lock(&out->lock);
    for (;;) {
        GString *part;
        bool drained;

        while (!out->queue->len && !out->stop) {
            g_cond_wait(&out->wake, &out->lock);
        }
        if (!out->queue->len) {
            break;
        }
        part = out->queue;
        out->queue = g_string_new(NULL);
        out->writing = true;
        g_mutex_unlock(&out->lock);

        chardev_write(out->chr, part->str, part->len);
        g_string_free(part, TRUE);

        g_mutex_lock(&out->lock);
        out->writing = false;
        drained = (out->was_long && out->queue->len < LONG_BYTES / 2) ||
                  (out->was_busy && !out->queue->len);
        if (drained && !out->stop && out->drained) {
            out->was_long = false;
            out->was_busy = false;
            g_mutex_unlock(&out->lock);
            out->drained(out->opaque);
            g_mutex_lock(&out->lock);
        }
    }
    out->stopped = true;
    g_cond_broadcast(&out->wake);
    g_mutex_unlock(&out->lock);
    return NULL;
}

MonitorOut *monitor_out_new(Chardev *chr, void (*drained)(void *opaque),
                            void *opaque)
{
    MonitorOut *out = g_new0(MonitorOut, 1);

    out->chr = chr;
    out->drained = drained;
    out->opaque = opaque;
    out->queue = g_string_new(NULL);
    g_mutex_init(&out->lock);
    g_cond_init(&out->wake);
    out->thread = qemu_thread_create("mon-out", monitor_out_thread, out);
    return out;
}

void monitor_out_free(MonitorOut *out)
{
    int64_t end_us = g_get_monotonic_time() + LINGER_MS * 1000;

    g_mutex_lock(&out->lock);
    out->stop = true;
    g_cond_broadcast(&out->wake);
    while (!out->stopped && g_cond_wait_until(&out->wake, &out->lock, end_us)) {
    }
    if (!out->stopped) {
        chardev_stop_waiting(out->chr);
    }
    g_mutex_unlock(&out->lock);
    g_thread_join(out->thread);
    g_string_free(out->queue, TRUE);
    g_mutex_clear(&out->lock);
    g_cond_clear(&out->wake);
    g_free(out);
}

void monitor_out_puts(MonitorOut *out, const char *text, size_t len_bytes)
{
    const char *end = text + len_bytes;

    g_mutex_lock(&out->lock);
    if (!out->overrun && out->queue->len + len_bytes > LIMIT_BYTES) {
        out->overrun = true;
        g_string_truncate(out->queue, 0);
        chardev_end_connection(out->chr);
    }
    if (out->overrun) {
        g_mutex_unlock(&out->lock);
        return;
    }
    while (text < end) {
        const char *lf = memchr(text, '\n', end - text);

        g_string_append_len(out->queue, text, (lf ? lf : end) - text);
        if (lf) {
            g_string_append(out->queue, "\r\n");
        }
        text = lf ? lf + 1 : end;
    }
    if (out->queue->len >= LONG_BYTES) {
        out->was_long = true;
    }
    g_cond_broadcast(&out->wake);
    g_mutex_unlock(&out->lock);
}

void monitor_out_clear(MonitorOut *out)
{
    g_mutex_lock(&out->lock);
    g_string_truncate(out->queue, 0);
    out->was_long = false;
    out->overrun = false;
    g_mutex_unlock(&out->lock);
}

bool monitor_out_is_long(MonitorOut *out)
{
    bool is_long;

    g_mutex_lock(&out->lock);
    is_long = out->was_long;
    g_mutex_unlock(&out->lock);
    return is_long;
}

bool monitor_out_is_busy(MonitorOut *out)
{
    bool is_busy;

    g_mutex_lock(&out->lock);
    is_busy = out->writing || out->queue->len;
    out->was_busy |= is_busy;
    g_mutex_unlock(&out->lock);
    return is_busy;
}
