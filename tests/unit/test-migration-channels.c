/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of one migration: told apart at the destination in any
 * order and at any speed, or refused by name; and made by the source.
 */
#include "qemu/osdep.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "migration/channels.h"
#include "migration/multifd.h"
#include "process-count.h"

#define WAIT_MS 20000
#define CHANNELS_MAX 3
#define UNKNOWN_EXTRA 16 /* as incoming-channels.c has it */
#define MAIN CHANNELS_MAX

static const uint8_t uuid[16] = "0123456789abcdef";

static gboolean give_up(void *opaque)
{
    g_error("nothing came of it in %d ms", WAIT_MS);
    return G_SOURCE_REMOVE;
}

static void loop_until(const bool *done)
{
    guint id = g_timeout_add(WAIT_MS, give_up, NULL);

    while (!*done) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(id);
}

static void run_main_loop(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void check_error(Error *err, const char *part)
{
    g_assert_nonnull(err);
    if (!strstr(error_get_pretty(err), part)) {
        g_error("'%s' lacks '%s'", error_get_pretty(err), part);
    }
    error_free(err);
}

/* --- The destination ------------------------------------------------------ */

typedef struct Incoming {
    IncomingChannels *ic; /* NULL: its end was called */
    bool done;
    Error *err;
    uint8_t head[CHANNEL_MAGIC_BYTES];
    QIOChannel *main, *multifd[CHANNELS_MAX]; /* what it gave */
} Incoming;

static void gathered(Error *err, void *opaque)
{
    Incoming *in = opaque;

    g_assert_false(in->done);
    in->done = true;
    in->err = err;
    if (!err) {
        in->main = qio_channel_ref(incoming_channels_main(in->ic));
        memcpy(in->head, incoming_channels_main_head(in->ic),
               sizeof(in->head));
        for (unsigned i = 0; i < CHANNELS_MAX; i++) {
            in->multifd[i] =
                qio_channel_ref(incoming_channels_multifd(in->ic)[i]);
        }
    }
    incoming_channels_free(in->ic);
    in->ic = NULL;
}

static Incoming *incoming_new(unsigned wait_ms)
{
    Incoming *in = g_new0(Incoming, 1);
    IncomingChannelsArgs args = {
        .n_multifd = CHANNELS_MAX,
        .wait_ms = wait_ms,
        .fn = gathered,
        .opaque = in,
    };

    memcpy(args.uuid, uuid, sizeof(uuid));
    in->ic = incoming_channels_new(&args);
    return in;
}

static void incoming_free(Incoming *in)
{
    if (in->ic) {
        incoming_channels_free(in->ic);
    }
    run_main_loop();
    qio_channel_unref(in->main);
    for (unsigned i = 0; i < CHANNELS_MAX; i++) {
        qio_channel_unref(in->multifd[i]);
    }
    g_free(in);
}

/* A connection; the source's end of it. */
static QIOChannel *incoming_connect(Incoming *in)
{
    QIOChannel *a, *b;

    g_assert_true(qio_channel_pair_new(&a, &b, NULL));
    incoming_channels_add(in->ic, a);
    qio_channel_unref(a);
    return b;
}

static void put(QIOChannel *ioc, const void *data, size_t len_bytes)
{
    g_assert_true(qio_channel_write_all(ioc, data, len_bytes, NULL));
}

/* What a channel begins with: of the id, or MAIN; returns how much. */
static size_t greeting(unsigned id, uint8_t *octets)
{
    StreamMultiFDInit init;

    if (id == MAIN) {
        memcpy(octets, "QEVM", CHANNEL_MAGIC_BYTES);
        return CHANNEL_MAGIC_BYTES;
    }
    multifd_init_fill(&init, uuid, (uint8_t)id);
    memcpy(octets, &init, sizeof(init));
    return sizeof(init);
}

static QIOChannel *incoming_greet(Incoming *in, unsigned id)
{
    QIOChannel *ioc = incoming_connect(in);
    uint8_t octets[sizeof(StreamMultiFDInit)];

    put(ioc, octets, greeting(id, octets));
    return ioc;
}

/* The other end has closed it. */
static bool is_closed(QIOChannel *ioc)
{
    uint8_t octet;
    ssize_t n;

    g_assert_true(qio_channel_set_blocking(ioc, false, NULL));
    n = qio_channel_read(ioc, &octet, 1, NULL);
    g_assert_cmpint(n, <=, 0);
    return n == 0 || n == -1;
}

/* All have come; each is what it said, blocks, and nothing of it is lost. */
static void check_gathered(Incoming *in, QIOChannel *const *sources)
{
    g_assert_null(in->err);
    g_assert_cmpmem(in->head, sizeof(in->head), "QEVM", 4);
    for (unsigned id = 0; id <= CHANNELS_MAX; id++) {
        QIOChannel *ioc = id == MAIN ? in->main : in->multifd[id];
        uint8_t octets[2] = { (uint8_t)id, 0x99 }, got[2];

        put(sources[id], octets, sizeof(octets));
        g_assert_true(qio_channel_read_all(ioc, got, sizeof(got), NULL));
        g_assert_cmpmem(got, sizeof(got), octets, sizeof(octets));
    }
}

static void free_all(QIOChannel **sources, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        qio_channel_unref(sources[i]);
    }
}

