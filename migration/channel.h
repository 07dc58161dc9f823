/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what a client wrote to a channel. Main loop, BQL held. Private to
 * migration/.
 */
#ifndef MIGRATION_CHANNEL_H
#define MIGRATION_CHANNEL_H

#include "io/channel.h"
#include "migration/options.h"
#include "qapi/qapi-types-migration.h"
#include "system/vm.h"

struct FdTable;

/*
 * tcp:HOST:PORT, unix:PATH, fd:NAME, exec:COMMAND, file:PATH[,offset=N]. What
 * can be told wrong without resolving or opening anything is refused; a stream
 * that goes out (@outgoing) needs a host. Free with
 * qapi_free_MigrationAddress().
 */
MigrationAddress *migration_uri_parse(const char *uri, bool outgoing,
                                      Error **errp);

/* Exactly one of @uri and @channels, which must hold one main channel. */
MigrationAddress *migration_address_new(const char *uri,
                                        const MigrationChannelList *channels,
                                        bool outgoing, Error **errp);

/* tcp and unix: takes time to connect, and can be listened on. */
bool migration_address_connects(const MigrationAddress *addr);

/* Whether a migration so configured can use @addr. */
bool migration_address_suits(const MigrationAddress *addr,
                             const MigrationConfig *config, bool outgoing,
                             Error **errp);

/*
 * A channel to write a stream to (@outgoing) or to read one from, for
 * addresses that are there at once. @fds may be NULL.
 */
QIOChannel *migration_channel_open(VM *vm, const MigrationAddress *addr,
                                   struct FdTable *fds, bool outgoing,
                                   Error **errp);

/* --- one per transport ---------------------------------------------------- */
bool socket_migration_parse(const char *uri, SocketAddress *addr,
                            Error **errp);
bool file_migration_parse(const char *spec, FileMigrationArgs *args,
                          Error **errp);
QIOChannel *file_migration_open(VM *vm, const FileMigrationArgs *args,
                                bool outgoing, Error **errp);
QIOChannel *fd_migration_open(struct FdTable *fds, const char *name,
                              Error **errp);
QIOChannel *exec_migration_open(const MigrationExecCommand *exec,
                                bool outgoing, Error **errp);

#endif
