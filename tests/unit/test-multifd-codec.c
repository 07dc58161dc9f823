/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The methods zlib and zstd of multifd: between each other, with the plain
 * libraries in the manner of stock QEMU, and with what no writer writes.
 */
#include "qemu/osdep.h"

#include "codec-ends.h"

static void assert_refused(Ends *e, const GByteArray *payload, uint32_t n,
                           const char *reason)
{
    uint64_t offset[FULL];
    Error *err = NULL;

    /* With other pages behind each run. */
    for (uint32_t i = 0; i < n; i++) {
        offset[i] = (i + i / 32) * PAGE;
    }
    g_assert_false(codec_decode(e, payload, offset, n, &err));
    if (!strstr(error_get_pretty(err), reason)) {
        g_error("'%s' says nothing of '%s'", error_get_pretty(err), reason);
    }
    error_free(err);
    codec_assert_untouched(e, offset, n);
}

/* --- Round trips ---------------------------------------------------------- */

typedef struct Case {
    const MultiFDMethods *ops;
    unsigned level;
    unsigned packets;
} Case;

/* Each packet of ours is read by ours and by the plain library. */
static void test_round_trip(const void *opaque)
{
    const Case *c = opaque;
    Ends *e = codec_ends_new(c->ops, c->level);
    Plain *plain = codec_plain_new(c->ops, 1);
    uint64_t offset[FULL];

    for (unsigned i = 0; i < c->packets; i++) {
        uint32_t max = i % 3 ? FULL : 4;
        uint32_t n = codec_next_packet(e, i % CONTENTS_MAX, max, offset);
        GByteArray *payload = codec_encode(e, offset, n);
        Error *err = NULL;

        if (!codec_decode(e, payload, offset, n, &err)) {
            g_error("%s", error_get_pretty(err));
        }
        codec_assert_same(e, offset, n);
        memset(e->target.host, UNTOUCHED, PAGES * PAGE);
        codec_plain_decode(plain, payload, e->target.host, offset, n);
        codec_assert_same(e, offset, n);
        g_byte_array_unref(payload);
    }
    codec_plain_free(plain);
    codec_ends_free(e);
}

/* Streams of the plain library, whose packets refer to earlier ones. */
static void test_from_plain(const void *opaque)
{
    const Case *c = opaque;
    Ends *e = codec_ends_new(c->ops, 1);
    Plain *plain = codec_plain_new(c->ops, c->level);
    uint64_t offset[FULL];

    for (unsigned i = 0; i < c->packets; i++) {
        uint32_t max = i % 3 ? FULL : 4;
        uint32_t n = codec_next_packet(e, i % CONTENTS_MAX, max, offset);
        unsigned repeats = 1 + i % 2;

        while (repeats--) {
            GByteArray *payload =
                codec_plain_encode(plain, e->source.host, offset, n);
            Error *err = NULL;

            if (!codec_decode(e, payload, offset, n, &err)) {
                g_error("%s", error_get_pretty(err));
            }
            codec_assert_same(e, offset, n);
            g_byte_array_unref(payload);
        }
    }
    codec_plain_free(plain);
    codec_ends_free(e);
}

/* Random pages are not copied, and cost their heads only. */
static void test_incompressible(const void *opaque)
{
    const MultiFDMethods *ops = opaque;
    Ends *e = codec_ends_new(ops, 1);
    uint64_t offset[FULL];
    uint64_t straight = 0;
    GByteArray *payload;

    for (unsigned i = 0; i < FULL; i++) {
        offset[i] = (2 * i + i / 64) * PAGE;
        codec_fill_page(e->rand, e->guest + offset[i], i % 2 ? RANDOM : TEXT);
    }
    payload = codec_encode(e, offset, FULL);
    for (unsigned i = 1; i < e->s->n_iov; i++) {
        const uint8_t *base = e->s->iov[i].iov_base;

        if (base >= e->source.host && base < e->source.host + PAGES * PAGE) {
            straight += e->s->iov[i].iov_len;
        }
    }
    g_assert_cmpuint(straight, ==, FULL / 2 * PAGE);
    g_assert_cmpuint(payload->len, <, straight + straight / 2);
    g_assert_true(codec_decode(e, payload, offset, FULL, NULL));
    codec_assert_same(e, offset, FULL);
    g_byte_array_unref(payload);
    codec_ends_free(e);
}

/* --- A guest that writes -------------------------------------------------- */

typedef struct Scribbler {
    uint8_t *page;
    unsigned pages;
    bool stop; /* [atomic] */
} Scribbler;

/* The even pages never keep still. */
static void *scribble(void *opaque)
{
    Scribbler *s = opaque;
    uint32_t v = 1;

    while (!qatomic_read_relaxed(&s->stop)) {
        for (unsigned i = 0; i < s->pages; i += 2) {
            for (unsigned at = 0; at < PAGE; at += 64) {
                v = v * 1664525 + 1013904223;
                memset(s->page + i * PAGE + at, v >> 24, v >> 8 & 63);
            }
        }
    }
    return NULL;
}

