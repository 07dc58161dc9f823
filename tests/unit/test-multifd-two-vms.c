/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two VMs in this process migrate over several channels: each method and zero
 * mode while the guest writes; cancels and faults at chosen octets of any
 * channel; sync modes that differ. After each, one guest runs, its memory is
 * whole, and neither a thread nor a descriptor is left.
 */
#include "qemu/osdep.h"

#include <signal.h>
#include <sys/mman.h>

#include "migration-pair.h"
#include "migration/misc.h"
#include "migration/stream-format.h"
#include "process-count.h"
#include "system/globals.h"
#include "system/runstate.h"

#define CHANNELS 3
#define INIT_BYTES sizeof(StreamMultiFDInit)
#define PACKET_BYTES sizeof(StreamMultiFDPacket)
#define PAGES (PAIR_RAM_BYTES / TARGET_PAGE_SIZE)
/* Parts of memory without contents, which end jobs: all channels get some. */
#define PART_PAGES 64
#define HOLE_PAGES 16

static void make_holes(RAMBlock *ram)
{
    madvise(ram->host, PAIR_RAM_BYTES, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < PAGES; i += PART_PAGES) {
        g_assert_cmpint(madvise(ram->host + i * TARGET_PAGE_SIZE,
                                HOLE_PAGES * TARGET_PAGE_SIZE, MADV_DONTNEED),
                        ==, 0);
    }
}

static Pair *multifd_pair_new(unsigned channels)
{
    Pair *p = pair_new();

    pair_use_multifd(p, channels);
    make_holes(p->src.ram);
    return p;
}

static void wait_both(Pair *p)
{
    side_wait(&p->src);
    side_wait(&p->dst);
}

/* The other side's mode is not asked for. */
static void sync_each_section(Side *side, const char *value)
{
    bql_lock(side->vm);
    globals_add_user(side->vm, "migration", "multifd-flush-after-each-section",
                     value);
    g_assert_true(migration_apply_globals(side->vm, NULL));
    bql_unlock(side->vm);
}

/* --- A guest that writes -------------------------------------------------- */

typedef struct Guest {
    RAMBlock *ram;
    GThread *thread;
    GMutex lock;
    bool running; /* [lock: lock] */
    bool end;     /* [atomic] */
} Guest;

/* As a guest does it: whoever looks for races must not look at this. */
static void guest_store(uint8_t *at, uint8_t value)
{
#if defined(__x86_64__)
    asm volatile("movb %1, (%0)" : : "r"(at), "q"(value) : "memory");
#else
    qatomic_set_relaxed(at, value);
#endif
}

static void *guest_thread(void *opaque)
{
    Guest *g = opaque;
    GRand *rand = g_rand_new_with_seed(1);

    while (!qatomic_read(&g->end)) {
        uint64_t offset = (uint64_t)g_rand_int_range(rand, 0, PAIR_RAM_BYTES);

        g_mutex_lock(&g->lock);
        if (g->running) {
            /* Zeros, too: pages lose their contents. */
            if (g_rand_int_range(rand, 0, 4) == 0) {
                uint64_t page = ROUND_DOWN(offset, TARGET_PAGE_SIZE);

                for (uint64_t i = 0; i < TARGET_PAGE_SIZE; i++) {
                    guest_store(g->ram->host + page + i, 0);
                }
            } else {
                guest_store(g->ram->host + offset,
                            (uint8_t)g_rand_int(rand));
            }
            ram_block_mark_dirty(g->ram, offset, 1);
        }
        g_mutex_unlock(&g->lock);
        g_thread_yield();
    }
    g_rand_free(rand);
    return NULL;
}

static void guest_changes_state(void *opaque, bool running, RunState state)
{
    Guest *g = opaque;

    g_mutex_lock(&g->lock);
    g->running = running;
    g_mutex_unlock(&g->lock);
}

static void guest_start(Guest *g, Side *side)
{
    g->ram = side->ram;
    g->end = false;
    g->running = true;
    g_mutex_init(&g->lock);
    bql_lock(side->vm);
    vm_add_change_state_handler(side->vm, guest_changes_state, g);
    bql_unlock(side->vm);
    g->thread = g_thread_new("guest", guest_thread, g);
}

