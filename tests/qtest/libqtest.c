/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An emulator process as a test sees it. */
#include "qemu/osdep.h"
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "libqtest.h"

/* A line-oriented socket. */
typedef struct LineSocket {
    int fd;
    GString *in;
} LineSocket;

struct QTest {
    char *name;
    char *stderr_path;
    pid_t pid;
    LineSocket qmp;
    LineSocket qtest;
    GPtrArray *events; /* json_object *, all of them */
    guint events_taken;
};

static bool qtest_logs(void)
{
    return g_getenv("QTEST_LOG") != NULL;
}

static void line_socket_listen(LineSocket *s, const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    g_assert_cmpuint(strlen(path), <, sizeof(addr.sun_path));
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    unlink(path);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(s->fd, >=, 0);
    g_assert_cmpint(bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)), ==,
                    0);
    g_assert_cmpint(listen(s->fd, 1), ==, 0);
    s->in = g_string_new(NULL);
}

/* Waits for input; aborts with the emulator's name when none comes. */
static void line_socket_poll(QTest *qts, int fd)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    for (int tenths = 0; tenths < QTEST_TIMEOUT_S * 10; tenths++) {
        bool ended = qtest_ended(qts);

        /* What it sent before it ended is still there to be read. */
        if (RETRY_ON_EINTR(poll(&pfd, 1, ended ? 0 : 100)) == 1) {
            return;
        }
        if (ended) {
            g_autofree char *err = qtest_stderr(qts);

            g_error("%s has ended; it said: %s", qts->name, err);
        }
    }
    g_error("%s: no answer in %d s", qts->name, QTEST_TIMEOUT_S);
}

static void line_socket_accept(QTest *qts, LineSocket *s)
{
    int listener = s->fd;

    line_socket_poll(qts, listener);
    s->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(s->fd, >=, 0);
    close(listener);
}

/* The next line without its end; g_free(). */
static char *line_socket_read(QTest *qts, LineSocket *s)
{
    char buf[4096];

    for (;;) {
        char *end = memchr(s->in->str, '\n', s->in->len);
        ssize_t n;

        if (end) {
            char *line = g_strndup(s->in->str, (gsize)(end - s->in->str));

            g_string_erase(s->in, 0, end - s->in->str + 1);
            return line;
        }
        line_socket_poll(qts, s->fd);
        n = RETRY_ON_EINTR(read(s->fd, buf, sizeof(buf)));
        if (n <= 0) {
            g_autofree char *err = qtest_stderr(qts);

            g_error("%s closed its connection; it said: %s", qts->name, err);
        }
        g_string_append_len(s->in, buf, n);
    }
}

static void line_socket_write(QTest *qts, LineSocket *s, const char *text,
                              int fd_to_pass)
{
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec iov = { .iov_base = (void *)text, .iov_len = strlen(text) };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (fd_to_pass >= 0) {
        struct cmsghdr *cmsg;

        msg.msg_control = control;
        msg.msg_controllen = sizeof(control);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd_to_pass, sizeof(int));
    }
    while (iov.iov_len) {
        ssize_t n = RETRY_ON_EINTR(sendmsg(s->fd, &msg, MSG_NOSIGNAL));

        if (n < 0) {
            g_error("%s: cannot write: %s", qts->name, g_strerror(errno));
        }
        iov.iov_base = (char *)iov.iov_base + n;
        iov.iov_len -= (size_t)n;
        msg.msg_control = NULL;
        msg.msg_controllen = 0;
    }
}

/* --- The process --------------------------------------------------------- */

