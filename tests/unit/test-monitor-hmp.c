/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: arguments by type, expressions, help paths, the interactive side. */
#include "qemu/osdep.h"
#include "monitor/monitor.h"
#include "test-monitor-fake.h"

#include "hmp.h"

const QmpCommand *qmp_find_command(const char *name)
{
    return NULL;
}

static void show(HmpCall *call)
{
    qmp_json_write(call->out, call->args, false);
    g_string_append_c(call->out, '\n');
}

static void suspend(HmpCall *call)
{
    hmp_suspend(call->mon);
}

static void number_words(const char *const *given, unsigned count,
                         GPtrArray *words)
{
    if (count == 0) {
        g_ptr_array_add(words, (char *)"one");
        g_ptr_array_add(words, (char *)"other");
    } else if (count == 1 && !strcmp(given[0], "other")) {
        g_ptr_array_add(words, (char *)"of");
        g_ptr_array_add(words, (char *)"two");
    }
}

const HmpCommand hmp_command_table[] = {
    { "help|?", "name:S?", "", "", show },
    { "i", "fmt:/b,addr:i", "", "", show },
    { "info", "", "", "", NULL },
    { "migrate", "detach:-d,uri:s", "", "", show, number_words },
    { "set", "name:s,on:b", "", "", show },
    { "stop|s", "", "", "", show },
    { "sum", "start:i,size:i", "", "", show },
    { "val", "v:l", "", "", show },
    { "wait", "", "", "", suspend },
    { "xp", "fmt:/,addr:l", "", "", show },
    { NULL },
};

const HmpCommand hmp_info_table[] = {
    { "regs", "all:-a,vcpu:i?", "", "", show },
    { "status", "", "", "", show },
    { NULL },
};

static void check(const char *line, const char *expected)
{
    VM *vm = fake_vm_new();
    QmpContext ctx = { .vm = vm };
    g_autofree char *out = monitor_hmp_run(&ctx, 0, line);
    g_autofree char *want = g_strconcat(expected, *expected ? "\r\n" : "",
                                        NULL);

    g_assert_cmpstr(out, ==, want);
    fake_vm_free(vm);
}

static void check_error(const char *line, const char *message,
                        const char *command)
{
    g_autofree char *expected = g_strdup_printf(
        "%s\r\nTry \"help %s\" for more information", message, command);

    check(line, expected);
}

static void test_commands(void)
{
    check("", "");
    check("   ", "");
    check("foo", "unknown command: 'foo'");
    check("info foo", "unknown command: 'info foo'");
    check("s", "{}");
    check(" stop ", "{}");
    check("info status", "{}");
    check("info", "{\"name\": \"info\"}");
    check("? info status", "{\"name\": \"info status\"}");
    check_error("stop 1", "stop|s: extraneous characters at the end of line",
                "stop");
    check_error("info status 1",
                "status: extraneous characters at the end of line",
                "info status");
}

static void test_arguments(void)
{
    check("migrate tcp:1", "{\"uri\": \"tcp:1\"}");
    check("migrate -d tcp:1", "{\"detach\": true, \"uri\": \"tcp:1\"}");
    check("migrate \"exec:cat > \\\"x\\\"\"",
          "{\"uri\": \"exec:cat > \\\"x\\\"\"}");
    check_error("migrate", "migrate: string expected", "migrate");
    check_error("migrate -x tcp:1", "migrate: unsupported option -x",
                "migrate");
    check_error("migrate \"abc", "unterminated string\r\n"
                "migrate: string expected", "migrate");
    check_error("migrate \"a\\q\"", "unsupported escape code: '\\q'\r\n"
                "migrate: string expected", "migrate");
    check("set x on", "{\"name\": \"x\", \"on\": true}");
    check_error("set x maybe", "Expected 'on' or 'off'", "set");
    check("info regs -a", "{\"all\": true}");
    check("info regs 2", "{\"vcpu\": 2}");
    check("sum 0 0x10", "{\"start\": 0, \"size\": 16}");
    check_error("sum 1", "unexpected end of expression", "sum");
    check_error("sum 0 /x", "invalid char 'x' in expression", "sum");
}

