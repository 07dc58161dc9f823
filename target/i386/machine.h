/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between machine.c and machine-subsections.c: field macros, the list. */
#ifndef TARGET_I386_MACHINE_H
#define TARGET_I386_MACHINE_H

#include "migration/vmstate.h"
#include "target/i386/cpu.h"

/*
 * One member of CPUArchState; in the stream's description its name has the
 * "env." of the writers we are compatible with.
 */
#define ENV_FIELD(_f, _v, _info, _type)                                        \
    {                                                                          \
        .name = "env." #_f,                                                    \
        .offset = VMSTATE_CHECKED_OFFSET(CPUArchState, _f, _type),             \
        .size = sizeof(_type),                                                 \
        .version_id = (_v),                                                    \
        .info = &vmstate_info_##_info,                                         \
        .flags = VMS_SINGLE,                                                   \
    }
/* A member whose name on the wire is another. */
#define ENV_U16_AS(_f, _name)                                                  \
    {                                                                          \
        .name = (_name),                                                       \
        .offset = VMSTATE_CHECKED_OFFSET(CPUArchState, _f, uint16_t),          \
        .size = sizeof(uint16_t),                                              \
        .info = &vmstate_info_uint16,                                          \
        .flags = VMS_SINGLE,                                                   \
    }
#define ENV_ARRAY(_f, _n, _info, _type)                                        \
    {                                                                          \
        .name = "env." #_f,                                                    \
        .offset = VMSTATE_CHECKED_OFFSET(CPUArchState, _f, _type[_n]),         \
        .size = sizeof(_type),                                                 \
        .num = (_n),                                                           \
        .info = &vmstate_info_##_info,                                         \
        .flags = VMS_ARRAY,                                                    \
    }
#define ENV_U8(_f) ENV_FIELD(_f, 0, uint8, uint8_t)
#define ENV_U16(_f) ENV_FIELD(_f, 0, uint16, uint16_t)
#define ENV_U32(_f) ENV_FIELD(_f, 0, uint32, uint32_t)
#define ENV_U64(_f) ENV_FIELD(_f, 0, uint64, uint64_t)
#define ENV_I32(_f) ENV_FIELD(_f, 0, int32, int32_t)
#define ENV_I64(_f) ENV_FIELD(_f, 0, int64, int64_t)
#define ENV_U64_ARRAY(_f, _n) ENV_ARRAY(_f, _n, uint64, uint64_t)
#define ENV_STRUCT(_f, _vmsd, _type)                                           \
    {                                                                          \
        .name = "env." #_f,                                                    \
        .offset = VMSTATE_CHECKED_OFFSET(CPUArchState, _f, _type),             \
        .size = sizeof(_type),                                                 \
        .vmsd = &(_vmsd),                                                      \
        .flags = VMS_STRUCT,                                                   \
    }
/* @_n elements from element @_start of a possibly longer array. */
#define ENV_STRUCT_ARRAY(_f, _start, _n, _v, _vmsd)                            \
    {                                                                          \
        .name = "env." #_f,                                                    \
        .offset = offsetof(CPUArchState, _f[_start]),                          \
        .size = sizeof(((CPUArchState *)NULL)->_f[0]),                         \
        .num = (_n),                                                           \
        .version_id = (_v),                                                    \
        .vmsd = &(_vmsd),                                                      \
        .flags = VMS_STRUCT | VMS_ARRAY,                                       \
    }

/* 64 bits of a vector register. */
#define VEC_QUAD(_i)                                                           \
    {                                                                          \
        .name = "_q_ZMMReg[" #_i "]",                                          \
        .offset = offsetof(X86VecReg, q[_i]),                                  \
        .size = sizeof(uint64_t),                                              \
        .info = &vmstate_info_uint64,                                          \
        .flags = VMS_SINGLE,                                                   \
    }

/* Of the section `cpu`, in written order, ended by NULL. */
extern const VMStateDescription *const x86_cpu_subsections[];

extern const VMStateDescription vmstate_x86_cpu_common;
extern const VMStateDescription vmstate_x86_cpu;

/* What absent subsections mean. */
void x86_cpu_default_subsections(CPUArchState *env);

#endif
