/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI power management registers. BQL. */
#ifndef HW_ACPI_PM_H
#define HW_ACPI_PM_H

#include "hw/core/device.h"
#include "hw/core/irq.h"

typedef struct ACPIPM {
    DeviceState dev;
    IRQLine sci;
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    uint8_t apm_command, apm_data;
} ACPIPM;

/* @opaque is the ACPIPM. */
void acpi_pm_power_button(void *opaque);

#endif
