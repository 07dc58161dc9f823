/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two VMs in this process migrate over a pair of sockets: success, and a
 * failure or a cancel at chosen octets of either direction. After each,
 * never both of them run, and the reason is told.
 */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/stat.h>

#include "io/channel-file.h"
#include "migration-pair.h"
#include "migration/blocker.h"
#include "system/runstate.h"

/* --- Success -------------------------------------------------------------- */

static void test_success(void)
{
    Pair *p = pair_new();
    MigrationInfo *info;

    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    g_assert_cmpstr(p->src.events->str, ==,
                    "setup active STOP device completed ");
    g_assert_cmpstr(p->dst.events->str, ==,
                    "setup active RESUME completed ");
    bql_lock(p->src.vm);
    info = migration_info_new(p->src.vm);
    g_assert_true(info->has_downtime && info->has_total_time);
    g_assert_cmpint(info->ram->transferred, >, PAIR_RAM_BYTES / 2);
    g_assert_cmpint(info->ram->remaining, ==, 0);
    qapi_free_MigrationInfo(info);
    /* the guest is elsewhere now */
    g_assert_false(
        migration_source_allowed(p->src.vm->migration, NULL));
    bql_unlock(p->src.vm);
    pair_free(p);
}

static void test_no_return_path(void)
{
    Pair *p = pair_new();

    bql_lock(p->src.vm);
    set_cap(&p->src, MIGRATION_CAPABILITY_RETURN_PATH, false);
    bql_unlock(p->src.vm);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    g_assert_cmpuint(channel_gate_offset(p->dst.gate, CHANNEL_GATE_WRITE), ==,
                     0);
    pair_free(p);
}

static void test_paused(void)
{
    Pair *p = pair_new();

    bql_lock(p->src.vm);
    vm_stop(p->src.vm, RUN_STATE_PAUSED, NULL);
    bql_unlock(p->src.vm);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "completed", false, NULL);
    side_check(&p->dst, "completed", false, NULL);
    g_assert_cmpint(runstate_get(p->dst.vm), ==, RUN_STATE_PAUSED);
    pair_free(p);
}

/* --- Failures ------------------------------------------------------------- */

static void test_write_fails(void)
{
    uint64_t total = stream_bytes();
    const uint64_t offsets[] = {
        0, 6, 20, 40, total / 4, total / 2, total - 600, total - 100, total - 1,
    };

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        for (int action = CHANNEL_GATE_FAIL; action <= CHANNEL_GATE_END;
             action++) {
            Pair *p = pair_new();

            g_test_message("write fails at %" PRIu64 " (%d)", offsets[i],
                           action);
            channel_gate_stop_at(p->src.gate, CHANNEL_GATE_WRITE, offsets[i],
                                 action);
            pair_start(p);
            side_wait(&p->src);
            side_check(&p->src, "failed", true, "");
            side_wait(&p->dst);
            side_check(&p->dst, "failed", false, "");
            pair_free(p);
        }
    }
}

static void test_read_fails(void)
{
    uint64_t total = stream_bytes();
    const uint64_t offsets[] = {
        /* not behind the EOF: a description may be missing */
        0, 6, 20, 40, total / 4, total / 2, total * 3 / 4,
    };

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        Pair *p = pair_new();

        g_test_message("the destination fails at %" PRIu64, offsets[i]);
        channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_READ, offsets[i],
                             CHANNEL_GATE_FAIL);
        pair_start(p);
        side_wait(&p->src);
        side_wait(&p->dst);
        side_check(&p->dst, "failed", false, "");
        side_check(&p->src, "failed", true, "");
        pair_free(p);
    }
}

/* Until the main loop has announced it; the exit code. */
static int side_wait_shutdown(Side *side)
{
    int code = 0;
    bool asked;

    do {
        g_main_context_iteration(NULL, FALSE);
        bql_lock(side->vm);
        asked = vm_shutdown_requested(side->vm, &code);
        bql_unlock(side->vm);
    } while (!asked);
    return code;
}

