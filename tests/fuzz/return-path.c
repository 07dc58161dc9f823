/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers of a destination, as the source reads them. First octet: bit 0,
 * whether all was sent; then as fuzz_channel_new().
 */
#include "qemu/osdep.h"

#include "fuzz.h"
#include "migration/migration-internal.h"
#include "migration/return-path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    FuzzInput in = { data, len_bytes };
    VM *vm = vm_new(NULL);
    MigrationState *s;
    QIOChannel *c;
    ReturnPath *rp;
    Error *err = NULL;
    bool ok;

    bql_lock(vm);
    g_assert(migration_init(vm, NULL));
    bql_unlock(vm);
    s = vm->migration;
    s->committed = fuzz_take_u8(&in) & 1;
    s->machine.status = s->committed ? MIGRATION_STATUS_DEVICE
                                     : MIGRATION_STATUS_ACTIVE;
    c = fuzz_channel_new(&in);
    rp = return_path_start(s, c, NULL);
    ok = return_path_wait(rp, -1, &err);
    if (ok) {
        g_assert(s->committed && return_path_has_verdict(rp));
    } else {
        /* What monitors get is text. */
        g_assert(err && g_utf8_validate(error_get_pretty(err), -1, NULL));
    }
    g_assert(ok == !migration_should_stop(s));
    fuzz_check_result(ok, err);
    return_path_free(rp);
    qio_channel_unref(c);
    s->machine.status = MIGRATION_STATUS_NONE;
    bql_lock(vm);
    migration_free(vm);
    bql_unlock(vm);
    vm_free(vm);
    return 0;
}
