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

#endif
