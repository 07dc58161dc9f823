/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading streams: a stock one, and one malformed in each record. */
#include "qemu/osdep.h"

#include "stream-double.h"

#define HEADER "51 45 56 4d 00 00 00 03"
#define CONFIG "07 00000004 \"none\""
#define BEGIN HEADER CONFIG
#define RAM_START                                                              \
    "01 00000001 03 \"ram\" 00000000 00000004 0000000000004004"                \
    "03 \"ram\" 0000000000004000 0000000000000010 7e 00000001"
#define RAM_END "03 00000001 0000000000000010 7e 00000001"
#define RAM RAM_START RAM_END
#define TIMER_HEAD "04 00000000 05 \"timer\" 00000000 00000002"
#define TIMER_BODY "0000000000000009 0000000000000000 0000000000000008"
#define TIMER TIMER_HEAD TIMER_BODY "7e 00000000"
#define ZEROS66                                                                \
    "00000000000000000000000000000000000000000000000000000000000000000000"     \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define GLOBALSTATE(name24)                                                    \
    "04 00000002 0b \"globalstate\" 00000000 00000001 00000008" name24         \
    "0000000000000000 0000000000000000 0000000000000000 01 00" ZEROS66         \
    "7e 00000002"

static TestVM *vm_none(void)
{
    TestVM *t = test_vm_new();

    test_vm_add_block(t, "ram", 4 * TARGET_PAGE_SIZE);
    g_assert_true(savevm_register_universal(&t->vm, NULL));
    return t;
}

static bool load(TestVM *t, const void *data, size_t len_bytes, Error **errp)
{
    QEMUFile *f = test_input_new(data, len_bytes);
    bool ok = loadvm(&t->incoming, f, errp);

    g_assert_false(bql_locked(&t->vm));
    qemu_fclose(f, NULL);
    return ok;
}

static void check_loads(TestVM *t, const char *text)
{
    g_autoptr(GByteArray) o = test_octets(text);
    Error *err = NULL;

    if (!load(t, o->data, o->len, &err)) {
        g_error("%s", error_get_pretty(err));
    }
}

static void test_good(void)
{
    static const char *const streams[] = {
        BEGIN RAM TIMER "00",
        BEGIN RAM TIMER "00 06 00000002 \"{}\"",
        /* ends early: all the rest is there */
        BEGIN RAM TIMER "00 06 00000009 \"{}\"",
        BEGIN RAM TIMER "00 55",
        BEGIN TIMER RAM "00",
        BEGIN "08 000b 0000" RAM TIMER "00",
        BEGIN "08 0001 0000 08 0001 0000 08 0002 0004 00000001" RAM TIMER "00",
        BEGIN RAM TIMER_HEAD TIMER_BODY "7e 00000000"
            TIMER_HEAD TIMER_BODY "7e 00000000 00",
        BEGIN RAM "04 00000005 05 \"timer\" 00000000 00000001"
            "0000000000000009 0000000000000000 7e 00000005 00",
        BEGIN "05 1a \"configuration/capabilities\" 00000001 00000001"
            "06 \"events\"" RAM TIMER "00",
        BEGIN "05 1e \"configuration/target-page-bits\" 00000001 0000000c"
            RAM TIMER "00",
    };

    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        TestVM *t = vm_none();

        check_loads(t, streams[i]);
        loadvm_cleanup(&t->incoming);
        test_vm_free(t);
    }
}

static void test_return_path(void)
{
    TestVM *t = vm_none();

    check_loads(t, BEGIN "08 0001 0000 08 0001 0000"
                "08 0002 0004 00000011" RAM TIMER "00");
    g_assert_cmpuint(t->return_path_opens, ==, 1);
    g_assert_cmpuint(t->pong, ==, 0x11);
    loadvm_cleanup(&t->incoming);
    test_vm_free(t);
}

