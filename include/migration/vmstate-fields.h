/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entries of a description's field table; included by vmstate.h only.
 * _f is the member, _s the struct, _v since which version, _n how many, _t
 * the test that says whether the field is there.
 */
#ifndef MIGRATION_VMSTATE_FIELDS_H
#define MIGRATION_VMSTATE_FIELDS_H

/* Offset of a member, refusing at compile time a member of another type. */
#define VMSTATE_CHECKED_OFFSET(_state, _member, _type)                         \
    (offsetof(_state, _member) +                                               \
     0 * sizeof(char[__builtin_types_compatible_p(                             \
                         typeof(((_state *)NULL)->_member), _type)             \
                         ? 1                                                   \
                         : -1]))

#define VMSTATE_SINGLE_FULL(_field, _state, _test, _version, _info, _type)     \
    {                                                                          \
        .name = #_field,                                                       \
        .offset = VMSTATE_CHECKED_OFFSET(_state, _field, _type),               \
        .size = sizeof(_type),                                                 \
        .version_id = (_version),                                              \
        .info = &(_info),                                                      \
        .flags = VMS_SINGLE,                                                   \
        .field_exists = (_test),                                               \
    }

#define VMSTATE_ARRAY_FULL(_field, _state, _num, _version, _info, _type)       \
    {                                                                          \
        .name = #_field,                                                       \
        .offset = VMSTATE_CHECKED_OFFSET(_state, _field, _type[_num]),         \
        .size = sizeof(_type),                                                 \
        .num = (_num),                                                         \
        .version_id = (_version),                                              \
        .info = &(_info),                                                      \
        .flags = VMS_ARRAY,                                                    \
    }

/* --- Scalars: plain, since version _v, when test _t holds ---------------- */
#define VMSTATE_BOOL_V(_f, _s, _v)                                             \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_bool, bool)
#define VMSTATE_INT8_V(_f, _s, _v)                                             \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_int8, int8_t)
#define VMSTATE_INT16_V(_f, _s, _v)                                            \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_int16, int16_t)
#define VMSTATE_INT32_V(_f, _s, _v)                                            \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_int32, int32_t)
#define VMSTATE_INT64_V(_f, _s, _v)                                            \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_int64, int64_t)
#define VMSTATE_UINT8_V(_f, _s, _v)                                            \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_uint8, uint8_t)
#define VMSTATE_UINT16_V(_f, _s, _v)                                           \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_uint16, uint16_t)
#define VMSTATE_UINT32_V(_f, _s, _v)                                           \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_uint32, uint32_t)
#define VMSTATE_UINT64_V(_f, _s, _v)                                           \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_uint64, uint64_t)

#define VMSTATE_BOOL(_f, _s) VMSTATE_BOOL_V(_f, _s, 0)
#define VMSTATE_INT8(_f, _s) VMSTATE_INT8_V(_f, _s, 0)
#define VMSTATE_INT16(_f, _s) VMSTATE_INT16_V(_f, _s, 0)
#define VMSTATE_INT32(_f, _s) VMSTATE_INT32_V(_f, _s, 0)
#define VMSTATE_INT64(_f, _s) VMSTATE_INT64_V(_f, _s, 0)
#define VMSTATE_UINT8(_f, _s) VMSTATE_UINT8_V(_f, _s, 0)
#define VMSTATE_UINT16(_f, _s) VMSTATE_UINT16_V(_f, _s, 0)
#define VMSTATE_UINT32(_f, _s) VMSTATE_UINT32_V(_f, _s, 0)
#define VMSTATE_UINT64(_f, _s) VMSTATE_UINT64_V(_f, _s, 0)

#define VMSTATE_UINT32_TEST(_f, _s, _t)                                        \
    VMSTATE_SINGLE_FULL(_f, _s, _t, 0, vmstate_info_uint32, uint32_t)
#define VMSTATE_UINT64_TEST(_f, _s, _t)                                        \
    VMSTATE_SINGLE_FULL(_f, _s, _t, 0, vmstate_info_uint64, uint64_t)

