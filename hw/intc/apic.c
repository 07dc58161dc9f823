/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APIC of one CPU: pending and in-service vectors, EOI, LVT, timer and
 * IPIs to itself. Other CPUs can not be reached. Registers: Intel SDM volume
 * 3, chapter "APIC". BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/intc/intc.h"
#include "system/memory.h"
#include "target/i386/cpu.h"

#define APIC_DEFAULT_BASE 0xfee00000U
#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_ENABLE BIT(11)
#define APIC_SPURIOUS_ENABLE BIT(8)
#define APIC_LVT_MASKED BIT(16)
#define APIC_LVT_EXTINT 0x700
#define APIC_LVT_PERIODIC BIT(17)
#define APIC_VERSION (0x14 | ((APIC_LVTS - 1) << 16))

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR };

static int apic_highest(const uint32_t words[8])
{
    for (int i = 7; i >= 0; i--) {
        if (words[i]) {
            return i * 32 + 31 - __builtin_clz(words[i]);
        }
    }
    return -1;
}

static void apic_set_vector(uint32_t words[8], uint8_t vector)
{
    words[vector / 32] |= BIT(vector % 32);
}

static void apic_clear_vector(uint32_t words[8], uint8_t vector)
{
    words[vector / 32] &= ~BIT(vector % 32);
}

static bool apic_test_vector(const uint32_t words[8], uint8_t vector)
{
    return words[vector / 32] & BIT(vector % 32);
}

static uint8_t apic_ppr(const APICState *s)
{
    int in_service = apic_highest(s->isr);
    uint8_t class = in_service < 0 ? 0 : in_service & 0xf0;

    return (s->tpr & 0xf0) >= class ? s->tpr : class;
}

/* -1: nothing may interrupt now. */
static int apic_pending_vector(const APICState *s)
{
    int vector = apic_highest(s->irr);

    if (!(s->apicbase & APIC_BASE_ENABLE) ||
        !(s->spurious_vec & APIC_SPURIOUS_ENABLE) || vector < 0 ||
        (vector & 0xf0) <= (apic_ppr(s) & 0xf0)) {
        return -1;
    }
    return vector;
}

static bool apic_accepts_pic(const APICState *s)
{
    return !(s->apicbase & APIC_BASE_ENABLE) ||
           !(s->lvt[LVT_LINT0] & APIC_LVT_MASKED);
}

static void apic_update(APICDevice *apic)
{
    if (apic_pending_vector(&apic->s) >= 0 ||
        (apic->pic_level && apic_accepts_pic(&apic->s))) {
        cpu_interrupt(apic->cpu, CPU_INTERRUPT_HARD);
    } else {
        cpu_reset_interrupt(apic->cpu, CPU_INTERRUPT_HARD);
    }
}

void apic_set_pic_line(void *opaque, unsigned n, bool level)
{
    APICDevice *apic = opaque;

    apic->pic_level = level;
    apic_update(apic);
}

void apic_deliver(APICDevice *apic, uint8_t vector, bool level_triggered)
{
    if (vector < 16) {
        apic->s.esr |= BIT(6); /* illegal vector received */
        return;
    }
    apic_set_vector(apic->s.irr, vector);
    if (level_triggered) {
        apic_set_vector(apic->s.tmr, vector);
    } else {
        apic_clear_vector(apic->s.tmr, vector);
    }
    apic_update(apic);
}

int apic_get_vector(void *opaque)
{
    APICDevice *apic = opaque;
    int vector = apic_pending_vector(&apic->s);

    if (vector >= 0) {
        apic_clear_vector(apic->s.irr, vector);
        apic_set_vector(apic->s.isr, vector);
    } else if (apic->pic && apic->pic_level && apic_accepts_pic(&apic->s)) {
        vector = i8259_read_vector(apic->pic);
    }
    apic_update(apic);
    return vector;
}

static void apic_eoi(APICDevice *apic)
{
    int vector = apic_highest(apic->s.isr);

    if (vector < 0) {
        return;
    }
    apic_clear_vector(apic->s.isr, vector);
    if (apic->ioapic && apic_test_vector(apic->s.tmr, vector)) {
        ioapic_eoi(apic->ioapic, vector);
    }
    apic_update(apic);
}

/* --- Timer ---------------------------------------------------------------- */

static int64_t apic_period_ns(const APICState *s)
{
    return ((int64_t)s->initial_count + 1) << s->count_shift;
}