/* The destination cannot take the stream: the source is told. */
static void test_refused(void)
{
    Pair *p = pair_new();

    savevm_set_machine_name(p->dst.vm, "other");
    bql_lock(p->dst.vm);
    p->dst.vm->incoming->exit_on_error = true;
    bql_unlock(p->dst.vm);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "failed", true, "");
    side_check(&p->dst, "failed", false, "other");
    g_assert_cmpint(side_wait_shutdown(&p->dst), ==, 1);
    pair_free(p);
}

/* A run state that cannot go on elsewhere is noticed before the answer. */
static void test_refused_state(void)
{
    Pair *p = pair_new();

    bql_lock(p->src.vm);
    g_assert_true(vm_stop(p->src.vm, RUN_STATE_SUSPENDED, NULL));
    bql_unlock(p->src.vm);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "failed", false, "refused the migration");
    g_assert_cmpint(runstate_get(p->src.vm), ==, RUN_STATE_SUSPENDED);
    side_check(&p->dst, "failed", false, "'suspended'");
    pair_free(p);
}

/* A different set of blocks is noticed after the return path is open. */
static void test_refused_open(void)
{
    Pair *p = pair_new();

    strcpy(p->dst.ram->id, "another");
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "failed", true, "refused the migration");
    side_check(&p->dst, "failed", false, "ram");
    pair_free(p);
}

/* Neither started nor given away: whoever manages both sides decides. */
static void check_unknown(Side *side, const char *reason)
{
    side_check(side, "failed", false, "the outcome is unknown");
    side_check(side, "failed", false, "'cont'");
    side_check(side, "failed", false, reason);
    g_assert_cmpint(runstate_get(side->vm), ==, RUN_STATE_POSTMIGRATE);
}

/*
 * The destination fails before it has read that answers are wanted: the
 * source learns why all the same, in its own error.
 */
static void test_refused_early(void)
{
    static const struct {
        bool tcp;
        bool capability; /* of the destination */
        const char *expect;
    } cases[] = {
        { false, true, "the destination refused the migration: CONFIGURATION "
                       "at offset 8" },
        { true, true, "machine type is 'none' on the source but 'other' "
                      "here; use the same -machine" },
        { false, false, "before it opened the return path" },
        { true, false, "before it opened the return path" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Pair *p = pair_new();

        if (cases[i].tcp) {
            pair_use_tcp(p);
        }
        bql_lock(p->dst.vm);
        savevm_set_machine_name(p->dst.vm, "other");
        set_cap(&p->dst, MIGRATION_CAPABILITY_RETURN_PATH,
                cases[i].capability);
        bql_unlock(p->dst.vm);
        pair_start(p);
        side_wait(&p->src);
        side_wait(&p->dst);
        side_check(&p->dst, "failed", false, "machine type is 'none'");
        side_check(&p->src, "failed", true, cases[i].expect);
        pair_free(p);
    }
}

/* A source that does not listen: unheard, and no success for it either. */
static void test_refused_unheard(void)
{
    Pair *p = pair_new();

    bql_lock(p->src.vm);
    set_cap(&p->src, MIGRATION_CAPABILITY_RETURN_PATH, false);
    bql_unlock(p->src.vm);
    bql_lock(p->dst.vm);
    savevm_set_machine_name(p->dst.vm, "other");
    bql_unlock(p->dst.vm);
    /* It has sent the configuration and little more. */
    channel_gate_stop_at(p->src.gate, CHANNEL_GATE_WRITE, 40,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    side_wait(&p->dst);
    channel_gate_release(p->src.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->src);
    side_check(&p->dst, "failed", false, "machine type is 'none'");
    side_check(&p->src, "failed", true, "");
    pair_free(p);
}

/* The answer cannot be sent: the destination must not start. */
static void test_answer_fails(void)
{
    Pair *p = pair_new();

    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_WRITE, 8,
                         CHANNEL_GATE_FAIL);
    pair_start(p);
    side_wait(&p->dst);
    side_wait(&p->src);
    side_check(&p->dst, "failed", false, "SHUT");
    check_unknown(&p->src, "before it said");
    g_assert_cmpstr(p->src.events->str, ==,
                    "setup active STOP device failed ");
    pair_free(p);
}

/* The answer is sent and gets lost: only the destination runs. */
static void test_answer_lost(void)
{
    Pair *p = pair_new();

    /* In the middle of it. */
    channel_gate_stop_at(p->src.gate, CHANNEL_GATE_READ, 12, CHANNEL_GATE_END);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_unknown(&p->src, "ends early");
    side_check(&p->dst, "completed", true, NULL);
    bql_lock(p->src.vm);
    g_assert_false(migration_source_allowed(p->src.vm->migration, NULL));
    g_assert_true(vm_start(p->src.vm, NULL)); /* as 'cont' does */
    g_assert_true(runstate_is_running(p->src.vm));
    bql_unlock(p->src.vm);
    pair_free(p);
}

/* --- Cancel --------------------------------------------------------------- */

static void cancel_at(uint64_t offset)
{
    Pair *p = pair_new();

    g_test_message("cancel at %" PRIu64, offset);
    channel_gate_stop_at(p->src.gate, CHANNEL_GATE_WRITE, offset,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->src.gate, CHANNEL_GATE_WRITE,
                                            PAIR_WAIT_MS));
    side_cancel(&p->src);
    side_cancel(&p->src);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "cancelled", true, NULL);
    side_check(&p->dst, "failed", false, "");
    side_cancel(&p->src);
    side_check(&p->src, "cancelled", true, NULL);
    pair_free(p);
}

