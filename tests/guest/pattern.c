/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pattern guest: rewrites a region of memory page by page, at a given
 * rate, for ever, and checks before each write that the page holds what the
 * pass before has left. A page that migration tore, lost, delivered stale or
 * put in another's place breaks the pattern.
 *
 * Freestanding, 32-bit, no paging, integer instructions only. Says on COM1:
 * a '.' every so many pages; after each pass "\npass N errors E\n".
 */
#include "pattern.h"

#define COM1 0x3f8
#define COM1_LSR (COM1 + 5)
#define LSR_THRE 0x20
#define PIT_HZ 1193182u
#define CALIBRATE_TICKS 11932u /* 10 ms */

/* In .data, so that the file has it. */
volatile PatternParams pattern_params __attribute__((section(".params"))) = {
    .magic = PATTERN_MAGIC,
    .first_page = 512,
    .hot_pages = 4096,
    .cold_pages = 0,
    .pages_per_second = 0,
    .pages_per_tick = 16,
};

void guest_main(void);

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u64 rdtsc(void)
{
    u32 lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (u64)hi << 32 | lo;
}

static void put_char(char c)
{
    while (!(inb(COM1_LSR) & LSR_THRE)) {
    }
    outb(COM1, (u8)c);
}

static void put_string(const char *s)
{
    while (*s) {
        put_char(*s++);
    }
}

static void put_number(u32 v)
{
    char digits[10];
    int n = 0;

    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (n) {
        put_char(digits[--n]);
    }
}

/* TSC ticks in 10 ms, by channel 2 of the PIT. */
static u32 calibrate(void)
{
    u64 start;

    outb(0x61, (u8)((inb(0x61) & ~2) | 1));
    outb(0x43, 0xb0); /* channel 2, low then high octet, mode 0 */
    outb(0x42, CALIBRATE_TICKS & 0xff);
    outb(0x42, CALIBRATE_TICKS >> 8);
    start = rdtsc();
    while (!(inb(0x61) & 0x20)) {
        /* Without a PIT the port reads as ones, or never changes. */
        if (rdtsc() - start > 2000000000ull) {
            return 0;
        }
    }
    return (u32)(rdtsc() - start);
}

static u32 *page_address(u32 page)
{
    return (u32 *)(page << 12);
}

static void fill_cold(void)
{
    u32 first = pattern_params.first_page + pattern_params.hot_pages;
    u32 seed = 0x9e3779b9;

    for (u32 i = 0; i < pattern_params.cold_pages; i++) {
        u32 *page = page_address(first + i);

        /* One cache line of each 256 octets: enough not to be zero. */
        for (u32 w = 0; w < 1024; w += 64) {
            seed = seed * 1664525u + 1013904223u;
            page[w] = seed;
        }
    }
}

static void write_page(u32 page, u32 pass)
{
    static const u16 places[] = PATTERN_PLACES;

    for (u32 i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        page_address(page)[places[i] / 4] = pattern_word(page, pass, i);
    }
}

/* How many places of the page do not hold what @pass wrote. */
static u32 check_page(u32 page, u32 pass)
{
    static const u16 places[] = PATTERN_PLACES;
    u32 errors = 0;

    for (u32 i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (page_address(page)[places[i] / 4] != pattern_word(page, pass, i)) {
            errors++;
        }
    }
    return errors;
}

/* How many TSC ticks lie between two pages; 0: no limit. */
static u32 ticks_per_page(void)
{
    u32 ticks_10ms;

    if (!pattern_params.pages_per_second) {
        return 0;
    }
    ticks_10ms = calibrate();
    if (!ticks_10ms) {
        put_string("no timer: running at full speed\n");
        return 0;
    }
    return ticks_10ms / (pattern_params.pages_per_second / 100 + 1);
}

void guest_main(void)
{
    u32 first = pattern_params.first_page;
    u32 per_page;
    u32 errors = 0;
    u32 tick = 0;
    u64 next;

    put_string("start\n");
    fill_cold();
    for (u32 i = 0; i < pattern_params.hot_pages; i++) {
        write_page(first + i, 0);
    }
    put_string("ready\n");
    per_page = ticks_per_page();
    next = rdtsc();

    for (u32 pass = 1;; pass++) {
        for (u32 i = 0; i < pattern_params.hot_pages; i++) {
            errors += check_page(first + i, pass - 1);
            write_page(first + i, pass);
            if (++tick >= pattern_params.pages_per_tick) {
                tick = 0;
                put_char('.');
            }
            if (per_page) {
                next += per_page;
                while ((long long)(next - rdtsc()) > 0) {
                }
            }
        }
        put_string("\npass ");
        put_number(pass);
        put_string(" errors ");
        put_number(errors);
        put_char('\n');
    }
}
