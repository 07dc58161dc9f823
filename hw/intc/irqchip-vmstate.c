/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fields of the interrupt controllers' sections, shared by the emulated
 * devices and those of an accelerator.
 */
#include "qemu/osdep.h"
#include "hw/intc/intc.h"
#include "hw/timer/i8254.h"

/* A member whose name in descriptions is not the member's. */
#define VMSTATE_NAMED(_name, _member, _state, _info, _type)                    \
    {                                                                          \
        .name = (_name),                                                       \
        .offset = VMSTATE_CHECKED_OFFSET(_state, _member, _type),              \
        .size = sizeof(_type),                                                 \
        .info = &(_info),                                                      \
        .flags = VMS_SINGLE,                                                   \
    }
#define VMSTATE_NAMED_INT64(_name, _member, _state)                            \
    VMSTATE_NAMED(_name, _member, _state, vmstate_info_int64, int64_t)

const VMStateField vmstate_i8259_fields[] = {
    VMSTATE_UINT8(last_irr, I8259State),
    VMSTATE_UINT8(irr, I8259State),
    VMSTATE_UINT8(imr, I8259State),
    VMSTATE_UINT8(isr, I8259State),
    VMSTATE_UINT8(priority_add, I8259State),
    VMSTATE_UINT8(irq_base, I8259State),
    VMSTATE_UINT8(read_reg_select, I8259State),
    VMSTATE_UINT8(poll, I8259State),
    VMSTATE_UINT8(special_mask, I8259State),
    VMSTATE_UINT8(init_state, I8259State),
    VMSTATE_UINT8(auto_eoi, I8259State),
    VMSTATE_UINT8(rotate_on_auto_eoi, I8259State),
    VMSTATE_UINT8(special_fully_nested_mode, I8259State),
    VMSTATE_UINT8(init4, I8259State),
    VMSTATE_UINT8(single_mode, I8259State),
    VMSTATE_UINT8(elcr, I8259State),
    VMSTATE_END_OF_LIST(),
};

static const VMStateDescription vmstate_pit_channel = {
    .name = "pit channel",
    .version_id = 2,
    .minimum_version_id = 2,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(count, I8254Channel),
        VMSTATE_UINT16(latched_count, I8254Channel),
        VMSTATE_UINT8(count_latched, I8254Channel),
        VMSTATE_UINT8(status_latched, I8254Channel),
        VMSTATE_UINT8(status, I8254Channel),
        VMSTATE_UINT8(read_state, I8254Channel),
        VMSTATE_UINT8(write_state, I8254Channel),
        VMSTATE_UINT8(write_latch, I8254Channel),
        VMSTATE_UINT8(rw_mode, I8254Channel),
        VMSTATE_UINT8(mode, I8254Channel),
        VMSTATE_UINT8(bcd, I8254Channel),
        VMSTATE_UINT8(gate, I8254Channel),
        VMSTATE_NAMED_INT64("count_load_time", count_load_time_ns,
                            I8254Channel),
        VMSTATE_NAMED_INT64("next_transition_time", next_transition_time_ns,
                            I8254Channel),
        VMSTATE_END_OF_LIST(),
    },
};

const VMStateField vmstate_i8254_fields[] = {
    {
        .name = "channels[0].irq_disabled",
        .offset = offsetof(I8254State, channels[0].irq_disabled),
        .size = sizeof(uint32_t),
        .version_id = 3,
        .info = &vmstate_info_uint32,
        .flags = VMS_SINGLE,
    },
    VMSTATE_STRUCT_ARRAY(channels, I8254State, PIT_CHANNELS, 2,
                         vmstate_pit_channel, I8254Channel),
    {
        .name = "channels[0].next_transition_time",
        .offset = offsetof(I8254State, channels[0].next_transition_time_ns),
        .size = sizeof(int64_t),
        .info = &vmstate_info_int64,
        .flags = VMS_SINGLE,
    },
    VMSTATE_END_OF_LIST(),
};

const VMStateField vmstate_ioapic_fields[] = {
    VMSTATE_UINT8(id, IOAPICState),
    VMSTATE_UINT8(ioregsel, IOAPICState),
    VMSTATE_UNUSED_V(2, 8),
    VMSTATE_UINT32_V(irr, IOAPICState, 2),
    VMSTATE_UINT64_ARRAY(ioredtbl, IOAPICState, IOAPIC_PINS),
    VMSTATE_END_OF_LIST(),
};

const VMStateField vmstate_apic_fields[] = {
    VMSTATE_UINT32(apicbase, APICState),
    VMSTATE_UINT8(id, APICState),
    VMSTATE_UINT8(arb_id, APICState),
    VMSTATE_UINT8(tpr, APICState),
    VMSTATE_UINT32(spurious_vec, APICState),
    VMSTATE_UINT8(log_dest, APICState),
    VMSTATE_UINT8(dest_mode, APICState),
    VMSTATE_UINT32_ARRAY(isr, APICState, 8),
    VMSTATE_UINT32_ARRAY(tmr, APICState, 8),
    VMSTATE_UINT32_ARRAY(irr, APICState, 8),
    VMSTATE_UINT32_ARRAY(lvt, APICState, APIC_LVTS),
    VMSTATE_UINT32(esr, APICState),
    VMSTATE_UINT32_ARRAY(icr, APICState, 2),
    VMSTATE_UINT32(divide_conf, APICState),
    VMSTATE_INT32(count_shift, APICState),
    VMSTATE_UINT32(initial_count, APICState),
    VMSTATE_NAMED_INT64("initial_count_load_time", initial_count_load_time_ns,
                        APICState),
    VMSTATE_NAMED_INT64("next_time", next_time_ns, APICState),
    VMSTATE_NAMED_INT64("timer_expiry", timer_expiry_ns, APICState),
    VMSTATE_END_OF_LIST(),
};

static bool apic_sipi_needed(void *opaque)
{
    return ((APICState *)opaque)->wait_for_sipi != 0;
}

static const VMStateDescription vmstate_apic_sipi = {
    .name = "apic_sipi",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = apic_sipi_needed,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(sipi_vector, APICState),
        VMSTATE_INT32(wait_for_sipi, APICState),
        VMSTATE_END_OF_LIST(),
    },
};

const VMStateDescription *const vmstate_apic_subsections[] = {
    &vmstate_apic_sipi,
    NULL,
};