static void test_cancel(void)
{
    uint64_t total = stream_bytes();

    cancel_at(0);
    cancel_at(20);
    cancel_at(total / 2);
}

/* All is sent, the destination has not read it: it refuses. */
static void test_cancel_before_decision(void)
{
    uint64_t total = stream_bytes();
    Pair *p = pair_new();

    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_READ, total - 1,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->dst.gate, CHANNEL_GATE_READ,
                                            PAIR_WAIT_MS));
    while (!qatomic_read(&p->src.vm->migration->committed)) {
        g_thread_yield();
    }
    side_cancel(&p->src);
    channel_gate_release(p->dst.gate, CHANNEL_GATE_READ);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "cancelled", true, NULL);
    g_assert_cmpstr(p->src.events->str, ==,
                    "setup active STOP device cancelling RESUME cancelled ");
    side_check(&p->dst, "failed", false, "");
    pair_free(p);
}

/* The same, with something behind the stream that nobody has read. */
static void test_hang_up_unread(void)
{
    uint64_t total = stream_bytes();
    Pair *p = pair_new();

    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_READ, total - 1,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->dst.gate, CHANNEL_GATE_READ,
                                            PAIR_WAIT_MS));
    while (channel_gate_offset(p->src.gate, CHANNEL_GATE_WRITE) < total) {
        g_thread_yield();
    }
    g_assert_true(qio_channel_write_all(p->src.gate, "x", 1, NULL));
    side_cancel(&p->src);
    /* Nothing is read beyond the stream but after a refusal. */
    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_READ, total,
                         CHANNEL_GATE_WAIT);
    g_assert_true(channel_gate_wait_arrived(p->dst.gate, CHANNEL_GATE_READ,
                                            PAIR_WAIT_MS));
    channel_gate_release(p->dst.gate, CHANNEL_GATE_READ);
    side_wait(&p->dst);
    side_wait(&p->src);
    side_check(&p->dst, "failed", false, "the source hung up");
    side_check(&p->src, "cancelled", true, NULL);
    pair_free(p);
}

/* As before, and then the connection breaks. */
static void test_cancel_and_lose(void)
{
    Pair *p = pair_new();

    pair_start_to_answer(p);
    side_cancel(&p->src);
    migration_source_shutdown_channel(p->src.vm->migration);
    side_wait(&p->src);
    check_unknown(&p->src, "");
    g_assert_cmpstr(p->src.events->str, ==,
                    "setup active STOP device cancelling failed ");
    channel_gate_release(p->dst.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->dst);
    pair_free(p);
}

/* As before, but nobody ever answers: the wait ends by itself. */
static void test_cancel_unanswered(void)
{
    Pair *p = pair_new();

    p->src.vm->migration->answer_wait_ms = 1;
    pair_start_to_answer(p);
    side_cancel(&p->src);
    side_wait(&p->src);
    check_unknown(&p->src, "");
    g_assert_cmpstr(p->src.events->str, ==,
                    "setup active STOP device cancelling failed ");
    channel_gate_release(p->dst.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->dst);
    pair_free(p);
}

