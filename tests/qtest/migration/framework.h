/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrations of a running guest between two emulator processes, as cases of
 * a table. migrate_run_case() goes through a whole case; tests of another
 * shape put the same steps together themselves.
 *
 * Environment: QTEST_QEMU_BINARY, QTEST_QEMU_BINARY_SRC, _DST; QTEST_GUESTS:
 * the folder with the guests' images; QTEST_GUEST: q35 or microvm, by default
 * microvm where the two sides are different programs; QTEST_ACCEL.
 */
#ifndef TESTS_QTEST_MIGRATION_FRAMEWORK_H
#define TESTS_QTEST_MIGRATION_FRAMEWORK_H

#include "libqtest.h"
#include "migration/guests.h"

typedef struct MigrateTest MigrateTest;

typedef enum MigrateOutcome {
    MIGRATE_SUCCEEDS,
    /* The source says failed and its guest runs on. */
    MIGRATE_FAILS,
    MIGRATE_CANCELLED,
    /* The case has ended the source; nobody runs the guest. */
    MIGRATE_SOURCE_GONE,
} MigrateOutcome;

/* What becomes of the destination when the migration fails. */
typedef enum MigrateDstEnd {
    MIGRATE_DST_EXITS_1,
    /* Status failed; it answers until it is told to end. */
    MIGRATE_DST_FAILED,
    /* It never had a connection. */
    MIGRATE_DST_WAITS,
} MigrateDstEnd;

/* In all texts, "@D" stands for the test's folder. */
typedef struct MigrateCase {
    const char *name;
    /* Where the destination listens or reads, and, unless the same, where
     * the source goes; a TCP port 0 is asked for. "fd:fd-mig" makes a pair of
     * sockets and passes one to each. */
    const char *listen;
    const char *connect;
    bool channels; /* speak of both as `channels` */
    bool direct;   /* -incoming URI, not defer and migrate-incoming */
    bool stored;   /* the destination starts when the source is done */
    bool stays;    /* a failed destination does not exit */
    const char *backend;             /* of RAM: "ram", "file", "memfd", or
                                      * "hugetlb": huge pages of 2 MiB */
    const char *dst_backend;         /* unless the same */
    uint64_t dst_ram_bytes;          /* unless the same */
    const char *src_args, *dst_args; /* more options, with blanks between */
    const char *caps;                /* capabilities of both sides */
    const char *src_caps, *dst_caps; /* more of one side */
    const char *params;              /* members of migrate-set-parameters */
    const char *src_params, *dst_params; /* more of one side */
    bool paused;                     /* the guest is stopped at the source */
    bool dst_stopped;                /* -S */
    bool quick;                      /* no need for several rounds */
    /* Why the case cannot be run here; NULL: it can. g_free(). */
    char *(*missing)(const MigrateTest *t);
    void (*prepare)(MigrateTest *t); /* nothing was started */
    void (*start)(MigrateTest *t);   /* both are there, nothing has begun */
    void (*during)(MigrateTest *t);  /* active, and does not converge */
    void (*end)(MigrateTest *t);     /* all was checked */
    MigrateOutcome outcome;
    const char *error;               /* in our source's error-desc */
    const char *dst_says;            /* our destination, on its stderr or,
                                      * where it stays, in its error-desc */
    MigrateDstEnd dst_end;
} MigrateCase;

/* What a process has of what migrations take. */
typedef struct MigrateHoldings {
    unsigned threads, files;
} MigrateHoldings;

struct MigrateTest {
    const MigrateCase *c;
    const Guest *guest;
    char *dir;
    bool src_is_ours, dst_is_ours;
    QTest *src, *dst; /* NULL: not there, or no more */
    char *src_serial, *dst_serial;
    /* What the sides had before their first migration; 0: not known. */
    MigrateHoldings src_holds, dst_holds;
};

/* The whole of a case. @data: a MigrateCase (for g_test_add_data_func()). */
void migrate_run_case(const void *data);

/* Registers @cases as "/migration/GROUP-AND-NAME"; but for the first, slashes
 * become dashes. */
void migrate_add_cases(const char *group, const MigrateCase *cases, size_t n);
/* The same for cases of another kind, whose first member is their name. */
void migrate_add_table(const char *group, const void *cases, size_t n,
                       size_t case_bytes, void (*run)(const void *data));
