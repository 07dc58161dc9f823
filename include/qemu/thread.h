/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads with names that debuggers and `ps -L` show. */
#ifndef QEMU_THREAD_H
#define QEMU_THREAD_H

/*
 * Starts a joinable thread. @name is cut to 15 characters for the kernel.
 * All signals are blocked in it: the main thread handles them.
 */
GThread *qemu_thread_create(const char *name, GThreadFunc fn, void *opaque);

/* The kernel's id of the calling thread. */
int qemu_get_thread_id(void);

#endif