static void child_setup(gpointer opaque)
{
    int fd = open(opaque, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    dup2(fd, 1);
    dup2(fd, 2);
    /* A test that aborts leaves nothing behind. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

char *qtest_run(const char *const *argv, int *status)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) gerr = NULL;
    g_autofree char *command = g_strjoinv(" ", (char **)argv);
    gint64 deadline;
    char *output = NULL;
    GPid pid;
    int wait_status;
    int fd = g_file_open_tmp("qtest-run-XXXXXX", &path, &gerr);

    g_assert_no_error(gerr);
    close(fd);
    if (!g_spawn_async(NULL, (char **)argv, NULL,
                       G_SPAWN_DO_NOT_REAP_CHILD, child_setup, path, &pid,
                       &gerr)) {
        g_error("cannot start %s: %s", argv[0], gerr->message);
    }
    deadline = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    while (waitpid(pid, &wait_status, WNOHANG) == 0) {
        if (g_get_monotonic_time() > deadline) {
            kill(pid, SIGKILL);
            waitpid(pid, &wait_status, 0);
            g_file_get_contents(path, &output, NULL, NULL);
            g_error("did not end by itself: %s: %s", command, output);
        }
        g_usleep(1000);
    }
    *status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
                                     : -WTERMSIG(wait_status);
    g_file_get_contents(path, &output, NULL, NULL);
    unlink(path);
    return output;
}

bool qtest_binary_is_ours(const char *binary)
{
    const char *const argv[] = { binary, "--version", NULL };
    int status;
    g_autofree char *text = qtest_run(argv, &status);

    return strstr(text, "Lighter") != NULL;
}

const char *qtest_binary(const char *side)
{
    g_autofree char *name = g_strconcat("QTEST_QEMU_BINARY", side, NULL);
    const char *binary = g_getenv(name);

    if (!binary) {
        binary = g_getenv("QTEST_QEMU_BINARY");
    }
    if (!binary) {
        g_error("set QTEST_QEMU_BINARY to the emulator to test");
    }
    return binary;
}

static void event_free(gpointer event)
{
    json_object_put(event);
}

QTest *qtest_start(const char *binary, const char *dir, const char *name,
                   const char *const *args)
{
    QTest *qts = g_new0(QTest, 1);
    g_autofree char *qmp_path = g_strdup_printf("%s/%s.qmp", dir, name);
    g_autofree char *qtest_path = g_strdup_printf("%s/%s.qtest", dir, name);
    g_autofree char *chardev =
        g_strdup_printf("socket,path=%s,id=char0", qmp_path);
    g_autofree char *qtest_arg = g_strdup_printf("unix:%s", qtest_path);
    g_autofree char *name_arg = g_strdup_printf("%s,debug-threads=on", name);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const prefix[] = {
        binary, "-qtest", qtest_arg, "-qtest-log", "/dev/null", "-chardev",
        chardev, "-mon", "chardev=char0,mode=control", "-display", "none",
        "-audio", "none", "-name", name_arg, NULL
    };
    g_autoptr(GError) gerr = NULL;
    g_autofree char *greeting = NULL;
    g_autofree char *endianness = NULL;

    qts->name = g_strdup(name);
    qts->stderr_path = g_strdup_printf("%s/%s.stderr", dir, name);
    qts->events = g_ptr_array_new_with_free_func(event_free);
    line_socket_listen(&qts->qmp, qmp_path);
    line_socket_listen(&qts->qtest, qtest_path);
    for (const char *const *arg = prefix; *arg; arg++) {
        g_ptr_array_add(argv, (char *)*arg);
    }
    for (; *args; args++) {
        g_ptr_array_add(argv, (char *)*args);
    }
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_async(NULL, (char **)argv->pdata, NULL,
                       G_SPAWN_DO_NOT_REAP_CHILD |
                           G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                       child_setup, qts->stderr_path, &qts->pid, &gerr)) {
        g_error("cannot start %s: %s", binary, gerr->message);
    }
    line_socket_accept(qts, &qts->qtest);
    line_socket_accept(qts, &qts->qmp);
    greeting = line_socket_read(qts, &qts->qmp);
    g_assert_nonnull(strstr(greeting, "\"QMP\""));
    qtest_qmp_ok(qts, "{'execute': 'qmp_capabilities'}");
    endianness = qtest_command(qts, "endianness");
    g_assert_cmpstr(endianness, ==, "little");
    return qts;
}

/* An exit status may be the expected one all the same. */
static void check_sanitizers(QTest *qts)
{
    g_autofree char *err = qtest_stderr(qts);

    if (strstr(err, "Sanitizer:") || strstr(err, ": runtime error:")) {
        g_error("%s: %s", qts->name, err);
    }
}

static void qtest_free(QTest *qts)
{
    check_sanitizers(qts);
    close(qts->qmp.fd);
    close(qts->qtest.fd);
    g_string_free(qts->qmp.in, TRUE);
    g_string_free(qts->qtest.in, TRUE);
    g_ptr_array_unref(qts->events);
    g_free(qts->stderr_path);
    g_free(qts->name);
    g_free(qts);
}

static void qtest_reap(QTest *qts, int expected_status)
{
    gint64 deadline = g_get_monotonic_time() +
                      QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;
    int status;
    pid_t pid;

    while ((pid = waitpid(qts->pid, &status, WNOHANG)) == 0) {
        if (g_get_monotonic_time() > deadline) {
            kill(qts->pid, SIGKILL);
            g_error("%s did not end in %d s", qts->name, QTEST_TIMEOUT_S);
        }
        g_usleep(2000);
    }
    g_assert_cmpint(pid, ==, qts->pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != expected_status) {
        g_autofree char *err = qtest_stderr(qts);

        g_error("%s ended with status 0x%x; it said: %s", qts->name, status,
                err);
    }
}

bool qtest_ended(const QTest *qts)
{
    siginfo_t info = { 0 };

    g_assert_cmpint(waitid(P_PID, (id_t)qts->pid, &info,
                           WEXITED | WNOHANG | WNOWAIT), ==, 0);
    return info.si_pid != 0;
}

void qtest_quit(QTest *qts)
{
    kill(qts->pid, SIGTERM);
    qtest_reap(qts, 0);
    qtest_free(qts);
}

void qtest_wait_exit(QTest *qts, int expected_status)
{
    qtest_reap(qts, expected_status);
    qtest_free(qts);
}

void qtest_kill(QTest *qts)
{
    int status;

    kill(qts->pid, SIGKILL);
    RETRY_ON_EINTR(waitpid(qts->pid, &status, 0));
    qtest_free(qts);
}

int qtest_pid(const QTest *qts)
{
    return qts->pid;
}

char *qtest_stderr(const QTest *qts)
{
    char *text = NULL;

    g_file_get_contents(qts->stderr_path, &text, NULL, NULL);
    return text ? text : g_strdup("");
}

/* --- QMP ----------------------------------------------------------------- */

static struct json_object *qtest_read_qmp(QTest *qts)
{
    g_autofree char *line = line_socket_read(qts, &qts->qmp);
    struct json_object *obj = json_tokener_parse(line);

    if (!obj) {
        g_error("%s: not JSON: %s", qts->name, line);
    }
    if (qtest_logs()) {
        fprintf(stderr, "# %s <- %s\n", qts->name, line);
    }
    return obj;
}

static struct json_object *qtest_qmp_va(QTest *qts, int fd, const char *fmt,
                                        va_list ap)
{
    g_autofree char *request = g_strdup_vprintf(fmt, ap);
    g_autofree char *line = NULL;

    /* Requests are written with single quotes, for reading's sake. */
    g_strdelimit(request, "'", '"');
    line = g_strconcat(request, "\n", NULL);
    if (qtest_logs()) {
        fprintf(stderr, "# %s -> %s\n", qts->name, request);
    }
    line_socket_write(qts, &qts->qmp, line, fd);
    for (;;) {
        struct json_object *reply = qtest_read_qmp(qts);

        if (!json_object_object_get_ex(reply, "event", NULL)) {
            return reply;
        }
        g_ptr_array_add(qts->events, reply);
    }
}

struct json_object *qtest_qmp(QTest *qts, const char *fmt, ...)
{
    struct json_object *reply;
    va_list ap;

    va_start(ap, fmt);
    reply = qtest_qmp_va(qts, -1, fmt, ap);
    va_end(ap);
    return reply;
}

struct json_object *qtest_qmp_fd(QTest *qts, int fd, const char *fmt, ...)
{
    struct json_object *reply;
    va_list ap;

    va_start(ap, fmt);
    reply = qtest_qmp_va(qts, fd, fmt, ap);
    va_end(ap);
    return reply;
}

/* @reply's "return"; takes @reply over. */
static struct json_object *reply_return(QTest *qts, struct json_object *reply)
{
    struct json_object *value;

    if (!json_object_object_get_ex(reply, "return", &value)) {
        g_error("%s: unexpected reply: %s", qts->name,
                json_object_to_json_string(reply));
    }
    json_object_get(value);
    json_object_put(reply);
    return value;
}

struct json_object *qtest_qmp_return(QTest *qts, const char *fmt, ...)
{
    struct json_object *reply;
    va_list ap;

    va_start(ap, fmt);
    reply = qtest_qmp_va(qts, -1, fmt, ap);
    va_end(ap);
    return reply_return(qts, reply);
}

void qtest_qmp_ok(QTest *qts, const char *fmt, ...)
{
    struct json_object *reply;
    va_list ap;

    va_start(ap, fmt);
    reply = qtest_qmp_va(qts, -1, fmt, ap);
    va_end(ap);
    json_object_put(reply_return(qts, reply));
}

char *qtest_qmp_error(QTest *qts, const char *fmt, ...)
{
    struct json_object *reply, *error, *desc;
    va_list ap;
    char *text;

    va_start(ap, fmt);
    reply = qtest_qmp_va(qts, -1, fmt, ap);
    va_end(ap);
    if (!json_object_object_get_ex(reply, "error", &error) ||
        !json_object_object_get_ex(error, "desc", &desc)) {
        g_error("%s: not the expected error: %s", qts->name,
                json_object_to_json_string(reply));
    }
    text = g_strdup(json_object_get_string(desc));
    json_object_put(reply);
    return text;
}

static const char *event_name(struct json_object *event)
{
    return json_object_get_string(json_object_object_get(event, "event"));
}

struct json_object *qtest_wait_event(QTest *qts, const char *name)
{
    for (;;) {
        while (qts->events_taken < qts->events->len) {
            struct json_object *event =
                g_ptr_array_index(qts->events, qts->events_taken++);

            if (g_str_equal(event_name(event), name)) {
                return json_object_get(event);
            }
        }
        g_ptr_array_add(qts->events, qtest_read_qmp(qts));
    }
}

int64_t qtest_event_time_us(const QTest *qts, const char *name)
{
    for (guint i = qts->events->len; i > 0; i--) {
        struct json_object *event = g_ptr_array_index(qts->events, i - 1);
        struct json_object *stamp;

        if (g_str_equal(event_name(event), name)) {
            stamp = json_object_object_get(event, "timestamp");
            return json_object_get_int64(
                       json_object_object_get(stamp, "seconds")) * 1000000 +
                   json_object_get_int64(
                       json_object_object_get(stamp, "microseconds"));
        }
    }
    g_error("%s has sent no event %s", qts->name, name);
}

char *qtest_event_history(const QTest *qts)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < qts->events->len; i++) {
        struct json_object *event = g_ptr_array_index(qts->events, i);
        struct json_object *data, *status;

        g_string_append_printf(out, "%s%s", i ? " " : "", event_name(event));
        if (json_object_object_get_ex(event, "data", &data) &&
            json_object_object_get_ex(data, "status", &status)) {
            g_string_append_printf(out, ":%s",
                                   json_object_get_string(status));
        }
    }
    return g_string_free(out, FALSE);
}

