/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands on the object tree. Types come from three tables: objects and
 * devices, machines, accelerators. Main thread, BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/boards.h"
#include "qapi/qapi-commands-qom.h"
#include "qapi/qapi-types-error.h"
#include "system/accel.h"

/* --- Types -------------------------------------------------------------- */

typedef struct TypeQuery {
    const char *implements; /* NULL: all */
    bool abstract;
    GHashTable *seen;
    ObjectTypeInfoList **tail;
} TypeQuery;

static void add_type(TypeQuery *query, const char *name, const char *parent,
                     bool abstract)
{
    ObjectTypeInfo *info;

    if ((abstract && !query->abstract) ||
        !g_hash_table_add(query->seen, (void *)name)) {
        return;
    }
    info = g_new0(ObjectTypeInfo, 1);
    info->name = g_strdup(name);
    info->has_abstract = abstract;
    info->abstract = abstract;
    info->parent = g_strdup(parent);
    QAPI_LIST_APPEND(query->tail, info);
}

static bool implements(const TypeQuery *query, const ObjectClass *klass)
{
    return !query->implements || !strcmp(query->implements, "object") ||
           object_class_is(klass, query->implements);
}

/* @klass and what it is derived from. */
static void add_classes(TypeQuery *query, const ObjectClass *klass)
{
    for (; klass && implements(query, klass); klass = klass->parent) {
        add_type(query, klass->name,
                 klass->parent ? klass->parent->name : "object",
                 klass->abstract);
    }
}

static bool is_accel_query(const TypeQuery *query, const char *name)
{
    return !query->implements || !strcmp(query->implements, "object") ||
           !strcmp(query->implements, "accel") ||
           !strcmp(query->implements, name);
}

bool qmp_qom_list_types(QmpContext *ctx, const QmpQomListTypesArgs *args,
                        ObjectTypeInfoList **ret, Error **errp)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    TypeQuery query = {
        .implements = args->implements,
        .abstract = args->has_abstract && args->abstract,
        .seen = seen,
        .tail = ret,
    };

    for (size_t i = 0; object_class_table[i]; i++) {
        add_classes(&query, object_class_table[i]);
    }
    for (size_t i = 0; machine_class_table[i]; i++) {
        add_classes(&query, &machine_class_table[i]->parent);
    }
    for (size_t i = 0; accel_table[i]; i++) {
        if (is_accel_query(&query, accel_table[i]->type_name)) {
            add_type(&query, accel_table[i]->type_name, "accel", false);
        }
    }
    if (is_accel_query(&query, "accel")) {
        add_type(&query, "accel", "object", true);
    }
    return true;
}

/* --- The tree ----------------------------------------------------------- */

/* Without slashes at its end, the root's aside. */
static char *trim_path(const char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return g_strndup(path, len);
}

/*
 * Finds what @path means: an object, else NULL and a folder in *@folder.
 * False and DeviceNotFound if it is neither.
 */
static bool resolve(VM *vm, const char *path, Object **obj,
                    const char **folder, Error **errp)
{
    g_autofree char *trimmed = trim_path(path);

    *folder = NULL;
    *obj = object_resolve_path(vm, trimmed);
    if (*obj) {
        return true;
    }
    *folder = object_store_find_folder(vm, trimmed);
    if (!*folder) {
        error_set(errp, QAPI_ERROR_CLASS_DEVICENOTFOUND,
                  "Device '%s' not found", path);
        return false;
    }
    if (vm->machine && !strcmp(*folder, "/machine")) {
        *obj = &vm->machine->parent;
        *folder = NULL;
    }
    return true;
}

static const char *property_type_name(const Property *prop)
{
    switch (prop->type) {
    case PROP_BOOL:
        return "bool";
    case PROP_STR:
        return "string";
    case PROP_ONOFFAUTO:
        return "OnOffAuto";
    case PROP_UINT8:
        return "uint8";
    case PROP_UINT16:
        return "uint16";
    case PROP_UINT32:
        return "uint32";
    case PROP_UINT64:
        return "uint64";
    case PROP_INT32:
        return "int32";
    case PROP_SIZE:
        return "size";
    }
    g_assert_not_reached();
}

