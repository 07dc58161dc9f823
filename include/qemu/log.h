/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process's log: what -d and -trace asked for, on stderr or in -D's
 * file. Set up before threads start; writing is thread-safe.
 */
#ifndef QEMU_LOG_H
#define QEMU_LOG_H

#include "qapi/error.h"

typedef enum LogItem {
    LOG_GUEST_ERROR = 1 << 0, /* the guest did something invalid */
    LOG_UNIMP = 1 << 1,       /* the guest used something that is missing */
} LogItem;

/*
 * Adds the comma-separated items of -d; "trace:PATTERN" enables trace
 * events. "help" prints the list and sets *@help.
 */
bool qemu_log_enable(const char *items, bool *help, Error **errp);

/* Where the log goes from now on; the file is created anew. */
bool qemu_log_set_file(const char *path, Error **errp);

bool qemu_log_enabled(LogItem item);

/* One line, newline included in @fmt; nothing if @item is off. */
void qemu_log_mask(LogItem item, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* One line with time and thread id in front; for trace events. */
void qemu_log_trace(const char *event, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

#endif
