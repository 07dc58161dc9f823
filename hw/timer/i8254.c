/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8254 interval timer with three channels; BCD counts as binary. Behaviour:
 * Intel 82C54 data sheet. Channel 0 interrupts once a period. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/timer/i8254.h"
#include "system/ioport.h"

/* read_state and write_state. */
enum { RW_LSB = 1, RW_MSB, RW_WORD_LSB, RW_WORD_MSB };

static int64_t pit_ns_to_ticks(int64_t ns)
{
    return (int64_t)((__int128)ns * PIT_FREQUENCY_HZ / NANOSECONDS_PER_SECOND);
}

/* Rounded up, so that at the result that many ticks have passed. */
static int64_t pit_ticks_to_ns(int64_t ticks)
{
    return (int64_t)(((__int128)ticks * NANOSECONDS_PER_SECOND +
                      PIT_FREQUENCY_HZ - 1) / PIT_FREQUENCY_HZ);
}

static int64_t pit_elapsed(const PITDevice *pit, const I8254Channel *ch)
{
    int64_t now = clock_virtual_ns(pit->dev.parent.vm);
    int64_t ticks = pit_ns_to_ticks(now - ch->count_load_time_ns);

    return ticks < 0 ? 0 : ticks;
}

static uint16_t pit_current_count(const PITDevice *pit, const I8254Channel *ch)
{
    int64_t ticks = pit_elapsed(pit, ch);

    switch (ch->mode) {
    case 2:
        return ch->count - ticks % ch->count;
    case 3:
        return ch->count - (2 * ticks) % ch->count;
    default:
        return ch->count - ticks;
    }
}

static bool pit_channel_out(const PITDevice *pit, const I8254Channel *ch)
{
    int64_t ticks = pit_elapsed(pit, ch);

    switch (ch->mode) {
    case 0:
        return ticks >= ch->count;
    case 1:
        return ticks >= ch->count;
    case 2:
        return ticks % ch->count != ch->count - 1;
    case 3:
        return ticks % ch->count < (ch->count + 1) / 2;
    default:
        return ticks != ch->count;
    }
}

bool i8254_get_out(PITDevice *pit, unsigned channel)
{
    return pit_channel_out(pit, &pit->s.channels[channel]);
}

/* When channel 0 interrupts next. */
static void pit_arm(PITDevice *pit)
{
    I8254Channel *ch = &pit->s.channels[0];
    int64_t ticks = pit_elapsed(pit, ch);
    int64_t next = -1;

    if (ch->mode == 2 || ch->mode == 3) {
        next = (ticks / ch->count + 1) * ch->count;
    } else if (ticks < ch->count) {
        next = ch->count;
    }
    if (next < 0 || ch->irq_disabled) {
        ch->next_transition_time_ns = -1;
        vm_timer_del(pit->timer);
        return;
    }
    ch->next_transition_time_ns = ch->count_load_time_ns +
                                  pit_ticks_to_ns(next);
    vm_timer_mod(pit->timer, ch->next_transition_time_ns);
}

static void pit_timer_fired(void *opaque)
{
    PITDevice *pit = opaque;

    irq_set(&pit->irq, false);
    irq_set(&pit->irq, true);
    pit_arm(pit);
}

static void pit_load_count(PITDevice *pit, I8254Channel *ch, unsigned value)
{
    ch->count = value ? value : 0x10000;
    ch->count_load_time_ns = clock_virtual_ns(pit->dev.parent.vm);
    if (ch == &pit->s.channels[0]) {
        if (ch->mode == 0) {
            irq_set(&pit->irq, false);
        }
        pit_arm(pit);
    }
}

void i8254_set_gate(PITDevice *pit, unsigned channel, bool level)
{
    I8254Channel *ch = &pit->s.channels[channel];

    /* A rising gate restarts all modes but those it only pauses. */
    if (level && !ch->gate && ch->mode != 0 && ch->mode != 4) {
        ch->count_load_time_ns = clock_virtual_ns(pit->dev.parent.vm);
    }
    ch->gate = level;
}

static void pit_latch_count(PITDevice *pit, I8254Channel *ch)
{
    if (!ch->count_latched) {
        ch->latched_count = pit_current_count(pit, ch);
        ch->count_latched = ch->rw_mode;
    }
}

static void pit_read_back(PITDevice *pit, uint8_t value)
{
    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        I8254Channel *ch = &pit->s.channels[i];

        if (!(value & BIT(i + 1))) {
            continue;
        }
        if (!(value & 0x20)) {
            pit_latch_count(pit, ch);
        }
        if (!(value & 0x10) && !ch->status_latched) {
            ch->status = (pit_channel_out(pit, ch) << 7) |
                         (ch->rw_mode << 4) | (ch->mode << 1) | ch->bcd;
            ch->status_latched = 1;
        }
    }
}

