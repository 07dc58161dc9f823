/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A port whose write of v ends the process with (v << 1) | 1. BQL. */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "system/ioport.h"
#include "system/runstate.h"

typedef struct DebugExit {
    DeviceState dev;
    uint16_t iobase;
    uint32_t iosize;
} DebugExit;

static uint32_t debug_exit_read(void *opaque, uint16_t port,
                                unsigned size_bytes)
{
    return 0;
}

static void debug_exit_write(void *opaque, uint16_t port, uint32_t value,
                             unsigned size_bytes)
{
    DebugExit *dev = opaque;

    vm_request_shutdown_code(dev->dev.parent.vm,
                             SHUTDOWN_CAUSE_GUEST_SHUTDOWN,
                             (int)((value << 1) | 1));
}

static const IOPortOps debug_exit_ops = {
    .name = "isa-debug-exit",
    .read = debug_exit_read,
    .write = debug_exit_write,
    .max_access_bytes = 4,
};

static bool debug_exit_realize(DeviceState *dev, Error **errp)
{
    DebugExit *d = container_of(dev, DebugExit, dev);

    if (d->iosize < 1 || d->iosize > 8) {
        error_setg(errp, "isa-debug-exit iosize is 1 to 8, not %u", d->iosize);
        return false;
    }
    return ioport_register(dev->parent.vm, d->iobase, d->iosize,
                           &debug_exit_ops, d, errp);
}

static const Property debug_exit_props[] = {
    { "iobase", PROP_UINT16, offsetof(DebugExit, iobase), "0x501",
      "its first port" },
    { "iosize", PROP_UINT32, offsetof(DebugExit, iosize), "2",
      "how many ports" },
    { 0 },
};

const DeviceClass debug_exit_class = {
    .parent = {
        .name = "isa-debug-exit",
        .parent = &device_class,
        .instance_size = sizeof(DebugExit),
        .props = debug_exit_props,
        .description = "lets the guest end the process",
    },
    .realize = debug_exit_realize,
    .user_creatable = true,
};
