/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF kernels with a PVH entry point. Layout: Xen docs/misc/pvh.pandoc and
 * xen/include/public/arch-x86/hvm/start_info.h. BQL.
 */
#include "qemu/osdep.h"
#include <elf.h>
#include "hw/core/loader.h"
#include "hw/i386/x86.h"
#include "qemu/cutils.h"
#include "system/memory.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define HVM_START_MAGIC 0x336ec578
#define HVM_START_INFO_BYTES 56
#define HVM_MEMMAP_ENTRY_BYTES 24
#define HVM_MODULE_BYTES 32
#define PVH_INFO_GPA 0x6000
#define PVH_INFO_MAX_BYTES 4096
#define PVH_CMDLINE_GPA 0x7000
#define PVH_CMDLINE_MAX_BYTES 4096
#define PVH_STACK_GPA 0x90000
#define PVH_INITRD_MAX_BYTES (1024 * MiB)
#define PVH_MAX_SEGMENTS 64

/* One program header, of either class. */
typedef struct PVHSegment {
    uint32_t type;
    uint64_t offset, paddr, file_bytes, mem_bytes;
} PVHSegment;

typedef struct PVHImage {
    const char *path;
    const uint8_t *image;
    size_t len_bytes;
    bool is_64;
    uint64_t phoff;
    unsigned phnum;
    uint32_t entry;
    bool has_entry;
    uint64_t end_gpa; /* behind the highest segment */
} PVHImage;

static bool pvh_parse_header(PVHImage *k, Error **errp)
{
    size_t phentsize;

    k->is_64 = k->len_bytes > EI_CLASS && k->image[EI_CLASS] == ELFCLASS64;
    if (k->len_bytes < (k->is_64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)) ||
        k->image[EI_DATA] != ELFDATA2LSB) {
        error_setg(errp, "kernel '%s': ELF header is cut off or not "
                   "little-endian", k->path);
        return false;
    }
    if (k->is_64) {
        Elf64_Ehdr eh;

        memcpy(&eh, k->image, sizeof(eh));
        k->phoff = eh.e_phoff;
        k->phnum = eh.e_phnum;
        phentsize = sizeof(Elf64_Phdr);
    } else {
        Elf32_Ehdr eh;

        memcpy(&eh, k->image, sizeof(eh));
        k->phoff = eh.e_phoff;
        k->phnum = eh.e_phnum;
        phentsize = sizeof(Elf32_Phdr);
    }
    if (!k->phnum || k->phnum > PVH_MAX_SEGMENTS || k->phoff > k->len_bytes ||
        k->phnum * phentsize > k->len_bytes - k->phoff) {
        error_setg(errp, "kernel '%s': %u program headers at 0x%" PRIx64
                   " are not within its %zu bytes", k->path, k->phnum,
                   k->phoff, k->len_bytes);
        return false;
    }
    return true;
}

static bool pvh_get_segment(const PVHImage *k, unsigned i, PVHSegment *out,
                            Error **errp)
{
    if (k->is_64) {
        Elf64_Phdr ph;

        memcpy(&ph, k->image + k->phoff + i * sizeof(ph), sizeof(ph));
        *out = (PVHSegment){ ph.p_type, ph.p_offset, ph.p_paddr, ph.p_filesz,
                             ph.p_memsz };
    } else {
        Elf32_Phdr ph;

        memcpy(&ph, k->image + k->phoff + i * sizeof(ph), sizeof(ph));
        *out = (PVHSegment){ ph.p_type, ph.p_offset, ph.p_paddr, ph.p_filesz,
                             ph.p_memsz };
    }
    if ((out->type == PT_LOAD || out->type == PT_NOTE) &&
        (out->offset > k->len_bytes ||
         out->file_bytes > k->len_bytes - out->offset)) {
        error_setg(errp, "kernel '%s': segment %u is not within its %zu bytes",
                   k->path, i, k->len_bytes);
        return false;
    }
    return true;
}

/* Notes: name size, descriptor size, type; both parts padded to 4. */
static void pvh_find_entry(PVHImage *k, const uint8_t *notes, size_t len_bytes)
{
    while (len_bytes >= 12) {
        uint64_t name_bytes = ldl_le_p(notes);
        uint64_t desc_bytes = ldl_le_p(notes + 4);
        uint32_t type = ldl_le_p(notes + 8);
        uint64_t desc_at = 12 + ROUND_UP(name_bytes, 4);
        uint64_t total = desc_at + ROUND_UP(desc_bytes, 4);

        if (desc_at + desc_bytes > len_bytes) {
            return;
        }
        if (type == XEN_ELFNOTE_PHYS32_ENTRY && name_bytes == 4 &&
            !memcmp(notes + 12, "Xen", 4) && desc_bytes >= 4) {
            k->entry = ldl_le_p(notes + desc_at);
            k->has_entry = true;
            return;
        }
        if (total > len_bytes) {
            return;
        }
        notes += total;
        len_bytes -= total;
    }
}