/* The @n th of all orders of the four. */
static void order(unsigned n, unsigned ids[CHANNELS_MAX + 1])
{
    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        ids[i] = i;
    }
    for (unsigned i = CHANNELS_MAX; i; i--) {
        unsigned j = n % (i + 1), id = ids[i];

        n /= i + 1;
        ids[i] = ids[j];
        ids[j] = id;
    }
}

static void test_any_order(void)
{
    for (unsigned n = 0; n < 24; n++) {
        unsigned ids[CHANNELS_MAX + 1];
        QIOChannel *sources[CHANNELS_MAX + 1];
        Incoming *in = incoming_new(WAIT_MS);

        order(n, ids);
        for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
            g_assert_false(in->done);
            sources[ids[i]] = incoming_greet(in, ids[i]);
            if (n % 2) {
                run_main_loop(); /* one by one, or all at once */
            }
        }
        loop_until(&in->done);
        check_gathered(in, sources);
        free_all(sources, CHANNELS_MAX + 1);
        incoming_free(in);
    }
}

/* Octet by octet on all in turn: who is slow keeps nobody waiting. */
static void test_partial(void)
{
    Incoming *in = incoming_new(WAIT_MS);
    QIOChannel *sources[CHANNELS_MAX + 1];

    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        sources[i] = incoming_connect(in);
    }
    for (size_t at = 0; at < sizeof(StreamMultiFDInit); at++) {
        for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
            uint8_t octets[sizeof(StreamMultiFDInit)];

            if (at < greeting(i, octets)) {
                g_assert_false(in->done);
                put(sources[i], octets + at, 1);
                run_main_loop();
            }
        }
        g_assert_cmpint(!!(in->ic && incoming_channels_main(in->ic)), ==,
                        at >= 3 && !in->done);
    }
    loop_until(&in->done);
    check_gathered(in, sources);
    free_all(sources, CHANNELS_MAX + 1);
    incoming_free(in);
}

/* What comes with the greeting in one go stays for the reader. */
static void test_more_at_once(void)
{
    Incoming *in = incoming_new(WAIT_MS);
    QIOChannel *sources[CHANNELS_MAX + 1];

    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        uint8_t octets[sizeof(StreamMultiFDInit) + 1];
        size_t len_bytes = greeting(i, octets);

        octets[len_bytes] = (uint8_t)(0x40 + i);
        sources[i] = incoming_connect(in);
        put(sources[i], octets, len_bytes + 1);
    }
    loop_until(&in->done);
    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        uint8_t octet;

        g_assert_true(qio_channel_read_all(
            i == MAIN ? in->main : in->multifd[i], &octet, 1, NULL));
        g_assert_cmpuint(octet, ==, 0x40 + i);
    }
    check_gathered(in, sources);
    free_all(sources, CHANNELS_MAX + 1);
    incoming_free(in);
}

/* Looking in, and giving up in the middle of the greeting, are no harm. */
static void test_hang_up(void)
{
    Incoming *in = incoming_new(WAIT_MS);
    QIOChannel *sources[CHANNELS_MAX + 1];

    for (size_t len_bytes = 0; len_bytes < sizeof(StreamMultiFDInit);
         len_bytes++) {
        for (unsigned id = 0; id <= CHANNELS_MAX; id += MAIN) {
            uint8_t octets[sizeof(StreamMultiFDInit)];

            if (len_bytes < greeting(id, octets)) {
                QIOChannel *ioc = incoming_connect(in);

                put(ioc, octets, len_bytes);
                if (len_bytes % 2) {
                    run_main_loop();
                }
                qio_channel_unref(ioc);
                run_main_loop();
                g_assert_false(in->done);
            }
        }
    }
    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        sources[i] = incoming_greet(in, i);
    }
    loop_until(&in->done);
    check_gathered(in, sources);
    free_all(sources, CHANNELS_MAX + 1);
    incoming_free(in);
}

