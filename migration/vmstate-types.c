/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The types of VMState fields: how one value is put and got. The names are
 * those in the stream's JSON description.
 *
 * Migration and loading thread, BQL held. Getters need not look for a short
 * input: the engine does, after each field.
 */
#include "qemu/osdep.h"

#include "migration/qemu-file.h"
#include "migration/stream-format.h"
#include "migration/vmstate.h"
#include "system/clock.h"

#define DEFINE_GET(name, type, getter)                                         \
    static bool get_##name(QEMUFile *f, void *pv, size_t size_bytes,           \
                           const VMStateField *field, Error **errp)            \
    {                                                                          \
        *(type *)pv = (type)getter(f);                                         \
        return true;                                                           \
    }

#define DEFINE_PUT(name, type, putter)                                         \
    static bool put_##name(QEMUFile *f, const void *pv, size_t size_bytes,     \
                           const VMStateField *field, Error **errp)            \
    {                                                                          \
        putter(f, *(const type *)pv);                                          \
        return true;                                                           \
    }

#define DEFINE_INTEGER(id, type, getter, putter)                               \
    DEFINE_GET(id, type, getter)                                               \
    DEFINE_PUT(id, type, putter)                                               \
    const VMStateInfo vmstate_info_##id = {                                    \
        .name = #id,                                                           \
        .get = get_##id,                                                       \
        .put = put_##id,                                                       \
    };

DEFINE_INTEGER(int8, int8_t, qemu_get_byte, qemu_put_byte)
DEFINE_INTEGER(int16, int16_t, qemu_get_be16, qemu_put_be16)
DEFINE_INTEGER(int32, int32_t, qemu_get_be32, qemu_put_be32)
DEFINE_INTEGER(int64, int64_t, qemu_get_be64, qemu_put_be64)
DEFINE_INTEGER(uint8, uint8_t, qemu_get_byte, qemu_put_byte)
DEFINE_INTEGER(uint16, uint16_t, qemu_get_be16, qemu_put_be16)
DEFINE_INTEGER(uint32, uint32_t, qemu_get_be32, qemu_put_be32)
DEFINE_INTEGER(uint64, uint64_t, qemu_get_be64, qemu_put_be64)

static bool get_bool(QEMUFile *f, void *pv, size_t size_bytes,
                     const VMStateField *field, Error **errp)
{
    *(bool *)pv = qemu_get_byte(f) != 0;
    return true;
}

DEFINE_PUT(bool, bool, qemu_put_byte)

const VMStateInfo vmstate_info_bool = {
    .name = "bool",
    .get = get_bool,
    .put = put_bool,
};

/*
 * Values that both sides must have the same; the reader's stays. An input
 * that ended gives 0, so that the error which then sticks is the one told.
 */
#define DEFINE_EQUAL(id, type, text, getter)                                   \
    static bool get_##id##_equal(QEMUFile *f, void *pv, size_t size_bytes,     \
                                   const VMStateField *field, Error **errp)    \
    {                                                                          \
        type theirs = (type)getter(f);                                         \
        type ours = *(type *)pv;                                               \
                                                                               \
        if (!qemu_file_ok(f, errp)) {                                          \
            return false;                                                      \
        }                                                                      \
        if (theirs != ours) {                                                  \
            error_setg(errp,                                                   \
                       "is %" PRId64 " in the stream but %" PRId64             \
                       " here; configure both sides alike",                    \
                       (int64_t)theirs, (int64_t)ours);                        \
            return false;                                                      \
        }                                                                      \
        return true;                                                           \
    }                                                                          \
    const VMStateInfo vmstate_info_##id##_equal = {                            \
        .name = text,                                                          \
        .get = get_##id##_equal,                                               \
        .put = put_##id,                                                       \
    };

DEFINE_EQUAL(int32, int32_t, "int32 equal", qemu_get_be32)
DEFINE_EQUAL(int64, int64_t, "int64 equal", qemu_get_be64)
DEFINE_EQUAL(uint8, uint8_t, "uint8 equal", qemu_get_byte)
DEFINE_EQUAL(uint16, uint16_t, "uint16 equal", qemu_get_be16)
DEFINE_EQUAL(uint32, uint32_t, "uint32 equal", qemu_get_be32)

