/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multifd's receivers: sync points, senders of older kinds, bad packets and
 * ends at any octet. The test is the source and the loading thread.
 */
#include "qemu/osdep.h"

#include <signal.h>

#include "channel-gate.h"
#include "io/channel-socket.h"
#include "migration/multifd-recv.h"
#include "qemu/thread.h"
#include "stream-double.h"

#define PAGE ((uint64_t)TARGET_PAGE_SIZE)
#define PAGES 16
#define CHANNELS_MAX 4
#define WAIT_US (20 * 1000 * 1000)

typedef struct Target {
    TestVM *t;
    RAMBlock *ram;
    MultiFDRecv *m;
    unsigned n;
    QIOChannel *in[CHANNELS_MAX];  /* a gate, the receiver's */
    QIOChannel *out[CHANNELS_MAX];
    int loader_tid;                /* [atomic] 0: has not begun */
    bool sync_ok;
    Error *sync_error;
} Target;

/* Threads do not run yet. @ops: a method of a test's own, or NULL. */
static Target *target_with(unsigned n, MultiFDCompression compression,
                           const MultiFDMethods *ops)
{
    Target *target = g_new0(Target, 1);

    target->t = test_vm_new();
    target->ram = test_vm_add_block(target->t, "ram", PAGES * PAGE);
    target->t->incoming.config.multifd_compression = compression;
    target->n = n;
    for (unsigned i = 0; i < n; i++) {
        QIOChannel *inner;

        g_assert_true(qio_channel_pair_new(&inner, &target->out[i], NULL));
        target->in[i] = channel_gate_new(inner);
    }
    if (ops) {
        multifd_register_ops(&target->t->multifd_methods, compression, ops);
    }
    target->m = multifd_recv_new(&target->t->incoming, target->in, n);
    g_assert_cmpuint(multifd_recv_channels(target->m), ==, n);
    target->t->incoming.multifd = target->m;
    return target;
}

static Target *target_new(unsigned n)
{
    Target *target = target_with(n, MULTI_FD_COMPRESSION_NONE, NULL);

    g_assert_true(ram_load_setup(NULL, &target->t->vm, NULL));
    return target;
}

static void target_free(Target *target)
{
    multifd_recv_free(target->m);
    ram_load_cleanup(&target->t->vm);
    for (unsigned i = 0; i < target->n; i++) {
        g_assert_cmpint(qatomic_read(&target->in[i]->ref), ==, 1);
        qio_channel_unref(target->in[i]);
        qio_channel_unref(target->out[i]);
    }
    test_vm_free(target->t);
    g_free(target);
}

/* Receivers have failed with a text that has @part. */
static void check_failed(Target *target, const char *part)
{
    Error *err;

    multifd_recv_free(target->m);
    target->m = NULL;
    g_assert_true(qatomic_read(&target->t->stopped_reading));
    err = target->t->incoming.error;
    target->t->incoming.error = NULL;
    test_assert_error(err, part);
}

/* --- What a source sends -------------------------------------------------- */

static void put(Target *target, unsigned channel, const void *data,
                size_t len_bytes)
{
    g_assert_true(qio_channel_write_all(target->out[channel], data, len_bytes,
                                        NULL));
}

static bool try_put_sync(Target *target, unsigned channel)
{
    const MultiFDPacketHead head = { .flags = MULTIFD_FLAG_SYNC };
    MultiFDPages pages = { .block = NULL };
    StreamMultiFDPacket packet;

    multifd_packet_fill(&packet, &head, &pages);
    return qio_channel_write_all(target->out[channel], &packet, sizeof(packet),
                                 NULL);
}

static void put_sync(Target *target, unsigned channel)
{
    g_assert_true(try_put_sync(target, channel));
}

