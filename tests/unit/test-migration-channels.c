/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of one migration, told apart at the destination in any
 * order and at any speed, or refused by name.
 */
#include "qemu/osdep.h"

#include <signal.h>

#include "loop-wait.h"
#include "migration/channels.h"
#include "migration/multifd.h"
#include "process-count.h"

#define CHANNELS_MAX 3
#define UNKNOWN_EXTRA 16 /* as incoming-channels.c has it */
#define MAIN CHANNELS_MAX

static const uint8_t uuid[16] = "0123456789abcdef";

typedef struct Incoming {
    IncomingChannels *ic; /* NULL: its end was called */
    unsigned n_multifd;   /* what count() says now */
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
        for (unsigned i = 0; i < in->n_multifd; i++) {
            in->multifd[i] =
                qio_channel_ref(incoming_channels_multifd(in->ic)[i]);
        }
    }
    incoming_channels_free(in->ic);
    in->ic = NULL;
}

static unsigned count(void *opaque)
{
    const Incoming *in = opaque;

    return in->n_multifd;
}

static Incoming *incoming_new(unsigned wait_ms)
{
    Incoming *in = g_new0(Incoming, 1);
    IncomingChannelsArgs args = {
        .wait_ms = wait_ms,
        .count = count,
        .fn = gathered,
        .opaque = in,
    };

    in->n_multifd = CHANNELS_MAX;
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

/* What is no channel of this guest comes too late to do harm. */
static void late_stranger(const void *octets, size_t len_bytes)
{
    QIOChannel *sources[CHANNELS_MAX + 1], *strangers[2];
    Incoming *in = incoming_new(WAIT_MS);

    for (unsigned i = 0; i < 2; i++) {
        strangers[i] = incoming_connect(in);
    }
    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        sources[i] = incoming_greet(in, i);
    }
    run_main_loop();
    g_assert_false(in->done);
    for (unsigned i = 0; i < 2; i++) {
        put(strangers[i], octets, len_bytes);
        run_main_loop();
        g_assert_true(is_closed(strangers[i]));
        g_assert_cmpint(in->done, ==, i == 1); /* nobody is left */
    }
    check_gathered(in, sources);
    free_all(strangers, 2);
    free_all(sources, CHANNELS_MAX + 1);
    incoming_free(in);
}

static void test_late_stranger(void)
{
    StreamMultiFDInit init;

    late_stranger("GET / HTTP/1.0\r\n\r\n", 18);
    late_stranger("QEVM", CHANNEL_MAGIC_BYTES);
    multifd_init_fill(&init, uuid, CHANNELS_MAX);
    init.version = GUINT32_TO_BE(2);
    late_stranger(&init, sizeof(init));
    multifd_init_fill(&init, uuid, 1);
    init.uuid[0]++;
    late_stranger(&init, sizeof(init));
}

/* One of this guest's channels is no stranger. */
static void test_late_twice(void)
{
    QIOChannel *sources[CHANNELS_MAX + 1], *again;
    Incoming *in = incoming_new(WAIT_MS);
    uint8_t octets[sizeof(StreamMultiFDInit)];

    again = incoming_connect(in);
    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        sources[i] = incoming_greet(in, i);
    }
    run_main_loop();
    g_assert_false(in->done);
    put(again, octets, greeting(1, octets));
    loop_until(&in->done);
    check_error(in->err, "multifd channel 1 came twice");
    qio_channel_unref(again);
    free_all(sources, CHANNELS_MAX + 1);
    incoming_free(in);
}

/*
 * How many there are is asked when the first one says what it is; and again
 * if all of them have gone without a main one.
 */
static void test_count(void)
{
    QIOChannel *sources[CHANNELS_MAX + 1] = { NULL }, *silent, *tried;
    Incoming *in = incoming_new(WAIT_MS);

    g_assert_true(incoming_channels_empty(in->ic));
    silent = incoming_connect(in);
    put(silent, "QEV", 3);
    run_main_loop();
    g_assert_false(incoming_channels_empty(in->ic));
    g_assert_false(incoming_channels_begun(in->ic));
    in->n_multifd = 1;
    tried = incoming_greet(in, 0);
    run_main_loop();
    g_assert_true(incoming_channels_begun(in->ic));
    qio_channel_unref(tried);
    run_main_loop();
    g_assert_false(incoming_channels_begun(in->ic));
    qio_channel_unref(silent);
    run_main_loop();
    g_assert_true(incoming_channels_empty(in->ic));
    in->n_multifd = CHANNELS_MAX;
    for (unsigned i = CHANNELS_MAX; i; i--) {
        sources[i] = incoming_greet(in, i);
        run_main_loop();
        g_assert_true(incoming_channels_begun(in->ic));
    }
    sources[0] = incoming_greet(in, 0);
    loop_until(&in->done);
    check_gathered(in, sources);
    free_all(sources, CHANNELS_MAX + 1);
    incoming_free(in);
}

