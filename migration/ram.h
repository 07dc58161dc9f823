/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest RAM as a live section. Private to migration/. */
#ifndef MIGRATION_RAM_H
#define MIGRATION_RAM_H

#include "migration/dirty-bitmap.h"
#include "migration/migration.h"
#include "qemu/cutils.h"
#include "system/memory.h"

/* Registers the `ram` section of @vm. Machine creation, BQL. */
bool ram_migration_init(VM *vm, Error **errp);

/*
 * Pages that are looked at together where those before were zero: reading is
 * what that costs, and buffer_is_zero() reads four pages faster than one.
 */
#define RAM_ZERO_GROUP_PAGES 4

/* --- source: ram-save.c, migration thread --------------------------------- */

typedef struct RAMState {
    MigrationState *s;

    DirtyBitmap *blocks; /* migratable ones, largest first */
    size_t n_blocks;

    /* Where the round is. */
    size_t block;
    uint64_t page;

    uint64_t run_max_pages; /* longest run to read and send at once */

    struct MultiFDSend *multifd; /* NULL: all goes over the main channel */
    bool sync_each_section;      /* multifd's sync points, not each round */
    bool unsynced; /* pages were sent since the last one, on any channel */
    bool main_only; /* channels have had their last sync */
    bool final; /* the guest is stopped, and was asked what is dirty since */
    unsigned final_turns; /* how often that was something */

    /* Whose page was sent last; NULL: the next page names its block. */
    const RAMBlock *last_sent;

    uint64_t period_pages; /* dirtied since period_start_ms */
    int64_t period_start_ms;
} RAMState;

/* Slots of SaveVMHandlers; @opaque is the VM. */
bool ram_save_setup(QEMUFile *f, void *opaque, Error **errp);
bool ram_save_iterate(QEMUFile *f, void *opaque, Error **errp);
bool ram_save_needs_part(void *opaque, bool *needs, Error **errp);
bool ram_save_complete(QEMUFile *f, void *opaque, Error **errp);
bool ram_save_pending(void *opaque, bool exact, MigrationPending *pending,
                      Error **errp);
void ram_save_cleanup(void *opaque);

/* --- destination: ram-load.c, loading thread ------------------------------ */

typedef struct RAMLoadBlock {
    RAMBlock *block;
    /* Pages that may hold something: populated here, or received. [atomic]:
     * each loading thread sets bits of its own pages. */
    unsigned long *touched;
    bool listed; /* the block list had it */
} RAMLoadBlock;

/* Also pages that someone else wrote since loading began. */
static inline bool ram_load_touched(const RAMLoadBlock *lb, uint64_t page)
{
    return test_bit_atomic(page, lb->touched) ||
           test_bit_atomic(page, lb->block->dirty);
}

/* Of a file, found by the page before; {0} if there was none. */
typedef struct RAMLoadHole {
    uint64_t start;
    uint64_t end;
} RAMLoadHole;

/* Writes only where something is, reads only where something may be. */
static inline void ram_load_zero_page(RAMLoadBlock *lb, uint64_t offset,
                                      RAMLoadHole *hole)
{
    uint8_t *host = lb->block->host + offset;

    if (!ram_load_touched(lb, offset >> TARGET_PAGE_BITS) ||
        (offset >= hole->start && offset < hole->end)) {
        return;
    }
    *hole = (RAMLoadHole){ offset, ram_block_hole_end(lb->block, offset) };
    if (hole->end == offset && !buffer_is_zero(host, TARGET_PAGE_SIZE)) {
        memset(host, 0, TARGET_PAGE_SIZE);
    }
}

/* Records as both files of the loading side look at them. */
#define FLAGS_MASK (TARGET_PAGE_SIZE - 1)
#define ZERO_CONTINUE (RAM_SAVE_FLAG_ZERO | RAM_SAVE_FLAG_CONTINUE)
#define PAGE_CONTINUE (RAM_SAVE_FLAG_PAGE | RAM_SAVE_FLAG_CONTINUE)
#define RAM_HEAD_BYTES 8
#define ZERO_RECORD_BYTES sizeof(StreamRAMZeroContinue)
#define PAGE_RECORD_BYTES (RAM_HEAD_BYTES + TARGET_PAGE_SIZE)

typedef struct RAMLoadState {
    /* [const] once loading begins */
    VM *vm;
    RAMLoadBlock *blocks; /* all of the VM */
    size_t n_blocks;
    bool logging; /* memory_dirty_log_start() was called */
    struct MultiFDRecv *multifd; /* NULL: all comes over the main channel */

    /* [own: load]; receivers do not look at blocks' sizes before they have
     * been at a sync point, which comes behind the block list. */
    bool has_list; /* the block list came */
    RAMLoadBlock *last; /* the previous page record's; NULL before any */
    bool marked; /* a MULTIFD_FLUSH came, or is not expected */
} RAMLoadState;

/* NULL and an error if there is none that migrates. Any loading thread. */
RAMLoadBlock *ram_load_find_block(const RAMLoadState *ls, const char *id,
                                  Error **errp);
/* These pages of the block will hold something. Any loading thread. */
void ram_load_set_touched(RAMLoadBlock *lb, const uint64_t *offsets,
                          size_t n);

/*
 * What comes next is probably PAGE records of @lb in a row, starting with
 * what is left in the input buffer: read them straight into place as long as
 * that is so. Only pages that are untouched take part, and those which a
 * wrong guess wrote to are zero again. Errors show in @f.
 */
void ram_load_direct(RAMLoadBlock *lb, QEMUFile *f);

bool ram_load_setup(QEMUFile *f, void *opaque, Error **errp);
bool ram_load_state(QEMUFile *f, void *opaque, int version_id, Error **errp);
void ram_load_cleanup(void *opaque);

#endif
