/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP servers over a chardev in memory, with a command table of the test's
 * own: negotiation, replies, queues, out-of-band commands, events, clients
 * that misbehave.
 */
#include "qemu/osdep.h"
#include "monitor/monitor.h"
#include "test-monitor-fake.h"

#include "hmp.h"

/* --- Commands ----------------------------------------------------------- */

/* What the in-band command "wait" waits for; "release" sets it. */
static struct {
    GMutex lock;
    GCond cond;
    bool waiting;
    bool released;
} gate;

static bool cmd_capabilities(QmpContext *ctx, struct json_object *args,
                             struct json_object **ret, Error **errp)
{
    if (!monitor_qmp_negotiate(
            ctx->mon, json_object_object_get_ex(args, "enable", NULL),
            errp)) {
        return false;
    }
    *ret = json_object_new_object();
    return true;
}

static bool cmd_echo(QmpContext *ctx, struct json_object *args,
                     struct json_object **ret, Error **errp)
{
    *ret = json_object_get(args);
    return true;
}

static bool cmd_fail(QmpContext *ctx, struct json_object *args,
                     struct json_object **ret, Error **errp)
{
    error_set(errp, 3, "no such thing");
    return false;
}

static bool cmd_release(QmpContext *ctx, struct json_object *args,
                        struct json_object **ret, Error **errp)
{
    g_mutex_lock(&gate.lock);
    gate.released = true;
    g_cond_broadcast(&gate.cond);
    g_mutex_unlock(&gate.lock);
    *ret = json_object_new_string("released");
    return true;
}

static bool cmd_take_fd(QmpContext *ctx, struct json_object *args,
                        struct json_object **ret, Error **errp)
{
    int fd = fd_table_take_pending(ctx->fds, errp);

    *ret = json_object_new_boolean(fd >= 0);
    qemu_close(&fd);
    return true;
}

static bool cmd_wait(QmpContext *ctx, struct json_object *args,
                     struct json_object **ret, Error **errp)
{
    g_mutex_lock(&gate.lock);
    while (!gate.released) {
        g_cond_wait(&gate.cond, &gate.lock);
    }
    gate.released = false;
    g_mutex_unlock(&gate.lock);
    *ret = json_object_new_string("waited");
    return true;
}

static void emit_later(VM *vm, void *opaque)
{
    struct json_object *event = json_object_new_object();

    json_object_object_add(event, "event", json_object_new_string("SHUTDOWN"));
    vm->events.emit(vm->events.opaque, 0, event);
    json_object_put(event);
}

/* As quit does: the main loop is asked for something that has an event. */
static bool cmd_quit(QmpContext *ctx, struct json_object *args,
                     struct json_object **ret, Error **errp)
{
    vm_invoke(ctx->vm, emit_later, NULL);
    *ret = json_object_new_object();
    return true;
}

const QmpCommand qmp_command_table[] = {
    { "echo", cmd_echo, 0 },
    { "fail", cmd_fail, 0 },
    { "qmp_capabilities", cmd_capabilities, 0 },
    { "quit", cmd_quit, 0 },
    { "release", cmd_release, QMP_ALLOW_OOB },
    { "take-fd", cmd_take_fd, 0 },
    { "wait", cmd_wait, 0 },
};
const size_t qmp_command_table_count = G_N_ELEMENTS(qmp_command_table);

const QmpCommand *qmp_find_command(const char *name)
{
    for (size_t i = 0; i < qmp_command_table_count; i++) {
        if (!strcmp(qmp_command_table[i].name, name)) {
            return &qmp_command_table[i];
        }
    }
    return NULL;
}

const HmpCommand hmp_command_table[] = { { NULL } };
const HmpCommand hmp_info_table[] = { { NULL } };

/* --- Fixture ------------------------------------------------------------ */

typedef struct Fixture {
    VM *vm;
    Monitors *monitors;
    Chardev *chr;
    Chardev *other; /* a second monitor */
} Fixture;

