/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query-qmp-schema: the generated texts as one JSON list.
 */
#include "qemu/osdep.h"
#include "qapi/introspect.h"

struct json_object *qmp_introspect(void)
{
    struct json_object *list = json_object_new_array();

    for (const char *const *info = qmp_schema_infos; *info; info++) {
        json_object_array_add(list, json_tokener_parse(*info));
    }
    return list;
}
