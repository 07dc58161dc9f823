/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sections of a stream: header, configuration, live sections, device
 * sections, commands, description. Private to migration/.
 */
#ifndef MIGRATION_SAVEVM_H
#define MIGRATION_SAVEVM_H

#include "migration/migration.h"

/*
 * Registers what every machine has: the sections `timer`, `ram` and
 * `globalstate`, in this order. From migration_init(), BQL.
 */
bool savevm_register_universal(VM *vm, Error **errp);

/* --- source: migration thread ------------------------------------------- */

/* Header and configuration section; flushed. */
bool savevm_send_header(MigrationState *s, QEMUFile *f, Error **errp);
/* Commands of the slice; savevm-commands.c. */
void savevm_send_open_return_path(QEMUFile *f);
void savevm_send_ping(QEMUFile *f, uint32_t value);
void savevm_send_switchover_start(QEMUFile *f);

/* SECTION_START of every live handler. Takes the BQL itself. */
bool savevm_setup(MigrationState *s, QEMUFile *f, Error **errp);
/* SECTION_PART of every handler that has something. */
bool savevm_iterate(MigrationState *s, QEMUFile *f, Error **errp);
bool savevm_pending(MigrationState *s, bool exact, MigrationPending *pending,
                    Error **errp);
/*
 * Guest stopped, BQL held, but for waits for the peer: SECTION_END of live
 * handlers, SECTION_FULL of all devices, EOF, description; flushed.
 */
bool savevm_complete(MigrationState *s, QEMUFile *f, Error **errp);
/* save_cleanup of all handlers. BQL held. */
void savevm_cleanup(MigrationState *s);

/* --- destination: loading thread ---------------------------------------- */

/*
 * Reads a whole stream up to and including the description. The guest is
 * stopped; device sections are loaded with the BQL held. Errors name the
 * record and its place.
 */
bool loadvm(MigrationIncomingState *mis, QEMUFile *f, Error **errp);
void loadvm_cleanup(MigrationIncomingState *mis);

/*
 * The run state that the `globalstate` section carried; false if there was
 * none. *@state is valid then.
 */
bool loadvm_global_state(MigrationIncomingState *mis, RunState *state);

/* --- engine of descriptions: vmstate.c ---------------------------------- */
struct json_object;

/* @desc: NULL, or the JSON object that gets "vmsd_name", "version", ... */
bool vmstate_save_state(QEMUFile *f, const VMStateDescription *vmsd,
                        void *opaque, struct json_object *desc, Error **errp);
bool vmstate_load_state(QEMUFile *f, const VMStateDescription *vmsd,
                        void *opaque, int version_id, Error **errp);

#endif
