/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multifd, destination: each channel's thread "mig/dst/recv_N" puts pages
 * into guest memory. At a SYNC packet it stops until the loading thread has
 * met the marker on the main channel and all others have stopped, too.
 */
#include "qemu/osdep.h"

#include "migration/multifd-recv.h"
#include "trace-events.h"

struct MultiFDRecv {
    /* [const] between creation and free */
    MigrationIncomingState *mis;
    const MultiFDMethods *ops;
    unsigned n_channels;
    MultiFDRecvParams **channels;
    /* [own: load], then of who frees */
    RAMLoadState *ls; /* [const] while threads run */
    unsigned n_threads;

    GMutex lock;
    GCond changed; /* a status, or exiting */
    bool exiting;  /* [lock: lock] */
    bool finishing; /* [lock: lock] no sync point will come any more */
};

/* --- Ending --------------------------------------------------------------- */

void multifd_recv_terminate(MultiFDRecv *m)
{
    g_mutex_lock(&m->lock);
    m->exiting = true;
    g_cond_broadcast(&m->changed);
    g_mutex_unlock(&m->lock);
    for (unsigned i = 0; i < m->n_channels; i++) {
        qio_channel_shutdown(m->channels[i]->c, QIO_CHANNEL_SHUTDOWN_BOTH,
                             NULL);
    }
}

static bool exiting(MultiFDRecv *m)
{
    bool value;

    g_mutex_lock(&m->lock);
    value = m->exiting;
    g_mutex_unlock(&m->lock);
    return value;
}

static bool finishing(MultiFDRecv *m)
{
    bool value;

    g_mutex_lock(&m->lock);
    value = m->finishing;
    g_mutex_unlock(&m->lock);
    return value;
}

static void set_status(MultiFDRecvParams *p, MultiFDRecvStatus status)
{
    g_mutex_lock(&p->m->lock);
    p->status = status;
    g_cond_broadcast(&p->m->changed);
    g_mutex_unlock(&p->m->lock);
}

/* Takes @err over. The loading thread, wherever it is, stops as well. */
static void recv_fail(MultiFDRecvParams *p, Error *err)
{
    if (exiting(p->m)) {
        error_free(err);
        return;
    }
    error_prepend(&err, "multifd channel %u, packet %" PRIu64 ": ", p->id,
                  qatomic_read_relaxed(&p->received.packets));
    migration_incoming_fail(p->m->mis, err);
    multifd_recv_terminate(p->m);
    migration_incoming_stop_reading(p->m->mis);
}

/* --- A receiver's thread -------------------------------------------------- */

/*
 * Some writers send one more SYNC behind the last marker. Nobody needs it, so
 * it may be cut off where the input ends. What has not come counts as zero.
 */
static bool may_be_cut(const MultiFDRecvParams *p, size_t have_bytes)
{
    const StreamMultiFDPacket *packet = &p->packet;

    return finishing(p->m) && p->synced && !p->unsynced_pages &&
           (have_bytes < MULTIFD_LEAD_BYTES ||
            (GUINT32_FROM_BE(packet->flags) & MULTIFD_FLAG_SYNC)) &&
           !packet->normal_pages && !packet->zero_pages;
}

/*
 * *@end: the input ended where it may. A packet of another kind is refused as
 * soon as it says so.
 */
static bool recv_head(MultiFDRecvParams *p, bool *end, Error **errp)
{
    uint8_t *packet = (uint8_t *)&p->packet;
    size_t have_bytes = 0;

    *end = false;
    p->packet.normal_pages = 0;
    p->packet.zero_pages = 0;
    while (have_bytes < sizeof(p->packet)) {
        ssize_t n = qio_channel_read(p->c, packet + have_bytes,
                                     sizeof(p->packet) - have_bytes, errp);

        if (n < 0) {
            return false;
        }
        if (n == 0) {
            *end = !have_bytes || may_be_cut(p, have_bytes);
            if (!*end) {
                error_setg(errp, "the input ended after %zu of the packet's "
                                 "%zu octets",
                           have_bytes, sizeof(p->packet));
            }
            return *end;
        }
        have_bytes += (size_t)n;
        if (have_bytes >= MULTIFD_LEAD_BYTES &&
            !multifd_packet_check_lead(&p->packet, errp)) {
            return false;
        }
    }
    return true;
}

static bool check_method(const MultiFDRecvParams *p, Error **errp)
{
    uint32_t flag = p->flags & MULTIFD_FLAG_METHOD_MASK;
    const MultiFDMethods *theirs;

    if (flag == p->ops->flag) {
        return true;
    }
    theirs = multifd_find_ops(p->m->mis->vm->migration->multifd_methods, flag);
    error_setg(errp, "packed with %s (0x%02x), but 'multifd-compression' is "
                     "'%s' (0x%02x) here; set it alike on both sides",
               theirs ? theirs->name : "a method not known here", flag,
               p->ops->name, p->ops->flag);
    return false;
}

