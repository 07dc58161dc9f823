/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A peer that stops reading or writing in any phase: the monitor answers,
 * cancel, yank and the end of the process work, and requests that would touch
 * devices in the middle of their transfer wait. Also: a fault at every record
 * boundary leaves one guest running and a reason that says where.
 */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <signal.h>

#include "migration-pair.h"
#include "migration/stream-format.h"
#include "qapi/qapi-commands-misc.h"
#include "system/runstate.h"

/* A footer of one of the universal sections' ids. */
#define FOOTER_BYTES 5

/* Where records end in a stream of a Pair, in order. */
static GArray *record_ends(void)
{
    g_autofree char *dir = g_dir_make_tmp("test-migration-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "stream", NULL);
    g_autofree char *uri = g_strconcat("file:", path, NULL);
    GArray *ends = g_array_new(false, false, sizeof(uint64_t));
    Pair *p = pair_new();
    QmpContext ctx = { .vm = p->src.vm };
    QmpMigrateArgs args = { .uri = uri };
    char *data;
    gsize len;

    bql_lock(p->src.vm);
    /* As on a socket, but for the commands before the first section. */
    g_assert_true(qmp_migrate(&ctx, &args, NULL));
    bql_unlock(p->src.vm);
    side_wait(&p->src);
    side_check(&p->src, "completed", false, NULL);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    for (size_t i = 0; i + FOOTER_BYTES <= len; i++) {
        /* OPEN_RETURN_PATH and PING. */
        uint64_t at = i + FOOTER_BYTES + 5 + 9;

        /* Pages are full of zeros: id 0 is looked for behind them. */
        if (!memcmp(data + i, "\x7e\0\0\0", 4) && data[i + 4] <= 3 &&
            (data[i + 4] || i + 4096 > len)) {
            g_array_append_val(ends, at);
        }
    }
    g_assert_cmpuint(ends->len, >, 3);
    g_free(data);
    g_unlink(path);
    g_rmdir(dir);
    pair_free(p);
    return ends;
}

static void run_main_loop(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void count(void *opaque)
{
    (*(unsigned *)opaque)++;
}

/* Asks for a reset and the power button and sees what comes of it. */
static void request_all(Side *side, unsigned *done)
{
    bql_lock(side->vm);
    vm_add_reset_handler(side->vm, count, done);
    vm_add_powerdown_handler(side->vm, count, done);
    vm_request_reset(side->vm, SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    vm_request_powerdown(side->vm);
    bql_unlock(side->vm);
    run_main_loop();
}

static MigrationStatus status_now(Side *side)
{
    QmpContext ctx = { .vm = side->vm };
    MigrationStatus status;
    MigrationInfo *info;

    bql_lock(side->vm);
    info = qmp_query_migrate(&ctx, NULL);
    bql_unlock(side->vm);
    status = info->status;
    qapi_free_MigrationInfo(info);
    return status;
}

/* A source that is stuck in the middle of its devices. */
static Pair *hung_source(void)
{
    uint64_t total = stream_bytes();
    Pair *p = pair_new();

    channel_gate_stop_at(p->src.gate, CHANNEL_GATE_WRITE, total - 1,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->src.gate, CHANNEL_GATE_WRITE,
                                            PAIR_WAIT_MS));
    g_assert_cmpint(status_now(&p->src), ==, MIGRATION_STATUS_DEVICE);
    return p;
}

static void test_source_cancel(void)
{
    Pair *p = hung_source();
    unsigned done = 0;

    request_all(&p->src, &done);
    g_assert_cmpuint(done, ==, 0);
    bql_lock(p->src.vm);
    g_assert_cmpint(runstate_get(p->src.vm), ==, RUN_STATE_FINISH_MIGRATE);
    g_assert_false(
        migration_source_allowed(p->src.vm->migration, NULL));
    bql_unlock(p->src.vm);
    side_cancel(&p->src);
    g_assert_cmpint(status_now(&p->src), ==, MIGRATION_STATUS_CANCELLING);
    side_wait(&p->src);
    side_check(&p->src, "cancelled", true, NULL);
    run_main_loop();
    g_assert_cmpuint(done, ==, 2);
    g_assert_true(runstate_is_running(p->src.vm));
    side_wait(&p->dst);
    side_check(&p->dst, "failed", false, "");
    pair_free(p);
}

/* A stop while the guest is stopped anyway: it stays so. */
static void test_source_stop(void)
{
    Pair *p = hung_source();

    bql_lock(p->src.vm);
    vm_ask_stop(p->src.vm);
    bql_unlock(p->src.vm);
    side_cancel(&p->src);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "cancelled", false, NULL);
    g_assert_cmpint(runstate_get(p->src.vm), ==, RUN_STATE_PAUSED);
    pair_free(p);
}

/* What was held for a guest that has left does not happen to it. */
static void test_source_goes_on(void)
{
    Pair *p = hung_source();
    unsigned done = 0;

    request_all(&p->src, &done);

    channel_gate_release(p->src.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->src);
    side_wait(&p->dst);
    run_main_loop();
    check_success(p);
    g_assert_cmpuint(done, ==, 0);
    pair_free(p);
}

static void stop_next_write(void *opaque, bool running, RunState state)
{
    Side *side = opaque;

    if (state == RUN_STATE_FINISH_MIGRATE) {
        channel_gate_stop_at(side->gate, CHANNEL_GATE_WRITE, 0,
                             CHANNEL_GATE_WAIT);
    }
}

/* Written to while the end of memory is sent: that gets there, too. */
static void test_source_write(void)
{
    Pair *p = pair_new();

    bql_lock(p->src.vm);
    vm_add_change_state_handler(p->src.vm, stop_next_write, &p->src);
    bql_unlock(p->src.vm);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->src.gate, CHANNEL_GATE_WRITE,
                                            PAIR_WAIT_MS));
    bql_lock(p->src.vm);
    p->src.ram->host[5 * TARGET_PAGE_SIZE] = 0xee;
    ram_block_mark_dirty(p->src.ram, 5 * TARGET_PAGE_SIZE, 1);
    bql_unlock(p->src.vm);
    channel_gate_release(p->src.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    g_assert_cmpuint(p->dst.ram->host[5 * TARGET_PAGE_SIZE], ==, 0xee);
    pair_free(p);
}