#define VMSTATE_INT32_EQUAL(_f, _s)                                            \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, 0, vmstate_info_int32_equal, int32_t)
#define VMSTATE_UINT8_EQUAL(_f, _s)                                            \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, 0, vmstate_info_uint8_equal, uint8_t)
#define VMSTATE_UINT16_EQUAL(_f, _s)                                           \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, 0, vmstate_info_uint16_equal, uint16_t)
#define VMSTATE_UINT32_EQUAL(_f, _s)                                           \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, 0, vmstate_info_uint32_equal, uint32_t)
#define VMSTATE_INT64_EQUAL(_f, _s)                                            \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, 0, vmstate_info_int64_equal, int64_t)
#define VMSTATE_INT32_LE(_f, _s)                                               \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, 0, vmstate_info_int32_le, int32_t)

/* The member is a VMTimer pointer. */
#define VMSTATE_TIMER_PTR_V(_f, _s, _v)                                        \
    VMSTATE_SINGLE_FULL(_f, _s, NULL, _v, vmstate_info_timer, VMTimer *)
#define VMSTATE_TIMER_PTR(_f, _s) VMSTATE_TIMER_PTR_V(_f, _s, 0)

/* --- Arrays ------------------------------------------------------------- */
#define VMSTATE_UINT8_ARRAY(_f, _s, _n)                                        \
    VMSTATE_ARRAY_FULL(_f, _s, _n, 0, vmstate_info_uint8, uint8_t)
#define VMSTATE_UINT16_ARRAY(_f, _s, _n)                                       \
    VMSTATE_ARRAY_FULL(_f, _s, _n, 0, vmstate_info_uint16, uint16_t)
#define VMSTATE_UINT32_ARRAY(_f, _s, _n)                                       \
    VMSTATE_ARRAY_FULL(_f, _s, _n, 0, vmstate_info_uint32, uint32_t)
#define VMSTATE_UINT64_ARRAY(_f, _s, _n)                                       \
    VMSTATE_ARRAY_FULL(_f, _s, _n, 0, vmstate_info_uint64, uint64_t)
#define VMSTATE_INT32_ARRAY(_f, _s, _n)                                        \
    VMSTATE_ARRAY_FULL(_f, _s, _n, 0, vmstate_info_int32, int32_t)
#define VMSTATE_INT64_ARRAY(_f, _s, _n)                                        \
    VMSTATE_ARRAY_FULL(_f, _s, _n, 0, vmstate_info_int64, int64_t)

/* A raw array of octets; its type is `buffer` in descriptions. */
#define VMSTATE_BUFFER_V(_f, _s, _v)                                           \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = offsetof(_s, _f),                                            \
        .size = sizeof(((_s *)NULL)->_f),                                      \
        .version_id = (_v),                                                    \
        .info = &vmstate_info_buffer,                                          \
        .flags = VMS_BUFFER,                                                   \
    }
#define VMSTATE_BUFFER(_f, _s) VMSTATE_BUFFER_V(_f, _s, 0)

/* Octets at a pointer; the count is in a uint32_t member read before. */
#define VMSTATE_VBUFFER_ALLOC_UINT32(_f, _s, _size_field, _max_bytes)          \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = VMSTATE_CHECKED_OFFSET(_s, _f, uint8_t *),                   \
        .size_offset = VMSTATE_CHECKED_OFFSET(_s, _size_field, uint32_t),      \
        .num_max = (_max_bytes),                                               \
        .info = &vmstate_info_buffer,                                          \
        .flags = VMS_VBUFFER | VMS_POINTER | VMS_ALLOC,                        \
    }

/* Elements in a fixed array, the count in an earlier uint32_t member. */
#define VMSTATE_VARRAY_UINT32(_f, _s, _num_field, _info, _type)                \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = offsetof(_s, _f),                                            \
        .size = sizeof(_type),                                                 \
        .num_offset = VMSTATE_CHECKED_OFFSET(_s, _num_field, uint32_t),        \
        .num_max = ARRAY_SIZE(((_s *)NULL)->_f),                               \
        .info = &(_info),                                                      \
        .flags = VMS_VARRAY_UINT32,                                            \
    }