/* A connection with the main one and channel 0 there, or as the first. */
static void refused(const void *octets, size_t len_bytes, const char *part)
{
    for (int first = 0; first < 2; first++) {
        Incoming *in = incoming_new(WAIT_MS);
        QIOChannel *ioc[4] = { NULL };

        if (!first) {
            ioc[0] = incoming_greet(in, MAIN);
            ioc[1] = incoming_greet(in, 0);
            /* One that has said nothing is there, too. */
            ioc[2] = incoming_connect(in);
            run_main_loop();
        }
        ioc[3] = incoming_connect(in);
        put(ioc[3], octets, len_bytes);
        loop_until(&in->done);
        check_error(in->err, part);
        for (unsigned i = 0; i < 4; i++) {
            g_assert_true(!ioc[i] || is_closed(ioc[i]));
        }
        free_all(ioc, 4);
        incoming_free(in);
    }
}

static void test_refused(void)
{
    StreamMultiFDInit init;

    multifd_init_fill(&init, uuid, 1);
    init.version = GUINT32_TO_BE(2);
    refused(&init, sizeof(init),
            "initial packet of a multifd channel: version is 2");
    multifd_init_fill(&init, uuid, CHANNELS_MAX);
    refused(&init, sizeof(init), "channel id is 3, but there are 3 channels");
    multifd_init_fill(&init, uuid, 1);
    init.uuid[15]++;
    refused(&init, sizeof(init), "UUID is not that of this guest");
    /* What it is shows in four octets. */
    multifd_init_fill(&init, uuid, 1);
    init.magic++;
    refused(&init, 4, "a connection began with 0x");
    refused("\x51\x45\x56\x4e", 4, "began with 0x5145564e, neither");
    refused("\x16\x03\x01\x02", 4, "began with 0x16030102");
}

/*
 * All that are wanted, and others: who has not spoken by then has a while to
 * do so.
 */
static void test_extra(void)
{
    uint8_t octets[sizeof(StreamMultiFDInit)];
    QIOChannel *sources[CHANNELS_MAX + 3];
    Incoming *in = incoming_new(WAIT_MS);

    multifd_init_fill((StreamMultiFDInit *)octets, uuid, CHANNELS_MAX);
    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        sources[i] = incoming_greet(in, i);
    }
    sources[MAIN + 1] = incoming_connect(in);
    sources[MAIN + 2] = incoming_connect(in);
    run_main_loop();
    g_assert_false(in->done);
    put(sources[MAIN + 1], octets, sizeof(octets));
    loop_until(&in->done);
    check_error(in->err, "channel id is 3, but there are 3 channels here; set "
                         "'multifd-channels' alike");
    free_all(sources, CHANNELS_MAX + 3);
    incoming_free(in);
}

/* Strangers hold nobody up for long, and not at all once they are gone. */
static void test_extra_silent(void)
{
    for (int stays = 0; stays < 2; stays++) {
        QIOChannel *sources[CHANNELS_MAX + 1], *stranger;
        Incoming *in = incoming_new(WAIT_MS);

        for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
            sources[i] = incoming_greet(in, i);
        }
        stranger = incoming_connect(in);
        run_main_loop();
        g_assert_false(in->done);
        if (stays) {
            loop_until(&in->done);
            g_assert_true(is_closed(stranger));
            qio_channel_unref(stranger);
        } else {
            qio_channel_unref(stranger);
            run_main_loop();
            g_assert_true(in->done);
        }
        check_gathered(in, sources);
        free_all(sources, CHANNELS_MAX + 1);
        incoming_free(in);
    }
}

static void test_twice(void)
{
    for (unsigned id = 0; id <= CHANNELS_MAX; id++) {
        Incoming *in = incoming_new(WAIT_MS);
        QIOChannel *ioc[2];

        ioc[0] = incoming_greet(in, id);
        if (id % 2) {
            run_main_loop();
        }
        ioc[1] = incoming_greet(in, id);
        loop_until(&in->done);
        if (id == MAIN) {
            check_error(in->err, "a second main channel came");
        } else {
            g_autofree char *part =
                g_strdup_printf("multifd channel %u came twice", id);

            check_error(in->err, part);
        }
        free_all(ioc, 2);
        incoming_free(in);
    }
}

