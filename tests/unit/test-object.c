/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/object.c and object-store.c. */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include "qom/object.h"
#include "system/globals.h"

typedef struct Thing {
    Object parent;
    bool flag;
    uint8_t small;
    uint32_t word;
    int32_t number;
    uint64_t size;
    char *text;
    int tri;
    unsigned *freed;
    bool busy;
} Thing;

static const Property base_props[] = {
    {"flag", PROP_BOOL, offsetof(Thing, flag), "on", NULL},
    {"word", PROP_UINT32, offsetof(Thing, word), "5", NULL},
    {.name = NULL},
};

static const Property thing_props[] = {
    {"word", PROP_UINT32, offsetof(Thing, word), "6", NULL},
    {"small", PROP_UINT8, offsetof(Thing, small), NULL, NULL},
    {"number", PROP_INT32, offsetof(Thing, number), NULL, NULL},
    {"size", PROP_SIZE, offsetof(Thing, size), "1M", NULL, .nonzero = true},
    {"text", PROP_STR, offsetof(Thing, text), NULL, NULL},
    {"tri", PROP_ONOFFAUTO, offsetof(Thing, tri), NULL, NULL},
    {.name = NULL},
};

static bool thing_can_be_deleted(Object *obj)
{
    return !((Thing *)obj)->busy;
}

static void thing_finalize(Object *obj)
{
    Thing *thing = (Thing *)obj;

    if (thing->freed) {
        (*thing->freed)++;
    }
}

static bool thing_get(Object *obj, const char *name, struct json_object **value)
{
    if (strcmp(name, "answer")) {
        return false;
    }
    *value = json_object_new_int(42);
    return true;
}

static const ObjectClass base_class = {
    .name = "base",
    .abstract = true,
    .instance_size = sizeof(Thing),
    .props = base_props,
    .can_be_deleted = thing_can_be_deleted,
    .finalize = thing_finalize,
    .get = thing_get,
};

static const ObjectClass thing_class = {
    .name = "thing",
    .parent = &base_class,
    .props = thing_props,
};

const ObjectClass *const object_class_table[] = {
    &base_class,
    &thing_class,
    NULL,
};

static Thing *new_thing(VM *vm, const char *id)
{
    Object *obj = object_new(vm, &thing_class, id, NULL);

    g_assert_nonnull(obj);
    return (Thing *)obj;
}

static void expect_json(Object *obj, const char *name, const char *want)
{
    struct json_object *value = NULL;

    g_assert_true(object_get(obj, name, &value, NULL));
    g_assert_cmpstr(
        json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), ==,
        want);
    json_object_put(value);
}

static void test_properties(void)
{
    VM *vm = vm_new(NULL);
    Thing *thing = new_thing(vm, "t");
    Object *obj = &thing->parent;

    g_assert_true(thing->flag);
    g_assert_cmpuint(thing->word, ==, 6);
    g_assert_cmpuint(thing->size, ==, MiB);
    g_assert_true(object_set_str(obj, "flag", "off", NULL));
    g_assert_true(object_set_str(obj, "size", "2G", NULL));
    g_assert_true(object_set_str(obj, "text", "a", NULL));
    g_assert_true(object_set_str(obj, "text", "b", NULL));
    g_assert_true(object_set_str(obj, "tri", "off", NULL));
    g_assert_true(object_set_str(obj, "number", "-2147483648", NULL));
    expect_json(obj, "flag", "false");
    expect_json(obj, "size", "2147483648");
    expect_json(obj, "text", "\"b\"");
    expect_json(obj, "tri", "\"off\"");
    expect_json(obj, "number", "-2147483648");
    expect_json(obj, "type", "\"thing\"");
    expect_json(obj, "answer", "42");
    object_free(obj);
    vm_free(vm);
}

static void test_bad_values(void)
{
    static const struct {
        const char *name, *value;
    } bad[] = {
        {"small", "256"},     {"small", "-1"},
        {"small", "x"},       {"word", "4294967296"},
        {"number", "2147483648"}, {"number", "-2147483649"},
        {"flag", "maybe"},    {"size", "1Q"},
        {"tri", "maybe"},     {"nope", "1"},
        {"size", "0"},        {"size", "0M"},
    };
    VM *vm = vm_new(NULL);
    Object *obj = &new_thing(vm, "t")->parent;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autoptr(Error) err = NULL;

        g_assert_false(object_set_str(obj, bad[i].name, bad[i].value, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), bad[i].name));
        g_assert_nonnull(strstr(error_get_pretty(err), "thing"));
    }
    object_free(obj);
    vm_free(vm);
}

static void test_json_values(void)
{
    VM *vm = vm_new(NULL);
    Thing *thing = new_thing(vm, "t");
    struct json_object *yes = json_object_new_boolean(true);
    struct json_object *three = json_object_new_int(3);
    struct json_object *text = json_object_new_string("7");
    g_autoptr(Error) err = NULL;

    thing->flag = false;
    g_assert_true(object_set_json(&thing->parent, "flag", yes, NULL));
    g_assert_true(thing->flag);
    g_assert_true(object_set_json(&thing->parent, "small", three, NULL));
    g_assert_cmpuint(thing->small, ==, 3);
    g_assert_true(object_set_json(&thing->parent, "small", text, NULL));
    g_assert_cmpuint(thing->small, ==, 7);
    g_assert_false(object_set_json(&thing->parent, "flag", three, NULL));
    g_assert_false(object_set_json(&thing->parent, "small", yes, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "small"));
    g_assert_false(object_set_json(&thing->parent, "small", NULL, NULL));
    json_object_put(yes);
    json_object_put(three);
    json_object_put(text);
    object_free(&thing->parent);
    vm_free(vm);
}

