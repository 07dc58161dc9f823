/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A side or the connection dies in the switchover, or someone cancels: the
 * source's guest is stopped and the end of the stream is under way, through a
 * relay that stops at a chosen octet. Until the end of the stream is out the source takes its
 * guest back; from then on it does so only on the destination's word.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "migration/framework.h"
#include "migration/groups.h"
#include "migration/relay.h"

/* What dies when the relay has stopped. */
typedef enum Victim {
    KILL_DESTINATION,
    KILL_SOURCE,
    CUT_CONNECTION,
    /* The source dies, then the destination gets all that was kept: without
     * and with the news that the source has hung up. */
    KILL_SOURCE_DELIVER,
    KILL_SOURCE_DELIVER_HUNG_UP,
    /* migrate_cancel, and then nothing; all that was kept; nobody dies. */
    CANCEL,
    CANCEL_DELIVER,
    NO_VICTIM,
} Victim;

/* Where the guest is afterwards, and in what state. */
typedef enum Ending {
    SOURCE_RUNS,
    /* Nobody runs it; the source takes it back when told `cont`. */
    SOURCE_WAITS,
    DESTINATION_RUNS,
    /* The source is dead, and the destination refuses half a guest. */
    NOBODY_RUNS,
} Ending;

typedef struct SwitchoverCase {
    const char *name;
    RelayPlan plan;
    bool much_left; /* of memory, when the guest is stopped */
    bool paused;
    const char *multifd; /* parameters of both sides; NULL: without */
    Victim victim;
    Ending ending;
    const char *status;   /* of the source, unless "failed" */
    const char *error;    /* of the source */
    const char *dst_says; /* on its stderr, and it exits with 1 */
} SwitchoverCase;

#define UNKNOWN "outcome is unknown"
#define PLAIN "'multifd-channels': 2"
#define ZLIB "'multifd-channels': 3, 'multifd-compression': 'zlib'"

