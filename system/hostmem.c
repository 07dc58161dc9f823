/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory backends: classes, mapping, handing over to a machine. BQL. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "hostmem-internal.h"
#include "system-internal.h"

#define BACKEND_PROP(_name, _type, _field, _def, _description)                 \
    {                                                                          \
        .name = _name,                                                         \
        .type = _type,                                                         \
        .offset = offsetof(HostMemoryBackend, _field),                         \
        .def = _def,                                                           \
        .description = _description,                                           \
    }

/* Where 0 means nothing. */
#define BACKEND_COUNT(_name, _type, _field, _description)                      \
    {                                                                          \
        .name = _name,                                                         \
        .type = _type,                                                         \
        .offset = offsetof(HostMemoryBackend, _field),                         \
        .description = _description,                                           \
        .nonzero = true,                                                       \
    }

static const Property base_props[] = {
    BACKEND_COUNT("size", PROP_SIZE, size_bytes, "bytes of memory"),
    BACKEND_PROP("share", PROP_BOOL, share, "off",
                 "whether other processes may see writes"),
    BACKEND_PROP("prealloc", PROP_BOOL, prealloc, "off",
                 "populate all pages now"),
    BACKEND_COUNT("prealloc-threads", PROP_UINT32, prealloc_threads,
                  "threads that populate (default: one on each processor)"),
    BACKEND_PROP("reserve", PROP_BOOL, reserve, "on", "reserve swap space"),
    BACKEND_PROP("merge", PROP_BOOL, merge, "on",
                 "let the host merge equal pages"),
    BACKEND_PROP("dump", PROP_BOOL, dump, "on", "include in core dumps"),
    {.name = NULL},
};

static const Property file_props[] = {
    BACKEND_PROP("mem-path", PROP_STR, mem_path, NULL, "file or folder"),
    BACKEND_PROP("align", PROP_SIZE, align_bytes, NULL,
                 "alignment of the mapping"),
    BACKEND_PROP("offset", PROP_SIZE, offset_bytes, NULL,
                 "where in the file the memory starts"),
    BACKEND_PROP("discard-data", PROP_BOOL, discard_data, "off",
                 "contents need not be written back at the end"),
    BACKEND_PROP("readonly", PROP_BOOL, readonly, "off",
                 "open the file for reading only"),
    {.name = NULL},
};

static const Property memfd_props[] = {
    BACKEND_PROP("share", PROP_BOOL, share, "on",
                 "whether other processes may see writes"),
    BACKEND_PROP("hugetlb", PROP_BOOL, hugetlb, "off", "use huge pages"),
    BACKEND_COUNT("hugetlbsize", PROP_SIZE, hugetlbsize_bytes,
                  "size of huge pages (default: the host's)"),
    BACKEND_PROP("seal", PROP_BOOL, seal, "on",
                 "forbid changes of the memfd's length"),
    {.name = NULL},
};

static HostMemoryBackend *to_backend(Object *obj)
{
    g_assert(object_class_is(obj->klass, "memory-backend"));
    return container_of(obj, HostMemoryBackend, parent);
}

/* --- Completion --------------------------------------------------------- */

bool host_memory_check_sizes(const HostMemoryBackend *backend, Error **errp)
{
    uint64_t page = backend->page_size_bytes;
    uint64_t align = backend->align_bytes;

    if (!IS_ALIGNED(backend->size_bytes, page)) {
        error_setg(errp,
                   "'size' 0x%" PRIx64
                   " is not a multiple of the page size, 0x%" PRIx64,
                   backend->size_bytes, page);
        return false;
    }
    if (align && ((align & (align - 1)) || align < page)) {
        error_setg(errp,
                   "'align' must be a power of two and at least the page "
                   "size, 0x%" PRIx64,
                   page);
        return false;
    }
    return true;
}

static bool backend_advise(HostMemoryBackend *backend, Error **errp)
{
    /* KSM may be missing from the kernel; nothing depends on it. */
    madvise(backend->host, backend->size_bytes,
            backend->merge ? MADV_MERGEABLE : MADV_UNMERGEABLE);
    if (!backend->dump &&
        madvise(backend->host, backend->size_bytes, MADV_DONTDUMP) < 0) {
        error_setg_errno(errp, errno, "cannot exclude memory from dumps");
        return false;
    }
    if (backend->prealloc) {
        unsigned threads = backend->prealloc_threads
                               ? backend->prealloc_threads
                               : g_get_num_processors();

        return host_memory_populate(backend->host, backend->size_bytes,
                                    backend->page_size_bytes, threads, errp);
    }
    return true;
}

