/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 clock and CMOS memory. Time is the host's, UTC, plus what the
 * guest set; periodic, update and alarm interrupts. Registers: Motorola
 * MC146818A data sheet. Section `mc146818rtc` v3. BQL.
 */
#include "qemu/osdep.h"
#include <time.h>
#include "hw/core/device-classes.h"
#include "hw/rtc/mc146818rtc.h"
#include "system/ioport.h"

enum {
    RTC_SECONDS, RTC_SECONDS_ALARM, RTC_MINUTES, RTC_MINUTES_ALARM, RTC_HOURS,
    RTC_HOURS_ALARM, RTC_DAY_OF_WEEK, RTC_DAY_OF_MONTH, RTC_MONTH, RTC_YEAR,
    RTC_REG_A, RTC_REG_B, RTC_REG_C, RTC_REG_D, RTC_CENTURY = 0x32,
};

#define REG_A_UIP 0x80
#define REG_B_SET 0x80
#define REG_B_PIE 0x40
#define REG_B_AIE 0x20
#define REG_B_UIE 0x10
#define REG_B_BINARY 0x04
#define REG_B_24H 0x02
#define REG_C_IRQF 0x80
#define REG_C_PF 0x40
#define REG_C_AF 0x20
#define REG_C_UF 0x10

#define RTC_CLOCK_HZ 32768
#define RTC_UIP_HOLD_NS 244000

static int64_t rtc_host_ns(void)
{
    return g_get_real_time() * 1000;
}

/* Guest time in ns since 1970. */
static int64_t rtc_guest_ns(const RTCState *s)
{
    return (int64_t)(s->base_rtc * NANOSECONDS_PER_SECOND +
                     (uint64_t)rtc_host_ns() - s->last_update +
                     (uint64_t)s->offset);
}

static uint8_t rtc_encode(const RTCState *s, unsigned value)
{
    if (s->cmos_data[RTC_REG_B] & REG_B_BINARY) {
        return value;
    }
    return ((value / 10) << 4) | (value % 10);
}

static unsigned rtc_decode(const RTCState *s, uint8_t value)
{
    if (s->cmos_data[RTC_REG_B] & REG_B_BINARY) {
        return value;
    }
    return (value >> 4) * 10 + (value & 0xf);
}

/* Registers from the clock. */
static void rtc_read_time(RTCState *s)
{
    time_t seconds = rtc_guest_ns(s) / NANOSECONDS_PER_SECOND;
    unsigned hour;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm)) {
        return;
    }
    hour = tm.tm_hour;
    s->cmos_data[RTC_SECONDS] = rtc_encode(s, tm.tm_sec);
    s->cmos_data[RTC_MINUTES] = rtc_encode(s, tm.tm_min);
    if (s->cmos_data[RTC_REG_B] & REG_B_24H) {
        s->cmos_data[RTC_HOURS] = rtc_encode(s, hour);
    } else {
        s->cmos_data[RTC_HOURS] = rtc_encode(s, hour % 12 ? hour % 12 : 12) |
                                  (hour >= 12 ? 0x80 : 0);
    }
    s->cmos_data[RTC_DAY_OF_WEEK] = rtc_encode(s, tm.tm_wday + 1);
    s->cmos_data[RTC_DAY_OF_MONTH] = rtc_encode(s, tm.tm_mday);
    s->cmos_data[RTC_MONTH] = rtc_encode(s, tm.tm_mon + 1);
    s->cmos_data[RTC_YEAR] = rtc_encode(s, tm.tm_year % 100);
    s->cmos_data[RTC_CENTURY] = rtc_encode(s, (tm.tm_year + 1900) / 100);
}

/* The clock from the registers. */
static void rtc_set_time(RTCState *s)
{
    uint8_t hours = s->cmos_data[RTC_HOURS];
    struct tm tm = {
        .tm_sec = rtc_decode(s, s->cmos_data[RTC_SECONDS]),
        .tm_min = rtc_decode(s, s->cmos_data[RTC_MINUTES]),
        .tm_hour = rtc_decode(s, hours & 0x7f),
        .tm_mday = rtc_decode(s, s->cmos_data[RTC_DAY_OF_MONTH]),
        .tm_mon = rtc_decode(s, s->cmos_data[RTC_MONTH]) - 1,
        .tm_year = rtc_decode(s, s->cmos_data[RTC_YEAR]) +
                   rtc_decode(s, s->cmos_data[RTC_CENTURY]) * 100 - 1900,
    };

    if (!(s->cmos_data[RTC_REG_B] & REG_B_24H)) {
        tm.tm_hour = tm.tm_hour % 12 + ((hours & 0x80) ? 12 : 0);
    }
    s->base_rtc = timegm(&tm);
    s->last_update = rtc_host_ns();
    s->offset = 0;
}

