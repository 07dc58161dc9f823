/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Thread creation. Any thread. */
#include "qemu/osdep.h"
#include <signal.h>
#include <sys/syscall.h>
#include "qemu/thread.h"

GThread *qemu_thread_try_create(const char *name, GThreadFunc fn, void *opaque,
                                Error **errp)
{
    sigset_t all, old;
    GThread *thread;
    GError *why = NULL;

    /* The new thread inherits the mask. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    thread = g_thread_try_new(name, fn, opaque, &why);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!thread) {
        error_setg(errp, "cannot start the thread '%s': %s; look at the "
                         "limits of processes and memory (ulimit -u, -v)",
                   name, why->message);
        g_error_free(why);
    }
    return thread;
}

GThread *qemu_thread_create(const char *name, GThreadFunc fn, void *opaque)
{
    Error *err = NULL;
    GThread *thread = qemu_thread_try_create(name, fn, opaque, &err);

    if (!thread) {
        g_error("%s", error_get_pretty(err));
    }
    return thread;
}

int qemu_get_thread_id(void)
{
    return (int)syscall(SYS_gettid);
}
