/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The method `none`: pages go straight from and to guest memory. */
#include "qemu/osdep.h"

#include "migration/multifd.h"

static bool nocomp_send_prepare(MultiFDSendParams *p, Error **errp)
{
    p->n_iov += multifd_pages_iov(&p->pages, 0, p->pages.normal_num,
                                  p->iov + p->n_iov);
    p->next_packet_size = p->pages.normal_num * TARGET_PAGE_SIZE;
    return true;
}

static bool nocomp_recv_pages(MultiFDRecvParams *p, Error **errp)
{
    unsigned n = multifd_pages_iov(&p->pages, 0, p->pages.normal_num, p->iov);

    /* Stock's readers go by the pages alone, so writers may have any size. */
    return qio_channel_readv_all(p->c, p->iov, n, errp);
}

const MultiFDMethods multifd_nocomp_ops = {
    .name = "none",
    .flag = MULTIFD_FLAG_NOCOMP,
    .send_prepare = nocomp_send_prepare,
    .recv_pages = nocomp_recv_pages,
};
