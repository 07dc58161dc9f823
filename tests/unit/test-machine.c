/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of hw/core/machine.c, hw/core/qom-qmp-cmds.c and
 * system/memory-qmp-cmds.c, on the machine `none`.
 */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <sys/stat.h>
#include "../../system/fdset-internal.h"
#include "hw-double.h"
#include "hw/core/device.h"
#include "qapi/qapi-commands-machine.h"
#include "qapi/qapi-commands-qom.h"
#include "system/accel.h"
#include "system/hostmem.h"

#define RAM_BYTES (4 * MiB)

static void assert_text(Error *err, const char *text)
{
    g_assert_nonnull(err);
    g_assert_cmpstr(error_get_pretty(err), ==, text);
    error_free(err);
}

/* --- RAM ------------------------------------------------------------------ */

static VM *machine_of_type(const char *type)
{
    VM *vm = vm_new(NULL);
    struct json_object *opts = json_object_new_object();

    json_object_object_add(opts, "type", json_object_new_string(type));
    bql_lock(vm);
    vm->ram_size_bytes = RAM_BYTES;
    g_assert_true(machine_create(vm, opts, NULL));
    g_assert_true(migration_init(vm, NULL));
    json_object_put(opts);
    return vm;
}

static bool add_backend(VM *vm, const char *id, Error **errp)
{
    struct json_object *opts = json_object_new_object();
    bool ok;

    json_object_object_add(opts, "qom-type",
                           json_object_new_string("memory-backend-ram"));
    json_object_object_add(opts, "id", json_object_new_string(id));
    json_object_object_add(opts, "size", json_object_new_int64(RAM_BYTES));
    ok = object_add_json(vm, opts, errp);
    json_object_put(opts);
    return ok;
}

static void test_ram_is_backend(void)
{
    VM *vm = hw_double_new(RAM_BYTES);
    Object *backend = object_resolve_path(vm, "/objects/ram");
    Error *err = NULL;

    g_assert_nonnull(backend);
    g_assert_true(backend->klass == &memory_backend_ram_class);
    g_assert_cmpuint(memory_backend_size_bytes(backend), ==, RAM_BYTES);
    g_assert_true(vm->machine->ram == ram_block_by_id(vm, "ram"));
    g_assert_true(vm->machine->ram->opaque == backend);
    g_assert_true(
        IS_ALIGNED((uintptr_t)vm->machine->ram->host, 2 * MiB));
    g_assert_false(object_store_del(vm, "ram", NULL));
    g_assert_false(add_backend(vm, "ram", &err));
    assert_text(err, "attempt to add duplicate property 'ram' to object "
                     "(type 'container')");
    hw_double_free(vm);
}

static void test_ram_name_taken(void)
{
    VM *vm = machine_of_type("none");
    Error *err = NULL;

    g_assert_true(add_backend(vm, "ram", NULL));
    g_assert_false(machine_init(vm, &err));
    assert_text(err, "object's id 'ram' is reserved for the default RAM "
                     "backend, it can't be used for any other purposes");
    hw_double_free(vm);
}

static void test_ram_named(void)
{
    VM *vm = machine_of_type("none");

    g_assert_true(add_backend(vm, "ram", NULL));
    g_assert_true(object_set_str(&vm->machine->parent, "memory-backend",
                                 "ram", NULL));
    g_assert_true(machine_init(vm, NULL));
    g_assert_cmpstr(vm->machine->ram->id, ==, "ram");
    hw_double_free(vm);
}

