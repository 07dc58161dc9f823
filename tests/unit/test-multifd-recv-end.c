/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How multifd's receivers end: behind the last sync point, at any octet, by
 * an error or because they are told to.
 */
#include "qemu/osdep.h"

#include <signal.h>

#include "multifd-target.h"

/* --- Behind the last sync point ------------------------------------------- */

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

/* Of SYNCs behind the last sync point, on no packet, this one, or the next. */
static void pages_behind(uint32_t flags, bool sync_follows)
{
    const StreamMultiFDPacket packet = packet_of(flags, 1, 1, 0);

    /* Whether the receiver has looked already, or has yet to. */
    for (unsigned i = 0; i < 200; i++) {
        Target *target = target_new(2);
        Error *err = NULL;

        sync_all(target);
        put(target, 1, &packet, sizeof(packet));
        put_fill(target, 1, 1, 5);
        if (sync_follows) {
            put_sync(target, 1);
        }
        if (i % 2) {
            wait_packets(target, 1, sync_follows ? 3 : 2);
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

static void test_pages_behind(void)
{
    pages_behind(0, false);
    pages_behind(0, true);
    pages_behind(MULTIFD_FLAG_SYNC, false);
}

/* However much comes behind the end, one packet is looked at. */
static void much_behind(Target *target, uint32_t flags)
{
    const StreamMultiFDPacket packet = packet_of(flags, 0, 0, 0);

    /* All of it is there when the end is. */
    channel_gate_stop_at(target->in[0], CHANNEL_GATE_READ, sizeof(packet),
                         CHANNEL_GATE_WAIT);
    sync_all(target);
    for (unsigned i = 0; i < 8; i++) {
        put(target, 0, &packet, sizeof(packet));
    }
    g_assert_true(multifd_recv_finish(target->m, NULL));
    g_assert_cmpuint(multifd_recv_channel(target->m, 0)->received.packets, <=,
                     2);
    target_free(target);
}

static void test_much_behind(void)
{
    much_behind(target_new(1), MULTIFD_FLAG_SYNC);
    much_behind(target_new(1), 0);
    much_behind(target_new_tcp(1), MULTIFD_FLAG_SYNC);
    much_behind(target_new_tcp(1), 0);
}

/* The rest of the last SYNC, that has no marker, may still be on its way. */
static void test_part_of_sync(void)
{
    static const size_t lens[] = { 1, 11, 12, 319, 1343 };
    const StreamMultiFDPacket packet = packet_of(MULTIFD_FLAG_SYNC, 0, 0, 0);

    for (size_t i = 0; i < 2 * ARRAY_SIZE(lens); i++) {
        Target *target = target_new(2);

        sync_all(target);
        put_page(target, 0, 0, 5);
        sync_all(target);
        put(target, 1, &packet, lens[i / 2]);
        if (i % 2) {
            put(target, 0, &packet, lens[i / 2]);
        }
        g_assert_true(multifd_recv_finish(target->m, NULL));
        g_assert_null(target->t->incoming.error);
        target_free(target);
    }
}

/* What comes last is bad, and may be looked at when the end is. */
static void bad_behind(const StreamMultiFDPacket *packet, size_t len_bytes,
                       const char *part)
{
    for (unsigned i = 0; i < 200; i++) {
        Target *target = target_new(2);

        sync_all(target);
        put(target, 1, packet, len_bytes);
        hang_up(target, 1);
        g_assert_false(multifd_recv_finish(target->m, NULL));
        check_failed(target, part);
        target_free(target);
    }
}

static void test_bad_behind(void)
{
    StreamMultiFDPacket packet = packet_of(0, 0, 1, 0);

    bad_behind(&packet, 100, "multifd channel 1, packet 1: the input ended "
                             "after 100 of the packet's 1344 octets");
    /* Writers before 9.0 have pages and SYNC in one packet. */
    packet = packet_of(MULTIFD_FLAG_SYNC, 0, 1, 0);
    bad_behind(&packet, 20, "packet 1: the input ended after 20");
    bad_behind(&packet, 1343, "packet 1: the input ended after 1343");
    packet = packet_of(MULTIFD_FLAG_SYNC, 0, 0, 1);
    bad_behind(&packet, 36, "packet 1: the input ended after 36");
    packet.magic = 0;
    bad_behind(&packet, MULTIFD_LEAD_BYTES,
               "multifd channel 1, packet 1: magic is 0x00000000");
}

/* A part of a SYNC is no end where pages were sent since the last. */
static void test_part_behind_pages(void)
{
    const StreamMultiFDPacket packet = packet_of(MULTIFD_FLAG_SYNC, 0, 0, 0);
    Target *target = target_new(1);

    sync_all(target);
    put_page(target, 0, 1, 5);
    wait_packets(target, 0, 2);
    put(target, 0, &packet, 100);
    g_assert_false(multifd_recv_finish(target->m, NULL));
    check_failed(target, "packet 2: the input ended after 100");
    target_free(target);
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
    g_test_add_func("/multifd-recv-end/unmatched", test_unmatched_sync);
    g_test_add_func("/multifd-recv-end/end", test_end);
    g_test_add_func("/multifd-recv-end/pages-behind", test_pages_behind);
    g_test_add_func("/multifd-recv-end/much-behind", test_much_behind);
    g_test_add_func("/multifd-recv-end/part-of-sync", test_part_of_sync);
    g_test_add_func("/multifd-recv-end/part-behind-pages",
                    test_part_behind_pages);
    g_test_add_func("/multifd-recv-end/bad-behind", test_bad_behind);
    g_test_add_func("/multifd-recv-end/cut", test_cut);
    g_test_add_func("/multifd-recv-end/before-sync", test_ends_before_sync);
    g_test_add_func("/multifd-recv-end/read-fails", test_read_fails);
    g_test_add_func("/multifd-recv-end/terminate", test_terminate);
    g_test_add_func("/multifd-recv-end/never-started", test_never_started);
    g_test_add_func("/multifd-recv-end/setup", test_setup_fails);
    return g_test_run();
}
