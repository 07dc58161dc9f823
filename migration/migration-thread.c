/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's thread "mig/src/main": the phases of a migration in a list.
 * What it decides it leaves in MigrationState for migration_source_cleanup(),
 * which main runs after it ended.
 */
#include "qemu/osdep.h"

#include "migration/migration-internal.h"
#include "migration/migration-rate.h"
#include "migration/multifd-send.h"
#include "migration/return-path.h"
#include "migration/savevm.h"
#include "qemu/thread.h"
#include "system/clock.h"
#include "system/memory.h"
#include "system/runstate.h"
#include "trace-events.h"

/* The destination's reason is waited for this long after a write failed. */
#define REFUSAL_WAIT_MS 1000

#define SET(field, value) qatomic_set_relaxed(&(field), (value))
#define GET(field) qatomic_read_relaxed(&(field))

uint64_t migration_sent_bytes(MigrationState *s)
{
    return qemu_file_transferred(s->to_dst) +
           (s->multifd ? multifd_send_bytes(s->multifd) : 0);
}

uint64_t migration_rate_left_bytes(MigrationState *s)
{
    return migration_should_stop(s)
               ? 0
               : migration_rate_left(s->rate_limit, migration_sent_bytes(s));
}

static void update_bytes(MigrationState *s)
{
    uint64_t sent = migration_sent_bytes(s);

    SET(s->counters.transferred_bytes, sent);
    SET(s->counters.multifd_bytes,
        s->multifd ? multifd_send_bytes(s->multifd) : 0);
    if (GET(s->completing)) {
        SET(s->counters.downtime_bytes,
            sent - GET(s->counters.precopy_bytes));
    } else {
        SET(s->counters.precopy_bytes, sent);
    }
}

static bool phase_setup(MigrationState *s, Error **errp)
{
    /* First, to hear from a destination that does not like the header. */
    if (s->has_return_path) {
        s->return_path = return_path_start(s, s->channel, errp);
        if (!s->return_path) {
            return false;
        }
    }
    if (!savevm_send_header(s, s->to_dst, errp)) {
        return false;
    }
    if (s->has_return_path) {
        savevm_send_open_return_path(s->to_dst);
        savevm_send_ping(s->to_dst, 1);
    }
    if (!savevm_setup(s, s->to_dst, errp) || !qemu_fflush(s->to_dst, errp)) {
        return false;
    }
    update_bytes(s);
    SET(s->times.setup_ms, clock_host_ms() - GET(s->times.start_ms));
    return migration_advance(&s->machine, MIGRATION_EV_CONNECTED, errp);
}

/* Sleeps until the slice is over, or something happened. */
static void wait_for_slice(MigrationState *s, int64_t wait_ms)
{
    int64_t end_us = g_get_monotonic_time() + wait_ms * 1000;

    g_mutex_lock(&s->machine.lock);
    while (s->machine.status == MIGRATION_STATUS_ACTIVE &&
           !qatomic_read(&s->error) &&
           g_cond_wait_until(&s->machine.changed, &s->machine.lock, end_us)) {
    }
    g_mutex_unlock(&s->machine.lock);
}

static void update_slice(MigrationState *s, uint64_t *pages_before,
                         int64_t *before_ms)
{
    int64_t now_ms = clock_host_ms();
    uint64_t pages = GET(s->counters.normal_pages) +
                     GET(s->counters.zero_pages);
    uint64_t remaining = GET(s->counters.remaining_pages) * TARGET_PAGE_SIZE;
    uint64_t available = GET(
        migration_options_live(s->options)->avail_switchover_bandwidth_bytes);
    double bandwidth = s->rate_limit->bandwidth;
    double expected = available ? (double)available / 1000.0 : bandwidth;
    double mbps = bandwidth * 8.0 / 1000.0;

    if (now_ms > *before_ms) {
        SET(s->times.pages_per_second,
            (pages - *pages_before) * 1000 / (uint64_t)(now_ms - *before_ms));
    }
    __atomic_store(&s->times.mbps, &mbps, __ATOMIC_RELAXED);
    if (GET(s->counters.dirty_pages_rate) && expected > 0.0) {
        SET(s->times.expected_downtime_ms,
            (int64_t)MIN((double)remaining / expected, (double)INT32_MAX));
    }
    *pages_before = pages;
    *before_ms = now_ms;
}

