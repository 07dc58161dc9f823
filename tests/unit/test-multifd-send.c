/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multifd's senders: what is on the wire after jobs and syncs, and failures
 * and ends at every step. The test is the migration thread.
 */
#include "qemu/osdep.h"

#include <signal.h>
#include <sys/mman.h>

#include "channel-gate.h"
#include "io/channel-socket.h"
#include "migration/multifd-send.h"
#include "stream-double.h"

#define PAGE ((uint64_t)TARGET_PAGE_SIZE)
#define BLOCK_PAGES (5 * MULTIFD_JOB_MAX_PAGES)
#define CHANNELS_MAX 8
#define WAIT_MS 20000

/* --- The wire ------------------------------------------------------------- */

typedef struct Packet {
    uint32_t flags;
    uint32_t normal, zero;
    uint32_t payload_bytes;
    uint64_t num;
    uint64_t offset[MULTIFD_PACKET_PAGES];
    const uint8_t *payload;
} Packet;

/* One channel; its other end is read all the time. */
typedef struct Wire {
    QIOChannel *gate, *peer;
    GThread *reader;
    GByteArray *octets;
    GArray *packets; /* of Packet; once all has ended */
} Wire;

typedef struct Source {
    TestVM *t;
    RAMBlock *ram, *other;
    MultiFDSend *m;
    unsigned n;
    Wire wires[CHANNELS_MAX];
    int waits; /* how many are still to come before the hook acts */
} Source;

static void *read_wire(void *opaque)
{
    Wire *wire = opaque;
    uint8_t buf[65536];
    ssize_t n;

    while ((n = qio_channel_read(wire->peer, buf, sizeof(buf), NULL)) > 0) {
        g_byte_array_append(wire->octets, buf, (guint)n);
    }
    return NULL;
}

/* With a method of a test's own, or NULL. Nothing runs yet. */
static Source *source_with(unsigned n, const MultiFDMethods *ops)
{
    Source *s = g_new0(Source, 1);
    QIOChannel *channels[CHANNELS_MAX];

    s->t = test_vm_new();
    s->ram = test_vm_add_block(s->t, "ram", BLOCK_PAGES * PAGE);
    s->other = test_vm_add_block(s->t, "other", BLOCK_PAGES * PAGE);
    memset(s->t->vm.uuid.data, 0x55, sizeof(s->t->vm.uuid.data));
    s->n = n;
    for (unsigned i = 0; i < n; i++) {
        Wire *wire = &s->wires[i];
        QIOChannel *inner;

        g_assert_true(qio_channel_pair_new(&inner, &wire->peer, NULL));
        wire->gate = channels[i] = channel_gate_new(inner);
        wire->octets = g_byte_array_new();
        wire->packets = g_array_new(false, true, sizeof(Packet));
        wire->reader = g_thread_new("reader", read_wire, wire);
    }
    if (ops) {
        multifd_register_ops(&s->t->multifd_methods, MULTI_FD_COMPRESSION_NONE,
                             ops);
    }
    s->m = multifd_send_new(&s->t->source, channels, n);
    g_assert_cmpuint(multifd_send_channels(s->m), ==, n);
    return s;
}

static Source *source_prepare(unsigned n)
{
    return source_with(n, NULL);
}

static Source *source_new(unsigned n)
{
    Source *s = source_prepare(n);

    g_assert_true(multifd_send_start(s->m, NULL));
    return s;
}

static void hold_all(Source *s, uint64_t offset)
{
    for (unsigned i = 0; i < s->n; i++) {
        channel_gate_stop_at(s->wires[i].gate, CHANNEL_GATE_WRITE, offset,
                             CHANNEL_GATE_WAIT);
    }
}

static void release_all(void *opaque)
{
    Source *s = opaque;

    for (unsigned i = 0; i < s->n; i++) {
        channel_gate_release(s->wires[i].gate, CHANNEL_GATE_WRITE);
    }
}

static void set_on_wait(Source *s, void (*fn)(void *opaque))
{
    s->t->on_wait = fn;
    s->t->on_wait_opaque = s;
}

