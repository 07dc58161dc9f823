/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sending side of multifd as the migration thread and the control see
 * it. Private to migration/.
 */
#ifndef MIGRATION_MULTIFD_SEND_H
#define MIGRATION_MULTIFD_SEND_H

#include "migration/multifd.h"

/*
 * One sender for each of the @n @channels, of which it takes references.
 * Nothing runs yet. Main loop.
 */
MultiFDSend *multifd_send_new(MigrationState *s, QIOChannel *const *channels,
                              unsigned n);

/* Starts the threads, which introduce themselves. Migration thread, once. */
bool multifd_send_start(MultiFDSend *m, Error **errp);

/*
 * Ends all threads soon, blocked ones included, and makes waits fail. Any
 * thread, any number of times.
 */
void multifd_send_terminate(MultiFDSend *m);

/* Joins; the senders must have been told to end. Main loop; NULL is fine. */
void multifd_send_free(MultiFDSend *m);

/*
 * The following are the migration thread's. They wait for senders with the
 * BQL lent if it is held. False: a sender failed, whose error this is, or all
 * were told to end; so it is from then on.
 */

/*
 * Queues pages: none of them was queued since the last sync. @known_zero:
 * they are zero without being looked at.
 */
bool multifd_queue_run(MultiFDSend *m, RAMBlock *block, const MultiFDRun *run,
                       bool known_zero, Error **errp);
/* Hands over what is queued, however little. */
bool multifd_send_flush(MultiFDSend *m, Error **errp);
/*
 * A sync point: hands over what is queued and waits until every channel has
 * sent that and a SYNC packet.
 */
bool multifd_send_sync(MultiFDSend *m, Error **errp);
/*
 * What a sender failed with first, neither told to end nor because the far end
 * has gone; NULL if none did. The caller's. Any thread.
 */
Error *multifd_send_own_error(MultiFDSend *m);

/*
 * What senders have not dealt with, as octets on the wire if no page turns out
 * to be zero or can be packed.
 */
uint64_t multifd_send_queued_bytes(const MultiFDSend *m);
/* Waits until they have dealt with all that is queued. */
bool multifd_send_wait_idle(MultiFDSend *m, Error **errp);

/* Octets on all channels. Any thread. */
uint64_t multifd_send_bytes(const MultiFDSend *m);

/* Any thread while @m lives; @i below what multifd_send_channels() says. */
unsigned multifd_send_channels(const MultiFDSend *m);
const MultiFDSendParams *multifd_send_channel(const MultiFDSend *m,
                                              unsigned i);

#endif
