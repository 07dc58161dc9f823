/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, parsed but not yet acted on. Private to system/main.c. */
#ifndef SYSTEM_CMDLINE_H
#define SYSTEM_CMDLINE_H

#include "monitor/monitor.h"
#include "qapi/qapi-types-migration.h"
#include "qemu/uuid.h"
#include "system/daemonize.h"

/* One -mon, -qmp or -monitor. */
typedef struct CmdMonitor {
    char *text;       /* the option as typed, for errors */
    char *chardev_id; /* -mon chardev=ID, else NULL */
    char *spec;       /* -qmp SPEC, -monitor SPEC, else NULL */
    MonitorMode mode;
    bool pretty;
} CmdMonitor;

/* One -object, -device, -drive, -chardev or -accel. */
typedef struct CmdOpts {
    char *text;               /* as typed, for errors */
    struct json_object *opts; /* an object */
    bool json;                /* typed as JSON: values have their types */
} CmdOpts;

/* The last -incoming. */
typedef struct CmdIncoming {
    char *text;                /* as typed, NULL: none; a URI or "defer" */
    MigrationChannel *channel; /* instead of a URI */
} CmdIncoming;

/* One -global. */
typedef struct CmdGlobal {
    char *driver;
    char *property;
    char *value;
} CmdGlobal;

typedef struct CmdLine {
    struct json_object *machine; /* keyval object of all -machine together */

    GPtrArray *accels;   /* CmdOpts, also the next four */
    GPtrArray *objects;
    GPtrArray *chardevs;
    GPtrArray *drives;
    GPtrArray *devices;
    GPtrArray *monitors; /* CmdMonitor */
    GPtrArray *globals;  /* CmdGlobal */
    GPtrArray *serials;  /* char * */
    GPtrArray *traces;   /* char *: patterns */

    char *name;
    char *kernel_path;
    char *initrd_path;
    char *append;
    char *firmware_path;
    char *mem_path;
    char *pidfile;
    char *log_file;
    char *log_items;
    char *qtest;
    char *qtest_log;

    CmdIncoming incoming;
    char *chroot_path;
    ProcessUser user;

    QemuUUID uuid;
    uint64_t ram_size_bytes; /* 0: the machine's default */
    unsigned smp_cpus;

    bool debug_threads;
    bool start_stopped;
    bool nodefaults;
    bool daemonize;
    bool exit_with_parent;
    bool mem_prealloc;
    bool no_reboot;
    bool no_shutdown;
} CmdLine;

/* What main() does after parsing. */
typedef enum CmdLineResult {
    CMDLINE_RUN,
    CMDLINE_EXIT, /* --help, --version: done, status 0 */
    CMDLINE_ERROR,
} CmdLineResult;

/* Fills in @cmd (zeroed by the caller); cmdline_free() in any case. */
CmdLineResult cmdline_parse(CmdLine *cmd, int argc, char **argv, Error **errp);
void cmdline_free(CmdLine *cmd);

/* Takes @opts over. */
void cmdline_add_opts(GPtrArray *list, const char *text,
                      struct json_object *opts);

/* "-accel NAME" without properties. */
void cmdline_add_accel(CmdLine *cmd, const char *name);

/* Prints what a value "help" asks for; false if there was none. */
bool cmdline_help(const CmdLine *cmd);

/* --- cmdline-values.c: the syntax of option values ----------------------- */

/*
 * "key=value,..." or a JSON object in braces. A bare first word is the value
 * of @implied_key; the bare word "help" becomes a member of that name. A
 * trailing comma is nothing. NULL on error.
 */
struct json_object *cmdline_parse_opts(const char *params,
                                       const char *implied_key, Error **errp);

/* A string member, NULL if it is absent. */
const char *cmdline_opts_get(struct json_object *opts, const char *key);

/* Error that names the first member not in @known (ended by NULL). */
bool cmdline_opts_check(const char *option, struct json_object *opts,
                        const char *const *known, Error **errp);

bool cmdline_parse_memory(CmdLine *cmd, const char *arg, Error **errp);
bool cmdline_parse_smp(CmdLine *cmd, const char *arg, Error **errp);
bool cmdline_parse_name(CmdLine *cmd, const char *arg, Error **errp);
bool cmdline_parse_run_with(CmdLine *cmd, const char *arg, Error **errp);
bool cmdline_parse_incoming(CmdLine *cmd, const char *arg, Error **errp);
bool cmdline_parse_trace(CmdLine *cmd, const char *arg, Error **errp);
bool cmdline_parse_mon(CmdLine *cmd, const char *arg, Error **errp);
bool cmdline_parse_global(CmdLine *cmd, const char *arg, Error **errp);
bool cmdline_parse_sandbox(CmdLine *cmd, const char *arg, Error **errp);

#endif