static void wait_arrived(Source *s, unsigned i)
{
    g_assert_true(channel_gate_wait_arrived(
        s->wires[i].gate, CHANNEL_GATE_WRITE, WAIT_MS));
}

/* Takes apart what is there; a packet that is cut off at the end is left. */
static void wire_parse(Wire *wire, unsigned id)
{
    const uint8_t *at = wire->octets->data;
    const uint8_t *end = at + wire->octets->len;
    const uint8_t uuid[16] = { [0 ... 15] = 0x55 };
    StreamMultiFDInit init;
    StreamMultiFDPacket raw;

    if (wire->octets->len < sizeof(init)) {
        return;
    }
    memcpy(&init, at, sizeof(init));
    g_assert_cmpint(multifd_init_parse(&init, uuid, CHANNELS_MAX, NULL), ==,
                    id);
    for (at += sizeof(init); (size_t)(end - at) >= sizeof(raw);
         at += sizeof(raw)) {
        Packet p;

        memcpy(&raw, at, sizeof(raw));
        g_assert_cmpuint(GUINT32_FROM_BE(raw.magic), ==, MULTIFD_MAGIC);
        p.flags = GUINT32_FROM_BE(raw.flags);
        p.normal = GUINT32_FROM_BE(raw.normal_pages);
        p.zero = GUINT32_FROM_BE(raw.zero_pages);
        p.payload_bytes = GUINT32_FROM_BE(raw.next_packet_size);
        p.num = GUINT64_FROM_BE(raw.packet_num);
        p.payload = at + sizeof(raw);
        for (unsigned i = 0; i < MULTIFD_PACKET_PAGES; i++) {
            p.offset[i] = GUINT64_FROM_BE(raw.offset[i]);
        }
        if (p.payload_bytes > (size_t)(end - p.payload)) {
            return;
        }
        at += p.payload_bytes;
        g_array_append_val(wire->packets, p);
    }
}

/* Ends and joins; then the packets are there. */
static void source_end(Source *s)
{
    uint64_t bytes = multifd_send_bytes(s->m), on_wires = 0;

    multifd_send_terminate(s->m);
    multifd_send_free(s->m);
    for (unsigned i = 0; i < s->n; i++) {
        Wire *wire = &s->wires[i];

        /* Where a sender was stopped before it could say it. */
        qio_channel_shutdown(wire->gate, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
        g_thread_join(wire->reader);
        on_wires += wire->octets->len;
        wire_parse(wire, i);
    }
    g_assert_cmpuint(on_wires, >=, bytes);
}

static void source_free(Source *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        Wire *wire = &s->wires[i];

        g_assert_cmpint(qatomic_read(&wire->gate->ref), ==, 1);
        qio_channel_unref(wire->gate);
        qio_channel_unref(wire->peer);
        g_byte_array_unref(wire->octets);
        g_array_unref(wire->packets);
    }
    test_vm_free(s->t);
    g_free(s);
}

static Packet *packet(Source *s, unsigned channel, unsigned i)
{
    g_assert_cmpuint(i, <, s->wires[channel].packets->len);
    return &g_array_index(s->wires[channel].packets, Packet, i);
}

static unsigned packets(const Source *s, unsigned channel)
{
    return s->wires[channel].packets->len;
}

static bool queue(Source *s, uint64_t first, uint64_t pages, Error **errp)
{
    const MultiFDRun run = { first, pages };

    return multifd_queue_run(s->m, s->ram, &run, false, errp);
}

static void check_sync(const Packet *p)
{
    g_assert_cmphex(p->flags, ==, MULTIFD_FLAG_SYNC);
    g_assert_cmpuint(p->normal + p->zero, ==, 0);
    g_assert_cmpuint(p->payload_bytes, ==, 0);
}

/* --- Jobs and syncs ------------------------------------------------------- */

/*
 * Senders do not get to run; each gets a job, and then is asked for a sync.
 * The pages have to go out without the flag, and behind them a packet with the
 * flag and nothing else. One count of things to do, with flags set by who
 * asks, sends the flag with the pages and then an empty packet.
 */
