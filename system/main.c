/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulator's main(): builds a VM from the command line in the order in
 * which options depend on each other, runs the main loop, takes it all down.
 */
#include "qemu/osdep.h"
#include <glib-unix.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/resource.h>
#include "chardev/char.h"
#include "hw/block/drive.h"
#include "hw/core/boards.h"
#include "hw/core/device.h"
#include "migration/misc.h"
#include "monitor/monitor.h"
#include "qapi/qapi-commands-migration.h"
#include "qapi/qapi-commands-qom.h"
#include "qapi/qapi-visit-qom.h"
#include "qemu/log.h"
#include "qemu/trace.h"
#include "system/accel.h"
#include "system/cmdline.h"
#include "system/daemonize.h"
#include "system/globals.h"
#include "system/qtest.h"
#include "system/runstate.h"

/* Everything main() owns. */
typedef struct Emulator {
    CmdLine cmd;
    VM *vm;
    Monitors *monitors;
    Daemon daemon;
    pid_t parent; /* that started this process */
} Emulator;

/*
 * SIGTERM while there is no main loop yet, perhaps while a server waits for
 * its first client: nothing runs, so ending at once loses nothing.
 */
static const char *early_pidfile;

static void on_early_termination(int signo)
{
    if (early_pidfile) {
        unlink(early_pidfile);
    }
    _exit(0);
}

/* --- Before there is a VM ------------------------------------------------ */

/* True: a help text was printed, and that is all. */
static bool emulator_setup_log(CmdLine *cmd, bool *help, Error **errp)
{
    *help = false;
    if (cmd->log_file && !qemu_log_set_file(cmd->log_file, errp)) {
        return false;
    }
    for (guint i = 0; i < cmd->traces->len; i++) {
        const char *pattern = g_ptr_array_index(cmd->traces, i);

        if (g_str_equal(pattern, "help")) {
            trace_list();
            *help = true;
            return true;
        }
        if (!trace_enable(pattern, errp)) {
            error_prepend(errp, "-trace: ");
            return false;
        }
    }
    if (cmd->log_items && !qemu_log_enable(cmd->log_items, help, errp)) {
        error_prepend(errp, "-d: ");
        return false;
    }
    return true;
}

/*
 * As QEMU: a connection, a file or a channel of multifd wants a descriptor
 * each, and the usual soft limit is for programs that use select().
 */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur < limit.rlim_max) {
        rlim_t soft = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
            warn_report("the limit of open files stays at %ju: %s",
                        (uintmax_t)soft, g_strerror(errno));
        }
    }
}

static bool emulator_tie_to_parent(const Emulator *emu, Error **errp)
{
    if (emu->cmd.exit_with_parent &&
        !exit_with_parent_enable(emu->parent, errp)) {
        error_prepend(errp, "-run-with exit-with-parent=on: ");
        return false;
    }
    return true;
}

static bool emulator_setup_process(Emulator *emu, Error **errp)
{
    CmdLine *cmd = &emu->cmd;

    if (cmd->exit_with_parent && cmd->daemonize) {
        error_setg(errp, "-run-with exit-with-parent=on and -daemonize "
                   "exclude each other: a daemon's parent ends at once");
        return false;
    }
    raise_descriptor_limit();
    if (!emulator_tie_to_parent(emu, errp)) {
        return false;
    }
    if (cmd->daemonize && !daemonize_start(&emu->daemon, errp)) {
        return false;
    }
    if (cmd->pidfile) {
        /* A daemon changes its folder. */
        g_autofree char *path = g_canonicalize_filename(cmd->pidfile, NULL);

        if (!pidfile_create(cmd->pidfile, errp)) {
            /* It may be another's: not ours to remove. */
            g_clear_pointer(&cmd->pidfile, g_free);
            return false;
        }
        g_free(cmd->pidfile);
        cmd->pidfile = g_steal_pointer(&path);
    }
    return true;
}

/* --- Building the VM, BQL held ------------------------------------------ */

/* After a failure: where the type is the reason, what types there are. */
static void hint_at_types(const char *option, const char *type, Error **errp)
{
    if (!type || !object_class_by_name(type)) {
        error_append_hint(errp, "%s help lists the types\n", option);
    }
}

static bool object_exists(VM *vm, const char *id)
{
    g_autofree char *path = id ? g_strconcat("/objects/", id, NULL) : NULL;

    return path && object_resolve_path(vm, path);
}