/* Pages from @first on: @normal ones full of @fill, then @zero ones. */
static StreamMultiFDPacket packet_of(uint32_t flags, uint64_t first,
                                     uint32_t normal, uint32_t zero)
{
    RAMBlock block = { .id = "ram" };
    const MultiFDPacketHead head = {
        .flags = flags, .next_packet_size = (uint32_t)(normal * PAGE),
    };
    MultiFDPages pages = {
        .block = &block, .num = normal + zero, .normal_num = normal,
    };
    StreamMultiFDPacket packet;

    for (uint32_t i = 0; i < pages.num; i++) {
        pages.offset[i] = (first + i) * PAGE;
    }
    multifd_packet_fill(&packet, &head, &pages);
    return packet;
}

static void put_fill(Target *target, unsigned channel, uint32_t pages,
                     uint8_t fill)
{
    g_autofree uint8_t *contents = g_malloc(MAX(pages, 1) * PAGE);

    memset(contents, fill, pages * PAGE);
    put(target, channel, contents, pages * PAGE);
}

static void put_page(Target *target, unsigned channel, uint64_t page,
                     uint8_t fill)
{
    StreamMultiFDPacket packet = packet_of(0, page, 1, 0);

    put(target, channel, &packet, sizeof(packet));
    put_fill(target, channel, 1, fill);
}

static void hang_up(Target *target, unsigned channel)
{
    qio_channel_shutdown(target->out[channel], QIO_CHANNEL_SHUTDOWN_WRITE,
                         NULL);
}

static void check_page(const Target *target, uint64_t page, uint8_t fill)
{
    for (uint64_t i = 0; i < PAGE; i++) {
        g_assert_cmpuint(target->ram->host[page * PAGE + i], ==, fill);
    }
}

/* A SYNC on all, and its marker. */
static void sync_all(Target *target)
{
    for (unsigned i = 0; i < target->n; i++) {
        put_sync(target, i);
    }
    g_assert_true(multifd_recv_sync(target->m, NULL));
}

static void wait_packets(const Target *target, unsigned channel, uint64_t n)
{
    const MultiFDRecvParams *p = multifd_recv_channel(target->m, channel);
    gint64 end = g_get_monotonic_time() + WAIT_US;

    /* Relaxed: what it counted is looked at after a sync only. */
    while (qatomic_read(&p->received.packets) < n) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
}

/* --- The loading thread, while the test goes on --------------------------- */

static void *load_marker(void *opaque)
{
    Target *target = opaque;

    qatomic_set(&target->loader_tid, qemu_get_thread_id());
    target->sync_ok = multifd_recv_sync(target->m, &target->sync_error);
    return NULL;
}

static bool thread_sleeps(int tid)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/stat", tid);
    g_autofree char *stat = NULL;
    const char *state;

    g_assert_true(g_file_get_contents(path, &stat, NULL, NULL));
    state = strrchr(stat, ')');
    return state && state[2] == 'S';
}

/* Once this returns, it waits for channels. */
static GThread *loader_start(Target *target)
{
    GThread *thread = g_thread_new("load", load_marker, target);
    gint64 end = g_get_monotonic_time() + WAIT_US;

    while (!qatomic_read(&target->loader_tid) ||
           !thread_sleeps(qatomic_read(&target->loader_tid))) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
    return thread;
}

/* --- Sync points ---------------------------------------------------------- */

