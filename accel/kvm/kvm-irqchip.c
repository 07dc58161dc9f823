/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's interrupt controllers, timer and clock, translated to and
 * from the structs that migrate. BQL, guest stopped, but for set_gsi.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"

#include <time.h>

#include "hw/i386/irqchip.h"
#include "system/clock.h"

#define LVT_MASKED BIT(16)

bool kvm_irqchip_create(KVMState *kvm, Error **errp)
{
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

    if (ioctl(kvm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0) {
        error_setg_errno(errp, errno, "KVM_CREATE_IRQCHIP");
        return false;
    }
    if (ioctl(kvm->vm_fd, KVM_CREATE_PIT2, &pit) < 0) {
        error_setg_errno(errp, errno, "KVM_CREATE_PIT2");
        return false;
    }
    return true;
}

void kvm_irqchip_set_gsi(Accel *accel, unsigned gsi, bool level)
{
    KVMState *kvm = accel->opaque;
    struct kvm_irq_level line = {.irq = gsi, .level = level};

    /* Fails only for a GSI without a route, which is no line at all. */
    ioctl(kvm->vm_fd, KVM_IRQ_LINE, &line);
}

/* --- i8259, IOAPIC -------------------------------------------------------- */

static void pic_from_kernel(I8259State *s, const struct kvm_pic_state *k)
{
    *s = (I8259State){
        .last_irr = k->last_irr, .irr = k->irr, .imr = k->imr, .isr = k->isr,
        .priority_add = k->priority_add, .irq_base = k->irq_base,
        .read_reg_select = k->read_reg_select, .poll = k->poll,
        .special_mask = k->special_mask, .init_state = k->init_state,
        .auto_eoi = k->auto_eoi, .rotate_on_auto_eoi = k->rotate_on_auto_eoi,
        .special_fully_nested_mode = k->special_fully_nested_mode,
        .init4 = k->init4, .elcr = k->elcr,
    };
}

static void pic_to_kernel(struct kvm_pic_state *k, const I8259State *s,
                          unsigned index)
{
    *k = (struct kvm_pic_state){
        .last_irr = s->last_irr, .irr = s->irr, .imr = s->imr, .isr = s->isr,
        .priority_add = s->priority_add, .irq_base = s->irq_base,
        .read_reg_select = s->read_reg_select, .poll = s->poll,
        .special_mask = s->special_mask, .init_state = s->init_state,
        .auto_eoi = s->auto_eoi, .rotate_on_auto_eoi = s->rotate_on_auto_eoi,
        .special_fully_nested_mode = s->special_fully_nested_mode,
        .init4 = s->init4, .elcr = s->elcr,
        /* Lines that are edge-triggered on every PC: 0, 1, 2; 8, 13. */
        .elcr_mask = index ? 0xde : 0xf8,
    };
}

static bool chip_get(KVMState *kvm, unsigned kind, unsigned index, void *state,
                     Error **errp)
{
    struct kvm_irqchip chip = {
        .chip_id = kind == IRQCHIP_IOAPIC ? KVM_IRQCHIP_IOAPIC : index,
    };

    if (ioctl(kvm->vm_fd, KVM_GET_IRQCHIP, &chip) < 0) {
        return kvm_cpu_fail("KVM_GET_IRQCHIP", errp);
    }
    if (kind == IRQCHIP_I8259) {
        pic_from_kernel(state, &chip.chip.pic);
        return true;
    }
    IOAPICState *s = state;

    s->id = chip.chip.ioapic.id;
    s->ioregsel = chip.chip.ioapic.ioregsel;
    s->irr = chip.chip.ioapic.irr;
    s->base_address = chip.chip.ioapic.base_address;
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        s->ioredtbl[i] = chip.chip.ioapic.redirtbl[i].bits;
    }
    return true;
}

static bool chip_put(KVMState *kvm, unsigned kind, unsigned index,
                     const void *state, Error **errp)
{
    struct kvm_irqchip chip = {
        .chip_id = kind == IRQCHIP_IOAPIC ? KVM_IRQCHIP_IOAPIC : index,
    };

    if (kind == IRQCHIP_I8259) {
        pic_to_kernel(&chip.chip.pic, state, index);
    } else {
        const IOAPICState *s = state;

        chip.chip.ioapic.id = s->id;
        chip.chip.ioapic.ioregsel = s->ioregsel;
        chip.chip.ioapic.irr = s->irr;
        chip.chip.ioapic.base_address =
            s->base_address ? s->base_address : 0xfec00000;
        for (unsigned i = 0; i < IOAPIC_PINS; i++) {
            chip.chip.ioapic.redirtbl[i].bits = s->ioredtbl[i];
        }
    }
    if (ioctl(kvm->vm_fd, KVM_SET_IRQCHIP, &chip) < 0) {
        return kvm_cpu_fail("KVM_SET_IRQCHIP", errp);
    }
    return true;
}

/* --- i8254 ---------------------------------------------------------------- */

