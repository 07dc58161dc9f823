/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-machines. Main thread; looks at constant tables only. */
#include "qemu/osdep.h"
#include "hw/core/boards.h"
#include "qapi/qapi-commands-machine.h"

bool qmp_query_machines(QmpContext *ctx, MachineInfoList **ret, Error **errp)
{
    MachineInfoList **tail = ret;

    for (size_t i = 0; machine_class_table[i]; i++) {
        const MachineClass *klass = machine_class_table[i];
        MachineInfo *info = g_new0(MachineInfo, 1);

        info->name = g_strdup(klass->name);
        info->alias = g_strdup(klass->alias);
        info->has_is_default = klass->is_default;
        info->is_default = klass->is_default;
        info->cpu_max = klass->max_cpus;
        info->default_cpu_type = g_strdup(klass->default_cpu_type);
        info->default_ram_id = g_strdup(klass->default_ram_id);
        QAPI_LIST_APPEND(tail, info);
    }
    return true;
}
