/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of hw/core/loader.c. */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "hw/core/loader.h"
#include "hw-double.h"

static void test_blobs(void)
{
    VM *vm = hw_double_new(MiB);
    uint8_t got[4];
    Error *err = NULL;

    g_assert_true(rom_add_blob(vm, "one", 0x1000, "abcd", 4, &err));
    g_assert_false(rom_add_blob(vm, "two", 0x1003, "x", 1, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "overlaps one"));
    error_free(g_steal_pointer(&err));
    g_assert_false(rom_add_blob(vm, "far", MiB - 1, "xy", 2, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "far"));
    error_free(err);
    g_assert_cmpuint(rom_list_count(vm), ==, 1);
    rom_list_write(vm);
    g_assert_true(memory_read(vm, 0x1000, got, 4));
    g_assert_cmpmem(got, 4, "abcd", 4);
    hw_double_free(vm);
}

static void test_file_limits(void)
{
    g_autofree char *dir = g_dir_make_tmp("loader-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "f", NULL);
    uint8_t *data = NULL;
    size_t len_bytes = 0;
    Error *err = NULL;

    g_assert_true(g_file_set_contents(path, "12345", 5, NULL));
    g_assert_false(loader_read_file("kernel", path, 4, &data, &len_bytes,
                                    &err));
    g_assert_nonnull(strstr(error_get_pretty(err), path));
    error_free(g_steal_pointer(&err));
    g_assert_true(loader_read_file("kernel", path, 5, &data, &len_bytes,
                                   NULL));
    g_assert_cmpmem(data, len_bytes, "12345", 5);
    g_free(data);
    g_unlink(path);
    g_assert_false(loader_read_file("kernel", path, 5, &data, &len_bytes,
                                    &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "kernel"));
    error_free(err);
    g_rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/loader/blobs", test_blobs);
    g_test_add_func("/loader/file-limits", test_file_limits);
    return g_test_run();
}
