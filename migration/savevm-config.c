/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration section: what both machines must have in common before
 * anything else is read.
 *
 * Migration thread (save) and loading thread (load).
 */
#include "qemu/osdep.h"

#include "migration/savevm-registry.h"
#include "system/memory.h"

/* Most capability names that a reader takes. */
#define CAPABILITIES_MAX 256

typedef struct Configuration {
    VM *vm;
    bool validate_uuid;
    /* the fields */
    uint32_t len;
    uint8_t *name; /* no NUL */
    uint32_t target_page_bits;
    uint32_t caps_count;
    QemuUUID uuid;
} Configuration;

/* --- target-page-bits ---------------------------------------------------- */

static bool never_needed(void *opaque)
{
    return false;
}

static bool page_bits_post_load(void *opaque, int version_id, Error **errp)
{
    const Configuration *c = opaque;

    if (c->target_page_bits != TARGET_PAGE_BITS) {
        error_setg(errp, "pages of 2^%" PRIu32
                   " octets on the source but 2^%d here",
                   c->target_page_bits, TARGET_PAGE_BITS);
        return false;
    }
    return true;
}

/* Only written where pages are larger than the target's smallest. */
static const VMStateDescription vmstate_page_bits = {
    .name = "configuration/target-page-bits",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = never_needed,
    .post_load = page_bits_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(target_page_bits, Configuration),
        VMSTATE_END_OF_LIST(),
    },
};

/* --- capabilities -------------------------------------------------------- */

/*
 * No capability that we have must be equal on both sides, so none is written
 * and each name that is not ours asks for something we cannot do.
 */
static bool get_capabilities(QEMUFile *f, void *pv, size_t size_bytes,
                             const VMStateField *field, Error **errp)
{
    uint32_t count = *(uint32_t *)pv;

    if (count > CAPABILITIES_MAX) {
        error_setg(errp, "%" PRIu32 " names; at most %d make "
                   "sense", count, CAPABILITIES_MAX);
        return false;
    }
    while (count--) {
        char name[STREAM_NAME_MAX + 1];
        MigrationCapability cap;

        if (!qemu_get_counted_string(f, name)) {
            return false;
        }
        if (!MigrationCapability_parse(name, &cap, NULL)) {
            error_setg(errp, "the source has '%s' on, which is "
                       "not known here; turn it off there", name);
            return false;
        }
    }
    return true;
}

static const VMStateInfo info_capabilities = {
    .name = "capability",
    .get = get_capabilities,
};

static const VMStateDescription vmstate_capabilities = {
    .name = "configuration/capabilities",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = never_needed,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(caps_count, Configuration),
        {
            .name = "capabilities",
            .offset = offsetof(Configuration, caps_count),
            .info = &info_capabilities,
        },
        VMSTATE_END_OF_LIST(),
    },
};

/* --- uuid ---------------------------------------------------------------- */

static bool uuid_needed(void *opaque)
{
    const Configuration *c = opaque;

    return c->validate_uuid && !qemu_uuid_is_null(&c->vm->uuid);
}

static bool uuid_post_load(void *opaque, int version_id, Error **errp)
{
    const Configuration *c = opaque;
    char theirs[UUID_STR_LEN], ours[UUID_STR_LEN];

    if (qemu_uuid_is_null(&c->vm->uuid) ||
        !memcmp(&c->uuid, &c->vm->uuid, sizeof(c->uuid))) {
        return true;
    }
    qemu_uuid_unparse(&c->uuid, theirs);
    qemu_uuid_unparse(&c->vm->uuid, ours);
    error_setg(errp, "UUID is %s on the source but %s here",
               theirs, ours);
    return false;
}

static const VMStateDescription vmstate_uuid = {
    .name = "configuration/uuid",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = uuid_needed,
    .post_load = uuid_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT8_ARRAY(uuid.data, Configuration, 16),
        VMSTATE_END_OF_LIST(),
    },
};

/* --- the section ---------------------------------------------------------- */

static bool configuration_post_load(void *opaque, int version_id,
                                    Error **errp)
{
    const Configuration *c = opaque;
    const char *ours = c->vm->savevm->machine_name;

    if (c->len != strlen(ours) || memcmp(c->name, ours, c->len)) {
        g_autofree char *raw =
            g_strndup(c->len ? (const char *)c->name : "", c->len);
        g_autofree char *theirs = g_strescape(raw, NULL);

        error_setg(errp, "machine type is '%s' on the source "
                   "but '%s' here; use the same -machine", theirs, ours);
        return false;
    }
    return true;
}

static const VMStateDescription vmstate_configuration = {
    .name = "configuration",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = configuration_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(len, Configuration),
        VMSTATE_VBUFFER_ALLOC_UINT32(name, Configuration, len,
                                     STREAM_MACHINE_NAME_MAX),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = (const VMStateDescription *const[]){
        &vmstate_page_bits,
        &vmstate_capabilities,
        &vmstate_uuid,
        NULL,
    },
};

bool savevm_configuration_save(MigrationState *s, QEMUFile *f,
                               struct json_object *desc, Error **errp)
{
    Configuration c = {
        .vm = s->vm,
        .validate_uuid =
            migration_cap(&s->config, MIGRATION_CAPABILITY_VALIDATE_UUID),
        .len = strlen(s->vm->savevm->machine_name),
        .name = (uint8_t *)s->vm->savevm->machine_name,
        .target_page_bits = TARGET_PAGE_BITS,
        .uuid = s->vm->uuid,
    };

    return vmstate_save_state(f, &vmstate_configuration, &c, desc, errp);
}

bool savevm_configuration_load(MigrationIncomingState *mis, QEMUFile *f,
                               Error **errp)
{
    Configuration c = { .vm = mis->vm };
    Error *err = NULL;

    if (!vmstate_load_state(f, &vmstate_configuration, &c, 1, &err)) {
        error_prepend(&err, "configuration/");
        error_propagate(errp, err);
    }
    g_free(c.name);
    return !err;
}
