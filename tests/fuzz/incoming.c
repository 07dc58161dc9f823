/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The value of -incoming: URI, JSON or key=value. Nothing is opened. */
#include "qemu/osdep.h"

#include "fuzz.h"
#include "migration/channel.h"
#include "system/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    FuzzInput in = { data, len_bytes };
    g_autofree char *text = fuzz_take_text(&in);
    CmdLine cmd = { 0 };
    Error *err = NULL;
    bool ok = cmdline_parse_incoming(&cmd, text, &err);

    fuzz_check_result(ok, err);
    err = NULL;
    if (ok) {
        MigrationChannelList list = { .value = cmd.incoming.channel };
        MigrationAddress *addr =
            list.value ? migration_address_new(NULL, &list, false, &err)
                       : migration_address_new(text, NULL, false, &err);

        fuzz_check_result(addr, err);
        qapi_free_MigrationAddress(addr);
        g_assert(!strcmp(cmd.incoming.text, text));
    }
    g_free(cmd.incoming.text);
    qapi_free_MigrationChannel(cmd.incoming.channel);
    return 0;
}
