/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams in files, from an offset on. Main loop, BQL held. */
#include "qemu/osdep.h"
#include <sys/stat.h>

#include "io/channel-file.h"
#include "migration/channel.h"
#include "qemu/cutils.h"
#include "system/fdset.h"

#define OFFSET_OPTION ",offset="

bool file_migration_parse(const char *spec, FileMigrationArgs *args,
                          Error **errp)
{
    const char *option = strstr(spec, OFFSET_OPTION);

    args->filename = option ? g_strndup(spec, (gsize)(option - spec))
                            : g_strdup(spec);
    if (option) {
        const char *text = option + strlen(OFFSET_OPTION);
        Error *err = NULL;

        if (!qemu_strtosz(text, &args->offset, &err)) {
            error_setg(errp, "file URI has bad offset %s: %s", text,
                       error_get_pretty(err));
            error_free(err);
            return false;
        }
        if (args->offset > INT64_MAX) {
            error_setg(errp, "file URI has bad offset %s: beyond 2^63", text);
            return false;
        }
    }
    if (args->filename[0] == '\0') {
        error_setg(errp, "file URI has no file name");
        return false;
    }
    return true;
}

QIOChannel *file_migration_open(VM *vm, const FileMigrationArgs *args,
                                bool outgoing, Error **errp)
{
    QIOChannel *ioc;
    struct stat st;
    int fd;

    if (args->offset > INT64_MAX) {
        error_setg(errp, "file offset %" PRIu64 " is beyond 2^63",
                   args->offset);
        return NULL;
    }
    fd = fdset_open(vm, args->filename,
                    (outgoing ? O_CREAT | O_WRONLY : O_RDONLY) | O_CLOEXEC,
                    0660, errp);
    if (fd < 0) {
        return NULL;
    }
    if (outgoing && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        ftruncate(fd, (off_t)args->offset) < 0) {
        error_setg_errno(errp, errno, "cannot truncate '%s' to %" PRIu64,
                         args->filename, args->offset);
        qemu_close(&fd);
        return NULL;
    }
    ioc = qio_channel_file_new_fd(fd, args->filename, errp);
    if (ioc && qio_channel_seek(ioc, (off_t)args->offset, SEEK_SET, errp) < 0) {
        qio_channel_unref(ioc);
        return NULL;
    }
    return ioc;
}