/* From the main channel on, each has to come in time. */
static void test_timeout(void)
{
    Incoming *in = incoming_new(20);
    QIOChannel *ioc[3];

    ioc[0] = incoming_greet(in, MAIN);
    ioc[1] = incoming_greet(in, 1);
    ioc[2] = incoming_connect(in); /* never says a word */
    loop_until(&in->done);
    check_error(in->err, "waited too long with multifd channels missing: 0, 2 "
                         "of 3; set 'multifd-channels' alike");
    g_assert_true(is_closed(ioc[1]));
    g_assert_true(is_closed(ioc[2]));
    free_all(ioc, 3);
    incoming_free(in);
}

static gboolean set_flag(void *opaque)
{
    *(bool *)opaque = true;
    return G_SOURCE_REMOVE;
}

/* The clock begins with the main channel, whoever was there before. */
static void test_main_missing(void)
{
    Incoming *in = incoming_new(1);
    QIOChannel *sources[CHANNELS_MAX + 1];
    bool waited = false;

    for (unsigned i = 0; i < CHANNELS_MAX; i++) {
        sources[i] = incoming_greet(in, i);
        run_main_loop();
    }
    /* Sources of its priority that are due before this one would have run. */
    g_timeout_add(20, set_flag, &waited);
    loop_until(&waited);
    g_assert_false(in->done);
    g_assert_null(incoming_channels_main(in->ic));
    sources[MAIN] = incoming_greet(in, MAIN);
    loop_until(&in->done);
    check_gathered(in, sources);
    free_all(sources, CHANNELS_MAX + 1);
    incoming_free(in);
}

/* A source that is gone is not waited for. */
static void test_source_gone(void)
{
    Incoming *in = incoming_new(WAIT_MS);
    QIOChannel *ioc[2];

    ioc[0] = incoming_greet(in, 1);
    ioc[1] = incoming_greet(in, MAIN);
    run_main_loop();
    g_assert_false(in->done);
    qio_channel_unref(ioc[1]);
    loop_until(&in->done);
    check_error(in->err, "the source hung up with multifd channels missing: "
                         "0, 2 of 3");
    g_assert_true(is_closed(ioc[0]));
    qio_channel_unref(ioc[0]);
    incoming_free(in);
}

/*
 * Connections that say nothing are bounded: those that were silent longest go,
 * so that those that count fit in.
 */
static void test_too_many(void)
{
    enum { ROOM = CHANNELS_MAX + 1 + UNKNOWN_EXTRA };
    Incoming *in = incoming_new(WAIT_MS);
    QIOChannel *silent[ROOM], *more;
    unsigned before = process_count().fds;

    for (unsigned i = 0; i < ROOM; i++) {
        silent[i] = incoming_connect(in);
        g_assert_false(is_closed(silent[i]));
    }
    g_assert_cmpuint(process_count().fds, ==, before + 2 * ROOM);
    more = incoming_greet(in, 2);
    g_assert_true(is_closed(silent[0]));
    g_assert_false(is_closed(silent[1]));
    g_assert_cmpuint(process_count().fds, ==, before + 2 * ROOM + 1);
    run_main_loop();
    g_assert_false(is_closed(more)); /* it said who it is */
    g_assert_false(in->done);
    incoming_channels_free(in->ic);
    in->ic = NULL;
    for (unsigned i = 0; i < ROOM; i++) {
        g_assert_true(is_closed(silent[i]));
    }
    g_assert_true(is_closed(more));
    qio_channel_unref(more);
    free_all(silent, ROOM);
    incoming_free(in);
    g_assert_cmpuint(process_count().fds, ==, before);
}

/* --- The source ----------------------------------------------------------- */

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
        put(out->channels->pdata[0], "M", 1);
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
    g_test_add_func("/migration-channels/in/any-order", test_any_order);
    g_test_add_func("/migration-channels/in/partial", test_partial);
    g_test_add_func("/migration-channels/in/more-at-once", test_more_at_once);
    g_test_add_func("/migration-channels/in/hang-up", test_hang_up);
    g_test_add_func("/migration-channels/in/refused", test_refused);
    g_test_add_func("/migration-channels/in/extra", test_extra);
    g_test_add_func("/migration-channels/in/extra-silent", test_extra_silent);
    g_test_add_func("/migration-channels/in/twice", test_twice);
    g_test_add_func("/migration-channels/in/timeout", test_timeout);
    g_test_add_func("/migration-channels/in/main-missing", test_main_missing);
    g_test_add_func("/migration-channels/in/source-gone", test_source_gone);
    g_test_add_func("/migration-channels/in/too-many", test_too_many);
    g_test_add_func("/migration-channels/out/connect", test_connect);
    g_test_add_func("/migration-channels/out/refused", test_connect_refused);
    g_test_add_func("/migration-channels/out/cancel", test_connect_cancel);
    return g_test_run();
}
