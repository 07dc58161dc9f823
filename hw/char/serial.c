/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART as an ISA serial port: FIFOs, interrupts, loopback. Output goes
 * to the chardev at once; an octet that its peer does not take stays in the
 * transmitter until it does. Register layout: National Semiconductor PC16550D
 * data sheet. BQL.
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "hw/char/serial.h"
#include "hw/core/boards.h"
#include "hw/core/device-classes.h"
#include "system/ioport.h"
#include "system/runstate.h"

/* Octets on the wire per second and divisor: 1.8432 MHz / 16. */
#define UART_BASE_BAUD 115200
#define UART_INT_ANY_LSR (UART_LSR_OE | UART_LSR_PE | UART_LSR_FE | UART_LSR_BI)

static const uint16_t serial_default_ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
static const uint8_t serial_default_irqs[] = { 4, 3, 4, 3 };

static void fifo_reset(SerialFifo *fifo)
{
    memset(fifo, 0, sizeof(*fifo));
}

static void fifo_push(SerialFifo *fifo, uint8_t octet)
{
    fifo->data[(fifo->head + fifo->num) % SERIAL_FIFO_BYTES] = octet;
    fifo->num++;
}

static uint8_t fifo_pop(SerialFifo *fifo)
{
    uint8_t octet = fifo->data[fifo->head];

    fifo->head = (fifo->head + 1) % SERIAL_FIFO_BYTES;
    fifo->num--;
    return octet;
}

void serial_update_irq(SerialState *s)
{
    uint8_t id = UART_IIR_NO_INT;

    if ((s->ier & UART_IER_RLSI) && (s->lsr & UART_INT_ANY_LSR)) {
        id = UART_IIR_RLSI;
    } else if ((s->ier & UART_IER_RDI) && s->timeout_ipending) {
        id = UART_IIR_CTI;
    } else if ((s->ier & UART_IER_RDI) && (s->lsr & UART_LSR_DR) &&
               (!(s->fcr & UART_FCR_FE) ||
                s->recv_fifo.num >= s->recv_trigger)) {
        id = UART_IIR_RDI;
    } else if ((s->ier & UART_IER_THRI) && s->thr_ipending) {
        id = UART_IIR_THRI;
    } else if ((s->ier & UART_IER_MSI) && (s->msr & UART_MSR_ANY_DELTA)) {
        id = UART_IIR_MSI;
    }
    s->iir = id | (s->iir & 0xf0);
    irq_set(&s->irq, id != UART_IIR_NO_INT);
}

/* One character with start, parity and stop bits, in ns. */
static int64_t serial_char_time_ns(const SerialState *s)
{
    unsigned bits = 1 + 5 + (s->lcr & 3) + ((s->lcr & 8) ? 1 : 0) +
                    ((s->lcr & 4) ? 2 : 1);
    unsigned divider = s->divider ? s->divider : 1;

    return NANOSECONDS_PER_SECOND * bits * divider / UART_BASE_BAUD;
}

static void serial_fifo_timeout(void *opaque)
{
    SerialState *s = opaque;

    if (s->recv_fifo.num) {
        s->timeout_ipending = 1;
        serial_update_irq(s);
    }
}

static void serial_receive_octet(SerialState *s, uint8_t octet)
{
    if (s->fcr & UART_FCR_FE) {
        if (s->recv_fifo.num == SERIAL_FIFO_BYTES) {
            s->lsr |= UART_LSR_OE;
        } else {
            fifo_push(&s->recv_fifo, octet);
        }
        vm_timer_mod(s->fifo_timeout_timer,
                     clock_virtual_ns(s->vm) + 4 * serial_char_time_ns(s));
    } else {
        if (s->lsr & UART_LSR_DR) {
            s->lsr |= UART_LSR_OE;
        }
        s->rbr = octet;
    }
    s->lsr |= UART_LSR_DR;
}

/* False: the peer takes nothing now, and serial_writable() follows. */
static bool serial_output(SerialState *s, uint8_t octet)
{
    if (s->mcr & UART_MCR_LOOP) {
        serial_receive_octet(s, octet);
        return true;
    }
    return !s->chr || chardev_write_some(s->chr, &octet, 1) == 1;
}

