/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: one table of options, one loop. Nothing is acted on
 * here except help and version.
 */
#include "qemu/osdep.h"
#include <json-c/json.h>
#include "qapi/keyval.h"
#include "system/cmdline.h"
#include "system/version.h"

typedef struct CmdOption CmdOption;

struct CmdOption {
    const char *name;  /* without dashes */
    const char *arg;   /* what --help shows, NULL: takes none */
    const char *help;
    /* Takes the argument in, @arg NULL where there is none. */
    bool (*parse)(CmdLine *cmd, const CmdOption *opt, const char *arg,
                  Error **errp);
    /* For the generic parsers below. */
    size_t offset;           /* in CmdLine */
    const char *implied_key;
    bool (*value)(CmdLine *cmd, const char *arg, Error **errp);
};

#define CMD_FIELD(cmd, opt, type) ((type *)((char *)(cmd) + (opt)->offset))

static bool parse_string(CmdLine *cmd, const CmdOption *opt, const char *arg,
                         Error **errp)
{
    char **field = CMD_FIELD(cmd, opt, char *);

    g_free(*field);
    *field = g_strdup(arg);
    return true;
}

static bool parse_string_list(CmdLine *cmd, const CmdOption *opt,
                              const char *arg, Error **errp)
{
    g_ptr_array_add(*CMD_FIELD(cmd, opt, GPtrArray *), g_strdup(arg));
    return true;
}

static bool parse_flag(CmdLine *cmd, const CmdOption *opt, const char *arg,
                       Error **errp)
{
    *CMD_FIELD(cmd, opt, bool) = true;
    return true;
}

void cmdline_add_opts(GPtrArray *list, const char *text,
                      struct json_object *opts)
{
    CmdOpts *entry = g_new0(CmdOpts, 1);

    entry->text = g_strdup(text);
    entry->opts = opts;
    entry->json = text[0] == '{';
    g_ptr_array_add(list, entry);
}

void cmdline_add_accel(CmdLine *cmd, const char *name)
{
    struct json_object *opts = json_object_new_object();

    json_object_object_add(opts, "accel", json_object_new_string(name));
    cmdline_add_opts(cmd->accels, name, opts);
}

static bool parse_keyval_list(CmdLine *cmd, const CmdOption *opt,
                              const char *arg, Error **errp)
{
    struct json_object *opts = cmdline_parse_opts(arg, opt->implied_key, errp);

    if (!opts) {
        return false;
    }
    cmdline_add_opts(*CMD_FIELD(cmd, opt, GPtrArray *), arg, opts);
    return true;
}

static bool parse_chardev(CmdLine *cmd, const CmdOption *opt,
                          const char *arg, Error **errp)
{
    struct json_object *opts = g_str_equal(arg, "help")
                                   ? cmdline_parse_opts(arg, NULL, errp)
                                   : chardev_opts_parse(arg, errp);

    if (!opts) {
        return false;
    }
    cmdline_add_opts(cmd->chardevs, arg, opts);
    return true;
}

static bool parse_value(CmdLine *cmd, const CmdOption *opt, const char *arg,
                        Error **errp)
{
    return opt->value(cmd, arg, errp);
}

/* Accepted because it is what this emulator does anyway. */
static bool parse_only_none(CmdLine *cmd, const CmdOption *opt,
                            const char *arg, Error **errp)
{
    if (!g_str_equal(arg, "none") && !g_str_equal(arg, "driver=none")) {
        error_setg(errp, "'%s' is not available: use 'none'", arg);
        return false;
    }
    return true;
}

static bool parse_nothing(CmdLine *cmd, const CmdOption *opt, const char *arg,
                          Error **errp)
{
    return true;
}

static bool parse_uuid(CmdLine *cmd, const CmdOption *opt, const char *arg,
                       Error **errp)
{
    if (!qemu_uuid_parse(arg, &cmd->uuid)) {
        error_setg(errp, "'%s' is not a UUID like "
                   "550e8400-e29b-41d4-a716-446655440000", arg);
        return false;
    }
    return true;
}