static void test_ram_file(void)
{
    g_autofree char *dir = g_dir_make_tmp("test-machine-XXXXXX", NULL);
    VM *vm = machine_of_type("none");
    Error *err = NULL;

    vm->machine->mem_path = g_strdup(dir);
    vm->machine->mem_prealloc = true;
    g_assert_true(machine_init(vm, NULL));
    g_assert_true(object_by_id(vm, "ram")->klass == &memory_backend_file_class);
    g_assert_cmpint(vm->machine->ram->fd, >=, 0);
    hw_double_free(vm);

    vm = machine_of_type("none");
    vm->machine->mem_prealloc = true;
    vm->machine->memory_backend = g_strdup("other");
    g_assert_false(machine_init(vm, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "memory-backend=ID"));
    error_free(err);
    hw_double_free(vm);
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static unsigned read_cmos16(VM *vm, uint8_t at)
{
    unsigned value;

    ioport_write(vm, 0x70, at, 1);
    value = ioport_read(vm, 0x71, 1);
    ioport_write(vm, 0x70, at + 1, 1);
    return value | ioport_read(vm, 0x71, 1) << 8;
}

/* Where a board has RAM, which must be where stock's has it. */
static void test_ram_layout(void)
{
    static const struct {
        const char *type;
        uint64_t ram_bytes, low_bytes;
    } cases[] = {
        {"microvm", 64 * MiB, 64 * MiB},
        {"microvm", 3 * GiB, 3 * GiB},
        {"microvm", 3 * GiB + MiB, 3 * GiB},
        {"q35", 2815 * MiB, 2815 * MiB},
        {"q35", 2816 * MiB, 2 * GiB},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        VM *vm = machine_of_type(cases[i].type);
        struct json_object *spec = json_object_new_object();
        const MemoryRange *low, *high;

        json_object_object_add(spec, "accel",
                               json_object_new_string("x86emu"));
        g_assert_true(accel_select(vm, &spec, 1, NULL));
        json_object_put(spec);
        vm->ram_size_bytes = cases[i].ram_bytes;
        vm->smp_cpus = 1;
        g_assert_true(machine_init(vm, NULL));
        low = memory_find(vm, cases[i].low_bytes - 1);
        g_assert_true(low && low->block == vm->machine->ram);
        low = memory_find(vm, cases[i].low_bytes);
        g_assert_true(!low || low->block != vm->machine->ram);
        high = memory_find(vm, 4 * GiB);
        if (cases[i].low_bytes == cases[i].ram_bytes) {
            g_assert_null(high);
        } else {
            g_assert_true(high && high->block == vm->machine->ram);
            g_assert_cmphex(high->offset, ==, cases[i].low_bytes);
        }
        /* What the firmware reads: 64 KiB units above 16 MiB, 4 GiB. */
        g_assert_cmpuint(read_cmos16(vm, 0x34), ==,
                         (cases[i].low_bytes - 16 * MiB) / (64 * KiB));
        g_assert_cmpuint(read_cmos16(vm, 0x5b), ==,
                         (cases[i].ram_bytes - cases[i].low_bytes) /
                         (64 * KiB));
        hw_double_free(vm);
    }
}

static void free_migration(VM *vm, void *opaque)
{
    g_assert_null(vm->devices); /* they took their sections out */
    migration_free(vm);
}

/* What was built goes with the VM, devices first; for leak checkers. */
static void test_freed_with_vm(void)
{
    VM *vm = machine_of_type("none");

    vm_on_free(vm, free_migration, NULL);
    g_assert_true(machine_init(vm, NULL));
    hw_double_add(vm, &serial_isa_class, NULL);
    bql_unlock(vm);
    migration_shutdown(vm);
    vm_free(vm);
}

/* --- Serial ports --------------------------------------------------------- */

static void count_serial(DeviceState *dev, void *opaque)
{
    struct json_object *index;

    g_assert_true(device_get_class(dev) == &serial_isa_class);
    g_assert_true(object_get(&dev->parent, "index", &index, NULL));
    g_string_append(opaque, json_object_get_string(index));
    json_object_put(index);
}

/* @specs by commas; which ports a board with @ports of them then has. */
static void check_serials(const char *specs, bool nodefaults, unsigned ports,
                          const char *want)
{
    g_auto(GStrv) words = g_strsplit(specs, ",", -1);
    g_autoptr(GString) got = g_string_new(NULL);
    VM *vm = hw_double_new(RAM_BYTES);

    vm->nodefaults = nodefaults;
    for (char **word = words; *word; word++) {
        g_assert_true(machine_add_serial(vm, *word, NULL));
    }
    g_assert_true(machine_create_serials(vm->machine, ports, NULL));
    device_tree_foreach(vm, count_serial, got);
    g_assert_cmpstr(got->str, ==, want);
    hw_double_free(vm);
}

static void test_serials(void)
{
    check_serials("", false, 4, "0");
    check_serials("", true, 4, "");
    check_serials("null", true, 4, "0");
    check_serials("none", false, 4, "");
    check_serials("none,null", false, 4, "1");
    check_serials("none,null", false, 1, "");
    check_serials("null,null", true, 1, "0");
    check_serials("null,none,null,null", true, 4, "023");
}

/* --- Object tree ---------------------------------------------------------- */

static void check_type(VM *vm, const char *path, const char *want)
{
    QmpContext ctx = {.vm = vm};
    QmpQomGetArgs args = {.path = (char *)path, .property = (char *)"type"};
    g_autofree char *missing = g_strdup_printf("Device '%s' not found", path);
    Error *err = NULL;
    struct json_object *value = qmp_qom_get(&ctx, &args, &err);

    if (want) {
        g_assert_nonnull(value);
        g_assert_cmpstr(json_object_get_string(value), ==, want);
        json_object_put(value);
    } else {
        g_assert_null(value);
        assert_text(err, missing);
    }
}

static void test_qom_paths(void)
{
    VM *vm = hw_double_new(RAM_BYTES);

    check_type(vm, "machine", "none-machine");
    check_type(vm, "/machine", "none-machine");
    check_type(vm, "/machine/", "none-machine");
    check_type(vm, "/", "container");
    check_type(vm, "objects", "container");
    check_type(vm, "unattached", "container");
    check_type(vm, "ram", "memory-backend-ram");
    check_type(vm, "", NULL);
    check_type(vm, "/unattached", NULL);
    hw_double_free(vm);
}

/* --- Saving memory -------------------------------------------------------- */

typedef struct SaveCase {
    uint64_t addr;
    uint64_t size_bytes;
    bool ok;
} SaveCase;

static void test_pmemsave(void)
{
    static const SaveCase cases[] = {
        {0, RAM_BYTES, true},
        {RAM_BYTES - 1, 1, true},
        {4096, 0, true},
        {0, RAM_BYTES + 1, false},
        {RAM_BYTES, 1, false},
        {RAM_BYTES - 1, 2, false},
        {UINT64_MAX - 4095, 4096, false},
        {UINT64_MAX, 2, false},
        {4096, UINT64_MAX, false},
        {0, UINT64_MAX, false},
    };
    g_autofree char *dir = g_dir_make_tmp("test-machine-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "memory", NULL);
    VM *vm = hw_double_new(RAM_BYTES);
    QmpContext ctx = {.vm = vm};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const SaveCase *c = &cases[i];
        QmpPmemsaveArgs args = {
            .val = c->addr, .size = c->size_bytes, .filename = path};
        g_autofree char *text = g_strdup_printf(
            "Invalid addr 0x%016" PRIx64 "/size %" PRIu64 " specified",
            c->addr, c->size_bytes);
        Error *err = NULL;
        GStatBuf st;

        g_assert_cmpint(qmp_pmemsave(&ctx, &args, &err), ==, c->ok);
        if (c->ok) {
            g_assert_cmpint(g_stat(path, &st), ==, 0);
            g_assert_cmpuint(st.st_size, ==, c->size_bytes);
            g_assert_cmpint(g_unlink(path), ==, 0);
        } else {
            assert_text(err, text);
            g_assert_cmpint(g_stat(path, &st), ==, -1);
        }
    }
    hw_double_free(vm);
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

/*
 * Where a write may wait for somebody, nothing is saved: neither to a pipe
 * nobody reads, nor to one that somebody opened and never reads.
 */
static void test_pmemsave_pipe(void)
{
    g_autofree char *dir = g_dir_make_tmp("test-machine-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "pipe", NULL);
    VM *vm = hw_double_new(RAM_BYTES);
    QmpContext ctx = { .vm = vm };
    QmpPmemsaveArgs args = { .val = 0, .size = RAM_BYTES, .filename = path };
    int64_t id = 3;
    int fds[2];

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    for (int i = 0; i < 3; i++) {
        int reader = i ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
        Error *err = NULL;

        if (i == 2) {
            g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
            fdset_add(vm->fdsets, &id, fds[1], NULL);
            args.filename = (char *)"/dev/fdset/3";
        }
        g_assert_false(qmp_pmemsave(&ctx, &args, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), args.filename));
        g_assert_nonnull(strstr(error_get_pretty(err),
                                "not a regular file"));
        error_free(err);
        if (reader >= 0) {
            close(reader);
        }
    }
    close(fds[0]);
    hw_double_free(vm);
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/ram/is-backend", test_ram_is_backend);
    g_test_add_func("/machine/ram/name-taken", test_ram_name_taken);
    g_test_add_func("/machine/ram/named", test_ram_named);
    g_test_add_func("/machine/ram/file", test_ram_file);
    g_test_add_func("/machine/ram/layout", test_ram_layout);
    g_test_add_func("/machine/freed-with-vm", test_freed_with_vm);
    g_test_add_func("/machine/serials", test_serials);
    g_test_add_func("/machine/qom-paths", test_qom_paths);
    g_test_add_func("/machine/pmemsave", test_pmemsave);
    g_test_add_func("/machine/pmemsave-pipe", test_pmemsave_pipe);
    return g_test_run();
}
