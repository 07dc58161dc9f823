/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capabilities, parameters and -global migration.*. */
#include "qemu/osdep.h"

#include "migration/migration-internal.h"
#include "qapi/qapi-commands-migration.h"
#include "system/globals.h"

static VM *vm_start_test(void)
{
    VM *vm = vm_new(NULL);

    bql_lock(vm);
    g_assert_true(migration_init(vm, NULL));
    return vm;
}

static void vm_end_test(VM *vm)
{
    migration_free(vm);
    bql_unlock(vm);
    vm_free(vm);
}

static void test_defaults(void)
{
    VM *vm = vm_start_test();
    QmpContext ctx = { .vm = vm };
    MigrationParameters *p = qmp_query_migrate_parameters(&ctx, NULL);
    const MigrationConfig *c = migration_options_config(vm->migration->options);

    g_assert_cmpuint(p->max_bandwidth, ==, 128 * MiB);
    g_assert_cmpuint(p->downtime_limit, ==, 300);
    g_assert_cmpuint(p->avail_switchover_bandwidth, ==, 0);
    g_assert_cmpint(p->zero_page_detection, ==, ZERO_PAGE_DETECTION_MULTIFD);
    g_assert_cmpuint(p->multifd_channels, ==, 2);
    g_assert_cmpint(p->multifd_compression, ==, MULTI_FD_COMPRESSION_NONE);
    g_assert_cmpuint(p->multifd_zlib_level, ==, 1);
    g_assert_cmpuint(p->multifd_zstd_level, ==, 1);
    /* every member of the schema has a row in the table */
    for (unsigned i = 0; i < qapi_type_MigrationParameters.n_members; i++) {
        const QapiMember *m = &qapi_type_MigrationParameters.members[i];

        g_assert_true(*(bool *)((char *)p + m->has_offset));
    }
    qapi_free_MigrationParameters(p);
    g_assert_true(migration_cap(c, MIGRATION_CAPABILITY_RETURN_PATH));
    for (int i = 0; i < MIGRATION_CAPABILITY__MAX; i++) {
        g_assert_cmpint(c->capabilities[i], ==,
                        i == MIGRATION_CAPABILITY_RETURN_PATH);
    }
    g_assert_true(c->send_configuration && c->send_section_footer &&
                  c->store_global_state && c->send_switchover_start);
    g_assert_false(c->suppress_vmdesc);
    g_assert_false(c->multifd_flush_after_each_section);
    vm_end_test(vm);
}

