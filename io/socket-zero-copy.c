/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSG_ZEROCOPY. The kernel pins the pages it is given and charges them to the
 * user's limit of locked memory, and each call's notice to the socket; both
 * are bounded by it, and given back when the notice is read.
 */
#include "qemu/osdep.h"
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include "io/socket-zero-copy.h"

/* Kernel interface that the C library's headers may lack. */
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#ifndef SO_EE_ORIGIN_ZEROCOPY
#define SO_EE_ORIGIN_ZEROCOPY 5
#endif
#ifndef SO_EE_CODE_ZEROCOPY_COPIED
#define SO_EE_CODE_ZEROCOPY_COPIED 1
#endif

/* Notices are read early when this many are due, to wait less at the end. */
#define REAP_IN_FLIGHT 16
/* A shutdown of one direction does not wake poll(): look at the flag. */
#define WAIT_SLICE_MS 50
/* How often, and for how long, others of the user are given time. */
#define OTHERS_SLICE_MS 1
#define OTHERS_WAIT_MS 5000
/* What the kernel charges for a call besides its bytes. */
#define CALL_EXTRA_PAGES 2

bool socket_zero_copy_enable(int fd)
{
    int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) == 0;
}

ssize_t socket_zero_copy_send(SocketZeroCopy *zc, int fd,
                              const struct msghdr *msg, int flags)
{
    ssize_t n;

    if (socket_zero_copy_in_flight(zc) >= REAP_IN_FLIGHT) {
        socket_zero_copy_reap(zc, fd);
    }
    n = RETRY_ON_EINTR(sendmsg(fd, msg, flags | MSG_ZEROCOPY));
    if (n > 0) {
        zc->queued++;
        zc->queued_any = true;
    }
    return n;
}

static void take_notice(SocketZeroCopy *zc, const struct sock_extended_err *ee)
{
    uint32_t calls = ee->ee_data - ee->ee_info + 1; /* a range of numbers */

    if (ee->ee_errno != 0 || ee->ee_origin != SO_EE_ORIGIN_ZEROCOPY) {
        return;
    }
    zc->done += MIN(calls, socket_zero_copy_in_flight(zc));
    if (!(ee->ee_code & SO_EE_CODE_ZEROCOPY_COPIED)) {
        zc->uncopied_any = true;
    }
}

void socket_zero_copy_reap(SocketZeroCopy *zc, int fd)
{
    while (socket_zero_copy_in_flight(zc)) {
        union {
            struct cmsghdr header; /* for alignment */
            char space[CMSG_SPACE(sizeof(struct sock_extended_err) +
                                  sizeof(struct sockaddr_in6))];
        } control;
        struct msghdr msg = {
            .msg_control = &control,
            .msg_controllen = sizeof(control),
        };
        struct cmsghdr *cmsg;

        if (RETRY_ON_EINTR(recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT)) <
            0) {
            return;
        }
        for (cmsg = CMSG_FIRSTHDR(&msg); cmsg;
             cmsg = CMSG_NXTHDR(&msg, cmsg)) {
            struct sock_extended_err ee;

            if (cmsg->cmsg_len >= CMSG_LEN(sizeof(ee)) &&
                ((cmsg->cmsg_level == SOL_IP &&
                  cmsg->cmsg_type == IP_RECVERR) ||
                 (cmsg->cmsg_level == SOL_IPV6 &&
                  cmsg->cmsg_type == IPV6_RECVERR))) {
                memcpy(&ee, CMSG_DATA(cmsg), sizeof(ee));
                take_notice(zc, &ee);
            }
        }
    }
}

/* Nothing was in the error queue that poll() reported @revents of. */
static bool check_alive(int fd, short revents, const bool *shut, Error **errp)
{
    int os_errno = 0;
    socklen_t len = sizeof(os_errno);

    if ((revents & POLLERR) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &os_errno, &len) == 0 &&
        os_errno) {
        error_setg_errno(errp, os_errno, "the connection broke before all was "
                                         "taken");
        return false;
    }
    if ((revents & (POLLHUP | POLLNVAL)) || qatomic_read(shut)) {
        error_setg(errp, "the connection was shut down before all was taken");
        return false;
    }
    return true;
}

static bool wait_slice(SocketZeroCopy *zc, int fd, const bool *shut,
                       int wait_ms, Error **errp)
{
    struct pollfd pfd = { .fd = fd }; /* the error queue is always polled for */
    uint32_t before = zc->done;

    RETRY_ON_EINTR(poll(&pfd, 1, wait_ms));
    socket_zero_copy_reap(zc, fd);
    return zc->done != before || check_alive(fd, pfd.revents, shut, errp);
}

bool socket_zero_copy_flush(SocketZeroCopy *zc, int fd, const bool *shut,
                            bool *copied, Error **errp)
{
    socket_zero_copy_reap(zc, fd);
    while (socket_zero_copy_in_flight(zc)) {
        if (!wait_slice(zc, fd, shut, WAIT_SLICE_MS, errp)) {
            return false;
        }
    }
    *copied = zc->queued_any && !zc->uncopied_any;
    zc->queued_any = false;
    zc->uncopied_any = false;
    return true;
}

static uint64_t lock_limit_bytes(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 ||
        limit.rlim_cur == RLIM_INFINITY) {
        return UINT64_MAX;
    }
    return limit.rlim_cur;
}

static void explain(size_t bytes, uint64_t limit_bytes, Error **errp)
{
    if (limit_bytes == UINT64_MAX) {
        error_setg_errno(errp, ENOBUFS,
                         "the kernel has no room to send %zu bytes without a "
                         "copy; raise net.core.optmem_max, or turn "
                         "'zero-copy-send' off", bytes);
        return;
    }
    error_setg_errno(errp, ENOBUFS,
                     "cannot lock %zu bytes to send them without a copy: the "
                     "limit of locked memory (RLIMIT_MEMLOCK) is %" PRIu64
                     " bytes for all that the user sends so; raise it "
                     "(ulimit -l), or turn 'zero-copy-send' off",
                     bytes, limit_bytes);
}

bool socket_zero_copy_make_room(SocketZeroCopy *zc, int fd, const bool *shut,
                                size_t bytes, int64_t *give_up_us,
                                Error **errp)
{
    uint64_t page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t limit_bytes = lock_limit_bytes();
    int64_t now_us = g_get_monotonic_time();

    if (socket_zero_copy_in_flight(zc)) {
        return wait_slice(zc, fd, shut, WAIT_SLICE_MS, errp);
    }
    if (!*give_up_us) {
        *give_up_us = now_us + OTHERS_WAIT_MS * 1000;
    }
    if (bytes / page_bytes + CALL_EXTRA_PAGES > limit_bytes / page_bytes ||
        now_us >= *give_up_us) {
        explain(bytes, limit_bytes, errp);
        return false;
    }
    return wait_slice(zc, fd, shut, OTHERS_SLICE_MS, errp);
}