static void test_job_then_sync(void)
{
    Source *s = source_prepare(3);

    hold_all(s, 0);
    g_assert_true(multifd_send_start(s->m, NULL));
    for (unsigned i = 0; i < 3; i++) {
        wait_arrived(s, i);
        g_assert_true(queue(s, 10 * i, 2, NULL));
        g_assert_true(multifd_send_flush(s->m, NULL));
    }
    for (unsigned i = 0; i < 3; i++) {
        g_assert_true(qatomic_load_acquire(
            &multifd_send_channel(s->m, i)->pending_job));
    }
    /* The first wait is behind all requests. */
    set_on_wait(s, release_all);
    g_assert_true(multifd_send_sync(s->m, NULL));
    source_end(s);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(packets(s, i), ==, 2);
        g_assert_cmphex(packet(s, i, 0)->flags, ==, MULTIFD_FLAG_NOCOMP);
        g_assert_cmpuint(packet(s, i, 0)->normal, ==, 2);
        g_assert_cmpuint(packet(s, i, 0)->payload_bytes, ==, 2 * PAGE);
        check_sync(packet(s, i, 1));
    }
    source_free(s);
}

/* A sender without a job is asked as well, and pages that wait go first. */
static void test_sync_flushes(void)
{
    Source *s = source_new(2);

    g_assert_true(multifd_send_sync(s->m, NULL)); /* nothing at all */
    g_assert_true(queue(s, 0, 1, NULL));
    g_assert_cmpuint(multifd_send_queued_bytes(s->m), ==, PAGE);
    g_assert_true(multifd_send_sync(s->m, NULL));
    g_assert_cmpuint(multifd_send_queued_bytes(s->m), ==, 0);
    source_end(s);
    g_assert_cmpuint(packets(s, 0) + packets(s, 1), ==, 5);
    for (unsigned i = 0; i < 2; i++) {
        bool has_page = packets(s, i) == 3;

        check_sync(packet(s, i, 0));
        g_assert_cmpuint(packet(s, i, 1)->normal, ==, has_page);
        check_sync(packet(s, i, packets(s, i) - 1));
    }
    source_free(s);
}

/*
 * Rounds of jobs of any size: between two SYNCs a channel carries pages of
 * that round, and all channels together each of them once.
 */
static void test_many(void)
{
    enum { ROUNDS = 100 };
    Source *s = source_new(4);
    GRand *rand = g_rand_new_with_seed(3);
    g_autofree uint8_t *wanted = g_malloc0(ROUNDS * BLOCK_PAGES);
    g_autoptr(GHashTable) nums = g_hash_table_new(NULL, NULL);
    uint64_t total = 0, normal = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t page = 0;
        unsigned runs = (unsigned)g_rand_int_range(rand, 0, 60);

        for (unsigned i = 0; i < runs && page < BLOCK_PAGES - 40; i++) {
            uint64_t n = (uint64_t)g_rand_int_range(rand, 1, 40);

            g_assert_true(queue(s, page, n, NULL));
            memset(wanted + round * BLOCK_PAGES + page, 1, n);
            page += n + (uint64_t)g_rand_int_range(rand, 0, 50);
            total += n;
            if (g_rand_int_range(rand, 0, 20) == 0) {
                g_assert_true(multifd_send_wait_idle(s->m, NULL));
                g_assert_cmpuint(multifd_send_queued_bytes(s->m), ==, 0);
            }
        }
        g_assert_true(multifd_send_sync(s->m, NULL));
    }
    g_assert_cmpuint(s->t->source.counters.normal_pages, ==, total);
    g_assert_cmpuint(s->t->source.counters.zero_pages, ==, 0);
    for (unsigned i = 0; i < s->n; i++) {
        normal += qatomic_read(&multifd_send_channel(s->m, i)->sent.normal_pages);
    }
    g_assert_cmpuint(normal, ==, total);
    source_end(s);
    for (unsigned c = 0; c < s->n; c++) {
        unsigned round = 0;

        for (unsigned i = 0; i < packets(s, c); i++) {
            const Packet *p = packet(s, c, i);

            g_assert_true(g_hash_table_add(nums, GUINT_TO_POINTER(p->num)));
            if (p->flags) {
                check_sync(p);
                round++;
                continue;
            }
            g_assert_cmpuint(p->payload_bytes, ==, p->normal * PAGE);
            for (unsigned j = 0; j < p->normal; j++) {
                uint8_t *page = wanted + round * BLOCK_PAGES +
                                p->offset[j] / PAGE;

                g_assert_cmpuint(*page, ==, 1);
                *page = 0;
            }
        }
        g_assert_cmpuint(round, ==, ROUNDS);
    }
    for (size_t i = 0; i < ROUNDS * BLOCK_PAGES; i++) {
        g_assert_cmpuint(wanted[i], ==, 0);
    }
    /* One numbering for all channels, from 0, without holes. */
    g_assert_true(g_hash_table_contains(nums, GUINT_TO_POINTER(0)));
    g_assert_true(g_hash_table_contains(
        nums, GUINT_TO_POINTER(g_hash_table_size(nums) - 1)));
    g_rand_free(rand);
    source_free(s);
}

