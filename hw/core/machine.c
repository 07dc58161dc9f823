/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine of a VM, in the three steps of boards.h: its properties, its
 * RAM, and handing over to the board. BQL.
 */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include <sys/mman.h>
#include "chardev/char.h"
#include "hw/block/drive.h"
#include "hw/core/boards.h"
#include "hw/core/device-classes.h"
#include "hw/core/loader.h"
#include "migration/register.h"
#include "system/accel.h"
#include "system/hostmem.h"
#include "system/runstate.h"

static const Property machine_base_props[] = {
    { "memory-backend", PROP_STR, offsetof(Machine, memory_backend), NULL,
      "id of the memory-backend-* that is the guest's RAM" },
    { "kernel", PROP_STR, offsetof(Machine, boot.kernel_path), NULL,
      "kernel image" },
    { "initrd", PROP_STR, offsetof(Machine, boot.initrd_path), NULL,
      "initial RAM disk for the kernel" },
    { "append", PROP_STR, offsetof(Machine, boot.cmdline), NULL,
      "command line for the kernel" },
    { "firmware", PROP_STR, offsetof(Machine, boot.firmware_path), NULL,
      "firmware image" },
    { "dump-guest-core", PROP_BOOL, offsetof(Machine, dump_guest_core), "on",
      "whether core dumps of the process hold guest memory" },
    { 0 },
};

const ObjectClass machine_base_class = {
    .name = "machine",
    .abstract = true,
    .instance_size = sizeof(Machine),
    .props = machine_base_props,
    .description = "a whole machine",
};

const MachineClass *machine_class_by_name(const char *name)
{
    for (size_t i = 0; machine_class_table[i]; i++) {
        const MachineClass *klass = machine_class_table[i];

        if (!strcmp(klass->name, name) ||
            (klass->alias && !strcmp(klass->alias, name))) {
            return klass;
        }
    }
    return NULL;
}

const MachineClass *machine_class_default(void)
{
    for (size_t i = 0; machine_class_table[i]; i++) {
        if (machine_class_table[i]->is_default) {
            return machine_class_table[i];
        }
    }
    return NULL;
}

const MachineClass *machine_get_class(const Machine *machine)
{
    return container_of(machine->parent.klass, MachineClass, parent);
}

static const MachineClass *machine_class_from_opts(struct json_object *opts,
                                                   Error **errp)
{
    struct json_object *type;
    const MachineClass *klass;

    if (!opts || !json_object_object_get_ex(opts, "type", &type)) {
        klass = machine_class_default();
        if (!klass) {
            error_setg(errp, "No machine specified, and there is no default; "
                       "use -machine help to list supported machines");
        }
        return klass;
    }
    klass = machine_class_by_name(json_object_get_string(type));
    if (!klass) {
        error_setg(errp, "unsupported machine type: \"%s\"",
                   json_object_get_string(type));
        error_append_hint(errp, "Use -machine help to list supported "
                          "machines");
    }
    return klass;
}

static bool machine_set_props(Machine *machine, struct json_object *opts,
                              Error **errp)
{
    if (!opts) {
        return true;
    }
    json_object_object_foreach(opts, name, value)
    {
        if (!strcmp(name, "type")) {
            continue;
        }
        if (!json_object_is_type(value, json_type_string)) {
            error_setg(errp, "Property '%s.%s' takes a plain value",
                       machine->parent.klass->name, name);
            return false;
        }
        if (!object_set_str(&machine->parent, name,
                            json_object_get_string(value), errp)) {
            return false;
        }
    }
    return true;
}

static void machine_destroy(VM *vm)
{
    Machine *machine = vm->machine;

    vm->machine = NULL;
    rom_list_free(machine->roms);
    g_ptr_array_free(machine->drives, TRUE);
    g_free(machine->board);
    g_free(machine->mem_path);
    object_free(&machine->parent);
}

static void machine_free_with_vm(VM *vm, void *opaque)
{
    machine_free(vm);
}