#define GREETING "{\"QMP\": {\"capabilities\": [\"oob\"]}}\r\n"
#define OK "{\"return\": {}}\r\n"

static void open_client(Chardev *chr)
{
    fake_call(chr, fake_opened);
    fake_expect(chr, GREETING);
}

static void negotiate(Chardev *chr, bool oob)
{
    fake_send(chr, oob ? "{\"execute\":\"qmp_capabilities\","
                         "\"arguments\":{\"enable\":[\"oob\"]}}"
                       : "{\"execute\":\"qmp_capabilities\"}");
    fake_expect(chr, OK);
}

static void set_up(Fixture *f, gconstpointer unused)
{
    f->vm = fake_vm_new();
    f->monitors = monitors_new(f->vm);
    f->chr = fake_chardev_new();
    f->other = fake_chardev_new();
    g_assert_true(monitor_add(f->monitors, f->chr, MONITOR_MODE_CONTROL,
                              false, NULL));
    g_assert_true(monitor_add(f->monitors, f->other, MONITOR_MODE_CONTROL,
                              false, NULL));
    open_client(f->chr);
    open_client(f->other);
}

static void tear_down(Fixture *f, gconstpointer unused)
{
    monitors_free(f->monitors);
    fake_chardev_free(f->chr);
    fake_chardev_free(f->other);
    fake_vm_free(f->vm);
}

static void ask(Chardev *chr, const char *request, const char *reply)
{
    g_autofree char *line = g_strconcat(reply, "\r\n", NULL);

    fake_send(chr, request);
    fake_expect(chr, line);
    g_assert_cmpuint(chr->out->len, ==, 0);
}

static void ask_error(Chardev *chr, const char *request, const char *class,
                      const char *desc)
{
    g_autofree char *reply = g_strdup_printf(
        "{\"error\": {\"class\": \"%s\", \"desc\": \"%s\"}}", class, desc);

    ask(chr, request, reply);
}

/* --- Tests -------------------------------------------------------------- */

static void test_negotiation(Fixture *f, gconstpointer unused)
{
    const char *expecting =
        "Expecting capabilities negotiation with 'qmp_capabilities'";

    ask_error(f->chr, "{\"execute\":\"echo\"}", "CommandNotFound", expecting);
    ask_error(f->chr, "{\"execute\":\"none\"}", "CommandNotFound", expecting);
    negotiate(f->chr, false);
    ask_error(f->chr, "{\"execute\":\"qmp_capabilities\"}", "CommandNotFound",
              "Capabilities negotiation is already complete, "
              "command ignored");
    ask_error(f->chr, "{\"exec-oob\":\"release\"}", "GenericError",
              "QMP input member 'exec-oob' is unexpected");
    /* A new client begins anew. */
    fake_call(f->chr, fake_closed);
    open_client(f->chr);
    ask_error(f->chr, "{\"execute\":\"echo\"}", "CommandNotFound", expecting);
}

static void test_requests(Fixture *f, gconstpointer unused)
{
    Chardev *chr = f->chr;

    negotiate(chr, true);
    ask(chr, "{\"execute\":\"echo\",\"arguments\":{\"a\":1},\"id\":[1,null]}",
        "{\"return\": {\"a\": 1}, \"id\": [1, null]}");
    ask(chr, "{\"execute\":\"fail\",\"id\":null}",
        "{\"id\": null, \"error\": {\"class\": \"DeviceNotFound\", "
        "\"desc\": \"no such thing\"}}");
    ask_error(chr, "{\"execute\":\"none\"}", "CommandNotFound",
              "The command none has not been found");
    ask_error(chr, "[]", "GenericError", "QMP input must be a JSON object");
    ask_error(chr, "null ", "GenericError",
              "QMP input must be a JSON object");
    ask_error(chr, "{}", "GenericError", "QMP input lacks member 'execute'");
    ask_error(chr, "{\"execute\":1}", "GenericError",
              "QMP input member 'execute' must be a string");
    ask_error(chr, "{\"execute\":\"echo\",\"x\":1}", "GenericError",
              "QMP input member 'x' is unexpected");
    ask_error(chr, "{\"execute\":\"echo\",\"arguments\":1}", "GenericError",
              "QMP input member 'arguments' must be an object");
    ask_error(chr, "{\"execute\":\"echo\",\"exec-oob\":\"echo\"}",
              "GenericError",
              "QMP input member 'exec-oob' clashes with 'execute'");
    ask_error(chr, "{\"exec-oob\":\"echo\"}", "GenericError",
              "The command echo does not support OOB");
    ask_error(chr, "{\"exec-oob\":\"none\"}", "CommandNotFound",
              "The command none has not been found");
    ask_error(chr, "nonsense\n", "GenericError",
              "JSON parse error, invalid keyword 'nonsense'");
}