static void test_changing(const void *opaque)
{
    const MultiFDMethods *ops = opaque;
    Ends *e = codec_ends_new(ops, 1);
    Plain *plain = codec_plain_new(ops, 1);
    Scribbler s = { .page = e->guest, .pages = FULL };
    uint64_t offset[FULL];
    GThread *thread;

    for (unsigned i = 0; i < FULL; i++) {
        /* What matches a page that changes lies in one that does not. */
        codec_fill_page(e->rand, e->guest + i * PAGE, i % 8 ? TEXT : RANDOM);
        if (i % 2) {
            memcpy(e->guest + i * PAGE, e->guest + (i - 1) * PAGE, PAGE / 2);
        }
    }
    thread = g_thread_new("guest", scribble, &s);
    for (unsigned round = 0; round < 100; round++) {
        GByteArray *payload;

        for (unsigned i = 0; i < FULL; i++) {
            offset[i] = i * PAGE;
        }
        payload = codec_encode(e, offset, FULL);
        for (unsigned reader = 0; reader < 2; reader++) {
            if (reader) {
                codec_plain_decode(plain, payload, e->target.host, offset,
                                   FULL);
            } else {
                g_assert_true(codec_decode(e, payload, offset, FULL, NULL));
            }
            for (unsigned i = 1; i < FULL; i += 2) {
                g_assert_cmpmem(e->target.host + i * PAGE, PAGE,
                                e->source.host + i * PAGE, PAGE);
            }
        }
        g_byte_array_unref(payload);
    }
    qatomic_set_relaxed(&s.stop, true);
    g_thread_join(thread);
    codec_plain_free(plain);
    codec_ends_free(e);
}

/* --- What no writer writes ------------------------------------------------ */

static GByteArray *octets(const void *data, size_t len_bytes)
{
    return g_byte_array_append(g_byte_array_new(), data, len_bytes);
}

static void refuse(const MultiFDMethods *ops, GByteArray *payload, uint32_t n,
                   const char *reason)
{
    Ends *e = codec_ends_new(ops, 1);

    assert_refused(e, payload, n, reason);
    g_byte_array_unref(payload);
    codec_ends_free(e);
}

/* @pages of zeros at once, by the plain library, at most 1 MiB of payload. */
static GByteArray *zeros(const MultiFDMethods *ops, unsigned pages)
{
    Plain *p = codec_plain_new(ops, 6);
    uint8_t *zero = g_malloc0(PAGE);
    uint64_t *offset = g_new0(uint64_t, pages);
    GByteArray *payload = codec_plain_encode(p, zero, offset, pages);

    g_free(offset);
    g_free(zero);
    codec_plain_free(p);
    return payload;
}

static void test_wrong_size(const void *opaque)
{
    const MultiFDMethods *ops = opaque;

    refuse(ops, zeros(ops, 1), 2, "ends before its 2 pages");
    refuse(ops, zeros(ops, 2), 1, "more than its 1 pages");
    refuse(ops, zeros(ops, FULL + 1), FULL, "more than its 128 pages");
    /* 256 MiB. */
    refuse(ops, zeros(ops, 65536), FULL, "more than its 128 pages");
    refuse(ops, g_byte_array_new(), 1,
           ops == &multifd_zlib_ops ? "ends within its head"
                                    : "ends before its 1 pages");
}

/* Everything that a good payload can be cut down to. */
static void test_truncated(const void *opaque)
{
    const MultiFDMethods *ops = opaque;
    Contents contents[] = { TEXT, RANDOM, MIXED };

    for (unsigned i = 0; i < ARRAY_SIZE(contents); i++) {
        Ends *e = codec_ends_new(ops, 1);
        uint64_t offset[FULL];
        GByteArray *good;

        for (unsigned k = 0; k < 40; k++) {
            offset[k] = k * PAGE;
            codec_fill_page(e->rand, e->guest + offset[k], contents[i]);
        }
        good = codec_encode(e, offset, 40);
        for (size_t len = 0; len + 8 < good->len; len += 1 + good->len / 31) {
            refuse(ops, octets(good->data, len), 40, ops->name);
        }
        /* And with an octet more. */
        g_byte_array_append(good, (const uint8_t *)"\6", 1);
        refuse(ops, g_byte_array_ref(good), 40, ops->name);
        g_byte_array_unref(good);
        codec_ends_free(e);
    }
}

