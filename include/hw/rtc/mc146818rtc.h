/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real-time clock and CMOS memory. BQL. */
#ifndef HW_RTC_MC146818RTC_H
#define HW_RTC_MC146818RTC_H

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "system/clock.h"

#define RTC_CMOS_BYTES 128

typedef struct RTCState {
    DeviceState dev;
    IRQLine irq;
    uint8_t cmos_data[RTC_CMOS_BYTES];
    uint8_t cmos_index;
    VMTimer *periodic_timer;
    int64_t next_periodic_time; /* virtual ns */
    uint32_t irq_coalesced;     /* a peer's; not used */
    uint32_t period;            /* of 32768 Hz ticks */
    /* Guest seconds at host time last_update (ns), and ns to add. */
    uint64_t base_rtc;
    uint64_t last_update;
    int64_t offset;
    VMTimer *update_timer;
    uint64_t next_alarm_time;   /* a peer's; not used */
} RTCState;

/* What a board tells firmware and guests: memory sizes and the like. */
void mc146818rtc_set_cmos(RTCState *s, unsigned index, uint8_t value);

#endif
