/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed payloads against the plain libraries: both take the same packets,
 * and make the same pages of them; whatever comes, no other page changes.
 */
#include "qemu/osdep.h"

#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "fuzz.h"

#define PAGE ((size_t)TARGET_PAGE_SIZE)
#define PACKET_PAGES 48
#define PAGES (2 * PACKET_PAGES)
#define UNTOUCHED 0xa5
/* The reader's bound for zstd. */
#define WINDOW_LOG_MAX 25

typedef struct Plain {
    z_stream inflate;
    ZSTD_DCtx *d; /* NULL: zlib */
    uint8_t out[PACKET_PAGES * TARGET_PAGE_SIZE + 1];
} Plain;

static Plain *plain_new(const MultiFDMethods *ops)
{
    Plain *plain = g_new0(Plain, 1);

    if (ops == &multifd_zstd_ops) {
        plain->d = ZSTD_createDCtx();
        ZSTD_DCtx_setParameter(plain->d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    } else {
        g_assert(inflateInit(&plain->inflate) == Z_OK);
    }
    return plain;
}

static void plain_free(Plain *plain)
{
    if (plain->d) {
        ZSTD_freeDCtx(plain->d);
    } else {
        inflateEnd(&plain->inflate);
    }
    g_free(plain);
}

/* Whether a payload is exactly @len_bytes, with nothing behind. */
static bool plain_decode(Plain *plain, FuzzInput payload, size_t len_bytes)
{
    ZSTD_outBuffer out = { plain->out, len_bytes + 1, 0 };
    ZSTD_inBuffer in = { payload.data, payload.len_bytes, 0 };
    size_t before;
    int r;

    if (plain->d) {
        do {
            before = in.pos + out.pos;
            if (ZSTD_isError(ZSTD_decompressStream(plain->d, &out, &in))) {
                return false;
            }
        } while (in.pos + out.pos != before);
        return out.pos == len_bytes && in.pos == in.size;
    }
    plain->inflate.next_in = (uint8_t *)payload.data;
    plain->inflate.avail_in = payload.len_bytes;
    plain->inflate.next_out = plain->out;
    plain->inflate.avail_out = len_bytes + 1;
    r = inflate(&plain->inflate, Z_SYNC_FLUSH);
    /* Between blocks, and no bit left over: what a flush does. */
    return (r == Z_OK || r == Z_BUF_ERROR) && !plain->inflate.avail_in &&
           plain->inflate.avail_out == 1 &&
           (plain->inflate.data_type & 0xbf) == 128;
}

static void check_untouched(const MultiFDRecvParams *p)
{
    bool of_packet[PAGES] = { false };

    for (uint32_t i = 0; i < p->pages.num; i++) {
        of_packet[p->pages.offset[i] / PAGE] = true;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        const uint8_t *page = p->pages.block->host + i * PAGE;

        if (!of_packet[i]) {
            g_assert(page[0] == UNTOUCHED);
            g_assert(!memcmp(page, page + 1, PAGE - 1));
        }
    }
}

static void check_contents(const MultiFDRecvParams *p, const Plain *plain)
{
    for (uint32_t i = 0; i < p->pages.num; i++) {
        g_assert(!memcmp(p->pages.block->host + p->pages.offset[i],
                         plain->out + i * PAGE, PAGE));
    }
}

/*
 * Octets as they are; or packed, so that inputs with whole pages are small:
 * n below 128 stands before n + 1 literal octets, others before one that
 * comes (n - 127) * 256 times.
 */
static GByteArray *take_payload(FuzzInput *in, size_t len_bytes, bool packed)
{
    GByteArray *payload = g_byte_array_new();

    while (in->len_bytes && payload->len < len_bytes) {
        size_t room = len_bytes - payload->len;
        uint8_t n = packed ? fuzz_take_u8(in) : 0;

        if (n < 128) {
            size_t literal = MIN(packed ? n + 1U : room, in->len_bytes);

            g_byte_array_append(payload, in->data, MIN(literal, room));
            in->data += MIN(literal, room);
            in->len_bytes -= MIN(literal, room);
        } else {
            unsigned at = payload->len;
            size_t run = MIN((n - 127U) * 256, room);

            g_byte_array_set_size(payload, at + run);
            memset(payload->data + at, fuzz_take_u8(in), run);
        }
    }
    return payload;
}

/* The pages of a packet; the rest of the table has one that is not its. */
static void set_pages(MultiFDPages *pages, uint32_t num, unsigned layout)
{
    pages->num = pages->normal_num = num;
    for (uint32_t i = 0; i < MULTIFD_PACKET_PAGES; i++) {
        pages->offset[i] = (PAGES - 1) * PAGE;
    }
    for (uint32_t i = 0; i < num; i++) {
        uint32_t at = i + i / (layout % 16 + 1);

        pages->offset[layout & 16 ? num - i - 1 : i] = at * PAGE;
    }
}

/* One packet; false: there is no more to come. */
static bool codec_packet(MultiFDRecvParams *p, Plain *plain, FuzzInput *in,
                         uint8_t chunk)
{
    uint32_t num = fuzz_take_u8(in) % PACKET_PAGES + 1;
    unsigned layout = fuzz_take_u8(in);
    uint32_t size = (uint32_t)(fuzz_take_u8(in) % 8) << 16;
    g_autoptr(GByteArray) octets = g_byte_array_new();
    g_autoptr(GByteArray) payload = NULL;
    FuzzInput given;
    Error *err = NULL;
    bool ok, valid;

    p->next_packet_size = size | fuzz_take_be16(in);
    set_pages(&p->pages, num, layout);
    payload = take_payload(in, p->next_packet_size, layout & 128);
    given = (FuzzInput){ payload->data, payload->len };
    valid = given.len_bytes == p->next_packet_size &&
            plain_decode(plain, given, num * PAGE);
    /* The channel goes on behind the payload; the packet must not. */
    g_byte_array_append(octets, &chunk, 1);
    g_byte_array_append(octets, given.data, given.len_bytes);
    g_byte_array_append(octets, in->data, MIN(in->len_bytes, 64));
    given = (FuzzInput){ octets->data, octets->len };
    memset(p->pages.block->host, UNTOUCHED, PAGES * PAGE);
    p->c = fuzz_channel_new(&given);
    ok = p->ops->recv_pages(p, &err);
    g_assert(fuzz_channel_pos(p->c) <= p->next_packet_size);
    g_assert(!ok || fuzz_channel_pos(p->c) == p->next_packet_size);
    qio_channel_unref(p->c);
    check_untouched(p);
    fuzz_check_result(ok, err);
    /* A last block is what zlib has and no sender may write. */
    g_assert(ok == valid || (plain->inflate.data_type & 64));
    if (ok && valid) {
        check_contents(p, plain);
    }
    return ok && in->len_bytes;
}

void fuzz_codec(const MultiFDMethods *ops, FuzzInput in)
{
    MultiFDRecvParams *p = g_new0(MultiFDRecvParams, 1);
    Plain *plain = plain_new(ops);
    RAMBlock block = { .id = "a", .used_bytes = PAGES * PAGE };
    uint8_t chunk = fuzz_take_u8(&in);

    /* With a page behind that traps. */
    block.host = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(block.host != MAP_FAILED);
    g_assert(!mprotect(block.host + PAGES * PAGE, PAGE, PROT_NONE));
    p->ops = ops;
    p->pages.block = &block;
    g_assert(ops->recv_setup(p, NULL));
    while (codec_packet(p, plain, &in, chunk)) {
    }
    ops->recv_cleanup(p);
    munmap(block.host, (PAGES + 1) * PAGE);
    plain_free(plain);
    g_free(p);
}
