/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a 16550A migrates: section `serial` v3 and its subsections. BQL. */
#include "qemu/osdep.h"
#include "hw/char/serial.h"

/* What the transmit interrupt's state is when no subsection tells. */
static int32_t serial_implied_thr_ipending(const SerialState *s)
{
    return (s->iir & UART_IIR_ID) == UART_IIR_THRI;
}

static bool serial_thr_ipending_needed(void *opaque)
{
    const SerialState *s = opaque;

    return (s->ier & UART_IER_THRI) &&
           s->thr_ipending != serial_implied_thr_ipending(s);
}

static const VMStateDescription vmstate_serial_thr_ipending = {
    .name = "serial/thr_ipending",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = serial_thr_ipending_needed,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(thr_ipending, SerialState),
        VMSTATE_END_OF_LIST(),
    },
};

static bool serial_tsr_needed(void *opaque)
{
    return ((SerialState *)opaque)->tsr_retry != 0;
}

static const VMStateDescription vmstate_serial_tsr = {
    .name = "serial/tsr",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = serial_tsr_needed,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(tsr_retry, SerialState),
        VMSTATE_UINT8(thr, SerialState),
        VMSTATE_UINT8(tsr, SerialState),
        VMSTATE_END_OF_LIST(),
    },
};

static bool serial_fifo_post_load(void *opaque, int version_id, Error **errp)
{
    const SerialFifo *fifo = opaque;

    if (fifo->head >= SERIAL_FIFO_BYTES || fifo->num > SERIAL_FIFO_BYTES) {
        error_setg(errp, "serial: FIFO with head %u and %u octets", fifo->head,
                   fifo->num);
        return false;
    }
    return true;
}

static const VMStateDescription vmstate_serial_fifo = {
    .name = "Fifo8",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = serial_fifo_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_BUFFER(data, SerialFifo),
        VMSTATE_UINT32(head, SerialFifo),
        VMSTATE_UINT32(num, SerialFifo),
        VMSTATE_END_OF_LIST(),
    },
};

static bool serial_recv_fifo_needed(void *opaque)
{
    return ((SerialState *)opaque)->recv_fifo.num != 0;
}

static const VMStateDescription vmstate_serial_recv_fifo = {
    .name = "serial/recv_fifo",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = serial_recv_fifo_needed,
    .fields = (const VMStateField[]){
        VMSTATE_STRUCT(recv_fifo, SerialState, 1, vmstate_serial_fifo,
                       SerialFifo),
        VMSTATE_END_OF_LIST(),
    },
};

static bool serial_xmit_fifo_needed(void *opaque)
{
    return ((SerialState *)opaque)->xmit_fifo.num != 0;
}

static const VMStateDescription vmstate_serial_xmit_fifo = {
    .name = "serial/xmit_fifo",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = serial_xmit_fifo_needed,
    .fields = (const VMStateField[]){
        VMSTATE_STRUCT(xmit_fifo, SerialState, 1, vmstate_serial_fifo,
                       SerialFifo),
        VMSTATE_END_OF_LIST(),
    },
};

static bool serial_fifo_timeout_needed(void *opaque)
{
    return vm_timer_pending(((SerialState *)opaque)->fifo_timeout_timer);
}

static const VMStateDescription vmstate_serial_fifo_timeout_timer = {
    .name = "serial/fifo_timeout_timer",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = serial_fifo_timeout_needed,
    .fields = (const VMStateField[]){
        VMSTATE_TIMER_PTR(fifo_timeout_timer, SerialState),
        VMSTATE_END_OF_LIST(),
    },
};

static bool serial_timeout_ipending_needed(void *opaque)
{
    return ((SerialState *)opaque)->timeout_ipending != 0;
}

static const VMStateDescription vmstate_serial_timeout_ipending = {
    .name = "serial/timeout_ipending",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = serial_timeout_ipending_needed,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(timeout_ipending, SerialState),
        VMSTATE_END_OF_LIST(),
    },
};

static bool serial_poll_needed(void *opaque)
{
    return ((SerialState *)opaque)->poll_msl >= 0;
}

static const VMStateDescription vmstate_serial_poll = {
    .name = "serial/poll",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = serial_poll_needed,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(poll_msl, SerialState),
        VMSTATE_TIMER_PTR(modem_status_poll, SerialState),
        VMSTATE_END_OF_LIST(),
    },
};

static bool serial_pre_save(void *opaque, Error **errp)
{
    SerialState *s = opaque;

    s->fcr_vmstate = s->fcr;
    return true;
}

static bool serial_pre_load(void *opaque, Error **errp)
{
    SerialState *s = opaque;

    s->thr_ipending = -1;
    s->fcr_vmstate = 0;
    s->tsr_retry = 0;
    s->timeout_ipending = 0;
    s->poll_msl = -1;
    memset(&s->recv_fifo, 0, sizeof(s->recv_fifo));
    memset(&s->xmit_fifo, 0, sizeof(s->xmit_fifo));
    vm_timer_del(s->fifo_timeout_timer);
    return true;
}

static bool serial_post_load(void *opaque, int version_id, Error **errp)
{
    SerialState *s = opaque;

    if (s->thr_ipending == -1) {
        s->thr_ipending = serial_implied_thr_ipending(s);
    }
    if (s->tsr_retry && (s->lsr & UART_LSR_TEMT)) {
        error_setg(errp, "serial: transmitter is empty (lsr 0x%02x) but has "
                   "an octet to repeat", s->lsr);
        return false;
    }
    s->poll_msl = -1;
    vm_timer_del(s->modem_status_poll);
    serial_set_fcr(s, s->fcr_vmstate);
    serial_update_irq(s);
    return true;
}

static const VMStateDescription *const serial_subsections[] = {
    &vmstate_serial_thr_ipending,
    &vmstate_serial_tsr,
    &vmstate_serial_recv_fifo,
    &vmstate_serial_xmit_fifo,
    &vmstate_serial_fifo_timeout_timer,
    &vmstate_serial_timeout_ipending,
    &vmstate_serial_poll,
    NULL,
};

static const VMStateDescription vmstate_serial_state = {
    .name = "serial",
    .version_id = 3,
    .minimum_version_id = 2,
    .pre_save = serial_pre_save,
    .pre_load = serial_pre_load,
    .post_load = serial_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT16_V(divider, SerialState, 2),
        VMSTATE_UINT8(rbr, SerialState),
        VMSTATE_UINT8(ier, SerialState),
        VMSTATE_UINT8(iir, SerialState),
        VMSTATE_UINT8(lcr, SerialState),
        VMSTATE_UINT8(mcr, SerialState),
        VMSTATE_UINT8(lsr, SerialState),
        VMSTATE_UINT8(msr, SerialState),
        VMSTATE_UINT8(scr, SerialState),
        VMSTATE_UINT8_V(fcr_vmstate, SerialState, 3),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = serial_subsections,
};

const VMStateDescription vmstate_isa_serial = {
    .name = "serial",
    .version_id = 3,
    .minimum_version_id = 2,
    .fields = (const VMStateField[]){
        VMSTATE_STRUCT(state, ISASerial, 0, vmstate_serial_state, SerialState),
        VMSTATE_END_OF_LIST(),
    },
};
