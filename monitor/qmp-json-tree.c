/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the tokens of one QMP message to its value. Recursion is bounded by
 * the nesting that the framing lets pass.
 */
#include "qemu/osdep.h"
#include "qmp-lexer.h"

typedef struct TreeBuilder {
    const QmpToken *next;
    const QmpToken *end;
    const char *text;
} TreeBuilder;

static bool build_value(TreeBuilder *b, struct json_object **value,
                        Error **errp);

static bool next_is(const TreeBuilder *b, QmpTokenType type)
{
    return b->next < b->end && b->next->type == type;
}

static bool take(TreeBuilder *b, QmpTokenType type)
{
    if (next_is(b, type)) {
        b->next++;
        return true;
    }
    return false;
}

static bool parse_error(Error **errp, const char *what)
{
    error_setg(errp, "JSON parse error, %s", what);
    return false;
}

/* Four hex digits at @p, -1 if they are not. The token's quote ends them. */
static int hex4(const char *p)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(p[i]);

        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

/*
 * Appends what the escape uXXXX at @p means (or two, for a surrogate pair)
 * and returns where it ends. U+0000 becomes C0 80 so that strings stay
 * strings.
 */
static const char *unescape_unicode(GString *out, const char *p,
                                    const char *end, Error **errp)
{
    const char *start = p;
    int code = hex4(p + 1);
    int low;

    p += 5;
    if (code >= 0xd800 && code < 0xdc00 && p[0] == '\\' && p[1] == 'u') {
        low = hex4(p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        }
    }
    if (code < 0 || !g_unichar_validate(code) || (code & 0xfffe) == 0xfffe ||
        (code >= 0xfdd0 && code <= 0xfdef)) {
        error_setg(errp,
                   "JSON parse error, \\%.*s is not a valid Unicode character",
                   (int)MIN(5, end - start), start);
        return NULL;
    }
    if (code == 0) {
        g_string_append_len(out, "\xc0\x80", 2);
    } else {
        g_string_append_unichar(out, code);
    }
    return p;
}

static const char *unescape(GString *out, const char *p, const char *end,
                            Error **errp)
{
    static const char from[] = "\"'\\/bfnrt";
    static const char to[] = "\"'\\/\b\f\n\r\t";
    const char *found = strchr(from, *p);

    if (*p == 'u') {
        return unescape_unicode(out, p, end, errp);
    }
    if (!*p || !found) {
        parse_error(errp, "invalid escape sequence in string");
        return NULL;
    }
    g_string_append_c(out, to[found - from]);
    return p + 1;
}

/* Length of the UTF-8 sequence at @p, 0 if it is none. */
static size_t utf8_len(const char *p, const char *end)
{
    gunichar code;

    if (end - p >= 2 && (uint8_t)p[0] == 0xc0 && (uint8_t)p[1] == 0x80) {
        return 2;
    }
    code = g_utf8_get_char_validated(p, end - p);
    if (code == (gunichar)-1 || code == (gunichar)-2) {
        return 0;
    }
    return g_unichar_to_utf8(code, NULL);
}

static bool build_string(TreeBuilder *b, struct json_object **value,
                         Error **errp)
{
    const char *p = b->text + b->next->start + 1;
    const char *end = b->text + b->next->start + b->next->len_bytes - 1;
    GString *out = g_string_sized_new(end - p);

    while (p && p < end) {
        if (*p == '\\') {
            p = unescape(out, p + 1, end, errp);
        } else {
            size_t len = utf8_len(p, end);

            if (!len) {
                parse_error(errp, "invalid UTF-8 sequence in string");
                p = NULL;
                break;
            }
            g_string_append_len(out, p, len);
            p += len;
        }
    }
    if (p) {
        *value = json_object_new_string_len(out->str, out->len);
    }
    g_string_free(out, TRUE);
    b->next++;
    return p != NULL;
}

static void build_number(TreeBuilder *b, struct json_object **value)
{
    g_autofree char *text = g_strndup(b->text + b->next->start,
                                      b->next->len_bytes);
    bool integer = b->next->type == QMP_TOKEN_INTEGER;
    int64_t i = 0;
    uint64_t u = 0;

    b->next++;
    if (integer && g_ascii_string_to_signed(text, 10, INT64_MIN, INT64_MAX,
                                            &i, NULL)) {
        *value = json_object_new_int64(i);
    } else if (integer && g_ascii_string_to_unsigned(text, 10, 0, UINT64_MAX,
                                                     &u, NULL)) {
        *value = json_object_new_uint64(u);
    } else {
        *value = json_object_new_double(g_ascii_strtod(text, NULL));
    }
}

