/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two objects of migration. Private to migration/.
 *
 * MigrationState is the source: one per VM, reused by each `migrate`.
 * MigrationIncomingState is the destination. Neither knows the other.
 * Tags: [const] while a migration runs, [own: T] only thread T, [lock: L],
 * [atomic]. Threads: docs/devel/migration/threads.rst.
 */
#ifndef MIGRATION_MIGRATION_H
#define MIGRATION_MIGRATION_H

#include "migration/migration-state.h"
#include "migration/misc.h"
#include "migration/options.h"
#include "migration/qemu-file.h"
#include "migration/register.h"
#include "qapi/qapi-types-run-state.h"

/* Counters behind query-migrate. [atomic] relaxed: written by the migration
 * thread, pages and missed_zero_copy by the multifd senders too; read by the
 * monitor. */
typedef struct MigrationCounters {
    uint64_t transferred_bytes;
    uint64_t precopy_bytes;
    uint64_t downtime_bytes;
    uint64_t normal_pages;
    uint64_t zero_pages;
    uint64_t multifd_bytes;
    uint64_t dirty_sync_count;
    uint64_t missed_zero_copy;   /* sync points of a channel; see QAPI */
    uint64_t dirty_pages_rate;   /* per second, last round */
    uint64_t remaining_pages;
    uint64_t total_ram_bytes;
} MigrationCounters;

typedef struct MigrationTimes {
    int64_t start_ms;
    int64_t setup_ms;
    int64_t total_ms;
    int64_t downtime_ms;
    int64_t downtime_start_ms;
    int64_t expected_downtime_ms;
    double mbps;
    uint64_t pages_per_second;
} MigrationTimes;

/*
 * The BQL is let go of while an access to a file may wait for the peer, if the
 * thread that uses the file holds it. [own: that thread]
 */
typedef struct BQLLoan {
    VM *vm;
    bool lent;
    bool refused; /* no access now */
} BQLLoan;

/* Around a wait that is no access to a file. The thread of the loan. */
void bql_loan_begin(BQLLoan *loan);
void bql_loan_end(BQLLoan *loan);

/*
 * What is saved must be as of one moment. A handler's save_live_complete()
 * refuses the loan at its last look at what others may write, and from then on
 * nothing may be flushed; savevm_complete() allows it again when the devices
 * are saved, or will not be. That thread.
 */
static inline void bql_loan_refuse(BQLLoan *loan)
{
    loan->refused = true;
}

static inline void bql_loan_allow(BQLLoan *loan)
{
    loan->refused = false;
}

struct MigrationState {
    /* [const] for the life of the VM */
    VM *vm;
    struct MultiFDRegistry *multifd_methods; /* multifd.c */
    struct MigrationOptions *options; /* [lock: bql] to change */
    int64_t answer_wait_ms; /* for the outcome, once it is committed */

    /* [const] from migrate to cleanup */
    MigrationConfig config; /* snapshot */
    bool has_return_path;

    /* The state machine. */
    MigrationMachine machine; /* migration-state.h; its own lock */

    /* [lock: error_lock] the first error; kept until the next migrate */
    GMutex error_lock;
    Error *error;

    /* [own: mig] between its start and its join; created by main */
    QEMUFile *to_dst;
    struct RAMState *ram; /* ram.c */
    RunState old_runstate;
    bool vm_was_stopped_by_us;
    bool holds_requests; /* vm_hold_requests() was called */
    BQLLoan bql_loan;    /* of writes to to_dst */
    bool completing; /* [atomic] the last part is being, or was, sent */
    /* [atomic] set with the BQL held: the end of the stream is being, or was,
     * sent, so that the destination may take the guest over */
    bool committed;
    bool outcome_unknown; /* committed, and nobody said what became of it */
    const char *phase; /* [atomic] its name for errors; NULL before the first */
    bool succeeded; /* read by main after the join */

