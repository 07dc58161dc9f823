/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The QMP server: negotiation, errors, hostile input, several clients. */
#include "qemu/osdep.h"
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "libqtest.h"

typedef struct Server {
    char *dir;
    char *socket;
    QTest *qts; /* has a monitor of its own */
    QTestClient *client; /* greeted, not negotiated */
} Server;

static json_object *parse(const char *line)
{
    json_object *obj = line ? json_tokener_parse(line) : NULL;

    if (!obj) {
        g_error("not JSON: %s", line ? line : "(the connection is closed)");
    }
    return obj;
}

static QTestClient *greeted(Server *s)
{
    QTestClient *client = qtest_client_connect(s->socket);
    g_autofree char *line = qtest_client_line(client);
    json_object *greeting = parse(line), *qmp, *version, *caps, *member;

    g_assert_true(json_object_object_get_ex(greeting, "QMP", &qmp));
    g_assert_true(json_object_object_get_ex(qmp, "version", &version));
    g_assert_true(json_object_object_get_ex(version, "qemu", &member));
    g_assert_true(json_object_object_get_ex(member, "major", NULL));
    g_assert_true(json_object_object_get_ex(member, "minor", NULL));
    g_assert_true(json_object_object_get_ex(member, "micro", NULL));
    g_assert_true(json_object_object_get_ex(version, "package", NULL));
    g_assert_true(json_object_object_get_ex(qmp, "capabilities", &caps));
    g_assert_cmpint((int)json_object_array_length(caps), ==, 1);
    g_assert_cmpstr(json_object_get_string(
                        json_object_array_get_idx(caps, 0)), ==, "oob");
    json_object_put(greeting);
    return client;
}

static Server *server_new(void)
{
    Server *s = g_new0(Server, 1);
    g_autofree char *spec = NULL;

    s->dir = qtest_folder_new();
    s->socket = g_build_filename(s->dir, "q1", NULL);
    spec = g_strdup_printf("unix:%s,server=on,wait=off", s->socket);
    {
        g_autofree char *second =
            g_strdup_printf("unix:%s2,server=on,wait=off", s->socket);
        const char *const args[] = { "-machine", "none", "-nodefaults",
                                     "-qmp", spec, "-qmp", second, NULL };

        s->qts = qtest_start(qtest_binary(""), s->dir, "qmp", args);
    }
    s->client = greeted(s);
    return s;
}

static void server_free(Server *s)
{
    /* Whatever was done to it, it answers others and ends well. */
    qtest_qmp_ok(s->qts, "{'execute': 'query-status'}");
    if (s->client) {
        qtest_client_free(s->client);
    }
    qtest_quit(s->qts);
    unlink(s->socket);
    qtest_folder_free(s->dir);
    g_free(s->socket);
    g_free(s);
}

/* The next line that is not an event. */
static json_object *reply(QTestClient *client)
{
    for (;;) {
        g_autofree char *line = qtest_client_line(client);
        json_object *obj = parse(line);

        if (!json_object_object_get_ex(obj, "event", NULL)) {
            return obj;
        }
        json_object_put(obj);
    }
}

static void ask(QTestClient *client, const char *text)
{
    g_assert_true(qtest_client_puts(client, text));
    g_assert_true(qtest_client_puts(client, "\n"));
}

static void expect_ok(QTestClient *client, const char *text)
{
    json_object *obj;

    ask(client, text);
    obj = reply(client);
    if (!json_object_object_get_ex(obj, "return", NULL)) {
        g_error("%s: %s", text, json_object_to_json_string(obj));
    }
    json_object_put(obj);
}

/* @word: in the description; "" for any. */
static void check_error(QTestClient *client, const char *text,
                        const char *class, const char *word)
{
    json_object *obj = reply(client), *error, *member;

    if (!json_object_object_get_ex(obj, "error", &error)) {
        g_error("%.100s: %s", text, json_object_to_json_string(obj));
    }
    member = json_object_object_get(error, "class");
    g_assert_cmpstr(json_object_get_string(member), ==, class);
    member = json_object_object_get(error, "desc");
    if (!strstr(json_object_get_string(member), word)) {
        g_error("%.100s: \"%s\" does not name %s", text,
                json_object_get_string(member), word);
    }
    json_object_put(obj);
}

