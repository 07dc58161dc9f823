/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending without a copy: sockets first, then multifd with zero-copy-send.
 * On loopback the kernel copies all that arrives, and nothing that does not.
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "io/channel-socket.h"
#include "migration-pair.h"
#include "system/runstate.h"
#include "tcp-pair.h"

#define SMALL_BUFFER_BYTES 4096
#define LARGE_BUFFER_BYTES (8 * MiB)

/* --- Connections ---------------------------------------------------------- */

static QIOChannel *channel(int fd)
{
    Error *err = NULL;
    QIOChannel *ioc = qio_channel_socket_new_fd(fd, &err);

    g_assert_null(err);
    return ioc;
}

static uint8_t *new_memory(size_t bytes)
{
    uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert_true(p != MAP_FAILED);
    for (size_t i = 0; i < bytes; i += 8) {
        *(uint64_t *)(void *)(p + i) = i * 0x9e3779b97f4a7c15ULL;
    }
    return p;
}

static void must(bool ok, Error **err)
{
    if (!ok) {
        g_error("%s", error_get_pretty(*err));
    }
}

/* Leaves *@err NULL. */
static void must_fail(bool ok, Error **err, const char *part)
{
    g_assert_false(ok);
    g_assert_nonnull(*err);
    g_test_message("%s", error_get_pretty(*err));
    g_assert_nonnull(strstr(error_get_pretty(*err), part));
    error_free(*err);
    *err = NULL;
}

static bool write_zero_copy(QIOChannel *ioc, uint8_t *p, size_t bytes,
                            Error **errp)
{
    struct iovec iov = { p, bytes };

    return qio_channel_writev_zero_copy_all(ioc, &iov, 1, errp);
}

/* The kernel may be too old. */
static bool have_zero_copy(void)
{
    int fds[2];
    QIOChannel *ioc;
    bool have;

    tcp_pair_new(fds, 0);
    ioc = channel(fds[0]);
    have = qio_channel_has_feature(ioc, QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY);
    qio_channel_unref(ioc);
    close(fds[1]);
    if (!have) {
        g_test_skip("this kernel has no SO_ZEROCOPY for TCP");
    }
    return have;
}

/* --- Sockets -------------------------------------------------------------- */

static void test_unix(void)
{
    QIOChannel *a, *b;
    uint8_t octet = 1;
    Error *err = NULL;
    bool copied = true;

    g_assert_true(qio_channel_pair_new(&a, &b, NULL));
    g_assert_false(
        qio_channel_has_feature(a, QIO_CHANNEL_FEATURE_WRITE_ZERO_COPY));
    must_fail(write_zero_copy(a, &octet, 1, &err), &err,
              "that takes a TCP connection");
    must(qio_channel_flush(a, &copied, &err), &err);
    g_assert_false(copied);
    qio_channel_unref(a);
    g_assert_cmpint(qio_channel_read(b, &octet, 1, NULL), ==, 0);
    qio_channel_unref(b);
}

#define CONTENTS_BYTES (8 * MiB)
#define CONTENTS_PIECE (64 * KiB)

static void *reader_thread(void *opaque)
{
    uint8_t *got = g_malloc(CONTENTS_BYTES);
    Error *err = NULL;

    must(qio_channel_read_all(opaque, got, CONTENTS_BYTES, &err), &err);
    return got;
}

/* All arrives, in order, also where many pieces and notices are under way. */
static void test_contents(void)
{
    struct iovec iov[CONTENTS_BYTES / CONTENTS_PIECE + 2];
    uint8_t *memory = new_memory(CONTENTS_BYTES);

    for (int non_blocking = 0; have_zero_copy() && non_blocking < 2;
         non_blocking++) {
        g_autofree uint8_t *got = NULL;
        int fds[2];
        QIOChannel *a, *b;
        GThread *reader;
        size_t n = 0;
        bool copied;
        Error *err = NULL;

        tcp_pair_new(fds, SMALL_BUFFER_BYTES * 16);
        a = channel(fds[0]);
        b = channel(fds[1]);
        qio_channel_set_blocking(a, !non_blocking, NULL);
        reader = g_thread_new("reader", reader_thread, b);
        for (size_t at = 0; at < CONTENTS_BYTES; at += CONTENTS_PIECE) {
            if (at == 0 || at == CONTENTS_BYTES / 2) {
                iov[n++] = (struct iovec) { memory, 0 };
            }
            iov[n++] = (struct iovec) { memory + at, CONTENTS_PIECE };
        }
        /* half at once, the rest in many calls */
        must(qio_channel_writev_zero_copy_all(a, iov, n / 2, &err), &err);
        for (size_t i = n / 2; i < n; i++) {
            must(qio_channel_writev_zero_copy_all(a, iov + i, 1, &err), &err);
        }
        must(qio_channel_flush(a, &copied, &err), &err);
        g_assert_true(copied);
        must(qio_channel_flush(a, &copied, &err), &err);
        g_assert_false(copied); /* nothing was sent */
        got = g_thread_join(reader);
        g_assert_cmpint(memcmp(got, memory, CONTENTS_BYTES), ==, 0);
        qio_channel_unref(a);
        qio_channel_unref(b);
    }
    munmap(memory, CONTENTS_BYTES);
}

