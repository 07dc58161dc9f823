/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key=value,key.sub=value,list.0=value to nested JSON.
 *
 * First a tree of objects is built in which lists are objects with numbers
 * for names; then those are turned into arrays. Numbers cannot be names
 * otherwise, so the two do not mix up.
 */
#include "qemu/osdep.h"
#include "qapi/keyval.h"

/* Length of the name, dots within a __RFQDN_ prefix included, at @s; or 0. */
static size_t name_length(const char *s)
{
    const char *p = s;

    if (g_str_has_prefix(p, "__")) {
        const char *domain = p + 2;

        for (p = domain; g_ascii_isalnum(*p) || *p == '-' || *p == '.'; p++) {
        }
        if (p == domain || *p != '_') {
            return 0;
        }
        p++;
    }
    if (!g_ascii_isalpha(*p)) {
        return 0;
    }
    while (g_ascii_isalnum(*p) || *p == '-' || *p == '_') {
        p++;
    }
    return p - s;
}

/* Length of one part of a key at @s: a name or, unless @first, a number. */
static size_t part_length(const char *s, bool first)
{
    size_t len = strspn(s, "0123456789");

    return len && !first ? len : name_length(s);
}

static bool is_number(const char *s)
{
    return g_ascii_isdigit(*s);
}

/*
 * Stores @value (a string that this takes over) under @key. Parts of the key
 * are followed down the tree, objects made on the way.
 */
static bool store(struct json_object *root, const char *key,
                  struct json_object *value, Error **errp)
{
    struct json_object *at = root;
    const char *p = key;

    for (;;) {
        size_t len = part_length(p, p == key);
        g_autofree char *part = g_strndup(p, len);
        struct json_object *old = NULL;
        bool last = !p[len];

        if (!len || (!last && p[len] != '.')) {
            error_setg(errp, "Invalid parameter '%s'", key);
            break;
        }
        if (json_object_object_get_ex(at, part, &old)
            && json_object_is_type(old, json_type_string) != last) {
            error_setg(errp, "Parameters '%.*s.*' used inconsistently",
                       (int)(p + len - key), key);
            break;
        }
        if (last) {
            json_object_object_add(at, part, value);
            return true;
        }
        if (!old) {
            old = json_object_new_object();
            json_object_object_add(at, part, old);
        }
        at = old;
        p += len + 1;
    }
    json_object_put(value);
    return false;
}

/* Unescaped value at *@params, which moves behind it and its comma. */
static struct json_object *read_value(const char **params)
{
    g_autoptr(GString) value = g_string_new(NULL);
    const char *p = *params;

    for (; *p; p++) {
        if (*p == ',' && *++p != ',') {
            break;
        }
        g_string_append_c(value, *p);
    }
    *params = p;
    return json_object_new_string_len(value->str, value->len);
}

static bool is_help(const char *s, size_t len)
{
    return (len == 4 && !strncmp(s, "help", 4)) || (len == 1 && *s == '?');
}

/* Reads one element at *@params and moves behind it. */
static bool read_element(struct json_object *root, const char **params,
                         const char *implied_key, bool *help, Error **errp)
{
    size_t len = strcspn(*params, "=,");
    g_autofree char *key = NULL;

    if ((*params)[len] != '=') {
        if (help && is_help(*params, len)) {
            *help = true;
            *params += len + ((*params)[len] == ',');
            return true;
        }
        if (implied_key && len) {
            return store(root, implied_key, read_value(params), errp);
        }
    }
    if (len > KEYVAL_MAX_KEY) {
        error_setg(errp, "Parameter '%.*s...' is longer than %d characters",
                   32, *params, KEYVAL_MAX_KEY);
        return false;
    }
    key = g_strndup(*params, len);
    if ((*params)[len] != '=') {
        error_setg(errp, len ? "Expected '=' after parameter '%s'"
                             : "Invalid parameter '%s'", key);
        return false;
    }
    *params += len + 1;
    return store(root, key, read_value(params), errp);
}

static struct json_object *make_lists(struct json_object *node, GString *path,
                                      Error **errp);

/* The array for @node, whose names are numbers; its children are moved. */
static struct json_object *make_array(struct json_object *node, GString *path,
                                      Error **errp)
{
    struct json_object *array = json_object_new_array();
    size_t n = json_object_object_length(node);
    size_t path_len = path->len;

    for (size_t i = 0; i < n; i++) {
        char index[24];
        struct json_object *child;

        snprintf(index, sizeof(index), "%zu", i);
        if (!json_object_object_get_ex(node, index, &child)) {
            error_setg(errp, "Parameter '%s.%zu' missing", path->str, i);
            json_object_put(array);
            return NULL;
        }
        g_string_append_printf(path, ".%zu", i);
        child = make_lists(child, path, errp);
        g_string_truncate(path, path_len);
        if (!child) {
            json_object_put(array);
            return NULL;
        }
        json_object_array_add(array, child);
    }
    return array;
}

static struct json_object *make_object(struct json_object *node,
                                       GString *path, Error **errp)
{
    struct json_object *out = json_object_new_object();
    size_t path_len = path->len;

    json_object_object_foreach (node, name, value) {
        struct json_object *child;

        g_string_append_printf(path, "%s%s", path_len ? "." : "", name);
        child = make_lists(value, path, errp);
        g_string_truncate(path, path_len);
        if (!child) {
            json_object_put(out);
            return NULL;
        }
        json_object_object_add(out, name, child);
    }
    return out;
}

/* A copy of @node with objects that are lists turned into arrays. */
static struct json_object *make_lists(struct json_object *node, GString *path,
                                      Error **errp)
{
    size_t numbers = 0;

    if (json_object_is_type(node, json_type_string)) {
        return json_object_get(node);
    }
    json_object_object_foreach (node, name, value) {
        (void)value;
        numbers += is_number(name);
    }
    if (!numbers) {
        return make_object(node, path, errp);
    }
    if (numbers != (size_t)json_object_object_length(node)) {
        error_setg(errp, "Parameters '%s.*' used inconsistently", path->str);
        return NULL;
    }
    return make_array(node, path, errp);
}

struct json_object *keyval_parse(const char *params, const char *implied_key,
                                 bool *help, Error **errp)
{
    g_autoptr(GString) path = g_string_new(NULL);
    struct json_object *root, *out = NULL;

    if (help) {
        *help = false;
    }
    if (strlen(params) > KEYVAL_MAX_PARAMS) {
        error_setg(errp, "Option argument is longer than %d bytes",
                   KEYVAL_MAX_PARAMS);
        return NULL;
    }
    root = json_object_new_object();
    while (*params) {
        if (!read_element(root, &params, implied_key, help, errp)) {
            goto out;
        }
        implied_key = NULL;
    }
    out = make_lists(root, path, errp);
out:
    json_object_put(root);
    return out;
}
