/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store of character devices, and making them from options. Main thread
 * or BQL.
 */
#include "qemu/osdep.h"
#include "chardev/chardev-internal.h"
#include "qemu/cutils.h"

struct ChardevStore {
    GPtrArray *chardevs; /* [lock: bql] in order of creation */
};

static const ChardevClass *const chardev_classes[] = {
    &chardev_class_file,
    &chardev_class_null,
    &chardev_class_socket,
    &chardev_class_stdio,
};

const char *chardev_backend_name(size_t index)
{
    return index < ARRAY_SIZE(chardev_classes) ? chardev_classes[index]->name
                                               : NULL;
}

static const ChardevOption common_options[] = {
    { "backend", CHARDEV_OPTION_STR },
    { "id", CHARDEV_OPTION_STR },
    { "logfile", CHARDEV_OPTION_UNSUPPORTED },
    { "logappend", CHARDEV_OPTION_UNSUPPORTED },
    { "mux", CHARDEV_OPTION_UNSUPPORTED },
    { NULL },
};

static void chardev_free(void *opaque)
{
    Chardev *chr = opaque;

    chardev_io_destroy(chr);
    if (chr->klass->finalize) {
        chr->klass->finalize(chr);
    }
    g_free(chr->id);
    g_free(chr->filename);
    g_free(chr);
}

ChardevStore *chardev_store_new(void)
{
    ChardevStore *store = g_new0(ChardevStore, 1);

    store->chardevs = g_ptr_array_new_with_free_func(chardev_free);
    return store;
}

void chardev_store_free(ChardevStore *store)
{
    if (store) {
        g_ptr_array_free(store->chardevs, TRUE);
        g_free(store);
    }
}

Chardev *chardev_by_id(VM *vm, const char *id)
{
    GPtrArray *all = vm->chardevs->chardevs;

    for (unsigned i = 0; i < all->len; i++) {
        Chardev *chr = g_ptr_array_index(all, i);

        if (g_str_equal(chr->id, id)) {
            return chr;
        }
    }
    return NULL;
}

void chardev_foreach(VM *vm,
                     void (*fn)(const char *id, const char *filename,
                                bool frontend_open, void *opaque),
                     void *opaque)
{
    GPtrArray *all = vm->chardevs->chardevs;

    for (unsigned i = 0; i < all->len; i++) {
        Chardev *chr = g_ptr_array_index(all, i);
        g_autofree char *filename = NULL;
        bool fe_open;

        g_mutex_lock(&chr->lock);
        filename = g_strdup(chr->filename);
        fe_open = chr->fe_open;
        g_mutex_unlock(&chr->lock);
        fn(chr->id, filename, fe_open, opaque);
    }
}

void chardev_set_filename(Chardev *chr, const char *filename)
{
    g_mutex_lock(&chr->lock);
    g_free(chr->filename);
    chr->filename = g_strdup(filename);
    g_mutex_unlock(&chr->lock);
}

const char *chardev_opt_str(struct json_object *opts, const char *name)
{
    struct json_object *value;

    return json_object_object_get_ex(opts, name, &value) ?
               json_object_get_string(value) :
               NULL;
}

bool chardev_opt_bool(struct json_object *opts, const char *name, bool def)
{
    const char *text = chardev_opt_str(opts, name);
    bool value = def;
    bool ok = !text || qemu_parse_bool(name, text, &value, NULL);

    g_assert(ok); /* option_check() has seen it */
    return value;
}

uint64_t chardev_opt_number(struct json_object *opts, const char *name,
                            uint64_t def)
{
    const char *text = chardev_opt_str(opts, name);
    uint64_t value = def;
    bool ok = !text || qemu_strtou64(text, &value, NULL);

    g_assert(ok); /* option_check() has seen it */
    return value;
}

static const ChardevOption *option_find(const ChardevOption *options,
                                        const char *name)
{
    for (; options->name; options++) {
        if (g_str_equal(options->name, name)) {
            return options;
        }
    }
    return NULL;
}

static bool option_check(const ChardevClass *klass, const char *name,
                         struct json_object *value, Error **errp)
{
    const ChardevOption *option = option_find(common_options, name);
    const char *text;
    uint64_t number;
    bool on;

