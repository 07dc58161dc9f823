/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One emulator in a folder of its own, for tests whose cases are command
 * lines written out. Included by one source file per program.
 */
#ifndef TESTS_QTEST_RUN_H
#define TESTS_QTEST_RUN_H

#include "libqtest.h"

typedef struct Run {
    char *dir;
    QTest *qts; /* NULL: ended by the test */
} Run;

/* @args: separated by blanks; "@D" in them is the folder. */
static inline Run run_start_as(const char *name, const char *args)
{
    Run run = { .dir = qtest_folder_new() };
    g_auto(GStrv) parts = g_strsplit(args, "@D", -1);
    g_autofree char *text = g_strjoinv(run.dir, parts);
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    run.qts = qtest_start(qtest_binary(""), run.dir, name,
                          (const char *const *)words);
    return run;
}

static inline void run_end(Run *run)
{
    if (run->qts) {
        qtest_quit(run->qts);
    }
    qtest_folder_free(run->dir);
}

#endif
