/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multifd's packets between octets and what they say, every check of them,
 * and zero pages as senders find and receivers clear them.
 */
#include "qemu/osdep.h"

#include <sys/mman.h>

#include "stream-double.h"

#define PAGE ((uint64_t)TARGET_PAGE_SIZE)
#define BLOCK_PAGES 130

static const uint8_t uuid[16] = "0123456789abcdef";

/* A destination with a block "ram", one that ends in a page, and another. */
typedef struct Target {
    TestVM *t;
    RAMLoadState *ls;
    RAMBlock *ram;
} Target;

static Target target_new(void)
{
    Target target = { .t = test_vm_new() };
    RAMBlock *block;

    target.ram = test_vm_add_block(target.t, "ram", BLOCK_PAGES * PAGE);
    block = test_vm_add_block(target.t, "odd", 2 * PAGE);
    block->used_bytes = PAGE + 512;
    block = test_vm_add_block(target.t, "not", PAGE);
    block->migratable = false;
    g_assert_true(ram_load_setup(NULL, &target.t->vm, NULL));
    target.ls = target.t->incoming.ram;
    return target;
}

static void target_free(Target *target)
{
    ram_load_cleanup(&target->t->vm);
    test_vm_free(target->t);
}

/* --- The initial packet --------------------------------------------------- */

static void test_init_octets(void)
{
    g_autoptr(GByteArray) want = test_octets(
        "11223344 00000001 \"0123456789abcdef\" fe");
    StreamMultiFDInit init;

    g_byte_array_set_size(want, sizeof(init));
    memset(want->data + 25, 0, sizeof(init) - 25);
    memset(&init, 0xaa, sizeof(init));
    multifd_init_fill(&init, uuid, 254);
    g_assert_cmpmem(&init, sizeof(init), want->data, want->len);
    g_assert_cmpint(multifd_init_parse(&init, uuid, 255, NULL), ==, 254);
    /* What is reserved is not looked at. */
    memset(init.unused, 0xff, sizeof(init.unused));
    g_assert_cmpint(multifd_init_parse(&init, uuid, 255, NULL), ==, 254);
}

static void init_refused(size_t octet, uint8_t value, const char *part)
{
    StreamMultiFDInit init;
    Error *err = NULL;

    multifd_init_fill(&init, uuid, 1);
    ((uint8_t *)&init)[octet] = value;
    g_assert_cmpint(multifd_init_parse(&init, uuid, 2, &err), ==, -1);
    test_assert_error(err, part);
}

static void test_init_refused(void)
{
    init_refused(0, 0x51, "magic is 0x51223344, must be 0x11223344");
    init_refused(3, 0x45, "magic is 0x11223345");
    init_refused(7, 0, "version is 0");
    init_refused(7, 2, "version is 2, only 1");
    init_refused(8, 0, "UUID");
    init_refused(23, 0, "UUID");
    init_refused(24, 2, "channel id is 2, but there are 2 channels");
    init_refused(24, 255, "channel id is 255");
}

/* --- Data and SYNC packets ------------------------------------------------ */

#define ALLOC_128 "00000080 "
#define ZEROS_28 "00000000 00000000 00000000 00000000 00000000 00000000 " \
                 "00000000 "

/* A packet with these octets, then zeros. */
static StreamMultiFDPacket packet_of(const char *text)
{
    g_autoptr(GByteArray) octets = test_octets(text);
    StreamMultiFDPacket packet;

    g_assert_cmpuint(octets->len, <=, sizeof(packet));
    memset(&packet, 0, sizeof(packet));
    memcpy(&packet, octets->data, octets->len);
    return packet;
}

/* The offsets follow the block's name at 320. */
static void put_offsets(StreamMultiFDPacket *packet, const char *text)
{
    g_autoptr(GByteArray) octets = test_octets(text);

    memcpy((uint8_t *)packet + 320, octets->data, octets->len);
}

/* Two pages with contents and one without. */
static StreamMultiFDPacket good_packet(void)
{
    StreamMultiFDPacket packet = packet_of(
        "11223344 00000001 00000002 " ALLOC_128 "00000002 00001234 "
        "0102030405060708 00000001 " ZEROS_28 "\"ram\"");

    put_offsets(&packet, "0000000000081000 0000000000003000 "
                         "0000000000000000");
    return packet;
}