/* Any outcome but a page that is not of the packet, or a crash. */
static void test_garbage(const void *opaque)
{
    const MultiFDMethods *ops = opaque;
    GRand *rand = g_rand_new_with_seed(3);
    unsigned refused = 0;

    for (unsigned i = 0; i < 600; i++) {
        Ends *e = codec_ends_new(ops, 1);
        uint64_t offset[FULL];
        uint32_t n = codec_next_packet(e, i % CONTENTS_MAX, 40, offset);
        GByteArray *payload = codec_encode(e, offset, n);
        unsigned flips = 1 + i % 4;

        while (flips--) {
            /* Heads more often than what they head. */
            uint32_t end = g_rand_boolean(rand) ? MIN(payload->len, 40)
                                                : payload->len;

            payload->data[g_rand_int_range(rand, 0, end)] = g_rand_int(rand);
        }
        refused += !codec_decode(e, payload, offset, n, NULL);
        codec_assert_untouched(e, offset, n);
        /* Again, with what the first left behind. */
        codec_decode(e, payload, offset, n, NULL);
        codec_assert_untouched(e, offset, n);
        g_byte_array_unref(payload);
        codec_ends_free(e);
    }
    g_assert_cmpuint(refused, >, 50);
    g_rand_free(rand);
}

#define REFUSE(ops, text, reason)                                              \
    refuse(ops, octets(text, sizeof(text) - 1), 1, reason)

static void test_zlib_heads(void)
{
    const MultiFDMethods *ops = &multifd_zlib_ops;

    REFUSE(ops, "\x78", "ends within its head");
    REFUSE(ops, "\x78\x02\0\0\0", "0x78 0x02 is not the head of a stream");
    REFUSE(ops, "\x79\x18\0\0\0", "is not the head of a stream");
    REFUSE(ops, "\x1f\x8b\x08\0\0", "is not the head of a stream");
    REFUSE(ops, "\x78\x20\1\2\3\4", "preset dictionary");
    REFUSE(ops, "\x78\x01\x07", "head of a block");
    REFUSE(ops, "\x78\x01\0\0\x10\0\0", "head of a block");
    /* Fixed codes: length 3, distance 1 as the first thing. */
    REFUSE(ops, "\x78\x01\x03\x02\0\0\0\0\0\0", "before the stream");
}

static void test_zlib_ended(void)
{
    uint8_t out[256];
    uint8_t *page = g_malloc0(PAGE);
    uLongf len = sizeof(out);

    g_assert_cmpint(compress(out, &len, page, PAGE), ==, Z_OK);
    refuse(&multifd_zlib_ops, octets(out, len), 1, "the stream ends");
    g_free(page);
}

/* Blocks that went straight to memory are referred to by later ones. */
static void test_zlib_window(void)
{
    Ends *e = codec_ends_new(&multifd_zlib_ops, 1);
    uint64_t offset[24];
    z_stream s = { 0 };
    uint8_t out[64 * KiB];
    GByteArray *payload;

    for (unsigned i = 0; i < 24; i++) {
        offset[i] = i * 3 * PAGE;
        codec_fill_page(e->rand, e->guest + offset[i], RANDOM);
    }
    for (unsigned i = 0; i < 8; i++) {
        memcpy(e->guest + offset[16 + i], e->guest + offset[10 + i % 6],
               PAGE);
    }
    for (unsigned round = 0; round < 2; round++) {
        MultiFDPages all;
        struct iovec iov[FULL];

        /* 16 random pages by ours, 8 by a deflate that knows them. */
        payload = codec_encode(e, offset, 16);
        codec_set_pages(&all, offset, 16);
        all.block = &e->source;
        multifd_pages_iov(&all, 0, all.normal_num, iov);
        g_assert_cmpint(deflateInit2(&s, 6, Z_DEFLATED, -15, 8,
                                     Z_DEFAULT_STRATEGY), ==, Z_OK);
        for (unsigned i = 0; i < 8; i++) {
            memcpy(out + i * PAGE, e->source.host + offset[8 + i], PAGE);
        }
        deflateSetDictionary(&s, out, 8 * PAGE);
        s.next_out = out;
        s.avail_out = sizeof(out);
        for (unsigned i = 16; i < 24; i++) {
            s.next_in = e->source.host + offset[i];
            s.avail_in = PAGE;
            deflate(&s, i == 23 ? Z_SYNC_FLUSH : Z_NO_FLUSH);
        }
        g_assert_cmpuint(sizeof(out) - s.avail_out, <, PAGE);
        g_byte_array_append(payload, out, sizeof(out) - s.avail_out);
        deflateEnd(&s);
        g_assert_true(codec_decode(e, payload, offset, 24, NULL));
        codec_assert_same(e, offset, 24);
        g_byte_array_unref(payload);
    }
    codec_ends_free(e);
}

