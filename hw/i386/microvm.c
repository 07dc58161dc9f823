/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board `microvm`: fw_cfg, local and I/O APIC, and as asked for PIC,
 * PIT, clock, a serial port and ACPI. Sections and their order are those of
 * QEMU 10.0's microvm. Without virtio-mmio devices yet. BQL.
 */
#include "qemu/osdep.h"
#include "hw/acpi/ged.h"
#include "hw/core/device-classes.h"
#include "hw/core/machine-classes.h"
#include "hw/i386/acpi-microvm.h"
#include "hw/i386/x86.h"
#include "qapi/qapi-types-common.h"
#include "system/accel.h"
#include "system/memory.h"

#define MICROVM_DEFAULT_FIRMWARE_BYTES (64 * KiB)

typedef struct MicrovmMachine {
    Machine machine;
    int acpi, pic, pit, rtc, ioapic2; /* OnOffAuto */
    bool isa_serial;
    bool x_option_roms;
    bool auto_kernel_cmdline;
    bool usb, graphics;
} MicrovmMachine;

static bool microvm_has_acpi(const MicrovmMachine *mvm)
{
    return mvm->acpi != ON_OFF_AUTO_OFF;
}

static bool microvm_has_ioapic2(const MicrovmMachine *mvm)
{
    return microvm_has_acpi(mvm) && mvm->ioapic2 != ON_OFF_AUTO_OFF;
}

/* What would be dropped silently is refused. */
static bool microvm_check_props(const MicrovmMachine *mvm, Error **errp)
{
    if (mvm->ioapic2 == ON_OFF_AUTO_ON && !microvm_has_acpi(mvm)) {
        error_setg(errp, "microvm: ioapic2=on needs acpi=on");
        return false;
    }
    if (mvm->x_option_roms) {
        error_setg(errp, "microvm: x-option-roms=on is not supported");
        return false;
    }
    if (mvm->auto_kernel_cmdline) {
        error_setg(errp, "microvm: auto-kernel-cmdline=on is not supported, "
                   "there are no virtio-mmio devices");
        return false;
    }
    if (mvm->usb) {
        error_setg(errp, "microvm: usb=on is not supported");
        return false;
    }
    return true;
}

/* Nothing is wired to it: its inputs are the virtio-mmio devices'. */
static bool microvm_create_ioapic2(Machine *machine, Error **errp)
{
    g_autofree char *base = g_strdup_printf("%u", MICROVM_IOAPIC2_BASE);
    const DeviceProp props[] = { { "base", base }, { 0 } };

    return device_create(machine->parent.vm, &ioapic_class, props, errp);
}

static bool microvm_create_acpi(Machine *machine, bool rtc, Error **errp)
{
    MicrovmMachine *mvm = container_of(machine, MicrovmMachine, machine);
    VM *vm = machine->parent.vm;
    const MicrovmACPI what = {
        .cpus = vm->smp_cpus,
        .ioapic2 = microvm_has_ioapic2(mvm),
        .rtc = rtc,
        .serial = mvm->isa_serial,
    };
    DeviceState *dev = device_create(vm, &acpi_ged_class, NULL, errp);

    if (!dev) {
        return false;
    }
    container_of(dev, ACPIGed, dev)->irq = machine->gsi[MICROVM_GED_GSI];
    return microvm_add_acpi(machine, &what, errp);
}

static bool microvm_init(Machine *machine, Error **errp)
{
    MicrovmMachine *mvm = container_of(machine, MicrovmMachine, machine);
    VM *vm = machine->parent.vm;
    const X86RamLayout layout = { 3 * GiB, 3 * GiB };
    bool irqchip = vm->accel->ops->irqchip;
    bool rtc = mvm->rtc == ON_OFF_AUTO_ON ||
               (mvm->rtc == ON_OFF_AUTO_AUTO && !irqchip);

    if (!microvm_check_props(mvm, errp) ||
        !x86_map_ram(machine, layout, errp) ||
        !x86_map_firmware(machine, MICROVM_DEFAULT_FIRMWARE_BYTES, false,
                          errp)) {
        return false;
    }
    x86_wire_gsi(machine);
    if (!x86_create_fw_cfg(machine, errp) || !x86_create_cpus(machine, errp) ||
        !x86_create_apics(machine, errp) ||
        !x86_create_ioapic(machine, errp)) {
        return false;
    }
    if (microvm_has_ioapic2(mvm) && !microvm_create_ioapic2(machine, errp)) {
        return false;
    }
    if (irqchip && !device_create(vm, &kvm_clock_class, NULL, errp)) {
        return false;
    }
    if (microvm_has_acpi(mvm) && !microvm_create_acpi(machine, rtc, errp)) {
        return false;
    }
    if (mvm->pic != ON_OFF_AUTO_OFF && !x86_create_pics(machine, errp)) {
        return false;
    }
    if (mvm->pit != ON_OFF_AUTO_OFF && !x86_create_pit(machine, errp)) {
        return false;
    }
    if (rtc && !x86_create_rtc(machine, errp)) {
        return false;
    }
    return !mvm->isa_serial || machine_create_serials(machine, 1, errp);
}

static const Property microvm_props[] = {
    { "acpi", PROP_ONOFFAUTO, offsetof(MicrovmMachine, acpi), "auto",
      "ACPI tables and event device; auto: on" },
    { "pic", PROP_ONOFFAUTO, offsetof(MicrovmMachine, pic), "auto",
      "8259A interrupt controllers" },
    { "pit", PROP_ONOFFAUTO, offsetof(MicrovmMachine, pit), "auto",
      "8254 timer" },
    { "rtc", PROP_ONOFFAUTO, offsetof(MicrovmMachine, rtc), "auto",
      "real-time clock; auto: not with KVM" },
    { "ioapic2", PROP_ONOFFAUTO, offsetof(MicrovmMachine, ioapic2), "auto",
      "second I/O APIC; auto: if there is ACPI" },
    { "isa-serial", PROP_BOOL, offsetof(MicrovmMachine, isa_serial), "on",
      "serial port" },
    { "x-option-roms", PROP_BOOL, offsetof(MicrovmMachine, x_option_roms),
      "off", "option ROMs; only off" },
    { "auto-kernel-cmdline", PROP_BOOL,
      offsetof(MicrovmMachine, auto_kernel_cmdline), "off",
      "adds devices to the kernel's command line; only off" },
    { "usb", PROP_BOOL, offsetof(MicrovmMachine, usb), "off", "only off" },
    { "graphics", PROP_BOOL, offsetof(MicrovmMachine, graphics), "on",
      "no effect: there is no display" },
    { 0 },
};

const MachineClass microvm_machine_class = {
    .parent = {
        .name = "microvm-machine",
        .parent = &machine_base_class,
        .instance_size = sizeof(MicrovmMachine),
        .props = microvm_props,
        .description = "microvm (i386)",
    },
    .name = "microvm",
    .description = "microvm (i386)",
    .max_cpus = 288,
    .default_ram_bytes = 128 * MiB,
    .default_ram_id = "microvm.ram",
    .default_cpu_type = "max-x86_64-cpu",
    .init = microvm_init,
    .done = x86_machine_done,
};
