/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two VMs migrate over several channels that are as much ahead of each other
 * as they may be: what was sent last is what counts, whichever way it took.
 */
#include "qemu/osdep.h"

#include <signal.h>
#include <sys/mman.h>

#include "migration-pair.h"
#include "migration/misc.h"
#include "migration/multifd-recv.h"
#include "migration/multifd-send.h"
#include "system/globals.h"
#include "system/runstate.h"

#define CHANNELS 2
#define PAGE ((uint64_t)TARGET_PAGE_SIZE)
#define LOST_PAGE 100 /* whose last contents an older record might undo */
#define BUSY_PAGE 200 /* changes so that there is one round more */

/* --- Who does something at some moment ------------------------------------ */

typedef struct Script {
    Pair *p;
    void (*step)(struct Script *script, int64_t pass);
    void (*stopped)(struct Script *script);
    int64_t pass;
    bool unused; /* the source's memory was never populated */
    uint64_t sent[CHANNELS]; /* packets, at some moment */
} Script;

/* A guest's stores: pages with and without contents. */
static void fill(Script *script, uint64_t page, uint8_t value)
{
    RAMBlock *ram = script->p->src.ram;

    memset(ram->host + page * PAGE, value, PAGE);
    ram_block_mark_dirty(ram, page * PAGE, PAGE);
}

/* In the migration thread, behind each look at what is dirty. */
static void on_event(void *opaque, int event, struct json_object *obj)
{
    Script *script = opaque;
    struct json_object *name;

    json_object_object_get_ex(obj, "event", &name);
    if (!strcmp(json_object_get_string(name), "MIGRATION_PASS")) {
        script->step(script, ++script->pass);
    }
}

static void on_change(void *opaque, bool running, RunState state)
{
    Script *script = opaque;

    if (!running && state == RUN_STATE_FINISH_MIGRATE && script->stopped) {
        script->stopped(script);
    }
}

static void script_start(Script *script, ZeroPageDetection zero,
                         const char *each_section)
{
    const MigrationParameters params = {
        .has_zero_page_detection = true, .zero_page_detection = zero,
        .has_max_bandwidth = true, .max_bandwidth = 0,
        .has_downtime_limit = true, .downtime_limit = 0,
    };
    Side *sides[2];

    script->p = pair_new();
    if (script->unused) {
        g_assert_cmpint(madvise(script->p->src.ram->host, PAIR_RAM_BYTES,
                                MADV_DONTNEED), ==, 0);
    }
    sides[0] = &script->p->src;
    sides[1] = &script->p->dst;
    pair_use_multifd(script->p, CHANNELS);
    pair_set_parameters(script->p, &params);
    for (int i = 0; i < 2; i++) {
        bql_lock(sides[i]->vm);
        globals_add_user(sides[i]->vm, "migration",
                         "multifd-flush-after-each-section", each_section);
        g_assert_true(migration_apply_globals(sides[i]->vm, NULL));
        bql_unlock(sides[i]->vm);
    }
    bql_lock(sides[0]->vm);
    sides[0]->vm->events = (QapiEventSink) { on_event, script };
    vm_add_change_state_handler(sides[0]->vm, on_change, script);
    bql_unlock(sides[0]->vm);
    pair_start(script->p);
}

static void script_end(Script *script)
{
    side_wait(&script->p->src);
    side_wait(&script->p->dst);
    check_success(script->p);
    pair_free(script->p);
}

/* Until @gate holds somebody; the main loop runs. */
static void wait_held(QIOChannel *gate, ChannelGateSide way)
{
    gint64 end = g_get_monotonic_time() + PAIR_WAIT_MS * 1000LL;

    while (!channel_gate_wait_arrived(gate, way, 0)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_main_context_iteration(NULL, FALSE);
        g_thread_yield();
    }
}

static uint64_t received_packets(Script *script, unsigned channel)
{
    VM *vm = script->p->dst.vm;
    uint64_t n = 0;

    bql_lock(vm);
    if (vm->incoming->multifd) {
        n = qatomic_read(
            &multifd_recv_channel(vm->incoming->multifd, channel)->received.packets);
    }
    bql_unlock(vm);
    return n;
}

