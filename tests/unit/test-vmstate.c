/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine: fields, arrays, structs, versions, subsections, hooks, texts. */
#include "qemu/osdep.h"

#include <json-c/json.h>

#include "migration/vmstate-desc.h"
#include "stream-double.h"

typedef struct Seg {
    uint32_t selector;
    uint64_t base;
} Seg;

typedef struct Dev {
    uint32_t a;
    uint16_t since2;
    uint8_t twice;
    Seg segs[3];
    Seg *pointed;
    Seg *pointers[3];
    uint32_t n;
    uint16_t var[4];
    uint32_t len;
    uint8_t *vbuf;
    int32_t sub;
    int32_t nested;
    bool sub_needed;
    bool nested_needed;
    bool even_only;
    bool fail_post_load;
    unsigned pre_loads, post_loads, pre_saves, post_saves;
} Dev;

static const VMStateDescription vmstate_seg = {
    .name = "seg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(selector, Seg),
        VMSTATE_UINT64(base, Seg),
        VMSTATE_END_OF_LIST(),
    },
};

static bool sub_needed(void *opaque)
{
    return ((Dev *)opaque)->sub_needed;
}

static bool nested_needed(void *opaque)
{
    return ((Dev *)opaque)->nested_needed;
}

static const VMStateDescription vmstate_nested = {
    .name = "dev/sub/nested",
    .version_id = 0,
    .needed = nested_needed,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(nested, Dev),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription vmstate_sub = {
    .name = "dev/sub",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = sub_needed,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(sub, Dev),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = (const VMStateDescription *const[]){
        &vmstate_nested, NULL,
    },
};

static bool pre_load(void *opaque, Error **errp)
{
    ((Dev *)opaque)->pre_loads++;
    return true;
}

static bool post_load(void *opaque, int version_id, Error **errp)
{
    Dev *d = opaque;

    d->post_loads++;
    if (d->fail_post_load) {
        error_setg(errp, "no such colour");
        return false;
    }
    return true;
}

static bool pre_save(void *opaque, Error **errp)
{
    ((Dev *)opaque)->pre_saves++;
    return true;
}

static void post_save(void *opaque)
{
    ((Dev *)opaque)->post_saves++;
}

static bool old_version(void *opaque, int version_id)
{
    return version_id < 2;
}

static bool new_version(void *opaque, int version_id)
{
    return version_id >= 2;
}

static bool a_is_even(void *opaque, int version_id)
{
    const Dev *d = opaque;

    return !d->even_only || d->a % 2 == 0;
}

static const VMStateDescription vmstate_dev = {
    .name = "dev",
    .version_id = 2,
    .minimum_version_id = 1,
    .pre_load = pre_load,
    .post_load = post_load,
    .pre_save = pre_save,
    .post_save = post_save,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(a, Dev),
        VMSTATE_UINT16_V(since2, Dev, 2),
        VMSTATE_SINGLE_FULL(twice, Dev, old_version, 0, vmstate_info_uint8,
                            uint8_t),
        VMSTATE_SINGLE_FULL(twice, Dev, new_version, 0, vmstate_info_uint8,
                            uint8_t),
        VMSTATE_STRUCT_ARRAY(segs, Dev, 3, 0, vmstate_seg, Seg),
        VMSTATE_STRUCT_POINTER(pointed, Dev, vmstate_seg, Seg),
        VMSTATE_ARRAY_OF_POINTER_TO_STRUCT(pointers, Dev, 3, 0, vmstate_seg,
                                           Seg),
        VMSTATE_UINT32(n, Dev),
        VMSTATE_VARRAY_UINT32(var, Dev, n, vmstate_info_uint16, uint16_t),
        VMSTATE_UINT32(len, Dev),
        VMSTATE_VBUFFER_ALLOC_UINT32(vbuf, Dev, len, 16),
        VMSTATE_VALIDATE("a is even", a_is_even),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = (const VMStateDescription *const[]){
        &vmstate_sub, NULL,
    },
};

/* What the fields of a Dev with everything set are in a stream. */
#define FIELDS_BEFORE_N                                                        \
    "00000010 0203 07"                                                         \
    "00000001 0000000000000002 00000003 0000000000000004"                      \
    "00000005 0000000000000006"                                                \
    "00000007 0000000000000008"                                                \
    "00000009 000000000000000a 30 0000000b 000000000000000c"
#define FIELDS FIELDS_BEFORE_N "00000002 1111 2222 00000003 \"xyz\""
#define SUB "05 07 \"dev/sub\" 00000001 0000000d"
#define NESTED "05 0e \"dev/sub/nested\" 00000000 0000000e"

static void dev_fill(Dev *d, Seg seg[3])
{
    Seg values[] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };

    memset(d, 0, sizeof(*d));
    d->a = 0x10;
    d->since2 = 0x0203;
    d->twice = 7;
    memcpy(d->segs, values, sizeof(values));
    seg[0] = (Seg){ 7, 8 };
    seg[1] = (Seg){ 9, 10 };
    seg[2] = (Seg){ 11, 12 };
    d->pointed = &seg[0];
    d->pointers[0] = &seg[1];
    d->pointers[2] = &seg[2];
    d->n = 2;
    d->var[0] = 0x1111;
    d->var[1] = 0x2222;
    d->len = 3;
    d->vbuf = (uint8_t *)g_strdup("xyz");
    d->sub = 13;
    d->nested = 14;
}

