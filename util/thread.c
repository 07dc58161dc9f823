/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Thread creation. Any thread. */
#include "qemu/osdep.h"
#include <signal.h>
#include <sys/syscall.h>
#include "qemu/thread.h"

GThread *qemu_thread_create(const char *name, GThreadFunc fn, void *opaque)
{
    sigset_t all, old;
    GThread *thread;

    /* The new thread inherits the mask. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    thread = g_thread_new(name, fn, opaque);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return thread;
}

int qemu_get_thread_id(void)
{
    return (int)syscall(SYS_gettid);
}
