/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who takes part in a migration: device state by description, and live
 * sections (RAM) by handlers. Registered with the machine, BQL held.
 */
#ifndef MIGRATION_REGISTER_H
#define MIGRATION_REGISTER_H

#include "migration/vmstate.h"
#include "system/vm.h"

typedef struct SaveVMRegistry SaveVMRegistry;
struct MigrationState;
struct MigrationIncomingState;

SaveVMRegistry *savevm_registry_new(void);
void savevm_registry_free(SaveVMRegistry *reg);

/*
 * The machine type's name as the stream carries it: "pc-q35-10.0". Kept as a
 * copy. Machine creation, before anything migrates; BQL.
 */
void savevm_set_machine_name(VM *vm, const char *name);

/* Takes the next free instance number of the name. */
#define VMSTATE_INSTANCE_ID_ANY UINT32_MAX

/*
 * Registers @opaque under @vmsd->name, or "@path/name" where the device has
 * a stable path (then the instance is 0). Fails on a duplicate.
 */
bool vmstate_register(VM *vm, const char *path, uint32_t instance_id,
                      const VMStateDescription *vmsd, void *opaque,
                      Error **errp);
void vmstate_unregister(VM *vm, const VMStateDescription *vmsd, void *opaque);

/* Estimate of what is left, octets; see SaveVMHandlers.pending. */
typedef struct MigrationPending {
    uint64_t precopy_bytes; /* must be sent before the destination starts */
} MigrationPending;

/*
 * A section that is sent while the guest runs. Source slots get the handler's
 * @opaque and run in the migration thread unless they say otherwise;
 * destination slots run in the loading thread.
 */
typedef struct SaveVMHandlers {
    /* --- source --- */

    /* Allocate, start logging. Once, BQL held. save_cleanup() follows any
     * call, failed or not. */
    bool (*save_setup)(QEMUFile *f, void *opaque, Error **errp);

    /*
     * Write some of what is left, as long as migration_rate_left_bytes() is
     * not 0; save_pending() tells what remains. No BQL, but where
     * save_live_needs_part() asked for it: limits do not count then.
     */
    bool (*save_live_iterate)(QEMUFile *f, void *opaque, Error **errp);

    /*
     * NULL: it never does. Whether something has to go in a body of its own,
     * by save_live_iterate() with the BQL held, before save_live_complete().
     * Guest stopped, BQL held; asked until it needs none.
     */
    bool (*save_live_needs_part)(void *opaque, bool *needs, Error **errp);

    /*
     * Write all that is left. Once, guest stopped, BQL held. A flush lets go
     * of the BQL for a while; what is written to the state meanwhile has to
     * be sent, too, and after the last look nothing is flushed any more.
     */
    bool (*save_live_complete)(QEMUFile *f, void *opaque, Error **errp);

    /*
     * Add to *@pending. @exact: look again now (may take time, syncs the
     * dirty log), else what is known. No BQL.
     */
    bool (*save_pending)(void *opaque, bool exact, MigrationPending *pending,
                         Error **errp);

    /* Free; also on failure and cancel. Once, BQL held. */
    void (*save_cleanup)(void *opaque);

    /* --- destination --- */

    /* Allocate. Once, before the first record, no BQL. */
    bool (*load_setup)(QEMUFile *f, void *opaque, Error **errp);
    /* One section body; @version_id is the stream's. No BQL. */
    bool (*load_state)(QEMUFile *f, void *opaque, int version_id,
                       Error **errp);
    void (*load_cleanup)(void *opaque);
} SaveVMHandlers;

bool savevm_register_live(VM *vm, const char *name, uint32_t version_id,
                          const SaveVMHandlers *ops, void *opaque,
                          Error **errp);
void savevm_unregister_live(VM *vm, const char *name);

#endif
