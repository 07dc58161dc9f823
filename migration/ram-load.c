/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Receiving guest RAM. Every word of every record is checked against the
 * blocks that are here, whatever the source says.
 *
 * Loading thread, no BQL, guest stopped.
 */
#include "qemu/osdep.h"

#include "migration/multifd-recv.h"
#include "migration/qemu-file.h"
#include "migration/ram.h"
#include "migration/stream-format.h"
#include "qemu/cutils.h"


/* --- blocks --- */

static bool count_block(RAMBlock *block, void *opaque, Error **errp)
{
    RAMLoadState *ls = opaque;

    ls->n_blocks++;
    return true;
}

static bool add_block(RAMBlock *block, void *opaque, Error **errp)
{
    RAMLoadState *ls = opaque;
    RAMLoadBlock *lb = &ls->blocks[ls->n_blocks++];
    uint64_t max_pages = block->max_bytes >> TARGET_PAGE_BITS;

    lb->block = block;
    if (block->migratable) {
        lb->touched = bitmap_new(max_pages);
        bitmap_set(lb->touched, 0, max_pages);
        ram_block_mask_unpopulated(block, lb->touched);
    }
    return true;
}

static bool sync_each_section(const RAMLoadState *ls)
{
    return ls->vm->incoming->config.multifd_flush_after_each_section;
}

bool ram_load_setup(QEMUFile *f, void *opaque, Error **errp)
{
    VM *vm = opaque;
    RAMLoadState *ls = g_new0(RAMLoadState, 1);

    ls->vm = vm;
    vm->incoming->ram = ls;
    /* Who writes here from now on touches pages, too. */
    bql_lock(vm);
    ls->logging = memory_dirty_log_start(vm, errp);
    bql_unlock(vm);
    if (!ls->logging) {
        return false;
    }
    ram_block_foreach(vm, count_block, ls, NULL);
    ls->blocks = g_new0(RAMLoadBlock, ls->n_blocks);
    ls->n_blocks = 0;
    if (!ram_block_foreach(vm, add_block, ls, errp)) {
        return false;
    }
    ls->multifd = vm->incoming->multifd;
    ls->marked = !ls->multifd || sync_each_section(ls);
    return !ls->multifd || multifd_recv_start(ls->multifd, ls, errp);
}

void ram_load_cleanup(void *opaque)
{
    VM *vm = opaque;
    RAMLoadState *ls = vm->incoming->ram;

    if (!ls) {
        return;
    }
    if (ls->logging) {
        memory_dirty_log_stop(vm);
    }
    for (size_t i = 0; i < ls->n_blocks; i++) {
        g_free(ls->blocks[i].touched);
    }
    g_free(ls->blocks);
    g_free(ls);
    vm->incoming->ram = NULL;
}

RAMLoadBlock *ram_load_find_block(const RAMLoadState *ls, const char *id,
                                  Error **errp)
{
    for (size_t i = 0; i < ls->n_blocks; i++) {
        RAMLoadBlock *lb = &ls->blocks[i];

        if (strcmp(lb->block->id, id)) {
            continue;
        }
        if (!lb->block->migratable) {
            error_setg(errp, "block '%s' does not migrate here",
                       id);
            return NULL;
        }
        return lb;
    }
    error_setg(errp, "block '%s' is unknown here; give both "
               "sides the same memory and -machine (of stock QEMU's, 'microvm' "
               "and 'none' are there)", id);
    return NULL;
}

/* Reads a block's name and finds it. NULL and an error if it cannot be. */
static RAMLoadBlock *get_block(RAMLoadState *ls, QEMUFile *f, Error **errp)
{
    char id[STREAM_NAME_MAX + 1];

    qemu_get_counted_string(f, id);
    return qemu_file_ok(f, errp) ? ram_load_find_block(ls, id, errp) : NULL;
}

/* --- the block list --- */

static bool set_block_size(RAMLoadState *ls, RAMBlock *block,
                           uint64_t used_bytes, Error **errp)
{
    if (used_bytes == block->used_bytes) {
        return true;
    }
    if (!block->resizable) {
        error_setg(errp, "block '%s' has 0x%" PRIx64
                   " octets on the source but 0x%" PRIx64 " here",
                   block->id, used_bytes, block->used_bytes);
        return false;
    }
    if (used_bytes > block->max_bytes ||
        !IS_ALIGNED(used_bytes, TARGET_PAGE_SIZE)) {
        error_setg(errp, "block '%s' has 0x%" PRIx64
                   " octets on the source; here it has 0x%" PRIx64
                   " and takes whole pages up to 0x%" PRIx64,
                   block->id, used_bytes, block->used_bytes,
                   block->max_bytes);
        return false;
    }
    bql_lock(ls->vm);
    block->used_bytes = used_bytes;
    bql_unlock(ls->vm);
    return true;
}