static MigrationDecision decide_on(MigrationState *s, uint64_t pending_bytes,
                                   bool exact)
{
    static const char *const names[] = {
        [MIGRATION_GO_ON] = "go on",
        [MIGRATION_ASK_EXACT] = "count again",
        [MIGRATION_SWITCH_OVER] = "switch over",
    };
    MigrationDecision decision =
        migration_rate_decide(s->rate_limit, pending_bytes, exact);

    trace_migration_rate_decision(names[decision], pending_bytes,
                                  s->rate_limit->threshold_bytes,
                                  s->rate_limit->bandwidth);
    return decision;
}

/* Counts what is left; exactly where the estimate is low enough. */
static bool decide(MigrationState *s, MigrationDecision *decision, Error **errp)
{
    MigrationPending pending = { 0 };

    if (!savevm_pending(s, false, &pending, errp)) {
        return false;
    }
    *decision = decide_on(s, pending.precopy_bytes, false);
    if (*decision != MIGRATION_ASK_EXACT) {
        return true;
    }
    pending = (MigrationPending) { 0 };
    if (!savevm_pending(s, true, &pending, errp)) {
        return false;
    }
    *decision = decide_on(s, pending.precopy_bytes, true);
    return true;
}

/*
 * The guest need not stop before. And a destination that fails before it has
 * opened the return path cannot say so: it must not be taken for one that has
 * the guest.
 */
static bool destination_reads(MigrationState *s, int64_t timeout_ms)
{
    return !s->return_path || return_path_wait_pong(s->return_path, timeout_ms);
}

static bool phase_iterate(MigrationState *s, Error **errp)
{
    const MigrationLiveParams *params = migration_options_live(s->options);
    int64_t before_ms = clock_host_ms();
    uint64_t pages_before = 0;
    int64_t wait_ms;

    migration_rate_start(s->rate_limit, before_ms, migration_sent_bytes(s),
                         GET(params->max_bandwidth_bytes));
    while (!migration_should_stop(s)) {
        bool reads = destination_reads(s, 0);
        MigrationDecision decision;

        if (!decide(s, &decision, errp)) {
            return false;
        }
        if (decision == MIGRATION_SWITCH_OVER && reads) {
            return true;
        }
        if (decision == MIGRATION_SWITCH_OVER) {
            destination_reads(s, MIGRATION_SLICE_MS);
            continue; /* the guest went on meanwhile: decide again */
        }
        if (!savevm_iterate(s, s->to_dst, errp) ||
            !qemu_fflush(s->to_dst, errp)) {
            return false;
        }
        update_bytes(s);
        wait_ms = migration_rate_wait_ms(s->rate_limit, clock_host_ms(),
                                         migration_sent_bytes(s));
        if (wait_ms) {
            wait_for_slice(s, wait_ms);
        }
        if (migration_rate_slice(s->rate_limit, clock_host_ms(),
                                 migration_sent_bytes(s), params)) {
            update_slice(s, &pages_before, &before_ms);
        }
    }
    error_setg(errp, "told to stop while sending memory");
    return false;
}

/* One wait for the main loop. */
typedef struct Turn {
    MigrationState *s;
    bool over; /* [lock: s->machine.lock] */
} Turn;

static void turn_over(VM *vm, void *opaque)
{
    Turn *turn = opaque;
    MigrationMachine *machine = &turn->s->machine;

    g_mutex_lock(&machine->lock);
    turn->over = true;
    g_cond_broadcast(&machine->changed);
    g_mutex_unlock(&machine->lock);
}

/*
 * Lets main do all it was asked for before this call. It lives as long as this
 * thread does. BQL held; let go of meanwhile.
 */
static void wait_for_main(MigrationState *s)
{
    Turn turn = { .s = s };

    vm_invoke(s->vm, turn_over, &turn);
    bql_unlock(s->vm);
    g_mutex_lock(&s->machine.lock);
    while (!turn.over) {
        g_cond_wait(&s->machine.changed, &s->machine.lock);
    }
    g_mutex_unlock(&s->machine.lock);
    bql_lock(s->vm);
}

