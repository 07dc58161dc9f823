/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's reading of the return path, octet by octet, with the test in
 * the place of the destination.
 */
#include "qemu/osdep.h"
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "io/channel-socket.h"
#include "migration/migration-internal.h"
#include "migration/return-path.h"

/* Until the other end has read all that was sent. */
static void wait_read(QIOChannel *ioc)
{
    int left_bytes;

    do {
        g_thread_yield();
        g_assert_cmpint(ioctl(ioc->ops->poll_fd(ioc, G_IO_OUT), SIOCOUTQ,
                              &left_bytes), ==, 0);
    } while (left_bytes);
}

/*
 * Sends @octets (and hangs up if @hang_up) to a source in @status, the last
 * @late_bytes when it has read the others; the text of the error it gets,
 * NULL for success.
 */
static char *answer_late(const char *octets, size_t len, size_t late_bytes,
                         bool hang_up, MigrationStatus status)
{
    VM *vm = vm_new(NULL);
    QIOChannel *source, *peer;
    ReturnPath *rp;
    Error *err = NULL;
    char *text = NULL;
    bool ok;

    bql_lock(vm);
    g_assert_true(migration_init(vm, NULL));
    bql_unlock(vm);
    vm->migration->machine.status = status;
    vm->migration->committed = status == MIGRATION_STATUS_DEVICE;
    g_assert_true(qio_channel_pair_new(&source, &peer, NULL));
    rp = return_path_start(vm->migration, source, NULL);
    g_assert_true(qio_channel_write_all(peer, octets, len - late_bytes, NULL));
    if (late_bytes) {
        wait_read(peer);
        qio_channel_write_all(peer, octets + len - late_bytes, late_bytes,
                              NULL);
    }
    if (hang_up) {
        qio_channel_shutdown(peer, QIO_CHANNEL_SHUTDOWN_BOTH, NULL);
    }
    ok = return_path_wait(rp, 20000, &err);
    g_assert_cmpint(ok, ==, err == NULL);
    if (err) {
        text = g_strdup(error_get_pretty(err));
        g_test_message("%s", text);
        error_free(err);
        g_assert_true(migration_should_stop(vm->migration));
    } else {
        g_assert_true(return_path_has_verdict(rp));
        g_assert_false(migration_should_stop(vm->migration));
    }
    return_path_free(rp);
    qio_channel_unref(source);
    qio_channel_unref(peer);
    vm->migration->machine.status = MIGRATION_STATUS_NONE;
    bql_lock(vm);
    migration_free(vm);
    bql_unlock(vm);
    vm_free(vm);
    return text;
}

static char *answer(const char *octets, size_t len, bool hang_up,
                    MigrationStatus status)
{
    return answer_late(octets, len, 0, hang_up, status);
}

typedef struct Case {
    const char *octets;
    size_t len;
    bool hang_up;
    const char *expect; /* NULL: success */
} Case;

#define C(octets, hang_up, expect)                                             \
    { octets, sizeof(octets) - 1, hang_up, expect }

static const Case cases[] = {
    C("\0\1\0\4\0\0\0\0", false, NULL),
    C("\0\2\0\4\0\0\0\1\0\1\0\4\0\0\0\0", false, NULL),
    C("\0\1\0\4\0\0\0\1", false, "refused the migration (it answered SHUT 1)"),
    C("\0\1\0\4\0\0\1\2", false, "SHUT 258"),
    C("\0\1\0\4\0\0\0\1\xff\1\0\3why", false,
      "the destination refused the migration: why"),
    C("\0\1\0\4\0\0\0\1\xff\1\0\4w\n\xffy", false,
      "refused the migration: w \xef\xbf\xbdy"),
    /* U+009B, U+202E, U+2066, U+2028, U+2029, U+00AD are no text. */
    C("\0\1\0\4\0\0\0\1\xff\1\0\26a\xc2\x9b" "b\xe2\x80\xae" "c"
      "\xe2\x81\xa6" "d\xe2\x80\xa8\xe2\x80\xa9\xc2\xad\xc3\xa9",
      false, "refused the migration: abcd\xc3\xa9"),
    C("\0\1\0\4\0\0\0\1\xff\1\0\2\xc2\x9b", false, "it answered SHUT 1"),
    C("\0\1\0\4\0\0\0\1\xff\1\0\4why", false, "it answered SHUT 1"),
    C("\0\1\0\4\0\0\0\1\xff\1\2\1why", false, "it answered SHUT 1"),
    C("\0\1\0\4\0\0\0\1\xff\1\0\0", false, "it answered SHUT 1"),
    C("\0\1\0\4\0\0\0\1\xff\2\0\3why", false, "it answered SHUT 1"),
    C("\0\1\0\4\0\0\0\1\xff\1\0", false, "it answered SHUT 1"),
    C("\xff\1\0\3why", false, "unknown message type 65281"),
    C("", true, "before it opened the return path: its log"),
    C("\0\2\0\4\0\0\0\1", true, "before it said"),
    C("\0\1\0", true, "end"),
    C("\0\1\0\4\0\0", true, "end"),
    C("\0\0\0\0", false, "unknown message type 0"),
    C("\0\x8\0\0", false, "unknown message type 8"),
    C("\xff\xff\0\0", false, "unknown message type 65535"),
    C("\0\1\0\3\0\0\0", false, "SHUT has bad length 3"),
    C("\0\2\0\5\0\0\0\0\0", false, "PONG has bad length 5"),
    C("\0\3\2\1", false, "REQ_PAGES_ID has bad length 513"),
    C("\0\4\0\14\0\0\0\0\0\0\0\0\0\0\0\0", false, "REQ_PAGES belongs"),
    C("\0\3\0\15\0\0\0\0\0\0\0\0\0\0\0\0\0", false, "REQ_PAGES_ID belongs"),
    C("\0\5\0\1\0", false, "RECV_BITMAP belongs"),
    C("\0\6\0\4\0\0\0\1", false, "RESUME_ACK belongs"),
    C("\0\7\0\0", false, "SWITCHOVER_ACK belongs"),
};

static void test_messages(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *text = answer(cases[i].octets, cases[i].len,
                                       cases[i].hang_up,
                                       MIGRATION_STATUS_DEVICE);

        if (!cases[i].expect) {
            g_assert_null(text);
        } else {
            g_assert_nonnull(text);
            g_assert_nonnull(strstr(text, cases[i].expect));
        }
    }
}

/* Success before there was anything to succeed with. */
static void test_early(void)
{
    g_autofree char *text = answer("\0\1\0\4\0\0\0\0", 8, false,
                                   MIGRATION_STATUS_ACTIVE);

    g_assert_nonnull(text);
    g_assert_nonnull(strstr(text, "before everything was sent"));
}

/* The reason comes in pieces of their own. */
static void test_late_reason(void)
{
    static const char octets[] = "\0\1\0\4\0\0\0\1\xff\1\0\3why";

    for (size_t late = 1; late <= 7; late++) {
        g_autofree char *text = answer_late(octets, sizeof(octets) - 1, late,
                                            false, MIGRATION_STATUS_DEVICE);

        g_assert_nonnull(text);
        g_assert_nonnull(strstr(text, "refused the migration: why"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/return-path/messages", test_messages);
    g_test_add_func("/return-path/early", test_early);
    g_test_add_func("/return-path/late-reason", test_late_reason);
    return g_test_run();
}