static uint32_t apic_current_count(const APICDevice *apic)
{
    const APICState *s = &apic->s;
    int64_t elapsed = (clock_virtual_ns(apic->dev.parent.vm) -
                       s->initial_count_load_time_ns) >> s->count_shift;

    if (s->lvt[LVT_TIMER] & APIC_LVT_PERIODIC) {
        return s->initial_count -
               (uint32_t)(elapsed % ((int64_t)s->initial_count + 1));
    }
    return elapsed >= s->initial_count ? 0 : s->initial_count - elapsed;
}

static void apic_timer_arm(APICDevice *apic)
{
    APICState *s = &apic->s;
    int64_t now = clock_virtual_ns(apic->dev.parent.vm);
    int64_t period = apic_period_ns(s);
    int64_t done = (now - s->initial_count_load_time_ns) / period;

    if (!s->initial_count ||
        (done > 0 && !(s->lvt[LVT_TIMER] & APIC_LVT_PERIODIC))) {
        s->timer_expiry_ns = -1;
        vm_timer_del(apic->timer);
        return;
    }
    s->next_time_ns = s->initial_count_load_time_ns + (done + 1) * period;
    s->timer_expiry_ns = s->next_time_ns;
    vm_timer_mod(apic->timer, s->next_time_ns);
}

static void apic_timer_fired(void *opaque)
{
    APICDevice *apic = opaque;
    uint32_t lvt = apic->s.lvt[LVT_TIMER];

    if (!(lvt & APIC_LVT_MASKED)) {
        apic_deliver(apic, lvt & 0xff, false);
    }
    apic_timer_arm(apic);
}

static void apic_write_divide(APICState *s, uint32_t value)
{
    unsigned code = (value & 3) | ((value >> 1) & 4);

    s->divide_conf = value & 0xb;
    s->count_shift = (code + 1) & 7;
}

/* --- Registers -------------------------------------------------------------- */

static void apic_write_icr(APICDevice *apic)
{
    uint32_t low = apic->s.icr[0];
    unsigned shorthand = (low >> 18) & 3;
    bool to_self = shorthand == 1 || shorthand == 2 ||
                   (shorthand == 0 && (apic->s.icr[1] >> 24) == apic->s.id);

    if (to_self && ((low >> 8) & 7) <= 1) {
        apic_deliver(apic, low & 0xff, false);
    }
}

static uint32_t apic_read_register(APICDevice *apic, unsigned index)
{
    APICState *s = &apic->s;

    if (index >= 0x10 && index < 0x18) {
        return s->isr[index - 0x10];
    }
    if (index >= 0x18 && index < 0x20) {
        return s->tmr[index - 0x18];
    }
    if (index >= 0x20 && index < 0x28) {
        return s->irr[index - 0x20];
    }
    if (index >= 0x32 && index < 0x32 + APIC_LVTS) {
        return s->lvt[index - 0x32];
    }
    switch (index) {
    case 0x02:
        return (uint32_t)s->id << 24;
    case 0x03:
        return APIC_VERSION;
    case 0x08:
        return s->tpr;
    case 0x0a:
        return apic_ppr(s);
    case 0x0d:
        return (uint32_t)s->log_dest << 24;
    case 0x0e:
        return ((uint32_t)s->dest_mode << 28) | 0x0fffffff;
    case 0x0f:
        return s->spurious_vec;
    case 0x28:
        return s->esr;
    case 0x30:
    case 0x31:
        return s->icr[index - 0x30];
    case 0x38:
        return s->initial_count;
    case 0x39:
        return s->initial_count ? apic_current_count(apic) : 0;
    case 0x3e:
        return s->divide_conf;
    default:
        return 0;
    }
}

static void apic_write_register(APICDevice *apic, unsigned index,
                                uint32_t value)
{
    APICState *s = &apic->s;

    if (index >= 0x32 && index < 0x32 + APIC_LVTS) {
        s->lvt[index - 0x32] = value;
        if (index == 0x32) {
            apic_timer_arm(apic);
        }
        apic_update(apic);
        return;
    }
    switch (index) {
    case 0x02:
        s->id = value >> 24;
        break;
    case 0x08:
        s->tpr = value;
        apic_update(apic);
        break;
    case 0x0b:
        apic_eoi(apic);
        break;
    case 0x0d:
        s->log_dest = value >> 24;
        break;
    case 0x0e:
        s->dest_mode = value >> 28;
        break;
    case 0x0f:
        s->spurious_vec = value & 0x1ff;
        apic_update(apic);
        break;
    case 0x28:
        s->esr = 0;
        break;
    case 0x30:
        s->icr[0] = value & ~BIT(12);
        apic_write_icr(apic);
        break;
    case 0x31:
        s->icr[1] = value;
        break;
    case 0x38:
        s->initial_count = value;
        s->initial_count_load_time_ns = clock_virtual_ns(apic->dev.parent.vm);
        apic_timer_arm(apic);
        break;
    case 0x3e:
        apic_write_divide(s, value);
        apic_timer_arm(apic);
        break;
    default:
        break;
    }
}

