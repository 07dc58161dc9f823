/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enabling trace events. Before threads start, or any thread later. */
#include "qemu/osdep.h"
#include "qemu/trace.h"

bool trace_enable(const char *pattern, Error **errp)
{
    bool found = false;

    for (TraceEvent *ev = trace_event_table; ev->name; ev++) {
        if (g_pattern_match_simple(pattern, ev->name)) {
            qatomic_set_relaxed(&ev->enabled, 1);
            found = true;
        }
    }
    if (!found) {
        error_setg(errp, "no trace event matches '%s'; -trace help lists them",
                   pattern);
    }
    return found;
}

void trace_list(void)
{
    for (const TraceEvent *ev = trace_event_table; ev->name; ev++) {
        printf("%s\n", ev->name);
    }
}
