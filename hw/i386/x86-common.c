/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RAM, firmware, CPUs and interrupt controllers of the x86 boards. BQL. */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/core/loader.h"
#include "hw/i386/x86.h"
#include "qemu/cutils.h"
#include "system/accel.h"
#include "system/memory.h"
#include "target/i386/cpu.h"

#define X86_FIRMWARE_MAX_BYTES (16 * MiB)
#define X86_ISA_BIOS_MAX_BYTES (128 * KiB)

X86Board *x86_board(Machine *machine)
{
    if (!machine->board) {
        machine->board = g_new0(X86Board, 1);
    }
    return machine->board;
}

X86RamSplit x86_ram_split(const Machine *machine)
{
    const X86Board *board = machine->board;
    uint64_t total = machine->ram ? machine->ram->used_bytes : 0;
    X86RamSplit split = { total, 0 };

    if (total > board->ram_layout.unsplit_bytes) {
        split.below_4g_bytes = board->ram_layout.split_bytes;
        split.above_4g_bytes = total - split.below_4g_bytes;
    }
    return split;
}

unsigned x86_e820(const Machine *machine, X86E820Entry out[X86_E820_MAX])
{
    X86RamSplit split = x86_ram_split(machine);
    uint64_t low = MIN(split.below_4g_bytes, 0x9fc00);
    unsigned n = 0;

    out[n++] = (X86E820Entry){ 0, low, 1 };
    out[n++] = (X86E820Entry){ 0x9fc00, 0x400, 2 };
    out[n++] = (X86E820Entry){ 0xf0000, 0x10000, 2 };
    if (split.below_4g_bytes > MiB) {
        out[n++] = (X86E820Entry){ MiB, split.below_4g_bytes - MiB, 1 };
    }
    out[n++] = (X86E820Entry){ 0xfffc0000, 0x40000, 2 };
    if (split.above_4g_bytes) {
        out[n++] = (X86E820Entry){ 4 * GiB, split.above_4g_bytes, 1 };
    }
    return n;
}

bool x86_map_ram(Machine *machine, X86RamLayout layout, Error **errp)
{
    VM *vm = machine->parent.vm;
    X86RamSplit split;

    x86_board(machine)->ram_layout = layout;
    split = x86_ram_split(machine);
    if (!machine->ram) {
        error_setg(errp, "Machine '%s' needs RAM; give it some with -m",
                   machine_get_class(machine)->name);
        return false;
    }
    return memory_map_ram(vm, 0, machine->ram, 0, split.below_4g_bytes,
                          errp) &&
           (!split.above_4g_bytes ||
            memory_map_ram(vm, 4 * GiB, machine->ram, split.below_4g_bytes,
                           split.above_4g_bytes, errp));
}

/* At the reset vector: cli; hlt; jmp back to the hlt. */
static void x86_fill_halting_firmware(uint8_t *image, size_t len_bytes)
{
    static const uint8_t halt[] = { 0xfa, 0xf4, 0xeb, 0xfd };

    memset(image, 0, len_bytes);
    memcpy(image + len_bytes - 16, halt, sizeof(halt));
}

bool x86_map_firmware(Machine *machine, size_t default_bytes, bool rom,
                      Error **errp)
{
    VM *vm = machine->parent.vm;
    g_autofree uint8_t *image = NULL;
    size_t len_bytes = default_bytes;
    uint64_t isa_bytes;
    RAMBlock *bios;

    if (machine->boot.firmware_path) {
        if (!loader_read_file("firmware", machine->boot.firmware_path,
                              X86_FIRMWARE_MAX_BYTES, &image, &len_bytes,
                              errp)) {
            return false;
        }
        if (!IS_ALIGNED(len_bytes, 64 * KiB)) {
            error_setg(errp, "firmware '%s' has %zu bytes, which is not a "
                       "multiple of 64 KiB", machine->boot.firmware_path,
                       len_bytes);
            return false;
        }
    } else {
        image = g_malloc(len_bytes);
        x86_fill_halting_firmware(image, len_bytes);
    }
    bios = ram_block_new_anon(vm, "pc.bios", len_bytes, errp);
    if (!bios) {
        return false;
    }
    bios->rom = rom;
    memcpy(bios->host, image, len_bytes);
    isa_bytes = MIN(len_bytes, X86_ISA_BIOS_MAX_BYTES);
    return memory_map_ram(vm, MiB - isa_bytes, bios, len_bytes - isa_bytes,
                          isa_bytes, errp) &&
           memory_map_ram(vm, 4 * GiB - len_bytes, bios, 0, len_bytes, errp);
}