static void test_fill(void)
{
    StreamMultiFDPacket want = good_packet(), packet;
    RAMBlock block = { .id = "ram" };
    const MultiFDPacketHead head = { MULTIFD_FLAG_ZLIB, 0x1234,
                                     0x0102030405060708 };
    const MultiFDPages pages = {
        .block = &block, .num = 3, .normal_num = 2,
        .offset = { 0x81000, 0x3000, 0 },
    };

    /* Whatever it was before. */
    memset(&packet, 0xaa, sizeof(packet));
    multifd_packet_fill(&packet, &head, &pages);
    g_assert_cmpmem(&packet, sizeof(packet), &want, sizeof(want));
}

static void test_fill_full(void)
{
    RAMBlock block;
    const MultiFDPacketHead head = { 0, 1, 2 };
    MultiFDPages pages = { .block = &block, .num = MULTIFD_PACKET_PAGES };
    StreamMultiFDPacket packet;

    memset(block.id, 'x', sizeof(block.id) - 1);
    block.id[sizeof(block.id) - 1] = 0;
    for (uint32_t i = 0; i < MULTIFD_PACKET_PAGES; i++) {
        pages.offset[i] = (i + 1) * PAGE;
    }
    memset(&packet, 0xaa, sizeof(packet));
    multifd_packet_fill(&packet, &head, &pages);
    g_assert_cmpuint(packet.normal_pages, ==, 0);
    g_assert_cmpuint(GUINT32_FROM_BE(packet.zero_pages), ==, 128);
    g_assert_cmpuint(GUINT64_FROM_BE(packet.offset[127]), ==, 128 * PAGE);
    g_assert_cmpstr(packet.block, ==, block.id);
}

static void test_fill_sync(void)
{
    StreamMultiFDPacket want = packet_of(
        "11223344 00000001 00000001 00000000 00000000 00000000 "
        "0000000000000007"), packet;
    const MultiFDPacketHead head = { MULTIFD_FLAG_SYNC, 0, 7 };
    MultiFDPages pages = { .offset = { PAGE } };

    memset(&packet, 0xaa, sizeof(packet));
    multifd_packet_fill(&packet, &head, &pages);
    g_assert_cmpmem(&packet, sizeof(packet), &want, sizeof(want));
}

static void test_parse(void)
{
    Target target = target_new();
    StreamMultiFDPacket packet = good_packet(), again;
    MultiFDPacketHead head;
    MultiFDPages pages;

    /* What is reserved, and offsets behind the last, are not looked at. */
    memset(packet.unused, 0xff, sizeof(packet.unused));
    packet.offset[3] = UINT64_MAX;
    g_assert_true(multifd_packet_parse(&packet, target.ls, &head, &pages,
                                       NULL));
    g_assert_cmpuint(head.flags, ==, MULTIFD_FLAG_ZLIB);
    g_assert_cmpuint(head.next_packet_size, ==, 0x1234);
    g_assert_cmpuint(head.packet_num, ==, 0x0102030405060708);
    g_assert_true(pages.block == target.ram);
    g_assert_true(pages.lb->block == target.ram);
    g_assert_cmpuint(pages.num, ==, 3);
    g_assert_cmpuint(pages.normal_num, ==, 2);
    g_assert_cmpuint(pages.offset[0], ==, 0x81000); /* the last page */
    g_assert_cmpuint(pages.offset[1], ==, 0x3000);
    g_assert_cmpuint(pages.offset[2], ==, 0);
    multifd_packet_fill(&again, &head, &pages);
    packet = good_packet();
    g_assert_cmpmem(&again, sizeof(again), &packet, sizeof(packet));
    target_free(&target);
}

/* Old writers leave in a SYNC packet what they had before: counts count. */
static void test_parse_stale_sync(void)
{
    Target target = target_new();
    StreamMultiFDPacket packet = packet_of(
        "11223344 00000001 00000001 " ALLOC_128 "00000000 ffffffff "
        "0000000000000005 00000000");
    MultiFDPacketHead head;
    MultiFDPages pages;

    memset(packet.block, 'z', sizeof(packet.block));
    memset(packet.offset, 0xff, sizeof(packet.offset));
    g_assert_true(multifd_packet_parse(&packet, target.ls, &head, &pages,
                                       NULL));
    g_assert_cmpuint(head.flags, ==, MULTIFD_FLAG_SYNC);
    g_assert_cmpuint(head.next_packet_size, ==, 0);
    g_assert_cmpuint(head.packet_num, ==, 5);
    g_assert_null(pages.block);
    g_assert_null(pages.lb);
    g_assert_cmpuint(pages.num, ==, 0);
    target_free(&target);
}

