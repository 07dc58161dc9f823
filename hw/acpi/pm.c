/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI power management of the PC board at port 0x600: PM1a event and
 * control, the timer, SMI command port 0xb2. S5 shuts
 * down. Registers: ACPI 6.4 section 4.8. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/core/irq.h"
#include "hw/acpi/pm.h"
#include "system/clock.h"
#include "system/ioport.h"
#include "system/runstate.h"

#define PM_BASE 0x600
#define PM_BYTES 0x20
#define PM_TIMER_HZ 3579545
#define PM1_CNT_SCI_EN 0x0001
#define PM1_CNT_SLP_TYP(v) (((v) >> 10) & 7)
#define PM1_CNT_SLP_EN 0x2000
#define PM1_STS_PWRBTN 0x0100
#define APM_ACPI_ENABLE 0x02
#define APM_ACPI_DISABLE 0x03
#define APM_ACPI_ENABLE_OTHER 0xf1
#define APM_ACPI_DISABLE_OTHER 0xf0

static void acpi_pm_update_sci(ACPIPM *pm)
{
    irq_set(&pm->sci, (pm->pm1_cnt & PM1_CNT_SCI_EN) &&
                          (pm->pm1_sts & pm->pm1_en & PM1_STS_PWRBTN));
}

void acpi_pm_power_button(void *opaque)
{
    ACPIPM *pm = opaque;

    pm->pm1_sts |= PM1_STS_PWRBTN;
    acpi_pm_update_sci(pm);
}

static uint32_t acpi_pm_timer(const ACPIPM *pm)
{
    int64_t now = clock_virtual_ns(pm->dev.parent.vm);

    return (uint32_t)((__int128)now * PM_TIMER_HZ / NANOSECONDS_PER_SECOND) &
           0xffffff;
}

static uint32_t acpi_pm_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    ACPIPM *pm = opaque;
    unsigned at = port - PM_BASE;
    uint8_t regs[PM_BYTES + 4] = { 0 };
    uint32_t timer = acpi_pm_timer(pm);
    uint32_t value = 0;

    regs[0] = pm->pm1_sts;
    regs[1] = pm->pm1_sts >> 8;
    regs[2] = pm->pm1_en;
    regs[3] = pm->pm1_en >> 8;
    regs[4] = pm->pm1_cnt;
    regs[5] = pm->pm1_cnt >> 8;
    for (unsigned i = 0; i < 4; i++) {
        regs[8 + i] = timer >> (8 * i);
    }
    for (unsigned i = 0; i < size_bytes; i++) {
        value |= (uint32_t)regs[at + i] << (8 * i);
    }
    return value;
}

static void acpi_pm_write_control(ACPIPM *pm, uint16_t value)
{
    pm->pm1_cnt = value & ~PM1_CNT_SLP_EN;
    /* Sleep type 0 is S5; the others are not there. */
    if ((value & PM1_CNT_SLP_EN) && PM1_CNT_SLP_TYP(value) == 0) {
        vm_request_shutdown(pm->dev.parent.vm, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
    acpi_pm_update_sci(pm);
}

static void acpi_pm_write(void *opaque, uint16_t port, uint32_t value,
                          unsigned size_bytes)
{
    ACPIPM *pm = opaque;

    if (size_bytes == 1) {
        return; /* these registers are words */
    }
    switch (port - PM_BASE) {
    case 0:
        pm->pm1_sts &= ~value;
        if (size_bytes == 4) {
            pm->pm1_en = value >> 16;
        }
        acpi_pm_update_sci(pm);
        break;
    case 2:
        pm->pm1_en = value;
        acpi_pm_update_sci(pm);
        break;
    case 4:
        acpi_pm_write_control(pm, value);
        break;
    default:
        break;
    }
}

static const IOPortOps acpi_pm_ops = {
    .name = "acpi-pm",
    .read = acpi_pm_read,
    .write = acpi_pm_write,
    .max_access_bytes = 4,
};

static uint32_t acpi_apm_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    ACPIPM *pm = opaque;

    return (port & 1) ? pm->apm_data : pm->apm_command;
}

static void acpi_apm_write(void *opaque, uint16_t port, uint32_t value,
                           unsigned size_bytes)
{
    ACPIPM *pm = opaque;

    if (port & 1) {
        pm->apm_data = value;
        return;
    }
    pm->apm_command = value;
    if (pm->apm_command == APM_ACPI_ENABLE ||
        pm->apm_command == APM_ACPI_ENABLE_OTHER) {
        pm->pm1_cnt |= PM1_CNT_SCI_EN;
    } else if (pm->apm_command == APM_ACPI_DISABLE ||
               pm->apm_command == APM_ACPI_DISABLE_OTHER) {
        pm->pm1_cnt &= ~PM1_CNT_SCI_EN;
    }
    acpi_pm_update_sci(pm);
}

static const IOPortOps acpi_apm_ops = {
    .name = "apm",
    .read = acpi_apm_read,
    .write = acpi_apm_write,
};

static bool acpi_pm_realize(DeviceState *dev, Error **errp)
{
    ACPIPM *pm = container_of(dev, ACPIPM, dev);
    VM *vm = dev->parent.vm;

    if (!ioport_register(vm, PM_BASE, PM_BYTES, &acpi_pm_ops, pm, errp) ||
        !ioport_register(vm, 0xb2, 2, &acpi_apm_ops, pm, errp)) {
        return false;
    }
    vm_add_powerdown_handler(vm, acpi_pm_power_button, pm);
    return true;
}

static void acpi_pm_reset(DeviceState *dev)
{
    ACPIPM *pm = container_of(dev, ACPIPM, dev);

    pm->pm1_sts = 0;
    pm->pm1_en = 0;
    pm->pm1_cnt = 0;
    pm->apm_command = 0;
    pm->apm_data = 0;
    acpi_pm_update_sci(pm);
}

static const VMStateDescription vmstate_acpi_pm = {
    .name = "acpi-pm",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT16(pm1_sts, ACPIPM),
        VMSTATE_UINT16(pm1_en, ACPIPM),
        VMSTATE_UINT16(pm1_cnt, ACPIPM),
        VMSTATE_UINT8(apm_command, ACPIPM),
        VMSTATE_UINT8(apm_data, ACPIPM),
        VMSTATE_END_OF_LIST(),
    },
};

const DeviceClass acpi_pm_class = {
    .parent = {
        .name = "acpi-pm",
        .parent = &device_class,
        .instance_size = sizeof(ACPIPM),
        .description = "ACPI power management",
    },
    .realize = acpi_pm_realize,
    .reset = acpi_pm_reset,
    .vmsd = &vmstate_acpi_pm,
};
