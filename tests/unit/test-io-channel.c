/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels other than sockets, and the gate that other tests use. */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include <signal.h>
#include <sys/socket.h>
#include <glib/gstdio.h>
#include "channel-gate.h"
#include "io/channel-file.h"
#include "io/channel-socket.h"

#define PATIENCE_MS 20000

static char *tmp_dir;

static char *tmp_path(const char *name)
{
    return g_build_filename(tmp_dir, name, NULL);
}

static void check_error(Error *err, const char *text)
{
    g_assert_nonnull(err);
    if (!strstr(error_get_pretty(err), text)) {
        g_error("'%s' lacks '%s'", error_get_pretty(err), text);
    }
    error_free(err);
}

static void test_buffer(void)
{
    g_autoptr(QIOChannel) ioc = qio_channel_buffer_new(1000);
    struct iovec iov[] = { { (void *)"abc", 3 }, { NULL, 0 },
                           { (void *)"defg", 4 } };
    Error *err = NULL;
    char buf[16] = "";
    size_t len;

    g_assert_true(qio_channel_writev_all(ioc, iov, 3, &err));
    g_assert_cmpmem(qio_channel_buffer_data(ioc, &len), 7, "abcdefg", 7);
    g_assert_cmpuint(len, ==, 7);
    g_assert_cmpint(qio_channel_seek(ioc, 2, SEEK_SET, &err), ==, 2);
    g_assert_true(qio_channel_read_all(ioc, buf, 3, &err));
    g_assert_cmpstr(buf, ==, "cde");
    g_assert_true(qio_channel_pwrite_all(ioc, "Z", 1, 9, &err));
    g_assert_cmpmem(qio_channel_buffer_data(ioc, &len), 10, "abcdefg\0\0Z", 10);
    g_assert_false(qio_channel_read_all(ioc, buf, 6, &err));
    check_error(g_steal_pointer(&err), "ended after 5 of 6");
    g_assert_false(qio_channel_pwrite_all(ioc, "Z", 1, 1000, &err));
    check_error(g_steal_pointer(&err), "limit of 1000");
    g_assert_true(qio_channel_close(ioc, &err));
    g_assert_cmpint(qio_channel_read(ioc, buf, 1, &err), ==, -1);
    check_error(err, "closed");
}

static void test_file(void)
{
    g_autofree char *path = tmp_path("file");
    g_autofree char *fifo = tmp_path("fifo");
    Error *err = NULL;
    QIOChannel *ioc;
    char buf[8] = "";

    ioc = qio_channel_file_new_path(path, O_RDWR | O_CREAT | O_TRUNC, 0600,
                                    &err);
    g_assert_nonnull(ioc);
    g_assert_true(qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_SEEKABLE));
    g_assert_true(qio_channel_write_all(ioc, "hello", 5, &err));
    g_assert_true(qio_channel_pwrite_all(ioc, "J", 1, 0, &err));
    g_assert_cmpint(qio_channel_seek(ioc, 0, SEEK_SET, &err), ==, 0);
    g_assert_true(qio_channel_read_all(ioc, buf, 5, &err));
    g_assert_cmpstr(buf, ==, "Jello");
    g_assert_true(qio_channel_pread_all(ioc, buf, 2, 3, &err));
    g_assert_cmpmem(buf, 2, "lo", 2);
    g_assert_false(qio_channel_pread_all(ioc, buf, 4, 3, &err));
    check_error(g_steal_pointer(&err), "ends at offset 5");
    g_assert_false(qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, &err));
    check_error(g_steal_pointer(&err), "cannot be shut down");
    qio_channel_unref(ioc);

    g_assert_null(qio_channel_file_new_path("/nonexistent/x", O_RDONLY, 0,
                                            &err));
    check_error(g_steal_pointer(&err), "/nonexistent/x");
    g_assert_null(qio_channel_file_new_path(tmp_dir, O_RDONLY, 0, &err));
    check_error(g_steal_pointer(&err), "directory");
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_null(qio_channel_file_new_path(fifo, O_WRONLY, 0, &err));
    check_error(g_steal_pointer(&err), "exec:");
    g_assert_null(qio_channel_file_new_path(fifo, O_RDONLY, 0, &err));
    check_error(g_steal_pointer(&err), "not a regular file");
}

