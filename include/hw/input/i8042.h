/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyboard controller. BQL. */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/core/device.h"
#include "hw/core/irq.h"

typedef struct I8042State {
    DeviceState dev;
    IRQLine irq;
    uint8_t write_cmd; /* command whose octet is still to come */
    uint8_t status;
    uint8_t mode;
    uint8_t pending_tmp;
    uint8_t outport;
    uint32_t migration_flags, obsrc;
    uint8_t obdata, cbdata;
    uint8_t queue[4]; /* only the first migrates */
    uint8_t queue_len;
    uint8_t kbd_param; /* keyboard command that waits for its parameter */
} I8042State;

#endif
