/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that must be refused, with a reason, and do no harm. */
#include "qemu/osdep.h"
#include "migration/framework.h"
#include "migration/groups.h"

/* Arguments of `migrate` and `migrate-incoming`, and a word of the reason. */
typedef struct BadAddress {
    const char *arguments;
    const char *word;
    bool ours_only; /* stock QEMU takes it */
} BadAddress;

#define MAIN "'channel-type': 'main', "
static const BadAddress bad_addresses[] = {
    { "{}", "uri" },
    { "{'uri': 'unix:@D/x', 'channels': [{" MAIN "'addr': "
      "{'transport': 'socket', 'type': 'unix', 'path': '@D/x'}}]}", "uri" },
    { "{'uri': ''}", "" },
    { "{'uri': 'nothing'}", "nothing" },
    { "{'uri': 'gopher:127.0.0.1:70'}", "gopher" },
    { "{'uri': 'tcp'}", "tcp" },
    { "{'uri': 'tcp:127.0.0.1'}", "127.0.0.1" },
    { "{'uri': 'tcp:127.0.0.1:99999999'}", "", true },
    { "{'uri': 'file:'}", "" },
    { "{'uri': 'file:@D/stream,offset=0x20M'}", "0x20M" },
    { "{'uri': 'file:@D/stream,offset='}", "offset" },
    { "{'uri': 'file:@D/stream,offset=-1'}", "-1" },
    { "{'uri': 'file:@D/stream,offset=99999999999999999999'}",
      "99999999999999999999" },
    { "{'uri': 'fd:nobody'}", "nobody" },
    { "{'uri': 'fd:123'}", "" },
    { "{'uri': 'file:@D/no/such/folder/stream'}", "" },
    { "{'channels': []}", "" },
    { "{'channels': {}}", "channels" },
    { "{'channels': [{" MAIN "'addr': {'transport': 'socket', "
      "'type': 'unix', 'path': '@D/x'}}, {" MAIN "'addr': {'transport': "
      "'socket', 'type': 'unix', 'path': '@D/y'}}]}", "" },
    { "{'channels': [{" MAIN "'addr': {'transport': 'pigeon'}}]}", "pigeon" },
    { "{'channels': [{" MAIN "'addr': {'transport': 'socket', "
      "'type': 'inet', 'host': '127.0.0.1'}}]}", "port" },
    { "{'channels': [{" MAIN "'addr': {'transport': 'file', "
      "'filename': '@D/x'}}]}", "offset" },
    { "{'channels': [{'channel-type': 'side', 'addr': {'transport': "
      "'socket', 'type': 'unix', 'path': '@D/x'}}]}", "side" },
    { "{'channels': [{" MAIN "'addr': {'transport': 'socket', "
      "'type': 'unix', 'path': '@D/x', 'depth': 3}}]}", "depth" },
};

/*
 * Refused at once, or, where that takes a look outside, as a migration that
 * fails. Either way with a reason; for ours, one that has the word.
 */
static void assert_refused(MigrateTest *t, QTest *qts, const char *command,
                           const BadAddress *bad)
{
    g_autofree char *arguments = migrate_text(t, bad->arguments);
    struct json_object *reply, *error;
    g_autofree char *reason = NULL;

    reply = qtest_qmp(qts, "{'execute': '%s', 'arguments': %s}", command,
                      arguments);
    if (json_object_object_get_ex(reply, "error", &error)) {
        reason = g_strdup(json_object_get_string(
            json_object_object_get(error, "desc")));
    } else {
        migrate_wait_status(qts, "failed");
        reason = migrate_error(qts);
    }
    json_object_put(reply);
    if (!reason || !*reason) {
        g_error("%s %s gives no reason", command, arguments);
    }
    if (t->src_is_ours && !strstr(reason, bad->word)) {
        g_error("%s %s: \"%s\" does not name '%s'", command, arguments,
                reason, bad->word);
    }
}

static void test_source(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig", .quick = true };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    for (size_t i = 0; i < ARRAY_SIZE(bad_addresses); i++) {
        assert_refused(t, t->src, "migrate", &bad_addresses[i]);
    }
    migrate_assert_stayed(t);
    /* And then it works. */
    migrate_again(t);
    migrate_test_free(t);
}

