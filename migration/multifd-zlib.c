/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The method `zlib`: one zlib stream per channel, which never ends; each
 * packet ends at a flush. Formats: RFC 1950, RFC 1951.
 *
 * The sender makes each packet such that it refers to nothing before it.
 * Pages not worth compressing go first, as stored blocks straight from guest
 * memory. The receiver takes any stream; where it meets stored blocks of
 * whole pages it reads them straight into guest memory.
 */
#include "qemu/osdep.h"

#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include "migration/multifd-compress.h"
#include "qapi/error.h"

#define ZLIB_HEAD_BYTES 2
#define WINDOW_BYTES (32 * KiB)
#define WINDOW_PAGES (WINDOW_BYTES / TARGET_PAGE_SIZE)

/* A stored block: its length in 16 bits, so 15 pages at most. */
#define STORED_HEAD_BYTES 5
#define STORED_PAGES 15
#define STORED_BLOCKS_MAX DIV_ROUND_UP(MULTIFD_PACKET_PAGES, STORED_PAGES)

/* --- Sender --------------------------------------------------------------- */

/* From here on zlib's own deflate: ISA-L packs no smaller than its level 3. */
#define SMALL_LEVEL 6

typedef struct ZlibSend {
    unsigned level; /* 0: store everything */
    uint32_t level_buf_bytes;
    uint8_t *level_buf;
    bool began; /* the head of the stream is out */
    uint8_t head[STORED_BLOCKS_MAX][STORED_HEAD_BYTES];
    uint8_t pages[MULTIFD_PACKET_BYTES];
    uint8_t out[MULTIFD_PACKET_BYTES];
    z_stream small;             /* from SMALL_LEVEL on */
    struct isal_zstream stream; /* below */
} ZlibSend;

/* Deflate with a window of 32 KiB, nothing preset. */
static const uint8_t zlib_head[ZLIB_HEAD_BYTES] = { 0x78, 0x01 };

static bool zlib_send_setup(MultiFDSendParams *p, Error **errp)
{
    static const uint32_t level_buf_bytes[SMALL_LEVEL] = {
        0,
        ISAL_DEF_LVL1_DEFAULT,
        ISAL_DEF_LVL2_DEFAULT,
        ISAL_DEF_LVL3_DEFAULT,
        ISAL_DEF_LVL3_DEFAULT,
        ISAL_DEF_LVL3_DEFAULT,
    };
    unsigned level = p->config->multifd_zlib_level;
    ZlibSend *z = g_new(ZlibSend, 1);

    z->level = level;
    z->began = false;
    z->level_buf = NULL;
    z->small = (z_stream) { 0 };
    if (level < SMALL_LEVEL) {
        z->level_buf_bytes = level_buf_bytes[level];
        z->level_buf = g_malloc(z->level_buf_bytes);
    } else if (deflateInit2(&z->small, level, Z_DEFLATED, -15, 9,
                            Z_DEFAULT_STRATEGY) != Z_OK) {
        error_setg(errp, "zlib: no compressor of level %u: %s", level,
                   z->small.msg ? z->small.msg : "out of memory");
        g_free(z);
        return false;
    }
    p->data = z;
    return true;
}

static void zlib_send_cleanup(MultiFDSendParams *p)
{
    ZlibSend *z = p->data;

    if (z->level >= SMALL_LEVEL) {
        deflateEnd(&z->small);
    }
    g_free(z->level_buf);
    g_free(z);
    p->data = NULL;
}

static void append(MultiFDSendParams *p, const void *data, size_t len_bytes)
{
    p->iov[p->n_iov].iov_base = (void *)data;
    p->iov[p->n_iov++].iov_len = len_bytes;
    p->next_packet_size += len_bytes;
}

/* The first @num normal pages as stored blocks. */
static void append_stored(MultiFDSendParams *p, uint32_t num)
{
    ZlibSend *z = p->data;
    unsigned block = 0;

    for (uint32_t i = 0; i < num; i += STORED_PAGES, block++) {
        uint32_t pages = MIN(num - i, STORED_PAGES);
        uint16_t len = pages * TARGET_PAGE_SIZE;
        uint8_t *head = z->head[block];

        head[0] = 0; /* not final, stored */
        head[1] = len & 0xff;
        head[2] = len >> 8;
        head[3] = ~head[1];
        head[4] = ~head[2];
        append(p, head, STORED_HEAD_BYTES);
        p->n_iov += multifd_pages_iov(&p->pages, i, pages, p->iov + p->n_iov);
        p->next_packet_size += len;
    }
}

/* Both pack `pages` to `out`; 0 if that makes it no smaller. */
static uint32_t deflate_fast(ZlibSend *z, uint32_t len_bytes)
{
    struct isal_zstream *s = &z->stream;

    isal_deflate_stateless_init(s);
    s->level = MIN(z->level, ISAL_DEF_MAX_LEVEL);
    s->level_buf = z->level_buf;
    s->level_buf_size = z->level_buf_bytes;
    s->flush = FULL_FLUSH;
    s->next_in = z->pages;
    s->avail_in = len_bytes;
    s->next_out = z->out;
    s->avail_out = len_bytes;
    if (isal_deflate_stateless(s) != COMP_OK || s->avail_in) {
        return 0; /* no room for it, that is */
    }
    return len_bytes - s->avail_out;
}

