/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzz targets share. A target is a file with one
 * LLVMFuzzerTestOneInput(): any octets must give a result or an error, and
 * what the target asserts of either. Nothing stays from input to input.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "io/channel.h"
#include "migration/multifd.h"

/* Returns 0. Called by libFuzzer, or by replay.c for each file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

/* What is left of an input. Takes give zeros behind its end. */
typedef struct FuzzInput {
    const uint8_t *data;
    size_t len_bytes;
} FuzzInput;

uint8_t fuzz_take_u8(FuzzInput *in);
uint16_t fuzz_take_be16(FuzzInput *in);
/* All that is left, with a NUL behind; GLib memory. */
char *fuzz_take_text(FuzzInput *in);

/*
 * A channel with what is left. Its first octet says how much one read gives
 * at most: 0 all, n an odd number near the nth power of two. Writes vanish.
 */
QIOChannel *fuzz_channel_new(FuzzInput *in);
/* Octets that were read. */
size_t fuzz_channel_pos(const QIOChannel *ioc);

/* Asserts that @ok fits @err, and frees it. */
void fuzz_check_result(bool ok, Error *err);

/*
 * The receiver's end of a method of multifd. The input is packets: pages less
 * 1, their layout, be24 octets of payload, the payload (with bit 7 of the
 * layout, packed). The first octet is the channel's.
 */
void fuzz_codec(const MultiFDMethods *ops, FuzzInput in);

#endif