/* Without answers, a cancel after the last octet is too late. */
static void test_cancel_one_way(void)
{
    uint64_t total;
    Pair *p = pair_new();

    bql_lock(p->src.vm);
    set_cap(&p->src, MIGRATION_CAPABILITY_RETURN_PATH, false);
    bql_unlock(p->src.vm);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    total = channel_gate_offset(p->src.gate, CHANNEL_GATE_WRITE);
    pair_free(p);

    p = pair_new();
    bql_lock(p->src.vm);
    set_cap(&p->src, MIGRATION_CAPABILITY_RETURN_PATH, false);
    bql_unlock(p->src.vm);
    channel_gate_stop_at(p->src.gate, CHANNEL_GATE_WRITE, total - 1,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->src.gate, CHANNEL_GATE_WRITE,
                                            PAIR_WAIT_MS));
    bql_lock(p->src.vm); /* sent, but the thread cannot go on */
    channel_gate_release(p->src.gate, CHANNEL_GATE_WRITE);
    while (channel_gate_offset(p->src.gate, CHANNEL_GATE_WRITE) < total) {
        g_thread_yield();
    }
    migration_source_cancel(p->src.vm->migration);
    bql_unlock(p->src.vm);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    pair_free(p);
}

/* The destination has decided and is about to answer: it gets the guest. */
static void test_cancel_before_answer(void)
{
    Pair *p = pair_new();

    pair_start_to_answer(p);
    side_cancel(&p->src);
    g_assert_false(side_idle(&p->src));
    channel_gate_release(p->dst.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    g_assert_cmpstr(p->src.events->str, ==,
                    "setup active STOP device cancelling completed ");
    pair_free(p);
}

/* The process ends while the peer hangs. */
static void test_shutdown(void)
{
    uint64_t total = stream_bytes();
    const uint64_t offsets[] = { 0, total / 2, total - 1 };

    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        Pair *p = pair_new();

        channel_gate_stop_at(p->src.gate, CHANNEL_GATE_WRITE, offsets[i],
                             CHANNEL_GATE_WAIT);
        pair_start(p);
        g_assert_true(channel_gate_wait_arrived(
            p->src.gate, CHANNEL_GATE_WRITE, PAIR_WAIT_MS));
        migration_shutdown(p->dst.vm);
        migration_shutdown(p->src.vm);
        g_assert_true(side_idle(&p->src) && side_idle(&p->dst));
        g_assert_false(vm_shutdown_requested(p->dst.vm, NULL));
        pair_free(p);
    }
}

/* --- Others --------------------------------------------------------------- */

/* After a cancel the same guest migrates all the same. */
static void test_again(void)
{
    Pair *first = pair_new(), *second = pair_new();
    Side old;

    channel_gate_stop_at(first->src.gate, CHANNEL_GATE_WRITE, 5000,
                         CHANNEL_GATE_WAIT);
    pair_start(first);
    g_assert_true(channel_gate_wait_arrived(
        first->src.gate, CHANNEL_GATE_WRITE, PAIR_WAIT_MS));
    side_cancel(&first->src);
    side_wait(&first->src);
    side_wait(&first->dst);

    old.gate = first->src.gate;
    first->src.gate = second->src.gate;
    second->src.gate = old.gate;
    bql_lock(second->dst.vm);
    migration_incoming_channel(second->dst.vm->incoming, second->dst.gate);
    bql_unlock(second->dst.vm);
    bql_lock(first->src.vm);
    migration_source_start_channels(first->src.vm->migration, &first->src.gate);
    bql_unlock(first->src.vm);
    side_wait(&first->src);
    side_wait(&second->dst);
    side_check(&first->src, "completed", false, NULL);
    side_check(&second->dst, "completed", true, NULL);
    pair_free(first);
    pair_free(second);
}

