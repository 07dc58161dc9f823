/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constructors that vm_new() calls and what the files of guest memory share.
 * For system/ only.
 */
#ifndef SYSTEM_INTERNAL_H
#define SYSTEM_INTERNAL_H

#include "system/clock.h"
#include "system/globals.h"
#include "system/ioport.h"
#include "system/memory.h"
#include "system/runstate.h"
#include "qom/object.h"

RunStateMachine *runstate_new(void);
void runstate_free(RunStateMachine *rs);

/* The clock's source is attached to vm->main_context. */
VMClock *vm_clock_new(VM *vm);
void vm_clock_free(VMClock *clock);

IOPortMap *ioport_map_new(void);
void ioport_map_free(IOPortMap *map);

ObjectStore *object_store_new(void);
/* Takes an object out of the store without freeing it. */
void object_store_forget(VM *vm, const Object *obj);
void object_store_free(VM *vm);

GlobalProps *global_props_new(void);
void global_props_free(GlobalProps *globals);

struct GuestMemory {
    /* [const] once the machine is built */
    GPtrArray *blocks; /* RAMBlock *, largest first */
    GArray *ranges;    /* MemoryRange, sorted, disjoint */

    /* [atomic] read after the store it is about; see dirty-log.c */
    bool logging;
};

GuestMemory *guest_memory_new(void);
void guest_memory_free(GuestMemory *memory);

/*
 * Takes the time that starting the log takes beforehand: ten milliseconds of
 * a migration once the process has threads, nothing as long as it has none.
 */
void dirty_log_prepare(void);

/* How ram_block_mask_unpopulated() may ask about private memory. */
#define RAM_POPULATED_SCAN    BIT(0) /* PAGEMAP_SCAN */
#define RAM_POPULATED_PAGEMAP BIT(1) /* entries of /proc/self/pagemap */

/* ram_block_mask_unpopulated() in @ways only, for tests of each. */
void ram_block_mask_unpopulated_by(RAMBlock *block, unsigned long *bitmap,
                                   unsigned ways);

/* How to map host memory; zero is an anonymous private writable mapping. */
typedef struct HostMapping {
    uint64_t size_bytes;
    uint64_t align_bytes; /* 0: 2 MiB from that size on, else a page */
    bool has_fd;
    int fd;
    uint64_t fd_offset;
    bool shared;
    bool readonly;
    bool noreserve;
} HostMapping;

/* NULL and an error on failure; undone with munmap(). */
uint8_t *host_memory_map(const HostMapping *map, Error **errp);

/* Fills in pages ahead of use, with up to @threads threads. */
bool host_memory_populate(uint8_t *host, uint64_t size_bytes,
                          uint64_t page_size_bytes, unsigned threads,
                          Error **errp);

#endif