/* Behind a SYNC, nothing is read before the marker and all others' SYNCs. */
static void test_stops(void)
{
    const uint64_t page_bytes = sizeof(StreamMultiFDPacket) + PAGE;
    const uint64_t sync_bytes = sizeof(StreamMultiFDPacket);
    Target *target = target_new(2);
    GThread *loader;

    sync_all(target);
    put_page(target, 0, 1, 11);
    put_sync(target, 0);
    put_page(target, 0, 1, 12);
    wait_packets(target, 0, 3);
    loader = loader_start(target);
    /* The other one goes on meanwhile. */
    put_page(target, 1, 2, 21);
    wait_packets(target, 1, 2);
    put_page(target, 1, 3, 22);
    wait_packets(target, 1, 3);
    g_assert_cmpuint(channel_gate_offset(target->in[0], CHANNEL_GATE_READ), ==,
                     2 * sync_bytes + page_bytes);
    put_sync(target, 1);
    g_thread_join(loader);
    g_assert_true(target->sync_ok);
    sync_all(target);
    check_page(target, 1, 12);
    check_page(target, 2, 21);
    check_page(target, 3, 22);
    g_assert_cmpuint(
        qatomic_read(&multifd_recv_channel(target->m, 1)->received.normal_pages), ==, 2);
    g_assert_cmpuint(
        qatomic_read(&multifd_recv_channel(target->m, 0)->received.bytes), ==,
        sizeof(StreamMultiFDInit) + 3 * sync_bytes + 2 * page_bytes);
    g_assert_true(multifd_recv_finish(target->m, NULL));
    g_assert_null(target->t->incoming.error);
    g_assert_false(target->t->stopped_reading);
    target_free(target);
}

/* Many in a row, channels in turn last. */
static void test_many_syncs(void)
{
    Target *target = target_new(4);

    sync_all(target);
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned c = 0; c < 4; c++) {
            unsigned channel = (i + c) % 4;

            put_page(target, channel, channel, (uint8_t)(i + 1));
            put_sync(target, channel);
        }
        g_assert_true(multifd_recv_sync(target->m, NULL));
        for (unsigned c = 0; c < 4; c++) {
            check_page(target, c, (uint8_t)(i + 1));
        }
    }
    g_assert_true(multifd_recv_finish(target->m, NULL));
    target_free(target);
}

/* Some writers send one more at the end, without a marker. */
static void test_unmatched_sync(void)
{
    Target *target = target_new(3);

    sync_all(target);
    for (unsigned i = 0; i < 3; i++) {
        put_page(target, i, i, 5);
        put_sync(target, i);
    }
    g_assert_true(multifd_recv_sync(target->m, NULL));
    put_sync(target, 0);
    put_sync(target, 1);
    hang_up(target, 2);
    wait_packets(target, 0, 4);
    g_assert_true(multifd_recv_finish(target->m, NULL));
    target_free(target);
}

/* Who hangs up behind the last sync point has done nothing wrong. */
static void test_end(void)
{
    Target *target = target_new(2);

    sync_all(target);
    hang_up(target, 0);
    hang_up(target, 1);
    g_assert_true(multifd_recv_finish(target->m, NULL));
    g_assert_null(target->t->incoming.error);
    target_free(target);
}

static void test_pages_behind(void)
{
    /* Whether the receiver has looked already, or has yet to. */
    for (unsigned i = 0; i < 200; i++) {
        Target *target = target_new(2);
        Error *err = NULL;

        sync_all(target);
        put_page(target, 1, 1, 5);
        if (i % 2) {
            wait_packets(target, 1, 2);
        }
        g_assert_false(multifd_recv_finish(target->m, &err));
        if (target->t->incoming.error) {
            error_free(err);
            check_failed(target, "packet 1: pages behind the last sync");
        } else {
            test_assert_error(err, "channel 1: pages behind the last sync");
        }
        check_page(target, 1, target->t->stopped_reading ? 0 : 5);
        target_free(target);
    }
}

static void *finish(void *opaque)
{
    Target *target = opaque;

    target->sync_ok = multifd_recv_finish(target->m, NULL);
    return NULL;
}

/* A peer that goes on sending is not listened to for long. */
static void test_endless(void)
{
    Target *target = target_new(1);
    GThread *thread;

    sync_all(target);
    thread = g_thread_new("finish", finish, target);
    /* Into a socket that its reader has closed, in the end. */
    while (try_put_sync(target, 0)) {
    }
    g_thread_join(thread);
    g_assert_true(target->sync_ok);
    target_free(target);
}

