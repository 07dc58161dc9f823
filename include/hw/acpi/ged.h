/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Generic event device of boards with hardware-reduced ACPI. BQL. */
#ifndef HW_ACPI_GED_H
#define HW_ACPI_GED_H

#include "hw/core/device.h"
#include "hw/core/irq.h"

#define ACPI_GED_BASE 0xfea00000ULL
#define ACPI_GED_REGS (ACPI_GED_BASE + 0x200)
/* Of the registers. */
#define ACPI_GED_SLEEP_CONTROL 0
#define ACPI_GED_SLEEP_STATUS 1
#define ACPI_GED_RESET 2
#define ACPI_GED_RESET_VALUE 0x42
#define ACPI_GED_SLEEP_TYPE_S5 5
/* Bits of the event word. */
#define ACPI_GED_POWER_BUTTON BIT(1)

typedef struct ACPIGedEvents {
    uint32_t sel; /* what happened since it was read last */
} ACPIGedEvents;

/* Of boards with memory slots; here it is always 0. */
typedef struct ACPIGedMemory {
    uint32_t selector;
} ACPIGedMemory;

typedef struct ACPIGed {
    DeviceState dev;
    IRQLine irq; /* rises once for each event */
    ACPIGedEvents ged_state;
    ACPIGedMemory memhp_state;
} ACPIGed;

#endif
