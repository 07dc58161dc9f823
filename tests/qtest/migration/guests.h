/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guests that tests migrate: how to start each, how to tell that it is
 * at work, and how to prove that its memory is whole.
 */
#ifndef TESTS_QTEST_MIGRATION_GUESTS_H
#define TESTS_QTEST_MIGRATION_GUESTS_H

#include "libqtest.h"

typedef struct Guest Guest;

struct Guest {
    const char *name;
    uint64_t ram_bytes;
    /* RAM from here to there is its own, and is what whole() gets. */
    uint64_t from, to;
    /* A word that it changes with each pass. */
    uint64_t busy_at;
    /* So fast that it cannot converge, but goes through rounds quickly. */
    int64_t rounds_bandwidth;
    /* Adds the options that start it, all g_malloc()ed; writes its image. */
    void (*add_args)(const Guest *guest, const char *dir, GPtrArray *args);
    /* Waits until it has filled its memory. */
    void (*wait_alive)(QTest *qts, const char *serial);
    /* Aborts unless @ram holds what an interrupted pass can leave. */
    void (*assert_whole)(const Guest *guest, const uint8_t *ram);
    /* Aborts if the guest reports errors. */
    void (*assert_no_errors)(const char *serial);
};

/* A boot sector on a q35's disk. */
extern const Guest guest_q35;
/* The pattern guest as a microvm's firmware. */
extern const Guest guest_microvm;

/* By $QTEST_GUEST; @mixed: the sides are different programs. */
const Guest *guest_choose(bool mixed);
/* The path of a guest's image; g_free(). */
char *guest_image(const char *name);

#endif
