/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC board `q35`, a subset: what boot sectors and kernels need without
 * firmware. VGA text memory at 0xb8000 is RAM like the rest below 1 MiB.
 * Each version carries the migration defaults of its time. BQL.
 */
#include "qemu/osdep.h"
#include "hw/acpi/pm.h"
#include "hw/core/device-classes.h"
#include "hw/core/machine-classes.h"
#include "hw/i386/x86.h"
#include "hw/input/i8042.h"
#include "hw/rtc/mc146818rtc.h"
#include "qapi/qapi-types-common.h"
#include "system/accel.h"
#include "system/memory.h"

#define Q35_DEFAULT_FIRMWARE_BYTES (256 * KiB)
#define Q35_SCI_IRQ 9

typedef struct Q35Machine {
    Machine machine;
    bool usb, graphics, hpet;
    int vmport, smm; /* OnOffAuto */
} Q35Machine;

static bool q35_check_props(const Q35Machine *q35, Error **errp)
{
    const char *name = q35->usb                          ? "usb"
                       : q35->hpet                       ? "hpet"
                       : q35->vmport == ON_OFF_AUTO_ON ? "vmport"
                       : q35->smm == ON_OFF_AUTO_ON    ? "smm"
                                                         : NULL;

    if (name) {
        error_setg(errp, "q35: %s=on is not supported; use %s=off", name,
                   name);
        return false;
    }
    return true;
}

static bool q35_create_rtc(Machine *machine, Error **errp)
{
    RTCState *rtc = x86_create_rtc(machine, errp);

    if (!rtc) {
        return false;
    }
    mc146818rtc_set_cmos(rtc, 0x14, 0x06);
    mc146818rtc_set_cmos(rtc, 0x5f, machine->parent.vm->smp_cpus - 1);
    return true;
}

static bool q35_create_legacy(Machine *machine, Error **errp)
{
    VM *vm = machine->parent.vm;
    DeviceState *dev;

    dev = device_create(vm, &pcspk_class, NULL, errp);
    if (!dev) {
        return false;
    }
    container_of(dev, PCSpeaker, dev)->pit = x86_board(machine)->pit;
    if (!machine_create_serials(machine, MACHINE_MAX_SERIALS, errp)) {
        return false;
    }
    dev = device_create(vm, &i8042_class, NULL, errp);
    if (!dev) {
        return false;
    }
    container_of(dev, I8042State, dev)->irq = machine->gsi[1];
    dev = device_create(vm, &acpi_pm_class, NULL, errp);
    if (!dev) {
        return false;
    }
    container_of(dev, ACPIPM, dev)->sci = machine->gsi[Q35_SCI_IRQ];
    return device_create(vm, &port92_class, NULL, errp) &&
           device_create(vm, &q35_pcihost_class, NULL, errp);
}

static bool q35_init(Machine *machine, Error **errp)
{
    const X86RamLayout layout = { 2816 * MiB - 1, 2 * GiB };
    VM *vm = machine->parent.vm;

    if (!q35_check_props(container_of(machine, Q35Machine, machine), errp) ||
        !x86_map_ram(machine, layout, errp) ||
        !x86_map_firmware(machine, Q35_DEFAULT_FIRMWARE_BYTES, true, errp)) {
        return false;
    }
    x86_wire_gsi(machine);
    if (!x86_create_cpus(machine, errp) || !x86_create_apics(machine, errp)) {
        return false;
    }
    if (vm->accel->ops->irqchip &&
        !device_create(vm, &kvm_clock_class, NULL, errp)) {
        return false;
    }
    return x86_create_fw_cfg(machine, errp) &&
           q35_create_rtc(machine, errp) && x86_create_pics(machine, errp) &&
           x86_create_ioapic(machine, errp) &&
           x86_create_pit(machine, errp) && q35_create_legacy(machine, errp);
}

static const Property q35_props[] = {
    { "usb", PROP_BOOL, offsetof(Q35Machine, usb), "off", "only off" },
    { "graphics", PROP_BOOL, offsetof(Q35Machine, graphics), "on",
      "no effect: there is no display" },
    { "hpet", PROP_BOOL, offsetof(Q35Machine, hpet), "off", "only off" },
    { "vmport", PROP_ONOFFAUTO, offsetof(Q35Machine, vmport), "auto",
      "only off" },
    { "smm", PROP_ONOFFAUTO, offsetof(Q35Machine, smm), "auto", "only off" },
    { 0 },
};

/*
 * Defaults of `migration` that changed in the release after the version; of
 * those, the ones whose feature is here.
 */
#define Q35_COMPAT_9_2 { "migration", "send-switchover-start", "off" }
#define Q35_COMPAT_8_2 { "migration", "zero-page-detection", "legacy" }
#define Q35_COMPAT_8_0                                                         \
    { "migration", "multifd-flush-after-each-section", "on" }

static const GlobalProp q35_compat_9_2[] = { Q35_COMPAT_9_2, { 0 } };
static const GlobalProp q35_compat_8_2[] = { Q35_COMPAT_9_2, Q35_COMPAT_8_2,
                                             { 0 } };
static const GlobalProp q35_compat_8_0[] = { Q35_COMPAT_9_2, Q35_COMPAT_8_2,
                                             Q35_COMPAT_8_0, { 0 } };

#define DEFINE_Q35(_symbol, _version, _alias, _compat)                         \
    const MachineClass _symbol = {                                             \
        .parent = {                                                            \
            .name = "pc-q35-" _version "-machine",                             \
            .parent = &machine_base_class,                                     \
            .instance_size = sizeof(Q35Machine),                               \
            .props = q35_props,                                                \
            .description = "Standard PC (Q35 + ICH9, 2009)",                   \
        },                                                                     \
        .name = "pc-q35-" _version,                                            \
        .alias = (_alias),                                                     \
        .is_default = (_alias) != NULL,                                        \
        .description = "Standard PC (Q35 + ICH9, 2009)",                       \
        .max_cpus = 255,                                                       \
        .default_ram_bytes = 128 * MiB,                                        \
        .default_ram_id = "pc.ram",                                            \
        .default_cpu_type = "max-x86_64-cpu",                                  \
        .compat_props = (_compat),                                             \
        .init = q35_init,                                                      \
        .done = x86_machine_done,                                              \
    }

DEFINE_Q35(pc_q35_10_0_machine_class, "10.0", "q35", NULL);
DEFINE_Q35(pc_q35_9_2_machine_class, "9.2", NULL, q35_compat_9_2);
DEFINE_Q35(pc_q35_9_1_machine_class, "9.1", NULL, q35_compat_9_2);
DEFINE_Q35(pc_q35_9_0_machine_class, "9.0", NULL, q35_compat_9_2);
DEFINE_Q35(pc_q35_8_2_machine_class, "8.2", NULL, q35_compat_8_2);
DEFINE_Q35(pc_q35_8_1_machine_class, "8.1", NULL, q35_compat_8_2);
DEFINE_Q35(pc_q35_8_0_machine_class, "8.0", NULL, q35_compat_8_0);
DEFINE_Q35(pc_q35_7_2_machine_class, "7.2", NULL, q35_compat_8_0);