static void test_globals(void)
{
    static const GlobalProp compat[] = {{"thing", "word", "1"}, {NULL}};
    VM *vm = vm_new(NULL);
    g_autoptr(Error) err = NULL;
    Thing *thing;

    globals_add_compat(vm, compat);
    globals_add_user(vm, "base", "word", "2");
    globals_add_user(vm, "base", "flag", "off");
    thing = new_thing(vm, "t");
    g_assert_cmpuint(thing->word, ==, 1); /* the nearer class wins */
    g_assert_false(thing->flag);
    object_free(&thing->parent);

    globals_add_user(vm, "thing", "nope", "3");
    g_assert_null(object_new(vm, &thing_class, "t", &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "-global thing.nope=3"));
    vm_free(vm);
}

static void collect(const char *name, Object *obj, void *opaque)
{
    g_string_append_printf(opaque, "%s%s ", name, obj ? "" : "/");
}

static void test_store(void)
{
    VM *vm = vm_new(NULL);
    Thing *a = new_thing(vm, "a.1");
    Thing *b = new_thing(vm, "b");
    Thing *dup = new_thing(vm, "b");
    Thing *anon = new_thing(vm, NULL);
    Thing *bad = new_thing(vm, "1b");
    g_autoptr(GString) names = g_string_new(NULL);
    g_autofree char *path = NULL;
    Error *err = NULL;
    unsigned freed = 0;

    bql_lock(vm);
    a->freed = b->freed = anon->freed = &freed;
    g_assert_true(object_store_add(vm, "/objects", &a->parent, NULL));
    g_assert_true(object_store_add(vm, "/machine/peripheral", &b->parent,
                                   NULL));
    g_assert_false(object_store_add(vm, "/machine/peripheral", &dup->parent,
                                    NULL));
    g_assert_true(object_store_add(vm, "/objects", &dup->parent, NULL));
    g_assert_true(object_store_add(vm, "/machine/unattached", &anon->parent,
                                   NULL));
    g_assert_false(object_store_add(vm, "/objects", &bad->parent, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Parameter 'id' expects an identifier");
    error_free(g_steal_pointer(&err));
    object_free(&bad->parent);

    g_assert_true(object_by_id(vm, "a.1") == &a->parent);
    g_assert_true(object_by_id(vm, "b") == &dup->parent);
    g_assert_true(object_resolve_path(vm, "/machine/peripheral/b") ==
                  &b->parent);
    g_assert_true(object_resolve_path(vm, "peripheral/b") == &b->parent);
    g_assert_null(object_resolve_path(vm, "b")); /* two of them */
    g_assert_null(object_resolve_path(vm, "ipheral/b"));
    g_assert_true(object_resolve_path(vm, "device[0]") == &anon->parent);
    path = object_get_path(&anon->parent);
    g_assert_cmpstr(path, ==, "/machine/unattached/device[0]");

    g_assert_cmpstr(object_store_find_folder(vm, "machine"), ==, "/machine");
    g_assert_cmpstr(object_store_find_folder(vm, "peripheral-anon"), ==,
                    "/machine/peripheral-anon");
    g_assert_cmpstr(object_store_find_folder(vm, "/"), ==, "/");
    g_assert_null(object_store_find_folder(vm, ""));
    g_assert_null(object_store_find_folder(vm, "anon"));
    g_assert_null(object_store_find_folder(vm, "/peripheral"));

    object_store_foreach(vm, "/", collect, names);
    object_store_foreach(vm, "/machine", collect, names);
    object_store_foreach(vm, "/objects", collect, names);
    g_assert_cmpstr(names->str, ==,
                    "machine/ objects/ peripheral/ peripheral-anon/ "
                    "unattached/ a.1 b ");

    a->busy = true;
    g_assert_false(object_store_del(vm, "a.1", &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "object 'a.1' is in use, can not be deleted");
    error_free(g_steal_pointer(&err));
    a->busy = false;
    g_assert_true(object_store_del(vm, "a.1", NULL));
    g_assert_cmpuint(freed, ==, 1);
    g_assert_false(object_store_del(vm, "a.1", &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "object 'a.1' not found");
    error_free(err);
    bql_unlock(vm);
    vm_free(vm);
    g_assert_cmpuint(freed, ==, 3);
}

static void test_classes(void)
{
    g_assert_true(object_class_by_name("thing") == &thing_class);
    g_assert_null(object_class_by_name("nope"));
    g_assert_true(object_class_is(&thing_class, "base"));
    g_assert_false(object_class_is(&base_class, "thing"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/object/properties", test_properties);
    g_test_add_func("/object/bad-values", test_bad_values);
    g_test_add_func("/object/json-values", test_json_values);
    g_test_add_func("/object/globals", test_globals);
    g_test_add_func("/object/store", test_store);
    g_test_add_func("/object/classes", test_classes);
    return g_test_run();
}
