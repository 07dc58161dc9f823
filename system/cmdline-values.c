/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of command line options that have a syntax of their own. */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include "qapi/keyval.h"
#include "qapi/qapi-visit-migration.h"
#include "qemu/cutils.h"
#include "system/cmdline.h"

struct json_object *cmdline_parse_opts(const char *params,
                                       const char *implied_key, Error **errp)
{
    g_autofree char *trimmed = g_strdup(params);
    size_t len = strlen(trimmed);
    struct json_object *opts;
    bool help = false;

    if (params[0] == '{') {
        enum json_tokener_error jerr;

        opts = json_tokener_parse_verbose(params, &jerr);
        if (!opts || !json_object_is_type(opts, json_type_object)) {
            json_object_put(opts);
            error_setg(errp, "not a JSON object: %s",
                       json_tokener_error_desc(jerr));
            return NULL;
        }
        return opts;
    }
    /* A comma at the end is nothing, but two are one in the value. */
    if (len && trimmed[len - 1] == ',' &&
        (len == 1 || trimmed[len - 2] != ',')) {
        trimmed[len - 1] = '\0';
    }
    opts = keyval_parse(trimmed, implied_key, &help, errp);
    if (opts && help) {
        json_object_object_add(opts, "help", json_object_new_string("on"));
    }
    return opts;
}

const char *cmdline_opts_get(struct json_object *opts, const char *key)
{
    struct json_object *value;

    if (!json_object_object_get_ex(opts, key, &value)) {
        return NULL;
    }
    return json_object_get_string(value);
}

bool cmdline_opts_check(const char *option, struct json_object *opts,
                        const char *const *known, Error **errp)
{
    json_object_object_foreach(opts, key, value)
    {
        (void)value;
        if (!g_strv_contains(known, key)) {
            g_autofree char *list = g_strjoinv(", ", (char **)known);

            error_setg(errp, "%s has no parameter '%s'; it has: %s", option,
                       key, list);
            return false;
        }
    }
    return true;
}

/* An unsigned parameter with a default; 0 is refused. */
static bool opts_get_count(struct json_object *opts, const char *key,
                           unsigned def, unsigned *result, Error **errp)
{
    const char *text = cmdline_opts_get(opts, key);
    uint64_t v = def;

    if (text && (!qemu_strtou64(text, &v, errp))) {
        error_prepend(errp, "parameter '%s': ", key);
        return false;
    }
    if (v == 0 || v > 4096) {
        error_setg(errp, "parameter '%s' must be between 1 and 4096", key);
        return false;
    }
    *result = (unsigned)v;
    return true;
}

bool cmdline_parse_memory(CmdLine *cmd, const char *arg, Error **errp)
{
    static const char *const known[] = { "size", NULL };
    struct json_object *opts = cmdline_parse_opts(arg, "size", errp);
    const char *size;
    bool ok = false;

    if (!opts) {
        return false;
    }
    size = cmdline_opts_get(opts, "size");
    if (!cmdline_opts_check("-m", opts, known, errp)) {
        goto out;
    }
    if (!size) {
        error_setg(errp, "-m wants a size");
        goto out;
    }
    if (!qemu_strtosz_MiB(size, &cmd->ram_size_bytes, errp)) {
        goto out;
    }
    ok = true;
out:
    json_object_put(opts);
    return ok;
}

