/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a stream: header, configuration, live sections in their phases,
 * device sections, description.
 *
 * Migration thread. Order: docs/devel/migration/stream-format.rst.
 */
#include "qemu/osdep.h"

#include "migration/savevm-registry.h"
#include "migration/vmstate-desc.h"
#include "io/channel-file.h"
#include "system/clock.h"
#include "system/memory.h"
#include "trace-events.h"

/* More state of devices than this is a mistake of theirs. */
#define DEVICES_MAX_BYTES (256 * MiB)

static const char *const section_names[] = {
    [QEMU_VM_SECTION_START] = "SECTION_START",
    [QEMU_VM_SECTION_PART] = "SECTION_PART",
    [QEMU_VM_SECTION_END] = "SECTION_END",
    [QEMU_VM_SECTION_FULL] = "SECTION_FULL",
};

bool savevm_send_header(MigrationState *s, QEMUFile *f, Error **errp)
{
    SaveVMRegistry *reg = s->vm->savevm;

    json_object_put(reg->described_configuration);
    reg->described_configuration = NULL;
    qemu_put_be32(f, QEMU_VM_FILE_MAGIC);
    qemu_put_be32(f, QEMU_VM_FILE_VERSION);
    if (s->config.send_configuration) {
        reg->described_configuration = json_object_new_object();
        qemu_put_byte(f, QEMU_VM_CONFIGURATION);
        if (!savevm_configuration_save(s, f, reg->described_configuration,
                                       errp)) {
            return false;
        }
    }
    return qemu_fflush(f, errp);
}

/* One section while it is written. */
typedef struct SectionWrite {
    QEMUFile *f;
    const SaveStateEntry *se;
    uint64_t start_bytes;
    int64_t start_ns;
} SectionWrite;

static void section_begin(SectionWrite *section, QEMUFile *f,
                          const SaveStateEntry *se, uint8_t type)
{
    *section = (SectionWrite) {
        .f = f,
        .se = se,
        .start_bytes = qemu_file_transferred(f),
        .start_ns = clock_host_ns(),
    };
    qemu_put_byte(f, type);
    qemu_put_be32(f, se->section_id);
    if (type == QEMU_VM_SECTION_START || type == QEMU_VM_SECTION_FULL) {
        qemu_put_counted_string(f, se->name);
        qemu_put_be32(f, se->instance_id);
        qemu_put_be32(f, se->version_id);
    }
}

static void section_end(const SectionWrite *section, const MigrationState *s)
{
    QEMUFile *f = section->f;

    if (s->config.send_section_footer) {
        qemu_put_byte(f, QEMU_VM_SECTION_FOOTER);
        qemu_put_be32(f, section->se->section_id);
    }
    trace_migration_section_save(
        section->se->name, section->se->section_id,
        qemu_file_transferred(f) - section->start_bytes,
        clock_host_ns() - section->start_ns);
}

/* Moves @err on, saying which section it is about. */
static bool section_error(Error **errp, Error *err, const SaveStateEntry *se,
                          uint8_t type)
{
    error_prepend(&err, "%s of '%s' instance %" PRIu32 ": ",
                  section_names[type], se->name, se->instance_id);
    error_propagate(errp, err);
    return false;
}

bool savevm_setup(MigrationState *s, QEMUFile *f, Error **errp)
{
    SaveVMRegistry *reg = s->vm->savevm;
    SectionWrite section;
    Error *err = NULL;

    bql_lock(s->vm);
    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);

        if (!se->ops) {
            continue;
        }
        section_begin(&section, f, se, QEMU_VM_SECTION_START);
        se->saving = true;
        if (!se->ops->save_setup(f, se->opaque, &err)) {
            section_error(errp, err, se, QEMU_VM_SECTION_START);
            break;
        }
        section_end(&section, s);
    }
    bql_unlock(s->vm);
    return !err && qemu_fflush(f, errp);
}

/* One PART of one handler, if it has something. */
static bool iterate_one(MigrationState *s, QEMUFile *f, SaveStateEntry *se,
                        Error **errp)
{
    MigrationPending pending = { 0 };
    SectionWrite section;
    Error *err = NULL;

    if (!se->ops->save_pending(se->opaque, false, &pending, &err)) {
        return section_error(errp, err, se, QEMU_VM_SECTION_PART);
    }
    if (!pending.precopy_bytes) {
        return true;
    }
    section_begin(&section, f, se, QEMU_VM_SECTION_PART);
    if (!se->ops->save_live_iterate(f, se->opaque, &err)) {
        return section_error(errp, err, se, QEMU_VM_SECTION_PART);
    }
    section_end(&section, s);
    return true;
}

bool savevm_iterate(MigrationState *s, QEMUFile *f, Error **errp)
{
    SaveVMRegistry *reg = s->vm->savevm;

    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);

        if (!se->ops) {
            continue;
        }
        if (!iterate_one(s, f, se, errp)) {
            return false;
        }
        if (!migration_rate_left_bytes(s)) {
            break;
        }
    }
    return qemu_file_ok(f, errp);
}

bool savevm_pending(MigrationState *s, bool exact, MigrationPending *pending,
                    Error **errp)
{
    SaveVMRegistry *reg = s->vm->savevm;

    memset(pending, 0, sizeof(*pending));
    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);
        Error *err = NULL;

        if (se->ops &&
            !se->ops->save_pending(se->opaque, exact, pending, &err)) {
            return section_error(errp, err, se, QEMU_VM_SECTION_PART);
        }
    }
    return true;
}

