/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run state: whether the guest runs, and why not. One transition table;
 * unknown transitions are refused. All functions want the BQL.
 */
#ifndef SYSTEM_RUNSTATE_H
#define SYSTEM_RUNSTATE_H

#include "qapi/qapi-types-run-state.h"
#include "system/vm.h"

typedef struct RunStateMachine RunStateMachine;

RunState runstate_get(VM *vm);
bool runstate_is_running(VM *vm);

/* Moves between states in which the guest does not run. */
bool runstate_set(VM *vm, RunState state, Error **errp);

/*
 * Starts the guest (RUN_STATE_RUNNING): clock, vCPUs, RESUME event. Nothing
 * if it runs already.
 */
bool vm_start(VM *vm, Error **errp);

/*
 * From now on, for good, vm_start() fails with @why (a literal): there is
 * nothing to run. The guest must be stopped.
 */
void vm_bar_start(VM *vm, const char *why);
/* That reason, NULL: there is none. */
const char *vm_start_barred(VM *vm);

/*
 * Stops the guest: vCPUs parked and their state fetched from the
 * accelerator, clock frozen, STOP event if it ran, then the state is @state.
 * When it returns no vCPU or device model writes guest memory any more. The
 * BQL is released while it waits for the vCPUs. The state is @state even if it
 * fails because that of a vCPU cannot be fetched; see cpus_pause().
 */
bool vm_stop(VM *vm, RunState state, Error **errp);

/*
 * vm_stop() for a caller in the main loop or a migration that remembers what
 * to return to: stores the state before the stop in *@old.
 */
bool vm_stop_remember(VM *vm, RunState state, RunState *old, Error **errp);

/*
 * Told of every change, BQL held: @running is whether the guest runs now.
 * Called after a stop is complete and before vCPUs start.
 */
typedef void (*VMChangeStateFn)(void *opaque, bool running, RunState state);
void vm_add_change_state_handler(VM *vm, VMChangeStateFn fn, void *opaque);
void vm_remove_change_state_handler(VM *vm, VMChangeStateFn fn, void *opaque);

/* Requests, from any thread with the BQL; carried out in the main loop. */
void vm_request_reset(VM *vm, ShutdownCause cause);
void vm_request_shutdown(VM *vm, ShutdownCause cause);
void vm_request_powerdown(VM *vm);
/* Whether the main loop has yet to look at a request. BQL. */
bool vm_requests_pending(VM *vm);

/*
 * While devices are being saved or loaded in pieces, a reset and a press of
 * the power button wait; the last release lets them happen. The guest must be
 * stopped. Nests. BQL.
 */
void vm_hold_requests(VM *vm);
void vm_release_requests(VM *vm);
/* Forgets those which wait: the guest is not ours any more. BQL. */
void vm_drop_requests(VM *vm);

/*
 * Someone asks for a stop while the guest is stopped to finish a migration:
 * it must not start by itself if that fails. vm_stop_asked() holds until the
 * next change of the run state. BQL.
 */
void vm_ask_stop(VM *vm);
bool vm_stop_asked(VM *vm);

/* As vm_request_shutdown(), with the exit status of the process. */
void vm_request_shutdown_code(VM *vm, ShutdownCause cause, int exit_code);

/*
 * What main() waits for: whether a shutdown was requested and with which
 * exit status.
 */
bool vm_shutdown_requested(VM *vm, int *exit_code);

/* Devices and CPUs back to their power-on state; guest must be stopped. */
bool vm_system_reset(VM *vm, ShutdownCause cause, Error **errp);

/* Boards hook in what a reset and a power button do. */
typedef void (*VMNotifyFn)(void *opaque);
void vm_add_reset_handler(VM *vm, VMNotifyFn fn, void *opaque);
void vm_add_powerdown_handler(VM *vm, VMNotifyFn fn, void *opaque);

#endif
