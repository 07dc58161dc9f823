/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line. A bad option ends the process with status 1 and a
 * message that names it; a good one shows its effect.
 */
#include "qemu/osdep.h"
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "migration/guests.h"
#include "qtest-run.h"

/* --- Bad use -------------------------------------------------------------- */

typedef struct BadUse {
    const char *args; /* with blanks between */
    const char *word; /* in the message */
} BadUse;

static const BadUse bad_uses[] = {
    { "-no-such-option", "-no-such-option" },
    { "--no-such-option", "no-such-option" },
    { "disk.img", "disk.img" },
    { "-machine no-such-board", "no-such-board" },
    { "-machine q35,no-such-property=1", "no-such-property" },
    { "-machine q35,memory-backend=nobody", "nobody" },
    { "-machine", "-machine" },
    { "-M pc-q35-99.0", "pc-q35-99.0" },
    { "-accel no-such-accel -machine none", "no-such-accel" },
    { "-accel kvm,no-such-property=1 -machine none", "no-such-property" },
    { "-m x", "-m" },
    { "-m rubbish", "rubbish" },
    { "-m -5", "-5" },
    { "-m 16,slots=4", "slots" },
    { "-m 99999999999999999999", "-m" },
    { "-mem-path /no/such/folder/file -m 16 -machine q35", "/no/such" },
    { "-smp 0", "cpus" },
    { "-smp rubbish", "rubbish" },
    { "-smp 3,sockets=2,cores=2", "-smp" },
    { "-smp 2,no-such=1", "no-such" },
    { "-name guest=x,debug-threads=maybe", "maybe" },
    { "-name x,no-such=1", "no-such" },
    { "-uuid 1234", "1234" },
    { "-object memory-backend-ram,size=16M -machine none", "id" },
    { "-object memory-backend-ram,id=x -machine none", "size" },
    { "-object memory-backend-ram,id=x,size=rubbish -machine none",
      "size" },
    { "-object memory-backend-ram,id=x,size=1M,no-such=1 -machine none",
      "no-such" },
    { "-object memory-backend-file,id=x,size=1M -machine none", "mem-path" },
    { "-object memory-backend-ram,id=x,size=1M "
      "-object memory-backend-ram,id=x,size=1M -machine none", "x" },
    { "-global rubbish", "rubbish" },
    { "-global migration.no-such=1 -machine none", "no-such" },
    { "-global migration.send-switchover-start=maybe -machine none",
      "maybe" },
    { "-kernel /no/such/kernel -machine q35 -accel tcg", "/no/such/kernel" },
    { "-kernel /dev/null -machine q35 -accel tcg", "/dev/null" },
    { "-append x -machine q35 -accel tcg", "-append" },
    { "-initrd /no/such/initrd -machine q35 -accel tcg", "-initrd" },
    { "-bios /no/such/bios -machine microvm -accel tcg", "/no/such/bios" },
    { "-drive if=none,id=d,file=/no/such/disk,format=raw -machine q35 "
      "-accel tcg", "/no/such/disk" },
    { "-drive if=none,id=d,file=/dev/null,format=qcow2 -machine q35 "
      "-accel tcg", "qcow2" },
    { "-drive if=none,id=d,file=/dev/null,format=raw,no-such=1 "
      "-machine q35 -accel tcg", "no-such" },
    { "-device no-such-device -machine q35 -accel tcg", "-device help" },
    { "-object no-such-type,id=x -machine none", "-object help" },
    { "-device ide-hd,drive=nobody -machine q35 -accel tcg", "nobody" },
    { "-device isa-debug-exit,no-such=1 -machine q35 -accel tcg",
      "no-such" },
    { "-display sdl", "sdl" },
    { "-vga std", "std" },
    { "-audio alsa", "alsa" },
    { "-chardev no-such,id=x -machine none", "no-such" },
    { "-chardev null -machine none", "id" },
    { "-chardev socket,id=x,path=/no/such/folder/s,server=on,wait=off "
      "-machine none", "/no/such" },
    { "-chardev file,id=x -machine none", "path" },
    { "-chardev null,id=x -chardev null,id=x -machine none", "x" },
    { "-chardev null,id=x,no-such=1 -machine none", "no-such" },
    { "-serial no-such:thing -machine q35 -accel tcg", "no-such" },
    { "-serial chardev:nobody -machine q35 -accel tcg", "nobody" },
    { "-serial file:/no/such/folder/x -machine q35 -accel tcg", "/no/such" },
    { "-monitor no-such: -machine none", "no-such" },
    { "-qmp no-such: -machine none", "no-such" },
    { "-qmp unix:/no/such/folder/x,server=on,wait=off -machine none",
      "/no/such" },
    { "-qmp tcp:127.0.0.1:rubbish,server=on,wait=off -machine none",
      "rubbish" },
    { "-mon chardev=nobody -machine none", "nobody" },
    { "-mon chardev=zz,mode=control -machine none",
      "-mon chardev=zz,mode=control: " },
    { "-mon mode=control -machine none", "chardev" },
    { "-mon chardev=x,mode=telepathy -chardev null,id=x -machine none",
      "telepathy" },
    { "-incoming no-such:thing -machine none", "no-such" },
    { "-incoming no-such -machine none", "no-such" },
    { "-incoming unix=/x -machine none", "-incoming unix:/x?" },
    { "-incoming  -machine none", "-incoming : empty" },
    { "-incoming {no-such -machine none", "JSON" },
    { "-incoming {\"channel-type\":\"main\"} -machine none", "addr" },
    { "-incoming {\"channel-type\":\"cpr\",\"addr\":{\"transport\":\"exec\","
      "\"args\":[\"x\"]}} -machine none", "cpr" },
    { "-incoming {\"channel-type\":\"main\",\"addr\":{\"transport\":\"exec\","
      "\"args\":[]}} -machine none", "args" },
    { "-incoming {\"channel-type\":\"main\",\"addr\":{\"transport\":\"socket\","
      "\"type\":\"unix\",\"path\":\"/no/such/s\"}} -machine none", "/no/such" },
    { "-incoming channel-type=main,addr.transport=file,addr.filename=/no/such,"
      "addr.offset=4k -machine none", "addr.offset" },
    { "-incoming defer -incoming unix:/no/such/s -machine none", "/no/such" },
    { "-incoming tcp:127.0.0.1 -machine none", "127.0.0.1" },
    { "-incoming unix:/no/such/folder/s -machine none", "/no/such" },
    { "-incoming fd:999 -machine none", "999" },
    { "-incoming file:/no/such/file -machine none", "/no/such/file" },
    { "-pidfile /no/such/folder/pid -machine none", "/no/such" },
    { "-run-with no-such=1 -machine none", "no-such" },
    { "-run-with exit-with-parent=maybe -machine none", "maybe" },
    { "-run-with async-teardown=on -machine none", "async-teardown" },
    { "-run-with exit-with-parent=on -daemonize -machine none",
      "-daemonize" },
    { "-run-with user=no-such-user -machine none", "no-such-user" },
    { "-run-with user=1: -machine none", "'1:'" },
    { "-run-with user=4294967295:1 -machine none", "4294967295" },
    { "-run-with user= -machine none", "user" },
    { "-run-with chroot=/no/such/folder -machine none", "/no/such/folder" },
    { "-object memory-backend-ram,id=a,size=4M -object "
      "memory-backend-ram,id=a,size=4M -machine none", "Duplicate ID 'a'" },
    { "-object memory-backend-memfd,id=a,size=4M,hugetlbsize=0 "
      "-machine none", "hugetlbsize" },
    { "-nographic -machine none", "-display none" },
    { "-cpu host -machine none", "-cpu" },
    { "-sandbox on -machine none", "on" },
    { "-D /no/such/folder/log -machine none", "/no/such" },
    { "-d no-such-item -machine none", "no-such-item" },
    { "-trace no_such_event_at_all -machine none", "no_such_event" },
    { "-qtest no-such: -machine none", "no-such" },
    { "-qtest-log /dev/null -machine none", "-qtest" },
};