static bool add_object(VM *vm, const CmdOpts *entry, Error **errp)
{
    QmpContext ctx = { .vm = vm };
    ObjectOptions *opts = NULL;
    bool ok;

    if (!entry->json && object_exists(vm, cmdline_opts_get(entry->opts,
                                                           "id"))) {
        error_setg(errp, "Duplicate ID '%s' for object",
                   cmdline_opts_get(entry->opts, "id"));
        return false;
    }
    ok = qapi_parse_ObjectOptions(entry->opts,
                                  entry->json ? 0 : QAPI_PARSE_KEYVAL, NULL,
                                  &opts, errp) &&
         qmp_object_add(&ctx, opts, errp);
    qapi_free_ObjectOptions(opts);
    if (!ok) {
        hint_at_types("-object", cmdline_opts_get(entry->opts, "qom-type"),
                      errp);
    }
    return ok;
}

static bool add_device(VM *vm, const CmdOpts *entry, Error **errp)
{
    bool ok = device_add(vm, entry->opts, errp);

    if (!ok) {
        hint_at_types("-device", cmdline_opts_get(entry->opts, "driver"),
                      errp);
    }
    return ok;
}

static bool add_drive(VM *vm, const CmdOpts *entry, Error **errp)
{
    return drive_add(vm, entry->opts, errp);
}

static bool add_chardev(VM *vm, const CmdOpts *entry, Error **errp)
{
    return chardev_new(vm, entry->opts, errp) != NULL;
}

/* All of one kind, in the order given; an error quotes the option. */
static bool emulator_add_all(Emulator *emu, const char *option,
                             const GPtrArray *list,
                             bool (*add)(VM *vm, const CmdOpts *entry,
                                         Error **errp),
                             Error **errp)
{
    for (guint i = 0; i < list->len; i++) {
        const CmdOpts *entry = g_ptr_array_index(list, i);

        if (!add(emu->vm, entry, errp)) {
            error_prepend(errp, "%s %s: ", option, entry->text);
            return false;
        }
    }
    return true;
}

/* The option beats the property of -machine. */
static void override_string(char **property, const char *option)
{
    if (option) {
        g_free(*property);
        *property = g_strdup(option);
    }
}

static bool emulator_create_machine(Emulator *emu, Error **errp)
{
    CmdLine *cmd = &emu->cmd;
    VM *vm = emu->vm;
    MachineBoot *boot;

    if (!machine_create(vm, cmd->machine, errp)) {
        return false;
    }
    boot = &vm->machine->boot;
    override_string(&boot->kernel_path, cmd->kernel_path);
    override_string(&boot->initrd_path, cmd->initrd_path);
    override_string(&boot->cmdline, cmd->append);
    override_string(&boot->firmware_path, cmd->firmware_path);
    vm->machine->mem_path = g_strdup(cmd->mem_path);
    vm->machine->mem_prealloc = cmd->mem_prealloc;
    return true;
}

/* Without -accel it is what stock QEMU takes: no KVM unless asked for. */
static bool emulator_select_accel(Emulator *emu, Error **errp)
{
    CmdLine *cmd = &emu->cmd;
    g_autoptr(GPtrArray) specs = g_ptr_array_new();

    if (!cmd->accels->len) {
        cmdline_add_accel(cmd, "tcg");
    }
    for (guint i = 0; i < cmd->accels->len; i++) {
        const CmdOpts *entry = g_ptr_array_index(cmd->accels, i);

        g_ptr_array_add(specs, entry->opts);
    }
    return accel_select(emu->vm, (struct json_object *const *)specs->pdata,
                        specs->len, errp);
}

static bool emulator_init_machine(Emulator *emu, Error **errp)
{
    CmdLine *cmd = &emu->cmd;
    VM *vm = emu->vm;

    for (guint i = 0; i < cmd->serials->len; i++) {
        const char *spec = g_ptr_array_index(cmd->serials, i);

        if (!machine_add_serial(vm, spec, errp)) {
            error_prepend(errp, "-serial %s: ", spec);
            return false;
        }
    }
    if (!emulator_add_all(emu, "-drive", cmd->drives, add_drive, errp) ||
        !migration_init(vm, errp) || !machine_init(vm, errp) ||
        !emulator_add_all(emu, "-device", cmd->devices, add_device, errp)) {
        return false;
    }
    if (cmd->incoming.text &&
        !runstate_set(vm, RUN_STATE_INMIGRATE, errp)) {
        return false;
    }
    return machine_done(vm, errp) && migration_apply_globals(vm, errp) &&
           globals_check_unused(vm, errp);
}

