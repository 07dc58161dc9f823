/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of hw/rtc/mc146818rtc.c. */
#include "qemu/osdep.h"
#include "hw/rtc/mc146818rtc.h"
#include "hw-double.h"

static uint8_t cmos_read(VM *vm, uint8_t index)
{
    ioport_write(vm, 0x70, index, 1);
    return ioport_read(vm, 0x71, 1);
}

static void cmos_write(VM *vm, uint8_t index, uint8_t value)
{
    ioport_write(vm, 0x70, index, 1);
    ioport_write(vm, 0x71, value, 1);
}

static void test_set_time(void)
{
    VM *vm = hw_double_new(0);

    hw_double_add(vm, &mc146818rtc_class, NULL);
    g_assert_cmphex(cmos_read(vm, 0x0d), ==, 0x80);
    cmos_write(vm, 0x0b, 0x82); /* hold, 24 hours, BCD */
    cmos_write(vm, 0x09, 0x24);
    cmos_write(vm, 0x32, 0x20);
    cmos_write(vm, 0x08, 0x02);
    cmos_write(vm, 0x07, 0x29);
    cmos_write(vm, 0x04, 0x12);
    cmos_write(vm, 0x02, 0x34);
    cmos_write(vm, 0x00, 0x00);
    cmos_write(vm, 0x0b, 0x02);
    g_assert_cmphex(cmos_read(vm, 0x07), ==, 0x29);
    g_assert_cmphex(cmos_read(vm, 0x06), ==, 0x05); /* a Thursday */
    g_assert_cmphex(cmos_read(vm, 0x04), ==, 0x12);
    cmos_write(vm, 0x0b, 0x06); /* binary */
    g_assert_cmpuint(cmos_read(vm, 0x09), ==, 24);
    hw_double_free(vm);
}

static void test_periodic(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    DeviceState *dev = hw_double_add(vm, &mc146818rtc_class, NULL);

    container_of(dev, RTCState, dev)->irq = (IRQLine){ line_probe_set, &probe,
                                                       8 };
    cmos_write(vm, 0x0b, 0x42);
    clock_advance_to(vm, clock_virtual_ns(vm) + 2000000);
    g_assert_true(probe.level);
    g_assert_cmphex(cmos_read(vm, 0x0c), ==, 0xc0);
    g_assert_false(probe.level);
    hw_double_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mc146818rtc/set-time", test_set_time);
    g_test_add_func("/mc146818rtc/periodic", test_periodic);
    return g_test_run();
}