static void test_format(void)
{
    check("xp /4xg 0", "{\"count\": 4, \"format\": 120, \"size\": 8, "
                       "\"addr\": 0}");
    check("xp/3ub 1+2", "{\"count\": 3, \"format\": 117, \"size\": 1, "
                        "\"addr\": 3}");
    check("xp /20c 0", "{\"count\": 20, \"format\": 99, \"size\": 1, "
                       "\"addr\": 0}");
    check("xp 0", "{\"count\": 1, \"format\": 120, \"size\": 4, "
                  "\"addr\": 0}");
    check("i 0x80", "{\"count\": 1, \"format\": 120, \"size\": 1, "
                    "\"addr\": 128}");
    check_error("xp /2y 0", "invalid char in format: 'y'", "xp");
}

static void test_expressions(void)
{
    g_autoptr(GString) deep = g_string_new("val ");

    check("val 1+2*3", "{\"v\": 7}");
    check("val (1+2)*3", "{\"v\": 9}");
    check("val -1", "{\"v\": -1}");
    check("val ~0 & 0xff", "{\"v\": 255}");
    check("val 'a' + 1", "{\"v\": 98}");
    check("val 7 % 4 - 010", "{\"v\": -5}");
    check("val 0xffffffffffffffff", "{\"v\": -1}");
    check_error("val 0x10000000000000000", "number too large", "val");
    check_error("val 1/0", "division by zero", "val");
    check("val (-0x7fffffffffffffff-1)/-1",
          "{\"v\": -9223372036854775808}");
    check_error("val (1", "')' expected", "val");
    check_error("val foo", "invalid char 'f' in expression", "val");
    for (int i = 0; i < 100000; i++) {
        g_string_append_c(deep, i % 2 ? '(' : '-');
    }
    check_error(deep->str, "expression nested too deeply", "val");
}

static void check_words(const char *line, const char *expected)
{
    g_auto(GStrv) words = hmp_complete(line);
    g_autofree char *joined = g_strjoinv(" ", words);

    g_assert_cmpstr(joined, ==, expected);
}

static void test_completion(void)
{
    check_words("s", "set stop s sum");
    check_words("mig", "migrate");
    check_words("info ", "regs status");
    check_words("info r", "regs");
    check_words("help st", "stop");
    check_words("help info st", "status");
    check_words("migrate o", "one other");
    check_words("migrate one o", "");
    check_words("migrate other ", "of two");
    check_words("migrate other o", "of");
    check_words("migrate other of t", "");
    check_words("nothing x", "");
}

/* Echo, erasing, the prompt, and a command that takes its time. */
static void test_interactive(void)
{
    VM *vm = fake_vm_new();
    Monitors *monitors = monitors_new(vm);
    Chardev *chr = fake_chardev_new();
    Monitor *mon;

    bql_lock(vm);
    g_assert_true(monitor_add(monitors, chr, MONITOR_MODE_READLINE, false,
                              NULL));
    bql_unlock(vm);
    mon = chr->opaque;
    fake_call(chr, fake_opened);
    fake_expect(chr, "monitor - type 'help' for more information\r\n"
                     "(qemu) ");
    fake_send(chr, "sx\x7ftop\n");
    fake_expect(chr, "sx\b \btop\r\n{}\r\n(qemu) ");
    fake_send(chr, "x\x15s\n");
    fake_expect(chr, "(qemu) s\r\n{}\r\n(qemu) ");
    fake_send(chr, "wait\ns\n");
    fake_expect(chr, "wait\r\n");
    g_assert_cmpuint(fake_unread(chr), ==, 2);
    hmp_resume(mon, "done\n");
    fake_expect(chr, "done\r\n(qemu) s\r\n{}\r\n(qemu) ");
    monitors_free(monitors);
    fake_chardev_free(chr);
    fake_vm_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/hmp/commands", test_commands);
    g_test_add_func("/monitor/hmp/arguments", test_arguments);
    g_test_add_func("/monitor/hmp/format", test_format);
    g_test_add_func("/monitor/hmp/expressions", test_expressions);
    g_test_add_func("/monitor/hmp/completion", test_completion);
    g_test_add_func("/monitor/hmp/interactive", test_interactive);
    return g_test_run();
}