static void test_bad(const void *data)
{
    const BadUse *bad = data;
    g_auto(GStrv) words = g_strsplit(bad->args, " ", -1);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *said = NULL;
    int status;

    if (!qtest_binary_is_ours(qtest_binary(""))) {
        g_test_skip("stock QEMU's messages are its own affair");
        return;
    }
    g_ptr_array_add(argv, (char *)qtest_binary(""));
    for (char **word = words; *word; word++) {
        g_ptr_array_add(argv, *word);
    }
    g_ptr_array_add(argv, NULL);
    said = qtest_run((const char *const *)argv->pdata, &status);
    if (status != 1 || !strstr(said, bad->word)) {
        g_error("'%s' ends with status %d, says: %s(should name '%s')",
                bad->args, status, said, bad->word);
    }
    /* One or few lines, not a wall. */
    g_assert_cmpuint(strlen(said), <, 1000);
}

/* --- Good use ------------------------------------------------------------- */

static void expect_text(const char *args, const char *word)
{
    g_auto(GStrv) words = g_strsplit(args, " ", -1);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *said = NULL;
    int status;

    g_ptr_array_add(argv, (char *)qtest_binary(""));
    for (char **w = words; *w; w++) {
        g_ptr_array_add(argv, *w);
    }
    g_ptr_array_add(argv, NULL);
    said = qtest_run((const char *const *)argv->pdata, &status);
    if (status != 0 || !strstr(said, word)) {
        g_error("'%s' ends with status %d, says: %s(should name '%s')", args,
                status, said, word);
    }
}

