/* SPDX-License-Identifier: GPL-2.0-or-later */
/* URIs and channel lists; picks the transport. Main loop, BQL held. */
#include "qemu/osdep.h"

#include "io/socket-address.h"
#include "migration/channel.h"

static bool uri_parse_into(const char *uri, MigrationAddress *addr,
                           Error **errp)
{
    if (g_str_has_prefix(uri, "tcp:") || g_str_has_prefix(uri, "unix:") ||
        g_str_has_prefix(uri, "fd:")) {
        addr->transport = MIGRATION_ADDRESS_TYPE_SOCKET;
        return socket_migration_parse(uri, &addr->u.socket, errp);
    }
    if (g_str_has_prefix(uri, "exec:")) {
        strList **tail = &addr->u.exec.args;

        addr->transport = MIGRATION_ADDRESS_TYPE_EXEC;
        QAPI_LIST_APPEND(tail, g_strdup("/bin/sh"));
        QAPI_LIST_APPEND(tail, g_strdup("-c"));
        QAPI_LIST_APPEND(tail, g_strdup(uri + strlen("exec:")));
        return true;
    }
    if (g_str_has_prefix(uri, "file:")) {
        addr->transport = MIGRATION_ADDRESS_TYPE_FILE;
        return file_migration_parse(uri + strlen("file:"), &addr->u.file,
                                    errp);
    }
    error_setg(errp, "unknown migration protocol: %s", uri);
    error_append_hint(errp, "Use tcp:, unix:, fd:, exec: or file:\n");
    return false;
}

static bool address_check(const MigrationAddress *addr, bool outgoing,
                          Error **errp)
{
    switch (addr->transport) {
    case MIGRATION_ADDRESS_TYPE_SOCKET:
        return socket_address_check(&addr->u.socket, !outgoing, errp);
    case MIGRATION_ADDRESS_TYPE_EXEC:
        if (!addr->u.exec.args || !addr->u.exec.args->value[0]) {
            error_setg(errp, "exec channel needs a command in 'args'");
            return false;
        }
        return true;
    default:
        return true;
    }
}

MigrationAddress *migration_uri_parse(const char *uri, bool outgoing,
                                      Error **errp)
{
    MigrationAddress *addr = g_new0(MigrationAddress, 1);

    if (!uri_parse_into(uri, addr, errp) ||
        !address_check(addr, outgoing, errp)) {
        /* A failed parser leaves a valid, if empty, branch. */
        qapi_free_MigrationAddress(addr);
        return NULL;
    }
    return addr;
}

MigrationAddress *migration_address_new(const char *uri,
                                        const MigrationChannelList *channels,
                                        bool outgoing, Error **errp)
{
    if (!uri == !channels) {
        error_setg(errp, "need either 'uri' or 'channels' argument");
        return NULL;
    }
    if (uri) {
        return migration_uri_parse(uri, outgoing, errp);
    }
    if (channels->next) {
        error_setg(errp, "Channel list has more than one main entry");
        return NULL;
    }
    if (!address_check(channels->value->addr, outgoing, errp)) {
        return NULL;
    }
    return QAPI_CLONE(MigrationAddress, channels->value->addr);
}

bool migration_address_connects(const MigrationAddress *addr)
{
    return addr->transport == MIGRATION_ADDRESS_TYPE_SOCKET &&
           addr->u.socket.type != SOCKET_ADDRESS_TYPE_FD;
}

bool migration_address_suits(const MigrationAddress *addr,
                             const MigrationConfig *config, bool outgoing,
                             Error **errp)
{
    if (migration_cap(config, MIGRATION_CAPABILITY_MULTIFD) &&
        !migration_address_connects(addr)) {
        error_setg(errp, "Migration requires multi-channel URIs (e.g. tcp)");
        error_append_hint(errp, "Turn the capability 'multifd' off, or use "
                                "tcp: or unix:\n");
        return false;
    }
    if (outgoing &&
        migration_cap(config, MIGRATION_CAPABILITY_ZERO_COPY_SEND) &&
        addr->u.socket.type != SOCKET_ADDRESS_TYPE_INET) {
        error_setg(errp, "Zero copy only available for TCP connections");
        error_append_hint(errp, "Turn the capability 'zero-copy-send' off, or "
                                "use tcp:\n");
        return false;
    }
    return true;
}

QIOChannel *migration_channel_open(VM *vm, const MigrationAddress *addr,
                                   struct FdTable *fds, bool outgoing,
                                   Error **errp)
{
    switch (addr->transport) {
    case MIGRATION_ADDRESS_TYPE_SOCKET:
        g_assert(addr->u.socket.type == SOCKET_ADDRESS_TYPE_FD);
        /* What comes in may also be an inherited descriptor, by number. */
        if (!outgoing && g_ascii_isdigit(addr->u.socket.u.fd.str[0])) {
            fds = NULL;
        }
        return fd_migration_open(fds, addr->u.socket.u.fd.str, errp);
    case MIGRATION_ADDRESS_TYPE_EXEC:
        return exec_migration_open(&addr->u.exec, outgoing, errp);
    case MIGRATION_ADDRESS_TYPE_FILE:
        return file_migration_open(vm, &addr->u.file, outgoing, errp);
    default:
        g_assert_not_reached();
    }
}
