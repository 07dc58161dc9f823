/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands on the run state. Main thread, BQL. */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-commands-machine.h"
#include "qapi/qapi-commands-misc.h"
#include "qapi/qapi-commands-run-state.h"
#include "system/runstate.h"

StatusInfo *qmp_query_status(QmpContext *ctx, Error **errp)
{
    StatusInfo *info = g_new0(StatusInfo, 1);

    info->running = runstate_is_running(ctx->vm);
    info->status = runstate_get(ctx->vm);
    return info;
}

bool qmp_stop(QmpContext *ctx, Error **errp)
{
    VM *vm = ctx->vm;

    if (runstate_get(vm) == RUN_STATE_INMIGRATE) {
        vm->autostart = false;
        return true;
    }
    if (runstate_get(vm) == RUN_STATE_FINISH_MIGRATE) {
        vm_ask_stop(vm);
        return true;
    }
    return !runstate_is_running(vm) || vm_stop(vm, RUN_STATE_PAUSED, errp);
}

bool qmp_cont(QmpContext *ctx, Error **errp)
{
    VM *vm = ctx->vm;

    switch (runstate_get(vm)) {
    case RUN_STATE_INMIGRATE:
        vm->autostart = true;
        return true;
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_SHUTDOWN:
        error_setg(errp, "Resetting the Virtual Machine is required");
        return false;
    case RUN_STATE_FINISH_MIGRATE:
        error_setg(errp, "Migration is not finalized yet");
        return false;
    case RUN_STATE_SUSPENDED:
        return true;
    default:
        return vm_start(vm, errp);
    }
}

bool qmp_system_reset(QmpContext *ctx, Error **errp)
{
    vm_request_reset(ctx->vm, SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    return true;
}

bool qmp_system_powerdown(QmpContext *ctx, Error **errp)
{
    vm_request_powerdown(ctx->vm);
    return true;
}

bool qmp_quit(QmpContext *ctx, Error **errp)
{
    vm_request_shutdown(ctx->vm, SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    return true;
}
