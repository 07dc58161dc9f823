/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zero pages of multifd packets: found by senders, cleared by receivers. */
#include "qemu/osdep.h"

#include "migration/multifd.h"
#include "qemu/cutils.h"

void multifd_zero_page_detect(MultiFDPages *pages)
{
    const uint8_t *host = pages->block->host;
    uint32_t normal = 0;

    for (uint32_t i = 0; i < pages->num; i++) {
        uint64_t offset = pages->offset[i];

        if (!buffer_is_zero(host + offset, TARGET_PAGE_SIZE)) {
            pages->offset[i] = pages->offset[normal];
            pages->offset[normal++] = offset;
        }
    }
    pages->normal_num = normal;
}

void multifd_zero_page_clear(const MultiFDPages *pages)
{
    for (uint32_t i = pages->normal_num; i < pages->num; i++) {
        uint64_t offset = pages->offset[i];
        uint8_t *page = pages->block->host + offset;

        if (ram_load_touched(pages->lb, offset >> TARGET_PAGE_BITS) &&
            !buffer_is_zero(page, TARGET_PAGE_SIZE)) {
            memset(page, 0, TARGET_PAGE_SIZE);
        }
    }
}
