/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hostmem.c and hostmem-open.c share. */
#ifndef SYSTEM_HOSTMEM_INTERNAL_H
#define SYSTEM_HOSTMEM_INTERNAL_H

#include "system/hostmem.h"

/* All kinds in one: each class shows the properties that are its own. */
typedef struct HostMemoryBackend {
    Object parent;

    /* [const] once complete: properties */
    uint64_t size_bytes;
    uint32_t prealloc_threads; /* 0: one for each processor */
    bool share;
    bool prealloc;
    bool reserve;
    bool merge;
    bool dump;
    /* -file */
    char *mem_path;
    uint64_t align_bytes;
    uint64_t offset_bytes;
    bool readonly;
    bool discard_data;
    /* -memfd */
    bool hugetlb;
    uint64_t hugetlbsize_bytes;
    bool seal;

    /* [const] once complete */
    uint8_t *host;
    int fd; /* -1: anonymous */
    uint64_t page_size_bytes;
    bool named_file;

    /* [lock: bql] */
    bool taken;
} HostMemoryBackend;

/*
 * Open what the memory lies in: ->fd and ->page_size_bytes, for a file its
 * length and ->named_file too.
 */
bool host_memory_open_file(HostMemoryBackend *backend, Error **errp);
bool host_memory_open_memfd(HostMemoryBackend *backend, bool hugetlb,
                            Error **errp);

/* Whether size and alignment fit ->page_size_bytes. */
bool host_memory_check_sizes(const HostMemoryBackend *backend, Error **errp);

#endif
