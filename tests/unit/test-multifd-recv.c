/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multifd's receivers: sync points, senders of older kinds, zero pages and
 * what is refused.
 */
#include "qemu/osdep.h"

#include <signal.h>

#include "io/channel-socket.h"
#include "migration/qemu-file.h"
#include "multifd-target.h"

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

/*
 * @len_bytes of a @packet are on channel 1, behind a SYNC unless @first;
 * someone waits.
 */
static void refused_at(MultiFDCompression compression,
                       const StreamMultiFDPacket *packet, size_t len_bytes,
                       bool first, const char *part)
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
    put(target, 1, packet, len_bytes);
    g_thread_join(loader);
    g_assert_false(target->sync_ok);
    test_assert_error(target->sync_error, "");
    g_assert_false(multifd_recv_finish(target->m, &err));
    test_assert_error(err, "a multifd channel failed");
    check_failed(target, part);
    target_free(target);
}

static void refused(MultiFDCompression compression,
                    const StreamMultiFDPacket *packet, bool first,
                    const char *part)
{
    refused_at(compression, packet, sizeof(*packet), first, part);
}

static void test_pages_first(void)
{
    StreamMultiFDPacket packet = packet_of(0, 1, 1, 0);

    refused(MULTI_FD_COMPRESSION_NONE, &packet, true,
            "multifd channel 1, packet 0: pages before the first sync point");
    packet = packet_of(MULTIFD_FLAG_SYNC, 1, 0, 1);
    refused(MULTI_FD_COMPRESSION_NONE, &packet, true,
            "packet 0: pages before the first sync point");
    /* The sizes of blocks are not looked at, as they may be changing. */
    packet = packet_of(0, TARGET_PAGES, 1, 0);
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
    packet = packet_of(0, TARGET_PAGES, 1, 0);
    refused(MULTI_FD_COMPRESSION_NONE, &packet, false,
            "page 0 at 0x10000 is not a page");
    packet = packet_of(MULTIFD_FLAG_DEVICE_STATE, 1, 1, 0);
    refused(MULTI_FD_COMPRESSION_NONE, &packet, false, "device state");
    packet = packet_of(MULTIFD_FLAG_ZLIB, 1, 0, 1);
    packet.next_packet_size = GUINT32_TO_BE(7);
    refused(MULTI_FD_COMPRESSION_ZLIB, &packet, false,
            "7 octets of payload for no pages");
}

/* Device state has a shorter head: nothing waits for what will not come. */
static void test_short_packet(void)
{
    StreamMultiFDPacket packet = packet_of(MULTIFD_FLAG_DEVICE_STATE, 1, 0, 0);

    refused_at(MULTI_FD_COMPRESSION_NONE, &packet, 276, false,
               "multifd channel 1, packet 1: device state");
    refused_at(MULTI_FD_COMPRESSION_NONE, &packet, MULTIFD_LEAD_BYTES, true,
               "multifd channel 1, packet 0: device state");
    packet.version = 0;
    refused_at(MULTI_FD_COMPRESSION_NONE, &packet, MULTIFD_LEAD_BYTES, false,
               "version is 0");
}

/* --- The main channel ----------------------------------------------------- */

typedef struct MainChannel {
    Target *target;
    QEMUFile *f;
} MainChannel;

static void *load_main(void *opaque)
{
    MainChannel *c = opaque;
    Target *target = c->target;

    target->sync_ok =
        ram_load_state(c->f, &target->t->vm, 4, &target->sync_error);
    return NULL;
}

static void append_record(GByteArray *to, const char *head, uint8_t fill)
{
    g_autoptr(GByteArray) octets = test_octets(head);

    g_byte_array_append(to, octets->data, octets->len);
    g_byte_array_set_size(to, to->len + (guint)PAGE);
    memset(to->data + to->len - PAGE, fill, PAGE);
}

/*
 * After page 2 comes page 10, although page 3 might, which a channel loads
 * while the main one waits for more.
 */
static void test_main_channel(void)
{
    Target *target = target_with(1, MULTI_FD_COMPRESSION_NONE, NULL);
    g_autoptr(GByteArray) octets = g_byte_array_new();
    g_autoptr(GByteArray) eos = test_octets("0000000000000010");
    MainChannel c = { .target = target };
    QIOChannel *out, *in;
    GThread *thread;
    size_t cut;

    target->t->populated = bitmap_new(TARGET_PAGES);
    g_assert_true(ram_load_setup(NULL, &target->t->vm, NULL));
    append_record(octets,
                  "0000000000010004 03 \"ram\" 0000000000010000"
                  "0000000000000200 0000000000000008 03 \"ram\"", 1);
    append_record(octets, "0000000000001028", 2);
    cut = octets->len + 100;
    append_record(octets, "0000000000002028", 3);
    append_record(octets, "000000000000a028", 11);
    g_byte_array_append(octets, eos->data, eos->len);

    g_assert_true(qio_channel_pair_new(&out, &in, NULL));
    in = channel_gate_new(in);
    c.f = qemu_file_new_input(in);
    channel_gate_stop_at(in, CHANNEL_GATE_READ, cut, CHANNEL_GATE_WAIT);
    g_assert_true(qio_channel_write_all(out, octets->data, octets->len, NULL));
    put_sync(target, 0);
    thread = g_thread_new("main", load_main, &c);
    g_assert_true(channel_gate_wait_arrived(in, CHANNEL_GATE_READ, 20000));
    put_page(target, 0, 3, 4);
    put_sync(target, 0);
    wait_packets(target, 0, 3);
    channel_gate_release(in, CHANNEL_GATE_READ);
    g_thread_join(thread);
    g_assert_true(target->sync_ok);
    g_assert_true(multifd_recv_sync(target->m, NULL));
    for (uint8_t page = 0; page < 4; page++) {
        check_page(target, page, page + 1);
    }
    check_page(target, 4, 0);
    check_page(target, 10, 11);
    qemu_fclose(c.f, NULL);
    qio_channel_unref(out);
    qio_channel_unref(in);
    target_free(target);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/multifd-recv/sync/stops", test_stops);
    g_test_add_func("/multifd-recv/sync/many", test_many_syncs);
    g_test_add_func("/multifd-recv/sync/before-list", test_before_list);
    g_test_add_func("/multifd-recv/received-bytes", test_received_bytes);
    g_test_add_func("/multifd-recv/old/with-pages", test_sync_with_pages);
    g_test_add_func("/multifd-recv/old/stale", test_stale_sync);
    g_test_add_func("/multifd-recv/zero-pages", test_zero_pages);
    g_test_add_func("/multifd-recv/main-channel", test_main_channel);
    g_test_add_func("/multifd-recv/refused/first", test_pages_first);
    g_test_add_func("/multifd-recv/refused/method", test_wrong_method);
    g_test_add_func("/multifd-recv/refused/packet", test_bad_packet);
    g_test_add_func("/multifd-recv/refused/short", test_short_packet);
    return g_test_run();
}