bool machine_create(VM *vm, struct json_object *opts, Error **errp)
{
    const MachineClass *klass = machine_class_from_opts(opts, errp);
    Machine *machine;
    Object *obj;

    if (!klass) {
        return false;
    }
    if (klass->compat_props) {
        globals_add_compat(vm, klass->compat_props);
    }
    obj = object_new(vm, &klass->parent, "machine", errp);
    if (!obj) {
        return false;
    }
    machine = container_of(obj, Machine, parent);
    machine->roms = rom_list_new();
    machine->drives = g_ptr_array_new_with_free_func(drive_free);
    vm->machine = machine;
    vm_on_free(vm, machine_free_with_vm, NULL);
    if (!machine_set_props(machine, opts, errp)) {
        machine_destroy(vm);
        return false;
    }
    vm->devices = vm->devices ? vm->devices : device_tree_new();
    return true;
}

static bool machine_find_backend(VM *vm, Object **backend, Error **errp)
{
    const char *id = vm->machine->memory_backend;
    uint64_t size_bytes;

    if (vm->machine->mem_path || vm->machine->mem_prealloc) {
        error_setg(errp, "-mem-path and -mem-prealloc do not go together with "
                   "-machine memory-backend=ID: set the backend's properties");
        return false;
    }
    *backend = object_by_id(vm, id);
    if (!*backend || !object_class_is((*backend)->klass, "memory-backend")) {
        error_setg(errp, "Memory backend '%s' not found", id);
        return false;
    }
    size_bytes = memory_backend_size_bytes(*backend);
    if (vm->ram_size_bytes && vm->ram_size_bytes != size_bytes) {
        error_setg(errp, "Machine memory size (-m: %" PRIu64 " bytes) "
                   "does not match the size of memory backend '%s' (%"
                   PRIu64 " bytes); leave -m out",
                   vm->ram_size_bytes, id, size_bytes);
        return false;
    }
    vm->ram_size_bytes = size_bytes;
    return true;
}

static bool machine_set_backend_props(const Machine *machine, Object *backend,
                                      Error **errp)
{
    g_autofree char *size =
        g_strdup_printf("%" PRIu64, backend->vm->ram_size_bytes);

    return object_set_str(backend, "size", size, errp) &&
           (!machine->mem_path ||
            object_set_str(backend, "mem-path", machine->mem_path, errp)) &&
           (!machine->mem_prealloc ||
            object_set_str(backend, "prealloc", "on", errp));
}

/* An object of the RAM's name; *@backend stays NULL if there is no RAM. */
static bool machine_create_backend(VM *vm, Object **backend, Error **errp)
{
    const Machine *machine = vm->machine;
    const MachineClass *klass = machine_get_class(machine);
    const char *id = klass->default_ram_id;
    g_autofree char *path = g_strconcat("/objects/", id, NULL);
    Object *obj;

    if (object_resolve_path(vm, path)) {
        error_setg(errp, "object's id '%s' is reserved for the default RAM "
                   "backend, it can't be used for any other purposes", id);
        error_append_hint(errp, "Take another id, or make it the RAM with "
                          "-machine memory-backend=%s.\n", id);
        return false;
    }
    if (!vm->ram_size_bytes) {
        vm->ram_size_bytes = klass->default_ram_bytes;
    }
    if (!vm->ram_size_bytes) {
        return true;
    }
    vm->ram_size_bytes = ROUND_UP(vm->ram_size_bytes, TARGET_PAGE_SIZE);
    obj = object_new(vm, machine->mem_path ? &memory_backend_file_class
                                           : &memory_backend_ram_class,
                     id, errp);
    if (!obj) {
        return false;
    }
    if (!machine_set_backend_props(machine, obj, errp) ||
        !object_complete(obj, errp) ||
        !object_store_add(vm, "/objects", obj, errp)) {
        error_prepend(errp, "RAM '%s': ", id);
        object_free(obj);
        return false;
    }
    *backend = obj;
    return true;
}

