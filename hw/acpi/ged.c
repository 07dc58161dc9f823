/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generic event device: an event word that a read clears, and the sleep and
 * reset registers of hardware-reduced ACPI (ACPI 6.4, 4.8.3.7 and 5.6.9).
 * Section `acpi-ged` v1 as QEMU's microvm writes it. BQL.
 */
#include "qemu/osdep.h"
#include "hw/acpi/ged.h"
#include "hw/core/device-classes.h"
#include "system/memory.h"
#include "system/runstate.h"

#define SLEEP_TYPE(v) (((v) >> 2) & 7)
#define SLEEP_ENABLE BIT(5)

static uint64_t ged_events_read(void *opaque, uint64_t addr,
                                unsigned size_bytes)
{
    ACPIGed *ged = opaque;
    uint32_t sel = ged->ged_state.sel;

    ged->ged_state.sel = 0;
    return sel;
}

static void ged_events_write(void *opaque, uint64_t addr, uint64_t value,
                             unsigned size_bytes)
{
}

static const MemoryRegionOps ged_events_ops = {
    .read = ged_events_read,
    .write = ged_events_write,
};

static uint64_t ged_regs_read(void *opaque, uint64_t addr,
                              unsigned size_bytes)
{
    return 0;
}

static void ged_regs_write(void *opaque, uint64_t addr, uint64_t value,
                           unsigned size_bytes)
{
    ACPIGed *ged = opaque;
    VM *vm = ged->dev.parent.vm;

    if (addr == ACPI_GED_SLEEP_CONTROL && (value & SLEEP_ENABLE) &&
        SLEEP_TYPE(value) == ACPI_GED_SLEEP_TYPE_S5) {
        vm_request_shutdown(vm, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else if (addr == ACPI_GED_RESET && value == ACPI_GED_RESET_VALUE) {
        vm_request_reset(vm, SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const MemoryRegionOps ged_regs_ops = {
    .read = ged_regs_read,
    .write = ged_regs_write,
};

static void ged_power_button(void *opaque)
{
    ACPIGed *ged = opaque;

    ged->ged_state.sel |= ACPI_GED_POWER_BUTTON;
    irq_set(&ged->irq, true);
    irq_set(&ged->irq, false);
}

static bool ged_realize(DeviceState *dev, Error **errp)
{
    ACPIGed *ged = container_of(dev, ACPIGed, dev);
    VM *vm = dev->parent.vm;

    if (!memory_map_io(vm, ACPI_GED_BASE, 4, &ged_events_ops, ged, errp) ||
        !memory_map_io(vm, ACPI_GED_REGS, 3, &ged_regs_ops, ged, errp)) {
        return false;
    }
    vm_add_powerdown_handler(vm, ged_power_button, ged);
    return true;
}

static void ged_reset(DeviceState *dev)
{
    ACPIGed *ged = container_of(dev, ACPIGed, dev);

    ged->ged_state.sel = 0;
    ged->memhp_state.selector = 0;
}

static const VMStateDescription vmstate_ged_events = {
    .name = "acpi-ged-state",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(sel, ACPIGedEvents),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription vmstate_ged_memory = {
    .name = "memory hotplug state",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(selector, ACPIGedMemory),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription vmstate_ged_memhp = {
    .name = "acpi-ged/memhp",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_STRUCT(memhp_state, ACPIGed, 1, vmstate_ged_memory,
                       ACPIGedMemory),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription *const ged_subsections[] = {
    &vmstate_ged_memhp,
    NULL,
};

static const VMStateDescription vmstate_ged = {
    .name = "acpi-ged",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_STRUCT(ged_state, ACPIGed, 1, vmstate_ged_events,
                       ACPIGedEvents),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = ged_subsections,
};

const DeviceClass acpi_ged_class = {
    .parent = {
        .name = "acpi-ged",
        .parent = &device_class,
        .instance_size = sizeof(ACPIGed),
        .description = "ACPI generic event device",
    },
    .realize = ged_realize,
    .reset = ged_reset,
    .vmsd = &vmstate_ged,
};
