/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source: start, cancel and cleanup, in the main loop with the BQL held;
 * the work between is migration-thread.c's. Also both objects' life.
 */
#include "qemu/osdep.h"

#include "io/channel-socket.h"
#include "migration/migration-internal.h"
#include "migration/channels.h"
#include "migration/migration-rate.h"
#include "migration/multifd-send.h"
#include "migration/return-path.h"
#include "migration/savevm.h"
#include "qapi/qapi-events-migration.h"
#include "qemu/thread.h"
#include "system/clock.h"
#include "system/runstate.h"
#include "trace-events.h"

const YankInstance migration_yank_instance = {
    .type = YANK_INSTANCE_TYPE_MIGRATION,
};

/* --- Status and errors, any thread ---------------------------------------- */

static void source_on_change(void *opaque, MigrationStatus status)
{
    MigrationState *s = opaque;

    if (migration_cap(&s->config, MIGRATION_CAPABILITY_EVENTS)) {
        qapi_event_send_migration(&s->vm->events, status);
    }
}

void migration_notify_pass(MigrationState *s, uint64_t pass)
{
    if (migration_cap(&s->config, MIGRATION_CAPABILITY_EVENTS)) {
        qapi_event_send_migration_pass(&s->vm->events, (int64_t)pass);
    }
}

void migration_fail(MigrationState *s, Error *err)
{
    if (migration_status(&s->machine) == MIGRATION_STATUS_CANCELLING) {
        error_free(err);
        return;
    }
    g_mutex_lock(&s->error_lock);
    if (s->error) {
        error_free(err);
    } else {
        qatomic_set(&s->error, err);
    }
    g_mutex_unlock(&s->error_lock);

    /* Wakes who waits for a slice; under the lock its check is made with. */
    g_mutex_lock(&s->machine.lock);
    g_cond_broadcast(&s->machine.changed);
    g_mutex_unlock(&s->machine.lock);
}

void migration_fail_in_phase(MigrationState *s, Error *err)
{
    const char *phase = qatomic_read(&s->phase);

    if (phase) {
        error_prepend(&err, "%s: ", phase);
    }
    migration_fail(s, err);
}

bool migration_should_stop(MigrationState *s)
{
    return qatomic_read(&s->error) ||
           migration_status(&s->machine) == MIGRATION_STATUS_CANCELLING;
}

static void source_shutdown(MigrationState *s, QIOChannelShutdown how)
{
    g_mutex_lock(&s->file_lock);
    if (s->channel) {
        qio_channel_shutdown(s->channel, how, NULL);
    }
    /* When sending ends, these have nothing left to send. */
    if (s->multifd && how == QIO_CHANNEL_SHUTDOWN_BOTH) {
        multifd_send_terminate(s->multifd);
    }
    g_mutex_unlock(&s->file_lock);
}

void migration_source_shutdown_channel(MigrationState *s)
{
    source_shutdown(s, QIO_CHANNEL_SHUTDOWN_BOTH);
}

void migration_source_end_sending(MigrationState *s)
{
    source_shutdown(s, QIO_CHANNEL_SHUTDOWN_WRITE);
}

static void source_yank(void *opaque)
{
    Error *err = NULL;

    error_setg(&err, "the channels were shut down by 'yank'");
    migration_fail_in_phase(opaque, err);
    migration_source_shutdown_channel(opaque);
}

/* --- The BQL while a file waits, the thread that uses it ------------------- */

void bql_loan_begin(BQLLoan *loan)
{
    g_assert(!loan->refused);
    loan->lent = bql_locked(loan->vm);
    if (loan->lent) {
        bql_unlock(loan->vm);
    }
}

void bql_loan_end(BQLLoan *loan)
{
    if (loan->lent) {
        loan->lent = false;
        bql_lock(loan->vm);
    }
}

static void loan_begin(void *opaque)
{
    bql_loan_begin(opaque);
}

static void loan_end(void *opaque)
{
    bql_loan_end(opaque);
}

void migration_lend_bql(QEMUFile *f, BQLLoan *loan, VM *vm)
{
    *loan = (BQLLoan) { .vm = vm };
    qemu_file_set_wait_hooks(f, loan_begin, loan_end, loan);
}

/* --- The end -------------------------------------------------------------- */

