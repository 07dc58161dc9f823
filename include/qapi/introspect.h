/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The schema as clients may ask for it (query-qmp-schema).
 */
#ifndef QAPI_INTROSPECT_H
#define QAPI_INTROSPECT_H

#include <json-c/json.h>

/* One SchemaInfo as JSON text each, NULL at the end. Generated. */
extern const char *const qmp_schema_infos[];

/* List of SchemaInfo; a new reference. */
struct json_object *qmp_introspect(void);

#endif