static void rtc_raise(RTCState *s, uint8_t flags)
{
    s->cmos_data[RTC_REG_C] |= flags;
    if (s->cmos_data[RTC_REG_C] & s->cmos_data[RTC_REG_B] & 0x70) {
        s->cmos_data[RTC_REG_C] |= REG_C_IRQF;
        irq_set(&s->irq, true);
    }
}

/* --- Interrupts, in virtual time --------------------------------------------- */

static void rtc_arm_periodic(RTCState *s)
{
    unsigned rate = s->cmos_data[RTC_REG_A] & 0xf;
    int64_t now = clock_virtual_ns(s->dev.parent.vm);
    int64_t period_ns;

    if (!rate || !(s->cmos_data[RTC_REG_B] & REG_B_PIE)) {
        s->period = 0;
        vm_timer_del(s->periodic_timer);
        return;
    }
    rate = rate <= 2 ? rate + 7 : rate;
    s->period = 1U << (rate - 1);
    period_ns = NANOSECONDS_PER_SECOND * s->period / RTC_CLOCK_HZ;
    s->next_periodic_time = (now / period_ns + 1) * period_ns;
    vm_timer_mod(s->periodic_timer, s->next_periodic_time);
}

static void rtc_periodic_fired(void *opaque)
{
    RTCState *s = opaque;

    rtc_raise(s, REG_C_PF);
    rtc_arm_periodic(s);
}

static void rtc_arm_update(RTCState *s)
{
    int64_t fraction = rtc_guest_ns(s) % NANOSECONDS_PER_SECOND;

    if ((s->cmos_data[RTC_REG_B] & REG_B_SET) ||
        !(s->cmos_data[RTC_REG_B] & (REG_B_UIE | REG_B_AIE))) {
        vm_timer_del(s->update_timer);
        return;
    }
    vm_timer_mod(s->update_timer, clock_virtual_ns(s->dev.parent.vm) +
                 NANOSECONDS_PER_SECOND - fraction);
}

/* Two high bits set in an alarm register: any value matches. */
static bool rtc_alarm_part(const RTCState *s, unsigned reg)
{
    return s->cmos_data[reg + 1] >= 0xc0 ||
           s->cmos_data[reg + 1] == s->cmos_data[reg];
}

static void rtc_update_fired(void *opaque)
{
    RTCState *s = opaque;
    uint8_t flags = REG_C_UF;

    rtc_read_time(s);
    if (rtc_alarm_part(s, RTC_SECONDS) && rtc_alarm_part(s, RTC_MINUTES) &&
        rtc_alarm_part(s, RTC_HOURS)) {
        flags |= REG_C_AF;
    }
    rtc_raise(s, flags);
    rtc_arm_update(s);
}

/* --- Ports --------------------------------------------------------------------- */

static void rtc_write_reg_b(RTCState *s, uint8_t value)
{
    uint8_t old = s->cmos_data[RTC_REG_B];

    if (!(old & REG_B_SET)) {
        rtc_read_time(s);
    }
    s->cmos_data[RTC_REG_B] = value;
    if ((old & REG_B_SET) && !(value & REG_B_SET)) {
        rtc_set_time(s);
    }
    rtc_arm_periodic(s);
    rtc_arm_update(s);
}

static void rtc_write_data(RTCState *s, uint8_t value)
{
    unsigned index = s->cmos_index;

    switch (index) {
    case RTC_SECONDS:
    case RTC_MINUTES:
    case RTC_HOURS:
    case RTC_DAY_OF_WEEK:
    case RTC_DAY_OF_MONTH:
    case RTC_MONTH:
    case RTC_YEAR:
    case RTC_CENTURY:
        if (!(s->cmos_data[RTC_REG_B] & REG_B_SET)) {
            rtc_read_time(s);
            s->cmos_data[index] = value;
            rtc_set_time(s);
        }
        s->cmos_data[index] = value;
        break;
    case RTC_REG_A:
        s->cmos_data[RTC_REG_A] = value & ~REG_A_UIP;
        rtc_arm_periodic(s);
        break;
    case RTC_REG_B:
        rtc_write_reg_b(s, value);
        break;
    case RTC_REG_C:
    case RTC_REG_D:
        break;
    default:
        s->cmos_data[index] = value;
        break;
    }
}

static void rtc_write(void *opaque, uint16_t port, uint32_t value,
                      unsigned size_bytes)
{
    RTCState *s = opaque;

    if (port & 1) {
        rtc_write_data(s, value);
    } else {
        s->cmos_index = value & 0x7f;
    }
}

