/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each type of field: its octets, and what it refuses. */
#include "qemu/osdep.h"

#include "stream-double.h"
#include "system/clock.h"

typedef struct TypeCase {
    const VMStateInfo *info;
    const char *name;
    size_t size_bytes;
    const char *value;  /* in memory, little-endian */
    const char *octets; /* in the stream */
} TypeCase;

static const TypeCase cases[] = {
    { &vmstate_info_bool, "bool", 1, "01", "01" },
    { &vmstate_info_int8, "int8", 1, "fe", "fe" },
    { &vmstate_info_int16, "int16", 2, "feff", "fffe" },
    { &vmstate_info_int32, "int32", 4, "01020384", "84030201" },
    { &vmstate_info_int64, "int64", 8, "0102030405060788",
      "8807060504030201" },
    { &vmstate_info_uint8, "uint8", 1, "a5", "a5" },
    { &vmstate_info_uint16, "uint16", 2, "0102", "0201" },
    { &vmstate_info_uint32, "uint32", 4, "01020304", "04030201" },
    { &vmstate_info_uint64, "uint64", 8, "0102030405060708",
      "0807060504030201" },
    { &vmstate_info_int32_equal, "int32 equal", 4, "01020304", "04030201" },
    { &vmstate_info_uint8_equal, "uint8 equal", 1, "01", "01" },
    { &vmstate_info_uint16_equal, "uint16 equal", 2, "0102", "0201" },
    { &vmstate_info_uint32_equal, "uint32 equal", 4, "01020304", "04030201" },
    { &vmstate_info_int64_equal, "int64 equal", 8, "0102030405060708",
      "0807060504030201" },
    { &vmstate_info_int32_le, "int32 le", 4, "05000000", "00000005" },
    { &vmstate_info_buffer, "buffer", 3, "010203", "010203" },
    { &vmstate_info_unused_buffer, "unused_buffer", 3, "010203", "000000" },
    { &vmstate_info_bitmap, "bitmap", 9, "0102030405060708 0100000000000000",
      "0807060504030201 0000000000000001" },
};

static void test_round_trip(void)
{
    const VMStateField field = { .name = "x" };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const TypeCase *c = &cases[i];
        g_autoptr(GByteArray) value = test_octets(c->value);
        g_autoptr(GByteArray) octets = NULL;
        uint64_t memory[4] = { 0 };
        QEMUFile *f = test_output_new();

        g_assert_cmpstr(c->info->name, ==, c->name);
        memcpy(memory, value->data, value->len);
        g_assert_true(c->info->put(f, memory, c->size_bytes, &field, NULL));
        octets = test_output_take(f);
        test_assert_octets(octets, c->octets);

        f = test_input_new(octets->data, octets->len);
        if (!strstr(c->name, "equal") && !strstr(c->name, "le")) {
            memset(memory, c->info == &vmstate_info_unused_buffer ? 0 : 0xff,
                   value->len);
        }
        g_assert_true(c->info->get(f, memory, c->size_bytes, &field, NULL));
        g_assert_cmpint(qemu_peek_byte(f), ==, -1);
        if (c->info != &vmstate_info_unused_buffer) {
            g_assert_cmpmem(memory, value->len, value->data, value->len);
        }
        g_assert_true(qemu_fclose(f, NULL));
    }
}

static bool get(const VMStateInfo *info, void *pv, const char *text,
                Error **errp)
{
    const VMStateField field = { .name = "x" };
    g_autoptr(GByteArray) o = test_octets(text);
    QEMUFile *f = test_input_new(o->data, o->len);
    bool ok = info->get(f, pv, 4, &field, errp);

    qemu_fclose(f, NULL);
    return ok;
}

static void test_refused(void)
{
    uint64_t memory = 5;
    Error *err = NULL;

    g_assert_false(get(&vmstate_info_uint32_equal, &memory, "00000006", &err));
    test_assert_error(err, "is 6 in the stream but 5 here");
    g_assert_cmpuint(memory, ==, 5);
    err = NULL;
    g_assert_false(get(&vmstate_info_int32_le, &memory, "00000006", &err));
    test_assert_error(err, "is 6 in the stream, must be 0 to 5");
    err = NULL;
    g_assert_false(get(&vmstate_info_int32_le, &memory, "ffffffff", &err));
    test_assert_error(err, "is -1 in the stream");
    g_assert_true(get(&vmstate_info_int32_le, &memory, "00000004", NULL));
    g_assert_cmpuint(memory, ==, 4);
    err = NULL;
    g_assert_false(get(&vmstate_info_uint32_equal, &memory, "0000", &err));
    test_assert_error(err, "input ends early");
    memory = 0;
    g_assert_true(get(&vmstate_info_bool, &memory, "80", NULL));
    g_assert_cmpuint(memory, ==, 1);
}

static void test_timer(void)
{
    VMTimer *timer = vm_timer_new(NULL, NULL, NULL);
    const VMStateField field = { .name = "x" };
    QEMUFile *f = test_output_new();
    g_autoptr(GByteArray) octets = NULL;
    Error *err = NULL;

    vmstate_info_timer.put(f, &timer, 8, &field, NULL);
    vm_timer_mod(timer, 0x1234);
    vmstate_info_timer.put(f, &timer, 8, &field, NULL);
    octets = test_output_take(f);
    test_assert_octets(octets, "ffffffffffffffff 0000000000001234");

    g_assert_true(get(&vmstate_info_timer, &timer, "ffffffffffffffff", NULL));
    g_assert_cmpint(vm_timer_expire_ns(timer), ==, -1);
    g_assert_true(get(&vmstate_info_timer, &timer, "0000000000000007", NULL));
    g_assert_cmpint(vm_timer_expire_ns(timer), ==, 7);
    g_assert_false(get(&vmstate_info_timer, &timer, "fffffffffffffffe",
                       &err));
    test_assert_error(err, "expires at the impossible time");
    g_assert_cmpint(vm_timer_expire_ns(timer), ==, 7);
    vm_timer_free(timer);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vmstate-types/round-trip", test_round_trip);
    g_test_add_func("/vmstate-types/refused", test_refused);
    g_test_add_func("/vmstate-types/timer", test_timer);
    return g_test_run();
}
