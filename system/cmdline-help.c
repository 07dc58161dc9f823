/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `help` as the value of an option prints. */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include "hw/core/boards.h"
#include "hw/core/device.h"
#include "system/accel.h"
#include "system/cmdline.h"

static void help_machines(void)
{
    printf("Supported machines are:\n");
    for (size_t i = 0; machine_class_table[i]; i++) {
        const MachineClass *klass = machine_class_table[i];

        if (klass->alias) {
            printf("%-20s %s (alias of %s)\n", klass->alias,
                   klass->description, klass->name);
        }
        printf("%-20s %s%s\n", klass->name, klass->description,
               klass->is_default ? " (default)" : "");
    }
}

static void help_accels(void)
{
    printf("Accelerators supported in this build:\n");
    for (size_t i = 0; accel_table[i]; i++) {
        printf("%-8s %s\n", accel_table[i]->name, accel_table[i]->description);
    }
}

static void help_class(const ObjectClass *klass)
{
    printf("%-24s %s\n", klass->name,
           klass->description ? klass->description : "");
}

static void help_devices(void)
{
    printf("Devices for -device:\n");
    for (size_t i = 0; object_class_table[i]; i++) {
        const DeviceClass *klass =
            device_class_by_name(object_class_table[i]->name);

        if (klass && klass->user_creatable) {
            help_class(&klass->parent);
        }
    }
}

static void help_objects(void)
{
    printf("Types for -object:\n");
    for (size_t i = 0; object_class_table[i]; i++) {
        if (!object_class_table[i]->abstract &&
            object_class_is(object_class_table[i], "memory-backend")) {
            help_class(object_class_table[i]);
        }
    }
}

static void help_properties(const ObjectClass *klass)
{
    for (; klass; klass = klass->parent) {
        for (const Property *p = klass->props; p && p->name; p++) {
            printf("  %-20s %s%s%s%s\n", p->name,
                   p->description ? p->description : "",
                   p->def ? " (default: " : "", p->def ? p->def : "",
                   p->def ? ")" : "");
        }
    }
}

/* "help" lists the types, "TYPE,help" the properties of one. */
static bool help_in_list(const GPtrArray *list, const char *key,
                         void (*print)(void))
{
    for (guint i = 0; i < list->len; i++) {
        const CmdOpts *entry = g_ptr_array_index(list, i);
        struct json_object *opts = entry->opts;
        const char *type = cmdline_opts_get(opts, key);
        const ObjectClass *klass = type ? object_class_by_name(type) : NULL;

        if (!cmdline_opts_get(opts, "help")) {
            continue;
        }
        if (klass) {
            printf("%s options:\n", type);
            help_properties(klass);
        } else {
            print();
        }
        return true;
    }
    return false;
}

static void help_chardevs(void)
{
    const char *name;

    printf("Available chardev backend types:\n");
    for (size_t i = 0; (name = chardev_backend_name(i)) != NULL; i++) {
        printf("%s\n", name);
    }
}

static bool help_machine(struct json_object *opts)
{
    const char *type = cmdline_opts_get(opts, "type");
    const MachineClass *klass = type ? machine_class_by_name(type) : NULL;

    if (!cmdline_opts_get(opts, "help")) {
        return false;
    }
    if (klass) {
        printf("%s options:\n", klass->name);
        help_properties(&klass->parent);
    } else {
        help_machines();
    }
    return true;
}

bool cmdline_help(const CmdLine *cmd)
{
    return help_machine(cmd->machine) ||
           help_in_list(cmd->accels, "accel", help_accels) ||
           help_in_list(cmd->devices, "driver", help_devices) ||
           help_in_list(cmd->objects, "qom-type", help_objects) ||
           help_in_list(cmd->chardevs, "backend", help_chardevs);
}
