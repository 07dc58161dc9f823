/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O APIC with 24 inputs, one CPU behind it. Registers: Intel 82093AA data
 * sheet; an EOI register as in version 0x20. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/intc/intc.h"
#include "system/memory.h"

#define IOAPIC_VERSION 0x20
#define IOAPIC_MASKED BIT_ULL(16)
#define IOAPIC_LEVEL BIT_ULL(15)
#define IOAPIC_REMOTE_IRR BIT_ULL(14)
#define IOAPIC_READ_ONLY (IOAPIC_REMOTE_IRR | BIT_ULL(12))
#define IOAPIC_DELIVERY(entry) (((entry) >> 8) & 7)
#define IOAPIC_DELIVERY_FIXED 0
#define IOAPIC_DELIVERY_LOWEST 1

static void ioapic_service(IOAPICDevice *ioapic)
{
    IOAPICState *s = &ioapic->s;

    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t entry = s->ioredtbl[pin];
        unsigned delivery = IOAPIC_DELIVERY(entry);

        if (!(s->irr & BIT(pin)) || (entry & IOAPIC_MASKED)) {
            continue;
        }
        if (entry & IOAPIC_LEVEL) {
            if (entry & IOAPIC_REMOTE_IRR) {
                continue;
            }
            s->ioredtbl[pin] |= IOAPIC_REMOTE_IRR;
        } else {
            s->irr &= ~BIT(pin);
        }
        if (ioapic->apic && (delivery == IOAPIC_DELIVERY_FIXED ||
                             delivery == IOAPIC_DELIVERY_LOWEST)) {
            apic_deliver(ioapic->apic, entry & 0xff, entry & IOAPIC_LEVEL);
        }
    }
}

void ioapic_set_irq(void *opaque, unsigned n, bool level)
{
    IOAPICDevice *ioapic = opaque;
    /* The timer's ISA line 0 arrives at input 2. */
    unsigned pin = n == 0 ? 2 : n;
    uint32_t bit = BIT(pin);
    bool rising = level && !(ioapic->levels & bit);

    if (pin >= IOAPIC_PINS) {
        return;
    }
    ioapic->levels = level ? ioapic->levels | bit : ioapic->levels & ~bit;
    if (ioapic->s.ioredtbl[pin] & IOAPIC_LEVEL) {
        ioapic->s.irr = level ? ioapic->s.irr | bit : ioapic->s.irr & ~bit;
    } else if (rising && !(ioapic->s.ioredtbl[pin] & IOAPIC_MASKED)) {
        ioapic->s.irr |= bit;
    }
    ioapic_service(ioapic);
}

void ioapic_eoi(IOAPICDevice *ioapic, uint8_t vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t entry = ioapic->s.ioredtbl[pin];

        if ((entry & 0xff) == vector && (entry & IOAPIC_LEVEL)) {
            ioapic->s.ioredtbl[pin] &= ~IOAPIC_REMOTE_IRR;
        }
    }
    ioapic_service(ioapic);
}

static uint32_t ioapic_read_register(const IOAPICState *s)
{
    unsigned index = (s->ioregsel - 0x10) >> 1;

    switch (s->ioregsel) {
    case 0x00:
    case 0x02:
        return (uint32_t)s->id << 24;
    case 0x01:
        return IOAPIC_VERSION | ((IOAPIC_PINS - 1) << 16);
    default:
        if (s->ioregsel < 0x10 || index >= IOAPIC_PINS) {
            return 0;
        }
        return s->ioredtbl[index] >> ((s->ioregsel & 1) ? 32 : 0);
    }
}

static void ioapic_write_register(IOAPICDevice *ioapic, uint32_t value)
{
    IOAPICState *s = &ioapic->s;
    unsigned index = (s->ioregsel - 0x10) >> 1;
    uint64_t *entry;
    uint64_t kept;

    if (s->ioregsel == 0) {
        s->id = (value >> 24) & 0xf;
        return;
    }
    if (s->ioregsel < 0x10 || index >= IOAPIC_PINS) {
        return;
    }
    entry = &s->ioredtbl[index];
    kept = *entry & IOAPIC_READ_ONLY;
    if (s->ioregsel & 1) {
        *entry = (*entry & UINT32_MAX) | ((uint64_t)value << 32);
    } else {
        *entry = (*entry & ~(uint64_t)UINT32_MAX) | value;
    }
    *entry = (*entry & ~IOAPIC_READ_ONLY) | kept;
    if (!(*entry & IOAPIC_LEVEL)) {
        *entry &= ~IOAPIC_REMOTE_IRR;
    }
    ioapic_service(ioapic);
}

static uint64_t ioapic_mem_read(void *opaque, uint64_t addr,
                                unsigned size_bytes)
{
    IOAPICDevice *ioapic = opaque;

    switch (addr & 0xff) {
    case 0x00:
        return ioapic->s.ioregsel;
    case 0x10:
        return size_bytes == 4 ? ioapic_read_register(&ioapic->s) : 0;
    default:
        return 0;
    }
}

static void ioapic_mem_write(void *opaque, uint64_t addr, uint64_t value,
                             unsigned size_bytes)
{
    IOAPICDevice *ioapic = opaque;

    switch (addr & 0xff) {
    case 0x00:
        ioapic->s.ioregsel = value;
        break;
    case 0x10:
        if (size_bytes == 4) {
            ioapic_write_register(ioapic, value);
        }
        break;
    case 0x40:
        ioapic_eoi(ioapic, value);
        break;
    default:
        break;
    }
}

static const MemoryRegionOps ioapic_mem_ops = {
    .read = ioapic_mem_read,
    .write = ioapic_mem_write,
};

void ioapic_init_state(IOAPICState *s)
{
    uint64_t base = s->base_address;

    memset(s, 0, sizeof(*s));
    s->base_address = base;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        s->ioredtbl[pin] = IOAPIC_MASKED;
    }
}

static bool ioapic_realize(DeviceState *dev, Error **errp)
{
    IOAPICDevice *ioapic = container_of(dev, IOAPICDevice, dev);

    ioapic->s.base_address = ioapic->base;
    return memory_map_io(dev->parent.vm, ioapic->base, 0x1000,
                         &ioapic_mem_ops, ioapic, errp);
}

static void ioapic_reset(DeviceState *dev)
{
    IOAPICDevice *ioapic = container_of(dev, IOAPICDevice, dev);

    ioapic_init_state(&ioapic->s);
    ioapic->levels = 0;
}

static const VMStateDescription vmstate_ioapic = {
    .name = "ioapic",
    .version_id = 3,
    .minimum_version_id = 1,
    .fields = vmstate_ioapic_fields,
};

static const Property ioapic_props[] = {
    { "base", PROP_UINT64, offsetof(IOAPICDevice, base), "4273995776",
      "guest-physical address" },
    { 0 },
};

const DeviceClass ioapic_class = {
    .parent = {
        .name = "ioapic",
        .parent = &device_class,
        .instance_size = sizeof(IOAPICDevice),
        .props = ioapic_props,
        .description = "I/O APIC",
    },
    .realize = ioapic_realize,
    .reset = ioapic_reset,
    .vmsd = &vmstate_ioapic,
    .vmsd_offset = offsetof(IOAPICDevice, s),
};