void migration_source_restore_guest(MigrationState *s)
{
    Error *err = NULL;
    bool ok;

    /* Someone may have continued, or shut down, the guest meanwhile. */
    if (!s->vm_was_stopped_by_us ||
        runstate_get(s->vm) != RUN_STATE_FINISH_MIGRATE) {
        return;
    }
    if (s->old_runstate == RUN_STATE_RUNNING && vm_stop_asked(s->vm)) {
        ok = runstate_set(s->vm, RUN_STATE_PAUSED, &err);
    } else if (s->old_runstate == RUN_STATE_RUNNING) {
        ok = vm_start(s->vm, &err);
    } else {
        ok = runstate_set(s->vm, s->old_runstate, &err);
    }
    s->vm_was_stopped_by_us = !ok;
    if (!ok) {
        error_prepend(&err, "cannot go back to the run state before the "
                            "migration: ");
        error_report_err(err);
    }
}

static void release_channels(MigrationState *s)
{
    struct MultiFDSend *multifd;
    QIOChannel *ioc;

    yank_unregister_function(s->vm, &migration_yank_instance, source_yank, s);
    yank_unregister_instance(s->vm, &migration_yank_instance);
    /* A success closed the channel, or the destination has what it needs. */
    migration_source_shutdown_channel(s);
    return_path_free(s->return_path);
    s->return_path = NULL;
    if (s->to_dst) {
        /* Whoever gets here keeps the BQL; the channel cannot block now. */
        qemu_file_set_wait_hooks(s->to_dst, NULL, NULL, NULL);
        qemu_fclose(s->to_dst, NULL);
        s->to_dst = NULL;
    }
    s->last_channels = migration_source_channels(s);
    g_mutex_lock(&s->file_lock);
    ioc = s->channel;
    s->channel = NULL;
    multifd = s->multifd;
    s->multifd = NULL;
    g_mutex_unlock(&s->file_lock);
    multifd_send_free(multifd);
    qio_channel_unref(ioc);
}

/* The guest stays stopped: it is, or may be, at the destination. */
static void give_up_guest(MigrationState *s)
{
    Error *err = NULL;

    if (!runstate_set(s->vm, RUN_STATE_POSTMIGRATE, &err)) {
        error_report_err(err);
    }
    vm_drop_requests(s->vm);
}

/* Also where the migration was being cancelled: this is no plain end of it. */
static void report_unknown(MigrationState *s)
{
    Error *err;

    g_mutex_lock(&s->error_lock);
    err = s->error;
    qatomic_set(&s->error, NULL);
    if (!err) {
        error_setg(&err, "no answer came");
    }
    error_prepend(&err, "the outcome is unknown, the destination may run the "
                        "guest: check it; 'cont' here takes the guest back; "
                        "the reason: ");
    qatomic_set(&s->error, err);
    g_mutex_unlock(&s->error_lock);
}

static void move_to_end(MigrationState *s)
{
    MigrationEvent event;
    bool moved;

    if (s->succeeded) {
        event = MIGRATION_EV_DONE;
        give_up_guest(s);
    } else if (s->outcome_unknown) {
        event = MIGRATION_EV_LOST;
        report_unknown(s);
        give_up_guest(s);
    } else if (migration_status(&s->machine) == MIGRATION_STATUS_CANCELLING) {
        event = MIGRATION_EV_CANCEL_DONE;
        migration_source_restore_guest(s);
    } else {
        event = MIGRATION_EV_FAIL;
    }
    moved = migration_advance(&s->machine, event, NULL);
    g_assert(moved);
    if (event == MIGRATION_EV_FAIL) {
        migration_source_restore_guest(s);
    }
}

void migration_source_cleanup(VM *vm, void *opaque)
{
    MigrationState *s = opaque;
    bool had_thread = s->thread != NULL;

    if (had_thread) {
        g_thread_join(s->thread);
        s->thread = NULL;
    }
    if (s->cut_timer) {
        g_source_destroy(s->cut_timer);
        g_source_unref(s->cut_timer);
        s->cut_timer = NULL;
    }
    release_channels(s);
    g_free(s->rate_limit);
    s->rate_limit = NULL;
    move_to_end(s);
    /* Late: to end the dirty log may take long, and the guest need not wait. */
    if (had_thread) {
        savevm_cleanup(s);
    }
    trace_migration_source_end(s->succeeded,
                               qatomic_read_relaxed(&s->times.total_ms));
    if (s->holds_requests) {
        s->holds_requests = false;
        vm_release_requests(s->vm);
    }
}

/* --- The start ------------------------------------------------------------ */

bool migration_source_idle(MigrationState *s)
{
    switch (migration_status(&s->machine)) {
    case MIGRATION_STATUS_NONE:
    case MIGRATION_STATUS_COMPLETED:
    case MIGRATION_STATUS_FAILED:
    case MIGRATION_STATUS_CANCELLED:
        return true;
    default:
        return false;
    }
}

