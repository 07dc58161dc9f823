/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disk a board boots from. BQL. */
#ifndef HW_IDE_IDE_HD_H
#define HW_IDE_IDE_HD_H

#include "hw/core/device.h"

struct Drive;

typedef struct IDEDisk {
    DeviceState dev;
    char *drive_id;
    uint32_t cyls, heads, secs;
    uint32_t bootindex;
    struct Drive *drive; /* once realized */
} IDEDisk;

#endif
