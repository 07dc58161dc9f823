/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams over a descriptor that a client passed or the parent left open. */
#include "qemu/osdep.h"

#include "io/channel-file.h"
#include "migration/channel.h"
#include "system/fdset.h"

QIOChannel *fd_migration_open(struct FdTable *fds, const char *name,
                              Error **errp)
{
    int fd = fd_resolve(fds, name, errp);

    return fd < 0 ? NULL : qio_channel_new_fd(fd, errp);
}