typedef struct PropertyQuery {
    VM *vm;
    ObjectPropertyInfoList **tail;
    const char *parent; /* path whose children are looked at */
    const char *want;   /* name of a child ... */
    char *child_path;   /* ... and its path, once found */
} PropertyQuery;

static void add_property(PropertyQuery *query, const char *name, char *type,
                         const char *description)
{
    ObjectPropertyInfo *info = g_new0(ObjectPropertyInfo, 1);

    info->name = g_strdup(name);
    info->type = type;
    info->description = g_strdup(description);
    QAPI_LIST_APPEND(query->tail, info);
}

static void add_child(const char *name, Object *obj, void *opaque)
{
    PropertyQuery *query = opaque;

    if (!obj && !strcmp(query->parent, "/") && !strcmp(name, "machine") &&
        query->vm->machine) {
        obj = &query->vm->machine->parent;
    }
    add_property(query, name,
                 g_strdup_printf("child<%s>",
                                 obj ? obj->klass->name : "container"),
                 NULL);
}

static void add_own_properties(PropertyQuery *query, const Object *obj)
{
    for (const ObjectClass *k = obj->klass; k; k = k->parent) {
        for (const Property *p = k->props; p && p->name; p++) {
            /* One that a derived class has too was listed with that. */
            if (object_class_find_property(obj->klass, p->name) == p) {
                add_property(query, p->name, g_strdup(property_type_name(p)),
                             p->description);
            }
        }
    }
}

/* Path of the object or folder; "/machine" where the board is not stored. */
static char *path_of(Object *obj, const char *folder)
{
    char *path = obj ? object_get_path(obj) : g_strdup(folder);

    return path ? path : g_strdup("/machine");
}

bool qmp_qom_list(QmpContext *ctx, const QmpQomListArgs *args,
                  ObjectPropertyInfoList **ret, Error **errp)
{
    PropertyQuery query = {.vm = ctx->vm, .tail = ret};
    const char *folder;
    g_autofree char *path = NULL;
    Object *obj;

    if (!args->path[0]) {
        error_setg(errp, "Path '' is ambiguous");
        return false;
    }
    if (!resolve(ctx->vm, args->path, &obj, &folder, errp)) {
        return false;
    }
    add_property(&query, "type", g_strdup("string"), NULL);
    if (obj) {
        add_own_properties(&query, obj);
    }
    path = path_of(obj, folder);
    query.parent = path;
    object_store_foreach(ctx->vm, path, add_child, &query);
    return true;
}

static void find_child(const char *name, Object *obj, void *opaque)
{
    PropertyQuery *query = opaque;

    if (!strcmp(name, query->want) && !query->child_path) {
        query->child_path =
            g_strconcat(strcmp(query->parent, "/") ? query->parent : "", "/",
                        name, NULL);
    }
}

struct json_object *qmp_qom_get(QmpContext *ctx, const QmpQomGetArgs *args,
                                Error **errp)
{
    PropertyQuery query = {.vm = ctx->vm, .want = args->property};
    const char *folder;
    g_autofree char *path = NULL;
    struct json_object *value;
    Object *obj;

    if (!resolve(ctx->vm, args->path, &obj, &folder, errp)) {
        return NULL;
    }
    path = path_of(obj, folder);
    query.parent = path;
    object_store_foreach(ctx->vm, path, find_child, &query);
    if (query.child_path) {
        value = json_object_new_string(query.child_path);
        g_free(query.child_path);
        return value;
    }
    if (obj) {
        return object_get(obj, args->property, &value, errp) ? value : NULL;
    }
    if (!strcmp(args->property, "type")) {
        return json_object_new_string("container");
    }
    error_setg(errp, "Property 'container.%s' not found", args->property);
    return NULL;
}

/* --- Objects by command ------------------------------------------------- */

bool qmp_object_add(QmpContext *ctx, const ObjectOptions *args, Error **errp)
{
    struct json_object *opts = qapi_build(&qapi_type_ObjectOptions, args);
    bool ok = object_add_json(ctx->vm, opts, errp);

    json_object_put(opts);
    return ok;
}

bool qmp_object_del(QmpContext *ctx, const QmpObjectDelArgs *args, Error **errp)
{
    return object_store_del(ctx->vm, args->id, errp);
}
