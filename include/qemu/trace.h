/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace events: cheap, always compiled in, enabled by name at the start.
 *
 * A folder lists its events in its file `trace-events`; scripts/tracetool.py
 * makes a function trace_NAME() of each, declared in trace-events.h.
 */
#ifndef QEMU_TRACE_H
#define QEMU_TRACE_H

#include "qapi/error.h"

typedef struct TraceEvent {
    const char *name;
    int enabled; /* [atomic] relaxed */
} TraceEvent;

/* Generated from all trace-events files; ended by a NULL name. */
extern TraceEvent trace_event_table[];

/* Enables the events that match @pattern (* and ?); none is an error. */
bool trace_enable(const char *pattern, Error **errp);

/* Prints the names of all events. */
void trace_list(void);

#endif
