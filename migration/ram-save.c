/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending guest RAM: rounds over the bitmaps of what is dirty, in runs of
 * pages that lie next to each other. Pages go out straight from guest memory.
 *
 * Migration thread; setup, completion and cleanup with the BQL held.
 */
#include "qemu/osdep.h"

#include "migration/multifd-send.h"
#include "migration/qemu-file.h"
#include "migration/ram.h"
#include "migration/stream-format.h"
#include "qemu/cutils.h"
#include "system/clock.h"

/* Between runs, limits are looked at. */
#define RUN_MAX_PAGES 512
/* Longest stay in one call of ram_save_iterate(). */
#define SLICE_MAX_NS (50 * 1000 * 1000)
/* How often memory may be found written to after the guest was stopped. */
#define COMPLETE_MAX_TURNS 100
/* Shortest time over which a rate of dirtying is told. */
#define RATE_PERIOD_MS 100

static RAMState *ram_state(void *opaque)
{
    VM *vm = opaque;

    return vm->migration->ram;
}

static uint64_t dirty_pages(const RAMState *rs)
{
    uint64_t pages = 0;

    for (size_t i = 0; i < rs->n_blocks; i++) {
        pages += rs->blocks[i].dirty_pages;
    }
    return pages;
}

/* With what waits in the senders' queues. */
static uint64_t unsent_bytes(const RAMState *rs)
{
    return (dirty_pages(rs) << TARGET_PAGE_BITS) +
           (rs->multifd ? multifd_send_queued_bytes(rs->multifd) : 0);
}

static void count_remaining(RAMState *rs)
{
    qatomic_set_relaxed(&rs->s->counters.remaining_pages,
                        unsent_bytes(rs) >> TARGET_PAGE_BITS);
}

/* --- the dirty log --- */

static bool sync_blocks(RAMState *rs, Error **errp)
{
    for (size_t i = 0; i < rs->n_blocks; i++) {
        DirtyBitmap *map = &rs->blocks[i];

        if (!dirty_bitmap_sync(map, &rs->period_pages, errp)) {
            error_prepend(errp, "block '%s': ", map->block->id);
            return false;
        }
    }
    return true;
}

static bool ram_sync(RAMState *rs, Error **errp)
{
    MigrationCounters *counters = &rs->s->counters;
    int64_t now_ms, elapsed_ms;
    uint64_t syncs;

    if (!sync_blocks(rs, errp)) {
        return false;
    }
    now_ms = clock_host_ms();
    elapsed_ms = now_ms - rs->period_start_ms;
    if (elapsed_ms >= RATE_PERIOD_MS) {
        qatomic_set_relaxed(&counters->dirty_pages_rate,
                            rs->period_pages * 1000 / elapsed_ms);
        rs->period_pages = 0;
        rs->period_start_ms = now_ms;
    }
    syncs = qatomic_read_relaxed(&counters->dirty_sync_count) + 1;
    qatomic_set_relaxed(&counters->dirty_sync_count, syncs);
    count_remaining(rs);
    migration_notify_pass(rs->s, syncs);
    return true;
}

/* --- records --- */

/* The word of a page record, and the name if its block was not the last. */
static void put_page_head(RAMState *rs, QEMUFile *f, const RAMBlock *block,
                          uint64_t offset, unsigned flags)
{
    if (G_LIKELY(rs->last_sent == block)) {
        qemu_put_be64(f, offset | flags | RAM_SAVE_FLAG_CONTINUE);
    } else {
        qemu_put_be64(f, offset | flags);
        qemu_put_counted_string(f, block->id);
        rs->last_sent = block;
    }
}

static void put_zero_page(RAMState *rs, QEMUFile *f, const RAMBlock *block,
                          uint64_t offset)
{
    put_page_head(rs, f, block, offset, RAM_SAVE_FLAG_ZERO);
    qemu_put_byte(f, 0);
}

static bool put_normal_page(RAMState *rs, QEMUFile *f, RAMBlock *block,
                            uint64_t offset, Error **errp)
{
    if (rs->multifd && !rs->main_only) {
        const MultiFDRun run = { offset >> TARGET_PAGE_BITS, 1 };

        return multifd_queue_run(rs->multifd, block, &run, false, errp);
    }
    put_page_head(rs, f, block, offset, RAM_SAVE_FLAG_PAGE);
    qemu_put_buffer_async(f, block->host + offset, TARGET_PAGE_SIZE);
    qatomic_fetch_add_relaxed(&rs->s->counters.normal_pages, 1);
    return true;
}

