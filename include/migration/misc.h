/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rest of the emulator asks of migration. */
#ifndef MIGRATION_MISC_H
#define MIGRATION_MISC_H

#include "system/vm.h"

typedef struct MigrationState MigrationState;
typedef struct MigrationIncomingState MigrationIncomingState;

/* Both sides' objects, RAM's and the universal sections registered. */
bool migration_init(VM *vm, Error **errp);

/*
 * Applies `-global migration.*` and the machine's compat defaults; after the
 * machine is built, before any migration. BQL.
 */
bool migration_apply_globals(VM *vm, Error **errp);

/*
 * Cancels what runs and waits until both sides are at rest. Main thread, BQL
 * not held.
 */
void migration_shutdown(VM *vm);
void migration_free(VM *vm);

/*
 * -incoming: "defer" waits for migrate-incoming; anything else listens now.
 * On a failed load the process exits with status 1 unless the QMP command
 * said otherwise. Main thread, BQL.
 */
bool migration_incoming_start(VM *vm, const char *uri, Error **errp);

/* Neither side has anything under way. BQL. */
bool migration_is_idle(VM *vm);

#endif