static bool recv_pages(MultiFDRecvParams *p, Error **errp)
{
    MultiFDPages *pages = &p->pages;

    if (finishing(p->m)) {
        error_setg(errp, "pages behind the last sync point");
        return false;
    }
    if (!check_method(p, errp)) {
        return false;
    }
    p->unsynced_pages += pages->num;
    if (pages->normal_num) {
        ram_load_set_touched(pages->lb, pages->offset, pages->normal_num);
        if (!p->ops->recv_pages(p, errp)) {
            return false;
        }
    } else if (p->next_packet_size && p->ops->flag != MULTIFD_FLAG_NOCOMP) {
        error_setg(errp, "%u octets of payload for no pages",
                   p->next_packet_size);
        return false;
    }
    multifd_zero_page_clear(pages);
    multifd_count(&p->received.normal_pages, pages->normal_num);
    multifd_count(&p->received.zero_pages, pages->num - pages->normal_num);
    return true;
}

/*
 * Until the loading thread lets all go on. False: told to end, or that no
 * marker will come any more, as some writers' last SYNC has none.
 */
static bool wait_at_sync(MultiFDRecvParams *p)
{
    MultiFDRecv *m = p->m;
    bool go_on;

    p->synced = true;
    g_mutex_lock(&m->lock);
    p->status = MULTIFD_RECV_AT_SYNC;
    g_cond_broadcast(&m->changed);
    while (p->status == MULTIFD_RECV_AT_SYNC && !m->exiting &&
           !m->finishing) {
        g_cond_wait(&m->changed, &m->lock);
    }
    go_on = !m->exiting && p->status != MULTIFD_RECV_AT_SYNC;
    g_mutex_unlock(&m->lock);
    if (go_on) {
        p->unsynced_pages = 0;
    }
    return go_on;
}

/* What was read of it: `none` needs no word of the packet for that. */
static uint64_t payload_bytes(const MultiFDRecvParams *p)
{
    uint64_t pages_bytes = (uint64_t)p->pages.normal_num << TARGET_PAGE_BITS;

    return !pages_bytes || p->ops->flag == MULTIFD_FLAG_NOCOMP
               ? pages_bytes
               : p->next_packet_size;
}

/* One packet. False: an error, or the end, where *@errp stays unset. */
static bool recv_packet(MultiFDRecvParams *p, Error **errp)
{
    MultiFDPacketHead head;
    bool end;

    if (!recv_head(p, &end, errp) || end ||
        !multifd_packet_parse(&p->packet, p->synced ? p->m->ls : NULL, &head,
                              &p->pages, errp)) {
        return false;
    }
    if (!p->pages.num && !(head.flags & MULTIFD_FLAG_SYNC) &&
        finishing(p->m)) {
        return false; /* A peer may go on with these for ever. */
    }
    p->flags = head.flags;
    p->next_packet_size = head.next_packet_size;
    trace_multifd_recv(p->id, head.packet_num, p->pages.normal_num,
                       p->pages.num - p->pages.normal_num, p->flags,
                       p->next_packet_size);
    if (p->pages.num && !recv_pages(p, errp)) {
        return false;
    }
    multifd_count(&p->received.packets, 1);
    multifd_count(&p->received.bytes, sizeof(p->packet) + payload_bytes(p));
    /* Writers before 9.0 have the flag on packets with pages as well. */
    return !(p->flags & MULTIFD_FLAG_SYNC) || wait_at_sync(p);
}

static void *recv_thread(void *opaque)
{
    MultiFDRecvParams *p = opaque;
    Error *err = NULL;

    while (recv_packet(p, &err)) {
    }
    if (err) {
        recv_fail(p, err);
    }
    set_status(p, MULTIFD_RECV_ENDED);
    return NULL;
}

/* --- The loading thread --------------------------------------------------- */

/* How many are at their SYNC; *@ended: one that will not get there, or -1. */
static unsigned count_at_sync(const MultiFDRecv *m, int *ended)
{
    unsigned n = 0;

    *ended = -1;
    for (unsigned i = 0; i < m->n_channels; i++) {
        n += m->channels[i]->status == MULTIFD_RECV_AT_SYNC;
        if (m->channels[i]->status == MULTIFD_RECV_ENDED) {
            *ended = (int)i;
        }
    }
    return n;
}

