/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON text of replies and events: members in the order they were added,
 * ", " and ": " between them, and nothing outside printable ASCII, so that
 * no client has to guess an encoding.
 */
#include "qemu/osdep.h"
#include "monitor/qmp-parser.h"

#include <json-c/json.h>
#include <math.h>

typedef struct JsonWriter {
    GString *out;
    bool pretty;
    unsigned level;
} JsonWriter;

static void write_value(JsonWriter *w, struct json_object *value);

static void write_code(GString *out, gunichar code)
{
    if (code >= 0x10000) {
        code -= 0x10000;
        g_string_append_printf(out, "\\u%04X\\u%04X", 0xd800 + (code >> 10),
                               0xdc00 + (code & 0x3ff));
    } else {
        g_string_append_printf(out, "\\u%04X", code);
    }
}

/* Writes the character at @p and returns where the next one is. */
static const char *write_char(GString *out, const char *p, const char *end)
{
    static const char special[] = "\"\\\b\f\n\r\t";
    static const char letter[] = "\"\\bfnrt";
    const char *found = *p ? strchr(special, *p) : NULL;
    gunichar code;

    if (found) {
        g_string_append_c(out, '\\');
        g_string_append_c(out, letter[found - special]);
        return p + 1;
    }
    if (*p >= ' ' && *p < 0x7f) {
        g_string_append_c(out, *p);
        return p + 1;
    }
    if (end - p >= 2 && (uint8_t)p[0] == 0xc0 && (uint8_t)p[1] == 0x80) {
        write_code(out, 0);
        return p + 2;
    }
    code = *p ? g_utf8_get_char_validated(p, end - p) : 0;
    if (code == (gunichar)-1 || code == (gunichar)-2) {
        write_code(out, 0xfffd);
        return p + 1;
    }
    write_code(out, code);
    return p + g_unichar_to_utf8(code, NULL);
}

static void write_string(GString *out, const char *p, size_t len)
{
    const char *end = p + len;

    g_string_append_c(out, '"');
    while (p < end) {
        p = write_char(out, p, end);
    }
    g_string_append_c(out, '"');
}

static void write_double(GString *out, double number)
{
    char buf[G_ASCII_DTOSTR_BUF_SIZE];

    if (isfinite(number)) {
        g_ascii_formatd(buf, sizeof(buf), "%.17g", number);
        g_string_append(out, buf);
    } else {
        /* JSON has no infinity; readers make one of this. */
        g_string_append(out, number < 0 ? "-1e999" : "1e999");
    }
}

static void new_line(JsonWriter *w)
{
    if (w->pretty) {
        g_string_append_printf(w->out, "\n%*s", 4 * w->level, "");
    }
}

static void separate(JsonWriter *w, bool first)
{
    if (!first) {
        g_string_append(w->out, w->pretty ? "," : ", ");
    }
    new_line(w);
}

static void write_object(JsonWriter *w, struct json_object *value)
{
    struct json_object_iterator it = json_object_iter_begin(value);
    struct json_object_iterator end = json_object_iter_end(value);
    bool first = true;

    g_string_append_c(w->out, '{');
    w->level++;
    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        const char *name = json_object_iter_peek_name(&it);

        separate(w, first);
        write_string(w->out, name, strlen(name));
        g_string_append(w->out, ": ");
        write_value(w, json_object_iter_peek_value(&it));
        first = false;
    }
    w->level--;
    new_line(w);
    g_string_append_c(w->out, '}');
}

static void write_array(JsonWriter *w, struct json_object *value)
{
    size_t count = json_object_array_length(value);

    g_string_append_c(w->out, '[');
    w->level++;
    for (size_t i = 0; i < count; i++) {
        separate(w, i == 0);
        write_value(w, json_object_array_get_idx(value, i));
    }
    w->level--;
    new_line(w);
    g_string_append_c(w->out, ']');
}

static void write_value(JsonWriter *w, struct json_object *value)
{
    int64_t number;

    switch (json_object_get_type(value)) {
    case json_type_null:
        g_string_append(w->out, "null");
        break;
    case json_type_boolean:
        g_string_append(w->out,
                        json_object_get_boolean(value) ? "true" : "false");
        break;
    case json_type_int:
        number = json_object_get_int64(value);
        if (number < 0) {
            g_string_append_printf(w->out, "%" PRId64, number);
        } else {
            g_string_append_printf(w->out, "%" PRIu64,
                                   json_object_get_uint64(value));
        }
        break;
    case json_type_double:
        write_double(w->out, json_object_get_double(value));
        break;
    case json_type_string:
        write_string(w->out, json_object_get_string(value),
                     json_object_get_string_len(value));
        break;
    case json_type_object:
        write_object(w, value);
        break;
    case json_type_array:
        write_array(w, value);
        break;
    }
}

void qmp_json_write(GString *out, struct json_object *value, bool pretty)
{
    JsonWriter writer = { .out = out, .pretty = pretty };

    write_value(&writer, value);
}
