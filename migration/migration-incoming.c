/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destination: listens, loads in the thread "mig/dst/load" so that main
 * stays free, tells the source, and starts the guest. Main loop with the BQL
 * held, but for the thread's own part.
 */
#include "qemu/osdep.h"
#include <poll.h>

#include "io/channel-socket.h"
#include "migration/channels.h"
#include "migration/migration-internal.h"
#include "migration/multifd-recv.h"
#include "migration/return-path.h"
#include "migration/savevm.h"
#include "qapi/qapi-events-migration.h"
#include "qemu/thread.h"
#include "system/clock.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "trace-events.h"

/* Connections that wait to be accepted: a source's channels come together. */
#define LISTEN_BACKLOG (1 + MULTIFD_CHANNELS_MAX)
/* For the next of several connections. */
#define CHANNEL_WAIT_MS 30000
/* Tries to accept the next one, when descriptors have run out. */
#define ACCEPT_FAILURES_MAX 10
/* After a failure, for the source to read our verdict and hang up. */
#define DRAIN_MS 500

static void incoming_on_change(void *opaque, MigrationStatus status)
{
    MigrationIncomingState *mis = opaque;

    if (migration_cap(migration_options_config(mis->vm->migration->options),
                      MIGRATION_CAPABILITY_EVENTS)) {
        qapi_event_send_migration(&mis->vm->events, status);
    }
}

MigrationIncomingState *migration_incoming_new(VM *vm)
{
    MigrationIncomingState *mis = g_new0(MigrationIncomingState, 1);

    mis->vm = vm;
    mis->exit_on_error = true;
    g_mutex_init(&mis->error_lock);
    g_mutex_init(&mis->file_lock);
    g_mutex_init(&mis->rp_mutex);
    migration_machine_init(&mis->machine, MIGRATION_SIDE_DESTINATION,
                           incoming_on_change, mis);
    return mis;
}

void migration_incoming_free(MigrationIncomingState *mis)
{
    g_assert(!mis->thread);
    qio_net_listener_free(mis->listener);
    qapi_free_SocketAddressList(mis->listen_addresses);
    qapi_free_MultiFDChannelInfoList(mis->last_channels);
    error_free(mis->error);
    g_mutex_clear(&mis->error_lock);
    g_mutex_clear(&mis->file_lock);
    g_mutex_clear(&mis->rp_mutex);
    migration_machine_destroy(&mis->machine);
    g_free(mis);
}

void migration_incoming_fail(MigrationIncomingState *mis, Error *err)
{
    g_mutex_lock(&mis->error_lock);
    if (mis->error) {
        error_free(err);
    } else {
        mis->error = err;
    }
    g_mutex_unlock(&mis->error_lock);
}

/* --- The loading thread --------------------------------------------------- */

/*
 * A socket that is closed with unread input resets the connection, and takes
 * our last message with it: let the source hang up first.
 */
static void drain(QIOChannel *ioc)
{
    int64_t end_ms = clock_host_ms() + DRAIN_MS;
    int fd = ioc->ops->poll_fd ? ioc->ops->poll_fd(ioc, G_IO_IN) : -1;
    uint8_t buf[4096];
    int64_t left_ms;

    qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, NULL);
    while (fd >= 0 && (left_ms = end_ms - clock_host_ms()) > 0) {
        struct pollfd pfd = { .fd = fd, .events = POLLIN };

        if (poll(&pfd, 1, (int)left_ms) <= 0 ||
            qio_channel_read(ioc, buf, sizeof(buf), NULL) <= 0) {
            break;
        }
    }
}

/*
 * A source that may not listen must not get rid of the rest of its stream
 * meanwhile, and think that all is well: nothing is read. What has arrived
 * there can be read after the reset, too.
 */
static void tell_failure(MigrationIncomingState *mis, const char *reason)
{
    if (migration_incoming_send_failure(mis, reason)) {
        drain(mis->channel);
    }
}

/* Registers as loaded go to whoever executes the guest. */
static bool push_cpus(VM *vm, Error **errp)
{
    bool ok;

    bql_lock(vm);
    ok = cpus_push_state(vm, errp);
    bql_unlock(vm);
    return ok;
}

/* The channels are as they should be. */
static bool incoming_usable(MigrationIncomingState *mis, Error **errp)
{
    bool ok;

    g_mutex_lock(&mis->error_lock);
    ok = !mis->error;
    if (!ok) {
        error_propagate(errp, error_copy(mis->error));
    }
    g_mutex_unlock(&mis->error_lock);
    return ok;
}

static void incoming_cleanup(VM *vm, void *opaque);

