/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of util/cutils.c and util/uuid.c. */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/uuid.h"

static const struct {
    const char *text;
    uint64_t bytes;
} good_sizes[] = {
    { "0", 0 },
    { "4096", 4096 },
    { "0x1000", 4096 },
    { "1k", 1024 },
    { "1.5G", 1610612736 },
    { "150M", 157286400 },
    { "7B", 7 },
    { "15E", 15ULL << 60 },
    { "18446744073709551615", UINT64_MAX },
};

static const char *const bad_sizes[] = {
    "", "-1", " 1", "1 ", "k", "1kk", "0x20M", "1.5", "16E", "1q",
    "18446744073709551616", "0x", "+4",
};

static void test_sizes(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(good_sizes); i++) {
        uint64_t bytes = 1;

        g_assert_true(qemu_strtosz(good_sizes[i].text, &bytes, NULL));
        g_assert_cmpuint(bytes, ==, good_sizes[i].bytes);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
        g_autoptr(Error) err = NULL;
        uint64_t bytes;

        g_assert_false(qemu_strtosz(bad_sizes[i], &bytes, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), bad_sizes[i]));
    }
}

static void test_sizes_mib(void)
{
    uint64_t bytes;

    g_assert_true(qemu_strtosz_MiB("128", &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 128 * MiB);
    g_assert_true(qemu_strtosz_MiB("4k", &bytes, NULL));
    g_assert_cmpuint(bytes, ==, 4 * KiB);
}

static void test_bool(void)
{
    g_autoptr(Error) err = NULL;
    bool v = false;

    g_assert_true(qemu_parse_bool("share", "on", &v, NULL));
    g_assert_true(v);
    g_assert_true(qemu_parse_bool("share", "false", &v, NULL));
    g_assert_false(v);
    g_assert_false(qemu_parse_bool("share", "1", &v, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "share"));
}

static void test_uuid(void)
{
    static const char text[] = "550e8400-e29b-41d4-a716-446655440000";
    char back[UUID_STR_LEN];
    QemuUUID uuid;

    g_assert_true(qemu_uuid_parse(text, &uuid));
    g_assert_cmphex(uuid.data[0], ==, 0x55);
    g_assert_cmphex(uuid.data[15], ==, 0x00);
    qemu_uuid_unparse(&uuid, back);
    g_assert_cmpstr(back, ==, text);
    g_assert_false(qemu_uuid_is_null(&uuid));
    g_assert_false(qemu_uuid_parse("550e8400", &uuid));
    g_assert_false(
        qemu_uuid_parse("550e8400-e29b-41d4-a716-44665544000g", &uuid));
    g_assert_false(
        qemu_uuid_parse("550e8400+e29b-41d4-a716-446655440000", &uuid));
}

static void test_ldst(void)
{
    uint8_t buf[9] = { 0 };

    stl_be_p(buf + 1, 0x11223344);
    g_assert_cmphex(buf[1], ==, 0x11);
    g_assert_cmphex(ldl_le_p(buf + 1), ==, 0x44332211);
    stq_le_p(buf + 1, 0x0102030405060708);
    g_assert_cmphex(ldq_be_p(buf + 1), ==, 0x0807060504030201);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cutils/sizes", test_sizes);
    g_test_add_func("/cutils/sizes-mib", test_sizes_mib);
    g_test_add_func("/cutils/bool", test_bool);
    g_test_add_func("/cutils/ldst", test_ldst);
    g_test_add_func("/cutils/uuid", test_uuid);
    return g_test_run();
}