static bool emulator_add_qtest(Emulator *emu, Error **errp)
{
    Chardev *chr;

    if (!emu->cmd.qtest) {
        if (emu->cmd.qtest_log) {
            error_setg(errp, "-qtest-log wants a -qtest");
            return false;
        }
        return true;
    }
    chr = chardev_new_from_spec(emu->vm, "qtest", emu->cmd.qtest, errp);
    if (!chr || !qtest_server_add(emu->vm, chr, emu->cmd.qtest_log, errp)) {
        error_prepend(errp, "-qtest %s: ", emu->cmd.qtest);
        return false;
    }
    return true;
}

static bool emulator_build(Emulator *emu, Error **errp)
{
    CmdLine *cmd = &emu->cmd;
    VM *vm = emu->vm;

    vm->name = g_strdup(cmd->name);
    vm->uuid = cmd->uuid;
    vm->debug_threads = cmd->debug_threads;
    vm->smp_cpus = cmd->smp_cpus;
    vm->ram_size_bytes = cmd->ram_size_bytes;
    vm->autostart = !cmd->start_stopped;
    vm->nodefaults = cmd->nodefaults;
    vm->no_reboot = cmd->no_reboot;
    vm->no_shutdown = cmd->no_shutdown;
    for (guint i = 0; i < cmd->globals->len; i++) {
        const CmdGlobal *global = g_ptr_array_index(cmd->globals, i);

        globals_add_user(vm, global->driver, global->property, global->value);
    }
    return emulator_add_all(emu, "-chardev", cmd->chardevs, add_chardev,
                            errp) &&
           emulator_add_qtest(emu, errp) &&
           emulator_create_machine(emu, errp) &&
           emulator_add_all(emu, "-object", cmd->objects, add_object, errp) &&
           emulator_select_accel(emu, errp) &&
           emulator_init_machine(emu, errp);
}

/* --- Running it ---------------------------------------------------------- */

static void find_stdio(const char *id, const char *filename,
                       bool frontend_open, void *opaque)
{
    if (g_str_equal(filename, "stdio")) {
        *(const char **)opaque = id;
    }
}

static bool emulator_check_daemon(Emulator *emu, Error **errp)
{
    const char *id = NULL;

    chardev_foreach(emu->vm, find_stdio, &id);
    if (emu->cmd.daemonize && id) {
        error_setg(errp, "-daemonize: a daemon has no stdio for character "
                   "device '%s'", id);
        return false;
    }
    return true;
}

/* Without the BQL: a server that waits for its client may take long. */
static bool emulator_add_monitors(Emulator *emu, Error **errp)
{
    emu->monitors = monitors_new(emu->vm);
    for (guint i = 0; i < emu->cmd.monitors->len; i++) {
        const CmdMonitor *mon = g_ptr_array_index(emu->cmd.monitors, i);
        g_autofree char *id = g_strdup_printf("compat_monitor%u", i);
        Chardev *chr;

        if (mon->spec) {
            chr = chardev_new_from_spec(emu->vm, id, mon->spec, errp);
        } else {
            chr = chardev_by_id(emu->vm, mon->chardev_id);
            if (!chr) {
                error_setg(errp, "chardev '%s' not found; -chardev "
                           "BACKEND,id=%s makes one", mon->chardev_id,
                           mon->chardev_id);
            }
        }
        if (!chr || !emulator_check_daemon(emu, errp) ||
            !monitor_add(emu->monitors, chr, mon->mode, mon->pretty,
                                 errp)) {
            error_prepend(errp, "%s: ", mon->text);
            return false;
        }
    }
    return true;
}

/* What migrate-incoming does after a defer. */
static bool incoming_start_channel(VM *vm, MigrationChannel *channel,
                                   Error **errp)
{
    MigrationChannelList channels = { .value = channel };
    QmpMigrateIncomingArgs args = { .channels = &channels };
    QmpContext ctx = { .vm = vm };

    return migration_incoming_start(vm, "defer", errp) &&
           qmp_migrate_incoming(&ctx, &args, errp);
}

static bool emulator_start(Emulator *emu, Error **errp)
{
    const CmdIncoming *incoming = &emu->cmd.incoming;
    VM *vm = emu->vm;

    if (incoming->text) {
        bool ok = incoming->channel
                      ? incoming_start_channel(vm, incoming->channel, errp)
                      : migration_incoming_start(vm, incoming->text, errp);

        if (!ok) {
            error_prepend(errp, "-incoming %s: ", incoming->text);
        }
        return ok;
    }
    return !vm->autostart || vm_start(vm, errp);
}

