/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boards: ways to boot, serial output, resets, exit codes, and a look at
 * memory; under kvm and under the interpreter.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "migration/guests.h"

typedef struct Run {
    char *dir;
    QTest *qts;
} Run;

/* "@D" in @fmt: the folder; blanks between. Without -accel: @accel. */
static Run run_start(const char *accel, const char *args)
{
    Run run = { .dir = qtest_folder_new() };
    g_autofree char *all = g_strdup_printf(
        "-accel %s %s", accel, args);
    g_auto(GStrv) parts = g_strsplit(all, "@D", -1);
    g_autofree char *text = g_strjoinv(run.dir, parts);
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    run.qts = qtest_start(qtest_binary(""), run.dir, "machine",
                          (const char *const *)words);
    return run;
}

static void run_end(Run *run)
{
    if (run->qts) {
        qtest_quit(run->qts);
    }
    qtest_folder_free(run->dir);
}

static char *in_folder(const Run *run, const char *name)
{
    return g_build_filename(run->dir, name, NULL);
}

/* A test of each accelerator: its name is the data. */
static bool accel_missing(const char *accel)
{
    if (g_str_equal(accel, "kvm") && access("/dev/kvm", R_OK | W_OK) != 0) {
        g_test_skip("/dev/kvm is not there or not ours to use");
        return true;
    }
    return false;
}

/* --- Booting ------------------------------------------------------------------ */

static void wait_serial(Run *run, const char *text)
{
    g_autofree char *path = in_folder(run, "serial");

    qtest_wait_file(path, text);
}

static void test_boot_sector(const void *accel)
{
    g_autofree char *image = guest_image("bootsect.img");
    g_autofree char *args = g_strdup_printf(
        "-machine q35 -m 128 -nodefaults -serial file:@D/serial -drive if=none,id=d0,"
        "file=%s,format=raw,readonly=on -device ide-hd,drive=d0,secs=1,"
        "cyls=1,heads=1", image);
    Run run;

    if (accel_missing(accel)) {
        return;
    }
    run = run_start(accel, args);
    wait_serial(&run, "AB");
    run_end(&run);
}

static void test_kernel_pvh(const void *accel)
{
    g_autofree char *image = guest_image("pattern.elf");
    g_autofree char *args = g_strdup_printf(
        "-machine q35 -m 64 -nodefaults -serial file:@D/serial -kernel %s",
        image);
    Run run;

    if (accel_missing(accel)) {
        return;
    }
    run = run_start(accel, args);
    wait_serial(&run, "pass 2 errors 0");
    run_end(&run);
}

static void test_microvm_kernel(const void *accel)
{
    g_autofree char *image = guest_image("pattern.elf");
    g_autofree char *args = g_strdup_printf(
        "-machine microvm,acpi=off -m 64 -nodefaults -serial file:@D/serial "
        "-kernel %s", image);
    Run run;

    if (accel_missing(accel)) {
        return;
    }
    run = run_start(accel, args);
    wait_serial(&run, "pass 2 errors 0");
    run_end(&run);
}

static void test_microvm_bios(const void *accel)
{
    g_autofree char *image = guest_image("pattern.bios");
    g_autofree char *args = g_strdup_printf(
        "-machine microvm,acpi=off -m 64 -nodefaults -serial file:@D/serial "
        "-bios %s", image);
    Run run;

    if (accel_missing(accel)) {
        return;
    }
    run = run_start(accel, args);
    wait_serial(&run, "pass 2 errors 0");
    qtest_qmp_ok(run.qts, "{'execute': 'system_reset'}");
    json_object_put(qtest_wait_event(run.qts, "RESET"));
    {
        g_autofree char *path = in_folder(&run, "serial");
        gint64 deadline =
            g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;
        bool twice = false;

        while (!twice) {
            g_autofree char *text = NULL;
            const char *first;

            g_assert_cmpint(g_get_monotonic_time(), <, deadline);
            g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
            first = strstr(text, "start");
            twice = first && strstr(first + 1, "start");
            g_usleep(1000);
        }
    }
    run_end(&run);
}

/* --- Serial ------------------------------------------------------------------- */

