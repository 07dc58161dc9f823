/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every machine type, for the machine table and the class table. */
#ifndef HW_CORE_MACHINE_CLASSES_H
#define HW_CORE_MACHINE_CLASSES_H

#include "hw/core/boards.h"

extern const MachineClass null_machine_class;
extern const MachineClass microvm_machine_class;
extern const MachineClass pc_q35_10_0_machine_class;
extern const MachineClass pc_q35_9_2_machine_class;
extern const MachineClass pc_q35_9_1_machine_class;
extern const MachineClass pc_q35_9_0_machine_class;
extern const MachineClass pc_q35_8_2_machine_class;
extern const MachineClass pc_q35_8_1_machine_class;
extern const MachineClass pc_q35_8_0_machine_class;
extern const MachineClass pc_q35_7_2_machine_class;

#endif
