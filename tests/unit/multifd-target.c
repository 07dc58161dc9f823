/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands around multifd's receivers in their tests. */
#include "qemu/osdep.h"

#include "io/channel-socket.h"
#include "multifd-target.h"
#include "qemu/thread.h"
#include "tcp-pair.h"

/* --- Life ----------------------------------------------------------------- */

/* Without channels. */
static Target *target_alone(unsigned n, MultiFDCompression compression)
{
    Target *target = g_new0(Target, 1);

    target->t = test_vm_new();
    target->ram = test_vm_add_block(target->t, "ram", TARGET_PAGES * PAGE);
    target->t->incoming.config.multifd_compression = compression;
    target->n = n;
    return target;
}

static void target_connect(Target *target)
{
    target->m = multifd_recv_new(&target->t->incoming, target->in, target->n);
    g_assert_cmpuint(multifd_recv_channels(target->m), ==, target->n);
    target->t->incoming.multifd = target->m;
}

Target *target_with(unsigned n, MultiFDCompression compression,
                    const MultiFDMethods *ops)
{
    Target *target = target_alone(n, compression);

    for (unsigned i = 0; i < n; i++) {
        QIOChannel *inner;

        g_assert_true(qio_channel_pair_new(&inner, &target->out[i], NULL));
        target->in[i] = channel_gate_new(inner);
    }
    if (ops) {
        multifd_register_ops(&target->t->multifd_methods, compression, ops);
    }
    target_connect(target);
    return target;
}

Target *target_new_tcp(unsigned n)
{
    Target *target = target_alone(n, MULTI_FD_COMPRESSION_NONE);

    for (unsigned i = 0; i < n; i++) {
        int fds[2];

        tcp_pair_new(fds, 0);
        target->out[i] = qio_channel_socket_new_fd(fds[0], NULL);
        target->in[i] =
            channel_gate_new(qio_channel_socket_new_fd(fds[1], NULL));
    }
    target_connect(target);
    g_assert_true(ram_load_setup(NULL, &target->t->vm, NULL));
    return target;
}

Target *target_new(unsigned n)
{
    Target *target = target_with(n, MULTI_FD_COMPRESSION_NONE, NULL);

    g_assert_true(ram_load_setup(NULL, &target->t->vm, NULL));
    return target;
}

void target_free(Target *target)
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

void check_failed(Target *target, const char *part)
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

void put(Target *target, unsigned channel, const void *data, size_t len_bytes)
{
    g_assert_true(qio_channel_write_all(target->out[channel], data, len_bytes,
                                        NULL));
}

bool try_put_sync(Target *target, unsigned channel)
{
    const MultiFDPacketHead head = { .flags = MULTIFD_FLAG_SYNC };
    MultiFDPages pages = { .block = NULL };
    StreamMultiFDPacket packet;

    multifd_packet_fill(&packet, &head, &pages);
    return qio_channel_write_all(target->out[channel], &packet, sizeof(packet),
                                 NULL);
}

void put_sync(Target *target, unsigned channel)
{
    g_assert_true(try_put_sync(target, channel));
}

StreamMultiFDPacket packet_of(uint32_t flags, uint64_t first,
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

void put_fill(Target *target, unsigned channel, uint32_t pages, uint8_t fill)
{
    g_autofree uint8_t *contents = g_malloc(MAX(pages, 1) * PAGE);

    memset(contents, fill, pages * PAGE);
    put(target, channel, contents, pages * PAGE);
}

void put_page(Target *target, unsigned channel, uint64_t page, uint8_t fill)
{
    StreamMultiFDPacket packet = packet_of(0, page, 1, 0);

    put(target, channel, &packet, sizeof(packet));
    put_fill(target, channel, 1, fill);
}

void hang_up(Target *target, unsigned channel)
{
    qio_channel_shutdown(target->out[channel], QIO_CHANNEL_SHUTDOWN_WRITE,
                         NULL);
}

void check_page(const Target *target, uint64_t page, uint8_t fill)
{
    for (uint64_t i = 0; i < PAGE; i++) {
        g_assert_cmpuint(target->ram->host[page * PAGE + i], ==, fill);
    }
}

void sync_all(Target *target)
{
    for (unsigned i = 0; i < target->n; i++) {
        put_sync(target, i);
    }
    g_assert_true(multifd_recv_sync(target->m, NULL));
}

void wait_packets(const Target *target, unsigned channel, uint64_t n)
{
    const MultiFDRecvParams *p = multifd_recv_channel(target->m, channel);
    gint64 end = g_get_monotonic_time() + TARGET_WAIT_US;

    /* Relaxed: what it counted is looked at after a sync only. */
    while (qatomic_read(&p->received.packets) < n) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
}

/* --- The loading thread, while the test goes on --------------------------- */

void *load_marker(void *opaque)
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

GThread *loader_start(Target *target)
{
    GThread *thread = g_thread_new("load", load_marker, target);
    gint64 end = g_get_monotonic_time() + TARGET_WAIT_US;

    while (!qatomic_read(&target->loader_tid) ||
           !thread_sleeps(qatomic_read(&target->loader_tid))) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_thread_yield();
    }
    return thread;
}

