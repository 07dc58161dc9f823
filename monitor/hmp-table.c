/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HMP commands: what parsing, help and completion go by; and `help`,
 * which prints this. Main thread, BQL held.
 */
#include "qemu/osdep.h"
#include "hmp-cmds.h"
#include "qapi/qapi-types-migration.h"

static void hmp_help(HmpCall *call);

/* --- Words for completion ----------------------------------------------- */

static void enum_words(const QapiType *type, GPtrArray *words)
{
    for (unsigned i = 0; i < type->n_values; i++) {
        g_ptr_array_add(words, (char *)type->values[i]);
    }
}

static void capability_words(const char *const *given, unsigned count,
                             GPtrArray *words)
{
    if (count == 0) {
        enum_words(&qapi_type_MigrationCapability, words);
    } else if (count == 1) {
        g_ptr_array_add(words, (char *)"off");
        g_ptr_array_add(words, (char *)"on");
    }
}

static void parameter_words(const char *const *given, unsigned count,
                            GPtrArray *words)
{
    const QapiType *type = &qapi_type_MigrationParameters;
    const QapiMember *member;

    if (count == 1) {
        member = hmp_find_parameter(given[0]);
        if (member && member->type->kind == QAPI_KIND_ENUM) {
            enum_words(member->type, words);
        }
    }
    for (unsigned i = 0; count == 0 && i < type->n_members; i++) {
        g_ptr_array_add(words, (char *)type->members[i].name);
    }
}

/* --- The tables --------------------------------------------------------- */

const HmpCommand hmp_info_table[] = {
    { "chardev", "", "", "show the character devices", hmp_info_chardev },
    { "cpus", "", "", "show the CPUs and their threads", hmp_info_cpus },
    { "kvm", "", "", "show whether KVM is there and used", hmp_info_kvm },
    { "migrate", "", "", "show what the migration is doing",
      hmp_info_migrate },
    { "migrate_capabilities", "", "", "show the migration capabilities",
      hmp_info_migrate_capabilities },
    { "migrate_parameters", "", "", "show the migration parameters",
      hmp_info_migrate_parameters },
    { "mtree", "", "",
      "show what is where in guest-physical memory and at I/O ports",
      hmp_info_mtree },
    { "name", "", "", "show the guest's name", hmp_info_name },
    { "qom-tree", "path:s?", "[path]", "show the tree of objects",
      hmp_info_qom_tree },
    { "registers", "all:-a,vcpu:i?", "[-a|vcpu]",
      "show a CPU's registers (-a: of all CPUs)", hmp_info_registers },
    { "status", "", "", "show whether the guest runs, and if not, why",
      hmp_info_status },
    { "uuid", "", "", "show the guest's UUID", hmp_info_uuid },
    { "version", "", "", "show the emulator's version", hmp_info_version },
    { NULL },
};

