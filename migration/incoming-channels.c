/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling the connections of an incoming migration apart. Each says what it
 * is with its first octets: a stream's header, or multifd's initial packet.
 * They may come in any order and at any speed. Main loop.
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/ioctl.h>

#include "migration/channels.h"
#include "migration/multifd.h"
#include "qemu/cutils.h"

/* Connections that have not said what they are, beyond those missing. */
#define UNKNOWN_EXTRA_MAX 16
/*
 * For connections that were made, but have not come or not spoken: of a source
 * that has hung up, its own; when all are there, one that is too many.
 */
#define LATE_WAIT_MS 1000

_Static_assert(offsetof(StreamMultiFDInit, version) == CHANNEL_MAGIC_BYTES,
               "the magic comes first");

/* A connection that has not said what it is. */
typedef struct Newcomer {
    IncomingChannels *ic;
    QIOChannel *ioc;
    GSource *watch;
    int64_t came_us; /* monotonic */
    size_t have;
    uint8_t head[sizeof(StreamMultiFDInit)];
} Newcomer;

/* A multifd channel that has said its id. */
typedef struct Taken {
    IncomingChannels *ic;
    GSource *watch; /* whether the source hangs up */
} Taken;

struct IncomingChannels {
    IncomingChannelsArgs args;
    GPtrArray *newcomers;
    QIOChannel *main;
    uint8_t main_head[CHANNEL_MAGIC_BYTES];
    GSource *main_watch; /* whether the source hangs up */
    GSource *timer;   /* for the next one; all there: for who is extra */
    GSource *settled; /* all there, and nothing is left to be looked at */
    /* Valid from the first channel on, as long as there is any: */
    unsigned n_wanted;    /* of multifd */
    QIOChannel **multifd; /* by id */
    Taken *taken;         /* by id */
    unsigned n_multifd;   /* how many have come */
    bool complete; /* all are there */
    bool gone;     /* the source has hung up, which it may when all is sent */
};

static void source_clear(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}

static void newcomer_free(void *opaque)
{
    Newcomer *nc = opaque;

    source_clear(&nc->watch);
    qio_channel_unref(nc->ioc);
    g_free(nc);
}

bool incoming_channels_begun(const IncomingChannels *ic)
{
    return ic->main || ic->n_multifd;
}

bool incoming_channels_waiting(const IncomingChannels *ic)
{
    return ic->main && !ic->complete;
}

bool incoming_channels_empty(const IncomingChannels *ic)
{
    return !ic->newcomers->len && !incoming_channels_begun(ic);
}

static void failed(IncomingChannels *ic, Error *err)
{
    ic->args.fn(err, ic->args.opaque);
}

/* "0, 2-5"; free with g_free(). */
static char *missing_ids(const IncomingChannels *ic)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < ic->n_wanted; i++) {
        unsigned first = i;

        if (ic->multifd[i]) {
            continue;
        }
        while (i + 1 < ic->n_wanted && !ic->multifd[i + 1]) {
            i++;
        }
        g_string_append_printf(text, "%s%u", text->len ? ", " : "", first);
        if (i > first) {
            g_string_append_printf(text, i > first + 1 ? "-%u" : ", %u", i);
        }
    }
    return g_string_free(text, FALSE);
}

static gboolean waited_long(void *opaque)
{
    IncomingChannels *ic = opaque;
    g_autofree char *ids = missing_ids(ic);
    Error *err = NULL;

    error_setg(&err, "%s with multifd channels missing: %s of %u; set "
                     "'multifd-channels' alike on both sides",
               ic->gone ? "the source hung up" : "waited too long", ids,
               ic->n_wanted);
    failed(ic, err);
    return G_SOURCE_REMOVE;
}

static void clear_watches(IncomingChannels *ic)
{
    source_clear(&ic->main_watch);
    for (unsigned i = 0; i < ic->n_wanted; i++) {
        source_clear(&ic->taken[i].watch);
    }
}

