/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A: A20 gate (bit 1) and fast reset (bit 0).
 * Section `port92` v1. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "system/ioport.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"

typedef struct Port92 {
    DeviceState dev;
    uint8_t outport;
} Port92;

static uint32_t port92_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    return ((Port92 *)opaque)->outport;
}

static void port92_write(void *opaque, uint16_t port, uint32_t value,
                         unsigned size_bytes)
{
    Port92 *s = opaque;
    bool reset = (value & 1) && !(s->outport & 1);
    CPUState *cpu = cpu_current(s->dev.parent.vm);

    s->outport = value;
    if (cpu) {
        cpu_x86_set_a20(cpu, value & 2);
    }
    if (reset) {
        vm_request_reset(s->dev.parent.vm, SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const IOPortOps port92_ops = {
    .name = "port92",
    .read = port92_read,
    .write = port92_write,
};

static bool port92_realize(DeviceState *dev, Error **errp)
{
    return ioport_register(dev->parent.vm, 0x92, 1, &port92_ops,
                           container_of(dev, Port92, dev), errp);
}

static void port92_reset(DeviceState *dev)
{
    container_of(dev, Port92, dev)->outport &= ~1;
}

static const VMStateDescription vmstate_port92 = {
    .name = "port92",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT8(outport, Port92),
        VMSTATE_END_OF_LIST(),
    },
};

const DeviceClass port92_class = {
    .parent = {
        .name = "port92",
        .parent = &device_class,
        .instance_size = sizeof(Port92),
        .description = "A20 gate and fast reset",
    },
    .realize = port92_realize,
    .reset = port92_reset,
    .vmsd = &vmstate_port92,
};