static void expect_error(QTestClient *client, const char *text,
                         const char *class, const char *word)
{
    ask(client, text);
    check_error(client, text, class, word);
}

static void test_negotiation(void)
{
    Server *s = server_new();
    QTestClient *c = s->client;

    expect_error(c, "{'execute': 'query-version'}", "CommandNotFound",
                 "qmp_capabilities");
    expect_error(c, "{'execute': 'qmp_capabilities', 'arguments': "
                 "{'enable': ['telepathy']}}", "GenericError", "telepathy");
    expect_error(c, "{'exec-oob': 'query-status'}", "GenericError", "");
    expect_ok(c, "{'execute': 'qmp_capabilities'}");
    expect_ok(c, "{'execute': 'query-version'}");
    expect_error(c, "{'execute': 'qmp_capabilities'}", "CommandNotFound",
                 "negotiation is already complete");
    server_free(s);
}

static void test_ids(void)
{
    static const char *const ids[] = {
        "1", "\"text\"", "null", "true", "[ 1, 2, { \"a\": [ ] } ]",
        "{ \"deep\": { \"er\": 1.5 } }",
    };
    Server *s = server_new();

    expect_ok(s->client, "{'execute': 'qmp_capabilities'}");
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        static const char *const commands[] = { "query-status", "no-such" };

        for (int error = 0; error < 2; error++) {
            g_autofree char *text = g_strdup_printf(
                "{'execute': '%s', 'id': %s}", commands[error], ids[i]);
            json_object *wanted = json_tokener_parse(ids[i]);
            json_object *obj, *id;

            ask(s->client, text);
            obj = reply(s->client);
            g_assert_true(json_object_object_get_ex(obj, "id", &id));
            g_assert_true(json_object_equal(id, wanted));
            json_object_put(wanted);
            json_object_put(obj);
        }
    }
    server_free(s);
}

static void test_errors(void)
{
    static const struct {
        const char *text, *class, *word;
    } cases[] = {
        { "{'execute': 'no-such'}", "CommandNotFound", "no-such" },
        { "{'execute': 7}", "GenericError", "execute" },
        { "{'exequte': 'stop'}", "GenericError", "exequte" },
        { "{}", "GenericError", "execute" },
        { "[]", "GenericError", "" },
        { "7", "GenericError", "" },
        { "'text'", "GenericError", "" },
        { "null", "GenericError", "" },
        { "{'execute': 'stop', 'arguments': 7}", "GenericError",
          "arguments" },
        { "{'execute': 'stop', 'arguments': {'x': 1}}", "GenericError", "x" },
        { "{'execute': 'stop', 'more': 1}", "GenericError", "more" },
        { "{'execute': 'pmemsave'}", "GenericError", "val" },
        { "{'execute': 'pmemsave', 'arguments': {'val': 'x', 'size': 1, "
          "'filename': 'y'}}", "GenericError", "val" },
        { "{'execute': 'closefd', 'arguments': {'fdname': 'x'}}",
          "GenericError", "File descriptor named 'x' not found" },
        { "{'execute': 'getfd', 'arguments': {'fdname': 'x'}}",
          "GenericError", "file descriptor" },
        { "{'execute': 'add-fd'}", "GenericError", "file descriptor" },
        { "{'execute': 'remove-fd', 'arguments': {'fdset-id': 9}}",
          "GenericError", "" },
        { "{'execute': 'object-del', 'arguments': {'id': 'nobody'}}",
          "GenericError", "nobody" },
        { "{'execute': 'object-add', 'arguments': {'qom-type': 'cat', "
          "'id': 'tom'}}", "GenericError", "cat" },
        { "{'execute': 'qom-get', 'arguments': {'path': '/nowhere', "
          "'property': 'x'}}", "DeviceNotFound", "nowhere" },
    };
    Server *s = server_new();

    expect_ok(s->client, "{'execute': 'qmp_capabilities'}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect_error(s->client, cases[i].text, cases[i].class,
                     cases[i].word);
        expect_ok(s->client, "{'execute': 'query-status'}");
    }
    server_free(s);
}