static bool build_keyword(TreeBuilder *b, struct json_object **value,
                          Error **errp)
{
    const char *text = b->text + b->next->start;
    int len = b->next->len_bytes;

    b->next++;
    if (len == 4 && !memcmp(text, "true", 4)) {
        *value = json_object_new_boolean(true);
    } else if (len == 5 && !memcmp(text, "false", 5)) {
        *value = json_object_new_boolean(false);
    } else if (len == 4 && !memcmp(text, "null", 4)) {
        *value = NULL;
    } else {
        error_setg(errp, "JSON parse error, invalid keyword '%.*s'",
                   MIN(len, QMP_ERROR_TEXT_MAX), text);
        return false;
    }
    return true;
}

static bool build_pair(TreeBuilder *b, struct json_object *object,
                       Error **errp)
{
    struct json_object *key = NULL;
    struct json_object *value = NULL;
    bool ok = false;

    if (!build_value(b, &key, errp)) {
        return false;
    }
    if (!json_object_is_type(key, json_type_string)) {
        parse_error(errp, "key is not a string in object");
    } else if (!take(b, QMP_TOKEN_COLON)) {
        parse_error(errp, "missing : in object pair");
    } else if (!build_value(b, &value, errp)) {
        /* told already */
    } else if (json_object_object_get_ex(object, json_object_get_string(key),
                                         NULL)) {
        json_object_put(value);
        parse_error(errp, "duplicate key");
    } else {
        json_object_object_add(object, json_object_get_string(key), value);
        ok = true;
    }
    json_object_put(key);
    return ok;
}

static bool build_object(TreeBuilder *b, struct json_object **value,
                         Error **errp)
{
    struct json_object *object = json_object_new_object();
    bool ok = true;

    b->next++;
    if (!take(b, QMP_TOKEN_RCURLY)) {
        do {
            ok = build_pair(b, object, errp);
        } while (ok && take(b, QMP_TOKEN_COMMA));
        if (ok && !take(b, QMP_TOKEN_RCURLY)) {
            ok = parse_error(errp, "expected separator in dict");
        }
    }
    if (!ok) {
        json_object_put(object);
        return false;
    }
    *value = object;
    return true;
}

static bool build_array(TreeBuilder *b, struct json_object **value,
                        Error **errp)
{
    struct json_object *array = json_object_new_array_ext(4);
    bool ok = true;

    b->next++;
    if (!take(b, QMP_TOKEN_RSQUARE)) {
        do {
            struct json_object *element = NULL;

            ok = build_value(b, &element, errp);
            if (ok) {
                json_object_array_add(array, element);
            }
        } while (ok && take(b, QMP_TOKEN_COMMA));
        if (ok && !take(b, QMP_TOKEN_RSQUARE)) {
            ok = parse_error(errp, "expected separator in list");
        }
    }
    if (!ok) {
        json_object_put(array);
        return false;
    }
    *value = array;
    return true;
}

static bool build_value(TreeBuilder *b, struct json_object **value,
                        Error **errp)
{
    if (b->next == b->end) {
        return parse_error(errp, "premature end of input");
    }
    switch (b->next->type) {
    case QMP_TOKEN_LCURLY:
        return build_object(b, value, errp);
    case QMP_TOKEN_LSQUARE:
        return build_array(b, value, errp);
    case QMP_TOKEN_STRING:
        return build_string(b, value, errp);
    case QMP_TOKEN_INTEGER:
    case QMP_TOKEN_FLOAT:
        build_number(b, value);
        return true;
    case QMP_TOKEN_KEYWORD:
        return build_keyword(b, value, errp);
    default:
        return parse_error(errp, "expecting value");
    }
}

bool qmp_tokens_to_value(const QmpToken *tokens, size_t count,
                         const char *text, struct json_object **value,
                         Error **errp)
{
    TreeBuilder builder = {
        .next = tokens,
        .end = tokens + count,
        .text = text,
    };

    if (!build_value(&builder, value, errp)) {
        return false;
    }
    g_assert(builder.next == builder.end);
    return true;
}
