/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File descriptors that clients passed: named ones (getfd), which belong to
 * a monitor, and numbered sets (add-fd), which belong to the VM.
 */
#ifndef SYSTEM_FDSET_H
#define SYSTEM_FDSET_H

#include "system/vm.h"

/* Named descriptors of one monitor. Its own lock; any thread. */
typedef struct FdTable FdTable;

FdTable *fd_table_new(void);
void fd_table_free(FdTable *table); /* closes what is left */
/* Takes @fd over; replaces (and closes) one of the same name. */
bool fd_table_add(FdTable *table, const char *name, int fd, Error **errp);
/* Gives the descriptor to the caller; -1 and an error if there is none. */
int fd_table_take(FdTable *table, const char *name, Error **errp);
bool fd_table_close(FdTable *table, const char *name, Error **errp);

/*
 * The descriptor that came with the request being run, for getfd and add-fd:
 * set by the monitor (closes one that nobody took), taken by the command.
 * fd_table_take_pending() returns -1 and an error if none came.
 */
void fd_table_set_pending(FdTable *table, int fd);
int fd_table_take_pending(FdTable *table, Error **errp);

/*
 * The descriptor that a migration URI's `fd:NAME` means. With @table: the one
 * of that name, nothing else, since any other belongs to somebody. Without
 * (command line): the number of one above stderr that the parent left open.
 * -1 and an error if there is none.
 */
int fd_resolve(FdTable *table, const char *name, Error **errp);

/* Numbered sets; BQL. */
typedef struct FdSets FdSets;
FdSets *fdsets_new(void);
void fdsets_free(FdSets *sets);

/*
 * open(2), or a duplicate from a set for "/dev/fdset/N" whose access mode
 * matches @flags. -1 and an error on failure. BQL or main thread.
 */
int fdset_open(VM *vm, const char *path, int flags, int mode, Error **errp);

#endif
