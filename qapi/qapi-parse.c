/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON to C, by type descriptor. The texts of errors are those that stock
 * gives to clients, so that scripts which match on them keep working.
 */
#include "qemu/osdep.h"
#include "qapi-internal.h"
#include "qemu/cutils.h"

#include <math.h>

/* Where in the input we are, from the inside out. */
typedef struct Path {
    const struct Path *parent;
    const char *name; /* NULL: element @index of the parent, or the root */
    size_t index;
    unsigned depth;
} Path;

typedef struct Parser {
    unsigned flags;
    Error **errp;
} Parser;

static bool parse_value(Parser *p, const QapiType *type,
                        struct json_object *in, const Path *path, void *var);

static void path_append(GString *out, const Path *path)
{
    if (!path->parent) {
        g_string_append(out, path->name ? path->name : "");
        return;
    }
    path_append(out, path->parent);
    if (!path->name) {
        g_string_append_printf(out, "[%zu]", path->index);
        return;
    }
    g_string_append_printf(out, "%s%s", out->len ? "." : "", path->name);
}

/* Sets an error; @fmt has one %s for the full name of @path, maybe more. */
static bool fail_at(Parser *p, const Path *path, const char *fmt,
                    const char *arg)
{
    g_autoptr(GString) full = g_string_new(NULL);
    g_autofree char *text = NULL;

    path_append(full, path);
    text = g_strdup_printf(fmt, full->len ? full->str : "null", arg);
    error_setg(p->errp, "%s", text);
    return false;
}

static bool fail_type(Parser *p, const Path *path, struct json_object *in,
                      const char *expected)
{
    bool nested = json_object_is_type(in, json_type_object)
                  || json_object_is_type(in, json_type_array);

    if ((p->flags & QAPI_PARSE_KEYVAL) && nested) {
        return fail_at(p, path, "Parameters '%s.*' are unexpected%s", "");
    }
    return fail_at(p, path, "Invalid parameter type for '%s', expected: %s",
                   expected);
}

/* As stock, ranges and enums are reported by the last name alone. */
static const char *last_name(const Path *path)
{
    return path->name ? path->name : path->parent ? "null" : "value";
}

static bool parse_str(Parser *p, struct json_object *in, const Path *path,
                      const char **out)
{
    if (!json_object_is_type(in, json_type_string)) {
        return fail_type(p, path, in, "string");
    }
    *out = json_object_get_string(in);
    /* C strings end at a NUL: refuse to see only half of the text */
    if (strlen(*out) != (size_t)json_object_get_string_len(in)) {
        return fail_at(p, path, "Parameter '%s' contains a NUL character%s",
                       "");
    }
    return true;
}

static bool parse_bool(Parser *p, struct json_object *in, const Path *path,
                       bool *out)
{
    const char *s;

    if (!(p->flags & QAPI_PARSE_KEYVAL)) {
        if (!json_object_is_type(in, json_type_boolean)) {
            return fail_type(p, path, in, "boolean");
        }
        *out = json_object_get_boolean(in);
        return true;
    }
    if (!parse_str(p, in, path, &s)) {
        return false;
    }
    *out = g_str_equal(s, "on") || g_str_equal(s, "yes")
           || g_str_equal(s, "true") || g_str_equal(s, "y");
    if (*out || g_str_equal(s, "off") || g_str_equal(s, "no")
        || g_str_equal(s, "false") || g_str_equal(s, "n")) {
        return true;
    }
    return fail_at(p, path, "Parameter '%s' expects 'on' or 'off'%s", "");
}

static bool parse_number(Parser *p, struct json_object *in, const Path *path,
                         double *out)
{
    const char *s;
    char *end;

    if (!(p->flags & QAPI_PARSE_KEYVAL)) {
        if (!json_object_is_type(in, json_type_double)
            && !json_object_is_type(in, json_type_int)) {
            return fail_type(p, path, in, "number");
        }
        *out = json_object_get_double(in);
        if (json_object_is_type(in, json_type_int)
            && json_object_get_int64(in) > 0) {
            *out = (double)json_object_get_uint64(in);
        }
    } else {
        if (!parse_str(p, in, path, &s)) {
            return false;
        }
        *out = g_ascii_strtod(s, &end);
        if (end == s || *end) {
            return fail_at(p, path, "Parameter '%s' expects a number%s", "");
        }
    }
    if (!isfinite(*out)) {
        return fail_at(p, path, "Parameter '%s' expects a finite number%s",
                       "");
    }
    return true;
}

/* An integer of any type that the schema has. */
typedef struct Integer {
    bool negative;
    uint64_t bits; /* two's complement */
} Integer;

