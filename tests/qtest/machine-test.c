/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boards: ways to boot, serial output, resets, exit codes, and a look at
 * memory; under kvm and under the interpreter.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include <sys/stat.h>
#include "migration/guests.h"

typedef struct Run {
    char *dir;
    QTest *qts;
} Run;

/* "@D" in @args: the folder; blanks between. */
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

/* --- Booting -------------------------------------------------------------- */

static void wait_serial(Run *run, const char *text)
{
    g_autofree char *path = in_folder(run, "serial");

    qtest_wait_file(path, text);
}

/* "@G" in @args: the folder with the guests' images. */
typedef struct BootCase {
    const char *name;
    const char *args;
    const char *says; /* on the serial port */
} BootCase;

static const BootCase boot_cases[] = {
    { "boot-sector",
      "-machine q35 -m 128 -drive if=none,id=d0,file=@G/bootsect.img,"
      "format=raw,readonly=on -device ide-hd,drive=d0,secs=1,cyls=1,heads=1",
      "AB" },
    { "kernel-pvh", "-machine q35 -m 64 -kernel @G/pattern.elf",
      "pass 2 errors 0" },
    { "microvm-kernel",
      "-machine microvm,acpi=off -m 64 -kernel @G/pattern.elf",
      "pass 2 errors 0" },
    { "microvm-bios",
      "-machine microvm,acpi=off -m 64 -bios @G/pattern.bios",
      "pass 2 errors 0" },
};

static Run boot(const char *accel, const char *args)
{
    g_autofree char *guests = guest_image(".");
    g_auto(GStrv) parts = g_strsplit(args, "@G", -1);
    g_autofree char *text = g_strjoinv(guests, parts);
    g_autofree char *all = g_strconcat(text, " -nodefaults", NULL);

    return run_start(accel, all);
}

static void test_boot(const char *accel, const void *data)
{
    const BootCase *c = data;
    g_autofree char *args =
        g_strconcat(c->args, " -serial file:@D/serial", NULL);
    Run run = boot(accel, args);

    wait_serial(&run, c->says);
    run_end(&run);
}

/* How often the serial port said @text so far. */
static unsigned count_serial(Run *run, const char *text)
{
    g_autofree char *path = in_folder(run, "serial");
    g_autofree char *said = NULL;
    unsigned count = 0;

    g_assert_true(g_file_get_contents(path, &said, NULL, NULL));
    for (const char *p = said; (p = strstr(p, text)); p += strlen(text)) {
        count++;
    }
    return count;
}

static void test_reboot(const char *accel, const void *data)
{
    Run run = boot(accel, "-machine microvm,acpi=off -m 64 -bios "
                   "@G/pattern.bios -serial file:@D/serial");
    gint64 deadline =
        g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;

    wait_serial(&run, "pass 2 errors 0");
    qtest_qmp_ok(run.qts, "{'execute': 'system_reset'}");
    json_object_put(qtest_wait_event(run.qts, "RESET"));
    while (count_serial(&run, "start") < 2) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(1000);
    }
    run_end(&run);
}

/* --- Serial --------------------------------------------------------------- */

static void test_serial_unix(const char *accel, const void *data)
{
    Run run = boot(accel, "-machine q35 -m 64 -S -serial unix:@D/serial,"
                   "server=on,wait=off -kernel @G/pattern.elf");
    g_autofree char *path = NULL;
    QTestClient *client;
    g_autofree char *line = NULL;

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

static void test_serial_stdio(const char *accel, const void *data)
{
    Run run = boot(accel, "-machine q35 -m 64 -serial stdio -kernel "
                   "@G/pattern.elf");
    g_autofree char *path = NULL;

    path = in_folder(&run, "machine.stderr"); /* and stdout */
    qtest_wait_file(path, "ready");
    run_end(&run);
}

/* --- What a few octets of guest code can do ------------------------------- */

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
    args = g_strdup_printf("-machine q35 -m 32 -nodefaults -S "
                           "-drive if=none,id=d0,"
                           "file=%s,format=raw -device ide-hd,drive=d0 %s",
                           path, more);
    run = run_start(accel, args);
    unlink(path);
    qtest_qmp_ok(run.qts, "{'execute': 'cont'}");
    return run;
}

