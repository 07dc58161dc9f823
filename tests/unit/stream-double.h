/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stand-ins for what the stream's files use of system/ and of migration's
 * control: a VM that is only a lock, blocks of memory and a clock, and two
 * migration objects that tests set up by hand. One thread, unless a test
 * says otherwise.
 */
#ifndef TESTS_UNIT_STREAM_DOUBLE_H
#define TESTS_UNIT_STREAM_DOUBLE_H

#include "migration/multifd.h"
#include "migration/ram.h"
#include "migration/savevm.h"

typedef struct TestVM {
    VM vm;
    MigrationState source;
    MigrationIncomingState incoming;
    MultiFDRegistry multifd_methods;
    bool stopped_reading; /* [atomic] migration_incoming_stop_reading() */
    GPtrArray *blocks;
    int64_t clock_ns;
    int64_t ticks_bias;
    bool logging;
    unsigned log_starts;
    unsigned clears;
    uint64_t pages_cleared;
    unsigned passes;
    unsigned return_path_opens;
    uint32_t pong;
    /* Called whenever the rate is asked for: the guest's turn. */
    void (*on_rate)(struct TestVM *t);
    /* Called whenever the source begins to wait for senders. */
    void (*on_wait)(void *opaque);
    void *on_wait_opaque;
    bool rate_exceeded;
    uint64_t rate_once_bytes; /* room that is left once, then none; 0: all */
    bool should_stop;
    /* For blocks: what mask_unpopulated says. NULL: everything populated. */
    unsigned long *populated;
} TestVM;

TestVM *test_vm_new(void);
void test_vm_free(TestVM *t);
static inline TestVM *test_vm_of(VM *vm)
{
    return container_of(vm, TestVM, vm);
}

RAMBlock *test_vm_add_block(TestVM *t, const char *id, uint64_t size_bytes);
/* Guest store: writes, then logs. */
void test_vm_store(RAMBlock *block, uint64_t offset, uint8_t value);

/* A file that collects into memory, and what it has (flushes). */
QEMUFile *test_output_new(void);
GByteArray *test_output_take(QEMUFile *f);
/* A file that reads @len_bytes from @data. */
QEMUFile *test_input_new(const void *data, size_t len_bytes);
/* Two ends of a socket. */
void test_pair_new(QEMUFile **out, QEMUFile **in);

/* "01 02  03" to octets; ignores spaces, "..." in quotes is text. */
GByteArray *test_octets(const char *text);
void test_assert_octets(const GByteArray *is, const char *text);
/* Asserts that @err is set, holds @part, and frees it. */
void test_assert_error(Error *err, const char *part);

#endif