static bool read_integer(Parser *p, const QapiType *type,
                         struct json_object *in, const Path *path,
                         Integer *out)
{
    const char *s;
    char *end;

    if (!(p->flags & QAPI_PARSE_KEYVAL)) {
        if (!json_object_is_type(in, json_type_int)) {
            return type->kind == QAPI_KIND_INT
                       ? fail_type(p, path, in, "integer")
                       : fail_at(p, path, "Parameter '%s' expects uint64%s",
                                 "");
        }
        out->negative = json_object_get_int64(in) < 0;
        out->bits = out->negative ? (uint64_t)json_object_get_int64(in)
                                  : json_object_get_uint64(in);
        return true;
    }
    if (!parse_str(p, in, path, &s)) {
        return false;
    }
    if (type->kind == QAPI_KIND_SIZE) {
        out->negative = false;
        return qemu_strtosz(s, &out->bits, NULL)
               || fail_at(p, path, "Parameter '%s' expects a size value%s",
                          "");
    }
    out->negative = *s == '-';
    errno = 0;
    out->bits = out->negative ? (uint64_t)g_ascii_strtoll(s, &end, 0)
                              : g_ascii_strtoull(s, &end, 0);
    if (errno || end == s || *end || g_ascii_isspace(*s)) {
        return fail_at(p, path, "Parameter '%s' expects %s",
                       type->kind == QAPI_KIND_INT ? "integer" : "uint64");
    }
    return true;
}

static bool parse_integer(Parser *p, const QapiType *type,
                          struct json_object *in, const Path *path, void *var)
{
    bool is_signed = type->kind == QAPI_KIND_INT;
    unsigned width = type->size * 8;
    Integer value = { 0 };
    uint64_t limit;
    bool fits;

    if (!read_integer(p, type, in, path, &value)) {
        return false;
    }
    limit = UINT64_MAX >> (64 - width + is_signed);
    if (is_signed) {
        fits = (value.negative ? ~value.bits : value.bits) <= limit;
    } else {
        /* stock takes a negative number for a uint64 modulo 2^64 */
        fits = value.bits <= limit;
    }
    if (!fits) {
        if (is_signed && width == 64) {
            return p->flags & QAPI_PARSE_KEYVAL
                       ? fail_at(p, path, "Parameter '%s' expects %s",
                                 "integer")
                       : fail_type(p, path, in, "integer");
        }
        error_setg(p->errp, "Parameter '%s' expects %s%u_t", last_name(path),
                   is_signed ? "int" : "uint", width);
        return false;
    }
    qapi_store_integer(var, type->size, value.bits);
    return true;
}

static bool parse_enum(Parser *p, const QapiType *type,
                       struct json_object *in, const Path *path, void *var)
{
    const char *s;

    if (!parse_str(p, in, path, &s)) {
        return false;
    }
    for (int i = 0; i < type->n_values; i++) {
        if (g_str_equal(s, type->values[i])) {
            qapi_store_integer(var, type->size, i);
            return true;
        }
    }
    error_setg(p->errp, "Parameter '%s' does not accept value '%s'",
               last_name(path), s);
    return false;
}

static bool parse_list(Parser *p, const QapiType *type,
                       struct json_object *in, const Path *path, void **out)
{
    void **tail = out;
    size_t n;

    if (!json_object_is_type(in, json_type_array)) {
        return fail_at(p, path,
                       "Invalid parameter type for '%s', expected: %s",
                       "array");
    }
    n = json_object_array_length(in);
    for (size_t i = 0; i < n; i++) {
        Path element = { .parent = path, .index = i, .depth = path->depth + 1 };
        char *node = g_malloc0(type->size);

        *tail = node;
        tail = (void **)node; /* next comes first */
        if (!parse_value(p, type->element, json_object_array_get_idx(in, i),
                         &element, node + type->u_offset)) {
            return false;
        }
    }
    return true;
}

static bool parse_members(Parser *p, const QapiType *type,
                          struct json_object *in, const Path *path, char *obj)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        const QapiMember *m = &type->members[i];
        Path member = { .parent = path, .name = m->name,
                        .depth = path->depth + 1 };
        struct json_object *value;

        if (!json_object_object_get_ex(in, m->name, &value)) {
            if (m->optional) {
                continue;
            }
            return fail_at(p, &member, "Parameter '%s' is missing%s", "");
        }
        if (!parse_value(p, m->type, value, &member, obj + m->offset)) {
            return false;
        }
        if (m->has_offset != QAPI_NO_HAS) {
            *(bool *)(obj + m->has_offset) = true;
        }
    }
    if (type->tag) {
        const QapiType *branch = qapi_union_branch(type, obj);

        return !branch
               || parse_members(p, branch, in, path, obj + type->u_offset);
    }
    return true;
}

/* Whether the object just parsed into @obj has a member called @name. */
static bool has_member(const QapiType *type, const char *obj,
                       const char *name)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        if (g_str_equal(type->members[i].name, name)) {
            return true;
        }
    }
    if (type->tag) {
        const QapiType *branch = qapi_union_branch(type, obj);

        return branch && has_member(branch, obj + type->u_offset, name);
    }
    return false;
}

