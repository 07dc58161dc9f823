/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character devices, with a VM that is only a lock and a context. */
#include "qemu/osdep.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <json-c/json.h>
#include "chardev/char.h"
#include "io/channel-socket.h"
#include "test-folder.h"

/* Doubles of system/vm.c. */
void bql_lock(VM *vm)
{
    g_mutex_lock(&vm->bql);
    qatomic_set(&vm->bql_owner, g_thread_self());
}

void bql_unlock(VM *vm)
{
    qatomic_set(&vm->bql_owner, NULL);
    g_mutex_unlock(&vm->bql);
}

bool bql_locked(VM *vm)
{
    return qatomic_read(&vm->bql_owner) == g_thread_self();
}

static VM *vm_setup(void)
{
    VM *vm = g_new0(VM, 1);

    vm->main_context = g_main_context_new();
    vm->chardevs = chardev_store_new();
    g_mutex_init(&vm->bql);
    return vm;
}

static void vm_teardown(VM *vm)
{
    chardev_store_free(vm->chardevs);
    g_main_context_unref(vm->main_context);
    g_mutex_clear(&vm->bql);
    g_free(vm);
}

typedef struct Front {
    VM *vm;
    GString *input;
    size_t room;
    unsigned opened, closed;
    bool needs_bql;
    bool busy;       /* still answers */
    Chardev *greets; /* says hello to its peers */
} Front;

