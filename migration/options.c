/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities, parameters and compat properties: one table of descriptors
 * that setting, querying and -global work from. Main loop, BQL held.
 */
#include "qemu/osdep.h"

#include "migration/channels.h"
#include "migration/migration-internal.h"
#include "qapi/qapi-commands-migration.h"
#include "qemu/cutils.h"
#include "system/globals.h"

struct MigrationOptions {
    MigrationConfig config;
    MigrationLiveParams live;
};

typedef enum OptionKind {
    OPTION_CAPABILITY, /* bool; a MigrationCapability of the same name */
    OPTION_PROPERTY,   /* bool; by -global only */
    OPTION_SIZE,       /* uint64_t parameter; -global takes suffixes */
    OPTION_UINT,       /* uint64_t parameter */
    OPTION_UINT8,      /* uint8_t parameter */
    OPTION_ENUM,       /* parameter */
} OptionKind;

typedef struct OptionDesc {
    const char *name; /* as in the schema */
    OptionKind kind;
    size_t offset; /* in MigrationOptions */
    uint64_t initial;
    uint64_t min, max;         /* OPTION_UINT, OPTION_UINT8 */
    const char *range;         /* of these: what the error asks for */
    const QapiType *enum_type; /* OPTION_ENUM */
    bool both_sides; /* a parameter that a destination goes by, too, from
                      * its first channel on */
} OptionDesc;