/*
 * Stops the guest when nothing that it asked for, a reset say, is still to
 * happen: what is sent is a guest to which it has. BQL held.
 */
static bool stop_guest(MigrationState *s, Error **errp)
{
    int exit_code;

    if (migration_should_stop(s)) {
        error_setg(errp, "told to stop before the switchover");
        return false;
    }
    if (vm_shutdown_requested(s->vm, &exit_code)) {
        error_setg(errp, "the guest was shut down before the switchover");
        return false;
    }
    SET(s->times.downtime_start_ms, clock_host_ms());
    /* Whatever happens from here on, cleanup restores old_runstate. */
    s->old_runstate = runstate_get(s->vm);
    if (!vm_stop_remember(s->vm, RUN_STATE_FINISH_MIGRATE, &s->old_runstate,
                          errp)) {
        s->vm_was_stopped_by_us =
            runstate_get(s->vm) == RUN_STATE_FINISH_MIGRATE;
        return false;
    }
    s->vm_was_stopped_by_us = true;
    return true;
}

/* BQL held. */
static bool switchover_locked(MigrationState *s, Error **errp)
{
    for (;;) {
        while (vm_requests_pending(s->vm) && !migration_should_stop(s)) {
            wait_for_main(s);
        }
        if (!stop_guest(s, errp)) {
            return false;
        }
        if (!vm_requests_pending(s->vm)) {
            break;
        }
        /* The last vCPU to stop has asked for something. */
        migration_source_restore_guest(s);
        if (s->vm_was_stopped_by_us) {
            error_setg(errp, "the guest cannot be started for what it asked "
                             "for last");
            return false;
        }
    }
    trace_migration_switchover(RunState_str(s->old_runstate),
                               GET(s->counters.remaining_pages));
    /* The BQL is let go of in the middle of what follows. */
    vm_hold_requests(s->vm);
    s->holds_requests = true;
    return migration_advance(&s->machine, MIGRATION_EV_SWITCHOVER, errp);
}

static bool phase_switchover(MigrationState *s, Error **errp)
{
    bool ok;

    bql_lock(s->vm);
    ok = switchover_locked(s, errp);
    bql_unlock(s->vm);
    return ok;
}

static bool phase_complete(MigrationState *s, Error **errp)
{
    bool ok;

    bql_lock(s->vm);
    if (s->config.send_switchover_start) {
        savevm_send_switchover_start(s->to_dst);
    }
    qatomic_set(&s->completing, true);
    ok = savevm_complete(s, s->to_dst, errp);
    update_bytes(s);
    bql_unlock(s->vm);
    return ok;
}

/*
 * The far end of what was committed may be a running guest: also that of a
 * pipe or a command, however it ends. A file has nobody yet.
 */
static bool someone_may_run_it(MigrationState *s)
{
    return s->committed &&
           !qio_channel_has_feature(s->channel, QIO_CHANNEL_FEATURE_SEEKABLE);
}

/* Told to stop, so that it is not known how much was read at the far end. */
static bool was_cut_off(MigrationState *s)
{
    return migration_should_stop(s) &&
           !qio_channel_has_feature(s->channel, QIO_CHANNEL_FEATURE_DUPLEX);
}

static bool phase_outcome(MigrationState *s, Error **errp)
{
    if (s->has_return_path) {
        return return_path_wait(s->return_path, -1, errp);
    }
    /*
     * No answer can come, but a cancel may have. What a socket has taken
     * arrives all the same; a cancel ends a command.
     */
    if (was_cut_off(s)) {
        error_setg(errp, "told to stop before the channel was closed");
        return false;
    }
    /* A command's exit status, a file's last error. */
    if (!qio_channel_close(s->channel, errp)) {
        return false;
    }
    if (someone_may_run_it(s) && was_cut_off(s)) {
        error_setg(errp, "told to stop while the channel was being closed");
        return false;
    }
    return true;
}

typedef struct MigrationPhase {
    const char *name;
    bool (*run)(MigrationState *s, Error **errp);
} MigrationPhase;

static const MigrationPhase phases[] = {
    { "setup", phase_setup },
    { "sending memory", phase_iterate },
    { "stopping the guest", phase_switchover },
    { "sending device state", phase_complete },
    { "waiting for the destination", phase_outcome },
};