static void test_blocker(void)
{
    Pair *p = pair_new();
    QmpContext ctx = { .vm = p->src.vm };
    QmpMigrateArgs args = { .uri = (char *)"unix:/nowhere" };
    Error *err = NULL;
    unsigned id;

    bql_lock(p->src.vm);
    g_assert_true(migrate_add_blocker(p->src.vm, "a reason", &id, NULL));
    g_assert_false(qmp_migrate(&ctx, &args, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "a reason");
    error_free(err);
    migrate_del_blocker(p->src.vm, id);
    g_assert_true(qmp_migrate(&ctx, &args, NULL));
    g_assert_false(migrate_add_blocker(p->src.vm, "late", &id, NULL));
    err = NULL;
    g_assert_false(qmp_migrate(&ctx, &args, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "There's a migration process in progress");
    error_free(err);
    bql_unlock(p->src.vm);
    side_wait(&p->src);
    side_check(&p->src, "failed", true, "/nowhere");
    pair_free(p);
}

static void test_tcp(void)
{
    Pair *p = pair_new();
    QmpContext src = { .vm = p->src.vm }, dst = { .vm = p->dst.vm };
    QmpMigrateIncomingArgs in = { .uri = (char *)"tcp:127.0.0.1:0" };
    QmpMigrateArgs out = { 0 };
    g_autofree char *uri = NULL;
    MigrationInfo *info;
    Error *err = NULL;

    bql_lock(p->dst.vm);
    g_assert_false(qmp_migrate_incoming(&dst, &in, NULL));
    g_assert_true(migration_incoming_start(p->dst.vm, "defer", NULL));
    qmp_migrate_incoming(&dst, &in, &err);
    g_assert_null(err);
    g_assert_false(qmp_migrate_incoming(&dst, &in, NULL));
    info = qmp_query_migrate(&dst, NULL);
    uri = g_strdup_printf("tcp:127.0.0.1:%s",
                          info->socket_address->value->u.inet.port);
    qapi_free_MigrationInfo(info);
    bql_unlock(p->dst.vm);

    bql_lock(p->src.vm);
    out.uri = uri;
    qmp_migrate(&src, &out, &err);
    g_assert_null(err);
    bql_unlock(p->src.vm);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_success(p);
    pair_free(p);
}

/* Through a file and a command; the command's failure is the migration's. */
static void test_file_exec(void)
{
    g_autofree char *dir = g_dir_make_tmp("test-migration-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "stream", NULL);
    g_autofree char *bad = g_strdup("exec:cat >/dev/null; exit 3");
    g_autofree char *file = g_strdup_printf("file:%s,offset=4096", path);
    g_autofree char *in = g_strdup_printf("exec:tail -c +4097 %s", path);
    Pair *p = pair_new();
    QmpContext src = { .vm = p->src.vm };
    QmpMigrateArgs args = { .uri = bad };
    Error *err = NULL;

    bql_lock(p->src.vm);
    g_assert_true(qmp_migrate(&src, &args, NULL));
    bql_unlock(p->src.vm);
    side_wait(&p->src);
    check_unknown(&p->src, "exit status 3");

    bql_lock(p->src.vm);
    g_assert_true(vm_start(p->src.vm, NULL)); /* as 'cont' does */
    args.uri = (char *)"exec:exit 4";
    g_assert_true(qmp_migrate(&src, &args, NULL));
    bql_unlock(p->src.vm);
    side_wait(&p->src);
    side_check(&p->src, "failed", true, "exit status 4");

    bql_lock(p->src.vm);
    args.uri = file;
    g_assert_true(qmp_migrate(&src, &args, NULL));
    bql_unlock(p->src.vm);
    side_wait(&p->src);
    side_check(&p->src, "completed", false, NULL);

    bql_lock(p->dst.vm);
    migration_incoming_start(p->dst.vm, in, &err);
    g_assert_null(err);
    bql_unlock(p->dst.vm);
    side_wait(&p->dst);
    check_success(p);
    pair_free(p);
    g_unlink(path);
    g_rmdir(dir);
}

/* Both sides' commands end badly, and the destination has the guest. */
static void test_exec_live(void)
{
    g_autofree char *dir = g_dir_make_tmp("test-migration-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "pipe", NULL);
    g_autofree char *out = g_strdup_printf("exec:cat > %s; exit 1", path);
    g_autofree char *in = g_strdup_printf("exec:cat %s", path);
    Pair *p = pair_new();
    QmpContext src = { .vm = p->src.vm };
    QmpMigrateArgs args = { .uri = out };

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    bql_lock(p->dst.vm);
    g_assert_true(migration_incoming_start(p->dst.vm, in, NULL));
    bql_unlock(p->dst.vm);
    bql_lock(p->src.vm);
    g_assert_true(qmp_migrate(&src, &args, NULL));
    bql_unlock(p->src.vm);
    side_wait(&p->dst);
    side_wait(&p->src);
    side_check(&p->dst, "completed", true, NULL);
    check_unknown(&p->src, "exit status 1");
    pair_free(p);
    g_unlink(path);
    g_rmdir(dir);
}

/* A pipe; its reader has all when the source is cancelled, or its write of
 * the last octet fails. */
static void one_way(bool cancel)
{
    Pair *p = pair_new();
    uint64_t total;
    int fds[2];

    bql_lock(p->src.vm);
    set_cap(&p->src, MIGRATION_CAPABILITY_RETURN_PATH, false);
    bql_unlock(p->src.vm);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    total = channel_gate_offset(p->src.gate, CHANNEL_GATE_WRITE);
    pair_free(p);

    p = pair_new();
    g_assert_cmpint(pipe(fds), ==, 0);
    qio_channel_unref(p->dst.gate);
    qio_channel_unref(p->src.gate);
    p->dst.gate = channel_gate_new(qio_channel_new_fd(fds[0], NULL));
    p->src.gate = channel_gate_new(qio_channel_new_fd(fds[1], NULL));
    channel_gate_stop_at(p->src.gate, CHANNEL_GATE_WRITE, total - 1,
                         cancel ? CHANNEL_GATE_WAIT : CHANNEL_GATE_FAIL);
    pair_start(p);
    g_assert_true(channel_gate_wait_arrived(p->src.gate, CHANNEL_GATE_WRITE,
                                            PAIR_WAIT_MS));
    if (cancel) {
        side_cancel(&p->src);
    }
    side_wait(&p->src);
    check_unknown(&p->src, "");
    side_wait(&p->dst);
    /* Only the end of the description is missing, which nobody waits for. */
    side_check(&p->dst, "completed", true, NULL);
    pair_free(p);
}

static void test_one_way(void)
{
    one_way(false);
    one_way(true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/two-vms/success", test_success);
    g_test_add_func("/two-vms/no-return-path", test_no_return_path);
    g_test_add_func("/two-vms/paused", test_paused);
    g_test_add_func("/two-vms/write-fails", test_write_fails);
    g_test_add_func("/two-vms/read-fails", test_read_fails);
    g_test_add_func("/two-vms/refused", test_refused);
    g_test_add_func("/two-vms/refused-open", test_refused_open);
    g_test_add_func("/two-vms/refused-state", test_refused_state);
    g_test_add_func("/two-vms/refused-early", test_refused_early);
    g_test_add_func("/two-vms/refused-unheard", test_refused_unheard);
    g_test_add_func("/two-vms/answer-fails", test_answer_fails);
    g_test_add_func("/two-vms/answer-lost", test_answer_lost);
    g_test_add_func("/two-vms/cancel", test_cancel);
    g_test_add_func("/two-vms/cancel-before-answer",
                    test_cancel_before_answer);
    g_test_add_func("/two-vms/cancel-before-decision",
                    test_cancel_before_decision);
    g_test_add_func("/two-vms/cancel-and-lose", test_cancel_and_lose);
    g_test_add_func("/two-vms/cancel-unanswered", test_cancel_unanswered);
    g_test_add_func("/two-vms/cancel-one-way", test_cancel_one_way);
    g_test_add_func("/two-vms/shutdown", test_shutdown);
    g_test_add_func("/two-vms/again", test_again);
    g_test_add_func("/two-vms/blocker", test_blocker);
    g_test_add_func("/two-vms/tcp", test_tcp);
    g_test_add_func("/two-vms/file-exec", test_file_exec);
    g_test_add_func("/two-vms/exec-live", test_exec_live);
    g_test_add_func("/two-vms/one-way", test_one_way);
    g_test_add_func("/two-vms/hang-up-unread", test_hang_up_unread);
    return g_test_run();
}