/* The copy is on the heap, where sanitizers see what is read beyond it. */
static void refused(const Target *target, const StreamMultiFDPacket *packet,
                    const char *part)
{
    g_autofree StreamMultiFDPacket *copy = g_new(StreamMultiFDPacket, 1);
    MultiFDPacketHead head;
    MultiFDPages pages;
    Error *err = NULL;

    *copy = *packet;
    g_assert_false(multifd_packet_parse(copy, target->ls, &head, &pages,
                                        &err));
    test_assert_error(err, part);
}

static const struct {
    size_t at;
    const char *octets;
    const char *part;
} bad_octets[] = {
    { 0, "51", "magic is 0x51223344" },
    { 4, "00000002", "version is 2" },
    { 4, "01000001", "version is 16777217" },
    { 8, "00000040", "device state" },
    { 8, "00000041", "device state" },
    { 12, "00000081", "room for 129 pages, at most 128" },
    { 12, "ffffffff", "page size" },
    { 12, "00000001", "2 normal pages, but room for 1" },
    { 12, "00000002", "1 zero pages beside 2 normal ones, but room for 2" },
    { 16, "00000081", "129 normal pages" },
    { 16, "ffffffff", "4294967295 normal pages" },
    { 16, "00000080", "1 zero pages beside 128" },
    { 32, "ffffffff", "4294967295 zero pages" },
    { 32, "0000007f", "127 zero pages beside 2" },
    { 20, "00100001", "payload of 1048577 octets, at most 1048576" },
    { 20, "ffffffff", "payload of 4294967295 octets" },
    { 64, "\"rom\"", "block 'rom' is unknown" },
    { 64, "00", "block '' is unknown" },
    { 64, "\"ramx\"", "block 'ramx' is unknown" },
    { 64, "\"not\"", "block 'not' does not migrate" },
    { 64, "\"odd\"", "is not a page of block 'odd'" },
    { 320, "0000000000082000", "page 0 at 0x82000 is not a page" },
    { 320, "0000000000080800", "page 0 at 0x80800 is not a page" },
    { 320, "fffffffffffff000", "page 0 at 0xfffffffffffff000" },
    { 328, "0000000000000001", "page 1 at 0x1 is not a page" },
    { 336, "0000000000082000", "page 2 at 0x82000 is not a page" },
};

static void test_parse_refused(void)
{
    Target target = target_new();
    StreamMultiFDPacket packet;

    for (size_t i = 0; i < ARRAY_SIZE(bad_octets); i++) {
        g_autoptr(GByteArray) octets = test_octets(bad_octets[i].octets);

        packet = good_packet();
        memcpy((uint8_t *)&packet + bad_octets[i].at, octets->data,
               octets->len);
        refused(&target, &packet, bad_octets[i].part);
    }
    packet = good_packet();
    memset(packet.block, 'r', sizeof(packet.block));
    refused(&target, &packet, "its block name has no end");
    target_free(&target);
}

/* A block whose end is no page's: up to that, no further. */
static void test_parse_odd(void)
{
    Target target = target_new();
    StreamMultiFDPacket packet = packet_of(
        "11223344 00000001 00000000 00000001 00000001 00001000 "
        "0000000000000000 00000000 " ZEROS_28 "\"odd\"");
    MultiFDPacketHead head;
    MultiFDPages pages;

    g_assert_true(multifd_packet_parse(&packet, target.ls, &head, &pages,
                                       NULL));
    put_offsets(&packet, "0000000000001000");
    refused(&target, &packet, "0x1200 octets");
    target_free(&target);
}

/* --- Zero pages ----------------------------------------------------------- */