static void test_help(void)
{
    expect_text("--help", "-incoming");
    expect_text("-h", "-machine");
    expect_text("--version", "QEMU emulator version");
    expect_text("-machine help", "pc-q35-7.2");
    expect_text("-machine help", "microvm");
    expect_text("-M help", "none");
    expect_text("-accel help", "kvm");
    expect_text("-d help", "");
    expect_text("-trace help", "vm_state_change");
    expect_text("-device help", "isa-debug-exit");
    expect_text("-object help", "memory-backend-memfd");
    expect_text("-chardev help", "socket");
}

static Run run_start(const char *args)
{
    return run_start_as("cmdline", args);
}

static void expect_reply(Run *run, const char *command, const char *word)
{
    json_object *reply =
        qtest_qmp_return(run->qts, "{'execute': '%s'}", command);
    const char *text = json_object_to_json_string_ext(
        reply, JSON_C_TO_STRING_PLAIN);

    if (!strstr(text, word)) {
        g_error("%s: %s has no %s", command, text, word);
    }
    json_object_put(reply);
}

static void expect_file(Run *run, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(run->dir, name, NULL);

    qtest_wait_file(path, text);
}

static void test_identity(void)
{
    Run run = run_start("-machine none -name guest=Ann,debug-threads=on "
                        "-uuid 11111111-2222-3333-4444-555555555555 "
                        "-no-user-config -nodefaults -vga none -S "
                        "-sandbox off");

    expect_reply(&run, "query-name", "Ann");
    expect_reply(&run, "query-uuid", "11111111-2222-3333-4444-555555555555");
    expect_reply(&run, "query-status", "prelaunch");
    run_end(&run);
}

static void test_smp(void)
{
    Run run;
    json_object *cpus;

    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        g_test_skip("several CPUs need /dev/kvm");
        return;
    }
    run = run_start("-machine q35 -accel kvm -S -smp 2,sockets=1,cores=2,"
                    "threads=1 -m size=64M -nodefaults");
    cpus = qtest_qmp_return(run.qts, "{'execute': 'query-cpus-fast'}");
    g_assert_cmpuint(json_object_array_length(cpus), ==, 2);
    for (size_t i = 0; i < 2; i++) {
        json_object *cpu = json_object_array_get_idx(cpus, i), *type;

        type = qtest_qmp_return(
            run.qts, "{'execute': 'qom-get', 'arguments': {'path': '%s', "
            "'property': 'type'}}",
            json_object_get_string(json_object_object_get(cpu, "qom-path")));
        g_assert_cmpstr(json_object_get_string(type), ==, "max-x86_64-cpu");
        json_object_put(type);
    }
    json_object_put(cpus);
    run_end(&run);
}

static void test_machine_merge(void)
{
    Run run = run_start("-machine q35, -object memory-backend-ram,id=ram,"
                        "size=48M -machine memory-backend=ram -accel tcg -S");

    qtest_writel(run.qts, 47 * MiB, 0x12345678);
    g_assert_cmphex(qtest_readl(run.qts, 47 * MiB), ==, 0x12345678);
    run_end(&run);
}

static void test_accel_fallback(void)
{
    Run run = run_start("-accel kvm -accel tcg -machine q35 -S -m 32");

    expect_reply(&run, "query-kvm", "present");
    expect_reply(&run, "qom-list-types", "tcg-accel");
    run_end(&run);
    run = run_start("-machine q35,accel=tcg -m 32 -S");
    expect_reply(&run, "query-kvm", "\"enabled\":false");
    run_end(&run);
}

