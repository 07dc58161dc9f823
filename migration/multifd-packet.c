/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of multifd channels, between their octets and what they say. Pure:
 * no I/O, any thread. Nothing in a packet is believed.
 */
#include "qemu/osdep.h"

#include "migration/multifd.h"
#include "qemu/cutils.h"

/* --- The initial packet --------------------------------------------------- */

void multifd_init_fill(StreamMultiFDInit *init, const uint8_t uuid[16],
                       uint8_t id)
{
    *init = (StreamMultiFDInit) {
        .magic = GUINT32_TO_BE(MULTIFD_MAGIC),
        .version = GUINT32_TO_BE(MULTIFD_VERSION),
        .id = id,
    };
    memcpy(init->uuid, uuid, sizeof(init->uuid));
}

static bool check_magic(uint32_t magic_be, uint32_t version_be, Error **errp)
{
    uint32_t magic = GUINT32_FROM_BE(magic_be);
    uint32_t version = GUINT32_FROM_BE(version_be);

    if (magic != MULTIFD_MAGIC) {
        error_setg(errp, "magic is 0x%08x, must be 0x%08x", magic,
                   MULTIFD_MAGIC);
        return false;
    }
    if (version != MULTIFD_VERSION) {
        error_setg(errp, "version is %u, only %u is known", version,
                   MULTIFD_VERSION);
        return false;
    }
    return true;
}

int multifd_init_parse(const StreamMultiFDInit *init, const uint8_t uuid[16],
                       unsigned channels, Error **errp)
{
    if (!check_magic(init->magic, init->version, errp)) {
        return -1;
    }
    if (memcmp(init->uuid, uuid, sizeof(init->uuid))) {
        error_setg(errp, "UUID is not that of this guest; give both sides the "
                         "same -uuid");
        return -1;
    }
    if (init->id >= channels) {
        error_setg(errp, "channel id is %u, but there are %u channels here; "
                   "set 'multifd-channels' alike on both sides",
                   init->id, channels);
        return -1;
    }
    return init->id;
}

/* --- Data and SYNC packets ------------------------------------------------ */

void multifd_packet_fill(StreamMultiFDPacket *packet,
                         const MultiFDPacketHead *head,
                         const MultiFDPages *pages)
{
    memset(packet, 0, offsetof(StreamMultiFDPacket, offset));
    packet->magic = GUINT32_TO_BE(MULTIFD_MAGIC);
    packet->version = GUINT32_TO_BE(MULTIFD_VERSION);
    packet->flags = GUINT32_TO_BE(head->flags);
    packet->next_packet_size = GUINT32_TO_BE(head->next_packet_size);
    packet->packet_num = GUINT64_TO_BE(head->packet_num);
    if (!pages->block) {
        memset(packet->offset, 0, sizeof(packet->offset));
        return;
    }
    packet->pages_alloc = GUINT32_TO_BE(MULTIFD_PACKET_PAGES);
    packet->normal_pages = GUINT32_TO_BE(pages->normal_num);
    packet->zero_pages = GUINT32_TO_BE(pages->num - pages->normal_num);
    g_strlcpy(packet->block, pages->block->id, sizeof(packet->block));
    for (uint32_t i = 0; i < pages->num; i++) {
        packet->offset[i] = GUINT64_TO_BE(pages->offset[i]);
    }
    memset(&packet->offset[pages->num], 0,
           (MULTIFD_PACKET_PAGES - pages->num) * sizeof(packet->offset[0]));
}

static bool parse_counts(const StreamMultiFDPacket *packet,
                         MultiFDPages *pages, Error **errp)
{
    uint32_t alloc = GUINT32_FROM_BE(packet->pages_alloc);
    uint32_t normal = GUINT32_FROM_BE(packet->normal_pages);
    uint32_t zero = GUINT32_FROM_BE(packet->zero_pages);

    if (alloc > MULTIFD_PACKET_PAGES) {
        error_setg(errp, "room for %u pages, at most %u fit; is its page size "
                         "another?", alloc, MULTIFD_PACKET_PAGES);
        return false;
    }
    if (normal > alloc) {
        error_setg(errp, "%u normal pages, but room for %u", normal, alloc);
        return false;
    }
    if (zero > alloc - normal) {
        error_setg(errp, "%u zero pages beside %u normal ones, but room for "
                         "%u", zero, normal, alloc);
        return false;
    }
    pages->normal_num = normal;
    pages->num = normal + zero;
    return true;
}

static bool parse_pages(const StreamMultiFDPacket *packet, RAMLoadState *ls,
                        MultiFDPages *pages, Error **errp)
{
    uint64_t end;

    if (!memchr(packet->block, 0, sizeof(packet->block))) {
        error_setg(errp, "its block name has no end");
        return false;
    }
    pages->lb = ram_load_find_block(ls, packet->block, errp);
    if (!pages->lb) {
        return false;
    }
    pages->block = pages->lb->block;
    end = ROUND_DOWN(pages->block->used_bytes, TARGET_PAGE_SIZE);
    for (uint32_t i = 0; i < pages->num; i++) {
        uint64_t offset = GUINT64_FROM_BE(packet->offset[i]);

        if (offset >= end || !IS_ALIGNED(offset, TARGET_PAGE_SIZE)) {
            error_setg(errp, "page %u at 0x%" PRIx64 " is not a page of block "
                       "'%s' with its 0x%" PRIx64 " octets", i, offset,
                       pages->block->id, pages->block->used_bytes);
            return false;
        }
        pages->offset[i] = offset;
    }
    return true;
}

bool multifd_packet_check_lead(const StreamMultiFDPacket *packet, Error **errp)
{
    if (!check_magic(packet->magic, packet->version, errp)) {
        return false;
    }
    if (GUINT32_FROM_BE(packet->flags) & MULTIFD_FLAG_DEVICE_STATE) {
        error_setg(errp, "device state on a multifd channel is not supported "
                         "here");
        return false;
    }
    return true;
}

bool multifd_packet_parse(const StreamMultiFDPacket *packet,
                          RAMLoadState *ls, MultiFDPacketHead *head,
                          MultiFDPages *pages, Error **errp)
{
    head->flags = GUINT32_FROM_BE(packet->flags);
    head->next_packet_size = GUINT32_FROM_BE(packet->next_packet_size);
    head->packet_num = GUINT64_FROM_BE(packet->packet_num);
    pages->block = NULL;
    pages->lb = NULL;
    if (!multifd_packet_check_lead(packet, errp) ||
        !parse_counts(packet, pages, errp)) {
        return false;
    }
    if (!pages->num) {
        /* SYNC packets of old writers have stale values in the rest. */
        head->next_packet_size = 0;
        return true;
    }
    if (!ls) {
        error_setg(errp, "pages before the first sync point");
        return false;
    }
    if (head->next_packet_size > MULTIFD_PAYLOAD_MAX_BYTES) {
        error_setg(errp, "payload of %u octets, at most %u are taken",
                   head->next_packet_size,
                   (unsigned)MULTIFD_PAYLOAD_MAX_BYTES);
        return false;
    }
    return parse_pages(packet, ls, pages, errp);
}