/* What comes last is bad, and may be looked at when the end is. */
static void test_bad_behind(void)
{
    for (unsigned i = 0; i < 200; i++) {
        Target *target = target_new(2);

        sync_all(target);
        put(target, 1, "bad", 3);
        hang_up(target, 1);
        g_assert_false(multifd_recv_finish(target->m, NULL));
        check_failed(target, "multifd channel 1, packet 1: ");
        target_free(target);
    }
}

/* No page can be loaded that the block list has not told of. */
static void test_before_list(void)
{
    static const char *const streams[] = {
        "0000000000000200 0000000000010004 03 \"ram\" 0000000000010000"
        "0000000000000010",
        "0000000000000010",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(streams); i++) {
        Target *target = target_with(2, MULTI_FD_COMPRESSION_NONE, NULL);
        GByteArray *octets = test_octets(streams[i]);
        QEMUFile *f = test_input_new(octets->data, octets->len);
        Error *err = NULL;

        target->t->incoming.config.multifd_flush_after_each_section = i == 1;
        g_assert_true(ram_load_setup(NULL, &target->t->vm, NULL));
        put_sync(target, 0);
        put_sync(target, 1);
        g_assert_false(ram_load_state(f, &target->t->vm, RAM_SECTION_VERSION,
                                      &err));
        test_assert_error(err, i ? "block list" : "before the block list");
        qemu_fclose(f, NULL);
        g_byte_array_unref(octets);
        target_free(target);
    }
}

/* Of a packet without normal pages nothing more is read, whatever it says. */
static void test_received_bytes(void)
{
    Target *target = target_new(1);
    StreamMultiFDPacket packet = packet_of(0, 5, 0, 1);

    packet.next_packet_size = GUINT32_TO_BE(1000000);
    sync_all(target);
    put(target, 0, &packet, sizeof(packet));
    sync_all(target);
    g_assert_cmpuint(
        qatomic_read(&multifd_recv_channel(target->m, 0)->received.bytes), ==,
        sizeof(StreamMultiFDInit) + 3 * sizeof(packet));
    g_assert_true(multifd_recv_finish(target->m, NULL));
    target_free(target);
}

/* --- Senders before 9.0 --------------------------------------------------- */

/* The flag is on the packet with the pages, which are to be loaded first. */
static void test_sync_with_pages(void)
{
    Target *target = target_new(2);

    sync_all(target);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 2; i++) {
            StreamMultiFDPacket packet =
                packet_of(MULTIFD_FLAG_SYNC, 4 * i, 3, 0);

            put(target, i, &packet, sizeof(packet));
            put_fill(target, i, 3, (uint8_t)(2 * round + i));
        }
        g_assert_true(multifd_recv_sync(target->m, NULL));
        for (unsigned i = 0; i < 6; i++) {
            check_page(target, 4 * (i / 3) + i % 3,
                       (uint8_t)(2 * round + i / 3));
        }
    }
    g_assert_true(multifd_recv_finish(target->m, NULL));
    target_free(target);
}

/* What stood there before is still in their SYNC packets. */
static void test_stale_sync(void)
{
    Target *target = target_new(1);
    StreamMultiFDPacket packet = packet_of(MULTIFD_FLAG_SYNC, 3, 0, 0);

    packet.next_packet_size = GUINT32_TO_BE(512 * KiB);
    packet.offset[0] = UINT64_MAX;
    memset(packet.block, 'x', sizeof(packet.block));
    for (unsigned i = 0; i < 3; i++) {
        put(target, 0, &packet, sizeof(packet));
        g_assert_true(multifd_recv_sync(target->m, NULL));
    }
    g_assert_true(multifd_recv_finish(target->m, NULL));
    target_free(target);
}

/* --- Zero pages ----------------------------------------------------------- */

