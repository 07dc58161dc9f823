/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Choosing the accelerator. Main thread, BQL. */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include "system/accel.h"
#include "system/clock.h"

static const AccelOps *accel_by_name(const char *name)
{
    for (size_t i = 0; accel_table[i]; i++) {
        const AccelOps *ops = accel_table[i];

        if (!strcmp(ops->name, name) ||
            (ops->alias && !strcmp(ops->alias, name))) {
            return ops;
        }
    }
    return NULL;
}

static bool accel_try(VM *vm, const AccelOps *ops, struct json_object *props,
                      Error **errp)
{
    Accel *accel = g_new0(Accel, 1);

    accel->ops = ops;
    accel->vm = vm;
    if (!ops->init(accel, props, errp)) {
        g_free(accel);
        return false;
    }
    vm->accel = accel;
    clock_set_manual(vm, ops->manual_clock);
    return true;
}

/* The options but for the accelerator's name; a new reference. */
static struct json_object *accel_props(struct json_object *spec)
{
    struct json_object *props = json_object_new_object();

    json_object_object_foreach(spec, key, value)
    {
        if (strcmp(key, "accel")) {
            json_object_object_add(props, key, json_object_get(value));
        }
    }
    return props;
}

static bool accel_try_spec(VM *vm, struct json_object *spec, GString *why)
{
    struct json_object *name_obj = NULL;
    struct json_object *props;
    const AccelOps *ops;
    const char *name;
    Error *err = NULL;
    bool ok = false;

    json_object_object_get_ex(spec, "accel", &name_obj);
    name = json_object_get_string(name_obj);
    ops = name ? accel_by_name(name) : NULL;
    if (ops) {
        props = accel_props(spec);
        ok = accel_try(vm, ops, props, &err);
        json_object_put(props);
    } else {
        error_setg(&err, "invalid accelerator");
    }
    if (!ok) {
        g_string_append_printf(why, "%s%s: %s", why->len ? "; " : "",
                               name ? name : "no name", error_get_pretty(err));
        error_free(err);
    }
    return ok;
}

static void accel_free_with_vm(VM *vm, void *opaque)
{
    accel_free(vm);
}

bool accel_select(VM *vm, struct json_object *const *specs, size_t count,
                  Error **errp)
{
    g_autoptr(GString) why = g_string_new(NULL);

    g_assert(!vm->accel);
    for (size_t i = 0; i < count; i++) {
        if (accel_try_spec(vm, specs[i], why)) {
            vm_on_free(vm, accel_free_with_vm, NULL);
            return true;
        }
    }
    error_setg(errp, "no accelerator can be used: %s",
               count ? why->str : "none was named");
    error_append_hint(errp, "Known ones:");
    for (size_t i = 0; accel_table[i]; i++) {
        error_append_hint(errp, " %s", accel_table[i]->name);
    }
    error_append_hint(errp, "\n");
    return false;
}

void accel_free(VM *vm)
{
    Accel *accel = vm->accel;

    if (accel) {
        vm->accel = NULL;
        if (accel->ops->cleanup) {
            accel->ops->cleanup(accel);
        }
        g_free(accel);
    }
}
