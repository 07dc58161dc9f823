/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/hostmem*.c and host-memory.c. */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <glib/gstdio.h>
#include "system/hostmem.h"

const ObjectClass *const object_class_table[] = {
    &memory_backend_class,
    &memory_backend_ram_class,
    &memory_backend_file_class,
    &memory_backend_memfd_class,
    NULL,
};

static bool add(VM *vm, const char *json, Error **errp)
{
    struct json_object *opts = json_tokener_parse(json);
    bool ok;

    g_assert_nonnull(opts);
    bql_lock(vm);
    ok = object_add_json(vm, opts, errp);
    bql_unlock(vm);
    json_object_put(opts);
    return ok;
}

static void add_ok(VM *vm, const char *json)
{
    Error *err = NULL;

    if (!add(vm, json, &err)) {
        g_error("%s: %s", json, error_get_pretty(err));
    }
}

static void add_fails(VM *vm, const char *json, const char *want)
{
    g_autoptr(Error) err = NULL;

    g_assert_false(add(vm, json, &err));
    if (!strstr(error_get_pretty(err), want)) {
        g_error("%s: '%s' lacks '%s'", json, error_get_pretty(err), want);
    }
}

static RAMBlock *take(VM *vm, const char *id)
{
    RAMBlock *block;

    bql_lock(vm);
    block = memory_backend_take(object_by_id(vm, id), NULL, NULL);
    bql_unlock(vm);
    g_assert_nonnull(block);
    return block;
}

static void test_ram(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *block;
    g_autoptr(Error) err = NULL;

    add_ok(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm', 'size': '4M',"
               " 'prealloc': true, 'prealloc-threads': 3, 'dump': 'off'}");
    block = take(vm, "m");
    g_assert_cmpstr(block->id, ==, "m");
    g_assert_cmpuint(block->max_bytes, ==, 4 * MiB);
    g_assert_cmpint(block->fd, ==, -1);
    g_assert_false(block->shared);
    g_assert_true(block->migratable);
    block->host[4 * MiB - 1] = 1;

    bql_lock(vm);
    g_assert_null(memory_backend_take(object_by_id(vm, "m"), "x", &err));
    g_assert_false(object_store_del(vm, "m", NULL));
    g_assert_cmpuint(memory_backend_size_bytes(object_by_id(vm, "m")), ==,
                     4 * MiB);
    bql_unlock(vm);

    add_ok(vm, "{'qom-type': 'memory-backend-ram', 'id': 's', 'size': 8192,"
               " 'share': true}");
    block = take(vm, "s");
    g_assert_true(block->shared);
    g_assert_cmpint(block->fd, >=, 0);
    g_assert_false(block->named_file);
    vm_free(vm);
}

static void test_memfd(void)
{
    VM *vm = vm_new(NULL);
    RAMBlock *block;

    add_ok(vm, "{'qom-type': 'memory-backend-memfd', 'id': 'm',"
               " 'size': 1048576}");
    block = take(vm, "m");
    g_assert_true(block->shared);
    g_assert_cmpint(fcntl(block->fd, F_GET_SEALS) & F_SEAL_SHRINK, ==,
                    F_SEAL_SHRINK);
    block->host[5] = 'x';
    g_assert_cmpint(pread(block->fd, &(char){0}, 1, 5), ==, 1);

    add_ok(vm, "{'qom-type': 'memory-backend-memfd', 'id': 'p',"
               " 'size': 1048576, 'share': false, 'seal': false}");
    block = take(vm, "p");
    g_assert_false(block->shared);
    g_assert_cmpint(fcntl(block->fd, F_GET_SEALS) & F_SEAL_SHRINK, ==, 0);

    add_ok(vm, "{'qom-type': 'memory-backend-memfd', 'id': 'u',"
               " 'size': 4096, 'hugetlbsize': 2097152}");
    g_assert_cmpuint(take(vm, "u")->page_size_bytes, ==, 4096);
    add_fails(vm, "{'qom-type': 'memory-backend-memfd', 'id': 'h',"
                  " 'size': 2097152, 'hugetlbsize': 3000000}",
              "Hugepage size must be a power of 2");
    add_fails(vm, "{'qom-type': 'memory-backend-memfd', 'id': 'h',"
                  " 'size': 2097152, 'hugetlb': true,"
                  " 'hugetlbsize': 3000000}",
              "Hugepage size must be a power of 2");
    vm_free(vm);
}

static void test_hugetlb(void)
{
    VM *vm = vm_new(NULL);
    g_autoptr(Error) err = NULL;

    if (!add(vm, "{'qom-type': 'memory-backend-memfd', 'id': 'h',"
                 " 'size': 4194304, 'hugetlb': true, 'reserve': false,"
                 " 'hugetlbsize': 2097152}",
             &err)) {
        g_autofree char *why =
            g_strdup_printf("no 2 MiB hugetlb: %s", error_get_pretty(err));

        g_test_skip(why);
    } else {
        g_assert_cmpuint(take(vm, "h")->page_size_bytes, ==, 2 * MiB);
        add_fails(vm, "{'qom-type': 'memory-backend-memfd', 'id': 'o',"
                      " 'size': 3145728, 'hugetlb': true,"
                      " 'hugetlbsize': 2097152}",
                  "page size");
    }
    vm_free(vm);
}