/* --- ZERO records on the main channel ------------------------------------- */

/* What was written so far is read. */
static void hold_main(Script *script)
{
    const MultiFDSend *send = script->p->src.vm->migration->multifd;

    channel_gate_stop_at(
        script->p->dst.gate, CHANNEL_GATE_READ,
        channel_gate_offset(script->p->src.gate, CHANNEL_GATE_WRITE),
        CHANNEL_GATE_WAIT);
    for (unsigned i = 0; i < CHANNELS; i++) {
        script->sent[i] =
            qatomic_read(&multifd_send_channel(send, i)->sent.packets);
    }
}

static void legacy_step(Script *script, int64_t pass)
{
    switch (pass) {
    case 1:
        /* The second round has nothing but zero pages. */
        fill(script, LOST_PAGE, 0);
        fill(script, BUSY_PAGE, 0);
        break;
    case 2:
        hold_main(script);
        fill(script, BUSY_PAGE, 0);
        break;
    case 3:
        fill(script, LOST_PAGE, 0xab);
        break;
    }
}

/* The first round has nothing but pages that nobody ever used. */
static void unused_step(Script *script, int64_t pass)
{
    if (pass == 1) {
        hold_main(script);
        fill(script, LOST_PAGE, 0xab);
    }
}

/*
 * The main channel is held before a round, and the others go on as far as
 * they can: not beyond a round that had nothing for them.
 */
static void legacy_run(Script *script)
{
    script_start(script, ZERO_PAGE_DETECTION_LEGACY, "off");
    wait_held(script->p->dst.gate, CHANNEL_GATE_READ);
    for (unsigned i = 0; i < CHANNELS; i++) {
        gint64 end = g_get_monotonic_time() + PAIR_WAIT_MS * 1000LL;

        /* Its next packet is a SYNC, or the page. */
        while (received_packets(script, i) <= script->sent[i]) {
            g_assert_cmpint(g_get_monotonic_time(), <, end);
            g_main_context_iteration(NULL, FALSE);
            g_thread_yield();
        }
    }
    channel_gate_release(script->p->dst.gate, CHANNEL_GATE_READ);
    script_end(script);
}

static void test_legacy_zero(void)
{
    Script script = { .step = legacy_step };

    legacy_run(&script);
}

static void test_legacy_unused(void)
{
    Script script = { .step = unused_step, .unused = true };

    legacy_run(&script);
}

/* --- With the guest stopped ----------------------------------------------- */

static void final_step(Script *script, int64_t pass)
{
}

/* All that the guest has touched, as its last act; a channel is held. */
static void final_stopped(Script *script)
{
    const MultiFDSend *send = script->p->src.vm->migration->multifd;
    QIOChannel *gate = script->p->src.channels[0];

    for (unsigned i = 0; i < CHANNELS; i++) {
        script->sent[i] =
            qatomic_read(&multifd_send_channel(send, i)->sent.normal_pages);
    }
    for (uint64_t page = 0; page < PAIR_RAM_BYTES / PAGE; page += 2) {
        fill(script, page, 0x77);
    }
    channel_gate_stop_at(gate, CHANNEL_GATE_WRITE,
                         channel_gate_offset(gate, CHANNEL_GATE_WRITE),
                         CHANNEL_GATE_WAIT);
}

/* What a sender holds has still to be sent. The migration thread waits. */
static void check_pending(VM *vm)
{
    uint64_t queued_bytes = multifd_send_queued_bytes(vm->migration->multifd);
    MigrationPending pending = { 0 };

    g_assert_true(ram_save_pending(vm, false, &pending, NULL));
    g_assert_cmpuint(queued_bytes, >, 0);
    g_assert_cmpuint(pending.precopy_bytes, >=, queued_bytes);
}

