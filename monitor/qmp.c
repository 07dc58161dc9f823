/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP servers. Input is read and parsed in the monitors' I/O thread, which
 * also runs out-of-band commands; other commands wait in a queue per client
 * and run one at a time in the main loop, clients taking turns. A client
 * whose queue is full, or that does not read its replies, is not read from.
 */
#include "qemu/osdep.h"
#include "monitor-internal.h"
#include "qapi/qapi-types-error.h"

#define READ_BYTES 4096

static void qmp_request_free(QmpRequest *request)
{
    json_object_put(request->value);
    error_free(request->err);
    qemu_close(&request->fd);
    g_free(request);
}

static void qmp_request_free_func(gpointer opaque)
{
    qmp_request_free(opaque);
}

/* --- Output ------------------------------------------------------------- */

static void qmp_puts(Monitor *mon, struct json_object *value)
{
    GString *text = g_string_new(NULL);

    qmp_json_write(text, value, mon->pretty);
    g_string_append_c(text, '\n');
    monitor_out_puts(mon->out, text->str, text->len);
    g_string_free(text, TRUE);
}

/* To the client of @session, if that is still there. Takes @reply. */
static void qmp_reply(Monitor *mon, unsigned session,
                      struct json_object *reply)
{
    g_mutex_lock(&mon->lock);
    if (mon->session.id == session) {
        qmp_puts(mon, reply);
    }
    g_mutex_unlock(&mon->lock);
    json_object_put(reply);
}

static struct json_object *qmp_greeting(Monitor *mon)
{
    struct json_object *greeting = json_object_new_object();
    struct json_object *body = json_object_new_object();
    struct json_object *caps = json_object_new_array();
    const QmpCommand *command = qmp_find_command("query-version");
    QmpContext ctx = { .vm = mon->owner->vm, .mon = mon, .fds = mon->fds };
    struct json_object *version = NULL;

    if (command && command->fn(&ctx, NULL, &version, NULL)) {
        json_object_object_add(body, "version", version);
    }
    json_object_array_add(caps, json_object_new_string("oob"));
    json_object_object_add(body, "capabilities", caps);
    json_object_object_add(greeting, "QMP", body);
    return greeting;
}

void qmp_monitors_emit(Monitors *monitors, struct json_object *event)
{
    g_mutex_lock(&monitors->lock);
    for (size_t i = 0; i < monitors->list->len; i++) {
        Monitor *mon = g_ptr_array_index(monitors->list, i);

        g_mutex_lock(&mon->lock);
        if (mon->session.negotiated) {
            qmp_puts(mon, event);
        }
        g_mutex_unlock(&mon->lock);
    }
    g_mutex_unlock(&monitors->lock);
}

/* --- Running commands --------------------------------------------------- */

/* Returns the reply; NULL if the client is gone. Frees @request. */
static struct json_object *qmp_run(Monitor *mon, QmpRequest *request)
{
    QmpContext ctx = { .vm = mon->owner->vm, .mon = mon, .fds = mon->fds };
    struct json_object *reply = NULL;
    QmpSession session;

    g_mutex_lock(&mon->lock);
    session = mon->session;
    g_mutex_unlock(&mon->lock);
    if (session.id == request->session) {
        if (request->fd >= 0) {
            fd_table_set_pending(mon->fds, request->fd);
            request->fd = -1;
        }
        if (request->err) {
            reply = qmp_error_reply(NULL, false, request->err);
            request->err = NULL;
        } else {
            reply = qmp_dispatch(&ctx, &session, request->value);
        }
    }
    qmp_request_free(request);
    return reply;
}

static gboolean qmp_resume(gpointer opaque);

/* The next request in turn; NULL if there is none. */
static QmpRequest *next_request(Monitors *monitors, Monitor **mon,
                                bool *was_full)
{
    QmpRequest *request = NULL;
    size_t count = monitors->list->len;

    for (size_t i = 0; i < count && !request; i++) {
        size_t index = (monitors->next + i) % count;

        *mon = g_ptr_array_index(monitors->list, index);
        g_mutex_lock(&(*mon)->lock);
        *was_full = (*mon)->requests.length >= QMP_QUEUE_MAX;
        request = g_queue_pop_head(&(*mon)->requests);
        (*mon)->running = request != NULL;
        g_mutex_unlock(&(*mon)->lock);
        if (request) {
            monitors->next = (index + 1) % count;
        }
    }
    return request;
}

