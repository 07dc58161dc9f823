/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving side of multifd as the loading thread and the control see
 * it. Private to migration/.
 */
#ifndef MIGRATION_MULTIFD_RECV_H
#define MIGRATION_MULTIFD_RECV_H

#include "migration/multifd.h"

/*
 * One receiver for each of the @n @channels, in the order of their ids, which
 * came with initial packets that were read. Takes references. Main loop.
 */
MultiFDRecv *multifd_recv_new(MigrationIncomingState *mis,
                              QIOChannel *const *channels, unsigned n);

/* Starts the threads, which load into @ls. Loading thread, once. */
bool multifd_recv_start(MultiFDRecv *m, RAMLoadState *ls, Error **errp);

/*
 * A marker came on the main channel: waits until every channel is at its
 * SYNC, then lets all go on. False: a channel failed, ended, or all were told
 * to end. Loading thread.
 */
bool multifd_recv_sync(MultiFDRecv *m, Error **errp);

/*
 * All that the main channel carries was loaded: ends and joins the threads,
 * which read what has come: a peer that goes on sending is not waited for.
 * False: a channel failed, or pages have come behind the last sync point.
 * Loading thread.
 */
bool multifd_recv_finish(MultiFDRecv *m, Error **errp);

/* Ends all threads soon and makes waits fail. Any thread, any number of times. */
void multifd_recv_terminate(MultiFDRecv *m);

/* Ends and joins what still runs. Main loop; NULL is fine. */
void multifd_recv_free(MultiFDRecv *m);

/* Any thread while @m lives; @i below what multifd_recv_channels() says. */
unsigned multifd_recv_channels(const MultiFDRecv *m);
const MultiFDRecvParams *multifd_recv_channel(const MultiFDRecv *m,
                                              unsigned i);

#endif