static void guest_end(Guest *g)
{
    qatomic_set(&g->end, true);
    g_thread_join(g->thread);
}

static int64_t rounds(Side *side)
{
    MigrationInfo *info;
    int64_t n;

    bql_lock(side->vm);
    info = migration_info_new(side->vm);
    n = info->ram ? info->ram->dirty_sync_count : 0;
    bql_unlock(side->vm);
    qapi_free_MigrationInfo(info);
    return n;
}

/* --- Success -------------------------------------------------------------- */

static void check_counters(Pair *p, ZeroPageDetection zero)
{
    MigrationInfo *info;

    bql_lock(p->src.vm);
    info = migration_info_new(p->src.vm);
    g_assert_cmpint(info->ram->multifd_bytes, >, 0);
    g_assert_cmpint(info->ram->multifd_bytes, <=, info->ram->transferred);
    g_assert_cmpint(info->ram->normal + info->ram->duplicate, >=, PAGES);
    if (zero == ZERO_PAGE_DETECTION_NONE) {
        g_assert_cmpint(info->ram->duplicate, ==, 0);
    } else {
        g_assert_cmpint(info->ram->duplicate, >, 0);
    }
    bql_unlock(p->src.vm);
    qapi_free_MigrationInfo(info);
}

/* The guest writes, for some rounds longer than the source would need. */
static void migrate(MultiFDCompression method, ZeroPageDetection zero,
                    bool each_section)
{
    MigrationParameters params = {
        .has_multifd_compression = true, .multifd_compression = method,
        .has_zero_page_detection = true, .zero_page_detection = zero,
        .has_max_bandwidth = true, .max_bandwidth = 0,
        .has_downtime_limit = true, .downtime_limit = 0,
    };
    Pair *p = multifd_pair_new(CHANNELS);
    Guest guest;

    g_test_message("%s, %s, %s", MultiFDCompression_str(method),
                   ZeroPageDetection_str(zero),
                   each_section ? "each section" : "each round");
    pair_set_parameters(p, &params);
    sync_each_section(&p->src, each_section ? "on" : "off");
    sync_each_section(&p->dst, each_section ? "on" : "off");
    guest_start(&guest, &p->src);
    pair_start(p);
    while (rounds(&p->src) < 4 && !side_idle(&p->src)) {
        g_main_context_iteration(NULL, FALSE);
        g_thread_yield();
    }
    params = (MigrationParameters) {
        .has_downtime_limit = true, .downtime_limit = 1000,
    };
    pair_set_parameters(p, &params);
    wait_both(p);
    guest_end(&guest);
    check_success(p);
    check_counters(p, zero);
    pair_free(p);
    g_mutex_clear(&guest.lock);
}

static void test_table(void)
{
    ProcessCount before = process_count();

    for (int method = 0; method <= MULTI_FD_COMPRESSION_ZSTD; method++) {
        for (int zero = 0; zero < ZERO_PAGE_DETECTION__MAX; zero++) {
            for (int each_section = 0; each_section < 2; each_section++) {
                migrate(method, zero, each_section);
                process_count_check(before);
            }
        }
    }
}

/* Numbers of channels, also more than there are pages to send for. */
static void test_channels(void)
{
    static const unsigned numbers[] = { 1, 2, 16, 255 };
    ProcessCount before = process_count();

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        Pair *p = multifd_pair_new(numbers[i]);

        pair_start(p);
        wait_both(p);
        check_success(p);
        pair_free(p);
        process_count_check(before);
    }
}

/* 200 in a row, the channels in another order each time. */
static void test_repeat(void)
{
    ProcessCount before = process_count();
    GRand *rand = g_rand_new_with_seed(2);

    for (unsigned turn = 0; turn < 200; turn++) {
        Pair *p = multifd_pair_new(4);

        for (unsigned i = 3; i; i--) {
            unsigned j = (unsigned)g_rand_int_range(rand, 0, (gint32)i + 1);
            QIOChannel *ioc = p->dst.channels[i];

            p->dst.channels[i] = p->dst.channels[j];
            p->dst.channels[j] = ioc;
        }
        /* The main one between them. */
        if (turn % 2) {
            QIOChannel *ioc = p->dst.channels[turn / 2 % 4];

            p->dst.channels[turn / 2 % 4] = p->dst.gate;
            p->dst.gate = ioc;
        }
        pair_start(p);
        wait_both(p);
        check_success(p);
        pair_free(p);
        if (turn % 20 == 0) {
            process_count_check(before);
        }
    }
    process_count_check(before);
    g_rand_free(rand);
}

