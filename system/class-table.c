/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The classes of objects and devices that this program has. */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "system/hostmem.h"
#include "target/i386/cpu.h"

const ObjectClass *const object_class_table[] = {
    &memory_backend_class,
    &memory_backend_file_class,
    &memory_backend_memfd_class,
    &memory_backend_ram_class,
    &device_class,
    &acpi_ged_class.parent,
    &acpi_pm_class.parent,
    &apic_class.parent,
    &debugcon_class.parent,
    &debug_exit_class.parent,
    &fw_cfg_class.parent,
    &i8042_class.parent,
    &i8254_class.parent,
    &i8259_class.parent,
    &ide_hd_class.parent,
    &ioapic_class.parent,
    &kvm_apic_class.parent,
    &kvm_clock_class.parent,
    &kvm_i8254_class.parent,
    &kvm_i8259_class.parent,
    &kvm_ioapic_class.parent,
    &kvmvapic_class.parent,
    &mc146818rtc_class.parent,
    &pcspk_class.parent,
    &port92_class.parent,
    &q35_pcihost_class.parent,
    &serial_isa_class.parent,
    &cpu_class,
    &x86_cpu_class,
    &x86_cpu_max_class,
    NULL,
};