/*
 * The main loop is stuck in "wait"; only "release", in the I/O thread, gets
 * it out. fake_expect() runs the main loop here, so without out-of-band
 * execution this never returns.
 */
static void test_oob(Fixture *f, gconstpointer unused)
{
    negotiate(f->chr, true);
    fake_send(f->chr, "{\"execute\":\"wait\",\"id\":1}"
                      "{\"execute\":\"echo\",\"id\":2}"
                      "{\"exec-oob\":\"release\",\"id\":3}");
    /* Which of the first two comes out first is open. */
    fake_await(f->chr, "{\"return\": \"released\", \"id\": 3}\r\n");
    fake_await(f->chr, "{\"return\": \"waited\", \"id\": 1}\r\n");
    fake_expect(f->chr, "{\"return\": null, \"id\": 2}\r\n");
}

/* A full queue stops reading; everything is answered in order all the same. */
static void test_queue(Fixture *f, gconstpointer unused)
{
    g_autoptr(GString) many = g_string_new(NULL);

    negotiate(f->chr, false);
    for (int i = 0; i < 5000; i++) {
        g_string_append_printf(many, "{\"execute\":\"echo\",\"id\":%d}", i);
    }
    fake_send(f->chr, many->str);
    for (int i = 0; i < 5000; i++) {
        g_autofree char *reply = g_strdup_printf(
            "{\"return\": null, \"id\": %d}\r\n", i);

        fake_expect(f->chr, reply);
    }
}

static bool fake_has_writer(Chardev *chr)
{
    bool has;

    g_mutex_lock(&chr->lock);
    has = chr->writers;
    g_mutex_unlock(&chr->lock);
    return has;
}

/* One client's flood and silence do not hold up another. */
static void test_slow_client(Fixture *f, gconstpointer unused)
{
    negotiate(f->chr, false);
    negotiate(f->other, false);
    g_mutex_lock(&f->chr->lock);
    f->chr->block_writes = true;
    g_mutex_unlock(&f->chr->lock);
    fake_send(f->chr, "{\"execute\":\"echo\"}");
    while (!fake_has_writer(f->chr)) {
        g_main_context_iteration(NULL, TRUE);
    }
    ask(f->other, "{\"execute\":\"echo\",\"id\":1}",
        "{\"return\": null, \"id\": 1}");
    g_mutex_lock(&f->chr->lock);
    f->chr->block_writes = false;
    g_cond_broadcast(&f->chr->cond);
    g_mutex_unlock(&f->chr->lock);
    fake_expect(f->chr, "{\"return\": null}\r\n");
}

/* 1 MiB of brackets is 85 MB of errors: it must be read as it is answered. */
static void test_flood(Fixture *f, gconstpointer unused)
{
    g_autofree char *flood = g_strnfill(MiB, ']');

    negotiate(f->chr, false);
    negotiate(f->other, false);
    g_mutex_lock(&f->chr->lock);
    f->chr->block_writes = true;
    g_mutex_unlock(&f->chr->lock);
    fake_send(f->chr, flood);
    while (!fake_has_writer(f->chr)) {
        g_main_context_iteration(NULL, TRUE);
    }
    for (int i = 0; i < 100; i++) {
        ask(f->other, "{\"execute\":\"echo\"}", "{\"return\": null}");
    }
    g_assert_cmpuint(fake_unread(f->chr), >, MiB / 2);
    g_mutex_lock(&f->chr->lock);
    f->chr->block_writes = false;
    g_cond_broadcast(&f->chr->cond);
    g_mutex_unlock(&f->chr->lock);
    fake_call(f->chr, fake_closed);
    open_client(f->chr);
}

