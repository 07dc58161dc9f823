/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both ends of the return path. Source: thread "mig/src/return" reads, the
 * migration thread waits for its verdict. Destination: the loading thread
 * writes, under rp_mutex.
 */
#include "qemu/osdep.h"
#include <poll.h>

#include "migration/return-path.h"
#include "migration/migration-internal.h"
#include "migration/multifd-send.h"
#include "migration/stream-format.h"
#include "qemu/cutils.h"
#include "qemu/thread.h"
#include "trace-events.h"

/* The reason for a refusal may come this much later than that. */
#define REASON_WAIT_MS 200

/* --- source --------------------------------------------------------------- */

struct ReturnPath {
    MigrationState *s;  /* [const] */
    QEMUFile *from_dst; /* [own: rp] */
    GThread *thread;    /* [const] */

    GMutex lock;
    GCond cond;
    bool ended;       /* [lock: lock] */
    bool ponged;      /* [lock: lock] */
    bool has_verdict; /* [lock: lock] */
    Error *error;     /* [lock: lock] NULL at the end: success */
};

typedef struct ReturnPathMessage {
    const char *name;
    int length_bytes; /* -1: not fixed */
} ReturnPathMessage;

static const ReturnPathMessage messages[MIG_RP_MSG__MAX] = {
    [MIG_RP_MSG_SHUT] = { "SHUT", 4 },
    [MIG_RP_MSG_PONG] = { "PONG", 4 },
    [MIG_RP_MSG_REQ_PAGES_ID] = { "REQ_PAGES_ID", -1 },
    [MIG_RP_MSG_REQ_PAGES] = { "REQ_PAGES", 12 },
    [MIG_RP_MSG_RECV_BITMAP] = { "RECV_BITMAP", -1 },
    [MIG_RP_MSG_RESUME_ACK] = { "RESUME_ACK", 4 },
    [MIG_RP_MSG_SWITCHOVER_ACK] = { "SWITCHOVER_ACK", 0 },
};

static bool message_check(unsigned type, unsigned length_bytes, Error **errp)
{
    const ReturnPathMessage *message;

    if (type == MIG_RP_MSG_INVALID || type >= MIG_RP_MSG__MAX) {
        error_setg(errp, "return path: unknown message type %u", type);
        return false;
    }
    message = &messages[type];
    if (length_bytes > MIG_RP_MSG_MAX_BYTES ||
        (message->length_bytes >= 0 &&
         (unsigned)message->length_bytes != length_bytes)) {
        error_setg(errp, "return path: message %s has bad length %u",
                   message->name, length_bytes);
        return false;
    }
    return true;
}

static void hung_up_error(ReturnPath *rp, Error **errp)
{
    const char *when = rp->ponged ? "it said whether the load succeeded"
                                  : "it opened the return path";
    Error *err = NULL;

    if (qemu_file_ok(rp->from_dst, &err)) {
        error_setg(errp, "the destination closed the connection before %s: "
                         "its log, or query-migrate there, says why", when);
    } else {
        error_prepend(&err, "the connection to the destination broke before "
                            "%s; its log, or query-migrate there, says "
                            "why: ", when);
        error_propagate(errp, err);
    }
}

/* Waits, until @end_us, for @len_bytes that can be got without reading. */
static bool wait_buffered(QEMUFile *f, size_t len_bytes, int64_t end_us)
{
    QIOChannel *ioc = qemu_file_channel(f);
    int fd = ioc->ops->poll_fd ? ioc->ops->poll_fd(ioc, G_IO_IN) : -1;
    size_t there;

    while ((there = qemu_file_buffered(f)) < len_bytes) {
        int64_t left_us = end_us - g_get_monotonic_time();
        struct pollfd pfd = { .fd = fd, .events = POLLIN };
        const uint8_t *p;

        if (fd < 0 || left_us <= 0 ||
            poll(&pfd, 1, (int)(left_us / 1000) + 1) <= 0 ||
            qemu_peek_buffer(f, &p, there + 1) <= there) {
            return false;
        }
    }
    return true;
}

