/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the methods that compress have in common: which pages are worth it,
 * and how their contents are taken from a guest that runs. Any thread.
 */
#ifndef MIGRATION_MULTIFD_COMPRESS_H
#define MIGRATION_MULTIFD_COMPRESS_H

#include "migration/multifd.h"

/*
 * Sorts the normal pages, in place and stable: first those whose contents
 * look random, then those worth compressing. Returns the number of the
 * first. It is a guess from a sample, wrong at most to the cost of size.
 */
uint32_t multifd_sort_incompressible(MultiFDPages *pages);

/*
 * Copies the normal pages from number @first on to @to. A compressor looks
 * more than once at what it packs, so it must not look at guest memory.
 */
void multifd_guest_copy(const MultiFDPages *pages, uint32_t first,
                        uint8_t *to);

#endif