/*
 * A phase failed with @err (taken over). The destination has the last word:
 * its refusal explains an I/O error better than that itself, and if it has
 * taken the guest over, no error at the end of the stream may restart it
 * here. True: it has.
 */
static bool phase_failed(MigrationState *s, Error *err)
{
    Error *refusal = NULL;
    bool verdict = false;

    if (s->return_path) {
        if (s->committed) {
            migration_source_end_sending(s);
        }
        if (return_path_wait(s->return_path,
                             s->committed ? s->answer_wait_ms
                                          : REFUSAL_WAIT_MS,
                             &refusal)) {
            error_free(err);
            return true;
        }
        verdict = return_path_has_verdict(s->return_path);
        if (verdict) {
            error_free(err);
            err = refusal;
        } else {
            error_free(refusal);
        }
    }
    s->outcome_unknown = !verdict && someone_may_run_it(s);
    migration_fail_in_phase(s, err);
    return false;
}

/*
 * Under the BQL only as far as shows whether contents go, and until nobody can
 * start the guest any more: the rest of a large block takes its time.
 */
static bool release_block(RAMBlock *block, void *opaque, Error **errp)
{
    MigrationState *s = opaque;
    bool lost = false, ok = false;
    Error *err = NULL;

    if (!block->migratable) {
        return true;
    }
    bql_lock(s->vm);
    if (runstate_is_running(s->vm)) {
        error_setg(&err, "the guest was started here again");
    } else {
        ok = ram_block_release_first(block, &lost, &err);
    }
    if (lost) {
        vm_bar_start(s->vm, "the guest has moved away and memory of it was "
                            "given back to the host (release-ram): it cannot "
                            "run here again; quit this emulator");
    }
    bql_unlock(s->vm);
    if (!ok || !ram_block_release(block, &err)) {
        error_prepend(&err, "release-ram: %s block '%s' stays: ",
                      ok || lost ? "some of" : "memory of", block->id);
        error_report_err(err);
    }
    return true;
}

/*
 * The guest is elsewhere, and stays stopped here: only if the destination says
 * so, else this may be all there is of it. Before the status says `completed`,
 * so that whoever waits for that has the memory.
 */
static void release_ram(MigrationState *s)
{
    if (s->return_path && return_path_wait(s->return_path, 0, NULL)) {
        ram_block_foreach(s->vm, release_block, s, NULL);
    } else {
        warn_report("release-ram: there is no return path on which the "
                    "destination could say that it has taken the guest over: "
                    "its memory stays");
    }
}

void *migration_thread(void *opaque)
{
    MigrationState *s = opaque;
    int64_t now_ms;
    bool ok = true;

    SET(s->thread_id, qemu_get_thread_id());
    for (size_t i = 0; ok && i < ARRAY_SIZE(phases); i++) {
        Error *err = NULL;

        qatomic_set(&s->phase, phases[i].name);
        trace_migration_phase_begin(phases[i].name);
        ok = phases[i].run(s, &err);
        trace_migration_phase_end(phases[i].name, ok,
                                  qemu_file_transferred(s->to_dst));
        if (!ok && phase_failed(s, err)) {
            ok = true;
            break;
        }
    }
    now_ms = clock_host_ms();
    SET(s->times.total_ms, now_ms - GET(s->times.start_ms));
    if (ok) {
        int64_t active_ms = GET(s->times.total_ms) - GET(s->times.setup_ms);
        double mbps = active_ms > 0
                          ? (double)GET(s->counters.transferred_bytes) * 8.0 /
                                ((double)active_ms * 1000.0)
                          : 0.0;

        SET(s->times.downtime_ms, now_ms - GET(s->times.downtime_start_ms));
        __atomic_store(&s->times.mbps, &mbps, __ATOMIC_RELAXED);
        s->succeeded = true;
        if (migration_cap(&s->config, MIGRATION_CAPABILITY_RELEASE_RAM)) {
            release_ram(s);
        }
    }
    SET(s->thread_id, 0);
    vm_invoke(s->vm, migration_source_cleanup, s);
    return NULL;
}
