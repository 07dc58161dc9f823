/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP commands, through human-monitor-command and on a monitor of its own. */
#include "qemu/osdep.h"
#include <signal.h>
#include "migration/guests.h"
#include "qtest-run.h"

static Run run_start(const char *args)
{
    return run_start_as("hmp", args);
}

static void expect(QTest *qts, const char *command, const char *word)
{
    g_autofree char *text = qtest_hmp(qts, command);

    if (!strstr(text, word)) {
        g_error("'%s' says: %s(should have '%s')", command, text, word);
    }
}

static void test_info(void)
{
    Run run = run_start("-machine q35 -accel tcg -m 32 -nodefaults -S "
                        "-uuid 11111111-2222-3333-4444-555555555555");
    static const struct {
        const char *command, *word;
    } cases[] = {
        { "info status", "VM status: paused" },
        { "info version", "10." },
        { "info name", "hmp" },
        { "info uuid", "11111111-2222-3333-4444-555555555555" },
        { "info kvm", "kvm support:" },
        { "info cpus", "CPU #0" },
        { "info registers", "EIP" },
        { "info mtree", "ram" },
        { "info chardev", "char0" },
        { "info qom-tree", "machine" },
        { "info migrate_capabilities", "return-path: o" },
        { "info migrate_parameters", "max-bandwidth: 134217728" },
        { "help", "migrate_cancel" },
        { "help migrate", "-d" },
        { "help info", "info status" },
        { "?", "migrate_cancel" },
        { "info no-such", "no-such" },
        { "no-such", "unknown command: 'no-such'" },
        { "migrate", "migrate: string expected" },
        { "migrate nowhere", "protocol: nowhere\r\nUse tcp:" },
        { "migrate_set_parameter no-such 1", "no-such" },
        { "migrate_set_capability no-such on", "no-such" },
        { "xp /2xb 0", "0x" },
        { "xp /4xw 0x1000", "0x00000000" },
        { "x /2xb 0", "0000000000000000: 0x" },
        { "x /1xw 0xfffffff0", "00000000fffffff0: 0x" },
        { "x /1i 0", "Error: instructions" },
        { "x", "unexpected end of expression" },
        { "help x", "virtual" },
        { "info mtree", "address-space: memory" },
        { "info mtree", "address-space: I/O" },
        { "info mtree", "0000000000000070-0000000000000071 (prio 0, i/o): "
                        "rtc" },
        { "info migrate", "globals:\r\nstore-global-state: on\r\n" },
        { "print 7", "7" },
        { "print /x 2+3*4", "0xe" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(run.qts, cases[i].command, cases[i].word);
    }
    g_free(qtest_hmp(run.qts, "info migrate"));
    g_free(qtest_hmp(run.qts, ""));
    g_free(qtest_hmp(run.qts, "    "));
    run_end(&run);
}

static void test_settings(void)
{
    Run run = run_start("-machine none");
    g_autofree char *text = NULL;

    expect(run.qts, "help migrate_set_capability",
           "capability on|off -- turn");
    expect(run.qts, "help migrate_set_capability",
           "\r\n  multifd off|on\r\n");
    expect(run.qts, "help migrate_set_capability",
           "\r\n  zero-copy-send off|on\r\n");
    expect(run.qts, "help migrate_set_parameter",
           "\r\n  multifd-compression none|zlib|zstd\r\n");
    expect(run.qts, "help migrate_set_parameter",
           "\r\n  zero-page-detection none|legacy|multifd\r\n");
    expect(run.qts, "help migrate_set_parameter",
           "\r\n  multifd-channels (uint8)\r\n");
    expect(run.qts, "help migrate_set_parameter",
           "\r\n  max-bandwidth (size, in MiB or");
    text = qtest_hmp(run.qts, "help");
    g_assert_null(strstr(text, "zero-copy-send"));
    g_free(text);
    text = qtest_hmp(run.qts, "migrate_set_parameter downtime-limit 77");
    g_assert_cmpstr(text, ==, "");
    expect(run.qts, "info migrate_parameters", "downtime-limit: 77");
    g_free(qtest_hmp(run.qts, "migrate_set_parameter max-bandwidth 10m"));
    expect(run.qts, "info migrate_parameters", "max-bandwidth: 10485760");
    g_free(qtest_hmp(run.qts, "migrate_set_capability return-path on"));
    expect(run.qts, "info migrate_capabilities", "return-path: on");
    run_end(&run);
}

/* A whole migration by HMP alone. */
static void test_migrate(void)
{
    g_autofree char *image = guest_image("pattern.elf");
    g_autofree char *args = g_strdup_printf(
        "-machine microvm,acpi=off -accel kvm -accel tcg -m 64 -nodefaults "
        "-serial file:@D/src -kernel %s", image);
    Run src = run_start(args);
    g_autofree char *serial = g_build_filename(src.dir, "src", NULL);
    g_autofree char *command = NULL;
    g_autofree char *incoming = NULL;
    g_autofree char *text = NULL;
    Run dst;

    g_free(g_steal_pointer(&args));
    args = g_strdup_printf(
        "-machine microvm,acpi=off -accel kvm -accel tcg -m 64 -nodefaults "
        "-serial file:@D/dst -kernel %s -incoming defer", image);
    dst = run_start(args);
    qtest_wait_file(serial, "pass 1 errors 0");
    incoming = g_strdup_printf("migrate_incoming unix:%s/mig", dst.dir);
    text = qtest_hmp(dst.qts, incoming);
    g_assert_cmpstr(text, ==, "");
    command = g_strdup_printf("migrate -d unix:%s/mig", dst.dir);
    g_free(text);
    text = qtest_hmp(src.qts, command);
    g_assert_cmpstr(text, ==, "");
    for (int tries = 0;; tries++) {
        g_free(text);
        text = qtest_hmp(src.qts, "info migrate");
        if (strstr(text, "completed")) {
            break;
        }
        g_assert_null(strstr(text, "failed"));
        g_assert_cmpint(tries, <, 20000);
        g_usleep(1000);
    }
    expect(src.qts, "info migrate", "globals:");
    expect(src.qts, "info migrate", "page size: 4 kbytes\r\nmultifd bytes: ");
    expect(src.qts, "info migrate", "total time:");
    expect(src.qts, "info migrate", "downtime:");
    expect(src.qts, "info status", "postmigrate");
    g_free(g_steal_pointer(&serial));
    serial = g_build_filename(dst.dir, "dst", NULL);
    qtest_wait_file(serial, "errors 0");
    run_end(&src);
    run_end(&dst);
}

/* Talk on a monitor of its own: prompt, answer, several commands a line. */
static void test_monitor(void)
{
    Run run = run_start("-machine none -m 16 -monitor "
                        "unix:@D/monitor,server=on,wait=off");
    g_autofree char *path = g_build_filename(run.dir, "monitor", NULL);
    QTestClient *client = qtest_client_connect(path);
    static const char *const wanted[] = { "monitor - type 'help'",
                                          "VM status", "hmp",
                                          "migrate_cancel", NULL };

    g_assert_true(qtest_client_puts(client, "info status\ninfo name\n"
                                    "help\n"));
    for (const char *const *next = wanted; *next;) {
        g_autofree char *line = qtest_client_line(client);

        g_assert_nonnull(line);
        if (strstr(line, *next)) {
            next++;
        }
    }
    /* Hanging up in the middle of a word is no quit. */
    g_assert_true(qtest_client_puts(client, "qui"));
    qtest_client_free(client);
    client = qtest_client_connect(path);
    g_assert_true(qtest_client_puts(client, "info status\n"));
    for (;;) {
        g_autofree char *line = qtest_client_line(client);

        g_assert_nonnull(line);
        if (strstr(line, "VM status")) {
            break;
        }
    }
    qtest_client_free(client);
    run_end(&run);
}

static void test_memory(void)
{
    Run run = run_start("-machine none -m 16");
    g_autofree char *command =
        g_strdup_printf("pmemsave 0x1000 8 \\'%s/memory\\'", run.dir);
    g_autofree char *path = g_build_filename(run.dir, "memory", NULL);
    g_autofree char *text = NULL;

    qtest_writel(run.qts, 0x1000, 0x64636261);
    text = qtest_hmp(run.qts, command);
    g_assert_cmpstr(text, ==, "");
    g_assert_true(qtest_file_has(path, "abcd"));
    expect(run.qts, "xp /1xw 0x1000", "0x64636261");
    expect(run.qts, "x 0x1000", "without CPU; 'xp'");
    expect(run.qts, "xp /4cb 0x1000", "'a' 'b' 'c' 'd'");
    expect(run.qts, "xp /1dh 0x1000", "25185");
    run_end(&run);
}

/* Virtual where the CPU has no paging is physical; lines may cross pages. */
static void test_virtual(void)
{
    Run run = run_start("-machine q35 -accel tcg -m 32 -nodefaults -S");

    qtest_writel(run.qts, 0x1ffc, 0x64636261);
    qtest_writel(run.qts, 0x2000, 0x68676665);
    expect(run.qts, "x /2xw 0x1ffc",
           "0000000000001ffc: 0x64636261 0x68676665\r\n");
    expect(run.qts, "x /1xb 0x100000000000", "Cannot access memory");
    run_end(&run);
}

static void test_info_migrate(void)
{
    Run run = run_start("-machine none -incoming tcp:127.0.0.1:0 "
                        "-global migration.send-section-footer=off");

    expect(run.qts, "info migrate", "send-section-footer: off\r\n");
    expect(run.qts, "info migrate", "send-configuration: on\r\n");
    expect(run.qts, "info migrate", "Migration status: setup\r\n");
    expect(run.qts, "info migrate", "socket address: [\r\n\ttcp:127.0.0.1:");
    run_end(&run);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/hmp/info", test_info);
    g_test_add_func("/hmp/settings", test_settings);
    g_test_add_func("/hmp/migrate", test_migrate);
    g_test_add_func("/hmp/monitor", test_monitor);
    g_test_add_func("/hmp/memory", test_memory);
    g_test_add_func("/hmp/virtual", test_virtual);
    g_test_add_func("/hmp/info-migrate", test_info_migrate);
    return g_test_run();
}
