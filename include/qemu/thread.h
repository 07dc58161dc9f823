/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads with names that debuggers and `ps -L` show. */
#ifndef QEMU_THREAD_H
#define QEMU_THREAD_H

#include <semaphore.h>

#include "qapi/error.h"

/*
 * Starts a joinable thread. @name is cut to 15 characters for the kernel.
 * All signals are blocked in it: the main thread handles them. NULL: the host
 * has no room for one more.
 */
GThread *qemu_thread_try_create(const char *name, GThreadFunc fn, void *opaque,
                                Error **errp);
/* At start, or where nothing goes on without it: ends the process instead. */
GThread *qemu_thread_create(const char *name, GThreadFunc fn, void *opaque);

/* The kernel's id of the calling thread. */
int qemu_get_thread_id(void);

/* Counts posts; a wait takes one. What was written before a post is seen
 * after the wait that takes it. */
typedef sem_t QemuSemaphore;

static inline void qemu_sem_init(QemuSemaphore *sem)
{
    sem_init(sem, 0, 0);
}

static inline void qemu_sem_destroy(QemuSemaphore *sem)
{
    sem_destroy(sem);
}

static inline void qemu_sem_post(QemuSemaphore *sem)
{
    sem_post(sem);
}

static inline void qemu_sem_wait(QemuSemaphore *sem)
{
    (void)RETRY_ON_EINTR(sem_wait(sem));
}

#endif