static size_t front_can_read(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_read(void *opaque, const uint8_t *buf, size_t len)
{
    Front *f = opaque;

    g_assert_cmpuint(len, <=, f->room);
    g_assert_true(!f->needs_bql || bql_locked(f->vm));
    g_string_append_len(f->input, (const char *)buf, len);
}

static void front_event(void *opaque, ChardevEvent event)
{
    Front *f = opaque;

    if (event == CHR_EVENT_OPENED) {
        f->opened++;
        if (f->greets) {
            chardev_write(f->greets, "hello", 5);
        }
    } else {
        f->closed++;
    }
}

static bool front_busy(void *opaque)
{
    return ((Front *)opaque)->busy;
}

static const ChardevFrontend front_ops = {
    .can_read = front_can_read,
    .read = front_read,
    .event = front_event,
    .busy = front_busy,
};

static void front_init(Front *f, VM *vm)
{
    *f = (Front){ .vm = vm, .room = 100, .needs_bql = true };
    f->input = g_string_new(NULL);
}

#define RUN_UNTIL(vm, condition)                                               \
    do {                                                                       \
        while (!(condition)) {                                                 \
            g_main_context_iteration((vm)->main_context, TRUE);                \
        }                                                                      \
    } while (0)

static Chardev *new_spec(VM *vm, const char *id, const char *fmt,
                         const char *name)
{
    g_autofree char *path = g_build_filename(tmp_dir, name, NULL);
    g_autofree char *head = g_strconcat(fmt, path, NULL);
    Error *err = NULL;
    Chardev *chr = chardev_new_from_spec(vm, id, head, &err);

    if (!chr) {
        g_error("%s", error_get_pretty(err));
    }
    return chr;
}

static QIOChannel *dial(const char *name)
{
    g_autofree char *uri = g_strdup_printf("unix:%s/%s", tmp_dir, name);
    g_autoptr(SocketAddress) addr = socket_parse(uri, NULL);
    QIOChannel *ioc = qio_channel_socket_connect_sync(addr, NULL);

    g_assert_nonnull(ioc);
    return ioc;
}

static void expect(QIOChannel *ioc, const char *text)
{
    g_autofree char *buf = g_malloc0(strlen(text) + 1);

    g_assert_true(qio_channel_read_all(ioc, buf, strlen(text), NULL));
    g_assert_cmpstr(buf, ==, text);
}

static void test_bad_options(void)
{
    static const struct {
        const char *params, *error;
    } cases[] = {
        { "id=a", "no backend" },
        { "null", "no id" },
        { "nope,id=a", "'nope' is not a valid char driver" },
        { "null,id=9a", "not valid" },
        { "null,id=a,path=x", "Invalid parameter 'path'" },
        { "file,id=a", "no filename" },
        { "file,id=a,path=/nonexistent/x", "/nonexistent/x" },
        { "file,id=a,path=/dev/null,append=maybe", "append" },
        { "socket,id=a", "needs one of path" },
        { "socket,id=a,path=x,port=1", "needs one of path" },
        { "socket,id=a,host=localhost", "no port" },
        { "socket,id=a,path=/x,wait=off", "'wait'" },
        { "socket,id=a,path=/x,server,reconnect=1", "'reconnect'" },
        { "socket,id=a,path=/x,reconnect=z", "'reconnect'" },
        { "socket,id=a,path=/x,telnet=on", "'telnet' is not supported" },
        { "socket,id=a,path=/x,logfile=/y", "'logfile' is not supported" },
        { "socket,id=a,path=/x,foo=1", "Invalid parameter 'foo'" },
        { "socket,id=a,path=/nonexistent/x", "Failed to connect" },
        { "stdio,id=a,signal=x", "signal" },
    };
    VM *vm = vm_setup();
    Error *err = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct json_object *opts = chardev_opts_parse(cases[i].params, &err);

        g_assert_nonnull(opts);
        g_assert_null(chardev_new(vm, opts, &err));
        check_error(g_steal_pointer(&err), cases[i].error);
        json_object_put(opts);
    }
    g_assert_null(chardev_opts_parse("null,=x", &err));
    check_error(g_steal_pointer(&err), "without a name");
    g_assert_null(chardev_new_from_spec(vm, "s", "mon:stdio", &err));
    check_error(g_steal_pointer(&err), "'-serial stdio'");
    g_assert_null(chardev_new_from_spec(vm, "s", "pty", &err));
    check_error(g_steal_pointer(&err), "'pty' is not a valid");
    g_assert_null(chardev_new_from_spec(vm, "s", "chardev:q", &err));
    check_error(g_steal_pointer(&err), "no chardev 'q'");
    g_assert_nonnull(chardev_new_from_spec(vm, "n", "null", &err));
    g_assert_true(chardev_new_from_spec(vm, "s", "chardev:n", &err) ==
                  chardev_by_id(vm, "n"));
    g_assert_null(chardev_new_from_spec(vm, "n", "null", &err));
    check_error(err, "Duplicate ID 'n'");
    vm_teardown(vm);
}

static void test_file(void)
{
    g_autofree char *path = g_build_filename(tmp_dir, "out,comma", NULL);
    g_autofree char *params = NULL;
    g_auto(GStrv) parts = g_strsplit(path, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);
    g_autofree char *text = NULL;
    VM *vm = vm_setup();
    struct json_object *opts;
    Front f, g;
    Chardev *chr;
    Error *err = NULL;
    struct stat st;

    g_assert_true(g_file_set_contents(path, "old", 3, NULL));
    chr = new_spec(vm, "serial0", "file:", "out,comma");
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 0); /* already truncated */
    front_init(&f, vm);
    front_init(&g, vm);
    g_assert_true(chardev_connect(chr, &front_ops, &f, NULL, &err));
    g_assert_cmpuint(f.opened, ==, 1);
    g_assert_false(chardev_connect(chr, &front_ops, &g, NULL, &err));
    check_error(g_steal_pointer(&err), "already in use");
    chardev_write(chr, "A", 1);

    params = g_strdup_printf("file,id=b,path=%s,append=on", escaped);
    opts = chardev_opts_parse(params, NULL);
    chr = chardev_new(vm, opts, &err);
    g_assert_nonnull(chr);
    json_object_put(opts);
    chardev_write(chr, "B", 1);
    vm_teardown(vm);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "AB");
    g_string_free(f.input, TRUE);
    g_string_free(g.input, TRUE);
}

