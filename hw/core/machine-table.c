/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine types, in the order query-machines lists them. */
#include "qemu/osdep.h"
#include "hw/core/machine-classes.h"

const MachineClass *const machine_class_table[] = {
    &null_machine_class,
    &microvm_machine_class,
    &pc_q35_10_0_machine_class,
    &pc_q35_9_2_machine_class,
    &pc_q35_9_1_machine_class,
    &pc_q35_9_0_machine_class,
    &pc_q35_8_2_machine_class,
    &pc_q35_8_1_machine_class,
    &pc_q35_8_0_machine_class,
    &pc_q35_7_2_machine_class,
    NULL,
};