/* The kernel counts in the host's monotonic time, devices in virtual time. */
static int64_t kernel_clock_offset_ns(VM *vm)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec -
           clock_virtual_ns(vm);
}

static bool pit_get(KVMState *kvm, I8254State *s, Error **errp)
{
    int64_t offset_ns = kernel_clock_offset_ns(kvm->vm);
    struct kvm_pit_state2 k;

    if (ioctl(kvm->vm_fd, KVM_GET_PIT2, &k) < 0) {
        return kvm_cpu_fail("KVM_GET_PIT2", errp);
    }
    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        const struct kvm_pit_channel_state *c = &k.channels[i];

        s->channels[i] = (I8254Channel){
            .count = c->count, .latched_count = c->latched_count,
            .count_latched = c->count_latched,
            .status_latched = c->status_latched, .status = c->status,
            .read_state = c->read_state, .write_state = c->write_state,
            .write_latch = c->write_latch, .rw_mode = c->rw_mode,
            .mode = c->mode, .bcd = c->bcd, .gate = c->gate,
            .count_load_time_ns = c->count_load_time - offset_ns,
            .next_transition_time_ns = -1,
        };
    }
    s->channels[0].irq_disabled = k.flags & KVM_PIT_FLAGS_HPET_LEGACY;
    return true;
}

static bool pit_put(KVMState *kvm, const I8254State *s, Error **errp)
{
    int64_t offset_ns = kernel_clock_offset_ns(kvm->vm);
    struct kvm_pit_state2 k = {
        .flags = s->channels[0].irq_disabled ? KVM_PIT_FLAGS_HPET_LEGACY : 0,
    };

    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        const I8254Channel *c = &s->channels[i];

        k.channels[i] = (struct kvm_pit_channel_state){
            .count = c->count, .latched_count = c->latched_count,
            .count_latched = c->count_latched,
            .status_latched = c->status_latched, .status = c->status,
            .read_state = c->read_state, .write_state = c->write_state,
            .write_latch = c->write_latch, .rw_mode = c->rw_mode,
            .mode = c->mode, .bcd = c->bcd, .gate = c->gate,
            .count_load_time = c->count_load_time_ns + offset_ns,
        };
    }
    if (ioctl(kvm->vm_fd, KVM_SET_PIT2, &k) < 0) {
        return kvm_cpu_fail("KVM_SET_PIT2", errp);
    }
    return true;
}

/* --- Local APIC ----------------------------------------------------------- */

static uint32_t lapic_reg(const struct kvm_lapic_state *k, unsigned reg)
{
    uint32_t value;

    memcpy(&value, k->regs + (reg << 4), 4);
    return value;
}

static void lapic_set(struct kvm_lapic_state *k, unsigned reg, uint32_t value)
{
    memcpy(k->regs + (reg << 4), &value, 4);
}

static KVMCpu *lapic_cpu(KVMState *kvm, unsigned index, Error **errp)
{
    CPUState *cpu = cpu_get(kvm->vm, index);

    if (!cpu || !cpu->accel_data) {
        error_setg(errp, "there is no CPU %u with an APIC", index);
        return NULL;
    }
    return cpu->accel_data;
}

/* What the timer's registers mean in virtual time, as far as KVM tells. */
static void lapic_timer(APICState *s, int64_t now_ns)
{
    unsigned divide = (s->divide_conf & 3) | ((s->divide_conf >> 1) & 4);

    s->count_shift = (divide + 1) & 7;
    s->initial_count_load_time_ns = now_ns;
    s->next_time_ns = now_ns;
    s->timer_expiry_ns = -1;
    if (!(s->lvt[0] & LVT_MASKED) && s->initial_count) {
        s->next_time_ns =
            now_ns + ((int64_t)s->initial_count << s->count_shift);
        s->timer_expiry_ns = s->next_time_ns;
    }
}

static bool lapic_get(KVMState *kvm, unsigned index, APICState *s,
                      Error **errp)
{
    KVMCpu *kc = lapic_cpu(kvm, index, errp);
    struct kvm_lapic_state k;

    if (!kc) {
        return false;
    }
    if (ioctl(kc->fd, KVM_GET_LAPIC, &k) < 0) {
        return kvm_cpu_fail("KVM_GET_LAPIC", errp);
    }
    s->apicbase = kc->cpu->arch->apic_base;
    s->id = lapic_reg(&k, 0x2) >> 24;
    s->tpr = lapic_reg(&k, 0x8);
    s->arb_id = lapic_reg(&k, 0x9);
    s->log_dest = lapic_reg(&k, 0xd) >> 24;
    s->dest_mode = lapic_reg(&k, 0xe) >> 28;
    s->spurious_vec = lapic_reg(&k, 0xf);
    for (unsigned i = 0; i < 8; i++) {
        s->isr[i] = lapic_reg(&k, 0x10 + i);
        s->tmr[i] = lapic_reg(&k, 0x18 + i);
        s->irr[i] = lapic_reg(&k, 0x20 + i);
    }
    s->esr = lapic_reg(&k, 0x28);
    s->icr[0] = lapic_reg(&k, 0x30);
    s->icr[1] = lapic_reg(&k, 0x31);
    for (unsigned i = 0; i < APIC_LVTS; i++) {
        s->lvt[i] = lapic_reg(&k, 0x32 + i);
    }
    s->initial_count = lapic_reg(&k, 0x38);
    s->divide_conf = lapic_reg(&k, 0x3e);
    lapic_timer(s, clock_virtual_ns(kvm->vm));
    return true;
}

