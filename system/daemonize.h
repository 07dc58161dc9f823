/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Going to the background, and what ties a process to others. */
#ifndef SYSTEM_DAEMONIZE_H
#define SYSTEM_DAEMONIZE_H

#include "qapi/error.h"

/*
 * Forks; only the child returns. The parent exits with 0 once the child
 * calls daemonize_ready() and with 1 if the child dies before. Before any
 * thread is started. *@ready_fd is for daemonize_ready().
 */
bool daemonize_start(int *ready_fd, Error **errp);

/* Lets go of the terminal and of the parent. */
bool daemonize_ready(int ready_fd, Error **errp);

/*
 * Writes the process id to @path and keeps it locked while the process
 * lives; fails if another process holds it.
 */
bool pidfile_create(const char *path, Error **errp);

/* Ends this process with SIGTERM when the one that started it ends. */
bool exit_with_parent_enable(Error **errp);

#endif