static void test_new_fd(void)
{
    Error *err = NULL;
    QIOChannel *ioc;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    ioc = qio_channel_new_fd(fds[0], &err);
    g_assert_cmpstr(ioc->ops->type, ==, "pipe");
    g_assert_false(qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_DUPLEX));
    /* The other end keeps its own mode. */
    g_assert_cmpint(fcntl(fds[1], F_GETFL) & O_NONBLOCK, ==, 0);
    g_assert_false(qio_channel_write_all(ioc, "x", 1, &err));
    check_error(g_steal_pointer(&err), "not open for writing");
    qio_channel_unref(ioc);
    close(fds[1]);

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    ioc = qio_channel_new_fd(fds[0], &err);
    g_assert_cmpstr(ioc->ops->type, ==, "socket");
    g_assert_true(qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_DUPLEX));
    qio_channel_unref(ioc);
    close(fds[1]);

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), ==, 0);
    g_assert_null(qio_channel_new_fd(fds[0], &err));
    check_error(g_steal_pointer(&err), "not a stream socket");
    close(fds[1]);

    fds[0] = open("/proc/self/exe", O_RDONLY);
    ioc = qio_channel_new_fd(fds[0], &err);
    g_assert_cmpstr(ioc->ops->type, ==, "file");
    qio_channel_unref(ioc);

    g_assert_null(qio_channel_new_fd(987654, &err));
    check_error(err, "987654");
}

static void *read_thread(void *opaque)
{
    char c;

    return GINT_TO_POINTER((int)qio_channel_read(opaque, &c, 1, NULL));
}

static void *write_thread(void *opaque)
{
    static const char block[65536];
    int writes = 0;

    while (writes < 1000 &&
           qio_channel_write_all(opaque, block, sizeof(block), NULL)) {
        writes++;
    }
    return GINT_TO_POINTER(writes);
}

/* A thread in a read or a write comes back when another shuts it down. */
static void test_pipe_shutdown(void)
{
    Error *err = NULL;
    QIOChannel *r, *w;
    GThread *thread;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    r = qio_channel_new_fd(fds[0], &err);
    w = qio_channel_new_fd(fds[1], &err);
    thread = g_thread_new("read", read_thread, r);
    g_assert_true(qio_channel_shutdown(r, QIO_CHANNEL_SHUTDOWN_BOTH, &err));
    g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);
    g_assert_false(qio_channel_write_all(w, "x", 1, &err));
    g_assert_cmpint(error_get_errno(err), ==, EPIPE);
    g_clear_pointer(&err, error_free);
    qio_channel_unref(r);
    qio_channel_unref(w);

    g_assert_cmpint(pipe(fds), ==, 0);
    r = qio_channel_new_fd(fds[0], &err);
    w = qio_channel_new_fd(fds[1], &err);
    thread = g_thread_new("write", write_thread, w);
    qio_channel_wait(r, G_IO_IN);
    g_assert_true(qio_channel_shutdown(w, QIO_CHANNEL_SHUTDOWN_WRITE, &err));
    g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), <, 1000);
    qio_channel_unref(r);
    qio_channel_unref(w);
}

static void test_command(void)
{
    g_autofree char *path = tmp_path("cmd-out");
    g_autofree char *cmd = g_strdup_printf("cat > '%s'", path);
    g_autofree char *text = NULL;
    Error *err = NULL;
    QIOChannel *ioc;
    char buf[8] = "";

    ioc = qio_channel_command_new(cmd, O_WRONLY, &err);
    g_assert_true(qio_channel_write_all(ioc, "data", 4, &err));
    g_assert_true(qio_channel_close(ioc, &err));
    qio_channel_unref(ioc);
    /* Close has waited. */
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "data");

    ioc = qio_channel_command_new("tr a-z A-Z", O_RDWR, &err);
    g_assert_true(qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_DUPLEX));
    g_assert_true(qio_channel_write_all(ioc, "up", 2, &err));
    g_assert_true(qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_WRITE, &err));
    g_assert_true(qio_channel_read_all(ioc, buf, 2, &err));
    g_assert_cmpstr(buf, ==, "UP");
    g_assert_cmpint(qio_channel_read(ioc, buf, 1, &err), ==, 0);
    g_assert_true(qio_channel_close(ioc, &err));
    qio_channel_unref(ioc);

    ioc = qio_channel_command_new("cat >/dev/null; exit 3", O_WRONLY, &err);
    g_assert_false(qio_channel_close(ioc, &err));
    check_error(g_steal_pointer(&err), "'cat >/dev/null; exit 3' failed with "
                                       "exit status 3");
    qio_channel_unref(ioc);
    ioc = qio_channel_command_new("kill -9 $$", O_RDONLY, &err);
    g_assert_false(qio_channel_close(ioc, &err));
    check_error(g_steal_pointer(&err), "killed by signal 9");
    qio_channel_unref(ioc);

    /* A reader may stop before the command has written all. */
    ioc = qio_channel_command_new("exec cat /dev/zero", O_RDONLY, &err);
    g_assert_true(qio_channel_read_all(ioc, buf, 1, &err));
    g_assert_true(qio_channel_close(ioc, &err));
    qio_channel_unref(ioc);
}