/* Several -machine options add up; later values win. */
static bool parse_machine(CmdLine *cmd, const CmdOption *opt, const char *arg,
                          Error **errp)
{
    struct json_object *opts = cmdline_parse_opts(arg, "type", errp);
    const char *accels;

    if (!opts) {
        return false;
    }
    accels = cmdline_opts_get(opts, "accel");
    if (accels) {
        g_auto(GStrv) names = g_strsplit(accels, ":", -1);

        for (char **name = names; *name; name++) {
            cmdline_add_accel(cmd, *name);
        }
        json_object_object_del(opts, "accel");
    }
    json_object_object_foreach(opts, key, value)
    {
        json_object_object_add(cmd->machine, key, json_object_get(value));
    }
    json_object_put(opts);
    return true;
}

static bool parse_enable_kvm(CmdLine *cmd, const CmdOption *opt,
                             const char *arg, Error **errp)
{
    cmdline_add_accel(cmd, "kvm");
    return true;
}

static void add_monitor(CmdLine *cmd, const CmdOption *opt, const char *spec,
                        MonitorMode mode)
{
    CmdMonitor *mon;

    if (g_str_equal(spec, "none")) {
        return;
    }
    mon = g_new0(CmdMonitor, 1);
    mon->text = g_strdup_printf("-%s %s", opt->name, spec);
    mon->spec = g_strdup(spec);
    mon->mode = mode;
    mon->pretty = g_str_equal(opt->name, "qmp-pretty");
    g_ptr_array_add(cmd->monitors, mon);
}

static bool parse_monitor(CmdLine *cmd, const CmdOption *opt, const char *arg,
                          Error **errp)
{
    bool control = g_str_has_prefix(opt->name, "qmp");

    add_monitor(cmd, opt, arg,
                control ? MONITOR_MODE_CONTROL : MONITOR_MODE_READLINE);
    return true;
}

#define OPT_STRING(_name, _arg, _help, _field)                                 \
    { .name = _name, .arg = _arg, .help = _help, .parse = parse_string,        \
      .offset = offsetof(CmdLine, _field) }
#define OPT_FLAG(_name, _help, _field)                                         \
    { .name = _name, .help = _help, .parse = parse_flag,                       \
      .offset = offsetof(CmdLine, _field) }
#define OPT_LIST(_name, _arg, _help, _field, _implied)                         \
    { .name = _name, .arg = _arg, .help = _help, .parse = parse_keyval_list,   \
      .offset = offsetof(CmdLine, _field), .implied_key = _implied }
#define OPT_STRINGS(_name, _arg, _help, _field)                                \
    { .name = _name, .arg = _arg, .help = _help, .parse = parse_string_list,   \
      .offset = offsetof(CmdLine, _field) }
#define OPT_VALUE(_name, _arg, _help, _value)                                  \
    { .name = _name, .arg = _arg, .help = _help, .parse = parse_value,         \
      .value = _value }
#define OPT_FUNC(_name, _arg, _help, _parse)                                   \
    { .name = _name, .arg = _arg, .help = _help, .parse = _parse }

static bool parse_help(CmdLine *cmd, const CmdOption *opt, const char *arg,
                       Error **errp);

