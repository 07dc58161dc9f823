/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State of a 16550A and of the ISA port it is. BQL. */
#ifndef HW_CHAR_SERIAL_H
#define HW_CHAR_SERIAL_H

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "system/clock.h"

#define SERIAL_FIFO_BYTES 16

#define UART_IER_RDI 0x01
#define UART_IER_THRI 0x02
#define UART_IER_RLSI 0x04
#define UART_IER_MSI 0x08
#define UART_IIR_NO_INT 0x01
#define UART_IIR_ID 0x06 /* without the time-out bit */
#define UART_IIR_MSI 0x00
#define UART_IIR_THRI 0x02
#define UART_IIR_RDI 0x04
#define UART_IIR_RLSI 0x06
#define UART_IIR_CTI 0x0c
#define UART_IIR_FE 0xc0
#define UART_FCR_FE 0x01
#define UART_FCR_RFR 0x02
#define UART_FCR_XFR 0x04
#define UART_LCR_DLAB 0x80
#define UART_MCR_OUT2 0x08
#define UART_MCR_LOOP 0x10
#define UART_LSR_DR 0x01
#define UART_LSR_OE 0x02
#define UART_LSR_PE 0x04
#define UART_LSR_FE 0x08
#define UART_LSR_BI 0x10
#define UART_LSR_THRE 0x20
#define UART_LSR_TEMT 0x40
#define UART_MSR_ANY_DELTA 0x0f
#define UART_MSR_CTS 0x10
#define UART_MSR_DSR 0x20
#define UART_MSR_DCD 0x80

/* On the wire: the octets, then head and num. */
typedef struct SerialFifo {
    uint8_t data[SERIAL_FIFO_BYTES];
    uint32_t head, num;
} SerialFifo;

typedef struct SerialState {
    VM *vm;
    struct Chardev *chr;
    IRQLine irq;

    /* Migrates; names are those of stream descriptions. */
    uint16_t divider;
    uint8_t rbr, ier, iir, lcr, mcr, lsr, msr, scr, fcr_vmstate;
    int32_t thr_ipending;
    uint32_t tsr_retry; /* a transmission a source had to repeat */
    uint8_t thr, tsr;
    SerialFifo recv_fifo, xmit_fifo;
    VMTimer *fifo_timeout_timer;
    int32_t timeout_ipending;
    int32_t poll_msl; /* always -1: chardevs have no modem lines */
    VMTimer *modem_status_poll;

    /* Derived. */
    uint8_t fcr;
    uint8_t recv_trigger;
} SerialState;

typedef struct ISASerial {
    DeviceState dev;
    char *chardev;
    uint32_t index;
    uint16_t iobase;
    uint32_t irq;
    SerialState state;
} ISASerial;

extern const VMStateDescription vmstate_isa_serial;

void serial_update_irq(SerialState *s);

/* The control register without the effects of writing it. */
void serial_set_fcr(SerialState *s, uint8_t fcr);

#endif