static bool check_all_listed(RAMLoadState *ls, Error **errp)
{
    for (size_t i = 0; i < ls->n_blocks; i++) {
        const RAMLoadBlock *lb = &ls->blocks[i];

        /* One that is empty may stand behind the end of the list. */
        if (lb->block->migratable && lb->block->used_bytes && !lb->listed) {
            error_setg(errp, "block list: block '%s' is not in it; give both "
                       "sides the same memory", lb->block->id);
            return false;
        }
    }
    ls->has_list = true;
    return true;
}

static bool load_block_list(RAMLoadState *ls, QEMUFile *f,
                            uint64_t total_bytes, Error **errp)
{
    if (ls->has_list) {
        error_setg(errp, "block list: there was one before");
        return false;
    }
    while (total_bytes) {
        RAMLoadBlock *lb = get_block(ls, f, errp);
        uint64_t used_bytes;

        if (!lb) {
            error_prepend(errp, "block list: ");
            return false;
        }
        if (lb->listed) {
            error_setg(errp, "block list: block '%s' is in it twice",
                       lb->block->id);
            return false;
        }
        lb->listed = true;
        used_bytes = qemu_get_be64(f);
        if (!qemu_file_ok(f, errp) ||
            !set_block_size(ls, lb->block, used_bytes, errp)) {
            error_prepend(errp, "block list: ");
            return false;
        }
        if (used_bytes > total_bytes) {
            error_setg(errp, "block list: block '%s' has 0x%"
                       PRIx64 " octets but only 0x%" PRIx64
                       " are left of the total", lb->block->id,
                       used_bytes, total_bytes);
            return false;
        }
        total_bytes -= used_bytes;
    }
    return check_all_listed(ls, errp);
}

/* --- pages --- */

void ram_load_set_touched(RAMLoadBlock *lb, const uint64_t *offsets,
                          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t page = offsets[i] >> TARGET_PAGE_BITS;

        if (!test_bit_atomic(page, lb->touched)) {
            set_bit_atomic(page, lb->touched);
        }
    }
}

/*
 * Records that carry on with the block and are all in the input buffer: ZERO
 * ones first, then PAGE ones. Anything else, and anything wrong, is left for
 * load_record() to look at. Returns the octets used.
 */
static size_t load_zero_run(RAMLoadBlock *lb, const uint8_t *p, size_t avail)
{
    const uint64_t end = ROUND_DOWN(lb->block->used_bytes, TARGET_PAGE_SIZE);
    const uint8_t *start = p;
    RAMLoadHole hole = {};

    for (; avail >= ZERO_RECORD_BYTES; avail -= ZERO_RECORD_BYTES) {
        uint64_t word = ldq_be_p(p);
        uint64_t offset = word & ~FLAGS_MASK;

        if ((word & FLAGS_MASK) != ZERO_CONTINUE || p[8] ||
            offset >= end) {
            break;
        }
        ram_load_zero_page(lb, offset, &hole);
        p += ZERO_RECORD_BYTES;
    }
    return p - start;
}

static size_t load_page_run(RAMLoadBlock *lb, const uint8_t *p, size_t avail)
{
    const uint64_t end = ROUND_DOWN(lb->block->used_bytes, TARGET_PAGE_SIZE);
    const uint8_t *start = p;

    for (; avail >= PAGE_RECORD_BYTES; avail -= PAGE_RECORD_BYTES) {
        uint64_t word = ldq_be_p(p);
        uint64_t offset = word & ~FLAGS_MASK;

        if ((word & FLAGS_MASK) != PAGE_CONTINUE || offset >= end) {
            break;
        }
        ram_load_set_touched(lb, &offset, 1);
        memcpy(lb->block->host + offset, p + 8, TARGET_PAGE_SIZE);
        p += PAGE_RECORD_BYTES;
    }
    return p - start;
}

static void load_runs(RAMLoadState *ls, QEMUFile *f)
{
    size_t used;

    if (!ls->last) {
        return;
    }
    do {
        const uint8_t *p;
        size_t avail = qemu_peek_buffer(f, &p, 8);

        used = load_zero_run(ls->last, p, avail);
        used += load_page_run(ls->last, p + used, avail - used);
        qemu_file_skip(f, used);
        /* A wrong guess there would undo what other channels load. */
        if (used && !ls->multifd &&
            qemu_file_buffered(f) < PAGE_RECORD_BYTES) {
            ram_load_direct(ls->last, f);
        }
    } while (used);
}