static void test_set(void)
{
    VM *vm = vm_start_test();
    QmpContext ctx = { .vm = vm };
    MigrationParameters set = {
        .has_max_bandwidth = true, .max_bandwidth = 1,
        .has_downtime_limit = true, .downtime_limit = 2000001,
    };
    const MigrationLiveParams *live =
        migration_options_live(vm->migration->options);
    Error *err = NULL;

    g_assert_false(qmp_migrate_set_parameters(&ctx, &set, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "Parameter 'downtime_limit' expects an integer in the "
                    "range of 0 to (2000 * 1000) ms");
    error_free(err);
    /* all or nothing */
    g_assert_cmpuint(live->max_bandwidth_bytes, ==, 128 * MiB);

    set.downtime_limit = 2000000;
    set.has_zero_page_detection = true;
    set.zero_page_detection = ZERO_PAGE_DETECTION_NONE;
    g_assert_true(qmp_migrate_set_parameters(&ctx, &set, NULL));
    g_assert_cmpuint(live->max_bandwidth_bytes, ==, 1);
    g_assert_cmpuint(live->downtime_limit_ms, ==, 2000000);
    g_assert_cmpint(migration_options_config(vm->migration->options)
                        ->zero_page_detection,
                    ==, ZERO_PAGE_DETECTION_NONE);
    vm_end_test(vm);
}

/* --- Ranges and rules ----------------------------------------------------- */

/* As they were; everything is compared, whatever was tried. */
static void refused(VM *vm, const MigrationParameters *set,
                    const char *error_part)
{
    QmpContext ctx = { .vm = vm };
    MigrationConfig config = *migration_options_config(vm->migration->options);
    MigrationLiveParams live = *migration_options_live(vm->migration->options);
    Error *err = NULL;

    g_assert_false(qmp_migrate_set_parameters(&ctx, set, &err));
    g_test_message("%s", error_get_pretty(err));
    g_assert_nonnull(strstr(error_get_pretty(err), error_part));
    error_free(err);
    g_assert_cmpmem(&config, sizeof(config),
                    migration_options_config(vm->migration->options),
                    sizeof(config));
    g_assert_cmpmem(&live, sizeof(live),
                    migration_options_live(vm->migration->options),
                    sizeof(live));
}

/* All that is set but one: in range, and different from the default. */
#define AND_OTHERS                                                             \
    .has_max_bandwidth = true, .max_bandwidth = 5,                             \
    .has_multifd_compression = true,                                           \
    .multifd_compression = MULTI_FD_COMPRESSION_ZSTD,                          \
    .has_zero_page_detection = true,                                           \
    .zero_page_detection = ZERO_PAGE_DETECTION_LEGACY

static void test_multifd_ranges(void)
{
    static const MigrationParameters out_of_range[] = {
        { AND_OTHERS, .has_multifd_channels = true, .multifd_channels = 0 },
        { AND_OTHERS, .has_multifd_zlib_level = true,
          .multifd_zlib_level = 10 },
        { AND_OTHERS, .has_multifd_zstd_level = true,
          .multifd_zstd_level = 21 },
    };
    static const char *const errors[] = {
        "Parameter 'multifd_channels' expects a value between 1 and 255",
        "Parameter 'multifd_zlib_level' expects a value between 0 and 9",
        "Parameter 'multifd_zstd_level' expects a value between 0 and 20",
    };
    static const MigrationParameters ends[] = {
        { .has_multifd_channels = true, .multifd_channels = 1,
          .has_multifd_zlib_level = true, .multifd_zlib_level = 0,
          .has_multifd_zstd_level = true, .multifd_zstd_level = 0 },
        { .has_multifd_channels = true, .multifd_channels = 255,
          .has_multifd_zlib_level = true, .multifd_zlib_level = 9,
          .has_multifd_zstd_level = true, .multifd_zstd_level = 20 },
    };
    VM *vm = vm_start_test();
    QmpContext ctx = { .vm = vm };

    for (size_t i = 0; i < ARRAY_SIZE(out_of_range); i++) {
        refused(vm, &out_of_range[i], errors[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        MigrationParameters *p;

        g_assert_true(qmp_migrate_set_parameters(&ctx, &ends[i], NULL));
        p = qmp_query_migrate_parameters(&ctx, NULL);
        g_assert_cmpuint(p->multifd_channels, ==, ends[i].multifd_channels);
        g_assert_cmpuint(p->multifd_zlib_level, ==,
                         ends[i].multifd_zlib_level);
        g_assert_cmpuint(p->multifd_zstd_level, ==,
                         ends[i].multifd_zstd_level);
        qapi_free_MigrationParameters(p);
    }
    vm_end_test(vm);
}

/* Switches zero-copy-send and multifd. */
static bool set_zero_copy(VM *vm, bool zero_copy, bool multifd, Error **errp)
{
    QmpContext ctx = { .vm = vm };
    MigrationCapabilityStatus status[] = {
        { .capability = MIGRATION_CAPABILITY_ZERO_COPY_SEND,
          .state = zero_copy },
        { .capability = MIGRATION_CAPABILITY_MULTIFD, .state = multifd },
    };
    MigrationCapabilityStatusList second = { .value = &status[1] };
    MigrationCapabilityStatusList first = { .next = &second,
                                            .value = &status[0] };
    QmpMigrateSetCapabilitiesArgs args = { .capabilities = &first };

    return qmp_migrate_set_capabilities(&ctx, &args, errp);
}

static void zero_copy_refused(VM *vm, bool zero_copy, bool multifd)
{
    MigrationConfig config = *migration_options_config(vm->migration->options);
    Error *err = NULL;

    g_assert_false(set_zero_copy(vm, zero_copy, multifd, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "Zero copy only"));
    error_free(err);
    g_assert_cmpmem(&config, sizeof(config),
                    migration_options_config(vm->migration->options),
                    sizeof(config));
}

/* With multifd, and without compression: from whichever side one gets there. */
static void test_zero_copy_rules(void)
{
    VM *vm = vm_start_test();
    QmpContext ctx = { .vm = vm };
    MigrationParameters packed = {
        .has_multifd_compression = true,
        .multifd_compression = MULTI_FD_COMPRESSION_ZLIB,
        .has_downtime_limit = true, .downtime_limit = 7,
    };

    zero_copy_refused(vm, true, false);
    g_assert_true(set_zero_copy(vm, true, true, NULL));
    refused(vm, &packed, "Zero copy only");
    zero_copy_refused(vm, true, false);
    g_assert_true(set_zero_copy(vm, false, true, NULL));
    g_assert_true(qmp_migrate_set_parameters(&ctx, &packed, NULL));
    zero_copy_refused(vm, true, true);
    vm_end_test(vm);
}

static void test_capabilities(void)
{
    VM *vm = vm_start_test();
    QmpContext ctx = { .vm = vm };
    MigrationCapabilityStatus status = {
        .capability = MIGRATION_CAPABILITY_EVENTS, .state = true,
    };
    MigrationCapabilityStatusList list = { .value = &status };
    QmpMigrateSetCapabilitiesArgs args = { .capabilities = &list };
    MigrationCapabilityStatusList *all;
    Error *err = NULL;
    unsigned count = 0;

    g_assert_true(qmp_migrate_set_capabilities(&ctx, &args, NULL));
    g_assert_true(qmp_query_migrate_capabilities(&ctx, &all, NULL));
    for (MigrationCapabilityStatusList *c = all; c; c = c->next, count++) {
        g_assert_cmpint(c->value->state, ==,
                        c->value->capability == MIGRATION_CAPABILITY_EVENTS ||
                            c->value->capability ==
                                MIGRATION_CAPABILITY_RETURN_PATH);
    }
    g_assert_cmpuint(count, ==, MIGRATION_CAPABILITY__MAX);
    qapi_free_MigrationCapabilityStatusList(all);

    migration_advance(&vm->migration->machine, MIGRATION_EV_START, NULL);
    g_assert_false(qmp_migrate_set_capabilities(&ctx, &args, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "There's a migration process in progress");
    error_free(err);
    vm_end_test(vm);
}

static void check_global(const char *name, const char *value,
                         const char *error_part)
{
    VM *vm = vm_start_test();
    Error *err = NULL;
    bool ok;

    globals_add_user(vm, "migration", name, value);
    ok = migration_apply_globals(vm, &err);
    g_assert_cmpint(ok, ==, !error_part);
    if (error_part) {
        g_test_message("%s", error_get_pretty(err));
        g_assert_nonnull(strstr(error_get_pretty(err), error_part));
        error_free(err);
    }
    vm_end_test(vm);
}

static void test_globals(void)
{
    VM *vm = vm_start_test();
    const MigrationConfig *c = migration_options_config(vm->migration->options);
    const MigrationLiveParams *live =
        migration_options_live(vm->migration->options);

    globals_add_user(vm, "migration", "return-path", "off");
    globals_add_user(vm, "migration", "x-events", "on");
    globals_add_user(vm, "migration", "send-switchover-start", "off");
    globals_add_user(vm, "migration", "max-bandwidth", "1G");
    globals_add_user(vm, "migration", "x-downtime-limit", "7");
    globals_add_user(vm, "migration", "zero-page-detection", "none");
    globals_add_user(vm, "migration", "x-multifd", "on");
    globals_add_user(vm, "migration", "x-zero-copy-send", "on");
    globals_add_user(vm, "migration", "x-release-ram", "on");
    globals_add_user(vm, "migration", "multifd-channels", "255");
    globals_add_user(vm, "migration", "multifd-compression", "none");
    globals_add_user(vm, "migration", "multifd-zlib-level", "9");
    globals_add_user(vm, "migration", "multifd-zstd-level", "20");
    globals_add_user(vm, "migration", "multifd-flush-after-each-section",
                     "on");
    g_assert_true(migration_apply_globals(vm, NULL));
    g_assert_false(migration_cap(c, MIGRATION_CAPABILITY_RETURN_PATH));
    g_assert_true(migration_cap(c, MIGRATION_CAPABILITY_EVENTS));
    g_assert_false(c->send_switchover_start);
    g_assert_cmpuint(live->max_bandwidth_bytes, ==, GiB);
    g_assert_cmpuint(live->downtime_limit_ms, ==, 7);
    g_assert_cmpint(c->zero_page_detection, ==, ZERO_PAGE_DETECTION_NONE);
    g_assert_true(migration_cap(c, MIGRATION_CAPABILITY_MULTIFD));
    g_assert_true(migration_cap(c, MIGRATION_CAPABILITY_ZERO_COPY_SEND));
    g_assert_true(migration_cap(c, MIGRATION_CAPABILITY_RELEASE_RAM));
    g_assert_cmpuint(c->multifd_channels, ==, 255);
    g_assert_cmpuint(c->multifd_zlib_level, ==, 9);
    g_assert_cmpuint(c->multifd_zstd_level, ==, 20);
    g_assert_true(c->multifd_flush_after_each_section);
    vm_end_test(vm);

    check_global("nonsense", "on", "nonsense");
    check_global("return-path", "perhaps", "return-path");
    check_global("downtime-limit", "2000001", "downtime");
    check_global("max-bandwidth", "1Q", "max-bandwidth");
    check_global("zero-page-detection", "x", "zero-page-detection");
    check_global("c-max-bandwidth", "1", "c-max-bandwidth");
    check_global("multifd-channels", "0", "between 1 and 255");
    check_global("multifd-channels", "256", "multifd-channels");
    check_global("multifd-zlib-level", "10", "between 0 and 9");
    check_global("multifd-zstd-level", "21", "between 0 and 20");
    check_global("multifd-zstd-level", "-1", "multifd-zstd-level");
    check_global("multifd-compression", "lz4", "lz4");
    check_global("multifd-compression", "zstd", NULL);
    /* Names that QEMU has not either. */
    check_global("x-multifd-channels", "1", "x-multifd-channels");
    check_global("x-zero-page-detection", "none", "x-zero-page-detection");
    /* What does not go together is found when all are known. */
    check_global("x-zero-copy-send", "on", "Zero copy only");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-options/defaults", test_defaults);
    g_test_add_func("/migration-options/set", test_set);
    g_test_add_func("/migration-options/multifd-ranges", test_multifd_ranges);
    g_test_add_func("/migration-options/zero-copy-rules",
                    test_zero_copy_rules);
    g_test_add_func("/migration-options/capabilities", test_capabilities);
    g_test_add_func("/migration-options/globals", test_globals);
    return g_test_run();
}
