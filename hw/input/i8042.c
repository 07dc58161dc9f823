/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyboard controller as far as guests need it without a keyboard being
 * pressed: self-tests, A20, reset pulse, and a keyboard that acknowledges.
 * Section `pckbd` v3. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/core/irq.h"
#include "hw/input/i8042.h"
#include "system/ioport.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"

#define STATUS_OBF 0x01
#define STATUS_SELFTEST 0x04
#define STATUS_CMD 0x08
#define STATUS_UNLOCKED 0x10
#define STATUS_MOUSE_OBF 0x20
#define MODE_KBD_INT 0x01
#define MODE_MOUSE_INT 0x02
#define MODE_SYS 0x04
#define MODE_NO_KBD 0x10
#define MODE_NO_MOUSE 0x20
#define OUTPORT_RESET 0x01
#define OUTPORT_A20 0x02
#define OUTPORT_DEFAULT 0xcf
#define KBD_ACK 0xfa

static void i8042_update_irq(I8042State *s)
{
    bool full = s->status & STATUS_OBF;

    irq_set(&s->irq, full && (s->mode & MODE_KBD_INT));
}

/* An answer for port 0x60. Dropped when four wait already. */
static void i8042_queue(I8042State *s, uint8_t octet)
{
    if (s->queue_len < ARRAY_SIZE(s->queue)) {
        s->queue[s->queue_len++] = octet;
    }
    s->status |= STATUS_OBF;
    i8042_update_irq(s);
}

