/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine of device descriptions: walks a table of fields and writes or
 * reads them, then the subsections.
 *
 * Migration thread (save) and loading thread (load), BQL held, guest stopped.
 * Errors start with the path to the field: "segs[2].base: ...".
 */
#include "qemu/osdep.h"

#include "migration/qemu-file.h"
#include "migration/savevm.h"
#include "migration/stream-format.h"
#include "migration/vmstate-desc.h"

/* A field of one object: where its elements are. */
typedef struct FieldElements {
    uint8_t *base;
    size_t n;
    size_t size_bytes; /* of one */
} FieldElements;

static bool field_is_present(const VMStateField *field, void *opaque,
                             int version_id)
{
    if (field->field_exists) {
        return field->field_exists(opaque, version_id);
    }
    return field->version_id <= version_id;
}

static bool field_is_array(const VMStateField *field)
{
    return field->flags & (VMS_ARRAY | VMS_VARRAY_UINT8 | VMS_VARRAY_UINT16 |
                           VMS_VARRAY_UINT32 | VMS_VARRAY_INT32);
}

static void field_error_path(Error **errp, const VMStateField *field,
                             size_t index)
{
    const char *end = (field->flags & VMS_STRUCT) ? "." : ": ";

    if (field_is_array(field)) {
        error_prepend(errp, "%s[%zu]%s", field->name, index, end);
    } else {
        error_prepend(errp, "%s%s", field->name, end);
    }
}

/* A count or length that came from the stream, or would go into it. */
static bool field_check_bound(const VMStateField *field, int64_t value,
                              const char *what, Error **errp)
{
    if (value < 0 || (uint64_t)value > field->num_max) {
        error_setg(errp,
                   "%s: %s %" PRId64 " is out of range, 0 to %zu",
                   field->name, what, value, field->num_max);
        return false;
    }
    return true;
}

static bool field_count(const VMStateField *field, const uint8_t *opaque,
                        size_t *n, Error **errp)
{
    const uint8_t *p = opaque + field->num_offset;
    int64_t count;

    if (field->flags & VMS_VARRAY_UINT8) {
        count = *p;
    } else if (field->flags & VMS_VARRAY_UINT16) {
        count = *(const uint16_t *)p;
    } else if (field->flags & VMS_VARRAY_UINT32) {
        count = *(const uint32_t *)p;
    } else if (field->flags & VMS_VARRAY_INT32) {
        count = *(const int32_t *)p;
    } else {
        *n = (field->flags & VMS_ARRAY) ? field->num : 1;
        return true;
    }
    if (!field_check_bound(field, count, "element count", errp)) {
        return false;
    }
    *n = count * (field->num ? field->num : 1);
    return true;
}

/* @alloc: the reader makes the memory that a VMS_ALLOC field points to. */
static bool field_elements(const VMStateField *field, uint8_t *opaque,
                           bool alloc, FieldElements *el, Error **errp)
{
    el->base = opaque + field->offset;
    el->size_bytes = field->size;
    if (field->flags & VMS_VBUFFER) {
        el->size_bytes = *(uint32_t *)(opaque + field->size_offset);
        if (!field_check_bound(field, el->size_bytes, "length", errp)) {
            return false;
        }
    }
    if (!field_count(field, opaque, &el->n, errp)) {
        return false;
    }
    if (field->flags & VMS_POINTER) {
        void **pointer = (void **)el->base;

        if (alloc && (field->flags & VMS_ALLOC)) {
            g_free(*pointer);
            *pointer = g_malloc0(el->n * el->size_bytes);
        }
        el->base = *pointer;
        if (!el->base && el->n && el->size_bytes) {
            error_setg(errp, "%s: there is no such object here", field->name);
            return false;
        }
    }
    return true;
}

static void *field_element(const VMStateField *field, const FieldElements *el,
                           size_t index)
{
    /* Nothing was allocated for no elements of no size. */
    uint8_t *element =
        el->base ? el->base + index * el->size_bytes : NULL;

    if (field->flags & VMS_ARRAY_OF_POINTER) {
        return *(void **)element;
    }
    return element;
}

/* --- load ---------------------------------------------------------------- */

static bool load_null(QEMUFile *f, Error **errp)
{
    uint8_t marker = qemu_get_byte(f);

    if (!qemu_file_ok(f, errp)) {
        return false;
    }
    if (marker != VMSTATE_NULLPTR_MARKER) {
        error_setg(errp, "NULL here, but the stream has an "
                   "object");
        return false;
    }
    return true;
}

