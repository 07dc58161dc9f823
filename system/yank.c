/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registry of what can be yanked, and the commands on it, which may run
 * out of band: the lock here is never held for long and taken with or
 * without the BQL.
 */
#include "qemu/osdep.h"
#include "system/yank.h"
#include "qapi/qapi-commands-misc.h"
#include "qapi/qapi-types-error.h"

typedef struct YankFunction {
    YankFn fn;
    void *opaque;
} YankFunction;

typedef struct YankEntry {
    YankInstance *instance;
    GSList *functions; /* YankFunction */
} YankEntry;

struct YankRegistry {
    GMutex lock;
    /* [lock: lock] */
    GSList *entries; /* YankEntry */
};

static void yank_entry_free(gpointer opaque)
{
    YankEntry *entry = opaque;

    g_slist_free_full(entry->functions, g_free);
    qapi_free_YankInstance(entry->instance);
    g_free(entry);
}

static void yank_cleanup(VM *vm, void *opaque)
{
    YankRegistry *registry = opaque;

    vm->yank = NULL;
    g_slist_free_full(registry->entries, yank_entry_free);
    g_mutex_clear(&registry->lock);
    g_free(registry);
}

void yank_init(VM *vm)
{
    g_assert(!vm->yank);
    vm->yank = g_new0(YankRegistry, 1);
    g_mutex_init(&vm->yank->lock);
    vm_on_free(vm, yank_cleanup, vm->yank);
}

static bool same_instance(const YankInstance *a, const YankInstance *b)
{
    return a->type == b->type && (a->type != YANK_INSTANCE_TYPE_CHARDEV ||
                                  !strcmp(a->u.chardev.id, b->u.chardev.id));
}

static YankEntry *find_entry(YankRegistry *registry,
                             const YankInstance *instance)
{
    for (GSList *l = registry->entries; l; l = l->next) {
        YankEntry *entry = l->data;

        if (same_instance(entry->instance, instance)) {
            return entry;
        }
    }
    return NULL;
}

bool yank_register_instance(VM *vm, const YankInstance *instance,
                            Error **errp)
{
    YankEntry *entry;
    bool ok = true;

    if (!vm->yank) {
        return true;
    }
    g_mutex_lock(&vm->yank->lock);
    if (find_entry(vm->yank, instance)) {
        error_setg(errp, "duplicate yank instance of type '%s'",
                   YankInstanceType_str(instance->type));
        ok = false;
    } else {
        entry = g_new0(YankEntry, 1);
        entry->instance = QAPI_CLONE(YankInstance, instance);
        vm->yank->entries = g_slist_append(vm->yank->entries, entry);
    }
    g_mutex_unlock(&vm->yank->lock);
    return ok;
}

void yank_unregister_instance(VM *vm, const YankInstance *instance)
{
    YankEntry *entry;

    if (!vm->yank) {
        return;
    }
    g_mutex_lock(&vm->yank->lock);
    entry = find_entry(vm->yank, instance);
    if (entry) {
        g_assert(!entry->functions);
        vm->yank->entries = g_slist_remove(vm->yank->entries, entry);
        yank_entry_free(entry);
    }
    g_mutex_unlock(&vm->yank->lock);
}

void yank_register_function(VM *vm, const YankInstance *instance, YankFn fn,
                            void *opaque)
{
    YankFunction *function;
    YankEntry *entry;

    if (!vm->yank) {
        return;
    }
    function = g_new(YankFunction, 1);
    function->fn = fn;
    function->opaque = opaque;
    g_mutex_lock(&vm->yank->lock);
    entry = find_entry(vm->yank, instance);
    g_assert(entry);
    entry->functions = g_slist_append(entry->functions, function);
    g_mutex_unlock(&vm->yank->lock);
}

void yank_unregister_function(VM *vm, const YankInstance *instance, YankFn fn,
                              void *opaque)
{
    YankEntry *entry;

    if (!vm->yank) {
        return;
    }
    g_mutex_lock(&vm->yank->lock);
    entry = find_entry(vm->yank, instance);
    for (GSList *l = entry ? entry->functions : NULL; l; l = l->next) {
        YankFunction *function = l->data;

        if (function->fn == fn && function->opaque == opaque) {
            entry->functions = g_slist_delete_link(entry->functions, l);
            g_free(function);
            break;
        }
    }
    g_mutex_unlock(&vm->yank->lock);
}

/* --- The commands ------------------------------------------------------- */

static void yank_all(YankRegistry *registry, const YankInstanceList *list)
{
    for (; list; list = list->next) {
        YankEntry *entry = find_entry(registry, list->value);

        for (GSList *l = entry->functions; l; l = l->next) {
            YankFunction *function = l->data;

            function->fn(function->opaque);
        }
    }
}

bool qmp_yank(QmpContext *ctx, const QmpYankArgs *args, Error **errp)
{
    YankRegistry *registry = ctx->vm->yank;
    bool found = true;

    if (!registry) {
        found = !args->instances;
    } else {
        g_mutex_lock(&registry->lock);
        for (YankInstanceList *l = args->instances; l && found; l = l->next) {
            found = find_entry(registry, l->value);
        }
        if (found) {
            yank_all(registry, args->instances);
        }
        g_mutex_unlock(&registry->lock);
    }
    if (!found) {
        error_set(errp, QAPI_ERROR_CLASS_DEVICENOTFOUND,
                  "Instance not found");
    }
    return found;
}

bool qmp_query_yank(QmpContext *ctx, YankInstanceList **ret, Error **errp)
{
    YankRegistry *registry = ctx->vm->yank;
    YankInstanceList *list = NULL;

    if (registry) {
        g_mutex_lock(&registry->lock);
        for (GSList *l = registry->entries; l; l = l->next) {
            YankEntry *entry = l->data;

            QAPI_LIST_PREPEND(list, QAPI_CLONE(YankInstance,
                                               entry->instance));
        }
        g_mutex_unlock(&registry->lock);
    }
    *ret = list;
    return true;
}