static void dev_empty(Dev *d, Seg seg[3])
{
    memset(d, 0, sizeof(*d));
    memset(seg, 0, 3 * sizeof(*seg));
    d->pointed = &seg[0];
    d->pointers[0] = &seg[1];
    d->pointers[2] = &seg[2];
}

static bool dev_load(Dev *d, const char *text, int version, size_t *left,
                     Error **errp)
{
    g_autoptr(GByteArray) o = test_octets(text);
    QEMUFile *f = test_input_new(o->data, o->len);
    bool ok = vmstate_load_state(f, &vmstate_dev, d, version, errp);

    if (left) {
        *left = o->len - qemu_file_transferred(f);
    }
    qemu_fclose(f, NULL);
    return ok;
}

static void test_save(void)
{
    Dev d;
    Seg seg[3];

    for (int subs = 0; subs < 3; subs++) {
        QEMUFile *f = test_output_new();
        g_autoptr(GByteArray) o = NULL;

        dev_fill(&d, seg);
        d.sub_needed = subs > 0;
        d.nested_needed = subs > 1;
        g_assert_true(vmstate_save_state(f, &vmstate_dev, &d, NULL, NULL));
        o = test_output_take(f);
        test_assert_octets(o, subs == 0 ? FIELDS : subs == 1 ? FIELDS SUB :
                           FIELDS SUB NESTED);
        g_assert_cmpuint(d.pre_saves, ==, 1);
        g_assert_cmpuint(d.post_saves, ==, 1);
        g_free(d.vbuf);
    }
}

static void test_load(void)
{
    Dev d;
    Seg seg[3];
    size_t left;
    Error *err = NULL;

    dev_empty(&d, seg);
    if (!dev_load(&d, FIELDS SUB NESTED "7e", 2, &left, &err)) {
        g_error("%s", error_get_pretty(err));
    }
    g_assert_cmpuint(left, ==, 1);
    g_assert_cmpuint(d.a, ==, 0x10);
    g_assert_cmpuint(d.since2, ==, 0x0203);
    g_assert_cmpuint(d.segs[2].base, ==, 6);
    g_assert_cmpuint(seg[0].base, ==, 8);
    g_assert_cmpuint(seg[2].selector, ==, 11);
    g_assert_cmpuint(d.var[1], ==, 0x2222);
    g_assert_cmpmem(d.vbuf, d.len, "xyz", 3);
    g_assert_cmpint(d.sub, ==, 13);
    g_assert_cmpint(d.nested, ==, 14);
    g_assert_cmpuint(d.pre_loads, ==, 1);
    g_assert_cmpuint(d.post_loads, ==, 1);
    g_free(d.vbuf);
}

/* Version 1 has one field less. */
static void test_load_old(void)
{
    Dev d;
    Seg seg[3];
    g_autofree char *text = g_strdup(FIELDS);
    char *field = strstr(text, "0203");

    memset(field, ' ', 4);
    dev_empty(&d, seg);
    d.since2 = 99;
    g_assert_true(dev_load(&d, text, 1, NULL, NULL));
    g_assert_cmpuint(d.since2, ==, 99);
    g_assert_cmpuint(d.n, ==, 2);
    g_free(d.vbuf);
}

/* What is not longer than the name and begins with it is left for others. */
static void test_foreign_subsection(void)
{
    static const char *const foreign[] = {
        "05 03 \"dev\" 00000001",
        "05 03 \"abc\" 00000001",
        "05 08 \"dav/long\" 00000001",
        "05 07 \"dev/s\"", /* cut off */
        "05",
    };

    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
        Dev d;
        Seg seg[3];
        size_t left;
        g_autofree char *text = g_strconcat(FIELDS, foreign[i], NULL);
        g_autoptr(GByteArray) o = test_octets(foreign[i]);

        dev_empty(&d, seg);
        g_assert_true(dev_load(&d, text, 2, &left, NULL));
        g_assert_cmpuint(left, ==, o->len);
        g_free(d.vbuf);
    }
}