bool x86_create_cpus(Machine *machine, Error **errp)
{
    VM *vm = machine->parent.vm;

    if (!vm->smp_cpus) {
        vm->smp_cpus = 1;
    }
    if (!cpus_create(vm, vm->smp_cpus, errp)) {
        return false;
    }
    for (unsigned i = 0; i < vm->smp_cpus; i++) {
        if (!x86_cpu_register_vmstate(cpu_get(vm, i), errp)) {
            return false;
        }
        if (i == 0 && !device_create(vm, &kvmvapic_class, NULL, errp)) {
            return false;
        }
    }
    return true;
}

bool x86_create_fw_cfg(Machine *machine, Error **errp)
{
    VM *vm = machine->parent.vm;
    X86E820Entry e820[X86_E820_MAX];
    uint8_t table[X86_E820_MAX * 20];
    DeviceState *dev = device_create(vm, &fw_cfg_class, NULL, errp);
    unsigned n;

    if (!dev) {
        return false;
    }
    n = x86_e820(machine, e820);
    for (unsigned i = 0; i < n; i++) {
        stq_le_p(table + i * 20, e820[i].base);
        stq_le_p(table + i * 20 + 8, e820[i].size_bytes);
        stl_le_p(table + i * 20 + 16, e820[i].type);
    }
    x86_board(machine)->fw_cfg = fw_cfg_from_device(dev);
    return fw_cfg_add_file(x86_board(machine)->fw_cfg, "etc/e820", table,
                           n * 20, errp);
}

bool x86_create_apics(Machine *machine, Error **errp)
{
    VM *vm = machine->parent.vm;
    X86Board *board = x86_board(machine);
    bool irqchip = vm->accel->ops->irqchip;

    for (unsigned i = 0; i < vm->smp_cpus; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        const DeviceProp props[] = { { "index", index }, { 0 } };
        DeviceState *dev = device_create(
            vm, irqchip ? &kvm_apic_class : &apic_class, props, errp);
        APICDevice *apic;

        if (!dev) {
            return false;
        }
        apic = container_of(dev, APICDevice, dev);
        if (i == 0) {
            board->apic = apic;
        }
        if (!irqchip) {
            X86IntAck ack = { apic_get_vector, apic };

            cpu_x86_set_int_ack(cpu_get(vm, i), ack);
        }
    }
    return true;
}

bool x86_create_ioapic(Machine *machine, Error **errp)
{
    VM *vm = machine->parent.vm;
    X86Board *board = x86_board(machine);
    bool irqchip = vm->accel->ops->irqchip;
    DeviceState *dev = device_create(
        vm, irqchip ? &kvm_ioapic_class : &ioapic_class, NULL, errp);

    if (!dev) {
        return false;
    }
    board->ioapic = container_of(dev, IOAPICDevice, dev);
    board->ioapic->apic = board->apic;
    board->apic->ioapic = board->ioapic;
    return true;
}

/* The slave's output is the master's input 2. */
static void x86_pic_cascade(void *opaque, unsigned n, bool level)
{
    i8259_set_line(opaque, n, level);
}