/* Written to before the source says that the page is zero. */
static void test_destination_write(void)
{
    const uint64_t offset = 0x5a * TARGET_PAGE_SIZE; /* see side_init() */
    Pair *p = pair_new();

    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_READ, 200,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->dst.gate, CHANNEL_GATE_READ,
                                            PAIR_WAIT_MS));
    g_assert_true(memory_dirty_log_enabled(p->dst.vm));
    p->dst.ram->host[offset] = 0xee;
    ram_block_mark_dirty(p->dst.ram, offset, 1);
    channel_gate_release(p->dst.gate, CHANNEL_GATE_READ);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    g_assert_cmpuint(p->dst.ram->host[offset], ==, 0);
    g_assert_false(memory_dirty_log_enabled(p->dst.vm));
    pair_free(p);
}

static void *yank_thread(void *opaque)
{
    Side *side = opaque;
    QmpContext ctx = { .vm = side->vm };
    YankInstanceList list = {
        .value = (YankInstance *)&migration_yank_instance,
    };
    QmpYankArgs args = { .instances = &list };

    return GINT_TO_POINTER(qmp_yank(&ctx, &args, NULL));
}

/* Out of band: the main loop is in something else, with the BQL. */
static bool yank(Side *side)
{
    GThread *thread;
    bool ok;

    bql_lock(side->vm);
    thread = g_thread_new("yank", yank_thread, side);
    ok = GPOINTER_TO_INT(g_thread_join(thread));
    bql_unlock(side->vm);
    return ok;
}

static bool can_be_yanked(Side *side)
{
    QmpContext ctx = { .vm = side->vm };
    YankInstanceList *list = NULL;
    bool is_there;

    g_assert_true(qmp_query_yank(&ctx, &list, NULL));
    is_there = list != NULL;
    g_assert_true(!list || list->value->type == YANK_INSTANCE_TYPE_MIGRATION);
    qapi_free_YankInstanceList(list);
    return is_there;
}

static void test_source_yank(void)
{
    Pair *p = hung_source();

    g_assert_true(can_be_yanked(&p->src));
    g_assert_true(yank(&p->src));
    side_wait(&p->src);
    /* The EOF record is out: yank cuts off whatever the answer would be. */
    side_check(&p->src, "failed", false, "sending device state: ");
    g_assert_false(can_be_yanked(&p->src));
    g_assert_false(yank(&p->src));
    side_wait(&p->dst);
    pair_free(p);
}

/* A destination that is stuck in the middle of a device. */
static Pair *hung_destination(void)
{
    g_autoptr(GArray) ends = record_ends();
    uint64_t start = g_array_index(ends, uint64_t, ends->len - 2);
    Pair *p = pair_new();

    /* Behind the section's head. */
    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_READ, start + 40,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->dst.gate, CHANNEL_GATE_READ,
                                            PAIR_WAIT_MS));
    g_assert_cmpint(status_now(&p->dst), ==, MIGRATION_STATUS_ACTIVE);
    return p;
}

static void test_destination_goes_on(void)
{
    Pair *p = hung_destination();
    unsigned done = 0;

    request_all(&p->dst, &done);
    g_assert_cmpuint(done, ==, 0);
    channel_gate_release(p->dst.gate, CHANNEL_GATE_READ);
    side_wait(&p->dst);
    side_wait(&p->src);
    check_success(p);
    run_main_loop();
    g_assert_cmpuint(done, ==, 2);
    pair_free(p);
}