static const int termination_signals[] = { SIGTERM, SIGINT, SIGHUP };

static gboolean on_termination_signal(gpointer opaque)
{
    VM *vm = opaque;

    bql_lock(vm);
    vm_request_shutdown_code(vm, SHUTDOWN_CAUSE_HOST_SIGNAL, 0);
    bql_unlock(vm);
    return G_SOURCE_CONTINUE;
}

/* After setup: what is opened from now on is opened with fewer rights. */
static bool emulator_drop_rights(Emulator *emu, Error **errp)
{
    CmdLine *cmd = &emu->cmd;

    if (cmd->chroot_path) {
        if (!process_change_root(cmd->chroot_path, errp)) {
            return false;
        }
        /* Its path means something else now; the file stays. */
        early_pidfile = NULL;
        g_clear_pointer(&cmd->pidfile, g_free);
    }
    if (cmd->user.given &&
        (!process_change_user(&cmd->user, errp) ||
         /* The kernel forgets it when a process changes its user. */
         !emulator_tie_to_parent(emu, errp))) {
        return false;
    }
    return true;
}

static int emulator_main_loop(Emulator *emu)
{
    int exit_code = 0;
    guint ids[ARRAY_SIZE(termination_signals)];

    for (size_t i = 0; i < ARRAY_SIZE(termination_signals); i++) {
        ids[i] = g_unix_signal_add(termination_signals[i],
                                   on_termination_signal, emu->vm);
    }
    while (!vm_shutdown_requested(emu->vm, &exit_code)) {
        g_main_context_iteration(NULL, TRUE);
    }
    for (size_t i = 0; i < ARRAY_SIZE(termination_signals); i++) {
        g_source_remove(ids[i]);
    }
    return exit_code;
}

static void emulator_destroy(Emulator *emu)
{
    VM *vm = emu->vm;

    if (vm) {
        if (vm->migration) {
            migration_shutdown(vm);
        }
        /* No vCPU tells a monitor that is gone. */
        bql_lock(vm);
        if (vm->cpus) {
            cpus_destroy(vm);
        }
        bql_unlock(vm);
        if (emu->monitors) {
            monitors_free(emu->monitors);
        }
        vm_free(vm);
    }
    if (emu->cmd.pidfile && unlink(emu->cmd.pidfile) < 0 && errno != ENOENT) {
        warn_report("the pid file '%s' stays behind: %s", emu->cmd.pidfile,
                    g_strerror(errno));
    }
    cmdline_free(&emu->cmd);
}

static int emulator_run(Emulator *emu, Error **errp)
{
    bool ok;

    early_pidfile = emu->cmd.pidfile;
    for (size_t i = 0; i < ARRAY_SIZE(termination_signals); i++) {
        signal(termination_signals[i], on_early_termination);
    }
    emu->vm = vm_new(NULL);
    bql_lock(emu->vm);
    ok = emulator_build(emu, errp);
    bql_unlock(emu->vm);
    if (!ok || !emulator_check_daemon(emu, errp) ||
        !emulator_add_monitors(emu, errp)) {
        return 1;
    }
    bql_lock(emu->vm);
    ok = emulator_start(emu, errp);
    bql_unlock(emu->vm);
    if (!ok) {
        return 1;
    }
    if (!emulator_drop_rights(emu, errp) ||
        (emu->cmd.daemonize && !daemonize_ready(&emu->daemon, errp))) {
        return 1;
    }
    return emulator_main_loop(emu);
}

int main(int argc, char **argv)
{
    Emulator emu = { .parent = getppid() };
    g_autofree char *name = g_path_get_basename(argv[0]);
    Error *err = NULL;
    int status = 1;
    bool help = false;

    g_set_prgname(name);
    signal(SIGPIPE, SIG_IGN);
    switch (cmdline_parse(&emu.cmd, argc, argv, &err)) {
    case CMDLINE_EXIT:
        status = 0;
        break;
    case CMDLINE_ERROR:
        break;
    case CMDLINE_RUN:
        help = cmdline_help(&emu.cmd);
        if (help || (emulator_setup_log(&emu.cmd, &help, &err) && help)) {
            status = 0;
        } else if (!err && emulator_setup_process(&emu, &err)) {
            status = emulator_run(&emu, &err);
        }
        break;
    }
    if (err) {
        error_report_err(err);
    }
    emulator_destroy(&emu);
    return status;
}