static void test_destination(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig", .quick = true };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    migrate_start_destination(t);
    for (size_t i = 0; i < ARRAY_SIZE(bad_addresses); i++) {
        g_autofree char *arguments =
            migrate_text(t, bad_addresses[i].arguments);
        g_autofree char *reason = NULL;

        if (bad_addresses[i].ours_only && !t->dst_is_ours) {
            continue;
        }
        reason = qtest_qmp_error(
            t->dst, "{'execute': 'migrate-incoming', 'arguments': %s}",
            arguments);

        if (t->dst_is_ours && !strstr(reason, bad_addresses[i].word)) {
            g_error("migrate-incoming %s: \"%s\" does not name '%s'",
                    arguments, reason, bad_addresses[i].word);
        }
    }
    if (!t->dst_is_ours) {
        /* Stock QEMU takes only one attempt at some of these. */
        migrate_test_free(t);
        return;
    }
    migrate_listen(t);
    migrate_move(t);
    migrate_test_free(t);
}

/* migrate-incoming where there is nothing to wait for. */
static void test_incoming_misuse(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig", .quick = true };
    MigrateTest *t = migrate_test_new(&c);

    migrate_start_source(t);
    g_free(qtest_qmp_error(t->src, "{'execute': 'migrate-incoming', "
                           "'arguments': {'uri': 'tcp:127.0.0.1:0'}}"));
    migrate_start_destination(t);
    g_free(qtest_qmp_error(t->dst, "{'execute': 'migrate', "
                           "'arguments': {'uri': 'unix:%s/x'}}", t->dir));
    migrate_listen(t);
    g_free(qtest_qmp_error(t->dst, "{'execute': 'migrate-incoming', "
                           "'arguments': {'uri': 'tcp:127.0.0.1:0'}}"));
    migrate_move(t);
    migrate_test_free(t);
}

/* Nobody listens: setup, then failed. */
static void assert_setup_failed(MigrateTest *t)
{
    g_autofree char *events = NULL;

    migrate_wait_status(t->src, "failed");
    events = qtest_event_history(t->src);
    g_assert_true(g_str_has_suffix(events,
                                   "MIGRATION:setup MIGRATION:failed"));
    g_assert_null(strstr(events, "MIGRATION:active"));
    g_assert_null(strstr(events, "STOP"));
}

static void run_nobody(const char *uri, const char *word)
{
    MigrateCase c = { .name = "x" };
    MigrateTest *t = migrate_test_new(&c);
    g_autofree char *address = migrate_text(t, uri);
    g_autofree char *error = NULL;
    bool now;

    migrate_start_source(t);
    {
        struct json_object *reply = qtest_qmp(
            t->src, "{'execute': 'migrate', 'arguments': {'uri': '%s'}}",
            address);

        now = json_object_object_get_ex(reply, "error", NULL);
        json_object_put(reply);
    }
    if (!now) {
        assert_setup_failed(t);
        error = migrate_error(t->src);
        g_assert_nonnull(error);
        if (t->src_is_ours) {
            g_assert_nonnull(strstr(error, word));
        }
    }
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

static void test_nobody_tcp(void)
{
    /* Port 0 as a destination: refused by the kernel, for sure. */
    run_nobody("tcp:127.0.0.1:0", "127.0.0.1");
}

static void test_nobody_unix(void)
{
    run_nobody("unix:@D/nobody", "nobody");
}

static void test_no_tls(void)
{
    MigrateCase c = { .name = "x" };
    MigrateTest *t = migrate_test_new(&c);

    if (!t->src_is_ours) {
        g_test_skip("stock QEMU has TLS");
        migrate_test_free(t);
        return;
    }
    migrate_start_source(t);
    /* What is not there is not in the schema either. */
    {
        g_autofree char *error = qtest_qmp_error(
            t->src, "{'execute': 'migrate-set-parameters', 'arguments': "
            "{'tls-creds': 'x'}}");

        g_assert_nonnull(strstr(error, "tls-creds"));
    }
    g_free(qtest_qmp_error(t->src, "{'execute': 'migrate-set-capabilities', "
                           "'arguments': {'capabilities': [{'capability': "
                           "'rdma-pin-all', 'state': true}]}}"));
    migrate_assert_stayed(t);
    migrate_test_free(t);
}

void migration_add_uri_tests(void)
{
    migrate_add_func("uri/bad/source", test_source);
    migrate_add_func("uri/bad/destination", test_destination);
    migrate_add_func("uri/incoming-misuse", test_incoming_misuse);
    migrate_add_func("uri/nobody/tcp", test_nobody_tcp);
    migrate_add_func("uri/nobody/unix", test_nobody_unix);
    migrate_add_func("uri/no-tls", test_no_tls);
}