static void test_destination_yank(void)
{
    Pair *p = hung_destination();

    g_assert_true(can_be_yanked(&p->dst));
    g_assert_true(yank(&p->dst));
    side_wait(&p->dst);
    /* What had arrived may still be loaded. */
    side_check(&p->dst, "failed", false, "");
    g_assert_false(can_be_yanked(&p->dst));
    side_wait(&p->src);
    side_check(&p->src, "failed", false, "the outcome is unknown");
    pair_free(p);
}

static void test_destination_cancel(void)
{
    Pair *p = hung_destination();

    side_cancel(&p->src);
    channel_gate_release(p->dst.gate, CHANNEL_GATE_READ);
    side_wait(&p->src);
    side_check(&p->src, "cancelled", true, NULL);
    side_wait(&p->dst);
    side_check(&p->dst, "failed", false, "");
    pair_free(p);
}

static void test_destination_quit(void)
{
    Pair *p = hung_destination();

    migration_shutdown(p->dst.vm);
    g_assert_true(side_idle(&p->dst));
    side_wait(&p->src);
    side_check(&p->src, "failed", true,
               "the destination refused the migration: it was told to quit");
    pair_free(p);
}

static gboolean too_late(void *opaque)
{
    g_error("the end of the process waits for the source");
    return G_SOURCE_REMOVE;
}

/* A source that reads no answer: a PONG, or the last one, cannot be sent. */
static void test_destination_quit_unread(void)
{
    static const uint64_t offsets[] = { 0, 8 };

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        guint id = g_timeout_add(PAIR_WAIT_MS, too_late, NULL);
        Pair *p = pair_new();

        channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_WRITE, offsets[i],
                             CHANNEL_GATE_WAIT);
        pair_start(p);
        g_assert_true(channel_gate_wait_arrived(
            p->dst.gate, CHANNEL_GATE_WRITE, PAIR_WAIT_MS));
        migration_shutdown(p->dst.vm);
        g_assert_true(side_idle(&p->dst));
        g_source_remove(id);
        side_wait(&p->src);
        pair_free(p);
    }
}

static int64_t passes(Side *side)
{
    int64_t n;

    bql_lock(side->vm);
    n = (int64_t)qatomic_read(
        &side->vm->migration->counters.dirty_sync_count);
    bql_unlock(side->vm);
    return n;
}

/* Pages that were sent up to a stop of the guest. */
typedef struct AtStop {
    Side *side;
    uint64_t pages;
} AtStop;

static uint64_t sent_pages(Side *side)
{
    const MigrationCounters *counters = &side->vm->migration->counters;

    return qatomic_read(&counters->normal_pages) +
           qatomic_read(&counters->zero_pages);
}

static void count_at_stop(void *opaque, bool running, RunState state)
{
    AtStop *at_stop = opaque;

    if (!running) {
        at_stop->pages = sent_pages(at_stop->side);
    }
}

/*
 * The guest does not stop for a destination that has not said a word; what it
 * writes meanwhile goes before it stops.
 */
static void test_destination_late(void)
{
    const MigrationParameters params = {
        .has_downtime_limit = true, .downtime_limit = 0,
    };
    Pair *p = pair_new();
    AtStop at_stop = { .side = &p->src };
    int64_t before;

    pair_set_parameters(p, &params);
    bql_lock(p->src.vm);
    vm_add_change_state_handler(p->src.vm, count_at_stop, &at_stop);
    bql_unlock(p->src.vm);
    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_WRITE, 0,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->dst.gate, CHANNEL_GATE_WRITE,
                                            PAIR_WAIT_MS));
    /* All is sent, and it looks again what is dirty, more than once. */
    before = passes(&p->src);
    while (passes(&p->src) < before + 3) {
        g_main_context_iteration(NULL, FALSE);
        g_thread_yield();
    }
    side_check(&p->src, "active", true, NULL);
    p->src.ram->host[0]++;
    ram_block_mark_dirty(p->src.ram, 0, 1);
    channel_gate_release(p->dst.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    g_assert_cmpuint(at_stop.pages, ==, sent_pages(&p->src));
    pair_free(p);
}

/* What the guest does last, and what comes of it. */
typedef struct LastRequest {
    Side *side;
    void (*ask)(VM *vm);
    unsigned stops;
    unsigned served;
    bool ran; /* when it was served */
} LastRequest;

static void ask_reset(VM *vm)
{
    vm_request_reset(vm, SHUTDOWN_CAUSE_GUEST_RESET);
}