/* After bad JSON the next line is read as if nothing had been. */
static void test_bad_json(void)
{
    static const char *const texts[] = {
        "{'execute': 'stop'", "{]", "{'a' 'b'}", "{'execute' : : 1}", "}",
        "]", "nonsense", "{'execute': 'query-status',}", "\x01", "{'a': 01}",
        "{'a': 'unfinished}", "{'a': '\\q'}",
    };
    Server *s = server_new();

    expect_ok(s->client, "{'execute': 'qmp_capabilities'}");
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        bool back = false;

        ask(s->client, texts[i]);
        /* 0xff cannot be in JSON: clients use it to start over. */
        g_assert_true(qtest_client_send(s->client, "\xff\n", 2));
        ask(s->client, "{'execute': 'query-name', 'id': 'mark'}");
        for (int errors = 0; !back && errors < 20; errors++) {
            json_object *obj = reply(s->client);

            back = json_object_object_get_ex(obj, "return", NULL);
            json_object_put(obj);
        }
        g_assert_true(back);
    }
    server_free(s);
}

static void assert_others_answer(Server *s)
{
    gint64 start_us = g_get_monotonic_time();

    qtest_qmp_ok(s->qts, "{'execute': 'query-status'}");
    g_assert_cmpint(g_get_monotonic_time() - start_us, <,
                    5 * G_TIME_SPAN_SECOND);
}

/* Memory that the process has of its own, in KiB. */
static uint64_t anonymous_kib(QTest *qts)
{
    g_autofree char *path =
        g_strdup_printf("/proc/%d/status", qtest_pid(qts));
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_ascii_strtoull(strstr(text, "RssAnon:") + 8, NULL, 10);
}

/*
 * @head, then 10 MB of @unit. The server may hang up; if not, it has said
 * that something is wrong.
 */
static void flood(const char *head, const char *unit)
{
    Server *s = server_new();
    g_autoptr(GString) block = g_string_new(NULL);
    bool open = qtest_client_puts(s->client, "{'execute': "
                                  "'qmp_capabilities'}\n");
    gsize sent = 0;

    json_object_put(reply(s->client));
    while (block->len < 60000) {
        g_string_append(block, unit);
    }
    open = open && qtest_client_puts(s->client, head);
    while (open && sent < 10000000) {
        open = qtest_client_send(s->client, block->str, block->len);
        sent += block->len;
        if (sent % 1200000 < 60000) {
            assert_others_answer(s);
        }
    }
    g_assert_cmpuint(anonymous_kib(s->qts), <, 200000);
    if (open) {
        g_autofree char *line = qtest_client_line(s->client);

        if (line) {
            g_assert_nonnull(strstr(line, "\"error\""));
        }
    }
    qtest_client_free(s->client);
    assert_others_answer(s);
    /* And it takes the next client. */
    s->client = greeted(s);
    expect_ok(s->client, "{'execute': 'qmp_capabilities'}");
    server_free(s);
}

static void test_flood_letters(void)
{
    flood("", "garbage ");
}

/*
 * Letters without an end: the answer comes while they come, once, and the
 * next line is a command again.
 */
static void test_flood_word(void)
{
    Server *s = server_new();
    g_autofree char *word = g_strnfill(64 * 1024, 'x');

    expect_ok(s->client, "{'execute': 'qmp_capabilities'}");
    g_assert_true(qtest_client_puts(s->client, word));
    check_error(s->client, word, "GenericError", "1024 characters");
    for (int i = 0; i < 10000000; i += 64 * 1024) {
        g_assert_true(qtest_client_puts(s->client, word));
    }
    assert_others_answer(s);
    g_assert_cmpuint(anonymous_kib(s->qts), <, 100000);
    expect_ok(s->client, "\n{'execute': 'query-status'}");
    server_free(s);
}