/* The next octet moves from the holding register, or FIFO, to be shifted. */
static void serial_load_tsr(SerialState *s)
{
    if (!(s->fcr & UART_FCR_FE)) {
        s->tsr = s->thr;
        s->lsr |= UART_LSR_THRE;
    } else {
        s->tsr = fifo_pop(&s->xmit_fifo);
        if (!s->xmit_fifo.num) {
            s->lsr |= UART_LSR_THRE;
        }
    }
    if (s->lsr & UART_LSR_THRE) {
        s->thr_ipending = 1;
    }
}

/* Sends what the peer takes; tsr_retry tells that tsr is still to be sent. */
static void serial_transmit(SerialState *s)
{
    if ((s->fcr & UART_FCR_FE) && !s->xmit_fifo.num) {
        s->lsr |= UART_LSR_THRE;
    }
    while (s->tsr_retry || !(s->lsr & UART_LSR_THRE)) {
        if (!s->tsr_retry) {
            serial_load_tsr(s);
        }
        s->tsr_retry = !serial_output(s, s->tsr);
        if (s->tsr_retry) {
            serial_update_irq(s);
            return;
        }
    }
    s->lsr |= UART_LSR_TEMT;
    serial_update_irq(s);
}

static void serial_write_thr(SerialState *s, uint8_t octet)
{
    s->thr = octet;
    if (s->fcr & UART_FCR_FE) {
        if (s->xmit_fifo.num == SERIAL_FIFO_BYTES) {
            fifo_pop(&s->xmit_fifo); /* an overrun loses the oldest */
        }
        fifo_push(&s->xmit_fifo, octet);
    }
    s->lsr &= ~(UART_LSR_THRE | UART_LSR_TEMT);
    s->thr_ipending = 0;
    serial_update_irq(s);
    if (!s->tsr_retry) {
        serial_transmit(s);
    }
}

static void serial_clear_recv(SerialState *s)
{
    fifo_reset(&s->recv_fifo);
    s->lsr &= ~(UART_LSR_DR | UART_LSR_BI);
    s->timeout_ipending = 0;
    vm_timer_del(s->fifo_timeout_timer);
}

void serial_set_fcr(SerialState *s, uint8_t fcr)
{
    static const uint8_t triggers[] = { 1, 4, 8, 14 };

    s->fcr = fcr & 0xc9;
    if (fcr & UART_FCR_FE) {
        s->iir |= UART_IIR_FE;
        s->recv_trigger = triggers[fcr >> 6];
    } else {
        s->iir &= ~UART_IIR_FE;
        s->recv_trigger = 1;
    }
}

static void serial_write_fcr(SerialState *s, uint8_t value)
{
    bool toggled = (value ^ s->fcr) & UART_FCR_FE;

    if (toggled || (value & UART_FCR_RFR)) {
        serial_clear_recv(s);
    }
    if (toggled || (value & UART_FCR_XFR)) {
        fifo_reset(&s->xmit_fifo);
        s->lsr |= UART_LSR_THRE;
        s->thr_ipending = 1;
    }
    serial_set_fcr(s, value);
    serial_update_irq(s);
    if (s->chr) {
        chardev_accept_input(s->chr);
    }
}

static void serial_write_ier(SerialState *s, uint8_t value)
{
    uint8_t changed = (s->ier ^ value) & 0x0f;

    s->ier = value & 0x0f;
    if ((changed & UART_IER_THRI) && (s->lsr & UART_LSR_THRE)) {
        s->thr_ipending = (s->ier & UART_IER_THRI) ? 1 : 0;
    }
    if (changed) {
        serial_update_irq(s);
    }
}

static void serial_ioport_write(void *opaque, uint16_t port, uint32_t value,
                                unsigned size_bytes)
{
    SerialState *s = opaque;
    uint8_t v = value;

    switch (port & 7) {
    case 0:
        if (s->lcr & UART_LCR_DLAB) {
            s->divider = (s->divider & 0xff00) | v;
        } else {
            serial_write_thr(s, v);
        }
        break;
    case 1:
        if (s->lcr & UART_LCR_DLAB) {
            s->divider = (s->divider & 0x00ff) | (v << 8);
        } else {
            serial_write_ier(s, v);
        }
        break;
    case 2:
        serial_write_fcr(s, v);
        break;
    case 3:
        s->lcr = v;
        break;
    case 4:
        s->mcr = v & 0x1f;
        break;
    case 7:
        s->scr = v;
        break;
    default: /* line and modem status are read-only */
        break;
    }
}

