/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM whose memory comes in over multifd channels, with a gate in each. The
 * test is the source and the loading thread.
 */
#ifndef TESTS_UNIT_MULTIFD_TARGET_H
#define TESTS_UNIT_MULTIFD_TARGET_H

#include "channel-gate.h"
#include "migration/multifd-recv.h"
#include "stream-double.h"

#define PAGE ((uint64_t)TARGET_PAGE_SIZE)
#define TARGET_PAGES 16
#define TARGET_CHANNELS_MAX 4
#define TARGET_WAIT_US (20 * 1000 * 1000)

typedef struct Target {
    TestVM *t;
    RAMBlock *ram;
    MultiFDRecv *m;
    unsigned n;
    QIOChannel *in[TARGET_CHANNELS_MAX];  /* a gate, the receiver's */
    QIOChannel *out[TARGET_CHANNELS_MAX];
    int loader_tid;                /* [atomic] 0: has not begun */
    bool sync_ok;
    Error *sync_error;
} Target;


/*
 * With a block "ram" of TARGET_PAGES; threads do not run yet. @ops: a method
 * of a test's own, or NULL.
 */
Target *target_with(unsigned n, MultiFDCompression compression,
                    const MultiFDMethods *ops);
/* Nothing is packed; threads run. */
Target *target_new(unsigned n);
/* The same, with channels over TCP. */
Target *target_new_tcp(unsigned n);
void target_free(Target *target);

/* Receivers have failed with a text that has @part. Joins them. */
void check_failed(Target *target, const char *part);
void check_page(const Target *target, uint64_t page, uint8_t fill);

/* --- What a source sends -------------------------------------------------- */

void put(Target *target, unsigned channel, const void *data, size_t len_bytes);
bool try_put_sync(Target *target, unsigned channel);
void put_sync(Target *target, unsigned channel);
/* Of @normal pages from @first on, then @zero ones. */
StreamMultiFDPacket packet_of(uint32_t flags, uint64_t first, uint32_t normal,
                              uint32_t zero);
/* A payload: as many pages full of @fill. */
void put_fill(Target *target, unsigned channel, uint32_t pages, uint8_t fill);
void put_page(Target *target, unsigned channel, uint64_t page, uint8_t fill);
void hang_up(Target *target, unsigned channel);
/* A SYNC on all, and its marker. */
void sync_all(Target *target);

/* --- How far the target is ------------------------------------------------ */

void wait_packets(const Target *target, unsigned channel, uint64_t n);
/*
 * A loading thread that has met a marker; once this returns, it waits for
 * channels. Its answer is in @sync_ok and @sync_error behind a join.
 */
GThread *loader_start(Target *target);
void *load_marker(void *target);

#endif
