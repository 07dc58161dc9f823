/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers of a destination: spec section "return path". Source: a thread
 * that reads them. Destination: the functions that send. Private to
 * migration/.
 */
#ifndef MIGRATION_RETURN_PATH_H
#define MIGRATION_RETURN_PATH_H

#include "migration/migration.h"

typedef struct ReturnPath ReturnPath;

/* --- source --------------------------------------------------------------- */

/* Starts the reading thread on @s's channel; NULL: cannot. Migration thread. */
ReturnPath *return_path_start(MigrationState *s, QIOChannel *ioc, Error **errp);

/*
 * Waits for the destination's verdict; ends when the channel is shut down.
 * True: it said success. @timeout_ms -1 waits for ever. Migration thread.
 */
bool return_path_wait(ReturnPath *rp, int64_t timeout_ms, Error **errp);

/*
 * Waits until the destination has answered a PING: it reads the stream, and
 * can say so if it fails. False if that took longer than @timeout_ms, or the
 * return path has ended. Migration thread, no BQL.
 */
bool return_path_wait_pong(ReturnPath *rp, int64_t timeout_ms);

/* Whether success or a refusal came, and not just the end. Any thread. */
bool return_path_has_verdict(ReturnPath *rp);

/* The channel must have been shut down. Main thread; NULL is fine. */
void return_path_free(ReturnPath *rp);

/* --- destination ---------------------------------------------------------- */

/*
 * Tells the source that all is loaded; true as well if there is no return
 * path. Refused where the source has hung up: it may have restarted its guest.
 * Loading thread.
 */
bool migration_incoming_send_success(MigrationIncomingState *mis,
                                     Error **errp);

/*
 * Tells the source that the load failed, and why. Also before it has asked
 * for answers: one that will ask listens already, others never look. True: it
 * was sent, and the source has asked for it. Loading thread.
 */
bool migration_incoming_send_failure(MigrationIncomingState *mis,
                                     const char *reason);

#endif
