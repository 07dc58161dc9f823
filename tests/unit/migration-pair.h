/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two small VMs in this process, a source and a destination, with gates in
 * the channels between them. The test's thread is the main thread of both.
 */
#ifndef TESTS_UNIT_MIGRATION_PAIR_H
#define TESTS_UNIT_MIGRATION_PAIR_H

#include "channel-gate.h"
#include "migration/migration-internal.h"
#include "qapi/qapi-commands-migration.h"
#include "system/memory.h"

#define PAIR_RAM_BYTES (2 * MiB)
#define PAIR_WAIT_MS 20000

typedef struct Side {
    VM *vm;
    QIOChannel *gate; /* the main channel */
    QIOChannel **channels; /* gates, too; of multifd */
    unsigned n_channels;
    RAMBlock *ram;
    GMutex lock;
    GString *events; /* [lock: lock] */
} Side;

typedef struct Pair {
    Side src, dst;
} Pair;

/* The source runs, the destination waits; neither has begun. */
Pair *pair_new(void);
/* Ends what runs. */
void pair_free(Pair *p);
void pair_start(Pair *p);
/*
 * As far as the destination's answer, which is held at its gate, behind the
 * PONG: the source has sent all, and does not know.
 */
void pair_start_to_answer(Pair *p);

/* Before pair_start(): a connection over TCP instead of a pair of sockets. */
void pair_use_tcp(Pair *p);

/* Before pair_start(), once: multifd with @n channels. */
void pair_use_multifd(Pair *p, unsigned n);

/* Of both sides; BQLs not held. */
void pair_set_parameters(Pair *p, const MigrationParameters *params);

/* BQL held. */
void set_cap(Side *side, MigrationCapability cap, bool on);
bool side_idle(Side *side);
/* Runs the main loop until @side is idle. */
void side_wait(Side *side);
/* @error_part is in error-desc, NULL: there is none. */
void side_check(Side *side, const char *status, bool running,
                const char *error_part);
void check_success(Pair *p);
void side_cancel(Side *side);

/* Octets of a whole stream; checks that of the answers to it. */
uint64_t stream_bytes(void);

#endif
