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
static bool release_file(RAMBlock *block, uint64_t bytes, Error **errp)
{
    if (RETRY_ON_EINTR(fallocate(block->fd,
                                 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 (off_t)block->fd_offset, (off_t)bytes)) < 0) {
        error_setg_errno(errp, errno, "cannot empty the file it lies in");
        return false;
    }
    return true;
}

static bool release_mapping(RAMBlock *block, uint64_t bytes, Error **errp)
{
    /* Of a shared file this drops the mapping's pages, no contents. */
    int advice = block->shared && block->fd < 0 ? MADV_REMOVE : MADV_DONTNEED;

    if (madvise(block->host, bytes, advice) < 0) {
        int code = errno;

        error_setg_errno(errp, code, "the host does not take it back");
        if (code == EINVAL) {
            error_append_hint(errp, "Memory that is locked (mlock) stays until "
                                    "this emulator ends.\n");
        }
        return false;
    }
    return true;
}

static bool release(RAMBlock *block, uint64_t bytes, bool *lost, Error **errp)
{
    bool own_file = block->fd >= 0 && !block->named_file;

    /* First: of what is locked, the file is not emptied either. */
    if (!(block->shared && own_file)) {
        if (!release_mapping(block, bytes, errp)) {
            return false;
        }
        *lost |= !(block->shared && block->fd >= 0);
    }
    if (own_file) {
        if (!release_file(block, bytes, errp)) {
            return false;
        }
        *lost = true;
    }
    return true;
}

bool ram_block_release(RAMBlock *block, Error **errp)
{
    bool lost = false;

    return release(block, block->max_bytes, &lost, errp);
}

bool ram_block_release_first(RAMBlock *block, bool *lost, Error **errp)
{
    uint64_t page_bytes = MAX(block->page_size_bytes, TARGET_PAGE_SIZE);

    return release(block, MIN(page_bytes, block->max_bytes), lost, errp);
}
