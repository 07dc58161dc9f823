/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Booting the x86 boards without firmware: what to boot, a disk's first
 * sector, and how the first CPU begins after each reset. With nothing to
 * boot the built-in firmware halts the CPU. BQL.
 */
#include "qemu/osdep.h"
#include "hw/block/drive.h"
#include "hw/core/loader.h"
#include "hw/i386/x86.h"
#include "hw/ide/ide-hd.h"
#include "qemu/cutils.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"

#define BOOT_SECTOR_BYTES 512
#define BOOT_SECTOR_GPA 0x7c00
#define BOOT_KERNEL_MAX_BYTES (512 * MiB)
/* Flat segments for kernels: selectors 0x10 (code) and 0x18 (data). */
#define BOOT_GDT_GPA 0x9f000
#define BOOT_GDT_BYTES 32
#define BOOT_CS 0x10
#define BOOT_DS 0x18
#define SEG_FLAGS_CODE (SEG_P | SEG_S | (0xb << SEG_TYPE_SHIFT))
#define SEG_FLAGS_DATA (SEG_P | SEG_S | (0x3 << SEG_TYPE_SHIFT))

static void boot_set_real_mode(CPUArchState *env)
{
    for (unsigned i = 0; i < CPU_NB_SEGS; i++) {
        env->segs[i] = (X86Segment){
            .limit = 0xffff,
            .flags = i == R_CS ? SEG_FLAGS_CODE : SEG_FLAGS_DATA,
        };
    }
}

static void boot_set_protected_mode(CPUArchState *env)
{
    for (unsigned i = 0; i < CPU_NB_SEGS; i++) {
        env->segs[i] = (X86Segment){
            .selector = i == R_CS ? BOOT_CS : BOOT_DS,
            .limit = UINT32_MAX,
            .flags = (i == R_CS ? SEG_FLAGS_CODE : SEG_FLAGS_DATA) | SEG_B |
                     SEG_G,
        };
    }
    env->gdt.base = BOOT_GDT_GPA;
    env->gdt.limit = BOOT_GDT_BYTES - 1;
    env->cr[0] |= CR0_PE_MASK;
}

/* Runs after the CPUs' own reset. */
static void boot_reset_cpu(void *opaque)
{
    Machine *machine = opaque;
    const X86Entry *entry = &x86_board(machine)->entry;
    CPUArchState *env = cpu_get(machine->parent.vm, 0)->arch;

    if (entry->protected_mode) {
        boot_set_protected_mode(env);
    } else {
        boot_set_real_mode(env);
    }
    env->eip = entry->eip;
    env->regs[R_ESP] = entry->esp;
    env->regs[R_EBX] = entry->ebx;
    env->regs[R_ESI] = entry->esi;
    env->regs[R_EDX] = entry->edx;
    env->regs[R_EAX] = 0;
    env->regs[R_ECX] = 0;
    env->regs[R_EBP] = 0;
    env->regs[R_EDI] = 0;
}

bool x86_load_boot_sector(Machine *machine, Error **errp)
{
    const IDEDisk *disk = machine->boot_disk;
    const Drive *drive = disk->drive;
    uint8_t sector[BOOT_SECTOR_BYTES];
    ssize_t n = RETRY_ON_EINTR(pread(drive->fd, sector, sizeof(sector), 0));

    if (n < 0) {
        error_setg_errno(errp, errno, "Could not read the boot sector of '%s'",
                         drive->path);
        return false;
    }
    if (n != sizeof(sector) ||
        ldw_le_p(sector + BOOT_SECTOR_BYTES - 2) != 0xaa55) {
        error_setg(errp, "'%s' has no boot sector: its first %d bytes must "
                   "end with 55 aa", drive->path, BOOT_SECTOR_BYTES);
        return false;
    }
    x86_board(machine)->entry = (X86Entry){
        .direct = true,
        .eip = BOOT_SECTOR_GPA,
        .esp = BOOT_SECTOR_GPA,
        .edx = 0x80,
    };
    return rom_add_blob(machine->parent.vm, "boot sector", BOOT_SECTOR_GPA,
                        sector, sizeof(sector), errp);
}

static bool boot_add_gdt(Machine *machine, Error **errp)
{
    uint8_t gdt[BOOT_GDT_BYTES] = { 0 };

    stq_le_p(gdt + BOOT_CS, 0x00cf9b000000ffffULL);
    stq_le_p(gdt + BOOT_DS, 0x00cf93000000ffffULL);
    return rom_add_blob(machine->parent.vm, "boot segment table", BOOT_GDT_GPA,
                        gdt, sizeof(gdt), errp);
}

bool x86_load_kernel(Machine *machine, Error **errp)
{
    const char *path = machine->boot.kernel_path;
    g_autofree uint8_t *image = NULL;
    size_t len_bytes = 0;

    if (!loader_read_file("kernel", path, BOOT_KERNEL_MAX_BYTES, &image,
                          &len_bytes, errp) ||
        !boot_add_gdt(machine, errp)) {
        return false;
    }
    if (len_bytes > 4 && !memcmp(image, "\177ELF", 4)) {
        return x86_load_pvh(machine, image, len_bytes, errp);
    }
    return x86_load_linux(machine, image, len_bytes, errp);
}

bool x86_machine_done(Machine *machine, Error **errp)
{
    const MachineBoot *boot = &machine->boot;
    X86Board *board = x86_board(machine);
    bool ok = true;

    if (!boot->kernel_path && (boot->initrd_path || boot->cmdline)) {
        error_setg(errp, "%s only allowed with -kernel option",
                   boot->initrd_path ? "-initrd" : "-append");
        return false;
    }
    if (boot->kernel_path && boot->firmware_path) {
        error_setg(errp, "-kernel and -bios together are not supported; leave "
                   "-bios out, kernels are booted without firmware");
        return false;
    }
    if (boot->kernel_path) {
        ok = x86_load_kernel(machine, errp);
    } else if (!boot->firmware_path && machine->boot_disk) {
        ok = x86_load_boot_sector(machine, errp);
    }
    if (ok && board->entry.direct) {
        board->apic->lint0_extint = true;
        vm_add_reset_handler(machine->parent.vm, boot_reset_cpu, machine);
    }
    return ok;
}
