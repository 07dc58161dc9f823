/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder for the files and sockets of a test program, and a check of what
 * an error says. Included by one source file per program.
 */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include "qapi/error.h"

/* Of this program; while test_run_in_folder() runs. */
static char *tmp_dir;

/* That @err is set and says @text; frees it. */
static inline void check_error(Error *err, const char *text)
{
    g_assert_nonnull(err);
    if (!strstr(error_get_pretty(err), text)) {
        g_error("'%s' lacks '%s'", error_get_pretty(err), text);
    }
    error_free(err);
}

/* g_test_run() with a folder "@name-..." that is removed at the end. */
static inline int test_run_in_folder(const char *name)
{
    g_autofree char *pattern = g_strconcat(name, "-XXXXXX", NULL);
    const char *argv[] = { "rm", "-rf", NULL, NULL };
    int ret;

    tmp_dir = g_dir_make_tmp(pattern, NULL);
    g_assert_nonnull(tmp_dir);
    ret = g_test_run();
    argv[2] = tmp_dir;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                 NULL, NULL, NULL, NULL);
    g_clear_pointer(&tmp_dir, g_free);
    return ret;
}

#endif
