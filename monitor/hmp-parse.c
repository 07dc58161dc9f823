/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP command lines: words, flags, integer expressions and formats, by the
 * argument types of the command table. Main thread.
 */
#include "qemu/osdep.h"
#include "hmp.h"

#define EXPR_DEPTH_MAX 32

const HmpCommand *hmp_find(const HmpCommand *table, const char *name,
                           size_t len)
{
    for (; table->name; table++) {
        const char *p = table->name;

        while (*p) {
            size_t n = strcspn(p, "|");

            if (n == len && !strncmp(p, name, len)) {
                return table;
            }
            p += n + (p[n] == '|');
        }
    }
    return NULL;
}

static const char *skip_space(const char *p)
{
    while (g_ascii_isspace(*p)) {
        p++;
    }
    return p;
}

/* --- Expressions -------------------------------------------------------- */

typedef struct ExprParser {
    const char *p;
    GString *out;
    unsigned depth;
} ExprParser;

static bool expr_level(ExprParser *e, unsigned level, int64_t *value);

static bool expr_fail(ExprParser *e, const char *what)
{
    g_string_append_printf(e->out, "%s\n", what);
    return false;
}

static bool expr_group(ExprParser *e, int64_t *value)
{
    e->p++;
    if (!expr_level(e, 0, value)) {
        return false;
    }
    if (*e->p != ')') {
        return expr_fail(e, "')' expected");
    }
    e->p = skip_space(e->p + 1);
    return true;
}

static bool expr_number(ExprParser *e, int64_t *value)
{
    char *end;

    if (*e->p == '\0') {
        return expr_fail(e, "unexpected end of expression");
    }
    if (*e->p == '\'') {
        if (!e->p[1] || e->p[2] != '\'') {
            return expr_fail(e, "missing terminating ' character");
        }
        *value = (uint8_t)e->p[1];
        e->p = skip_space(e->p + 3);
        return true;
    }
    errno = 0;
    *value = (int64_t)g_ascii_strtoull(e->p, &end, 0);
    if (errno == ERANGE) {
        return expr_fail(e, "number too large");
    }
    if (end == e->p || !g_ascii_isdigit(*e->p)) {
        g_string_append_printf(e->out, "invalid char '%c' in expression\n",
                               *e->p);
        return false;
    }
    e->p = skip_space(end);
    return true;
}

static bool expr_unary(ExprParser *e, int64_t *value)
{
    char op = *e->p;
    bool ok;

    if (e->depth >= EXPR_DEPTH_MAX) {
        return expr_fail(e, "expression nested too deeply");
    }
    e->depth++;
    if (op == '+' || op == '-' || op == '~') {
        e->p = skip_space(e->p + 1);
        ok = expr_unary(e, value);
        if (ok && op != '+') {
            *value = op == '-' ? (int64_t)-(uint64_t)*value : ~*value;
        }
    } else {
        ok = op == '(' ? expr_group(e, value) : expr_number(e, value);
    }
    e->depth--;
    return ok;
}

static bool expr_apply(ExprParser *e, char op, int64_t *value, int64_t right)
{
    uint64_t a = *value;
    uint64_t b = right;

    switch (op) {
    case '+':
        *value = a + b;
        return true;
    case '-':
        *value = a - b;
        return true;
    case '*':
        *value = a * b;
        return true;
    case '&':
        *value = a & b;
        return true;
    case '|':
        *value = a | b;
        return true;
    case '^':
        *value = a ^ b;
        return true;
    default:
        if (!right) {
            return expr_fail(e, "division by zero");
        }
        if (right == -1) {
            *value = op == '/' ? (int64_t)-a : 0;
        } else {
            *value = op == '/' ? *value / right : *value % right;
        }
        return true;
    }
}

/* Weakest first: sums, then bits, then products, as QEMU has them. */
static bool expr_level(ExprParser *e, unsigned level, int64_t *value)
{
    static const char *const ops[] = { "+-", "&|^", "*/%" };

    if (level == ARRAY_SIZE(ops)) {
        return expr_unary(e, value);
    }
    if (!expr_level(e, level + 1, value)) {
        return false;
    }
    while (*e->p && strchr(ops[level], *e->p)) {
        char op = *e->p;
        int64_t right;

        e->p = skip_space(e->p + 1);
        if (!expr_level(e, level + 1, &right) ||
            !expr_apply(e, op, value, right)) {
            return false;
        }
    }
    return true;
}

bool hmp_parse_expr(const char **p, int64_t *value, GString *out)
{
    ExprParser parser = { .p = skip_space(*p), .out = out };
    bool ok = expr_level(&parser, 0, value);

    *p = parser.p;
    return ok;
}

/* --- Arguments ---------------------------------------------------------- */

typedef struct ArgParser {
    const HmpCommand *command;
    const char *p; /* rest of the line */
    struct json_object *args;
    GString *out;
} ArgParser;

static char *take_quoted(ArgParser *a)
{
    g_autoptr(GString) word = g_string_new(NULL);

    for (a->p++; *a->p != '"'; a->p++) {
        if (*a->p == '\\') {
            a->p++;
            if (*a->p == 'n' || *a->p == 'r') {
                g_string_append_c(word, *a->p == 'n' ? '\n' : '\r');
                continue;
            }
            if (*a->p && !strchr("\\'\"", *a->p)) {
                g_string_append_printf(a->out,
                                       "unsupported escape code: '\\%c'\n",
                                       *a->p);
                return NULL;
            }
        }
        if (!*a->p) {
            g_string_append(a->out, "unterminated string\n");
            return NULL;
        }
        g_string_append_c(word, *a->p);
    }
    a->p++;
    return g_strdup(word->str);
}