/* A pipe breaks because a command failed: the command is named, not the pipe. */
static void test_command_fails(void)
{
    static const struct {
        const char *command;
        const char *error;
    } writes[] = {
        { "exit 7", "command 'exit 7' failed with exit status 7" },
        { "kill -9 $$", "was killed by signal 9" },
        { "exit 0", "ended without an error before it had read everything" },
    };
    g_autofree char *zeros = g_malloc0(1 * MiB);
    QIOChannel *ioc;
    Error *err = NULL;
    char buf[8];

    for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
        ioc = qio_channel_command_new(writes[i].command, O_WRONLY, NULL);
        g_assert_nonnull(ioc);
        /* More than a pipe holds. */
        g_assert_false(qio_channel_write_all(ioc, zeros, 1 * MiB, &err));
        check_error(g_steal_pointer(&err), writes[i].error);
        /* The status is still there. */
        g_assert_cmpint(qio_channel_close(ioc, &err), ==, i == 2);
        g_assert_cmpint(err != NULL, ==, i != 2);
        error_free(g_steal_pointer(&err));
        qio_channel_unref(ioc);
    }

    ioc = qio_channel_command_new("echo hi; exit 4", O_RDONLY, NULL);
    g_assert_true(qio_channel_read_all(ioc, buf, 3, NULL));
    g_assert_cmpint(qio_channel_read(ioc, buf, 1, &err), ==, -1);
    check_error(g_steal_pointer(&err), "failed with exit status 4");
    qio_channel_unref(ioc);

    ioc = qio_channel_command_new("echo hi", O_RDONLY, NULL);
    g_assert_true(qio_channel_read_all(ioc, buf, 3, NULL));
    g_assert_cmpint(qio_channel_read(ioc, buf, 1, &err), ==, 0);
    g_assert_null(err);
    g_assert_true(qio_channel_close(ioc, NULL));
    qio_channel_unref(ioc);
}

/*
 * A command that does not listen to SIGTERM. It is one process: a child of it
 * would outlive it and keep the test's own output open.
 */
static void test_command_shutdown(void)
{
    Error *err = NULL;
    QIOChannel *ioc;
    GThread *thread;
    char c;

    ioc = qio_channel_command_new("trap '' TERM; echo; exec sleep 1000",
                                  O_RDONLY, &err);
    g_assert_true(qio_channel_read_all(ioc, &c, 1, &err)); /* trap is set */
    thread = g_thread_new("read", read_thread, ioc);
    g_assert_true(qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, &err));
    g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);
    g_assert_true(qio_channel_close(ioc, &err));
    qio_channel_unref(ioc);
}

/*
 * A command whose output was read to its end has more to do than write: it is
 * neither signalled nor waited for long.
 */