/* In the order in which --help lists them. */
static const CmdOption cmd_options[] = {
    OPT_FUNC("help", NULL, "show this text", parse_help),
    OPT_FUNC("version", NULL, "show the version", parse_nothing),

    OPT_FUNC("machine", "[type=]NAME[,prop=value...]",
             "machine type and its properties; 'help' lists them",
             parse_machine),
    OPT_LIST("accel", "[accel=]NAME[,prop=value...]",
             "who executes the guest: kvm, tcg (an interpreter), qtest;\n"
             "given more than once, the first that works", accels, "accel"),
    OPT_FUNC("enable-kvm", NULL, "same as -accel kvm", parse_enable_kvm),
    OPT_VALUE("m", "[size=]MEGS", "guest RAM; suffix k, M, G or T",
              cmdline_parse_memory),
    OPT_STRING("mem-path", "PATH", "take guest RAM from a file or folder",
               mem_path),
    OPT_FLAG("mem-prealloc", "allocate guest RAM at the start", mem_prealloc),
    OPT_VALUE("smp", "[cpus=]N[,sockets=S,cores=C,threads=T]",
              "number of virtual CPUs", cmdline_parse_smp),
    OPT_VALUE("name", "[guest=]NAME[,debug-threads=on|off]",
              "name of the guest; thread names that tell CPUs apart",
              cmdline_parse_name),
    OPT_FUNC("uuid", "UUID", "identity of the machine", parse_uuid),
    OPT_LIST("object", "TYPE,id=ID[,prop=value...]",
             "create an object; JSON works too", objects, "qom-type"),
    OPT_VALUE("global", "DRIVER.PROPERTY=VALUE",
              "default of a property, e.g. migration.send-switchover-start=off",
              cmdline_parse_global),

    OPT_STRING("kernel", "FILE", "boot a Linux image or a PVH ELF file",
               kernel_path),
    OPT_STRING("append", "TEXT", "the kernel's command line", append),
    OPT_STRING("initrd", "FILE", "the kernel's initial RAM disk", initrd_path),
    OPT_STRING("bios", "FILE", "firmware to start from", firmware_path),
    OPT_LIST("drive", "if=none,id=ID,file=FILE,format=raw",
             "a disk image for a -device", drives, "file"),
    OPT_LIST("device", "DRIVER[,prop=value...]", "add a device", devices,
             "driver"),
    OPT_FLAG("nodefaults", "only the devices that are asked for", nodefaults),
    OPT_FUNC("no-user-config", NULL, "accepted: there is no user config",
             parse_nothing),
    OPT_FUNC("display", "none", "accepted: there is no display",
             parse_only_none),
    OPT_FUNC("vga", "none", "accepted: there is no VGA", parse_only_none),
    OPT_FUNC("audio", "none", "accepted: there is no sound", parse_only_none),

    OPT_FUNC("chardev", "BACKEND,id=ID[,prop=value...]",
             "a character device: socket, stdio, file or null",
             parse_chardev),
    OPT_STRINGS("serial", "SPEC",
                "connect a serial port: stdio, file:PATH, unix:PATH,\n"
                "tcp:HOST:PORT, chardev:ID, null, none", serials),
    OPT_FUNC("monitor", "SPEC", "a monitor for people; SPEC as for -serial",
             parse_monitor),
    OPT_FUNC("qmp", "SPEC", "a monitor for programs", parse_monitor),
    OPT_FUNC("qmp-pretty", "SPEC", "the same with indented replies",
             parse_monitor),
    OPT_VALUE("mon", "[chardev=]ID[,mode=readline|control][,pretty=on|off]",
              "a monitor on a -chardev", cmdline_parse_mon),

    OPT_VALUE("incoming", "URI|CHANNEL|defer",
              "wait for a migration from tcp:HOST:PORT, unix:PATH, fd:N,\n"
              "exec:COMMAND or file:PATH[,offset=N]; or from a channel, JSON\n"
              "or channel-type=main,addr.transport=...; or, with defer, for\n"
              "migrate-incoming; the last one counts",
              cmdline_parse_incoming),
    OPT_FLAG("S", "do not start the guest until 'cont'", start_stopped),
    OPT_FLAG("no-reboot", "a reset of the guest ends the process", no_reboot),
    OPT_FLAG("no-shutdown", "a shutdown of the guest only stops it",
             no_shutdown),
    OPT_FLAG("daemonize", "go to the background once set up", daemonize),
    OPT_STRING("pidfile", "FILE", "write the process id to FILE", pidfile),
    OPT_VALUE("run-with",
              "[chroot=FOLDER][,user=NAME|UID:GID][,exit-with-parent=on|off]",
              "once set up, give up other folders and the rights of root;\n"
              "end when the process that started us does. Pid file and unix\n"
              "sockets are made before: they stay behind at the end unless\n"
              "the user may write to their folder, after a chroot always",
              cmdline_parse_run_with),
    OPT_VALUE("sandbox", "off", "accepted: there is no sandbox",
              cmdline_parse_sandbox),

    OPT_STRING("D", "FILE", "write the log to FILE instead of stderr",
               log_file),
    OPT_STRING("d", "ITEM[,...]", "log these items; 'help' lists them",
               log_items),
    OPT_VALUE("trace", "[enable=]PATTERN[,file=FILE]",
              "log trace events; 'help' lists them", cmdline_parse_trace),
    OPT_STRING("qtest", "SPEC", "serve the qtest protocol; SPEC as for -serial",
               qtest),
    OPT_STRING("qtest-log", "FILE", "log qtest traffic", qtest_log),
};

