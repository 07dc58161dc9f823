/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multifd, source: the migration thread queues runs of pages as jobs; each
 * channel's thread "mig/src/send_N" turns a job into packets.
 */
#include "qemu/osdep.h"

#include "migration/multifd-send.h"
#include "trace-events.h"

/* Pages that are not looked at are cheap: fewer hand-overs. */
#define KNOWN_ZERO_JOB_PAGES 16384
/* To pack takes long: senders shall be done at about the same time. */
#define PACKED_JOB_PAGES 512
/* More than the buffers at both ends of a connection hold: it is read from. */
#define UNREAD_MAX_BYTES (16 * MiB)

struct MultiFDSend {
    /* [const] between creation and free */
    MigrationState *s;
    const MultiFDMethods *ops;
    unsigned n_channels;
    MultiFDSendParams **channels;
    uint64_t job_max_pages;
    unsigned n_threads; /* [const] after start */

    /* Posted for each sender without a job, and once by whoever tells all to
     * end. */
    QemuSemaphore channels_ready;

    uint64_t packet_num; /* [atomic] relaxed: the next packet's */
    bool exiting;        /* [atomic] no more jobs; senders end */

    GMutex error_lock;
    /* [lock: error_lock] */
    Error *error;      /* the first */
    bool error_is_own; /* no mere sign that the far end has gone */

    /* [own: mig] */
    MultiFDJob *job; /* being filled */
    unsigned next_channel;
    uint64_t handed_bytes; /* job_bytes() of all jobs */

    uint64_t done_bytes; /* [atomic] relaxed: of handed_bytes */
};

/* --- Ending --------------------------------------------------------------- */

