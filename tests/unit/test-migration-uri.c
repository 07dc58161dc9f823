/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration URIs and channel lists. */
#include "qemu/osdep.h"

#include "migration/channel.h"

static void check_bad_to(const char *uri, bool outgoing, const char *part)
{
    Error *err = NULL;
    MigrationAddress *addr = migration_address_new(uri, NULL, outgoing, &err);

    g_assert_null(addr);
    g_assert_nonnull(err);
    if (!strstr(error_get_pretty(err), part)) {
        g_test_message("'%s' gave: %s", uri, error_get_pretty(err));
        g_test_fail();
    }
    error_free(err);
}

static void check_bad(const char *uri, const char *part)
{
    check_bad_to(uri, true, part);
    check_bad_to(uri, false, part);
}

static void test_bad(void)
{
    check_bad("", "unknown migration protocol: ");
    check_bad("foo:bar", "unknown migration protocol: foo:bar");
    check_bad("tcp:", "no port");
    check_bad("tcp:1", "no port");
    check_bad("tcp:[::1", "[::1");
    check_bad("unix:", "invalid Unix socket address");
    check_bad("fd:", "invalid file descriptor address");
    check_bad("file:", "no file name");
    check_bad("file:/f,offset=0x20M", "file URI has bad offset 0x20M");
    check_bad("file:/f,offset=", "file URI has bad offset");
    check_bad("file:/f,offset=-1", "file URI has bad offset -1");
    check_bad("file:/f,offset=9E", "file URI has bad offset 9E");
    check_bad("tcp:127.0.0.1:", "no valid port");
    check_bad("tcp:127.0.0.1:99999", "'99999' is not a port number");
    check_bad("tcp:127.0.0.1:65536", "'65536' is not a port number");
    check_bad("tcp:127.0.0.1:12ab", "'12ab' is not a port number");
    check_bad("tcp:127.0.0.1:-1", "'-1' is neither a port number nor");
    check_bad("tcp:127.0.0.1: 1", "' 1' is neither a port number nor");
    check_bad("tcp:127.0.0.1:a b", "'a b' is neither a port number nor");
    check_bad("tcp:h:1,ipv4=off,ipv6=off", "cannot both be off");
    check_bad("unix:/0123456789012345678901234567890123456789012345678901234"
              "56789012345678901234567890123456789012345678901234567", "long");
    check_bad_to("tcp::5", true, "the host is missing");
    check_bad_to("tcp:127.0.0.1:0", true, "port 0 is for listening");
    check_bad(NULL, "need either 'uri' or 'channels'");
}

static MigrationAddress *good(const char *uri)
{
    Error *err = NULL;
    MigrationAddress *addr = migration_address_new(uri, NULL, false, &err);

    g_assert_null(err);
    g_assert_nonnull(addr);
    return addr;
}

static void test_good(void)
{
    MigrationAddress *a = good("tcp:127.0.0.1:4444");

    g_assert_true(migration_address_connects(a));
    g_assert_cmpstr(a->u.socket.u.inet.host, ==, "127.0.0.1");
    g_assert_cmpstr(a->u.socket.u.inet.port, ==, "4444");
    qapi_free_MigrationAddress(a);

    a = good("tcp:[::1]:5");
    g_assert_cmpstr(a->u.socket.u.inet.host, ==, "::1");
    qapi_free_MigrationAddress(a);

    a = good("tcp::5");
    g_assert_cmpstr(a->u.socket.u.inet.host, ==, "");
    qapi_free_MigrationAddress(a);

    qapi_free_MigrationAddress(good("tcp::0"));
    qapi_free_MigrationAddress(good("tcp:localhost:http-alt"));

    a = good("unix:/run/x:y");
    g_assert_cmpstr(a->u.socket.u.q_unix.path, ==, "/run/x:y");
    qapi_free_MigrationAddress(a);

    a = good("fd:fd-mig");
    g_assert_false(migration_address_connects(a));
    g_assert_cmpstr(a->u.socket.u.fd.str, ==, "fd-mig");
    qapi_free_MigrationAddress(a);

    a = good("exec:cat > /x,offset=1");
    g_assert_cmpint(a->transport, ==, MIGRATION_ADDRESS_TYPE_EXEC);
    g_assert_cmpstr(a->u.exec.args->next->next->value, ==,
                    "cat > /x,offset=1");
    qapi_free_MigrationAddress(a);

    a = good("file:/dev/fdset/1,offset=4096");
    g_assert_cmpstr(a->u.file.filename, ==, "/dev/fdset/1");
    g_assert_cmpuint(a->u.file.offset, ==, 4096);
    qapi_free_MigrationAddress(a);

    a = good("file:/f,offset=0x1000");
    g_assert_cmpuint(a->u.file.offset, ==, 4096);
    qapi_free_MigrationAddress(a);
}

