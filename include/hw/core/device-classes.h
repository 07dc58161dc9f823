/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every device model, for the class table and for boards. */
#ifndef HW_CORE_DEVICE_CLASSES_H
#define HW_CORE_DEVICE_CLASSES_H

#include "hw/core/device.h"

extern const DeviceClass acpi_ged_class;
extern const DeviceClass acpi_pm_class;
extern const DeviceClass apic_class;
extern const DeviceClass debugcon_class;
extern const DeviceClass debug_exit_class;
extern const DeviceClass fw_cfg_class;
extern const DeviceClass i8042_class;
extern const DeviceClass i8254_class;
extern const DeviceClass i8259_class;
extern const DeviceClass ide_hd_class;
extern const DeviceClass ioapic_class;
extern const DeviceClass kvm_apic_class;
extern const DeviceClass kvm_clock_class;
extern const DeviceClass kvm_i8254_class;
extern const DeviceClass kvm_i8259_class;
extern const DeviceClass kvm_ioapic_class;
extern const DeviceClass kvmvapic_class;
extern const DeviceClass mc146818rtc_class;
extern const DeviceClass pcspk_class;
extern const DeviceClass port92_class;
extern const DeviceClass q35_pcihost_class;
extern const DeviceClass serial_isa_class;

#endif