static void pit_write_control(PITDevice *pit, uint8_t value)
{
    unsigned channel = value >> 6;
    unsigned access = (value >> 4) & 3;
    I8254Channel *ch;

    if (channel == 3) {
        pit_read_back(pit, value);
        return;
    }
    ch = &pit->s.channels[channel];
    if (access == 0) {
        pit_latch_count(pit, ch);
        return;
    }
    ch->rw_mode = access;
    ch->read_state = access;
    ch->write_state = access;
    ch->mode = (value >> 1) & 7;
    if (ch->mode > 5) {
        ch->mode &= 3; /* 6 and 7 are 2 and 3 */
    }
    ch->bcd = value & 1;
}

static void pit_write(void *opaque, uint16_t port, uint32_t value,
                      unsigned size_bytes)
{
    PITDevice *pit = opaque;
    I8254Channel *ch = &pit->s.channels[port & 3];
    uint8_t v = value;

    if ((port & 3) == 3) {
        pit_write_control(pit, v);
        return;
    }
    switch (ch->write_state) {
    case RW_MSB:
        pit_load_count(pit, ch, v << 8);
        break;
    case RW_WORD_LSB:
        ch->write_latch = v;
        ch->write_state = RW_WORD_MSB;
        break;
    case RW_WORD_MSB:
        pit_load_count(pit, ch, ch->write_latch | (v << 8));
        ch->write_state = RW_WORD_LSB;
        break;
    default:
        pit_load_count(pit, ch, v);
        break;
    }
}

static uint32_t pit_read_latched(I8254Channel *ch)
{
    switch (ch->count_latched) {
    case RW_MSB:
        ch->count_latched = 0;
        return ch->latched_count >> 8;
    case RW_WORD_LSB:
        ch->count_latched = RW_MSB;
        return ch->latched_count & 0xff;
    default:
        ch->count_latched = 0;
        return ch->latched_count & 0xff;
    }
}

static uint32_t pit_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    PITDevice *pit = opaque;
    I8254Channel *ch = &pit->s.channels[port & 3];
    uint16_t count;

    if ((port & 3) == 3) {
        return 0;
    }
    if (ch->status_latched) {
        ch->status_latched = 0;
        return ch->status;
    }
    if (ch->count_latched) {
        return pit_read_latched(ch);
    }
    count = pit_current_count(pit, ch);
    switch (ch->read_state) {
    case RW_MSB:
        return count >> 8;
    case RW_WORD_LSB:
        ch->read_state = RW_WORD_MSB;
        return count & 0xff;
    case RW_WORD_MSB:
        ch->read_state = RW_WORD_LSB;
        return count >> 8;
    default:
        return count & 0xff;
    }
}

static const IOPortOps pit_ops = {
    .name = "pit",
    .read = pit_read,
    .write = pit_write,
};

void i8254_init_state(I8254State *s, int64_t now_ns)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        s->channels[i].count = 0x10000;
        s->channels[i].mode = 3;
        s->channels[i].gate = i != 2;
        s->channels[i].count_load_time_ns = now_ns;
    }
}

static bool pit_realize(DeviceState *dev, Error **errp)
{
    PITDevice *pit = container_of(dev, PITDevice, dev);
    VM *vm = dev->parent.vm;

    i8254_init_state(&pit->s, clock_virtual_ns(vm));
    if (!ioport_register(vm, 0x40, 4, &pit_ops, pit, errp)) {
        return false;
    }
    pit->timer = vm_timer_new(vm, pit_timer_fired, pit);
    return true;
}

static void pit_unrealize(DeviceState *dev)
{
    vm_timer_free(container_of(dev, PITDevice, dev)->timer);
}

static void pit_reset(DeviceState *dev)
{
    PITDevice *pit = container_of(dev, PITDevice, dev);

    i8254_init_state(&pit->s, clock_virtual_ns(dev->parent.vm));
    irq_set(&pit->irq, false);
    pit_arm(pit);
}

static bool pit_post_load(void *opaque, int version_id, Error **errp)
{
    I8254State *s = opaque;

    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        const I8254Channel *ch = &s->channels[i];

        if (ch->count < 1 || ch->count > 0x10000 || ch->mode > 5 ||
            ch->write_state > RW_WORD_MSB || ch->read_state > RW_WORD_MSB) {
            error_setg(errp, "i8254: channel %u has count %d, mode %u", i,
                       ch->count, ch->mode);
            return false;
        }
    }
    pit_arm(container_of(s, PITDevice, s));
    return true;
}

static const VMStateDescription vmstate_i8254 = {
    .name = "i8254",
    .version_id = 3,
    .minimum_version_id = 2,
    .post_load = pit_post_load,
    .fields = vmstate_i8254_fields,
};

const DeviceClass i8254_class = {
    .parent = {
        .name = "isa-pit",
        .parent = &device_class,
        .instance_size = sizeof(PITDevice),
        .description = "8254 interval timer",
    },
    .realize = pit_realize,
    .unrealize = pit_unrealize,
    .reset = pit_reset,
    .vmsd = &vmstate_i8254,
    .vmsd_offset = offsetof(PITDevice, s),
};