static const SwitchoverCase cases[] = {
    /* Memory is still being sent: the source's writes block. */
    { "destination-dies/in-memory", { &relay_at_switchover, .stop_reading = true },
      .victim = KILL_DESTINATION, .ending = SOURCE_RUNS,
      .much_left = true, .error = "destination" },
    { "connection-dies/in-memory", { &relay_at_switchover, .stop_reading = true },
      .victim = CUT_CONNECTION, .ending = SOURCE_RUNS,
      .much_left = true, .error = "destination",
      .dst_says = "ends early" },
    { "source-dies/in-memory", { &relay_at_switchover, .stop_reading = true },
      .victim = KILL_SOURCE, .ending = NOBODY_RUNS,
      .much_left = true, .dst_says = "ends early" },
    { "cancel/in-memory", { &relay_at_switchover, .stop_reading = true },
      .victim = CANCEL, .ending = SOURCE_RUNS,
      .much_left = true, .status = "cancelled", .dst_says = "ends early" },
    /* All of it is out, but not all has arrived. */
    { "destination-dies/before-devices", { &relay_at_devices },
      .victim = KILL_DESTINATION, .ending = SOURCE_WAITS,
      .error = UNKNOWN },
    { "destination-dies/before-eof", { &relay_at_eof },
      .victim = KILL_DESTINATION, .ending = SOURCE_WAITS,
      .error = UNKNOWN },
    { "destination-dies/paused", { &relay_at_eof },
      .victim = KILL_DESTINATION, .ending = SOURCE_WAITS,
      .paused = true, .error = UNKNOWN },
    { "connection-dies/before-devices", { &relay_at_devices },
      .victim = CUT_CONNECTION, .ending = SOURCE_WAITS,
      .error = UNKNOWN, .dst_says = "ends early" },
    { "connection-dies/before-eof", { &relay_at_eof },
      .victim = CUT_CONNECTION, .ending = SOURCE_WAITS,
      .error = UNKNOWN, .dst_says = "ends early" },
    { "source-dies/before-devices", { &relay_at_devices },
      .victim = KILL_SOURCE, .ending = NOBODY_RUNS,
      .dst_says = "ends early" },
    { "source-dies/before-eof", { &relay_at_eof },
      .victim = KILL_SOURCE, .ending = NOBODY_RUNS,
      .dst_says = "ends early" },
    { "source-dies/paused", { &relay_at_eof },
      .victim = KILL_SOURCE, .ending = NOBODY_RUNS,
      .paused = true, .dst_says = "ends early" },
    { "cancel/no-answer", { &relay_at_eof },
      .victim = CANCEL, .ending = SOURCE_WAITS,
      .error = UNKNOWN, .dst_says = "ends early" },
    /* The rest arrives all the same. */
    { "source-dies/delivered", { &relay_at_eof },
      .victim = KILL_SOURCE_DELIVER, .ending = DESTINATION_RUNS },
    { "source-dies/hung-up", { &relay_at_eof },
      .victim = KILL_SOURCE_DELIVER_HUNG_UP, .ending = NOBODY_RUNS,
      .dst_says = "the source hung up" },
    { "cancel/delivered", { &relay_at_eof },
      .victim = CANCEL_DELIVER, .ending = SOURCE_RUNS,
      .status = "cancelled", .dst_says = "the source hung up" },
    /* The destination has it, and its word is lost or late. */
    { "connection-dies/before-answer", { .keep_answer = true },
      .victim = CUT_CONNECTION, .ending = DESTINATION_RUNS,
      .error = UNKNOWN },
    { "cancel/before-answer", { .keep_answer = true },
      .victim = CANCEL_DELIVER, .ending = DESTINATION_RUNS,
      .status = "completed" },
    /* All the same with several channels: it is the main one that counts. */
    { "multifd/destination-dies/before-devices", { &relay_at_devices },
      .multifd = PLAIN, .victim = KILL_DESTINATION, .ending = SOURCE_WAITS,
      .error = UNKNOWN },
    { "multifd/destination-dies/before-eof", { &relay_at_eof },
      .multifd = ZLIB, .victim = KILL_DESTINATION, .ending = SOURCE_WAITS,
      .error = UNKNOWN },
    { "multifd/connection-dies/before-devices", { &relay_at_devices },
      .multifd = PLAIN, .victim = CUT_CONNECTION, .ending = SOURCE_WAITS,
      .error = UNKNOWN, .dst_says = "load of migration failed" },
    { "multifd/source-dies/before-eof", { &relay_at_eof },
      .multifd = PLAIN, .victim = KILL_SOURCE, .ending = NOBODY_RUNS,
      .dst_says = "load of migration failed" },
    { "multifd/cancel/no-answer", { &relay_at_eof },
      .multifd = PLAIN, .victim = CANCEL, .ending = SOURCE_WAITS,
      .error = UNKNOWN, .dst_says = "load of migration failed" },
    { "multifd/cancel/delivered", { &relay_at_eof },
      .multifd = ZLIB, .victim = CANCEL_DELIVER, .ending = SOURCE_RUNS,
      .status = "cancelled", .dst_says = "the source hung up" },
    { "multifd/source-dies/delivered", { &relay_at_eof },
      .multifd = PLAIN, .victim = KILL_SOURCE_DELIVER,
      .ending = DESTINATION_RUNS },
    { "multifd/cancel/before-answer", { .keep_answer = true },
      .multifd = PLAIN, .victim = CANCEL_DELIVER, .ending = DESTINATION_RUNS,
      .status = "completed" },
    { "multifd/corrupted/device", { &relay_at_devices, .corrupt = true },
      .multifd = PLAIN, .victim = NO_VICTIM, .ending = SOURCE_RUNS,
      .error = "destination", .dst_says = "offset" },
    /* What arrives is not what was sent. */
    { "corrupted/memory", { &relay_at_ram, .corrupt = true },
      .victim = NO_VICTIM, .ending = SOURCE_RUNS,
      .error = "destination", .dst_says = "offset" },
    { "corrupted/device", { &relay_at_devices, .corrupt = true },
      .victim = NO_VICTIM, .ending = SOURCE_RUNS,
      .error = "destination", .dst_says = "offset" },
    { "corrupted/eof", { &relay_at_eof, .corrupt = true },
      .victim = NO_VICTIM, .ending = SOURCE_RUNS,
      .error = "destination", .dst_says = "offset" },
    { "corrupted/paused", { &relay_at_devices, .corrupt = true },
      .victim = NO_VICTIM, .ending = SOURCE_RUNS,
      .paused = true, .error = "destination",
      .dst_says = "offset" },
};

/* The guest is stopped, for all that anybody can see. */
static void assert_switching(MigrateTest *t)
{
    g_autofree char *status = migrate_status(t->src);

    g_assert_cmpstr(status, ==, "device");
    migrate_assert_run_state(t->src, "finish-migrate");
}

/* In the destination nothing runs before it has everything. */
static void assert_dst_holds(MigrateTest *t)
{
    g_autofree char *status = migrate_status(t->dst);

    g_assert_cmpstr(status, ==, "active");
    migrate_assert_run_state(t->dst, "inmigrate");
}