static void test_zero_pages(void)
{
    Target *target = target_new(1);
    StreamMultiFDPacket packet;

    sync_all(target);
    packet = packet_of(0, 2, 4, 0);
    put(target, 0, &packet, sizeof(packet));
    put_fill(target, 0, 4, 0x77);
    sync_all(target);
    /* 1 gets contents; 2 and 3 lose theirs. */
    packet = packet_of(0, 1, 1, 2);
    put(target, 0, &packet, sizeof(packet));
    put_fill(target, 0, 1, 0x66);
    /* 5, and a page that has none, without any contents in the packet;
     * without a method, what it says of a payload is nothing. */
    packet = packet_of(0, 5, 0, 2);
    packet.next_packet_size = GUINT32_TO_BE(99);
    put(target, 0, &packet, sizeof(packet));
    sync_all(target);
    check_page(target, 1, 0x66);
    check_page(target, 2, 0);
    check_page(target, 3, 0);
    check_page(target, 4, 0x77);
    check_page(target, 5, 0);
    check_page(target, 6, 0);
    g_assert_cmpuint(
        qatomic_read(&multifd_recv_channel(target->m, 0)->received.zero_pages), ==, 4);
    g_assert_true(multifd_recv_finish(target->m, NULL));
    target_free(target);
}

/* --- What is refused ------------------------------------------------------ */

/* @packet is on channel 1, behind a SYNC unless @first; someone waits. */
static void refused(MultiFDCompression compression,
                    const StreamMultiFDPacket *packet, bool first,
                    const char *part)
{
    Target *target = target_with(3, compression, NULL);
    GThread *loader;
    Error *err = NULL;

    g_assert_true(ram_load_setup(NULL, &target->t->vm, NULL));
    if (!first) {
        sync_all(target);
    }
    put_sync(target, 0);
    loader = loader_start(target);
    put(target, 1, packet, sizeof(*packet));
    g_thread_join(loader);
    g_assert_false(target->sync_ok);
    test_assert_error(target->sync_error, "");
    g_assert_false(multifd_recv_finish(target->m, &err));
    test_assert_error(err, "a multifd channel failed");
    check_failed(target, part);
    target_free(target);
}

static void test_pages_first(void)
{
    StreamMultiFDPacket packet = packet_of(0, 1, 1, 0);

    refused(MULTI_FD_COMPRESSION_NONE, &packet, true,
            "multifd channel 1, packet 0: pages before the first sync point");
    packet = packet_of(MULTIFD_FLAG_SYNC, 1, 0, 1);
    refused(MULTI_FD_COMPRESSION_NONE, &packet, true,
            "packet 0: pages before the first sync point");
}

static void test_wrong_method(void)
{
    StreamMultiFDPacket packet = packet_of(MULTIFD_FLAG_ZLIB, 1, 1, 0);

    refused(MULTI_FD_COMPRESSION_NONE, &packet, false,
            "multifd channel 1, packet 1: packed with zlib (0x02), but "
            "'multifd-compression' is 'none'");
    refused(MULTI_FD_COMPRESSION_ZSTD, &packet, false, "is 'zstd' (0x04)");
    packet = packet_of(MULTIFD_FLAG_NOCOMP, 1, 1, 0);
    refused(MULTI_FD_COMPRESSION_ZLIB, &packet, false, "is 'zlib' (0x02)");
    packet = packet_of(MULTIFD_FLAG_ZSTD | MULTIFD_FLAG_ZLIB, 1, 1, 0);
    refused(MULTI_FD_COMPRESSION_ZSTD, &packet, false,
            "a method not known here (0x06)");
    /* Also where there is nothing to unpack. */
    packet = packet_of(MULTIFD_FLAG_ZSTD, 1, 0, 1);
    refused(MULTI_FD_COMPRESSION_NONE, &packet, false,
            "packed with zstd (0x04)");
}