static void test_mem_path(void)
{
    Run run = run_start("-machine q35 -accel tcg -m 32 -S "
                        "-mem-path @D/memory");
    g_autofree char *path = g_build_filename(run.dir, "memory", NULL);

    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    run_end(&run);
}

/* Files that are mapped show what the guest has. */
static void test_backend_file(void)
{
    Run run = run_start("-machine none,memory-backend=m -object "
                        "memory-backend-file,id=m,size=4M,mem-path=@D/memory,"
                        "share=on -m 4M");
    g_autofree char *path = g_build_filename(run.dir, "memory", NULL);
    g_autofree char *data = NULL;
    gsize len;

    qtest_writel(run.qts, 0x1000, 0x64636261);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpuint(len, ==, 4 * MiB);
    g_assert_cmpint(memcmp(data + 0x1000, "abcd", 4), ==, 0);
    run_end(&run);
}

static void test_prealloc(void)
{
    Run run = run_start("-machine none,memory-backend=m -object "
                        "memory-backend-memfd,id=m,size=32M,prealloc=on "
                        "-m 32M");
    g_autofree char *path =
        g_strdup_printf("/proc/%d/status", qtest_pid(run.qts));
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpuint(g_ascii_strtoull(strstr(text, "RssShmem:") + 9, NULL,
                                      10), >=, 32 * 1024);
    run_end(&run);
}

static void test_monitors(void)
{
    Run run = run_start("-machine none -monitor unix:@D/hmp,server=on,"
                        "wait=off -chardev socket,id=c,path=@D/qmp2,"
                        "server=on,wait=off -mon chardev=c,mode=control,"
                        "pretty=on");
    g_autofree char *hmp = g_build_filename(run.dir, "hmp", NULL);
    g_autofree char *qmp = g_build_filename(run.dir, "qmp2", NULL);
    QTestClient *client = qtest_client_connect(hmp);
    bool found = false;

    g_assert_true(qtest_client_puts(client, "info status\n"));
    for (int i = 0; i < 10 && !found; i++) {
        g_autofree char *line = qtest_client_line(client);

        g_assert_nonnull(line);
        found = strstr(line, "VM status") != NULL;
    }
    g_assert_true(found);
    qtest_client_free(client);
    client = qtest_client_connect(qmp);
    {
        /* Pretty: an object starts with a line of its own. */
        g_autofree char *line = qtest_client_line(client);

        g_assert_cmpstr(line, ==, "{");
    }
    qtest_client_free(client);
    run_end(&run);
}

static void test_log(void)
{
    Run run = run_start("-machine none -D @D/log -d trace:vm_state_ch* "
                        "-trace vm_state_change");

    qtest_qmp_ok(run.qts, "{'execute': 'stop'}");
    expect_file(&run, "log", "vm_state_change");
    run_end(&run);
}

static void test_pidfile(void)
{
    Run run = run_start("-machine none -pidfile @D/pid");
    g_autofree char *path = g_build_filename(run.dir, "pid", NULL);
    g_autofree char *text = g_strdup_printf("%d\n", qtest_pid(run.qts));

    g_assert_true(qtest_file_has(path, text));
    qtest_quit(run.qts);
    run.qts = NULL;
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    run_end(&run);
}