bool migration_source_allowed(MigrationState *s, Error **errp)
{
    RunState state = runstate_get(s->vm);

    if (!migration_source_idle(s)) {
        error_setg(errp, "There's a migration process in progress");
        return false;
    }
    if (state == RUN_STATE_INMIGRATE) {
        error_setg(errp, "Guest is waiting for an incoming migration");
        return false;
    }
    if (state == RUN_STATE_POSTMIGRATE) {
        error_setg(errp, "Can't migrate the vm that was paused due to "
                         "previous migration");
        return false;
    }
    if (vm_start_barred(s->vm)) {
        error_setg(errp, "%s", vm_start_barred(s->vm));
        return false;
    }
    if (migration_blocker_reason(s, 0)) {
        error_setg(errp, "%s", migration_blocker_reason(s, 0));
        return false;
    }
    return true;
}

static void source_reset(MigrationState *s)
{
    bool registered =
        yank_register_instance(s->vm, &migration_yank_instance, NULL);

    g_assert(registered); /* there is one migration at a time */
    g_mutex_lock(&s->error_lock);
    error_free(s->error);
    qatomic_set(&s->error, NULL);
    g_mutex_unlock(&s->error_lock);
    qapi_free_MultiFDChannelInfoList(s->last_channels);
    s->last_channels = NULL;
    s->config = *migration_options_config(s->options);
    memset(&s->counters, 0, sizeof(s->counters));
    memset(&s->times, 0, sizeof(s->times));
    s->times.start_ms = clock_host_ms();
    s->times.expected_downtime_ms =
        (int64_t)migration_options_live(s->options)->downtime_limit_ms;
    s->old_runstate = runstate_get(s->vm);
    s->vm_was_stopped_by_us = false;
    s->completing = false;
    s->committed = false;
    s->outcome_unknown = false;
    s->phase = NULL;
    s->succeeded = false;
    s->has_return_path = false;
}

/* Channels besides the main one. */
static unsigned extra_channels(const MigrationConfig *config)
{
    return migration_cap(config, MIGRATION_CAPABILITY_MULTIFD)
               ? config->multifd_channels
               : 0;
}

static void source_run(MigrationState *s, QIOChannel *const *channels)
{
    unsigned n_extra = extra_channels(&s->config);
    QIOChannel *ioc = channels[0];
    Error *err = NULL;

    g_mutex_lock(&s->file_lock);
    s->channel = qio_channel_ref(ioc);
    if (n_extra) {
        s->multifd = multifd_send_new(s, channels + 1, n_extra);
    }
    g_mutex_unlock(&s->file_lock);
    yank_register_function(s->vm, &migration_yank_instance, source_yank, s);
    s->has_return_path =
        migration_cap(&s->config, MIGRATION_CAPABILITY_RETURN_PATH) &&
        qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_DUPLEX);
    s->to_dst = qemu_file_new_output(ioc);
    migration_lend_bql(s->to_dst, &s->bql_loan, s->vm);
    s->rate_limit = g_new0(MigrationRateLimit, 1);
    trace_migration_source_start(ioc->name, s->has_return_path);
    s->thread = qemu_thread_try_create("mig/src/main", migration_thread, s,
                                       &err);
    if (!s->thread) {
        migration_fail(s, err);
        migration_source_cleanup(s->vm, s);
    }
}

static void source_connected(QIOChannel *const *channels, Error *err,
                             void *opaque)
{
    MigrationState *s = opaque;

    bql_lock(s->vm);
    if (!err) {
        source_run(s, channels);
    }
    outgoing_channels_free(s->connecting);
    s->connecting = NULL;
    if (err) {
        migration_fail(s, err);
        migration_source_cleanup(s->vm, s);
    }
    bql_unlock(s->vm);
}

void migration_source_start_channels(MigrationState *s,
                                     QIOChannel *const *channels)
{
    bool moved;

    source_reset(s);
    moved = migration_advance(&s->machine, MIGRATION_EV_START, NULL);
    g_assert(moved);
    source_run(s, channels);
}

bool migration_source_start(MigrationState *s, const MigrationAddress *addr,
                            struct FdTable *fds, Error **errp)
{
    QIOChannel *ioc;
    Error *err = NULL;

