/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8259A interrupt controller; a PC has two. Behaviour: Intel 8259A data
 * sheet and the ELCR of the PCI-to-ISA bridges. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/intc/intc.h"
#include "system/ioport.h"

#define PIC_CASCADE_LINE 2
#define PIC_NONE (-1)

/* 0 is the highest; 8: no bit of @mask is set. */
static unsigned pic_priority(const I8259State *s, uint8_t mask)
{
    for (unsigned p = 0; p < 8; p++) {
        if (mask & BIT((p + s->priority_add) & 7)) {
            return p;
        }
    }
    return 8;
}

static int pic_pending_line(const PICDevice *pic)
{
    const I8259State *s = &pic->s;
    unsigned want = pic_priority(s, s->irr & ~s->imr);
    uint8_t in_service = s->isr;

    if (want == 8) {
        return PIC_NONE;
    }
    if (s->special_mask) {
        in_service &= ~s->imr;
    }
    if (s->special_fully_nested_mode && !pic->slave) {
        in_service &= ~BIT(PIC_CASCADE_LINE);
    }
    if (want >= pic_priority(s, in_service)) {
        return PIC_NONE;
    }
    return (want + s->priority_add) & 7;
}

static void pic_update(PICDevice *pic)
{
    irq_set(&pic->out, pic_pending_line(pic) != PIC_NONE);
}

void i8259_set_line(PICDevice *pic, unsigned line, bool level)
{
    I8259State *s = &pic->s;
    uint8_t bit = BIT(line);

    if (level) {
        if ((s->elcr & bit) || !(s->last_irr & bit)) {
            s->irr |= bit;
        }
        s->last_irr |= bit;
    } else {
        if (s->elcr & bit) {
            s->irr &= ~bit;
        }
        s->last_irr &= ~bit;
    }
    pic_update(pic);
}

void i8259_set_irq(void *opaque, unsigned n, bool level)
{
    PICDevice *master = opaque;

    if (n < 8) {
        i8259_set_line(master, n, level);
    } else if (n < 16 && master->cascade) {
        i8259_set_line(master->cascade, n - 8, level);
    }
}

static void pic_acknowledge(PICDevice *pic, unsigned line)
{
    I8259State *s = &pic->s;

    if (!s->auto_eoi) {
        s->isr |= BIT(line);
    } else if (s->rotate_on_auto_eoi) {
        s->priority_add = (line + 1) & 7;
    }
    if (!(s->elcr & BIT(line))) {
        s->irr &= ~BIT(line);
    }
    pic_update(pic);
}

/* With nothing pending the controller answers with line 7, unmarked. */
static int pic_read_one(PICDevice *pic, int *line_out)
{
    int line = pic_pending_line(pic);

    *line_out = line;
    if (line == PIC_NONE) {
        return pic->s.irq_base + 7;
    }
    pic_acknowledge(pic, line);
    return pic->s.irq_base + line;
}

int i8259_read_vector(PICDevice *master)
{
    int line;

    if (pic_pending_line(master) == PIC_CASCADE_LINE && master->cascade) {
        int slave_vector = pic_read_one(master->cascade, &line);

        pic_acknowledge(master, PIC_CASCADE_LINE);
        return slave_vector;
    }
    return pic_read_one(master, &line);
}

void i8259_init_state(I8259State *s)
{
    uint8_t elcr = s->elcr;
    uint8_t last_irr = s->last_irr;

    memset(s, 0, sizeof(*s));
    s->elcr = elcr;
    s->last_irr = last_irr;
}

static void pic_end_of_interrupt(I8259State *s, uint8_t command)
{
    unsigned op = command >> 5;
    unsigned line = command & 7;
    unsigned p;

    switch (op) {
    case 0: /* rotate in automatic EOI mode: clear, set */
    case 4:
        s->rotate_on_auto_eoi = op >> 2;
        break;
    case 1: /* non-specific EOI, with or without rotation */
    case 5:
        p = pic_priority(s, s->isr);
        if (p != 8) {
            line = (p + s->priority_add) & 7;
            s->isr &= ~BIT(line);
            if (op == 5) {
                s->priority_add = (line + 1) & 7;
            }
        }
        break;
    case 3: /* specific EOI */
        s->isr &= ~BIT(line);
        break;
    case 6: /* set priority */
        s->priority_add = (line + 1) & 7;
        break;
    case 7: /* rotate on specific EOI */
        s->isr &= ~BIT(line);
        s->priority_add = (line + 1) & 7;
        break;
    default:
        break;
    }
}