static void test_flood_nesting(void)
{
    flood("{'execute': 'stop', 'arguments': {'x': ", "[[[[[[[[[[");
}

static void test_flood_objects(void)
{
    flood("", "{\"a\":");
}

/* Many commands whose replies nobody reads must not pile up for ever. */
static void test_unread_replies(void)
{
    Server *s = server_new();
    static const char command[] = "{\"execute\": \"query-qmp-schema\"}\n";

    expect_ok(s->client, "{'execute': 'qmp_capabilities'}");
    for (int i = 0; i < 20; i++) {
        g_assert_true(qtest_client_send(s->client, command,
                                        strlen(command)));
    }
    assert_others_answer(s);
    for (int i = 0; i < 20; i++) {
        json_object *obj = reply(s->client);

        g_assert_true(json_object_object_get_ex(obj, "return", NULL));
        json_object_put(obj);
    }
    server_free(s);
}

static void test_half_command(void)
{
    static const char *const texts[] = {
        "", "{", "{'execute': 'qu", "{'execute': 'query-status'",
        "{'execute': 'query-qmp-schema'}\n", "\"",
    };
    Server *s = server_new();

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
            if (round) {
                expect_ok(s->client, "{'execute': 'qmp_capabilities'}");
            }
            g_assert_true(qtest_client_puts(s->client, texts[i]));
            qtest_client_free(s->client);
            assert_others_answer(s);
            s->client = greeted(s);
        }
    }
    server_free(s);
}

/* Two servers, two clients: replies and events go where they belong. */
static void test_two_clients(void)
{
    Server *s = server_new();
    g_autofree char *path = g_strconcat(s->socket, "2", NULL);
    char *first = s->socket;
    QTestClient *other;

    s->socket = path;
    other = greeted(s);
    s->socket = first;
    expect_ok(s->client, "{'execute': 'qmp_capabilities'}");
    /* Not negotiated: commands are refused, events not sent. */
    expect_error(other, "{'execute': 'query-status'}", "CommandNotFound",
                 "");
    expect_ok(other, "{'execute': 'qmp_capabilities'}");
    for (int i = 0; i < 50; i++) {
        QTestClient *const both[2] = { s->client, other };

        for (int k = 0; k < 2; k++) {
            g_autofree char *text = g_strdup_printf(
                "{'execute': 'query-status', 'id': 'c%d-%d'}", k, i);

            ask(both[k], text);
        }
        for (int k = 0; k < 2; k++) {
            g_autofree char *wanted = g_strdup_printf("c%d-%d", k, i);
            json_object *obj = reply(both[k]);

            g_assert_cmpstr(json_object_get_string(
                                json_object_object_get(obj, "id")), ==,
                            wanted);
            json_object_put(obj);
        }
    }
    qtest_client_free(other);
    unlink(path);
    server_free(s);
}

/* Out of band or in it, each command gets its own reply, once. */
static void test_oob(void)
{
    Server *s = server_new();
    bool seen_oob = false;

    expect_ok(s->client, "{'execute': 'qmp_capabilities', 'arguments': "
              "{'enable': ['oob']}}");
    expect_error(s->client, "{'exec-oob': 'query-status', 'id': 1}",
                 "GenericError", "query-status");
    for (int i = 0; i < 8; i++) {
        ask(s->client, "{'execute': 'query-qmp-schema', 'id': 'long'}");
    }
    ask(s->client, "{'exec-oob': 'yank', 'arguments': {'instances': []}, "
        "'id': 'oob'}");
    for (int i = 0; i < 9; i++) {
        json_object *obj = reply(s->client);
        const char *id =
            json_object_get_string(json_object_object_get(obj, "id"));

        g_assert_true(json_object_object_get_ex(obj, "return", NULL));
        if (g_str_equal(id, "oob")) {
            g_assert_false(seen_oob);
            seen_oob = true;
        }
        json_object_put(obj);
    }
    g_assert_true(seen_oob);
    server_free(s);
}

