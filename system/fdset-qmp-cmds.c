/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands on descriptors that clients pass. Main thread, BQL. */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-add-fd.h"
#include "fdset-internal.h"

static int take_fd(QmpContext *ctx, Error **errp)
{
    if (!ctx->fds) {
        error_setg(errp, "No file descriptor supplied via SCM_RIGHTS");
        return -1;
    }
    return fd_table_take_pending(ctx->fds, errp);
}

bool qmp_getfd(QmpContext *ctx, const QmpGetfdArgs *args, Error **errp)
{
    int fd = take_fd(ctx, errp);

    return fd >= 0 && fd_table_add(ctx->fds, args->fdname, fd, errp);
}

bool qmp_closefd(QmpContext *ctx, const QmpClosefdArgs *args, Error **errp)
{
    if (!ctx->fds) {
        error_setg(errp, "File descriptor named '%s' not found", args->fdname);
        return false;
    }
    return fd_table_close(ctx->fds, args->fdname, errp);
}

AddfdInfo *qmp_add_fd(QmpContext *ctx, const QmpAddFdArgs *args, Error **errp)
{
    AddfdInfo *info;
    int fd = take_fd(ctx, errp);

    if (fd < 0) {
        return NULL;
    }
    if (args->has_fdset_id && args->fdset_id < 0) {
        close(fd);
        error_setg(errp, "Parameter 'fdset-id' expects a non-negative value");
        return NULL;
    }
    info = g_new0(AddfdInfo, 1);
    info->fd = fd;
    info->fdset_id =
        fdset_add(ctx->vm->fdsets, args->has_fdset_id ? &args->fdset_id : NULL,
                  fd, args->opaque);
    return info;
}

bool qmp_remove_fd(QmpContext *ctx, const QmpRemoveFdArgs *args, Error **errp)
{
    return fdset_remove(ctx->vm->fdsets, args->fdset_id,
                        args->has_fd ? &args->fd : NULL, errp);
}

bool qmp_query_fdsets(QmpContext *ctx, FdsetInfoList **ret, Error **errp)
{
    GPtrArray *sets = ctx->vm->fdsets->sets;
    FdsetInfoList **tail = ret;

    for (unsigned i = 0; i < sets->len; i++) {
        const FdSet *set = sets->pdata[i];
        FdsetInfo *info = g_new0(FdsetInfo, 1);
        FdsetFdInfoList **fd_tail = &info->fds;

        info->fdset_id = set->id;
        for (unsigned k = 0; k < set->fds->len; k++) {
            const FdSetFd *entry = set->fds->pdata[k];
            FdsetFdInfo *fd_info = g_new0(FdsetFdInfo, 1);

            fd_info->fd = entry->fd;
            fd_info->opaque = g_strdup(entry->opaque);
            QAPI_LIST_APPEND(fd_tail, fd_info);
        }
        QAPI_LIST_APPEND(tail, info);
    }
    return true;
}
