/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels over TCP and UNIX stream sockets; connecting and listening. */
#ifndef IO_CHANNEL_SOCKET_H
#define IO_CHANNEL_SOCKET_H

#include "io/channel.h"
#include "io/socket-address.h"

/* Most descriptors taken with one read. */
#define QIO_CHANNEL_MAX_FDS 16

/*
 * A channel over a connected stream socket, TCP_NODELAY set where that
 * exists. Takes @fd over, also on failure.
 */
QIOChannel *qio_channel_socket_new_fd(int fd, Error **errp);

/* Two connected UNIX sockets in this process. */
bool qio_channel_pair_new(QIOChannel **a, QIOChannel **b, Error **errp);

/* @ioc must be a socket channel, that is, made by this header's functions. */
SocketAddress *qio_channel_socket_local_address(QIOChannel *ioc, Error **errp);
SocketAddress *qio_channel_socket_remote_address(QIOChannel *ioc, Error **errp);

/*
 * Connects, trying all that the host resolves to. May block for minutes. An
 * fd address must be a connected socket; it becomes the channel's.
 */
QIOChannel *qio_channel_socket_connect_sync(const SocketAddress *addr,
                                            Error **errp);

/* A connection being made in a thread of its own. */
typedef struct QIOConnect QIOConnect;

/*
 * Called once, in the context given, unless cancelled first. Either @ioc or
 * @err is set, and both are the callee's. The QIOConnect is gone then.
 */
typedef void (*QIOConnectFn)(QIOChannel *ioc, Error *err, void *opaque);

QIOConnect *qio_channel_socket_connect_async(const SocketAddress *addr,
                                             GMainContext *context,
                                             QIOConnectFn fn, void *opaque);

/*
 * Gives up. In another thread than the context's, the callback may already
 * be on its way: the caller must make sure that it has not returned, and
 * make it see that it is not wanted.
 */
void qio_connect_cancel(QIOConnect *conn);

/* Sockets that listen on one address. */
typedef struct QIONetListener QIONetListener;

/*
 * Binds and listens, on each address that a host name resolves to. Port 0
 * takes a free one; inet `to` tries ports up to it. A UNIX path is taken over
 * from a dead listener, and removed at the end. An fd address must be a
 * listening socket, which is taken over.
 */
QIONetListener *qio_net_listener_new(const SocketAddress *addr, int backlog,
                                     Error **errp);

/*
 * Closes. Outside the context's thread, a call of the client function may be
 * under way and still come after. NULL is fine.
 */
void qio_net_listener_free(QIONetListener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QIONetListener, qio_net_listener_free)

/* What it really listens on; owned by the listener. NULL if @index is past. */
const SocketAddress *qio_net_listener_address(const QIONetListener *listener,
                                              unsigned index);

/* @ioc is the callee's, which may free the listener. */
typedef void (*QIONetListenerFn)(QIONetListener *listener, QIOChannel *ioc,
                                 void *opaque);

/*
 * Accepts clients in @context and hands each to @fn; NULL stops accepting
 * (clients queue up in the kernel). The remark on qio_net_listener_free()
 * holds here too.
 */
void qio_net_listener_set_client_fn(QIONetListener *listener,
                                    QIONetListenerFn fn, void *opaque,
                                    GMainContext *context);

/*
 * A client waits and cannot be accepted: descriptors or memory ran out, or
 * the socket broke. @again: this was told before, and no client came since.
 * @err is the callee's, which may free the listener.
 */
typedef void (*QIONetListenerErrorFn)(QIONetListener *listener, Error *err,
                                      bool again, void *opaque);

/*
 * Who is told so, with the opaque and in the context of the client function;
 * NULL: nobody. Accepting goes on by itself: it is tried ten times a second,
 * and @fn is called each time that it fails. A client that went away before
 * it was accepted is no failure.
 */
void qio_net_listener_set_error_fn(QIONetListener *listener,
                                   QIONetListenerErrorFn fn);

/*
 * Blocks until there is a client; an error where none can be accepted. Not
 * while a function is set.
 */
QIOChannel *qio_net_listener_wait_client(QIONetListener *listener,
                                         Error **errp);

#endif
