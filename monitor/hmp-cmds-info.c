/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP's `info`: answers of QMP queries as text. Main thread, BQL held. */
#include "qemu/osdep.h"
#include "hmp-cmds.h"
#include "qapi/qapi-types-migration.h"
#include "qom/object.h"
#include "system/cpus.h"
#include "system/ioport.h"
#include "system/memory.h"

void hmp_info_status(HmpCall *call)
{
    struct json_object *info = NULL;
    const char *status;
    bool running;

    if (!hmp_qmp(call, "query-status", NULL, &info)) {
        return;
    }
    status = reply_str(info, "status");
    running = reply_bool(info, "running");
    g_string_append_printf(call->out, "VM status: %s",
                           running ? "running" : "paused");
    if (!running && strcmp(status, "paused")) {
        g_string_append_printf(call->out, " (%s)", status);
    }
    g_string_append_c(call->out, '\n');
    json_object_put(info);
}

void hmp_info_version(HmpCall *call)
{
    struct json_object *info = NULL;
    struct json_object *qemu;
    const char *package;

    if (!hmp_qmp(call, "query-version", NULL, &info)) {
        return;
    }
    qemu = json_object_object_get(info, "qemu");
    package = reply_str(info, "package");
    package += strspn(package, " ");
    g_string_append_printf(call->out,
                           "%" PRId64 ".%" PRId64 ".%" PRId64 "%s%s\n",
                           reply_int(qemu, "major"), reply_int(qemu, "minor"),
                           reply_int(qemu, "micro"), *package ? " " : "",
                           package);
    json_object_put(info);
}

static void print_member(HmpCall *call, const char *command, const char *name)
{
    struct json_object *info = NULL;

    if (hmp_qmp(call, command, NULL, &info)) {
        if (json_object_object_get(info, name)) {
            g_string_append_printf(call->out, "%s\n", reply_str(info, name));
        }
        json_object_put(info);
    }
}

void hmp_info_name(HmpCall *call)
{
    print_member(call, "query-name", "name");
}

void hmp_info_uuid(HmpCall *call)
{
    print_member(call, "query-uuid", "UUID");
}

void hmp_info_kvm(HmpCall *call)
{
    struct json_object *info = NULL;

    if (!hmp_qmp(call, "query-kvm", NULL, &info)) {
        return;
    }
    g_string_append_printf(call->out, "kvm support: %s\n",
                           !reply_bool(info, "present") ? "not compiled" :
                           reply_bool(info, "enabled") ? "enabled" :
                                                        "disabled");
    json_object_put(info);
}

void hmp_info_cpus(HmpCall *call)
{
    struct json_object *list = NULL;

    if (!hmp_qmp(call, "query-cpus-fast", NULL, &list)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *cpu = json_object_array_get_idx(list, i);
        int64_t index = reply_int(cpu, "cpu-index");

        g_string_append_printf(call->out,
                               "%c CPU #%" PRId64 ": thread_id=%" PRId64 "\n",
                               index == call->cpu_index ? '*' : ' ', index,
                               reply_int(cpu, "thread-id"));
    }
    json_object_put(list);
}

void hmp_info_chardev(HmpCall *call)
{
    struct json_object *list = NULL;

    if (!hmp_qmp(call, "query-chardev", NULL, &list)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *chr = json_object_array_get_idx(list, i);

        g_string_append_printf(call->out, "%s: filename=%s\n",
                               reply_str(chr, "label"),
                               reply_str(chr, "filename"));
    }
    json_object_put(list);
}

void hmp_info_migrate_capabilities(HmpCall *call)
{
    struct json_object *list = NULL;

    if (!hmp_qmp(call, "query-migrate-capabilities", NULL, &list)) {
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *cap = json_object_array_get_idx(list, i);

        g_string_append_printf(call->out, "%s: %s\n",
                               reply_str(cap, "capability"),
                               reply_bool(cap, "state") ? "on" : "off");
    }
    json_object_put(list);
}

static const char *parameter_unit(const char *name)
{
    if (g_str_has_suffix(name, "bandwidth")) {
        return " bytes/second";
    }
    if (g_str_has_suffix(name, "cache-size")) {
        return " bytes";
    }
    if (!strcmp(name, "downtime-limit") || g_str_has_suffix(name, "delay")) {
        return " ms";
    }
    return "";
}