static void monitors_dispatch(VM *vm, void *opaque);

/*
 * The reply to what monitors_dispatch() ran: after what the command asked the
 * main loop for, so that SHUTDOWN comes before the reply to quit, as in QEMU.
 */
static void monitors_answer(VM *vm, void *opaque)
{
    Monitors *monitors = opaque;
    Monitor *mon = monitors->answering;
    bool resume;

    if (monitors->reply) {
        qmp_reply(mon, monitors->reply_session,
                  g_steal_pointer(&monitors->reply));
    }
    g_mutex_lock(&mon->lock);
    mon->running = false;
    resume = mon->resume_owed && !mon->requests.length;
    mon->resume_owed &= !resume;
    g_mutex_unlock(&mon->lock);
    if (resume) {
        monitor_io_call(mon, qmp_resume);
    }
    monitors_dispatch(vm, monitors);
}

/* Main loop, BQL held: one request, then others get their turn. */
static void monitors_dispatch(VM *vm, void *opaque)
{
    Monitors *monitors = opaque;
    QmpRequest *request;
    bool was_full = false;
    Monitor *mon = NULL;

    g_mutex_lock(&monitors->lock);
    request = next_request(monitors, &mon, &was_full);
    monitors->dispatching = request != NULL;
    g_mutex_unlock(&monitors->lock);
    if (!request) {
        return;
    }
    if (was_full) {
        monitor_io_call(mon, qmp_resume);
    }
    monitors->answering = mon;
    monitors->reply_session = request->session;
    monitors->reply = qmp_run(mon, request);
    vm_invoke(vm, monitors_answer, monitors);
}

static void qmp_queue(Monitor *mon, QmpRequest *request)
{
    Monitors *monitors = mon->owner;
    bool start;

    g_mutex_lock(&monitors->lock);
    g_mutex_lock(&mon->lock);
    g_queue_push_tail(&mon->requests, request);
    g_mutex_unlock(&mon->lock);
    start = !monitors->dispatching;
    monitors->dispatching = true;
    g_mutex_unlock(&monitors->lock);
    if (start) {
        vm_invoke(monitors->vm, monitors_dispatch, monitors);
    }
}

/* --- Input: I/O thread -------------------------------------------------- */

static bool qmp_may_read(Monitor *mon)
{
    bool room;

    g_mutex_lock(&mon->lock);
    room = mon->requests.length < QMP_QUEUE_MAX;
    g_mutex_unlock(&mon->lock);
    return room && !monitor_out_is_long(mon->out);
}

/* The parser found a message; false: no more, please. */
static bool qmp_message(void *opaque, struct json_object *value, Error *err)
{
    Monitor *mon = opaque;
    QmpRequest *request = g_new0(QmpRequest, 1);
    bool oob;

    request->value = value;
    request->err = err;
    request->fd = mon->in_fd;
    mon->in_fd = -1;
    g_mutex_lock(&mon->lock);
    request->session = mon->session.id;
    oob = !err && qmp_is_oob(&mon->session, value);
    g_mutex_unlock(&mon->lock);
    if (oob) {
        unsigned session = request->session;
        struct json_object *reply = qmp_run(mon, request);

        if (reply) {
            qmp_reply(mon, session, reply);
        }
    } else {
        qmp_queue(mon, request);
    }
    return qmp_may_read(mon);
}

static void qmp_parse(Monitor *mon, const uint8_t *buf, size_t len_bytes)
{
    size_t used = qmp_parser_feed(mon->parser, buf, len_bytes);

    g_byte_array_append(mon->unparsed, buf + used, len_bytes - used);
}