/* A peer that takes little, and a buffer for all the rest. */
static QIOChannel *stuck_channel_full(int *peer, bool *large)
{
    int fds[2], size = LARGE_BUFFER_BYTES;

    tcp_pair_new(fds, SMALL_BUFFER_BYTES);
    *large = setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &size,
                        sizeof(size)) == 0;
    if (!*large) {
        size = 128 * KiB;
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    *peer = fds[1];
    return channel(fds[0]);
}

static QIOChannel *stuck_channel(int *peer)
{
    bool large;

    return stuck_channel_full(peer, &large);
}

static void *flush_thread(void *opaque)
{
    Error *err = NULL;
    bool copied;

    qio_channel_flush(opaque, &copied, &err);
    return err;
}

/* What the peer does not take is waited for, until somebody ends that. */
static void test_shutdown(void)
{
    static const QIOChannelShutdown hows[] = {
        QIO_CHANNEL_SHUTDOWN_BOTH, QIO_CHANNEL_SHUTDOWN_WRITE,
    };
    uint8_t *memory = new_memory(32 * KiB);

    for (size_t i = 0; have_zero_copy() && i < 2 * ARRAY_SIZE(hows); i++) {
        int peer;
        QIOChannel *a = stuck_channel(&peer);
        GThread *thread;
        Error *err = NULL;

        must(write_zero_copy(a, memory, 32 * KiB, &err), &err);
        if (i % 2) { /* before the flush */
            qio_channel_shutdown(a, hows[i / 2], NULL);
        }
        thread = g_thread_new("flush", flush_thread, a);
        qio_channel_shutdown(a, hows[i / 2], NULL);
        err = g_thread_join(thread);
        must_fail(err == NULL, &err, "shut down before all was taken");
        qio_channel_unref(a);
        close(peer);
    }
    munmap(memory, 32 * KiB);
}

/* Until what was not sent has been dropped. */
static void wait_hang_up(QIOChannel *ioc)
{
    struct pollfd pfd = { .fd = ioc->ops->poll_fd(ioc, G_IO_OUT) };

    while (!(pfd.revents & POLLHUP)) {
        RETRY_ON_EINTR(poll(&pfd, 1, 100));
    }
}

/*
 * What never left is not copied: the peer goes away. The second call is too
 * long to share a notice with the first, some of which did leave.
 */
static void test_uncopied(void)
{
    uint8_t *memory = new_memory(1 * MiB);
    struct linger reset = { .l_onoff = 1 };
    int peer;
    QIOChannel *a;
    bool large, copied = true;
    Error *err = NULL;

    if (!have_zero_copy()) {
        return;
    }
    a = stuck_channel_full(&peer, &large);
    if (!large) {
        g_test_skip("no large socket buffer without CAP_NET_ADMIN");
        qio_channel_unref(a);
        close(peer);
        return;
    }
    must(write_zero_copy(a, memory, 128 * KiB, &err), &err);
    must(write_zero_copy(a, memory, 1 * MiB, &err), &err);
    g_assert_cmpint(setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset,
                               sizeof(reset)), ==, 0);
    close(peer);
    wait_hang_up(a);
    must(qio_channel_flush(a, &copied, &err), &err);
    g_assert_false(copied);
    must_fail(write_zero_copy(a, memory, 4096, &err), &err, "cannot write");
    qio_channel_unref(a);
    munmap(memory, 1 * MiB);
}

/* --- The limit of locked memory ------------------------------------------- */

/*
 * In a process of its own, as a user who is bound by the limit and has
 * nothing locked elsewhere. The result is its exit status.
 */
static bool limited(uint64_t limit_bytes, int (*fn)(void))
{
    struct rlimit limit = { limit_bytes, limit_bytes };
    uid_t uid = 60000 + getpid() % 5000;
    int status;
    pid_t pid;

    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 ||
            (geteuid() == 0 && setresuid(uid, uid, uid) < 0)) {
            _exit(77);
        }
        _exit(fn());
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        g_test_skip("cannot become a user who is bound by RLIMIT_MEMLOCK");
        return false;
    }
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    return true;
}

