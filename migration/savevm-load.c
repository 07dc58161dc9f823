/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a stream: one record after the other until EOF and the description.
 *
 * Loading thread, no lock held; the BQL is taken around each device section,
 * and given up while a read in one may wait for the peer.
 * Errors start with the record and its offset in the stream.
 */
#include "qemu/osdep.h"

#include "migration/savevm-registry.h"
#include "system/clock.h"
#include "trace-events.h"

/* One record while it is read; what errors tell about it. */
typedef struct LoadRecord {
    MigrationIncomingState *mis;
    QEMUFile *f;
    uint64_t offset;
    int type;
    bool has_id;
    uint32_t section_id;
    char name[STREAM_NAME_MAX + 1]; /* empty while it is not known */
    uint32_t instance_id;
} LoadRecord;

static const char *const record_names[] = {
    [QEMU_VM_EOF] = "EOF",
    [QEMU_VM_SECTION_START] = "SECTION_START",
    [QEMU_VM_SECTION_PART] = "SECTION_PART",
    [QEMU_VM_SECTION_END] = "SECTION_END",
    [QEMU_VM_SECTION_FULL] = "SECTION_FULL",
    [QEMU_VM_SUBSECTION] = "SUBSECTION",
    [QEMU_VM_VMDESCRIPTION] = "VMDESCRIPTION",
    [QEMU_VM_CONFIGURATION] = "CONFIGURATION",
    [QEMU_VM_COMMAND] = "COMMAND",
};

static void record_error(const LoadRecord *r, Error *err, Error **errp)
{
    g_autoptr(GString) what = g_string_new(NULL);

    if (r->type < 0) {
        g_string_append(what, "next record");
    } else if (r->type < (int)ARRAY_SIZE(record_names)) {
        g_string_append(what, record_names[r->type]);
    } else {
        g_string_append_printf(what, "record 0x%02x", r->type);
    }
    if (r->name[0]) {
        g_string_append_printf(what, " of '%s' instance %" PRIu32, r->name,
                               r->instance_id);
    }
    if (r->has_id) {
        g_string_append_printf(what, " (id %" PRIu32 ")", r->section_id);
    }
    error_prepend(&err, "%s at offset %" PRIu64 ": ", what->str, r->offset);
    error_propagate(errp, err);
}

/* --- sections ------------------------------------------------------------- */

static bool check_footer(LoadRecord *r, Error **errp)
{
    uint8_t type;
    uint32_t id;

    if (!r->mis->config.send_section_footer) {
        return true;
    }
    type = qemu_get_byte(r->f);
    if (!qemu_file_ok(r->f, errp)) {
        return false;
    }
    if (type != QEMU_VM_SECTION_FOOTER) {
        error_setg(errp, "footer 0x%02x expected, found 0x%02x; "
                   "the section has another length here",
                   QEMU_VM_SECTION_FOOTER, type);
        return false;
    }
    id = qemu_get_be32(r->f);
    if (!qemu_file_ok(r->f, errp)) {
        return false;
    }
    if (id != r->section_id) {
        error_setg(errp, "footer of id %" PRIu32 " found",
                   id);
        return false;
    }
    return true;
}

static bool load_body(LoadRecord *r, SaveStateEntry *se, Error **errp)
{
    VM *vm = r->mis->vm;
    int version_id = MIN(se->load_version_id, INT_MAX);
    int64_t start_ns = clock_host_ns();
    Error *err = NULL;
    bool ok;

    if (se->vmsd) {
        bql_lock(vm);
        ok = vmstate_load_state(r->f, se->vmsd, se->opaque, version_id, &err);
        bql_unlock(vm);
        if (!ok) {
            error_prepend(&err, "%s/", se->name);
            error_propagate(errp, err);
        }
    } else {
        ok = se->ops->load_state(r->f, se->opaque, version_id, errp);
    }
    if (!ok || !check_footer(r, errp)) {
        return false;
    }
    trace_migration_section_load(se->name, r->section_id,
                                 qemu_file_transferred(r->f) - r->offset,
                                 clock_host_ns() - start_ns);
    return true;
}

/* From now on @id means @se, and nothing else does. */
static void map_section_id(MigrationIncomingState *mis, SaveStateEntry *se,
                           uint32_t id)
{
    SaveStateEntry *old = g_hash_table_lookup(mis->sections,
                                              GUINT_TO_POINTER(id));

    if (old) {
        old->has_load_id = false;
    }
    if (se->has_load_id) {
        g_hash_table_remove(mis->sections, GUINT_TO_POINTER(se->load_id));
    }
    se->has_load_id = true;
    se->load_id = id;
    g_hash_table_insert(mis->sections, GUINT_TO_POINTER(id), se);
}