/* For a terminal and a log: nothing that is not shown as itself. */
static char *printable(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *clean = g_string_new(NULL);

    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        GUnicodeType type = g_unichar_type(c);

        if (g_ascii_isspace(*p)) {
            g_string_append_c(clean, ' ');
        } else if (g_unichar_isprint(c) && type != G_UNICODE_LINE_SEPARATOR &&
                   type != G_UNICODE_PARAGRAPH_SEPARATOR) {
            g_string_append_unichar(clean, c);
        }
    }
    return g_string_free(clean, clean->len == 0);
}

/* The words behind a SHUT, NULL if none come. */
static char *read_reason(QEMUFile *f)
{
    int64_t end_us = g_get_monotonic_time() + REASON_WAIT_MS * 1000;
    char text[MIG_RP_MSG_MAX_BYTES + 1];
    uint16_t type, length_bytes;

    if (!wait_buffered(f, 2 * sizeof(uint16_t), end_us)) {
        return NULL;
    }
    type = qemu_get_be16(f);
    length_bytes = qemu_get_be16(f);
    if (type != MIG_RP_MSG_REASON || length_bytes > MIG_RP_MSG_MAX_BYTES ||
        !wait_buffered(f, length_bytes, end_us)) {
        return NULL;
    }
    qemu_get_buffer(f, text, length_bytes);
    text[length_bytes] = '\0';
    return printable(text);
}

/*
 * A sender's failure ends all channels, and the destination may refuse for
 * what it misses on another one: the cause is told with it.
 */
static void add_own_error(MigrationState *s, Error **errp)
{
    Error *own = s->multifd ? multifd_send_own_error(s->multifd) : NULL;
    Error *refusal = *errp;

    if (own) {
        *errp = NULL;
        error_setg(errp, "%s; here: %s", error_get_pretty(refusal),
                   error_get_pretty(own));
        error_free(refusal);
        error_free(own);
    }
}

static void refused_error(ReturnPath *rp, uint32_t value, Error **errp)
{
    g_autofree char *reason = read_reason(rp->from_dst);

    g_mutex_lock(&rp->lock);
    rp->has_verdict = true;
    g_mutex_unlock(&rp->lock);
    if (reason) {
        error_setg(errp, "the destination refused the migration: %s", reason);
    } else {
        error_setg(errp,
                   "the destination refused the migration (it answered "
                   "SHUT %u): its own error says why",
                   value);
    }
    add_own_error(rp->s, errp);
}

/* One message. True and *@last on success's SHUT. */
static bool return_path_read(ReturnPath *rp, bool *last, Error **errp)
{
    QEMUFile *f = rp->from_dst;
    uint8_t data[MIG_RP_MSG_MAX_BYTES];
    uint16_t type, length_bytes;
    uint32_t value;

    if (qemu_peek_byte(f) < 0) {
        hung_up_error(rp, errp);
        return false;
    }
    type = qemu_get_be16(f);
    length_bytes = qemu_get_be16(f);
    if (!qemu_file_ok(f, errp) || !message_check(type, length_bytes, errp)) {
        return false;
    }
    qemu_get_buffer(f, data, length_bytes);
    if (!qemu_file_ok(f, errp)) {
        return false;
    }
    trace_migration_return_path_receive(
        messages[type].name, length_bytes == 4 ? ldl_be_p(data) : 0);
    switch (type) {
    case MIG_RP_MSG_SHUT:
        value = ldl_be_p(data);
        if (value) {
            refused_error(rp, value, errp);
            return false;
        }
        g_mutex_lock(&rp->lock);
        rp->has_verdict = true;
        g_mutex_unlock(&rp->lock);
        *last = true;
        return true;
    case MIG_RP_MSG_PONG:
        g_mutex_lock(&rp->lock);
        rp->ponged = true;
        g_cond_broadcast(&rp->cond);
        g_mutex_unlock(&rp->lock);
        return true;
    default:
        error_setg(errp,
                   "return path: message %s belongs to postcopy or recovery, "
                   "which this migration does not use",
                   messages[type].name);
        return false;
    }
}