/* --- Octets to stop at ---------------------------------------------------- */

/* What passed the gates of a whole migration, or of main's if @i is n. */
typedef struct Lengths {
    uint64_t main;
    uint64_t channel[CHANNELS];
} Lengths;

static QIOChannel *gate_of(Side *side, unsigned i)
{
    return i < CHANNELS ? side->channels[i] : side->gate;
}

static Lengths measure(void)
{
    Pair *p = multifd_pair_new(CHANNELS);
    Lengths l;

    pair_start(p);
    wait_both(p);
    check_success(p);
    l.main = channel_gate_offset(p->src.gate, CHANNEL_GATE_WRITE);
    for (unsigned i = 0; i < CHANNELS; i++) {
        l.channel[i] = channel_gate_offset(p->src.channels[i],
                                           CHANNEL_GATE_WRITE);
        /* The greeting, a SYNC, something, and a SYNC. */
        g_assert_cmpuint(l.channel[i], >=, INIT_BYTES + 3 * PACKET_BYTES);
    }
    pair_free(p);
    return l;
}

/* On a channel of multifd, as far as all will surely get. */
static const uint64_t channel_stops[] = {
    0, 1, INIT_BYTES - 1, INIT_BYTES, INIT_BYTES + 1,
    INIT_BYTES + PACKET_BYTES - 1, INIT_BYTES + PACKET_BYTES,
    INIT_BYTES + PACKET_BYTES + 320, INIT_BYTES + 2 * PACKET_BYTES,
    INIT_BYTES + 3 * PACKET_BYTES - 1,
};

static bool wait_arrived(Side *side, unsigned i, ChannelGateSide way)
{
    gint64 end = g_get_monotonic_time() + PAIR_WAIT_MS * 1000LL;

    while (!channel_gate_wait_arrived(gate_of(side, i), way, 0)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_main_context_iteration(NULL, FALSE);
        g_thread_yield();
    }
    return true;
}

/* --- Cancel --------------------------------------------------------------- */

static bool runs(Side *side)
{
    bool running;

    bql_lock(side->vm);
    running = runstate_is_running(side->vm);
    bql_unlock(side->vm);
    return running;
}

/* One side is held at an octet of channel @i, of main if that is CHANNELS. */
static void cancel_at(bool at_source, unsigned i, uint64_t offset)
{
    ChannelGateSide way = at_source ? CHANNEL_GATE_WRITE : CHANNEL_GATE_READ;
    Pair *p = multifd_pair_new(CHANNELS);
    Side *held = at_source ? &p->src : &p->dst;

    g_test_message("%s, channel %u, octet %" PRIu64,
                   at_source ? "source" : "destination", i, offset);
    p->src.vm->migration->answer_wait_ms = 100;
    channel_gate_stop_at(gate_of(held, i), way, offset, CHANNEL_GATE_WAIT);
    pair_start(p);
    wait_arrived(held, i, way);
    side_cancel(&p->src);
    side_wait(&p->src);
    if (!at_source && i < CHANNELS && offset >= INIT_BYTES + PACKET_BYTES &&
        !runs(&p->src)) {
        /* The rest fitted into the sockets: too late for a cancel. */
        side_check(&p->src, "failed", false, "the outcome is unknown");
        channel_gate_release(gate_of(held, i), way);
        side_wait(&p->dst);
        pair_free(p);
        return;
    }
    side_check(&p->src, "cancelled", true, NULL);
    channel_gate_release(gate_of(held, i), way);
    if (at_source && i == CHANNELS && offset < 4) {
        /* A main channel that was none: the destination goes on waiting. */
        g_assert_false(side_idle(&p->dst));
    } else {
        side_wait(&p->dst);
        side_check(&p->dst, "failed", false, "");
    }
    pair_free(p);
}