/* START or FULL. */
static bool load_named_section(LoadRecord *r, Error **errp)
{
    QEMUFile *f = r->f;
    SaveStateEntry *se;
    uint32_t version_id;

    r->section_id = qemu_get_be32(f);
    r->has_id = true;
    qemu_get_counted_string(f, r->name);
    r->instance_id = qemu_get_be32(f);
    version_id = qemu_get_be32(f);
    if (!qemu_file_ok(f, errp)) {
        r->name[0] = '\0';
        r->has_id = false;
        return false;
    }
    if (!r->name[0]) {
        error_setg(errp, "the section's name is empty");
        return false;
    }
    se = savevm_find(r->mis->vm->savevm, r->name, r->instance_id);
    if (!se) {
        error_setg(errp, "there is no such section here; give the "
                   "destination the same -machine, devices and -accel; "
                   "stock QEMU adds devices unless it has -nodefaults");
        return false;
    }
    if ((se->ops != NULL) != (r->type == QEMU_VM_SECTION_START)) {
        error_setg(errp, "it is %s live section", se->ops ? "a" : "no");
        return false;
    }
    if (version_id > se->version_id) {
        error_setg(errp, "%s/version: %" PRIu32 " is newer than "
                   "%" PRIu32 ", the latest known here", se->name,
                   version_id, se->version_id);
        return false;
    }
    map_section_id(r->mis, se, r->section_id);
    se->load_version_id = version_id;
    se->ended = false;
    se->loaded = load_body(r, se, errp);
    return se->loaded;
}

/* PART or END. */
static bool load_numbered_section(LoadRecord *r, Error **errp)
{
    SaveStateEntry *se;

    r->section_id = qemu_get_be32(r->f);
    if (!qemu_file_ok(r->f, errp)) {
        return false;
    }
    r->has_id = true;
    se = g_hash_table_lookup(r->mis->sections,
                             GUINT_TO_POINTER(r->section_id));
    if (!se) {
        error_setg(errp, "no section of this id was started");
        return false;
    }
    memcpy(r->name, se->name, sizeof(r->name));
    r->instance_id = se->instance_id;
    if (!se->ops) {
        error_setg(errp, "it is no live section");
        return false;
    }
    if (!load_body(r, se, errp)) {
        return false;
    }
    se->ended = r->type == QEMU_VM_SECTION_END;
    return true;
}

/* --- records -------------------------------------------------------------- */

static bool load_record(LoadRecord *r, Error **errp)
{
    switch (r->type) {
    case QEMU_VM_SECTION_START:
    case QEMU_VM_SECTION_FULL:
        return load_named_section(r, errp);
    case QEMU_VM_SECTION_PART:
    case QEMU_VM_SECTION_END:
        return load_numbered_section(r, errp);
    case QEMU_VM_COMMAND:
        return loadvm_command(r->mis, r->f, errp);
    default:
        error_setg(errp, "no record of type 0x%02x can stand "
                   "here", r->type);
        return false;
    }
}

/* Without both ends of a live section it is not known to be complete. */
static bool check_live(const SaveStateEntry *se, Error **errp)
{
    if (se->loaded && se->ended) {
        return true;
    }
    error_setg(errp, "the stream ends without the %s of section '%s' instance "
               "%" PRIu32 "; it is not complete",
               se->loaded ? "end" : "start", se->name, se->instance_id);
    return false;
}

/*
 * A device that its source never leaves out and that did not come is not in
 * the source's machine: here it would go on as after a reset.
 */
static bool check_missing(MigrationIncomingState *mis, Error **errp)
{
    SaveVMRegistry *reg = mis->vm->savevm;

    for (size_t i = 0; i < reg->entries->len; i++) {
        const SaveStateEntry *se = savevm_entry(reg, i);

        if (se->ops && !check_live(se, errp)) {
            return false;
        }
        if (se->vmsd && !se->vmsd->needed && !se->loaded) {
            error_setg(errp, "the stream ends without a section '%s' instance "
                       "%" PRIu32 ", which this machine has; give both sides "
                       "the same -smp and devices", se->name,
                       se->instance_id);
            return false;
        }
    }
    return true;
}

static bool load_records(MigrationIncomingState *mis, QEMUFile *f,
                         Error **errp)
{
    for (;;) {
        LoadRecord r = {
            .mis = mis,
            .f = f,
            .offset = qemu_file_transferred(f),
            .type = -1,
        };
        Error *err = NULL;
        uint8_t type = qemu_get_byte(f);

        if (qemu_file_ok(f, &err)) {
            r.type = type;
            if (type == QEMU_VM_EOF && check_missing(mis, &err)) {
                return true;
            }
            if (type != QEMU_VM_EOF && load_record(&r, &err)) {
                continue;
            }
        }
        record_error(&r, err, errp);
        return false;
    }
}