static void test_debug_exit(const char *accel, const void *data)
{
    /* mov dx, 0xf4; mov al, 0x15; out dx, al; hlt */
    static const uint8_t code[] = { 0xba, 0xf4, 0x00, 0xb0, 0x15, 0xee,
                                    0xf4, 0xeb, 0xfd };
    Run run = run_code(accel, code, sizeof(code),
                       "-device isa-debug-exit,iobase=0xf4,iosize=0x04");

    qtest_wait_exit(run.qts, 0x15 << 1 | 1);
    run.qts = NULL;
    run_end(&run);
}

typedef struct ResetCase {
    const char *name;
    uint8_t code[7];
} ResetCase;

static const ResetCase reset_cases[] = {
    /* mov al, 3; out 0x92, al; hlt for ever */
    { "port92", { 0xb0, 0x03, 0xe6, 0x92, 0xf4, 0xeb, 0xfd } },
    /* mov al, 0xfe; out 0x64, al; hlt for ever */
    { "i8042", { 0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd } },
};

/* The next event of this name tells of a reset by the guest. */
static void wait_guest_reset(Run *run, const char *name)
{
    json_object *event = qtest_wait_event(run->qts, name);
    json_object *data = json_object_object_get(event, "data");

    g_assert_true(json_object_get_boolean(
        json_object_object_get(data, "guest")));
    g_assert_cmpstr(json_object_get_string(
                        json_object_object_get(data, "reason")), ==,
                    "guest-reset");
    json_object_put(event);
}

static void test_reset(const char *accel, const void *data)
{
    const ResetCase *c = data;
    Run run = run_code(accel, c->code, sizeof(c->code), "-no-user-config");

    wait_guest_reset(&run, "RESET");
    /* It starts from the beginning, so it comes here again. */
    wait_guest_reset(&run, "RESET");
    run_end(&run);

    run = run_code(accel, c->code, sizeof(c->code), "-no-reboot");
    wait_guest_reset(&run, "SHUTDOWN");
    qtest_wait_exit(run.qts, 0);
    run.qts = NULL;
    run_end(&run);
}

/* --- Looking at memory ---------------------------------------------------- */

static void test_memory(const char *accel, const void *data)
{
    /* mov word [0x5000], 0xbeef; hlt for ever */
    static const uint8_t code[] = { 0xc7, 0x06, 0x00, 0x50, 0xef, 0xbe,
                                    0xf4, 0xeb, 0xfd };
    static const char *const commands[] = { "pmemsave", "memsave" };
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    Run run = run_code(accel, code, sizeof(code), "-no-user-config");
    gint64 deadline =
        g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;

    path = in_folder(&run, "memory");
    while ((qtest_readl(run.qts, 0x5000) & 0xffff) != 0xbeef) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(1000);
    }
    qtest_writel(run.qts, 0x5004, 0x01020304);
    qtest_qmp_ok(run.qts, "{'execute': 'stop'}");
    for (int i = 0; i < 2; i++) {
        g_autofree char *saved = NULL;
        gsize len;

        qtest_qmp_ok(run.qts, "{'execute': '%s', 'arguments': {'val': 20480, "
                     "'size': 8, 'filename': '%s'}}", commands[i], path);
        g_assert_true(g_file_get_contents(path, &saved, &len, NULL));
        g_assert_cmpuint(len, ==, 8);
        g_assert_cmpint(memcmp(saved, "\xef\xbe\0\0\4\3\2\1", 8), ==, 0);
    }
    text = qtest_hmp(run.qts, "xp /2xw 0x5000");
    g_assert_nonnull(strstr(text, "0x0000beef"));
    g_assert_nonnull(strstr(text, "0x01020304"));
    g_free(qtest_qmp_error(run.qts, "{'execute': 'pmemsave', 'arguments': "
                           "{'val': 0, 'size': 8, 'filename': "
                           "'/no/such/folder/x'}}"));
    run_end(&run);
}

/*
 * With the guest running: what cannot be written to is refused at once, and
 * the guest runs on after it as after a look that works.
 */
