/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this memory all zero? The scan of every migration round, so it uses the
 * widest vectors at hand, chosen once, at run time. Any thread.
 *
 * Most pages that are not zero show it in their first bytes or their last,
 * so those are looked at before the loop. Long buffers are read in four places
 * at a time: more reads are under way together than the processor's own
 * prefetching, which ends with each page, would start.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static bool buffer_is_zero_short(const uint8_t *p, size_t len)
{
    uint64_t acc = 0;

    for (; len >= 8; p += 8, len -= 8) {
        acc |= load64(p);
    }
    for (; len; p++, len--) {
        acc |= *p;
    }
    return acc == 0;
}

static bool buffer_is_zero_word(const void *buf, size_t len_bytes)
{
    const uint8_t *p = buf;

    for (; len_bytes >= 64; p += 64, len_bytes -= 64) {
        uint64_t acc = 0;

        for (int i = 0; i < 64; i += 8) {
            acc |= load64(p + i);
        }
        if (acc) {
            return false;
        }
    }
    return buffer_is_zero_short(p, len_bytes);
}

#ifdef __x86_64__
#include <immintrin.h>

/* Long buffers: four parts of this size side by side. */
#define PART_BYTES 4096
#define LONG_BYTES (4 * PART_BYTES)

static bool __attribute__((target("sse4.1")))
buffer_is_zero_sse4(const void *buf, size_t len_bytes)
{
    const uint8_t *p = buf;

    for (; len_bytes >= 64; p += 64, len_bytes -= 64) {
        const __m128i *v = (const __m128i *)p;
        __m128i a = _mm_or_si128(_mm_loadu_si128(v), _mm_loadu_si128(v + 1));
        __m128i b =
            _mm_or_si128(_mm_loadu_si128(v + 2), _mm_loadu_si128(v + 3));

        a = _mm_or_si128(a, b);
        if (!_mm_testz_si128(a, a)) {
            return false;
        }
    }
    return buffer_is_zero_short(p, len_bytes);
}

static bool __attribute__((target("avx2")))
parts_are_zero_avx2(const uint8_t *p)
{
    for (const uint8_t *end = p + PART_BYTES; p < end; p += 128) {
        __m256i acc = _mm256_setzero_si256();

        for (int at = 0; at < LONG_BYTES; at += PART_BYTES) {
            const __m256i *v = (const __m256i *)(p + at);
            __m256i a = _mm256_or_si256(_mm256_loadu_si256(v),
                                        _mm256_loadu_si256(v + 1));
            __m256i b = _mm256_or_si256(_mm256_loadu_si256(v + 2),
                                        _mm256_loadu_si256(v + 3));

            acc = _mm256_or_si256(acc, _mm256_or_si256(a, b));
        }
        if (!_mm256_testz_si256(acc, acc)) {
            return false;
        }
    }
    return true;
}

static bool __attribute__((target("avx2")))
buffer_is_zero_avx2(const void *buf, size_t len_bytes)
{
    const uint8_t *p = buf;

    for (; len_bytes >= LONG_BYTES; p += LONG_BYTES, len_bytes -= LONG_BYTES) {
        if (!parts_are_zero_avx2(p)) {
            return false;
        }
    }
    for (; len_bytes >= 256; p += 256, len_bytes -= 256) {
        const __m256i *v = (const __m256i *)p;
        __m256i a = _mm256_loadu_si256(v);
        __m256i b = _mm256_loadu_si256(v + 1);

        for (int i = 2; i < 8; i += 2) {
            a = _mm256_or_si256(a, _mm256_loadu_si256(v + i));
            b = _mm256_or_si256(b, _mm256_loadu_si256(v + i + 1));
        }
        a = _mm256_or_si256(a, b);
        if (!_mm256_testz_si256(a, a)) {
            return false;
        }
    }
    return buffer_is_zero_short(p, len_bytes);
}

static bool __attribute__((target("avx512f")))
parts_are_zero_avx512(const uint8_t *p)
{
    for (const uint8_t *end = p + PART_BYTES; p < end; p += 128) {
        __m512i a = _mm512_setzero_si512();
        __m512i b = a;

        for (int at = 0; at < LONG_BYTES; at += PART_BYTES) {
            a = _mm512_or_si512(a, _mm512_loadu_si512(p + at));
            b = _mm512_or_si512(b, _mm512_loadu_si512(p + at + 64));
        }
        a = _mm512_or_si512(a, b);
        if (_mm512_test_epi64_mask(a, a)) {
            return false;
        }
    }
    return true;
}

static bool __attribute__((target("avx512f")))
buffer_is_zero_avx512(const void *buf, size_t len_bytes)
{
    const uint8_t *p = buf;

    for (; len_bytes >= LONG_BYTES; p += LONG_BYTES, len_bytes -= LONG_BYTES) {
        if (!parts_are_zero_avx512(p)) {
            return false;
        }
    }
    for (; len_bytes >= 512; p += 512, len_bytes -= 512) {
        __m512i a = _mm512_loadu_si512(p);
        __m512i b = _mm512_loadu_si512(p + 64);

        for (int i = 128; i < 512; i += 128) {
            a = _mm512_or_si512(a, _mm512_loadu_si512(p + i));
            b = _mm512_or_si512(b, _mm512_loadu_si512(p + i + 64));
        }
        a = _mm512_or_si512(a, b);
        if (_mm512_test_epi64_mask(a, a)) {
            return false;
        }
    }
    return buffer_is_zero_short(p, len_bytes);
}
#endif

typedef struct BufferIsZeroVariant {
    const char *name;
    BufferIsZeroFn fn;
} BufferIsZeroVariant;

/* Slowest first. The word variant runs everywhere. */
static const BufferIsZeroVariant variants[] = {
    { "word", buffer_is_zero_word },
#ifdef __x86_64__
    { "sse4.1", buffer_is_zero_sse4 },
    { "avx2", buffer_is_zero_avx2 },
    { "avx512", buffer_is_zero_avx512 },
#endif
};

static bool variant_usable(const char *name)
{
#ifdef __x86_64__
    if (g_str_equal(name, "sse4.1")) {
        return __builtin_cpu_supports("sse4.1");
    }
    if (g_str_equal(name, "avx2")) {
        return __builtin_cpu_supports("avx2");
    }
    if (g_str_equal(name, "avx512")) {
        return __builtin_cpu_supports("avx512f");
    }
#endif
    return true;
}

static const BufferIsZeroVariant *variant_best(void)
{
    static const BufferIsZeroVariant *best;

    if (g_once_init_enter(&best)) {
        size_t i = ARRAY_SIZE(variants) - 1;

        while (!variant_usable(variants[i].name)) {
            i--;
        }
        g_once_init_leave(&best, &variants[i]);
    }
    return best;
}

bool buffer_is_zero(const void *buf, size_t len_bytes)
{
    const uint8_t *p = buf;

    if (len_bytes < 64) {
        return buffer_is_zero_short(p, len_bytes);
    }
    if (load64(p) || load64(p + len_bytes / 2) || load64(p + len_bytes - 8)) {
        return false;
    }
    return variant_best()->fn(buf, len_bytes);
}

const char *buffer_is_zero_variant(void)
{
    return variant_best()->name;
}

void buffer_is_zero_foreach(void (*fn)(const char *name, BufferIsZeroFn variant,
                                       void *opaque),
                            void *opaque)
{
    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        if (variant_usable(variants[i].name)) {
            fn(variants[i].name, variants[i].fn, opaque);
        }
    }
}