/* Many pages that are known to be zero: records and nothing else. */
static void put_zero_run(RAMState *rs, QEMUFile *f, const RAMBlock *block,
                         uint64_t first, uint64_t count)
{
    const size_t record = sizeof(StreamRAMZeroContinue);
    uint64_t word;

    if (rs->last_sent != block) {
        put_zero_page(rs, f, block, first << TARGET_PAGE_BITS);
        first++;
        count--;
    }
    word = (first << TARGET_PAGE_BITS) | RAM_SAVE_FLAG_ZERO |
           RAM_SAVE_FLAG_CONTINUE;
    while (count) {
        size_t n = MIN(count, QEMU_FILE_RESERVE_MAX_BYTES / record);
        uint8_t *p = qemu_file_reserve(f, n * record);

        for (size_t i = 0; i < n; i++) {
            stq_be_p(p, word);
            p[8] = 0;
            p += record;
            word += TARGET_PAGE_SIZE;
        }
        qemu_file_commit(f, n * record);
        count -= n;
    }
}

/* --- runs --- */

static bool detect_zero(const RAMState *rs)
{
    return rs->s->config.zero_page_detection != ZERO_PAGE_DETECTION_NONE;
}

static bool put_run(RAMState *rs, QEMUFile *f, RAMBlock *block,
                    uint64_t first, uint64_t count, Error **errp)
{
    bool detect = detect_zero(rs);
    bool after_zero = false;
    uint64_t zeros = 0, i = 0;

    while (i < count) {
        uint64_t offset = (first + i) << TARGET_PAGE_BITS;
        uint64_t group = after_zero && count - i >= RAM_ZERO_GROUP_PAGES ?
                         RAM_ZERO_GROUP_PAGES : 1;

        if (detect && buffer_is_zero(block->host + offset,
                                     group << TARGET_PAGE_BITS)) {
            put_zero_run(rs, f, block, first + i, group);
            zeros += group;
            i += group;
            after_zero = true;
        } else if (group > 1) {
            after_zero = false; /* one by one */
        } else if (put_normal_page(rs, f, block, offset, errp)) {
            i++;
            after_zero = false;
        } else {
            return false;
        }
    }
    qatomic_fetch_add_relaxed(&rs->s->counters.zero_pages, zeros);
    return true;
}

/* Who looks for zero pages: the senders, or this thread. */
static bool senders_detect(const RAMState *rs)
{
    return rs->multifd && !rs->main_only &&
           rs->s->config.zero_page_detection != ZERO_PAGE_DETECTION_LEGACY;
}

/* Sends a run from @first on that is of one kind; at most @count pages. */
static bool send_run(RAMState *rs, QEMUFile *f, DirtyBitmap *map,
                     uint64_t first, uint64_t count, Error **errp)
{
    bool unpopulated = !test_bit(first, map->populated) && detect_zero(rs);

    if (unpopulated) {
        count = find_next_bit(map->populated, first + count, first) - first;
    } else {
        count = MIN(count, rs->run_max_pages);
        if (detect_zero(rs)) {
            count = find_next_zero_bit(map->populated, first + count, first) -
                    first;
        }
    }
    if (!dirty_bitmap_take(map, first, count, errp)) {
        error_prepend(errp, "block '%s': ", map->block->id);
        return false;
    }
    rs->page = first + count;
    rs->unsynced = true;
    if (senders_detect(rs)) {
        const MultiFDRun run = { first, count };

        return multifd_queue_run(rs->multifd, map->block, &run, unpopulated,
                                 errp);
    }
    if (unpopulated) {
        put_zero_run(rs, f, map->block, first, count);
        qatomic_fetch_add_relaxed(&rs->s->counters.zero_pages, count);
    } else if (!put_run(rs, f, map->block, first, count, errp)) {
        return false;
    }
    return qemu_file_ok(f, errp);
}

/*
 * What was sent up to here, on any channel, is loaded before what follows: a
 * page that was sent may be sent again.
 */
static bool sync_channels(RAMState *rs, Error **errp)
{
    rs->unsynced = false;
    return multifd_send_sync(rs->multifd, errp);
}

/*
 * A sync point of the mode that has them per round. The marker must not wait,
 * or receivers do.
 */
static bool sync_point(RAMState *rs, QEMUFile *f, Error **errp)
{
    if (!sync_channels(rs, errp)) {
        return false;
    }
    qemu_put_be64(f, RAM_SAVE_FLAG_MULTIFD_FLUSH);
    return qemu_fflush(f, errp);
}

