/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The numbered sets, for fdset.c and the commands on them. BQL. */
#ifndef SYSTEM_FDSET_INTERNAL_H
#define SYSTEM_FDSET_INTERNAL_H

#include "system/fdset.h"

typedef struct FdSetFd {
    int fd;
    char *opaque; /* the client's note, or NULL */
} FdSetFd;

typedef struct FdSet {
    int64_t id;
    GPtrArray *fds; /* FdSetFd * */
} FdSet;

struct FdSets {
    GPtrArray *sets; /* FdSet *, by id */
};

/*
 * Takes @fd over into set *@id, which is made if need be; NULL picks a new
 * one. Returns the set's number.
 */
int64_t fdset_add(FdSets *sets, const int64_t *id, int fd, const char *opaque);

/* Closes one descriptor, or with @fd NULL all of the set. */
bool fdset_remove(FdSets *sets, int64_t id, const int64_t *fd, Error **errp);

#endif