static void test_bad_packet(void)
{
    StreamMultiFDPacket packet = packet_of(0, 1, 1, 0);

    packet.magic = 0;
    refused(MULTI_FD_COMPRESSION_NONE, &packet, false,
            "multifd channel 1, packet 1: magic is 0x00000000");
    refused(MULTI_FD_COMPRESSION_NONE, &packet, true,
            "multifd channel 1, packet 0: magic is 0x00000000");
    packet = packet_of(0, PAGES, 1, 0);
    refused(MULTI_FD_COMPRESSION_NONE, &packet, false,
            "page 0 at 0x10000 is not a page");
    packet = packet_of(MULTIFD_FLAG_DEVICE_STATE, 1, 1, 0);
    refused(MULTI_FD_COMPRESSION_NONE, &packet, false, "device state");
    packet = packet_of(MULTIFD_FLAG_ZLIB, 1, 0, 1);
    packet.next_packet_size = GUINT32_TO_BE(7);
    refused(MULTI_FD_COMPRESSION_ZLIB, &packet, false,
            "7 octets of payload for no pages");
}

/* --- Ends ----------------------------------------------------------------- */

/* Channel 1 ends at some octet of a packet; someone waits. */
static void cut_at(uint64_t offset, bool waits)
{
    StreamMultiFDPacket packet = packet_of(0, 0, 2, 0);
    g_autoptr(GByteArray) octets = g_byte_array_new();
    Target *target = target_new(3);
    GThread *loader = NULL;
    Error *err = NULL;

    g_byte_array_append(octets, (const void *)&packet, sizeof(packet));
    g_byte_array_set_size(octets, sizeof(packet) + (guint)(2 * PAGE));
    memset(octets->data + sizeof(packet), 1, 2 * PAGE);
    g_assert_cmpuint(offset, <, octets->len);
    sync_all(target);
    if (waits) {
        loader = loader_start(target);
    }
    put(target, 1, octets->data, offset);
    hang_up(target, 1);
    if (waits) {
        g_thread_join(loader);
        g_assert_false(target->sync_ok);
        test_assert_error(target->sync_error, "");
    } else {
        g_assert_false(multifd_recv_sync(target->m, &err));
        test_assert_error(err, "");
    }
    check_failed(target, "multifd channel 1, packet 1: ");
    target_free(target);
}

static void test_cut(void)
{
    static const uint64_t offsets[] = {
        1, 4, 319, 1343, 1344, 1345, 1344 + PAGE, 1344 + 2 * PAGE - 1,
    };

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        cut_at(offsets[i], true);
        cut_at(offsets[i], false);
    }
}

/* Between packets, but a sync point is expected. */
static void test_ends_before_sync(void)
{
    for (int waits = 0; waits < 2; waits++) {
        Target *target = target_new(3);
        GThread *loader;

        sync_all(target);
        put_sync(target, 0);
        put_sync(target, 1);
        put_page(target, 2, 1, 1);
        if (!waits) {
            hang_up(target, 2);
        }
        loader = waits ? loader_start(target)
                       : g_thread_new("load", load_marker, target);
        hang_up(target, 2);
        g_thread_join(loader);
        g_assert_false(target->sync_ok);
        test_assert_error(target->sync_error,
                          "multifd channel 2 ended before the sync point");
        g_assert_null(target->t->incoming.error);
        target_free(target);
    }
}

/* A channel that cannot be read. */
static void test_read_fails(void)
{
    static const uint64_t offsets[] = { 0, 700, 1344, 1344 + 1344 };

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        Target *target = target_with(2, MULTI_FD_COMPRESSION_NONE, NULL);
        Error *err = NULL;

        channel_gate_stop_at(target->in[1], CHANNEL_GATE_READ, offsets[i],
                             CHANNEL_GATE_FAIL);
        g_assert_true(ram_load_setup(NULL, &target->t->vm, NULL));
        for (unsigned round = 0; !err; round++) {
            g_assert_cmpuint(round, <, 3);
            /* It may have failed by now. */
            try_put_sync(target, 0);
            try_put_sync(target, 1);
            multifd_recv_sync(target->m, &err);
        }
        error_free(err);
        check_failed(target, "multifd channel 1, packet ");
        target_free(target);
    }
}

