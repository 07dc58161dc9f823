/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The map of guest-physical addresses: kept flat, sorted and disjoint while
 * the machine is built (main thread), constant and lock-free afterwards.
 */
#include "qemu/osdep.h"
#include "system-internal.h"

static void range_trim_head(MemoryRange *range, uint64_t bytes)
{
    range->gpa += bytes;
    range->size_bytes -= bytes;
    if (range->block) {
        range->offset += bytes;
    }
}

static void append(GArray *out, const MemoryRange *range)
{
    if (range->size_bytes) {
        g_array_append_val(out, *range);
    }
}

/* Puts @top over what is there. */
static void memory_overlay(GuestMemory *memory, const MemoryRange *top)
{
    GArray *old = memory->ranges;
    GArray *out = g_array_new(FALSE, TRUE, sizeof(MemoryRange));
    uint64_t top_last = top->gpa + top->size_bytes - 1;
    bool placed = false;

    for (unsigned i = 0; i < old->len; i++) {
        MemoryRange below = g_array_index(old, MemoryRange, i);
        uint64_t last = below.gpa + below.size_bytes - 1;
        MemoryRange head = below;

        if (last < top->gpa) {
            append(out, &below);
            continue;
        }
        if (below.gpa < top->gpa) {
            head.size_bytes = top->gpa - below.gpa;
            append(out, &head);
        }
        if (!placed) {
            append(out, top);
            placed = true;
        }
        if (last > top_last) {
            if (below.gpa <= top_last) {
                range_trim_head(&below, top_last - below.gpa + 1);
            }
            append(out, &below);
        }
    }
    if (!placed) {
        append(out, top);
    }
    memory->ranges = out;
    g_array_free(old, TRUE);
}

static bool check_range(uint64_t gpa, uint64_t size_bytes, Error **errp)
{
    if (!size_bytes || gpa + (size_bytes - 1) < gpa) {
        error_setg(errp,
                   "memory at 0x%" PRIx64 " of 0x%" PRIx64
                   " bytes does not fit the address space",
                   gpa, size_bytes);
        return false;
    }
    return true;
}

bool memory_map_ram(VM *vm, uint64_t gpa, RAMBlock *block, uint64_t offset,
                    uint64_t size_bytes, Error **errp)
{
    MemoryRange range = {
        .gpa = gpa,
        .size_bytes = size_bytes,
        .block = block,
        .offset = offset,
    };

    if (!check_range(gpa, size_bytes, errp)) {
        return false;
    }
    if (offset > block->max_bytes || size_bytes > block->max_bytes - offset) {
        error_setg(errp,
                   "RAM block '%s' has 0x%" PRIx64
                   " bytes, less than is mapped at 0x%" PRIx64,
                   block->id, block->max_bytes, gpa);
        return false;
    }
    memory_overlay(vm->memory, &range);
    return true;
}

bool memory_map_io(VM *vm, uint64_t gpa, uint64_t size_bytes,
                   const MemoryRegionOps *ops, void *opaque, Error **errp)
{
    MemoryRange range = {
        .gpa = gpa,
        .size_bytes = size_bytes,
        .ops = ops,
        .opaque = opaque,
        .io_base = gpa,
    };

    if (!check_range(gpa, size_bytes, errp)) {
        return false;
    }
    memory_overlay(vm->memory, &range);
    return true;
}

const MemoryRange *memory_ranges(VM *vm, size_t *count)
{
    *count = vm->memory->ranges->len;
    return (const MemoryRange *)(void *)vm->memory->ranges->data;
}

const MemoryRange *memory_find(VM *vm, uint64_t gpa)
{
    const MemoryRange *ranges = (void *)vm->memory->ranges->data;
    size_t low = 0;
    size_t high = vm->memory->ranges->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const MemoryRange *range = &ranges[mid];

        if (gpa < range->gpa) {
            high = mid;
        } else if (gpa - range->gpa >= range->size_bytes) {
            low = mid + 1;
        } else {
            return range;
        }
    }
    return NULL;
}

static void block_free(void *opaque)
{
    RAMBlock *block = opaque;

    if (block->free_host) {
        block->free_host(block);
    }
    g_free(block->dirty);
    g_free(block);
}

GuestMemory *guest_memory_new(void)
{
    GuestMemory *memory = g_new0(GuestMemory, 1);

    dirty_log_prepare();
    memory->blocks = g_ptr_array_new_with_free_func(block_free);
    memory->ranges = g_array_new(FALSE, TRUE, sizeof(MemoryRange));
    return memory;
}

void guest_memory_free(GuestMemory *memory)
{
    g_array_free(memory->ranges, TRUE);
    g_ptr_array_free(memory->blocks, TRUE);
    g_free(memory);
}
