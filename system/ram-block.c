/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of RAM blocks. Built by the main thread, then constant. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "system-internal.h"

static bool ram_block_check(VM *vm, const RAMBlock *block, Error **errp)
{
    if (!block->id[0] || !memchr(block->id, 0, sizeof(block->id))) {
        error_setg(errp, "a RAM block's name has 1 to %d characters",
                   RAM_BLOCK_ID_MAX);
        return false;
    }
    if (ram_block_by_id(vm, block->id)) {
        error_setg(errp, "there is a RAM block '%s' already", block->id);
        return false;
    }
    if (!block->max_bytes || !IS_ALIGNED(block->max_bytes, TARGET_PAGE_SIZE)) {
        error_setg(errp,
                   "RAM block '%s': size 0x%" PRIx64
                   " is not a multiple of 4 KiB",
                   block->id, block->max_bytes);
        return false;
    }
    return true;
}

bool ram_block_add(VM *vm, RAMBlock *block, Error **errp)
{
    GPtrArray *blocks = vm->memory->blocks;
    unsigned at = 0;

    if (!ram_block_check(vm, block, errp)) {
        return false;
    }
    block->vm = vm;
    if (!block->page_size_bytes) {
        block->page_size_bytes = TARGET_PAGE_SIZE;
    }
    if (!block->used_bytes) {
        block->used_bytes = block->max_bytes;
    }
    block->dirty = bitmap_new(block->max_bytes >> TARGET_PAGE_BITS);

    /* Largest first; of equals, the first added. */
    while (at < blocks->len &&
           ((RAMBlock *)blocks->pdata[at])->max_bytes >= block->max_bytes) {
        at++;
    }
    g_ptr_array_insert(blocks, at, block);
    return true;
}

static void ram_block_unmap(RAMBlock *block)
{
    munmap(block->host, block->max_bytes);
}

RAMBlock *ram_block_new_anon(VM *vm, const char *id, uint64_t size_bytes,
                             Error **errp)
{
    HostMapping mapping = {.size_bytes = size_bytes};
    RAMBlock *block;
    uint8_t *host = host_memory_map(&mapping, errp);

    if (!host) {
        error_prepend(errp, "RAM block '%s': ", id);
        return NULL;
    }
    block = g_new0(RAMBlock, 1);
    /* A name that is cut would not be unique. */
    if (strlen(id) < sizeof(block->id)) {
        g_strlcpy(block->id, id, sizeof(block->id));
    }
    block->host = host;
    block->max_bytes = size_bytes;
    block->fd = -1;
    block->migratable = true;
    block->free_host = ram_block_unmap;
    if (!ram_block_add(vm, block, errp)) {
        munmap(host, size_bytes);
        g_free(block);
        return NULL;
    }
    return block;
}

RAMBlock *ram_block_by_id(VM *vm, const char *id)
{
    GPtrArray *blocks = vm->memory->blocks;

    for (unsigned i = 0; i < blocks->len; i++) {
        RAMBlock *block = blocks->pdata[i];

        if (!strcmp(block->id, id)) {
            return block;
        }
    }
    return NULL;
}

bool ram_block_foreach(VM *vm, RAMBlockFn fn, void *opaque, Error **errp)
{
    GPtrArray *blocks = vm->memory->blocks;

    for (unsigned i = 0; i < blocks->len; i++) {
        if (!fn(blocks->pdata[i], opaque, errp)) {
            return false;
        }
    }
    return true;
}
