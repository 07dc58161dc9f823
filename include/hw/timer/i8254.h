/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's interval timer, emulated or an accelerator's. BQL. */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/i386/irqchip.h"

#include "system/clock.h"

#define PIT_FREQUENCY_HZ 1193182

typedef struct PITDevice {
    DeviceState dev;
    I8254State s;
    VMTimer *timer; /* channel 0's next interrupt */
    IRQLine irq;
} PITDevice;

/* The speaker port 0x61, which shows channel 2. */
typedef struct PCSpeaker {
    DeviceState dev;
    PITDevice *pit;
    uint8_t data_on;
    uint8_t dummy_refresh_clock;
} PCSpeaker;

extern const VMStateField vmstate_i8254_fields[];

void i8254_init_state(I8254State *s, int64_t now_ns);

/* Gate input of channel 2. */
void i8254_set_gate(PITDevice *pit, unsigned channel, bool level);
/* Level of a channel's output now. */
bool i8254_get_out(PITDevice *pit, unsigned channel);

#endif
