/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending of events: the frame around an event's data.
 */
#include "qemu/osdep.h"
#include "qapi/event-sink.h"

void qapi_event_emit(const QapiEventSink *sink, int event, const char *name,
                     const QapiType *type, const void *data)
{
    struct json_object *obj, *stamp;
    int64_t now_us = g_get_real_time();

    if (!sink || !sink->emit) {
        return;
    }
    stamp = json_object_new_object();
    json_object_object_add(stamp, "seconds",
                           json_object_new_int64(now_us / G_USEC_PER_SEC));
    json_object_object_add(stamp, "microseconds",
                           json_object_new_int64(now_us % G_USEC_PER_SEC));
    obj = json_object_new_object();
    json_object_object_add(obj, "timestamp", stamp);
    json_object_object_add(obj, "event", json_object_new_string(name));
    if (type) {
        json_object_object_add(obj, "data", qapi_build(type, data));
    }
    sink->emit(sink->opaque, event, obj);
    json_object_put(obj);
}