static void test_serial_unix(const void *accel)
{
    g_autofree char *image = guest_image("pattern.elf");
    g_autofree char *args = g_strdup_printf(
        "-machine q35 -m 64 -nodefaults -S -serial unix:@D/serial,server=on,wait=off "
        "-kernel %s", image);
    Run run;
    g_autofree char *path = NULL;
    QTestClient *client;
    g_autofree char *line = NULL;

    if (accel_missing(accel)) {
        return;
    }
    run = run_start(accel, args);
    path = in_folder(&run, "serial");
    client = qtest_client_connect(path);
    /* Until it is let in, what the guest says is for nobody. */
    for (bool in = false; !in;) {
        json_object *all =
            qtest_qmp_return(run.qts, "{'execute': 'query-chardev'}");

        in = !strstr(json_object_to_json_string(all), "disconnected");
        json_object_put(all);
    }
    qtest_qmp_ok(run.qts, "{'execute': 'cont'}");
    line = qtest_client_line(client);
    g_assert_cmpstr(line, ==, "start");
    g_free(line);
    line = qtest_client_line(client);
    g_assert_cmpstr(line, ==, "ready");
    qtest_client_free(client);
    run_end(&run);
}

static void test_serial_stdio(const void *accel)
{
    g_autofree char *image = guest_image("pattern.elf");
    g_autofree char *args = g_strdup_printf(
        "-machine q35 -m 64 -nodefaults -serial stdio -kernel %s", image);
    Run run;
    g_autofree char *path = NULL;

    if (accel_missing(accel)) {
        return;
    }
    run = run_start(accel, args);
    path = in_folder(&run, "machine.stderr"); /* and stdout */
    qtest_wait_file(path, "ready");
    run_end(&run);
}

/* --- What a few octets of guest code can do ------------------------------------- */

/* Runs @code from a boot sector; no guest ever has less. */
static Run run_code(const char *accel, const void *code, size_t len,
                    const char *more)
{
    char sector[512] = { 0 };
    g_autofree char *path = NULL;
    g_autofree char *args = NULL;
    int fd = g_file_open_tmp("qtest-code-XXXXXX", &path, NULL);
    Run run;

    memcpy(sector, code, len);
    sector[510] = 0x55;
    sector[511] = (char)0xaa;
    g_assert_cmpint(write(fd, sector, sizeof(sector)), ==, sizeof(sector));
    close(fd);
    args = g_strdup_printf("-machine q35 -m 32 -nodefaults -S -drive if=none,id=d0,"
                           "file=%s,format=raw -device ide-hd,drive=d0 %s",
                           path, more);
    run = run_start(accel, args);
    unlink(path);
    qtest_qmp_ok(run.qts, "{'execute': 'cont'}");
    return run;
}

static void test_debug_exit(const void *accel)
{
    /* mov dx, 0xf4; mov al, 0x15; out dx, al; hlt */
    static const uint8_t code[] = { 0xba, 0xf4, 0x00, 0xb0, 0x15, 0xee,
                                    0xf4, 0xeb, 0xfd };
    Run run;

    if (accel_missing(accel)) {
        return;
    }
    run = run_code(accel, code, sizeof(code),
                   "-device isa-debug-exit,iobase=0xf4,iosize=0x04");
    qtest_wait_exit(run.qts, 0x15 << 1 | 1);
    run.qts = NULL;
    run_end(&run);
}

/* mov al, 3; out 0x92, al; hlt */
static const uint8_t code_port92[] = { 0xb0, 0x03, 0xe6, 0x92, 0xf4, 0xeb,
                                       0xfd };
/* mov al, 0xfe; out 0x64, al; hlt */
static const uint8_t code_i8042[] = { 0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb,
                                      0xfd };

static void check_reset(const char *accel, const uint8_t *code, size_t len)
{
    Run run;
    json_object *event, *data;

    if (accel_missing(accel)) {
        return;
    }
    run = run_code(accel, code, len, "-no-user-config");
    event = qtest_wait_event(run.qts, "RESET");
    data = json_object_object_get(event, "data");
    g_assert_true(json_object_get_boolean(
        json_object_object_get(data, "guest")));
    g_assert_cmpstr(json_object_get_string(
                        json_object_object_get(data, "reason")), ==,
                    "guest-reset");
    json_object_put(event);
    /* It starts from the beginning, so it comes here again. */
    json_object_put(qtest_wait_event(run.qts, "RESET"));
    run_end(&run);

    run = run_code(accel, code, len, "-no-reboot");
    event = qtest_wait_event(run.qts, "SHUTDOWN");
    data = json_object_object_get(event, "data");
    g_assert_cmpstr(json_object_get_string(
                        json_object_object_get(data, "reason")), ==,
                    "guest-reset");
    json_object_put(event);
    qtest_wait_exit(run.qts, 0);
    run.qts = NULL;
    run_end(&run);
}

