/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the x86 boards share: RAM layout, interrupt controllers, firmware and
 * booting without it. BQL, machine build.
 */
#ifndef HW_I386_X86_H
#define HW_I386_X86_H

#include "hw/core/boards.h"
#include "hw/intc/intc.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/rtc/mc146818rtc.h"
#include "hw/timer/i8254.h"

/* How a CPU begins where no firmware sets it up. */
typedef struct X86Entry {
    bool direct;           /* false: at the reset vector */
    bool protected_mode;   /* flat 32-bit; else real mode at CS 0 */
    uint32_t eip, esp, ebx, esi, edx;
} X86Entry;

/* How a board lays out RAM: in one piece up to a size, else in two. */
typedef struct X86RamLayout {
    uint64_t unsplit_bytes;
    uint64_t split_bytes; /* of the first piece */
} X86RamLayout;

typedef struct X86Board {
    X86RamLayout ram_layout;
    PICDevice *pic;    /* master, or NULL */
    APICDevice *apic;  /* CPU 0's */
    IOAPICDevice *ioapic;
    PITDevice *pit;    /* NULL: none, or the accelerator's */
    FwCfg *fw_cfg;
    X86Entry entry;
} X86Board;

/* Where RAM is: up to @below_4g from 0, the rest from 4 GiB. */
typedef struct X86RamSplit {
    uint64_t below_4g_bytes;
    uint64_t above_4g_bytes;
} X86RamSplit;

/* Entry of the memory map given to kernels. */
typedef struct X86E820Entry {
    uint64_t base;
    uint64_t size_bytes;
    uint32_t type; /* 1 RAM, 2 reserved */
} X86E820Entry;

#define X86_E820_MAX 8

X86Board *x86_board(Machine *machine);
X86RamSplit x86_ram_split(const Machine *machine);
unsigned x86_e820(const Machine *machine, X86E820Entry out[X86_E820_MAX]);

/* Before anything asks where RAM is. */
bool x86_map_ram(Machine *machine, X86RamLayout layout, Error **errp);

/*
 * Block `pc.bios` below 4 GiB and its end below 1 MiB: -bios FILE, or a
 * program of @default_bytes that halts. @rom: guests can not write it.
 */
bool x86_map_firmware(Machine *machine, size_t default_bytes, bool rom,
                      Error **errp);

/* vCPUs with their sections; fw_cfg must be there first on microvm. */
bool x86_create_cpus(Machine *machine, Error **errp);
bool x86_create_fw_cfg(Machine *machine, Error **errp);

/* Section order is that of calls. Emulated or the accelerator's. */
bool x86_create_apics(Machine *machine, Error **errp);
bool x86_create_ioapic(Machine *machine, Error **errp);
bool x86_create_pics(Machine *machine, Error **errp);
bool x86_create_pit(Machine *machine, Error **errp);
/* The clock, whose memory tells the firmware the size of RAM. */
RTCState *x86_create_rtc(Machine *machine, Error **errp);

/* Connects machine->gsi[] to the controllers made above. */
void x86_wire_gsi(Machine *machine);

/* The MachineClass.done of both boards: finds what to boot. */
bool x86_machine_done(Machine *machine, Error **errp);

/* --- Ways to boot; each fills in board->entry -------------------------------- */

/* Linux boot protocol or PVH, by what the file is. */
bool x86_load_kernel(Machine *machine, Error **errp);
bool x86_load_linux(Machine *machine, const uint8_t *image, size_t len_bytes,
                    Error **errp);
bool x86_load_pvh(Machine *machine, const uint8_t *image, size_t len_bytes,
                  Error **errp);
/* The boot disk's first sector. */
bool x86_load_boot_sector(Machine *machine, Error **errp);

#endif
