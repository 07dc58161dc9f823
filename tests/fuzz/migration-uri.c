/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of migrations and of sockets, as text. First octet: bit 0, whether
 * the stream goes out.
 */
#include "qemu/osdep.h"

#include "fuzz.h"
#include "io/socket-address.h"
#include "migration/channel.h"

/* An address whose text is taken is the same when it is read again. */
static void check_socket(const char *text)
{
    Error *err = NULL;
    SocketAddress *addr = socket_parse(text, &err);

    fuzz_check_result(addr, err);
    if (addr) {
        g_autofree char *out = socket_address_to_string(addr);
        SocketAddress *again = socket_parse(out, NULL);

        if (again) {
            g_autofree char *out2 = socket_address_to_string(again);

            g_assert(!strcmp(out, out2));
        }
        for (int passive = 0; passive < 2; passive++) {
            bool ok;

            err = NULL;
            ok = socket_address_check(addr, passive, &err);
            fuzz_check_result(ok, err);
        }
        qapi_free_SocketAddress(again);
        qapi_free_SocketAddress(addr);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    FuzzInput in = { data, len_bytes };
    bool outgoing = fuzz_take_u8(&in) & 1;
    g_autofree char *text = fuzz_take_text(&in);
    Error *err = NULL;
    MigrationAddress *addr = migration_uri_parse(text, outgoing, &err);

    fuzz_check_result(addr, err);
    if (addr) {
        MigrationConfig config = { 0 };
        MigrationChannel channel = { .addr = addr };
        MigrationChannelList list = { .value = &channel };
        MigrationAddress *copy = migration_address_new(NULL, &list, outgoing,
                                                       NULL);

        /* The other form of the same has the same fate. */
        g_assert(copy && copy->transport == addr->transport);
        migration_address_connects(copy);
        g_assert(migration_address_suits(copy, &config, true, NULL));
        qapi_free_MigrationAddress(copy);
        qapi_free_MigrationAddress(addr);
    }
    check_socket(text);
    return 0;
}