static void get_filename(const char *id, const char *filename, bool fe_open,
                         void *opaque)
{
    g_string_append_printf(opaque, "%s=%s,%d;", id, filename, fe_open);
}

/* Two clients in turn; input in pieces; a hang-up in between. */
static void test_server(void)
{
    g_autofree char *params =
        g_strdup_printf("socket,id=c,path=%s/srv,server=on,wait=off", tmp_dir);
    struct json_object *opts = chardev_opts_parse(params, NULL);
    g_autofree char *want = NULL;
    g_autoptr(GString) names = g_string_new(NULL);
    VM *vm = vm_setup();
    Error *err = NULL;
    Chardev *chr = chardev_new(vm, opts, &err);
    QIOChannel *one, *two;
    Front f;

    json_object_put(opts);
    g_assert_nonnull(chr);
    front_init(&f, vm);
    chardev_write(chr, "lost", 4);
    one = dial("srv");
    g_assert_true(chardev_connect(chr, &front_ops, &f, NULL, &err));
    RUN_UNTIL(vm, f.opened == 1);
    chardev_foreach(vm, get_filename, names);
    want = g_strdup_printf("c=unix:%s/srv,server=on,1;", tmp_dir);
    g_assert_cmpstr(names->str, ==, want);
    chardev_write(chr, "hi", 2);
    expect(one, "hi");

    f.room = 2;
    g_assert_true(qio_channel_write_all(one, "abcde", 5, NULL));
    RUN_UNTIL(vm, f.input->len == 5);
    g_assert_cmpstr(f.input->str, ==, "abcde");

    /* No room: nothing comes until the front end says so. */
    f.room = 0;
    chardev_accept_input(chr);
    g_assert_true(qio_channel_write_all(one, "f", 1, NULL));
    while (g_main_context_iteration(vm->main_context, FALSE)) {
    }
    g_assert_cmpuint(f.input->len, ==, 5);
    f.room = 10;
    chardev_accept_input(chr);
    RUN_UNTIL(vm, f.input->len == 6);

    /* The second waits for the first to go, bytes and all. */
    two = dial("srv");
    g_assert_true(qio_channel_write_all(two, "g", 1, NULL));
    while (g_main_context_iteration(vm->main_context, FALSE)) {
    }
    g_assert_cmpuint(f.opened, ==, 1);
    qio_channel_unref(one);
    RUN_UNTIL(vm, f.input->len == 7);
    g_assert_cmpuint(f.closed, ==, 1);
    g_assert_cmpuint(f.opened, ==, 2);

    /* A hang-up is seen without room for input, too. */
    f.room = 0;
    chardev_accept_input(chr);
    g_main_context_iteration(vm->main_context, FALSE);
    qio_channel_unref(two);
    RUN_UNTIL(vm, f.closed == 2);
    chardev_write(chr, "lost", 4);

    /* And at the end the peer sees the end. */
    f.room = 1;
    one = dial("srv");
    RUN_UNTIL(vm, f.opened == 3);
    chardev_disconnect(chr);
    g_assert_cmpint(qio_channel_read(one, &(char){ 0 }, 1, NULL), ==, 0);
    qio_channel_unref(one);
    vm_teardown(vm);
    g_string_free(f.input, TRUE);
}

/* How the writer waits: this takes the place of libc's. */
static int waits;           /* [atomic] polls of a writer under way */
static int last_timeout_ms; /* [atomic] of the last such */
static __thread bool is_writer;

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec ts = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    int result;

    if (is_writer) {
        qatomic_set(&last_timeout_ms, timeout_ms);
        /* One that returns at once is not a wait. */
        result = ppoll(fds, count, &(struct timespec){ 0 }, NULL);
        if (result) {
            return result;
        }
        qatomic_fetch_add(&waits, 1);
    }
    result = ppoll(fds, count, timeout_ms < 0 ? NULL : &ts, NULL);
    if (is_writer) {
        qatomic_fetch_add(&waits, -1);
    }
    return result;
}

