/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pace of precopy and when to switch over: arithmetic only, no clock and
 * no I/O of its own, so that tests can drive it. Private to migration/.
 */
#ifndef MIGRATION_MIGRATION_RATE_H
#define MIGRATION_MIGRATION_RATE_H

#include "migration/options.h"

/* Bandwidth is measured, and limited, over slices of this length. */
#define MIGRATION_SLICE_MS 100

/* [own: mig] */
typedef struct MigrationRateLimit {
    int64_t slice_start_ms;
    uint64_t slice_start_bytes;
    uint64_t slice_limit_bytes; /* 0: none */
    uint64_t debt_bytes; /* sent beyond the limit before this slice */
    /* What can be sent within the downtime limit; 0 before a measurement. */
    uint64_t threshold_bytes;
    double bandwidth; /* bytes per ms over the last slice */
} MigrationRateLimit;

typedef enum MigrationDecision {
    MIGRATION_GO_ON,      /* send another round */
    MIGRATION_ASK_EXACT,  /* looks close: count what is really left */
    MIGRATION_SWITCH_OVER,
} MigrationDecision;

void migration_rate_start(MigrationRateLimit *rate, int64_t now_ms,
                          uint64_t sent_bytes, uint64_t max_bandwidth_bytes);

/*
 * Closes the slice if it is over at @now_ms: measures, and begins the next.
 * True if it did.
 */
bool migration_rate_slice(MigrationRateLimit *rate, int64_t now_ms,
                          uint64_t sent_bytes,
                          const MigrationLiveParams *params);

/* What this slice still has room for; UINT64_MAX without a limit. */
uint64_t migration_rate_left(const MigrationRateLimit *rate,
                             uint64_t sent_bytes);

/* How long to wait until the next slice, 0 if the budget is not used up. */
int64_t migration_rate_wait_ms(const MigrationRateLimit *rate, int64_t now_ms,
                               uint64_t sent_bytes);

/*
 * What to do with @pending_bytes left; @exact: that was counted just now, not
 * estimated. Without an exact count there is no switchover.
 */
MigrationDecision migration_rate_decide(const MigrationRateLimit *rate,
                                        uint64_t pending_bytes, bool exact);

#endif