static void pic_write_command(PICDevice *pic, uint8_t value)
{
    I8259State *s = &pic->s;

    if (value & 0x10) { /* ICW1 */
        i8259_init_state(s);
        s->irr &= s->elcr;
        s->init_state = 1;
        s->init4 = value & 1;
        s->single_mode = (value >> 1) & 1;
    } else if (value & 0x08) { /* OCW3 */
        if (value & 0x04) {
            s->poll = 1;
        }
        if (value & 0x02) {
            s->read_reg_select = value & 1;
        }
        if (value & 0x40) {
            s->special_mask = (value >> 5) & 1;
        }
    } else {
        pic_end_of_interrupt(s, value);
    }
    pic_update(pic);
}

static void pic_write_data(PICDevice *pic, uint8_t value)
{
    I8259State *s = &pic->s;

    switch (s->init_state) {
    case 1: /* ICW2 */
        s->irq_base = value & 0xf8;
        s->init_state = s->single_mode ? (s->init4 ? 3 : 0) : 2;
        break;
    case 2: /* ICW3: the wiring is fixed */
        s->init_state = s->init4 ? 3 : 0;
        break;
    case 3: /* ICW4 */
        s->special_fully_nested_mode = (value >> 4) & 1;
        s->auto_eoi = (value >> 1) & 1;
        s->init_state = 0;
        break;
    default:
        s->imr = value;
        pic_update(pic);
        break;
    }
}

static void pic_write(void *opaque, uint16_t port, uint32_t value,
                      unsigned size_bytes)
{
    if (port & 1) {
        pic_write_data(opaque, value);
    } else {
        pic_write_command(opaque, value);
    }
}

static uint32_t pic_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    PICDevice *pic = opaque;

    if (pic->s.poll) {
        int line;

        pic->s.poll = 0;
        pic_read_one(pic, &line);
        return line == PIC_NONE ? 0 : 0x80 | line;
    }
    if (port & 1) {
        return pic->s.imr;
    }
    return pic->s.read_reg_select ? pic->s.isr : pic->s.irr;
}

static const IOPortOps pic_ops = {
    .name = "pic",
    .read = pic_read,
    .write = pic_write,
};

static void elcr_write(void *opaque, uint16_t port, uint32_t value,
                       unsigned size_bytes)
{
    PICDevice *pic = opaque;

    /* Timer, keyboard, cascade; clock and FPU are edge only. */
    pic->s.elcr = value & (pic->slave ? 0xde : 0xf8);
}

static uint32_t elcr_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    return ((PICDevice *)opaque)->s.elcr;
}

static const IOPortOps elcr_ops = {
    .name = "elcr",
    .read = elcr_read,
    .write = elcr_write,
};

static bool i8259_realize(DeviceState *dev, Error **errp)
{
    PICDevice *pic = container_of(dev, PICDevice, dev);
    VM *vm = dev->parent.vm;

    return ioport_register(vm, pic->slave ? 0xa0 : 0x20, 2, &pic_ops, pic,
                           errp) &&
           ioport_register(vm, pic->slave ? 0x4d1 : 0x4d0, 1, &elcr_ops, pic,
                           errp);
}

static void i8259_reset(DeviceState *dev)
{
    PICDevice *pic = container_of(dev, PICDevice, dev);

    pic->s.elcr = 0;
    pic->s.last_irr = 0;
    i8259_init_state(&pic->s);
    pic_update(pic);
}

static bool i8259_post_load(void *opaque, int version_id, Error **errp)
{
    I8259State *s = opaque;

    if (s->priority_add > 7 || s->init_state > 3) {
        error_setg(errp, "i8259: priority_add %u, init_state %u",
                   s->priority_add, s->init_state);
        return false;
    }
    pic_update(container_of(s, PICDevice, s));
    return true;
}

static const VMStateDescription vmstate_i8259 = {
    .name = "i8259",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = i8259_post_load,
    .fields = vmstate_i8259_fields,
};

static const Property i8259_props[] = {
    { "slave", PROP_BOOL, offsetof(PICDevice, slave), "off",
      "lines 8-15 instead of 0-7" },
    { 0 },
};

const DeviceClass i8259_class = {
    .parent = {
        .name = "isa-i8259",
        .parent = &device_class,
        .instance_size = sizeof(PICDevice),
        .props = i8259_props,
        .description = "8259A interrupt controller",
    },
    .realize = i8259_realize,
    .reset = i8259_reset,
    .vmsd = &vmstate_i8259,
    .vmsd_offset = offsetof(PICDevice, s),
};