/* Told to end, from another thread, in each state; nothing is to blame. */
static void test_terminate(void)
{
    for (int step = 0; step < 4; step++) {
        Target *target = target_new(3);
        GThread *loader;

        if (step) {
            sync_all(target);
        }
        if (step == 2) {
            StreamMultiFDPacket packet = packet_of(0, 0, 2, 0);

            put(target, 0, &packet, sizeof(packet)); /* its payload misses */
        }
        if (step == 3) {
            put_sync(target, 0);
            put_sync(target, 1);
        }
        loader = loader_start(target);
        multifd_recv_terminate(target->m);
        multifd_recv_terminate(target->m);
        g_thread_join(loader);
        g_assert_false(target->sync_ok);
        test_assert_error(target->sync_error, "told to end");
        multifd_recv_free(target->m);
        target->m = NULL;
        g_assert_null(target->t->incoming.error);
        target_free(target);
    }
}

static void test_never_started(void)
{
    Target *target = target_with(3, MULTI_FD_COMPRESSION_ZLIB, NULL);

    target_free(target);
    multifd_recv_free(NULL);
}

/* --- A method that fails -------------------------------------------------- */

static bool odd_setup(MultiFDRecvParams *p, Error **errp)
{
    if (p->id == 2) {
        error_setg(errp, "no room");
        return false;
    }
    p->data = g_new(char, 1);
    return true;
}

static void odd_cleanup(MultiFDRecvParams *p)
{
    g_free(p->data);
}

static const MultiFDMethods odd_ops = {
    .name = "odd",
    .flag = MULTIFD_FLAG_ZLIB,
    .recv_setup = odd_setup,
    .recv_cleanup = odd_cleanup,
};

static void test_setup_fails(void)
{
    Target *target = target_with(3, MULTI_FD_COMPRESSION_ZLIB, &odd_ops);
    Error *err = NULL;

    g_assert_false(ram_load_setup(NULL, &target->t->vm, &err));
    test_assert_error(err, "multifd channel 2: no room");
    target_free(target);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/multifd-recv/sync/stops", test_stops);
    g_test_add_func("/multifd-recv/sync/many", test_many_syncs);
    g_test_add_func("/multifd-recv/sync/unmatched", test_unmatched_sync);
    g_test_add_func("/multifd-recv/sync/end", test_end);
    g_test_add_func("/multifd-recv/sync/pages-behind", test_pages_behind);
    g_test_add_func("/multifd-recv/sync/endless", test_endless);
    g_test_add_func("/multifd-recv/sync/bad-behind", test_bad_behind);
    g_test_add_func("/multifd-recv/sync/before-list", test_before_list);
    g_test_add_func("/multifd-recv/received-bytes", test_received_bytes);
    g_test_add_func("/multifd-recv/old/with-pages", test_sync_with_pages);
    g_test_add_func("/multifd-recv/old/stale", test_stale_sync);
    g_test_add_func("/multifd-recv/zero-pages", test_zero_pages);
    g_test_add_func("/multifd-recv/refused/first", test_pages_first);
    g_test_add_func("/multifd-recv/refused/method", test_wrong_method);
    g_test_add_func("/multifd-recv/refused/packet", test_bad_packet);
    g_test_add_func("/multifd-recv/end/cut", test_cut);
    g_test_add_func("/multifd-recv/end/before-sync", test_ends_before_sync);
    g_test_add_func("/multifd-recv/end/read-fails", test_read_fails);
    g_test_add_func("/multifd-recv/end/terminate", test_terminate);
    g_test_add_func("/multifd-recv/end/never-started", test_never_started);
    g_test_add_func("/multifd-recv/end/setup", test_setup_fails);
    return g_test_run();
}
