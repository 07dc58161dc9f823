/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset, shutdown and power button: any thread with the BQL asks, the main
 * loop does. A vCPU that asks executes nothing more until it is done.
 */
#include "qemu/osdep.h"
#include "qapi/qapi-events-run-state.h"
#include "system/cpus.h"
#include "runstate-internal.h"

typedef struct NotifyHandler {
    VMNotifyFn fn;
    void *opaque;
} NotifyHandler;

static bool cause_is_guest(ShutdownCause cause)
{
    return cause >= SHUTDOWN_CAUSE_GUEST_SHUTDOWN;
}

static void add_handler(GList **list, VMNotifyFn fn, void *opaque)
{
    NotifyHandler *handler = g_new(NotifyHandler, 1);

    handler->fn = fn;
    handler->opaque = opaque;
    *list = g_list_append(*list, handler);
}

static void run_handlers(GList *list)
{
    for (; list; list = list->next) {
        NotifyHandler *handler = list->data;

        handler->fn(handler->opaque);
    }
}

void vm_add_reset_handler(VM *vm, VMNotifyFn fn, void *opaque)
{
    add_handler(&vm->runstate->reset_handlers, fn, opaque);
}

void vm_add_powerdown_handler(VM *vm, VMNotifyFn fn, void *opaque)
{
    add_handler(&vm->runstate->powerdown_handlers, fn, opaque);
}

bool vm_system_reset(VM *vm, ShutdownCause cause, Error **errp)
{
    run_handlers(vm->runstate->reset_handlers);
    switch (cause) {
    case SHUTDOWN_CAUSE_NONE:
    case SHUTDOWN_CAUSE_SUBSYSTEM_RESET:
    case SHUTDOWN_CAUSE_SNAPSHOT_LOAD:
        break;
    default:
        qapi_event_send_reset(&vm->events, cause_is_guest(cause), cause);
        break;
    }
    return cpus_push_state(vm, errp);
}

/* --- In the main loop --------------------------------------------------- */

static bool process_reset(VM *vm, Error **errp)
{
    bool ok;

    runstate_begin(vm);
    ok = cpus_pause(vm, errp);
    ok = ok && vm_system_reset(vm, vm->runstate->reset_cause, errp);
    if (runstate_is_running(vm)) {
        ok = ok && cpus_resume(vm, errp);
    } else if (ok && runstate_get(vm) != RUN_STATE_INMIGRATE) {
        ok = runstate_set(vm, RUN_STATE_PRELAUNCH, errp);
    }
    runstate_end(vm);
    return ok;
}

static void process_shutdown(VM *vm)
{
    RunStateMachine *rs = vm->runstate;

    bool by_guest = cause_is_guest(rs->shutdown_cause);

    if (rs->shutdown_announced) {
        return;
    }
    qapi_event_send_shutdown(&vm->events, by_guest, rs->shutdown_cause);
    if (by_guest && vm->no_shutdown) {
        rs->shutdown_requested = false;
        if (runstate_is_running(vm)) {
            runstate_request_stop(vm, RUN_STATE_SHUTDOWN);
        }
    } else {
        rs->shutdown_announced = true;
    }
}

static void runstate_process(VM *vm, void *opaque)
{
    RunStateMachine *rs = vm->runstate;
    Error *err = NULL;

    rs->process_pending = false;
    if (rs->shutdown_requested) {
        process_shutdown(vm);
    }
    if (rs->shutdown_announced || rs->holds) {
        return;
    }
    if (rs->reset_requested) {
        rs->reset_requested = false;
        if (!process_reset(vm, &err)) {
            error_prepend(&err, "reset: ");
            error_report_err(g_steal_pointer(&err));
            if (runstate_is_running(vm)) {
                runstate_request_stop(vm, RUN_STATE_INTERNAL_ERROR);
            }
        }
    }
    if (rs->powerdown_requested) {
        rs->powerdown_requested = false;
        qapi_event_send_powerdown(&vm->events);
        run_handlers(rs->powerdown_handlers);
    }
    if (rs->stop_requested) {
        rs->stop_requested = false;
        /* Someone else may have stopped it first; then that counts. */
        if (runstate_is_running(vm) &&
            !vm_stop(vm, rs->stop_state, &err)) {
            error_prepend(&err, "stop: ");
            error_report_err(err);
        }
    }
}

/* --- Requests ----------------------------------------------------------- */

static void runstate_kick(VM *vm)
{
    if (!vm->runstate->process_pending) {
        vm->runstate->process_pending = true;
        vm_invoke(vm, runstate_process, NULL);
    }
}

static void hold_current_vcpu(VM *vm)
{
    CPUState *cpu = cpu_current(vm);

    if (cpu) {
        cpu->stop = true;
        qatomic_set(&cpu->exit_request, true);
    }
}

void runstate_request_stop(VM *vm, RunState state)
{
    vm->runstate->stop_requested = true;
    vm->runstate->stop_state = state;
    runstate_kick(vm);
}

void vm_hold_requests(VM *vm)
{
    vm->runstate->holds++;
}

void vm_release_requests(VM *vm)
{
    g_assert(vm->runstate->holds);
    if (--vm->runstate->holds == 0) {
        runstate_kick(vm);
    }
}

void vm_drop_requests(VM *vm)
{
    vm->runstate->reset_requested = false;
    vm->runstate->powerdown_requested = false;
    vm->runstate->stop_requested = false;
}

void vm_ask_stop(VM *vm)
{
    vm->runstate->stop_asked = true;
}

bool vm_stop_asked(VM *vm)
{
    return vm->runstate->stop_asked;
}

void vm_request_reset(VM *vm, ShutdownCause cause)
{
    if (vm->no_reboot && cause != SHUTDOWN_CAUSE_SUBSYSTEM_RESET) {
        vm_request_shutdown(vm, cause);
        return;
    }
    vm->runstate->reset_requested = true;
    vm->runstate->reset_cause = cause;
    hold_current_vcpu(vm);
    runstate_kick(vm);
}

void vm_request_shutdown_code(VM *vm, ShutdownCause cause, int exit_code)
{
    RunStateMachine *rs = vm->runstate;

    /* The first counts, but -no-shutdown swallows the guest's. */
    if (!rs->shutdown_requested ||
        (cause_is_guest(rs->shutdown_cause) && !cause_is_guest(cause) &&
         !rs->shutdown_announced)) {
        rs->shutdown_requested = true;
        rs->shutdown_cause = cause;
        rs->exit_code = exit_code;
    }
    hold_current_vcpu(vm);
    runstate_kick(vm);
}

void vm_request_shutdown(VM *vm, ShutdownCause cause)
{
    vm_request_shutdown_code(vm, cause, 0);
}

void vm_request_powerdown(VM *vm)
{
    vm->runstate->powerdown_requested = true;
    runstate_kick(vm);
}

bool vm_requests_pending(VM *vm)
{
    return vm->runstate->process_pending;
}

bool vm_shutdown_requested(VM *vm, int *exit_code)
{
    /* The event goes out before the loop may end. */
    if (!vm->runstate->shutdown_announced) {
        return false;
    }
    *exit_code = vm->runstate->exit_code;
    return true;
}
