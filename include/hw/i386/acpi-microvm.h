/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables of the board `microvm`. BQL, machine build. */
#ifndef HW_I386_ACPI_MICROVM_H
#define HW_I386_ACPI_MICROVM_H

#include "hw/i386/x86.h"

/* What the tables describe besides fw_cfg and the event device. */
typedef struct MicrovmACPI {
    unsigned cpus;
    bool ioapic2;
    bool rtc;
    bool serial;
} MicrovmACPI;

#define MICROVM_GED_GSI 9
#define MICROVM_IOAPIC_BASE 0xfec00000U
#define MICROVM_IOAPIC2_BASE 0xfec10000U

/*
 * Builds the tables, the root pointer and the loader's script that places
 * and links them, each as a block of RAM (so that a guest that moves keeps
 * those of the machine it started on) and a file of fw_cfg.
 */
bool microvm_add_acpi(Machine *machine, const MicrovmACPI *what,
                      Error **errp);

#endif
