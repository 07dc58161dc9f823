/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"

#include <sys/mman.h>

#include "codec-ends.h"
#include "io/channel-file.h"

/* --- Both ends ------------------------------------------------------------ */

Ends *codec_ends_new(const MultiFDMethods *ops, unsigned level)
{
    Ends *e = g_new0(Ends, 1);
    int fd = memfd_create("guest", 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, PAGES * PAGE), ==, 0);
    e->source.host = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    e->guest = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
                    fd, 0);
    close(fd);
    e->map = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    e->target.host = e->map + PAGE;
    g_assert_cmpint(mprotect(e->target.host, PAGES * PAGE,
                             PROT_READ | PROT_WRITE), ==, 0);
    e->ops = ops;
    e->config.multifd_zlib_level = level;
    e->config.multifd_zstd_level = level;
    e->s = g_new0(MultiFDSendParams, 1);
    e->s->config = &e->config;
    e->s->pages.block = &e->source;
    e->r = g_new0(MultiFDRecvParams, 1);
    e->r->pages.block = &e->target;
    e->rand = g_rand_new_with_seed(level + 1);
    g_assert_true(ops->send_setup(e->s, NULL));
    g_assert_true(ops->recv_setup(e->r, NULL));
    return e;
}

void codec_ends_free(Ends *e)
{
    e->ops->send_cleanup(e->s);
    e->ops->recv_cleanup(e->r);
    g_assert_null(e->s->data);
    g_assert_null(e->r->data);
    munmap(e->source.host, PAGES * PAGE);
    munmap(e->guest, PAGES * PAGE);
    munmap(e->map, (PAGES + 2) * PAGE);
    g_rand_free(e->rand);
    g_free(e->s);
    g_free(e->r);
    g_free(e);
}

void codec_set_pages(MultiFDPages *pages, const uint64_t *offset, uint32_t n)
{
    pages->num = pages->normal_num = n;
    memcpy(pages->offset, offset, n * sizeof(offset[0]));
}

static int compare_offsets(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The payload of a packet with these pages; they may be in another order. */
GByteArray *codec_encode(Ends *e, uint64_t *offset, uint32_t n)
{
    MultiFDSendParams *s = e->s;
    GByteArray *payload = g_byte_array_new();
    uint64_t before[FULL], after[FULL];

    codec_set_pages(&s->pages, offset, n);
    s->n_iov = 1;
    s->next_packet_size = 12345;
    g_assert_true(e->ops->send_prepare(s, NULL));
    g_assert_cmpuint(s->n_iov, <=, 1 + MULTIFD_IOV_MAX);
    for (unsigned i = 1; i < s->n_iov; i++) {
        g_byte_array_append(payload, s->iov[i].iov_base, s->iov[i].iov_len);
    }
    g_assert_cmpuint(payload->len, ==, s->next_packet_size);
    /* Stock writers stay below their method's bound, so do we. */
    g_assert_cmpuint(payload->len, <=, n * PAGE + n * PAGE / 128 + 64);
    g_assert_cmpuint(s->pages.normal_num, ==, n);
    memcpy(before, offset, sizeof(before[0]) * n);
    memcpy(offset, s->pages.offset, sizeof(offset[0]) * n);
    memcpy(after, offset, sizeof(after[0]) * n);
    qsort(before, n, sizeof(before[0]), compare_offsets);
    qsort(after, n, sizeof(after[0]), compare_offsets);
    g_assert_cmpmem(before, sizeof(before[0]) * n, after,
                    sizeof(after[0]) * n);
    return payload;
}

bool codec_decode(Ends *e, const GByteArray *payload, const uint64_t *offset,
                  uint32_t n, Error **errp)
{
    QIOChannel *c = qio_channel_buffer_new(4 * MiB);
    uint8_t next = 0;
    bool ok;

    g_assert_true(qio_channel_write_all(c, payload->data, payload->len, NULL));
    g_assert_true(qio_channel_write_all(c, "N", 1, NULL));
    qio_channel_seek(c, 0, SEEK_SET, NULL);
    memset(e->target.host, UNTOUCHED, PAGES * PAGE);
    codec_set_pages(&e->r->pages, offset, n);
    e->r->next_packet_size = payload->len;
    e->r->c = c;
    ok = e->ops->recv_pages(e->r, errp);
    if (ok) {
        g_assert_true(qio_channel_read_all(c, &next, 1, NULL));
        g_assert_cmpint(next, ==, 'N');
    }
    qio_channel_unref(c);
    return ok;
}

/* Pages that are not of the packet are as they were. */
void codec_assert_untouched(const Ends *e, const uint64_t *offset, uint32_t n)
{
    bool of_packet[PAGES] = { false };
    uint8_t untouched[PAGE];

    memset(untouched, UNTOUCHED, PAGE);
    for (uint32_t i = 0; i < n; i++) {
        of_packet[offset[i] / PAGE] = true;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        if (!of_packet[i]) {
            g_assert_cmpmem(e->target.host + i * PAGE, PAGE, untouched, PAGE);
        }
    }
}

void codec_assert_same(const Ends *e, const uint64_t *offset, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        g_assert_cmpmem(e->target.host + offset[i], PAGE,
                        e->source.host + offset[i], PAGE);
    }
    codec_assert_untouched(e, offset, n);
}

/* --- Contents ------------------------------------------------------------- */

