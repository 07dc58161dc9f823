/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a QMP request to its reply: the request's own form, the command's
 * lookup, the call. Arguments are checked by the generated marshallers.
 */
#include "qemu/osdep.h"
#include "monitor-internal.h"
#include "qapi/qapi-types-error.h"

#define QMP_NEGOTIATE "qmp_capabilities"
/* Longest name that an error repeats. */
#define QMP_ERROR_NAME_MAX 256

typedef struct QmpParts {
    const char *command;
    struct json_object *args; /* NULL: none */
    bool oob;
} QmpParts;

bool qmp_is_oob(const QmpSession *session, struct json_object *req)
{
    return session->oob && json_object_is_type(req, json_type_object) &&
           json_object_object_get_ex(req, "exec-oob", NULL);
}

static bool take_command(QmpParts *parts, const char *name,
                         struct json_object *value, Error **errp)
{
    bool oob = !strcmp(name, "exec-oob");

    if (parts->command) {
        error_setg(errp, "QMP input member '%s' clashes with '%s'", name,
                   oob ? "execute" : "exec-oob");
        return false;
    }
    if (!json_object_is_type(value, json_type_string)) {
        error_setg(errp, "QMP input member '%s' must be a string", name);
        return false;
    }
    parts->command = json_object_get_string(value);
    parts->oob = oob;
    return true;
}

static bool take_request(QmpParts *parts, struct json_object *req, bool oob,
                         Error **errp)
{
    if (!json_object_is_type(req, json_type_object)) {
        error_setg(errp, "QMP input must be a JSON object");
        return false;
    }
    json_object_object_foreach(req, name, value) {
        if (!strcmp(name, "execute") ||
            (oob && !strcmp(name, "exec-oob"))) {
            if (!take_command(parts, name, value, errp)) {
                return false;
            }
        } else if (!strcmp(name, "arguments")) {
            if (!json_object_is_type(value, json_type_object)) {
                error_setg(errp,
                           "QMP input member 'arguments' must be an object");
                return false;
            }
            parts->args = value;
        } else if (strcmp(name, "id")) {
            error_setg(errp, "QMP input member '%.*s' is unexpected",
                       QMP_ERROR_NAME_MAX, name);
            return false;
        }
    }
    if (!parts->command) {
        error_setg(errp, "QMP input lacks member 'execute'");
        return false;
    }
    return true;
}

static const QmpCommand *find_command(const QmpSession *session,
                                      const QmpParts *parts, Error **errp)
{
    const QmpCommand *command = NULL;

    if (session->negotiated || !strcmp(parts->command, QMP_NEGOTIATE)) {
        command = qmp_find_command(parts->command);
    }
    if (!command) {
        if (session->negotiated) {
            error_set(errp, QAPI_ERROR_CLASS_COMMANDNOTFOUND,
                      "The command %.*s has not been found",
                      QMP_ERROR_NAME_MAX, parts->command);
        } else {
            error_set(errp, QAPI_ERROR_CLASS_COMMANDNOTFOUND,
                      "Expecting capabilities negotiation with '%s'",
                      QMP_NEGOTIATE);
        }
        return NULL;
    }
    if (parts->oob && !(command->flags & QMP_ALLOW_OOB)) {
        error_setg(errp, "The command %s does not support OOB",
                   command->name);
        return NULL;
    }
    return command;
}

struct json_object *qmp_error_reply(struct json_object *id, bool has_id,
                                    Error *err)
{
    struct json_object *reply = json_object_new_object();
    struct json_object *body = json_object_new_object();
    const char *class = QapiErrorClass_str(error_get_class(err));

    if (has_id) {
        json_object_object_add(reply, "id", json_object_get(id));
    }
    json_object_object_add(body, "class", json_object_new_string(class));
    json_object_object_add(body, "desc",
                           json_object_new_string(error_get_pretty(err)));
    json_object_object_add(reply, "error", body);
    error_free(err);
    return reply;
}

struct json_object *qmp_dispatch(QmpContext *ctx, const QmpSession *session,
                                 struct json_object *req)
{
    const QmpCommand *command = NULL;
    struct json_object *ret = NULL;
    struct json_object *id = NULL;
    struct json_object *reply;
    QmpParts parts = { 0 };
    Error *err = NULL;
    bool has_id = json_object_is_type(req, json_type_object) &&
                  json_object_object_get_ex(req, "id", &id);

    if (take_request(&parts, req, session->oob, &err)) {
        command = find_command(session, &parts, &err);
    }
    if (!command || !command->fn(ctx, parts.args, &ret, &err)) {
        return qmp_error_reply(id, has_id, err);
    }
    reply = json_object_new_object();
    json_object_object_add(reply, "return", ret);
    if (has_id) {
        json_object_object_add(reply, "id", json_object_get(id));
    }
    return reply;
}