static void strike(MigrateTest *t, const SwitchoverCase *c, Relay *relay)
{
    switch (c->victim) {
    case KILL_DESTINATION:
        qtest_kill(t->dst);
        t->dst = NULL;
        break;
    case KILL_SOURCE:
    case KILL_SOURCE_DELIVER:
    case KILL_SOURCE_DELIVER_HUNG_UP:
        qtest_kill(t->src);
        t->src = NULL;
        break;
    case CANCEL:
    case CANCEL_DELIVER:
        qtest_qmp_ok(t->src, "{'execute': 'migrate_cancel'}");
        break;
    case CUT_CONNECTION:
    case NO_VICTIM:
        break;
    }
    switch (c->victim) {
    case KILL_SOURCE_DELIVER:
        relay_release(relay, false);
        break;
    case KILL_SOURCE_DELIVER_HUNG_UP:
    case CANCEL_DELIVER:
        /* The destination reads the rest and the end as one. */
        relay_wait_source_ended(relay);
        kill(qtest_pid(t->dst), SIGSTOP);
        relay_release(relay, true);
        kill(qtest_pid(t->dst), SIGCONT);
        break;
    case CANCEL:
    case NO_VICTIM:
        break;
    default:
        relay_cut(relay);
    }
}

static void check_source(MigrateTest *t, const SwitchoverCase *c)
{
    g_autofree char *error = NULL;

    migrate_wait_status(t->src, c->status ? c->status : "failed");
    error = migrate_error(t->src);
    if (c->error && (!error || !strstr(error, c->error))) {
        g_error("error-desc is \"%s\", should have \"%s\"",
                error ? error : "none", c->error);
    }
    if (c->ending != SOURCE_RUNS) {
        migrate_assert_run_state(t->src, "postmigrate");
        migrate_assert_memory_whole(t, t->src);
        g_assert_true(!c->error || strstr(error, "cont"));
    }
}

static void check_ending(MigrateTest *t, const SwitchoverCase *c,
                         Relay *relay)
{
    if (t->src) {
        check_source(t, c);
    }
    if (c->victim == CANCEL) {
        assert_dst_holds(t);
        relay_cut(relay);
    }
    if (c->dst_says) {
        g_autofree char *path = migrate_text(t, "@D/target.stderr");

        migrate_end_destination(t, MIGRATE_DST_EXITS_1);
        if (!qtest_file_has(path, c->dst_says)) {
            g_autofree char *said = NULL;

            g_file_get_contents(path, &said, NULL, NULL);
            g_error("the destination said \"%s\", not '%s'", said,
                    c->dst_says);
        }
    }
    switch (c->ending) {
    case SOURCE_WAITS:
        qtest_qmp_ok(t->src, "{'execute': 'cont'}");
        migrate_assert_guest_works(t, t->src);
        migrate_assert_memory_whole(t, t->src);
        break;
    case SOURCE_RUNS:
        migrate_assert_stayed(t);
        break;
    case DESTINATION_RUNS:
        migrate_wait_status(t->dst, "completed");
        migrate_assert_guest_works(t, t->dst);
        migrate_assert_memory_whole(t, t->dst);
        break;
    case NOBODY_RUNS:
        g_assert_null(t->dst);
        break;
    }
}

static void run_switchover(const void *data)
{
    const SwitchoverCase *c = data;
    MigrateCase m = { .name = c->name, .listen = "unix:@D/mig",
                      .connect = "unix:@D/relay", .paused = c->paused,
                      .caps = c->multifd ? "multifd" : NULL,
                      .params = c->multifd };
    MigrateTest *t = migrate_test_new(&m);
    g_autofree char *from = migrate_text(t, "@D/relay");
    g_autofree char *to = migrate_text(t, "@D/mig");
    Relay *relay;

    if (!t->src_is_ours || !t->dst_is_ours) {
        g_test_skip("stock QEMU restarts a guest without its destination's "
                    "word");
        migrate_test_free(t);
        return;
    }
    migrate_start_source(t);
    migrate_start_destination(t);
    migrate_listen(t);
    relay = relay_new(from, to, &c->plan);
    if (c->much_left) {
        /* Over at once by the limit, with next to nothing sent. */
        migrate_set_param(t->src, "max-bandwidth", 3000000);
        migrate_set_param(t->src, "downtime-limit", 1000000);
    } else {
        migrate_go_fast(t);
    }
    migrate_begin(t);
    relay_wait_stopped(relay);
    if (c->plan.stop_at && !c->plan.corrupt) {
        assert_switching(t);
        assert_dst_holds(t);
    }
    strike(t, c, relay);
    check_ending(t, c, relay);
    relay_free(relay);
    migrate_test_free(t);
}

void migration_add_switchover_tests(void)
{
    migrate_add_table("switchover/", cases, ARRAY_SIZE(cases),
                      sizeof(cases[0]), run_switchover);
}
