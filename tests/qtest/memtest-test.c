/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A real guest: memtest86+ boots on q35 without firmware, with its console
 * on the serial port, and gets on with its tests without finding an error.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "migration/guests.h"

#define IMAGE "/boot/memtest86+ia32.bin"

/* How long the first tests may take, in seconds. */
#define BOUND_S 60

static void test_memtest(void)
{
    g_autofree char *dir = qtest_folder_new();
    g_autofree char *serial = g_build_filename(dir, "serial", NULL);
    g_autofree char *spec = g_strdup_printf("file:%s", serial);
    const char *const args[] = { "-machine", "q35", "-accel", "tcg", "-m",
                                 "32", "-nodefaults", "-serial", spec,
                                 "-kernel", IMAGE, "-append",
                                 "console=ttyS0,115200", NULL };
    gint64 deadline = g_get_monotonic_time() + BOUND_S * G_TIME_SPAN_SECOND;
    QTest *qts;

    if (access(IMAGE, R_OK) != 0) {
        g_test_skip(IMAGE " is not installed (Debian's memtest86+)");
        qtest_folder_free(g_steal_pointer(&dir));
        return;
    }
    qts = qtest_start(qtest_binary(""), dir, "memtest", args);
    /* Its status line is written again with each step. */
    for (;;) {
        g_autofree char *text = NULL;
        unsigned lines = 0;
        const char *p;

        g_assert_true(g_file_get_contents(serial, &text, NULL, NULL));
        for (p = text; (p = strstr(p, "Errors:")); p += 7) {
            if (strspn(p + 7, " ") && p[7 + strspn(p + 7, " ")] > '0' &&
                p[7 + strspn(p + 7, " ")] <= '9') {
                g_error("memtest86+ found errors: %.40s", p);
            }
            lines++;
        }
        if (lines >= 4 && strstr(text, "Status: Testing")) {
            break;
        }
        if (g_get_monotonic_time() > deadline) {
            g_autofree char *quoted = g_strescape(text, NULL);
            g_autofree char *registers = qtest_hmp(qts, "info registers");

            g_error("no progress in %d s; it said: %.600s; it is at: %.300s",
                    BOUND_S, quoted, registers);
        }
        g_usleep(20000);
    }
    qtest_quit(qts);
    qtest_folder_free(g_steal_pointer(&dir));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/memtest/progress", test_memtest);
    return g_test_run();
}