static const struct {
    const char *alias;
    const char *name;
} cmd_aliases[] = {
    { "h", "help" },
    { "M", "machine" },
};

static void print_help(void)
{
    printf("Lighter %s: QEMU's live migration in a small x86 emulator\n"
           "Usage: %s [options]\n\n",
           LIGHTER_VERSION, g_get_prgname());
    for (size_t i = 0; i < ARRAY_SIZE(cmd_options); i++) {
        const CmdOption *opt = &cmd_options[i];
        g_auto(GStrv) lines = g_strsplit(opt->help, "\n", -1);

        printf("-%s%s%s\n", opt->name, opt->arg ? " " : "",
               opt->arg ? opt->arg : "");
        for (char **line = lines; *line; line++) {
            printf("        %s\n", *line);
        }
    }
    printf("\nMigrate a running guest: see README.md, or type 'migrate' in "
           "the monitor (-monitor stdio).\n");
}

static bool parse_help(CmdLine *cmd, const CmdOption *opt, const char *arg,
                       Error **errp)
{
    print_help();
    return true;
}

/* Options of QEMU that people type, and what does the job here. */
static const struct {
    const char *name;
    const char *instead;
} cmd_hints[] = {
    { "nographic", "use -display none -serial stdio" },
    { "cpu", "the accelerator decides what CPU the guest sees" },
    { "hda", "use -drive if=none,id=ID,file=FILE,format=raw -device "
             "ide-hd,drive=ID" },
    { "cdrom", "there are no CD drives" },
    { "boot", "the guest starts from -kernel, -bios or its disk" },
    { "netdev", "there are no network devices" },
    { "nic", "there are no network devices" },
    { "net", "there are no network devices" },
    { "usb", "there are no USB devices" },
    { "rtc", "the clock is the host's in UTC" },
    { "loadvm", "use -incoming file:PATH" },
    { "only-migratable", "every device here can be migrated" },
    { "blockdev", "use -drive if=none,id=ID,file=FILE,format=raw" },
    { "vnc", "there is no display" },
    { "numa", "memory has one node" },
    { "overcommit", "use prealloc=on of the memory backend" },
    { "smbios", "there are no SMBIOS tables" },
    { "preconfig", "use -S" },
    { "gdb", "there is no debugger's stub" },
    { "s", "there is no debugger's stub" },
};

static void option_unknown(const char *word, Error **errp)
{
    const char *name = word + strspn(word, "-");

    for (size_t i = 0; i < ARRAY_SIZE(cmd_hints); i++) {
        if (g_str_equal(cmd_hints[i].name, name)) {
            error_setg(errp, "%s: this option of QEMU is not available: %s",
                       word, cmd_hints[i].instead);
            return;
        }
    }
    error_setg(errp, "%s: invalid option; --help lists the valid ones", word);
}

static const CmdOption *option_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(cmd_aliases); i++) {
        if (g_str_equal(cmd_aliases[i].alias, name)) {
            name = cmd_aliases[i].name;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(cmd_options); i++) {
        if (g_str_equal(cmd_options[i].name, name)) {
            return &cmd_options[i];
        }
    }
    return NULL;
}