void hmp_info_migrate_parameters(HmpCall *call)
{
    struct json_object *params = NULL;

    if (!hmp_qmp(call, "query-migrate-parameters", NULL, &params)) {
        return;
    }
    json_object_object_foreach(params, name, value) {
        bool quoted = json_object_is_type(value, json_type_string) &&
                      g_str_has_prefix(name, "tls-");
        const char *text = json_object_is_type(value, json_type_boolean)
                               ? (json_object_get_boolean(value) ? "on"
                                                                 : "off")
                               : json_object_get_string(value);

        g_string_append_printf(call->out, "%s: %s%s%s%s\n", name,
                               quoted ? "'" : "", text ? text : "",
                               quoted ? "'" : "", parameter_unit(name));
    }
    json_object_put(params);
}

static void print_registers(HmpCall *call, CPUState *cpu)
{
    g_string_append_printf(call->out, "\nCPU#%d\n", cpu->index);
    cpu_arch_dump(cpu, call->out);
}

void hmp_info_registers(HmpCall *call)
{
    VM *vm = call->ctx->vm;
    int64_t index = json_object_object_get(call->args, "vcpu")
                        ? hmp_int(call, "vcpu") : call->cpu_index;
    unsigned count = vm->cpus ? cpus_count(vm) : 0;
    bool all = hmp_flag(call, "all");
    Error *err = NULL;

    if (index < 0 || (!all && (uint64_t)index >= count)) {
        g_string_append_printf(call->out,
                               count ? "CPU#%" PRId64 " not available\n"
                                     : "No CPU available\n", index);
        return;
    }
    if (!cpus_peek_begin(vm, &err)) {
        hmp_error(call, err);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        if (all || i == (uint64_t)index) {
            print_registers(call, cpu_get(vm, i));
        }
    }
    cpus_peek_end(vm);
}

static void print_memory(HmpCall *call)
{
    size_t count;
    const MemoryRange *ranges = memory_ranges(call->ctx->vm, &count);

    g_string_append(call->out, "address-space: memory\n");
    for (size_t i = 0; i < count; i++) {
        const MemoryRange *r = &ranges[i];

        g_string_append_printf(
            call->out, "  %016" PRIx64 "-%016" PRIx64 " (prio 0, %s): %s",
            r->gpa, r->gpa + r->size_bytes - 1,
            !r->block ? "i/o" : r->block->rom ? "rom" : "ram",
            r->block ? r->block->id : "device");
        if (r->block && r->offset) {
            g_string_append_printf(call->out, " @%016" PRIx64, r->offset);
        }
        g_string_append_c(call->out, '\n');
    }
}

static void print_ports(HmpCall *call)
{
    const char *name;
    unsigned port = 0;
    unsigned count;

    g_string_append(call->out, "\naddress-space: I/O\n");
    while ((name = ioport_next_region(call->ctx->vm, &port, &count))) {
        g_string_append_printf(
            call->out, "  %016x-%016x (prio 0, i/o): %s\n", port,
            port + count - 1, name);
        port += count;
    }
}

void hmp_info_mtree(HmpCall *call)
{
    print_memory(call);
    print_ports(call);
}

#define QOM_DEPTH_MAX 16

typedef struct QomWalk {
    HmpCall *call;
    const char *path;
    unsigned depth;
} QomWalk;

static void print_qom_node(const char *name, Object *obj, void *opaque)
{
    QomWalk *walk = opaque;
    g_autofree char *path = g_strdup_printf(
        "%s/%s", strcmp(walk->path, "/") ? walk->path : "", name);
    QomWalk below = { walk->call, path, walk->depth + 1 };

    g_string_append_printf(walk->call->out, "%*s/%s (%s)\n",
                           (int)walk->depth * 2, "", name,
                           obj ? obj->klass->name : "container");
    if (below.depth < QOM_DEPTH_MAX) {
        object_store_foreach(walk->call->ctx->vm, path, print_qom_node,
                             &below);
    }
}

void hmp_info_qom_tree(HmpCall *call)
{
    const char *path = hmp_str(call, "path");
    QomWalk walk = { call, path ? path : "/machine", 1 };
    Object *obj = object_resolve_path(call->ctx->vm, walk.path);

    g_string_append_printf(call->out, "%s (%s)\n", walk.path,
                           obj ? obj->klass->name : "container");
    object_store_foreach(call->ctx->vm, walk.path, print_qom_node, &walk);
}