/* The process that was started ends with 0 when the monitor is there. */
static void test_daemonize(void)
{
    g_autofree char *dir = qtest_folder_new();
    g_autofree char *pidfile = g_build_filename(dir, "pid", NULL);
    g_autofree char *socket_path = g_build_filename(dir, "qmp", NULL);
    g_autofree char *spec =
        g_strdup_printf("unix:%s,server=on,wait=off", socket_path);
    const char *const argv[] = { qtest_binary(""), "-machine", "none",
                                 "-display", "none", "-daemonize",
                                 "-pidfile", pidfile, "-qmp", spec, NULL };
    g_autofree char *said = NULL;
    g_autofree char *text = NULL;
    QTestClient *client;
    gint64 deadline;
    int status, pid;

    said = qtest_run(argv, &status);
    g_assert_cmpint(status, ==, 0);
    g_assert_true(g_file_get_contents(pidfile, &text, NULL, NULL));
    pid = atoi(text);
    g_assert_cmpint(pid, >, 1);
    g_assert_cmpint(kill(pid, 0), ==, 0);
    client = qtest_client_connect(socket_path);
    {
        g_autofree char *line = qtest_client_line(client);

        g_assert_nonnull(strstr(line, "QMP"));
    }
    g_assert_true(qtest_client_puts(
        client, "{'execute': 'qmp_capabilities'}{'execute': 'quit'}\n"));
    deadline = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    while (kill(pid, 0) == 0) {
        g_autofree char *stat = g_strdup_printf("/proc/%d/stat", pid);
        g_autofree char *state = NULL;

        /* Nobody may be there to reap it. */
        if (g_file_get_contents(stat, &state, NULL, NULL) &&
            strstr(state, ") Z ")) {
            break;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(1000);
    }
    qtest_client_free(client);
    unlink(socket_path);
    qtest_folder_free(g_steal_pointer(&dir));
}

/* What is wrong is known before the process goes to the background. */
static void test_daemonize_error(void)
{
    const char *const argv[] = { qtest_binary(""), "-machine", "none",
                                 "-display", "none", "-daemonize",
                                 "-incoming", "unix:/no/such/folder/s",
                                 NULL };
    int status;
    g_autofree char *said = qtest_run(argv, &status);

    g_assert_cmpint(status, ==, 1);
    g_assert_nonnull(strstr(said, "/no/such"));
}

static void test_incoming_twice(void)
{
    Run run = run_start("-machine none -incoming defer -incoming "
                        "unix:@D/mig");

    expect_reply(&run, "query-status", "inmigrate");
    run_end(&run);
}

static void test_incoming_channel(const void *data)
{
    Run run = run_start(data);
    Run source = run_start("-machine none -m 16");
    json_object *event;

    expect_reply(&run, "query-status", "inmigrate");
    qtest_qmp_ok(source.qts, "{'execute': 'migrate', 'arguments': "
                 "{'uri': 'unix:%s/mig'}}", run.dir);
    event = qtest_wait_event(run.qts, "RESUME");
    json_object_put(event);
    run_end(&source);
    run_end(&run);
}

/* What the line @key of /proc/PID/status says. */
static char *process_status(const Run *run, const char *key)
{
    g_autofree char *path =
        g_strdup_printf("/proc/%d/status", qtest_pid(run->qts));
    g_autofree char *start = g_strdup_printf("\n%s:\t", key);
    g_autofree char *text = NULL;
    char *line;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    line = strstr(text, start);
    g_assert_nonnull(line);
    line += strlen(start);
    return g_strchomp(g_strndup(line, strcspn(line, "\n")));
}

/* Real, effective, saved and file system id. */
static void expect_user(const Run *run, const char *key, unsigned id)
{
    g_autofree char *want =
        g_strdup_printf("%u\t%u\t%u\t%u", id, id, id, id);
    g_autofree char *seen = process_status(run, key);

    g_assert_cmpstr(seen, ==, want);
}

static int compare_groups(const void *a, const void *b)
{
    gid_t left = *(const gid_t *)a;
    gid_t right = *(const gid_t *)b;

    return left < right ? -1 : left > right;
}

/* The groups, which /proc shows in order, are those of @user and no more. */
static void expect_groups(const Run *run, const struct passwd *user)
{
    gid_t groups[64];
    int count = ARRAY_SIZE(groups);
    g_autoptr(GString) want = g_string_new(NULL);
    g_autofree char *seen = process_status(run, "Groups");

    g_assert_cmpint(getgrouplist(user->pw_name, user->pw_gid, groups,
                                 &count), >=, 1);
    qsort(groups, (size_t)count, sizeof(groups[0]), compare_groups);
    for (int i = 0; i < count; i++) {
        g_string_append_printf(want, "%s%u", i ? " " : "", groups[i]);
    }
    g_assert_cmpstr(seen, ==, want->str);
}

/* Fewer rights once set up; the monitor goes on, the pid file stays. */
static void test_run_with(void)
{
    g_autofree char *root = NULL;
    g_autofree char *pid = NULL;
    g_autofree char *seen = NULL;
    g_autofree char *groups = NULL;
    Run run;

    if (geteuid() != 0) {
        g_test_skip("only root may change user and root folder");
        return;
    }
    run = run_start("-machine none -pidfile @D/pid -run-with "
                    "chroot=@D,user=65533:65532,exit-with-parent=on");
    expect_user(&run, "Uid", 65533);
    expect_user(&run, "Gid", 65532);
    groups = process_status(&run, "Groups");
    g_assert_cmpstr(groups, ==, "65532");
    root = g_strdup_printf("/proc/%d/root", qtest_pid(run.qts));
    seen = g_file_read_link(root, NULL);
    g_assert_cmpstr(seen, ==, run.dir);
    expect_reply(&run, "query-status", "running");
    qtest_quit(run.qts);
    run.qts = NULL;
    pid = g_build_filename(run.dir, "pid", NULL);
    g_assert_true(g_file_test(pid, G_FILE_TEST_EXISTS));
    run_end(&run);
}

/* A user by name has that user's groups, and root's are gone. */
static void test_run_with_name(void)
{
    /* One that we have and a process that keeps ours would show. */
    const gid_t extra = 65531;
    const struct passwd *nobody = getpwnam("nobody");
    gid_t ours[64];
    int count;
    Run run;

    if (geteuid() != 0 || !nobody) {
        g_test_skip("wants to be root, and a user 'nobody'");
        return;
    }
    count = getgroups(ARRAY_SIZE(ours), ours);
    g_assert_cmpint(count, >=, 0);
    g_assert_cmpint(setgroups(1, &extra), ==, 0);
    run = run_start("-machine none -run-with user=nobody");
    g_assert_cmpint(setgroups((size_t)count, ours), ==, 0);
    expect_user(&run, "Uid", nobody->pw_uid);
    expect_user(&run, "Gid", nobody->pw_gid);
    expect_groups(&run, nobody);
    run_end(&run);
}

/* Ends with its parent; @data: more for -run-with. */
static void test_exit_with_parent(const void *data)
{
    g_autofree char *dir = qtest_folder_new();
    g_autofree char *socket_path = g_build_filename(dir, "q", NULL);
    g_autofree char *spec =
        g_strdup_printf("unix:%s,server=on,wait=off", socket_path);
    g_autofree char *with =
        g_strdup_printf("exit-with-parent=on%s", (const char *)data);
    /* A shell that has something to do after it does not become it. */
    const char *const argv[] = { "/bin/sh", "-c", "\"$@\" & wait", "sh",
                                 qtest_binary(""), "-machine", "none",
                                 "-display", "none", "-run-with", with,
                                 "-qmp", spec, NULL };
    GError *err = NULL;
    QTestClient *client;
    char *line;
    GPid parent;

    if (strstr(with, "user=") && geteuid() != 0) {
        g_test_skip("only root may change user");
        qtest_folder_free(g_steal_pointer(&dir));
        return;
    }
    if (!g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                       NULL, NULL, &parent, &err)) {
        g_error("%s", err->message);
    }
    client = qtest_client_connect(socket_path);
    /* It answers from the main loop: all is set up. */
    g_assert_true(qtest_client_puts(client,
                                    "{'execute': 'qmp_capabilities'}"));
    for (int i = 0; i < 2; i++) {
        line = qtest_client_line(client);
        g_assert_nonnull(line);
        g_free(line);
    }
    g_assert_cmpint(kill(parent, SIGKILL), ==, 0);
    while ((line = qtest_client_line(client))) {
        g_free(line);
    }
    waitpid(parent, NULL, 0);
    g_spawn_close_pid(parent);
    qtest_client_free(client);
    unlink(socket_path);
    qtest_folder_free(g_steal_pointer(&dir));
}