static bool load_element(QEMUFile *f, const VMStateField *field, void *element,
                         size_t size_bytes, Error **errp)
{
    if (!element && (field->flags & VMS_ARRAY_OF_POINTER)) {
        return load_null(f, errp);
    }
    if (field->flags & VMS_STRUCT) {
        return vmstate_load_state(f, field->vmsd, element,
                                  field->vmsd->version_id, errp);
    }
    return field->info->get(f, element, size_bytes, field, errp) &&
           qemu_file_ok(f, errp);
}

static bool load_field(QEMUFile *f, const VMStateField *field, void *opaque,
                       Error **errp)
{
    FieldElements el;

    if (!field_elements(field, opaque, true, &el, errp)) {
        return false;
    }
    for (size_t i = 0; i < el.n; i++) {
        Error *err = NULL;

        if (!load_element(f, field, field_element(field, &el, i),
                          el.size_bytes, &err)) {
            field_error_path(&err, field, i);
            error_propagate(errp, err);
            return false;
        }
    }
    return true;
}

static const VMStateDescription *find_subsection(
    const VMStateDescription *vmsd, const char *name)
{
    for (const VMStateDescription *const *sub = vmsd->subsections;
         sub && *sub; sub++) {
        if (!strcmp((*sub)->name, name)) {
            return *sub;
        }
    }
    return NULL;
}

/*
 * Whether the next octets are a subsection of @vmsd: by a name that is longer
 * than its own and starts with it. What else is there belongs to whoever
 * encloses this description.
 */
static bool next_is_subsection(QEMUFile *f, const VMStateDescription *vmsd,
                               char name[STREAM_NAME_MAX + 1])
{
    const uint8_t *p;
    size_t prefix = strlen(vmsd->name);
    size_t len;

    if (qemu_peek_byte(f) != QEMU_VM_SUBSECTION ||
        qemu_peek_buffer(f, &p, 2) < 2) {
        return false;
    }
    len = p[1];
    if (len <= prefix || qemu_peek_buffer(f, &p, 2 + len) < 2 + len ||
        memcmp(p + 2, vmsd->name, prefix)) {
        return false;
    }
    memcpy(name, p + 2, len);
    name[len] = '\0';
    return true;
}

/* "cpu/x" of "cpu" is told as "x". */
static const char *subsection_label(const VMStateDescription *vmsd,
                                    const char *name)
{
    size_t prefix = strlen(vmsd->name);

    return name[prefix] == '/' ? name + prefix + 1 : name;
}

static bool load_subsections(QEMUFile *f, const VMStateDescription *vmsd,
                             void *opaque, Error **errp)
{
    char name[STREAM_NAME_MAX + 1];

    while (next_is_subsection(f, vmsd, name)) {
        const VMStateDescription *sub = find_subsection(vmsd, name);
        Error *err = NULL;
        uint32_t version_id;

        if (!sub) {
            error_setg(errp,
                       "subsections: '%s' is not known here; the source "
                       "is newer or has a feature that is off here",
                       name);
            return false;
        }
        qemu_file_skip(f, 2 + strlen(name));
        version_id = qemu_get_be32(f);
        if (!qemu_file_ok(f, &err) ||
            !vmstate_load_state(f, sub, opaque, MIN(version_id, INT_MAX),
                                &err)) {
            error_prepend(&err, "%s/", subsection_label(vmsd, name));
            error_propagate(errp, err);
            return false;
        }
    }
    return true;
}

static bool check_version(const VMStateDescription *vmsd, int version_id,
                          Error **errp)
{
    if (version_id > vmsd->version_id) {
        error_setg(errp,
                   "version: %d is newer than %d, the latest known "
                   "here",
                   version_id, vmsd->version_id);
        return false;
    }
    if (version_id < vmsd->minimum_version_id) {
        error_setg(errp,
                   "version: %d is older than %d, the earliest known "
                   "here", version_id, vmsd->minimum_version_id);
        return false;
    }
    return true;
}

static bool load_fields(QEMUFile *f, const VMStateDescription *vmsd,
                        void *opaque, int version_id, Error **errp)
{
    for (const VMStateField *field = vmsd->fields; field && field->name;
         field++) {
        if (field_is_present(field, opaque, version_id)) {
            if (!load_field(f, field, opaque, errp)) {
                return false;
            }
        } else if (field->flags & VMS_MUST_EXIST) {
            error_setg(errp,
                       "%s: the values read so far do not allow this",
                       field->name);
            return false;
        }
    }
    return true;
}

