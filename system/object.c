/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects and their properties: typed values at offsets. Main thread, BQL. */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include "qemu/cutils.h"
#include "system-internal.h"

/* OnOffAuto in the order of its QAPI enum. */
static const char *const on_off_auto[] = {"auto", "on", "off"};

bool object_class_is(const ObjectClass *klass, const char *ancestor)
{
    for (; klass; klass = klass->parent) {
        if (!strcmp(klass->name, ancestor)) {
            return true;
        }
    }
    return false;
}

const Property *object_class_find_property(const ObjectClass *klass,
                                           const char *name)
{
    for (; klass; klass = klass->parent) {
        for (const Property *p = klass->props; p && p->name; p++) {
            if (!strcmp(p->name, name)) {
                return p;
            }
        }
    }
    return NULL;
}

static void *field(const Object *obj, const Property *prop)
{
    return (char *)obj + prop->offset;
}

/* --- Writing ------------------------------------------------------------ */

static bool store_unsigned(Object *obj, const Property *prop, uint64_t value,
                           Error **errp)
{
    static const uint64_t max[] = {
        [PROP_UINT8] = UINT8_MAX,
        [PROP_UINT16] = UINT16_MAX,
        [PROP_UINT32] = UINT32_MAX,
        [PROP_INT32] = INT32_MAX,
    };
    void *at = field(obj, prop);

    if (prop->nonzero && !value) {
        error_setg(errp, "it must be more than 0");
        return false;
    }
    if (prop->type < ARRAY_SIZE(max) && max[prop->type] &&
        value > max[prop->type]) {
        error_setg(errp, "%" PRIu64 " is more than %" PRIu64, value,
                   max[prop->type]);
        return false;
    }
    switch (prop->type) {
    case PROP_UINT8:
        *(uint8_t *)at = (uint8_t)value;
        return true;
    case PROP_UINT16:
        *(uint16_t *)at = (uint16_t)value;
        return true;
    case PROP_UINT32:
        *(uint32_t *)at = (uint32_t)value;
        return true;
    case PROP_INT32:
        *(int32_t *)at = (int32_t)value;
        return true;
    case PROP_UINT64:
    case PROP_SIZE:
        *(uint64_t *)at = value;
        return true;
    default:
        error_setg(errp, "a number does not fit");
        return false;
    }
}

static bool store_on_off_auto(Object *obj, const Property *prop,
                              const char *text, Error **errp)
{
    for (int i = 0; i < (int)ARRAY_SIZE(on_off_auto); i++) {
        if (!strcmp(on_off_auto[i], text)) {
            *(int *)field(obj, prop) = i;
            return true;
        }
    }
    error_setg(errp, "'%s' is none of on, off and auto", text);
    return false;
}

static bool store_int32(Object *obj, const Property *prop, const char *text,
                        Error **errp)
{
    uint64_t value;

    if (text[0] != '-') {
        return qemu_strtou64(text, &value, errp) &&
               store_unsigned(obj, prop, value, errp);
    }
    if (!qemu_strtou64(text + 1, &value, errp)) {
        return false;
    }
    if (value > 1ULL + INT32_MAX) {
        error_setg(errp, "%s is less than %d", text, INT32_MIN);
        return false;
    }
    *(int32_t *)field(obj, prop) = (int32_t)-(int64_t)value;
    return true;
}

static bool store_text(Object *obj, const Property *prop, const char *text,
                       Error **errp)
{
    uint64_t value;
    char **str;

    switch (prop->type) {
    case PROP_BOOL:
        return qemu_parse_bool(prop->name, text, field(obj, prop), errp);
    case PROP_STR:
        str = field(obj, prop);
        g_free(*str);
        *str = g_strdup(text);
        return true;
    case PROP_ONOFFAUTO:
        return store_on_off_auto(obj, prop, text, errp);
    case PROP_INT32:
        return store_int32(obj, prop, text, errp);
    case PROP_SIZE:
        return qemu_strtosz(text, &value, errp) &&
               store_unsigned(obj, prop, value, errp);
    default:
        return qemu_strtou64(text, &value, errp) &&
               store_unsigned(obj, prop, value, errp);
    }
}

static const Property *find_property(const Object *obj, const char *name,
                                     Error **errp)
{
    const Property *prop = object_class_find_property(obj->klass, name);

    if (!prop) {
        error_setg(errp, "Property '%s.%s' not found", obj->klass->name, name);
    }
    return prop;
}

bool object_set_str(Object *obj, const char *name, const char *value,
                    Error **errp)
{
    const Property *prop = find_property(obj, name, errp);

    if (!prop) {
        return false;
    }
    if (!store_text(obj, prop, value, errp)) {
        error_prepend(errp, "property '%s.%s' does not take '%s': ",
                      obj->klass->name, name, value);
        return false;
    }
    return true;
}