void multifd_send_terminate(MultiFDSend *m)
{
    if (qatomic_xchg(&m->exiting, true)) {
        return;
    }
    for (unsigned i = 0; i < m->n_channels; i++) {
        MultiFDSendParams *p = m->channels[i];

        qio_channel_shutdown(p->c, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
        qemu_sem_post(&p->sem);
        qemu_sem_post(&p->sem_sync);
    }
    qemu_sem_post(&m->channels_ready);
}

/*
 * Takes @err over. What fails because all end is no news. A limit of this
 * host is told before the end of the channels is noticed at the far end,
 * whose refusal would go before an error of the connection.
 */
static void send_fail(MultiFDSendParams *p, Error *err)
{
    MultiFDSend *m = p->m;
    int os_errno = error_get_errno(err);
    bool own_fault = false;

    g_mutex_lock(&m->error_lock);
    if (qatomic_read(&m->exiting) || m->error) {
        error_free(err);
    } else {
        own_fault = os_errno == ENOBUFS;
        m->error_is_own = os_errno != EPIPE && os_errno != ECONNRESET;
        error_setg(&m->error, "multifd channel %u: %s%s", p->id,
                   error_get_pretty(err),
                   m->error_is_own || p->sent.bytes > UNREAD_MAX_BYTES
                       ? ""
                       : "; are 'multifd' and 'multifd-channels' alike on "
                         "both sides?");
        error_free(err);
    }
    g_mutex_unlock(&m->error_lock);
    if (own_fault) {
        migration_fail(m->s, error_copy(m->error));
    }
    multifd_send_terminate(m);
}

static bool send_ok(MultiFDSend *m, Error **errp)
{
    if (!qatomic_read(&m->exiting)) {
        return true;
    }
    g_mutex_lock(&m->error_lock);
    if (m->error) {
        error_propagate(errp, error_copy(m->error));
    } else {
        error_setg(errp, "the multifd channels were told to end");
    }
    g_mutex_unlock(&m->error_lock);
    return false;
}

/* --- A sender's thread ---------------------------------------------------- */

/*
 * Octets on the wire, as if no page turned out to be zero or could be packed;
 * of pages known to be zero there are only offsets.
 */
static uint64_t job_bytes(const MultiFDJob *job)
{
    return job->pages *
           (job->known_zero ? sizeof(uint64_t) : TARGET_PAGE_SIZE);
}

static bool sends_zero_copy(const MultiFDSendParams *p)
{
    return migration_cap(p->config, MIGRATION_CAPABILITY_ZERO_COPY_SEND);
}

/*
 * Without a copy the kernel reads the pages when it likes, up to the next
 * sync point. A guest that writes to one meanwhile may have old octets, new
 * ones or some of both sent, as it may while they are copied: the page is
 * dirty then and sent again, behind that sync point. The packet is not guest
 * memory, and is about to be used again.
 */
static bool write_packet(MultiFDSendParams *p, Error **errp)
{
    if (!sends_zero_copy(p) || p->n_iov == 1) {
        return qio_channel_writev_all(p->c, p->iov, p->n_iov, errp);
    }
    return qio_channel_writev_all(p->c, p->iov, 1, errp) &&
           qio_channel_writev_zero_copy_all(p->c, p->iov + 1, p->n_iov - 1,
                                            errp);
}

/* Nothing of what was sent so far is read any more. */
static bool flush_zero_copy(MultiFDSendParams *p, Error **errp)
{
    bool copied;

    if (!qio_channel_flush(p->c, &copied, errp)) {
        return false;
    }
    if (copied) {
        qatomic_fetch_add_relaxed(&p->m->s->counters.missed_zero_copy, 1);
    }
    return true;
}

static bool send_packet(MultiFDSendParams *p, Error **errp)
{
    MultiFDPacketHead head = {
        .flags = p->flags,
        .next_packet_size = p->next_packet_size,
        .packet_num = qatomic_fetch_add_relaxed(&p->m->packet_num, 1),
    };

    multifd_packet_fill(&p->packet, &head, &p->pages);
    p->iov[0].iov_base = &p->packet;
    p->iov[0].iov_len = sizeof(p->packet);
    trace_multifd_send(p->id, head.packet_num, p->pages.normal_num,
                       p->pages.num - p->pages.normal_num, p->flags,
                       p->next_packet_size);
    if (!write_packet(p, errp)) {
        return false;
    }
    multifd_count(&p->sent.packets, 1);
    multifd_count(&p->sent.bytes, sizeof(p->packet) + p->next_packet_size);
    return true;
}

static bool send_pages(MultiFDSendParams *p, bool known_zero, Error **errp)
{
    MigrationCounters *counters = &p->m->s->counters;
    MultiFDPages *pages = &p->pages;
    uint32_t zeros;

    pages->normal_num = known_zero ? 0 : pages->num;
    if (!known_zero &&
        p->config->zero_page_detection == ZERO_PAGE_DETECTION_MULTIFD) {
        multifd_zero_page_detect(pages);
    }
    p->flags = p->ops->flag;
    p->next_packet_size = 0;
    p->n_iov = 1;
    if (pages->normal_num && !p->ops->send_prepare(p, errp)) {
        return false;
    }
    if (!send_packet(p, errp)) {
        return false;
    }
    zeros = pages->num - pages->normal_num;
    multifd_count(&p->sent.normal_pages, pages->normal_num);
    multifd_count(&p->sent.zero_pages, zeros);
    qatomic_fetch_add_relaxed(&counters->normal_pages, pages->normal_num);
    qatomic_fetch_add_relaxed(&counters->zero_pages, zeros);
    pages->num = 0;
    return true;
}

static bool send_job(MultiFDSendParams *p, Error **errp)
{
    const MultiFDJob *job = p->job;

    p->pages.block = job->block;
    p->pages.num = 0;
    for (unsigned i = 0; i < job->n_runs; i++) {
        uint64_t page = job->runs[i].first_page;
        uint64_t end = page + job->runs[i].pages;

        for (; page < end; page++) {
            p->pages.offset[p->pages.num++] = page << TARGET_PAGE_BITS;
            if (p->pages.num == MULTIFD_PACKET_PAGES &&
                !send_pages(p, job->known_zero, errp)) {
                return false;
            }
        }
    }
    return !p->pages.num || send_pages(p, job->known_zero, errp);
}

static bool send_sync(MultiFDSendParams *p, Error **errp)
{
    if (sends_zero_copy(p) && !flush_zero_copy(p, errp)) {
        return false;
    }
    p->pages.block = NULL;
    p->pages.num = p->pages.normal_num = 0;
    p->flags = MULTIFD_FLAG_SYNC;
    p->next_packet_size = 0;
    p->n_iov = 1;
    return send_packet(p, errp);
}

static bool send_init(MultiFDSendParams *p, Error **errp)
{
    StreamMultiFDInit init;

    multifd_init_fill(&init, p->m->s->vm->uuid.data, p->id);
    if (!qio_channel_write_all(p->c, &init, sizeof(init), errp)) {
        return false;
    }
    multifd_count(&p->sent.bytes, sizeof(init));
    return true;
}

/* What one post of p->sem was for. */
static bool send_step(MultiFDSendParams *p, Error **errp)
{
    if (qatomic_load_acquire(&p->pending_job)) {
        if (!send_job(p, errp)) {
            return false;
        }
        qatomic_fetch_add_relaxed(&p->m->done_bytes, job_bytes(p->job));
        qatomic_store_release(&p->pending_job, false);
        qemu_sem_post(&p->m->channels_ready);
    } else if (qatomic_load_acquire(&p->pending_sync)) {
        if (!send_sync(p, errp)) {
            return false;
        }
        qatomic_store_release(&p->pending_sync, false);
        qemu_sem_post(&p->sem_sync);
    }
    return true;
}

static void *send_thread(void *opaque)
{
    MultiFDSendParams *p = opaque;
    Error *err = NULL;
    bool ok;

    qatomic_set_relaxed(&p->thread_id, qemu_get_thread_id());
    ok = send_init(p, &err);
    while (ok) {
        qemu_sem_wait(&p->sem);
        if (qatomic_read(&p->m->exiting)) {
            break;
        }
        ok = send_step(p, &err);
    }
    if (!ok) {
        send_fail(p, err);
    }
    qatomic_set_relaxed(&p->thread_id, 0);
    return NULL;
}

/* --- The migration thread ------------------------------------------------- */

/* Who ends the senders posts each semaphore once: not for a second wait. */
static bool wait_for(MultiFDSend *m, QemuSemaphore *sem, Error **errp)
{
    if (!send_ok(m, errp)) {
        return false;
    }
    bql_loan_begin(&m->s->bql_loan);
    qemu_sem_wait(sem);
    bql_loan_end(&m->s->bql_loan);
    return send_ok(m, errp);
}

/* A sender without a job: channels_ready says that there is one. */
static MultiFDSendParams *free_channel(MultiFDSend *m)
{
    for (;;) {
        MultiFDSendParams *p = m->channels[m->next_channel];

        m->next_channel = (m->next_channel + 1) % m->n_channels;
        if (!qatomic_load_acquire(&p->pending_job)) {
            return p;
        }
    }
}

/* Until nobody has a job. */
static bool wait_idle(MultiFDSend *m, Error **errp)
{
    for (unsigned i = 0; i < m->n_channels; i++) {
        if (!wait_for(m, &m->channels_ready, errp)) {
            return false;
        }
    }
    for (unsigned i = 0; i < m->n_channels; i++) {
        qemu_sem_post(&m->channels_ready);
    }
    return true;
}

bool multifd_send_flush(MultiFDSend *m, Error **errp)
{
    MultiFDSendParams *p;
    MultiFDJob *job = m->job;

    if (!job->block) {
        return true;
    }
    if (!wait_for(m, &m->channels_ready, errp)) {
        return false;
    }
    p = free_channel(m);
    m->job = p->job;
    m->job->block = NULL;
    m->handed_bytes += job_bytes(job);
    p->job = job;
    qatomic_store_release(&p->pending_job, true);
    qemu_sem_post(&p->sem);
    return true;
}

static bool job_takes(const MultiFDJob *job, const RAMBlock *block,
                      bool known_zero)
{
    return !job->block ||
           (job->block == block && job->known_zero == known_zero &&
            job->n_runs < MULTIFD_JOB_RUNS);
}

static void job_add(MultiFDJob *job, uint64_t first_page, uint64_t pages)
{
    MultiFDRun *last = job->n_runs ? &job->runs[job->n_runs - 1] : NULL;

    if (last && last->first_page + last->pages == first_page) {
        last->pages += pages;
    } else {
        job->runs[job->n_runs++] = (MultiFDRun){ first_page, pages };
    }
    job->pages += pages;
}

bool multifd_queue_run(MultiFDSend *m, RAMBlock *block, const MultiFDRun *run,
                       bool known_zero, Error **errp)
{
    uint64_t limit = known_zero ? KNOWN_ZERO_JOB_PAGES : m->job_max_pages;
    uint64_t first = run->first_page, left = run->pages;

    while (left) {
        uint64_t n;

        if (!job_takes(m->job, block, known_zero) &&
            !multifd_send_flush(m, errp)) {
            return false;
        }
        if (!m->job->block) {
            m->job->block = block;
            m->job->known_zero = known_zero;
            m->job->n_runs = 0;
            m->job->pages = 0;
        }
        n = MIN(left, limit - m->job->pages);
        job_add(m->job, first, n);
        first += n;
        left -= n;
        if (m->job->pages == limit && !multifd_send_flush(m, errp)) {
            return false;
        }
    }
    return true;
}

bool multifd_send_sync(MultiFDSend *m, Error **errp)
{
    if (!multifd_send_flush(m, errp) || !send_ok(m, errp)) {
        return false;
    }
    for (unsigned i = 0; i < m->n_channels; i++) {
        MultiFDSendParams *p = m->channels[i];

        g_assert(!qatomic_load_acquire(&p->pending_sync));
        qatomic_store_release(&p->pending_sync, true);
        qemu_sem_post(&p->sem);
    }
    for (unsigned i = 0; i < m->n_channels; i++) {
        if (!wait_for(m, &m->channels[i]->sem_sync, errp)) {
            return false;
        }
    }
    trace_multifd_send_sync(qatomic_read_relaxed(&m->packet_num));
    return true;
}

Error *multifd_send_own_error(MultiFDSend *m)
{
    Error *err;

    g_mutex_lock(&m->error_lock);
    err = m->error_is_own ? error_copy(m->error) : NULL;
    g_mutex_unlock(&m->error_lock);
    return err;
}

uint64_t multifd_send_queued_bytes(const MultiFDSend *m)
{
    return m->handed_bytes - qatomic_read_relaxed(&m->done_bytes) +
           (m->job->block ? job_bytes(m->job) : 0);
}

bool multifd_send_wait_idle(MultiFDSend *m, Error **errp)
{
    return multifd_send_flush(m, errp) && wait_idle(m, errp);
}

uint64_t multifd_send_bytes(const MultiFDSend *m)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < m->n_channels; i++) {
        bytes += qatomic_read_relaxed(&m->channels[i]->sent.bytes);
    }
    return bytes;
}

