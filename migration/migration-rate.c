/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pace and convergence policy of the source; pure functions. */
#include "qemu/osdep.h"

#include "migration/migration-rate.h"

static uint64_t slice_limit(uint64_t max_bandwidth_bytes)
{
    uint64_t limit;

    if (max_bandwidth_bytes == 0) {
        return 0;
    }
    limit = max_bandwidth_bytes / (1000 / MIGRATION_SLICE_MS);
    return MAX(limit, 1);
}

void migration_rate_start(MigrationRateLimit *rate, int64_t now_ms,
                          uint64_t sent_bytes, uint64_t max_bandwidth_bytes)
{
    *rate = (MigrationRateLimit) {
        .slice_start_ms = now_ms,
        .slice_start_bytes = sent_bytes,
        .slice_limit_bytes = slice_limit(max_bandwidth_bytes),
    };
}

static uint64_t threshold(double bandwidth, uint64_t downtime_limit_ms)
{
    double bytes = bandwidth * (double)downtime_limit_ms;

    return bytes >= (double)INT64_MAX ? INT64_MAX : (uint64_t)bytes;
}

/* What the time since the slice began did not pay for. */
static uint64_t debt(const MigrationRateLimit *rate, int64_t elapsed_ms,
                     uint64_t sent_bytes)
{
    uint64_t used = rate->debt_bytes + sent_bytes - rate->slice_start_bytes;
    double paid = (double)rate->slice_limit_bytes * (double)elapsed_ms /
                  MIGRATION_SLICE_MS;

    if (!rate->slice_limit_bytes || (double)used <= paid) {
        return 0;
    }
    return used - (uint64_t)paid;
}

bool migration_rate_slice(MigrationRateLimit *rate, int64_t now_ms,
                          uint64_t sent_bytes,
                          const MigrationLiveParams *params)
{
    int64_t elapsed_ms = now_ms - rate->slice_start_ms;
    uint64_t available;
    double expected;

    if (elapsed_ms < MIGRATION_SLICE_MS) {
        return false;
    }
    rate->bandwidth =
        (double)(sent_bytes - rate->slice_start_bytes) / (double)elapsed_ms;
    available = qatomic_read_relaxed(&params->avail_switchover_bandwidth_bytes);
    expected = available ? (double)available / 1000.0 : rate->bandwidth;
    rate->threshold_bytes =
        threshold(expected, qatomic_read_relaxed(&params->downtime_limit_ms));
    rate->debt_bytes = debt(rate, elapsed_ms, sent_bytes);
    rate->slice_limit_bytes =
        slice_limit(qatomic_read_relaxed(&params->max_bandwidth_bytes));
    rate->slice_start_ms = now_ms;
    rate->slice_start_bytes = sent_bytes;
    return true;
}

uint64_t migration_rate_left(const MigrationRateLimit *rate,
                             uint64_t sent_bytes)
{
    uint64_t used = rate->debt_bytes + sent_bytes - rate->slice_start_bytes;

    if (!rate->slice_limit_bytes) {
        return UINT64_MAX;
    }
    return used < rate->slice_limit_bytes ? rate->slice_limit_bytes - used : 0;
}

int64_t migration_rate_wait_ms(const MigrationRateLimit *rate, int64_t now_ms,
                               uint64_t sent_bytes)
{
    int64_t left_ms = rate->slice_start_ms + MIGRATION_SLICE_MS - now_ms;

    if (migration_rate_left(rate, sent_bytes) || left_ms <= 0) {
        return 0;
    }
    return MIN(left_ms, MIGRATION_SLICE_MS);
}

MigrationDecision migration_rate_decide(const MigrationRateLimit *rate,
                                        uint64_t pending_bytes, bool exact)
{
    if (pending_bytes > 0 && pending_bytes >= rate->threshold_bytes) {
        return MIGRATION_GO_ON;
    }
    return exact ? MIGRATION_SWITCH_OVER : MIGRATION_ASK_EXACT;
}