const HmpCommand hmp_command_table[] = {
    { "closefd", "fdname:s", "fdname", "close a descriptor kept by 'getfd'",
      hmp_closefd },
    { "cont|c", "", "", "let the guest run", hmp_cont },
    { "getfd", "fdname:s", "fdname",
      "keep the descriptor that came with this line under a name",
      hmp_getfd },
    { "help|?", "name:S?", "[cmd]", "show the commands, or help for one",
      hmp_help },
    { "i", "fmt:/b,addr:i", "/fmt addr",
      "read an I/O port, of size b, h or w", hmp_ioport_read },
    { "info", "", "[subcommand]", "show something about the system", NULL },
    { "memsave", "val:l,size:i,filename:s", "addr size file",
      "write 'size' bytes of virtual memory from 'addr' on to a file",
      hmp_memsave },
    { "migrate", "detach:-d,uri:s", "[-d] uri",
      "migrate to 'uri' (-d: do not wait for the end)", hmp_migrate },
    { "migrate_cancel", "", "", "cancel the migration under way",
      hmp_migrate_cancel },
    { "migrate_incoming", "uri:s", "uri",
      "go on with an -incoming defer, from 'uri'", hmp_migrate_incoming },
    { "migrate_set_capability", "capability:s,state:b", "capability on|off",
      "turn a migration capability on or off", hmp_migrate_set_capability,
      capability_words },
    { "migrate_set_parameter", "parameter:s,value:s", "parameter value",
      "set a migration parameter", hmp_migrate_set_parameter,
      parameter_words, hmp_parameter_kind },
    { "o", "fmt:/b,addr:i,val:i", "/fmt addr value",
      "write an I/O port, of size b, h or w", hmp_ioport_write },
    { "object_add", "object:S", "[qom-type=]type,id=str[,prop=value][,...]",
      "create an object", hmp_object_add },
    { "object_del", "id:s", "id", "remove an object", hmp_object_del },
    { "pmemsave", "val:l,size:i,filename:s", "addr size file",
      "write 'size' bytes of physical memory from 'addr' on to a file",
      hmp_pmemsave },
    { "print|p", "fmt:/,val:l", "/fmt expr",
      "print the value of an expression", hmp_print },
    { "qom-get", "path:s,property:s", "path property",
      "print a property of an object", hmp_qom_get },
    { "qom-list", "path:s?", "path", "list what is at a path of the tree",
      hmp_qom_list },
    { "quit|q", "", "", "end the emulator", hmp_quit },
    { "stop|s", "", "", "stop the guest", hmp_stop },
    { "sum", "start:i,size:i", "addr size",
      "show the BSD checksum of physical memory", hmp_sum },
    { "system_powerdown", "", "", "press the power button",
      hmp_system_powerdown },
    { "system_reset", "", "", "reset the guest", hmp_system_reset },
    { "trace-event", "name:s,option:b", "name on|off",
      "switch trace events on or off; '*' and '?' match several",
      hmp_trace_event },
    { "x", "fmt:/,addr:l", "/fmt addr",
      "show memory from the CPU's virtual address 'addr' on, in the formats "
      "of 'xp'",
      hmp_x },
    { "xp", "fmt:/,addr:l", "/fmt addr",
      "show physical memory from 'addr' on, as count, format (x d u o c) "
      "and size (b h w g)",
      hmp_xp },
    { NULL },
};

/* --- help --------------------------------------------------------------- */

static void print_help(GString *out, const char *prefix,
                       const HmpCommand *command)
{
    g_string_append_printf(out, "%s%s %s -- %s\n", prefix, command->name,
                           command->params, command->help);
}

/* For one command alone: what its first arguments are, with their values. */
static void print_words(GString *out, const HmpCommand *command)
{
    g_autoptr(GPtrArray) firsts = g_ptr_array_new();

    if (command->words) {
        command->words(NULL, 0, firsts);
    }
    for (size_t i = 0; i < firsts->len; i++) {
        const char *first = g_ptr_array_index(firsts, i);
        g_autoptr(GPtrArray) values = g_ptr_array_new();

        command->words(&first, 1, values);
        g_string_append_printf(out, "  %s ", first);
        for (size_t j = 0; j < values->len; j++) {
            g_string_append_printf(out, "%s%s", j ? "|" : "",
                                   (char *)g_ptr_array_index(values, j));
        }
        if (!values->len && command->kind) {
            g_string_append_printf(out, "(%s)", command->kind(first));
        }
        g_string_append_c(out, '\n');
    }
}

static void print_table(GString *out, const char *prefix,
                        const HmpCommand *table)
{
    for (; table->name; table++) {
        print_help(out, prefix, table);
    }
}

static void hmp_help(HmpCall *call)
{
    const char *name = hmp_str(call, "name");
    const HmpCommand *command;
    const char *prefix = "";
    size_t len;

    if (!name) {
        print_table(call->out, "", hmp_command_table);
        return;
    }
    len = strcspn(name, " \t");
    command = hmp_find(hmp_command_table, name, len);
    if (command && !command->fn) {
        const char *sub = name + len + strspn(name + len, " \t");

        if (!*sub) {
            print_table(call->out, "info ", hmp_info_table);
            return;
        }
        prefix = "info ";
        command = hmp_find(hmp_info_table, sub, strlen(sub));
    }
    if (command) {
        print_help(call->out, prefix, command);
        print_words(call->out, command);
    } else {
        g_string_append_printf(call->out, "unknown command: '%.64s'\n", name);
    }
}
