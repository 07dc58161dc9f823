/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One output port to a chardev that reads as 0xe9. No state. BQL. */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "hw/core/device-classes.h"
#include "system/ioport.h"

typedef struct DebugCon {
    DeviceState dev;
    char *chardev;
    uint16_t iobase;
    uint32_t readback;
    Chardev *chr;
} DebugCon;

static uint32_t debugcon_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    return ((DebugCon *)opaque)->readback;
}

static void debugcon_write(void *opaque, uint16_t port, uint32_t value,
                           unsigned size_bytes)
{
    DebugCon *con = opaque;
    uint8_t octet = value;

    /* The guest does not wait: what the peer does not take is lost. */
    chardev_write_some(con->chr, &octet, 1);
}

static const IOPortOps debugcon_ops = {
    .name = "isa-debugcon",
    .read = debugcon_read,
    .write = debugcon_write,
};

static const ChardevFrontend debugcon_frontend = { 0 };

static bool debugcon_realize(DeviceState *dev, Error **errp)
{
    DebugCon *con = container_of(dev, DebugCon, dev);
    VM *vm = dev->parent.vm;

    con->chr = con->chardev ? chardev_by_id(vm, con->chardev) : NULL;
    if (!con->chr) {
        error_setg(errp, "isa-debugcon needs chardev=ID of a chardev; '%s' is "
                   "none", con->chardev ? con->chardev : "");
        return false;
    }
    if (!ioport_register(vm, con->iobase, 1, &debugcon_ops, con, errp)) {
        return false;
    }
    return chardev_connect(con->chr, &debugcon_frontend, con, NULL, errp);
}

static void debugcon_unrealize(DeviceState *dev)
{
    chardev_disconnect(container_of(dev, DebugCon, dev)->chr);
}

static const Property debugcon_props[] = {
    { "chardev", PROP_STR, offsetof(DebugCon, chardev), NULL,
      "id of the chardev it writes to" },
    { "iobase", PROP_UINT16, offsetof(DebugCon, iobase), "0xe9", "its port" },
    { "readback", PROP_UINT32, offsetof(DebugCon, readback), "0xe9",
      "what the port reads as" },
    { 0 },
};

const DeviceClass debugcon_class = {
    .parent = {
        .name = "isa-debugcon",
        .parent = &device_class,
        .instance_size = sizeof(DebugCon),
        .props = debugcon_props,
        .description = "debug output port",
    },
    .realize = debugcon_realize,
    .unrealize = debugcon_unrealize,
    .user_creatable = true,
};
