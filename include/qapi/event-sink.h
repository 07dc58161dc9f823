/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where QMP events go. Whoever has something to tell is given a sink; the
 * monitor supplies one that queues to its clients.
 */
#ifndef QAPI_EVENT_SINK_H
#define QAPI_EVENT_SINK_H

#include "qapi/type.h"

typedef struct QapiEventSink {
    /*
     * Called in the thread that sends. @event is a QAPIEvent; @event_obj is
     * the complete object for clients, owned by the caller: take a reference
     * (json_object_get) to keep it.
     */
    void (*emit)(void *opaque, int event, struct json_object *event_obj);
    void *opaque;
} QapiEventSink;

/*
 * For generated code: builds {"timestamp", "event", "data"} and emits it.
 * @type NULL means no data. A @sink that is NULL drops the event.
 */
void qapi_event_emit(const QapiEventSink *sink, int event, const char *name,
                     const QapiType *type, const void *data);

#endif
