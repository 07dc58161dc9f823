/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing streams: every octet against what stock QEMU 10.0.2 writes. */
#include "qemu/osdep.h"

#include "migration/savevm-registry.h"
#include "stream-double.h"

#define MACHINE_NONE "07 00000004 \"none\""
#define HEADER "51 45 56 4d 00 00 00 03"
#define RAM_START                                                              \
    "01 00000001 03 \"ram\" 00000000 00000004 0000000000004004"                \
    "03 \"ram\" 0000000000004000 0000000000000010 7e 00000001"
#define RAM_PART                                                               \
    "02 00000001 0000000000000002 03 \"ram\" 00"                               \
    "0000000000001022 00 0000000000002022 00 0000000000003022 00"              \
    "0000000000000010 7e 00000001"
#define RAM_END "03 00000001 0000000000000010 7e 00000001"
#define TIMER                                                                  \
    "04 00000000 05 \"timer\" 00000000 00000002"                               \
    "0000000000001234 0000000000000000 0000000000001234 7e 00000000"
#define GLOBALSTATE                                                            \
    "04 00000002 0b \"globalstate\" 00000000 00000001 00000008"                \
    "\"running\" 00 0000000000000000 0000000000000000 0000000000000000 01 00"
#define DESCRIPTION                                                            \
    "{\"configuration\": {\"vmsd_name\": \"configuration\", \"version\": 1, "  \
    "\"fields\": [{\"name\": \"len\", \"type\": \"uint32\", \"size\": 4}, "    \
    "{\"name\": \"name\", \"type\": \"buffer\", \"size\": 4}]}, "              \
    "\"page_size\": 4096, \"devices\": [{\"name\": \"timer\", "                \
    "\"instance_id\": 0, \"vmsd_name\": \"timer\", \"version\": 2, "           \
    "\"fields\": [{\"name\": \"cpu_ticks_offset\", \"type\": \"int64\", "      \
    "\"size\": 8}, {\"name\": \"unused\", \"type\": \"unused_buffer\", "       \
    "\"size\": 8}, {\"name\": \"cpu_clock_offset\", \"type\": \"int64\", "     \
    "\"size\": 8}]}, {\"name\": \"globalstate\", \"instance_id\": 0, "         \
    "\"vmsd_name\": \"globalstate\", \"version\": 1, \"fields\": ["            \
    "{\"name\": \"size\", \"type\": \"uint32\", \"size\": 4}, "                \
    "{\"name\": \"runstate\", \"type\": \"buffer\", \"size\": 32}, "           \
    "{\"name\": \"has_vm_was_suspended\", \"type\": \"uint8\", \"size\": 1}, " \
    "{\"name\": \"vm_was_suspended\", \"type\": \"uint8\", \"size\": 1}, "     \
    "{\"name\": \"unused\", \"type\": \"buffer\", \"size\": 66}]}]}"

static GByteArray *save(TestVM *t)
{
    QEMUFile *f = test_output_new();
    MigrationPending pending = { .precopy_bytes = 1 };

    g_assert_true(savevm_send_header(&t->source, f, NULL));
    g_assert_true(savevm_setup(&t->source, f, NULL));
    while (pending.precopy_bytes) {
        g_assert_true(savevm_iterate(&t->source, f, NULL));
        g_assert_true(savevm_pending(&t->source, false, &pending, NULL));
    }
    if (t->source.config.send_switchover_start) {
        savevm_send_switchover_start(f);
    }
    bql_lock(&t->vm);
    g_assert_true(savevm_complete(&t->source, f, NULL));
    savevm_cleanup(&t->source);
    bql_unlock(&t->vm);
    g_assert_false(t->logging);
    return test_output_take(f);
}

static TestVM *vm_none(void)
{
    TestVM *t = test_vm_new();

    test_vm_add_block(t, "ram", 4 * TARGET_PAGE_SIZE);
    g_assert_true(savevm_register_universal(&t->vm, NULL));
    t->clock_ns = 0x1234;
    return t;
}

static void test_none(void)
{
    TestVM *t = vm_none();
    g_autoptr(GByteArray) is = save(t);
    g_autoptr(GByteArray) want = test_octets(
        HEADER MACHINE_NONE RAM_START RAM_PART "08 000b 0000" RAM_END TIMER
        GLOBALSTATE);
    g_autoptr(GByteArray) tail = g_byte_array_new();

    for (int i = 0; i < 66; i++) {
        g_byte_array_append(want, (const uint8_t *)"", 1);
    }
    g_byte_array_append(want, (const uint8_t *)"\x7e\0\0\0\2\0\6", 7);
    g_byte_array_append(tail, is->data + want->len, is->len - want->len);
    g_assert_cmpmem(is->data, want->len, want->data, want->len);
    g_assert_cmpuint(tail->data[0] << 24 | tail->data[1] << 16 |
                     tail->data[2] << 8 | tail->data[3], ==, tail->len - 4);
    g_byte_array_append(tail, (const uint8_t *)"", 1);
    g_assert_cmpstr((char *)tail->data + 4, ==, DESCRIPTION);
    test_vm_free(t);
}

