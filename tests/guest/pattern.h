/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the pattern guest and its users agree on.
 *
 * The image holds a block of parameters behind a magic text; whoever starts
 * it may change them in a copy of the file. All fields little-endian u32.
 * scripts/lighter/guest.py knows the same layout.
 */
#ifndef TESTS_GUEST_PATTERN_H
#define TESTS_GUEST_PATTERN_H

#define PATTERN_MAGIC "LGHTPARM"

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;
typedef unsigned long long u64;

typedef struct PatternParams {
    char magic[8];
    u32 first_page;        /* of the hot region, 4 KiB pages */
    u32 hot_pages;         /* rewritten and checked all the time */
    u32 cold_pages;        /* behind it: filled once, random-looking */
    u32 pages_per_second;  /* how fast to rewrite; 0: as fast as it goes */
    u32 pages_per_tick;    /* a '.' on the serial port this often */
} PatternParams;

/* Octet offsets in a page that carry its pattern. */
#define PATTERN_PLACES { 0, 1364, 2728, 4092 }

/*
 * What the word at each place holds after pass @pass over page @page: any
 * two passes and any two pages differ.
 */
static inline u32 pattern_word(u32 page, u32 pass, u32 place)
{
    return (page * 2654435761u) ^ (pass * 40503u + place);
}

#endif
