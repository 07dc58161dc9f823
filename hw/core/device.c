/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device table of a machine: creation, reset in order of creation, end in
 * reverse. BQL for everything.
 */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include "hw/core/device.h"
#include "migration/register.h"

struct DeviceTree {
    GPtrArray *devices; /* of DeviceState * */
};

const ObjectClass device_class = {
    .name = "device",
    .abstract = true,
    .instance_size = sizeof(DeviceState),
    .description = "what a machine is made of",
};

static const DeviceClass *device_class_of(const ObjectClass *klass)
{
    return container_of(klass, DeviceClass, parent);
}

const DeviceClass *device_class_by_name(const char *name)
{
    const ObjectClass *klass = object_class_by_name(name);

    if (!klass || klass->abstract || !object_class_is(klass, "device")) {
        return NULL;
    }
    return device_class_of(klass);
}

const DeviceClass *device_get_class(const DeviceState *dev)
{
    return device_class_of(dev->parent.klass);
}

DeviceState *device_new(VM *vm, const DeviceClass *klass, const char *id,
                        Error **errp)
{
    Object *obj = object_new(vm, &klass->parent, id, errp);
    DeviceState *dev;

    if (!obj) {
        return NULL;
    }
    dev = container_of(obj, DeviceState, parent);
    dev->instance_id = VMSTATE_INSTANCE_ID_ANY;
    return dev;
}

static void *device_vmstate(DeviceState *dev)
{
    return (char *)dev + device_get_class(dev)->vmsd_offset;
}

/* Where the device shows under /machine. */
static const char *device_folder(const DeviceState *dev)
{
    if (!dev->user_created) {
        return "/machine/unattached";
    }
    return dev->parent.id ? "/machine/peripheral" : "/machine/peripheral-anon";
}

bool device_realize(DeviceState *dev, Error **errp)
{
    const DeviceClass *klass = device_get_class(dev);
    VM *vm = dev->parent.vm;

    if (klass->realize && !klass->realize(dev, errp)) {
        object_free(&dev->parent);
        return false;
    }
    if (klass->vmsd && !vmstate_register(vm, dev->path, dev->instance_id,
                                         klass->vmsd, device_vmstate(dev),
                                         errp)) {
        goto fail_realized;
    }
    if (!object_store_add(vm, device_folder(dev), &dev->parent, errp)) {
        if (klass->vmsd) {
            vmstate_unregister(vm, klass->vmsd, device_vmstate(dev));
        }
        goto fail_realized;
    }
    g_ptr_array_add(vm->devices->devices, dev);
    if (klass->reset) {
        klass->reset(dev);
    }
    dev->realized = true;
    return true;

fail_realized:
    if (klass->unrealize) {
        klass->unrealize(dev);
    }
    object_free(&dev->parent);
    return false;
}

DeviceState *device_create(VM *vm, const DeviceClass *klass,
                           const DeviceProp *props, Error **errp)
{
    DeviceState *dev = device_new(vm, klass, NULL, errp);

    if (!dev) {
        return NULL;
    }
    for (; props && props->name; props++) {
        if (!object_set_str(&dev->parent, props->name, props->value, errp)) {
            object_free(&dev->parent);
            return NULL;
        }
    }
    return device_realize(dev, errp) ? dev : NULL;
}

static bool device_set_props(DeviceState *dev, struct json_object *opts,
                             Error **errp)
{
    json_object_object_foreach(opts, name, value)
    {
        if (!strcmp(name, "driver") || !strcmp(name, "id")) {
            continue;
        }
        if (json_object_is_type(value, json_type_object) ||
            json_object_is_type(value, json_type_array)) {
            error_setg(errp, "Property '%s.%s' takes a plain value",
                       dev->parent.klass->name, name);
            return false;
        }
        if (!object_set_str(&dev->parent, name,
                            json_object_get_string(value), errp)) {
            return false;
        }
    }
    return true;
}

bool device_add(VM *vm, struct json_object *opts, Error **errp)
{
    struct json_object *value;
    const char *driver;
    const char *id = NULL;
    const DeviceClass *klass;
    DeviceState *dev;

    if (!json_object_object_get_ex(opts, "driver", &value)) {
        error_setg(errp, "Parameter 'driver' is missing");
        return false;
    }
    driver = json_object_get_string(value);
    klass = device_class_by_name(driver);
    if (!klass) {
        error_setg(errp, "'%s' is not a valid device model name", driver);
        return false;
    }
    if (!klass->user_creatable) {
        error_setg(errp, "Device '%s' is part of a board and can not be "
                   "added with -device", driver);
        return false;
    }
    if (json_object_object_get_ex(opts, "id", &value)) {
        id = json_object_get_string(value);
    }
    dev = device_new(vm, klass, id, errp);
    if (!dev) {
        return false;
    }
    dev->user_created = true;
    if (!device_set_props(dev, opts, errp)) {
        object_free(&dev->parent);
        return false;
    }
    return device_realize(dev, errp);
}

DeviceTree *device_tree_new(void)
{
    DeviceTree *tree = g_new0(DeviceTree, 1);

    tree->devices = g_ptr_array_new();
    return tree;
}

void device_tree_free(VM *vm)
{
    DeviceTree *tree = vm->devices;

    if (!tree) {
        return;
    }
    for (guint i = tree->devices->len; i > 0; i--) {
        DeviceState *dev = g_ptr_array_index(tree->devices, i - 1);
        const DeviceClass *klass = device_get_class(dev);

        if (klass->vmsd) {
            vmstate_unregister(vm, klass->vmsd, device_vmstate(dev));
        }
        if (klass->unrealize) {
            klass->unrealize(dev);
        }
        dev->realized = false;
        object_free(&dev->parent);
    }
    g_ptr_array_free(tree->devices, TRUE);
    g_free(tree);
    vm->devices = NULL;
}

void device_tree_reset(VM *vm)
{
    for (guint i = 0; i < vm->devices->devices->len; i++) {
        DeviceState *dev = g_ptr_array_index(vm->devices->devices, i);
        const DeviceClass *klass = device_get_class(dev);

        if (klass->reset) {
            klass->reset(dev);
        }
    }
}

void device_tree_foreach(VM *vm, void (*fn)(DeviceState *dev, void *opaque),
                         void *opaque)
{
    for (guint i = 0; i < vm->devices->devices->len; i++) {
        fn(g_ptr_array_index(vm->devices->devices, i), opaque);
    }
}
