/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections of an incoming migration in any order. Each octet of the input
 * is a step: bits 0 to 2 say which connection, bits 3 and 4 what it does, bit
 * 7 that the main loop sees to what there is. A connection comes with its
 * first step.
 */
#include "qemu/osdep.h"

#include "fuzz.h"
#include "migration/channels.h"

#define CONNECTIONS 8
#define CHANNELS 3
#define MAIN CHANNELS
#define SENT_MAX_BYTES 256

enum { STEP_CONNECT, STEP_SEND, STEP_GREET, STEP_CLOSE };

static const uint8_t uuid[16] = { 0x5a, 0x01 };

typedef struct Connection {
    QIOChannel *source; /* NULL: not yet, or closed */
    QIOChannel *here;   /* with a reference of our own */
    GByteArray *sent;
} Connection;

typedef struct Run {
    GMainContext *context;
    IncomingChannels *ic; /* NULL: its end was called */
    Connection connections[CONNECTIONS];
} Run;

/* @ioc is one that began as channel @id, and all behind that is unread. */
static void check_channel(Run *run, QIOChannel *ioc, unsigned id)
{
    const size_t head_bytes =
        id == MAIN ? CHANNEL_MAGIC_BYTES : sizeof(StreamMultiFDInit);
    uint8_t rest[SENT_MAX_BYTES];
    unsigned i = 0;
    GByteArray *sent;
    StreamMultiFDInit init;

    while (run->connections[i].here != ioc) {
        i++;
        g_assert(i < CONNECTIONS);
    }
    sent = run->connections[i].sent;
    g_assert(sent->len >= head_bytes);
    if (id == MAIN) {
        g_assert(!memcmp(sent->data, "QEVM", head_bytes));
        g_assert(!memcmp(sent->data, incoming_channels_main_head(run->ic),
                         head_bytes));
    } else {
        multifd_init_fill(&init, uuid, (uint8_t)id);
        g_assert(!memcmp(sent->data, &init,
                         offsetof(StreamMultiFDInit, unused)));
    }
    g_assert(qio_channel_read_all(ioc, rest, sent->len - head_bytes, NULL));
    g_assert(!memcmp(rest, sent->data + head_bytes, sent->len - head_bytes));
}

static void gathered(Error *err, void *opaque)
{
    Run *run = opaque;

    g_assert(run->ic);
    if (!err) {
        check_channel(run, incoming_channels_main(run->ic), MAIN);
        for (unsigned id = 0; id < CHANNELS; id++) {
            check_channel(run, incoming_channels_multifd(run->ic)[id], id);
        }
    }
    fuzz_check_result(!err, err);
    incoming_channels_free(run->ic);
    run->ic = NULL;
}

static unsigned count(void *opaque)
{
    return CHANNELS;
}

static void connection_send(Connection *c, const void *data, size_t len_bytes)
{
    if (c->sent->len + len_bytes <= SENT_MAX_BYTES &&
        qio_channel_write_all(c->source, data, len_bytes, NULL)) {
        g_byte_array_append(c->sent, data, (guint)len_bytes);
    }
}

static void greet(Connection *c, unsigned id)
{
    StreamMultiFDInit init;

    if (id == MAIN) {
        connection_send(c, "QEVM", CHANNEL_MAGIC_BYTES);
        return;
    }
    multifd_init_fill(&init, uuid, (uint8_t)id);
    connection_send(c, &init, sizeof(init));
}

static void send_some(Connection *c, FuzzInput *in)
{
    uint8_t octets[64];
    size_t len_bytes = fuzz_take_u8(in) % sizeof(octets);

    for (size_t i = 0; i < len_bytes; i++) {
        octets[i] = fuzz_take_u8(in);
    }
    connection_send(c, octets, len_bytes);
}

static void step(Run *run, FuzzInput *in)
{
    uint8_t what = fuzz_take_u8(in);
    Connection *c = &run->connections[what & 7];

    if (!c->here) {
        g_assert(qio_channel_pair_new(&c->source, &c->here, NULL));
        c->sent = g_byte_array_new();
        incoming_channels_add(run->ic, c->here);
    }
    if (c->source) {
        switch (what >> 3 & 3) {
        case STEP_SEND:
            send_some(c, in);
            break;
        case STEP_GREET:
            greet(c, fuzz_take_u8(in) & 7);
            break;
        case STEP_CLOSE:
            qio_channel_unref(c->source);
            c->source = NULL;
            break;
        }
    }
    while (what & 0x80 && g_main_context_iteration(run->context, FALSE)) {
        /* until nothing is left */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    FuzzInput in = { data, len_bytes };
    Run run = { .context = g_main_context_new() };
    IncomingChannelsArgs args = {
        .wait_ms = 60000,
        .context = run.context,
        .count = count,
        .fn = gathered,
        .opaque = &run,
    };

    memcpy(args.uuid, uuid, sizeof(uuid));
    run.ic = incoming_channels_new(&args);
    while (run.ic && in.len_bytes) {
        step(&run, &in);
    }
    while (run.ic && g_main_context_iteration(run.context, FALSE)) {
        /* until nothing is left */
    }
    if (run.ic) {
        incoming_channels_free(run.ic);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        Connection *c = &run.connections[i];

        qio_channel_unref(c->source);
        qio_channel_unref(c->here);
        if (c->sent) {
            g_byte_array_unref(c->sent);
        }
    }
    g_main_context_unref(run.context);
    return 0;
}
