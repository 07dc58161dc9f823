/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of util/log.c and util/trace.c. */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "qemu/log.h"
#include "qemu/trace.h"

static void test_items(void)
{
    g_autoptr(Error) err = NULL;
    bool help;

    g_assert_false(qemu_log_enabled(LOG_UNIMP));
    g_assert_true(qemu_log_enable("guest_errors,unimp", &help, NULL));
    g_assert_false(help);
    g_assert_true(qemu_log_enabled(LOG_UNIMP));
    g_assert_false(qemu_log_enable("unimp,no-such-item", &help, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "no-such-item"));
}

static void test_unknown_event(void)
{
    g_autoptr(Error) err = NULL;

    g_assert_false(trace_enable("no_such_event*", &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "no_such_event*"));
}

static void test_file(void)
{
    g_autofree char *dir = g_dir_make_tmp("test-log-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "log", NULL);
    g_autofree char *text = NULL;
    g_autoptr(Error) err = NULL;
    bool help;

    g_assert_false(qemu_log_set_file(dir, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), dir));
    g_assert_true(qemu_log_set_file(path, NULL));
    g_assert_true(qemu_log_enable("guest_errors", &help, NULL));
    qemu_log_mask(LOG_GUEST_ERROR, "bad port 0x%x\n", 0x42);
    qemu_log_trace("some_event", "value %d", 7);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, "bad port 0x42\n"));
    g_assert_nonnull(strstr(text, ":some_event value 7\n"));
    g_unlink(path);
    g_rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/items", test_items);
    g_test_add_func("/log/unknown-event", test_unknown_event);
    g_test_add_func("/log/file", test_file);
    return g_test_run();
}