static void test_state(void)
{
    TestVM *t = vm_none();
    RunState state;

    check_loads(t, BEGIN RAM TIMER_HEAD TIMER_BODY "7e 00000000"
                GLOBALSTATE("\"paused\" 0000") "00");
    g_assert_cmpint(t->clock_ns, ==, 8);
    g_assert_true(loadvm_global_state(&t->incoming, &state));
    g_assert_cmpint(state, ==, RUN_STATE_PAUSED);
    loadvm_cleanup(&t->incoming);
    g_assert_false(loadvm_global_state(&t->incoming, &state));
    test_vm_free(t);
}

static const struct {
    const char *text;
    const char *error;
} malformed[] = {
    { "", "file header at offset 0: input ends early" },
    { "51 45 56 4e 00 00 00 03", "magic is 0x5145564e" },
    { "51 45 56 4d 00 00 00 02", "version 2 is obsolete" },
    { "51 45 56 4d 00 00 00 04", "stream version 4 is not" },
    { HEADER "01", "CONFIGURATION at offset 8: found 0x01" },
    { HEADER "07 00000003 \"non\"", "machine type is 'non'" },
    { HEADER "07 00000004 \"nine\"", "'nine' on the source but 'none'" },
    { HEADER "07 00000000", "machine type is ''" },
    { HEADER "07 00000100", "configuration/name: length 256" },
    { HEADER "07 00000004 \"no\"", "configuration/name: input ends" },
    { BEGIN "05 10 \"configuration/xy\" 00000001",
      "subsections: 'configuration/xy' is not known" },
    { BEGIN "05 1a \"configuration/capabilities\" 00000001 00000001"
      "0a \"mapped-ram\" 00", "source has 'mapped-ram' on" },
    { BEGIN "05 1a \"configuration/capabilities\" 00000001 00000101",
      "257 names" },
    { BEGIN "05 1a \"configuration/capabilities\" 00000002 00000000",
      "capabilities/version: 2 is newer" },
    { BEGIN "05 1e \"configuration/target-page-bits\" 00000001 0000000d 00",
      "pages of 2^13 octets" },
    { BEGIN, "next record at offset 17: input ends early" },
    { BEGIN "05", "SUBSECTION at offset 17: no record of type 0x05" },
    { BEGIN "06", "no record of type 0x06 can stand here" },
    { BEGIN "07", "no record of type 0x07 can stand here" },
    { BEGIN "09", "record 0x09 at offset 17" },
    { BEGIN "7e 00000001", "no record of type 0x7e" },
    { BEGIN "01 00000001 00 00000000 00000001", "name is empty" },
    { BEGIN "04 00000001 03 \"abc\" 00000000 00000001",
      "SECTION_FULL of 'abc' instance 0 (id 1) at offset 17: there is no" },
    { BEGIN "04 00000001 05 \"timer\" 00000001 00000002",
      "'timer' instance 1 (id 1) at offset 17: there is no such" },
    { BEGIN "04 00000001 05 \"timer\" 00000000 00000003",
      "timer/version: 3 is newer than 2" },
    { BEGIN "04 00000001 05 \"timer\" 00000000 ffffffff",
      "version: 4294967295 is newer" },
    { BEGIN "04 00000001 05 \"timer\" 00000000 00000000",
      "timer/version: 0 is older than 1" },
    { BEGIN "01 00000001 03 \"ram\" 00000000 00000003",
      "ram/version: 3 is not supported" },
    { BEGIN "04 00000001 05 \"tim\"", "SECTION_FULL at offset 17: input" },
    { BEGIN TIMER_HEAD "0000", "timer/cpu_ticks_offset: input ends" },
    { BEGIN TIMER_HEAD TIMER_BODY, "input ends early" },
    { BEGIN TIMER_HEAD TIMER_BODY "00",
      "footer 0x7e expected, found 0x00" },
    { BEGIN TIMER_HEAD TIMER_BODY "7e 00000001",
      "'timer' instance 0 (id 0) at offset 17: footer of id 1 found" },
    { BEGIN TIMER_HEAD TIMER_BODY "05 0c \"timer/icount\" 00000001",
      "timer/subsections: 'timer/icount'" },
    { BEGIN TIMER_HEAD TIMER_BODY "05 05 \"other\" 00000001",
      "found 0x05" },
    { BEGIN "02 00000001", "SECTION_PART (id 1) at offset 17: no "
      "section of this id" },
    { BEGIN "03 00000001", "SECTION_END (id 1) at offset 17" },
    { BEGIN RAM_START "02 0000", "SECTION_PART at offset" },
    { BEGIN RAM_START "04 00000001 05 \"timer\" 00000000 00000002" TIMER_BODY
      "7e 00000001 02 00000001 0000000000000010 7e 00000001",
      "SECTION_PART of 'timer'" },
    { BEGIN GLOBALSTATE("\"runnnng\" 00"),
      "globalstate/after load: run state 'runnnng' is unknown" },
    { BEGIN "08 0000 0000", "COMMAND at offset 17: command 0" },
    { BEGIN "08 000c 0000", "command 12 is unknown" },
    { BEGIN "08 ffff 0000", "command 65535 is unknown" },
    { BEGIN "08 0001 0001 00", "OPEN_RETURN_PATH has length 1" },
    { BEGIN "08 0002 0000", "PING has length 0, must be 4" },
    { BEGIN "08 0002 0004 00000001", "PING 1 came before OPEN" },
    { BEGIN "08 0003 0010", "POSTCOPY_ADVISE is not supported" },
    { BEGIN "08 0004 0000", "POSTCOPY_LISTEN is not supported" },
    { BEGIN "08 0005 0000", "POSTCOPY_RUN is not supported" },
    { BEGIN "08 0006 0020", "POSTCOPY_RAM_DISCARD is not" },
    { BEGIN "08 0007 0004 00000000", "PACKAGED is not supported" },
    { BEGIN "08 0008 0000", "ENABLE_COLO is not supported" },
    { BEGIN "08 0009 0000", "POSTCOPY_RESUME is not supported" },
    { BEGIN "08 000a 0004", "RECV_BITMAP is not supported" },
    { BEGIN "08 000b 0002 0000", "SWITCHOVER_START has length 2" },
    { BEGIN "08 00", "COMMAND at offset 17: input ends" },
    { BEGIN RAM TIMER "00 06 04000001", ": 67108865" },
    { BEGIN "00", "EOF at offset 17: the stream ends without " },
    { BEGIN RAM "00", "without a section 'timer' instance 0" },
    { BEGIN RAM GLOBALSTATE("\"paused\" 0000") "00",
      "section 'timer' instance 0" },
    { BEGIN TIMER "00", "without the start of section 'ram' instance 0" },
    { BEGIN RAM_START TIMER "00", "without the end of section 'ram'" },
    { BEGIN RAM_START "02 00000001 0000000000000010 7e 00000001" TIMER "00",
      "without the end of section 'ram'" },
    { BEGIN "04 00000001 03 \"ram\" 00000000 00000004 0000000000004004"
      "03 \"ram\" 0000000000004000 0000000000000010 7e 00000001" RAM_END TIMER
      "00", "SECTION_FULL of 'ram' instance 0 (id 1) at offset 17: it is a "
      "live section" },
    { BEGIN "01 00000000 05 \"timer\" 00000000 00000002",
      "SECTION_START of 'timer' instance 0 (id 0) at offset 17: it is no live "
      "section" },
    { BEGIN "01 00000001 03 \"ram\" 00000000 00000004 0000000000000010",
      "'ram' instance 0 (id 1) at offset 17: the block list is missing" },
};