static uint8_t serial_read_rbr(SerialState *s)
{
    uint8_t octet = s->rbr;

    if (s->fcr & UART_FCR_FE) {
        octet = s->recv_fifo.num ? fifo_pop(&s->recv_fifo) : 0;
        if (s->recv_fifo.num) {
            vm_timer_mod(s->fifo_timeout_timer,
                         clock_virtual_ns(s->vm) + 4 * serial_char_time_ns(s));
        } else {
            s->lsr &= ~(UART_LSR_DR | UART_LSR_BI);
            vm_timer_del(s->fifo_timeout_timer);
        }
        s->timeout_ipending = 0;
    } else {
        s->lsr &= ~(UART_LSR_DR | UART_LSR_BI);
    }
    serial_update_irq(s);
    if (s->chr && !(s->mcr & UART_MCR_LOOP)) {
        chardev_accept_input(s->chr);
    }
    return octet;
}

static uint8_t serial_read_iir(SerialState *s)
{
    uint8_t value = s->iir;

    if ((value & UART_IIR_ID) == UART_IIR_THRI) {
        s->thr_ipending = 0;
        serial_update_irq(s);
    }
    return value;
}

static uint8_t serial_read_lsr(SerialState *s)
{
    uint8_t value = s->lsr;

    if (value & (UART_LSR_BI | UART_LSR_OE)) {
        s->lsr &= ~(UART_LSR_BI | UART_LSR_OE);
        serial_update_irq(s);
    }
    return value;
}

static uint8_t serial_read_msr(SerialState *s)
{
    uint8_t value = s->msr;

    if (s->mcr & UART_MCR_LOOP) {
        /* The outputs come back as inputs: RTS DTR OUT1 OUT2. */
        return ((s->mcr & 0x0c) << 4) | ((s->mcr & 0x02) << 3) |
               ((s->mcr & 0x01) << 5);
    }
    if (value & UART_MSR_ANY_DELTA) {
        s->msr &= 0xf0;
        serial_update_irq(s);
    }
    return value;
}

static uint32_t serial_ioport_read(void *opaque, uint16_t port,
                                   unsigned size_bytes)
{
    SerialState *s = opaque;

    switch (port & 7) {
    case 0:
        return (s->lcr & UART_LCR_DLAB) ? s->divider & 0xff
                                        : serial_read_rbr(s);
    case 1:
        return (s->lcr & UART_LCR_DLAB) ? s->divider >> 8 : s->ier;
    case 2:
        return serial_read_iir(s);
    case 3:
        return s->lcr;
    case 4:
        return s->mcr;
    case 5:
        return serial_read_lsr(s);
    case 6:
        return serial_read_msr(s);
    default:
        return s->scr;
    }
}

static const IOPortOps serial_ioport_ops = {
    .name = "serial",
    .read = serial_ioport_read,
    .write = serial_ioport_write,
};

static size_t serial_can_receive(void *opaque)
{
    SerialState *s = opaque;

    /* The registers may be half loaded; serial_vm_state_changed() asks again. */
    if (runstate_get(s->vm) == RUN_STATE_INMIGRATE) {
        return 0;
    }
    if (s->fcr & UART_FCR_FE) {
        return SERIAL_FIFO_BYTES - s->recv_fifo.num;
    }
    return (s->lsr & UART_LSR_DR) ? 0 : 1;
}

static void serial_receive(void *opaque, const uint8_t *buf, size_t len_bytes)
{
    SerialState *s = opaque;

    for (size_t i = 0; i < len_bytes; i++) {
        serial_receive_octet(s, buf[i]);
    }
    serial_update_irq(s);
}

static void serial_writable(void *opaque)
{
    SerialState *s = opaque;

    /* Not after the state was saved; serial_vm_state_changed() goes on. */
    if (s->tsr_retry && runstate_is_running(s->vm)) {
        serial_transmit(s);
    }
}

static const ChardevFrontend serial_frontend = {
    .can_read = serial_can_receive,
    .read = serial_receive,
    .writable = serial_writable,
};

/*
 * Takes input again, and sends what was still in the transmitter, perhaps a
 * migration's source's, when the VM stopped.
 */
static void serial_vm_state_changed(void *opaque, bool running, RunState state)
{
    SerialState *s = opaque;

    if (running && s->chr) {
        chardev_accept_input(s->chr);
    }
    if (running && !(s->lsr & UART_LSR_TEMT)) {
        serial_transmit(s);
    }
}