static void *incoming_thread(void *opaque)
{
    MigrationIncomingState *mis = opaque;
    Error *err = NULL;

    /* The source gives its guest up when it reads success, not before. */
    mis->loaded = incoming_usable(mis, &err) &&
                  loadvm(mis, mis->from_src, &err) &&
                  (!mis->multifd || multifd_recv_finish(mis->multifd, &err)) &&
                  push_cpus(mis->vm, &err) &&
                  migration_incoming_send_success(mis, &err);
    if (!mis->loaded) {
        /* What failed first is the reason: a channel's thread may have. */
        migration_incoming_fail(mis, err);
        tell_failure(mis, error_get_pretty(mis->error));
    }
    vm_invoke(mis->vm, incoming_cleanup, mis);
    return NULL;
}

/* --- The end -------------------------------------------------------------- */

/* Any thread. */
static void incoming_shutdown_channel(MigrationIncomingState *mis,
                                      QIOChannelShutdown how)
{
    g_mutex_lock(&mis->file_lock);
    if (mis->channel) {
        qio_channel_shutdown(mis->channel, how, NULL);
    }
    if (mis->multifd) {
        multifd_recv_terminate(mis->multifd);
    }
    g_mutex_unlock(&mis->file_lock);
}

void migration_incoming_stop_reading(MigrationIncomingState *mis)
{
    incoming_shutdown_channel(mis, QIO_CHANNEL_SHUTDOWN_READ);
}

static void incoming_yank(void *opaque)
{
    incoming_shutdown_channel(opaque, QIO_CHANNEL_SHUTDOWN_BOTH);
}

/* Before what they load into is freed. */
static void incoming_release_multifd(MigrationIncomingState *mis)
{
    struct MultiFDRecv *multifd;

    mis->last_channels = migration_incoming_channels(mis);
    g_mutex_lock(&mis->file_lock);
    multifd = mis->multifd;
    mis->multifd = NULL;
    g_mutex_unlock(&mis->file_lock);
    multifd_recv_free(multifd);
}

static gboolean incoming_cut(void *opaque)
{
    incoming_shutdown_channel(opaque, QIO_CHANNEL_SHUTDOWN_BOTH);
    return G_SOURCE_REMOVE;
}

static void incoming_release(MigrationIncomingState *mis)
{
    QIOChannel *ioc;

    if (mis->cut_timer) {
        g_source_destroy(mis->cut_timer);
        g_source_unref(mis->cut_timer);
        mis->cut_timer = NULL;
    }
    yank_unregister_function(mis->vm, &migration_yank_instance, incoming_yank,
                             mis);
    yank_unregister_instance(mis->vm, &migration_yank_instance);
    g_mutex_lock(&mis->rp_mutex);
    if (mis->to_src) {
        qemu_fclose(mis->to_src, NULL);
        mis->to_src = NULL;
    }
    g_mutex_unlock(&mis->rp_mutex);
    qemu_fclose(mis->from_src, NULL);
    mis->from_src = NULL;
    g_mutex_lock(&mis->file_lock);
    ioc = mis->channel;
    mis->channel = NULL;
    g_mutex_unlock(&mis->file_lock);
    /* The source must not wait for us, whoever else refers to the channel. */
    qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    qio_channel_unref(ioc);
}

static void incoming_finish_failed(MigrationIncomingState *mis)
{
    bool moved = migration_advance(&mis->machine, MIGRATION_EV_FAIL, NULL);

    g_assert(moved);
    if (mis->shutting_down || !mis->exit_on_error) {
        return;
    }
    error_report("load of migration failed: %s",
                 error_get_pretty(mis->error));
    vm_request_shutdown_code(mis->vm, SHUTDOWN_CAUSE_HOST_ERROR, 1);
}

/* The guest goes on as the source had it. */
static bool start_guest(VM *vm, bool has_state, RunState state, Error **errp)
{
    if (has_state && state != RUN_STATE_RUNNING) {
        return runstate_set(vm, state, errp);
    }
    return vm->autostart ? vm_start(vm, errp)
                         : runstate_set(vm, RUN_STATE_PAUSED, errp);
}

static void incoming_finish(MigrationIncomingState *mis)
{
    VM *vm = mis->vm;
    RunState state = RUN_STATE_RUNNING;
    bool has_state, moved;
    Error *err = NULL;

    if (mis->thread) {
        g_thread_join(mis->thread);
        mis->thread = NULL;
    }
    incoming_release_multifd(mis);
    has_state = loadvm_global_state(mis, &state);
    loadvm_cleanup(mis);
    incoming_release(mis);
    if (!mis->loaded) {
        incoming_finish_failed(mis);
        return;
    }
    if (!start_guest(vm, has_state, state, &err)) {
        error_prepend(&err, "the state is loaded, but the guest cannot go "
                            "on: ");
        migration_incoming_fail(mis, err);
        incoming_finish_failed(mis);
        return;
    }
    moved = migration_advance(&mis->machine, MIGRATION_EV_DONE, NULL);
    g_assert(moved);
}