static void test_malformed(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        g_autoptr(GByteArray) o = test_octets(malformed[i].text);
        TestVM *t = vm_none();
        Error *err = NULL;

        g_assert_false(load(t, o->data, o->len, &err));
        test_assert_error(err, malformed[i].error);
        loadvm_cleanup(&t->incoming);
        test_vm_free(t);
    }
}

static void test_uuid(void)
{
    const char *stream = BEGIN "05 12 \"configuration/uuid\" 00000001"
                         "0102030405060708090a0b0c0d0e0f10" RAM TIMER "00";
    TestVM *t = vm_none();
    g_autoptr(GByteArray) o = test_octets(stream);
    Error *err = NULL;

    check_loads(t, stream); /* none of our own */
    loadvm_cleanup(&t->incoming);
    t->vm.uuid.data[0] = 1;
    g_assert_false(load(t, o->data, o->len, &err));
    test_assert_error(err, "UUID is 01020304-0506-0708-090a-0b0c0d0e0f10");
    loadvm_cleanup(&t->incoming);
    for (int i = 0; i < 16; i++) {
        t->vm.uuid.data[i] = i + 1;
    }
    check_loads(t, stream);
    loadvm_cleanup(&t->incoming);
    test_vm_free(t);
}

static bool needed_never(void *opaque)
{
    return false;
}

