/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP and HMP servers of a VM. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "chardev/char.h"
#include "qapi/qmp.h"

typedef struct Monitors Monitors;
typedef struct Monitor Monitor;

/* Starts the monitors' I/O thread and becomes vm->events. Main thread. */
Monitors *monitors_new(VM *vm);
/*
 * Sends what is queued, disconnects all clients, joins the threads. Nothing
 * may send events any more. May run the main loop. Main thread, BQL not held.
 */
void monitors_free(Monitors *monitors);

typedef enum MonitorMode {
    MONITOR_MODE_READLINE, /* HMP for people */
    MONITOR_MODE_CONTROL,  /* QMP */
} MonitorMode;

/*
 * Attaches a monitor to @chr. @pretty is for QMP only. Main thread, BQL held
 * or no other thread running yet.
 */
bool monitor_add(Monitors *monitors, Chardev *chr, MonitorMode mode,
                 bool pretty, Error **errp);

/*
 * Ends negotiation of the client whose command @mon is running: what
 * qmp_capabilities does. Fails if that was done before.
 */
bool monitor_qmp_negotiate(Monitor *mon, bool oob, Error **errp);

/*
 * Runs one HMP command line as human-monitor-command does and returns its
 * output (GLib memory). @ctx->mon may be NULL. Main thread, BQL held.
 */
char *monitor_hmp_run(QmpContext *ctx, int cpu_index,
                      const char *command_line);

#endif
