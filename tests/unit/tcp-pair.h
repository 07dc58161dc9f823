/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_UNIT_TCP_PAIR_H
#define TESTS_UNIT_TCP_PAIR_H

/*
 * The ends of a connection over TCP, for what UNIX sockets do otherwise.
 * @window_bytes: how much fds[1] takes that nobody reads, 0 for the usual.
 */
void tcp_pair_new(int fds[2], int window_bytes);

#endif