static void ask_shutdown(VM *vm)
{
    vm_request_shutdown(vm, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
}

static void ask_when_stopped(void *opaque, bool running, RunState state)
{
    LastRequest *last = opaque;

    if (!running && last->stops++ == 0) {
        last->ask(last->side->vm);
    }
}

static void serve(void *opaque)
{
    LastRequest *last = opaque;

    last->served++;
    last->ran = runstate_is_running(last->side->vm);
    last->side->ram->host[0] = 0x77;
    ram_block_mark_dirty(last->side->ram, 0, 1);
}

static Pair *last_request(LastRequest *last, void (*ask)(VM *vm))
{
    Pair *p = pair_new();

    *last = (LastRequest) { .side = &p->src, .ask = ask };
    bql_lock(p->src.vm);
    vm_add_change_state_handler(p->src.vm, ask_when_stopped, last);
    vm_add_reset_handler(p->src.vm, serve, last);
    vm_add_powerdown_handler(p->src.vm, serve, last);
    bql_unlock(p->src.vm);
    pair_start(p);
    side_wait(&p->src);
    return p;
}

/* Asked for while the guest is being stopped: happens, and moves with it. */
static void test_last_request(void)
{
    void (*const asks[])(VM *) = { ask_reset, vm_request_powerdown };
    LastRequest last;

    for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
        Pair *p = last_request(&last, asks[i]);

        side_wait(&p->dst);
        g_test_message("%s", p->src.events->str);
        g_assert_cmpuint(last.served, ==, 1);
        g_assert_true(last.ran);
        g_assert_cmpuint(last.stops, ==, 2);
        check_success(p);
        g_assert_cmpuint(p->dst.ram->host[0], ==, 0x77);
        pair_free(p);
    }
}

/* There is no guest to move any more. */
static void test_last_shutdown(void)
{
    LastRequest last;
    Pair *p = last_request(&last, ask_shutdown);

    side_wait(&p->dst);
    side_check(&p->src, "failed", true, "shut down");
    side_check(&p->dst, "failed", false, "");
    pair_free(p);
}

static void check_text(Side *side, bool running, const char *const *wanted)
{
    MigrationInfo *info;
    bool found = false;

    bql_lock(side->vm);
    info = migration_info_new(side->vm);
    g_assert_cmpint(info->status, ==, MIGRATION_STATUS_FAILED);
    g_assert_cmpint(runstate_is_running(side->vm), ==, running);
    bql_unlock(side->vm);
    g_assert_nonnull(info->error_desc);
    g_test_message("  %s", info->error_desc);
    for (; *wanted && !found; wanted++) {
        found = strstr(info->error_desc, *wanted);
    }
    g_assert_true(found);
    qapi_free_MigrationInfo(info);
}

static void fault_at(uint64_t offset, bool writing)
{
    static const char *const phases[] = {
        "setup: ", "sending memory: ", "stopping the guest: ",
        "sending device state: ", "waiting for the destination: ", NULL,
    };
    static const char *const places[] = { " at offset ", "return path: ",
                                          "the source hung up", NULL };
    Pair *p = pair_new();

    g_test_message("%s fails at %" PRIu64, writing ? "write" : "read", offset);
    channel_gate_stop_at(writing ? p->src.gate : p->dst.gate,
                         writing ? CHANNEL_GATE_WRITE : CHANNEL_GATE_READ,
                         offset, CHANNEL_GATE_FAIL);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_text(&p->src, true, phases);
    check_text(&p->dst, false, places);
    pair_free(p);
}

static void test_boundaries(void)
{
    g_autoptr(GArray) ends = record_ends();

    for (guint i = 0; i < ends->len; i++) {
        uint64_t at = g_array_index(ends, uint64_t, i);

        for (int writing = 0; writing <= 1; writing++) {
            fault_at(at - 1, writing);
            fault_at(at, writing);
            if (writing || i + 1 < ends->len) {
                fault_at(at + 1, writing); /* or the EOF has been read */
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/hang/source/cancel", test_source_cancel);
    g_test_add_func("/hang/source/stop", test_source_stop);
    g_test_add_func("/hang/source/goes-on", test_source_goes_on);
    g_test_add_func("/hang/source/write", test_source_write);
    g_test_add_func("/hang/destination/write", test_destination_write);
    g_test_add_func("/hang/source/yank", test_source_yank);
    g_test_add_func("/hang/destination/goes-on", test_destination_goes_on);
    g_test_add_func("/hang/destination/yank", test_destination_yank);
    g_test_add_func("/hang/destination/cancel", test_destination_cancel);
    g_test_add_func("/hang/destination/quit", test_destination_quit);
    g_test_add_func("/hang/destination/quit-unread",
                    test_destination_quit_unread);
    g_test_add_func("/hang/destination/late", test_destination_late);
    g_test_add_func("/hang/source/last-request", test_last_request);
    g_test_add_func("/hang/source/last-shutdown", test_last_shutdown);
    g_test_add_func("/hang/boundaries", test_boundaries);
    return g_test_run();
}
