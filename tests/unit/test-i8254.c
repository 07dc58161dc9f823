/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of hw/timer/i8254.c and hw/audio/pcspk.c. */
#include "qemu/osdep.h"
#include "hw/timer/i8254.h"
#include "hw-double.h"

static PITDevice *pit_add(VM *vm, LineProbe *probe)
{
    PITDevice *pit = container_of(hw_double_add(vm, &i8254_class, NULL),
                                  PITDevice, dev);
    PCSpeaker *spk = container_of(hw_double_add(vm, &pcspk_class, NULL),
                                  PCSpeaker, dev);

    spk->pit = pit;
    pit->irq = (IRQLine){ line_probe_set, probe, 0 };
    return pit;
}

static void pass_ms(VM *vm, int64_t ms)
{
    clock_advance_to(vm, clock_virtual_ns(vm) + ms * 1000000);
}

/* One-shot on channel 2 through port 0x61, as calibration loops do it. */
static void test_calibration(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    uint16_t count = PIT_FREQUENCY_HZ / 20; /* 50 ms */

    pit_add(vm, &probe);
    ioport_write(vm, 0x61, 0x01, 1);
    ioport_write(vm, 0x43, 0xb0, 1);
    ioport_write(vm, 0x42, count & 0xff, 1);
    ioport_write(vm, 0x42, count >> 8, 1);
    g_assert_cmphex(ioport_read(vm, 0x61, 1) & 0x21, ==, 0x01);
    pass_ms(vm, 49);
    g_assert_cmphex(ioport_read(vm, 0x61, 1) & 0x20, ==, 0);
    pass_ms(vm, 2);
    g_assert_cmphex(ioport_read(vm, 0x61, 1) & 0x20, ==, 0x20);
    hw_double_free(vm);
}

static void test_rate_interrupts(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    unsigned count = PIT_FREQUENCY_HZ / 1000;

    pit_add(vm, &probe);
    ioport_write(vm, 0x43, 0x34, 1);
    ioport_write(vm, 0x40, count & 0xff, 1);
    ioport_write(vm, 0x40, count >> 8, 1);
    for (unsigned i = 0; i < 100; i++) {
        pass_ms(vm, 1);
    }
    g_assert_cmpuint(probe.rises, >=, 99);
    g_assert_cmpuint(probe.rises, <=, 101);
    hw_double_free(vm);
}

static void test_latch_and_status(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    unsigned first;

    pit_add(vm, &probe);
    ioport_write(vm, 0x43, 0x34, 1);
    ioport_write(vm, 0x40, 0x00, 1);
    ioport_write(vm, 0x40, 0x80, 1);
    pass_ms(vm, 1);
    ioport_write(vm, 0x43, 0x00, 1); /* latch */
    pass_ms(vm, 5);
    first = ioport_read(vm, 0x40, 1);
    first |= ioport_read(vm, 0x40, 1) << 8;
    g_assert_cmpuint(first, ==, 0x8000 - 1193);
    ioport_write(vm, 0x43, 0xe2, 1); /* status of channel 0 */
    g_assert_cmphex(ioport_read(vm, 0x40, 1), ==, 0xb4);
    hw_double_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8254/calibration", test_calibration);
    g_test_add_func("/i8254/rate-interrupts", test_rate_interrupts);
    g_test_add_func("/i8254/latch-and-status", test_latch_and_status);
    return g_test_run();
}
