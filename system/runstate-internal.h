/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runstate.c and runstate-requests.c share. */
#ifndef SYSTEM_RUNSTATE_INTERNAL_H
#define SYSTEM_RUNSTATE_INTERNAL_H

#include "system-internal.h"

struct RunStateMachine {
    /* [lock: bql] all of it */
    RunState state;

    const char *start_barred; /* why it cannot start any more, or NULL */

    /* Whoever starts, stops or resets right now. */
    GThread *busy_thread;
    unsigned busy_depth;
    GCond busy_over;

    GList *change_handlers;
    GList *reset_handlers;
    GList *powerdown_handlers;

    /* Requests; a call of runstate_process() is under way for them. */
    bool process_pending;
    unsigned holds; /* of vm_hold_requests(): only a shutdown goes through */
    bool reset_requested;
    bool powerdown_requested;
    bool stop_requested;
    bool stop_asked; /* while in finish-migrate */
    bool shutdown_requested;
    bool shutdown_announced;
    ShutdownCause reset_cause;
    ShutdownCause shutdown_cause;
    RunState stop_state;
    int exit_code;
};

/* Waits until no other thread is in between; may nest in one thread. BQL. */
void runstate_begin(VM *vm);
void runstate_end(VM *vm);

/* Has the main loop stop the guest in @state. BQL. */
void runstate_request_stop(VM *vm, RunState state);

#endif
