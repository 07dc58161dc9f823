/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk that a board without firmware boots from: it holds a drive and its
 * geometry. The guest sees no controller behind it yet. BQL.
 */
#include "qemu/osdep.h"
#include "hw/block/drive.h"
#include "hw/core/boards.h"
#include "hw/core/device-classes.h"
#include "hw/ide/ide-hd.h"

#define IDE_MAX_CYLS 65535
#define IDE_MAX_HEADS 16
#define IDE_MAX_SECS 255

static bool ide_hd_realize(DeviceState *dev, Error **errp)
{
    IDEDisk *disk = container_of(dev, IDEDisk, dev);
    Machine *machine = dev->parent.vm->machine;
    IDEDisk *boot = machine->boot_disk;

    if (!disk->drive_id) {
        error_setg(errp, "No drive specified; give ide-hd a drive=ID");
        return false;
    }
    disk->drive = drive_by_id(dev->parent.vm, disk->drive_id);
    if (!disk->drive) {
        error_setg(errp, "Property 'ide-hd.drive' can't find value '%s'",
                   disk->drive_id);
        return false;
    }
    if (disk->drive->user) {
        error_setg(errp, "Drive '%s' is already in use", disk->drive_id);
        return false;
    }
    if (disk->cyls > IDE_MAX_CYLS || disk->heads > IDE_MAX_HEADS ||
        disk->secs > IDE_MAX_SECS) {
        error_setg(errp, "ide-hd geometry is at most cyls=%d, heads=%d, "
                   "secs=%d", IDE_MAX_CYLS, IDE_MAX_HEADS, IDE_MAX_SECS);
        return false;
    }
    disk->drive->user = dev;
    if (!boot || disk->bootindex < boot->bootindex) {
        machine->boot_disk = disk;
    }
    return true;
}

static const Property ide_hd_props[] = {
    { "drive", PROP_STR, offsetof(IDEDisk, drive_id), NULL,
      "id of the -drive it holds" },
    { "cyls", PROP_UINT32, offsetof(IDEDisk, cyls), "0", "cylinders" },
    { "heads", PROP_UINT32, offsetof(IDEDisk, heads), "0", "heads" },
    { "secs", PROP_UINT32, offsetof(IDEDisk, secs), "0",
      "sectors of a track" },
    { "bootindex", PROP_UINT32, offsetof(IDEDisk, bootindex), "4294967295",
      "the lowest is booted from" },
    { 0 },
};

const DeviceClass ide_hd_class = {
    .parent = {
        .name = "ide-hd",
        .parent = &device_class,
        .instance_size = sizeof(IDEDisk),
        .props = ide_hd_props,
        .description = "virtual IDE disk",
    },
    .realize = ide_hd_realize,
    .user_creatable = true,
};
