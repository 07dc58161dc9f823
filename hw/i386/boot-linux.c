/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux boot protocol, 32-bit entry. Layout: Linux
 * Documentation/arch/x86/boot.rst and zero-page.rst. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/loader.h"
#include "hw/i386/x86.h"
#include "qemu/cutils.h"

#define BOOT_PARAMS_GPA 0x90000
#define BOOT_PARAMS_BYTES 4096
#define BOOT_CMDLINE_GPA 0x91000
#define BOOT_CMDLINE_MAX_BYTES 2048
#define BOOT_STACK_GPA 0x90000
#define BOOT_INITRD_MAX_BYTES (1024 * MiB)
#define LINUX_SECTOR_BYTES 512
#define LINUX_MIN_PROTOCOL 0x0202
#define LOADFLAG_LOADED_HIGH 0x01

/* Offsets in the image's first sectors and in boot_params. */
enum {
    BP_ORIG_VIDEO_MODE = 0x06,
    BP_ORIG_VIDEO_COLS = 0x07,
    BP_ORIG_VIDEO_LINES = 0x0e,
    BP_ORIG_VIDEO_ISVGA = 0x0f,
    BP_ALT_MEM_KIB = 0x1e0,
    BP_E820_ENTRIES = 0x1e8,
    BP_SETUP_SECTS = 0x1f1,
    BP_BOOT_FLAG = 0x1fe,
    BP_JUMP_OFFSET = 0x201,
    BP_HEADER = 0x202,
    BP_VERSION = 0x206,
    BP_TYPE_OF_LOADER = 0x210,
    BP_LOADFLAGS = 0x211,
    BP_CODE32_START = 0x214,
    BP_RAMDISK_IMAGE = 0x218,
    BP_RAMDISK_SIZE = 0x21c,
    BP_CMD_LINE_PTR = 0x228,
    BP_INITRD_ADDR_MAX = 0x22c,
    BP_CMDLINE_SIZE = 0x238,
    BP_HEADER_MIN_END = 0x22c,
    BP_HEADER_MAX_END = 0x290,
    BP_E820_TABLE = 0x2d0,
};

typedef struct LinuxImage {
    const uint8_t *image;
    size_t len_bytes;
    size_t setup_bytes;
    size_t header_end; /* offset behind the set-up header */
    unsigned version;
    uint32_t load_gpa;
} LinuxImage;

static bool linux_parse(LinuxImage *k, const char *path, Error **errp)
{
    const uint8_t *p = k->image;
    unsigned sectors;

    if (k->len_bytes < BP_HEADER_MAX_END ||
        ldw_le_p(p + BP_BOOT_FLAG) != 0xaa55 ||
        memcmp(p + BP_HEADER, "HdrS", 4)) {
        error_setg(errp, "kernel '%s' is neither an ELF file nor an image of "
                   "the Linux boot protocol", path);
        return false;
    }
    k->version = ldw_le_p(p + BP_VERSION);
    if (k->version < LINUX_MIN_PROTOCOL ||
        !(p[BP_LOADFLAGS] & LOADFLAG_LOADED_HIGH)) {
        error_setg(errp, "kernel '%s': boot protocol %u.%02u or a load address "
                   "below 1 MiB is too old", path, k->version >> 8,
                   k->version & 0xff);
        return false;
    }
    sectors = p[BP_SETUP_SECTS] ? p[BP_SETUP_SECTS] : 4;
    k->setup_bytes = (size_t)(sectors + 1) * LINUX_SECTOR_BYTES;
    k->header_end = MIN(BP_HEADER + (size_t)p[BP_JUMP_OFFSET],
                        BP_HEADER_MAX_END);
    k->load_gpa = ldl_le_p(p + BP_CODE32_START);
    if (k->setup_bytes >= k->len_bytes || k->header_end < BP_HEADER_MIN_END ||
        k->load_gpa < MiB) {
        error_setg(errp, "kernel '%s': set-up part of %zu bytes, header up to "
                   "0x%zx, entry 0x%x do not fit its %zu bytes", path,
                   k->setup_bytes, k->header_end, k->load_gpa, k->len_bytes);
        return false;
    }
    return true;
}