bool cmdline_parse_smp(CmdLine *cmd, const char *arg, Error **errp)
{
    static const char *const known[] = { "cpus",  "maxcpus", "sockets",
                                         "cores", "threads", NULL };
    struct json_object *opts = cmdline_parse_opts(arg, "cpus", errp);
    unsigned cpus, maxcpus, sockets, cores, threads;
    uint64_t topology;
    bool complete;
    bool ok = false;

    if (!opts || !cmdline_opts_check("-smp", opts, known, errp) ||
        !opts_get_count(opts, "sockets", 1, &sockets, errp) ||
        !opts_get_count(opts, "cores", 1, &cores, errp) ||
        !opts_get_count(opts, "threads", 1, &threads, errp)) {
        goto out;
    }
    topology = (uint64_t)sockets * cores * threads;
    if (!opts_get_count(opts, "cpus", (unsigned)MIN(topology, UINT_MAX), &cpus,
                        errp) ||
        !opts_get_count(opts, "maxcpus", cpus, &maxcpus, errp)) {
        goto out;
    }
    if (maxcpus != cpus) {
        error_setg(errp, "CPUs cannot be added later: maxcpus (%u) must equal "
                   "cpus (%u)", maxcpus, cpus);
        goto out;
    }
    /* What was left out is whatever makes the product right. */
    complete = cmdline_opts_get(opts, "sockets") &&
               cmdline_opts_get(opts, "cores") &&
               cmdline_opts_get(opts, "threads");
    if (complete ? topology != cpus : cpus % topology) {
        error_setg(errp, "sockets (%u) * cores (%u) * threads (%u) does not "
                   "fit the number of cpus (%u)", sockets, cores, threads,
                   cpus);
        goto out;
    }
    cmd->smp_cpus = cpus;
    ok = true;
out:
    json_object_put(opts);
    return ok;
}

bool cmdline_parse_name(CmdLine *cmd, const char *arg, Error **errp)
{
    static const char *const known[] = { "guest", "debug-threads", NULL };
    struct json_object *opts = cmdline_parse_opts(arg, "guest", errp);
    const char *debug;
    bool ok = false;

    if (!opts || !cmdline_opts_check("-name", opts, known, errp)) {
        goto out;
    }
    debug = cmdline_opts_get(opts, "debug-threads");
    if (debug && !qemu_parse_bool("debug-threads", debug, &cmd->debug_threads,
                                  errp)) {
        goto out;
    }
    g_free(cmd->name);
    cmd->name = g_strdup(cmdline_opts_get(opts, "guest"));
    ok = true;
out:
    json_object_put(opts);
    return ok;
}

bool cmdline_parse_run_with(CmdLine *cmd, const char *arg, Error **errp)
{
    static const char *const known[] = { "chroot", "user", "exit-with-parent",
                                         NULL };
    struct json_object *opts = cmdline_parse_opts(arg, NULL, errp);
    const char *folder, *user, *with_parent;
    bool ok;

    if (!opts) {
        return false;
    }
    folder = cmdline_opts_get(opts, "chroot");
    user = cmdline_opts_get(opts, "user");
    with_parent = cmdline_opts_get(opts, "exit-with-parent");
    ok = cmdline_opts_check("-run-with", opts, known, errp) &&
         (!user || process_user_parse(user, &cmd->user, errp)) &&
         (!with_parent || qemu_parse_bool("exit-with-parent", with_parent,
                                          &cmd->exit_with_parent, errp));
    if (ok && folder) {
        g_free(cmd->chroot_path);
        cmd->chroot_path = g_strdup(folder);
    }
    json_object_put(opts);
    return ok;
}

/* "scheme:..." */
static bool is_uri(const char *arg)
{
    while (g_ascii_isalnum(*arg) || *arg == '-') {
        arg++;
    }
    return *arg == ':';
}

/* After a failure: "unix=/x" for "unix:/x" is easily typed. */
static void hint_at_uri(const char *arg, Error **errp)
{
    static const char *const schemes[] = { "tcp", "unix", "fd", "exec",
                                           "file", NULL };
    g_autofree char *word = g_strndup(arg, strcspn(arg, "="));

    if (g_strv_contains(schemes, word)) {
        error_append_hint(errp, "Did you mean -incoming %s:%s?\n", word,
                          arg + strlen(word) + 1);
    }
}

/*
 * A channel as JSON or key=value is parsed here; a URI is left to migration,
 * which also tells what is wrong with a word that is neither.
 */
bool cmdline_parse_incoming(CmdLine *cmd, const char *arg, Error **errp)
{
    MigrationChannel *channel = NULL;

    if (!arg[0]) {
        error_setg(errp, "empty; give a URI (tcp:, unix:, fd:, exec: or "
                   "file:), a channel or 'defer'");
        return false;
    }
    if (arg[0] == '{' || (!is_uri(arg) && strchr(arg, '='))) {
        unsigned flags = arg[0] == '{' ? 0 : QAPI_PARSE_KEYVAL;
        struct json_object *opts = cmdline_parse_opts(arg, "channel-type",
                                                      errp);
        bool ok = opts && qapi_parse_MigrationChannel(opts, flags, NULL,
                                                      &channel, errp);

        json_object_put(opts);
        if (!ok) {
            hint_at_uri(arg, errp);
            return false;
        }
    }
    qapi_free_MigrationChannel(cmd->incoming.channel);
    g_free(cmd->incoming.text);
    cmd->incoming = (CmdIncoming){ .text = g_strdup(arg), .channel = channel };
    return true;
}

