/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of util/bufferiszero.c: every variant, every place of one bit. */
#include "qemu/osdep.h"
#include "qemu/cutils.h"

static bool run_variant(BufferIsZeroFn variant, const void *buf, size_t len)
{
    return variant ? variant(buf, len) : buffer_is_zero(buf, len);
}

static void check_variant(const char *name, BufferIsZeroFn variant,
                          void *opaque)
{
    uint8_t *buf = opaque;

    for (size_t len = 0; len <= 1200; len += len < 80 ? 1 : 37) {
        for (size_t align = 0; align < 9; align += 4) {
            g_assert_true(run_variant(variant, buf + align, len));
            for (size_t i = 0; i < len; i++) {
                buf[align + i] = 1;
                g_assert_false(run_variant(variant, buf + align, len));
                buf[align + i] = 0;
            }
            /* Bytes around the buffer do not count. */
            buf[align + len] = 1;
            g_assert_true(run_variant(variant, buf + align, len));
            buf[align + len] = 0;
        }
    }
    g_test_message("variant %s", name);
}

/* Lengths at which several places are read at a time. */
static void check_long(const char *name, BufferIsZeroFn variant, void *opaque)
{
    static const size_t lens[] = { 16383, 16384, 16385, 20480, 33000 };
    uint8_t *buf = opaque;

    for (size_t l = 0; l < ARRAY_SIZE(lens); l++) {
        uint8_t *start = buf + 1 + l;
        size_t len = lens[l];

        start[-1] = 1;
        start[len] = 1;
        g_assert_true(run_variant(variant, start, len));
        for (size_t i = 0; i < len; i++) {
            start[i] = 0x80;
            g_assert_false(run_variant(variant, start, len));
            start[i] = 0;
        }
        start[-1] = 0;
        start[len] = 0;
    }
    g_test_message("variant %s", name);
}

static void test_long(void)
{
    g_autofree uint8_t *buf = g_malloc0(34000);

    buffer_is_zero_foreach(check_long, buf);
    check_long(buffer_is_zero_variant(), NULL, buf);
}

static void test_variants(void)
{
    g_autofree uint8_t *buf = g_malloc0(2048);

    buffer_is_zero_foreach(check_variant, buf);
}

static void test_dispatch(void)
{
    g_autofree uint8_t *buf = g_malloc0(2048);

    check_variant(buffer_is_zero_variant(), NULL, buf);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bufferiszero/variants", test_variants);
    g_test_add_func("/bufferiszero/dispatch", test_dispatch);
    g_test_add_func("/bufferiszero/long", test_long);
    return g_test_run();
}