typedef struct Writer {
    Chardev *chr;
    const char *block;
    size_t len_bytes;
    bool done; /* [atomic] */
} Writer;

static void *writer_thread(void *opaque)
{
    Writer *w = opaque;

    is_writer = true;
    chardev_write(w->chr, w->block, w->len_bytes);
    qatomic_set(&w->done, true);
    return NULL;
}

/*
 * A client that does not read keeps its connection and gets everything once
 * it does; its going away and a front end's ending free the writer.
 */
static void test_slow_peer(void)
{
    const size_t len = 8 << 20;
    g_autofree char *block = g_malloc0(len);
    g_autofree char *got = g_malloc(len);
    g_autofree char *spec =
        g_strdup_printf("unix:%s/slow,server,nowait", tmp_dir);
    VM *vm = vm_setup();
    Chardev *chr = chardev_new_from_spec(vm, "c", spec, NULL);
    Writer w = { chr, block, len, false };

    for (int round = 0; round < 3; round++) {
        QIOChannel *peer = dial("slow");
        GThread *thread;
        Front f;

        front_init(&f, vm);
        w.done = false;
        block[len - 1] = (char)('a' + round);
        g_assert_true(chardev_connect(chr, &front_ops, &f, NULL, NULL));
        RUN_UNTIL(vm, f.opened == 1);
        thread = g_thread_new("writer", writer_thread, &w);
        /* Nobody reads, so once it waits it goes on waiting. */
        while (!qatomic_read(&waits)) {
            g_thread_yield();
        }
        if (round == 0) {
            /* Without a limit. */
            g_assert_cmpint(qatomic_read(&last_timeout_ms), <, 0);
            g_assert_false(qatomic_read(&w.done));
            g_assert_true(qio_channel_read_all(peer, got, len, NULL));
            g_assert_cmpint(got[len - 1], ==, 'a');
            g_thread_join(thread);
            g_assert_cmpuint(f.closed, ==, 0);
            qio_channel_unref(peer);
            chardev_disconnect(chr);
        } else if (round == 1) {
            qio_channel_unref(peer);
            g_thread_join(thread);
            RUN_UNTIL(vm, f.closed == 1);
            chardev_disconnect(chr);
        } else {
            chardev_disconnect(chr);
            g_thread_join(thread);
            qio_channel_unref(peer);
        }
        g_string_free(f.input, TRUE);
    }
    vm_teardown(vm);
}

/* Output on a pipe that nobody reads ends by chardev_stop_waiting(). */
static void test_stop_waiting(void)
{
    const size_t len = 1 << 20;
    g_autofree char *block = g_malloc0(len);
    g_autofree char *path = g_build_filename(tmp_dir, "fifo", NULL);
    VM *vm = vm_setup();
    Writer w = { .block = block, .len_bytes = len };
    GThread *thread;
    int fd, queued = 0;
    Front f;

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    w.chr = new_spec(vm, "c", "file:", "fifo");
    front_init(&f, vm);
    g_assert_true(chardev_connect(w.chr, &front_ops, &f, NULL, NULL));
    thread = g_thread_new("writer", writer_thread, &w);
    while (queued < 4096) {
        g_assert_cmpint(ioctl(fd, FIONREAD, &queued), ==, 0);
    }
    chardev_stop_waiting(w.chr);
    g_thread_join(thread);
    chardev_disconnect(w.chr);
    close(fd);
    vm_teardown(vm);
    g_string_free(f.input, TRUE);
}

static unsigned writable_calls;

static void front_writable(void *opaque)
{
    g_assert_true(bql_locked(((Front *)opaque)->vm));
    writable_calls++;
}