bool cmdline_parse_trace(CmdLine *cmd, const char *arg, Error **errp)
{
    static const char *const known[] = { "enable", "file", "help", NULL };
    struct json_object *opts = cmdline_parse_opts(arg, "enable", errp);
    const char *file;
    bool ok = false;

    if (!opts || !cmdline_opts_check("-trace", opts, known, errp)) {
        goto out;
    }
    if (cmdline_opts_get(opts, "help")) {
        json_object_object_add(opts, "enable", json_object_new_string("help"));
    }
    if (!cmdline_opts_get(opts, "enable")) {
        error_setg(errp, "-trace wants the events: enable=PATTERN");
        goto out;
    }
    g_ptr_array_add(cmd->traces,
                    g_strdup(cmdline_opts_get(opts, "enable")));
    file = cmdline_opts_get(opts, "file");
    if (file) {
        g_free(cmd->log_file);
        cmd->log_file = g_strdup(file);
    }
    ok = true;
out:
    json_object_put(opts);
    return ok;
}

bool cmdline_parse_mon(CmdLine *cmd, const char *arg, Error **errp)
{
    static const char *const known[] = { "chardev", "mode", "pretty", NULL };
    struct json_object *opts = cmdline_parse_opts(arg, "chardev", errp);
    const char *mode, *pretty, *chardev;
    bool want_pretty = false;
    CmdMonitor *mon;
    bool ok = false;

    if (!opts || !cmdline_opts_check("-mon", opts, known, errp)) {
        goto out;
    }
    chardev = cmdline_opts_get(opts, "chardev");
    mode = cmdline_opts_get(opts, "mode");
    pretty = cmdline_opts_get(opts, "pretty");
    if (!chardev) {
        error_setg(errp, "-mon wants chardev=ID");
        goto out;
    }
    if (mode && !g_str_equal(mode, "readline") &&
        !g_str_equal(mode, "control")) {
        error_setg(errp, "unknown monitor mode '%s': it is 'readline' or "
                   "'control'", mode);
        goto out;
    }
    if (pretty && !qemu_parse_bool("pretty", pretty, &want_pretty, errp)) {
        goto out;
    }
    mon = g_new0(CmdMonitor, 1);
    mon->text = g_strdup_printf("-mon %s", arg);
    mon->chardev_id = g_strdup(chardev);
    mon->mode = mode && g_str_equal(mode, "control") ? MONITOR_MODE_CONTROL
                                                     : MONITOR_MODE_READLINE;
    mon->pretty = want_pretty;
    g_ptr_array_add(cmd->monitors, mon);
    ok = true;
out:
    json_object_put(opts);
    return ok;
}

bool cmdline_parse_global(CmdLine *cmd, const char *arg, Error **errp)
{
    const char *dot = strchr(arg, '.');
    const char *equals = strchr(arg, '=');
    CmdGlobal *global;

    if (!dot || !equals || dot > equals || dot == arg || equals == dot + 1) {
        error_setg(errp, "-global wants DRIVER.PROPERTY=VALUE, not '%s'", arg);
        return false;
    }
    global = g_new0(CmdGlobal, 1);
    global->driver = g_strndup(arg, (gsize)(dot - arg));
    global->property = g_strndup(dot + 1, (gsize)(equals - dot - 1));
    global->value = g_strdup(equals + 1);
    g_ptr_array_add(cmd->globals, global);
    return true;
}

bool cmdline_parse_sandbox(CmdLine *cmd, const char *arg, Error **errp)
{
    if (!g_str_equal(arg, "off") && !g_str_equal(arg, "enable=off")) {
        error_setg(errp, "there is no sandbox in this build: only 'off' is "
                   "possible, not '%s'", arg);
        return false;
    }
    return true;
}
