/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mapping and filling host memory for guests. Main thread. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/thread.h"
#include "system-internal.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define HUGE_ALIGN (2 * MiB)

uint8_t *host_memory_map(const HostMapping *map, Error **errp)
{
    uint64_t align = map->align_bytes;
    int prot = PROT_READ | (map->readonly ? 0 : PROT_WRITE);
    int flags = MAP_FIXED | (map->shared ? MAP_SHARED : MAP_PRIVATE) |
                (map->has_fd ? 0 : MAP_ANONYMOUS) |
                (map->noreserve ? MAP_NORESERVE : 0);
    uint64_t total;
    uint8_t *area, *host;

    if (!align) {
        align = map->size_bytes >= HUGE_ALIGN ? HUGE_ALIGN : 4 * KiB;
    }
    total = map->size_bytes + align;
    if (!map->size_bytes || total < align || total > SIZE_MAX / 2) {
        error_setg(errp, "cannot map %" PRIu64 " bytes of memory",
                   map->size_bytes);
        return NULL;
    }
    area = mmap(NULL, total, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED) {
        error_setg_errno(errp, errno, "cannot map %" PRIu64 " bytes of memory",
                         map->size_bytes);
        return NULL;
    }
    host = (uint8_t *)ROUND_UP((uintptr_t)area, align);
    if (mmap(host, map->size_bytes, prot, flags, map->has_fd ? map->fd : -1,
             map->fd_offset) == MAP_FAILED) {
        error_setg_errno(errp, errno, "cannot map %" PRIu64 " bytes of memory",
                         map->size_bytes);
        munmap(area, total);
        return NULL;
    }
    if (host > area) {
        munmap(area, host - area);
    }
    munmap(host + map->size_bytes,
           total - map->size_bytes - (uint64_t)(host - area));

    /* Helpful, not vital. A child that is about to exec needs no copy. */
    if (map->size_bytes >= HUGE_ALIGN) {
        madvise(host, map->size_bytes, MADV_HUGEPAGE);
    }
    madvise(host, map->size_bytes, MADV_DONTFORK);
    return host;
}

/* --- Filling ------------------------------------------------------------ */

typedef struct PopulateSlice {
    uint8_t *host;
    uint64_t size_bytes;
    uint64_t page_size_bytes;
    int os_errno;
} PopulateSlice;

static void *populate_thread(void *opaque)
{
    PopulateSlice *slice = opaque;

    if (madvise(slice->host, slice->size_bytes, MADV_POPULATE_WRITE) == 0) {
        return NULL;
    }
    if (errno != EINVAL) {
        slice->os_errno = errno;
        return NULL;
    }
    /* A kernel without it: write back what is there. */
    for (uint64_t at = 0; at < slice->size_bytes;
         at += slice->page_size_bytes) {
        qatomic_fetch_or(slice->host + at, 0);
    }
    return NULL;
}

bool host_memory_populate(uint8_t *host, uint64_t size_bytes,
                          uint64_t page_size_bytes, unsigned threads,
                          Error **errp)
{
    uint64_t pages = DIV_ROUND_UP(size_bytes, page_size_bytes);
    unsigned count = CLAMP(threads, 1, MIN(pages, 64));
    uint64_t step = DIV_ROUND_UP(pages, count) * page_size_bytes;
    g_autofree PopulateSlice *slices = g_new0(PopulateSlice, count);
    g_autofree GThread **workers = g_new0(GThread *, count);
    int os_errno = 0;
    bool ok = true;

    for (unsigned i = 0; ok && i < count; i++) {
        uint64_t start = MIN(step * i, size_bytes);

        slices[i].host = host + start;
        slices[i].size_bytes = MIN(step, size_bytes - start);
        slices[i].page_size_bytes = page_size_bytes;
        if (slices[i].size_bytes) {
            workers[i] = qemu_thread_try_create("populate", populate_thread,
                                                &slices[i], errp);
            ok = workers[i] != NULL;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (workers[i]) {
            g_thread_join(workers[i]);
        }
        os_errno = os_errno ? os_errno : slices[i].os_errno;
    }
    if (ok && os_errno) {
        error_setg_errno(errp, os_errno,
                         "cannot preallocate %" PRIu64 " bytes of memory",
                         size_bytes);
        return false;
    }
    return ok;
}