static uint32_t rtc_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    RTCState *s = opaque;
    unsigned index = s->cmos_index;
    uint8_t value;

    if (!(port & 1)) {
        return 0xff;
    }
    if ((index <= RTC_YEAR || index == RTC_CENTURY) &&
        !(s->cmos_data[RTC_REG_B] & REG_B_SET)) {
        rtc_read_time(s);
    }
    value = s->cmos_data[index];
    if (index == RTC_REG_A && !(s->cmos_data[RTC_REG_B] & REG_B_SET) &&
        rtc_guest_ns(s) % NANOSECONDS_PER_SECOND >=
            NANOSECONDS_PER_SECOND - RTC_UIP_HOLD_NS) {
        value |= REG_A_UIP;
    }
    if (index == RTC_REG_C) {
        s->cmos_data[RTC_REG_C] = 0;
        irq_set(&s->irq, false);
    }
    return value;
}

static const IOPortOps rtc_ops = {
    .name = "rtc",
    .read = rtc_read,
    .write = rtc_write,
};

void mc146818rtc_set_cmos(RTCState *s, unsigned index, uint8_t value)
{
    s->cmos_data[index] = value;
}

static bool rtc_realize(DeviceState *dev, Error **errp)
{
    RTCState *s = container_of(dev, RTCState, dev);
    VM *vm = dev->parent.vm;

    s->cmos_data[RTC_REG_A] = 0x26;
    s->cmos_data[RTC_REG_B] = REG_B_24H;
    s->cmos_data[RTC_REG_D] = 0x80;
    s->last_update = rtc_host_ns();
    s->base_rtc = s->last_update / NANOSECONDS_PER_SECOND;
    s->offset = s->last_update % NANOSECONDS_PER_SECOND;
    if (!ioport_register(vm, 0x70, 2, &rtc_ops, s, errp)) {
        return false;
    }
    s->periodic_timer = vm_timer_new(vm, rtc_periodic_fired, s);
    s->update_timer = vm_timer_new(vm, rtc_update_fired, s);
    rtc_read_time(s);
    return true;
}

static void rtc_unrealize(DeviceState *dev)
{
    RTCState *s = container_of(dev, RTCState, dev);

    vm_timer_free(s->periodic_timer);
    vm_timer_free(s->update_timer);
}

static void rtc_reset(DeviceState *dev)
{
    RTCState *s = container_of(dev, RTCState, dev);

    s->cmos_data[RTC_REG_B] &= ~(REG_B_PIE | REG_B_AIE | REG_B_UIE);
    s->cmos_data[RTC_REG_C] = 0;
    irq_set(&s->irq, false);
    rtc_arm_periodic(s);
    rtc_arm_update(s);
}

static bool rtc_pre_save(void *opaque, Error **errp)
{
    rtc_read_time(opaque);
    return true;
}

/* The timers of other emulators count host time; ours are computed anew. */
static bool rtc_post_load(void *opaque, int version_id, Error **errp)
{
    RTCState *s = opaque;

    s->cmos_index &= 0x7f;
    if (version_id < 3) {
        rtc_set_time(s);
    }
    rtc_arm_periodic(s);
    rtc_arm_update(s);
    return true;
}

static const VMStateDescription vmstate_rtc = {
    .name = "mc146818rtc",
    .version_id = 3,
    .minimum_version_id = 1,
    .pre_save = rtc_pre_save,
    .post_load = rtc_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_BUFFER(cmos_data, RTCState),
        VMSTATE_UINT8(cmos_index, RTCState),
        VMSTATE_UNUSED(28),
        VMSTATE_TIMER_PTR(periodic_timer, RTCState),
        VMSTATE_INT64(next_periodic_time, RTCState),
        VMSTATE_UNUSED(24),
        VMSTATE_UINT32_V(irq_coalesced, RTCState, 2),
        VMSTATE_UINT32_V(period, RTCState, 2),
        VMSTATE_UINT64_V(base_rtc, RTCState, 3),
        VMSTATE_UINT64_V(last_update, RTCState, 3),
        VMSTATE_INT64_V(offset, RTCState, 3),
        VMSTATE_TIMER_PTR_V(update_timer, RTCState, 3),
        VMSTATE_UINT64_V(next_alarm_time, RTCState, 3),
        VMSTATE_END_OF_LIST(),
    },
};

const DeviceClass mc146818rtc_class = {
    .parent = {
        .name = "mc146818rtc",
        .parent = &device_class,
        .instance_size = sizeof(RTCState),
        .description = "real-time clock and CMOS memory",
    },
    .realize = rtc_realize,
    .unrealize = rtc_unrealize,
    .reset = rtc_reset,
    .vmsd = &vmstate_rtc,
};
