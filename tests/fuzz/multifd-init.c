/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first packet of a multifd channel. */
#include "qemu/osdep.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    static const unsigned channels[] = { 1, 2, MULTIFD_CHANNELS_MAX };
    static const uint8_t uuid[16] = { 0x5a, 0x01 };
    StreamMultiFDInit init = { 0 }, again;

    memcpy(&init, data, MIN(len_bytes, sizeof(init)));
    for (size_t i = 0; i < ARRAY_SIZE(channels); i++) {
        Error *err = NULL;
        int id = multifd_init_parse(&init, uuid, channels[i], &err);

        fuzz_check_result(id >= 0, err);
        if (id >= 0) {
            g_assert((unsigned)id < channels[i]);
            multifd_init_fill(&again, uuid, (uint8_t)id);
            g_assert(!memcmp(&init, &again,
                             offsetof(StreamMultiFDInit, unused)));
        }
    }
    return 0;
}
