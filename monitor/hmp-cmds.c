/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP commands that change something. They put arguments together, run the
 * QMP command, and print what it says. Main thread, BQL held.
 */
#include "qemu/osdep.h"
#include "hmp-cmds.h"
#include "qapi/keyval.h"
#include "qapi/qapi-types-migration.h"
#include "qemu/cutils.h"
#include "qemu/trace.h"

/* --- Helpers ------------------------------------------------------------ */

void hmp_error(HmpCall *call, Error *err)
{
    const char *hint = error_get_hint(err);

    g_string_append_printf(call->out, "Error: %s\n", error_get_pretty(err));
    if (hint) {
        g_string_append_printf(call->out, "%s%s", hint,
                               g_str_has_suffix(hint, "\n") ? "" : "\n");
    }
    error_free(err);
}

bool hmp_qmp(HmpCall *call, const char *command, struct json_object *args,
             struct json_object **ret)
{
    const QmpCommand *found = qmp_find_command(command);
    struct json_object *result = NULL;
    Error *err = NULL;
    bool ok;

    if (!found) {
        error_setg(&err, "the QMP command %s is not available", command);
        ok = false;
    } else {
        ok = found->fn(call->ctx, args, &result, &err);
    }
    json_object_put(args);
    if (!ok) {
        hmp_error(call, err);
        return false;
    }
    if (ret) {
        *ret = result;
    } else {
        json_object_put(result);
    }
    return true;
}

const char *hmp_str(const HmpCall *call, const char *name)
{
    struct json_object *value = json_object_object_get(call->args, name);

    return value ? json_object_get_string(value) : NULL;
}

int64_t hmp_int(const HmpCall *call, const char *name)
{
    return reply_int(call->args, name);
}

bool hmp_flag(const HmpCall *call, const char *name)
{
    return reply_bool(call->args, name);
}

const char *reply_str(struct json_object *object, const char *name)
{
    struct json_object *value = json_object_object_get(object, name);

    return value ? json_object_get_string(value) : "";
}

int64_t reply_int(struct json_object *object, const char *name)
{
    return json_object_get_int64(json_object_object_get(object, name));
}

bool reply_bool(struct json_object *object, const char *name)
{
    return json_object_get_boolean(json_object_object_get(object, name));
}

static struct json_object *one_str(const char *name, const char *value)
{
    struct json_object *args = json_object_new_object();

    json_object_object_add(args, name, json_object_new_string(value));
    return args;
}

/* --- The guest ---------------------------------------------------------- */

void hmp_stop(HmpCall *call)
{
    hmp_qmp(call, "stop", NULL, NULL);
}

void hmp_cont(HmpCall *call)
{
    hmp_qmp(call, "cont", NULL, NULL);
}

void hmp_quit(HmpCall *call)
{
    hmp_qmp(call, "quit", NULL, NULL);
}

void hmp_system_reset(HmpCall *call)
{
    hmp_qmp(call, "system_reset", NULL, NULL);
}

void hmp_system_powerdown(HmpCall *call)
{
    hmp_qmp(call, "system_powerdown", NULL, NULL);
}

/* --- Migration ---------------------------------------------------------- */

#define PROGRESS_MS 500

static bool migration_goes_on(const char *status)
{
    static const char *const ended[] = {
        "", "none", "completed", "failed", "cancelled", "postcopy-paused",
        NULL,
    };

    return !g_strv_contains(ended, status);
}

typedef struct MigrateWait {
    Monitor *mon;
    char *shown; /* the last line of progress */
} MigrateWait;

static void show_progress(MigrateWait *wait, const char *status,
                          struct json_object *info)
{
    struct json_object *ram = json_object_object_get(info, "ram");
    g_autofree char *line = NULL;

    line = g_strdup_printf("%s: pass %" PRId64 ", %" PRId64
                           " MiB sent, %" PRId64 " of %" PRId64
                           " MiB remaining\n",
                           status, reply_int(ram, "dirty-sync-count"),
                           reply_int(ram, "transferred") >> 20,
                           reply_int(ram, "remaining") >> 20,
                           reply_int(ram, "total") >> 20);
    if (g_strcmp0(line, wait->shown)) {
        hmp_puts(wait->mon, line);
        g_free(wait->shown);
        wait->shown = g_steal_pointer(&line);
    }
}

