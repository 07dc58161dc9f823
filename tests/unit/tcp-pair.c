/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "tcp-pair.h"

void tcp_pair_new(int fds[2], int window_bytes)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct sockaddr *sa = (struct sockaddr *)&addr;
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (window_bytes) {
        g_assert_cmpint(setsockopt(listener, SOL_SOCKET, SO_RCVBUF,
                                   &window_bytes, sizeof(window_bytes)), ==, 0);
    }
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(listener, sa, len), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    g_assert_cmpint(getsockname(listener, sa, &len), ==, 0);
    g_assert_cmpint(connect(fds[0], sa, len), ==, 0);
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(fds[1], >=, 0);
    close(listener);
}