static const ChardevFrontend writable_ops = {
    .can_read = front_can_read,
    .read = front_read,
    .event = front_event,
    .writable = front_writable,
};

/* Output that never waits; the front end hears when there is room, or none. */
static void test_write_some(void)
{
    const size_t len = 8 << 20;
    g_autofree char *block = g_malloc0(len);
    g_autofree char *spec =
        g_strdup_printf("unix:%s/some,server,nowait", tmp_dir);
    VM *vm = vm_setup();
    Chardev *chr = chardev_new_from_spec(vm, "c", spec, NULL);
    QIOChannel *peer = dial("some");
    size_t taken;
    Front f;

    writable_calls = 0;
    front_init(&f, vm);
    g_assert_cmpuint(chardev_write_some(chr, "lost", 4), ==, 4);
    g_assert_true(chardev_connect(chr, &writable_ops, &f, NULL, NULL));
    RUN_UNTIL(vm, f.opened == 1);
    bql_lock(vm);
    taken = chardev_write_some(chr, block, len);
    bql_unlock(vm);
    g_assert_cmpuint(taken, >, 0);
    g_assert_cmpuint(taken, <, len);
    while (g_main_context_iteration(vm->main_context, FALSE)) {
    }
    g_assert_cmpuint(writable_calls, ==, 0);
    g_assert_true(qio_channel_read_all(peer, block, taken, NULL));
    RUN_UNTIL(vm, writable_calls == 1);
    while (g_main_context_iteration(vm->main_context, FALSE)) {
    }
    g_assert_cmpuint(writable_calls, ==, 1);

    bql_lock(vm);
    g_assert_cmpuint(chardev_write_some(chr, block, len), <, len);
    bql_unlock(vm);
    qio_channel_unref(peer);
    RUN_UNTIL(vm, f.closed == 1);
    g_assert_cmpuint(writable_calls, >=, 2);
    g_assert_cmpuint(chardev_write_some(chr, "lost", 4), ==, 4);

    /* Hanging up on a peer is told as an end. */
    peer = dial("some");
    RUN_UNTIL(vm, f.opened == 2);
    chardev_end_connection(chr);
    RUN_UNTIL(vm, f.closed == 2);
    qio_channel_unref(peer);
    vm_teardown(vm);
    g_string_free(f.input, TRUE);
}

/* A client that sends, closes that direction and reads gets its answer. */
static void test_half_closed(void)
{
    VM *vm = vm_setup();
    g_autofree char *spec = g_strdup_printf("unix:%s/half,server=on,wait=off",
                                            tmp_dir);
    Chardev *chr = chardev_new_from_spec(vm, "c0", spec, NULL);
    QIOChannel *client;
    Front f;

    front_init(&f, vm);
    g_assert_true(chardev_connect(chr, &front_ops, &f, NULL, NULL));
    client = dial("half");
    RUN_UNTIL(vm, f.opened == 1);
    f.busy = true;
    g_assert_true(qio_channel_write_all(client, "ask", 3, NULL));
    g_assert_true(qio_channel_shutdown(client, QIO_CHANNEL_SHUTDOWN_WRITE,
                                       NULL));
    RUN_UNTIL(vm, f.input->len == 3);
    while (g_main_context_iteration(vm->main_context, FALSE)) {
    }
    g_assert_cmpuint(f.closed, ==, 0);
    chardev_write(chr, "answer", 6);
    f.busy = false;
    chardev_accept_input(chr);
    RUN_UNTIL(vm, f.closed == 1);
    expect(client, "answer");
    qio_channel_unref(client);
    chardev_disconnect(chr);
    g_string_free(f.input, TRUE);
    vm_teardown(vm);
}