/* The scan went round. */
static bool sync_round(RAMState *rs, QEMUFile *f, Error **errp)
{
    return !rs->multifd || rs->sync_each_section ||
           !rs->unsynced || sync_point(rs, f, errp);
}

/* The end of a body, a sync point in the mode that has them per section. */
static bool put_eos(RAMState *rs, QEMUFile *f, Error **errp)
{
    if (rs->sync_each_section && !sync_channels(rs, errp)) {
        return false;
    }
    qemu_put_be64(f, RAM_SAVE_FLAG_EOS);
    return qemu_file_ok(f, errp);
}

/* One run, if there is one from the present place on; else *@sent is 0. */
static bool send_next(RAMState *rs, QEMUFile *f, bool *sent, Error **errp)
{
    *sent = false;
    /* One more than there are blocks: back to the start of the first. */
    for (size_t i = 0; i <= rs->n_blocks && rs->n_blocks; i++) {
        DirtyBitmap *map = &rs->blocks[rs->block];
        uint64_t first, count;

        if (map->dirty_pages &&
            dirty_bitmap_next_run(map, rs->page, DIRTY_CHUNK_PAGES, &first,
                                  &count)) {
            *sent = true;
            return send_run(rs, f, map, first, count, errp);
        }
        rs->block = (rs->block + 1) % rs->n_blocks;
        rs->page = 0;
        if (!rs->block && !sync_round(rs, f, errp)) {
            return false;
        }
    }
    return true;
}

/* --- handlers --- */

static bool count_block(RAMBlock *block, void *opaque, Error **errp)
{
    RAMState *rs = opaque;

    rs->n_blocks += block->migratable;
    return true;
}

static bool add_block(RAMBlock *block, void *opaque, Error **errp)
{
    RAMState *rs = opaque;

    if (block->migratable) {
        dirty_bitmap_init(&rs->blocks[rs->n_blocks++], block);
    }
    return true;
}

static void put_block_list(RAMState *rs, QEMUFile *f)
{
    uint64_t total_bytes = 0;

    for (size_t i = 0; i < rs->n_blocks; i++) {
        total_bytes += rs->blocks[i].block->used_bytes;
    }
    qatomic_set_relaxed(&rs->s->counters.total_ram_bytes, total_bytes);
    qemu_put_be64(f, total_bytes | RAM_SAVE_FLAG_MEM_SIZE);
    for (size_t i = 0; i < rs->n_blocks; i++) {
        qemu_put_counted_string(f, rs->blocks[i].block->id);
        qemu_put_be64(f, rs->blocks[i].block->used_bytes);
    }
}

/* Behind the block list: no channel carries pages before that was read. */
static bool start_multifd(RAMState *rs, QEMUFile *f, Error **errp)
{
    rs->multifd = rs->s->multifd;
    if (!rs->multifd) {
        return true;
    }
    rs->sync_each_section = rs->s->config.multifd_flush_after_each_section;
    return multifd_send_start(rs->multifd, errp) &&
           (rs->sync_each_section || sync_point(rs, f, errp));
}

bool ram_save_setup(QEMUFile *f, void *opaque, Error **errp)
{
    VM *vm = opaque;
    RAMState *rs = g_new0(RAMState, 1);

    rs->s = vm->migration;
    rs->s->ram = rs;
    if (!memory_dirty_log_start(vm, errp)) {
        return false;
    }
    ram_block_foreach(vm, count_block, rs, NULL);
    rs->blocks = g_new0(DirtyBitmap, rs->n_blocks);
    rs->n_blocks = 0;
    ram_block_foreach(vm, add_block, rs, NULL);
    rs->period_start_ms = clock_host_ms();
    put_block_list(rs, f);
    return start_multifd(rs, f, errp) && put_eos(rs, f, errp) &&
           ram_sync(rs, errp);
}

/*
 * With the guest stopped there is no limit. Else what the slice has room for,
 * without what waits in multifd's queues.
 */
static bool room(RAMState *rs, uint64_t *left_bytes, Error **errp)
{
    for (;;) {
        uint64_t queued_bytes;

        *left_bytes =
            rs->final ? UINT64_MAX : migration_rate_left_bytes(rs->s);
        if (!rs->multifd || !*left_bytes || *left_bytes == UINT64_MAX) {
            return true;
        }
        queued_bytes = multifd_send_queued_bytes(rs->multifd);
        if (queued_bytes < *left_bytes) {
            *left_bytes -= queued_bytes;
            return true;
        }
        if (!multifd_send_wait_idle(rs->multifd, errp)) {
            return false;
        }
    }
}

