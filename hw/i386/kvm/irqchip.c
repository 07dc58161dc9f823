/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt controllers and timer that live in the accelerator: devices with
 * the sections of the emulated ones, whose state is fetched before it is
 * saved and handed over after it was loaded and at reset. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/intc/intc.h"
#include "hw/timer/i8254.h"
#include "system/accel.h"

static bool irqchip_fetch(DeviceState *dev, IrqchipKind kind, unsigned index,
                          void *state, Error **errp)
{
    Accel *accel = dev->parent.vm->accel;

    return accel->ops->irqchip_get(accel, kind, index, state, errp);
}

static bool irqchip_store(DeviceState *dev, IrqchipKind kind, unsigned index,
                          const void *state, Error **errp)
{
    Accel *accel = dev->parent.vm->accel;

    return accel->ops->irqchip_put(accel, kind, index, state, errp);
}

/*
 * A reset before the machine is whole finds the controllers at power-on
 * anyway; one that fails later shows when the CPUs' state is pushed.
 */
static void irqchip_store_reset(DeviceState *dev, IrqchipKind kind,
                                unsigned index, const void *state)
{
    if (dev->realized) {
        irqchip_store(dev, kind, index, state, NULL);
    }
}

/* --- i8259 ------------------------------------------------------------------ */

static bool kvm_i8259_pre_save(void *opaque, Error **errp)
{
    PICDevice *pic = container_of(opaque, PICDevice, s);

    return irqchip_fetch(&pic->dev, IRQCHIP_I8259, pic->slave, opaque, errp);
}

static bool kvm_i8259_post_load(void *opaque, int version_id, Error **errp)
{
    PICDevice *pic = container_of(opaque, PICDevice, s);

    return irqchip_store(&pic->dev, IRQCHIP_I8259, pic->slave, opaque, errp);
}

static void kvm_i8259_reset(DeviceState *dev)
{
    PICDevice *pic = container_of(dev, PICDevice, dev);

    memset(&pic->s, 0, sizeof(pic->s));
    irqchip_store_reset(dev, IRQCHIP_I8259, pic->slave, &pic->s);
}

static const VMStateDescription vmstate_kvm_i8259 = {
    .name = "i8259",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = kvm_i8259_pre_save,
    .post_load = kvm_i8259_post_load,
    .fields = vmstate_i8259_fields,
};

static const Property kvm_i8259_props[] = {
    { "slave", PROP_BOOL, offsetof(PICDevice, slave), "off",
      "lines 8-15 instead of 0-7" },
    { 0 },
};

const DeviceClass kvm_i8259_class = {
    .parent = {
        .name = "kvm-i8259",
        .parent = &device_class,
        .instance_size = sizeof(PICDevice),
        .props = kvm_i8259_props,
        .description = "KVM's 8259A interrupt controller",
    },
    .reset = kvm_i8259_reset,
    .vmsd = &vmstate_kvm_i8259,
    .vmsd_offset = offsetof(PICDevice, s),
};

/* --- i8254 ------------------------------------------------------------------ */

static bool kvm_i8254_pre_save(void *opaque, Error **errp)
{
    PITDevice *pit = container_of(opaque, PITDevice, s);

    return irqchip_fetch(&pit->dev, IRQCHIP_I8254, 0, opaque, errp);
}

static bool kvm_i8254_post_load(void *opaque, int version_id, Error **errp)
{
    PITDevice *pit = container_of(opaque, PITDevice, s);

    return irqchip_store(&pit->dev, IRQCHIP_I8254, 0, opaque, errp);
}

static void kvm_i8254_reset(DeviceState *dev)
{
    PITDevice *pit = container_of(dev, PITDevice, dev);

    i8254_init_state(&pit->s, clock_virtual_ns(dev->parent.vm));
    irqchip_store_reset(dev, IRQCHIP_I8254, 0, &pit->s);
}

static const VMStateDescription vmstate_kvm_i8254 = {
    .name = "i8254",
    .version_id = 3,
    .minimum_version_id = 2,
    .pre_save = kvm_i8254_pre_save,
    .post_load = kvm_i8254_post_load,
    .fields = vmstate_i8254_fields,
};

const DeviceClass kvm_i8254_class = {
    .parent = {
        .name = "kvm-pit",
        .parent = &device_class,
        .instance_size = sizeof(PITDevice),
        .description = "KVM's 8254 interval timer",
    },
    .reset = kvm_i8254_reset,
    .vmsd = &vmstate_kvm_i8254,
    .vmsd_offset = offsetof(PITDevice, s),
};

/* --- ioapic ----------------------------------------------------------------- */

static bool kvm_ioapic_pre_save(void *opaque, Error **errp)
{
    IOAPICDevice *ioapic = container_of(opaque, IOAPICDevice, s);

    return irqchip_fetch(&ioapic->dev, IRQCHIP_IOAPIC, 0, opaque, errp);
}

static bool kvm_ioapic_post_load(void *opaque, int version_id, Error **errp)
{
    IOAPICDevice *ioapic = container_of(opaque, IOAPICDevice, s);

    ioapic->s.base_address = ioapic->base;
    return irqchip_store(&ioapic->dev, IRQCHIP_IOAPIC, 0, opaque, errp);
}

static void kvm_ioapic_reset(DeviceState *dev)
{
    IOAPICDevice *ioapic = container_of(dev, IOAPICDevice, dev);

    ioapic->s.base_address = ioapic->base;
    ioapic_init_state(&ioapic->s);
    irqchip_store_reset(dev, IRQCHIP_IOAPIC, 0, &ioapic->s);
}

