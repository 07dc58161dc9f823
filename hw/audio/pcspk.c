/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port 0x61: gate and output of timer channel 2, and the refresh toggle.
 * There is no sound. Section `pcspk` v1. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/timer/i8254.h"
#include "system/ioport.h"

static uint32_t pcspk_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    PCSpeaker *s = opaque;
    uint8_t value = s->data_on ? 2 : 0;

    s->dummy_refresh_clock ^= 1;
    if (s->pit) {
        value |= s->pit->s.channels[2].gate ? 1 : 0;
        value |= i8254_get_out(s->pit, 2) << 5;
    }
    return value | (s->dummy_refresh_clock << 4);
}

static void pcspk_write(void *opaque, uint16_t port, uint32_t value,
                        unsigned size_bytes)
{
    PCSpeaker *s = opaque;

    s->data_on = (value >> 1) & 1;
    if (s->pit) {
        i8254_set_gate(s->pit, 2, value & 1);
    }
}

static const IOPortOps pcspk_ops = {
    .name = "pcspk",
    .read = pcspk_read,
    .write = pcspk_write,
};

static bool pcspk_realize(DeviceState *dev, Error **errp)
{
    return ioport_register(dev->parent.vm, 0x61, 1, &pcspk_ops,
                           container_of(dev, PCSpeaker, dev), errp);
}

static void pcspk_reset(DeviceState *dev)
{
    container_of(dev, PCSpeaker, dev)->data_on = 0;
}

static const VMStateDescription vmstate_pcspk = {
    .name = "pcspk",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT8(data_on, PCSpeaker),
        VMSTATE_UINT8(dummy_refresh_clock, PCSpeaker),
        VMSTATE_END_OF_LIST(),
    },
};

const DeviceClass pcspk_class = {
    .parent = {
        .name = "isa-pcspk",
        .parent = &device_class,
        .instance_size = sizeof(PCSpeaker),
        .description = "PC speaker port",
    },
    .realize = pcspk_realize,
    .reset = pcspk_reset,
    .vmsd = &vmstate_pcspk,
};