/* As high as the kernel allows, below 4 GiB. */
static bool linux_load_initrd(Machine *machine, const LinuxImage *k,
                              uint8_t *params, Error **errp)
{
    const char *path = machine->boot.initrd_path;
    uint64_t top = x86_ram_split(machine).below_4g_bytes;
    uint64_t limit = 0x37ffffff;
    g_autofree uint8_t *data = NULL;
    size_t len_bytes = 0;
    uint64_t gpa;

    if (!loader_read_file("initrd", path, BOOT_INITRD_MAX_BYTES, &data,
                          &len_bytes, errp)) {
        return false;
    }
    if (k->version >= 0x0203) {
        limit = ldl_le_p(k->image + BP_INITRD_ADDR_MAX);
    }
    top = MIN(top, limit + 1);
    if (len_bytes + MiB > top) {
        error_setg(errp, "initrd '%s' (%zu bytes) does not fit into guest "
                   "memory below 0x%" PRIx64 "; give the guest more with -m",
                   path, len_bytes, top);
        return false;
    }
    gpa = ROUND_DOWN(top - len_bytes, (uint64_t)4096);
    stl_le_p(params + BP_RAMDISK_IMAGE, gpa);
    stl_le_p(params + BP_RAMDISK_SIZE, len_bytes);
    return rom_add_blob(machine->parent.vm, "initrd", gpa, data, len_bytes,
                        errp);
}

static bool linux_load_cmdline(Machine *machine, const LinuxImage *k,
                               uint8_t *params, Error **errp)
{
    const char *cmdline = machine->boot.cmdline ? machine->boot.cmdline : "";
    size_t max_bytes = 255;
    size_t len_bytes = strlen(cmdline);

    if (k->version >= 0x0206) {
        max_bytes = MIN(ldl_le_p(k->image + BP_CMDLINE_SIZE),
                        BOOT_CMDLINE_MAX_BYTES - 1);
    }
    if (len_bytes > max_bytes) {
        error_setg(errp, "-append: the kernel takes at most %zu bytes, not %zu",
                   max_bytes, len_bytes);
        return false;
    }
    stl_le_p(params + BP_CMD_LINE_PTR, BOOT_CMDLINE_GPA);
    return rom_add_blob(machine->parent.vm, "kernel command line",
                        BOOT_CMDLINE_GPA, cmdline, len_bytes + 1, errp);
}

static void linux_fill_params(Machine *machine, const LinuxImage *k,
                              uint8_t *params)
{
    uint64_t low_bytes = x86_ram_split(machine).below_4g_bytes;
    X86E820Entry e820[X86_E820_MAX];
    unsigned n = x86_e820(machine, e820);

    memcpy(params + BP_SETUP_SECTS, k->image + BP_SETUP_SECTS,
           k->header_end - BP_SETUP_SECTS);
    params[BP_TYPE_OF_LOADER] = 0xff;
    params[BP_ORIG_VIDEO_MODE] = 3;
    params[BP_ORIG_VIDEO_COLS] = 80;
    params[BP_ORIG_VIDEO_LINES] = 25;
    params[BP_ORIG_VIDEO_ISVGA] = 1;
    stl_le_p(params + BP_ALT_MEM_KIB,
             low_bytes > MiB ? (low_bytes - MiB) / KiB : 0);
    params[BP_E820_ENTRIES] = n;
    for (unsigned i = 0; i < n; i++) {
        uint8_t *entry = params + BP_E820_TABLE + i * 20;

        stq_le_p(entry, e820[i].base);
        stq_le_p(entry + 8, e820[i].size_bytes);
        stl_le_p(entry + 16, e820[i].type);
    }
}

bool x86_load_linux(Machine *machine, const uint8_t *image, size_t len_bytes,
                    Error **errp)
{
    VM *vm = machine->parent.vm;
    LinuxImage k = { .image = image, .len_bytes = len_bytes };
    uint8_t params[BOOT_PARAMS_BYTES] = { 0 };

    if (!linux_parse(&k, machine->boot.kernel_path, errp)) {
        return false;
    }
    linux_fill_params(machine, &k, params);
    if (!linux_load_cmdline(machine, &k, params, errp) ||
        (machine->boot.initrd_path &&
         !linux_load_initrd(machine, &k, params, errp))) {
        return false;
    }
    x86_board(machine)->entry = (X86Entry){
        .direct = true,
        .protected_mode = true,
        .eip = k.load_gpa,
        .esp = BOOT_STACK_GPA,
        .esi = BOOT_PARAMS_GPA,
    };
    return rom_add_blob(vm, "kernel", k.load_gpa, image + k.setup_bytes,
                        len_bytes - k.setup_bytes, errp) &&
           rom_add_blob(vm, "boot_params", BOOT_PARAMS_GPA, params,
                        sizeof(params), errp);
}