/* --- The qtest protocol -------------------------------------------------- */

char *qtest_command(QTest *qts, const char *fmt, ...)
{
    g_autofree char *command = NULL;
    g_autofree char *line = NULL;
    va_list ap;

    va_start(ap, fmt);
    command = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    line = g_strconcat(command, "\n", NULL);
    line_socket_write(qts, &qts->qtest, line, -1);
    for (;;) {
        g_autofree char *reply = line_socket_read(qts, &qts->qtest);

        if (g_str_has_prefix(reply, "IRQ ")) {
            continue;
        }
        if (!g_str_has_prefix(reply, "OK")) {
            g_error("%s: qtest command '%s': %s", qts->name, command, reply);
        }
        return g_strdup(reply[2] ? reply + 3 : "");
    }
}

static uint64_t qtest_read_number(QTest *qts, const char *command,
                                  uint64_t gpa)
{
    g_autofree char *text =
        qtest_command(qts, "%s 0x%" PRIx64, command, gpa);

    return g_ascii_strtoull(text, NULL, 16);
}

uint8_t qtest_readb(QTest *qts, uint64_t gpa)
{
    return (uint8_t)qtest_read_number(qts, "readb", gpa);
}

uint32_t qtest_readl(QTest *qts, uint64_t gpa)
{
    return (uint32_t)qtest_read_number(qts, "readl", gpa);
}