/* The soft limit of open files is raised to the hard one. */
static void test_descriptor_limit(void)
{
    g_autofree char *limits = NULL;
    g_autofree char *path = NULL;
    struct rlimit old, low;
    unsigned long soft = 0;
    const char *line;
    Run run;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
    low = old;
    low.rlim_cur = 200;
    if (old.rlim_max <= low.rlim_cur || old.rlim_max == RLIM_INFINITY) {
        g_test_skip("the hard limit of open files is too low, or there is "
                    "none");
        return;
    }
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
    run = run_start("-machine none");
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
    path = g_strdup_printf("/proc/%d/limits", qtest_pid(run.qts));
    g_assert_true(g_file_get_contents(path, &limits, NULL, NULL));
    line = strstr(limits, "\nMax open files");
    g_assert_nonnull(line);
    g_assert_cmpint(sscanf(line, " Max open files %lu", &soft), ==, 1);
    g_assert_cmpuint(soft, ==, old.rlim_max);
    run_end(&run);
}

/* A pid file that cannot be removed does not stay silently. */
static void test_pidfile_stays(void)
{
    g_autofree char *said = NULL;
    Run run;

    if (geteuid() != 0) {
        g_test_skip("only root may change user");
        return;
    }
    run = run_start("-machine none -pidfile @D/pid -run-with "
                    "user=65533:65532");
    qtest_qmp_ok(run.qts, "{'execute': 'quit'}");
    qtest_wait_exit(run.qts, 0);
    said = g_strdup_printf("the pid file '%s/pid' stays behind", run.dir);
    expect_file(&run, "cmdline.stderr", said);
    run.qts = NULL;
    run_end(&run);
}

