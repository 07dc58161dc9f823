/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Going to the background, and what ties a process to others. */
#ifndef SYSTEM_DAEMONIZE_H
#define SYSTEM_DAEMONIZE_H

#include <sys/types.h>
#include "qapi/error.h"

/* Between daemonize_start() and daemonize_ready(). */
typedef struct Daemon {
    int ready_fd; /* to the parent */
    int null_fd;  /* /dev/null, which may be out of reach at the end */
} Daemon;

/*
 * Forks; only the child returns. The parent exits with 0 once the child
 * calls daemonize_ready() and with 1 if the child dies before. Before any
 * thread is started.
 */
bool daemonize_start(Daemon *daemon, Error **errp);

/* Lets go of the terminal and of the parent. */
bool daemonize_ready(const Daemon *daemon, Error **errp);

/*
 * Writes the process id to @path and keeps it locked while the process
 * lives; fails if another process holds it.
 */
bool pidfile_create(const char *path, Error **errp);

/* Whom to become. */
typedef struct ProcessUser {
    bool given;
    char *name; /* NULL: given as numbers, without other groups */
    uid_t uid;
    gid_t gid;
} ProcessUser;

/* @text: a user's name or UID:GID. Replaces *@user, whose name is owned. */
bool process_user_parse(const char *text, ProcessUser *user, Error **errp);

/*
 * Takes user, group and groups of @user, for all threads and for good: that
 * there is no way back is checked.
 */
bool process_change_user(const ProcessUser *user, Error **errp);

/* Makes the folder @path the root of all paths. */
bool process_change_root(const char *path, Error **errp);

/*
 * Ends this process with SIGTERM when @parent, which started it, ends; fails
 * if it has ended already. To be called again after a change of the user,
 * with the same @parent: the one there was when main() began.
 */
bool exit_with_parent_enable(pid_t parent, Error **errp);

#endif
