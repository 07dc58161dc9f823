/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of monitor/ share.
 *
 * Lock order: limiter, Monitors.lock, Monitor.lock, MonitorOut's. None of
 * them is held while a command or a chardev function runs, other than
 * chardev_end_connection() and chardev_stop_waiting().
 */
#ifndef MONITOR_INTERNAL_H
#define MONITOR_INTERNAL_H

#include "monitor/event-limiter.h"
#include "monitor/monitor.h"
#include "monitor/qmp-parser.h"
#include "system/fdset.h"

#include <json-c/json.h>

/* --- Output: monitor-out.c ---------------------------------------------- */

/*
 * A queue and a thread that writes it, so that a client that does not read
 * holds up nobody else.
 */
typedef struct MonitorOut MonitorOut;

/* @drained is called in the writer's thread when a long queue got short. */
MonitorOut *monitor_out_new(Chardev *chr, void (*drained)(void *opaque),
                            void *opaque);
/* Writes what is queued, for a short time, joins, frees. */
void monitor_out_free(MonitorOut *out);
/*
 * Queues text with CR added before each LF. Ends the connection where too
 * much is unread, and then drops what comes until monitor_out_clear(). Any
 * thread.
 */
void monitor_out_puts(MonitorOut *out, const char *text, size_t len_bytes);
/* For a new or lost connection: forgets what is queued. Any thread. */
void monitor_out_clear(MonitorOut *out);
/* Whether so much is queued that no more should be asked for. */
bool monitor_out_is_long(MonitorOut *out);
/* Whether anything is still to be written; if so drained() follows. */
bool monitor_out_is_busy(MonitorOut *out);

/* --- QMP: qmp.c --------------------------------------------------------- */

/* In-band commands of one client that may wait. */
#define QMP_QUEUE_MAX 8

typedef struct QmpRequest {
    struct json_object *value;
    Error *err;       /* instead of @value: the input was no JSON */
    int fd;           /* that came with it, or -1 */
    unsigned session; /* of the client that sent it */
} QmpRequest;

/* One connection's life; a new client starts with zeros but for the id. */
typedef struct QmpSession {
    unsigned id;     /* changes with each connect and disconnect */
    bool connected;
    bool negotiated; /* qmp_capabilities succeeded */
    bool oob;
} QmpSession;

struct Monitor {
    /* [const] */
    Monitors *owner;
    Chardev *chr;
    MonitorMode mode;
    bool pretty;
    FdTable *fds;
    MonitorOut *out;
    struct HmpState *hmp; /* hmp.c; READLINE only */
    bool attached;        /* chardev_connect() succeeded */
    GSource *hmp_timer;   /* [lock: bql] of the command under way, or NULL */

    GMutex lock;
    /* [lock: lock] */
    QmpSession session;
    GQueue requests; /* QmpRequest */
    bool running;    /* one of them is being carried out */
    bool resume_owed; /* qmp_resume() when none is left */

    /* [own: I/O thread] QMP */
    QmpParser *parser;
    GByteArray *unparsed; /* input that waits for room in requests */
    int in_fd;            /* came with the input and goes to a request */
};

struct Monitors {
    /* [const] */
    VM *vm;
    GMainContext *io_context;
    GMainLoop *io_loop;
    GThread *io_thread;
    EventLimiter *limiter;

    GMutex lock;
    /* [lock: lock] */
    GPtrArray *list;    /* Monitor; grows only */
    size_t next;        /* whose turn it is */
    bool dispatching;   /* a call of monitors_dispatch or _answer is to come */

    /* [lock: bql] what monitors_answer() is to send */
    Monitor *answering;
    struct json_object *reply;
    unsigned reply_session;
};

/* The QMP half of monitor_add() and monitors_free(). */
bool qmp_monitor_start(Monitor *mon, Error **errp);
void qmp_monitor_free(Monitor *mon);
/* Forgets commands that have not begun. Any thread. */
void qmp_monitor_drop_requests(Monitor *mon);
void qmp_monitors_emit(Monitors *monitors, struct json_object *event);

/* Runs @fn(@mon) soon in the I/O thread. Any thread. */
void monitor_io_call(Monitor *mon, GSourceFunc fn);

/* --- Requests: qmp-dispatch.c ------------------------------------------- */

/*
 * Checks and runs @req (which stays the caller's) and returns the reply, a
 * new reference. An out-of-band request runs in the I/O thread, others in
 * the main loop with the BQL held.
 */
struct json_object *qmp_dispatch(QmpContext *ctx, const QmpSession *session,
                                 struct json_object *req);
/* The reply that tells @err, which it frees. @id may be NULL. */
struct json_object *qmp_error_reply(struct json_object *id, bool has_id,
                                    Error *err);
/* Whether @req is to run out of band. */
bool qmp_is_oob(const QmpSession *session, struct json_object *req);

/* --- HMP: hmp.c --------------------------------------------------------- */

/* Main thread, BQL held. */
bool hmp_monitor_start(Monitor *mon, Error **errp);
void hmp_monitor_stop(Monitor *mon);

#endif