static gboolean gathered(void *opaque)
{
    IncomingChannels *ic = opaque;

    clear_watches(ic);
    ic->args.fn(NULL, ic->args.opaque);
    return G_SOURCE_REMOVE;
}

static void start_source(IncomingChannels *ic, GSource **place,
                         GSource *source, GSourceFunc fn)
{
    source_clear(place);
    *place = source;
    g_source_set_callback(source, fn, ic, NULL);
    g_source_attach(source, ic->args.context);
}

static void progressed(IncomingChannels *ic);

static gboolean main_hung_up(QIOChannel *ioc, GIOCondition condition,
                             void *opaque)
{
    IncomingChannels *ic = opaque;

    source_clear(&ic->main_watch);
    ic->gone = true;
    progressed(ic);
    return G_SOURCE_REMOVE;
}

static bool has_unread(QIOChannel *ioc)
{
    int unread = 0;

    return ioctl(ioc->ops->poll_fd(ioc, G_IO_IN), FIONREAD, &unread) == 0 &&
           unread > 0;
}

static void drop_taken(IncomingChannels *ic, size_t id)
{
    source_clear(&ic->taken[id].watch);
    qio_channel_unref(ic->multifd[id]);
    ic->multifd[id] = NULL;
    ic->n_multifd--;
}

/* No main channel has come: who hung up was no source, whatever it sent. */
static gboolean drop_gone(void *opaque)
{
    IncomingChannels *ic = opaque;

    for (unsigned i = 0; i < ic->n_wanted; i++) {
        if (ic->multifd[i] && !ic->taken[i].watch) {
            drop_taken(ic, i);
        }
    }
    ic->gone = false;
    source_clear(&ic->timer);
    return G_SOURCE_REMOVE;
}

/*
 * Without a main channel, one that has only said its id was a try, and another
 * may follow. One that has sent more may be of a source that is done, whose
 * main channel is still to be looked at.
 */
static gboolean taken_hung_up(QIOChannel *ioc, GIOCondition condition,
                              void *opaque)
{
    Taken *taken = opaque;
    IncomingChannels *ic = taken->ic;
    size_t id = (size_t)(taken - ic->taken);

    source_clear(&taken->watch);
    if (ic->main) {
        ic->gone = true;
        progressed(ic);
    } else if (has_unread(ioc)) {
        ic->gone = true;
        start_source(ic, &ic->timer, g_timeout_source_new(LATE_WAIT_MS),
                     drop_gone);
    } else {
        drop_taken(ic, id);
    }
    return G_SOURCE_REMOVE;
}

/* Behind all that is ready: connections to accept, octets to read. */
static gboolean all_looked_at(void *opaque)
{
    IncomingChannels *ic = opaque;

    if (!ic->newcomers->len) {
        return gathered(ic);
    }
    source_clear(&ic->settled);
    return G_SOURCE_REMOVE;
}

/*
 * A connection has said what it is, or gone. A source has made all of its
 * connections when it speaks on the main one: what else is there then may be
 * a channel too many, whose pages would be missing.
 */
static void progressed(IncomingChannels *ic)
{
    if (!ic->main) {
        return;
    }
    if (ic->n_multifd < ic->n_wanted) {
        start_source(ic, &ic->timer,
                     g_timeout_source_new(
                         ic->gone ? MIN(LATE_WAIT_MS, ic->args.wait_ms)
                                  : ic->args.wait_ms),
                     waited_long);
        return;
    }
    if (!ic->complete) {
        ic->complete = true;
        start_source(ic, &ic->timer, g_timeout_source_new(LATE_WAIT_MS),
                     gathered);
    }
    start_source(ic, &ic->settled, g_idle_source_new(), all_looked_at);
}

/* The first channel: what is expected is settled. */
static void begin(IncomingChannels *ic)
{
    g_free(ic->multifd);
    g_free(ic->taken);
    ic->n_wanted = ic->args.count(ic->args.opaque);
    ic->multifd = g_new0(QIOChannel *, ic->n_wanted);
    ic->taken = g_new0(Taken, ic->n_wanted);
}

