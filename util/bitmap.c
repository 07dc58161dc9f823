/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmaps of unsigned longs; see the header for who may call what. */
#include "qemu/osdep.h"
#include "qemu/bitmap.h"

unsigned long *bitmap_new(uint64_t nbits)
{
    return g_new0(unsigned long, BITS_TO_LONGS(nbits));
}

/* The bits of word @word that lie in [@start, @end). */
static unsigned long word_mask(uint64_t word, uint64_t start, uint64_t end)
{
    uint64_t first = word * BITS_PER_LONG;
    unsigned long mask = ~0UL;

    if (start > first) {
        mask &= ~0UL << (start - first);
    }
    if (end - first < BITS_PER_LONG) {
        mask &= (1UL << (end - first)) - 1;
    }
    return mask;
}

void bitmap_set(unsigned long *map, uint64_t start, uint64_t nbits)
{
    uint64_t end = start + nbits;

    for (uint64_t w = start / BITS_PER_LONG; w * BITS_PER_LONG < end; w++) {
        map[w] |= word_mask(w, start, end);
    }
}

void bitmap_clear(unsigned long *map, uint64_t start, uint64_t nbits)
{
    uint64_t end = start + nbits;

    for (uint64_t w = start / BITS_PER_LONG; w * BITS_PER_LONG < end; w++) {
        map[w] &= ~word_mask(w, start, end);
    }
}

void bitmap_set_atomic(unsigned long *map, uint64_t start, uint64_t nbits)
{
    uint64_t end = start + nbits;

    for (uint64_t w = start / BITS_PER_LONG; w * BITS_PER_LONG < end; w++) {
        qatomic_fetch_or(&map[w], word_mask(w, start, end));
    }
}

uint64_t bitmap_count(const unsigned long *map, uint64_t start, uint64_t end)
{
    uint64_t count = 0;

    for (uint64_t w = start / BITS_PER_LONG; w * BITS_PER_LONG < end; w++) {
        count += __builtin_popcountl(map[w] & word_mask(w, start, end));
    }
    return count;
}

/* @invert is all ones to search for clear bits. */
static uint64_t bitmap_find(const unsigned long *map, uint64_t start,
                            uint64_t end, unsigned long invert)
{
    uint64_t w = start / BITS_PER_LONG;
    unsigned long bits;

    if (start >= end) {
        return end;
    }
    bits = (map[w] ^ invert) & (~0UL << (start % BITS_PER_LONG));
    while (!bits) {
        if (++w * BITS_PER_LONG >= end) {
            return end;
        }
        bits = map[w] ^ invert;
    }
    return MIN(end, w * BITS_PER_LONG + (uint64_t)__builtin_ctzl(bits));
}

uint64_t find_next_bit(const unsigned long *map, uint64_t end, uint64_t start)
{
    return bitmap_find(map, start, end, 0);
}

uint64_t find_next_zero_bit(const unsigned long *map, uint64_t end,
                            uint64_t start)
{
    return bitmap_find(map, start, end, ~0UL);
}
