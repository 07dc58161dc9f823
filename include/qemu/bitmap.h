/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitmaps of unsigned longs, bit 0 the lowest of word 0. Searches go word by
 * word. The plain functions are for one owner; the _atomic ones may race with
 * each other on the same word.
 */
#ifndef QEMU_BITMAP_H
#define QEMU_BITMAP_H

#define BITS_PER_LONG (8 * sizeof(unsigned long))
#define BITS_TO_LONGS(nbits) DIV_ROUND_UP(nbits, BITS_PER_LONG)

/* Zeroed; free with g_free(). */
unsigned long *bitmap_new(uint64_t nbits);

void bitmap_set(unsigned long *map, uint64_t start, uint64_t nbits);
void bitmap_clear(unsigned long *map, uint64_t start, uint64_t nbits);
void bitmap_set_atomic(unsigned long *map, uint64_t start, uint64_t nbits);

/* How many bits are set in [@start, @end). */
uint64_t bitmap_count(const unsigned long *map, uint64_t start, uint64_t end);

/*
 * The first set (clear) bit in [@start, @end), or @end if there is none.
 */
uint64_t find_next_bit(const unsigned long *map, uint64_t end, uint64_t start);
uint64_t find_next_zero_bit(const unsigned long *map, uint64_t end,
                            uint64_t start);

static inline bool test_bit(uint64_t nr, const unsigned long *map)
{
    return (map[nr / BITS_PER_LONG] >> (nr % BITS_PER_LONG)) & 1;
}

static inline void set_bit(uint64_t nr, unsigned long *map)
{
    map[nr / BITS_PER_LONG] |= 1UL << (nr % BITS_PER_LONG);
}

static inline void clear_bit(uint64_t nr, unsigned long *map)
{
    map[nr / BITS_PER_LONG] &= ~(1UL << (nr % BITS_PER_LONG));
}

static inline bool test_bit_atomic(uint64_t nr, unsigned long *map)
{
    return (qatomic_read_relaxed(&map[nr / BITS_PER_LONG]) >>
            (nr % BITS_PER_LONG)) & 1;
}

/* Sets the bit; cheap where it is already set. Sequentially consistent. */
static inline void set_bit_atomic(uint64_t nr, unsigned long *map)
{
    unsigned long mask = 1UL << (nr % BITS_PER_LONG);

    qatomic_fetch_or(&map[nr / BITS_PER_LONG], mask);
}

#endif
