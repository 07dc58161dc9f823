/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zero pages of multifd packets: found by senders, cleared by receivers. */
#include "qemu/osdep.h"

#include "migration/multifd.h"
#include "qemu/cutils.h"

/* Whether the pages from @i on lie in a row and are all zero. */
static bool group_is_zero(const MultiFDPages *pages, uint32_t i)
{
    uint64_t offset = pages->offset[i];

    if (i + RAM_ZERO_GROUP_PAGES > pages->num) {
        return false;
    }
    for (uint32_t k = 1; k < RAM_ZERO_GROUP_PAGES; k++) {
        if (pages->offset[i + k] != offset + k * TARGET_PAGE_SIZE) {
            return false;
        }
    }
    return buffer_is_zero(pages->block->host + offset,
                          RAM_ZERO_GROUP_PAGES * TARGET_PAGE_SIZE);
}

void multifd_zero_page_detect(MultiFDPages *pages)
{
    const uint8_t *host = pages->block->host;
    bool after_zero = false;
    uint32_t normal = 0;

    for (uint32_t i = 0; i < pages->num; i++) {
        uint64_t offset = pages->offset[i];

        if (after_zero && group_is_zero(pages, i)) {
            i += RAM_ZERO_GROUP_PAGES - 1;
            continue;
        }
        after_zero = buffer_is_zero(host + offset, TARGET_PAGE_SIZE);
        if (!after_zero) {
            pages->offset[i] = pages->offset[normal];
            pages->offset[normal++] = offset;
        }
    }
    pages->normal_num = normal;
}

void multifd_zero_page_clear(const MultiFDPages *pages)
{
    RAMLoadHole hole = {};

    for (uint32_t i = pages->normal_num; i < pages->num; i++) {
        ram_load_zero_page(pages->lb, pages->offset[i], &hole);
    }
}
