/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of util/error.c. */
#include "qemu/osdep.h"
#include "qapi/error.h"

static void test_set(void)
{
    g_autoptr(Error) err = NULL;

    error_setg(&err, "block '%s'", "ram");
    g_assert_cmpstr(error_get_pretty(err), ==, "block 'ram'");
    g_assert_cmpint(error_get_class(err), ==, 0);
    g_assert_cmpint(error_get_errno(err), ==, 0);
}

static void test_errno_and_class(void)
{
    g_autoptr(Error) os = NULL;
    g_autoptr(Error) qmp = NULL;
    g_autofree char *want = g_strdup_printf("open: %s", g_strerror(ENOENT));

    error_setg_errno(&os, ENOENT, "open");
    g_assert_cmpstr(error_get_pretty(os), ==, want);
    g_assert_cmpint(error_get_errno(os), ==, ENOENT);

    error_set(&qmp, 3, "no device");
    g_assert_cmpint(error_get_class(qmp), ==, 3);
}

static void test_prepend(void)
{
    g_autoptr(Error) err = NULL;

    error_prepend(&err, "nothing to prepend to");
    g_assert_null(err);
    error_setg(&err, "inner");
    error_prepend(&err, "outer %d: ", 1);
    g_assert_cmpstr(error_get_pretty(err), ==, "outer 1: inner");
}

static void test_propagate_first_wins(void)
{
    g_autoptr(Error) dst = NULL;
    Error *first = NULL;
    Error *second = NULL;

    error_propagate(&dst, NULL);
    g_assert_null(dst);
    error_setg(&first, "first");
    error_setg(&second, "second");
    error_propagate(&dst, first);
    error_propagate(&dst, second);
    g_assert_cmpstr(error_get_pretty(dst), ==, "first");
}

static void test_null_errp(void)
{
    error_setg(NULL, "ignored %d", 1);
    error_prepend(NULL, "ignored");
    error_free(NULL);
}

static void test_copy(void)
{
    g_autoptr(Error) err = NULL;
    g_autoptr(Error) copy = NULL;

    error_setg_errno(&err, EIO, "read");
    error_append_hint(&err, "try again\n");
    copy = error_copy(err);
    g_assert_cmpstr(error_get_pretty(copy), ==, error_get_pretty(err));
    g_assert_cmpint(error_get_errno(copy), ==, EIO);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/set", test_set);
    g_test_add_func("/error/errno-and-class", test_errno_and_class);
    g_test_add_func("/error/prepend", test_prepend);
    g_test_add_func("/error/propagate", test_propagate_first_wins);
    g_test_add_func("/error/null-errp", test_null_errp);
    g_test_add_func("/error/copy", test_copy);
    return g_test_run();
}