/* One stream, and people who said nothing when there were to be more. */
static void test_count_none(void)
{
    for (int multifd = 0; multifd < 2; multifd++) {
        Incoming *in = incoming_new(WAIT_MS);
        QIOChannel *silent = incoming_connect(in), *source;

        run_main_loop();
        in->n_multifd = 0;
        source = incoming_greet(in, multifd ? 0 : MAIN);
        loop_until(&in->done);
        if (multifd) {
            check_error(in->err, "the capability 'multifd' is off here");
        } else {
            g_assert_null(in->err);
            g_assert_nonnull(in->main);
            g_assert_cmpmem(in->head, sizeof(in->head), "QEVM", 4);
        }
        g_assert_true(is_closed(silent));
        qio_channel_unref(silent);
        qio_channel_unref(source);
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

static void hang_up(QIOChannel **ioc)
{
    qio_channel_unref(*ioc);
    *ioc = NULL;
}

/*
 * A source that has sent all of a small guest may hang up, before its other
 * connections were looked at.
 */
static void test_source_done(void)
{
    for (unsigned n = 0; n < 24; n++) {
        QIOChannel *sources[CHANNELS_MAX + 1];
        unsigned ids[CHANNELS_MAX + 1];
        Incoming *in = incoming_new(WAIT_MS);

        order(n, ids);
        for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
            g_assert_false(in->done);
            sources[ids[i]] = incoming_greet(in, ids[i]);
            put(sources[ids[i]], "all", 3);
            hang_up(&sources[ids[i]]);
            run_main_loop();
        }
        loop_until(&in->done);
        g_assert_null(in->err);
        for (unsigned id = 0; id <= CHANNELS_MAX; id++) {
            QIOChannel *ioc = id == MAIN ? in->main : in->multifd[id];
            char got[3];

            g_assert_true(qio_channel_read_all(ioc, got, sizeof(got), NULL));
            g_assert_cmpmem(got, sizeof(got), "all", 3);
            g_assert_true(is_closed(ioc));
        }
        incoming_free(in);
    }
}

/* One that sent more than its id, and is gone, is no source for ever. */
static void test_gone_without_main(void)
{
    Incoming *in = incoming_new(WAIT_MS);
    QIOChannel *ioc = incoming_greet(in, 1), *again;

    put(ioc, "x", 1);
    hang_up(&ioc);
    run_main_loop();
    g_assert_true(incoming_channels_begun(in->ic));
    while (incoming_channels_begun(in->ic)) {
        g_main_context_iteration(NULL, TRUE);
    }
    again = incoming_greet(in, 1);
    run_main_loop();
    g_assert_false(in->done);
    qio_channel_unref(again);
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

/* Who comes later does not drive out a source that has not spoken yet. */
static void test_too_many_later(void)
{
    Incoming *in = incoming_new(WAIT_MS);
    QIOChannel *sources[CHANNELS_MAX + 1], *silent[2 * UNKNOWN_EXTRA];

    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        sources[i] = incoming_connect(in);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(silent); i++) {
        silent[i] = incoming_connect(in);
        g_assert_cmpint(is_closed(silent[i]), ==, i >= UNKNOWN_EXTRA);
    }
    for (unsigned i = 0; i <= CHANNELS_MAX; i++) {
        uint8_t octets[sizeof(StreamMultiFDInit)];

        put(sources[i], octets, greeting(i, octets));
        run_main_loop();
    }
    free_all(silent, ARRAY_SIZE(silent));
    loop_until(&in->done);
    check_gathered(in, sources);
    free_all(sources, CHANNELS_MAX + 1);
    incoming_free(in);
}

/*
 * Connections that say nothing are bounded: those that were silent for longer
 * than a source is waited for go, so that those that count fit in.
 */
static void test_too_many(void)
{
    enum { ROOM = CHANNELS_MAX + 1 + UNKNOWN_EXTRA };
    Incoming *in = incoming_new(1);
    QIOChannel *silent[ROOM], *more;
    unsigned before = process_count().fds;
    bool waited = false;

    for (unsigned i = 0; i < ROOM; i++) {
        silent[i] = incoming_connect(in);
        g_assert_false(is_closed(silent[i]));
    }
    g_assert_cmpuint(process_count().fds, ==, before + 2 * ROOM);
    g_timeout_add(20, set_flag, &waited);
    loop_until(&waited);
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
    g_test_add_func("/migration-channels/in/late-stranger",
                    test_late_stranger);
    g_test_add_func("/migration-channels/in/late-twice", test_late_twice);
    g_test_add_func("/migration-channels/in/count", test_count);
    g_test_add_func("/migration-channels/in/count-none", test_count_none);
    g_test_add_func("/migration-channels/in/twice", test_twice);
    g_test_add_func("/migration-channels/in/timeout", test_timeout);
    g_test_add_func("/migration-channels/in/main-missing", test_main_missing);
    g_test_add_func("/migration-channels/in/source-done", test_source_done);
    g_test_add_func("/migration-channels/in/gone-without-main",
                    test_gone_without_main);
    g_test_add_func("/migration-channels/in/source-gone", test_source_gone);
    g_test_add_func("/migration-channels/in/too-many", test_too_many);
    g_test_add_func("/migration-channels/in/too-many-later",
                    test_too_many_later);
    return g_test_run();
}
