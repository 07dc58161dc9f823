/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A method of multifd with a sender's and a receiver's end, without threads
 * and channels; and what stands for stock QEMU: zlib and zstd used plainly.
 */
#ifndef TESTS_UNIT_CODEC_ENDS_H
#define TESTS_UNIT_CODEC_ENDS_H

#include <zlib.h>
#include <zstd.h>

#include "migration/multifd.h"
#include "qapi/error.h"

#define PAGE ((size_t)TARGET_PAGE_SIZE)
#define PAGES 512
#define FULL MULTIFD_PACKET_PAGES
#define UNTOUCHED 0xa5

typedef struct Ends {
    const MultiFDMethods *ops;
    MigrationConfig config;
    RAMBlock source, target;
    uint8_t *guest; /* the source's memory, as the guest sees it */
    uint8_t *map;   /* the target's, with a page around that traps */
    MultiFDSendParams *s;
    MultiFDRecvParams *r;
    GRand *rand;
} Ends;

typedef enum Contents {
    ZEROISH,
    TEXT,
    RANDOM,
    NEARLY_RANDOM, /* looks as if it were worth it */
    POINTERS,
    MIXED,
    CONTENTS_MAX,
} Contents;

typedef struct Plain {
    bool zstd;
    z_stream deflate, inflate;
    ZSTD_CCtx *c;
    ZSTD_DCtx *d;
} Plain;

Ends *codec_ends_new(const MultiFDMethods *ops, unsigned level);
void codec_ends_free(Ends *e);
void codec_set_pages(MultiFDPages *pages, const uint64_t *offset, uint32_t n);

/* The payload of a packet with these pages; brings them in its order. */
GByteArray *codec_encode(Ends *e, uint64_t *offset, uint32_t n);
/* To the target, all of which is UNTOUCHED before. */
bool codec_decode(Ends *e, const GByteArray *payload, const uint64_t *offset,
                  uint32_t n, Error **errp);
/* Pages that are not of the packet are as they were. */
void codec_assert_untouched(const Ends *e, const uint64_t *offset, uint32_t n);
/* So they are, and those of the packet are the source's. */
void codec_assert_same(const Ends *e, const uint64_t *offset, uint32_t n);

void codec_fill_page(GRand *rand, uint8_t *page, Contents contents);
/* New contents, and up to @max pages of them; returns how many. */
uint32_t codec_next_packet(Ends *e, Contents contents, uint32_t max,
                           uint64_t *offset);

Plain *codec_plain_new(const MultiFDMethods *ops, int level);
void codec_plain_free(Plain *p);
/* Page by page, with a flush at the end. */
GByteArray *codec_plain_encode(Plain *p, const uint8_t *host,
                               const uint64_t *offset, uint32_t n);
/* What stock's readers demand: a page a call, and nothing left over. */
void codec_plain_decode(Plain *p, const GByteArray *payload, uint8_t *host,
                        const uint64_t *offset, uint32_t n);

#endif
