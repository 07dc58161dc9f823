/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character devices that only swallow: a file, and nothing. */
#include "qemu/osdep.h"
#include "chardev/chardev-internal.h"
#include "io/channel-file.h"

static bool file_open(Chardev *chr, struct json_object *opts, Error **errp)
{
    const char *path = chardev_opt_str(opts, "path");
    bool append = chardev_opt_bool(opts, "append", false);
    QIOChannel *out;
    int fd;

    if (!path || !*path) {
        error_setg(errp, "chardev: file: no filename given; use path=PATH");
        return false;
    }
    /* O_NONBLOCK: a FIFO that nobody reads is an error, not a hang. */
    fd = RETRY_ON_EINTR(open(path,
                             O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK |
                                 (append ? O_APPEND : O_TRUNC),
                             0666));
    if (fd < 0) {
        error_setg_errno(errp, errno, "Could not open '%s'", path);
        return false;
    }
    out = qio_channel_new_fd(fd, errp);
    if (!out) {
        return false;
    }
    chardev_set_peer(chr, NULL, out);
    return true;
}

static const ChardevOption file_options[] = {
    { "path", CHARDEV_OPTION_STR },
    { "append", CHARDEV_OPTION_BOOL },
    { "input-path", CHARDEV_OPTION_UNSUPPORTED },
    { NULL },
};

const ChardevClass chardev_class_file = {
    .name = "file",
    .options = file_options,
    .instance_size = sizeof(Chardev),
    .open = file_open,
};

static bool null_open(Chardev *chr, struct json_object *opts, Error **errp)
{
    return true;
}

static const ChardevOption null_options[] = {
    { NULL },
};

const ChardevClass chardev_class_null = {
    .name = "null",
    .options = null_options,
    .instance_size = sizeof(Chardev),
    .open = null_open,
};
