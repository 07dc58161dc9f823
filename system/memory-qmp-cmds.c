/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands that save guest memory to a file. Main thread, BQL. */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-machine.h"
#include "system/cpus.h"
#include "system/fdset.h"
#include "system/memory.h"

#define SAVE_CHUNK_BYTES (64 * KiB)

/* Physical address of @addr, and how far that holds; @opaque is a CPU. */
typedef bool (*TranslateFn)(void *opaque, uint64_t addr, uint64_t *paddr,
                            Error **errp);

static bool write_all(int fd, const uint8_t *buf, size_t len_bytes,
                      const char *filename, Error **errp)
{
    while (len_bytes) {
        ssize_t n = RETRY_ON_EINTR(write(fd, buf, len_bytes));

        if (n < 0) {
            error_setg_errno(errp, errno, "cannot write '%s'", filename);
            return false;
        }
        buf += n;
        len_bytes -= n;
    }
    return true;
}

static bool translate_virtual(void *opaque, uint64_t addr, uint64_t *paddr,
                              Error **errp)
{
    if (!cpu_arch_translate(opaque, addr, paddr)) {
        error_setg(errp, "Invalid addr 0x%016" PRIx64 " specified", addr);
        return false;
    }
    return true;
}

static bool translate_physical(void *opaque, uint64_t addr, uint64_t *paddr,
                               Error **errp)
{
    *paddr = addr;
    return true;
}

typedef struct SaveRange {
    VM *vm;
    uint64_t addr;
    uint64_t size_bytes;
    TranslateFn translate;
    void *opaque;
} SaveRange;

static bool save_range(const SaveRange *range, int fd, const char *filename,
                       Error **errp)
{
    g_autofree uint8_t *buf = g_malloc(SAVE_CHUNK_BYTES);
    uint64_t addr = range->addr;
    uint64_t left = range->size_bytes;

    while (left) {
        /* A page at a time where each may be elsewhere. */
        uint64_t step = range->translate == translate_virtual
                            ? TARGET_PAGE_SIZE - addr % TARGET_PAGE_SIZE
                            : SAVE_CHUNK_BYTES;
        uint64_t chunk = MIN(left, step);
        uint64_t paddr;

        if (!range->translate(range->opaque, addr, &paddr, errp)) {
            error_prepend(errp, "'%s': ", filename);
            return false;
        }
        memory_read(range->vm, paddr, buf, chunk);
        if (!write_all(fd, buf, chunk, filename, errp)) {
            return false;
        }
        addr += chunk;
        left -= chunk;
    }
    return true;
}

static bool save_to_file(const SaveRange *range, const char *filename,
                         Error **errp)
{
    int fd = fdset_open(range->vm, filename, O_WRONLY | O_CREAT | O_TRUNC,
                        0644, errp);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = save_range(range, fd, filename, errp);
    if (close(fd) < 0 && ok) {
        error_setg_errno(errp, errno, "cannot write '%s'", filename);
        ok = false;
    }
    return ok;
}

bool qmp_memsave(QmpContext *ctx, const QmpMemsaveArgs *args, Error **errp)
{
    int64_t index = args->has_cpu_index ? args->cpu_index : 0;
    CPUState *cpu = index >= 0 && index <= UINT_MAX
                        ? cpu_get(ctx->vm, (unsigned)index)
                        : NULL;
    SaveRange range = {
        .vm = ctx->vm,
        .addr = args->val,
        .size_bytes = args->size,
        .translate = translate_virtual,
        .opaque = cpu,
    };

    if (!cpu) {
        error_setg(errp, "Parameter 'cpu-index' expects a CPU number");
        return false;
    }
    return save_to_file(&range, args->filename, errp);
}

bool qmp_pmemsave(QmpContext *ctx, const QmpPmemsaveArgs *args, Error **errp)
{
    SaveRange range = {
        .vm = ctx->vm,
        .addr = args->val,
        .size_bytes = args->size,
        .translate = translate_physical,
    };

    return save_to_file(&range, args->filename, errp);
}