/* --- Packets of a job ----------------------------------------------------- */

/* A job of runs becomes packets that are full, but for the last. */
static void test_cut(void)
{
    static const MultiFDRun runs[] = { { 3, 100 }, { 200, 60 }, { 900, 200 } };
    Source *s = source_new(1);
    unsigned at = 0;

    for (unsigned i = 0; i < BLOCK_PAGES; i++) {
        s->ram->host[i * PAGE] = (uint8_t)(i % 251);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(runs); i++) {
        g_assert_true(queue(s, runs[i].first_page, runs[i].pages, NULL));
    }
    g_assert_true(multifd_send_wait_idle(s->m, NULL));
    source_end(s);
    g_assert_cmpuint(packets(s, 0), ==, 3);
    g_assert_cmpuint(packet(s, 0, 0)->normal, ==, 128);
    g_assert_cmpuint(packet(s, 0, 1)->normal, ==, 128);
    g_assert_cmpuint(packet(s, 0, 2)->normal, ==, 104);
    for (unsigned i = 0; i < ARRAY_SIZE(runs); i++) {
        for (uint64_t j = 0; j < runs[i].pages; j++, at++) {
            const Packet *p = packet(s, 0, at / 128);
            uint64_t page = runs[i].first_page + j;

            g_assert_cmpuint(p->offset[at % 128], ==, page * PAGE);
            g_assert_cmpuint(p->payload[at % 128 * PAGE], ==, page % 251);
        }
    }
    source_free(s);
}

/* A long run is spread; pages far apart end a job by their number. */
static void test_spread(void)
{
    const uint64_t far = 2 * MULTIFD_JOB_MAX_PAGES;
    Source *s = source_new(3);

    hold_all(s, sizeof(StreamMultiFDInit));
    g_assert_true(queue(s, 0, 2 * MULTIFD_JOB_MAX_PAGES, NULL));
    for (uint64_t i = 0; i < MULTIFD_JOB_RUNS; i++) {
        g_assert_true(queue(s, far + 2 * i, 1, NULL));
    }
    g_assert_cmpuint(multifd_send_queued_bytes(s->m), ==,
                     (2 * MULTIFD_JOB_MAX_PAGES + MULTIFD_JOB_RUNS) * PAGE);
    /* The next one needs a free channel. */
    set_on_wait(s, release_all);
    g_assert_true(queue(s, far + 1000, 1, NULL));
    g_assert_true(multifd_send_sync(s->m, NULL));
    source_end(s);
    g_assert_cmpuint(packet(s, 0, 0)->offset[0], ==, 0);
    g_assert_cmpuint(packet(s, 0, 3)->offset[127], ==, 511 * PAGE);
    g_assert_cmpuint(packet(s, 1, 0)->offset[0], ==,
                     MULTIFD_JOB_MAX_PAGES * PAGE);
    g_assert_cmpuint(packet(s, 2, 0)->offset[0], ==, far * PAGE);
    g_assert_cmpuint(packet(s, 2, 0)->offset[127], ==,
                     (far + 254) * PAGE);
    source_free(s);
}