static uint32_t deflate_small(ZlibSend *z, uint32_t len_bytes)
{
    z_stream *s = &z->small;

    s->next_in = z->pages;
    s->avail_in = len_bytes;
    s->next_out = z->out;
    s->avail_out = len_bytes;
    if (deflate(s, Z_FULL_FLUSH) != Z_OK || !s->avail_out) {
        deflateReset(s);
        return 0;
    }
    return len_bytes - s->avail_out;
}

static bool zlib_send_prepare(MultiFDSendParams *p, Error **errp)
{
    ZlibSend *z = p->data;
    uint32_t num = p->pages.normal_num;
    uint32_t stored = z->level ? multifd_sort_incompressible(&p->pages) : num;
    uint32_t packed_bytes = 0;

    p->next_packet_size = 0;
    if (!z->began) {
        append(p, zlib_head, sizeof(zlib_head));
        z->began = true;
    }
    if (stored < num) {
        uint32_t len_bytes = (num - stored) * TARGET_PAGE_SIZE;

        multifd_guest_copy(&p->pages, stored, z->pages);
        packed_bytes = z->level < SMALL_LEVEL ? deflate_fast(z, len_bytes)
                                              : deflate_small(z, len_bytes);
    }
    append_stored(p, packed_bytes ? stored : num);
    if (packed_bytes) {
        append(p, z->out, packed_bytes);
    }
    return true;
}

/* --- Receiver ------------------------------------------------------------- */

typedef struct ZlibRecv {
    bool began; /* the head of the stream was read */
    uint8_t window[WINDOW_BYTES];
    uint8_t in[MULTIFD_PAYLOAD_MAX_BYTES];
    struct inflate_state stream;
} ZlibRecv;

/* How far a packet was read. */
typedef struct ZlibPacket {
    uint32_t pages;       /* that are filled */
    uint32_t have_bytes;  /* in `in` */
    uint32_t to_read_bytes;
} ZlibPacket;

static bool zlib_recv_setup(MultiFDRecvParams *p, Error **errp)
{
    ZlibRecv *z = g_new(ZlibRecv, 1);

    z->began = false;
    isal_inflate_init(&z->stream);
    p->data = z;
    return true;
}

static void zlib_recv_cleanup(MultiFDRecvParams *p)
{
    g_free(p->data);
    p->data = NULL;
}

static bool read_head(MultiFDRecvParams *p, ZlibPacket *packet, Error **errp)
{
    ZlibRecv *z = p->data;
    uint8_t head[ZLIB_HEAD_BYTES];

    if (packet->to_read_bytes < sizeof(head)) {
        error_setg(errp, "zlib: the stream ends within its head");
        return false;
    }
    if (!qio_channel_read_all(p->c, head, sizeof(head), errp)) {
        return false;
    }
    packet->to_read_bytes -= sizeof(head);
    if ((head[0] & 0x0f) != 8 || head[0] >> 4 > 7 ||
        (head[0] << 8 | head[1]) % 31) {
        error_setg(errp, "zlib: 0x%02x 0x%02x is not the head of a stream",
                   head[0], head[1]);
        return false;
    }
    if (head[1] & 0x20) {
        error_setg(errp, "zlib: the stream wants a preset dictionary, which "
                         "nobody has");
        return false;
    }
    z->began = true;
    return true;
}

/*
 * Everything so far is taken, and what follows begins a block. Asked for more
 * than there was, the decoder has begun its head, with nothing of it.
 */
static bool between_blocks(const struct inflate_state *s)
{
    return (s->block_state == ISAL_BLOCK_NEW_HDR ||
            s->block_state == ISAL_BLOCK_HDR) &&
           !s->read_in_length && !s->tmp_in_size &&
           s->tmp_out_valid == s->tmp_out_processed;
}

/* Whole pages that the stored block in `in` has; 0: it is something else. */
static uint32_t stored_pages(const ZlibRecv *z, const ZlibPacket *packet,
                             uint32_t num)
{
    const uint8_t *head = z->in;
    uint32_t len_bytes = head[1] | head[2] << 8;
    uint32_t pages = len_bytes / TARGET_PAGE_SIZE;

    if (packet->have_bytes < STORED_HEAD_BYTES || head[0] ||
        (head[1] ^ head[3]) != 0xff || (head[2] ^ head[4]) != 0xff ||
        !IS_ALIGNED(len_bytes, TARGET_PAGE_SIZE) ||
        pages > num - packet->pages || len_bytes > packet->to_read_bytes) {
        return 0;
    }
    return pages;
}

/* What comes may refer to the pages that went past the decoder. */
static void set_window(MultiFDRecvParams *p, uint32_t pages)
{
    ZlibRecv *z = p->data;
    MultiFDPages last = p->pages;

    last.normal_num = pages;
    multifd_guest_copy(&last, pages - WINDOW_PAGES, z->window);
    isal_inflate_reset(&z->stream);
    isal_inflate_set_dict(&z->stream, z->window, WINDOW_BYTES);
}

