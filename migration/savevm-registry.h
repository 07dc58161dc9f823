/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sections a VM has. Private to the savevm files. */
#ifndef MIGRATION_SAVEVM_REGISTRY_H
#define MIGRATION_SAVEVM_REGISTRY_H

#include "migration/savevm.h"
#include "migration/stream-format.h"

/* A live section has @ops, a device @vmsd. */
typedef struct SaveStateEntry {
    /* [const] from registration */
    char name[STREAM_NAME_MAX + 1];
    uint32_t instance_id;
    uint32_t section_id;
    uint32_t version_id;
    int priority;
    const SaveVMHandlers *ops;
    const VMStateDescription *vmsd;
    void *opaque;

    /* [own: mig] save_setup() was called and save_cleanup() was not */
    bool saving;

    /* [own: load] */
    bool loading; /* load_setup() was called and load_cleanup() was not */
    bool loaded;  /* the stream had it; of a live section the START */
    bool ended;   /* live: the END came, and no START behind it */
    bool has_load_id;
    uint32_t load_id; /* the stream's latest section id of this entry */
    uint32_t load_version_id;
} SaveStateEntry;

struct SaveVMRegistry {
    /* [lock: bql] until a migration starts, constant while one runs */
    char *machine_name;
    uint32_t next_section_id;
    GPtrArray *entries; /* in the order of writing */
    /* [own: mig] of the stream under way, NULL if it has none */
    struct json_object *described_configuration;
    void *universal;    /* objects of the sections in global-state.c */
};

SaveStateEntry *savevm_entry(const SaveVMRegistry *reg, size_t index);
/* NULL: there is none. */
SaveStateEntry *savevm_find(const SaveVMRegistry *reg, const char *name,
                            uint32_t instance_id);

/* --- savevm-config.c ----------------------------------------------------- */
struct json_object;

/* The section after its type octet; @desc as in vmstate_save_state(). */
bool savevm_configuration_save(MigrationState *s, QEMUFile *f,
                               struct json_object *desc, Error **errp);
bool savevm_configuration_load(MigrationIncomingState *mis, QEMUFile *f,
                               Error **errp);

/* --- savevm-commands.c --------------------------------------------------- */

/* Whether the return path is open. */
bool loadvm_answers(MigrationIncomingState *mis);
/* A command record after its type octet. */
bool loadvm_command(MigrationIncomingState *mis, QEMUFile *f, Error **errp);

#endif
