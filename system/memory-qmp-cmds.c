/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands that save guest memory to a file. Main thread, BQL. */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-machine.h"
#include "system/cpus.h"
#include "system/fdset.h"
#include "system/memory.h"
#include "system/runstate.h"

#define SAVE_CHUNK_BYTES (64 * KiB)

typedef struct SaveRange {
    VM *vm;
    CPUState *cpu; /* whose virtual addresses these are; NULL: physical */
    uint64_t addr;
    uint64_t size_bytes;
} SaveRange;

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

static bool refuse_range(const SaveRange *range, Error **errp)
{
    error_setg(errp,
               "Invalid addr 0x%016" PRIx64 "/size %" PRIu64 " specified",
               range->addr, range->size_bytes);
    return false;
}

static uint64_t mapped_bytes(VM *vm)
{
    size_t count;
    const MemoryRange *ranges = memory_ranges(vm, &count);
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += ranges[i].size_bytes;
    }
    return sum;
}

/* The physical address of @addr; up to the end of the page holds the same. */
static bool range_translate(const SaveRange *range, uint64_t addr,
                            uint64_t *paddr)
{
    *paddr = addr;
    return !range->cpu || cpu_arch_translate(range->cpu, addr, paddr);
}

/*
 * What there is no memory for is refused before a file is touched. That
 * bounds the time too: page tables can show the same page anywhere, but a
 * range has no more bytes than all memory.
 */
static bool check_range(const SaveRange *range, Error **errp)
{
    uint64_t end = range->addr + range->size_bytes;
    uint64_t addr = range->addr;

    if ((end < addr && end) || range->size_bytes > mapped_bytes(range->vm)) {
        return refuse_range(range, errp);
    }
    while (addr != end) {
        const MemoryRange *piece;
        uint64_t paddr, chunk;

        if (!range_translate(range, addr, &paddr)) {
            return refuse_range(range, errp);
        }
        piece = memory_find(range->vm, paddr);
        if (!piece) {
            return refuse_range(range, errp);
        }
        chunk = piece->size_bytes - (paddr - piece->gpa);
        if (range->cpu) {
            chunk = MIN(chunk, TARGET_PAGE_SIZE - addr % TARGET_PAGE_SIZE);
        }
        addr += MIN(chunk, end - addr);
    }
    return true;
}

static bool save_range(const SaveRange *range, int fd, const char *filename,
                       Error **errp)
{
    g_autofree uint8_t *buf = g_malloc(SAVE_CHUNK_BYTES);
    uint64_t addr = range->addr;
    uint64_t left = range->size_bytes;

    while (left) {
        /* A page at a time where each may be elsewhere. */
        uint64_t step = range->cpu ? TARGET_PAGE_SIZE - addr % TARGET_PAGE_SIZE
                                   : SAVE_CHUNK_BYTES;
        uint64_t chunk = MIN(left, step);
        uint64_t paddr;

        /* The guest may change its page tables meanwhile. */
        if (!range_translate(range, addr, &paddr) ||
            !memory_read(range->vm, paddr, buf, chunk)) {
            return refuse_range(range, errp);
        }
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
    bool ok;
    int fd;

    if (!check_range(range, errp)) {
        return false;
    }
    fd = fdset_open(range->vm, filename, O_WRONLY | O_CREAT | O_TRUNC, 0644,
                    errp);
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
        .cpu = cpu,
        .addr = args->val,
        .size_bytes = args->size,
    };
    bool ok;

    if (!cpu) {
        error_setg(errp, "Parameter 'cpu-index' expects a CPU number");
        return false;
    }
    /* Only a parked CPU's state says how it translates. */
    if (!cpus_pause(ctx->vm, errp)) {
        return false;
    }
    ok = save_to_file(&range, args->filename, errp);
    if (runstate_is_running(ctx->vm) &&
        !cpus_resume(ctx->vm, ok ? errp : NULL)) {
        ok = false;
    }
    return ok;
}

bool qmp_pmemsave(QmpContext *ctx, const QmpPmemsaveArgs *args, Error **errp)
{
    SaveRange range = {
        .vm = ctx->vm,
        .addr = args->val,
        .size_bytes = args->size,
    };

    return save_to_file(&range, args->filename, errp);
}
