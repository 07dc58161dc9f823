/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See migration-pair.h. */
#include "qemu/osdep.h"

#include "io/channel-socket.h"
#include "migration-pair.h"
#include "qapi/qapi-events.h"
#include "system/runstate.h"
#include "tcp-pair.h"

static void collect_event(void *opaque, int event, struct json_object *obj)
{
    Side *side = opaque;
    struct json_object *name, *data, *status;

    g_mutex_lock(&side->lock);
    json_object_object_get_ex(obj, "event", &name);
    if (json_object_object_get_ex(obj, "data", &data) &&
        json_object_object_get_ex(data, "status", &status)) {
        name = status;
    }
    if (strcmp(json_object_get_string(name), "MIGRATION_PASS") != 0) {
        g_string_append_printf(side->events, "%s ",
                               json_object_get_string(name));
    }
    g_mutex_unlock(&side->lock);
}

void set_cap(Side *side, MigrationCapability cap, bool on)
{
    MigrationCapabilityStatus status = { .capability = cap, .state = on };
    MigrationCapabilityStatusList list = { .value = &status };
    QmpMigrateSetCapabilitiesArgs args = { .capabilities = &list };
    QmpContext ctx = { .vm = side->vm };
    Error *err = NULL;

    qmp_migrate_set_capabilities(&ctx, &args, &err);
    g_assert_null(err);
}

static void side_init(Side *side, uint8_t fill)
{
    Error *err = NULL;

    g_mutex_init(&side->lock);
    side->events = g_string_new("");
    side->vm = vm_new(NULL);
    bql_lock(side->vm);
    migration_init(side->vm, &err);
    g_assert_null(err);
    savevm_set_machine_name(side->vm, "none");
    side->ram = ram_block_new_anon(side->vm, "ram", PAIR_RAM_BYTES, &err);
    g_assert_null(err);
    for (size_t i = 0; fill && i < PAIR_RAM_BYTES; i += 64) {
        side->ram->host[i] = (uint8_t)(i >> 12) ^ fill;
    }
    side->vm->events = (QapiEventSink) { collect_event, side };
    set_cap(side, MIGRATION_CAPABILITY_EVENTS, true);
}

static void side_free(Side *side)
{
    migration_shutdown(side->vm);
    bql_lock(side->vm);
    migration_free(side->vm);
    bql_unlock(side->vm);
    vm_free(side->vm);
    qio_channel_unref(side->gate);
    for (unsigned i = 0; i < side->n_channels; i++) {
        qio_channel_unref(side->channels[i]);
    }
    g_free(side->channels);
    g_string_free(side->events, TRUE);
    g_mutex_clear(&side->lock);
}

Pair *pair_new(void)
{
    Pair *p = g_new0(Pair, 1);
    QIOChannel *a, *b;
    Error *err = NULL;

    side_init(&p->src, 0x5a);
    vm_start(p->src.vm, &err);
    g_assert_null(err);
    bql_unlock(p->src.vm);
    side_init(&p->dst, 0);
    runstate_set(p->dst.vm, RUN_STATE_INMIGRATE, &err);
    g_assert_null(err);
    p->dst.vm->incoming->exit_on_error = false;
    bql_unlock(p->dst.vm);
    qio_channel_pair_new(&a, &b, &err);
    g_assert_null(err);
    p->src.gate = channel_gate_new(a);
    p->dst.gate = channel_gate_new(b);
    g_string_truncate(p->src.events, 0);
    return p;
}

void pair_use_tcp(Pair *p)
{
    Side *sides[2] = { &p->src, &p->dst };
    int fds[2];

    tcp_pair_new(fds, 0);
    for (int i = 0; i < 2; i++) {
        QIOChannel *ioc = qio_channel_socket_new_fd(fds[i], NULL);

        g_assert_nonnull(ioc);
        qio_channel_unref(sides[i]->gate);
        sides[i]->gate = channel_gate_new(ioc);
    }
}

void pair_set_parameters(Pair *p, const MigrationParameters *params)
{
    Side *sides[2] = { &p->src, &p->dst };

    for (int i = 0; i < 2; i++) {
        QmpContext ctx = { .vm = sides[i]->vm };
        Error *err = NULL;

        bql_lock(sides[i]->vm);
        qmp_migrate_set_parameters(&ctx, params, &err);
        bql_unlock(sides[i]->vm);
        g_assert_null(err);
    }
}