/* In place: those with contents keep their order, and all are still there. */
static void test_detect(void)
{
    TestVM *t = test_vm_new();
    RAMBlock *block = test_vm_add_block(t, "ram", BLOCK_PAGES * PAGE);
    GRand *rand = g_rand_new_with_seed(9);

    for (unsigned turn = 0; turn < 50; turn++) {
        MultiFDPages pages = { .block = block };
        uint64_t normal[MULTIFD_PACKET_PAGES];
        bool zero[BLOCK_PAGES] = { false };
        uint32_t num = (uint32_t)g_rand_int_range(
            rand, turn ? 1 : 128, MULTIFD_PACKET_PAGES + 1);
        uint32_t normal_num = 0;

        for (uint32_t i = 0; i < num; i++) {
            /* In a row, most zero: these are looked at in groups. */
            bool in_row = turn % 2;
            uint64_t page = in_row ? i : (i * 7 + turn) % BLOCK_PAGES;
            /* None, all, and some. */
            bool is_zero = turn < 2 ? turn
                           : in_row ? g_rand_int_range(rand, 0, 8) != 0
                                    : g_rand_boolean(rand);

            pages.offset[pages.num++] = page * PAGE;
            zero[page] = is_zero;
            memset(block->host + page * PAGE, 0, PAGE);
            if (!is_zero) {
                block->host[page * PAGE + g_rand_int_range(rand, 0, PAGE)] = 1;
                normal[normal_num++] = page * PAGE;
            }
        }
        multifd_zero_page_detect(&pages);
        g_assert_cmpuint(pages.num, ==, num);
        g_assert_cmpmem(pages.offset, pages.normal_num * sizeof(uint64_t),
                        normal, normal_num * sizeof(uint64_t));
        for (uint32_t i = normal_num; i < num; i++) {
            g_assert_true(zero[pages.offset[i] / PAGE]);
            zero[pages.offset[i] / PAGE] = false; /* each of them once */
        }
    }
    g_rand_free(rand);
    test_vm_free(t);
}

/* Pages that were never touched are not even read; the others get zero. */
static void test_clear(void)
{
    TestVM *t = test_vm_new();
    RAMBlock *block = test_vm_add_block(t, "ram", 8 * PAGE);
    MultiFDPages pages = {
        .block = block, .num = 6, .normal_num = 1,
        .offset = { 0, PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE, 5 * PAGE },
    };
    unsigned char in_core[8];

    t->populated = bitmap_new(8);
    bitmap_set(t->populated, 0, 3);
    g_assert_true(ram_load_setup(NULL, &t->vm, NULL));
    pages.lb = &t->incoming.ram->blocks[0];
    madvise(block->host, 8 * PAGE, MADV_NOHUGEPAGE);
    memset(block->host, 0xee, PAGE);
    memset(block->host + PAGE, 0xee, PAGE);
    g_assert_cmpint(mprotect(block->host + 2 * PAGE, PAGE, PROT_READ), ==, 0);
    /* Received and written to meanwhile. */
    ram_load_set_touched(pages.lb, &pages.offset[3], 1);
    memset(block->host + 3 * PAGE, 0xee, PAGE);
    test_vm_store(block, 5 * PAGE + 77, 0xee);
    g_assert_cmpint(mprotect(block->host + 4 * PAGE, PAGE, PROT_NONE), ==, 0);
    multifd_zero_page_clear(&pages);
    /* That with contents is not its business. */
    g_assert_cmpuint(block->host[0], ==, 0xee);
    g_assert_cmpint(mincore(block->host, 8 * PAGE, in_core), ==, 0);
    g_assert_false(in_core[4] & 1);
    g_assert_cmpint(mprotect(block->host, 8 * PAGE, PROT_READ), ==, 0);
    for (size_t i = PAGE; i < 8 * PAGE; i++) {
        g_assert_cmpuint(block->host[i], ==, 0);
    }
    ram_load_cleanup(&t->vm);
    test_vm_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/multifd-packet/init/octets", test_init_octets);
    g_test_add_func("/multifd-packet/init/refused", test_init_refused);
    g_test_add_func("/multifd-packet/fill/data", test_fill);
    g_test_add_func("/multifd-packet/fill/full", test_fill_full);
    g_test_add_func("/multifd-packet/fill/sync", test_fill_sync);
    g_test_add_func("/multifd-packet/parse/data", test_parse);
    g_test_add_func("/multifd-packet/parse/stale-sync", test_parse_stale_sync);
    g_test_add_func("/multifd-packet/parse/refused", test_parse_refused);
    g_test_add_func("/multifd-packet/parse/odd-block", test_parse_odd);
    g_test_add_func("/multifd-packet/zero/detect", test_detect);
    g_test_add_func("/multifd-packet/zero/clear", test_clear);
    return g_test_run();
}