static char *take_word(ArgParser *a)
{
    const char *start = a->p;

    if (*a->p == '"') {
        return take_quoted(a);
    }
    while (*a->p && !g_ascii_isspace(*a->p)) {
        a->p++;
    }
    return a->p > start ? g_strndup(start, a->p - start) : NULL;
}

static bool take_string(ArgParser *a, const char *name, char type)
{
    g_autofree char *word = NULL;

    if (type == 'S') {
        word = g_strchomp(g_strdup(a->p));
        a->p += strlen(a->p);
    } else {
        word = take_word(a);
    }
    if (!word || !*word) {
        g_string_append_printf(a->out, "%s: %s expected\n", a->command->name,
                               type == 'F' ? "filename" : "string");
        return false;
    }
    json_object_object_add(a->args, name, json_object_new_string(word));
    return true;
}

static bool take_integer(ArgParser *a, const char *name, char type)
{
    int64_t value;

    if (!hmp_parse_expr(&a->p, &value, a->out)) {
        return false;
    }
    if (type == 'i' && value != (int32_t)value && value >> 32) {
        g_string_append_printf(a->out, "'%s' has failed: "
                               "value does not fit 32 bits\n",
                               a->command->name);
        return false;
    }
    json_object_object_add(a->args, name, json_object_new_int64(value));
    return true;
}

static bool take_onoff(ArgParser *a, const char *name)
{
    g_autofree char *word = take_word(a);
    bool on = word && !strcmp(word, "on");

    if (!on && (!word || strcmp(word, "off"))) {
        g_string_append(a->out, "Expected 'on' or 'off'\n");
        return false;
    }
    json_object_object_add(a->args, name, json_object_new_boolean(on));
    return true;
}

/* /COUNTformatSIZE in any order of the letters; else @format and @size. */
static bool take_format(ArgParser *a, char format, int size)
{
    int64_t count = 1;

    if (*a->p == '/') {
        a->p++;
        if (g_ascii_isdigit(*a->p)) {
            char *end;

            count = (int64_t)g_ascii_strtoull(a->p, &end, 10);
            a->p = end;
        }
        for (; *a->p && !g_ascii_isspace(*a->p); a->p++) {
            const char *sizes = "bhwg";
            const char *found = strchr(sizes, *a->p);

            if (found) {
                size = 1 << (found - sizes);
            } else if (strchr("xduoci", *a->p)) {
                format = *a->p;
            } else {
                g_string_append_printf(a->out,
                                       "invalid char in format: '%c'\n",
                                       *a->p);
                return false;
            }
        }
        if (format == 'c') {
            size = 1;
        }
    }
    json_object_object_add(a->args, "count", json_object_new_int64(count));
    json_object_object_add(a->args, "format", json_object_new_int(format));
    json_object_object_add(a->args, "size", json_object_new_int(size));
    return true;
}

/* Flags of all kinds that stand at this place. */
static void take_flag(ArgParser *a, const char *name, char letter)
{
    if (a->p[0] == '-' && a->p[1] == letter &&
        (!a->p[2] || g_ascii_isspace(a->p[2]))) {
        a->p += 2;
        json_object_object_add(a->args, name, json_object_new_boolean(true));
    }
}

/* @spec: "name:type", of the command's args. */
static bool take_arg(ArgParser *a, const char *spec)
{
    g_autofree char *name = g_strndup(spec, strcspn(spec, ":"));
    const char *type = spec + strlen(name) + 1;
    bool optional = g_str_has_suffix(type, "?");

    a->p = skip_space(a->p);
    if (optional && !*a->p) {
        return true;
    }
    switch (*type) {
    case '-':
        take_flag(a, name, type[1]);
        return true;
    case 's':
    case 'F':
    case 'S':
        if (*a->p == '-' && strstr(a->command->args, ":-") &&
            g_ascii_isalpha(a->p[1])) {
            g_string_append_printf(a->out, "%s: unsupported option -%c\n",
                                   a->command->name, a->p[1]);
            return false;
        }
        return take_string(a, name, *type);
    case 'i':
    case 'l':
        return take_integer(a, name, *type);
    case 'b':
        return take_onoff(a, name);
    case '/':
        return take_format(a, 'x', type[1] == 'b' ? 1 : 4);
    default:
        g_assert_not_reached();
    }
}

struct json_object *hmp_parse_args(const HmpCommand *command,
                                   const char *typed, const char *line,
                                   GString *out)
{
    g_auto(GStrv) specs = g_strsplit(command->args ? command->args : "", ",",
                                     -1);
    ArgParser parser = {
        .command = command,
        .p = line,
        .args = json_object_new_object(),
        .out = out,
    };
    bool ok = true;

    for (size_t i = 0; specs[i] && ok; i++) {
        ok = take_arg(&parser, specs[i]);
    }
    if (ok && *skip_space(parser.p)) {
        g_string_append_printf(out,
                               "%s: extraneous characters at the end of "
                               "line\n",
                               command->name);
        ok = false;
    }
    if (ok) {
        return parser.args;
    }
    json_object_put(parser.args);
    g_string_append_printf(out, "Try \"help %s\" for more information\n",
                           typed);
    return NULL;
}