/* Nothing is said on a terminal that the daemon then has not. */
static void test_daemonize_stdio(void)
{
    const char *const argv[] = { qtest_binary(""), "-machine", "none",
                                 "-display", "none", "-daemonize",
                                 "-monitor", "stdio", NULL };
    int status;
    g_autofree char *said = qtest_run(argv, &status);

    g_assert_cmpint(status, ==, 1);
    g_assert_nonnull(strstr(said, "stdio"));
    g_assert_null(strstr(said, "(qemu)"));
}

/* The parent hears of it when rights cannot be given up. */
static void test_run_with_daemon(void)
{
    const char *const argv[] = { qtest_binary(""), "-machine", "none",
                                 "-display", "none", "-daemonize",
                                 "-run-with", "chroot=/no/such", NULL };
    int status;
    g_autofree char *said = qtest_run(argv, &status);

    g_assert_cmpint(status, ==, 1);
    g_assert_nonnull(strstr(said, "/no/such"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_SIZE(bad_uses); i++) {
        g_autofree char *name = g_strdelimit(g_strdup(bad_uses[i].args),
                                             "/ ", '_');
        g_autofree char *path = g_strdup_printf("/cmdline/bad/%s", name);

        g_test_add_data_func(path, &bad_uses[i], test_bad);
    }
    g_test_add_func("/cmdline/help", test_help);
    g_test_add_func("/cmdline/identity", test_identity);
    g_test_add_func("/cmdline/smp", test_smp);
    g_test_add_func("/cmdline/machine-merge", test_machine_merge);
    g_test_add_func("/cmdline/accel-fallback", test_accel_fallback);
    g_test_add_func("/cmdline/mem-path", test_mem_path);
    g_test_add_func("/cmdline/backend-file", test_backend_file);
    g_test_add_func("/cmdline/prealloc", test_prealloc);
    g_test_add_func("/cmdline/monitors", test_monitors);
    g_test_add_func("/cmdline/log", test_log);
    g_test_add_func("/cmdline/pidfile", test_pidfile);
    g_test_add_func("/cmdline/daemonize", test_daemonize);
    g_test_add_func("/cmdline/daemonize-error", test_daemonize_error);
    g_test_add_func("/cmdline/incoming-twice", test_incoming_twice);
    g_test_add_data_func(
        "/cmdline/incoming-channel/json",
        "-machine none -m 16 -incoming defer -incoming {\"channel-type\":"
        "\"main\",\"addr\":{\"transport\":\"socket\",\"type\":\"unix\","
        "\"path\":\"@D/mig\"}}", test_incoming_channel);
    g_test_add_data_func(
        "/cmdline/incoming-channel/keys",
        "-machine none -m 16 -incoming tcp:127.0.0.1:0 -incoming main,"
        "addr.transport=socket,addr.type=unix,addr.path=@D/mig",
        test_incoming_channel);
    g_test_add_func("/cmdline/daemonize-stdio", test_daemonize_stdio);
    g_test_add_func("/cmdline/run-with", test_run_with);
    g_test_add_func("/cmdline/run-with-name", test_run_with_name);
    g_test_add_func("/cmdline/descriptor-limit", test_descriptor_limit);
    g_test_add_data_func("/cmdline/exit-with-parent/alone", "",
                         test_exit_with_parent);
    g_test_add_data_func("/cmdline/exit-with-parent/user",
                         ",user=65533:65532", test_exit_with_parent);
    g_test_add_func("/cmdline/pidfile-stays", test_pidfile_stays);
    g_test_add_func("/cmdline/run-with-daemon", test_run_with_daemon);
    return g_test_run();
}
