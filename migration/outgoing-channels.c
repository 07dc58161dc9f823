/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connecting all channels of a migration. The main one comes first, because
 * destinations that cannot look into a connection go by the order. Main loop.
 */
#include "qemu/osdep.h"

#include "migration/channels.h"
#include "qapi/qapi-types-sockets.h"

#define CONNECTING_MAX 8

typedef struct OutgoingSlot {
    OutgoingChannels *oc;
    QIOConnect *connecting; /* NULL before and after */
} OutgoingSlot;

struct OutgoingChannels {
    SocketAddress *addr;
    GMainContext *context;
    OutgoingChannelsFn *fn;
    void *opaque;
    unsigned n, n_started, n_done;
    OutgoingSlot *slots;
    QIOChannel **channels; /* n_done of them */
};

static void connected(QIOChannel *ioc, Error *err, void *opaque);

static void connect_more(OutgoingChannels *oc)
{
    unsigned limit = oc->n_done ? CONNECTING_MAX : 1;

    while (oc->n_started < oc->n && oc->n_started - oc->n_done < limit) {
        OutgoingSlot *slot = &oc->slots[oc->n_started++];

        slot->oc = oc;
        slot->connecting = qio_channel_socket_connect_async(
            oc->addr, oc->context, connected, slot);
    }
}

static void connected(QIOChannel *ioc, Error *err, void *opaque)
{
    OutgoingSlot *slot = opaque;
    OutgoingChannels *oc = slot->oc;

    slot->connecting = NULL;
    if (err) {
        if (oc->n_done) {
            Error *cause = err;

            err = NULL;
            error_setg(&err, "connection %u of %u: %s; are 'multifd' and "
                             "'multifd-channels' alike on both sides?",
                       oc->n_done + 1, oc->n, error_get_pretty(cause));
            error_free(cause);
        }
        oc->fn(NULL, err, oc->opaque);
        return;
    }
    oc->channels[oc->n_done++] = ioc;
    if (oc->n_done == oc->n) {
        oc->fn(oc->channels, NULL, oc->opaque);
        return;
    }
    connect_more(oc);
}

OutgoingChannels *outgoing_channels_connect(const SocketAddress *addr,
                                            unsigned n_more,
                                            GMainContext *context,
                                            OutgoingChannelsFn *fn,
                                            void *opaque)
{
    OutgoingChannels *oc = g_new0(OutgoingChannels, 1);

    oc->addr = QAPI_CLONE(SocketAddress, addr);
    oc->context = context;
    oc->fn = fn;
    oc->opaque = opaque;
    oc->n = 1 + n_more;
    oc->slots = g_new0(OutgoingSlot, oc->n);
    oc->channels = g_new0(QIOChannel *, oc->n);
    connect_more(oc);
    return oc;
}

void outgoing_channels_free(OutgoingChannels *oc)
{
    for (unsigned i = 0; i < oc->n_started; i++) {
        if (oc->slots[i].connecting) {
            qio_connect_cancel(oc->slots[i].connecting);
        }
    }
    for (unsigned i = 0; i < oc->n_done; i++) {
        qio_channel_unref(oc->channels[i]);
    }
    qapi_free_SocketAddress(oc->addr);
    g_free(oc->slots);
    g_free(oc->channels);
    g_free(oc);
}