static void test_port92(const void *accel)
{
    check_reset(accel, code_port92, sizeof(code_port92));
}

static void test_i8042(const void *accel)
{
    check_reset(accel, code_i8042, sizeof(code_i8042));
}

/* --- Looking at memory ---------------------------------------------------------- */

static void test_memory(const void *accel)
{
    /* mov word [0x5000], 0xbeef; hlt for ever */
    static const uint8_t code[] = { 0xc7, 0x06, 0x00, 0x50, 0xef, 0xbe,
                                    0xf4, 0xeb, 0xfd };
    static const char *const commands[] = { "pmemsave", "memsave" };
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    Run run;

    if (accel_missing(accel)) {
        return;
    }
    run = run_code(accel, code, sizeof(code), "-no-user-config");
    path = in_folder(&run, "memory");
    while ((qtest_readl(run.qts, 0x5000) & 0xffff) != 0xbeef) {
        g_usleep(1000);
    }
    qtest_writel(run.qts, 0x5004, 0x01020304);
    qtest_qmp_ok(run.qts, "{'execute': 'stop'}");
    for (int i = 0; i < 2; i++) {
        g_autofree char *data = NULL;
        gsize len;

        qtest_qmp_ok(run.qts, "{'execute': '%s', 'arguments': {'val': 20480, "
                     "'size': 8, 'filename': '%s'}}", commands[i], path);
        g_assert_true(g_file_get_contents(path, &data, &len, NULL));
        g_assert_cmpuint(len, ==, 8);
        g_assert_cmpint(memcmp(data, "\xef\xbe\0\0\4\3\2\1", 8), ==, 0);
    }
    text = qtest_hmp(run.qts, "xp /2xw 0x5000");
    g_assert_nonnull(strstr(text, "0x0000beef"));
    g_assert_nonnull(strstr(text, "0x01020304"));
    g_free(qtest_qmp_error(run.qts, "{'execute': 'pmemsave', 'arguments': "
                           "{'val': 0, 'size': 8, 'filename': "
                           "'/no/such/folder/x'}}"));
    run_end(&run);
}

/* --- Power ---------------------------------------------------------------------- */

static void test_stop_cont(const void *accel)
{
    g_autofree char *image = guest_image("pattern.elf");
    g_autofree char *args = g_strdup_printf(
        "-machine q35 -m 64 -nodefaults -serial file:@D/serial -kernel %s",
        image);
    Run run;
    uint32_t before;

    if (accel_missing(accel)) {
        return;
    }
    run = run_start(accel, args);
    wait_serial(&run, "ready");
    for (int i = 0; i < 20; i++) {
        qtest_qmp_ok(run.qts, "{'execute': 'stop'}");
        before = qtest_readl(run.qts, 512 * 4096);
        g_usleep(5000);
        g_assert_cmphex(qtest_readl(run.qts, 512 * 4096), ==, before);
        qtest_qmp_ok(run.qts, "{'execute': 'cont'}");
    }
    wait_serial(&run, "pass 2 errors 0");
    qtest_qmp_ok(run.qts, "{'execute': 'system_powerdown'}");
    json_object_put(qtest_wait_event(run.qts, "POWERDOWN"));
    run_end(&run);
}

static void add(const char *name, void (*func)(const void *accel))
{
    static const char *const accels[] = { "kvm", "tcg" };

    for (int i = 0; i < 2; i++) {
        g_autofree char *path =
            g_strdup_printf("/machine/%s/%s", accels[i], name);

        g_test_add_data_func(path, accels[i], func);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    add("boot-sector", test_boot_sector);
    add("kernel-pvh", test_kernel_pvh);
    add("microvm-kernel", test_microvm_kernel);
    add("microvm-bios", test_microvm_bios);
    add("serial-unix", test_serial_unix);
    add("serial-stdio", test_serial_stdio);
    add("debug-exit", test_debug_exit);
    add("port92", test_port92);
    add("i8042", test_i8042);
    add("memory", test_memory);
    add("stop-cont", test_stop_cont);
    return g_test_run();
}