/* A packet is of one block: another one begins a job. */
static void test_blocks(void)
{
    const MultiFDRun run = { 5, 1 };
    Source *s = source_new(1);

    g_assert_true(multifd_queue_run(s->m, s->ram, &run, false, NULL));
    g_assert_true(multifd_queue_run(s->m, s->other, &run, false, NULL));
    g_assert_true(multifd_queue_run(s->m, s->ram, &run, true, NULL));
    g_assert_true(multifd_send_wait_idle(s->m, NULL));
    source_end(s);
    g_assert_cmpuint(packets(s, 0), ==, 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(packet(s, 0, i)->normal, ==, i < 2);
        g_assert_cmpuint(packet(s, 0, i)->zero, ==, i == 2);
        g_assert_cmpuint(packet(s, 0, i)->offset[0], ==, 5 * PAGE);
    }
    source_free(s);
}

/* Pages known to be zero are not looked at, in any mode. */
static void test_known_zero(void)
{
    for (int mode = 0; mode < ZERO_PAGE_DETECTION__MAX; mode++) {
        const MultiFDRun run = { 0, BLOCK_PAGES };
        Source *s = source_new(2);
        uint64_t zeros = 0;

        s->t->source.config.zero_page_detection = mode;
        g_assert_cmpint(mprotect(s->ram->host, BLOCK_PAGES * PAGE, PROT_NONE),
                        ==, 0);
        g_assert_true(multifd_queue_run(s->m, s->ram, &run, true, NULL));
        /* Their offsets are all that there is to send. */
        g_assert_cmpuint(multifd_send_queued_bytes(s->m), ==, 8 * BLOCK_PAGES);
        g_assert_true(multifd_send_sync(s->m, NULL));
        g_assert_cmpuint(multifd_send_queued_bytes(s->m), ==, 0);
        g_assert_cmpuint(s->t->source.counters.zero_pages, ==, BLOCK_PAGES);
        source_end(s);
        for (unsigned c = 0; c < 2; c++) {
            for (unsigned i = 0; i < packets(s, c); i++) {
                g_assert_cmpuint(packet(s, c, i)->normal, ==, 0);
                g_assert_cmpuint(packet(s, c, i)->payload_bytes, ==, 0);
                zeros += packet(s, c, i)->zero;
            }
        }
        g_assert_cmpuint(zeros, ==, BLOCK_PAGES);
        source_free(s);
    }
}

/* Zero pages are looked for in the mode that says so, and in no other. */
static void test_zero_modes(void)
{
    for (int mode = 0; mode < ZERO_PAGE_DETECTION__MAX; mode++) {
        bool finds = mode == ZERO_PAGE_DETECTION_MULTIFD;
        Source *s = source_new(1);

        s->t->source.config.zero_page_detection = mode;
        s->ram->host[1 * PAGE + 4095] = 1;
        s->ram->host[3 * PAGE] = 2;
        g_assert_true(queue(s, 0, 4, NULL));
        g_assert_true(multifd_send_wait_idle(s->m, NULL));
        source_end(s);
        g_assert_cmpuint(packets(s, 0), ==, 1);
        g_assert_cmpuint(packet(s, 0, 0)->normal, ==, finds ? 2 : 4);
        g_assert_cmpuint(packet(s, 0, 0)->zero, ==, finds ? 2 : 0);
        g_assert_cmpuint(packet(s, 0, 0)->offset[0], ==, finds ? PAGE : 0);
        g_assert_cmpuint(packet(s, 0, 0)->payload[4095], ==, finds);
        source_free(s);
    }
}

/* --- Failures and ends ---------------------------------------------------- */

/* What the migration thread may be in when it happens. */
typedef enum Doing {
    DOING_QUEUE,
    DOING_SYNC,
    DOING_WAIT_IDLE,
    DOING_MAX,
} Doing;

