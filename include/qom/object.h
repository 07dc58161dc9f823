/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small object model: constant class tables with single inheritance,
 * typed properties by offset, and the store of objects made by -object,
 * object-add and the machine. Just enough for qom-list-types, qom-list and
 * qom-get to answer truthfully. BQL for all functions on stores.
 */
#ifndef QOM_OBJECT_H
#define QOM_OBJECT_H

#include "system/vm.h"

struct json_object;

typedef enum PropertyType {
    PROP_BOOL,   /* bool */
    PROP_UINT8,
    PROP_UINT16,
    PROP_UINT32,
    PROP_UINT64,
    PROP_INT32,
    PROP_SIZE,   /* uint64_t bytes, with suffixes as text */
    PROP_STR,    /* char *, owned */
    PROP_ONOFFAUTO, /* int: OnOffAuto */
} PropertyType;

typedef struct Property {
    const char *name;
    PropertyType type;
    size_t offset;        /* in the instance */
    const char *def;      /* default as text, NULL: zero / NULL */
    const char *description;
    bool nonzero;         /* 0 must not be set; it stands for "not given" */
} Property;

typedef struct Object Object;

typedef struct ObjectClass {
    const char *name;
    const struct ObjectClass *parent;
    bool abstract;
    size_t instance_size;
    const Property *props;  /* ended by a NULL name; parents' come first */
    const char *description;
    /* After the properties are set; false undoes nothing but the free. */
    bool (*complete)(Object *obj, VM *vm, Error **errp);
    /* Whether object-del may remove it; NULL: always. */
    bool (*can_be_deleted)(Object *obj);
    void (*finalize)(Object *obj);
    /* Extra properties whose value is computed; false: no such one. */
    bool (*get)(Object *obj, const char *name, struct json_object **value);
} ObjectClass;

struct Object {
    const ObjectClass *klass;
    char *id;
    VM *vm;
};

/*
 * All classes but the machines', ended by NULL: system/class-table.c. That
 * file belongs to the executable; a test brings a table of its own.
 */
extern const ObjectClass *const object_class_table[];

const ObjectClass *object_class_by_name(const char *name);
bool object_class_is(const ObjectClass *klass, const char *ancestor);

/*
 * Allocates an instance with its defaults; then the `-global` and compat
 * values of @vm that name the class or an ancestor.
 */
Object *object_new(VM *vm, const ObjectClass *klass, const char *id,
                   Error **errp);
/* Takes @obj out of the store if it is in it; NULL is fine. */
void object_free(Object *obj);

/* Sets a property from text ("on", "2M"); the error names both. */
bool object_set_str(Object *obj, const char *name, const char *value,
                    Error **errp);

/* Sets a property from a JSON value; text is taken as object_set_str() does. */
bool object_set_json(Object *obj, const char *name, struct json_object *value,
                     Error **errp);

/* Calls the class's (or the nearest ancestor's) complete(). */
bool object_complete(Object *obj, Error **errp);

/*
 * -object and object-add: makes, sets up, completes and stores the object
 * that @opts ("qom-type", "id", properties as text or JSON) describes.
 */
bool object_add_json(VM *vm, struct json_object *opts, Error **errp);

/* The property @name of @klass or its ancestors, nearest first; or NULL. */
const Property *object_class_find_property(const ObjectClass *klass,
                                           const char *name);

/* Value of a property as JSON. */
bool object_get(Object *obj, const char *name, struct json_object **value,
                Error **errp);

/* --- The store: /objects, /machine -------------------------------------- */
typedef struct ObjectStore ObjectStore;

/*
 * Takes @obj over, unless it fails. Its id must be new under @parent_path
 * ("/" for the machine itself) and well formed; without an id it becomes
 * "device[N]". The store frees its objects with the VM, last added first.
 */
bool object_store_add(VM *vm, const char *parent_path, Object *obj,
                      Error **errp);
bool object_store_del(VM *vm, const char *id, Error **errp);
/* Looks in /objects first, then everywhere. */
Object *object_by_id(VM *vm, const char *id);
/* Where @obj is, GLib memory; NULL if it is in no store. */
char *object_get_path(const Object *obj);

/*
 * The absolute path of the folder without an object that an absolute or
 * unique partial path means, NULL if none.
 */
const char *object_store_find_folder(VM *vm, const char *path);

/* NULL if no object has this absolute or unique partial path. */
Object *object_resolve_path(VM *vm, const char *path);
/* Calls @fn for all objects directly under @path, and its sub-folders. */
void object_store_foreach(VM *vm, const char *path,
                          void (*fn)(const char *name, Object *obj_or_null,
                                     void *opaque),
                          void *opaque);

#endif
