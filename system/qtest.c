/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qtest server: lines in, replies out, a log of both. Main loop, BQL.
 * Replies to all requests of one read go out together. While the client does
 * not take them nothing more is executed or read, and the main loop goes on.
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "system/clock.h"
#include "system/qtest.h"
#include "qtest-internal.h"

#define READ_BYTES 65536

typedef struct QTestServer {
    /* [const] */
    VM *vm;
    Chardev *chr;
    FILE *log; /* or NULL */

    /* [lock: bql] */
    GByteArray *input; /* read and not looked at, while out is not taken */
    GString *partial;  /* the start of a line whose end has not come */
    GString *out;      /* replies; kept for its memory */
    size_t sent_bytes; /* of out */
    bool overlong;    /* dropping input up to the next newline */
    int64_t opened_ns;
} QTestServer;

static void qtest_log(QTestServer *s, const char *tag, const char *text,
                      size_t len_bytes)
{
    double seconds = (double)(clock_host_ns() - s->opened_ns) /
                     NANOSECONDS_PER_SECOND;

    fprintf(s->log, "[%s +%.06f] %.*s\n", tag, seconds, (int)len_bytes, text);
    fflush(s->log);
}

static void qtest_line(QTestServer *s, char *line, size_t len_bytes)
{
    size_t before = s->out->len;

    if (len_bytes && line[len_bytes - 1] == '\r') {
        line[--len_bytes] = '\0';
    }
    if (s->log) {
        qtest_log(s, "R", line, len_bytes);
    }
    qtest_execute(s->vm, line, s->out);
    if (s->log) {
        qtest_log(s, "S", s->out->str + before, s->out->len - before - 1);
    }
}

static size_t qtest_can_read(void *opaque)
{
    QTestServer *s = opaque;

    return s->input->len || s->out->len ? 0 : READ_BYTES;
}

/* Keeps what has no newline yet, within bounds. */
static void qtest_keep(QTestServer *s, const char *text, size_t len_bytes)
{
    if (s->partial->len + len_bytes > QTEST_MAX_LINE_BYTES) {
        g_string_truncate(s->partial, 0);
        s->overlong = true;
    } else if (!s->overlong) {
        g_string_append_len(s->partial, text, len_bytes);
    }
}

static void qtest_end_line(QTestServer *s, const char *text, size_t len_bytes)
{
    qtest_keep(s, text, len_bytes);
    if (s->overlong) {
        s->overlong = false;
        g_string_append_printf(s->out, "FAIL Line longer than %llu bytes\n",
                               QTEST_MAX_LINE_BYTES);
    } else {
        qtest_line(s, s->partial->str, s->partial->len);
    }
    /* A huge line's memory is not kept. */
    if (s->partial->allocated_len > 4 * READ_BYTES) {
        g_string_free(s->partial, TRUE);
        s->partial = g_string_new(NULL);
    } else {
        g_string_truncate(s->partial, 0);
    }
}

/* True once the client has taken all replies. */
static bool qtest_flush(QTestServer *s)
{
    s->sent_bytes += chardev_write_some(s->chr, s->out->str + s->sent_bytes,
                                        s->out->len - s->sent_bytes);
    if (s->sent_bytes < s->out->len) {
        return false;
    }
    s->sent_bytes = 0;
    if (s->out->allocated_len > 4 * READ_BYTES) {
        g_string_free(s->out, TRUE);
        s->out = g_string_new(NULL);
    } else {
        g_string_truncate(s->out, 0);
    }
    return true;
}

/* Returns how much of the input was used: less if replies are not taken. */
static size_t qtest_run(QTestServer *s, const uint8_t *buf, size_t len_bytes)
{
    const char *at = (const char *)buf;
    const char *end = at + len_bytes;

    while (at < end) {
        const char *newline = memchr(at, '\n', end - at);

        if (!newline) {
            qtest_keep(s, at, end - at);
            at = end;
            break;
        }
        qtest_end_line(s, at, newline - at);
        at = newline + 1;
        if (s->out->len > READ_BYTES && !qtest_flush(s)) {
            break;
        }
    }
    qtest_flush(s);
    return at - (const char *)buf;
}

static void qtest_read(void *opaque, const uint8_t *buf, size_t len_bytes)
{
    QTestServer *s = opaque;
    size_t used = qtest_run(s, buf, len_bytes);

    g_byte_array_append(s->input, buf + used, len_bytes - used);
}

static void qtest_writable(void *opaque)
{
    QTestServer *s = opaque;

    if (qtest_flush(s)) {
        size_t used = qtest_run(s, s->input->data, s->input->len);

        g_byte_array_remove_range(s->input, 0, used);
        chardev_accept_input(s->chr);
    }
}

static void qtest_event(void *opaque, ChardevEvent event)
{
    QTestServer *s = opaque;
    const char *what = event == CHR_EVENT_OPENED ? "OPENED" : "CLOSED";

    g_byte_array_set_size(s->input, 0);
    g_string_truncate(s->partial, 0);
    g_string_truncate(s->out, 0);
    s->sent_bytes = 0;
    s->overlong = false;
    if (event == CHR_EVENT_OPENED) {
        s->opened_ns = clock_host_ns();
    }
    if (s->log) {
        qtest_log(s, "I", what, strlen(what));
    }
}

static const ChardevFrontend qtest_frontend = {
    .can_read = qtest_can_read,
    .read = qtest_read,
    .event = qtest_event,
    .writable = qtest_writable,
};

static void qtest_server_free(VM *vm, void *opaque)
{
    QTestServer *s = opaque;

    chardev_disconnect(s->chr);
    if (s->log) {
        fclose(s->log);
    }
    g_byte_array_unref(s->input);
    g_string_free(s->partial, TRUE);
    g_string_free(s->out, TRUE);
    g_free(s);
}

/* True without a log where none is wanted. */
static bool open_log(const char *path, FILE **log, Error **errp)
{
    *log = NULL;
    if (!path || !strcmp(path, "none") || !strcmp(path, "/dev/null")) {
        return true;
    }
    *log = fopen(path, "we");
    if (!*log) {
        error_setg_errno(errp, errno, "cannot open the qtest log '%s'", path);
        return false;
    }
    return true;
}

bool qtest_server_add(VM *vm, Chardev *chr, const char *log_path, Error **errp)
{
    QTestServer *s;
    FILE *log;

    if (!open_log(log_path, &log, errp)) {
        return false;
    }
    s = g_new0(QTestServer, 1);
    s->vm = vm;
    s->chr = chr;
    s->log = log;
    s->input = g_byte_array_new();
    s->partial = g_string_new(NULL);
    s->out = g_string_new(NULL);
    s->opened_ns = clock_host_ns();
    vm_on_free(vm, qtest_server_free, s);
    return chardev_connect(chr, &qtest_frontend, s, NULL, errp);
}