static bool get_int32_le(QEMUFile *f, void *pv, size_t size_bytes,
                         const VMStateField *field, Error **errp)
{
    int32_t theirs = (int32_t)qemu_get_be32(f);
    int32_t ours = *(int32_t *)pv;

    if (!qemu_file_ok(f, errp)) {
        return false;
    }
    if (theirs < 0 || theirs > ours) {
        error_setg(errp,
                   "is %" PRId32 " in the stream, must be 0 to %" PRId32,
                   theirs, ours);
        return false;
    }
    *(int32_t *)pv = theirs;
    return true;
}

const VMStateInfo vmstate_info_int32_le = {
    .name = "int32 le",
    .get = get_int32_le,
    .put = put_int32,
};

static bool get_buffer(QEMUFile *f, void *pv, size_t size_bytes,
                       const VMStateField *field, Error **errp)
{
    qemu_get_buffer(f, pv, size_bytes);
    return true;
}

static bool put_buffer(QEMUFile *f, const void *pv, size_t size_bytes,
                       const VMStateField *field, Error **errp)
{
    qemu_put_buffer(f, pv, size_bytes);
    return true;
}

const VMStateInfo vmstate_info_buffer = {
    .name = "buffer",
    .get = get_buffer,
    .put = put_buffer,
};

static bool get_unused_buffer(QEMUFile *f, void *pv, size_t size_bytes,
                              const VMStateField *field, Error **errp)
{
    qemu_file_skip(f, size_bytes);
    return true;
}

static bool put_unused_buffer(QEMUFile *f, const void *pv, size_t size_bytes,
                              const VMStateField *field, Error **errp)
{
    static const uint8_t zeros[256];

    while (size_bytes) {
        size_t n = MIN(size_bytes, sizeof(zeros));

        qemu_put_buffer(f, zeros, n);
        size_bytes -= n;
    }
    return true;
}

const VMStateInfo vmstate_info_unused_buffer = {
    .name = "unused_buffer",
    .get = get_unused_buffer,
    .put = put_unused_buffer,
};

static bool get_timer(QEMUFile *f, void *pv, size_t size_bytes,
                      const VMStateField *field, Error **errp)
{
    VMTimer *timer = *(VMTimer **)pv;
    uint64_t expire_ns = qemu_get_be64(f);

    if (!qemu_file_ok(f, errp)) {
        return false;
    }
    if (expire_ns == VMSTATE_TIMER_NOT_ARMED) {
        vm_timer_del(timer);
    } else if (expire_ns > INT64_MAX) {
        error_setg(errp, "expires at the impossible time %"
                   PRIu64 " ns", expire_ns);
        return false;
    } else {
        vm_timer_mod(timer, expire_ns);
    }
    return true;
}

static bool put_timer(QEMUFile *f, const void *pv, size_t size_bytes,
                      const VMStateField *field, Error **errp)
{
    /* -1 where it is not armed: all ones */
    qemu_put_be64(f, vm_timer_expire_ns(*(VMTimer *const *)pv));
    return true;
}

const VMStateInfo vmstate_info_timer = {
    .name = "timer",
    .get = get_timer,
    .put = put_timer,
};

_Static_assert(sizeof(unsigned long) == 8, "one be64 per bitmap word");

static bool get_bitmap(QEMUFile *f, void *pv, size_t size_bytes,
                       const VMStateField *field, Error **errp)
{
    unsigned long *map = pv;

    for (size_t i = 0; i < DIV_ROUND_UP(size_bytes, 8); i++) {
        map[i] = qemu_get_be64(f);
    }
    return true;
}

static bool put_bitmap(QEMUFile *f, const void *pv, size_t size_bytes,
                       const VMStateField *field, Error **errp)
{
    const unsigned long *map = pv;

    for (size_t i = 0; i < DIV_ROUND_UP(size_bytes, 8); i++) {
        qemu_put_be64(f, map[i]);
    }
    return true;
}

const VMStateInfo vmstate_info_bitmap = {
    .name = "bitmap",
    .get = get_bitmap,
    .put = put_bitmap,
};
