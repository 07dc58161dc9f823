/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies between guest-physical memory and host buffers: device DMA, the
 * monitor, qtest, and accelerators for what they do not map themselves.
 */
#include "qemu/osdep.h"
#include "system-internal.h"

typedef enum AccessKind {
    ACCESS_READ,
    ACCESS_WRITE,
    ACCESS_WRITE_ROM, /* ROM too */
} AccessKind;

/* The largest device access that starts at @gpa and fits @len_bytes. */
static unsigned io_chunk_bytes(uint64_t gpa, uint64_t len_bytes)
{
    unsigned size = 8;

    while (size > len_bytes || !IS_ALIGNED(gpa, size)) {
        size /= 2;
    }
    return size;
}

static void io_read(const MemoryRange *range, uint64_t gpa, uint8_t *buf,
                    uint64_t len_bytes)
{
    while (len_bytes) {
        unsigned size = io_chunk_bytes(gpa - range->io_base, len_bytes);
        uint64_t value = UINT64_MAX;

        if (range->ops->read) {
            value = range->ops->read(range->opaque, gpa - range->io_base,
                                     size);
        }
        value = GUINT64_TO_LE(value);
        memcpy(buf, &value, size);
        gpa += size;
        buf += size;
        len_bytes -= size;
    }
}

static void io_write(const MemoryRange *range, uint64_t gpa,
                     const uint8_t *buf, uint64_t len_bytes)
{
    while (len_bytes) {
        unsigned size = io_chunk_bytes(gpa - range->io_base, len_bytes);
        uint64_t value = 0;

        memcpy(&value, buf, size);
        if (range->ops->write) {
            range->ops->write(range->opaque, gpa - range->io_base,
                              GUINT64_FROM_LE(value), size);
        }
        gpa += size;
        buf += size;
        len_bytes -= size;
    }
}

/* Whole naturally aligned words go in one piece, as the guest expects. */
static void ram_copy(void *dst, const void *src, uint64_t len_bytes)
{
    if (len_bytes <= 8 &&
        IS_ALIGNED((uintptr_t)dst | (uintptr_t)src, len_bytes)) {
        switch (len_bytes) {
        case 1:
            qatomic_set_relaxed((uint8_t *)dst,
                                qatomic_read_relaxed((const uint8_t *)src));
            return;
        case 2:
            qatomic_set_relaxed((uint16_t *)dst,
                                qatomic_read_relaxed((const uint16_t *)src));
            return;
        case 4:
            qatomic_set_relaxed((uint32_t *)dst,
                                qatomic_read_relaxed((const uint32_t *)src));
            return;
        case 8:
            qatomic_set_relaxed((uint64_t *)dst,
                                qatomic_read_relaxed((const uint64_t *)src));
            return;
        default:
            break;
        }
    }
    memcpy(dst, src, len_bytes);
}

static void ram_access(const MemoryRange *range, uint64_t gpa, uint8_t *buf,
                       uint64_t len_bytes, AccessKind kind)
{
    RAMBlock *block = range->block;
    uint64_t offset = range->offset + (gpa - range->gpa);

    if (kind == ACCESS_READ) {
        ram_copy(buf, block->host + offset, len_bytes);
    } else if (!block->rom || kind == ACCESS_WRITE_ROM) {
        ram_copy(block->host + offset, buf, len_bytes);
        ram_block_mark_dirty(block, offset, len_bytes);
    }
}

/* What there is after @gpa up to the next range. */
static uint64_t hole_bytes(VM *vm, uint64_t gpa)
{
    size_t count;
    const MemoryRange *ranges = memory_ranges(vm, &count);

    for (size_t i = 0; i < count; i++) {
        if (ranges[i].gpa > gpa) {
            return ranges[i].gpa - gpa;
        }
    }
    return UINT64_MAX;
}

static bool memory_rw(VM *vm, uint64_t gpa, uint8_t *buf, uint64_t len_bytes,
                      AccessKind kind)
{
    bool all_there = true;

    while (len_bytes) {
        const MemoryRange *range = memory_find(vm, gpa);
        uint64_t chunk;

        if (!range) {
            chunk = MIN(len_bytes, hole_bytes(vm, gpa));
            if (kind == ACCESS_READ) {
                memset(buf, 0xff, chunk);
            }
            all_there = false;
        } else {
            chunk = MIN(len_bytes, range->size_bytes - (gpa - range->gpa));
            if (range->block) {
                ram_access(range, gpa, buf, chunk, kind);
            } else if (kind == ACCESS_READ) {
                io_read(range, gpa, buf, chunk);
            } else {
                io_write(range, gpa, buf, chunk);
            }
        }
        gpa += chunk;
        buf += chunk;
        len_bytes -= chunk;
    }
    return all_there;
}

bool memory_read(VM *vm, uint64_t gpa, void *buf, size_t len_bytes)
{
    return memory_rw(vm, gpa, buf, len_bytes, ACCESS_READ);
}

bool memory_write(VM *vm, uint64_t gpa, const void *buf, size_t len_bytes)
{
    return memory_rw(vm, gpa, (uint8_t *)buf, len_bytes, ACCESS_WRITE);
}

bool memory_write_rom(VM *vm, uint64_t gpa, const void *buf, size_t len_bytes)
{
    return memory_rw(vm, gpa, (uint8_t *)buf, len_bytes, ACCESS_WRITE_ROM);
}

void memory_io_access(VM *vm, uint64_t gpa, void *buf, unsigned size_bytes,
                      bool is_write)
{
    bool had_bql = bql_locked(vm);

    if (!had_bql) {
        bql_lock(vm);
    }
    memory_rw(vm, gpa, buf, size_bytes, is_write ? ACCESS_WRITE : ACCESS_READ);
    if (!had_bql) {
        bql_unlock(vm);
    }
}