bool multifd_recv_sync(MultiFDRecv *m, Error **errp)
{
    bool ok;
    int ended;

    g_mutex_lock(&m->lock);
    while (count_at_sync(m, &ended) < m->n_channels && ended < 0 &&
           !m->exiting) {
        g_cond_wait(&m->changed, &m->lock);
    }
    ok = ended < 0 && !m->exiting;
    if (ok) {
        for (unsigned i = 0; i < m->n_channels; i++) {
            m->channels[i]->status = MULTIFD_RECV_RUNNING;
        }
        g_cond_broadcast(&m->changed);
    } else if (m->exiting) {
        error_setg(errp, "the multifd channels were told to end");
    } else {
        error_setg(errp, "multifd channel %d ended before the sync point",
                   ended);
    }
    g_mutex_unlock(&m->lock);
    trace_multifd_recv_sync(ok);
    return ok;
}

static void join_all(MultiFDRecv *m)
{
    for (unsigned i = 0; i < m->n_threads; i++) {
        g_thread_join(m->channels[i]->thread);
        if (m->ops->recv_cleanup) {
            m->ops->recv_cleanup(m->channels[i]);
        }
    }
    m->n_threads = 0;
}

/*
 * What has come goes to the receivers before the end does. Over TCP more may
 * follow it; so the first packet is an end, too.
 */
static bool let_finish(MultiFDRecv *m, Error **errp)
{
    bool ok;

    g_mutex_lock(&m->lock);
    ok = !m->exiting;
    m->finishing = true;
    g_cond_broadcast(&m->changed);
    g_mutex_unlock(&m->lock);
    if (!ok) {
        error_setg(errp, "a multifd channel failed, or was told to end");
        return false;
    }
    for (unsigned i = 0; i < m->n_channels; i++) {
        qio_channel_shutdown(m->channels[i]->c, QIO_CHANNEL_SHUTDOWN_READ,
                             NULL);
    }
    return true;
}

bool multifd_recv_finish(MultiFDRecv *m, Error **errp)
{
    if (!let_finish(m, errp)) {
        return false;
    }
    join_all(m);
    if (exiting(m)) {
        error_setg(errp, "a multifd channel failed, or was told to end");
        return false;
    }
    for (unsigned i = 0; i < m->n_channels; i++) {
        const MultiFDRecvParams *p = m->channels[i];

        if (p->unsynced_pages) {
            error_setg(errp, "multifd channel %u: pages behind the last sync "
                             "point", p->id);
            return false;
        }
    }
    multifd_recv_terminate(m);
    return true;
}

/* --- Life ----------------------------------------------------------------- */

MultiFDRecv *multifd_recv_new(MigrationIncomingState *mis,
                              QIOChannel *const *channels, unsigned n)
{
    MultiFDRecv *m = g_new0(MultiFDRecv, 1);
    const MultiFDRegistry *methods = mis->vm->migration->multifd_methods;

    m->mis = mis;
    m->ops = methods->ops[mis->config.multifd_compression];
    m->n_channels = n;
    m->channels = g_new0(MultiFDRecvParams *, n);
    g_mutex_init(&m->lock);
    g_cond_init(&m->changed);
    for (unsigned i = 0; i < n; i++) {
        MultiFDRecvParams *p = g_new0(MultiFDRecvParams, 1);

        p->m = m;
        p->ops = m->ops;
        p->id = (uint8_t)i;
        p->name = g_strdup_printf("mig/dst/recv_%u", i);
        p->c = qio_channel_ref(channels[i]);
        p->received.bytes = sizeof(StreamMultiFDInit);
        m->channels[i] = p;
    }
    return m;
}

bool multifd_recv_start(MultiFDRecv *m, RAMLoadState *ls, Error **errp)
{
    m->ls = ls;
    for (; m->n_threads < m->n_channels; m->n_threads++) {
        MultiFDRecvParams *p = m->channels[m->n_threads];

        if (m->ops->recv_setup && !m->ops->recv_setup(p, errp)) {
            error_prepend(errp, "multifd channel %u: ", p->id);
            return false;
        }
        p->thread = qemu_thread_try_create(p->name, recv_thread, p, errp);
        if (!p->thread) {
            if (m->ops->recv_cleanup) {
                m->ops->recv_cleanup(p);
            }
            return false;
        }
    }
    return true;
}

void multifd_recv_free(MultiFDRecv *m)
{
    if (!m) {
        return;
    }
    multifd_recv_terminate(m);
    join_all(m);
    for (unsigned i = 0; i < m->n_channels; i++) {
        qio_channel_unref(m->channels[i]->c);
        g_free(m->channels[i]->name);
        g_free(m->channels[i]);
    }
    g_free(m->channels);
    g_mutex_clear(&m->lock);
    g_cond_clear(&m->changed);
    g_free(m);
}

unsigned multifd_recv_channels(const MultiFDRecv *m)
{
    return m->n_channels;
}

const MultiFDRecvParams *multifd_recv_channel(const MultiFDRecv *m,
                                              unsigned i)
{
    return m->channels[i];
}