static bool pvh_load_segment(Machine *machine, PVHImage *k,
                             const PVHSegment *seg, Error **errp)
{
    uint64_t ram_bytes = machine->ram->used_bytes;
    g_autofree uint8_t *data = NULL;

    if (seg->mem_bytes < seg->file_bytes || seg->mem_bytes > ram_bytes ||
        seg->paddr > UINT32_MAX) {
        error_setg(errp, "kernel '%s': segment of %" PRIu64 " bytes at 0x%"
                   PRIx64 " does not fit into the guest's %" PRIu64 " bytes "
                   "of memory", k->path, seg->mem_bytes, seg->paddr,
                   ram_bytes);
        return false;
    }
    if (!seg->mem_bytes) {
        return true;
    }
    data = g_malloc0(seg->mem_bytes);
    memcpy(data, k->image + seg->offset, seg->file_bytes);
    k->end_gpa = MAX(k->end_gpa, seg->paddr + seg->mem_bytes);
    return rom_add_blob(machine->parent.vm, "kernel segment", seg->paddr, data,
                        seg->mem_bytes, errp);
}

static bool pvh_load_initrd(Machine *machine, const PVHImage *k,
                            uint8_t *module, Error **errp)
{
    uint64_t top = x86_ram_split(machine).below_4g_bytes;
    g_autofree uint8_t *data = NULL;
    size_t len_bytes = 0;
    uint64_t gpa;

    if (!loader_read_file("initrd", machine->boot.initrd_path,
                          PVH_INITRD_MAX_BYTES, &data, &len_bytes, errp)) {
        return false;
    }
    if (k->end_gpa + len_bytes + 4096 > top) {
        error_setg(errp, "initrd '%s' (%zu bytes) does not fit into guest "
                   "memory; give the guest more with -m",
                   machine->boot.initrd_path, len_bytes);
        return false;
    }
    gpa = ROUND_DOWN(top - len_bytes, (uint64_t)4096);
    stq_le_p(module, gpa);
    stq_le_p(module + 8, len_bytes);
    return rom_add_blob(machine->parent.vm, "initrd", gpa, data, len_bytes,
                        errp);
}

/* The start info, then the module list, then the memory map. */
static bool pvh_add_start_info(Machine *machine, const PVHImage *k,
                               Error **errp)
{
    const char *cmdline = machine->boot.cmdline ? machine->boot.cmdline : "";
    size_t cmdline_bytes = strlen(cmdline) + 1;
    uint8_t info[PVH_INFO_MAX_BYTES] = { 0 };
    uint8_t *module = info + HVM_START_INFO_BYTES;
    uint8_t *map = module + HVM_MODULE_BYTES;
    X86E820Entry e820[X86_E820_MAX];
    unsigned n = x86_e820(machine, e820);

    if (cmdline_bytes > PVH_CMDLINE_MAX_BYTES) {
        error_setg(errp, "-append is longer than %d bytes",
                   PVH_CMDLINE_MAX_BYTES - 1);
        return false;
    }
    if (machine->boot.initrd_path) {
        if (!pvh_load_initrd(machine, k, module, errp)) {
            return false;
        }
        stl_le_p(info + 12, 1);
        stq_le_p(info + 16, PVH_INFO_GPA + HVM_START_INFO_BYTES);
    }
    stl_le_p(info, HVM_START_MAGIC);
    stl_le_p(info + 4, 1);
    stq_le_p(info + 24, PVH_CMDLINE_GPA);
    stq_le_p(info + 40, PVH_INFO_GPA + (map - info));
    stl_le_p(info + 48, n);
    for (unsigned i = 0; i < n; i++, map += HVM_MEMMAP_ENTRY_BYTES) {
        stq_le_p(map, e820[i].base);
        stq_le_p(map + 8, e820[i].size_bytes);
        stl_le_p(map + 16, e820[i].type);
    }
    return rom_add_blob(machine->parent.vm, "hvm_start_info", PVH_INFO_GPA,
                        info, map - info, errp) &&
           rom_add_blob(machine->parent.vm, "kernel command line",
                        PVH_CMDLINE_GPA, cmdline, cmdline_bytes, errp);
}

bool x86_load_pvh(Machine *machine, const uint8_t *image, size_t len_bytes,
                  Error **errp)
{
    PVHImage k = { .path = machine->boot.kernel_path, .image = image,
                   .len_bytes = len_bytes };

    if (!pvh_parse_header(&k, errp)) {
        return false;
    }
    for (unsigned i = 0; i < k.phnum; i++) {
        PVHSegment seg;

        if (!pvh_get_segment(&k, i, &seg, errp)) {
            return false;
        }
        if (seg.type == PT_NOTE && !k.has_entry) {
            pvh_find_entry(&k, image + seg.offset, seg.file_bytes);
        } else if (seg.type == PT_LOAD &&
                   !pvh_load_segment(machine, &k, &seg, errp)) {
            return false;
        }
    }
    if (!k.has_entry) {
        error_setg(errp, "kernel '%s' is an ELF file without a PVH entry point "
                   "(note PHYS32_ENTRY of Xen)", k.path);
        return false;
    }
    x86_board(machine)->entry = (X86Entry){
        .direct = true,
        .protected_mode = true,
        .eip = k.entry,
        .esp = PVH_STACK_GPA,
        .ebx = PVH_INFO_GPA,
    };
    return pvh_add_start_info(machine, &k, errp);
}
