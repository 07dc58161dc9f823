/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builtin types, and C to JSON, freeing and cloning by type descriptor.
 */
#include "qemu/osdep.h"
#include "qapi-internal.h"

#define BUILTIN(T, c_type, type_kind)                                          \
    const QapiType qapi_type_##T = {                                           \
        .name = #T,                                                            \
        .kind = QAPI_KIND_##type_kind,                                         \
        .size = sizeof(c_type),                                                \
    }

BUILTIN(null, void *, NULL);
BUILTIN(any, void *, ANY);
BUILTIN(str, char *, STR);
BUILTIN(bool, bool, BOOL);
BUILTIN(number, double, NUMBER);
BUILTIN(size, uint64_t, SIZE);
BUILTIN(int, int64_t, INT);
BUILTIN(int8, int8_t, INT);
BUILTIN(int16, int16_t, INT);
BUILTIN(int32, int32_t, INT);
BUILTIN(int64, int64_t, INT);
BUILTIN(uint8, uint8_t, UINT);
BUILTIN(uint16, uint16_t, UINT);
BUILTIN(uint32, uint32_t, UINT);
BUILTIN(uint64, uint64_t, UINT);

void qapi_store_integer(void *var, unsigned size, uint64_t bits)
{
    switch (size) {
    case 1:
        *(uint8_t *)var = bits;
        return;
    case 2:
        *(uint16_t *)var = bits;
        return;
    case 4:
        *(uint32_t *)var = bits;
        return;
    case 8:
        *(uint64_t *)var = bits;
        return;
    }
    g_assert_not_reached();
}

uint64_t qapi_load_integer(const void *var, unsigned size, bool is_signed)
{
    switch (size) {
    case 1:
        return is_signed ? (uint64_t)*(const int8_t *)var
                         : *(const uint8_t *)var;
    case 2:
        return is_signed ? (uint64_t)*(const int16_t *)var
                         : *(const uint16_t *)var;
    case 4:
        return is_signed ? (uint64_t)*(const int32_t *)var
                         : *(const uint32_t *)var;
    case 8:
        return *(const uint64_t *)var;
    }
    g_assert_not_reached();
}

const QapiType *qapi_union_branch(const QapiType *type, const char *obj)
{
    const QapiMember *tag = type->tag;
    uint64_t value;

    value = qapi_load_integer(obj + tag->offset, tag->type->size, false);
    g_assert(value < tag->type->n_values);
    return type->variants[value];
}

static void build_members(const QapiType *type, const char *obj,
                          struct json_object *out)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        const QapiMember *m = &type->members[i];
        const void *var = obj + m->offset;

        if (m->has_offset != QAPI_NO_HAS) {
            if (!*(const bool *)(obj + m->has_offset)) {
                continue;
            }
        } else if (m->optional && !*(void *const *)var) {
            continue;
        }
        json_object_object_add(out, m->name, qapi_build_value(m->type, var));
    }
    if (type->tag) {
        const QapiType *branch = qapi_union_branch(type, obj);

        if (branch) {
            build_members(branch, obj + type->u_offset, out);
        }
    }
}

struct json_object *qapi_build(const QapiType *type, const void *obj)
{
    struct json_object *out;

    if (type->kind == QAPI_KIND_LIST) {
        out = json_object_new_array();
        for (; obj; obj = *(void *const *)obj) {
            const char *value = (const char *)obj + type->u_offset;

            json_object_array_add(out,
                                  qapi_build_value(type->element, value));
        }
        return out;
    }
    g_assert(obj);
    if (type->kind == QAPI_KIND_ALTERNATE) {
        const QapiType *branch = type->variants[*(const QType *)obj];
        const char *u = (const char *)obj + type->u_offset;

        g_assert(branch);
        return branch->kind == QAPI_KIND_OBJECT ? qapi_build(branch, u)
                                                : qapi_build_value(branch, u);
    }
    g_assert(type->kind == QAPI_KIND_OBJECT);
    out = json_object_new_object();
    build_members(type, obj, out);
    return out;
}

struct json_object *qapi_build_value(const QapiType *type, const void *var)
{
    const char *s;

    switch (type->kind) {
    case QAPI_KIND_NULL:
        return NULL;
    case QAPI_KIND_ANY:
        return json_object_get(*(struct json_object *const *)var);
    case QAPI_KIND_STR:
        s = *(char *const *)var;
        return json_object_new_string(s ? s : "");
    case QAPI_KIND_BOOL:
        return json_object_new_boolean(*(const bool *)var);
    case QAPI_KIND_NUMBER:
        return json_object_new_double(*(const double *)var);
    case QAPI_KIND_INT:
        return json_object_new_int64(
            (int64_t)qapi_load_integer(var, type->size, true));
    case QAPI_KIND_UINT:
    case QAPI_KIND_SIZE:
        return json_object_new_uint64(
            qapi_load_integer(var, type->size, false));
    case QAPI_KIND_ENUM:
        s = qapi_enum_str(type, (int)qapi_load_integer(var, type->size, true));
        return json_object_new_string(s);
    case QAPI_KIND_LIST:
    case QAPI_KIND_OBJECT:
    case QAPI_KIND_ALTERNATE:
        return qapi_build(type, *(void *const *)var);
    }
    g_assert_not_reached();
}

