/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reasons why a machine cannot migrate now. BQL for all. */
#ifndef MIGRATION_BLOCKER_H
#define MIGRATION_BLOCKER_H

#include "system/vm.h"

/*
 * Adds a reason (copied, shown in query-migrate's blocked-reasons). Fails if
 * a migration is under way. *@id is for migrate_del_blocker().
 */
bool migrate_add_blocker(VM *vm, const char *reason, unsigned *id,
                         Error **errp);
void migrate_del_blocker(VM *vm, unsigned id);

#endif
