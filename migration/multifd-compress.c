/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages before they are compressed: sorted by use, and copied. */
#include "qemu/osdep.h"

#include "migration/multifd-compress.h"

/* Spread over the page, each at another place of its stride. */
#define SAMPLE_CHUNKS 16
#define SAMPLE_CHUNK_BYTES 16
#define SAMPLE_STRIDE_BYTES (TARGET_PAGE_SIZE / SAMPLE_CHUNKS)

/*
 * How many pairs of equal octets there are among those looked at. Random
 * ones have 8 on average among the first 64, and 128 with a deviation of 11
 * among all; 217 is what octets of 7.2 bits each have.
 */
#define EARLY_CHUNKS 4
#define EARLY_PAIRS 40
#define SAMPLE_PAIRS 217

static bool multifd_guest_looks_random(const uint8_t *page)
{
    uint8_t count[256] = { 0 };
    uint32_t pairs = 0;

    for (unsigned c = 0; c < SAMPLE_CHUNKS; c++) {
        uint8_t chunk[SAMPLE_CHUNK_BYTES];

        if (c == EARLY_CHUNKS && pairs > EARLY_PAIRS) {
            return false;
        }
        memcpy(chunk, page + c * (SAMPLE_STRIDE_BYTES + SAMPLE_CHUNK_BYTES),
               sizeof(chunk));
        for (unsigned i = 0; i < SAMPLE_CHUNK_BYTES; i++) {
            pairs += count[chunk[i]]++;
        }
    }
    return pairs <= SAMPLE_PAIRS;
}

/* Strides that short are too long for the processor's own foresight. */
static void prefetch_sample(const uint8_t *page)
{
    for (unsigned c = 0; c < SAMPLE_CHUNKS; c++) {
        __builtin_prefetch(page +
                           c * (SAMPLE_STRIDE_BYTES + SAMPLE_CHUNK_BYTES));
    }
}

uint32_t multifd_sort_incompressible(MultiFDPages *pages)
{
    const uint8_t *host = pages->block->host;
    uint64_t worth[MULTIFD_PACKET_PAGES];
    uint32_t n_worth = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < pages->normal_num; i++) {
        uint64_t offset = pages->offset[i];

        if (i + 2 < pages->normal_num) {
            prefetch_sample(host + pages->offset[i + 2]);
        }
        if (!multifd_guest_looks_random(host + offset)) {
            worth[n_worth++] = offset;
        } else {
            pages->offset[n++] = offset;
        }
    }
    memcpy(&pages->offset[n], worth, n_worth * sizeof(worth[0]));
    return n;
}

void multifd_guest_copy(const MultiFDPages *pages, uint32_t first, uint8_t *to)
{
    for (uint32_t i = first; i < pages->normal_num; i++) {
        memcpy(to, pages->block->host + pages->offset[i], TARGET_PAGE_SIZE);
        to += TARGET_PAGE_SIZE;
    }
}