static gboolean migrate_poll(gpointer opaque)
{
    MigrateWait *wait = opaque;
    VM *vm = wait->mon->owner->vm;
    QmpContext ctx = { .vm = vm, .mon = wait->mon, .fds = wait->mon->fds };
    HmpCall call = { .ctx = &ctx, .mon = wait->mon };
    struct json_object *info = NULL;
    bool go_on;

    bql_lock(vm);
    call.out = g_string_new(NULL);
    go_on = hmp_qmp(&call, "query-migrate", NULL, &info) &&
            migration_goes_on(reply_str(info, "status"));
    if (go_on) {
        show_progress(wait, reply_str(info, "status"), info);
    } else {
        const char *desc = reply_str(info, "error-desc");

        g_string_append_printf(call.out, "Migration %s%s%s\n",
                               reply_str(info, "status"), *desc ? ": " : "",
                               desc);
        g_clear_pointer(&wait->mon->hmp_timer, g_source_unref);
        hmp_resume(wait->mon, call.out->str);
    }
    g_string_free(call.out, TRUE);
    json_object_put(info);
    bql_unlock(vm);
    return go_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void migrate_wait_free(gpointer opaque)
{
    MigrateWait *wait = opaque;

    g_free(wait->shown);
    g_free(wait);
}

void hmp_migrate(HmpCall *call)
{
    GSource *timer;
    MigrateWait *wait;

    if (!hmp_qmp(call, "migrate", one_str("uri", hmp_str(call, "uri")),
                 NULL) ||
        hmp_flag(call, "detach")) {
        return;
    }
    if (!call->mon) {
        g_string_append(call->out, "terminal does not allow synchronous "
                                   "migration, continuing detached\n");
        return;
    }
    wait = g_new0(MigrateWait, 1);
    wait->mon = call->mon;
    hmp_suspend(call->mon);
    timer = g_timeout_source_new(PROGRESS_MS);
    g_source_set_callback(timer, migrate_poll, wait, migrate_wait_free);
    g_source_attach(timer, call->ctx->vm->main_context);
    call->mon->hmp_timer = timer;
}

void hmp_migrate_incoming(HmpCall *call)
{
    hmp_qmp(call, "migrate-incoming", one_str("uri", hmp_str(call, "uri")),
            NULL);
}

void hmp_migrate_cancel(HmpCall *call)
{
    hmp_qmp(call, "migrate_cancel", NULL, NULL);
}

void hmp_migrate_set_capability(HmpCall *call)
{
    struct json_object *item = json_object_new_object();
    struct json_object *list = json_object_new_array();
    struct json_object *args = json_object_new_object();

    json_object_object_add(
        item, "capability",
        json_object_new_string(hmp_str(call, "capability")));
    json_object_object_add(item, "state",
                           json_object_new_boolean(hmp_flag(call, "state")));
    json_object_array_add(list, item);
    json_object_object_add(args, "capabilities", list);
    hmp_qmp(call, "migrate-set-capabilities", args, NULL);
}

const QapiMember *hmp_find_parameter(const char *name)
{
    const QapiType *type = &qapi_type_MigrationParameters;

    for (size_t i = 0; i < type->n_members; i++) {
        if (!strcmp(type->members[i].name, name)) {
            return &type->members[i];
        }
    }
    return NULL;
}

/* As QEMU: bandwidths without a suffix count MiB. */
static bool counts_mib(const QapiMember *member)
{
    return strstr(member->name, "bandwidth") != NULL;
}

const char *hmp_parameter_kind(const char *name)
{
    const QapiMember *member = hmp_find_parameter(name);

    if (member->type->kind != QAPI_KIND_SIZE) {
        return member->type->name;
    }
    return counts_mib(member) ? "size, in MiB or with a suffix (b, k, M, G)"
                              : "size, a suffix (k, M, G) is understood";
}

/* NULL and an error if @text is no value for @member. */
static struct json_object *parameter_value(const QapiMember *member,
                                           const char *text, Error **errp)
{
    uint64_t number;
    bool on;

    switch (member->type->kind) {
    case QAPI_KIND_BOOL:
        return qemu_parse_bool(member->name, text, &on, errp)
                   ? json_object_new_boolean(on) : NULL;
    case QAPI_KIND_SIZE:
        if (!(counts_mib(member)
                  ? qemu_strtosz_MiB(text, &number, errp)
                  : qemu_strtosz(text, &number, errp))) {
            return NULL;
        }
        return json_object_new_uint64(number);
    case QAPI_KIND_INT:
    case QAPI_KIND_UINT:
        return qemu_strtou64(text, &number, errp)
                   ? json_object_new_uint64(number) : NULL;
    default:
        return json_object_new_string(text);
    }
}

void hmp_migrate_set_parameter(HmpCall *call)
{
    const char *name = hmp_str(call, "parameter");
    const QapiMember *member = hmp_find_parameter(name);
    struct json_object *value;
    struct json_object *args;
    Error *err = NULL;

    if (!member) {
        g_string_append_printf(call->out,
                               "Error: invalid parameter value: %s\n"
                               "'info migrate_parameters' lists them\n",
                               name);
        return;
    }
    value = parameter_value(member, hmp_str(call, "value"), &err);
    if (!value) {
        hmp_error(call, err);
        return;
    }
    args = json_object_new_object();
    json_object_object_add(args, name, value);
    hmp_qmp(call, "migrate-set-parameters", args, NULL);
}

/* --- Memory ------------------------------------------------------------- */

static struct json_object *save_args(HmpCall *call)
{
    struct json_object *args = json_object_new_object();

    json_object_object_add(
        args, "val", json_object_new_uint64((uint64_t)hmp_int(call, "val")));
    json_object_object_add(
        args, "size",
        json_object_new_uint64((uint64_t)hmp_int(call, "size")));
    json_object_object_add(
        args, "filename",
        json_object_new_string(hmp_str(call, "filename")));
    return args;
}

void hmp_memsave(HmpCall *call)
{
    struct json_object *args = save_args(call);

    json_object_object_add(args, "cpu-index",
                           json_object_new_int(call->cpu_index));
    hmp_qmp(call, "memsave", args, NULL);
}

void hmp_pmemsave(HmpCall *call)
{
    hmp_qmp(call, "pmemsave", save_args(call), NULL);
}

/* --- Objects ------------------------------------------------------------ */

/* Makes numbers and booleans of what keyval leaves as strings. */
static void type_object_args(struct json_object *args)
{
    json_object_object_foreach(args, name, value) {
        const char *text = json_object_get_string(value);
        uint64_t number;
        bool on;

        if (!strcmp(name, "id") || !strcmp(name, "qom-type") ||
            !json_object_is_type(value, json_type_string) ||
            g_str_has_suffix(name, "path")) {
            continue;
        }
        /* Replacing the value of a key that is there is safe here. */
        if (qemu_strtosz(text, &number, NULL)) {
            json_object_object_add(args, name,
                                   json_object_new_uint64(number));
        } else if (qemu_parse_bool(name, text, &on, NULL)) {
            json_object_object_add(args, name, json_object_new_boolean(on));
        }
    }
}

void hmp_object_add(HmpCall *call)
{
    Error *err = NULL;
    struct json_object *args = keyval_parse(hmp_str(call, "object"),
                                            "qom-type", NULL, &err);

    if (!args) {
        hmp_error(call, err);
        return;
    }
    type_object_args(args);
    hmp_qmp(call, "object-add", args, NULL);
}

void hmp_object_del(HmpCall *call)
{
    hmp_qmp(call, "object-del", one_str("id", hmp_str(call, "id")), NULL);
}

void hmp_qom_list(HmpCall *call)
{
    const char *path = hmp_str(call, "path");
    struct json_object *list = NULL;

    if (!hmp_qmp(call, "qom-list", one_str("path", path ? path : "/"),
                 &list)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);

        g_string_append_printf(call->out, "%s (%s)\n", reply_str(item, "name"),
                               reply_str(item, "type"));
    }
    json_object_put(list);
}

