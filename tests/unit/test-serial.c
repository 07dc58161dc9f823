/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of hw/char/serial.c. */
#include "qemu/osdep.h"
#include "hw/char/serial.h"
#include "hw-double.h"

#define COM1 0x3f8

static SerialState *serial_add(VM *vm, LineProbe *probe)
{
    DeviceState *dev;

    vm->machine->gsi[4] = (IRQLine){ line_probe_set, probe, 4 };
    dev = hw_double_add(vm, &serial_isa_class, NULL);
    return &container_of(dev, ISASerial, dev)->state;
}

static void test_reset_values(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };

    serial_add(vm, &probe);
    g_assert_cmphex(ioport_read(vm, COM1 + 2, 1), ==, 0x01);
    g_assert_cmphex(ioport_read(vm, COM1 + 4, 1), ==, 0x08);
    g_assert_cmphex(ioport_read(vm, COM1 + 5, 1), ==, 0x60);
    g_assert_cmphex(ioport_read(vm, COM1 + 6, 1), ==, 0xb0);
    ioport_write(vm, COM1 + 3, 0x80, 1);
    g_assert_cmphex(ioport_read(vm, COM1, 1), ==, 0x0c);
    ioport_write(vm, COM1 + 1, 0x12, 1);
    g_assert_cmphex(ioport_read(vm, COM1 + 1, 1), ==, 0x12);
    ioport_write(vm, COM1 + 7, 0x5a, 1);
    g_assert_cmphex(ioport_read(vm, COM1 + 7, 1), ==, 0x5a);
    hw_double_free(vm);
}

static void test_transmit_interrupt(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };

    serial_add(vm, &probe);
    ioport_write(vm, COM1, 'x', 1);
    g_assert_false(probe.level);
    ioport_write(vm, COM1 + 1, UART_IER_THRI, 1);
    g_assert_true(probe.level);
    /* Reading the cause takes it back. */
    g_assert_cmphex(ioport_read(vm, COM1 + 2, 1), ==, UART_IIR_THRI);
    g_assert_false(probe.level);
    g_assert_cmphex(ioport_read(vm, COM1 + 2, 1), ==, UART_IIR_NO_INT);
    ioport_write(vm, COM1, 'y', 1);
    g_assert_true(probe.level);
    hw_double_free(vm);
}

static void test_loopback_fifo(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };

    serial_add(vm, &probe);
    ioport_write(vm, COM1 + 2, 0x41, 1); /* FIFO, interrupt at 4 */
    ioport_write(vm, COM1 + 4, UART_MCR_LOOP, 1);
    ioport_write(vm, COM1 + 1, UART_IER_RDI, 1);
    for (unsigned i = 0; i < 3; i++) {
        ioport_write(vm, COM1, 'a' + i, 1);
    }
    g_assert_false(probe.level);
    ioport_write(vm, COM1, 'd', 1);
    g_assert_cmphex(ioport_read(vm, COM1 + 2, 1), ==, 0xc4);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(ioport_read(vm, COM1, 1), ==, 'a' + i);
    }
    g_assert_false(probe.level);
    g_assert_cmphex(ioport_read(vm, COM1 + 5, 1), ==, 0x60);

    /* Seventeen octets are one too many. */
    for (unsigned i = 0; i < 17; i++) {
        ioport_write(vm, COM1, i, 1);
    }
    g_assert_cmphex(ioport_read(vm, COM1 + 5, 1) & UART_LSR_OE, !=, 0);
    g_assert_cmphex(ioport_read(vm, COM1 + 5, 1) & UART_LSR_OE, ==, 0);
    hw_double_free(vm);
}

static void test_fifo_timeout(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };

    serial_add(vm, &probe);
    ioport_write(vm, COM1 + 2, 0xc1, 1); /* FIFO, interrupt at 14 */
    ioport_write(vm, COM1 + 4, UART_MCR_LOOP, 1);
    ioport_write(vm, COM1 + 1, UART_IER_RDI, 1);
    ioport_write(vm, COM1, 'q', 1);
    g_assert_false(probe.level);
    clock_advance_to(vm, clock_virtual_ns(vm) + NANOSECONDS_PER_SECOND);
    g_assert_true(probe.level);
    g_assert_cmphex(ioport_read(vm, COM1 + 2, 1), ==, 0xcc);
    g_assert_cmphex(ioport_read(vm, COM1, 1), ==, 'q');
    g_assert_false(probe.level);
    hw_double_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/serial/reset", test_reset_values);
    g_test_add_func("/serial/transmit-interrupt", test_transmit_interrupt);
    g_test_add_func("/serial/loopback-fifo", test_loopback_fifo);
    g_test_add_func("/serial/fifo-timeout", test_fifo_timeout);
    return g_test_run();
}