bool vmstate_load_state(QEMUFile *f, const VMStateDescription *vmsd,
                        void *opaque, int version_id, Error **errp)
{
    Error *err = NULL;

    if (!check_version(vmsd, version_id, errp)) {
        return false;
    }
    if (vmsd->pre_load && !vmsd->pre_load(opaque, &err)) {
        error_prepend(&err, "before load: ");
        error_propagate(errp, err);
        return false;
    }
    if (!load_fields(f, vmsd, opaque, version_id, errp) ||
        !load_subsections(f, vmsd, opaque, errp) || !qemu_file_ok(f, errp)) {
        return false;
    }
    if (vmsd->post_load && !vmsd->post_load(opaque, version_id, &err)) {
        error_prepend(&err, "after load: ");
        error_propagate(errp, err);
        return false;
    }
    return true;
}

/* --- save ---------------------------------------------------------------- */

static bool save_element(QEMUFile *f, const VMStateField *field, void *element,
                         size_t size_bytes, struct json_object *inner,
                         Error **errp)
{
    if (!element && (field->flags & VMS_ARRAY_OF_POINTER)) {
        qemu_put_byte(f, VMSTATE_NULLPTR_MARKER);
        return true;
    }
    if (field->flags & VMS_STRUCT) {
        return vmstate_save_state(f, field->vmsd, element, inner, errp);
    }
    return field->info->put(f, element, size_bytes, field, errp);
}

static bool elements_alike(const VMStateField *field, const FieldElements *el)
{
    if (!vmstate_desc_alike(field)) {
        return false;
    }
    if (field->flags & VMS_ARRAY_OF_POINTER) {
        for (size_t i = 0; i < el->n; i++) {
            if (!field_element(field, el, i)) {
                return false;
            }
        }
    }
    return true;
}

static bool save_field(QEMUFile *f, VMStateDescField *df, void *opaque,
                       struct json_object *fields, Error **errp)
{
    const VMStateField *field = df->field;
    FieldElements el;

    if (!field_elements(field, opaque, false, &el, errp)) {
        return false;
    }
    df->n = el.n;
    df->alike = elements_alike(field, &el);
    for (size_t i = 0; i < el.n; i++) {
        void *element = field_element(field, &el, i);
        uint64_t before = qemu_file_transferred(f);
        struct json_object *obj, *inner;
        Error *err = NULL;

        df->index = i;
        df->null = !element && (field->flags & VMS_ARRAY_OF_POINTER);
        obj = vmstate_desc_field(df->alike && i ? NULL : fields, df, &inner);
        if (!save_element(f, field, element, el.size_bytes, inner, &err)) {
            field_error_path(&err, field, i);
            error_propagate(errp, err);
            return false;
        }
        vmstate_desc_size(obj, qemu_file_transferred(f) - before);
    }
    return true;
}

static bool save_subsections(QEMUFile *f, const VMStateDescription *vmsd,
                             void *opaque, struct json_object *desc,
                             Error **errp)
{
    for (const VMStateDescription *const *sub = vmsd->subsections;
         sub && *sub; sub++) {
        Error *err = NULL;

        if ((*sub)->needed && !(*sub)->needed(opaque)) {
            continue;
        }
        qemu_put_byte(f, QEMU_VM_SUBSECTION);
        qemu_put_counted_string(f, (*sub)->name);
        qemu_put_be32(f, (*sub)->version_id);
        if (!vmstate_save_state(f, *sub, opaque,
                                vmstate_desc_subsection(desc), &err)) {
            error_prepend(&err, "%s/", subsection_label(vmsd, (*sub)->name));
            error_propagate(errp, err);
            return false;
        }
    }
    return true;
}

static bool save_body(QEMUFile *f, const VMStateDescription *vmsd,
                      void *opaque, struct json_object *desc, Error **errp)
{
    struct json_object *fields = vmstate_desc_begin(desc, vmsd);

    for (const VMStateField *field = vmsd->fields; field && field->name;
         field++) {
        VMStateDescField df = { .vmsd = vmsd, .field = field };

        if (field_is_present(field, opaque, vmsd->version_id)) {
            if (!save_field(f, &df, opaque, fields, errp)) {
                return false;
            }
        } else if (field->flags & VMS_MUST_EXIST) {
            error_setg(errp, "%s: the device's state does not allow this",
                       field->name);
            return false;
        }
    }
    return save_subsections(f, vmsd, opaque, desc, errp);
}

bool vmstate_save_state(QEMUFile *f, const VMStateDescription *vmsd,
                        void *opaque, struct json_object *desc, Error **errp)
{
    Error *err = NULL;
    bool ok;

    if (vmsd->pre_save && !vmsd->pre_save(opaque, &err)) {
        error_prepend(&err, "before save: ");
        error_propagate(errp, err);
        return false;
    }
    ok = save_body(f, vmsd, opaque, desc, errp);
    if (vmsd->post_save) {
        vmsd->post_save(opaque);
    }
    return ok;
}