/* Both channels take part, and a page that is on one may go on another. */
static void test_final(const void *each_section)
{
    Script script = { .step = final_step, .stopped = final_stopped };
    MultiFDChannelInfoList *channels;
    QIOChannel *gate;
    unsigned i = 0;

    script_start(&script, ZERO_PAGE_DETECTION_MULTIFD, each_section);
    gate = script.p->src.channels[0];
    wait_held(gate, CHANNEL_GATE_WRITE);
    /* A device, as soon as the BQL is to be had. */
    bql_lock(script.p->src.vm);
    g_assert_false(runstate_is_running(script.p->src.vm));
    check_pending(script.p->src.vm);
    for (uint64_t page = 0; page < PAIR_RAM_BYTES / PAGE; page += 50) {
        fill(&script, page, 0x88);
    }
    bql_unlock(script.p->src.vm);
    channel_gate_release(gate, CHANNEL_GATE_WRITE);
    side_wait(&script.p->src);
    bql_lock(script.p->src.vm);
    channels = migration_source_channels(script.p->src.vm->migration);
    for (MultiFDChannelInfoList *c = channels; c; c = c->next, i++) {
        g_assert_cmpuint((uint64_t)c->value->normal, >, script.sent[i]);
    }
    bql_unlock(script.p->src.vm);
    g_assert_cmpuint(i, ==, CHANNELS);
    qapi_free_MultiFDChannelInfoList(channels);
    script_end(&script);
}

/* What the senders hold is what remains; nothing else is dirty. */
static void remaining_step(Script *script, int64_t pass)
{
    for (unsigned i = 0; pass == 1 && i < CHANNELS; i++) {
        QIOChannel *gate = script->p->src.channels[i];

        channel_gate_stop_at(gate, CHANNEL_GATE_WRITE,
                             channel_gate_offset(gate, CHANNEL_GATE_WRITE),
                             CHANNEL_GATE_WAIT);
    }
}

static bool sync_requested(VM *vm)
{
    const MultiFDSend *send = vm->migration->multifd;

    return send &&
           qatomic_read(&multifd_send_channel(send, 0)->pending_sync);
}

static void test_remaining(void)
{
    Script script = { .step = remaining_step };
    gint64 end = g_get_monotonic_time() + PAIR_WAIT_MS * 1000LL;
    bool requested = false;
    VM *vm;

    script_start(&script, ZERO_PAGE_DETECTION_MULTIFD, "on");
    vm = script.p->src.vm;
    wait_held(script.p->src.channels[0], CHANNEL_GATE_WRITE);
    /* At the end of the section. */
    while (!requested) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_main_context_iteration(NULL, FALSE);
        bql_lock(vm);
        requested = sync_requested(vm);
        bql_unlock(vm);
    }
    g_assert_cmpuint(
        qatomic_read(&vm->migration->counters.remaining_pages), ==,
        PAIR_RAM_BYTES / PAGE);
    for (unsigned i = 0; i < CHANNELS; i++) {
        channel_gate_release(script.p->src.channels[i], CHANNEL_GATE_WRITE);
    }
    script_end(&script);
}

/* Nothing is left to send: a channel is held at END's sync point. */
static void last_sync_stopped(Script *script)
{
    QIOChannel *gate = script->p->src.channels[0];

    channel_gate_stop_at(gate, CHANNEL_GATE_WRITE,
                         channel_gate_offset(gate, CHANNEL_GATE_WRITE),
                         CHANNEL_GATE_WAIT);
}

/* What is written then has no channel to go on but the main one. */
static void test_last_sync(void)
{
    Script script = { .step = final_step, .stopped = last_sync_stopped };

    script_start(&script, ZERO_PAGE_DETECTION_MULTIFD, "on");
    wait_held(script.p->src.channels[0], CHANNEL_GATE_WRITE);
    bql_lock(script.p->src.vm);
    fill(&script, LOST_PAGE, 0x88);
    fill(&script, BUSY_PAGE, 0);
    bql_unlock(script.p->src.vm);
    channel_gate_release(script.p->src.channels[0], CHANNEL_GATE_WRITE);
    script_end(&script);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/multifd-order/legacy-zero", test_legacy_zero);
    g_test_add_func("/multifd-order/legacy-unused", test_legacy_unused);
    g_test_add_data_func("/multifd-order/final/round", "off", test_final);
    g_test_add_data_func("/multifd-order/final/section", "on", test_final);
    g_test_add_func("/multifd-order/final/last-sync", test_last_sync);
    g_test_add_func("/multifd-order/remaining", test_remaining);
    return g_test_run();
}
