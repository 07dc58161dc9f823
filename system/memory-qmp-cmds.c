/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands that save guest memory to a file. Main thread, BQL.
 *
 * A range of virtual addresses is first looked up as a whole, with the vCPUs
 * parked; they run again while the file is opened and written.
 */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include "qapi/qapi-commands-machine.h"
#include "system/cpus.h"
#include "system/fdset.h"
#include "system/memory.h"

#define SAVE_CHUNK_BYTES (64 * KiB)

typedef struct SaveRange {
    VM *vm;
    CPUState *cpu; /* whose virtual addresses these are; NULL: physical */
    uint64_t addr;
    uint64_t size_bytes;
    GArray *pieces; /* of SavePiece: where it is in physical memory */
} SaveRange;

typedef struct SavePiece {
    uint64_t paddr;
    uint64_t size_bytes;
} SavePiece;

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

static void add_piece(GArray *pieces, uint64_t paddr, uint64_t size_bytes)
{
    SavePiece piece = { paddr, size_bytes };

    if (pieces->len) {
        SavePiece *last = &g_array_index(pieces, SavePiece, pieces->len - 1);

        if (last->paddr + last->size_bytes == paddr) {
            last->size_bytes += size_bytes;
            return;
        }
    }
    g_array_append_val(pieces, piece);
}

/*
 * What there is no memory for is refused before a file is touched. That
 * bounds time and pieces too: page tables can show the same page anywhere,
 * but a range has no more bytes than all memory.
 */
static bool find_pieces(const SaveRange *range, Error **errp)
{
    uint64_t end = range->addr + range->size_bytes;
    uint64_t addr = range->addr;

    if ((end < addr && end) || range->size_bytes > mapped_bytes(range->vm)) {
        return refuse_range(range, errp);
    }
    while (addr != end) {
        const MemoryRange *found;
        uint64_t paddr, chunk;

        if (!range_translate(range, addr, &paddr)) {
            return refuse_range(range, errp);
        }
        found = memory_find(range->vm, paddr);
        if (!found) {
            return refuse_range(range, errp);
        }
        chunk = found->size_bytes - (paddr - found->gpa);
        if (range->cpu) {
            chunk = MIN(chunk, TARGET_PAGE_SIZE - addr % TARGET_PAGE_SIZE);
        }
        chunk = MIN(chunk, end - addr);
        add_piece(range->pieces, paddr, chunk);
        addr += chunk;
    }
    return true;
}

static bool save_pieces(const SaveRange *range, int fd, const char *filename,
                        Error **errp)
{
    g_autofree uint8_t *buf = g_malloc(SAVE_CHUNK_BYTES);

    for (guint i = 0; i < range->pieces->len; i++) {
        SavePiece piece = g_array_index(range->pieces, SavePiece, i);

        while (piece.size_bytes) {
            uint64_t chunk = MIN(piece.size_bytes, SAVE_CHUNK_BYTES);

            if (!memory_read(range->vm, piece.paddr, buf, chunk)) {
                return refuse_range(range, errp);
            }
            if (!write_all(fd, buf, chunk, filename, errp)) {
                return false;
            }
            piece.paddr += chunk;
            piece.size_bytes -= chunk;
        }
    }
    return true;
}

/* Anything but a file may have the main loop wait for ever. */
static bool check_regular(const struct stat *st, const char *filename,
                          Error **errp)
{
    if (!S_ISREG(st->st_mode)) {
        error_setg(errp, "'%s' is not a regular file; memory is saved to "
                   "one", filename);
        return false;
    }
    return true;
}

static int open_regular(VM *vm, const char *filename, Error **errp)
{
    struct stat st;
    int fd;

    /* Before the open, for an error that says what is wrong. */
    if (stat(filename, &st) == 0 && !check_regular(&st, filename, errp)) {
        return -1;
    }
    fd = fdset_open(vm, filename, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK,
                    0644, errp);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &st) < 0) {
        error_setg_errno(errp, errno, "cannot look at '%s'", filename);
        close(fd);
        return -1;
    }
    if (!check_regular(&st, filename, errp)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool save_to_file(const SaveRange *range, const char *filename,
                         Error **errp)
{
    int fd = open_regular(range->vm, filename, errp);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = save_pieces(range, fd, filename, errp);
    if (close(fd) < 0 && ok) {
        error_setg_errno(errp, errno, "cannot write '%s'", filename);
        ok = false;
    }
    return ok;
}

bool qmp_memsave(QmpContext *ctx, const QmpMemsaveArgs *args, Error **errp)
{
    int64_t index = args->has_cpu_index ? args->cpu_index : 0;
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(SavePiece));
    SaveRange range = {
        .vm = ctx->vm,
        .addr = args->val,
        .size_bytes = args->size,
        .pieces = pieces,
    };
    bool ok;

    if (index >= 0 && index <= UINT_MAX) {
        range.cpu = cpu_get(ctx->vm, (unsigned)index);
    }
    if (!range.cpu) {
        error_setg(errp, "Parameter 'cpu-index' expects a CPU number");
        return false;
    }
    /* Only a parked CPU's state says how it translates. */
    if (!cpus_peek_begin(ctx->vm, errp)) {
        return false;
    }
    ok = find_pieces(&range, errp);
    cpus_peek_end(ctx->vm);
    return ok && save_to_file(&range, args->filename, errp);
}

bool qmp_pmemsave(QmpContext *ctx, const QmpPmemsaveArgs *args, Error **errp)
{
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(SavePiece));
    SaveRange range = {
        .vm = ctx->vm,
        .addr = args->val,
        .size_bytes = args->size,
        .pieces = pieces,
    };

    return find_pieces(&range, errp) &&
           save_to_file(&range, args->filename, errp);
}