/*
 * Who waits for our answer takes an error at the end of the stream for a
 * failure, so it is one here. Where nobody waits, the guest is all there.
 */
static bool settle_description(MigrationIncomingState *mis, QEMUFile *f,
                               uint64_t offset, Error **errp)
{
    if (!loadvm_answers(mis) || qemu_file_ok(f, errp)) {
        return true;
    }
    error_prepend(errp, "VMDESCRIPTION at offset %" PRIu64 ": ", offset);
    return false;
}

/*
 * Behind EOF everything has been loaded. The description is taken off the
 * channel so that the source does not fail to write it; a stream that has
 * none is complete all the same.
 */
static bool skip_description(MigrationIncomingState *mis, QEMUFile *f,
                             Error **errp)
{
    uint64_t offset = qemu_file_transferred(f);
    uint32_t length_bytes;
    int type;

    if (mis->config.suppress_vmdesc) {
        return true;
    }
    type = qemu_peek_byte(f);
    if (type != QEMU_VM_VMDESCRIPTION) {
        return settle_description(mis, f, offset, errp);
    }
    qemu_get_byte(f);
    length_bytes = qemu_get_be32(f);
    if (length_bytes > STREAM_VMDESC_MAX_BYTES) {
        error_setg(errp, "VMDESCRIPTION at offset %" PRIu64
                   ": %" PRIu32 " octets are more than the %llu that "
                   "are read", offset, length_bytes,
                   STREAM_VMDESC_MAX_BYTES);
        return false;
    }
    qemu_file_skip(f, length_bytes);
    return settle_description(mis, f, offset, errp);
}

static bool load_header(MigrationIncomingState *mis, QEMUFile *f, Error **errp)
{
    uint32_t magic = qemu_get_be32(f);
    uint32_t version = qemu_get_be32(f);
    uint8_t type;

    if (!qemu_file_ok(f, errp)) {
        error_prepend(errp, "file header at offset 0: ");
        return false;
    }
    if (magic != QEMU_VM_FILE_MAGIC) {
        error_setg(errp, "file header at offset 0: magic is "
                   "0x%08" PRIx32 ", not 0x%08x; this is no migration "
                   "stream", magic, QEMU_VM_FILE_MAGIC);
        return false;
    }
    if (version != QEMU_VM_FILE_VERSION) {
        error_setg(errp, "file header at offset 4: stream "
                   "version %" PRIu32 "%s is not supported, only %u",
                   version, version == QEMU_VM_FILE_VERSION_COMPAT ?
                   " is obsolete and" : "", QEMU_VM_FILE_VERSION);
        return false;
    }
    if (!mis->config.send_configuration) {
        return true;
    }
    type = qemu_get_byte(f);
    if (!qemu_file_ok(f, errp)) {
        error_prepend(errp, "CONFIGURATION at offset 8: ");
        return false;
    }
    if (type != QEMU_VM_CONFIGURATION) {
        error_setg(errp, "CONFIGURATION at offset 8: found "
                   "0x%02x; set migration.send-configuration alike on "
                   "both sides", type);
        return false;
    }
    if (!savevm_configuration_load(mis, f, errp)) {
        error_prepend(errp, "CONFIGURATION at offset 8: ");
        return false;
    }
    return true;
}

static bool load_setup(MigrationIncomingState *mis, QEMUFile *f, Error **errp)
{
    SaveVMRegistry *reg = mis->vm->savevm;

    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);

        se->has_load_id = false;
        se->loaded = false;
        se->ended = false;
        if (se->ops) {
            se->loading = true;
            if (!se->ops->load_setup(f, se->opaque, errp)) {
                error_prepend(errp, "preparing to load '%s': ", se->name);
                return false;
            }
        }
    }
    return true;
}

bool loadvm(MigrationIncomingState *mis, QEMUFile *f, Error **errp)
{
    Error *err = NULL;

    g_assert(!mis->sections);
    mis->sections = g_hash_table_new(NULL, NULL);
    if (!load_header(mis, f, &err) || !load_setup(mis, f, &err) ||
        !load_records(mis, f, &err) || !skip_description(mis, f, &err)) {
        error_propagate(errp, err);
        return false;
    }
    return true;
}

void loadvm_cleanup(MigrationIncomingState *mis)
{
    SaveVMRegistry *reg = mis->vm->savevm;

    for (size_t i = 0; i < reg->entries->len; i++) {
        SaveStateEntry *se = savevm_entry(reg, i);

        if (se->loading) {
            se->loading = false;
            se->ops->load_cleanup(se->opaque);
        }
    }
    g_clear_pointer(&mis->sections, g_hash_table_unref);
    g_clear_pointer(&mis->global_state, g_free);
}