static bool take_main(IncomingChannels *ic, Newcomer *nc, Error **errp)
{
    if (ic->main) {
        error_setg(errp, "a second main channel came; let one source at a "
                         "time migrate here");
        return false;
    }
    ic->main = qio_channel_ref(nc->ioc);
    memcpy(ic->main_head, nc->head, sizeof(ic->main_head));
    ic->main_watch = qio_channel_add_watch(
        nc->ioc, (GIOCondition)POLLRDHUP, main_hung_up, ic, ic->args.context);
    return true;
}

static bool take_multifd(IncomingChannels *ic, Newcomer *nc, Error **errp)
{
    StreamMultiFDInit init;
    int id;

    if (!ic->n_wanted) {
        error_setg(errp, "a multifd channel came, but the capability "
                         "'multifd' is off here; set it alike on both sides");
        return false;
    }
    memcpy(&init, nc->head, sizeof(init));
    id = multifd_init_parse(&init, ic->args.uuid, ic->n_wanted, errp);
    if (id < 0) {
        error_prepend(errp, "initial packet of a multifd channel: ");
        return false;
    }
    if (ic->multifd[id]) {
        error_setg(errp, "multifd channel %d came twice", id);
        return false;
    }
    ic->multifd[id] = qio_channel_ref(nc->ioc);
    ic->taken[id].ic = ic;
    ic->taken[id].watch =
        qio_channel_add_watch(nc->ioc, (GIOCondition)POLLRDHUP, taken_hung_up,
                              &ic->taken[id], ic->args.context);
    ic->n_multifd++;
    return true;
}

static bool is_main(const Newcomer *nc)
{
    return ldl_be_p(nc->head) == QEMU_VM_FILE_MAGIC;
}

/* Octets that tell what it is, as far as that is known; 0: it is neither. */
static size_t newcomer_needs(const Newcomer *nc)
{
    if (nc->have < CHANNEL_MAGIC_BYTES || is_main(nc)) {
        return CHANNEL_MAGIC_BYTES;
    }
    return ldl_be_p(nc->head) == MULTIFD_MAGIC ? sizeof(nc->head) : 0;
}

/*
 * When all are there, who is none of the source's own channels is no reason
 * to give the migration up: it sees that its connection is closed.
 */
static void newcomer_dismiss(Newcomer *nc, Error *err)
{
    IncomingChannels *ic = nc->ic;

    warn_report("closed a connection that came to a migration whose channels "
                "are all there: %s", error_get_pretty(err));
    error_free(err);
    g_ptr_array_remove(ic->newcomers, nc);
    progressed(ic);
}

/* Whether it is a multifd channel of this guest, whatever its id. */
static bool is_akin(const Newcomer *nc, Error **errp)
{
    StreamMultiFDInit init;

    if (is_main(nc)) {
        error_setg(errp, "it is a second main channel; let one source at a "
                         "time migrate here");
        return false;
    }
    memcpy(&init, nc->head, sizeof(init));
    return multifd_init_parse(&init, nc->ic->args.uuid,
                              MULTIFD_CHANNELS_MAX + 1, errp) >= 0;
}

/* It has said all. */
static void newcomer_done(Newcomer *nc)
{
    IncomingChannels *ic = nc->ic;
    Error *err = NULL;
    bool ok;

    if (ic->complete && !is_akin(nc, &err)) {
        newcomer_dismiss(nc, err);
        return;
    }
    if (!incoming_channels_begun(ic)) {
        begin(ic);
    }
    ok = qio_channel_set_blocking(nc->ioc, true, &err) &&
         (is_main(nc) ? take_main(ic, nc, &err) : take_multifd(ic, nc, &err));
    g_ptr_array_remove(ic->newcomers, nc);
    if (ok) {
        progressed(ic);
    } else {
        failed(ic, err);
    }
}

