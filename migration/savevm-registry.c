/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has a section, under which name and instance, in which order.
 *
 * Changed with the BQL held and no migration under way.
 */
#include "qemu/osdep.h"

#include <json-c/json.h>

#include "migration/savevm-registry.h"

SaveVMRegistry *savevm_registry_new(void)
{
    SaveVMRegistry *reg = g_new0(SaveVMRegistry, 1);

    reg->entries = g_ptr_array_new_with_free_func(g_free);
    reg->machine_name = g_strdup("none");
    return reg;
}

void savevm_registry_free(SaveVMRegistry *reg)
{
    if (reg) {
        g_ptr_array_unref(reg->entries);
        json_object_put(reg->described_configuration);
        g_free(reg->universal);
        g_free(reg->machine_name);
        g_free(reg);
    }
}

void savevm_set_machine_name(VM *vm, const char *name)
{
    g_free(vm->savevm->machine_name);
    vm->savevm->machine_name = g_strdup(name);
}

SaveStateEntry *savevm_entry(const SaveVMRegistry *reg, size_t index)
{
    return g_ptr_array_index(reg->entries, index);
}

SaveStateEntry *savevm_find(const SaveVMRegistry *reg, const char *name,
                            uint32_t instance_id)
{
    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);

        if (se->instance_id == instance_id && !strcmp(se->name, name)) {
            return se;
        }
    }
    return NULL;
}

static uint32_t next_instance_id(const SaveVMRegistry *reg, const char *name)
{
    uint32_t next = 0;

    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);

        if (!strcmp(se->name, name)) {
            next = MAX(next, se->instance_id + 1);
        }
    }
    return next;
}

/* Takes @se over: into the list behind those of its priority, or freed. */
static bool registry_add(SaveVMRegistry *reg, SaveStateEntry *se,
                         Error **errp)
{
    size_t at = 0;

    if (se->instance_id == VMSTATE_INSTANCE_ID_ANY) {
        se->instance_id = next_instance_id(reg, se->name);
    }
    if (savevm_find(reg, se->name, se->instance_id)) {
        error_setg(errp, "section '%s' instance %" PRIu32
                   " is registered already", se->name, se->instance_id);
        g_free(se);
        return false;
    }
    se->section_id = reg->next_section_id++;
    while (at < reg->entries->len &&
           savevm_entry(reg, at)->priority >= se->priority) {
        at++;
    }
    g_ptr_array_insert(reg->entries, at, se);
    return true;
}

/* NULL and an error if the name is empty or does not fit the stream. */
static SaveStateEntry *entry_new(const char *path, const char *name,
                                 Error **errp)
{
    SaveStateEntry *se = g_new0(SaveStateEntry, 1);
    int len;

    if (path && *path) {
        len = snprintf(se->name, sizeof(se->name), "%s/%s", path, name);
    } else {
        len = snprintf(se->name, sizeof(se->name), "%s", name);
    }
    if (len < 1 || len > STREAM_NAME_MAX) {
        error_setg(errp, "section name '%s' is %d characters long; must be 1 "
                   "to %d", se->name, len, STREAM_NAME_MAX);
        g_free(se);
        return NULL;
    }
    return se;
}

bool vmstate_register(VM *vm, const char *path, uint32_t instance_id,
                      const VMStateDescription *vmsd, void *opaque,
                      Error **errp)
{
    SaveStateEntry *se = entry_new(path, vmsd->name, errp);

    if (!se) {
        return false;
    }
    se->instance_id = path && *path ? 0 : instance_id;
    se->version_id = vmsd->version_id;
    se->priority = vmsd->priority;
    se->vmsd = vmsd;
    se->opaque = opaque;
    return registry_add(vm->savevm, se, errp);
}

void vmstate_unregister(VM *vm, const VMStateDescription *vmsd, void *opaque)
{
    for (size_t i = 0; i < vm->savevm->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(vm->savevm, i);

        if (se->vmsd == vmsd && se->opaque == opaque) {
            g_ptr_array_remove_index(vm->savevm->entries, i);
            return;
        }
    }
}

bool savevm_register_live(VM *vm, const char *name, uint32_t version_id,
                          const SaveVMHandlers *ops, void *opaque,
                          Error **errp)
{
    SaveStateEntry *se = entry_new(NULL, name, errp);

    if (!se) {
        return false;
    }
    se->version_id = version_id;
    se->ops = ops;
    se->opaque = opaque;
    return registry_add(vm->savevm, se, errp);
}

void savevm_unregister_live(VM *vm, const char *name)
{
    for (size_t i = 0; i < vm->savevm->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(vm->savevm, i);

        if (se->ops && !strcmp(se->name, name)) {
            g_ptr_array_remove_index(vm->savevm->entries, i);
            return;
        }
    }
}
