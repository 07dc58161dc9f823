/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drives: raw image files given with -drive, used by a device. BQL. */
#ifndef HW_BLOCK_DRIVE_H
#define HW_BLOCK_DRIVE_H

#include "system/vm.h"

struct json_object;
typedef struct DeviceState DeviceState;

typedef struct Drive {
    char *id;
    char *path;
    bool read_only;
    int fd;
    uint64_t size_bytes;
    DeviceState *user; /* the device that has it, NULL: none yet */
} Drive;

/*
 * One -drive: keyval object with "file", "id", "if" (none, or ide which makes
 * an ide-hd by itself), "format" (raw), "readonly". Anything else is refused
 * by name. After machine_create(), before -device.
 */
bool drive_add(VM *vm, struct json_object *opts, Error **errp);

/* NULL: none of that id. */
Drive *drive_by_id(VM *vm, const char *id);

void drive_free(void *drive);

#endif
