/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking up classes in the executable's table; -object. Main thread. */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include "qom/object.h"
#include "system/globals.h"

const ObjectClass *object_class_by_name(const char *name)
{
    for (size_t i = 0; object_class_table[i]; i++) {
        if (!strcmp(object_class_table[i]->name, name)) {
            return object_class_table[i];
        }
    }
    return NULL;
}

static bool is_class(const char *name)
{
    return object_class_by_name(name) || !strcmp(name, "migration");
}

bool globals_check_unused(VM *vm, Error **errp)
{
    globals_warn_unused(vm, is_class);
    return true;
}

static const char *get_text(struct json_object *opts, const char *key,
                            Error **errp)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(opts, key, &value);
    if (!json_object_is_type(value, json_type_string)) {
        error_setg(errp, "Parameter '%s' is missing", key);
        return NULL;
    }
    return json_object_get_string(value);
}

static bool set_properties(Object *obj, struct json_object *opts, Error **errp)
{
    json_object_object_foreach(opts, key, value)
    {
        if (!strcmp(key, "qom-type") || !strcmp(key, "id")) {
            continue;
        }
        if (!object_set_json(obj, key, value, errp)) {
            return false;
        }
    }
    return true;
}

bool object_add_json(VM *vm, struct json_object *opts, Error **errp)
{
    const char *type = get_text(opts, "qom-type", errp);
    const char *id = type ? get_text(opts, "id", errp) : NULL;
    const ObjectClass *klass;
    Object *obj;

    if (!id) {
        return false;
    }
    klass = object_class_by_name(type);
    if (!klass || klass->abstract ||
        !object_class_is(klass, "memory-backend")) {
        error_setg(errp, "invalid object type: %s", type);
        return false;
    }
    obj = object_new(vm, klass, id, errp);
    if (!obj) {
        return false;
    }
    if (!set_properties(obj, opts, errp) || !object_complete(obj, errp) ||
        !object_store_add(vm, "/objects", obj, errp)) {
        object_free(obj);
        return false;
    }
    return true;
}