static void test_memory_running(const char *accel, const void *data)
{
    /* again: inc word [0x5000]; jmp again */
    static const uint8_t code[] = { 0xff, 0x06, 0x00, 0x50, 0xeb, 0xfa };
    static const char *const files[] = { "pipe", "memory" };
    Run run = run_code(accel, code, sizeof(code), "-no-user-config");
    g_autofree char *pipe_path = in_folder(&run, files[0]);
    gint64 deadline =
        g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;

    g_assert_cmpint(mkfifo(pipe_path, 0600), ==, 0);
    for (int i = 0; i < 2; i++) {
        g_autofree char *path = in_folder(&run, files[i]);
        g_autofree char *looked = NULL;
        uint32_t before;

        if (i == 0) {
            g_autofree char *error = qtest_qmp_error(
                run.qts, "{'execute': 'memsave', 'arguments': {'val': 20480, "
                "'size': 8, 'filename': '%s'}}", path);

            g_assert_nonnull(strstr(error, "not a regular file"));
        } else {
            qtest_qmp_ok(run.qts, "{'execute': 'memsave', 'arguments': "
                         "{'val': 20480, 'size': 8, 'filename': '%s'}}", path);
        }
        looked = qtest_hmp(run.qts, "x /1xw 0x5000");
        g_assert_nonnull(strstr(looked, "0000000000005000: 0x"));
        before = qtest_readl(run.qts, 0x5000);
        while (qtest_readl(run.qts, 0x5000) == before) {
            g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        }
    }
    run_end(&run);
}

/* --- Power ---------------------------------------------------------------- */

static void test_stop_cont(const char *accel, const void *data)
{
    Run run = boot(accel, "-machine q35 -m 64 -serial file:@D/serial -kernel "
                   "@G/pattern.elf");

    wait_serial(&run, "ready");
    for (int i = 0; i < 20; i++) {
        uint32_t before;

        qtest_qmp_ok(run.qts, "{'execute': 'stop'}");
        before = qtest_readl(run.qts, 512 * 4096);
        for (int reads = 0; reads < 50; reads++) {
            g_assert_cmphex(qtest_readl(run.qts, 512 * 4096), ==, before);
        }
        qtest_qmp_ok(run.qts, "{'execute': 'cont'}");
    }
    wait_serial(&run, "pass 2 errors 0");
    qtest_qmp_ok(run.qts, "{'execute': 'system_powerdown'}");
    json_object_put(qtest_wait_event(run.qts, "POWERDOWN"));
    run_end(&run);
}

/* --- Each test under each accelerator ------------------------------------- */

typedef struct AccelTest {
    const char *accel;
    void (*func)(const char *accel, const void *data);
    const void *data;
} AccelTest;

static void run_accel_test(const void *opaque)
{
    const AccelTest *test = opaque;

    if (g_str_equal(test->accel, "kvm") &&
        access("/dev/kvm", R_OK | W_OK) != 0) {
        g_test_skip("/dev/kvm is not there or not ours to use");
        return;
    }
    test->func(test->accel, test->data);
}

static void add(const char *name,
                void (*func)(const char *accel, const void *data),
                const void *data)
{
    static const char *const accels[] = { "kvm", "tcg" };

    for (int i = 0; i < 2; i++) {
        g_autofree char *path =
            g_strdup_printf("/machine/%s/%s", accels[i], name);
        AccelTest *test = g_new(AccelTest, 1);

        *test = (AccelTest) { accels[i], func, data };
        g_test_add_data_func_full(path, test, run_accel_test, g_free);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_SIZE(boot_cases); i++) {
        add(boot_cases[i].name, test_boot, &boot_cases[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(reset_cases); i++) {
        add(reset_cases[i].name, test_reset, &reset_cases[i]);
    }
    add("reboot", test_reboot, NULL);
    add("serial-unix", test_serial_unix, NULL);
    add("serial-stdio", test_serial_stdio, NULL);
    add("debug-exit", test_debug_exit, NULL);
    add("memory", test_memory, NULL);
    add("memory-running", test_memory_running, NULL);
    add("stop-cont", test_stop_cont, NULL);
    return g_test_run();
}
