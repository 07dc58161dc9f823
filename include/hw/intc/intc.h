/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's interrupt controllers as devices. The emulated ones and those of
 * an accelerator share structs and sections. BQL.
 */
#ifndef HW_INTC_INTC_H
#define HW_INTC_INTC_H

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/i386/irqchip.h"
#include "system/clock.h"
#include "system/cpus.h"

typedef struct PICDevice {
    DeviceState dev;
    bool slave;
    I8259State s;
    IRQLine out;
    struct PICDevice *cascade; /* master: its slave */
} PICDevice;

typedef struct APICDevice {
    DeviceState dev;
    uint32_t index; /* of the vCPU */
    APICState s;
    VMTimer *timer;
    CPUState *cpu;
    PICDevice *pic;              /* what LINT0 is wired to, or NULL */
    struct IOAPICDevice *ioapic; /* told of EOIs, or NULL */
    bool pic_level;
    bool lint0_extint; /* PIC gets through after reset, as with a BIOS */
} APICDevice;

typedef struct IOAPICDevice {
    DeviceState dev;
    uint64_t base;
    IOAPICState s;
    APICDevice *apic;
    uint32_t levels; /* lines as last set */
} IOAPICDevice;

extern const VMStateField vmstate_i8259_fields[];
extern const VMStateField vmstate_ioapic_fields[];
extern const VMStateField vmstate_apic_fields[];
extern const VMStateDescription *const vmstate_apic_subsections[];

void i8259_init_state(I8259State *s);
void ioapic_init_state(IOAPICState *s);
/* Power-on state. */
void apic_init_state(APICDevice *apic);

/* Line 0-7 of one controller. */
void i8259_set_line(PICDevice *pic, unsigned line, bool level);
/* ISA line 0-15 of the pair; @opaque is the master. For IRQLine. */
void i8259_set_irq(void *opaque, unsigned n, bool level);
/* Acknowledges what the master (and its slave) ask for; the vector. */
int i8259_read_vector(PICDevice *master);

/* GSI 0-23; @opaque is the IOAPICDevice. For IRQLine. */
void ioapic_set_irq(void *opaque, unsigned n, bool level);
/* The CPU has finished a level interrupt. */
void ioapic_eoi(IOAPICDevice *ioapic, uint8_t vector);

/* A message: fixed or lowest-priority delivery of @vector. */
void apic_deliver(APICDevice *apic, uint8_t vector, bool level_triggered);
/* The PIC's output; @opaque is the APICDevice. For IRQLine. */
void apic_set_pic_line(void *opaque, unsigned n, bool level);
/* For X86IntAck. @opaque is the APICDevice. */
int apic_get_vector(void *opaque);

#endif