static void incoming_cleanup(VM *vm, void *opaque)
{
    incoming_finish(opaque);
    trace_migration_incoming_end(vm->incoming->loaded);
    vm_release_requests(vm);
}

bool migration_incoming_idle(MigrationIncomingState *mis)
{
    return !mis->thread && !mis->listener && !mis->channels;
}

void migration_incoming_abort(MigrationIncomingState *mis)
{
    Error *err = NULL;

    if (!mis->shutting_down) {
        /* Of no consequence if all is loaded meanwhile. */
        error_setg(&err, "it was told to quit");
        migration_incoming_fail(mis, err);
    }
    mis->shutting_down = true;
    if (mis->channels) {
        incoming_channels_free(mis->channels);
        mis->channels = NULL;
    }
    if (mis->listener) {
        qio_net_listener_free(mis->listener);
        mis->listener = NULL;
        yank_unregister_instance(mis->vm, &migration_yank_instance);
        migration_advance(&mis->machine, MIGRATION_EV_FAIL, NULL);
    }
    /* The source shall still hear that its guest was not taken over, but
     * may not read at all. */
    incoming_shutdown_channel(mis, QIO_CHANNEL_SHUTDOWN_READ);
    if (mis->thread && !mis->cut_timer) {
        mis->cut_timer = g_timeout_source_new(MIGRATION_REFUSE_MS);
        g_source_set_callback(mis->cut_timer, incoming_cut, mis, NULL);
        g_source_attach(mis->cut_timer, mis->vm->main_context);
    }
}

/* --- The start ------------------------------------------------------------ */

/* Settings change in the main loop only: the BQL is not needed there. */
static void incoming_take_config(MigrationIncomingState *mis)
{
    mis->config = *migration_options_config(mis->vm->migration->options);
}

static void incoming_begin(MigrationIncomingState *mis)
{
    bool moved;

    moved = yank_register_instance(mis->vm, &migration_yank_instance, NULL);
    g_assert(moved); /* nothing leaves while a guest is to come */
    mis->started = true;
    incoming_take_config(mis);
    moved = migration_advance(&mis->machine, MIGRATION_EV_START, NULL);
    g_assert(moved);
}

/* Told apart by @ic, with its other channels; NULL: the only connection. */
static void incoming_run(MigrationIncomingState *mis, QIOChannel *ioc,
                         const IncomingChannels *ic)
{
    Error *err = NULL;
    bool moved;

    g_mutex_lock(&mis->file_lock);
    mis->channel = qio_channel_ref(ioc);
    if (ic && !mis->error &&
        migration_cap(&mis->config, MIGRATION_CAPABILITY_MULTIFD)) {
        mis->multifd = multifd_recv_new(mis, incoming_channels_multifd(ic),
                                        mis->config.multifd_channels);
    }
    g_mutex_unlock(&mis->file_lock);
    mis->from_src = qemu_file_new_input(ioc);
    if (ic) {
        qemu_file_preload(mis->from_src, incoming_channels_main_head(ic),
                          CHANNEL_MAGIC_BYTES);
    }
    migration_lend_bql(mis->from_src, &mis->bql_loan, mis->vm);
    yank_register_function(mis->vm, &migration_yank_instance, incoming_yank,
                           mis);
    trace_migration_incoming_start(ioc->name);
    /* Devices are half loaded at times when others get the BQL. */
    vm_hold_requests(mis->vm);
    moved = migration_advance(&mis->machine, MIGRATION_EV_CONNECTED, NULL);
    g_assert(moved);
    mis->thread = qemu_thread_try_create("mig/dst/load", incoming_thread, mis,
                                         &err);
    if (!mis->thread) {
        mis->loaded = false;
        migration_incoming_fail(mis, err);
        incoming_cleanup(mis->vm, mis);
    }
}

/* All channels are there, or will never be. */
static void incoming_gathered(Error *err, void *opaque)
{
    MigrationIncomingState *mis = opaque;
    IncomingChannels *ic = mis->channels;

    bql_lock(mis->vm);
    mis->channels = NULL;
    qio_net_listener_free(mis->listener);
    mis->listener = NULL;
    if (err) {
        migration_incoming_fail(mis, err);
    }
    if (incoming_channels_main(ic)) {
        /* Also to let the source know of a failure. */
        incoming_run(mis, incoming_channels_main(ic), ic);
    } else {
        yank_unregister_instance(mis->vm, &migration_yank_instance);
        incoming_finish_failed(mis);
    }
    incoming_channels_free(ic);
    bql_unlock(mis->vm);
}

/*
 * As long as nobody has said to be a channel, settings may change; whoever
 * only connected does not matter, not even if multifd is switched off.
 */
