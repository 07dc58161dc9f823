/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole main stream, for a VM with RAM, the sections of every VM, and
 * devices with every kind of field.
 */
#include "qemu/osdep.h"

#include "fuzz.h"
#include "migration/qemu-file.h"
#include "migration/register.h"
#include "stream-double.h"
#include "system/clock.h"

#define VBUF_MAX_BYTES 64

typedef struct Seg {
    uint32_t selector;
    uint64_t base;
} Seg;

typedef struct Dev {
    uint32_t a;
    bool flag;
    uint16_t since2;
    uint8_t id;
    int32_t le;
    Seg segs[3];
    Seg *pointed;
    Seg *pointers[3];
    uint8_t regs[24];
    uint32_t n;
    uint16_t var[4];
    uint32_t len;
    uint8_t *vbuf;
    int32_t sub, nested, other;
    VMTimer *timer;
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

static const VMStateDescription vmstate_nested = {
    .name = "dev/sub/nested",
    .version_id = 0,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(nested, Dev),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription vmstate_sub = {
    .name = "dev/sub",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(sub, Dev),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = (const VMStateDescription *const[]){
        &vmstate_nested, NULL,
    },
};

static const VMStateDescription vmstate_other = {
    .name = "dev/other",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_INT32(other, Dev),
        VMSTATE_END_OF_LIST(),
    },
};

static bool flag_is_set(void *opaque, int version_id)
{
    return ((Dev *)opaque)->flag;
}

static bool dev_post_load(void *opaque, int version_id, Error **errp)
{
    Dev *d = opaque;

    /* What the description promises. */
    g_assert(version_id == 1 || version_id == 2);
    g_assert(d->n <= ARRAY_SIZE(d->var) && d->len <= VBUF_MAX_BYTES);
    g_assert(d->id == 7 && d->le >= 0 && d->le <= 100);
    if (d->a == 0xdead) {
        error_setg(errp, "no such colour");
        return false;
    }
    return true;
}

static const VMStateDescription vmstate_dev = {
    .name = "dev",
    .version_id = 2,
    .minimum_version_id = 1,
    .post_load = dev_post_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(a, Dev),
        VMSTATE_BOOL(flag, Dev),
        VMSTATE_UINT16_V(since2, Dev, 2),
        VMSTATE_UINT8_EQUAL(id, Dev),
        VMSTATE_INT32_LE(le, Dev),
        VMSTATE_STRUCT_ARRAY(segs, Dev, 3, 0, vmstate_seg, Seg),
        VMSTATE_STRUCT_POINTER(pointed, Dev, vmstate_seg, Seg),
        VMSTATE_ARRAY_OF_POINTER_TO_STRUCT(pointers, Dev, 3, 0, vmstate_seg,
                                           Seg),
        VMSTATE_BUFFER(regs, Dev),
        VMSTATE_UNUSED(3),
        VMSTATE_UINT32(n, Dev),
        VMSTATE_VARRAY_UINT32(var, Dev, n, vmstate_info_uint16, uint16_t),
        VMSTATE_UINT32(len, Dev),
        VMSTATE_VBUFFER_ALLOC_UINT32(vbuf, Dev, len, VBUF_MAX_BYTES),
        VMSTATE_STRUCT_TEST(segs[1], Dev, flag_is_set, 1, vmstate_seg, Seg),
        VMSTATE_TIMER_PTR_V(timer, Dev, 2),
        VMSTATE_END_OF_LIST(),
    },
    .subsections = (const VMStateDescription *const[]){
        &vmstate_sub, &vmstate_other, NULL,
    },
};

static void load(TestVM *t, FuzzInput *in)
{
    QIOChannel *c = fuzz_channel_new(in);
    QEMUFile *f = qemu_file_new_input(c);
    RunState state;
    Error *err = NULL;
    bool ok = loadvm(&t->incoming, f, &err);

    fuzz_check_result(ok, err);
    g_assert(!bql_locked(&t->vm));
    if (loadvm_global_state(&t->incoming, &state)) {
        g_assert(state < RUN_STATE__MAX);
    }
    loadvm_cleanup(&t->incoming);
    qemu_fclose(f, NULL);
    qio_channel_unref(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    FuzzInput in = { data, len_bytes };
    TestVM *t = test_vm_new();
    Seg segs[3] = { 0 };
    Dev d = {
        .id = 7,
        .le = 100,
        .pointed = &segs[0],
        .pointers = { &segs[1], NULL, &segs[2] },
    };

    d.timer = vm_timer_new(&t->vm, NULL, NULL);
    test_vm_add_block(t, "ram", 4 * TARGET_PAGE_SIZE);
    g_assert(savevm_register_universal(&t->vm, NULL));
    g_assert(vmstate_register(&t->vm, NULL, 0, &vmstate_dev, &d, NULL));
    load(t, &in);
    g_free(d.vbuf);
    vm_timer_free(d.timer);
    test_vm_free(t);
    return 0;
}