static void test_cancel(void)
{
    ProcessCount before = process_count();
    Lengths l = measure();
    /* Up to the first marker a destination keeps the source waiting. */
    const uint64_t main_stops[] = {
        0, 3, 4, 20, 60, l.main / 3, l.main / 2, l.main * 2 / 3,
    };
    const size_t n_target_stops = 5;

    for (int at_source = 0; at_source < 2; at_source++) {
        for (unsigned i = 0; i < CHANNELS; i++) {
            for (size_t j = 0; j < ARRAY_SIZE(channel_stops); j++) {
                cancel_at(at_source, i, channel_stops[j]);
            }
        }
        for (size_t j = 0; j < (at_source ? ARRAY_SIZE(main_stops)
                                          : n_target_stops); j++) {
            cancel_at(at_source, CHANNELS, main_stops[j]);
        }
        process_count_check(before);
    }
}

/* --- Faults --------------------------------------------------------------- */

typedef struct Fault {
    Pair *p;
    bool at_source;
    unsigned channel;
    uint64_t offset;
} Fault;

/* A pair that will fail there; it runs. */
static Fault *fault_start(bool at_source, unsigned i, uint64_t offset,
                          ChannelGateAction action)
{
    Fault *fault = g_new(Fault, 1);
    Pair *p = multifd_pair_new(CHANNELS);
    Side *side = at_source ? &p->src : &p->dst;

    *fault = (Fault) { p, at_source, i, offset };
    channel_gate_stop_at(gate_of(side, i),
                         at_source ? CHANNEL_GATE_WRITE : CHANNEL_GATE_READ,
                         offset, action);
    pair_start(p);
    /* Nobody else holds what the destination gives up. */
    for (unsigned j = 0; j < CHANNELS; j++) {
        qio_channel_unref(p->dst.channels[j]);
        p->dst.channels[j] = NULL;
    }
    return fault;
}

/* Who met the fault names the channel; a stranger's greeting has no name. */
static void fault_end(void *opaque)
{
    Fault *fault = opaque;
    Pair *p = fault->p;
    g_autofree char *name = g_strdup_printf("multifd channel %u%s",
                                            fault->channel,
                                            fault->at_source ? ":" : ", packet");

    wait_both(p);
    side_check(&p->src, "failed", true, fault->at_source ? name : "");
    side_check(&p->dst, "failed", false,
               fault->at_source || fault->offset < INIT_BYTES ? "" : name);
    pair_free(p);
    g_free(fault);
}

/* Between packets, the end of a channel is no fault of its own. */
static bool within_packet(uint64_t offset)
{
    return offset < INIT_BYTES || (offset - INIT_BYTES) % PACKET_BYTES;
}

/* Sources wait a while for the other side's reason: all wait together. */
static void test_faults(const void *opaque)
{
    bool at_source = GPOINTER_TO_INT(opaque);
    ProcessCount before = process_count();
    GPtrArray *faults = g_ptr_array_new_with_free_func(fault_end);

    for (unsigned i = 0; i < CHANNELS; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(channel_stops); j++) {
            uint64_t offset = channel_stops[j];

            g_ptr_array_add(faults, fault_start(at_source, i, offset,
                                                CHANNEL_GATE_FAIL));
            if (!at_source && within_packet(offset)) {
                g_ptr_array_add(faults, fault_start(false, i, offset,
                                                    CHANNEL_GATE_END));
            }
        }
    }
    g_ptr_array_unref(faults);
    process_count_check(before);
}

/*
 * A receiver dies at any packet of a whole migration: which channel gets how
 * much is nobody's plan, so that one may never get there.
 */