    if (!migration_source_idle(s)) {
        error_setg(errp, "There's a migration process in progress");
        return false;
    }
    if (!migration_address_suits(addr, migration_options_config(s->options),
                                 true, errp)) {
        return false;
    }
    source_reset(s);
    if (!migration_advance(&s->machine, MIGRATION_EV_START, errp)) {
        g_assert_not_reached();
    }
    if (migration_address_connects(addr)) {
        s->connecting = outgoing_channels_connect(
            &addr->u.socket, extra_channels(&s->config),
            s->vm->main_context, source_connected, s);
        return true;
    }
    ioc = migration_channel_open(s->vm, addr, fds, true, &err);
    if (!ioc) {
        error_propagate(errp, error_copy(err));
        migration_fail(s, err);
        migration_source_cleanup(s->vm, s);
        return false;
    }
    source_run(s, &ioc);
    qio_channel_unref(ioc);
    return true;
}

static gboolean source_cut(void *opaque)
{
    migration_source_shutdown_channel(opaque);
    return G_SOURCE_REMOVE;
}

/*
 * The destination may be about to take the guest over, or has: stop sending,
 * so that it notices if it can, and hear what it says.
 */
static void cancel_committed(MigrationState *s)
{
    if (!s->has_return_path) {
        /* Nobody will say anything; what was sent stays sent. */
        migration_source_shutdown_channel(s);
        return;
    }
    migration_source_end_sending(s);
    s->cut_timer = g_timeout_source_new((guint)s->answer_wait_ms);
    g_source_set_callback(s->cut_timer, source_cut, s, NULL);
    g_source_attach(s->cut_timer, s->vm->main_context);
}

void migration_source_cancel(MigrationState *s)
{
    if (!migration_advance(&s->machine, MIGRATION_EV_CANCEL, NULL)) {
        return;
    }
    if (s->connecting) {
        outgoing_channels_free(s->connecting);
        s->connecting = NULL;
        migration_source_cleanup(s->vm, s);
        return;
    }
    if (qatomic_read(&s->committed)) {
        cancel_committed(s);
    } else {
        migration_source_shutdown_channel(s);
    }
}

/* --- Life ----------------------------------------------------------------- */

static void migration_free_with_vm(VM *vm, void *opaque)
{
    if (vm->migration) {
        migration_free(vm);
    }
}

bool migration_init(VM *vm, Error **errp)
{
    MigrationState *s = g_new0(MigrationState, 1);

    s->vm = vm;
    s->answer_wait_ms = MIGRATION_ANSWER_WAIT_MS;
    s->options = migration_options_new();
    s->multifd_methods = g_new0(MultiFDRegistry, 1);
    multifd_registry_init(s->multifd_methods);
    s->blockers = g_ptr_array_new_with_free_func(migration_blocker_free);
    g_mutex_init(&s->error_lock);
    g_mutex_init(&s->file_lock);
    migration_machine_init(&s->machine, MIGRATION_SIDE_SOURCE,
                           source_on_change, s);
    if (!vm->yank) {
        yank_init(vm);
    }
    vm->migration = s;
    vm->incoming = migration_incoming_new(vm);
    vm->savevm = savevm_registry_new();
    vm_on_free(vm, migration_free_with_vm, NULL);
    return savevm_register_universal(vm, errp);
}

bool migration_apply_globals(VM *vm, Error **errp)
{
    return migration_options_apply_globals(vm->migration->options, vm, errp);
}

bool migration_is_idle(VM *vm)
{
    return migration_source_idle(vm->migration) &&
           migration_incoming_idle(vm->incoming);
}

void migration_shutdown(VM *vm)
{
    bool idle;

    bql_lock(vm);
    migration_source_cancel(vm->migration);
    /* The process ends now, whatever the destination says. */
    migration_source_shutdown_channel(vm->migration);
    migration_incoming_abort(vm->incoming);
    idle = migration_is_idle(vm);
    bql_unlock(vm);

    while (!idle) {
        g_main_context_iteration(vm->main_context, TRUE);
        bql_lock(vm);
        idle = migration_is_idle(vm);
        bql_unlock(vm);
    }
}

void migration_free(VM *vm)
{
    MigrationState *s = vm->migration;

    migration_incoming_free(vm->incoming);
    vm->incoming = NULL;
    if (vm->savevm) {
        savevm_registry_free(vm->savevm);
        vm->savevm = NULL;
    }
    migration_options_free(s->options);
    g_free(s->multifd_methods);
    g_ptr_array_free(s->blockers, TRUE);
    error_free(s->error);
    qapi_free_MultiFDChannelInfoList(s->last_channels);
    g_mutex_clear(&s->error_lock);
    g_mutex_clear(&s->file_lock);
    migration_machine_destroy(&s->machine);
    g_free(s);
    vm->migration = NULL;
}
