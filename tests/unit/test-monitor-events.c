/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rate limits of events, with a table of the test's own. */
#include "qemu/osdep.h"
#include "monitor/event-limiter.h"

#include <json-c/json.h>

static const EventRate rates[] = {
    { "LIMITED", 20, NULL },
    { "KEYED", 20, "id" },
    { NULL },
};

typedef struct Fixture {
    GMainContext *context;
    EventLimiter *limiter;
    GString *seen;
} Fixture;

static void deliver(void *opaque, struct json_object *event)
{
    Fixture *f = opaque;
    struct json_object *data = json_object_object_get(event, "data");

    g_string_append_printf(
        f->seen, "%s%s%d ",
        json_object_get_string(json_object_object_get(event, "event")),
        json_object_get_string(json_object_object_get(data, "id")),
        json_object_get_int(json_object_object_get(data, "n")));
}

static void send(Fixture *f, const char *name, const char *id, int n)
{
    struct json_object *event = json_object_new_object();
    struct json_object *data = json_object_new_object();

    json_object_object_add(data, "id", json_object_new_string(id));
    json_object_object_add(data, "n", json_object_new_int(n));
    json_object_object_add(event, "event", json_object_new_string(name));
    json_object_object_add(event, "data", data);
    event_limiter_add(f->limiter, event);
    json_object_put(event);
}

static void set_up(Fixture *f, gconstpointer unused)
{
    f->context = g_main_context_new();
    f->seen = g_string_new(NULL);
    f->limiter = event_limiter_new(rates, f->context, deliver, f);
}

static void tear_down(Fixture *f, gconstpointer unused)
{
    event_limiter_free(f->limiter);
    g_main_context_unref(f->context);
    g_string_free(f->seen, TRUE);
}

static void test_unlimited(Fixture *f, gconstpointer unused)
{
    send(f, "FREE", "-", 1);
    send(f, "FREE", "-", 2);
    g_assert_cmpstr(f->seen->str, ==, "FREE-1 FREE-2 ");
    g_assert_false(g_main_context_pending(f->context));
}

/* First at once, the last when the interval is over, then quiet. */
static void test_limited(Fixture *f, gconstpointer unused)
{
    send(f, "LIMITED", "-", 1);
    send(f, "LIMITED", "-", 2);
    send(f, "LIMITED", "-", 3);
    g_assert_cmpstr(f->seen->str, ==, "LIMITED-1 ");
    g_main_context_iteration(f->context, TRUE);
    g_assert_cmpstr(f->seen->str, ==, "LIMITED-1 LIMITED-3 ");
    /* The delayed one began an interval of its own. */
    send(f, "LIMITED", "-", 4);
    g_assert_cmpstr(f->seen->str, ==, "LIMITED-1 LIMITED-3 ");
    g_main_context_iteration(f->context, TRUE);
    g_main_context_iteration(f->context, TRUE);
    g_assert_cmpstr(f->seen->str, ==, "LIMITED-1 LIMITED-3 LIMITED-4 ");
    send(f, "LIMITED", "-", 5);
    g_assert_true(g_str_has_suffix(f->seen->str, "LIMITED-5 "));
}

static void test_keyed(Fixture *f, gconstpointer unused)
{
    send(f, "KEYED", "a", 1);
    send(f, "KEYED", "b", 1);
    send(f, "KEYED", "a", 2);
    g_assert_cmpstr(f->seen->str, ==, "KEYEDa1 KEYEDb1 ");
    while (!strstr(f->seen->str, "KEYEDa2")) {
        g_main_context_iteration(f->context, TRUE);
    }
    g_assert_cmpstr(f->seen->str, ==, "KEYEDa1 KEYEDb1 KEYEDa2 ");
}

/* What waits is freed with the limiter. */
static void test_dropped(Fixture *f, gconstpointer unused)
{
    send(f, "LIMITED", "-", 1);
    send(f, "LIMITED", "-", 2);
    g_assert_cmpstr(f->seen->str, ==, "LIMITED-1 ");
}

static void add(const char *name, void (*fn)(Fixture *, gconstpointer))
{
    g_test_add(name, Fixture, NULL, set_up, fn, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/monitor/events/unlimited", test_unlimited);
    add("/monitor/events/limited", test_limited);
    add("/monitor/events/keyed", test_keyed);
    add("/monitor/events/dropped", test_dropped);
    return g_test_run();
}
