/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of objects that clients see. Main thread, BQL. */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "system-internal.h"

typedef struct StoreEntry {
    char *parent; /* path of the folder or object above it */
    char *path;
    const char *name; /* within path */
    Object *obj;
} StoreEntry;

struct ObjectStore {
    GPtrArray *entries; /* StoreEntry *, in order of addition */
};

static const char *const folders[] = {
    "/",
    "/machine",
    "/machine/peripheral",
    "/machine/peripheral-anon",
    "/machine/unattached",
    "/objects",
};

static void entry_free(void *opaque)
{
    StoreEntry *entry = opaque;

    g_free(entry->parent);
    g_free(entry->path);
    g_free(entry);
}

ObjectStore *object_store_new(void)
{
    ObjectStore *store = g_new0(ObjectStore, 1);

    store->entries = g_ptr_array_new_with_free_func(entry_free);
    return store;
}

void object_store_free(VM *vm)
{
    ObjectStore *store = vm->objects;

    while (store->entries->len) {
        StoreEntry *last = store->entries->pdata[store->entries->len - 1];

        object_free(last->obj); /* takes itself out */
    }
    g_ptr_array_free(store->entries, TRUE);
    g_free(store);
    vm->objects = NULL;
}

static StoreEntry *entry_at(ObjectStore *store, unsigned i)
{
    return store->entries->pdata[i];
}

static StoreEntry *entry_by_path(ObjectStore *store, const char *path)
{
    for (unsigned i = 0; i < store->entries->len; i++) {
        if (!strcmp(entry_at(store, i)->path, path)) {
            return entry_at(store, i);
        }
    }
    return NULL;
}

static bool is_folder(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        if (!strcmp(folders[i], path)) {
            return true;
        }
    }
    return false;
}

static bool is_bare_folder(VM *vm, const char *path)
{
    return is_folder(path) && !entry_by_path(vm->objects, path);
}

const char *object_store_find_folder(VM *vm, const char *path)
{
    const char *found = NULL;
    size_t len = strlen(path);

    for (size_t i = 0; len && i < ARRAY_SIZE(folders); i++) {
        size_t have = strlen(folders[i]);
        bool fits = path[0] == '/'
                        ? have == len
                        : have > len && folders[i][have - len - 1] == '/';

        if (fits && !strcmp(folders[i] + have - len, path) &&
            is_bare_folder(vm, folders[i])) {
            if (found) {
                return NULL; /* not unique */
            }
            found = folders[i];
        }
    }
    return found;
}

static char *child_path(const char *parent, const char *name)
{
    return g_strconcat(parent, strcmp(parent, "/") ? "/" : "", name, NULL);
}

/* "PARENT/device[N]", the first that is free. */
static char *anonymous_path(ObjectStore *store, const char *parent)
{
    for (unsigned n = 0;; n++) {
        g_autofree char *name = g_strdup_printf("device[%u]", n);
        g_autofree char *path = child_path(parent, name);

        if (!entry_by_path(store, path)) {
            return g_steal_pointer(&path);
        }
    }
}

bool object_store_add(VM *vm, const char *parent_path, Object *obj,
                      Error **errp)
{
    ObjectStore *store = vm->objects;
    g_autofree char *path = NULL;
    StoreEntry *entry;

    if (!is_folder(parent_path) && !entry_by_path(store, parent_path)) {
        error_setg(errp, "there is no object '%s'", parent_path);
        return false;
    }
    if (obj->id && !id_wellformed(obj->id)) {
        error_setg(errp, "Parameter 'id' expects an identifier");
        error_append_hint(errp, "Identifiers consist of letters, digits, "
                                "'-', '.', '_', starting with a letter.\n");
        return false;
    }
    path = obj->id ? child_path(parent_path, obj->id)
                   : anonymous_path(store, parent_path);
    if (entry_by_path(store, path)) {
        error_setg(errp,
                   "attempt to add duplicate property '%s' to object "
                   "(type 'container')",
                   obj->id);
        return false;
    }
    entry = g_new0(StoreEntry, 1);
    entry->parent = g_strdup(parent_path);
    entry->path = g_steal_pointer(&path);
    entry->name = strrchr(entry->path, '/') + 1;
    entry->obj = obj;
    g_ptr_array_add(store->entries, entry);
    return true;
}

static bool can_be_deleted(Object *obj)
{
    for (const ObjectClass *k = obj->klass; k; k = k->parent) {
        if (k->can_be_deleted) {
            return k->can_be_deleted(obj);
        }
    }
    return true;
}

bool object_store_del(VM *vm, const char *id, Error **errp)
{
    g_autofree char *path = child_path("/objects", id);
    StoreEntry *entry = entry_by_path(vm->objects, path);

    if (!entry) {
        error_setg(errp, "object '%s' not found", id);
        return false;
    }
    if (!can_be_deleted(entry->obj)) {
        error_setg(errp, "object '%s' is in use, can not be deleted", id);
        return false;
    }
    object_free(entry->obj);
    return true;
}

void object_store_forget(VM *vm, const Object *obj)
{
    ObjectStore *store = vm->objects;

    for (unsigned i = 0; store && i < store->entries->len; i++) {
        if (entry_at(store, i)->obj == obj) {
            g_ptr_array_remove_index(store->entries, i);
            return;
        }
    }
}

char *object_get_path(const Object *obj)
{
    ObjectStore *store = obj->vm->objects;

    for (unsigned i = 0; i < store->entries->len; i++) {
        if (entry_at(store, i)->obj == obj) {
            return g_strdup(entry_at(store, i)->path);
        }
    }
    return NULL;
}

Object *object_by_id(VM *vm, const char *id)
{
    g_autofree char *path = child_path("/objects", id);
    StoreEntry *entry = entry_by_path(vm->objects, path);

    if (entry) {
        return entry->obj;
    }
    for (unsigned i = 0; i < vm->objects->entries->len; i++) {
        entry = entry_at(vm->objects, i);
        if (entry->obj->id && !strcmp(entry->obj->id, id)) {
            return entry->obj;
        }
    }
    return NULL;
}

Object *object_resolve_path(VM *vm, const char *path)
{
    Object *found = NULL;
    size_t len = strlen(path);

    if (path[0] == '/') {
        StoreEntry *entry = entry_by_path(vm->objects, path);

        return entry ? entry->obj : NULL;
    }
    for (unsigned i = 0; len && i < vm->objects->entries->len; i++) {
        StoreEntry *entry = entry_at(vm->objects, i);
        size_t have = strlen(entry->path);

        if (have > len && entry->path[have - len - 1] == '/' &&
            !strcmp(entry->path + have - len, path)) {
            if (found) {
                return NULL; /* not unique */
            }
            found = entry->obj;
        }
    }
    return found;
}

void object_store_foreach(VM *vm, const char *path,
                          void (*fn)(const char *name, Object *obj_or_null,
                                     void *opaque),
                          void *opaque)
{
    ObjectStore *store = vm->objects;

    for (size_t i = 1; i < ARRAY_SIZE(folders); i++) {
        const char *slash = strrchr(folders[i], '/');
        size_t len = MAX(slash - folders[i], 1);

        if (strlen(path) == len && !strncmp(folders[i], path, len) &&
            is_bare_folder(vm, folders[i])) {
            fn(slash + 1, NULL, opaque);
        }
    }
    for (unsigned i = 0; i < store->entries->len; i++) {
        StoreEntry *entry = entry_at(store, i);

        if (!strcmp(entry->parent, path)) {
            fn(entry->name, entry->obj, opaque);
        }
    }
}
