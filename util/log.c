/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: one per process, as stderr is. */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qemu/thread.h"
#include "qemu/trace.h"

static const struct {
    const char *name;
    LogItem item;
    const char *help;
} log_items[] = {
    { "guest_errors", LOG_GUEST_ERROR, "what the guest does wrong" },
    { "unimp", LOG_UNIMP, "what the guest uses and is not there" },
};

/* Set before threads start, constant then. */
static int log_mask;
static FILE *log_file;

static void log_help(void)
{
    printf("Items for -d (separated by commas):\n");
    for (size_t i = 0; i < ARRAY_SIZE(log_items); i++) {
        printf("%-16s %s\n", log_items[i].name, log_items[i].help);
    }
    printf("%-16s %s\n", "trace:PATTERN", "trace events; -trace help lists "
                                          "them");
}

static bool log_enable_item(const char *name, Error **errp)
{
    for (size_t i = 0; i < ARRAY_SIZE(log_items); i++) {
        if (g_str_equal(log_items[i].name, name)) {
            log_mask |= (int)log_items[i].item;
            return true;
        }
    }
    if (g_str_has_prefix(name, "trace:")) {
        return trace_enable(name + strlen("trace:"), errp);
    }
    error_setg(errp, "unknown log item '%s'; -d help lists them", name);
    return false;
}

bool qemu_log_enable(const char *items, bool *help, Error **errp)
{
    g_auto(GStrv) names = g_strsplit(items, ",", -1);

    *help = false;
    for (char **name = names; *name; name++) {
        if (g_str_equal(*name, "help") || g_str_equal(*name, "?")) {
            log_help();
            *help = true;
            return true;
        }
        if (!log_enable_item(*name, errp)) {
            return false;
        }
    }
    return true;
}

bool qemu_log_set_file(const char *path, Error **errp)
{
    FILE *file = fopen(path, "we");

    if (!file) {
        error_setg_errno(errp, errno, "cannot write the log to '%s'", path);
        return false;
    }
    setvbuf(file, NULL, _IOLBF, 0);
    if (log_file) {
        fclose(log_file);
    }
    log_file = file;
    return true;
}

bool qemu_log_enabled(LogItem item)
{
    return log_mask & (int)item;
}

void qemu_log_mask(LogItem item, const char *fmt, ...)
{
    va_list ap;

    if (!qemu_log_enabled(item)) {
        return;
    }
    va_start(ap, fmt);
    vfprintf(log_file ? log_file : stderr, fmt, ap);
    va_end(ap);
}

void qemu_log_trace(const char *event, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    gint64 now_us = g_get_real_time();
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    /* One call, so that lines of different threads do not mix. */
    fprintf(log_file ? log_file : stderr, "%d@%" PRId64 ".%06d:%s %s\n",
            qemu_get_thread_id(), now_us / G_USEC_PER_SEC,
            (int)(now_us % G_USEC_PER_SEC), event, text);
}