void pair_use_multifd(Pair *p, unsigned n)
{
    const MigrationParameters params = {
        .has_multifd_channels = true, .multifd_channels = (uint8_t)n,
    };
    Side *sides[2] = { &p->src, &p->dst };

    for (int i = 0; i < 2; i++) {
        bql_lock(sides[i]->vm);
        set_cap(sides[i], MIGRATION_CAPABILITY_MULTIFD, true);
        bql_unlock(sides[i]->vm);
        sides[i]->n_channels = n;
        sides[i]->channels = g_new0(QIOChannel *, n);
    }
    pair_set_parameters(p, &params);
    for (unsigned i = 0; i < n; i++) {
        QIOChannel *a, *b;

        g_assert_true(qio_channel_pair_new(&a, &b, NULL));
        p->src.channels[i] = channel_gate_new(a);
        p->dst.channels[i] = channel_gate_new(b);
    }
}

void pair_free(Pair *p)
{
    side_free(&p->src);
    side_free(&p->dst);
    g_free(p);
}

void pair_start(Pair *p)
{
    g_autofree QIOChannel **all = g_new(QIOChannel *, 1 + p->src.n_channels);

    bql_lock(p->dst.vm);
    migration_incoming_channel(p->dst.vm->incoming, p->dst.gate);
    for (unsigned i = 0; i < p->dst.n_channels; i++) {
        migration_incoming_channel(p->dst.vm->incoming, p->dst.channels[i]);
    }
    bql_unlock(p->dst.vm);
    all[0] = p->src.gate;
    for (unsigned i = 0; i < p->src.n_channels; i++) {
        all[1 + i] = p->src.channels[i];
    }
    bql_lock(p->src.vm);
    migration_source_start_channels(p->src.vm->migration, all);
    bql_unlock(p->src.vm);
}

void pair_start_to_answer(Pair *p)
{
    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_WRITE, 8,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->dst.gate, CHANNEL_GATE_WRITE,
                                            PAIR_WAIT_MS));
}

static gboolean give_up(void *opaque)
{
    g_error("the migration did not end in %d ms", PAIR_WAIT_MS);
    return G_SOURCE_REMOVE;
}

bool side_idle(Side *side)
{
    bool idle;

    bql_lock(side->vm);
    idle = migration_is_idle(side->vm);
    bql_unlock(side->vm);
    return idle;
}

void side_wait(Side *side)
{
    guint id = g_timeout_add(PAIR_WAIT_MS, give_up, NULL);

    while (!side_idle(side)) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(id);
}

/* A status is told before the guest goes on, which takes a moment. */
static void wait_running(Side *side)
{
    gint64 end_us = g_get_monotonic_time() + PAIR_WAIT_MS * 1000LL;
    bool running = false;

    while (!running && g_get_monotonic_time() < end_us) {
        bql_lock(side->vm);
        running = runstate_is_running(side->vm);
        bql_unlock(side->vm);
        g_thread_yield();
    }
}

void side_check(Side *side, const char *status, bool running,
                const char *error_part)
{
    MigrationInfo *info;

    if (running) {
        wait_running(side);
    }
    bql_lock(side->vm);
    info = migration_info_new(side->vm);
    if (info->error_desc) {
        g_test_message("error-desc: %s", info->error_desc);
    }
    g_assert_cmpstr(MigrationStatus_str(info->status), ==, status);
    g_assert_cmpint(runstate_is_running(side->vm), ==, running);
    if (error_part) {
        g_assert_nonnull(info->error_desc);
        g_assert_nonnull(strstr(info->error_desc, error_part));
    } else {
        g_assert_null(info->error_desc);
    }
    bql_unlock(side->vm);
    qapi_free_MigrationInfo(info);
}

void check_success(Pair *p)
{
    side_check(&p->src, "completed", false, NULL);
    side_check(&p->dst, "completed", true, NULL);
    g_assert_cmpint(runstate_get(p->src.vm), ==, RUN_STATE_POSTMIGRATE);
    g_assert_cmpint(
        memcmp(p->src.ram->host, p->dst.ram->host, PAIR_RAM_BYTES), ==, 0);
}

void side_cancel(Side *side)
{
    QmpContext ctx = { .vm = side->vm };

    bql_lock(side->vm);
    qmp_migrate_cancel(&ctx, NULL);
    bql_unlock(side->vm);
}

/* Octets of a whole stream and of the answers to it. */
uint64_t stream_bytes(void)
{
    Pair *p = pair_new();
    uint64_t bytes;

    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    bytes = channel_gate_offset(p->src.gate, CHANNEL_GATE_WRITE);
    g_assert_cmpuint(channel_gate_offset(p->dst.gate, CHANNEL_GATE_WRITE), ==,
                     16);
    pair_free(p);
    return bytes;
}
