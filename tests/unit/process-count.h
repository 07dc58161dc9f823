/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads and descriptors of this process, for tests that look for leaks. */
#ifndef TESTS_UNIT_PROCESS_COUNT_H
#define TESTS_UNIT_PROCESS_COUNT_H

typedef struct ProcessCount {
    unsigned threads;
    unsigned fds;
} ProcessCount;

static inline unsigned process_count_dir(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;

    g_assert_nonnull(dir);
    while (g_dir_read_name(dir)) {
        n++;
    }
    g_dir_close(dir);
    return n;
}

static inline void *process_count_thread(void *opaque)
{
    return opaque;
}

static inline ProcessCount process_count(void)
{
    /* What there is from the first use on: the main context's descriptor, a
     * sanitizer's own thread. */
    g_main_context_iteration(NULL, FALSE);
    g_thread_join(g_thread_new("count", process_count_thread, NULL));
    return (ProcessCount) {
        .threads = process_count_dir("/proc/self/task"),
        .fds = process_count_dir("/proc/self/fd"),
    };
}

/* No more than @before; a thread that was joined is seen for a moment. */
static inline void process_count_check(ProcessCount before)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    for (;;) {
        ProcessCount now = process_count();

        if (now.threads <= before.threads && now.fds <= before.fds) {
            return;
        }
        if (g_get_monotonic_time() > end) {
            g_error("%u threads and %u descriptors, were %u and %u",
                    now.threads, now.fds, before.threads, before.fds);
        }
        g_main_context_iteration(NULL, FALSE);
        g_thread_yield();
    }
}

#endif