static void monitor_free(void *opaque)
{
    CmdMonitor *mon = opaque;

    g_free(mon->text);
    g_free(mon->chardev_id);
    g_free(mon->spec);
    g_free(mon);
}

static void global_free(void *opaque)
{
    CmdGlobal *global = opaque;

    g_free(global->driver);
    g_free(global->property);
    g_free(global->value);
    g_free(global);
}

static void opts_free(void *opaque)
{
    CmdOpts *entry = opaque;

    g_free(entry->text);
    json_object_put(entry->opts);
    g_free(entry);
}

static void cmdline_init(CmdLine *cmd)
{
    cmd->machine = json_object_new_object();
    cmd->accels = g_ptr_array_new_with_free_func(opts_free);
    cmd->objects = g_ptr_array_new_with_free_func(opts_free);
    cmd->chardevs = g_ptr_array_new_with_free_func(opts_free);
    cmd->drives = g_ptr_array_new_with_free_func(opts_free);
    cmd->devices = g_ptr_array_new_with_free_func(opts_free);
    cmd->monitors = g_ptr_array_new_with_free_func(monitor_free);
    cmd->globals = g_ptr_array_new_with_free_func(global_free);
    cmd->serials = g_ptr_array_new_with_free_func(g_free);
    cmd->traces = g_ptr_array_new_with_free_func(g_free);
    cmd->smp_cpus = 1;
}

CmdLineResult cmdline_parse(CmdLine *cmd, int argc, char **argv, Error **errp)
{
    cmdline_init(cmd);
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const char *arg = NULL;
        const CmdOption *opt;

        if (word[0] != '-' || !word[1]) {
            error_setg(errp, "%s: not an option; disks are given with -drive "
                       "and -device ide-hd", word);
            return CMDLINE_ERROR;
        }
        opt = option_find(word + (word[1] == '-' ? 2 : 1));
        if (!opt) {
            option_unknown(word, errp);
            return CMDLINE_ERROR;
        }
        if (opt->arg) {
            if (i + 1 == argc) {
                error_setg(errp, "%s: requires an argument: %s", word,
                           opt->arg);
                return CMDLINE_ERROR;
            }
            arg = argv[++i];
        }
        if (!opt->parse(cmd, opt, arg, errp)) {
            error_prepend(errp, "%s%s%s: ", word, arg ? " " : "",
                          arg ? arg : "");
            return CMDLINE_ERROR;
        }
        if (g_str_equal(opt->name, "help")) {
            return CMDLINE_EXIT;
        }
        if (g_str_equal(opt->name, "version")) {
            printf("QEMU emulator version %s (Lighter %s)\n",
                   QEMU_COMPAT_VERSION, LIGHTER_VERSION);
            return CMDLINE_EXIT;
        }
    }
    return CMDLINE_RUN;
}

void cmdline_free(CmdLine *cmd)
{
    if (!cmd->machine) {
        return;
    }
    json_object_put(cmd->machine);
    g_ptr_array_unref(cmd->accels);
    g_ptr_array_unref(cmd->objects);
    g_ptr_array_unref(cmd->chardevs);
    g_ptr_array_unref(cmd->drives);
    g_ptr_array_unref(cmd->devices);
    g_ptr_array_unref(cmd->monitors);
    g_ptr_array_unref(cmd->globals);
    g_ptr_array_unref(cmd->serials);
    g_ptr_array_unref(cmd->traces);
    g_free(cmd->incoming.text);
    qapi_free_MigrationChannel(cmd->incoming.channel);
    g_free(cmd->chroot_path);
    g_free(cmd->user.name);
    for (size_t i = 0; i < ARRAY_SIZE(cmd_options); i++) {
        if (cmd_options[i].parse == parse_string) {
            g_free(*CMD_FIELD(cmd, &cmd_options[i], char *));
        }
    }
    g_free(cmd->name);
}