#define VMSTATE_UNUSED_V(_v, _size)                                            \
    {                                                                          \
        .name = "unused",                                                      \
        .size = (_size),                                                       \
        .version_id = (_v),                                                    \
        .info = &vmstate_info_unused_buffer,                                   \
        .flags = VMS_BUFFER,                                                   \
    }
#define VMSTATE_UNUSED(_size) VMSTATE_UNUSED_V(0, _size)

/* --- Structs ------------------------------------------------------------ */
#define VMSTATE_STRUCT_TEST(_f, _s, _t, _v, _vmsd, _type)                      \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = VMSTATE_CHECKED_OFFSET(_s, _f, _type),                       \
        .size = sizeof(_type),                                                 \
        .version_id = (_v),                                                    \
        .vmsd = &(_vmsd),                                                      \
        .flags = VMS_STRUCT,                                                   \
        .field_exists = (_t),                                                  \
    }
#define VMSTATE_STRUCT(_f, _s, _v, _vmsd, _type)                               \
    VMSTATE_STRUCT_TEST(_f, _s, NULL, _v, _vmsd, _type)

#define VMSTATE_STRUCT_POINTER(_f, _s, _vmsd, _type)                           \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = VMSTATE_CHECKED_OFFSET(_s, _f, _type *),                     \
        .size = sizeof(_type *),                                               \
        .vmsd = &(_vmsd),                                                      \
        .flags = VMS_STRUCT | VMS_POINTER,                                     \
    }

#define VMSTATE_STRUCT_ARRAY(_f, _s, _n, _v, _vmsd, _type)                     \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = VMSTATE_CHECKED_OFFSET(_s, _f, _type[_n]),                   \
        .size = sizeof(_type),                                                 \
        .num = (_n),                                                           \
        .version_id = (_v),                                                    \
        .vmsd = &(_vmsd),                                                      \
        .flags = VMS_STRUCT | VMS_ARRAY,                                       \
    }

/* The first @_n elements of a longer array, from element @_start. */
#define VMSTATE_STRUCT_SUB_ARRAY(_f, _s, _start, _n, _v, _vmsd, _type)         \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = offsetof(_s, _f[_start]),                                    \
        .size = sizeof(_type),                                                 \
        .num = (_n),                                                           \
        .version_id = (_v),                                                    \
        .vmsd = &(_vmsd),                                                      \
        .flags = VMS_STRUCT | VMS_ARRAY,                                       \
    }

#define VMSTATE_SUB_ARRAY(_f, _s, _start, _n, _v, _info, _type)                \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = offsetof(_s, _f[_start]),                                    \
        .size = sizeof(_type),                                                 \
        .num = (_n),                                                           \
        .version_id = (_v),                                                    \
        .info = &(_info),                                                      \
        .flags = VMS_ARRAY,                                                    \
    }

#define VMSTATE_ARRAY_OF_POINTER_TO_STRUCT(_f, _s, _n, _v, _vmsd, _type)       \
    {                                                                          \
        .name = #_f,                                                           \
        .offset = VMSTATE_CHECKED_OFFSET(_s, _f, _type *[_n]),                 \
        .size = sizeof(_type *),                                               \
        .num = (_n),                                                           \
        .version_id = (_v),                                                    \
        .vmsd = &(_vmsd),                                                      \
        .flags = VMS_STRUCT | VMS_ARRAY | VMS_ARRAY_OF_POINTER,                \
    }

/* A check after load: the stream is refused where _t does not hold. */
#define VMSTATE_VALIDATE(_name, _t)                                            \
    {                                                                          \
        .name = _name,                                                         \
        .field_exists = (_t),                                                  \
        .flags = VMS_ARRAY | VMS_MUST_EXIST,                                   \
        .num = 0,                                                              \
        .info = &vmstate_info_unused_buffer,                                   \
    }

#define VMSTATE_END_OF_LIST() { .name = NULL }

#endif