static void test_command_lives_on(void)
{
    g_autofree char *gate = tmp_path("gate");
    g_autofree char *mark = tmp_path("mark");
    g_autofree char *cmd = g_strdup_printf(
        "echo; exec >&-; read x <'%s'; echo >'%s'", gate, mark);
    int64_t start_us;
    QIOChannel *ioc;
    char c;
    int fd;

    g_assert_cmpint(mkfifo(gate, 0600), ==, 0);
    ioc = qio_channel_command_new(cmd, O_RDONLY, NULL);
    g_assert_true(qio_channel_read_all(ioc, &c, 1, NULL));
    g_assert_cmpint(qio_channel_read(ioc, &c, 1, NULL), ==, 0);
    start_us = g_get_monotonic_time();
    g_assert_true(qio_channel_shutdown(ioc, QIO_CHANNEL_SHUTDOWN_BOTH, NULL));
    g_assert_true(qio_channel_close(ioc, NULL));
    g_assert_cmpint(g_get_monotonic_time() - start_us, <, 900000);
    qio_channel_unref(ioc);
    fd = open(gate, O_WRONLY); /* it is there to read */
    g_assert_cmpint(write(fd, "\n", 1), ==, 1);
    close(fd);
    while (!g_file_test(mark, G_FILE_TEST_EXISTS)) {
        g_thread_yield();
    }
}

/* A channel that takes at most a few bytes per call, or blocks. */
typedef struct Trickle {
    QIOChannel parent;
    GByteArray *got;
    size_t max;
    unsigned calls;
} Trickle;

static ssize_t trickle_writev(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, const int *fds, size_t nfds,
                              Error **errp)
{
    Trickle *t = container_of(ioc, Trickle, parent);
    size_t left = t->max;

    g_assert_cmpuint(niov, <=, IOV_MAX);
    if (t->calls++ % 3 == 2) {
        return QIO_CHANNEL_ERR_BLOCK;
    }
    for (size_t i = 0; i < niov && left; i++) {
        size_t n = MIN(left, iov[i].iov_len);

        g_byte_array_append(t->got, iov[i].iov_base, n);
        left -= n;
    }
    return t->max - left;
}

static bool trickle_close(QIOChannel *ioc, Error **errp)
{
    return true;
}

static int trickle_poll_fd(QIOChannel *ioc, GIOCondition condition)
{
    return -1;
}

static void trickle_finalize(QIOChannel *ioc)
{
    Trickle *t = container_of(ioc, Trickle, parent);

    g_byte_array_free(t->got, TRUE);
    g_free(t);
}

static const QIOChannelOps trickle_ops = {
    .type = "trickle",
    .writev = trickle_writev,
    .close = trickle_close,
    .poll_fd = trickle_poll_fd,
    .finalize = trickle_finalize,
};

static void test_writev_partial(void)
{
    enum { NIOV = 3000 };
    static const size_t maxima[] = { 1, 2, 7, 1000, 100000 };
    g_autofree struct iovec *iov = g_new0(struct iovec, NIOV);
    g_autoptr(GByteArray) want = g_byte_array_new();

    for (int i = 0; i < NIOV; i++) {
        g_autofree char *s = g_strdup_printf("%.*s", i % 5, "abcd");

        iov[i].iov_len = strlen(s);
        iov[i].iov_base = g_strdup(s);
        g_byte_array_append(want, (uint8_t *)s, strlen(s));
    }
    for (size_t m = 0; m < ARRAY_SIZE(maxima); m++) {
        Trickle *t = g_new0(Trickle, 1);

        t->got = g_byte_array_new();
        t->max = maxima[m];
        qio_channel_init(&t->parent, &trickle_ops, 0, "trickle");
        g_assert_true(qio_channel_writev_all(&t->parent, iov, NIOV, NULL));
        g_assert_cmpmem(t->got->data, t->got->len, want->data, want->len);
        qio_channel_unref(&t->parent);
    }
    for (int i = 0; i < NIOV; i++) {
        g_free(iov[i].iov_base);
    }
}

static void *write_ten_thread(void *opaque)
{
    return GINT_TO_POINTER(qio_channel_write_all(opaque, "0123456789", 10,
                                                 NULL));
}

