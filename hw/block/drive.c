/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The drives of a machine: raw files, opened when -drive is read. BQL. */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include <sys/stat.h>
#include "hw/block/drive.h"
#include "hw/core/boards.h"
#include "hw/core/device.h"
#include "qemu/cutils.h"

typedef struct DriveOptions {
    const char *id;
    const char *file;
    const char *interface;
    const char *format;
    bool read_only;
} DriveOptions;

void drive_free(void *opaque)
{
    Drive *drive = opaque;

    qemu_close(&drive->fd);
    g_free(drive->id);
    g_free(drive->path);
    g_free(drive);
}

Drive *drive_by_id(VM *vm, const char *id)
{
    GPtrArray *drives = vm->machine->drives;

    for (guint i = 0; i < drives->len; i++) {
        Drive *drive = g_ptr_array_index(drives, i);

        if (!strcmp(drive->id, id)) {
            return drive;
        }
    }
    return NULL;
}

static bool drive_parse(struct json_object *opts, DriveOptions *out,
                        Error **errp)
{
    json_object_object_foreach(opts, name, value)
    {
        const char *text = json_object_get_string(value);

        if (!json_object_is_type(value, json_type_string)) {
            error_setg(errp, "-drive option '%s' takes a plain value", name);
            return false;
        }
        if (!strcmp(name, "id")) {
            out->id = text;
        } else if (!strcmp(name, "file")) {
            out->file = text;
        } else if (!strcmp(name, "if")) {
            out->interface = text;
        } else if (!strcmp(name, "format")) {
            out->format = text;
        } else if (!strcmp(name, "readonly") || !strcmp(name, "read-only")) {
            if (!qemu_parse_bool(name, text, &out->read_only, errp)) {
                return false;
            }
        } else {
            error_setg(errp, "-drive option '%s' is not supported; there are "
                       "id, file, if, format and readonly", name);
            return false;
        }
    }
    if (!out->file) {
        error_setg(errp, "-drive needs file=PATH");
        return false;
    }
    if (!out->format || strcmp(out->format, "raw")) {
        error_setg(errp, "-drive format '%s' is not supported; use "
                   "format=raw", out->format ? out->format : "(none given)");
        return false;
    }
    if (out->interface && strcmp(out->interface, "none") &&
        strcmp(out->interface, "ide")) {
        error_setg(errp, "-drive interface '%s' is not supported; use "
                   "if=none with a -device", out->interface);
        return false;
    }
    return true;
}

static bool drive_open(Drive *drive, Error **errp)
{
    int flags = (drive->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    struct stat st;
    off_t end;

    drive->fd = RETRY_ON_EINTR(open(drive->path, flags));
    if (drive->fd < 0 || fstat(drive->fd, &st) < 0) {
        error_setg_errno(errp, errno, "Could not open '%s'", drive->path);
        return false;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        error_setg(errp, "'%s' is neither a regular file nor a block device",
                   drive->path);
        return false;
    }
    end = lseek(drive->fd, 0, SEEK_END);
    if (end < 0) {
        error_setg_errno(errp, errno, "Could not get the size of '%s'",
                         drive->path);
        return false;
    }
    drive->size_bytes = end;
    return true;
}

bool drive_add(VM *vm, struct json_object *opts, Error **errp)
{
    GPtrArray *drives = vm->machine->drives;
    DriveOptions o = { 0 };
    struct json_object *dev_opts;
    bool makes_device;
    Drive *drive;
    bool ok;

    if (!drive_parse(opts, &o, errp)) {
        return false;
    }
    if (o.id && drive_by_id(vm, o.id)) {
        error_setg(errp, "Duplicate drive id '%s'", o.id);
        return false;
    }
    makes_device = !o.interface || !strcmp(o.interface, "ide");
    drive = g_new0(Drive, 1);
    drive->fd = -1;
    drive->id = o.id ? g_strdup(o.id)
                     : g_strdup_printf("ide0-hd%u", drives->len);
    drive->path = g_strdup(o.file);
    drive->read_only = o.read_only;
    if (!drive_open(drive, errp)) {
        drive_free(drive);
        return false;
    }
    g_ptr_array_add(drives, drive);
    if (!makes_device) {
        return true;
    }
    dev_opts = json_object_new_object();
    json_object_object_add(dev_opts, "driver",
                           json_object_new_string("ide-hd"));
    json_object_object_add(dev_opts, "drive",
                           json_object_new_string(drive->id));
    ok = device_add(vm, dev_opts, errp);
    json_object_put(dev_opts);
    return ok;
}
