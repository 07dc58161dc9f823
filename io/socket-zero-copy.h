/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending straight from the caller's memory over a TCP socket: what the
 * kernel has been given and what it says is done. Private to io/.
 */
#ifndef IO_SOCKET_ZERO_COPY_H
#define IO_SOCKET_ZERO_COPY_H

#include "io/channel.h"

/*
 * [own: the writer]. The kernel numbers the successful calls from 0 and tells
 * in the error queue which are done: their memory was acknowledged by the
 * peer, or copied.
 */
typedef struct SocketZeroCopy {
    uint32_t queued;      /* calls; wraps around, as the kernel's numbers do */
    uint32_t done;
    bool queued_any;      /* since the last flush */
    bool uncopied_any;    /* of those that are done since then */
} SocketZeroCopy;

/* Whether the kernel can do it on @fd, which is set up for it. */
bool socket_zero_copy_enable(int fd);

/* As sendmsg(); after ENOBUFS see socket_zero_copy_make_room(). */
ssize_t socket_zero_copy_send(SocketZeroCopy *zc, int fd,
                              const struct msghdr *msg, int flags);

/* Notes what is done by now. */
void socket_zero_copy_reap(SocketZeroCopy *zc, int fd);

static inline uint32_t socket_zero_copy_in_flight(const SocketZeroCopy *zc)
{
    return zc->queued - zc->done;
}

/*
 * The kernel would not take @bytes: waits until something of this socket is
 * done, or, if nothing is in flight, a moment for others whose memory counts
 * against the same limit. *@give_up_us is 0 at first, then kept for further
 * calls about the same bytes. False: that cannot help, with errno ENOBUFS, or
 * the connection broke, or *@shut (atomic) was set.
 */
bool socket_zero_copy_make_room(SocketZeroCopy *zc, int fd, const bool *shut,
                                size_t bytes, int64_t *give_up_us,
                                Error **errp);

/* Waits for all; *@copied is whether there were some and all were copied. */
bool socket_zero_copy_flush(SocketZeroCopy *zc, int fd, const bool *shut,
                            bool *copied, Error **errp);

#endif
