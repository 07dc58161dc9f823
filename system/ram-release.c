/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving the host back what a block's pages take, when nobody here needs
 * their contents any more. Any thread.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/mman.h>
#include "system/memory.h"

/* A file without a name is ours alone: nobody else was given it. */
static bool release_file(RAMBlock *block, Error **errp)
{
    if (RETRY_ON_EINTR(fallocate(block->fd,
                                 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 (off_t)block->fd_offset,
                                 (off_t)block->max_bytes)) < 0) {
        error_setg_errno(errp, errno, "cannot empty the file it lies in");
        return false;
    }
    return true;
}

bool ram_block_release(RAMBlock *block, Error **errp)
{
    bool own_file = block->fd >= 0 && !block->named_file;
    int advice = MADV_DONTNEED;

    if (own_file && !release_file(block, errp)) {
        return false;
    }
    if (block->shared && own_file) {
        return true; /* that was all */
    }
    /* Of a shared named file this drops the mapping's pages, no contents. */
    if (block->shared && block->fd < 0) {
        advice = MADV_REMOVE;
    }
    if (madvise(block->host, block->max_bytes, advice) < 0) {
        error_setg_errno(errp, errno, "the host does not take it back");
        return false;
    }
    return true;
}