static bool do_it(Source *s, Doing doing, Error **errp)
{
    /* A job for each channel, and one more that waits. */
    if (!queue(s, 0, (s->n + (doing == DOING_QUEUE)) * MULTIFD_JOB_MAX_PAGES,
               errp)) {
        return false;
    }
    switch (doing) {
    case DOING_SYNC:
        return multifd_send_sync(s->m, errp);
    case DOING_WAIT_IDLE:
        return multifd_send_wait_idle(s->m, errp);
    default:
        /* Were there no failure, that would be all. */
        return true;
    }
}

/* The wait behind the hand-overs to all channels: channel 1 fails. */
static void fail_channel_1(void *opaque)
{
    Source *s = opaque;

    if (s->waits-- == 0) {
        channel_gate_stop_at(s->wires[1].gate, CHANNEL_GATE_WRITE, 1,
                             CHANNEL_GATE_FAIL);
    }
}

static void terminate(void *opaque)
{
    Source *s = opaque;

    if (s->waits-- == 0) {
        multifd_send_terminate(s->m);
        multifd_send_terminate(s->m);
    }
}

static const uint64_t stops[] = {
    0, 1, 64, 65, 64 + 1344, 64 + 1344 + 5000, 64 + 1344 + 512 * KiB,
};

/* Whoever asks again is told again, and does not wait. */
static void check_ended(Source *s, const char *text)
{
    for (unsigned i = 0; i < 3; i++) {
        Error *err = NULL;

        g_assert_false(multifd_send_sync(s->m, &err));
        test_assert_error(err, text);
        err = NULL;
        g_assert_false(multifd_send_wait_idle(s->m, &err));
        test_assert_error(err, text);
    }
}

/*
 * All channels wait at their gates, and so does who waits for them; then
 * @on_wait ends it, with an error that has @text.
 */
static void check_wakes(void (*on_wait)(void *opaque), const char *text)
{
    for (Doing doing = 0; doing < DOING_MAX; doing++) {
        for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
            Source *s = source_prepare(3);
            Error *err = NULL;

            hold_all(s, stops[i]);
            s->waits = 3;
            set_on_wait(s, on_wait);
            g_assert_true(multifd_send_start(s->m, NULL));
            g_assert_false(do_it(s, doing, &err));
            test_assert_error(err, text);
            check_ended(s, text);
            source_end(s);
            source_free(s);
        }
    }
}

static void test_fail_wakes(void)
{
    check_wakes(fail_channel_1, "multifd channel 1: ");
}

static void test_terminate(void)
{
    check_wakes(terminate, "told to end");
}

/* At the first hand-over already, with senders that may or may not run. */
static void test_terminate_early(void)
{
    for (int waits = 0; waits < 3; waits++) {
        Source *s = source_new(3);
        Error *err = NULL;

        s->waits = waits;
        set_on_wait(s, terminate);
        g_assert_false(do_it(s, DOING_QUEUE, &err));
        test_assert_error(err, "told to end");
        source_end(s);
        source_free(s);
    }
}

/* A channel fails when nobody waits: the next to come is told. */
static void test_fail_later(void)
{
    for (Doing doing = 0; doing < DOING_MAX; doing++) {
        Source *s = source_prepare(2);
        Error *err = NULL;

        channel_gate_stop_at(s->wires[1].gate, CHANNEL_GATE_WRITE, 64 + 700,
                             CHANNEL_GATE_FAIL);
        g_assert_true(multifd_send_start(s->m, NULL));
        g_assert_true(queue(s, 0, 2 * MULTIFD_JOB_MAX_PAGES, NULL));
        wait_arrived(s, 1);
        while (do_it(s, doing, &err)) {
            /* the other channel takes all until then */
        }
        test_assert_error(err, "multifd channel 1: ");
        source_end(s);
        source_free(s);
    }
}

/* The peer is gone after @packets: the error says which channel's. */
static char *peer_gone_error(unsigned packets)
{
    Source *s = source_new(2);
    Error *err = NULL;
    char *text;

    while (packets--) {
        g_assert_true(multifd_send_sync(s->m, NULL));
    }
    qio_channel_shutdown(s->wires[0].peer, QIO_CHANNEL_SHUTDOWN_READ, NULL);
    while (multifd_send_sync(s->m, &err)) {
    }
    text = g_strdup(error_get_pretty(err));
    test_assert_error(err, "multifd channel 0: ");
    source_end(s);
    source_free(s);
    return text;
}

