/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A multifd channel, from the first packet to the end, with the receiver's
 * thread. First octet: the method; then as fuzz_channel_new(). The loading
 * thread, this one, only syncs, so the two take turns.
 */
#include "qemu/osdep.h"

#include <sys/mman.h>

#include "fuzz.h"
#include "migration/multifd-recv.h"
#include "stream-double.h"

#define PAGES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    static const MultiFDCompression methods[] = {
        MULTI_FD_COMPRESSION_NONE,
        MULTI_FD_COMPRESSION_ZLIB,
        MULTI_FD_COMPRESSION_ZSTD,
    };
    FuzzInput in = { data, len_bytes };
    TestVM *t = test_vm_new();
    RAMBlock *block = test_vm_add_block(t, "a", (PAGES + 1) * TARGET_PAGE_SIZE);
    unsigned method = fuzz_take_u8(&in) % ARRAY_SIZE(methods);
    QIOChannel *c = fuzz_channel_new(&in);
    Error *err = NULL;
    MultiFDRecv *m;
    bool failed;

    block->used_bytes = PAGES * TARGET_PAGE_SIZE;
    g_assert(!mprotect(block->host + block->used_bytes, TARGET_PAGE_SIZE,
                       PROT_NONE));
    t->incoming.config.multifd_compression = methods[method];
    m = multifd_recv_new(&t->incoming, &c, 1);
    t->incoming.multifd = m;
    g_assert(ram_load_setup(NULL, &t->vm, NULL));
    while (multifd_recv_sync(m, &err)) {
    }
    fuzz_check_result(false, err);
    err = NULL;
    failed = t->incoming.error;
    if (multifd_recv_finish(m, &err)) {
        g_assert(!failed);
        fuzz_check_result(true, err);
    } else {
        fuzz_check_result(false, err);
    }
    multifd_recv_free(m);
    ram_load_cleanup(&t->vm);
    qio_channel_unref(c);
    test_vm_free(t);
    return 0;
}