static bool parse_object(Parser *p, const QapiType *type,
                         struct json_object *in, const Path *path, char *obj)
{
    if (!json_object_is_type(in, json_type_object)) {
        return fail_at(p, path,
                       "Invalid parameter type for '%s', expected: %s",
                       "object");
    }
    if (!parse_members(p, type, in, path, obj)) {
        return false;
    }
    json_object_object_foreach (in, name, value) {
        Path member = { .parent = path, .name = name };

        (void)value;
        if (!has_member(type, obj, name)) {
            return fail_at(p, &member, "Parameter '%s' is unexpected%s", "");
        }
    }
    return true;
}

static QType qtype_of(struct json_object *in)
{
    switch (json_object_get_type(in)) {
    case json_type_null:
        return QTYPE_QNULL;
    case json_type_boolean:
        return QTYPE_QBOOL;
    case json_type_double:
    case json_type_int:
        return QTYPE_QNUM;
    case json_type_string:
        return QTYPE_QSTRING;
    case json_type_object:
        return QTYPE_QDICT;
    case json_type_array:
        return QTYPE_QLIST;
    }
    return QTYPE_NONE;
}

static bool parse_alternate(Parser *p, const QapiType *type,
                            struct json_object *in, const Path *path,
                            char *obj)
{
    QType qtype = qtype_of(in);
    const QapiType *branch = type->variants[qtype];

    /* keyval knows only strings: take what a string may stand for */
    if (!branch && (p->flags & QAPI_PARSE_KEYVAL)
        && qtype == QTYPE_QSTRING) {
        qtype = type->variants[QTYPE_QBOOL] ? QTYPE_QBOOL : QTYPE_QNUM;
        branch = type->variants[qtype];
    }
    if (!branch) {
        return fail_at(p, path,
                       "Invalid parameter type for '%s', expected: %s",
                       type->name);
    }
    *(QType *)obj = qtype; /* comes first */
    if (branch->kind == QAPI_KIND_NULL) {
        return true;
    }
    if (branch->kind == QAPI_KIND_OBJECT) {
        return parse_object(p, branch, in, path, obj + type->u_offset);
    }
    return parse_value(p, branch, in, path, obj + type->u_offset);
}

/*
 * Parses @in into the zeroed C variable at @var. On failure @var holds what
 * was made so far, in a state that qapi_free_value() can take.
 */
static bool parse_value(Parser *p, const QapiType *type,
                        struct json_object *in, const Path *path, void *var)
{
    const char *s;

    if (path->depth > QAPI_MAX_DEPTH) {
        return fail_at(p, path, "Parameter '%s' is nested too deeply%s", "");
    }
    switch (type->kind) {
    case QAPI_KIND_NULL:
        return !in || fail_type(p, path, in, "null");
    case QAPI_KIND_ANY:
        *(struct json_object **)var = json_object_get(in);
        return true;
    case QAPI_KIND_STR:
        if (!parse_str(p, in, path, &s)) {
            return false;
        }
        *(char **)var = g_strdup(s);
        return true;
    case QAPI_KIND_BOOL:
        return parse_bool(p, in, path, var);
    case QAPI_KIND_NUMBER:
        return parse_number(p, in, path, var);
    case QAPI_KIND_INT:
    case QAPI_KIND_UINT:
    case QAPI_KIND_SIZE:
        return parse_integer(p, type, in, path, var);
    case QAPI_KIND_ENUM:
        return parse_enum(p, type, in, path, var);
    case QAPI_KIND_LIST:
        return parse_list(p, type, in, path, var);
    case QAPI_KIND_OBJECT:
        *(void **)var = g_malloc0(type->size);
        return parse_object(p, type, in, path, *(void **)var);
    case QAPI_KIND_ALTERNATE:
        *(void **)var = g_malloc0(type->size);
        return parse_alternate(p, type, in, path, *(void **)var);
    }
    g_assert_not_reached();
}

bool qapi_parse(const QapiType *type, const QapiInput *in, void **out,
                Error **errp)
{
    Parser parser = { .flags = in->flags, .errp = errp };
    Path root = { .name = in->name };
    void *obj = NULL;

    if (!parse_value(&parser, type, in->json, &root, &obj)) {
        qapi_free(type, obj);
        return false;
    }
    *out = obj;
    return true;
}

bool qapi_parse_args(const QapiType *type, struct json_object *in, void **out,
                     Error **errp)
{
    static const QapiType no_args = {
        .name = "no arguments",
        .kind = QAPI_KIND_OBJECT,
        .size = 1,
    };
    struct json_object *empty = in ? NULL : json_object_new_object();
    QapiInput input = { .json = in ? in : empty };
    void *args = NULL;
    bool ok;

    ok = qapi_parse(type ? type : &no_args, &input, &args, errp);
    json_object_put(empty);
    if (ok && type) {
        *out = args;
    } else {
        g_free(args);
    }
    return ok;
}
