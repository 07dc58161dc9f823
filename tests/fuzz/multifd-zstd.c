/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Payloads of the method zstd; see fuzz_codec(). */
#include "qemu/osdep.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    fuzz_codec(&multifd_zstd_ops, (FuzzInput){ data, len_bytes });
    return 0;
}