static uint64_t apic_mem_read(void *opaque, uint64_t addr, unsigned size_bytes)
{
    return size_bytes == 4 ? apic_read_register(opaque, (addr >> 4) & 0xff)
                           : 0;
}

static void apic_mem_write(void *opaque, uint64_t addr, uint64_t value,
                           unsigned size_bytes)
{
    if (size_bytes == 4) {
        apic_write_register(opaque, (addr >> 4) & 0xff, value);
    }
}

static const MemoryRegionOps apic_mem_ops = {
    .read = apic_mem_read,
    .write = apic_mem_write,
};

void apic_init_state(APICDevice *apic)
{
    APICState *s = &apic->s;
    unsigned index = apic->index;

    memset(s, 0, sizeof(*s));
    s->apicbase = APIC_DEFAULT_BASE | APIC_BASE_ENABLE |
                  (index ? 0 : APIC_BASE_BSP);
    s->id = index;
    s->spurious_vec = 0xff;
    s->dest_mode = 0xf;
    for (unsigned i = 0; i < APIC_LVTS; i++) {
        s->lvt[i] = APIC_LVT_MASKED;
    }
    if (apic->lint0_extint && index == 0) {
        s->lvt[LVT_LINT0] = APIC_LVT_EXTINT;
    }
    s->count_shift = 1;
    s->timer_expiry_ns = -1;
    s->wait_for_sipi = index != 0;
}

static bool apic_realize(DeviceState *dev, Error **errp)
{
    APICDevice *apic = container_of(dev, APICDevice, dev);
    VM *vm = dev->parent.vm;

    apic->cpu = cpu_get(vm, apic->index);
    dev->instance_id = apic->index;
    apic->timer = vm_timer_new(vm, apic_timer_fired, apic);
    /* All CPUs see theirs at one address; only the first one is served. */
    if (apic->index == 0 &&
        !memory_map_io(vm, APIC_DEFAULT_BASE, 0x1000, &apic_mem_ops, apic,
                       errp)) {
        vm_timer_free(apic->timer);
        return false;
    }
    return true;
}

static void apic_unrealize(DeviceState *dev)
{
    vm_timer_free(container_of(dev, APICDevice, dev)->timer);
}

static void apic_reset(DeviceState *dev)
{
    APICDevice *apic = container_of(dev, APICDevice, dev);

    apic_init_state(apic);
    vm_timer_del(apic->timer);
    apic_update(apic);
}

static bool apic_pre_load(void *opaque, Error **errp)
{
    ((APICState *)opaque)->wait_for_sipi = 0;
    return true;
}

static bool apic_post_load(void *opaque, int version_id, Error **errp)
{
    APICDevice *apic = container_of(opaque, APICDevice, s);

    if (apic->s.count_shift < 0 || apic->s.count_shift > 7) {
        error_setg(errp, "apic: count_shift %d", apic->s.count_shift);
        return false;
    }
    if (apic->s.timer_expiry_ns >= 0) {
        vm_timer_mod(apic->timer, apic->s.timer_expiry_ns);
    } else {
        vm_timer_del(apic->timer);
    }
    return true;
}

static const VMStateDescription vmstate_apic = {
    .name = "apic",
    .version_id = 3,
    .minimum_version_id = 3,
    .pre_load = apic_pre_load,
    .post_load = apic_post_load,
    .fields = vmstate_apic_fields,
    .subsections = vmstate_apic_subsections,
};

static const Property apic_props[] = {
    { "index", PROP_UINT32, offsetof(APICDevice, index), "0",
      "the CPU it belongs to" },
    { 0 },
};

const DeviceClass apic_class = {
    .parent = {
        .name = "apic",
        .parent = &device_class,
        .instance_size = sizeof(APICDevice),
        .props = apic_props,
        .description = "local APIC",
    },
    .realize = apic_realize,
    .unrealize = apic_unrealize,
    .reset = apic_reset,
    .vmsd = &vmstate_apic,
    .vmsd_offset = offsetof(APICDevice, s),
};
