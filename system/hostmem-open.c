/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and memfds behind memory backends. Main thread. */
#include "qemu/osdep.h"
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "hostmem-internal.h"

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 0x0004U
#endif
#define MFD_HUGE_SHIFT_BITS 26

static uint64_t fd_page_size_bytes(int fd)
{
    struct statfs fs;

    if (RETRY_ON_EINTR(fstatfs(fd, &fs)) == 0 &&
        fs.f_type == HUGETLBFS_MAGIC) {
        return fs.f_bsize;
    }
    return sysconf(_SC_PAGESIZE);
}

/* A file without a name in the folder. */
static int open_in_folder(const HostMemoryBackend *backend, Error **errp)
{
    const char *id = backend->parent.id ? backend->parent.id : "mem";
    g_autofree char *path = g_strdup_printf(
        "%s/qemu_back_mem.%s.XXXXXX", backend->mem_path, id);
    int fd = mkostemp(path, O_CLOEXEC);

    if (fd < 0) {
        error_setg_errno(errp, errno,
                         "cannot create a file for memory in '%s'",
                         backend->mem_path);
        return -1;
    }
    unlink(path);
    return fd;
}

static int open_path(HostMemoryBackend *backend, Error **errp)
{
    int flags = (backend->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    struct stat st;
    int fd;

    if (stat(backend->mem_path, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (backend->readonly) {
            error_setg(errp, "'%s' is a folder, which readonly=on cannot use",
                       backend->mem_path);
            return -1;
        }
        return open_in_folder(backend, errp);
    }
    fd = RETRY_ON_EINTR(open(backend->mem_path, flags));
    if (fd < 0 && errno == ENOENT && !backend->readonly) {
        fd = RETRY_ON_EINTR(
            open(backend->mem_path, flags | O_CREAT | O_EXCL, 0644));
    }
    if (fd < 0) {
        error_setg_errno(errp, errno, "cannot open '%s' for guest memory",
                         backend->mem_path);
        return -1;
    }
    backend->named_file = true;
    return fd;
}

/* An empty file gets its length; one with contents must be long enough. */
static bool fit_file(HostMemoryBackend *backend, Error **errp)
{
    uint64_t need = backend->offset_bytes + backend->size_bytes;
    struct stat st;

    if (fstat(backend->fd, &st) < 0) {
        error_setg_errno(errp, errno, "cannot find the length of '%s'",
                         backend->mem_path);
        return false;
    }
    if (need < backend->size_bytes || need > INT64_MAX) {
        error_setg(errp, "'offset' and 'size' are too large together");
        return false;
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size >= need) {
        return true; /* of a device we learn when we map it */
    }
    if (st.st_size > 0 || backend->readonly) {
        error_setg(errp,
                   "'%s' has 0x%" PRIx64 " bytes, less than the 0x%" PRIx64
                   " of 'offset' and 'size'",
                   backend->mem_path, (uint64_t)st.st_size, need);
        error_append_hint(errp, "Make the file longer, or empty it.\n");
        return false;
    }
    if (RETRY_ON_EINTR(ftruncate(backend->fd, need)) < 0) {
        error_setg_errno(errp, errno, "cannot extend '%s' to %" PRIu64 " bytes",
                         backend->mem_path, need);
        return false;
    }
    return true;
}

bool host_memory_open_file(HostMemoryBackend *backend, Error **errp)
{
    if (!backend->mem_path || !backend->mem_path[0]) {
        error_setg(errp, "property 'mem-path' of memory-backend-file is "
                         "missing");
        return false;
    }
    backend->fd = open_path(backend, errp);
    if (backend->fd < 0) {
        return false;
    }
    backend->page_size_bytes = fd_page_size_bytes(backend->fd);
    if (!IS_ALIGNED(backend->offset_bytes, backend->page_size_bytes)) {
        error_setg(errp,
                   "'offset' must be a multiple of the page size, 0x%" PRIx64,
                   backend->page_size_bytes);
        return false;
    }
    return host_memory_check_sizes(backend, errp) && fit_file(backend, errp);
}

static bool seal_memfd(const HostMemoryBackend *backend, Error **errp)
{
    if (fcntl(backend->fd, F_ADD_SEALS,
              F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        error_setg_errno(errp, errno, "cannot seal the memfd");
        error_append_hint(errp, "Try seal=off.\n");
        return false;
    }
    return true;
}

bool host_memory_open_memfd(HostMemoryBackend *backend, bool hugetlb,
                            Error **errp)
{
    unsigned flags = MFD_CLOEXEC | (backend->seal ? MFD_ALLOW_SEALING : 0);
    uint64_t huge = backend->hugetlbsize_bytes;

    if (huge & (huge - 1)) {
        error_setg(errp, "Hugepage size must be a power of 2");
        return false;
    }
    /* A size alone is a preference that hugetlb=off makes void. */
    if (hugetlb) {
        flags |= MFD_HUGETLB;
        if (huge) {
            flags |= (unsigned)__builtin_ctzll(huge) << MFD_HUGE_SHIFT_BITS;
        }
    }
    backend->fd = memfd_create("memory-backend-memfd", flags);
    if (backend->fd < 0) {
        error_setg_errno(errp, errno, "cannot create a memfd%s",
                         hugetlb ? " of huge pages" : "");
        return false;
    }
    backend->page_size_bytes = fd_page_size_bytes(backend->fd);
    if (!host_memory_check_sizes(backend, errp)) {
        return false;
    }
    if (RETRY_ON_EINTR(ftruncate(backend->fd, backend->size_bytes)) < 0) {
        error_setg_errno(errp, errno,
                         "cannot give the memfd %" PRIu64 " bytes",
                         backend->size_bytes);
        return false;
    }
    return !backend->seal || seal_memfd(backend, errp);
}