unsigned multifd_send_channels(const MultiFDSend *m)
{
    return m->n_channels;
}

const MultiFDSendParams *multifd_send_channel(const MultiFDSend *m,
                                              unsigned i)
{
    return m->channels[i];
}

/* --- Life ----------------------------------------------------------------- */

static MultiFDSendParams *params_new(MultiFDSend *m, QIOChannel *ioc,
                                     unsigned id)
{
    MultiFDSendParams *p = g_new0(MultiFDSendParams, 1);

    p->m = m;
    p->config = &m->s->config;
    p->ops = m->ops;
    p->id = (uint8_t)id;
    p->name = g_strdup_printf("mig/src/send_%u", id);
    p->c = qio_channel_ref(ioc);
    p->job = g_new0(MultiFDJob, 1);
    qemu_sem_init(&p->sem);
    qemu_sem_init(&p->sem_sync);
    return p;
}

static void params_free(MultiFDSendParams *p)
{
    qio_channel_unref(p->c);
    qemu_sem_destroy(&p->sem);
    qemu_sem_destroy(&p->sem_sync);
    g_free(p->job);
    g_free(p->name);
    g_free(p);
}

MultiFDSend *multifd_send_new(MigrationState *s, QIOChannel *const *channels,
                              unsigned n)
{
    MultiFDSend *m = g_new0(MultiFDSend, 1);

    m->s = s;
    m->ops = s->multifd_methods->ops[s->config.multifd_compression];
    m->job = g_new0(MultiFDJob, 1);
    m->job_max_pages = m->ops->flag == MULTIFD_FLAG_NOCOMP
                           ? MULTIFD_JOB_MAX_PAGES
                           : PACKED_JOB_PAGES;
    m->n_channels = n;
    m->channels = g_new0(MultiFDSendParams *, n);
    qemu_sem_init(&m->channels_ready);
    g_mutex_init(&m->error_lock);
    for (unsigned i = 0; i < n; i++) {
        m->channels[i] = params_new(m, channels[i], i);
    }
    return m;
}