#define CAP(text, NAME, on)                                                    \
    {                                                                          \
        .name = text, .kind = OPTION_CAPABILITY, .initial = (on),              \
        .offset = offsetof(MigrationOptions,                                   \
                           config.capabilities[MIGRATION_CAPABILITY_##NAME]),  \
    }
#define PROP(text, member, on)                                                 \
    {                                                                          \
        .name = text, .kind = OPTION_PROPERTY, .initial = (on),                \
        .offset = offsetof(MigrationOptions, config.member),                   \
    }

typedef struct MigrationOptions MigrationOptions;

static const OptionDesc option_table[] = {
    CAP("events", EVENTS, false),
    /* On, unlike QEMU: the source then learns the outcome. */
    CAP("return-path", RETURN_PATH, true),
    CAP("validate-uuid", VALIDATE_UUID, false),
    CAP("multifd", MULTIFD, false),
    CAP("zero-copy-send", ZERO_COPY_SEND, false),
    CAP("release-ram", RELEASE_RAM, false),
    {
        .name = "max-bandwidth",
        .kind = OPTION_SIZE,
        .offset = offsetof(MigrationOptions, live.max_bandwidth_bytes),
        .initial = 128 * MiB,
    },
    {
        .name = "avail-switchover-bandwidth",
        .kind = OPTION_SIZE,
        .offset =
            offsetof(MigrationOptions, live.avail_switchover_bandwidth_bytes),
    },
    {
        .name = "downtime-limit",
        .kind = OPTION_UINT,
        .offset = offsetof(MigrationOptions, live.downtime_limit_ms),
        .initial = 300,
        .max = 2000 * 1000,
        .range = "an integer in the range of 0 to (2000 * 1000) ms",
    },
    {
        .name = "multifd-channels",
        .kind = OPTION_UINT8,
        .offset = offsetof(MigrationOptions, config.multifd_channels),
        .initial = 2,
        .min = 1,
        .max = 255,
        .range = "a value between 1 and 255",
        .both_sides = true,
    },
    {
        .name = "multifd-compression",
        .kind = OPTION_ENUM,
        .offset = offsetof(MigrationOptions, config.multifd_compression),
        .initial = MULTI_FD_COMPRESSION_NONE,
        .enum_type = &qapi_type_MultiFDCompression,
        .both_sides = true,
    },
    {
        .name = "zero-page-detection",
        .kind = OPTION_ENUM,
        .offset = offsetof(MigrationOptions, config.zero_page_detection),
        .initial = ZERO_PAGE_DETECTION_MULTIFD,
        .enum_type = &qapi_type_ZeroPageDetection,
    },
    {
        .name = "multifd-zlib-level",
        .kind = OPTION_UINT8,
        .offset = offsetof(MigrationOptions, config.multifd_zlib_level),
        .initial = 1,
        .max = 9,
        .range = "a value between 0 and 9",
    },
    {
        .name = "multifd-zstd-level",
        .kind = OPTION_UINT8,
        .offset = offsetof(MigrationOptions, config.multifd_zstd_level),
        .initial = 1,
        .max = 20,
        .range = "a value between 0 and 20",
    },
    PROP("send-configuration", send_configuration, true),
    PROP("send-section-footer", send_section_footer, true),
    PROP("store-global-state", store_global_state, true),
    PROP("send-switchover-start", send_switchover_start, true),
    PROP("multifd-flush-after-each-section", multifd_flush_after_each_section,
         false),
    PROP("suppress-vmdesc", suppress_vmdesc, false),
};

/* --- The values ----------------------------------------------------------- */

static bool *option_bool(MigrationOptions *o, const OptionDesc *d)
{
    return (bool *)((char *)o + d->offset);
}

static uint64_t option_get(const MigrationOptions *o, const OptionDesc *d)
{
    const void *field = (const char *)o + d->offset;

    switch (d->kind) {
    case OPTION_CAPABILITY:
    case OPTION_PROPERTY:
        return *(const bool *)field;
    case OPTION_ENUM:
        return *(const unsigned *)field;
    case OPTION_UINT8:
        return *(const uint8_t *)field;
    default:
        return qatomic_read_relaxed((const uint64_t *)field);
    }
}

static void option_put(MigrationOptions *o, const OptionDesc *d,
                       uint64_t value)
{
    void *field = (char *)o + d->offset;

    switch (d->kind) {
    case OPTION_CAPABILITY:
    case OPTION_PROPERTY:
        *(bool *)field = value != 0;
        break;
    case OPTION_ENUM:
        *(unsigned *)field = (unsigned)value;
        break;
    case OPTION_UINT8:
        *(uint8_t *)field = (uint8_t)value;
        break;
    default:
        qatomic_set_relaxed((uint64_t *)field, value);
        break;
    }
}

static bool option_check(const OptionDesc *d, uint64_t value, Error **errp)
{
    if (d->range && (value < d->min || value > d->max)) {
        g_autofree char *name = g_strdelimit(g_strdup(d->name), "-", '_');

        error_setg(errp, "Parameter '%s' expects %s", name, d->range);
        return false;
    }
    return true;
}

struct MigrationOptions *migration_options_new(void)
{
    MigrationOptions *o = g_new0(MigrationOptions, 1);

    for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
        option_put(o, &option_table[i], option_table[i].initial);
    }
    return o;
}

void migration_options_free(struct MigrationOptions *options)
{
    g_free(options);
}

const MigrationConfig *migration_options_config(
    const struct MigrationOptions *options)
{
    return &options->config;
}

const MigrationLiveParams *migration_options_live(
    const struct MigrationOptions *options)
{
    return &options->live;
}

/*
 * What does not go together. The rules are QEMU's; so is the text of the
 * first.
 */
static bool config_check(const MigrationConfig *config, Error **errp)
{
    if (migration_cap(config, MIGRATION_CAPABILITY_ZERO_COPY_SEND) &&
        (!migration_cap(config, MIGRATION_CAPABILITY_MULTIFD) ||
         config->multifd_compression != MULTI_FD_COMPRESSION_NONE)) {
        error_setg(errp, "Zero copy only available for non-compressed non-TLS "
                         "multifd migration");
        return false;
    }
    return true;
}

/* A source is there, and what was set before holds. */
static bool incoming_under_way(const MigrationIncomingState *mis)
{
    return mis->thread ||
           (mis->channels && incoming_channels_begun(mis->channels));
}

/* --- Capabilities over QMP ------------------------------------------------ */

static const OptionDesc *option_find(const char *name, bool capability)
{
    for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
        const OptionDesc *d = &option_table[i];

        if (strcmp(d->name, name) == 0 &&
            (!capability || d->kind == OPTION_CAPABILITY)) {
            return d;
        }
    }
    return NULL;
}

bool qmp_migrate_set_capabilities(QmpContext *ctx,
                                  const QmpMigrateSetCapabilitiesArgs *args,
                                  Error **errp)
{
    MigrationState *s = ctx->vm->migration;
    MigrationOptions wanted = *s->options;

    if (!migration_source_idle(s) || incoming_under_way(ctx->vm->incoming)) {
        error_setg(errp, "There's a migration process in progress");
        return false;
    }
    for (const MigrationCapabilityStatusList *c = args->capabilities; c;
         c = c->next) {
        const OptionDesc *d = option_find(
            MigrationCapability_str(c->value->capability), true);

        *option_bool(&wanted, d) = c->value->state;
    }
    if (!config_check(&wanted.config, errp)) {
        return false;
    }
    s->options->config = wanted.config;
    return true;
}

bool qmp_query_migrate_capabilities(QmpContext *ctx,
                                    MigrationCapabilityStatusList **ret,
                                    Error **errp)
{
    MigrationCapabilityStatusList **tail = ret;

    *ret = NULL;
    for (int i = 0; i < MIGRATION_CAPABILITY__MAX; i++) {
        MigrationCapabilityStatus *c = g_new0(MigrationCapabilityStatus, 1);

        c->capability = i;
        c->state = ctx->vm->migration->options->config.capabilities[i];
        QAPI_LIST_APPEND(tail, c);
    }
    return true;
}