static unsigned incoming_count(void *opaque)
{
    MigrationIncomingState *mis = opaque;

    incoming_take_config(mis);
    return migration_cap(&mis->config, MIGRATION_CAPABILITY_MULTIFD) ?
               mis->config.multifd_channels : 0;
}

/* One of several connections. */
static void incoming_gather(MigrationIncomingState *mis, QIOChannel *ioc)
{
    if (!mis->channels) {
        IncomingChannelsArgs args = {
            .wait_ms = CHANNEL_WAIT_MS,
            .context = mis->vm->main_context,
            .count = incoming_count,
            .fn = incoming_gathered,
            .opaque = mis,
        };

        memcpy(args.uuid, mis->vm->uuid.data, sizeof(args.uuid));
        mis->channels = incoming_channels_new(&args);
    }
    incoming_channels_add(mis->channels, ioc);
}

static void incoming_connection(MigrationIncomingState *mis, QIOChannel *ioc)
{
    if (mis->channels && incoming_channels_empty(mis->channels)) {
        incoming_channels_free(mis->channels);
        mis->channels = NULL;
    }
    /* Some are there since multifd was on: what this one is, it will say. */
    if (mis->channels || incoming_count(mis)) {
        incoming_gather(mis, ioc);
        return;
    }
    /* One main channel: whoever comes later is refused by the kernel. */
    qio_net_listener_free(mis->listener);
    mis->listener = NULL;
    incoming_run(mis, ioc, NULL);
}

void migration_incoming_channel(MigrationIncomingState *mis, QIOChannel *ioc)
{
    if (!mis->started) {
        incoming_begin(mis);
    }
    incoming_connection(mis, ioc);
}

static void incoming_client(QIONetListener *listener, QIOChannel *ioc,
                            void *opaque)
{
    MigrationIncomingState *mis = opaque;

    bql_lock(mis->vm);
    if (mis->listener) {
        incoming_connection(mis, ioc);
    }
    bql_unlock(mis->vm);
    qio_channel_unref(ioc);
}

/*
 * Nobody can be accepted, for want of descriptors or memory: tried again by
 * itself, ten times a second. A source that waits for its other channels is
 * told why if that goes on.
 */
static void incoming_cannot_accept(QIONetListener *listener, Error *err,
                                   bool again, void *opaque)
{
    MigrationIncomingState *mis = opaque;
    bool gathering;

    bql_lock(mis->vm);
    mis->accept_failures = again ? mis->accept_failures + 1 : 1;
    gathering = mis->listener && mis->channels &&
                incoming_channels_waiting(mis->channels);
    bql_unlock(mis->vm);
    if (gathering && mis->accept_failures >= ACCEPT_FAILURES_MAX) {
        incoming_gathered(err, mis);
        return;
    }
    if (!again) {
        warn_report("incoming migration: %s", error_get_pretty(err));
    }
    error_free(err);
}

static bool incoming_listen_socket(MigrationIncomingState *mis,
                                   const SocketAddress *addr, Error **errp)
{
    SocketAddressList **tail = &mis->listen_addresses;
    const SocketAddress *real;

    mis->listener = qio_net_listener_new(addr, LISTEN_BACKLOG, errp);
    if (!mis->listener) {
        return false;
    }
    for (unsigned i = 0;
         (real = qio_net_listener_address(mis->listener, i)) != NULL; i++) {
        QAPI_LIST_APPEND(tail, QAPI_CLONE(SocketAddress, real));
    }
    incoming_begin(mis);
    qio_net_listener_set_error_fn(mis->listener, incoming_cannot_accept);
    qio_net_listener_set_client_fn(mis->listener, incoming_client, mis,
                                   mis->vm->main_context);
    return true;
}

bool migration_incoming_listen(MigrationIncomingState *mis,
                               const MigrationAddress *addr,
                               struct FdTable *fds, Error **errp)
{
    QIOChannel *ioc;

    if (!migration_address_suits(
            addr, migration_options_config(mis->vm->migration->options),
            false, errp)) {
        return false;
    }
    if (migration_address_connects(addr)) {
        return incoming_listen_socket(mis, &addr->u.socket, errp);
    }
    ioc = migration_channel_open(mis->vm, addr, fds, false, errp);
    if (!ioc) {
        return false;
    }
    migration_incoming_channel(mis, ioc);
    qio_channel_unref(ioc);
    return true;
}

bool migration_incoming_start(VM *vm, const char *uri, Error **errp)
{
    MigrationIncomingState *mis = vm->incoming;
    MigrationAddress *addr;
    bool ok;

    if (strcmp(uri, "defer") == 0) {
        mis->deferred = true;
        return true;
    }
    addr = migration_uri_parse(uri, false, errp);
    if (!addr) {
        return false;
    }
    ok = migration_incoming_listen(mis, addr, NULL, errp);
    qapi_free_MigrationAddress(addr);
    return ok;
}