static void test_fds(void)
{
    g_autofree char *spec = g_strdup_printf("unix:%s/fds,server=on,wait=off",
                                            tmp_dir);
    struct iovec iov = { .iov_base = (void *)"m", .iov_len = 1 };
    VM *vm = vm_setup();
    Chardev *chr = chardev_new_from_spec(vm, "c", spec, NULL);
    QIOChannel *ioc = dial("fds");
    int fds[2], fd;
    char c;
    Front f;

    front_init(&f, vm);
    g_assert_true(chardev_connect(chr, &front_ops, &f, NULL, NULL));
    g_assert_cmpint(pipe(fds), ==, 0);
    g_assert_cmpint(chardev_take_fd(chr), ==, -1);
    g_assert_cmpint(qio_channel_writev_full(ioc, &iov, 1, &fds[1], 1, NULL),
                    ==, 1);
    RUN_UNTIL(vm, f.input->len == 1);
    fd = chardev_take_fd(chr);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(chardev_take_fd(chr), ==, -1);
    close(fd);
    /* One that nobody takes is closed with the connection. */
    g_assert_cmpint(qio_channel_writev_full(ioc, &iov, 1, &fds[1], 1, NULL),
                    ==, 1);
    RUN_UNTIL(vm, f.input->len == 2);
    close(fds[1]);
    qio_channel_unref(ioc);
    RUN_UNTIL(vm, f.closed == 1);
    g_assert_cmpint(read(fds[0], &c, 1), ==, 0);
    close(fds[0]);
    vm_teardown(vm);
    g_string_free(f.input, TRUE);
}

static void *context_thread(void *opaque)
{
    g_main_loop_run(opaque);
    return NULL;
}

/*
 * A front end in a thread of its own, which does without the BQL, comes and
 * goes while its clients are being taken.
 */
static void test_other_context(void)
{
    g_autofree char *spec = g_strdup_printf("unix:%s/ctx,server=on,wait=off",
                                            tmp_dir);
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GMainLoop) loop = g_main_loop_new(context, FALSE);

    for (int i = 0; i < 10; i++) {
        GThread *thread = g_thread_new("context", context_thread, loop);
        VM *vm = vm_setup();
        Chardev *chr = chardev_new_from_spec(vm, "c", spec, NULL);
        Front f;

        bql_lock(vm);
        /* No more than the backlog takes if none is accepted. */
        for (int j = 0; j < 8; j++) {
            QIOChannel *ioc = dial("ctx");

            front_init(&f, vm);
            f.needs_bql = false;
            f.greets = j == 0 ? chr : NULL;
            g_assert_true(chardev_connect(chr, &front_ops, &f, context, NULL));
            g_assert_true(qio_channel_write_all(ioc, "x", 1, NULL));
            chardev_accept_input(chr);
            if (j == 0) {
                expect(ioc, "hello");
            } else {
                chardev_write(chr, "y", 1);
            }
            chardev_disconnect(chr);
            qio_channel_unref(ioc);
            g_string_free(f.input, TRUE);
        }
        bql_unlock(vm);
        g_main_loop_quit(loop); /* it has said hello, so it runs */
        g_thread_join(thread);
        vm_teardown(vm);
    }
}

/* A client tries again until there is a server, and after that one left. */
static void test_reconnect(void)
{
    g_autofree char *params = g_strdup_printf(
        "socket,id=c,path=%s/rec,reconnect-ms=10", tmp_dir);
    g_autofree char *uri = g_strdup_printf("unix:%s/rec", tmp_dir);
    g_autoptr(SocketAddress) addr = socket_parse(uri, NULL);
    struct json_object *opts = chardev_opts_parse(params, NULL);
    VM *vm = vm_setup();
    Chardev *chr = chardev_new(vm, opts, NULL);
    QIONetListener *listener;
    QIOChannel *peer;
    Front f;

    json_object_put(opts);
    g_assert_nonnull(chr);
    front_init(&f, vm);
    g_assert_true(chardev_connect(chr, &front_ops, &f, NULL, NULL));
    for (int i = 0; i < 3; i++) {
        g_main_context_iteration(vm->main_context, TRUE);
    }
    g_assert_cmpuint(f.opened, ==, 0);
    listener = qio_net_listener_new(addr, 1, NULL);
    for (unsigned round = 1; round < 3; round++) {
        RUN_UNTIL(vm, f.opened == round);
        peer = qio_net_listener_wait_client(listener, NULL);
        chardev_write(chr, "here", 4);
        expect(peer, "here");
        qio_channel_unref(peer);
        RUN_UNTIL(vm, f.closed == round);
    }
    qio_net_listener_free(listener);
    vm_teardown(vm);
    g_string_free(f.input, TRUE);
}