bool object_set_json(Object *obj, const char *name, struct json_object *value,
                     Error **errp)
{
    const Property *prop = find_property(obj, name, errp);

    if (!prop) {
        return false;
    }
    switch (json_object_get_type(value)) {
    case json_type_string:
        return object_set_str(obj, name, json_object_get_string(value), errp);
    case json_type_boolean:
        if (prop->type == PROP_BOOL) {
            *(bool *)field(obj, prop) = json_object_get_boolean(value);
            return true;
        }
        break;
    case json_type_int:
        if (prop->type != PROP_BOOL && prop->type != PROP_STR &&
            prop->type != PROP_ONOFFAUTO) {
            return object_set_str(obj, name, json_object_get_string(value),
                                  errp);
        }
        break;
    default:
        break;
    }
    error_setg(errp, "property '%s.%s' does not take a JSON %s",
               obj->klass->name, name,
               json_type_to_name(json_object_get_type(value)));
    return false;
}

/* --- Reading ------------------------------------------------------------ */

static struct json_object *load_json(const Object *obj, const Property *prop)
{
    const void *at = field(obj, prop);

    switch (prop->type) {
    case PROP_BOOL:
        return json_object_new_boolean(*(const bool *)at);
    case PROP_UINT8:
        return json_object_new_int(*(const uint8_t *)at);
    case PROP_UINT16:
        return json_object_new_int(*(const uint16_t *)at);
    case PROP_UINT32:
        return json_object_new_int64(*(const uint32_t *)at);
    case PROP_INT32:
        return json_object_new_int(*(const int32_t *)at);
    case PROP_UINT64:
    case PROP_SIZE:
        return json_object_new_uint64(*(const uint64_t *)at);
    case PROP_ONOFFAUTO:
        return json_object_new_string(on_off_auto[*(const int *)at]);
    case PROP_STR:
        break;
    }
    return json_object_new_string(*(char *const *)at ? *(char *const *)at
                                                     : "");
}

bool object_get(Object *obj, const char *name, struct json_object **value,
                Error **errp)
{
    const Property *prop = object_class_find_property(obj->klass, name);

    if (prop) {
        *value = load_json(obj, prop);
        return true;
    }
    if (!strcmp(name, "type")) {
        *value = json_object_new_string(obj->klass->name);
        return true;
    }
    for (const ObjectClass *k = obj->klass; k; k = k->parent) {
        if (k->get && k->get(obj, name, value)) {
            return true;
        }
    }
    error_setg(errp, "Property '%s.%s' not found", obj->klass->name, name);
    return false;
}

/* --- Life --------------------------------------------------------------- */

static bool set_defaults(Object *obj, const ObjectClass *klass, Error **errp)
{
    if (klass->parent && !set_defaults(obj, klass->parent, errp)) {
        return false;
    }
    for (const Property *p = klass->props; p && p->name; p++) {
        if (p->def && !store_text(obj, p, p->def, errp)) {
            error_prepend(errp, "default of '%s.%s': ", klass->name, p->name);
            return false;
        }
    }
    return true;
}

static bool set_global(const GlobalProp *prop, void *opaque, Error **errp)
{
    return object_set_str(opaque, prop->property, prop->value, errp);
}

static bool set_globals(Object *obj, const ObjectClass *klass, Error **errp)
{
    if (klass->parent && !set_globals(obj, klass->parent, errp)) {
        return false;
    }
    return globals_apply(obj->vm, klass->name, set_global, obj, errp);
}

Object *object_new(VM *vm, const ObjectClass *klass, const char *id,
                   Error **errp)
{
    Object *obj;
    size_t size = 0;

    for (const ObjectClass *k = klass; k; k = k->parent) {
        size = MAX(size, k->instance_size);
    }
    g_assert(!klass->abstract && size >= sizeof(Object));
    obj = g_malloc0(size);
    obj->klass = klass;
    obj->id = g_strdup(id);
    obj->vm = vm;
    if (!set_defaults(obj, klass, errp) || !set_globals(obj, klass, errp)) {
        object_free(obj);
        return NULL;
    }
    return obj;
}

bool object_complete(Object *obj, Error **errp)
{
    for (const ObjectClass *k = obj->klass; k; k = k->parent) {
        if (k->complete) {
            return k->complete(obj, obj->vm, errp);
        }
    }
    return true;
}

void object_free(Object *obj)
{
    if (!obj) {
        return;
    }
    object_store_forget(obj->vm, obj);
    for (const ObjectClass *k = obj->klass; k; k = k->parent) {
        if (k->finalize) {
            k->finalize(obj);
        }
    }
    for (const ObjectClass *k = obj->klass; k; k = k->parent) {
        for (const Property *p = k->props; p && p->name; p++) {
            if (p->type == PROP_STR) {
                char **str = field(obj, p);

                g_clear_pointer(str, g_free);
            }
        }
    }
    g_free(obj->id);
    g_free(obj);
}