static void serial_isa_reset(DeviceState *dev)
{
    SerialState *s = &container_of(dev, ISASerial, dev)->state;

    s->divider = 0x0c;
    s->rbr = 0;
    s->ier = 0;
    s->iir = UART_IIR_NO_INT;
    s->lcr = 0;
    s->mcr = UART_MCR_OUT2;
    s->lsr = UART_LSR_TEMT | UART_LSR_THRE;
    s->msr = UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
    s->scr = 0;
    s->thr_ipending = 0;
    s->tsr_retry = 0;
    s->timeout_ipending = 0;
    s->poll_msl = -1;
    serial_set_fcr(s, 0);
    fifo_reset(&s->recv_fifo);
    fifo_reset(&s->xmit_fifo);
    vm_timer_del(s->fifo_timeout_timer);
    vm_timer_del(s->modem_status_poll);
    irq_set(&s->irq, false);
}

static void serial_isa_unrealize(DeviceState *dev)
{
    SerialState *s = &container_of(dev, ISASerial, dev)->state;

    vm_remove_change_state_handler(s->vm, serial_vm_state_changed, s);
    if (s->chr) {
        chardev_disconnect(s->chr);
        s->chr = NULL;
    }
    vm_timer_free(s->fifo_timeout_timer);
    vm_timer_free(s->modem_status_poll);
}

/* Fills in what the user left out of index, iobase and irq. */
static bool serial_isa_place(ISASerial *isa, Error **errp)
{
    if (isa->index >= MACHINE_MAX_SERIALS) {
        error_setg(errp, "isa-serial index %u is above %u", isa->index,
                   MACHINE_MAX_SERIALS - 1);
        return false;
    }
    if (!isa->iobase) {
        isa->iobase = serial_default_ports[isa->index];
    }
    if (!isa->irq) {
        isa->irq = serial_default_irqs[isa->index];
    }
    if (isa->irq > 15) {
        error_setg(errp, "isa-serial irq %u is above 15", isa->irq);
        return false;
    }
    return true;
}

static bool serial_isa_realize(DeviceState *dev, Error **errp)
{
    ISASerial *isa = container_of(dev, ISASerial, dev);
    SerialState *s = &isa->state;
    VM *vm = dev->parent.vm;

    if (!serial_isa_place(isa, errp)) {
        return false;
    }
    s->vm = vm;
    s->irq = vm->machine->gsi[isa->irq];
    if (isa->chardev) {
        s->chr = chardev_by_id(vm, isa->chardev);
        if (!s->chr) {
            error_setg(errp, "Property 'isa-serial.chardev' can't find value "
                       "'%s'", isa->chardev);
            return false;
        }
    } else if (!dev->user_created) {
        s->chr = machine_serial_chardev(vm, isa->index);
    }
    s->fifo_timeout_timer = vm_timer_new(vm, serial_fifo_timeout, s);
    s->modem_status_poll = vm_timer_new(vm, serial_fifo_timeout, s);
    serial_isa_reset(dev);
    vm_add_change_state_handler(vm, serial_vm_state_changed, s);
    if (ioport_register(vm, isa->iobase, 8, &serial_ioport_ops, s, errp) &&
        (!s->chr ||
         chardev_connect(s->chr, &serial_frontend, s, NULL, errp))) {
        return true;
    }
    s->chr = NULL;
    serial_isa_unrealize(dev);
    return false;
}

static const Property serial_isa_props[] = {
    { "chardev", PROP_STR, offsetof(ISASerial, chardev), NULL,
      "id of the chardev it talks to" },
    { "index", PROP_UINT32, offsetof(ISASerial, index), "0",
      "0 for COM1 to 3 for COM4" },
    { "iobase", PROP_UINT16, offsetof(ISASerial, iobase), "0",
      "first port; 0: by index" },
    { "irq", PROP_UINT32, offsetof(ISASerial, irq), "0",
      "ISA interrupt; 0: by index" },
    { 0 },
};

const DeviceClass serial_isa_class = {
    .parent = {
        .name = "isa-serial",
        .parent = &device_class,
        .instance_size = sizeof(ISASerial),
        .props = serial_isa_props,
        .description = "16550A serial port",
    },
    .realize = serial_isa_realize,
    .unrealize = serial_isa_unrealize,
    .reset = serial_isa_reset,
    .vmsd = &vmstate_isa_serial,
    .user_creatable = true,
};
