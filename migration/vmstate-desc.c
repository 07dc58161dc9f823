/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON description of device state: members, their order and the spacing
 * of the text are those that tools which read streams know.
 *
 * Migration thread, BQL held.
 */
#include "qemu/osdep.h"

#include "migration/vmstate-desc.h"

static void add_string(struct json_object *obj, const char *key,
                       const char *value)
{
    json_object_object_add(obj, key, json_object_new_string(value));
}

static void add_number(struct json_object *obj, const char *key,
                       uint64_t value)
{
    json_object_object_add(obj, key, json_object_new_int64(value));
}

struct json_object *vmstate_desc_begin(struct json_object *desc,
                                       const VMStateDescription *vmsd)
{
    struct json_object *fields;

    if (!desc) {
        return NULL;
    }
    add_string(desc, "vmsd_name", vmsd->name);
    add_number(desc, "version", vmsd->version_id);
    fields = json_object_new_array();
    json_object_object_add(desc, "fields", fields);
    return fields;
}

/*
 * Names that a description declares more than once are numbered; fields that
 * are absent from this stream count.
 */
static char *field_name(const VMStateDescription *vmsd,
                        const VMStateField *field)
{
    unsigned before = 0, total = 0;

    for (const VMStateField *it = vmsd->fields; it->name; it++) {
        if (!strcmp(it->name, field->name)) {
            total++;
            before += it < field;
        }
    }
    if (total < 2) {
        return g_strdup(field->name);
    }
    return g_strdup_printf("%s[%u]", field->name, before);
}

struct json_object *vmstate_desc_field(struct json_object *fields,
                                       const VMStateDescField *df,
                                       struct json_object **inner)
{
    struct json_object *obj;
    g_autofree char *name = NULL;
    bool is_struct = df->field->flags & VMS_STRUCT;

    *inner = NULL;
    if (!fields) {
        return NULL;
    }
    obj = json_object_new_object();
    json_object_array_add(fields, obj);
    name = field_name(df->vmsd, df->field);
    add_string(obj, "name", name);
    if (df->n > 1) {
        if (df->alike) {
            add_number(obj, "array_len", df->n);
        } else {
            add_number(obj, "index", df->index);
        }
    }
    if (df->null) {
        add_string(obj, "type", "nullptr");
    } else if (is_struct) {
        add_string(obj, "type", "struct");
        *inner = json_object_new_object();
        json_object_object_add(obj, "struct", *inner);
    } else {
        add_string(obj, "type", df->field->info->name);
    }
    return obj;
}

void vmstate_desc_size(struct json_object *obj, uint64_t size_bytes)
{
    if (obj) {
        add_number(obj, "size", size_bytes);
    }
}

struct json_object *vmstate_desc_subsection(struct json_object *desc)
{
    struct json_object *list, *obj;

    if (!desc) {
        return NULL;
    }
    if (!json_object_object_get_ex(desc, "subsections", &list)) {
        list = json_object_new_array();
        json_object_object_add(desc, "subsections", list);
    }
    obj = json_object_new_object();
    json_object_array_add(list, obj);
    return obj;
}

bool vmstate_desc_alike(const VMStateField *field)
{
    if (field->field_exists) {
        return false;
    }
    if (field->flags & VMS_STRUCT) {
        for (const VMStateField *it = field->vmsd->fields;
             it && it->name; it++) {
            if (!vmstate_desc_alike(it)) {
                return false;
            }
        }
        return !field->vmsd->subsections;
    }
    return true;
}

/* --- Text ---------------------------------------------------------------- */

static void write_value(GString *out, struct json_object *value);

static void write_string(GString *out, const char *s)
{
    g_string_append_c(out, '"');
    for (; *s; s++) {
        unsigned char c = *s;

        if (c == '"' || c == '\\') {
            g_string_append_c(out, '\\');
            g_string_append_c(out, c);
        } else if (c < 0x20 || c == 0x7f) {
            g_string_append_printf(out, "\\u%04X", c);
        } else {
            g_string_append_c(out, c);
        }
    }
    g_string_append_c(out, '"');
}

static void write_object(GString *out, struct json_object *obj)
{
    const char *separator = "";

    g_string_append_c(out, '{');
    json_object_object_foreach(obj, key, value) {
        g_string_append(out, separator);
        write_string(out, key);
        g_string_append(out, ": ");
        write_value(out, value);
        separator = ", ";
    }
    g_string_append_c(out, '}');
}

static void write_value(GString *out, struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_object:
        write_object(out, value);
        break;
    case json_type_array:
        g_string_append_c(out, '[');
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            g_string_append(out, i ? ", " : "");
            write_value(out, json_object_array_get_idx(value, i));
        }
        g_string_append_c(out, ']');
        break;
    case json_type_string:
        write_string(out, json_object_get_string(value));
        break;
    default:
        g_string_append_printf(out, "%" PRId64,
                               json_object_get_int64(value));
        break;
    }
}

GString *vmstate_desc_text(struct json_object *desc)
{
    GString *out = g_string_new(NULL);

    write_value(out, desc);
    return out;
}
