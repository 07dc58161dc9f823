/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities, parameters and compat properties of migration: one
 * descriptor table, one struct of values.
 */
#ifndef MIGRATION_OPTIONS_H
#define MIGRATION_OPTIONS_H

#include "qapi/qapi-types-migration.h"
#include "system/vm.h"

/*
 * The values. One lives in the VM's migration object and is what clients set
 * and query [lock: bql]; each migration works on a copy taken at its start
 * [const], so that later changes cannot tear it.
 */
typedef struct MigrationConfig {
    bool capabilities[MIGRATION_CAPABILITY__MAX];

    /* Parameters that hold for the whole migration. */
    ZeroPageDetection zero_page_detection;
    uint8_t multifd_channels;
    MultiFDCompression multifd_compression;
    uint8_t multifd_zlib_level;
    uint8_t multifd_zstd_level;

    /* Compat properties (-global migration.*, machine types). */
    bool send_configuration;
    bool send_section_footer;
    bool store_global_state;
    bool send_switchover_start;
    bool multifd_flush_after_each_section;
    bool suppress_vmdesc; /* machine property in QEMU */
} MigrationConfig;

/*
 * Parameters that may change while a migration runs. [atomic] each field by
 * itself, relaxed.
 */
typedef struct MigrationLiveParams {
    uint64_t max_bandwidth_bytes;          /* per second, 0: unlimited */
    uint64_t avail_switchover_bandwidth_bytes; /* per second, 0: measure */
    uint64_t downtime_limit_ms;
} MigrationLiveParams;

struct MigrationOptions; /* config + live values; options.c */

struct MigrationOptions *migration_options_new(void);
void migration_options_free(struct MigrationOptions *options);
const MigrationConfig *migration_options_config(
    const struct MigrationOptions *options);
const MigrationLiveParams *migration_options_live(
    const struct MigrationOptions *options);
/* `-global migration.NAME=VALUE`, also capabilities as "c-NAME"/"x-NAME". */
bool migration_options_apply_globals(struct MigrationOptions *options, VM *vm,
                                     Error **errp);

static inline bool migration_cap(const MigrationConfig *config,
                                 MigrationCapability cap)
{
    return config->capabilities[cap];
}

#endif
