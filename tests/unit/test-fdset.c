/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/fdset.c. */
#include "qemu/osdep.h"
#include "../../system/fdset-internal.h"

static int new_fd(int flags)
{
    int fd = open("/dev/null", flags | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void assert_text(Error *err, const char *text)
{
    g_assert_nonnull(err);
    g_assert_cmpstr(error_get_pretty(err), ==, text);
    error_free(err);
}

static void test_names(void)
{
    FdTable *table = fd_table_new();
    int first = new_fd(O_RDWR);
    int second = new_fd(O_RDWR);
    int bad = new_fd(O_RDWR);
    Error *err = NULL;

    g_assert_true(fd_table_add(table, "a", first, NULL));
    g_assert_true(fd_table_add(table, "a", second, NULL));
    g_assert_false(is_open(first));
    g_assert_cmpint(fd_table_take(table, "a", NULL), ==, second);
    g_assert_true(is_open(second));
    g_assert_cmpint(fd_table_take(table, "a", &err), ==, -1);
    assert_text(g_steal_pointer(&err), "File descriptor named 'a' not found");

    g_assert_false(fd_table_add(table, "1a", bad, &err));
    assert_text(g_steal_pointer(&err), "Parameter 'fdname' expects a name "
                                       "not starting with a digit");
    g_assert_false(is_open(bad));

    g_assert_true(fd_table_add(table, "b", second, NULL));
    g_assert_cmpint(fd_resolve(table, "b", NULL), ==, second);
    g_assert_true(fd_table_add(table, "c", second, NULL));
    g_assert_true(fd_table_close(table, "c", NULL));
    g_assert_false(is_open(second));
    g_assert_false(fd_table_close(table, "c", &err));
    assert_text(g_steal_pointer(&err), "File descriptor named 'c' not found");

    first = new_fd(O_RDWR);
    g_assert_true(fd_table_add(table, "left", first, NULL));
    fd_table_free(table);
    g_assert_false(is_open(first));
}

static void test_numbers(void)
{
    static const char *const never[] = {"0", "1", "2", "99999999999", "-1"};
    FdTable *table = fd_table_new();
    int fd = new_fd(O_RDWR);
    g_autofree char *text = g_strdup_printf("%d", fd);
    g_autofree char *lost = g_strdup_printf(
        "File descriptor named '%d' has not been found", fd);
    Error *err = NULL;

    /* One of our own making. */
    g_assert_cmpint(fd_resolve(NULL, text, &err), ==, -1);
    error_free(g_steal_pointer(&err));
    g_assert_cmpint(fcntl(fd, F_SETFD, 0), ==, 0);
    g_assert_cmpint(fd_resolve(NULL, text, NULL), ==, fd);
    /* A client's numbers mean nothing. */
    g_assert_cmpint(fd_resolve(table, text, &err), ==, -1);
    assert_text(g_steal_pointer(&err), lost);
    for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
        g_assert_cmpint(fd_resolve(NULL, never[i], &err), ==, -1);
        error_free(g_steal_pointer(&err));
    }
    fd_table_free(table);
    close(fd);
    g_assert_cmpint(fd_resolve(NULL, text, &err), ==, -1);
    error_free(g_steal_pointer(&err));
    g_assert_cmpint(fd_resolve(NULL, "name", &err), ==, -1);
    assert_text(err, "'name' is not the number of an inherited file "
                     "descriptor");
}

static void test_pending(void)
{
    FdTable *table = fd_table_new();
    int first = new_fd(O_RDWR);
    int second = new_fd(O_RDWR);
    Error *err = NULL;

    g_assert_cmpint(fd_table_take_pending(table, &err), ==, -1);
    assert_text(err, "No file descriptor supplied via SCM_RIGHTS");
    fd_table_set_pending(table, first);
    fd_table_set_pending(table, second);
    g_assert_false(is_open(first));
    g_assert_cmpint(fd_table_take_pending(table, NULL), ==, second);
    close(second);
    fd_table_free(table);
}

static void test_sets(void)
{
    VM *vm = vm_new(NULL);
    FdSets *sets = vm->fdsets;
    int64_t seven = 7;
    int rd = new_fd(O_RDONLY);
    int wr = new_fd(O_WRONLY);
    int64_t wr64 = wr;
    Error *err = NULL;
    int fd;

    bql_lock(vm);
    g_assert_cmpint(fdset_add(sets, &seven, rd, "note"), ==, 7);
    g_assert_cmpint(fdset_add(sets, &seven, wr, NULL), ==, 7);
    g_assert_cmpint(fdset_add(sets, NULL, new_fd(O_RDWR), NULL), ==, 0);
    g_assert_cmpint(fdset_add(sets, NULL, new_fd(O_RDWR), NULL), ==, 1);

    fd = fdset_open(vm, "/dev/fdset/7", O_WRONLY | O_CREAT, 0600, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fd, !=, wr);
    g_assert_cmpint(fcntl(fd, F_GETFL) & O_ACCMODE, ==, O_WRONLY);
    close(fd);
    g_assert_cmpint(fdset_open(vm, "/dev/fdset/7", O_RDWR, 0, &err), ==, -1);
    g_assert_cmpint(error_get_errno(err), ==, EACCES);
    error_free(g_steal_pointer(&err));
    g_assert_cmpint(fdset_open(vm, "/dev/fdset/9", O_RDWR, 0, &err), ==, -1);
    error_free(g_steal_pointer(&err));
    g_assert_cmpint(fdset_open(vm, "/nope/x", O_RDWR, 0, &err), ==, -1);
    g_assert_cmpint(error_get_errno(err), ==, ENOENT);
    error_free(g_steal_pointer(&err));

    g_assert_true(fdset_remove(sets, 7, &wr64, NULL));
    g_assert_false(is_open(wr));
    g_assert_false(fdset_remove(sets, 7, &wr64, &err));
    error_free(g_steal_pointer(&err));
    g_assert_true(fdset_remove(sets, 7, NULL, NULL));
    g_assert_false(is_open(rd));
    g_assert_false(fdset_remove(sets, 7, NULL, &err));
    assert_text(err, "File descriptor named 'fdset-id:7' not found");
    bql_unlock(vm);
    vm_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdset/names", test_names);
    g_test_add_func("/fdset/numbers", test_numbers);
    g_test_add_func("/fdset/pending", test_pending);
    g_test_add_func("/fdset/sets", test_sets);
    return g_test_run();
}