/* More than the limit at once: told, with the figure and what to do. */
static int over_limit(void)
{
    uint8_t *memory = new_memory(1 * MiB);
    int peer;
    QIOChannel *a = stuck_channel(&peer);
    Error *err = NULL;

    if (write_zero_copy(a, memory, 1 * MiB, &err)) {
        return 1;
    }
    return strstr(error_get_pretty(err), "cannot lock 1048576 bytes") &&
                   strstr(error_get_pretty(err),
                          "(RLIMIT_MEMLOCK) is 65536 bytes") &&
                   strstr(error_get_pretty(err), "raise it") &&
                   strstr(error_get_pretty(err), "'zero-copy-send' off")
               ? 0
               : 2;
}

static void test_over_limit(void)
{
    if (have_zero_copy()) {
        limited(64 * KiB, over_limit);
    }
}

static void *drain_thread(void *opaque)
{
    int fd = GPOINTER_TO_INT(opaque);
    static uint8_t buf[64 * KiB];
    uint64_t total = 0;
    ssize_t n;

    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        total += n;
    }
    return GUINT_TO_POINTER((unsigned)(total / KiB));
}

/* All together is more than the limit: it goes as the peer takes it. */
static int within_limit(void)
{
    uint8_t *memory = new_memory(2 * MiB);
    int peer;
    QIOChannel *a = stuck_channel(&peer);
    GThread *drain = g_thread_new("drain", drain_thread,
                                  GINT_TO_POINTER(peer));
    Error *err = NULL;
    bool copied;

    for (size_t at = 0; at < 2 * MiB; at += 128 * KiB) {
        if (!write_zero_copy(a, memory + at, 128 * KiB, &err)) {
            g_printerr("# %s\n", error_get_pretty(err));
            return 1;
        }
    }
    if (!qio_channel_flush(a, &copied, &err)) {
        return 2;
    }
    qio_channel_unref(a);
    return GPOINTER_TO_UINT(g_thread_join(drain)) == 2048 ? 0 : 3;
}

static void test_within_limit(void)
{
    if (have_zero_copy()) {
        limited(256 * KiB, within_limit);
    }
}

typedef struct LateDrain {
    int fd;
    bool go; /* [atomic] */
} LateDrain;

static void *late_drain_thread(void *opaque)
{
    LateDrain *late = opaque;

    while (!qatomic_load_acquire(&late->go)) {
        g_thread_yield();
    }
    return drain_thread(GINT_TO_POINTER(late->fd));
}

/* Another channel has locked what there is: this one waits for its turn. */
static int shared_limit(void)
{
    uint8_t *memory = new_memory(32 * KiB);
    LateDrain late = { .go = false };
    int peer;
    QIOChannel *a = stuck_channel(&late.fd);
    QIOChannel *b = stuck_channel(&peer);
    GThread *drain = g_thread_new("drain", late_drain_thread, &late);
    Error *err = NULL;
    bool ok;

    if (!write_zero_copy(a, memory, 32 * KiB, NULL)) {
        return 1;
    }
    qatomic_store_release(&late.go, true);
    ok = write_zero_copy(b, memory, 16 * KiB, &err);
    if (!ok) {
        g_printerr("# %s\n", error_get_pretty(err));
        return 2;
    }
    qio_channel_unref(a);
    return GPOINTER_TO_UINT(g_thread_join(drain)) == 32 ? 0 : 3;
}

static void test_shared_limit(void)
{
    if (have_zero_copy()) {
        limited(48 * KiB, shared_limit);
    }
}

/* --- Multifd -------------------------------------------------------------- */

#define N_CHANNELS 2

static void start_multifd(Pair *p, bool tcp)
{
    Side *sides[2] = { &p->src, &p->dst };
    QIOChannel *src[1 + N_CHANNELS], *dst[1 + N_CHANNELS];

    for (int i = 0; i < 2; i++) {
        bql_lock(sides[i]->vm);
        set_cap(sides[i], MIGRATION_CAPABILITY_MULTIFD, true);
        set_cap(sides[i], MIGRATION_CAPABILITY_ZERO_COPY_SEND, i == 0);
        bql_unlock(sides[i]->vm);
    }
    for (int i = 0; i <= N_CHANNELS; i++) {
        if (tcp) {
            int fds[2];

            tcp_pair_new(fds, 0);
            src[i] = channel(fds[0]);
            dst[i] = channel(fds[1]);
        } else {
            g_assert_true(qio_channel_pair_new(&src[i], &dst[i], NULL));
        }
    }
    bql_lock(p->dst.vm);
    for (int i = 0; i <= N_CHANNELS; i++) {
        migration_incoming_channel(p->dst.vm->incoming, dst[i]);
        qio_channel_unref(dst[i]);
    }
    bql_unlock(p->dst.vm);
    bql_lock(p->src.vm);
    migration_source_start_channels(p->src.vm->migration, src);
    bql_unlock(p->src.vm);
    for (int i = 0; i <= N_CHANNELS; i++) {
        qio_channel_unref(src[i]);
    }
}