void qtest_writeb(QTest *qts, uint64_t gpa, uint8_t value)
{
    g_free(qtest_command(qts, "writeb 0x%" PRIx64 " 0x%x", gpa, value));
}

void qtest_writel(QTest *qts, uint64_t gpa, uint32_t value)
{
    g_free(qtest_command(qts, "writel 0x%" PRIx64 " 0x%x", gpa, value));
}

/* --- Connections of a test's own ----------------------------------------- */

struct QTestClient {
    int fd;
    GString *in;
};

QTestClient *qtest_client_new(int fd)
{
    const struct timeval timeout = { .tv_sec = 2 };
    QTestClient *client = g_new0(QTestClient, 1);

    client->fd = fd;
    client->in = g_string_new(NULL);
    /* A send that an emulator does not take in time fails. */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    return client;
}

QTestClient *qtest_client_connect(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    gint64 deadline =
        g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(strlen(path), <, sizeof(addr.sun_path));
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    while (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        if (g_get_monotonic_time() > deadline) {
            g_error("cannot connect to %s: %s", path, g_strerror(errno));
        }
        g_usleep(1000);
    }
    return qtest_client_new(fd);
}

bool qtest_client_send(QTestClient *client, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        ssize_t n = RETRY_ON_EINTR(send(client->fd, p, len, MSG_NOSIGNAL));

        if (n < 0) {
            return false;
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

bool qtest_client_puts(QTestClient *client, const char *text)
{
    g_autofree char *copy = g_strdup(text);

    g_strdelimit(copy, "'", '"');
    return qtest_client_send(client, copy, strlen(copy));
}

char *qtest_client_line(QTestClient *client)
{
    char buf[4096];

    for (;;) {
        char *end = memchr(client->in->str, '\n', client->in->len);
        struct pollfd pfd = { .fd = client->fd, .events = POLLIN };
        ssize_t n;

        if (end) {
            char *line = g_strndup(client->in->str,
                                   (gsize)(end - client->in->str));

            g_string_erase(client->in, 0, end - client->in->str + 1);
            g_strchomp(line);
            return line;
        }
        if (RETRY_ON_EINTR(poll(&pfd, 1, QTEST_TIMEOUT_S * 1000)) == 0) {
            g_error("no line in %d s, only: %s", QTEST_TIMEOUT_S,
                    client->in->str);
        }
        n = RETRY_ON_EINTR(read(client->fd, buf, sizeof(buf)));
        if (n <= 0) {
            return NULL;
        }
        g_string_append_len(client->in, buf, n);
    }
}

void qtest_client_free(QTestClient *client)
{
    close(client->fd);
    g_string_free(client->in, TRUE);
    g_free(client);
}

/* --- Files --------------------------------------------------------------- */

char *qtest_folder_new(void)
{
    g_autoptr(GError) gerr = NULL;
    char *dir = g_dir_make_tmp("qtest-XXXXXX", &gerr);

    g_assert_no_error(gerr);
    return dir;
}

void qtest_folder_free(char *dir)
{
    GDir *entries = g_dir_open(dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        unlink(path);
    }
    g_dir_close(entries);
    g_assert_cmpint(rmdir(dir), ==, 0);
    g_free(dir);
}

bool qtest_file_has(const char *path, const char *text)
{
    g_autofree char *data = NULL;
    gsize len;

    return g_file_get_contents(path, &data, &len, NULL) &&
           memmem(data, len, text, strlen(text));
}

void qtest_wait_file(const char *path, const char *text)
{
    gint64 deadline =
        g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;

    while (!qtest_file_has(path, text)) {
        if (g_get_monotonic_time() > deadline) {
            g_autofree char *data = NULL;

            g_file_get_contents(path, &data, NULL, NULL);
            g_error("'%s' does not turn up in %s: %.500s", text, path,
                    data ? data : "(no such file)");
        }
        g_usleep(2000);
    }
}

char *qtest_hmp(QTest *qts, const char *command)
{
    struct json_object *text = qtest_qmp_return(
        qts, "{'execute': 'human-monitor-command', 'arguments': "
        "{'command-line': '%s'}}", command);
    char *copy = g_strdup(json_object_get_string(text));

    json_object_put(text);
    return copy;
}