/* --- Parameters over QMP -------------------------------------------------- */

/* Where the schema's struct has a parameter; every member has a has_. */
static void *param_member(const OptionDesc *d, MigrationParameters *params,
                          bool **has)
{
    const QapiType *type = &qapi_type_MigrationParameters;

    for (unsigned i = 0; i < type->n_members; i++) {
        const QapiMember *m = &type->members[i];

        if (strcmp(m->name, d->name) == 0) {
            *has = (bool *)((char *)params + m->has_offset);
            return (char *)params + m->offset;
        }
    }
    return NULL;
}

static uint64_t param_value(const OptionDesc *d, const void *member)
{
    switch (d->kind) {
    case OPTION_ENUM:
        return *(const unsigned *)member;
    case OPTION_UINT8:
        return *(const uint8_t *)member;
    default:
        return *(const uint64_t *)member;
    }
}

bool qmp_migrate_set_parameters(QmpContext *ctx,
                                const MigrationParameters *args, Error **errp)
{
    MigrationOptions *options = ctx->vm->migration->options;
    MigrationOptions wanted = *options;

    for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
        const OptionDesc *d = &option_table[i];
        bool *has;
        void *member = param_member(d, (MigrationParameters *)args, &has);

        if (!member || !*has) {
            continue;
        }
        if (!option_check(d, param_value(d, member), errp)) {
            return false;
        }
        if (d->both_sides && incoming_under_way(ctx->vm->incoming) &&
            param_value(d, member) != option_get(options, d)) {
            error_setg(errp, "There's a migration process in progress, which "
                             "goes by '%s' as it is; set it before a source "
                             "connects", d->name);
            return false;
        }
        option_put(&wanted, d, param_value(d, member));
    }
    if (!config_check(&wanted.config, errp)) {
        return false;
    }
    /* Live ones are atomic, each by itself. */
    for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
        option_put(options, &option_table[i],
                   option_get(&wanted, &option_table[i]));
    }
    return true;
}

MigrationParameters *qmp_query_migrate_parameters(QmpContext *ctx,
                                                  Error **errp)
{
    MigrationParameters *params = g_new0(MigrationParameters, 1);

    for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
        const OptionDesc *d = &option_table[i];
        uint64_t value = option_get(ctx->vm->migration->options, d);
        bool *has;
        void *member = param_member(d, params, &has);

        if (!member) {
            continue;
        }
        *has = true;
        if (d->kind == OPTION_ENUM) {
            *(unsigned *)member = (unsigned)value;
        } else if (d->kind == OPTION_UINT8) {
            *(uint8_t *)member = (uint8_t)value;
        } else {
            *(uint64_t *)member = value;
        }
    }
    return params;
}

/* --- -global -------------------------------------------------------------- */

static bool global_value(const OptionDesc *d, const char *text,
                         uint64_t *value, Error **errp)
{
    bool on = false;
    int number;

    switch (d->kind) {
    case OPTION_CAPABILITY:
    case OPTION_PROPERTY:
        if (!qemu_parse_bool(d->name, text, &on, errp)) {
            return false;
        }
        *value = on;
        return true;
    case OPTION_SIZE:
        return qemu_strtosz(text, value, errp);
    case OPTION_UINT:
    case OPTION_UINT8:
        return qemu_strtou64(text, value, errp) &&
               option_check(d, *value, errp);
    case OPTION_ENUM:
        number = qapi_enum_parse(d->enum_type, text, errp);
        *value = (uint64_t)number;
        return number >= 0;
    }
    g_assert_not_reached();
}

/* Properties that QEMU has with a prefix only. */
static bool has_x_name(const char *name)
{
    static const char *const names[] = {
        "x-downtime-limit", "x-events",        "x-max-bandwidth",
        "x-multifd",        "x-release-ram",   "x-return-path",
        "x-zero-copy-send",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool global_apply(const GlobalProp *prop, void *opaque, Error **errp)
{
    const char *name = prop->property;
    const OptionDesc *d = option_find(name, false);
    uint64_t value;

    if (!d && has_x_name(name)) {
        d = option_find(name + 2, false);
    } else if (!d && g_str_has_prefix(name, "c-")) {
        d = option_find(name + 2, true);
    }
    if (!d) {
        error_setg(errp, "migration has no property '%s'", name);
        return false;
    }
    if (!global_value(d, prop->value, &value, errp)) {
        error_prepend(errp, "migration.%s: ", name);
        return false;
    }
    option_put(opaque, d, value);
    return true;
}

bool migration_options_apply_globals(struct MigrationOptions *options, VM *vm,
                                     Error **errp)
{
    return globals_apply(vm, "migration", global_apply, options, errp) &&
           config_check(&options->config, errp);
}
