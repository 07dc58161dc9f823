/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every source file starts with: the C library, GLib, and the few
 * macros that the whole tree shares.
 */
#ifndef QEMU_OSDEP_H
#define QEMU_OSDEP_H

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <glib.h>

/* gcc says so with a macro, clang with a feature. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include "qemu/tsan.h"
#endif
#elif defined(__SANITIZE_THREAD__)
#include "qemu/tsan.h"
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
/* @a must be a power of two for the three below. */
#define ROUND_UP(n, a) (((n) + ((a) - 1)) & ~(typeof(n))((a) - 1))
#define ROUND_DOWN(n, a) ((n) & ~(typeof(n))((a) - 1))
#define IS_ALIGNED(n, a) (((n) & ((typeof(n))(a) - 1)) == 0)

#define container_of(ptr, type, member)                                        \
    ((type *)((char *)(ptr) - offsetof(type, member)))

#define BIT(n) (1U << (n))
#define BIT_ULL(n) (1ULL << (n))

#define KiB (1024ULL)
#define MiB (1024ULL * KiB)
#define GiB (1024ULL * MiB)

#define NANOSECONDS_PER_SECOND 1000000000LL

/*
 * Atomics on fields tagged [atomic]. The plain pair is sequentially
 * consistent; _acquire/_release/_relaxed are used where a comment next to
 * the field says what pairs with what.
 */
#define qatomic_read(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define qatomic_set(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define qatomic_read_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define qatomic_set_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define qatomic_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define qatomic_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define qatomic_fetch_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define qatomic_fetch_add_relaxed(p, v)                                        \
    __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define qatomic_fetch_or(p, v) __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define qatomic_fetch_and(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define qatomic_xchg(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

/* Retries @expr while a signal interrupts it. */
#define RETRY_ON_EINTR(expr)                                                   \
    (__extension__({                                                           \
        typeof(expr) result_;                                                  \
        do {                                                                   \
            result_ = (expr);                                                  \
        } while (result_ == -1 && errno == EINTR);                             \
        result_;                                                               \
    }))

/* Closes *@fd if it is open and marks it closed; keeps errno. */
static inline void qemu_close(int *fd)
{
    if (*fd >= 0) {
        int saved_errno = errno;

        close(*fd);
        *fd = -1;
        errno = saved_errno;
    }
}

#endif
