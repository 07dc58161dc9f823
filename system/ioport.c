/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O ports: a table of who owns each of them, filled in while the machine
 * is built, then constant. Accesses by vCPU threads and the main loop.
 */
#include "qemu/osdep.h"
#include "system-internal.h"

#define IOPORT_COUNT 0x10000

typedef struct IOPortRegion {
    const IOPortOps *ops;
    void *opaque;
} IOPortRegion;

struct IOPortMap {
    GArray *regions;             /* IOPortRegion */
    uint16_t owner[IOPORT_COUNT]; /* index in regions + 1, 0: nobody */
};

IOPortMap *ioport_map_new(void)
{
    IOPortMap *map = g_new0(IOPortMap, 1);

    map->regions = g_array_new(FALSE, FALSE, sizeof(IOPortRegion));
    return map;
}

void ioport_map_free(IOPortMap *map)
{
    g_array_free(map->regions, TRUE);
    g_free(map);
}

bool ioport_register(VM *vm, uint16_t first, unsigned count,
                     const IOPortOps *ops, void *opaque, Error **errp)
{
    IOPortMap *map = vm->ioports;
    IOPortRegion region = {.ops = ops, .opaque = opaque};

    if (!count || first + count > IOPORT_COUNT) {
        error_setg(errp, "%u I/O ports from 0x%x do not fit 64 KiB", count,
                   first);
        return false;
    }
    for (unsigned i = first; i < first + count; i++) {
        if (map->owner[i]) {
            error_setg(errp, "I/O port 0x%x belongs to another device", i);
            return false;
        }
    }
    if (map->regions->len >= UINT16_MAX) {
        error_setg(errp, "too many devices have I/O ports");
        return false;
    }
    g_array_append_val(map->regions, region);
    for (unsigned i = first; i < first + count; i++) {
        map->owner[i] = map->regions->len;
    }
    return true;
}

const char *ioport_next_region(VM *vm, unsigned *port, unsigned *count)
{
    const uint16_t *owner = vm->ioports->owner;
    const IOPortRegion *region;
    unsigned first = *port;
    unsigned end;

    while (first < IOPORT_COUNT && !owner[first]) {
        first++;
    }
    if (first >= IOPORT_COUNT) {
        return NULL;
    }
    for (end = first + 1; end < IOPORT_COUNT; end++) {
        if (owner[end] != owner[first]) {
            break;
        }
    }
    *port = first;
    *count = end - first;
    region = &g_array_index(vm->ioports->regions, IOPortRegion,
                            owner[first] - 1);
    return region->ops->name ? region->ops->name : "device";
}

/*
 * The device that takes all of the access at once. NULL: nobody does, and
 * *@split tells whether the halves may have owners.
 */
static const IOPortRegion *ioport_find(IOPortMap *map, unsigned port,
                                       unsigned size_bytes, bool *split)
{
    const IOPortRegion *region;
    unsigned owner = port < IOPORT_COUNT ? map->owner[port] : 0;

    *split = size_bytes > 1;
    for (unsigned i = 1; i < size_bytes; i++) {
        if (port + i >= IOPORT_COUNT || map->owner[port + i] != owner) {
            return NULL;
        }
    }
    if (!owner) {
        *split = false;
        return NULL;
    }
    region = &g_array_index(map->regions, IOPortRegion, owner - 1);
    return size_bytes <= MAX(region->ops->max_access_bytes, 1) ? region : NULL;
}

static uint32_t ioport_do_read(IOPortMap *map, unsigned port,
                               unsigned size_bytes)
{
    bool split;
    const IOPortRegion *region = ioport_find(map, port, size_bytes, &split);
    uint32_t ones = UINT32_MAX >> (32 - 8 * size_bytes);
    unsigned half = size_bytes / 2;
    uint32_t low;

    if (region) {
        return region->ops->read
                   ? region->ops->read(region->opaque, port, size_bytes) & ones
                   : ones;
    }
    if (!split) {
        return ones;
    }
    low = ioport_do_read(map, port, half); /* devices see the lower first */
    return low | ioport_do_read(map, port + half, half) << (8 * half);
}

static void ioport_do_write(IOPortMap *map, unsigned port, uint32_t value,
                            unsigned size_bytes)
{
    bool split;
    const IOPortRegion *region = ioport_find(map, port, size_bytes, &split);
    unsigned half = size_bytes / 2;

    value &= UINT32_MAX >> (32 - 8 * size_bytes);
    if (region) {
        if (region->ops->write) {
            region->ops->write(region->opaque, port, value, size_bytes);
        }
    } else if (split) {
        ioport_do_write(map, port, value, half);
        ioport_do_write(map, port + half, value >> (8 * half), half);
    }
}

uint32_t ioport_read(VM *vm, uint16_t port, unsigned size_bytes)
{
    bool had_bql = bql_locked(vm);
    uint32_t value;

    if (!had_bql) {
        bql_lock(vm);
    }
    value = ioport_do_read(vm->ioports, port, size_bytes);
    if (!had_bql) {
        bql_unlock(vm);
    }
    return value;
}

void ioport_write(VM *vm, uint16_t port, uint32_t value, unsigned size_bytes)
{
    bool had_bql = bql_locked(vm);

    if (!had_bql) {
        bql_lock(vm);
    }
    ioport_do_write(vm->ioports, port, value, size_bytes);
    if (!had_bql) {
        bql_unlock(vm);
    }
}