static void test_zstd_heads(void)
{
    const MultiFDMethods *ops = &multifd_zstd_ops;
    const char page_frame[] = "\x28\xb5\x2f\xfd\xa0\0\x10\0\0";
    GByteArray *o;

    REFUSE(ops, "not a frame at all", "zstd: Unknown frame");
    /* A dictionary's id; a window of 2^31; reserved bit. */
    REFUSE(ops, "\x28\xb5\x2f\xfd\x21\x07\x10\1\0\0\0", "zstd: Dictionary");
    REFUSE(ops, "\x28\xb5\x2f\xfd\0\xa8\1\0\0", "zstd: Frame requires too");
    REFUSE(ops, "\x28\xb5\x2f\xfd\x08\0\1\0\0", "zstd: Unsupported");
    /* Says a page, and has nothing, and a block of no known type. */
    o = octets(page_frame, 9);
    refuse(ops, g_byte_array_append(o, (const uint8_t *)"\1\0\0", 3), 1,
           "zstd: ");
    o = octets(page_frame, 9);
    refuse(ops, g_byte_array_append(o, (const uint8_t *)"\7\0\0", 3), 1,
           "zstd: ");
    /* Skippable frames give no pages. */
    REFUSE(ops, "\x50\x2a\x4d\x18\1\0\0\0x", "ends before its 1 pages");
}

/* A frame that begins as a raw one of ours, and goes on otherwise. */
static void test_zstd_lookalike(void)
{
    Ends *e = codec_ends_new(&multifd_zstd_ops, 1);
    uint64_t offset[FULL];
    uint8_t *all = g_malloc(FULL * PAGE);

    for (unsigned i = 0; i < FULL; i++) {
        offset[i] = (i + i / 5) * PAGE;
        codec_fill_page(e->rand, e->guest + offset[i], i < 40 ? RANDOM : TEXT);
        memcpy(all + i * PAGE, e->guest + offset[i], PAGE);
    }
    for (unsigned round = 0; round < 40; round++) {
        GByteArray *payload = g_byte_array_new();
        size_t len;

        g_byte_array_set_size(payload, MULTIFD_PAYLOAD_MAX_BYTES);
        len = ZSTD_compress(payload->data, payload->len, all, FULL * PAGE,
                            1 + round % 3);
        g_assert_false(ZSTD_isError(len));
        g_byte_array_set_size(payload, len);
        g_assert_cmpmem(payload->data, 12,
                        "\x28\xb5\x2f\xfd\xa0\0\0\x08\0\0\0\x10", 12);
        g_assert_true(codec_decode(e, payload, offset, FULL, NULL));
        codec_assert_same(e, offset, FULL);
        g_byte_array_unref(payload);
        /* And one of ours behind it. */
        payload = codec_encode(e, offset, 30 + round % 10);
        g_assert_true(codec_decode(e, payload, offset, 30 + round % 10, NULL));
        g_byte_array_unref(payload);
    }
    g_free(all);
    codec_ends_free(e);
}

/* --- */

static void add(const char *what, const Case *c, GTestDataFunc fn)
{
    char *path = g_strdup_printf("/multifd-codec/%s/%s-%u", c->ops->name, what,
                                 c->level);

    g_test_add_data_func(path, c, fn);
    g_free(path);
}

static void add_method(const char *what, const MultiFDMethods *ops,
                       GTestDataFunc fn)
{
    char *path = g_strdup_printf("/multifd-codec/%s/%s", ops->name, what);

    g_test_add_data_func(path, ops, fn);
    g_free(path);
}

int main(int argc, char **argv)
{
    static const Case cases[] = {
        { &multifd_zlib_ops, 0, 30 },  { &multifd_zlib_ops, 1, 100 },
        { &multifd_zlib_ops, 3, 30 },  { &multifd_zlib_ops, 9, 30 },
        { &multifd_zstd_ops, 0, 30 },  { &multifd_zstd_ops, 1, 100 },
        { &multifd_zstd_ops, 9, 20 },  { &multifd_zstd_ops, 20, 5 },
    };
    static const MultiFDMethods *const methods[] = {
        &multifd_zlib_ops,
        &multifd_zstd_ops,
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        add("round-trip", &cases[i], test_round_trip);
        add("from-plain", &cases[i], test_from_plain);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(methods); i++) {
        add_method("incompressible", methods[i], test_incompressible);
        add_method("changing", methods[i], test_changing);
        add_method("wrong-size", methods[i], test_wrong_size);
        add_method("truncated", methods[i], test_truncated);
        add_method("garbage", methods[i], test_garbage);
    }
    g_test_add_func("/multifd-codec/zlib/heads", test_zlib_heads);
    g_test_add_func("/multifd-codec/zlib/ended", test_zlib_ended);
    g_test_add_func("/multifd-codec/zlib/window", test_zlib_window);
    g_test_add_func("/multifd-codec/zstd/heads", test_zstd_heads);
    g_test_add_func("/multifd-codec/zstd/lookalike", test_zstd_lookalike);
    return g_test_run();
}
