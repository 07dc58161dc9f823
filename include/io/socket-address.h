/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of stream sockets: text, QAPI type, and the kernel's form. */
#ifndef IO_SOCKET_ADDRESS_H
#define IO_SOCKET_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>
#include "qapi/error.h"
#include "qapi/qapi-types-sockets.h"

/*
 * Parses "[tcp:]HOST:PORT[,OPTIONS]", "[tcp:][IPV6]:PORT", "unix:PATH" or
 * "fd:STR"; an empty host means any (listening) or this machine. OPTIONS are
 * to=PORT, ipv4[=on|off], ipv6[=on|off], keep-alive[=on|off].
 */
SocketAddress *socket_parse(const char *str, Error **errp);

/* The form that socket_parse() takes, without options; GLib memory. */
char *socket_address_to_string(const SocketAddress *addr);

/* What the kernel says about an open socket. */
SocketAddress *socket_local_address(int fd, Error **errp);
SocketAddress *socket_remote_address(int fd, Error **errp);

/*
 * Whether @addr can be one to connect to, or to listen on if @passive, as far
 * as that shows without asking anyone: hosts are not resolved. Any thread.
 */
bool socket_address_check(const SocketAddress *addr, bool passive,
                          Error **errp);

struct addrinfo;

/*
 * Resolves, for listening if @passive; may take long. Free the list with
 * freeaddrinfo().
 */
struct addrinfo *socket_resolve(const InetSocketAddress *addr, bool passive,
                                Error **errp);

bool socket_unix_to_sockaddr(const UnixSocketAddress *addr,
                             struct sockaddr_un *un, socklen_t *len_bytes,
                             Error **errp);

/*
 * The number of an inherited descriptor; names must have been resolved (see
 * fd_resolve()). -1 on error.
 */
int socket_fd_number(const FdSocketAddress *addr, Error **errp);

#endif