static gboolean qmp_resume(gpointer opaque)
{
    Monitor *mon = opaque;

    while (mon->unparsed->len && qmp_may_read(mon)) {
        GByteArray *input = mon->unparsed;

        mon->unparsed = g_byte_array_new();
        qmp_parse(mon, input->data, input->len);
        g_byte_array_unref(input);
    }
    if (!mon->unparsed->len && qmp_may_read(mon)) {
        chardev_accept_input(mon->chr);
    }
    return G_SOURCE_REMOVE;
}

static void qmp_drained(void *opaque)
{
    monitor_io_call(opaque, qmp_resume);
}

static size_t qmp_can_read(void *opaque)
{
    Monitor *mon = opaque;

    return !mon->unparsed->len && qmp_may_read(mon) ? READ_BYTES : 0;
}

static bool qmp_busy(void *opaque)
{
    Monitor *mon = opaque;
    bool busy;

    g_mutex_lock(&mon->lock);
    busy = mon->running || mon->requests.length;
    mon->resume_owed |= busy;
    g_mutex_unlock(&mon->lock);
    /* In this order: a request's reply is queued before it ends. */
    return busy || mon->unparsed->len || monitor_out_is_busy(mon->out);
}

static void qmp_read(void *opaque, const uint8_t *buf, size_t len_bytes)
{
    Monitor *mon = opaque;
    int fd = chardev_take_fd(mon->chr);

    if (fd >= 0) {
        qemu_close(&mon->in_fd);
        mon->in_fd = fd;
    }
    qmp_parse(mon, buf, len_bytes);
}

static void qmp_event(void *opaque, ChardevEvent event)
{
    Monitor *mon = opaque;
    struct json_object *greeting = NULL;

    if (event == CHR_EVENT_OPENED) {
        greeting = qmp_greeting(mon);
    }
    qmp_parser_reset(mon->parser);
    g_byte_array_set_size(mon->unparsed, 0);
    qemu_close(&mon->in_fd);
    qmp_monitor_drop_requests(mon);

    g_mutex_lock(&mon->lock);
    mon->session = (QmpSession){
        .id = mon->session.id + 1,
        .connected = event == CHR_EVENT_OPENED,
    };
    monitor_out_clear(mon->out);
    if (greeting) {
        qmp_puts(mon, greeting);
    }
    g_mutex_unlock(&mon->lock);
    json_object_put(greeting);
}

/* --- Life --------------------------------------------------------------- */

bool monitor_qmp_negotiate(Monitor *mon, bool oob, Error **errp)
{
    bool done;

    g_mutex_lock(&mon->lock);
    done = mon->session.negotiated;
    if (!done) {
        mon->session.negotiated = true;
        mon->session.oob = oob;
    }
    g_mutex_unlock(&mon->lock);
    if (done) {
        error_set(errp, QAPI_ERROR_CLASS_COMMANDNOTFOUND,
                  "Capabilities negotiation is already complete, "
                  "command ignored");
    }
    return !done;
}

bool qmp_monitor_start(Monitor *mon, Error **errp)
{
    static const ChardevFrontend frontend = {
        .can_read = qmp_can_read,
        .read = qmp_read,
        .event = qmp_event,
        .busy = qmp_busy,
    };

    mon->parser = qmp_parser_new(qmp_message, mon);
    mon->unparsed = g_byte_array_new();
    mon->out = monitor_out_new(mon->chr, qmp_drained, mon);
    mon->attached = chardev_connect(mon->chr, &frontend, mon,
                                    mon->owner->io_context, errp);
    return mon->attached;
}

void qmp_monitor_drop_requests(Monitor *mon)
{
    GQueue dropped = G_QUEUE_INIT;

    g_mutex_lock(&mon->lock);
    while (mon->requests.length) {
        g_queue_push_tail(&dropped, g_queue_pop_head(&mon->requests));
    }
    g_mutex_unlock(&mon->lock);
    g_queue_clear_full(&dropped, qmp_request_free_func);
}

void qmp_monitor_free(Monitor *mon)
{
    g_queue_clear_full(&mon->requests, qmp_request_free_func);
    qmp_parser_free(mon->parser);
    g_byte_array_unref(mon->unparsed);
    qemu_close(&mon->in_fd);
}