bool x86_create_pics(Machine *machine, Error **errp)
{
    VM *vm = machine->parent.vm;
    X86Board *board = x86_board(machine);
    const DeviceClass *klass =
        vm->accel->ops->irqchip ? &kvm_i8259_class : &i8259_class;
    const DeviceProp slave_props[] = { { "slave", "on" }, { 0 } };
    DeviceState *master = device_create(vm, klass, NULL, errp);
    DeviceState *slave;
    PICDevice *pic;

    if (!master) {
        return false;
    }
    slave = device_create(vm, klass, slave_props, errp);
    if (!slave) {
        return false;
    }
    pic = container_of(master, PICDevice, dev);
    pic->cascade = container_of(slave, PICDevice, dev);
    board->pic = pic;
    if (!vm->accel->ops->irqchip) {
        pic->out = (IRQLine){ apic_set_pic_line, board->apic, 0 };
        pic->cascade->out = (IRQLine){ x86_pic_cascade, pic, 2 };
        board->apic->pic = pic;
    }
    return true;
}

bool x86_create_pit(Machine *machine, Error **errp)
{
    VM *vm = machine->parent.vm;
    X86Board *board = x86_board(machine);
    DeviceState *dev;

    if (vm->accel->ops->irqchip) {
        return device_create(vm, &kvm_i8254_class, NULL, errp) != NULL;
    }
    dev = device_create(vm, &i8254_class, NULL, errp);
    if (!dev) {
        return false;
    }
    board->pit = container_of(dev, PITDevice, dev);
    board->pit->irq = machine->gsi[0];
    return true;
}

static void x86_set_cmos16(RTCState *rtc, uint8_t at, uint64_t value)
{
    value = MIN(value, 65535);
    mc146818rtc_set_cmos(rtc, at, value);
    mc146818rtc_set_cmos(rtc, at + 1, value >> 8);
}

RTCState *x86_create_rtc(Machine *machine, Error **errp)
{
    DeviceState *dev = device_create(machine->parent.vm, &mc146818rtc_class,
                                     NULL, errp);
    X86RamSplit split = x86_ram_split(machine);
    uint64_t low = split.below_4g_bytes;
    uint64_t high = split.above_4g_bytes / (64 * KiB);
    RTCState *rtc;

    if (!dev) {
        return NULL;
    }
    rtc = container_of(dev, RTCState, dev);
    rtc->irq = machine->gsi[8];
    x86_set_cmos16(rtc, 0x15, 640);
    x86_set_cmos16(rtc, 0x17, low > MiB ? (low - MiB) / KiB : 0);
    x86_set_cmos16(rtc, 0x30, low > MiB ? (low - MiB) / KiB : 0);
    x86_set_cmos16(rtc, 0x34,
                   low > 16 * MiB ? (low - 16 * MiB) / (64 * KiB) : 0);
    mc146818rtc_set_cmos(rtc, 0x5b, high);
    mc146818rtc_set_cmos(rtc, 0x5c, high >> 8);
    mc146818rtc_set_cmos(rtc, 0x5d, high >> 16);
    return rtc;
}

static void x86_accel_gsi(void *opaque, unsigned n, bool level)
{
    Accel *accel = ((Machine *)opaque)->parent.vm->accel;

    accel->ops->irqchip_set_gsi(accel, n, level);
}

static void x86_emulated_gsi(void *opaque, unsigned n, bool level)
{
    X86Board *board = x86_board(opaque);

    if (board->pic && n < 16) {
        i8259_set_irq(board->pic, n, level);
    }
    if (board->ioapic) {
        ioapic_set_irq(board->ioapic, n, level);
    }
}

void x86_wire_gsi(Machine *machine)
{
    bool irqchip = machine->parent.vm->accel->ops->irqchip;

    for (unsigned i = 0; i < MACHINE_GSI_COUNT; i++) {
        machine->gsi[i] = (IRQLine){
            irqchip ? x86_accel_gsi : x86_emulated_gsi, machine, i
        };
    }
}