static const VMStateDescription always = {
    .name = "dev",
    .version_id = 1,
    .fields = (const VMStateField[]){ VMSTATE_END_OF_LIST() },
};

static const VMStateDescription sometimes = {
    .name = "opt",
    .version_id = 1,
    .needed = needed_never,
    .fields = (const VMStateField[]){ VMSTATE_END_OF_LIST() },
};

/* What this machine has and the source's has not. */
static void test_missing(void)
{
    g_autoptr(GByteArray) one = test_octets(
        BEGIN RAM TIMER "04 00000003 03 \"dev\" 00000000 00000001 7e 00000003 00");
    TestVM *t = vm_none();
    Error *err = NULL;
    int a, b;

    g_assert_true(vmstate_register(&t->vm, NULL, 0, &always, &a, NULL));
    g_assert_true(vmstate_register(&t->vm, NULL, 0, &sometimes, &b, NULL));
    g_assert_true(load(t, one->data, one->len, NULL));
    loadvm_cleanup(&t->incoming);
    g_assert_true(vmstate_register(&t->vm, NULL, 1, &always, &b, NULL));
    g_assert_false(load(t, one->data, one->len, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "the same -smp and devices"));
    test_assert_error(err, "without a section 'dev' instance 1");
    loadvm_cleanup(&t->incoming);
    test_vm_free(t);
}

/* Cut a stock stream at each octet: an error, unless EOF was there. */
static void test_stock(void)
{
    const char *path = TEST_DATA_DIR "/migration/stock-10.0.2-none-256k.st";
    g_autofree char *data = NULL;
    gsize len, eof = 0;
    RunState state;

    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    for (gsize i = len; i-- && !eof;) {
        if (data[i] == 6 && data[i - 1] == 0 && data[i + 5] == '{') {
            eof = i;
        }
    }
    for (gsize cut = 0; cut <= len; cut++) {
        TestVM *t = test_vm_new();
        Error *err = NULL;
        bool ok;

        test_vm_add_block(t, "ram", 256 * KiB);
        g_assert_true(savevm_register_universal(&t->vm, NULL));
        ok = load(t, data, cut, &err);
        g_assert_true(ok == (cut >= eof));
        if (ok) {
            g_assert_true(loadvm_global_state(&t->incoming, &state));
            g_assert_cmpint(state, ==, RUN_STATE_PAUSED);
        } else {
            test_assert_error(err, "input ends early");
        }
        loadvm_cleanup(&t->incoming);
        test_vm_free(t);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/savevm-load/good", test_good);
    g_test_add_func("/savevm-load/return-path", test_return_path);
    g_test_add_func("/savevm-load/state", test_state);
    g_test_add_func("/savevm-load/malformed", test_malformed);
    g_test_add_func("/savevm-load/uuid", test_uuid);
    g_test_add_func("/savevm-load/missing", test_missing);
    g_test_add_func("/savevm-load/stock", test_stock);
    return g_test_run();
}