static bool backend_map(HostMemoryBackend *backend, Error **errp)
{
    bool huge = backend->page_size_bytes > (uint64_t)sysconf(_SC_PAGESIZE);
    HostMapping map = {
        .size_bytes = backend->size_bytes,
        .align_bytes = backend->align_bytes,
        .has_fd = backend->fd >= 0,
        .fd = backend->fd,
        .fd_offset = backend->offset_bytes,
        .shared = backend->share,
        .readonly = backend->readonly,
        .noreserve = !backend->reserve,
    };

    if (!host_memory_check_sizes(backend, errp)) {
        return false;
    }
    if (huge) {
        map.align_bytes = MAX(map.align_bytes, backend->page_size_bytes);
    }
    backend->host = host_memory_map(&map, errp);
    return backend->host && backend_advise(backend, errp);
}

static bool check_common(HostMemoryBackend *backend, Error **errp)
{
    backend->fd = -1;
    backend->page_size_bytes = sysconf(_SC_PAGESIZE);
    if (!backend->size_bytes) {
        error_setg(errp, "property 'size' of %s is missing or 0",
                   backend->parent.klass->name);
        return false;
    }
    if (backend->prealloc && !backend->reserve) {
        error_setg(errp, "'prealloc=on' and 'reserve=off' are incompatible");
        return false;
    }
    if (backend->readonly && backend->prealloc) {
        error_setg(errp, "prealloc=on writes, which readonly=on forbids");
        return false;
    }
    return true;
}

static bool ram_complete(Object *obj, VM *vm, Error **errp)
{
    HostMemoryBackend *backend = to_backend(obj);

    if (!check_common(backend, errp)) {
        return false;
    }
    /* Shared memory without a name is a memfd, so that it can be passed. */
    if (backend->share && !host_memory_open_memfd(backend, false, errp)) {
        return false;
    }
    return backend_map(backend, errp);
}

static bool file_complete(Object *obj, VM *vm, Error **errp)
{
    HostMemoryBackend *backend = to_backend(obj);

    return check_common(backend, errp) &&
           host_memory_open_file(backend, errp) && backend_map(backend, errp);
}

static bool memfd_complete(Object *obj, VM *vm, Error **errp)
{
    HostMemoryBackend *backend = to_backend(obj);

    return check_common(backend, errp) &&
           host_memory_open_memfd(backend, backend->hugetlb, errp) &&
           backend_map(backend, errp);
}

static bool backend_can_be_deleted(Object *obj)
{
    return !to_backend(obj)->taken;
}

static void backend_finalize(Object *obj)
{
    HostMemoryBackend *backend = to_backend(obj);

    if (backend->host) {
        if (backend->discard_data && !backend->readonly) {
            madvise(backend->host, backend->size_bytes, MADV_REMOVE);
        }
        munmap(backend->host, backend->size_bytes);
    }
    /* Before completion it is 0 and not ours. */
    if (backend->page_size_bytes) {
        qemu_close(&backend->fd);
    }
}

/* --- Handing over ------------------------------------------------------- */

RAMBlock *memory_backend_take(Object *obj, const char *block_id, Error **errp)
{
    HostMemoryBackend *backend = to_backend(obj);
    const char *id = block_id ? block_id : obj->id;
    RAMBlock *block;

    if (backend->taken) {
        error_setg(errp, "memory backend '%s' is in use already", obj->id);
        return NULL;
    }
    if (strlen(id) > RAM_BLOCK_ID_MAX) {
        error_setg(errp, "'%s' is too long a name for a RAM block", id);
        return NULL;
    }
    block = g_new0(RAMBlock, 1);
    g_strlcpy(block->id, id, sizeof(block->id));
    block->host = backend->host;
    block->max_bytes = backend->size_bytes;
    block->page_size_bytes = backend->page_size_bytes;
    block->fd = backend->fd;
    block->fd_offset = backend->offset_bytes;
    block->shared = backend->share;
    block->named_file = backend->named_file;
    block->migratable = true;
    block->rom = backend->readonly;
    block->opaque = backend;
    if (!ram_block_add(obj->vm, block, errp)) {
        g_free(block);
        return NULL;
    }
    backend->taken = true;
    return block;
}

uint64_t memory_backend_size_bytes(const Object *backend)
{
    return to_backend((Object *)backend)->size_bytes;
}

/* --- Classes ------------------------------------------------------------ */

const ObjectClass memory_backend_class = {
    .name = "memory-backend",
    .abstract = true,
    .instance_size = sizeof(HostMemoryBackend),
    .props = base_props,
    .description = "host memory for guests",
    .can_be_deleted = backend_can_be_deleted,
    .finalize = backend_finalize,
};

const ObjectClass memory_backend_ram_class = {
    .name = "memory-backend-ram",
    .parent = &memory_backend_class,
    .description = "anonymous memory",
    .complete = ram_complete,
};

const ObjectClass memory_backend_file_class = {
    .name = "memory-backend-file",
    .parent = &memory_backend_class,
    .props = file_props,
    .description = "memory in a file",
    .complete = file_complete,
};

const ObjectClass memory_backend_memfd_class = {
    .name = "memory-backend-memfd",
    .parent = &memory_backend_class,
    .props = memfd_props,
    .description = "memory in an anonymous file",
    .complete = memfd_complete,
};
