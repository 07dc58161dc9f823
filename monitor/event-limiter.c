/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rate limits of QMP events. Any thread adds; timers run in the monitors'
 * I/O thread. The lock is held while an event is delivered, which keeps
 * events of a kind in order.
 */
#include "qemu/osdep.h"
#include "monitor/event-limiter.h"

#include <json-c/json.h>

/* One kind of event that was sent less than an interval ago. */
typedef struct EventKind {
    EventLimiter *limiter;
    char *name; /* event, then ":" and the key's value; in the hash table */
    unsigned interval_ms;
    struct json_object *waiting; /* NULL: nothing came since */
    GSource *timer;
} EventKind;

struct EventLimiter {
    /* [const] */
    const EventRate *table;
    GMainContext *context;
    EventDeliver deliver;
    void *opaque;

    GMutex lock;
    /* [lock: lock] */
    GHashTable *kinds; /* name -> EventKind */
};

#define RATE_MS 1000

const EventRate event_rates[] = {
    { "RTC_CHANGE", RATE_MS, NULL },
    { "WATCHDOG", RATE_MS, NULL },
    { "BALLOON_CHANGE", RATE_MS, NULL },
    { "QUORUM_REPORT_BAD", RATE_MS, "node-name" },
    { "QUORUM_FAILURE", RATE_MS, NULL },
    { "VSERPORT_CHANGE", RATE_MS, "id" },
    { "MEMORY_DEVICE_SIZE_CHANGE", RATE_MS, "qom-path" },
    { "HV_BALLOON_STATUS_REPORT", RATE_MS, NULL },
    { NULL, 0, NULL },
};

static void event_kind_free(gpointer opaque)
{
    EventKind *kind = opaque;

    g_source_destroy(kind->timer);
    g_source_unref(kind->timer);
    json_object_put(kind->waiting);
    g_free(kind->name);
    g_free(kind);
}

static gboolean interval_over(gpointer opaque)
{
    EventKind *kind = opaque;
    EventLimiter *limiter = kind->limiter;
    gboolean again = G_SOURCE_REMOVE;

    g_mutex_lock(&limiter->lock);
    if (kind->waiting) {
        limiter->deliver(limiter->opaque, kind->waiting);
        json_object_put(kind->waiting);
        kind->waiting = NULL;
        again = G_SOURCE_CONTINUE;
    } else {
        g_hash_table_remove(limiter->kinds, kind->name);
    }
    g_mutex_unlock(&limiter->lock);
    return again;
}

static const EventRate *find_rate(const EventRate *table, const char *event)
{
    for (; table->event; table++) {
        if (!strcmp(table->event, event)) {
            return table;
        }
    }
    return NULL;
}

static char *kind_name(const EventRate *rate, struct json_object *event)
{
    struct json_object *data = NULL;
    struct json_object *key = NULL;

    if (!rate->key_member ||
        !json_object_object_get_ex(event, "data", &data) ||
        !json_object_object_get_ex(data, rate->key_member, &key)) {
        return g_strdup(rate->event);
    }
    return g_strconcat(rate->event, ":", json_object_get_string(key), NULL);
}

static void start_interval(EventLimiter *limiter, const EventRate *rate,
                           char *name)
{
    EventKind *kind = g_new0(EventKind, 1);

    kind->limiter = limiter;
    kind->name = name;
    kind->interval_ms = rate->interval_ms;
    kind->timer = g_timeout_source_new(rate->interval_ms);
    g_source_set_callback(kind->timer, interval_over, kind, NULL);
    g_hash_table_insert(limiter->kinds, kind->name, kind);
    g_source_attach(kind->timer, limiter->context);
}

void event_limiter_add(EventLimiter *limiter, struct json_object *event)
{
    struct json_object *name = json_object_object_get(event, "event");
    const EventRate *rate = find_rate(limiter->table,
                                      json_object_get_string(name));
    g_autofree char *kind_key = rate ? kind_name(rate, event) : NULL;
    EventKind *kind;

    g_mutex_lock(&limiter->lock);
    kind = rate ? g_hash_table_lookup(limiter->kinds, kind_key) : NULL;
    if (kind) {
        json_object_put(kind->waiting);
        kind->waiting = json_object_get(event);
    } else {
        limiter->deliver(limiter->opaque, event);
        if (rate) {
            start_interval(limiter, rate, g_steal_pointer(&kind_key));
        }
    }
    g_mutex_unlock(&limiter->lock);
}

EventLimiter *event_limiter_new(const EventRate *table, GMainContext *context,
                                EventDeliver deliver, void *opaque)
{
    EventLimiter *limiter = g_new0(EventLimiter, 1);

    limiter->table = table;
    limiter->context = g_main_context_ref(context);
    limiter->deliver = deliver;
    limiter->opaque = opaque;
    limiter->kinds = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                           event_kind_free);
    g_mutex_init(&limiter->lock);
    return limiter;
}

void event_limiter_free(EventLimiter *limiter)
{
    g_hash_table_unref(limiter->kinds);
    g_main_context_unref(limiter->context);
    g_mutex_clear(&limiter->lock);
    g_free(limiter);
}
