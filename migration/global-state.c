/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sections that every machine has: `timer`, the guest's virtual time, and
 * `globalstate`, whether it ran before the source stopped it.
 *
 * Migration and loading thread, BQL held, guest stopped.
 */
#include "qemu/osdep.h"

#include "migration/savevm-registry.h"
#include "migration/ram.h"
#include "system/clock.h"
#include "system/runstate.h"

/* Frees with loadvm_cleanup(). */
struct GlobalStateLoaded {
    RunState state;
};

/* --- timer --- */

/*
 * We keep one clock, in ns. Ticks count at its rate, from where a stream said
 * they were, so that they never run backwards for a guest that moves on.
 */
typedef struct TimerState {
    VM *vm;
    int64_t cpu_ticks_offset;
    int64_t cpu_clock_offset;
} TimerState;

static bool timer_pre_save(void *opaque, Error **errp)
{
    TimerState *ts = opaque;

    ts->cpu_clock_offset = clock_get_virtual_offset_ns(ts->vm);
    ts->cpu_ticks_offset =
        (int64_t)((uint64_t)ts->cpu_clock_offset +
                  (uint64_t)clock_get_ticks_bias(ts->vm));
    return true;
}

static bool timer_pre_load(void *opaque, Error **errp)
{
    TimerState *ts = opaque;

    ts->cpu_clock_offset = clock_get_virtual_offset_ns(ts->vm);
    return true;
}

static bool timer_post_load(void *opaque, int version_id, Error **errp)
{
    TimerState *ts = opaque;

    clock_set_ticks_bias(ts->vm, (int64_t)((uint64_t)ts->cpu_ticks_offset -
                                           (uint64_t)ts->cpu_clock_offset));
    clock_set_virtual_offset_ns(ts->vm, ts->cpu_clock_offset);
    return true;
}

static const VMStateDescription vmstate_timer = {
    .name = "timer",
    .version_id = 2,
    .minimum_version_id = 1,
    .pre_save = timer_pre_save,
    .pre_load = timer_pre_load,
    .post_load = timer_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_INT64(cpu_ticks_offset, TimerState),
        VMSTATE_UNUSED(8),
        VMSTATE_INT64_V(cpu_clock_offset, TimerState, 2),
        VMSTATE_END_OF_LIST(),
    },
};

/* --- globalstate --- */

typedef struct GlobalState {
    VM *vm;
    uint32_t size; /* of the name with its NUL; readers ignore it */
    uint8_t runstate[32];
    uint8_t has_vm_was_suspended;
    uint8_t vm_was_suspended;
    uint8_t unused[66];
} GlobalState;

_Static_assert(sizeof(((GlobalState *)NULL)->runstate) ==
                   sizeof(((StreamGlobalState *)NULL)->runstate),
               "as on the wire");
_Static_assert(sizeof(((GlobalState *)NULL)->unused) ==
                   sizeof(((StreamGlobalState *)NULL)->unused),
               "as on the wire");

/*
 * Without store-global-state only what a reader would not guess: it takes a
 * guest without the section for one that ran.
 */
static bool global_state_needed(void *opaque)
{
    const GlobalState *gs = opaque;
    const MigrationState *s = gs->vm->migration;

    return s->config.store_global_state ||
           (s->old_runstate != RUN_STATE_RUNNING &&
            s->old_runstate != RUN_STATE_PAUSED);
}

static bool global_state_pre_save(void *opaque, Error **errp)
{
    GlobalState *gs = opaque;
    RunState state = gs->vm->migration->old_runstate;
    const char *name = RunState_str(state);

    assert(strlen(name) < sizeof(gs->runstate));
    memset(gs->runstate, 0, sizeof(gs->runstate));
    memcpy(gs->runstate, name, strlen(name));
    gs->size = strlen(name) + 1;
    gs->has_vm_was_suspended = 1;
    gs->vm_was_suspended = state == RUN_STATE_SUSPENDED;
    memset(gs->unused, 0, sizeof(gs->unused));
    return true;
}

/*
 * States a guest can rest in. The others are passing ones of a process, or
 * need what is not here; the source keeps its guest if it sends one.
 */
static bool run_state_loadable(RunState state)
{
    switch (state) {
    case RUN_STATE_RUNNING:
    case RUN_STATE_PAUSED:
    case RUN_STATE_PRELAUNCH:
    case RUN_STATE_POSTMIGRATE:
    case RUN_STATE_SHUTDOWN:
    case RUN_STATE_IO_ERROR:
    case RUN_STATE_WATCHDOG:
    case RUN_STATE_GUEST_PANICKED:
    case RUN_STATE_INTERNAL_ERROR:
        return true;
    default:
        return false;
    }
}

static bool global_state_post_load(void *opaque, int version_id, Error **errp)
{
    GlobalState *gs = opaque;
    MigrationIncomingState *mis = gs->vm->incoming;
    const char *name = (const char *)gs->runstate;
    RunState state;

    if (!memchr(name, '\0', sizeof(gs->runstate))) {
        error_setg(errp, "the run state's name has no end "
                   "within %zu octets", sizeof(gs->runstate));
        return false;
    }
    if (!RunState_parse(name, &state, NULL)) {
        error_setg(errp, "run state '%s' is unknown here", name);
        return false;
    }
    if (!run_state_loadable(state)) {
        error_setg(errp, "a guest in run state '%s' cannot go on here; bring "
                   "it to 'running' or 'paused' at the source", name);
        return false;
    }
    if (!mis->global_state) {
        mis->global_state = g_new0(struct GlobalStateLoaded, 1);
    }
    mis->global_state->state = state;
    return true;
}

static const VMStateDescription vmstate_global_state = {
    .name = "globalstate",
    .version_id = 1,
    .minimum_version_id = 1,
    .priority = MIG_PRI_LAST,
    .needed = global_state_needed,
    .pre_save = global_state_pre_save,
    .post_load = global_state_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(size, GlobalState),
        VMSTATE_BUFFER(runstate, GlobalState),
        VMSTATE_UINT8(has_vm_was_suspended, GlobalState),
        VMSTATE_UINT8(vm_was_suspended, GlobalState),
        VMSTATE_BUFFER(unused, GlobalState),
        VMSTATE_END_OF_LIST(),
    },
};

/* --- registration --- */

typedef struct UniversalState {
    TimerState timer;
    GlobalState global;
} UniversalState;

bool loadvm_global_state(MigrationIncomingState *mis, RunState *state)
{
    if (!mis->global_state) {
        return false;
    }
    *state = mis->global_state->state;
    return true;
}

bool savevm_register_universal(VM *vm, Error **errp)
{
    UniversalState *u = g_new0(UniversalState, 1);

    u->timer.vm = vm;
    u->global.vm = vm;
    g_free(vm->savevm->universal);
    vm->savevm->universal = u;
    return vmstate_register(vm, NULL, 0, &vmstate_timer, &u->timer, errp) &&
           ram_migration_init(vm, errp) &&
           vmstate_register(vm, NULL, 0, &vmstate_global_state, &u->global,
                            errp);
}