static MigrationChannelList *list_add(MigrationChannelList *list,
                                      const char *uri)
{
    MigrationChannel *channel = g_new0(MigrationChannel, 1);

    channel->addr = good(uri);
    QAPI_LIST_PREPEND(list, channel);
    return list;
}

static void test_channels(void)
{
    MigrationChannelList *list = list_add(NULL, "file:/f,offset=7");
    MigrationAddress *addr;
    Error *err = NULL;

    addr = migration_address_new(NULL, list, true, &err);
    g_assert_null(err);
    g_assert_cmpuint(addr->u.file.offset, ==, 7);
    qapi_free_MigrationAddress(addr);

    g_assert_null(migration_address_new("file:/f", list, true, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "need either 'uri' or 'channels' argument");
    error_free(err);
    err = NULL;

    list = list_add(list, "unix:/x");
    g_assert_null(migration_address_new(NULL, list, true, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Channel list has more than one main entry");
    error_free(err);
    qapi_free_MigrationChannelList(list);
}

static void check_channel(const SocketAddress *socket, bool outgoing,
                          const char *part)
{
    MigrationAddress addr = {
        .transport = MIGRATION_ADDRESS_TYPE_SOCKET,
        .u.socket = *socket,
    };
    MigrationChannel channel = { .addr = &addr };
    MigrationChannelList list = { .value = &channel };
    Error *err = NULL;

    g_assert_null(migration_address_new(NULL, &list, outgoing, &err));
    g_assert_nonnull(err);
    g_test_message("%s", error_get_pretty(err));
    g_assert_nonnull(strstr(error_get_pretty(err), part));
    error_free(err);
}

/* The text forms refuse some of these before there is an address. */
static void test_bad_channels(void)
{
    char text[] = "127.0.0.1", port[] = "99999", empty[] = "";
    SocketAddress a = {
        .type = SOCKET_ADDRESS_TYPE_INET,
        .u.inet = { .host = text, .port = port },
    };

    check_channel(&a, true, "'127.0.0.1:99999': '99999' is not a port");
    check_channel(&a, false, "'127.0.0.1:99999': '99999' is not a port");
    a.u.inet.port = empty;
    check_channel(&a, true, "the port is missing");
    check_channel(&a, false, "the port is missing");
    a = (SocketAddress) {
        .type = SOCKET_ADDRESS_TYPE_UNIX, .u.q_unix = { .path = empty },
    };
    check_channel(&a, true, "path of a UNIX socket is empty");
    check_channel(&a, false, "path of a UNIX socket is empty");
    a = (SocketAddress) {
        .type = SOCKET_ADDRESS_TYPE_FD, .u.fd = { .str = empty },
    };
    check_channel(&a, true, "file descriptor is missing");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-uri/bad", test_bad);
    g_test_add_func("/migration-uri/good", test_good);
    g_test_add_func("/migration-uri/channels", test_channels);
    g_test_add_func("/migration-uri/bad-channels", test_bad_channels);
    return g_test_run();
}
