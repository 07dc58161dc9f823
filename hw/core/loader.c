/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images for guest memory: read once, written at every reset. BQL. */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include "hw/core/boards.h"
#include "hw/core/loader.h"
#include "system/memory.h"
#include "system/runstate.h"

typedef struct Rom {
    char *name;
    uint64_t gpa;
    uint8_t *data;
    size_t len_bytes;
} Rom;

struct RomList {
    GPtrArray *roms;
};

static void rom_free(void *opaque)
{
    Rom *rom = opaque;

    g_free(rom->name);
    g_free(rom->data);
    g_free(rom);
}

RomList *rom_list_new(void)
{
    RomList *list = g_new0(RomList, 1);

    list->roms = g_ptr_array_new_with_free_func(rom_free);
    return list;
}

void rom_list_free(RomList *list)
{
    if (list) {
        g_ptr_array_free(list->roms, TRUE);
        g_free(list);
    }
}

/* Whether RAM or ROM is mapped all over the interval. */
static bool rom_range_is_memory(VM *vm, uint64_t gpa, size_t len_bytes)
{
    uint64_t pos = gpa;
    uint64_t end = gpa + len_bytes;

    while (pos < end) {
        const MemoryRange *range = memory_find(vm, pos);

        if (!range || !range->block) {
            return false;
        }
        pos = range->gpa + range->size_bytes;
    }
    return true;
}

bool rom_add_blob(VM *vm, const char *name, uint64_t gpa, const void *data,
                  size_t len_bytes, Error **errp)
{
    RomList *list = vm->machine->roms;
    Rom *rom;

    if (!len_bytes) {
        return true;
    }
    if (gpa + len_bytes < gpa || !rom_range_is_memory(vm, gpa, len_bytes)) {
        error_setg(errp, "%s (%zu bytes) does not fit into guest memory at "
                   "0x%" PRIx64 "; give the guest more memory with -m",
                   name, len_bytes, gpa);
        return false;
    }
    for (guint i = 0; i < list->roms->len; i++) {
        const Rom *other = g_ptr_array_index(list->roms, i);

        if (gpa < other->gpa + other->len_bytes &&
            other->gpa < gpa + len_bytes) {
            error_setg(errp, "%s at 0x%" PRIx64 " (%zu bytes) overlaps %s "
                       "at 0x%" PRIx64 " (%zu bytes)", name, gpa, len_bytes,
                       other->name, other->gpa, other->len_bytes);
            return false;
        }
    }
    rom = g_new0(Rom, 1);
    rom->name = g_strdup(name);
    rom->gpa = gpa;
    rom->data = g_malloc(len_bytes);
    memcpy(rom->data, data, len_bytes);
    rom->len_bytes = len_bytes;
    g_ptr_array_add(list->roms, rom);
    return true;
}

void rom_list_write(VM *vm)
{
    RomList *list = vm->machine->roms;

    if (runstate_get(vm) == RUN_STATE_INMIGRATE) {
        return;
    }
    for (guint i = 0; i < list->roms->len; i++) {
        const Rom *rom = g_ptr_array_index(list->roms, i);

        memory_write_rom(vm, rom->gpa, rom->data, rom->len_bytes);
    }
}

size_t rom_list_count(VM *vm)
{
    return vm->machine->roms->roms->len;
}

bool loader_read_file(const char *what, const char *path, size_t max_bytes,
                      uint8_t **data, size_t *len_bytes, Error **errp)
{
    struct stat st;
    size_t done = 0;
    uint8_t *buf;
    bool ok = false;
    int fd = RETRY_ON_EINTR(open(path, O_RDONLY | O_CLOEXEC));

    if (fd < 0 || fstat(fd, &st) < 0) {
        error_setg_errno(errp, errno, "Could not open %s '%s'", what, path);
        qemu_close(&fd);
        return false;
    }
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 ||
        (uint64_t)st.st_size > max_bytes) {
        error_setg(errp, "%s '%s' must be a regular file of 1 to %zu bytes",
                   what, path, max_bytes);
        qemu_close(&fd);
        return false;
    }
    buf = g_malloc(st.st_size);
    while (done < (size_t)st.st_size) {
        ssize_t n = RETRY_ON_EINTR(read(fd, buf + done, st.st_size - done));

        if (n < 0) {
            error_setg_errno(errp, errno, "Could not read %s '%s'", what,
                             path);
            break;
        }
        if (n == 0) {
            error_setg(errp, "%s '%s' became shorter while it was read", what,
                       path);
            break;
        }
        done += n;
    }
    ok = done == (size_t)st.st_size;
    qemu_close(&fd);
    if (!ok) {
        g_free(buf);
        return false;
    }
    *data = buf;
    *len_bytes = done;
    return true;
}