static void test_file(void)
{
    VM *vm = vm_new(NULL);
    g_autofree char *dir = g_dir_make_tmp("test-hostmem-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "mem", NULL);
    g_autofree char *opts = NULL;
    struct stat st;
    RAMBlock *block;
    char octet = 0;

    opts = g_strdup_printf("{'qom-type': 'memory-backend-file', 'id': 'f',"
                           " 'size': 65536, 'offset': 4096, 'share': true,"
                           " 'mem-path': '%s'}",
                           path);
    add_ok(vm, opts);
    block = take(vm, "f");
    g_assert_true(block->named_file && block->shared);
    g_assert_cmpuint(block->fd_offset, ==, 4096);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 69632);
    block->host[7] = 'x';
    g_assert_cmpint(pread(block->fd, &octet, 1, 4103), ==, 1);
    g_assert_cmpint(octet, ==, 'x');
    vm_free(vm);

    /* The contents stay, a private mapping keeps them as they are. */
    vm = vm_new(NULL);
    g_free(opts);
    opts = g_strdup_printf("{'qom-type': 'memory-backend-file', 'id': 'f',"
                           " 'size': 65536, 'offset': 4096,"
                           " 'mem-path': '%s'}",
                           path);
    add_ok(vm, opts);
    block = take(vm, "f");
    g_assert_cmpint(block->host[7], ==, 'x');
    block->host[7] = 'y';
    g_assert_cmpint(pread(block->fd, &octet, 1, 4103), ==, 1);
    g_assert_cmpint(octet, ==, 'x');

    g_free(opts);
    opts = g_strdup_printf("{'qom-type': 'memory-backend-file', 'id': 'big',"
                           " 'size': 1048576, 'mem-path': '%s'}",
                           path);
    add_fails(vm, opts, "0x11000 bytes");
    g_free(opts);
    opts = g_strdup_printf("{'qom-type': 'memory-backend-file', 'id': 'ro',"
                           " 'size': 65536, 'mem-path': '%s',"
                           " 'readonly': true}",
                           path);
    add_ok(vm, opts);
    g_assert_true(take(vm, "ro")->rom);
    g_free(opts);
    opts = g_strdup_printf("{'qom-type': 'memory-backend-file', 'id': 'dir',"
                           " 'size': 65536, 'mem-path': '%s'}",
                           dir);
    add_ok(vm, opts);
    g_assert_false(take(vm, "dir")->named_file);
    vm_free(vm);
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_rmdir(dir), ==, 0); /* the nameless file is gone */
}

static void test_bad(void)
{
    VM *vm = vm_new(NULL);

    add_fails(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm'}", "size");
    add_fails(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm', 'size': 1}",
              "page size");
    add_fails(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm', 'size': 0}",
              "size");
    add_fails(vm, "{'qom-type': 'memory-backend-memfd', 'id': 'm',"
                  " 'size': 4096, 'hugetlbsize': 0}",
              "memory-backend-memfd.hugetlbsize");
    add_fails(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm',"
                  " 'size': 4096, 'prealloc-threads': 0}",
              "memory-backend-ram.prealloc-threads");
    add_fails(vm,
              "{'qom-type': 'memory-backend-ram', 'id': 'm',"
              " 'size': 9223372036854771712}",
              "cannot map");
    add_fails(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm',"
                  " 'size': 4096, 'prealloc': true, 'reserve': false}",
              "'prealloc=on' and 'reserve=off' are incompatible");
    add_fails(vm, "{'qom-type': 'memory-backend', 'id': 'm', 'size': 4096}",
              "invalid object type");
    add_fails(vm, "{'qom-type': 'nope', 'id': 'm', 'size': 4096}",
              "invalid object type");
    add_fails(vm, "{'qom-type': 'memory-backend-ram', 'size': 4096}", "id");
    add_fails(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm',"
                  " 'size': 4096, 'seal': true}",
              "seal");
    add_fails(vm, "{'qom-type': 'memory-backend-file', 'id': 'm',"
                  " 'size': 4096}",
              "mem-path");
    add_fails(vm, "{'qom-type': 'memory-backend-file', 'id': 'm',"
                  " 'size': 4096, 'mem-path': '/nope/x'}",
              "/nope/x");
    add_ok(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm', 'size': 4096}");
    add_fails(vm, "{'qom-type': 'memory-backend-ram', 'id': 'm',"
                  " 'size': 4096}",
              "duplicate");
    bql_lock(vm);
    g_assert_true(object_store_del(vm, "m", NULL));
    bql_unlock(vm);
    vm_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostmem/ram", test_ram);
    g_test_add_func("/hostmem/memfd", test_memfd);
    g_test_add_func("/hostmem/hugetlb", test_hugetlb);
    g_test_add_func("/hostmem/file", test_file);
    g_test_add_func("/hostmem/bad", test_bad);
    return g_test_run();
}