static void newcomer_unknown(Newcomer *nc)
{
    Error *err = NULL;

    error_setg(&err, "a connection began with 0x%08x, neither a migration "
                     "stream nor a multifd channel", ldl_be_p(nc->head));
    if (nc->ic->complete) {
        newcomer_dismiss(nc, err);
    } else {
        failed(nc->ic, err);
    }
}

static gboolean newcomer_readable(QIOChannel *ioc, GIOCondition condition,
                                  void *opaque)
{
    Newcomer *nc = opaque;
    size_t want = newcomer_needs(nc);

    while (nc->have < want) {
        ssize_t n = qio_channel_read(ioc, nc->head + nc->have,
                                     want - nc->have, NULL);

        if (n == QIO_CHANNEL_ERR_BLOCK) {
            return G_SOURCE_CONTINUE;
        }
        if (n <= 0) {
            /* Someone looked in, or the source gave up. */
            IncomingChannels *ic = nc->ic;

            g_ptr_array_remove(ic->newcomers, nc);
            if (ic->complete) {
                progressed(ic);
            }
            return G_SOURCE_REMOVE;
        }
        nc->have += (size_t)n;
        want = newcomer_needs(nc);
    }
    if (want) {
        newcomer_done(nc);
    } else {
        newcomer_unknown(nc);
    }
    return G_SOURCE_REMOVE;
}

/*
 * Room for one more. A source may connect all of its channels before it
 * speaks on any: who came last has to go, unless others have been silent for
 * longer than a source is waited for.
 */
static bool make_room(IncomingChannels *ic, int64_t now_us)
{
    unsigned missing = incoming_channels_begun(ic) ?
                           !ic->main + ic->n_wanted - ic->n_multifd :
                           1 + ic->args.count(ic->args.opaque);
    const Newcomer *oldest;

    if (ic->newcomers->len < missing + UNKNOWN_EXTRA_MAX) {
        return true;
    }
    oldest = g_ptr_array_index(ic->newcomers, 0);
    if (now_us - oldest->came_us < (int64_t)ic->args.wait_ms * 1000) {
        return false;
    }
    g_ptr_array_remove_index(ic->newcomers, 0);
    return true;
}

void incoming_channels_add(IncomingChannels *ic, QIOChannel *ioc)
{
    int64_t now_us = g_get_monotonic_time();
    Newcomer *nc;

    if (!make_room(ic, now_us) ||
        !qio_channel_set_blocking(ioc, false, NULL)) {
        return; /* the caller's reference was the last */
    }
    nc = g_new0(Newcomer, 1);
    nc->ic = ic;
    nc->ioc = qio_channel_ref(ioc);
    nc->came_us = now_us;
    g_ptr_array_add(ic->newcomers, nc);
    nc->watch = qio_channel_add_watch(ioc, G_IO_IN, newcomer_readable, nc,
                                      ic->args.context);
}

IncomingChannels *incoming_channels_new(const IncomingChannelsArgs *args)
{
    IncomingChannels *ic = g_new0(IncomingChannels, 1);

    ic->args = *args;
    ic->newcomers = g_ptr_array_new_with_free_func(newcomer_free);
    return ic;
}

QIOChannel *incoming_channels_main(const IncomingChannels *ic)
{
    return ic->main;
}

const uint8_t *incoming_channels_main_head(const IncomingChannels *ic)
{
    return ic->main_head;
}

QIOChannel *const *incoming_channels_multifd(const IncomingChannels *ic)
{
    return ic->multifd;
}

void incoming_channels_free(IncomingChannels *ic)
{
    source_clear(&ic->timer);
    source_clear(&ic->settled);
    clear_watches(ic);
    g_ptr_array_free(ic->newcomers, TRUE);
    for (unsigned i = 0; i < ic->n_wanted; i++) {
        qio_channel_unref(ic->multifd[i]);
    }
    qio_channel_unref(ic->main);
    g_free(ic->multifd);
    g_free(ic->taken);
    g_free(ic);
}
