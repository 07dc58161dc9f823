/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dirty log. A writer stores first and marks after, any thread; one
 * thread collects. A store that was under way while logging started may go
 * unmarked, but is then visible to all once memory_dirty_log_start() returns.
 */
#include "qemu/osdep.h"
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include "system/accel.h"
#include "system-internal.h"
#include "trace-events.h"

void ram_block_mark_dirty(RAMBlock *block, uint64_t offset, uint64_t len_bytes)
{
    uint64_t first = offset >> TARGET_PAGE_BITS;
    uint64_t last = (offset + len_bytes - 1) >> TARGET_PAGE_BITS;

    /*
     * The store must not be seen after the flag was read: the compiler is
     * told here, the processor by flush_other_processors().
     */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (!qatomic_read_relaxed(&block->vm->memory->logging) || !len_bytes) {
        return;
    }
    if (first == last) {
        /* Also where it is set: the collector may be taking it right now. */
        set_bit_atomic(first, block->dirty);
    } else {
        bitmap_set_atomic(block->dirty, first, last - first + 1);
    }
}

static bool register_flushes(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
                   0, 0) == 0;
}

void dirty_log_prepare(void)
{
    register_flushes(); /* or else when the log is started */
}

/* All other threads of the process pass a full barrier. Pairs with above. */
static bool flush_other_processors(Error **errp)
{
    if (register_flushes() &&
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) {
        return true;
    }
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) {
        return true;
    }
    error_setg_errno(errp, errno,
                     "cannot log dirty pages: membarrier(2) does not work");
    error_append_hint(errp, "A sandbox may forbid it; allow membarrier.\n");
    return false;
}

bool memory_dirty_log_start(VM *vm, Error **errp)
{
    GuestMemory *memory = vm->memory;

    if (memory_dirty_log_enabled(vm)) {
        error_setg(errp, "dirty pages are being logged already");
        return false;
    }
    for (unsigned i = 0; i < memory->blocks->len; i++) {
        RAMBlock *block = memory->blocks->pdata[i];

        uint64_t words =
            BITS_TO_LONGS(block->max_bytes >> TARGET_PAGE_BITS);

        /* A writer that marks late may be at it, too. */
        for (uint64_t j = 0; j < words; j++) {
            qatomic_set_relaxed(&block->dirty[j], 0);
        }
    }
    qatomic_set(&memory->logging, true);
    if (!flush_other_processors(errp)) {
        qatomic_set(&memory->logging, false);
        return false;
    }
    if (vm->accel && vm->accel->ops->dirty_log_start &&
        !vm->accel->ops->dirty_log_start(vm->accel, errp)) {
        qatomic_set(&memory->logging, false);
        return false;
    }
    return true;
}

void memory_dirty_log_stop(VM *vm)
{
    if (!memory_dirty_log_enabled(vm)) {
        return;
    }
    if (vm->accel && vm->accel->ops->dirty_log_stop) {
        vm->accel->ops->dirty_log_stop(vm->accel);
    }
    qatomic_set(&vm->memory->logging, false);
}

bool memory_dirty_log_enabled(VM *vm)
{
    return qatomic_read(&vm->memory->logging);
}

bool ram_block_dirty_sync(RAMBlock *block, unsigned long *bitmap,
                          uint64_t *new_pages, Error **errp)
{
    Accel *accel = block->vm->accel;
    uint64_t words = BITS_TO_LONGS(ram_block_pages(block));
    uint64_t count = 0;

    if (accel && accel->ops->dirty_log_sync &&
        !accel->ops->dirty_log_sync(accel, block, errp)) {
        return false;
    }
    for (uint64_t i = 0; i < words; i++) {
        unsigned long fresh;

        if (!qatomic_read_relaxed(&block->dirty[i])) {
            continue;
        }
        fresh = qatomic_xchg(&block->dirty[i], 0) & ~bitmap[i];
        bitmap[i] |= fresh;
        count += __builtin_popcountl(fresh);
    }
    trace_migration_dirty_sync(block->id, count);
    *new_pages += count;
    return true;
}

bool ram_block_dirty_clear(RAMBlock *block, uint64_t first_page,
                           uint64_t pages, Error **errp)
{
    Accel *accel = block->vm->accel;

    if (accel && accel->ops->dirty_log_clear) {
        return accel->ops->dirty_log_clear(accel, block, first_page, pages,
                                           errp);
    }
    return true;
}
