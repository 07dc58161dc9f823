/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run state: the table of transitions, starting and stopping the guest.
 * Requests (reset, shutdown, power button) are in runstate-requests.c.
 *
 * Starting and stopping let go of the BQL while they wait for vCPUs. One at
 * a time does so; others wait for it, except vCPU threads, which a stop
 * waits for: theirs is handed to the main loop.
 */
#include "qemu/osdep.h"
#include "qapi/qapi-events-run-state.h"
#include "system/cpus.h"
#include "runstate-internal.h"
#include "trace-events.h"

#define TO(state) BIT(RUN_STATE_##state)

/* Which states may follow each state. */
static const uint32_t run_state_next[RUN_STATE__MAX] = {
    [RUN_STATE_PRELAUNCH] = TO(RUNNING) | TO(FINISH_MIGRATE) | TO(INMIGRATE),
    [RUN_STATE_INMIGRATE] =
        TO(RUNNING) | TO(PAUSED) | TO(SUSPENDED) | TO(INTERNAL_ERROR) |
        TO(IO_ERROR) | TO(SHUTDOWN) | TO(WATCHDOG) | TO(GUEST_PANICKED) |
        TO(FINISH_MIGRATE) | TO(PRELAUNCH) | TO(POSTMIGRATE) | TO(COLO),
    [RUN_STATE_RUNNING] =
        TO(PAUSED) | TO(FINISH_MIGRATE) | TO(DEBUG) | TO(INTERNAL_ERROR) |
        TO(IO_ERROR) | TO(RESTORE_VM) | TO(SAVE_VM) | TO(SHUTDOWN) |
        TO(SUSPENDED) | TO(WATCHDOG) | TO(GUEST_PANICKED) | TO(COLO),
    [RUN_STATE_PAUSED] = TO(RUNNING) | TO(FINISH_MIGRATE) | TO(POSTMIGRATE) |
                         TO(PRELAUNCH) | TO(SUSPENDED) | TO(COLO),
    [RUN_STATE_SUSPENDED] =
        TO(RUNNING) | TO(PAUSED) | TO(FINISH_MIGRATE) | TO(PRELAUNCH) |
        TO(SAVE_VM) | TO(RESTORE_VM) | TO(SHUTDOWN) | TO(COLO),
    [RUN_STATE_FINISH_MIGRATE] =
        TO(RUNNING) | TO(PAUSED) | TO(POSTMIGRATE) | TO(PRELAUNCH) |
        TO(COLO) | TO(INTERNAL_ERROR) | TO(IO_ERROR) | TO(SHUTDOWN) |
        TO(SUSPENDED) | TO(WATCHDOG) | TO(GUEST_PANICKED),
    [RUN_STATE_POSTMIGRATE] = TO(RUNNING) | TO(FINISH_MIGRATE) | TO(PRELAUNCH),
    [RUN_STATE_SAVE_VM] = TO(RUNNING) | TO(SUSPENDED),
    [RUN_STATE_RESTORE_VM] = TO(RUNNING) | TO(SUSPENDED) | TO(PRELAUNCH),
    [RUN_STATE_SHUTDOWN] =
        TO(PAUSED) | TO(FINISH_MIGRATE) | TO(PRELAUNCH) | TO(COLO),
    [RUN_STATE_DEBUG] = TO(RUNNING) | TO(FINISH_MIGRATE) | TO(PRELAUNCH),
    [RUN_STATE_INTERNAL_ERROR] =
        TO(PAUSED) | TO(FINISH_MIGRATE) | TO(PRELAUNCH),
    [RUN_STATE_IO_ERROR] = TO(RUNNING) | TO(FINISH_MIGRATE) | TO(PRELAUNCH),
    [RUN_STATE_WATCHDOG] =
        TO(RUNNING) | TO(FINISH_MIGRATE) | TO(PRELAUNCH) | TO(COLO),
    [RUN_STATE_GUEST_PANICKED] =
        TO(RUNNING) | TO(FINISH_MIGRATE) | TO(PRELAUNCH),
    [RUN_STATE_COLO] = TO(RUNNING) | TO(PRELAUNCH) | TO(SHUTDOWN),
};

typedef struct ChangeHandler {
    VMChangeStateFn fn;
    void *opaque;
} ChangeHandler;

RunState runstate_get(VM *vm)
{
    return vm->runstate->state;
}

bool runstate_is_running(VM *vm)
{
    return vm->runstate->state == RUN_STATE_RUNNING;
}

static bool runstate_check(VM *vm, RunState state, Error **errp)
{
    RunState old = vm->runstate->state;

    if (old != state && !(run_state_next[old] & BIT(state))) {
        error_setg(errp, "the guest cannot go from run state '%s' to '%s'",
                   RunState_str(old), RunState_str(state));
        return false;
    }
    return true;
}

static void runstate_enter(VM *vm, RunState state)
{
    if (state != vm->runstate->state) {
        vm->runstate->stop_asked = false;
    }
    trace_vm_state_change(RunState_str(vm->runstate->state),
                          RunState_str(state));
    vm->runstate->state = state;
}

bool runstate_set(VM *vm, RunState state, Error **errp)
{
    if (!runstate_check(vm, state, errp)) {
        return false;
    }
    if (state != vm->runstate->state &&
        (state == RUN_STATE_RUNNING || runstate_is_running(vm))) {
        error_setg(errp, "run state '%s' to '%s' takes a start or a stop",
                   RunState_str(vm->runstate->state), RunState_str(state));
        return false;
    }
    runstate_enter(vm, state);
    return true;
}