void hmp_qom_get(HmpCall *call)
{
    struct json_object *args = one_str("path", hmp_str(call, "path"));
    struct json_object *value = NULL;

    json_object_object_add(
        args, "property",
        json_object_new_string(hmp_str(call, "property")));
    if (hmp_qmp(call, "qom-get", args, &value)) {
        qmp_json_write(call->out, value, true);
        g_string_append_c(call->out, '\n');
        json_object_put(value);
    }
}

/* --- Descriptors, tracing ------------------------------------------------ */

static void run_with_fdname(HmpCall *call, const char *command)
{
    struct json_object *args = json_object_new_object();

    json_object_object_add(args, "fdname",
                           json_object_new_string(hmp_str(call, "fdname")));
    hmp_qmp(call, command, args, NULL);
}

void hmp_getfd(HmpCall *call)
{
    run_with_fdname(call, "getfd");
}

void hmp_closefd(HmpCall *call)
{
    run_with_fdname(call, "closefd");
}

void hmp_trace_event(HmpCall *call)
{
    const char *pattern = hmp_str(call, "name");
    bool on = hmp_flag(call, "option");
    bool found = false;

    for (TraceEvent *ev = trace_event_table; ev->name; ev++) {
        if (g_pattern_match_simple(pattern, ev->name)) {
            qatomic_set_relaxed(&ev->enabled, on);
            found = true;
        }
    }
    if (!found) {
        g_string_append_printf(call->out, "unknown event \"%s\"\n", pattern);
    }
}
