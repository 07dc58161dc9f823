/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rate limits of QMP events. The first of a kind passes at once; of those
 * that follow within the interval only the last is delivered, at its end.
 */
#ifndef MONITOR_EVENT_LIMITER_H
#define MONITOR_EVENT_LIMITER_H

#include "qemu/osdep.h"

struct json_object;

typedef struct EventRate {
    const char *event;      /* ended by NULL */
    unsigned interval_ms;
    const char *key_member; /* of data: each value counts by itself; NULL */
} EventRate;

typedef struct EventLimiter EventLimiter;

/* @event stays the limiter's. One call at a time, in order. */
typedef void (*EventDeliver)(void *opaque, struct json_object *event);

/* Timers run in @context. The table must outlive the limiter. */
EventLimiter *event_limiter_new(const EventRate *table, GMainContext *context,
                                EventDeliver deliver, void *opaque);
/* What is held back is dropped. No timer may be running. */
void event_limiter_free(EventLimiter *limiter);

/* Takes a reference to @event if it has to wait. Any thread. */
void event_limiter_add(EventLimiter *limiter, struct json_object *event);

/* QEMU's limits. */
extern const EventRate event_rates[];

#endif