static void test_malformed(void)
{
    static const struct {
        const char *text;
        int version;
        const char *error;
    } cases[] = {
        { FIELDS, 3, "version: 3 is newer than 2" },
        { FIELDS, 0, "version: 0 is older than 1" },
        { "00000010 0203 07 00000001 0000000000000002 00000003 0000", 2,
          "segs[1].base: input ends early, after 25 octets" },
        { FIELDS_BEFORE_N "00000005", 2,
          "var: element count 5 is out of range, 0 to 4" },
        { FIELDS_BEFORE_N "ffffffff", 2, "var: element count 4294967295" },
        { FIELDS_BEFORE_N "00000000 00000011", 2,
          "vbuf: length 17 is out of range, 0 to 16" },
        { FIELDS "05 07 \"dev/bus\" 00000001", 2,
          "subsections: 'dev/bus' is not known here" },
        { FIELDS "05 04 \"devx\" 00000001", 2,
          "subsections: 'devx' is not known here" },
        { FIELDS "05 07 \"dev/sub\" 00000002 0000000d", 2,
          "sub/version: 2 is newer than 1" },
        { FIELDS SUB "05 0b \"dev/sub/odd\" 00000001", 2,
          "sub/subsections: 'dev/sub/odd'" },
        { FIELDS SUB "05 0e \"dev/sub/nested\" 00000000 00", 2,
          "sub/nested/nested: input ends early" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Dev d;
        Seg seg[3];
        Error *err = NULL;

        dev_empty(&d, seg);
        g_assert_false(dev_load(&d, cases[i].text, cases[i].version, NULL,
                                &err));
        test_assert_error(err, cases[i].error);
        g_assert_cmpuint(d.post_loads, ==, 0);
        g_free(d.vbuf);
    }
}

static void test_null_marker(void)
{
    g_autofree char *text = g_strdup(FIELDS);
    Dev d;
    Seg seg[3];
    Error *err = NULL;

    *strstr(text, "30 ") = '4';
    dev_empty(&d, seg);
    g_assert_false(dev_load(&d, text, 2, NULL, &err));
    test_assert_error(err, "pointers[1].NULL here, but the stream has");
    g_free(d.vbuf);
}

static void test_hooks_refuse(void)
{
    Dev d;
    Seg seg[3];
    Error *err = NULL;
    g_autofree char *odd = g_strdup(FIELDS);

    dev_empty(&d, seg);
    d.fail_post_load = true;
    g_assert_false(dev_load(&d, FIELDS, 2, NULL, &err));
    test_assert_error(err, "after load: no such colour");
    g_free(d.vbuf);

    odd[7] = '1';
    err = NULL;
    dev_empty(&d, seg);
    d.even_only = true;
    g_assert_false(dev_load(&d, odd, 2, NULL, &err));
    test_assert_error(err, "a is even: the values read so far");
    g_free(d.vbuf);
}

static void test_description(void)
{
    Dev d;
    Seg seg[3];
    QEMUFile *f = test_output_new();
    struct json_object *desc = json_object_new_object();
    GString *text;

    dev_fill(&d, seg);
    d.sub_needed = true;
    d.pointers[1] = &seg[0];
    g_assert_true(vmstate_save_state(f, &vmstate_dev, &d, desc, NULL));
    text = vmstate_desc_text(desc);
#define SEG                                                                    \
    "\"type\": \"struct\", \"struct\": {\"vmsd_name\": \"seg\", "              \
    "\"version\": 1, \"fields\": [{\"name\": \"selector\", \"type\": "         \
    "\"uint32\", \"size\": 4}, {\"name\": \"base\", \"type\": \"uint64\", "    \
    "\"size\": 8}]}, \"size\": 12}"
    g_assert_cmpstr(text->str, ==,
        "{\"vmsd_name\": \"dev\", \"version\": 2, \"fields\": ["
        "{\"name\": \"a\", \"type\": \"uint32\", \"size\": 4}, "
        "{\"name\": \"since2\", \"type\": \"uint16\", \"size\": 2}, "
        "{\"name\": \"twice[1]\", \"type\": \"uint8\", \"size\": 1}, "
        "{\"name\": \"segs\", \"array_len\": 3, " SEG ", "
        "{\"name\": \"pointed\", " SEG ", "
        "{\"name\": \"pointers\", \"array_len\": 3, " SEG ", "
        "{\"name\": \"n\", \"type\": \"uint32\", \"size\": 4}, "
        "{\"name\": \"var\", \"array_len\": 2, \"type\": \"uint16\", "
        "\"size\": 2}, "
        "{\"name\": \"len\", \"type\": \"uint32\", \"size\": 4}, "
        "{\"name\": \"vbuf\", \"type\": \"buffer\", \"size\": 3}], "
        "\"subsections\": [{\"vmsd_name\": \"dev/sub\", \"version\": 1, "
        "\"fields\": [{\"name\": \"sub\", \"type\": \"int32\", "
        "\"size\": 4}]}]}");
    g_string_free(text, true);
    json_object_put(desc);
    qemu_fclose(f, NULL);
    g_free(d.vbuf);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vmstate/save", test_save);
    g_test_add_func("/vmstate/load", test_load);
    g_test_add_func("/vmstate/load-old", test_load_old);
    g_test_add_func("/vmstate/foreign-subsection", test_foreign_subsection);
    g_test_add_func("/vmstate/malformed", test_malformed);
    g_test_add_func("/vmstate/null-marker", test_null_marker);
    g_test_add_func("/vmstate/hooks-refuse", test_hooks_refuse);
    g_test_add_func("/vmstate/description", test_description);
    return g_test_run();
}
