/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of util/bitmap.c against a bit-by-bit model. */
#include "qemu/osdep.h"
#include "qemu/bitmap.h"

#define NBITS 200

static void check_against_model(const unsigned long *map, const bool *model)
{
    for (uint64_t start = 0; start <= NBITS; start++) {
        uint64_t set = start;
        uint64_t clear = start;

        while (set < NBITS && !model[set]) {
            set++;
        }
        while (clear < NBITS && model[clear]) {
            clear++;
        }
        g_assert_cmpuint(find_next_bit(map, NBITS, start), ==, set);
        g_assert_cmpuint(find_next_zero_bit(map, NBITS, start), ==, clear);
    }
}

static void test_ranges(void)
{
    g_autofree unsigned long *map = bitmap_new(NBITS);
    bool model[NBITS] = { false };

    for (int round = 0; round < 2000; round++) {
        uint64_t start = (uint64_t)g_test_rand_int_range(0, NBITS);
        uint64_t n =
            (uint64_t)g_test_rand_int_range(0, (int)(NBITS - start + 1));
        int how = g_test_rand_int_range(0, 3);

        if (how == 0) {
            bitmap_set(map, start, n);
        } else if (how == 1) {
            bitmap_clear(map, start, n);
        } else {
            bitmap_set_atomic(map, start, n);
        }
        for (uint64_t i = start; i < start + n; i++) {
            model[i] = how != 1;
        }
        if (round % 20 == 0) {
            uint64_t count = 0;

            for (uint64_t i = start; i < start + n; i++) {
                count += model[i];
            }
            g_assert_cmpuint(bitmap_count(map, start, start + n), ==, count);
            check_against_model(map, model);
        }
    }
}

static void test_single_bits(void)
{
    g_autofree unsigned long *map = bitmap_new(NBITS);

    set_bit(64, map);
    set_bit_atomic(127, map);
    g_assert_true(test_bit(64, map));
    g_assert_false(test_bit(63, map));
    g_assert_cmpuint(find_next_bit(map, NBITS, 65), ==, 127);
    clear_bit(127, map);
    g_assert_cmpuint(find_next_bit(map, NBITS, 65), ==, NBITS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bitmap/ranges", test_ranges);
    g_test_add_func("/bitmap/single-bits", test_single_bits);
    return g_test_run();
}
