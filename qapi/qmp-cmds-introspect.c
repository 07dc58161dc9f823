/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command query-qmp-schema.
 */
#include "qemu/osdep.h"
#include "qapi/introspect.h"
#include "qapi/qapi-commands-introspect.h"

bool qmp_query_qmp_schema(QmpContext *ctx, struct json_object *args,
                          struct json_object **ret, Error **errp)
{
    if (!qapi_parse_args(NULL, args, NULL, errp)) {
        return false;
    }
    *ret = qmp_introspect();
    return true;
}