/*
 * Events without end for a client that reads none: its connection ends, and
 * the next one begins anew. tear_down() then ends with a stalled client.
 */
static void test_overrun(Fixture *f, gconstpointer unused)
{
    g_autofree char *large = g_strnfill(4 * MiB, 'x');
    struct json_object *event = json_object_new_object();

    json_object_object_add(event, "event", json_object_new_string(large));
    negotiate(f->chr, false);
    g_mutex_lock(&f->chr->lock);
    f->chr->block_writes = true;
    g_mutex_unlock(&f->chr->lock);
    for (int i = 0; i < 40; i++) {
        f->vm->events.emit(f->vm->events.opaque, 0, event);
    }
    g_assert_cmpuint(f->chr->ended, ==, 1);
    json_object_put(event);
    fake_call(f->chr, fake_closed);
    fake_call(f->chr, fake_opened);
}

/* Half a command and a hang-up leave nothing behind. */
static void test_hang_up(Fixture *f, gconstpointer unused)
{
    negotiate(f->chr, false);
    fake_send(f->chr, "{\"execute\":\"echo\",\"argum");
    fake_call(f->chr, fake_closed);
    open_client(f->chr);
    negotiate(f->chr, false);
    ask(f->chr, "{\"execute\":\"echo\"}", "{\"return\": null}");
}

static void emit(Fixture *f, const char *name)
{
    struct json_object *event = json_object_new_object();

    json_object_object_add(event, "event", json_object_new_string(name));
    f->vm->events.emit(f->vm->events.opaque, 0, event);
    json_object_put(event);
}

/* To negotiated clients only, and before the replies that follow. */
static void test_events(Fixture *f, gconstpointer unused)
{
    negotiate(f->chr, false);
    emit(f, "STOP");
    fake_send(f->chr, "{\"execute\":\"echo\"}");
    fake_expect(f->chr, "{\"event\": \"STOP\"}\r\n{\"return\": null}\r\n");
    fake_send(f->chr, "{\"execute\":\"quit\"}");
    fake_expect(f->chr, "{\"event\": \"SHUTDOWN\"}\r\n" OK);
    negotiate(f->other, false);
    g_assert_cmpuint(f->other->out->len, ==, 0);
    emit(f, "RESUME");
    fake_expect(f->chr, "{\"event\": \"RESUME\"}\r\n");
    fake_expect(f->other, "{\"event\": \"RESUME\"}\r\n");
}

static void emit_numbered(Fixture *f, const char *name, const char *id, int n)
{
    struct json_object *event = json_object_new_object();
    struct json_object *data = json_object_new_object();

    json_object_object_add(data, "id", json_object_new_string(id));
    json_object_object_add(data, "n", json_object_new_int(n));
    json_object_object_add(event, "event", json_object_new_string(name));
    json_object_object_add(event, "data", data);
    f->vm->events.emit(f->vm->events.opaque, 0, event);
    json_object_put(event);
}

/*
 * The limits that QEMU has, as a client sees them: the first of a burst comes
 * at once, the last one a second later, those between never. A kind with a
 * key counts for each of its values.
 */
