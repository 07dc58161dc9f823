/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams into and out of a command. Its exit status is its answer: closing
 * the channel fails if it did.
 */
#include "qemu/osdep.h"

#include "io/channel-file.h"
#include "migration/channel.h"

/* The argument vector as one line for a shell. */
static char *command_line(const strList *args)
{
    GString *line;

    if (strcmp(args->value, "/bin/sh") == 0 && args->next &&
        strcmp(args->next->value, "-c") == 0 && args->next->next &&
        !args->next->next->next) {
        return g_strdup(args->next->next->value);
    }
    line = g_string_new("exec");
    for (; args; args = args->next) {
        g_autofree char *quoted = g_shell_quote(args->value);

        g_string_append_printf(line, " %s", quoted);
    }
    return g_string_free(line, FALSE);
}

QIOChannel *exec_migration_open(const MigrationExecCommand *exec,
                                bool outgoing, Error **errp)
{
    g_autofree char *line = command_line(exec->args);

    return qio_channel_command_new(line, outgoing ? O_WRONLY : O_RDONLY, errp);
}
