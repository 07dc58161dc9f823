/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors of QAPI types and what the runtime does with them: JSON to C,
 * C to JSON, free, clone. Generated code holds the tables and typed front
 * ends (qapi_parse_T, qapi_build_T, qapi_free_T); callers use those. All of
 * it may run in any thread; nothing is shared.
 *
 * A JSON value is a json-c object; JSON null is a NULL pointer.
 */
#ifndef QAPI_TYPE_H
#define QAPI_TYPE_H

#include "qemu/osdep.h"
#include "qapi/error.h"

#include <json-c/json.h>

/* What an alternate holds. */
typedef enum QType {
    QTYPE_NONE,
    QTYPE_QNULL,
    QTYPE_QNUM,
    QTYPE_QSTRING,
    QTYPE_QDICT,
    QTYPE_QLIST,
    QTYPE_QBOOL,
    QTYPE__MAX,
} QType;

typedef enum QapiKind {
    QAPI_KIND_NULL,
    QAPI_KIND_ANY,
    QAPI_KIND_STR,
    QAPI_KIND_BOOL,
    QAPI_KIND_NUMBER,
    QAPI_KIND_INT,
    QAPI_KIND_UINT,
    QAPI_KIND_SIZE,
    QAPI_KIND_ENUM,
    QAPI_KIND_LIST,
    QAPI_KIND_OBJECT,
    QAPI_KIND_ALTERNATE,
} QapiKind;

typedef struct QapiType QapiType;

#define QAPI_NO_HAS UINT16_MAX

typedef struct QapiMember {
    const char *name;
    const QapiType *type;
    uint16_t offset;     /* in the C struct */
    uint16_t has_offset; /* of has_NAME, QAPI_NO_HAS where there is none */
    bool optional;
} QapiMember;

struct QapiType {
    const char *name;
    QapiKind kind;
    /* sizeof: of a scalar, of the pointee of everything else */
    uint16_t size;
    /* enum: values' names, without gaps */
    uint16_t n_values;
    const char *const *values;
    /* list: type of its elements */
    const QapiType *element;
    /* object: members, those of the base included */
    uint16_t n_members;
    const QapiMember *members;
    /* union: its discriminator, one of members; else NULL */
    const QapiMember *tag;
    /* union: by enum value, NULL for a branch without members;
     * alternate: by QType, NULL for what is not accepted */
    const QapiType *const *variants;
    /* of u in a union or alternate, of value in a list */
    uint16_t u_offset;
};

#define QAPI_MEMBER(T, c_member, text, member_type)                            \
    { text, member_type, offsetof(T, c_member), QAPI_NO_HAS, false }
#define QAPI_OPT_MEMBER(T, c_member, text, member_type)                        \
    { text, member_type, offsetof(T, c_member), QAPI_NO_HAS, true }
#define QAPI_HAS_MEMBER(T, c_member, text, member_type)                        \
    { text, member_type, offsetof(T, c_member), offsetof(T, has_##c_member),   \
      true }

extern const QapiType qapi_type_null, qapi_type_any, qapi_type_str;
extern const QapiType qapi_type_bool, qapi_type_number, qapi_type_size;
extern const QapiType qapi_type_int, qapi_type_int8, qapi_type_int16;
extern const QapiType qapi_type_int32, qapi_type_int64;
extern const QapiType qapi_type_uint8, qapi_type_uint16;
extern const QapiType qapi_type_uint32, qapi_type_uint64;

/*
 * Flags of qapi_parse_T(). KEYVAL: the input came from keyval_parse(), so
 * scalars are strings: on/off/yes/no/true/false, numbers in any C base,
 * sizes with a suffix.
 */
#define QAPI_PARSE_KEYVAL (1U << 0)

/* Deepest nesting of input that qapi_parse_T() follows. */
#define QAPI_MAX_DEPTH 64

typedef struct QapiInput {
    struct json_object *json; /* stays the caller's */
    unsigned flags;           /* QAPI_PARSE_* */
    /* what errors call the whole ("addr" gives "addr.host"); NULL leaves
     * members bare */
    const char *name;
} QapiInput;

/*
 * Makes a C object from @in. @type is an object, a list or an alternate.
 * Unknown, missing and ill-typed members are errors, with stock's texts. Free
 * *@out with qapi_free(). On failure *@out is untouched.
 */
bool qapi_parse(const QapiType *type, const QapiInput *in, void **out,
                Error **errp);

/*
 * As qapi_parse() for a command's arguments, where no @in means {}. With
 * @type NULL the command takes none, and *@out is left alone.
 */
bool qapi_parse_args(const QapiType *type, struct json_object *in, void **out,
                     Error **errp);

/* JSON for @obj (NULL is an empty list); a new reference. */
struct json_object *qapi_build(const QapiType *type, const void *obj);

/* As qapi_build() for the C variable of @type at @var. */
struct json_object *qapi_build_value(const QapiType *type, const void *var);

/* Frees @obj and all below it; NULL is fine. */
void qapi_free(const QapiType *type, void *obj);

/* As qapi_free() for what the C variable of @type at @var holds. */
void qapi_free_value(const QapiType *type, void *var);

/* Deep copy; NULL gives NULL. */
void *qapi_clone(const QapiType *type, const void *obj);

/* T *QAPI_CLONE(T, const T *obj) */
#define QAPI_CLONE(T, obj) ((T *)qapi_clone(&qapi_type_##T, (obj)))

/* Name of an enum's value; aborts on a number that is none. */
const char *qapi_enum_str(const QapiType *type, int value);

/* Number of the value called @s; -1 and an error when there is none. */
int qapi_enum_parse(const QapiType *type, const char *s, Error **errp);

/* Adds @element at the end: TList **tail = &list; QAPI_LIST_APPEND(tail, e) */
#define QAPI_LIST_APPEND(tail, element)                                        \
    do {                                                                       \
        *(tail) = g_malloc0(sizeof(**(tail)));                                 \
        (*(tail))->value = (element);                                          \
        (tail) = &(*(tail))->next;                                             \
    } while (0)

/* Adds @element in front of @list. */
#define QAPI_LIST_PREPEND(list, element)                                       \
    do {                                                                       \
        typeof(list) node_ = g_malloc0(sizeof(*(list)));                       \
        node_->value = (element);                                              \
        node_->next = (list);                                                  \
        (list) = node_;                                                        \
    } while (0)

#endif