void codec_fill_page(GRand *rand, uint8_t *page, Contents contents)
{
    static const char *const words[] = {
        "memory", "of", "the", "guest", "page", "dirty", "channel", "moves",
        "and", "while", "it", "runs", "to", "another", "host", "packet",
    };
    size_t at = 0;

    memset(page, 0, PAGE);
    switch (contents) {
    case ZEROISH:
        page[g_rand_int_range(rand, 0, PAGE)] = 1 + g_rand_int(rand) % 255;
        break;
    case TEXT:
        while (at < PAGE) {
            at += g_strlcpy((char *)page + at,
                            words[g_rand_int(rand) % ARRAY_SIZE(words)],
                            PAGE - at);
            if (at < PAGE) {
                page[at++] = ' ';
            }
        }
        break;
    case RANDOM:
        for (; at < PAGE; at += 4) {
            uint32_t v = g_rand_int(rand);
            memcpy(page + at, &v, 4);
        }
        break;
    case NEARLY_RANDOM:
        codec_fill_page(rand, page, RANDOM);
        memset(page, 0, 16);
        break;
    case POINTERS:
        for (; at < PAGE; at += 8) {
            uint64_t v = 0x7fff00000000ULL | (g_rand_int(rand) & ~7U);
            memcpy(page + at, &v, 8);
        }
        break;
    default:
        codec_fill_page(rand, page, g_rand_int_range(rand, 0, MIXED));
        break;
    }
}

/* New contents, and up to @max pages of them; returns how many. */
uint32_t codec_next_packet(Ends *e, Contents contents, uint32_t max,
                           uint64_t *offset)
{
    uint32_t n = g_rand_int_range(e->rand, 1, max + 1);
    unsigned step = g_rand_int_range(e->rand, 1, PAGES / FULL);
    unsigned first = g_rand_int_range(e->rand, 0, PAGES - step * n + 1);

    if (g_rand_boolean(e->rand)) {
        step = 1;
        first = PAGES - n; /* up to the very end */
    }
    for (uint32_t i = 0; i < n; i++) {
        offset[i] = (first + i * step) * PAGE;
        codec_fill_page(e->rand, e->guest + offset[i], contents);
    }
    return n;
}

/* --- The plain libraries, in the manner of stock -------------------------- */

Plain *codec_plain_new(const MultiFDMethods *ops, int level)
{
    Plain *p = g_new0(Plain, 1);

    p->zstd = ops == &multifd_zstd_ops;
    if (p->zstd) {
        p->c = ZSTD_createCCtx();
        p->d = ZSTD_createDCtx();
        ZSTD_CCtx_setParameter(p->c, ZSTD_c_compressionLevel, level);
    } else {
        g_assert_cmpint(deflateInit(&p->deflate, level), ==, Z_OK);
        g_assert_cmpint(inflateInit(&p->inflate), ==, Z_OK);
    }
    return p;
}

void codec_plain_free(Plain *p)
{
    if (p->zstd) {
        ZSTD_freeCCtx(p->c);
        ZSTD_freeDCtx(p->d);
    } else {
        deflateEnd(&p->deflate);
        inflateEnd(&p->inflate);
    }
    g_free(p);
}

/* Page by page, with a flush at the end. */
GByteArray *codec_plain_encode(Plain *p, const uint8_t *host,
                               const uint64_t *offset, uint32_t n)
{
    GByteArray *payload = g_byte_array_new();

    g_byte_array_set_size(payload, MULTIFD_PAYLOAD_MAX_BYTES);
    if (p->zstd) {
        ZSTD_outBuffer out = { payload->data, payload->len, 0 };

        for (uint32_t i = 0; i < n; i++) {
            ZSTD_inBuffer in = { host + offset[i], PAGE, 0 };
            size_t r;

            do {
                r = ZSTD_compressStream2(p->c, &out, &in,
                                         i == n - 1 ? ZSTD_e_flush
                                                    : ZSTD_e_continue);
                g_assert_false(ZSTD_isError(r));
            } while (in.pos < in.size || (i == n - 1 && r));
        }
        g_byte_array_set_size(payload, out.pos);
    } else {
        p->deflate.next_out = payload->data;
        p->deflate.avail_out = payload->len;
        for (uint32_t i = 0; i < n; i++) {
            p->deflate.next_in = (uint8_t *)host + offset[i];
            p->deflate.avail_in = PAGE;
            g_assert_cmpint(deflate(&p->deflate, i == n - 1 ? Z_SYNC_FLUSH
                                                            : Z_NO_FLUSH),
                            ==, Z_OK);
        }
        g_byte_array_set_size(payload, payload->len - p->deflate.avail_out);
    }
    return payload;
}

/* What stock's readers demand: a page a call, and nothing left over. */
void codec_plain_decode(Plain *p, const GByteArray *payload, uint8_t *host,
                        const uint64_t *offset, uint32_t n)
{
    ZSTD_inBuffer in = { payload->data, payload->len, 0 };

    p->inflate.next_in = payload->data;
    p->inflate.avail_in = payload->len;
    for (uint32_t i = 0; i < n; i++) {
        if (p->zstd) {
            ZSTD_outBuffer out = { host + offset[i], PAGE, 0 };
            size_t r;

            do {
                r = ZSTD_decompressStream(p->d, &out, &in);
                g_assert_false(ZSTD_isError(r));
            } while (r && in.pos < in.size && out.pos < out.size);
            g_assert_cmpuint(out.pos, ==, PAGE);
        } else {
            p->inflate.next_out = host + offset[i];
            p->inflate.avail_out = PAGE;
            g_assert_cmpint(inflate(&p->inflate, i == n - 1 ? Z_SYNC_FLUSH
                                                            : Z_NO_FLUSH),
                            ==, Z_OK);
            g_assert_cmpuint(p->inflate.avail_out, ==, 0);
        }
    }
    if (p->zstd) {
        g_assert_cmpuint(in.pos, ==, in.size);
    } else {
        g_assert_cmpuint(p->inflate.avail_in, ==, 0);
    }
}
