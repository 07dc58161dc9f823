/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of multifd, and what senders and receivers have in common. */
#include "qemu/osdep.h"

#include "migration/multifd.h"

void multifd_register_ops(MultiFDRegistry *registry,
                          MultiFDCompression method,
                          const MultiFDMethods *ops)
{
    g_assert(!(ops->flag & ~MULTIFD_FLAG_METHOD_MASK));
    registry->ops[method] = ops;
}

const MultiFDMethods *multifd_find_ops(const MultiFDRegistry *registry,
                                       uint32_t flag)
{
    for (unsigned i = 0; i < MULTI_FD_COMPRESSION__MAX; i++) {
        if (registry->ops[i] && registry->ops[i]->flag == flag) {
            return registry->ops[i];
        }
    }
    return NULL;
}

void multifd_registry_init(MultiFDRegistry *registry)
{
    multifd_register_ops(registry, MULTI_FD_COMPRESSION_NONE,
                         &multifd_nocomp_ops);
    multifd_register_ops(registry, MULTI_FD_COMPRESSION_ZLIB,
                         &multifd_zlib_ops);
    multifd_register_ops(registry, MULTI_FD_COMPRESSION_ZSTD,
                         &multifd_zstd_ops);
}

unsigned multifd_pages_iov(const MultiFDPages *pages, uint32_t first,
                           uint32_t num, struct iovec *iov)
{
    unsigned n = 0;

    for (uint32_t i = first; i < first + num; i++) {
        uint8_t *host = pages->block->host + pages->offset[i];

        if (n && (uint8_t *)iov[n - 1].iov_base + iov[n - 1].iov_len == host) {
            iov[n - 1].iov_len += TARGET_PAGE_SIZE;
        } else {
            iov[n].iov_base = host;
            iov[n++].iov_len = TARGET_PAGE_SIZE;
        }
    }
    return n;
}