static const VMStateDescription vmstate_kvm_ioapic = {
    .name = "ioapic",
    .version_id = 3,
    .minimum_version_id = 1,
    .pre_save = kvm_ioapic_pre_save,
    .post_load = kvm_ioapic_post_load,
    .fields = vmstate_ioapic_fields,
};

static const Property kvm_ioapic_props[] = {
    { "base", PROP_UINT64, offsetof(IOAPICDevice, base), "4273995776",
      "guest-physical address" },
    { 0 },
};

const DeviceClass kvm_ioapic_class = {
    .parent = {
        .name = "kvm-ioapic",
        .parent = &device_class,
        .instance_size = sizeof(IOAPICDevice),
        .props = kvm_ioapic_props,
        .description = "KVM's I/O APIC",
    },
    .reset = kvm_ioapic_reset,
    .vmsd = &vmstate_kvm_ioapic,
    .vmsd_offset = offsetof(IOAPICDevice, s),
};

/* --- apic ------------------------------------------------------------------- */

static bool kvm_apic_pre_save(void *opaque, Error **errp)
{
    APICDevice *apic = container_of(opaque, APICDevice, s);

    return irqchip_fetch(&apic->dev, IRQCHIP_APIC, apic->index, opaque, errp);
}

static bool kvm_apic_pre_load(void *opaque, Error **errp)
{
    ((APICState *)opaque)->wait_for_sipi = 0;
    return true;
}

static bool kvm_apic_post_load(void *opaque, int version_id, Error **errp)
{
    APICDevice *apic = container_of(opaque, APICDevice, s);

    return irqchip_store(&apic->dev, IRQCHIP_APIC, apic->index, opaque, errp);
}

static bool kvm_apic_realize(DeviceState *dev, Error **errp)
{
    APICDevice *apic = container_of(dev, APICDevice, dev);

    apic->cpu = cpu_get(dev->parent.vm, apic->index);
    dev->instance_id = apic->index;
    return true;
}

static void kvm_apic_reset(DeviceState *dev)
{
    APICDevice *apic = container_of(dev, APICDevice, dev);

    apic_init_state(apic);
    irqchip_store_reset(dev, IRQCHIP_APIC, apic->index, &apic->s);
}

static const VMStateDescription vmstate_kvm_apic = {
    .name = "apic",
    .version_id = 3,
    .minimum_version_id = 3,
    .pre_save = kvm_apic_pre_save,
    .pre_load = kvm_apic_pre_load,
    .post_load = kvm_apic_post_load,
    .fields = vmstate_apic_fields,
    .subsections = vmstate_apic_subsections,
};

static const Property kvm_apic_props[] = {
    { "index", PROP_UINT32, offsetof(APICDevice, index), "0",
      "the CPU it belongs to" },
    { 0 },
};

const DeviceClass kvm_apic_class = {
    .parent = {
        .name = "kvm-apic",
        .parent = &device_class,
        .instance_size = sizeof(APICDevice),
        .props = kvm_apic_props,
        .description = "KVM's local APIC",
    },
    .realize = kvm_apic_realize,
    .reset = kvm_apic_reset,
    .vmsd = &vmstate_kvm_apic,
    .vmsd_offset = offsetof(APICDevice, s),
};

/* --- kvmclock --------------------------------------------------------------- */

typedef struct KVMClockDevice {
    DeviceState dev;
    KVMClockState s;
} KVMClockDevice;

static bool kvm_clock_pre_save(void *opaque, Error **errp)
{
    KVMClockDevice *clock = container_of(opaque, KVMClockDevice, s);

    return irqchip_fetch(&clock->dev, IRQCHIP_KVMCLOCK, 0, opaque, errp);
}

static bool kvm_clock_pre_load(void *opaque, Error **errp)
{
    ((KVMClockState *)opaque)->clock_is_reliable = false;
    return true;
}

static bool kvm_clock_post_load(void *opaque, int version_id, Error **errp)
{
    KVMClockDevice *clock = container_of(opaque, KVMClockDevice, s);

    return irqchip_store(&clock->dev, IRQCHIP_KVMCLOCK, 0, opaque, errp);
}

static const VMStateDescription vmstate_kvm_clock_reliable = {
    .name = "kvmclock/clock_is_reliable",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_BOOL(clock_is_reliable, KVMClockState),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription *const kvm_clock_subsections[] = {
    &vmstate_kvm_clock_reliable,
    NULL,
};

static const VMStateDescription vmstate_kvm_clock = {
    .name = "kvmclock",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = kvm_clock_pre_save,
    .pre_load = kvm_clock_pre_load,
    .post_load = kvm_clock_post_load,
    .fields = (const VMStateField[]){
        {
            .name = "clock",
            .offset = offsetof(KVMClockState, clock_ns),
            .size = sizeof(uint64_t),
            .info = &vmstate_info_uint64,
            .flags = VMS_SINGLE,
        },
        VMSTATE_END_OF_LIST(),
    },
    .subsections = kvm_clock_subsections,
};

const DeviceClass kvm_clock_class = {
    .parent = {
        .name = "kvmclock",
        .parent = &device_class,
        .instance_size = sizeof(KVMClockDevice),
        .description = "KVM's paravirtual clock",
    },
    .vmsd = &vmstate_kvm_clock,
    .vmsd_offset = offsetof(KVMClockDevice, s),
};