typedef struct LongCommand {
    QTest *qts;
    bool done; /* [atomic] */
} LongCommand;

static void *run_long_command(void *opaque)
{
    LongCommand *command = opaque;
    g_autofree char *digits = g_strnfill(2 * 8192, 'a');

    g_free(qtest_command(command->qts, "write 0x1000 0x2000 0x%s", digits));
    qatomic_set(&command->done, true);
    return NULL;
}

/* Reads what there is; true if it was something. */
static bool drain(int fd)
{
    char buf[65536];

    return read(fd, buf, sizeof(buf)) > 0;
}

/*
 * A qtest log into a pipe of one page that nobody reads holds the main loop
 * up for as long as we want; an out-of-band command is answered meanwhile.
 */
static void test_oob_busy(void)
{
    g_autofree char *dir = qtest_folder_new();
    g_autofree char *socket_path = g_build_filename(dir, "q", NULL);
    g_autofree char *pipe_path = g_build_filename(dir, "pipe", NULL);
    g_autofree char *spec =
        g_strdup_printf("unix:%s,server=on,wait=off", socket_path);
    const char *const args[] = { "-machine", "none", "-m", "16",
                                 "-qmp", spec, "-qtest-log", pipe_path,
                                 NULL };
    LongCommand command = { 0 };
    Server s = { .socket = socket_path };
    QTestClient *busy;
    GThread *thread;
    int reader, queued = 0;
    json_object *obj;

    g_assert_cmpint(mkfifo(pipe_path, 0600), ==, 0);
    /* For writing too, so that it has no end before the emulator opens it. */
    reader = open(pipe_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    g_assert_cmpint(reader, >=, 0);
    command.qts = qtest_start(qtest_binary(""), dir, "oob", args);
    busy = greeted(&s);
    expect_ok(busy, "{'execute': 'qmp_capabilities', 'arguments': "
              "{'enable': ['oob']}}");
    /* What came before is in the pipe once this is answered. */
    qtest_readb(command.qts, 0);
    while (drain(reader)) {
    }
    g_assert_cmpint(fcntl(reader, F_SETPIPE_SZ, 4096), ==, 4096);
    thread = g_thread_new("long", run_long_command, &command);
    while (!queued) {
        g_assert_cmpint(ioctl(reader, FIONREAD, &queued), ==, 0);
    }
    /* The rest of the line does not fit. */
    ask(busy, "{'execute': 'query-name', 'id': 'slow'}");
    ask(busy, "{'exec-oob': 'yank', 'arguments': {'instances': []}, "
        "'id': 'quick'}");
    obj = reply(busy);
    g_assert_cmpstr(json_object_get_string(json_object_object_get(obj, "id")),
                    ==, "quick");
    g_assert_true(json_object_object_get_ex(obj, "return", NULL));
    json_object_put(obj);
    g_assert_false(qatomic_read(&command.done));
    while (!qatomic_read(&command.done)) {
        drain(reader);
    }
    g_thread_join(thread);
    obj = reply(busy);
    g_assert_cmpstr(json_object_get_string(json_object_object_get(obj, "id")),
                    ==, "slow");
    json_object_put(obj);
    qtest_client_free(busy);
    qtest_quit(command.qts);
    close(reader);
    qtest_folder_free(g_steal_pointer(&dir));
}

static void test_descriptors(void)
{
    Server *s = server_new();
    int fds[2];
    json_object *obj, *value;

    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    for (int i = 0; i < 3; i++) {
        /* A second one of the same name takes its place. */
        obj = qtest_qmp_fd(s->qts, fds[1], "{'execute': 'getfd', "
                           "'arguments': {'fdname': 'p'}}");
        g_assert_true(json_object_object_get_ex(obj, "return", NULL));
        json_object_put(obj);
    }
    qtest_qmp_ok(s->qts, "{'execute': 'closefd', 'arguments': "
                 "{'fdname': 'p'}}");
    {
        g_autofree char *error = qtest_qmp_error(
            s->qts, "{'execute': 'closefd', 'arguments': {'fdname': 'p'}}");

        g_assert_cmpstr(error, ==, "File descriptor named 'p' not found");
    }
    obj = qtest_qmp_fd(s->qts, fds[1], "{'execute': 'add-fd', 'arguments': "
                       "{'fdset-id': 1, 'opaque': 'mine'}}");
    g_assert_true(json_object_object_get_ex(obj, "return", &value));
    g_assert_cmpint(json_object_get_int(
                        json_object_object_get(value, "fdset-id")), ==, 1);
    json_object_put(obj);
    obj = qtest_qmp_return(s->qts, "{'execute': 'query-fdsets'}");
    g_assert_cmpint((int)json_object_array_length(obj), ==, 1);
    json_object_put(obj);
    qtest_qmp_ok(s->qts, "{'execute': 'remove-fd', 'arguments': "
                 "{'fdset-id': 1}}");
    obj = qtest_qmp_return(s->qts, "{'execute': 'query-fdsets'}");
    g_assert_cmpint((int)json_object_array_length(obj), ==, 0);
    json_object_put(obj);
    /* All copies are closed: the pipe ends. */
    close(fds[1]);
    {
        char c;

        g_assert_cmpint(read(fds[0], &c, 1), ==, 0);
    }
    close(fds[0]);
    server_free(s);
}

/* All commands that are listed are described, and the other way round. */
static void test_schema(void)
{
    Server *s = server_new();
    json_object *commands =
        qtest_qmp_return(s->qts, "{'execute': 'query-commands'}");
    json_object *schema =
        qtest_qmp_return(s->qts, "{'execute': 'query-qmp-schema'}");
    size_t described = 0;

    for (size_t i = 0; i < json_object_array_length(schema); i++) {
        json_object *entry = json_object_array_get_idx(schema, i);
        const char *meta = json_object_get_string(
            json_object_object_get(entry, "meta-type"));

        g_assert_true(json_object_object_get_ex(entry, "name", NULL));
        described += g_str_equal(meta, "command");
    }
    g_assert_cmpuint(described, ==, json_object_array_length(commands));
    json_object_put(commands);
    json_object_put(schema);
    server_free(s);
}

static void test_quit(void)
{
    g_autofree char *dir = qtest_folder_new();
    const char *const args[] = { "-machine", "none", NULL };
    QTest *qts = qtest_start(qtest_binary(""), dir, "quit", args);

    qtest_qmp_ok(qts, "{'execute': 'quit'}");
    json_object_put(qtest_wait_event(qts, "SHUTDOWN"));
    qtest_wait_exit(qts, 0);
    qtest_folder_free(g_steal_pointer(&dir));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/qmp/negotiation", test_negotiation);
    g_test_add_func("/qmp/ids", test_ids);
    g_test_add_func("/qmp/errors", test_errors);
    g_test_add_func("/qmp/bad-json", test_bad_json);
    g_test_add_func("/qmp/flood/letters", test_flood_letters);
    g_test_add_func("/qmp/flood/word", test_flood_word);
    g_test_add_func("/qmp/flood/nesting", test_flood_nesting);
    g_test_add_func("/qmp/flood/objects", test_flood_objects);
    g_test_add_func("/qmp/unread-replies", test_unread_replies);
    g_test_add_func("/qmp/half-command", test_half_command);
    g_test_add_func("/qmp/two-clients", test_two_clients);
    g_test_add_func("/qmp/oob", test_oob);
    g_test_add_func("/qmp/oob-busy", test_oob_busy);
    g_test_add_func("/qmp/descriptors", test_descriptors);
    g_test_add_func("/qmp/schema", test_schema);
    g_test_add_func("/qmp/quit", test_quit);
    return g_test_run();
}