    /* [lock: file_lock] so that cancel and yank can shut down the channel:
     * what to_dst is, or NULL once it is being freed */
    GMutex file_lock;
    QIOChannel *channel;
    struct MultiFDSend *multifd; /* NULL without; mig and its return path use
                                 * it as well, which end before it is freed */

    /* [lock: bql] */
    GThread *thread;     /* to be joined by main's cleanup */
    /* Figures of multifd from when it ended, until the next migrate. */
    MultiFDChannelInfoList *last_channels;
    struct OutgoingChannels *connecting; /* main is waiting for these */
    GSource *cut_timer; /* ends the wait for an answer after a cancel */
    MigrationTimes times; /* [atomic] by field, relaxed */

    MigrationCounters counters;
    int thread_id; /* [atomic] relaxed: the kernel's; 0 unless mig runs */

    struct MigrationRateLimit *rate_limit; /* [own: mig] migration-thread.c */
    struct ReturnPath *return_path;        /* return-path.c */
    GPtrArray *blockers;                   /* [lock: bql] */
    unsigned next_blocker_id;              /* [lock: bql] */
};

struct MigrationIncomingState {
    /* [const] for the life of the VM */
    VM *vm;

    /* [const] from listen to cleanup */
    MigrationConfig config; /* snapshot */
    bool exit_on_error;

    MigrationMachine machine;

    GMutex error_lock;
    Error *error; /* [lock: error_lock] */

    /* [own: load] the loading thread */
    bool loaded; /* and the source knows; read by main after the join */
    BQLLoan bql_loan; /* of reads from from_src */
    QEMUFile *from_src;
    struct RAMLoadState *ram;    /* ram-load.c */
    GHashTable *sections;        /* savevm: id -> section */
    struct GlobalStateLoaded *global_state; /* savevm/global-state.c */

    /* [lock: file_lock] */
    GMutex file_lock;
    QIOChannel *channel;
    struct MultiFDRecv *multifd; /* NULL without; used by load as well */

    /* [lock: rp_mutex] the answering direction; NULL until opened */
    GMutex rp_mutex;
    QEMUFile *to_src;

    /* [lock: bql] */
    GThread *thread;
    MultiFDChannelInfoList *last_channels; /* as at the source */
    GSource *cut_timer; /* ends a write after an abort */
    struct QIONetListener *listener;
    unsigned accept_failures; /* since a connection came last */
    struct IncomingChannels *channels; /* some have come; NULL: none, or all */
    struct SocketAddressList *listen_addresses;
    bool deferred;      /* -incoming defer: migrate-incoming may come */
    bool started;       /* it came, or -incoming had an address */
    bool shutting_down; /* the process ends: failing is no news */
};

/*
 * Fails the migration: keeps @err (taken over) if it is the first. The status
 * becomes `failed` when the main loop has cleaned up; on a source that is
 * being cancelled the error is dropped. Any thread.
 */
void migration_fail(MigrationState *s, Error *err);
void migration_incoming_fail(MigrationIncomingState *mis, Error *err);

/* Octets sent so far, on all channels. Any thread while it is under way. */
uint64_t migration_sent_bytes(MigrationState *s);

/* The loading thread gets no more input, after a failure. Any thread. */
void migration_incoming_stop_reading(MigrationIncomingState *mis);

/* Whether the source should give up now: cancelled or failed. Any thread. */
bool migration_should_stop(MigrationState *s);

/*
 * What the current time slice still has room for, UINT64_MAX without a limit.
 * At 0 save_live_iterate() returns: the slice is full, or the migration is
 * told to stop. Migration thread.
 */
uint64_t migration_rate_left_bytes(MigrationState *s);

/* Opens the answering direction of the main channel: command 1 arrived. */
bool migration_incoming_open_return_path(MigrationIncomingState *mis,
                                         Error **errp);
/* Answers a PING. Loading thread. */
bool migration_incoming_send_pong(MigrationIncomingState *mis, uint32_t value,
                                  Error **errp);

/* Emits MIGRATION_PASS if the `events` capability is on. Migration thread. */
void migration_notify_pass(MigrationState *s, uint64_t pass);

#endif
