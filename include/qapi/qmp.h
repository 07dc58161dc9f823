/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands as a table. The table is generated (qapi/qapi-commands.c);
 * the monitor looks commands up in it and runs them, in the main thread or,
 * for those with QMP_ALLOW_OOB, in the monitor's own.
 */
#ifndef QAPI_QMP_H
#define QAPI_QMP_H

#include "qapi/type.h"

struct FdTable;
struct Monitor;
struct VM;

/* What a handler may act on. Handlers keep no pointer to it. */
typedef struct QmpContext {
    struct VM *vm;
    struct Monitor *mon;  /* who asked */
    struct FdTable *fds;  /* descriptors named over @mon; may be NULL */
} QmpContext;

/* May run out of band: must not block or take a lock held for long. */
#define QMP_ALLOW_OOB (1U << 0)
/* May run before the machine exists. */
#define QMP_ALLOW_PRECONFIG (1U << 1)

typedef struct QmpCommand {
    const char *name;
    /*
     * Checks @args (NULL means none; stays the caller's), runs the handler
     * and sets *@ret to a new reference. On false *@ret is untouched.
     */
    bool (*fn)(QmpContext *ctx, struct json_object *args,
               struct json_object **ret, Error **errp);
    unsigned flags; /* QMP_ALLOW_* */
} QmpCommand;

/* Sorted by name. */
extern const QmpCommand qmp_command_table[];
extern const size_t qmp_command_table_count;

/* NULL when there is no such command. */
const QmpCommand *qmp_find_command(const char *name);

#endif