static void i8042_set_outport(I8042State *s, uint8_t value)
{
    VM *vm = s->dev.parent.vm;
    CPUState *cpu = cpu_current(vm);

    s->outport = value;
    if (cpu) {
        cpu_x86_set_a20(cpu, value & OUTPORT_A20);
    }
    if (!(value & OUTPORT_RESET)) {
        vm_request_reset(vm, SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static void i8042_command(I8042State *s, uint8_t command)
{
    s->status |= STATUS_CMD;
    switch (command) {
    case 0x20:
        i8042_queue(s, s->mode);
        break;
    case 0xa7:
        s->mode |= MODE_NO_MOUSE;
        break;
    case 0xa8:
        s->mode &= ~MODE_NO_MOUSE;
        break;
    case 0xa9: /* tests: passed */
    case 0xab:
        i8042_queue(s, 0x00);
        break;
    case 0xaa:
        s->status |= STATUS_SELFTEST;
        i8042_queue(s, 0x55);
        break;
    case 0xad:
        s->mode |= MODE_NO_KBD;
        break;
    case 0xae:
        s->mode &= ~MODE_NO_KBD;
        break;
    case 0xc0:
        i8042_queue(s, 0x80);
        break;
    case 0xd0:
        i8042_queue(s, s->outport);
        break;
    case 0x60: /* these take an octet from port 0x60 */
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4:
        s->write_cmd = command;
        break;
    case 0xdd:
    case 0xdf:
        i8042_set_outport(s, command == 0xdf ? s->outport | OUTPORT_A20
                                             : s->outport & ~OUTPORT_A20);
        break;
    default:
        if (command >= 0xf0 && !(command & 1)) {
            vm_request_reset(s->dev.parent.vm, SHUTDOWN_CAUSE_GUEST_RESET);
        }
        break;
    }
}

static void i8042_keyboard_command(I8042State *s, uint8_t octet)
{
    if (s->kbd_param) {
        s->kbd_param = 0;
        i8042_queue(s, KBD_ACK);
        return;
    }
    i8042_queue(s, KBD_ACK);
    switch (octet) {
    case 0xed: /* these have a parameter */
    case 0xf0:
    case 0xf3:
        s->kbd_param = octet;
        break;
    case 0xf2:
        i8042_queue(s, 0xab);
        i8042_queue(s, 0x83);
        break;
    case 0xff:
        i8042_queue(s, 0xaa);
        break;
    default:
        break;
    }
}

static void i8042_data(I8042State *s, uint8_t octet)
{
    uint8_t command = s->write_cmd;

    s->status &= ~STATUS_CMD;
    s->write_cmd = 0;
    switch (command) {
    case 0:
        i8042_keyboard_command(s, octet);
        break;
    case 0x60:
        s->mode = octet;
        i8042_update_irq(s);
        break;
    case 0xd1:
        i8042_set_outport(s, octet);
        break;
    case 0xd2:
    case 0xd3:
        i8042_queue(s, octet);
        break;
    default: /* 0xd4: there is no mouse */
        break;
    }
}

static void i8042_write(void *opaque, uint16_t port, uint32_t value,
                        unsigned size_bytes)
{
    if (port == 0x64) {
        i8042_command(opaque, value);
    } else {
        i8042_data(opaque, value);
    }
}

static uint32_t i8042_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    I8042State *s = opaque;

    if (port == 0x64) {
        return s->status;
    }
    if (s->queue_len) {
        s->obdata = s->queue[0];
        s->queue_len--;
        memmove(s->queue, s->queue + 1, s->queue_len);
    }
    if (!s->queue_len) {
        s->status &= ~(STATUS_OBF | STATUS_MOUSE_OBF);
    }
    i8042_update_irq(s);
    return s->obdata;
}

static const IOPortOps i8042_ops = {
    .name = "i8042",
    .read = i8042_read,
    .write = i8042_write,
};

static bool i8042_realize(DeviceState *dev, Error **errp)
{
    I8042State *s = container_of(dev, I8042State, dev);
    VM *vm = dev->parent.vm;

    return ioport_register(vm, 0x60, 1, &i8042_ops, s, errp) &&
           ioport_register(vm, 0x64, 1, &i8042_ops, s, errp);
}

static void i8042_reset(DeviceState *dev)
{
    I8042State *s = container_of(dev, I8042State, dev);

    s->write_cmd = 0;
    s->mode = MODE_KBD_INT | MODE_MOUSE_INT;
    s->status = STATUS_CMD | STATUS_UNLOCKED;
    s->outport = OUTPORT_DEFAULT;
    s->queue_len = 0;
    s->kbd_param = 0;
    s->obdata = 0;
    irq_set(&s->irq, false);
}

static bool i8042_outport_needed(void *opaque)
{
    return ((I8042State *)opaque)->outport != OUTPORT_DEFAULT;
}

static const VMStateDescription vmstate_i8042_outport = {
    .name = "pckbd_outport",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = i8042_outport_needed,
    .fields = (const VMStateField[]){
        VMSTATE_UINT8(outport, I8042State),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription vmstate_i8042_extended = {
    .name = "pckbd/extended_state",
    .version_id = 0,
    .minimum_version_id = 0,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(migration_flags, I8042State),
        VMSTATE_UINT32(obsrc, I8042State),
        VMSTATE_UINT8(obdata, I8042State),
        VMSTATE_UINT8(cbdata, I8042State),
        VMSTATE_END_OF_LIST(),
    },
};

static bool i8042_pre_save(void *opaque, Error **errp)
{
    I8042State *s = opaque;

    if (s->queue_len) {
        s->obdata = s->queue[0];
    }
    s->pending_tmp = s->queue_len ? 1 : 0;
    return true;
}

static bool i8042_pre_load(void *opaque, Error **errp)
{
    I8042State *s = opaque;

    s->outport = OUTPORT_DEFAULT;
    s->queue_len = 0;
    s->kbd_param = 0;
    return true;
}

static bool i8042_post_load(void *opaque, int version_id, Error **errp)
{
    I8042State *s = opaque;

    if (s->status & STATUS_OBF) {
        s->queue[0] = s->obdata;
        s->queue_len = 1;
    }
    i8042_update_irq(s);
    return true;
}

static const VMStateDescription *const i8042_subsections[] = {
    &vmstate_i8042_outport,
    &vmstate_i8042_extended,
    NULL,
};

static const VMStateDescription vmstate_i8042_kbd = {
    .name = "pckbd",
    .version_id = 3,
    .minimum_version_id = 3,
    .pre_save = i8042_pre_save,
    .pre_load = i8042_pre_load,
    .post_load = i8042_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT8(write_cmd, I8042State),
        VMSTATE_UINT8(status, I8042State),
        VMSTATE_UINT8(mode, I8042State),
        VMSTATE_UINT8(pending_tmp, I8042State),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = i8042_subsections,
};

static const VMStateDescription vmstate_i8042 = {
    .name = "pckbd",
    .version_id = 3,
    .minimum_version_id = 3,
    .fields = (const VMStateField[]){
        {
            .name = "kbd",
            .vmsd = &vmstate_i8042_kbd,
            .size = sizeof(I8042State),
            .flags = VMS_STRUCT,
        },
        VMSTATE_END_OF_LIST(),
    },
};

const DeviceClass i8042_class = {
    .parent = {
        .name = "i8042",
        .parent = &device_class,
        .instance_size = sizeof(I8042State),
        .description = "keyboard controller",
    },
    .realize = i8042_realize,
    .reset = i8042_reset,
    .vmsd = &vmstate_i8042,
};