static void *dial_thread(void *opaque)
{
    const char *uri = opaque;
    g_autoptr(SocketAddress) addr = socket_parse(uri, NULL);
    QIOChannel *ioc = NULL;

    while (!ioc) {
        ioc = qio_channel_socket_connect_sync(addr, NULL);
        g_thread_yield();
    }
    return ioc;
}

static void test_wait(void)
{
    g_autofree char *uri = g_strdup_printf("unix:%s/wait", tmp_dir);
    g_autofree char *spec = g_strdup_printf("%s,server=on", uri);
    GThread *thread = g_thread_new("dial", dial_thread, uri);
    VM *vm = vm_setup();
    Chardev *chr = chardev_new_from_spec(vm, "c", spec, NULL);
    QIOChannel *ioc = g_thread_join(thread);
    Front f;

    front_init(&f, vm);
    g_assert_true(chardev_connect(chr, &front_ops, &f, NULL, NULL));
    g_assert_cmpuint(f.opened, ==, 1); /* from within */
    g_assert_true(qio_channel_write_all(ioc, "x", 1, NULL));
    RUN_UNTIL(vm, f.input->len == 1);
    qio_channel_unref(ioc);
    vm_teardown(vm);
    g_string_free(f.input, TRUE);
}

/* In a child whose standard streams are pipes. */
static void test_stdio(void)
{
    if (g_test_subprocess()) {
        VM *vm = vm_setup();
        Chardev *chr = chardev_new_from_spec(vm, "c", "stdio", NULL);
        Error *err = NULL;
        int fds[2];
        Front f;

        g_assert_nonnull(chr);
        g_assert_null(chardev_new_from_spec(vm, "d", "stdio", &err));
        check_error(err, "multiple");
        vm_teardown(vm);

        g_assert_cmpint(pipe(fds), ==, 0);
        g_assert_cmpint(write(fds[1], "in", 2), ==, 2);
        close(fds[1]);
        dup2(fds[0], STDIN_FILENO);
        vm = vm_setup();
        chr = chardev_new_from_spec(vm, "c", "stdio", NULL);
        front_init(&f, vm);
        g_assert_true(chardev_connect(chr, &front_ops, &f, NULL, NULL));
        RUN_UNTIL(vm, f.closed == 1);
        g_assert_cmpstr(f.input->str, ==, "in");
        chardev_write(chr, "after the end\n", 14);
        vm_teardown(vm);
        g_string_free(f.input, TRUE);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDIN);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout("*after the end*");
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/char/bad-options", test_bad_options);
    g_test_add_func("/char/file", test_file);
    g_test_add_func("/char/server", test_server);
    g_test_add_func("/char/slow-peer", test_slow_peer);
    g_test_add_func("/char/stop-waiting", test_stop_waiting);
    g_test_add_func("/char/write-some", test_write_some);
    g_test_add_func("/char/half-closed", test_half_closed);
    g_test_add_func("/char/fds", test_fds);
    g_test_add_func("/char/other-context", test_other_context);
    g_test_add_func("/char/reconnect", test_reconnect);
    g_test_add_func("/char/wait", test_wait);
    g_test_add_func("/char/stdio", test_stdio);
    return test_run_in_folder("test-char");
}
