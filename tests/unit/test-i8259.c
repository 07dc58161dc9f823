/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of hw/intc/i8259.c. */
#include "qemu/osdep.h"
#include "hw/intc/intc.h"
#include "hw-double.h"

static void cascade(void *opaque, unsigned n, bool level)
{
    i8259_set_line(opaque, n, level);
}

static PICDevice *pics_add(VM *vm, LineProbe *probe)
{
    const DeviceProp slave_props[] = { { "slave", "on" }, { 0 } };
    DeviceState *master = hw_double_add(vm, &i8259_class, NULL);
    DeviceState *slave = hw_double_add(vm, &i8259_class, slave_props);
    PICDevice *pic = container_of(master, PICDevice, dev);

    pic->cascade = container_of(slave, PICDevice, dev);
    pic->cascade->out = (IRQLine){ cascade, pic, 2 };
    pic->out = (IRQLine){ line_probe_set, probe, 0 };
    for (unsigned i = 0; i < 2; i++) {
        uint16_t port = i ? 0xa0 : 0x20;

        ioport_write(vm, port, 0x11, 1);
        ioport_write(vm, port + 1, i ? 0x28 : 0x20, 1);
        ioport_write(vm, port + 1, i ? 2 : 4, 1);
        ioport_write(vm, port + 1, 1, 1);
        ioport_write(vm, port + 1, 0, 1);
    }
    return pic;
}

static void test_priority_and_eoi(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    PICDevice *pic = pics_add(vm, &probe);

    i8259_set_irq(pic, 4, true);
    i8259_set_irq(pic, 1, true);
    g_assert_true(probe.level);
    g_assert_cmpint(i8259_read_vector(pic), ==, 0x21);
    g_assert_false(probe.level); /* 4 waits for 1 to end */
    ioport_write(vm, 0x20, 0x20, 1);
    g_assert_true(probe.level);
    g_assert_cmpint(i8259_read_vector(pic), ==, 0x24);
    ioport_write(vm, 0x20, 0x64, 1); /* specific EOI */
    ioport_write(vm, 0x20, 0x0b, 1);
    g_assert_cmphex(ioport_read(vm, 0x20, 1), ==, 0);
    hw_double_free(vm);
}

static void test_slave_and_mask(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    PICDevice *pic = pics_add(vm, &probe);

    ioport_write(vm, 0xa1, 0x01, 1);
    i8259_set_irq(pic, 8, true);
    g_assert_false(probe.level);
    ioport_write(vm, 0xa1, 0x00, 1);
    g_assert_true(probe.level);
    g_assert_cmpint(i8259_read_vector(pic), ==, 0x28);
    g_assert_cmphex(pic->s.isr, ==, 0x04);
    g_assert_cmphex(pic->cascade->s.isr, ==, 0x01);
    hw_double_free(vm);
}

static void test_spurious(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    PICDevice *pic = pics_add(vm, &probe);

    g_assert_cmpint(i8259_read_vector(pic), ==, 0x27);
    g_assert_cmphex(pic->s.isr, ==, 0);
    hw_double_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8259/priority-and-eoi", test_priority_and_eoi);
    g_test_add_func("/i8259/slave-and-mask", test_slave_and_mask);
    g_test_add_func("/i8259/spurious", test_spurious);
    return g_test_run();
}
