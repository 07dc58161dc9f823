/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connections of one migration, made by the source. */
#include "qemu/osdep.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "loop-wait.h"
#include "migration/channels.h"
#include "process-count.h"

typedef struct Outgoing {
    OutgoingChannels *oc; /* NULL: its end was called */
    unsigned n;
    bool done;
    Error *err;
    GPtrArray *channels;
} Outgoing;

static void all_connected(QIOChannel *const *channels, Error *err,
                          void *opaque)
{
    Outgoing *out = opaque;

    g_assert_false(out->done);
    out->done = true;
    out->err = err;
    g_assert_true(!channels == !!err);
    for (unsigned i = 0; channels && i < out->n; i++) {
        g_ptr_array_add(out->channels, qio_channel_ref(channels[i]));
    }
    outgoing_channels_free(out->oc);
    out->oc = NULL;
}

static Outgoing *outgoing_new(const SocketAddress *addr, unsigned n_more)
{
    Outgoing *out = g_new0(Outgoing, 1);

    out->n = 1 + n_more;
    out->channels =
        g_ptr_array_new_with_free_func((GDestroyNotify)qio_channel_unref);
    out->oc = outgoing_channels_connect(addr, n_more, NULL, all_connected,
                                        out);
    return out;
}

static void outgoing_free(Outgoing *out)
{
    if (out->oc) {
        outgoing_channels_free(out->oc);
    }
    g_ptr_array_unref(out->channels);
    g_free(out);
}

static SocketAddress *address(const char *str)
{
    SocketAddress *addr = socket_parse(str, NULL);

    g_assert_nonnull(addr);
    return addr;
}

static void accept_one(QIONetListener *listener, QIOChannel *ioc,
                       void *opaque)
{
    g_ptr_array_add(opaque, ioc);
}

/* The main one is the first that the destination sees, and the first given. */
static void test_connect(void)
{
    for (unsigned n_more = 0; n_more <= 255; n_more = 5 * n_more + 1) {
        g_autoptr(SocketAddress) any = address("tcp:127.0.0.1:0");
        QIONetListener *listener = qio_net_listener_new(any, 256, NULL);
        g_autoptr(GPtrArray) accepted =
            g_ptr_array_new_with_free_func((GDestroyNotify)qio_channel_unref);
        Outgoing *out;
        uint8_t octet = 0;

        qio_net_listener_set_client_fn(listener, accept_one, accepted, NULL);
        out = outgoing_new(qio_net_listener_address(listener, 0), n_more);
        loop_until(&out->done);
        g_assert_null(out->err);
        while (accepted->len < 1 + n_more) {
            g_main_context_iteration(NULL, TRUE);
        }
        g_assert_cmpuint(out->channels->len, ==, 1 + n_more);
        g_assert_true(qio_channel_write_all(out->channels->pdata[0], "M", 1,
                                            NULL));
        g_assert_true(qio_channel_read_all(accepted->pdata[0], &octet, 1,
                                           NULL));
        g_assert_cmpuint(octet, ==, 'M');
        outgoing_free(out);
        qio_net_listener_free(listener);
    }
}

/* A socket that listens, and its address. */
static int listen_raw(SocketAddress **addr)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len_bytes = sizeof(sin);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_autofree char *str = NULL;

    g_assert_cmpint(bind(fd, (struct sockaddr *)&sin, len_bytes), ==, 0);
    g_assert_cmpint(listen(fd, 64), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sin, &len_bytes), ==,
                    0);
    str = g_strdup_printf("tcp:127.0.0.1:%u", ntohs(sin.sin_port));
    *addr = address(str);
    return fd;
}

/* Accepted are the first @n; whoever comes then is refused. */
static void refused_after(unsigned n, const char *part)
{
    SocketAddress *addr;
    int listener = listen_raw(&addr);
    Outgoing *out;
    int fd = -1;

    if (!n) {
        close(listener);
    }
    out = outgoing_new(addr, 3);
    if (n) {
        fd = accept(listener, NULL, NULL);
        g_assert_cmpint(fd, >=, 0);
        close(listener); /* the others begin in the main loop */
    }
    loop_until(&out->done);
    check_error(out->err, part);
    g_assert_cmpuint(out->channels->len, ==, 0);
    if (n) {
        char octet;

        /* What had come about is closed. */
        g_assert_cmpint(recv(fd, &octet, 1, 0), ==, 0);
        close(fd);
    }
    outgoing_free(out);
    qapi_free_SocketAddress(addr);
}

static void test_connect_refused(void)
{
    refused_after(0, "onnect");
    refused_after(1, "connection 2 of 4: ");
}

/* Given up after any number of events; nothing stays, nothing comes. */
static void test_connect_cancel(void)
{
    ProcessCount before = process_count();

    for (unsigned step = 0; step < 24; step++) {
        SocketAddress *addr;
        int listener = listen_raw(&addr);
        Outgoing *out = outgoing_new(addr, 12);

        for (unsigned i = 0; i < step && !out->done; i++) {
            g_main_context_iteration(NULL, TRUE);
        }
        outgoing_free(out);
        run_main_loop();
        close(listener);
        qapi_free_SocketAddress(addr);
        process_count_check(before); /* threads end by themselves */
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/outgoing-channels/connect", test_connect);
    g_test_add_func("/outgoing-channels/refused", test_connect_refused);
    g_test_add_func("/outgoing-channels/cancel", test_connect_cancel);
    return g_test_run();
}