static void *return_path_thread(void *opaque)
{
    ReturnPath *rp = opaque;
    Error *err = NULL;
    bool last = false;

    while (!last && return_path_read(rp, &last, &err)) {
    }
    if (last && !qatomic_read(&rp->s->committed)) {
        error_setg(&err, "return path: the destination reported success "
                         "before everything was sent");
    }
    if (err) {
        migration_fail_in_phase(rp->s, error_copy(err));
        /* Ends a write that nobody will read. */
        migration_source_shutdown_channel(rp->s);
    }
    /* Last: who waits for it finds the migration failed. */
    g_mutex_lock(&rp->lock);
    rp->ended = true;
    rp->error = err;
    g_cond_broadcast(&rp->cond);
    g_mutex_unlock(&rp->lock);
    return NULL;
}

ReturnPath *return_path_start(MigrationState *s, QIOChannel *ioc, Error **errp)
{
    ReturnPath *rp = g_new0(ReturnPath, 1);

    rp->s = s;
    rp->from_dst = qemu_file_new_input(ioc);
    g_mutex_init(&rp->lock);
    g_cond_init(&rp->cond);
    rp->thread = qemu_thread_try_create("mig/src/return", return_path_thread,
                                        rp, errp);
    if (!rp->thread) {
        return_path_free(rp);
        return NULL;
    }
    return rp;
}

bool return_path_wait(ReturnPath *rp, int64_t timeout_ms, Error **errp)
{
    int64_t end_us = g_get_monotonic_time() + timeout_ms * 1000;
    bool ok = false;

    g_mutex_lock(&rp->lock);
    while (!rp->ended) {
        if (timeout_ms < 0) {
            g_cond_wait(&rp->cond, &rp->lock);
        } else if (!g_cond_wait_until(&rp->cond, &rp->lock, end_us)) {
            break;
        }
    }
    if (!rp->ended) {
        error_setg(errp, "return path: no answer in %" PRId64 " ms",
                   timeout_ms);
    } else if (rp->error) {
        error_propagate(errp, error_copy(rp->error));
    } else {
        ok = true;
    }
    g_mutex_unlock(&rp->lock);
    return ok;
}

bool return_path_wait_pong(ReturnPath *rp, int64_t timeout_ms)
{
    int64_t end_us = g_get_monotonic_time() + timeout_ms * 1000;
    bool ok;

    g_mutex_lock(&rp->lock);
    while (!rp->ended && !rp->ponged &&
           g_cond_wait_until(&rp->cond, &rp->lock, end_us)) {
    }
    ok = rp->ponged && !rp->ended;
    g_mutex_unlock(&rp->lock);
    return ok;
}

bool return_path_has_verdict(ReturnPath *rp)
{
    bool has;

    g_mutex_lock(&rp->lock);
    has = rp->has_verdict;
    g_mutex_unlock(&rp->lock);
    return has;
}

void return_path_free(ReturnPath *rp)
{
    if (!rp) {
        return;
    }
    if (rp->thread) {
        g_thread_join(rp->thread);
    }
    qemu_fclose(rp->from_dst, NULL);
    error_free(rp->error);
    g_mutex_clear(&rp->lock);
    g_cond_clear(&rp->cond);
    g_free(rp);
}

/* --- destination ---------------------------------------------------------- */

bool migration_incoming_open_return_path(MigrationIncomingState *mis,
                                         Error **errp)
{
    bool ok = true;

    g_mutex_lock(&mis->rp_mutex);
    if (mis->to_src) {
        /* again: harmless */
    } else if (!qio_channel_has_feature(mis->channel,
                                        QIO_CHANNEL_FEATURE_DUPLEX)) {
        error_setg(errp,
                   "the source wants a return path, which %s cannot carry: "
                   "switch off the capability 'return-path' on the source",
                   mis->channel->name);
        ok = false;
    } else {
        mis->to_src = qemu_file_new_output(mis->channel);
    }
    g_mutex_unlock(&mis->rp_mutex);
    return ok;
}

