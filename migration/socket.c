/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket addresses of migration URIs. Main loop. */
#include "qemu/osdep.h"

#include "io/socket-address.h"
#include "migration/channel.h"

bool socket_migration_parse(const char *uri, SocketAddress *addr, Error **errp)
{
    SocketAddress *parsed;

    if (strcmp(uri, "fd:") == 0) {
        error_setg(errp, "invalid file descriptor address: fd: wants the name "
                         "or number of a descriptor");
        goto fail;
    }
    if (strcmp(uri, "unix:") == 0) {
        error_setg(errp, "invalid Unix socket address: unix: wants a path");
        goto fail;
    }
    parsed = socket_parse(uri, errp);
    if (!parsed) {
        goto fail;
    }
    *addr = *parsed; /* with all that it points to */
    g_free(parsed);
    return true;

fail:
    /* the empty branch that is safe to free */
    addr->type = SOCKET_ADDRESS_TYPE_FD;
    return false;
}