static void free_members(const QapiType *type, char *obj)
{
    const QapiType *branch = type->tag ? qapi_union_branch(type, obj) : NULL;

    if (branch) {
        free_members(branch, obj + type->u_offset);
    }
    for (unsigned i = 0; i < type->n_members; i++) {
        qapi_free_value(type->members[i].type, obj + type->members[i].offset);
    }
}

static void free_alternate(const QapiType *type, char *obj)
{
    const QapiType *branch = type->variants[*(QType *)obj];

    if (branch && branch->kind == QAPI_KIND_OBJECT) {
        free_members(branch, obj + type->u_offset);
    } else if (branch) {
        qapi_free_value(branch, obj + type->u_offset);
    }
}

void qapi_free(const QapiType *type, void *obj)
{
    while (obj) {
        void *next = NULL;

        if (type->kind == QAPI_KIND_LIST) {
            next = *(void **)obj;
            qapi_free_value(type->element, (char *)obj + type->u_offset);
        } else if (type->kind == QAPI_KIND_ALTERNATE) {
            free_alternate(type, obj);
        } else {
            free_members(type, obj);
        }
        g_free(obj);
        obj = next;
    }
}

void qapi_free_value(const QapiType *type, void *var)
{
    switch (type->kind) {
    case QAPI_KIND_ANY:
        json_object_put(*(struct json_object **)var);
        return;
    case QAPI_KIND_STR:
        g_free(*(char **)var);
        return;
    case QAPI_KIND_LIST:
    case QAPI_KIND_OBJECT:
    case QAPI_KIND_ALTERNATE:
        qapi_free(type, *(void **)var);
        return;
    default:
        return;
    }
}

static void clone_value(const QapiType *type, void *dst, const void *src);

static void clone_members(const QapiType *type, char *dst, const char *src)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        size_t offset = type->members[i].offset;

        clone_value(type->members[i].type, dst + offset, src + offset);
    }
    if (type->tag) {
        const QapiType *branch = qapi_union_branch(type, src);

        if (branch) {
            clone_members(branch, dst + type->u_offset, src + type->u_offset);
        }
    }
}

/* @dst starts as a byte copy of @src; what it points to becomes its own. */
static void clone_value(const QapiType *type, void *dst, const void *src)
{
    switch (type->kind) {
    case QAPI_KIND_ANY:
        json_object_get(*(struct json_object *const *)src);
        return;
    case QAPI_KIND_STR:
        *(char **)dst = g_strdup(*(char *const *)src);
        return;
    case QAPI_KIND_LIST:
    case QAPI_KIND_OBJECT:
    case QAPI_KIND_ALTERNATE:
        *(void **)dst = qapi_clone(type, *(void *const *)src);
        return;
    default:
        return;
    }
}

void *qapi_clone(const QapiType *type, const void *obj)
{
    void *first = NULL;
    void **tail = &first;

    while (obj) {
        const char *src = obj;
        char *dst = g_malloc(type->size);

        memcpy(dst, src, type->size);
        *tail = dst;
        obj = NULL;
        if (type->kind == QAPI_KIND_LIST) {
            clone_value(type->element, dst + type->u_offset,
                        src + type->u_offset);
            tail = (void **)dst;
            obj = *(void *const *)src;
        } else if (type->kind == QAPI_KIND_ALTERNATE) {
            const QapiType *branch = type->variants[*(const QType *)src];

            if (branch && branch->kind == QAPI_KIND_OBJECT) {
                clone_members(branch, dst + type->u_offset,
                              src + type->u_offset);
            } else if (branch) {
                clone_value(branch, dst + type->u_offset,
                            src + type->u_offset);
            }
        } else {
            clone_members(type, dst, src);
        }
    }
    return first;
}

const char *qapi_enum_str(const QapiType *type, int value)
{
    g_assert(value >= 0 && value < type->n_values);
    return type->values[value];
}

int qapi_enum_parse(const QapiType *type, const char *s, Error **errp)
{
    for (int i = 0; i < type->n_values; i++) {
        if (g_str_equal(s, type->values[i])) {
            return i;
        }
    }
    error_setg(errp, "invalid parameter value: %s", s);
    return -1;
}
