/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands of both sides. Main loop, BQL held. */
#include "qemu/osdep.h"

#include "migration/migration-internal.h"
#include "migration/multifd-send.h"
#include "qapi/qapi-commands-migration.h"
#include "system/runstate.h"

bool qmp_migrate(QmpContext *ctx, const QmpMigrateArgs *args, Error **errp)
{
    MigrationState *s = ctx->vm->migration;
    MigrationAddress *addr;
    bool ok;

    addr = migration_address_new(args->uri, args->channels, true, errp);
    if (!addr) {
        return false;
    }
    ok = migration_source_allowed(s, errp) &&
         migration_source_start(s, addr, ctx->fds, errp);
    qapi_free_MigrationAddress(addr);
    return ok;
}

bool qmp_migrate_incoming(QmpContext *ctx, const QmpMigrateIncomingArgs *args,
                          Error **errp)
{
    MigrationIncomingState *mis = ctx->vm->incoming;
    MigrationAddress *addr;
    bool ok;

    if (mis->started) {
        error_setg(errp, "The incoming migration has already been started");
        return false;
    }
    if (!mis->deferred || runstate_get(ctx->vm) != RUN_STATE_INMIGRATE) {
        error_setg(errp, "'-incoming' was not specified on the command line");
        return false;
    }
    addr = migration_address_new(args->uri, args->channels, false, errp);
    if (!addr) {
        return false;
    }
    mis->exit_on_error = !args->has_exit_on_error || args->exit_on_error;
    ok = migration_incoming_listen(mis, addr, ctx->fds, errp);
    qapi_free_MigrationAddress(addr);
    return ok;
}

bool qmp_migrate_cancel(QmpContext *ctx, Error **errp)
{
    migration_source_cancel(ctx->vm->migration);
    return true;
}

MigrationInfo *qmp_query_migrate(QmpContext *ctx, Error **errp)
{
    return migration_info_new(ctx->vm);
}

static void append_thread(MigrationThreadInfoList ***tail, const char *name,
                          const int *id)
{
    MigrationThreadInfo *info;
    int thread_id = qatomic_read_relaxed(id);

    if (thread_id) {
        info = g_new0(MigrationThreadInfo, 1);
        info->name = g_strdup(name);
        info->thread_id = thread_id;
        QAPI_LIST_APPEND(*tail, info);
    }
}

bool qmp_query_migrationthreads(QmpContext *ctx, MigrationThreadInfoList **ret,
                                Error **errp)
{
    MigrationState *s = ctx->vm->migration;
    MigrationThreadInfoList **tail = ret;

    *ret = NULL;
    append_thread(&tail, "mig/src/main", &s->thread_id);
    g_mutex_lock(&s->file_lock);
    for (unsigned i = 0;
         s->multifd && i < multifd_send_channels(s->multifd); i++) {
        const MultiFDSendParams *p = multifd_send_channel(s->multifd, i);

        append_thread(&tail, p->name, &p->thread_id);
    }
    g_mutex_unlock(&s->file_lock);
    return true;
}