static bool lapic_put(KVMState *kvm, unsigned index, const APICState *s,
                      Error **errp)
{
    KVMCpu *kc = lapic_cpu(kvm, index, errp);
    struct kvm_lapic_state k = {0};
    struct kvm_sregs sregs;

    if (!kc) {
        return false;
    }
    kc->cpu->arch->apic_base = s->apicbase;
    /* KVM takes the registers only of an APIC that is on. */
    if (ioctl(kc->fd, KVM_GET_SREGS, &sregs) < 0) {
        return kvm_cpu_fail("KVM_GET_SREGS", errp);
    }
    sregs.apic_base = s->apicbase;
    if (ioctl(kc->fd, KVM_SET_SREGS, &sregs) < 0) {
        return kvm_cpu_fail("KVM_SET_SREGS", errp);
    }
    lapic_set(&k, 0x2, (uint32_t)s->id << 24);
    lapic_set(&k, 0x3, 0x50014); /* version, six LVT entries */
    lapic_set(&k, 0x8, s->tpr);
    lapic_set(&k, 0xd, (uint32_t)s->log_dest << 24);
    lapic_set(&k, 0xe, (uint32_t)s->dest_mode << 28 | 0x0fffffff);
    lapic_set(&k, 0xf, s->spurious_vec);
    for (unsigned i = 0; i < 8; i++) {
        lapic_set(&k, 0x10 + i, s->isr[i]);
        lapic_set(&k, 0x18 + i, s->tmr[i]);
        lapic_set(&k, 0x20 + i, s->irr[i]);
    }
    lapic_set(&k, 0x28, s->esr);
    lapic_set(&k, 0x30, s->icr[0]);
    lapic_set(&k, 0x31, s->icr[1]);
    for (unsigned i = 0; i < APIC_LVTS; i++) {
        lapic_set(&k, 0x32 + i, s->lvt[i]);
    }
    lapic_set(&k, 0x38, s->initial_count);
    lapic_set(&k, 0x3e, s->divide_conf);
    if (ioctl(kc->fd, KVM_SET_LAPIC, &k) < 0) {
        return kvm_cpu_fail("KVM_SET_LAPIC", errp);
    }
    return true;
}

/* --- kvmclock ------------------------------------------------------------- */

static bool clock_get(KVMState *kvm, KVMClockState *s, Error **errp)
{
    struct kvm_clock_data data;

    if (ioctl(kvm->vm_fd, KVM_GET_CLOCK, &data) < 0) {
        return kvm_cpu_fail("KVM_GET_CLOCK", errp);
    }
    s->clock_ns = data.clock;
    s->clock_is_reliable = data.flags & KVM_CLOCK_TSC_STABLE;
    return true;
}

static bool clock_put(KVMState *kvm, const KVMClockState *s, Error **errp)
{
    struct kvm_clock_data data = {.clock = s->clock_ns};

    if (ioctl(kvm->vm_fd, KVM_SET_CLOCK, &data) < 0) {
        return kvm_cpu_fail("KVM_SET_CLOCK", errp);
    }
    return true;
}

bool kvm_irqchip_get(Accel *accel, unsigned kind, unsigned index, void *state,
                     Error **errp)
{
    KVMState *kvm = accel->opaque;

    switch (kind) {
    case IRQCHIP_I8259:
    case IRQCHIP_IOAPIC:
        return chip_get(kvm, kind, index, state, errp);
    case IRQCHIP_I8254:
        return pit_get(kvm, state, errp);
    case IRQCHIP_APIC:
        return lapic_get(kvm, index, state, errp);
    case IRQCHIP_KVMCLOCK:
        return clock_get(kvm, state, errp);
    }
    g_assert_not_reached();
}

bool kvm_irqchip_put(Accel *accel, unsigned kind, unsigned index,
                     const void *state, Error **errp)
{
    KVMState *kvm = accel->opaque;

    switch (kind) {
    case IRQCHIP_I8259:
    case IRQCHIP_IOAPIC:
        return chip_put(kvm, kind, index, state, errp);
    case IRQCHIP_I8254:
        return pit_put(kvm, state, errp);
    case IRQCHIP_APIC:
        return lapic_put(kvm, index, state, errp);
    case IRQCHIP_KVMCLOCK:
        return clock_put(kvm, state, errp);
    }
    g_assert_not_reached();
}
