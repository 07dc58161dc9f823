/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands that are the monitor's own. Main loop, BQL held. */
#include "qemu/osdep.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands-char.h"
#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-commands-misc.h"
#include "system/cpus.h"

bool qmp_qmp_capabilities(QmpContext *ctx, const QmpQmpCapabilitiesArgs *args,
                          Error **errp)
{
    bool oob = false;

    for (QMPCapabilityList *l = args->enable; l; l = l->next) {
        oob |= l->value == QMP_CAPABILITY_OOB;
    }
    return monitor_qmp_negotiate(ctx->mon, oob, errp);
}

bool qmp_query_commands(QmpContext *ctx, CommandInfoList **ret, Error **errp)
{
    CommandInfoList *list = NULL;

    for (size_t i = qmp_command_table_count; i-- > 0;) {
        CommandInfo *info = g_new0(CommandInfo, 1);

        info->name = g_strdup(qmp_command_table[i].name);
        QAPI_LIST_PREPEND(list, info);
    }
    *ret = list;
    return true;
}

static void add_chardev(const char *id, const char *filename,
                        bool frontend_open, void *opaque)
{
    ChardevInfoList **list = opaque;
    ChardevInfo *info = g_new0(ChardevInfo, 1);

    info->label = g_strdup(id);
    info->filename = g_strdup(filename);
    info->frontend_open = frontend_open;
    QAPI_LIST_PREPEND(*list, info);
}

bool qmp_query_chardev(QmpContext *ctx, ChardevInfoList **ret, Error **errp)
{
    chardev_foreach(ctx->vm, add_chardev, ret);
    return true;
}

char *qmp_human_monitor_command(QmpContext *ctx,
                                const QmpHumanMonitorCommandArgs *args,
                                Error **errp)
{
    unsigned count = ctx->vm->cpus ? cpus_count(ctx->vm) : 0;

    if (args->has_cpu_index &&
        (args->cpu_index < 0 || args->cpu_index >= count)) {
        error_setg(errp, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    return monitor_hmp_run(ctx, args->has_cpu_index ? args->cpu_index : 0,
                           args->command_line);
}