/* As long as nobody need have read, what differs may be the reason. */
static void test_peer_gone(void)
{
    g_autofree char *early = peer_gone_error(1);
    g_autofree char *late = peer_gone_error(20 * MiB / sizeof(StreamMultiFDPacket));

    g_assert_nonnull(strstr(early, "are 'multifd' and 'multifd-channels'"));
    g_assert_null(strstr(late, "are 'multifd' and 'multifd-channels'"));
}

/* Senders that have nothing to do, or did not start, end as well. */
static void test_end_idle(void)
{
    for (int step = 0; step < 3; step++) {
        Source *s = source_prepare(4);

        if (step) {
            g_assert_true(multifd_send_start(s->m, NULL));
        }
        if (step == 2) {
            g_assert_true(multifd_send_sync(s->m, NULL));
        }
        source_end(s);
        for (unsigned i = 0; step == 2 && i < s->n; i++) {
            check_sync(packet(s, i, 0));
        }
        source_free(s);
    }
    multifd_send_free(NULL);
}

/* --- A method that fails -------------------------------------------------- */

static bool odd_setup(MultiFDSendParams *p, Error **errp)
{
    if (p->id == 2) {
        error_setg(errp, "no room");
        return false;
    }
    p->data = g_new(char, 1);
    return true;
}

static void odd_cleanup(MultiFDSendParams *p)
{
    g_free(p->data);
}

static bool odd_prepare(MultiFDSendParams *p, Error **errp)
{
    error_setg(errp, "cannot pack");
    return false;
}

static const MultiFDMethods odd_ops = {
    .name = "odd",
    .flag = MULTIFD_FLAG_ZLIB,
    .send_setup = odd_setup,
    .send_cleanup = odd_cleanup,
    .send_prepare = odd_prepare,
};

static void test_setup_fails(void)
{
    Source *s = source_with(3, &odd_ops);
    Error *err = NULL;

    g_assert_false(multifd_send_start(s->m, &err));
    test_assert_error(err, "multifd channel 2: no room");
    source_end(s);
    source_free(s);
}

static void test_prepare_fails(void)
{
    Source *s = source_with(2, &odd_ops);
    Error *err = NULL;

    g_assert_true(multifd_send_start(s->m, NULL));
    /* Without pages there is nothing to pack. */
    g_assert_true(multifd_send_sync(s->m, NULL));
    g_assert_true(queue(s, 0, 1, NULL));
    g_assert_false(multifd_send_wait_idle(s->m, &err));
    test_assert_error(err, "multifd channel 0: cannot pack");
    source_end(s);
    source_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/multifd-send/job-then-sync", test_job_then_sync);
    g_test_add_func("/multifd-send/sync-flushes", test_sync_flushes);
    g_test_add_func("/multifd-send/many", test_many);
    g_test_add_func("/multifd-send/cut", test_cut);
    g_test_add_func("/multifd-send/spread", test_spread);
    g_test_add_func("/multifd-send/blocks", test_blocks);
    g_test_add_func("/multifd-send/known-zero", test_known_zero);
    g_test_add_func("/multifd-send/zero-modes", test_zero_modes);
    g_test_add_func("/multifd-send/fail/wakes", test_fail_wakes);
    g_test_add_func("/multifd-send/fail/later", test_fail_later);
    g_test_add_func("/multifd-send/fail/peer-gone", test_peer_gone);
    g_test_add_func("/multifd-send/fail/setup", test_setup_fails);
    g_test_add_func("/multifd-send/fail/prepare", test_prepare_fails);
    g_test_add_func("/multifd-send/end/waiting", test_terminate);
    g_test_add_func("/multifd-send/end/early", test_terminate_early);
    g_test_add_func("/multifd-send/end/idle", test_end_idle);
    return g_test_run();
}
