/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers and offset tables of multifd packets. */
#include "qemu/osdep.h"

#include "fuzz.h"
#include "stream-double.h"

static void check_pages(const MultiFDPages *pages)
{
    g_assert(pages->normal_num <= pages->num);
    g_assert(pages->num <= MULTIFD_PACKET_PAGES);
    g_assert(!pages->num == !pages->block && !pages->num == !pages->lb);
    for (uint32_t i = 0; i < pages->num; i++) {
        g_assert(pages->offset[i] % TARGET_PAGE_SIZE == 0);
        g_assert(pages->offset[i] < pages->block->used_bytes);
        g_assert(pages->block->used_bytes - pages->offset[i] >=
                 TARGET_PAGE_SIZE);
    }
}

/* What we write of it says the same. */
static void check_again(RAMLoadState *ls, const MultiFDPacketHead *head,
                        const MultiFDPages *pages)
{
    StreamMultiFDPacket packet;
    MultiFDPacketHead head2;
    MultiFDPages pages2;

    multifd_packet_fill(&packet, head, pages);
    g_assert(multifd_packet_parse(&packet, ls, &head2, &pages2, NULL));
    g_assert(head2.flags == head->flags);
    g_assert(head2.packet_num == head->packet_num);
    g_assert(head2.next_packet_size == head->next_packet_size);
    g_assert(pages2.block == pages->block && pages2.num == pages->num);
    g_assert(pages2.normal_num == pages->normal_num);
    g_assert(!memcmp(pages2.offset, pages->offset,
                     pages->num * sizeof(pages->offset[0])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    TestVM *t = test_vm_new();
    StreamMultiFDPacket packet = { 0 };
    MultiFDPacketHead head;
    MultiFDPages pages;
    Error *err = NULL;
    RAMBlock *block;
    bool ok;

    test_vm_add_block(t, "a", 16 * TARGET_PAGE_SIZE);
    block = test_vm_add_block(t, "not", TARGET_PAGE_SIZE);
    block->migratable = false;
    block = test_vm_add_block(t, "odd", 4 * TARGET_PAGE_SIZE);
    block->used_bytes = 2 * TARGET_PAGE_SIZE + 1;
    g_assert(ram_load_setup(NULL, &t->vm, NULL));
    memcpy(&packet, data, MIN(len_bytes, sizeof(packet)));
    ok = multifd_packet_parse(&packet, t->incoming.ram, &head, &pages, &err);
    if (ok) {
        g_assert(head.next_packet_size <= MULTIFD_PAYLOAD_MAX_BYTES);
        check_pages(&pages);
        check_again(t->incoming.ram, &head, &pages);
    }
    fuzz_check_result(ok, err);
    ram_load_cleanup(&t->vm);
    test_vm_free(t);
    return 0;
}