    option = option ? option : option_find(klass->options, name);
    if (!option) {
        error_setg(errp, "Invalid parameter '%s' for chardev backend '%s'",
                   name, klass->name);
        return false;
    }
    if (!value || json_object_is_type(value, json_type_object) ||
        json_object_is_type(value, json_type_array)) {
        error_setg(errp, "chardev option '%s' needs a plain value", name);
        return false;
    }
    text = json_object_get_string(value);
    switch (option->type) {
    case CHARDEV_OPTION_BOOL:
        return qemu_parse_bool(name, text, &on, errp);
    case CHARDEV_OPTION_NUMBER:
        if (!qemu_strtou64(text, &number, NULL) || number > INT_MAX) {
            error_setg(errp, "chardev option '%s' needs a number, not '%s'",
                       name, text);
            return false;
        }
        return true;
    case CHARDEV_OPTION_UNSUPPORTED:
        if (!qemu_parse_bool(name, text, &on, NULL) || on) {
            error_setg(errp,
                       "chardev option '%s' is not supported; leave it out",
                       name);
            return false;
        }
        return true;
    default:
        return true;
    }
}

static bool options_check(const ChardevClass *klass, struct json_object *opts,
                          Error **errp)
{
    json_object_object_foreach(opts, name, value)
    {
        if (!option_check(klass, name, value, errp)) {
            return false;
        }
    }
    return true;
}

static const ChardevClass *class_by_name(const char *name, Error **errp)
{
    for (size_t i = 0; i < ARRAY_SIZE(chardev_classes); i++) {
        if (g_str_equal(chardev_classes[i]->name, name)) {
            return chardev_classes[i];
        }
    }
    error_setg(errp,
               "'%s' is not a valid char driver name; there are file, null, "
               "socket and stdio",
               name);
    return NULL;
}

static bool id_check(VM *vm, const char *id, Error **errp)
{
    if (!id) {
        error_setg(errp, "chardev: no id specified");
        return false;
    }
    if (!id_wellformed(id)) {
        error_setg(errp,
                   "chardev id '%s' is not valid; it starts with a letter, "
                   "then letters, digits, '-', '.' and '_'",
                   id);
        return false;
    }
    if (chardev_by_id(vm, id)) {
        error_setg(errp, "Duplicate ID '%s' for chardev", id);
        return false;
    }
    return true;
}

Chardev *chardev_new(VM *vm, struct json_object *opts, Error **errp)
{
    const char *backend = chardev_opt_str(opts, "backend");
    const char *id = chardev_opt_str(opts, "id");
    const ChardevClass *klass;
    Chardev *chr;

    if (!backend) {
        error_setg(errp, "chardev: no backend specified");
        return NULL;
    }
    klass = class_by_name(backend, errp);
    if (!klass || !options_check(klass, opts, errp) ||
        !id_check(vm, id, errp)) {
        return NULL;
    }
    chr = g_malloc0(klass->instance_size);
    chr->klass = klass;
    chr->vm = vm;
    chr->id = g_strdup(id);
    chr->filename = g_strdup(klass->name);
    chardev_io_init(chr);
    if (!klass->open(chr, opts, errp)) {
        chardev_free(chr);
        return NULL;
    }
    g_ptr_array_add(vm->chardevs->chardevs, chr);
    return chr;
}

/* The next element up to a single comma, unescaped; NULL at the end. */
static char *params_next(const char **params)
{
    GString *out;
    const char *p = *params;

    if (!*p) {
        return NULL;
    }
    out = g_string_new(NULL);
    for (; *p; p++) {
        if (*p == ',' && *++p != ',') {
            break;
        }
        g_string_append_c(out, *p);
    }
    *params = p;
    return g_string_free(out, FALSE);
}

static void opts_set(struct json_object *opts, const char *name,
                     const char *value)
{
    json_object_object_add(opts, name, json_object_new_string(value));
}

