/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reasons why the guest cannot migrate now. Entered with the BQL held, by
 * devices and by the QMP commands.
 */
#include "qemu/osdep.h"

#include "migration/blocker.h"
#include "migration/migration-internal.h"

struct MigrationBlocker {
    unsigned id;
    char *reason;
};

void migration_blocker_free(void *opaque)
{
    MigrationBlocker *blocker = opaque;

    g_free(blocker->reason);
    g_free(blocker);
}

bool migrate_add_blocker(VM *vm, const char *reason, unsigned *id,
                         Error **errp)
{
    MigrationState *s = vm->migration;
    MigrationBlocker *blocker;

    g_assert(bql_locked(vm));
    if (!migration_source_idle(s)) {
        error_setg(errp,
                   "cannot block migration while one is in progress, "
                   "wait for it or use migrate_cancel; wanted because: %s",
                   reason);
        return false;
    }
    blocker = g_new0(MigrationBlocker, 1);
    blocker->id = s->next_blocker_id++;
    blocker->reason = g_strdup(reason);
    g_ptr_array_add(s->blockers, blocker);
    *id = blocker->id;
    return true;
}

void migrate_del_blocker(VM *vm, unsigned id)
{
    GPtrArray *blockers = vm->migration->blockers;

    g_assert(bql_locked(vm));
    for (guint i = 0; i < blockers->len; i++) {
        MigrationBlocker *blocker = g_ptr_array_index(blockers, i);

        if (blocker->id == id) {
            g_ptr_array_remove_index(blockers, i);
            return;
        }
    }
}

const char *migration_blocker_reason(MigrationState *s, unsigned index)
{
    MigrationBlocker *blocker;

    if (index >= s->blockers->len) {
        return NULL;
    }
    blocker = g_ptr_array_index(s->blockers, index);
    return blocker->reason;
}
