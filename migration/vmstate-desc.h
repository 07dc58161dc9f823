/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON description of what vmstate_save_state() writes. Private to the
 * engine and savevm. All functions take a NULL where nothing is described.
 */
#ifndef MIGRATION_VMSTATE_DESC_H
#define MIGRATION_VMSTATE_DESC_H

#include <json-c/json.h>

#include "migration/vmstate.h"

/* Opens @desc: "vmsd_name", "version", "fields"; returns the last. */
struct json_object *vmstate_desc_begin(struct json_object *desc,
                                       const VMStateDescription *vmsd);

/* One element, or all @n alike ones, of a field. */
typedef struct VMStateDescField {
    const VMStateDescription *vmsd;
    const VMStateField *field;
    size_t n;
    size_t index;
    bool alike;   /* @n elements are described by the first */
    bool null;    /* a NULL in an array of pointers */
} VMStateDescField;

/*
 * Adds the field's object to @fields; *@inner is the object of its "struct",
 * NULL for a scalar.
 */
struct json_object *vmstate_desc_field(struct json_object *fields,
                                       const VMStateDescField *df,
                                       struct json_object **inner);
/* Last member of a field: octets written for the element. */
void vmstate_desc_size(struct json_object *obj, uint64_t size_bytes);

/* Adds an object to @desc's "subsections", made at the first. */
struct json_object *vmstate_desc_subsection(struct json_object *desc);

/* Whether all elements of the field are written the same way. */
bool vmstate_desc_alike(const VMStateField *field);

/* The text that goes into a stream; free with g_string_free(). */
GString *vmstate_desc_text(struct json_object *desc);

#endif