static void test_gate(void)
{
    QIOChannel *a, *b, *gate;
    Error *err = NULL;
    GThread *thread;
    char buf[16];

    g_assert_true(qio_channel_pair_new(&a, &b, &err));
    gate = channel_gate_new(a);
    channel_gate_stop_at(gate, CHANNEL_GATE_WRITE, 4, CHANNEL_GATE_WAIT);
    thread = g_thread_new("write", write_ten_thread, gate);
    g_assert_true(channel_gate_wait_arrived(gate, CHANNEL_GATE_WRITE,
                                            PATIENCE_MS));
    g_assert_cmpuint(channel_gate_offset(gate, CHANNEL_GATE_WRITE), ==, 4);
    qio_channel_set_blocking(b, false, NULL);
    g_assert_cmpint(qio_channel_read(b, buf, 10, &err), ==, 4);
    g_assert_cmpint(qio_channel_read(b, buf, 10, &err), ==,
                    QIO_CHANNEL_ERR_BLOCK);
    channel_gate_release(gate, CHANNEL_GATE_WRITE);
    g_assert_true(GPOINTER_TO_INT(g_thread_join(thread)));
    g_assert_true(qio_channel_read_all(b, buf, 6, &err));
    g_assert_cmpmem(buf, 6, "456789", 6);

    channel_gate_stop_at(gate, CHANNEL_GATE_WRITE, 12, CHANNEL_GATE_FAIL);
    g_assert_false(qio_channel_write_all(gate, "abc", 3, &err));
    check_error(g_steal_pointer(&err), "offset 12");

    g_assert_true(qio_channel_write_all(b, "xyz", 3, &err));
    channel_gate_stop_at(gate, CHANNEL_GATE_READ, 2, CHANNEL_GATE_END);
    g_assert_cmpint(qio_channel_read(gate, buf, 3, &err), ==, 2);
    g_assert_cmpint(qio_channel_read(gate, buf, 3, &err), ==, 0);

    /* A shutdown wakes who waits. */
    channel_gate_stop_at(gate, CHANNEL_GATE_WRITE, 12, CHANNEL_GATE_WAIT);
    thread = g_thread_new("write", write_ten_thread, gate);
    g_assert_true(channel_gate_wait_arrived(gate, CHANNEL_GATE_WRITE,
                                            PATIENCE_MS));
    g_assert_true(qio_channel_shutdown(gate, QIO_CHANNEL_SHUTDOWN_BOTH, &err));
    g_assert_false(GPOINTER_TO_INT(g_thread_join(thread)));
    qio_channel_unref(gate);
    qio_channel_unref(b);
}

static gboolean watch_count(QIOChannel *ioc, GIOCondition condition,
                            void *opaque)
{
    unsigned *count = opaque;

    return ++*count < 2;
}

static void test_watch(void)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    unsigned count = 0;
    Error *err = NULL;
    QIOChannel *r;
    GSource *source;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    r = qio_channel_new_fd(fds[0], &err);
    source = qio_channel_add_watch(r, G_IO_IN, watch_count, &count, context);
    g_assert_false(g_main_context_iteration(context, FALSE));
    g_assert_cmpint(write(fds[1], "x", 1), ==, 1);
    g_assert_true(g_main_context_iteration(context, TRUE));
    g_assert_cmpuint(count, ==, 1);
    g_assert_cmpint(qio_channel_read(r, &(char){ 0 }, 1, &err), ==, 1);
    g_assert_false(g_main_context_iteration(context, FALSE));
    /* A shutdown is seen, too. */
    qio_channel_shutdown(r, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    g_assert_true(g_main_context_iteration(context, TRUE));
    g_assert_cmpuint(count, ==, 2);
    g_assert_true(g_source_is_destroyed(source));
    g_source_unref(source);
    qio_channel_unref(r);
    close(fds[1]);
}

int main(int argc, char **argv)
{
    g_autofree char *rm = NULL;
    int ret;

    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    tmp_dir = g_dir_make_tmp("test-io-XXXXXX", NULL);
    g_test_add_func("/io/buffer", test_buffer);
    g_test_add_func("/io/file", test_file);
    g_test_add_func("/io/new-fd", test_new_fd);
    g_test_add_func("/io/pipe-shutdown", test_pipe_shutdown);
    g_test_add_func("/io/command", test_command);
    g_test_add_func("/io/command-fails", test_command_fails);
    g_test_add_func("/io/command-shutdown", test_command_shutdown);
    g_test_add_func("/io/command-lives-on", test_command_lives_on);
    g_test_add_func("/io/writev-partial", test_writev_partial);
    g_test_add_func("/io/gate", test_gate);
    g_test_add_func("/io/watch", test_watch);
    ret = g_test_run();
    rm = g_strdup_printf("rm -rf '%s'", tmp_dir);
    g_spawn_command_line_sync(rm, NULL, NULL, NULL, NULL);
    g_free(tmp_dir);
    return ret;
}
