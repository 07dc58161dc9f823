/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of a RAM section. */
#include "qemu/osdep.h"

#include <sys/mman.h>

#include "fuzz.h"
#include "migration/qemu-file.h"
#include "stream-double.h"

#define PAGE TARGET_PAGE_SIZE

/* Behind its whole pages is one that traps. */
static void add_block(TestVM *t, const char *id, uint64_t used_bytes)
{
    uint64_t end = ROUND_DOWN(used_bytes, PAGE);
    RAMBlock *block = test_vm_add_block(t, id, end + PAGE);

    block->used_bytes = used_bytes;
    g_assert(!mprotect(block->host + end, PAGE, PROT_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    FuzzInput in = { data, len_bytes };
    TestVM *t = test_vm_new();
    QIOChannel *c = fuzz_channel_new(&in);
    QEMUFile *f = qemu_file_new_input(c);
    Error *err = NULL;
    RAMBlock *block;
    bool ok;

    add_block(t, "a", 16 * PAGE);
    add_block(t, "odd", 2 * PAGE + 1);
    block = test_vm_add_block(t, "not", PAGE);
    block->migratable = false;
    g_assert(!mprotect(block->host, PAGE, PROT_NONE));
    block = test_vm_add_block(t, "grows", 4 * PAGE);
    block->resizable = true;
    block->used_bytes = PAGE;
    /* Nothing is populated, so pages may go straight to their places. */
    t->populated = bitmap_new(32);
    g_assert(ram_load_setup(f, &t->vm, NULL));
    ok = ram_load_state(f, &t->vm, RAM_SECTION_VERSION, &err);
    fuzz_check_result(ok, err);
    g_assert(block->used_bytes <= block->max_bytes);
    g_assert(block->used_bytes % PAGE == 0);
    ram_load_cleanup(&t->vm);
    qemu_fclose(f, NULL);
    qio_channel_unref(c);
    test_vm_free(t);
    return 0;
}
