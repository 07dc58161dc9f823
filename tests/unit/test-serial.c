/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of hw/char/serial.c. */
#include "qemu/osdep.h"
#include <signal.h>
#include "chardev/char.h"
#include "hw/char/serial.h"
#include "hw-double.h"
#include "io/channel-socket.h"
#include "system/runstate.h"

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

typedef struct Peer {
    VM *vm;
    Chardev *chr;
    QIOChannel *ioc;
    char *dir;
} Peer;

/* A serial port with a socket, whose peer reads when told to. */
static SerialState *peer_open(Peer *p, VM *vm, LineProbe *probe)
{
    g_autofree char *spec = NULL, *uri = NULL;
    g_autoptr(SocketAddress) addr = NULL;
    DeviceProp props[] = { { "chardev", "c0" }, { NULL } };
    DeviceState *dev;

    p->vm = vm;
    p->dir = g_dir_make_tmp("test-serial-XXXXXX", NULL);
    uri = g_strdup_printf("unix:%s/s", p->dir);
    spec = g_strconcat(uri, ",server=on,wait=off", NULL);
    p->chr = chardev_new_from_spec(vm, "c0", spec, NULL);
    g_assert_nonnull(p->chr);
    vm->machine->gsi[4] = (IRQLine){ line_probe_set, probe, 4 };
    dev = hw_double_add(vm, &serial_isa_class, props);
    addr = socket_parse(uri, NULL);
    p->ioc = qio_channel_socket_connect_sync(addr, NULL);
    g_assert_nonnull(p->ioc);
    g_main_context_iteration(vm->main_context, TRUE);
    return &container_of(dev, ISASerial, dev)->state;
}

static void peer_close(Peer *p)
{
    g_autofree char *path = g_build_filename(p->dir, "s", NULL);

    qio_channel_unref(p->ioc);
    unlink(path);
    rmdir(p->dir);
    g_free(p->dir);
}

/* Writes as a driver does; returns how many octets the port took. */
static size_t fill_transmitter(VM *vm)
{
    size_t count = 0;

    while (ioport_read(vm, COM1 + 5, 1) & UART_LSR_THRE) {
        ioport_write(vm, COM1, (uint8_t)count++, 1);
        g_assert_cmpuint(count, <, 64 * MiB);
    }
    return count;
}

/* A peer that does not read stays, the guest waits, nothing is lost. */
static void test_stalled_peer(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    Peer p = { 0 };
    SerialState *s = peer_open(&p, vm, &probe);
    g_autofree uint8_t *got = NULL;
    size_t count;

    g_assert_true(vm_start(vm, NULL));
    count = fill_transmitter(vm);
    g_assert_cmphex(ioport_read(vm, COM1 + 5, 1), ==, 0);
    g_assert_cmpuint(s->tsr_retry, ==, 1);
    ioport_write(vm, COM1 + 1, UART_IER_THRI, 1);
    g_assert_false(probe.level);

    got = g_malloc(count);
    g_assert_true(qio_channel_read_all(p.ioc, got, count - 2, NULL));
    while (!(ioport_read(vm, COM1 + 5, 1) & UART_LSR_TEMT)) {
        bql_unlock(vm);
        g_main_context_iteration(vm->main_context, TRUE);
        bql_lock(vm);
    }
    g_assert_true(probe.level); /* the transmitter is empty */
    g_assert_true(qio_channel_read_all(p.ioc, got + count - 2, 2, NULL));
    for (size_t i = 0; i < count; i++) {
        g_assert_cmpuint(got[i], ==, (uint8_t)i);
    }

    /* It goes away: the guest goes on. */
    fill_transmitter(vm);
    qio_channel_unref(p.ioc);
    p.ioc = NULL;
    while (!(ioport_read(vm, COM1 + 5, 1) & UART_LSR_TEMT)) {
        bql_unlock(vm);
        g_main_context_iteration(vm->main_context, TRUE);
        bql_lock(vm);
    }
    g_assert_true(vm_stop(vm, RUN_STATE_PAUSED, NULL));
    hw_double_free(vm);
    peer_close(&p);
}

/* While stopped the octet stays for the state to have it. */
static void test_stalled_and_stopped(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    Peer p = { 0 };
    SerialState *s = peer_open(&p, vm, &probe);
    g_autofree uint8_t *got = NULL;
    size_t count;

    ioport_write(vm, COM1 + 2, UART_FCR_FE, 1);
    g_assert_true(vm_start(vm, NULL));
    count = fill_transmitter(vm);
    for (unsigned i = 1; i < SERIAL_FIFO_BYTES; i++) {
        ioport_write(vm, COM1, (uint8_t)count++, 1);
    }
    g_assert_cmpuint(s->xmit_fifo.num, ==, SERIAL_FIFO_BYTES);
    g_assert_true(vm_stop(vm, RUN_STATE_PAUSED, NULL));
    got = g_malloc(count);
    count -= SERIAL_FIFO_BYTES + 1;
    g_assert_true(qio_channel_read_all(p.ioc, got, count, NULL));
    bql_unlock(vm);
    while (g_main_context_iteration(vm->main_context, FALSE)) {
    }
    bql_lock(vm);
    g_assert_cmpuint(s->tsr_retry, ==, 1);
    g_assert_cmpuint(s->xmit_fifo.num, ==, SERIAL_FIFO_BYTES);
    g_assert_true(vm_start(vm, NULL));
    g_assert_cmphex(ioport_read(vm, COM1 + 5, 1), ==,
                    UART_LSR_THRE | UART_LSR_TEMT);
    g_assert_true(qio_channel_read_all(p.ioc, got, SERIAL_FIFO_BYTES + 1,
                                       NULL));
    for (size_t i = 0; i <= SERIAL_FIFO_BYTES; i++) {
        g_assert_cmpuint(got[i], ==, (uint8_t)(count + i));
    }
    g_assert_true(vm_stop(vm, RUN_STATE_PAUSED, NULL));
    hw_double_free(vm);
    peer_close(&p);
}

/* A debug port never waits, nor does the qtest server. */
static void test_debugcon(void)
{
    VM *vm = hw_double_new(0);
    LineProbe probe = { 0 };
    DeviceProp props[] = { { "chardev", "c0" }, { NULL } };
    Peer p = { 0 };
    char first = 0;

    peer_open(&p, vm, &probe);
    chardev_disconnect(p.chr);
    qio_channel_unref(p.ioc);
    hw_double_add(vm, &debugcon_class, props);
    {
        g_autofree char *uri = g_strdup_printf("unix:%s/s", p.dir);
        g_autoptr(SocketAddress) addr = socket_parse(uri, NULL);

        p.ioc = qio_channel_socket_connect_sync(addr, NULL);
        g_main_context_iteration(vm->main_context, TRUE);
    }
    for (unsigned i = 0; i < MiB; i++) {
        ioport_write(vm, 0xe9, 'd', 1);
    }
    g_assert_true(qio_channel_read_all(p.ioc, &first, 1, NULL));
    g_assert_cmpint(first, ==, 'd');
    hw_double_free(vm);
    peer_close(&p);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/serial/reset", test_reset_values);
    g_test_add_func("/serial/transmit-interrupt", test_transmit_interrupt);
    g_test_add_func("/serial/loopback-fifo", test_loopback_fifo);
    g_test_add_func("/serial/fifo-timeout", test_fifo_timeout);
    g_test_add_func("/serial/stalled-peer", test_stalled_peer);
    g_test_add_func("/serial/stalled-and-stopped", test_stalled_and_stopped);
    g_test_add_func("/serial/debugcon", test_debugcon);
    return g_test_run();
}
