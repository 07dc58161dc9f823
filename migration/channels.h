/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of one migration: the main channel and, with multifd, the
 * others. Main loop of the context given. Private to migration/.
 */
#ifndef MIGRATION_CHANNELS_H
#define MIGRATION_CHANNELS_H

#include "io/channel-socket.h"

/* --- outgoing-channels.c: the source -------------------------------------- */

typedef struct OutgoingChannels OutgoingChannels;

/*
 * Called once unless freed first. The channels, @err unset: the main one and
 * then the others, for the callee to take references. Or @err, which is the
 * callee's. The callee frees the OutgoingChannels.
 */
typedef void OutgoingChannelsFn(QIOChannel *const *channels, Error *err,
                                void *opaque);

/* Connects the main channel and then @n_more, several at a time. */
OutgoingChannels *outgoing_channels_connect(const SocketAddress *addr,
                                            unsigned n_more,
                                            GMainContext *context,
                                            OutgoingChannelsFn *fn,
                                            void *opaque);

/* Gives up what is still connecting. */
void outgoing_channels_free(OutgoingChannels *oc);

/* --- incoming-channels.c: the destination --------------------------------- */

typedef struct IncomingChannels IncomingChannels;

/* What the first octets of a connection are told from. */
#define CHANNEL_MAGIC_BYTES 4

/*
 * Called once, when all channels are there and none too many, or with @err
 * (the callee's) when that cannot be any more. The callee frees the
 * IncomingChannels.
 */
typedef void IncomingChannelsFn(Error *err, void *opaque);

/*
 * How many channels of multifd there are to be; 0: the main one is all. What
 * it says when the first connection has said that it is a channel holds from
 * then on, unless all channels go before a main one has come: a new start.
 * Before that it is only a hint.
 */
typedef unsigned IncomingChannelsCountFn(void *opaque);

typedef struct IncomingChannelsArgs {
    uint8_t uuid[16];
    /* From the main channel, and from each other one, to the next: longer
     * than that is an error. Who is silent for longer may be hung up on. */
    unsigned wait_ms;
    GMainContext *context;
    IncomingChannelsCountFn *count;
    IncomingChannelsFn *fn;
    void *opaque;
} IncomingChannelsArgs;

/* In any order: what a connection is shows in its first octets. */
IncomingChannels *incoming_channels_new(const IncomingChannelsArgs *args);
/* A connection came; takes a reference, unless there are too many. */
void incoming_channels_add(IncomingChannels *ic, QIOChannel *ioc);

/* A source is there: something has said that it is one of the channels. */
bool incoming_channels_begun(const IncomingChannels *ic);
/* The source speaks on the main channel, and others are missing. */
bool incoming_channels_waiting(const IncomingChannels *ic);
/* Nobody is there, not even someone silent. */
bool incoming_channels_empty(const IncomingChannels *ic);

/* NULL as long as it has not come. */
QIOChannel *incoming_channels_main(const IncomingChannels *ic);
/* The octets that were read from it. */
const uint8_t *incoming_channels_main_head(const IncomingChannels *ic);
/* By id; as many as count() said, once begun. */
QIOChannel *const *incoming_channels_multifd(const IncomingChannels *ic);

/* Closes the channels that nobody took a reference of. */
void incoming_channels_free(IncomingChannels *ic);

#endif