/* RAM is a memory backend: a named one, or one of -m's or the board's size. */
static bool machine_init_ram(VM *vm, Error **errp)
{
    Machine *machine = vm->machine;
    Object *backend = NULL;

    if (machine->memory_backend ? !machine_find_backend(vm, &backend, errp)
                                : !machine_create_backend(vm, &backend, errp)) {
        return false;
    }
    if (!backend) {
        return true;
    }
    machine->ram = memory_backend_take(backend, NULL, errp);
    if (!machine->ram) {
        return false;
    }
    if (!machine->dump_guest_core) {
        madvise(machine->ram->host, machine->ram->max_bytes, MADV_DONTDUMP);
    }
    return true;
}

/* Before the accelerator goes, which some of them belong to. */
static void machine_free_devices(VM *vm, void *opaque)
{
    device_tree_free(vm);
}

bool machine_init(VM *vm, Error **errp)
{
    const MachineClass *klass = machine_get_class(vm->machine);

    if (vm->smp_cpus > klass->max_cpus && klass->max_cpus) {
        error_setg(errp, "Invalid SMP CPUs %u. The max CPUs supported by "
                   "machine '%s' is %u", vm->smp_cpus, klass->name,
                   klass->max_cpus);
        return false;
    }
    if (vm->savevm) {
        savevm_set_machine_name(vm, klass->name);
    }
    vm_on_free(vm, machine_free_devices, NULL);
    return machine_init_ram(vm, errp) && klass->init(vm->machine, errp);
}

/* CPUs have a handler of their own; a board's says where to begin. */
static void machine_reset(void *opaque)
{
    VM *vm = opaque;

    device_tree_reset(vm);
    rom_list_write(vm);
}

bool machine_done(VM *vm, Error **errp)
{
    const MachineClass *klass = machine_get_class(vm->machine);

    vm_add_reset_handler(vm, machine_reset, vm);
    if (vm->accel && vm->accel->ops->memory_ready &&
        !vm->accel->ops->memory_ready(vm->accel, errp)) {
        return false;
    }
    if (klass->done && !klass->done(vm->machine, errp)) {
        return false;
    }
    return vm_system_reset(vm, SHUTDOWN_CAUSE_NONE, errp);
}

void machine_free(VM *vm)
{
    device_tree_free(vm);
    if (vm->machine) {
        machine_destroy(vm);
    }
}

bool machine_add_serial(VM *vm, const char *spec, Error **errp)
{
    Machine *machine = vm->machine;
    g_autofree char *id = g_strdup_printf("serial%u", machine->serial_count);

    if (machine->serial_count == MACHINE_MAX_SERIALS) {
        error_setg(errp, "There are only %d serial ports",
                   MACHINE_MAX_SERIALS);
        return false;
    }
    if (strcmp(spec, "none")) {
        Chardev *chr = chardev_new_from_spec(vm, id, spec, errp);

        if (!chr) {
            return false;
        }
        machine->serials[machine->serial_count] = chr;
    }
    machine->serial_count++;
    return true;
}

Chardev *machine_serial_chardev(VM *vm, unsigned n)
{
    return n < MACHINE_MAX_SERIALS ? vm->machine->serials[n] : NULL;
}

static bool machine_create_serial(Machine *machine, unsigned n, Error **errp)
{
    g_autofree char *index = g_strdup_printf("%u", n);
    const DeviceProp props[] = { { "index", index }, { NULL, NULL } };

    return device_create(machine->parent.vm, &serial_isa_class, props, errp);
}

bool machine_create_serials(Machine *machine, unsigned ports, Error **errp)
{
    if (!machine->serial_count) {
        return machine->parent.vm->nodefaults ||
               machine_create_serial(machine, 0, errp);
    }
    for (unsigned n = 0; n < MIN(ports, machine->serial_count); n++) {
        if (machine->serials[n] && !machine_create_serial(machine, n, errp)) {
            return false;
        }
    }
    return true;
}