static void test_faults_deep(void)
{
    ProcessCount before = process_count();
    Lengths l = measure();
    unsigned n_failed = 0;

    for (unsigned i = 0; i < CHANNELS; i++) {
        for (uint64_t offset = INIT_BYTES + 2 * PACKET_BYTES;
             offset < l.channel[i]; offset += PACKET_BYTES * 16 - 1) {
            Pair *p = multifd_pair_new(CHANNELS);
            bool arrived;

            channel_gate_stop_at(p->dst.channels[i], CHANNEL_GATE_READ, offset,
                                 CHANNEL_GATE_FAIL);
            pair_start(p);
            wait_both(p);
            arrived = channel_gate_wait_arrived(p->dst.channels[i],
                                                CHANNEL_GATE_READ, 0);
            if (arrived) {
                side_check(&p->src, "failed", true, "");
                side_check(&p->dst, "failed", false, "gate at offset");
            } else {
                check_success(p);
            }
            n_failed += arrived;
            pair_free(p);
        }
    }
    g_assert_cmpuint(n_failed, >=, CHANNELS);
    process_count_check(before);
}

/* --- Sides that do not agree ---------------------------------------------- */

static void mismatch(const char *source, const char *target, const char *part)
{
    ProcessCount before = process_count();
    Pair *p = multifd_pair_new(2);

    sync_each_section(&p->src, source);
    sync_each_section(&p->dst, target);
    pair_start(p);
    wait_both(p);
    side_check(&p->dst, "failed", false, part);
    side_check(&p->dst, "failed", false, "multifd-flush-after-each-section");
    side_check(&p->src, "failed", true, "multifd-flush-after-each-section");
    pair_free(p);
    process_count_check(before);
}

static void test_mismatch(void)
{
    mismatch("on", "off", "in each section, but each round is expected");
    mismatch("off", "on", "in each round, but each section is expected");
}

/* The destination has another method than the source. */
static void test_mismatch_method(void)
{
    const MigrationParameters params = {
        .has_multifd_compression = true,
        .multifd_compression = MULTI_FD_COMPRESSION_ZSTD,
    };
    ProcessCount before = process_count();
    Pair *p = multifd_pair_new(2);
    QmpContext ctx = { .vm = p->dst.vm };

    bql_lock(p->dst.vm);
    g_assert_true(qmp_migrate_set_parameters(&ctx, &params, NULL));
    bql_unlock(p->dst.vm);
    pair_start(p);
    wait_both(p);
    side_check(&p->dst, "failed", false, "'multifd-compression' is 'zstd'");
    side_check(&p->src, "failed", true, "");
    pair_free(p);
    process_count_check(before);
}

/* More channels at the source than here: the surplus is refused by its id. */
static void test_mismatch_channels(void)
{
    const MigrationParameters params = {
        .has_multifd_channels = true, .multifd_channels = 2,
    };
    ProcessCount before = process_count();
    Pair *p = multifd_pair_new(3);
    QmpContext ctx = { .vm = p->dst.vm };
    QIOChannel *last = p->dst.channels[0];

    bql_lock(p->dst.vm);
    g_assert_true(qmp_migrate_set_parameters(&ctx, &params, NULL));
    bql_unlock(p->dst.vm);
    /* It would go unnoticed if all that are wanted came first. */
    p->dst.channels[0] = p->dst.channels[2];
    p->dst.channels[2] = last;
    channel_gate_stop_at(last, CHANNEL_GATE_READ, 0, CHANNEL_GATE_WAIT);
    pair_start(p);
    wait_both(p);
    side_check(&p->dst, "failed", false,
               "channel id is 2, but there are 2 channels");
    side_check(&p->src, "failed", true, "");
    pair_free(p);
    process_count_check(before);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/multifd-two-vms/table", test_table);
    g_test_add_func("/multifd-two-vms/channels", test_channels);
    g_test_add_func("/multifd-two-vms/repeat", test_repeat);
    g_test_add_func("/multifd-two-vms/cancel", test_cancel);
    g_test_add_data_func("/multifd-two-vms/fault/source",
                         GINT_TO_POINTER(true), test_faults);
    g_test_add_data_func("/multifd-two-vms/fault/destination",
                         GINT_TO_POINTER(false), test_faults);
    g_test_add_func("/multifd-two-vms/fault/deep", test_faults_deep);
    g_test_add_func("/multifd-two-vms/mismatch/flush", test_mismatch);
    g_test_add_func("/multifd-two-vms/mismatch/method", test_mismatch_method);
    g_test_add_func("/multifd-two-vms/mismatch/channels",
                    test_mismatch_channels);
    return g_test_run();
}
