/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of what calls back in the default main loop. */
#ifndef TESTS_UNIT_LOOP_WAIT_H
#define TESTS_UNIT_LOOP_WAIT_H

#include "qapi/error.h"

#define WAIT_MS 20000

static inline gboolean give_up(void *opaque)
{
    g_error("nothing came of it in %d ms", WAIT_MS);
    return G_SOURCE_REMOVE;
}

/* Runs it until @done; ends the test after WAIT_MS. */
static inline void loop_until(const bool *done)
{
    guint id = g_timeout_add(WAIT_MS, give_up, NULL);

    while (!*done) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(id);
}

/* What is ready, and what becomes ready by that. */
static inline void run_main_loop(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

/* @err is set, holds @part, and is freed. */
static inline void check_error(Error *err, const char *part)
{
    g_assert_nonnull(err);
    if (!strstr(error_get_pretty(err), part)) {
        g_error("'%s' lacks '%s'", error_get_pretty(err), part);
    }
    error_free(err);
}

#endif
