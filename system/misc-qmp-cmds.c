/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands that tell about the VM and the emulator. Main thread, BQL;
 * query-version also comes from monitors' greetings, in any thread.
 */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-commands-machine.h"
#include "qapi/qapi-commands-misc.h"
#include "system/accel.h"

NameInfo *qmp_query_name(QmpContext *ctx, Error **errp)
{
    NameInfo *info = g_new0(NameInfo, 1);

    info->name = g_strdup(ctx->vm->name);
    return info;
}

UuidInfo *qmp_query_uuid(QmpContext *ctx, Error **errp)
{
    UuidInfo *info = g_new0(UuidInfo, 1);
    char text[UUID_STR_LEN];

    qemu_uuid_unparse(&ctx->vm->uuid, text);
    info->UUID = g_strdup(text);
    return info;
}

VersionInfo *qmp_query_version(QmpContext *ctx, Error **errp)
{
    VersionInfo *info = g_new0(VersionInfo, 1);

    /* Whose interface this is; the build names itself in the package. */
    info->qemu = g_new0(VersionTriple, 1);
    info->qemu->major = 10;
    info->qemu->minor = 0;
    info->qemu->micro = 2;
    info->package = g_strdup("lighter " LIGHTER_VERSION);
    return info;
}

KvmInfo *qmp_query_kvm(QmpContext *ctx, Error **errp)
{
    KvmInfo *info = g_new0(KvmInfo, 1);
    const Accel *accel = ctx->vm->accel;

    info->enabled = accel && !strcmp(accel->ops->name, "kvm");
    for (size_t i = 0; accel_table[i]; i++) {
        info->present |= !strcmp(accel_table[i]->name, "kvm");
    }
    return info;
}

bool qmp_query_cpus_fast(QmpContext *ctx, CpuInfoFastList **ret, Error **errp)
{
    CpuInfoFastList **tail = ret;

    for (unsigned i = 0; i < cpus_count(ctx->vm); i++) {
        CPUState *cpu = cpu_get(ctx->vm, i);
        CpuInfoFast *info = g_new0(CpuInfoFast, 1);

        info->cpu_index = cpu->index;
        info->qom_path = object_get_path(&cpu->parent);
        info->thread_id = qatomic_read(&cpu->thread_id);
        info->props = g_new0(CpuInstanceProperties, 1);
        info->props->has_socket_id = true;
        info->props->socket_id = 0;
        info->props->has_core_id = true;
        info->props->core_id = i;
        info->props->has_thread_id = true;
        info->props->thread_id = 0;
        info->target = SYS_EMU_TARGET_X86_64;
        QAPI_LIST_APPEND(tail, info);
    }
    return true;
}
