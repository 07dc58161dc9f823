/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells ThreadSanitizer what GLib's locks order. The distribution's GLib is
 * not instrumented and its locks are futexes, which the sanitizer cannot
 * see: without this it takes every access under a GMutex for a race.
 * Included by osdep.h in builds with --enable-tsan only.
 */
#ifndef QEMU_TSAN_H
#define QEMU_TSAN_H

#include <glib.h>

void __tsan_acquire(void *addr);
void __tsan_release(void *addr);

#define g_mutex_lock(m)                                                        \
    do {                                                                       \
        (g_mutex_lock)(m);                                                     \
        __tsan_acquire(m);                                                     \
    } while (0)

#define g_mutex_unlock(m)                                                      \
    do {                                                                       \
        __tsan_release(m);                                                     \
        (g_mutex_unlock)(m);                                                   \
    } while (0)

#define g_cond_wait(c, m)                                                      \
    do {                                                                       \
        __tsan_release(m);                                                     \
        (g_cond_wait)((c), (m));                                               \
        __tsan_acquire(m);                                                     \
    } while (0)

static inline gboolean tsan_cond_wait_until(GCond *cond, GMutex *mutex,
                                            gint64 end_us)
{
    gboolean signalled;

    __tsan_release(mutex);
    signalled = (g_cond_wait_until)(cond, mutex, end_us);
    __tsan_acquire(mutex);
    return signalled;
}
#define g_cond_wait_until(c, m, end_us) tsan_cond_wait_until(c, m, end_us)

/* What main hands to another thread's loop, and back. */
static inline guint tsan_source_attach(GSource *source, GMainContext *context)
{
    __tsan_release(source);
    return (g_source_attach)(source, context);
}
#define g_source_attach(s, c) tsan_source_attach(s, c)

typedef struct TsanIdle {
    GSourceFunc fn;
    gpointer data;
    GDestroyNotify notify;
} TsanIdle;

static inline gboolean tsan_idle_call(gpointer opaque)
{
    TsanIdle *idle = opaque;

    __tsan_acquire(g_main_current_source());
    __tsan_acquire(idle);
    return idle->fn(idle->data);
}

static inline void tsan_idle_free(gpointer opaque)
{
    TsanIdle *idle = opaque;

    __tsan_acquire(idle);
    if (idle->notify) {
        idle->notify(idle->data);
    }
    g_free(idle);
}

static inline guint tsan_idle_add_full(gint priority, GSourceFunc fn,
                                       gpointer data, GDestroyNotify notify)
{
    TsanIdle *idle = g_new(TsanIdle, 1);

    *idle = (TsanIdle) { fn, data, notify };
    __tsan_release(idle);
    return (g_idle_add_full)(priority, tsan_idle_call, idle, tsan_idle_free);
}
#define g_idle_add_full(p, fn, data, n) tsan_idle_add_full(p, fn, data, n)

/* For callbacks of the type GSourceFunc only: others take it in brackets. */
static inline void tsan_source_set_callback(GSource *source, GSourceFunc fn,
                                            gpointer data,
                                            GDestroyNotify notify)
{
    TsanIdle *idle = g_new(TsanIdle, 1);

    *idle = (TsanIdle) { fn, data, notify };
    __tsan_release(idle);
    (g_source_set_callback)(source, tsan_idle_call, idle, tsan_idle_free);
}
#define g_source_set_callback(s, fn, data, n)                                  \
    tsan_source_set_callback(s, fn, data, n)

/*
 * Sources are made by one thread, looked at by another and freed by either;
 * the context's lock is between. The slots of a GSource of ours begin with
 * BEGIN and end with USED.
 */
#define TSAN_SOURCE_BEGIN(source) __tsan_acquire(source)
#define TSAN_SOURCE_USED(source) __tsan_release(source)
#define TSAN_SOURCE_FINALIZE(source) __tsan_acquire(source)

/*
 * Suppressions, for util/error.c, which every program links:
 *
 * Guest RAM is sent while the guest writes to it, without a lock: a page that
 * is torn was marked dirty by the store and is sent again. ram_access() is
 * the interpreter's store, buffer_is_zero() and socket_writev() look.
 *
 * GLib allocates and frees its own lists and sources under its own locks,
 * which cannot be seen either.
 */
#define TSAN_SUPPRESSIONS                                                      \
    "race:buffer_is_zero\n"                                                    \
    "race:ram_access\n"                                                        \
    "called_from_lib:libglib-2.0.so.0\n"
const char *__tsan_default_suppressions(void);

#endif