void migrate_add_func(const char *name, void (*func)(void));

/* --- Steps ---------------------------------------------------------------- */

/* Either may be NULL: nothing special. */
MigrateTest *migrate_test_new(const MigrateCase *c);
/* Ends what still runs, which must end well, and removes the folder. */
void migrate_test_free(MigrateTest *t);

/* Returns when the guest is at work (unless the case says paused: then it
 * was, and is stopped). */
void migrate_start_source(MigrateTest *t);
void migrate_start_destination(MigrateTest *t);

/* @text with the folder in it; g_free(). */
char *migrate_text(const MigrateTest *t, const char *text);

/* migrate-incoming, as the case says, also where another listened before;
 * no-op for a direct one. */
void migrate_listen(MigrateTest *t);
/* Where the source should go to: asks the destination. g_free(). */
char *migrate_source_uri(MigrateTest *t);
/* The same for any URI as a JSON list of one channel. g_free(). */
char *migrate_channels_of(const char *uri);
/* The migrate command, as the case says. */
void migrate_begin(MigrateTest *t);

void migrate_set_param(QTest *qts, const char *name, int64_t value);
void migrate_set_cap(QTest *qts, const char *name, bool on);
/* So slow that it cannot end; so fast that it will. */
void migrate_go_slowly(MigrateTest *t);
void migrate_go_fast(MigrateTest *t);
/* Several rounds with the guest at work in between, then fast. */
void migrate_rounds(MigrateTest *t);

/* --- Several steps at once ------------------------------------------------- */

/* A test whose source and listening destination are there. */
MigrateTest *migrate_open(const MigrateCase *c);
/* Begins slowly, and returns when memory is on its way. */
void migrate_get_midway(MigrateTest *t);
/* Lets one that is under way end, and checks all that holds then. */
void migrate_complete(MigrateTest *t);
/* Begins and completes. */
void migrate_move(MigrateTest *t);
/* After one that was no success: a whole new one to a new destination. */
void migrate_again(MigrateTest *t);
/* A kind of FIFO that both sides' commands open: @D/pipe. */
void migrate_make_pipe(MigrateTest *t);

/* --- Looking --------------------------------------------------------------- */

/* query-migrate's "status"; "none" without one. g_free(). */
char *migrate_status(QTest *qts);
/* A number below query-migrate, e.g. "ram.transferred"; -1: not there. */
int64_t migrate_number(QTest *qts, const char *path);
/* query-migrate's "error-desc"; NULL: none. g_free(). */
char *migrate_error(QTest *qts);
/* Waits for a status; aborts at a status from which it cannot be reached. */
void migrate_wait_status(QTest *qts, const char *status);
/* The same for the source's number to be at least @least. */
void migrate_wait_number(QTest *qts, const char *path, int64_t least);

/* query-status. g_free(). */
char *migrate_run_state(QTest *qts);
void migrate_assert_run_state(QTest *qts, const char *state);

/* Aborts unless these events, as qtest_event_history() has them, came in this
 * order, with others between. */
void migrate_assert_events(QTest *qts, const char *names);

/* An `end`: what the guest never used of shared memory is not there. */
void migrate_end_sparse(MigrateTest *t);
/* The guest runs, changes memory and has found no error so far. */
void migrate_assert_guest_works(MigrateTest *t, QTest *qts);
/* Its memory, stopped for the time being, is whole. */
void migrate_assert_memory_whole(MigrateTest *t, QTest *qts);
MigrateHoldings migrate_holdings(QTest *qts);
/* Waits until it has no more than that; aborts, naming what is left. */
void migrate_assert_holds(QTest *qts, const MigrateHoldings *most);
/* RAM from 1 MiB on is the same on both sides, both stopped. */
void migrate_assert_same_memory(MigrateTest *t);

/* What must hold after a success: states, events, figures, guest, no thread
 * or descriptor left. */
void migrate_assert_moved(MigrateTest *t);
/* What must hold after a failure or a cancel. */
void migrate_assert_stayed(MigrateTest *t);
/* The destination ended as the case says. */
void migrate_end_destination(MigrateTest *t, MigrateDstEnd end);

#endif