static uint64_t missed(Pair *p)
{
    MigrationInfo *info;
    uint64_t n;

    bql_lock(p->src.vm);
    info = migration_info_new(p->src.vm);
    n = info->ram->dirty_sync_missed_zero_copy;
    bql_unlock(p->src.vm);
    qapi_free_MigrationInfo(info);
    return n;
}

/* Over loopback each channel that sent pages in a round counts once. */
static void test_multifd(void)
{
    Pair *p;

    if (!have_zero_copy()) {
        return;
    }
    p = pair_new();
    start_multifd(p, true);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    g_assert_cmpuint(missed(p), >=, 1);
    g_assert_cmpuint(missed(p), <=, N_CHANNELS);
    pair_free(p);
}

/* No pages with contents: nothing to miss. */
static void test_multifd_zero(void)
{
    Pair *p;

    if (!have_zero_copy()) {
        return;
    }
    p = pair_new();
    memset(p->src.ram->host, 0, PAIR_RAM_BYTES);
    start_multifd(p, true);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    g_assert_cmpuint(missed(p), ==, 0);
    pair_free(p);
}

static void test_multifd_unix(void)
{
    Pair *p = pair_new();

    start_multifd(p, false);
    side_wait(&p->src);
    side_check(&p->src, "failed", true,
               "zero-copy-send takes a TCP connection");
    side_wait(&p->dst);
    pair_free(p);
}

/* The reason is this side's, not that the destination missed something. */
static int multifd_over_limit(void)
{
    Pair *p = pair_new();

    start_multifd(p, true);
    side_wait(&p->src);
    side_check(&p->src, "failed", true,
               "(RLIMIT_MEMLOCK) is 65536 bytes");
    side_wait(&p->dst);
    pair_free(p);
    return 0;
}

static void test_multifd_over_limit(void)
{
    if (have_zero_copy()) {
        limited(64 * KiB, multifd_over_limit);
    }
}

/* The far end takes nothing: a cancel still ends it, and the guest runs. */
static void test_multifd_cancel(void)
{
    QIOChannel *src[1 + N_CHANNELS];
    int peers[1 + N_CHANNELS];
    bool large;
    Pair *p;

    if (!have_zero_copy()) {
        return;
    }
    p = pair_new();
    bql_lock(p->src.vm);
    set_cap(&p->src, MIGRATION_CAPABILITY_RETURN_PATH, false);
    set_cap(&p->src, MIGRATION_CAPABILITY_MULTIFD, true);
    set_cap(&p->src, MIGRATION_CAPABILITY_ZERO_COPY_SEND, true);
    for (int i = 0; i <= N_CHANNELS; i++) {
        src[i] = stuck_channel_full(&peers[i], &large);
    }
    if (large) {
        migration_source_start_channels(p->src.vm->migration, src);
    } else {
        g_test_skip("no large socket buffer without CAP_NET_ADMIN");
    }
    bql_unlock(p->src.vm);
    /* pages are on their way */
    for (uint64_t sent = !large; !sent;) {
        MigrationState *s = p->src.vm->migration;

        sent = qatomic_read_relaxed(&s->counters.normal_pages);
        g_main_context_iteration(NULL, FALSE);
    }
    if (large) {
        side_cancel(&p->src);
        side_wait(&p->src);
        side_check(&p->src, "cancelled", true, NULL);
    }
    for (int i = 0; i <= N_CHANNELS; i++) {
        qio_channel_unref(src[i]);
        close(peers[i]);
    }
    pair_free(p);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/zero-copy/limit/over", test_over_limit);
    g_test_add_func("/zero-copy/limit/within", test_within_limit);
    g_test_add_func("/zero-copy/limit/shared", test_shared_limit);
    g_test_add_func("/zero-copy/limit/multifd", test_multifd_over_limit);
    g_test_add_func("/zero-copy/socket/unix", test_unix);
    g_test_add_func("/zero-copy/socket/contents", test_contents);
    g_test_add_func("/zero-copy/socket/shutdown", test_shutdown);
    g_test_add_func("/zero-copy/socket/uncopied", test_uncopied);
    g_test_add_func("/zero-copy/multifd/tcp", test_multifd);
    g_test_add_func("/zero-copy/multifd/zero", test_multifd_zero);
    g_test_add_func("/zero-copy/multifd/unix", test_multifd_unix);
    g_test_add_func("/zero-copy/multifd/cancel", test_multifd_cancel);
    return g_test_run();
}