bool ram_save_iterate(QEMUFile *f, void *opaque, Error **errp)
{
    RAMState *rs = ram_state(opaque);
    int64_t end_ns = clock_host_ns() + SLICE_MAX_NS;
    uint64_t left_bytes;
    bool sent = true;

    while (sent && clock_host_ns() < end_ns) {
        if (!room(rs, &left_bytes, errp)) {
            return false;
        }
        if (!left_bytes) {
            break;
        }
        rs->run_max_pages =
            CLAMP(left_bytes >> TARGET_PAGE_BITS, 1, RUN_MAX_PAGES);
        if (!send_next(rs, f, &sent, errp)) {
            return false;
        }
    }
    if (rs->multifd && !multifd_send_flush(rs->multifd, errp)) {
        return false;
    }
    count_remaining(rs);
    return put_eos(rs, f, errp);
}

/*
 * The guest is stopped, but devices, the monitor and qtest may write while
 * the BQL is lent. Keeps it from here on if nothing is dirty.
 */
static bool final_look(RAMState *rs, Error **errp)
{
    bool first = !rs->final;

    rs->final = true;
    if (!(first ? ram_sync(rs, errp) : sync_blocks(rs, errp))) {
        return false;
    }
    if (dirty_pages(rs) && rs->final_turns++ == COMPLETE_MAX_TURNS) {
        error_setg(errp, "memory keeps being written to although the guest "
                         "is stopped; end what writes to it");
        return false;
    }
    return true;
}

/*
 * Pages that are sent again need a sync point between, and an END section has
 * but one where they are per section: channels have no part in it.
 */
bool ram_save_needs_part(void *opaque, bool *needs, Error **errp)
{
    RAMState *rs = ram_state(opaque);

    *needs = false;
    if (!rs->sync_each_section) {
        return true;
    }
    if ((!rs->final || !dirty_pages(rs)) && !final_look(rs, errp)) {
        return false;
    }
    *needs = dirty_pages(rs) > 0;
    return true;
}

/* All that is known to be dirty. The BQL is let go of meanwhile. */
static bool send_dirty(RAMState *rs, QEMUFile *f, Error **errp)
{
    bool sent = true;

    while (sent) {
        if (!send_next(rs, f, &sent, errp)) {
            return false;
        }
    }
    return sync_round(rs, f, errp) && qemu_fflush(f, errp);
}

static bool send_final(RAMState *rs, QEMUFile *f, Error **errp)
{
    rs->run_max_pages = RUN_MAX_PAGES;
    if (!final_look(rs, errp)) {
        return false;
    }
    do {
        if (!send_dirty(rs, f, errp) || !final_look(rs, errp)) {
            return false;
        }
    } while (dirty_pages(rs));
    return true;
}

bool ram_save_complete(QEMUFile *f, void *opaque, Error **errp)
{
    RAMState *rs = ram_state(opaque);

    if (rs->sync_each_section) {
        /* It waits for the peer, with the BQL lent: what is written then
         * follows on the main channel, in order by itself. */
        if (!sync_channels(rs, errp)) {
            return false;
        }
        rs->main_only = true;
    }
    if (!send_final(rs, f, errp)) {
        return false;
    }
    bql_loan_refuse(&rs->s->bql_loan);
    qatomic_set_relaxed(&rs->s->counters.remaining_pages, 0);
    qemu_put_be64(f, RAM_SAVE_FLAG_EOS);
    return qemu_file_ok(f, errp);
}

bool ram_save_pending(void *opaque, bool exact, MigrationPending *pending,
                      Error **errp)
{
    RAMState *rs = ram_state(opaque);

    if (exact && !ram_sync(rs, errp)) {
        return false;
    }
    pending->precopy_bytes += unsent_bytes(rs);
    return true;
}

void ram_save_cleanup(void *opaque)
{
    VM *vm = opaque;
    RAMState *rs = ram_state(opaque);

    if (!rs) {
        return;
    }
    memory_dirty_log_stop(vm);
    for (size_t i = 0; i < rs->n_blocks && rs->blocks; i++) {
        dirty_bitmap_destroy(&rs->blocks[i]);
    }
    g_free(rs->blocks);
    g_free(rs);
    vm->migration->ram = NULL;
}