/* Rather than at the first page. */
static bool check_zero_copy(MultiFDSendParams *p, Error **errp)
{
    if (sends_zero_copy(p) &&
        !qio_channel_has_feature(p->c, QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY)) {
        error_setg(errp, "%s: zero-copy-send takes a TCP connection, and "
                         "Linux 4.14 or later; turn that capability off",
                   p->c->name);
        return false;
    }
    return true;
}

bool multifd_send_start(MultiFDSend *m, Error **errp)
{
    for (; m->n_threads < m->n_channels; m->n_threads++) {
        MultiFDSendParams *p = m->channels[m->n_threads];

        if (!check_zero_copy(p, errp) ||
            (m->ops->send_setup && !m->ops->send_setup(p, errp))) {
            error_prepend(errp, "multifd channel %u: ", p->id);
            return false;
        }
        p->thread = qemu_thread_try_create(p->name, send_thread, p, errp);
        if (!p->thread) {
            if (m->ops->send_cleanup) {
                m->ops->send_cleanup(p);
            }
            return false;
        }
        qemu_sem_post(&m->channels_ready);
    }
    return true;
}

void multifd_send_free(MultiFDSend *m)
{
    if (!m) {
        return;
    }
    g_assert(qatomic_read(&m->exiting));
    for (unsigned i = 0; i < m->n_threads; i++) {
        g_thread_join(m->channels[i]->thread);
        if (m->ops->send_cleanup) {
            m->ops->send_cleanup(m->channels[i]);
        }
    }
    for (unsigned i = 0; i < m->n_channels; i++) {
        params_free(m->channels[i]);
    }
    qemu_sem_destroy(&m->channels_ready);
    g_mutex_clear(&m->error_lock);
    error_free(m->error);
    g_free(m->job);
    g_free(m->channels);
    g_free(m);
}
