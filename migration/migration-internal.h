/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the control side share: the two objects' life, the
 * source's thread and its pace. Private to migration/.
 */
#ifndef MIGRATION_MIGRATION_INTERNAL_H
#define MIGRATION_MIGRATION_INTERNAL_H

#include "migration/channel.h"
#include "migration/migration.h"
#include "system/yank.h"

/* What both sides' channels are registered under; either side, one at a time. */
extern const YankInstance migration_yank_instance;

/* --- migration.c: the source; main loop, BQL held ------------------------ */

/* No migration under way: another may start. */
bool migration_source_idle(MigrationState *s);
/*
 * Starts towards @addr. On failure the status is `failed`, with the same
 * error. @fds (may be NULL) are the named descriptors of who asked.
 */
bool migration_source_start(MigrationState *s, const MigrationAddress *addr,
                            struct FdTable *fds, Error **errp);
/*
 * Starts over channels that are there, the main one and those of multifd;
 * takes references.
 */
void migration_source_start_channels(MigrationState *s,
                                     QIOChannel *const *channels);
/* Whether the guest may be migrated now. */
bool migration_source_allowed(MigrationState *s, Error **errp);
/* Nothing if there is nothing to cancel. */
void migration_source_cancel(MigrationState *s);
/*
 * The guest goes on as it was before the migration stopped it, unless someone
 * changed its state, or asked for a stop, meanwhile. Also the migration thread.
 */
void migration_source_restore_guest(MigrationState *s);
/* vm_invoke() callback: the thread has ended, move on to the final status. */
void migration_source_cleanup(VM *vm, void *opaque);
/* migration_fail(), the error telling the phase. Any thread. */
void migration_fail_in_phase(MigrationState *s, Error *err);
/* Makes all I/O on the channel end. Any thread. */
void migration_source_shutdown_channel(MigrationState *s);
/*
 * Ends sending only: a destination that has not decided yet refuses then, and
 * the answer of one that has can still be read. Any thread.
 */
void migration_source_end_sending(MigrationState *s);

/* A refusal can be sent for so long when the process is to end. */
#define MIGRATION_REFUSE_MS 1000

/* How long that answer is waited for, unless a test says otherwise. */
#define MIGRATION_ANSWER_WAIT_MS 10000

/*
 * Accesses to @f lend the BQL from now on: the peer may let us wait for ever.
 * @loan is the side's own, and stays while @f does.
 */
void migration_lend_bql(QEMUFile *f, BQLLoan *loan, VM *vm);

/* --- migration-thread.c -------------------------------------------------- */
void *migration_thread(void *opaque);

/* --- migration-incoming.c: the destination; main loop, BQL held ----------- */
MigrationIncomingState *migration_incoming_new(VM *vm);
void migration_incoming_free(MigrationIncomingState *mis);
bool migration_incoming_listen(MigrationIncomingState *mis,
                               const MigrationAddress *addr,
                               struct FdTable *fds, Error **errp);
/*
 * A channel is there; takes a reference. Loading begins with the main one, or
 * with multifd when all have come.
 */
void migration_incoming_channel(MigrationIncomingState *mis, QIOChannel *ioc);
bool migration_incoming_idle(MigrationIncomingState *mis);
/*
 * Makes it fail without a report or an exit: soon if the source does as it
 * should, else within MIGRATION_REFUSE_MS and the time a close takes.
 */
void migration_incoming_abort(MigrationIncomingState *mis);

/* --- migration-info.c ---------------------------------------------------- */
/* Free with qapi_free_MigrationInfo(). BQL. */
MigrationInfo *migration_info_new(VM *vm);
/*
 * What went over each channel of multifd: so far, or when it ended. NULL if
 * there was none. The caller frees it. BQL.
 */
MultiFDChannelInfoList *migration_source_channels(MigrationState *s);
MultiFDChannelInfoList *migration_incoming_channels(
    MigrationIncomingState *mis);

/* --- blocker.c ----------------------------------------------------------- */
typedef struct MigrationBlocker MigrationBlocker;
void migration_blocker_free(void *opaque);
/* NULL if @index is past the end. */
const char *migration_blocker_reason(MigrationState *s, unsigned index);

#endif