/* Adds "name=value", "name" (on) or "noname" (off). */
static bool opts_add(struct json_object *opts, char *element, Error **errp)
{
    char *equals = strchr(element, '=');

    if (!*element || equals == element) {
        error_setg(errp, "chardev: an option without a name");
        return false;
    }
    if (equals) {
        *equals = '\0';
        opts_set(opts, element, equals + 1);
    } else if (g_str_has_prefix(element, "no") &&
               !g_str_equal(element, "nodelay")) {
        opts_set(opts, element + 2, "off");
    } else {
        opts_set(opts, element, "on");
    }
    return true;
}

static bool opts_add_all(struct json_object *opts, const char *params,
                         Error **errp)
{
    char *element;

    while ((element = params_next(&params))) {
        bool ok = opts_add(opts, element, errp);

        g_free(element);
        if (!ok) {
            return false;
        }
    }
    return true;
}

struct json_object *chardev_opts_parse(const char *params, Error **errp)
{
    struct json_object *opts = json_object_new_object();
    g_autofree char *first = NULL;
    const char *rest = params;

    first = params_next(&rest);
    if (first && !strchr(first, '=')) {
        opts_set(opts, "backend", first);
    } else {
        rest = params;
    }
    if (!opts_add_all(opts, rest, errp)) {
        json_object_put(opts);
        return NULL;
    }
    return opts;
}

/* "HOST:PORT" or "[HOST]:PORT" */
static bool spec_host_port(struct json_object *opts, const char *text,
                           Error **errp)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = NULL;
    size_t len;

    if (!colon) {
        error_setg(errp, "chardev: 'tcp:%s' has no port; use tcp:HOST:PORT",
                   text);
        return false;
    }
    len = colon - text;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        host = g_strndup(text + 1, len - 2);
    } else {
        host = g_strndup(text, len);
    }
    opts_set(opts, "host", host);
    opts_set(opts, "port", colon + 1);
    return true;
}

static bool spec_unknown(const char *spec, Error **errp)
{
    if (g_str_has_prefix(spec, "mon:")) {
        error_setg(errp,
                   "'%s': a monitor and a serial port cannot share a character "
                   "device; use '-serial %s' and a separate '-monitor', for "
                   "instance '-monitor unix:PATH,server=on,wait=off'",
                   spec, spec + strlen("mon:"));
        return false;
    }
    error_setg(errp,
               "'%s' is not a valid char driver; there are stdio, null, "
               "file:PATH, unix:PATH, tcp:HOST:PORT and chardev:ID",
               spec);
    return false;
}

static bool spec_parse(struct json_object *opts, const char *spec, Error **errp)
{
    g_autofree char *first = NULL;
    const char *rest;

    if (g_str_equal(spec, "stdio") || g_str_equal(spec, "null")) {
        opts_set(opts, "backend", spec);
        return true;
    }
    if (g_str_has_prefix(spec, "file:")) {
        /* All of it is the path, as in QEMU. */
        opts_set(opts, "backend", "file");
        opts_set(opts, "path", spec + strlen("file:"));
        return true;
    }
    if (g_str_has_prefix(spec, "unix:")) {
        rest = spec + strlen("unix:");
        first = params_next(&rest);
        opts_set(opts, "path", first ? first : "");
    } else if (g_str_has_prefix(spec, "tcp:")) {
        rest = spec + strlen("tcp:");
        first = params_next(&rest);
        if (!spec_host_port(opts, first ? first : "", errp)) {
            return false;
        }
    } else {
        return spec_unknown(spec, errp);
    }
    opts_set(opts, "backend", "socket");
    return opts_add_all(opts, rest, errp);
}

Chardev *chardev_new_from_spec(VM *vm, const char *id, const char *spec,
                               Error **errp)
{
    struct json_object *opts;
    Chardev *chr = NULL;

    if (g_str_has_prefix(spec, "chardev:")) {
        chr = chardev_by_id(vm, spec + strlen("chardev:"));
        if (!chr) {
            error_setg(errp, "there is no chardev '%s'; define it with -chardev",
                       spec + strlen("chardev:"));
        }
        return chr;
    }
    opts = json_object_new_object();
    if (spec_parse(opts, spec, errp)) {
        opts_set(opts, "id", id);
        chr = chardev_new(vm, opts, errp);
    }
    json_object_put(opts);
    return chr;
}