/* What does not fit in the END section of a handler. */
static bool complete_parts(MigrationState *s, QEMUFile *f, SaveStateEntry *se,
                           Error **errp)
{
    bool needs = se->ops->save_live_needs_part != NULL;
    Error *err = NULL;

    while (needs) {
        if (!se->ops->save_live_needs_part(se->opaque, &needs, &err)) {
            return section_error(errp, err, se, QEMU_VM_SECTION_PART);
        }
        /* Other channels may wait for what is on this one. */
        if (needs &&
            (!iterate_one(s, f, se, errp) || !qemu_fflush(f, errp))) {
            return false;
        }
    }
    return true;
}

static bool complete_live(MigrationState *s, QEMUFile *f, Error **errp)
{
    SaveVMRegistry *reg = s->vm->savevm;

    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);
        SectionWrite section;
        Error *err = NULL;

        if (!se->ops) {
            continue;
        }
        if (!complete_parts(s, f, se, errp)) {
            return false;
        }
        section_begin(&section, f, se, QEMU_VM_SECTION_END);
        if (!se->ops->save_live_complete(f, se->opaque, &err)) {
            return section_error(errp, err, se, QEMU_VM_SECTION_END);
        }
        section_end(&section, s);
    }
    return true;
}

/* The object of one device in the description, NULL if there is none. */
static struct json_object *describe_device(struct json_object *devices,
                                           const SaveStateEntry *se)
{
    struct json_object *obj;

    if (!devices) {
        return NULL;
    }
    obj = json_object_new_object();
    json_object_object_add(obj, "name", json_object_new_string(se->name));
    json_object_object_add(obj, "instance_id",
                           json_object_new_int64(se->instance_id));
    json_object_array_add(devices, obj);
    return obj;
}

static bool complete_devices(MigrationState *s, QEMUFile *f,
                             struct json_object *devices, Error **errp)
{
    SaveVMRegistry *reg = s->vm->savevm;

    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);
        SectionWrite section;
        Error *err = NULL;

        if (!se->vmsd || (se->vmsd->needed && !se->vmsd->needed(se->opaque))) {
            continue;
        }
        section_begin(&section, f, se, QEMU_VM_SECTION_FULL);
        if (!vmstate_save_state(f, se->vmsd, se->opaque,
                                describe_device(devices, se), &err)) {
            error_prepend(&err, "%s/", se->name);
            return section_error(errp, err, se, QEMU_VM_SECTION_FULL);
        }
        section_end(&section, s);
    }
    return true;
}

static struct json_object *describe_begin(MigrationState *s)
{
    SaveVMRegistry *reg = s->vm->savevm;
    struct json_object *desc = json_object_new_object();

    if (reg->described_configuration) {
        json_object_object_add(desc, "configuration",
                               json_object_get(reg->described_configuration));
    }
    json_object_object_add(desc, "page_size",
                           json_object_new_int64(TARGET_PAGE_SIZE));
    json_object_object_add(desc, "devices", json_object_new_array());
    return desc;
}

static void put_description(QEMUFile *f, struct json_object *desc)
{
    GString *text = vmstate_desc_text(desc);

    qemu_put_byte(f, QEMU_VM_VMDESCRIPTION);
    qemu_put_be32(f, text->len);
    qemu_put_buffer(f, text->str, text->len);
    g_string_free(text, true);
}

/* Everything behind the live sections; *@eof_at: where the EOF record is. */
static bool complete_rest(MigrationState *s, QEMUFile *f, size_t *eof_at,
                          Error **errp)
{
    struct json_object *desc = NULL, *devices = NULL;
    bool ok;

    if (!s->config.suppress_vmdesc) {
        desc = describe_begin(s);
        json_object_object_get_ex(desc, "devices", &devices);
    }
    ok = complete_devices(s, f, devices, errp);
    *eof_at = qemu_file_transferred(f);
    if (ok) {
        qemu_put_byte(f, QEMU_VM_EOF);
        if (desc) {
            put_description(f, desc);
        }
        ok = qemu_fflush(f, errp);
    }
    json_object_put(desc);
    return ok;
}

/*
 * Sends what complete_rest() wrote. Up to the EOF record a destination can
 * only fail; from it on it may take the guest over.
 */
static bool send_rest(MigrationState *s, QEMUFile *f, const uint8_t *data,
                      size_t len_bytes, size_t eof_at, Error **errp)
{
    qemu_put_buffer(f, data, eof_at);
    if (!qemu_fflush(f, errp)) {
        return false;
    }
    /* The BQL makes this and a cancel follow one another. */
    if (migration_should_stop(s)) {
        error_setg(errp, "told to stop while sending devices");
        return false;
    }
    qatomic_set(&s->committed, true);
    qemu_put_buffer(f, data + eof_at, len_bytes - eof_at);
    return qemu_fflush(f, errp);
}

bool savevm_complete(MigrationState *s, QEMUFile *f, Error **errp)
{
    QIOChannel *memory;
    QEMUFile *rest;
    size_t eof_at;
    bool ok;

    /*
     * Writing to @f may let go of the BQL. Devices must be as of one moment,
     * and the same as memory: what they have goes to memory first.
     */
    memory = qio_channel_buffer_new(DEVICES_MAX_BYTES);
    rest = qemu_file_new_output(memory);
    ok = complete_live(s, f, errp) && complete_rest(s, rest, &eof_at, errp);
    bql_loan_allow(&s->bql_loan);
    if (ok) {
        size_t len_bytes;
        const void *data = qio_channel_buffer_data(memory, &len_bytes);

        ok = send_rest(s, f, data, len_bytes, eof_at, errp);
    }
    qemu_fclose(rest, NULL);
    qio_channel_unref(memory);
    return ok;
}

void savevm_cleanup(MigrationState *s)
{
    SaveVMRegistry *reg = s->vm->savevm;

    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);

        if (se->saving) {
            se->saving = false;
            se->ops->save_cleanup(se->opaque);
        }
    }
}