/* ZERO or PAGE, after its word. */
static bool load_page_record(RAMLoadState *ls, QEMUFile *f, uint64_t word,
                             Error **errp)
{
    uint64_t offset = word & ~FLAGS_MASK;
    RAMLoadBlock *lb = ls->last;

    if (!(word & RAM_SAVE_FLAG_CONTINUE)) {
        lb = get_block(ls, f, errp);
        if (!lb) {
            error_prepend(errp, "page 0x%" PRIx64 ": ", offset);
            return false;
        }
        ls->last = lb;
    } else if (!lb) {
        error_setg(errp, "page 0x%" PRIx64 " goes on with the "
                   "previous block, but there was none", offset);
        return false;
    }
    if (offset >= ROUND_DOWN(lb->block->used_bytes, TARGET_PAGE_SIZE)) {
        error_setg(errp, "page 0x%" PRIx64 " is outside of "
                   "block '%s' with its 0x%" PRIx64 " octets", offset,
                   lb->block->id, lb->block->used_bytes);
        return false;
    }
    if (word & RAM_SAVE_FLAG_PAGE) {
        ram_load_set_touched(lb, &offset, 1);
        qemu_get_buffer(f, lb->block->host + offset, TARGET_PAGE_SIZE);
    } else {
        uint8_t fill = qemu_get_byte(f);

        if (fill) {
            error_setg(errp, "page 0x%" PRIx64 " of block '%s': "
                       "ZERO record with octet 0x%02x, must be 0",
                       offset, lb->block->id, fill);
            return false;
        }
        if (qemu_file_ok(f, NULL)) {
            ram_load_zero_page(lb, offset, &(RAMLoadHole){});
        }
    }
    return qemu_file_ok(f, errp);
}

static bool refuse(uint64_t word, Error **errp)
{
    static const struct {
        unsigned flag;
        const char *what;
    } known[] = {
        { RAM_SAVE_FLAG_XBZRLE, "XBZRLE; turn off 'xbzrle' on the source" },
        { RAM_SAVE_FLAG_COMPRESS_PAGE,
          "COMPRESS_PAGE; turn off 'compress' on the source" },
        { RAM_SAVE_FLAG_HOOK, "HOOK, of RDMA; use another transport" },
        { RAM_SAVE_FLAG_FULL, "FULL, which is obsolete" },
    };
    unsigned flags = word & FLAGS_MASK & ~RAM_SAVE_FLAG_CONTINUE;

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (flags == known[i].flag) {
            error_setg(errp, "record not supported here: %s",
                       known[i].what);
            return false;
        }
    }
    error_setg(errp, "record with unknown flags 0x%03x",
               (unsigned)(word & FLAGS_MASK));
    return false;
}

#define SET_ALIKE "set migration property 'multifd-flush-after-each-section', " \
                  "or the machine type, alike on both sides"

/* Behind the first, receivers load what refers to the block list. */
static bool sync_channels(RAMLoadState *ls, Error **errp)
{
    if (!ls->has_list) {
        error_setg(errp, "a sync point of multifd before the block list");
        return false;
    }
    return multifd_recv_sync(ls->multifd, errp);
}

/* The sync point of a round. */
static bool load_marker(RAMLoadState *ls, Error **errp)
{
    if (!ls->multifd) {
        return true; /* some writers have it without multifd */
    }
    if (sync_each_section(ls)) {
        error_setg(errp, "the source synchronises multifd channels in each "
                         "round, but each section is expected here: "
                         SET_ALIKE);
        return false;
    }
    ls->marked = true;
    return sync_channels(ls, errp);
}

/* Of the mode per section, the sync point. */
static bool load_eos(RAMLoadState *ls, Error **errp)
{
    if (!ls->marked) {
        error_setg(errp, "the source synchronises multifd channels in each "
                         "section, but each round is expected here: "
                         SET_ALIKE);
        return false;
    }
    return !ls->multifd || !sync_each_section(ls) || sync_channels(ls, errp);
}

/* One record of any kind; *@end: it was EOS. */
static bool load_record(RAMLoadState *ls, QEMUFile *f, bool *end, Error **errp)
{
    uint64_t word = qemu_get_be64(f);

    if (!qemu_file_ok(f, errp)) {
        return false;
    }
    switch (word & FLAGS_MASK) {
    case RAM_SAVE_FLAG_ZERO:
    case RAM_SAVE_FLAG_PAGE:
    case ZERO_CONTINUE:
    case PAGE_CONTINUE:
        return load_page_record(ls, f, word, errp);
    case RAM_SAVE_FLAG_MEM_SIZE:
        return load_block_list(ls, f, word & ~FLAGS_MASK, errp);
    case RAM_SAVE_FLAG_MULTIFD_FLUSH:
        return load_marker(ls, errp);
    case RAM_SAVE_FLAG_EOS:
        *end = true;
        return load_eos(ls, errp);
    default:
        return refuse(word, errp);
    }
}

bool ram_load_state(QEMUFile *f, void *opaque, int version_id, Error **errp)
{
    VM *vm = opaque;
    RAMLoadState *ls = vm->incoming->ram;
    bool end = false;

    if (version_id != RAM_SECTION_VERSION) {
        error_setg(errp, "ram/version: %d is not supported, "
                   "only %d", version_id, RAM_SECTION_VERSION);
        return false;
    }
    while (!end) {
        uint64_t offset;
        Error *err = NULL;

        load_runs(ls, f);
        offset = qemu_file_transferred(f);
        if (!load_record(ls, f, &end, &err)) {
            error_prepend(&err, "record at offset %" PRIu64 ": ", offset);
            error_propagate(errp, err);
            return false;
        }
    }
    /* START, which everything else comes behind, has it. */
    if (!ls->has_list) {
        error_setg(errp, "the block list is missing");
        return false;
    }
    return true;
}
