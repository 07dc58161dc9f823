/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and sizes as people write them, and byte access. */
#ifndef QEMU_CUTILS_H
#define QEMU_CUTILS_H

#include "qapi/error.h"

/*
 * Parses a size in bytes: a decimal or 0x number, then an optional suffix
 * B, K, M, G, T, P or E of either case (powers of 1024). A decimal may have
 * a fraction where a suffix follows ("1.5G"). A hexadecimal number takes no
 * suffix. The whole of @str must be used and the result fit 64 bits.
 */
bool qemu_strtosz(const char *str, uint64_t *result_bytes, Error **errp);

/* As above, where a number without suffix counts MiB (as -m does). */
bool qemu_strtosz_MiB(const char *str, uint64_t *result_bytes, Error **errp);

/* Parses all of @str as an unsigned number, decimal or 0x. */
bool qemu_strtou64(const char *str, uint64_t *result, Error **errp);

/* Parses on/yes/true/y and off/no/false/n; @name is for the error. */
bool qemu_parse_bool(const char *name, const char *str, bool *result,
                     Error **errp);

/* Whether @id starts with a letter, then letters, digits, '-', '.', '_'. */
bool id_wellformed(const char *id);

/*
 * Big-endian and little-endian access to unaligned memory. The names are
 * QEMU's: ld/st, size (b w l q), endianness, _p for pointer.
 */
#define CUTILS_DEFINE_LDST(name, type, conv)                                   \
    static inline type ld##name##_p(const void *ptr)                           \
    {                                                                          \
        type v;                                                                \
        memcpy(&v, ptr, sizeof(v));                                            \
        return conv(v);                                                        \
    }                                                                          \
    static inline void st##name##_p(void *ptr, type v)                         \
    {                                                                          \
        v = conv(v);                                                           \
        memcpy(ptr, &v, sizeof(v));                                            \
    }

CUTILS_DEFINE_LDST(w_be, uint16_t, GUINT16_FROM_BE)
CUTILS_DEFINE_LDST(l_be, uint32_t, GUINT32_FROM_BE)
CUTILS_DEFINE_LDST(q_be, uint64_t, GUINT64_FROM_BE)
CUTILS_DEFINE_LDST(w_le, uint16_t, GUINT16_FROM_LE)
CUTILS_DEFINE_LDST(l_le, uint32_t, GUINT32_FROM_LE)
CUTILS_DEFINE_LDST(q_le, uint64_t, GUINT64_FROM_LE)

/*
 * True if the @len_bytes at @buf are all zero. Uses the widest vectors that
 * the processor has; any alignment, any length.
 */
bool buffer_is_zero(const void *buf, size_t len_bytes);

/* The name of the variant of buffer_is_zero() in use, for benchmarks. */
const char *buffer_is_zero_variant(void);

/*
 * Runs @fn with every variant that this processor can run; @fn gets the
 * variant as a function. For tests.
 */
typedef bool (*BufferIsZeroFn)(const void *buf, size_t len_bytes);
void buffer_is_zero_foreach(void (*fn)(const char *name, BufferIsZeroFn variant,
                                       void *opaque),
                            void *opaque);

#endif
