/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Defaults from versioned machine types and from -global. Main thread. */
#include "qemu/osdep.h"
#include "system-internal.h"

typedef struct GlobalEntry {
    GlobalProp prop;
    bool user; /* from -global; strings are owned */
    bool used;
} GlobalEntry;

struct GlobalProps {
    GPtrArray *compat; /* GlobalEntry *, in order */
    GPtrArray *user;
};

static void entry_free(void *opaque)
{
    GlobalEntry *entry = opaque;

    if (entry->user) {
        g_free((char *)entry->prop.driver);
        g_free((char *)entry->prop.property);
        g_free((char *)entry->prop.value);
    }
    g_free(entry);
}

GlobalProps *global_props_new(void)
{
    GlobalProps *globals = g_new0(GlobalProps, 1);

    globals->compat = g_ptr_array_new_with_free_func(entry_free);
    globals->user = g_ptr_array_new_with_free_func(entry_free);
    return globals;
}

void global_props_free(GlobalProps *globals)
{
    g_ptr_array_free(globals->compat, TRUE);
    g_ptr_array_free(globals->user, TRUE);
    g_free(globals);
}

void globals_add_compat(VM *vm, const GlobalProp *table)
{
    for (; table->driver; table++) {
        GlobalEntry *entry = g_new0(GlobalEntry, 1);

        entry->prop = *table;
        g_ptr_array_add(vm->globals->compat, entry);
    }
}

void globals_add_user(VM *vm, const char *driver, const char *property,
                      const char *value)
{
    GlobalEntry *entry = g_new0(GlobalEntry, 1);

    entry->user = true;
    entry->prop.driver = g_strdup(driver);
    entry->prop.property = g_strdup(property);
    entry->prop.value = g_strdup(value);
    g_ptr_array_add(vm->globals->user, entry);
}

static bool apply_list(GPtrArray *list, const char *driver, GlobalPropFn fn,
                       void *opaque, Error **errp)
{
    for (unsigned i = 0; i < list->len; i++) {
        GlobalEntry *entry = list->pdata[i];

        if (strcmp(entry->prop.driver, driver)) {
            continue;
        }
        entry->used = true;
        if (!fn(&entry->prop, opaque, errp)) {
            error_prepend(errp, "%s %s.%s=%s: ",
                          entry->user ? "-global" : "machine default",
                          entry->prop.driver, entry->prop.property,
                          entry->prop.value);
            return false;
        }
    }
    return true;
}

bool globals_apply(VM *vm, const char *driver, GlobalPropFn fn, void *opaque,
                   Error **errp)
{
    return apply_list(vm->globals->compat, driver, fn, opaque, errp) &&
           apply_list(vm->globals->user, driver, fn, opaque, errp);
}

void globals_warn_unused(VM *vm, bool (*is_class)(const char *name))
{
    GPtrArray *user = vm->globals->user;

    for (unsigned i = 0; i < user->len; i++) {
        const GlobalEntry *entry = user->pdata[i];

        if (!entry->used) {
            const GlobalProp *prop = &entry->prop;

            if (is_class(prop->driver)) {
                warn_report("global %s.%s=%s not used", prop->driver,
                            prop->property, prop->value);
            } else {
                warn_report("global %s.%s has invalid class name",
                            prop->driver, prop->property);
            }
        }
    }
}