static void test_event_rates(Fixture *f, gconstpointer unused)
{
    static const char burst[] =
        "{\"event\": \"RTC_CHANGE\", \"data\": {\"id\": \"-\", \"n\": 1}}\r\n"
        "{\"event\": \"VSERPORT_CHANGE\", "
        "\"data\": {\"id\": \"a\", \"n\": 1}}\r\n"
        "{\"event\": \"VSERPORT_CHANGE\", "
        "\"data\": {\"id\": \"b\", \"n\": 1}}\r\n"
        "{\"event\": \"STOP\", \"data\": {\"id\": \"-\", \"n\": 1}}\r\n"
        "{\"event\": \"STOP\", \"data\": {\"id\": \"-\", \"n\": 2}}\r\n"
        "{\"return\": null}\r\n";
    gint64 start_us = g_get_monotonic_time();

    negotiate(f->chr, false);
    for (int n = 1; n <= 3; n++) {
        emit_numbered(f, "RTC_CHANGE", "-", n);
    }
    emit_numbered(f, "VSERPORT_CHANGE", "a", 1);
    emit_numbered(f, "VSERPORT_CHANGE", "b", 1);
    emit_numbered(f, "VSERPORT_CHANGE", "a", 2);
    emit_numbered(f, "STOP", "-", 1);
    emit_numbered(f, "STOP", "-", 2);
    fake_send(f->chr, "{\"execute\":\"echo\"}");
    fake_await(f->chr, "{\"return\": null}\r\n");
    g_assert_cmpstr(f->chr->out->str, ==, burst);
    fake_expect(f->chr, burst);
    fake_expect(f->chr, "{\"event\": \"RTC_CHANGE\", "
                        "\"data\": {\"id\": \"-\", \"n\": 3}}\r\n");
    g_assert_cmpint(g_get_monotonic_time() - start_us, >=, 990 * 1000);
    fake_expect(f->chr, "{\"event\": \"VSERPORT_CHANGE\", "
                        "\"data\": {\"id\": \"a\", \"n\": 2}}\r\n");
    g_assert_cmpuint(f->chr->out->len, ==, 0);
}

/* Those of QEMU 10.0, and no others. */
static void test_event_table(void)
{
    static const char *const limited[] = {
        "BALLOON_CHANGE",    "HV_BALLOON_STATUS_REPORT",
        "MEMORY_DEVICE_SIZE_CHANGE", "QUORUM_FAILURE",
        "QUORUM_REPORT_BAD", "RTC_CHANGE",
        "VSERPORT_CHANGE",   "WATCHDOG",
        NULL,
    };
    size_t count = 0;

    for (const EventRate *rate = event_rates; rate->event; rate++) {
        g_assert_true(g_strv_contains(limited, rate->event));
        g_assert_cmpuint(rate->interval_ms, ==, 1000);
        count++;
    }
    g_assert_cmpuint(count, ==, ARRAY_SIZE(limited) - 1);
}

static void test_fd(Fixture *f, gconstpointer unused)
{
    negotiate(f->chr, false);
    ask(f->chr, "{\"execute\":\"take-fd\"}", "{\"return\": false}");
    f->chr->fd = open("/dev/null", O_RDONLY);
    ask(f->chr, "{\"execute\":\"take-fd\"}", "{\"return\": true}");
    ask(f->chr, "{\"execute\":\"take-fd\"}", "{\"return\": false}");
}

static void test_in_use(Fixture *f, gconstpointer unused)
{
    Error *err = NULL;

    g_assert_false(monitor_add(f->monitors, f->chr, MONITOR_MODE_CONTROL,
                               false, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "in use");
    error_free(err);
}

static void add(const char *name, void (*fn)(Fixture *, gconstpointer))
{
    g_test_add(name, Fixture, NULL, set_up, fn, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/qmp/server/negotiation", test_negotiation);
    add("/qmp/server/requests", test_requests);
    add("/qmp/server/oob", test_oob);
    add("/qmp/server/queue", test_queue);
    add("/qmp/server/slow-client", test_slow_client);
    add("/qmp/server/flood", test_flood);
    add("/qmp/server/overrun", test_overrun);
    add("/qmp/server/hang-up", test_hang_up);
    add("/qmp/server/events", test_events);
    add("/qmp/server/event-rates", test_event_rates);
    g_test_add_func("/qmp/server/event-table", test_event_table);
    add("/qmp/server/fd", test_fd);
    add("/qmp/server/in-use", test_in_use);
    return g_test_run();
}