/* --- One transition at a time ------------------------------------------- */

void runstate_begin(VM *vm)
{
    RunStateMachine *rs = vm->runstate;

    while (rs->busy_thread && rs->busy_thread != g_thread_self()) {
        bql_wait(vm, &rs->busy_over);
    }
    rs->busy_thread = g_thread_self();
    rs->busy_depth++;
}

void runstate_end(VM *vm)
{
    RunStateMachine *rs = vm->runstate;

    if (--rs->busy_depth == 0) {
        rs->busy_thread = NULL;
        g_cond_broadcast(&rs->busy_over);
    }
}

/* --- Those who want to know --------------------------------------------- */

void vm_add_change_state_handler(VM *vm, VMChangeStateFn fn, void *opaque)
{
    ChangeHandler *handler = g_new(ChangeHandler, 1);

    handler->fn = fn;
    handler->opaque = opaque;
    vm->runstate->change_handlers =
        g_list_append(vm->runstate->change_handlers, handler);
}

void vm_remove_change_state_handler(VM *vm, VMChangeStateFn fn, void *opaque)
{
    GList **list = &vm->runstate->change_handlers;

    for (GList *l = *list; l; l = l->next) {
        ChangeHandler *handler = l->data;

        if (handler->fn == fn && handler->opaque == opaque) {
            *list = g_list_delete_link(*list, l);
            g_free(handler);
            return;
        }
    }
}

/* In order of registration for a start, the other way round for a stop. */
static void runstate_notify(VM *vm, bool running, RunState state)
{
    GList *list = vm->runstate->change_handlers;
    GList *next;

    for (GList *l = running ? list : g_list_last(list); l; l = next) {
        ChangeHandler *handler = l->data;

        next = running ? l->next : l->prev; /* it may remove itself */
        handler->fn(handler->opaque, running, state);
    }
}

/* --- Start and stop ----------------------------------------------------- */

static bool vm_do_start(VM *vm, Error **errp)
{
    if (runstate_is_running(vm)) {
        return true;
    }
    if (vm->runstate->start_barred) {
        error_setg(errp, "%s", vm->runstate->start_barred);
        return false;
    }
    if (!runstate_check(vm, RUN_STATE_RUNNING, errp)) {
        return false;
    }
    qapi_event_send_resume(&vm->events);
    clock_enable(vm, true);
    runstate_enter(vm, RUN_STATE_RUNNING);
    runstate_notify(vm, true, RUN_STATE_RUNNING);
    return cpus_resume(vm, errp);
}

bool vm_start(VM *vm, Error **errp)
{
    bool ok;

    runstate_begin(vm);
    ok = vm_do_start(vm, errp);
    runstate_end(vm);
    return ok;
}

void vm_bar_start(VM *vm, const char *why)
{
    g_assert(!runstate_is_running(vm));
    vm->runstate->start_barred = why;
}

const char *vm_start_barred(VM *vm)
{
    return vm->runstate->start_barred;
}

/* For a vCPU thread: the rest happens in the main loop. */
static bool vm_stop_from_vcpu(VM *vm, CPUState *cpu, RunState state,
                              Error **errp)
{
    if (!runstate_check(vm, state, errp)) {
        return false;
    }
    cpu->stop = true;
    qatomic_set(&cpu->exit_request, true);
    runstate_request_stop(vm, state);
    return true;
}

static bool vm_do_stop(VM *vm, RunState state, Error **errp)
{
    bool ok;

    if (state == RUN_STATE_RUNNING) {
        error_setg(errp, "'running' is no state to stop in");
        return false;
    }
    if (!runstate_is_running(vm)) {
        return runstate_set(vm, state, errp);
    }
    if (!runstate_check(vm, state, errp)) {
        return false;
    }
    runstate_enter(vm, state);
    clock_enable(vm, false);
    ok = cpus_pause(vm, errp);
    runstate_notify(vm, false, state);
    qapi_event_send_stop(&vm->events);
    return ok;
}

bool vm_stop_remember(VM *vm, RunState state, RunState *old, Error **errp)
{
    CPUState *cpu = cpu_current(vm);
    bool ok;

    if (cpu) {
        *old = vm->runstate->state;
        return vm_stop_from_vcpu(vm, cpu, state, errp);
    }
    runstate_begin(vm);
    *old = vm->runstate->state;
    ok = vm_do_stop(vm, state, errp);
    runstate_end(vm);
    return ok;
}

bool vm_stop(VM *vm, RunState state, Error **errp)
{
    RunState old;

    return vm_stop_remember(vm, state, &old, errp);
}

/* --- Birth and death ---------------------------------------------------- */

RunStateMachine *runstate_new(void)
{
    RunStateMachine *rs = g_new0(RunStateMachine, 1);

    rs->state = RUN_STATE_PRELAUNCH;
    g_cond_init(&rs->busy_over);
    return rs;
}

void runstate_free(RunStateMachine *rs)
{
    g_list_free_full(rs->change_handlers, g_free);
    g_list_free_full(rs->reset_handlers, g_free);
    g_list_free_full(rs->powerdown_handlers, g_free);
    g_cond_clear(&rs->busy_over);
    g_free(rs);
}