/* rp_mutex held, to_src set. */
static bool send_message(MigrationIncomingState *mis, StreamReturnPathType type,
                         uint32_t value, Error **errp)
{
    qemu_put_be16(mis->to_src, type);
    qemu_put_be16(mis->to_src, sizeof(value));
    qemu_put_be32(mis->to_src, value);
    if (!qemu_fflush(mis->to_src, errp)) {
        error_prepend(errp, "return path: cannot send %s: ",
                      messages[type].name);
        return false;
    }
    trace_migration_return_path_send(messages[type].name, value);
    return true;
}

bool migration_incoming_send_pong(MigrationIncomingState *mis, uint32_t value,
                                  Error **errp)
{
    bool ok;

    g_mutex_lock(&mis->rp_mutex);
    if (!mis->to_src) {
        error_setg(errp, "PING %u before the return path was opened", value);
        ok = false;
    } else {
        ok = send_message(mis, MIG_RP_MSG_PONG, value, errp);
    }
    g_mutex_unlock(&mis->rp_mutex);
    return ok;
}

/* A source that waits for the verdict keeps its sending direction open. */
static bool source_hung_up(QIOChannel *ioc)
{
    int fd = ioc->ops->poll_fd ? ioc->ops->poll_fd(ioc, G_IO_IN) : -1;
    struct pollfd pfd = { .fd = fd, .events = POLLRDHUP };

    return fd >= 0 && poll(&pfd, 1, 0) > 0;
}

bool migration_incoming_send_success(MigrationIncomingState *mis,
                                     Error **errp)
{
    bool ok = true;

    g_mutex_lock(&mis->rp_mutex);
    if (!mis->to_src) {
        /* nobody asked */
    } else if (source_hung_up(mis->channel)) {
        error_setg(errp, "the source hung up before the guest was taken "
                         "over, so it may run there: not started here");
        ok = false;
    } else {
        ok = send_message(mis, MIG_RP_MSG_SHUT, 0, errp);
    }
    g_mutex_unlock(&mis->rp_mutex);
    return ok;
}

/* As much as a message carries, in whole characters. */
static uint16_t reason_length(const char *reason)
{
    size_t length_bytes = strlen(reason);

    if (length_bytes > MIG_RP_MSG_MAX_BYTES) {
        length_bytes = MIG_RP_MSG_MAX_BYTES;
        while (length_bytes && (reason[length_bytes] & 0xc0) == 0x80) {
            length_bytes--;
        }
    }
    return length_bytes;
}

bool migration_incoming_send_failure(MigrationIncomingState *mis,
                                     const char *reason)
{
    uint16_t length_bytes = reason_length(reason);
    bool asked, sent = false;

    g_mutex_lock(&mis->rp_mutex);
    asked = mis->to_src != NULL;
    if (!asked &&
        migration_cap(&mis->config, MIGRATION_CAPABILITY_RETURN_PATH) &&
        qio_channel_has_feature(mis->channel, QIO_CHANNEL_FEATURE_DUPLEX)) {
        mis->to_src = qemu_file_new_output(mis->channel);
    }
    if (mis->to_src) {
        qemu_put_be16(mis->to_src, MIG_RP_MSG_SHUT);
        qemu_put_be16(mis->to_src, sizeof(uint32_t));
        qemu_put_be32(mis->to_src, 1);
        qemu_put_be16(mis->to_src, MIG_RP_MSG_REASON);
        qemu_put_be16(mis->to_src, length_bytes);
        qemu_put_buffer(mis->to_src, reason, length_bytes);
        sent = qemu_fflush(mis->to_src, NULL);
    }
    if (sent) {
        trace_migration_return_path_send(messages[MIG_RP_MSG_SHUT].name, 1);
    }
    g_mutex_unlock(&mis->rp_mutex);
    return sent && asked;
}
