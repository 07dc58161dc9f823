/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP's `info migrate`: query-migrate's answer in the lines that QEMU's
 * monitor prints. Main thread, BQL held.
 */
#include "qemu/osdep.h"
#include "hmp-cmds.h"
#include "system/globals.h"

/* --- Properties ----------------------------------------------------------- */

typedef struct GlobalSearch {
    const char *property;
    bool on;
} GlobalSearch;

static bool take_global(const GlobalProp *prop, void *opaque, Error **errp)
{
    GlobalSearch *search = opaque;

    if (!strcmp(prop->property, search->property)) {
        search->on = !strcmp(prop->value, "on") ||
                     !strcmp(prop->value, "true") ||
                     !strcmp(prop->value, "yes") || !strcmp(prop->value, "y");
    }
    return true;
}

/* What -global and the machine type set; nothing changes these later. */
static void print_globals(HmpCall *call)
{
    /* On unless set. */
    static const char *const properties[] = {
        "store-global-state",
        "send-configuration",
        "send-section-footer",
        "send-switchover-start",
    };

    g_string_append(call->out, "globals:\n");
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        GlobalSearch search = { properties[i], true };

        globals_apply(call->ctx->vm, "migration", take_global, &search, NULL);
        g_string_append_printf(call->out, "%s: %s\n", search.property,
                               search.on ? "on" : "off");
    }
}

/* --- Figures -------------------------------------------------------------- */

/* One line of the reply's number @key. */
typedef struct InfoLine {
    const char *key;
    const char *label;
    const char *unit;
    unsigned shift;  /* to KiB */
    bool if_nonzero; /* else always, if the reply has it */
} InfoLine;

static const InfoLine time_lines[] = {
    { "total-time", "total time", " ms" },
    { "expected-downtime", "expected downtime", " ms" },
    { "downtime", "downtime", " ms" },
    { "setup-time", "setup", " ms" },
};

static const InfoLine ram_lines[] = {
    { "remaining", "remaining ram", " kbytes", 10 },
    { "total", "total ram", " kbytes", 10 },
    { "duplicate", "duplicate", " pages" },
    { "normal", "normal", " pages" },
    { "normal-bytes", "normal bytes", " kbytes", 10 },
    { "dirty-sync-count", "dirty sync count", "" },
    { "page-size", "page size", " kbytes", 10 },
    { "multifd-bytes", "multifd bytes", " kbytes", 10 },
    { "pages-per-second", "pages-per-second", "" },
    { "dirty-pages-rate", "dirty pages rate", " pages", 0, true },
    { "postcopy-requests", "postcopy request count", "", 0, true },
    { "precopy-bytes", "precopy ram", " kbytes", 10, true },
    { "downtime-bytes", "downtime ram", " kbytes", 10, true },
    { "postcopy-bytes", "postcopy ram", " kbytes", 10, true },
    { "dirty-sync-missed-zero-copy", "Zero-copy-send fallbacks happened",
      " times", 0, true },
};

static void print_lines(HmpCall *call, struct json_object *reply,
                        const InfoLine *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const InfoLine *line = &lines[i];
        int64_t value = reply_int(reply, line->key);

        if (json_object_object_get_ex(reply, line->key, NULL) &&
            (value || !line->if_nonzero)) {
            g_string_append_printf(call->out, "%s: %" PRId64 "%s\n",
                                   line->label, value >> line->shift,
                                   line->unit);
        }
    }
}

static void print_ram(HmpCall *call, struct json_object *ram)
{
    struct json_object *mbps = json_object_object_get(ram, "mbps");

    g_string_append_printf(call->out, "transferred ram: %" PRId64 " kbytes\n"
                           "throughput: %.2f mbps\n",
                           reply_int(ram, "transferred") >> 10,
                           json_object_get_double(mbps));
    print_lines(call, ram, ram_lines, ARRAY_SIZE(ram_lines));
}

/* --- The whole ------------------------------------------------------------ */

static void print_status(HmpCall *call, struct json_object *info)
{
    const char *status = reply_str(info, "status");
    const char *desc = reply_str(info, "error-desc");

    if (*status) {
        g_string_append_printf(call->out, "Migration status: %s%s%s%s\n",
                               status, *desc ? " (" : "", desc,
                               *desc ? ")" : "");
    }
}

static void print_blocked(HmpCall *call, struct json_object *reasons)
{
    size_t count = json_object_array_length(reasons);

    g_string_append(call->out, "Outgoing migration blocked:\n");
    for (size_t i = 0; i < count; i++) {
        struct json_object *reason = json_object_array_get_idx(reasons, i);

        g_string_append_printf(call->out, "  %s\n",
                               json_object_get_string(reason));
    }
}

static void print_channels(HmpCall *call, struct json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *c = json_object_array_get_idx(list, i);

        g_string_append_printf(
            call->out, "%s: %" PRId64 " packets, %" PRId64 " kbytes, %" PRId64
            " normal and %" PRId64 " zero pages\n", reply_str(c, "thread"),
            reply_int(c, "packets"), reply_int(c, "bytes") >> 10,
            reply_int(c, "normal"), reply_int(c, "zero"));
    }
}

static void print_sockets(HmpCall *call, struct json_object *list)
{
    g_string_append(call->out, "socket address: [\n");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *addr = json_object_array_get_idx(list, i);

        if (!strcmp(reply_str(addr, "type"), "inet")) {
            const char *host = reply_str(addr, "host");
            bool ipv6 = strchr(host, ':');

            g_string_append_printf(call->out, "\ttcp:%s%s%s:%s\n",
                                   ipv6 ? "[" : "", host, ipv6 ? "]" : "",
                                   reply_str(addr, "port"));
        } else {
            g_string_append_printf(call->out, "\t%s:%s\n",
                                   reply_str(addr, "type"),
                                   reply_str(addr, "path"));
        }
    }
    g_string_append(call->out, "]\n");
}

void hmp_info_migrate(HmpCall *call)
{
    struct json_object *info = NULL;
    struct json_object *part;

    if (!hmp_qmp(call, "query-migrate", NULL, &info)) {
        return;
    }
    print_globals(call);
    if (json_object_object_get_ex(info, "blocked-reasons", &part)) {
        print_blocked(call, part);
    }
    print_status(call, info);
    print_lines(call, info, time_lines, ARRAY_SIZE(time_lines));
    if (json_object_object_get_ex(info, "ram", &part)) {
        print_ram(call, part);
    }
    if (json_object_object_get_ex(info, "x-multifd-channels", &part)) {
        print_channels(call, part);
    }
    if (json_object_object_get_ex(info, "socket-address", &part)) {
        print_sockets(call, part);
    }
    json_object_put(info);
}