/*
 * Stored blocks of whole pages, as long as they come; after at least a
 * window of them the decoder can do without what was before. Leaves in `in`
 * what it read of the block behind.
 */
static bool read_stored(MultiFDRecvParams *p, ZlibPacket *packet,
                        Error **errp)
{
    ZlibRecv *z = p->data;
    uint32_t pages;

    packet->have_bytes = MIN(packet->to_read_bytes, STORED_HEAD_BYTES);
    packet->to_read_bytes -= packet->have_bytes;
    if (!qio_channel_read_all(p->c, z->in, packet->have_bytes, errp)) {
        return false;
    }
    while ((pages = stored_pages(z, packet, p->pages.normal_num)) &&
           (packet->pages || pages >= WINDOW_PAGES)) {
        unsigned n = multifd_pages_iov(&p->pages, packet->pages, pages,
                                       p->iov);

        packet->pages += pages;
        packet->to_read_bytes -= pages * TARGET_PAGE_SIZE;
        packet->have_bytes = MIN(packet->to_read_bytes, STORED_HEAD_BYTES);
        packet->to_read_bytes -= packet->have_bytes;
        if (packet->have_bytes) {
            p->iov[n].iov_base = z->in;
            p->iov[n++].iov_len = packet->have_bytes;
        }
        if (!qio_channel_readv_all(p->c, p->iov, n, errp)) {
            return false;
        }
    }
    if (packet->pages) {
        set_window(p, packet->pages);
    }
    return true;
}

static bool inflate_to(ZlibRecv *z, void *to, uint32_t len_bytes, Error **errp)
{
    struct inflate_state *s = &z->stream;
    int r;

    s->next_out = to;
    s->avail_out = len_bytes;
    r = isal_inflate(s);
    if (r < 0) {
        error_setg(errp, "zlib: %s",
                   r == ISAL_INVALID_BLOCK ? "the head of a block is corrupt" :
                   r == ISAL_INVALID_SYMBOL ? "a code has no meaning" :
                   r == ISAL_INVALID_LOOKBACK ?
                   "refers to what was before the stream" : "corrupt data");
        return false;
    }
    if (s->block_state == ISAL_BLOCK_INPUT_DONE ||
        s->block_state == ISAL_BLOCK_FINISH) {
        error_setg(errp, "zlib: the stream ends, it must go on for the whole "
                         "migration");
        return false;
    }
    return true;
}

/* All that is in `in` goes to the pages that are left. */
static bool inflate_pages(MultiFDRecvParams *p, const ZlibPacket *packet,
                          Error **errp)
{
    ZlibRecv *z = p->data;
    uint32_t num = p->pages.normal_num;
    unsigned n = multifd_pages_iov(&p->pages, packet->pages,
                                   num - packet->pages, p->iov);
    uint8_t beyond;

    z->stream.next_in = z->in;
    z->stream.avail_in = packet->have_bytes;
    for (unsigned i = 0; i < n; i++) {
        if (!inflate_to(z, p->iov[i].iov_base, p->iov[i].iov_len, errp)) {
            return false;
        }
        if (z->stream.avail_out) {
            error_setg(errp, "zlib: payload of %u octets ends before its %u "
                             "pages are full", p->next_packet_size, num);
            return false;
        }
    }
    /* What is left may end a block or be empty, but give nothing. */
    if (!inflate_to(z, &beyond, sizeof(beyond), errp)) {
        return false;
    }
    if (!z->stream.avail_out || z->stream.avail_in) {
        error_setg(errp, "zlib: payload of %u octets has more than its %u "
                         "pages", p->next_packet_size, num);
        return false;
    }
    /* Else part of a symbol may be held back, for the next packet's pages. */
    if (!between_blocks(&z->stream)) {
        error_setg(errp, "zlib: payload of %u octets ends within a block; a "
                         "sender has to flush", p->next_packet_size);
        return false;
    }
    return true;
}

static bool zlib_recv_pages(MultiFDRecvParams *p, Error **errp)
{
    ZlibRecv *z = p->data;
    ZlibPacket packet = { .to_read_bytes = p->next_packet_size };

    if (!z->began && !read_head(p, &packet, errp)) {
        return false;
    }
    if (between_blocks(&z->stream) && !read_stored(p, &packet, errp)) {
        return false;
    }
    if (!qio_channel_read_all(p->c, z->in + packet.have_bytes,
                              packet.to_read_bytes, errp)) {
        return false;
    }
    packet.have_bytes += packet.to_read_bytes;
    return inflate_pages(p, &packet, errp);
}

const MultiFDMethods multifd_zlib_ops = {
    .name = "zlib",
    .flag = MULTIFD_FLAG_ZLIB,
    .send_setup = zlib_send_setup,
    .send_cleanup = zlib_send_cleanup,
    .send_prepare = zlib_send_prepare,
    .recv_setup = zlib_recv_setup,
    .recv_cleanup = zlib_recv_cleanup,
    .recv_pages = zlib_recv_pages,
};