/* All compat properties of old machine types at once. */
static void test_bare(void)
{
    TestVM *t = vm_none();
    g_autoptr(GByteArray) is = NULL;

    t->source.config.send_configuration = false;
    t->source.config.send_section_footer = false;
    t->source.config.store_global_state = false;
    t->source.config.send_switchover_start = false;
    t->source.config.suppress_vmdesc = true;
    is = save(t);
    test_assert_octets(is, HEADER
        "01 00000001 03 \"ram\" 00000000 00000004 0000000000004004"
        "03 \"ram\" 0000000000004000 0000000000000010"
        "02 00000001 0000000000000002 03 \"ram\" 00"
        "0000000000001022 00 0000000000002022 00 0000000000003022 00"
        "0000000000000010"
        "03 00000001 0000000000000010"
        "04 00000000 05 \"timer\" 00000000 00000002"
        "0000000000001234 0000000000000000 0000000000001234 00");
    test_vm_free(t);
}

static void test_uuid(void)
{
    TestVM *t = vm_none();
    QEMUFile *f = test_output_new();
    g_autoptr(GByteArray) is = NULL;

    for (int i = 0; i < 16; i++) {
        t->vm.uuid.data[i] = i + 1;
    }
    savevm_set_machine_name(&t->vm, "microvm");
    t->source.config.capabilities[MIGRATION_CAPABILITY_VALIDATE_UUID] = true;
    g_assert_true(savevm_send_header(&t->source, f, NULL));
    is = test_output_take(f);
    test_assert_octets(is, HEADER "07 00000007 \"microvm\""
                       "05 12 \"configuration/uuid\" 00000001"
                       "0102030405060708090a0b0c0d0e0f10");
    test_vm_free(t);
}

static void test_commands(void)
{
    QEMUFile *f = test_output_new();
    g_autoptr(GByteArray) is = NULL;

    savevm_send_open_return_path(f);
    savevm_send_ping(f, 1);
    is = test_output_take(f);
    test_assert_octets(is, "08 0001 0000  08 0002 0004 00000001");
}

static const VMStateDescription vmstate_plain = { .name = "plain" };
static const VMStateDescription vmstate_apic = {
    .name = "apic",
    .priority = MIG_PRI_APIC,
};

static void test_registry(void)
{
    TestVM *t = vm_none();
    SaveVMRegistry *reg = t->vm.savevm;
    Error *err = NULL;
    g_autofree char *path = g_strnfill(250, 'x');
    int object[4];

    g_assert_true(vmstate_register(&t->vm, NULL, VMSTATE_INSTANCE_ID_ANY,
                                   &vmstate_plain, &object[0], NULL));
    g_assert_true(vmstate_register(&t->vm, NULL, 7, &vmstate_plain,
                                   &object[1], NULL));
    g_assert_true(vmstate_register(&t->vm, NULL, VMSTATE_INSTANCE_ID_ANY,
                                   &vmstate_plain, &object[2], NULL));
    g_assert_true(vmstate_register(&t->vm, "0000:00:01.0", 5, &vmstate_plain,
                                   &object[3], NULL));
    g_assert_true(vmstate_register(&t->vm, NULL, 0, &vmstate_apic, object,
                                   NULL));
    g_assert_true(savevm_find(reg, "plain", 0)->opaque == &object[0]);
    g_assert_true(savevm_find(reg, "plain", 8)->opaque == &object[2]);
    g_assert_true(savevm_find(reg, "0000:00:01.0/plain", 0)->opaque ==
                  &object[3]);
    g_assert_cmpstr(savevm_entry(reg, 0)->name, ==, "apic");
    g_assert_cmpstr(savevm_entry(reg, reg->entries->len - 1)->name, ==,
                    "globalstate");
    g_assert_false(vmstate_register(&t->vm, NULL, 7, &vmstate_plain, object,
                                    &err));
    test_assert_error(err, "'plain' instance 7 is registered already");
    err = NULL;
    g_assert_false(vmstate_register(&t->vm, path, 0, &vmstate_plain, object,
                                    &err));
    test_assert_error(err, "is 256 characters long");
    vmstate_unregister(&t->vm, &vmstate_plain, &object[1]);
    g_assert_null(savevm_find(reg, "plain", 7));
    test_vm_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/savevm/none", test_none);
    g_test_add_func("/savevm/bare", test_bare);
    g_test_add_func("/savevm/uuid", test_uuid);
    g_test_add_func("/savevm/commands", test_commands);
    g_test_add_func("/savevm/registry", test_registry);
    return g_test_run();
}
