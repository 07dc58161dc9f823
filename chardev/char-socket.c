/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character device over a socket: a client, which may connect again after a
 * while, or a server with one client at a time. Runs in the front end's
 * context under fe_lock, except for opening.
 */
#include "qemu/osdep.h"
#include "chardev/chardev-internal.h"
#include "io/channel-socket.h"

/* Clients that wait for the one before them to leave. */
#define SOCKET_BACKLOG 8

typedef struct SocketChardev {
    Chardev parent;
    SocketAddress *addr;       /* [const] what was asked for */
    QIONetListener *listener;  /* [const] server only */
    bool server;               /* [const] */
    unsigned reconnect_ms;     /* [const] 0: connect once */
    QIOConnect *connecting;    /* [lock: fe_lock] */
    GSource *reconnect_timer;  /* [lock: fe_lock] */
} SocketChardev;

static SocketChardev *socket_of(Chardev *chr)
{
    return container_of(chr, SocketChardev, parent);
}

/* "disconnected:tcp:HOST:PORT,server=on", "tcp:A:1,server=on <-> B:2" */
static void socket_update_filename(SocketChardev *s)
{
    QIOChannel *ioc = s->parent.in;
    const SocketAddress *addr =
        s->listener ? qio_net_listener_address(s->listener, 0) : s->addr;
    g_autoptr(SocketAddress) local = NULL;
    g_autoptr(SocketAddress) remote = NULL;
    g_autofree char *text = NULL, *peer = NULL, *filename = NULL;

    if (ioc && addr->type == SOCKET_ADDRESS_TYPE_INET) {
        local = qio_channel_socket_local_address(ioc, NULL);
        remote = qio_channel_socket_remote_address(ioc, NULL);
    }
    text = socket_address_to_string(local ? local : addr);
    if (remote) {
        g_autofree char *uri = socket_address_to_string(remote);

        peer = g_strconcat(" <-> ", uri + strlen("tcp:"), NULL);
    }
    filename = g_strconcat(ioc ? "" : "disconnected:", text,
                           s->server ? ",server=on" : "", peer, NULL);
    chardev_set_filename(&s->parent, filename);
}

static void socket_accept_next(SocketChardev *s);

/* Takes @ioc over. */
static void socket_connected(SocketChardev *s, QIOChannel *ioc)
{
    s->parent.in = ioc; /* for the name */
    socket_update_filename(s);
    chardev_set_peer(&s->parent, ioc, qio_channel_ref(ioc));
}

static void socket_accepted(QIONetListener *listener, QIOChannel *ioc,
                            void *opaque)
{
    SocketChardev *s = opaque;
    bool unlock_bql = chardev_lock_fe(&s->parent);

    if (!s->parent.fe || s->parent.in) {
        qio_channel_unref(ioc);
    } else {
        qio_net_listener_set_client_fn(listener, NULL, NULL, NULL);
        socket_connected(s, ioc);
    }
    chardev_unlock_fe(&s->parent, unlock_bql);
}

static void socket_accept_next(SocketChardev *s)
{
    GMainContext *context =
        s->parent.context ? s->parent.context : s->parent.vm->main_context;

    qio_net_listener_set_client_fn(s->listener, socket_accepted, s, context);
}

static void socket_clear_timer(SocketChardev *s)
{
    if (s->reconnect_timer) {
        g_source_destroy(s->reconnect_timer);
        g_clear_pointer(&s->reconnect_timer, g_source_unref);
    }
}

static void socket_connect_start(SocketChardev *s);

static gboolean socket_reconnect_now(void *opaque)
{
    SocketChardev *s = opaque;
    bool unlock_bql = chardev_lock_fe(&s->parent);

    if (!g_source_is_destroyed(g_main_current_source())) {
        socket_clear_timer(s);
        socket_connect_start(s);
    }
    chardev_unlock_fe(&s->parent, unlock_bql);
    return G_SOURCE_REMOVE;
}

static void socket_reconnect_later(SocketChardev *s)
{
    GMainContext *context =
        s->parent.context ? s->parent.context : s->parent.vm->main_context;

    socket_clear_timer(s);
    s->reconnect_timer = g_timeout_source_new(s->reconnect_ms);
    g_source_set_callback(s->reconnect_timer, socket_reconnect_now, s, NULL);
    g_source_attach(s->reconnect_timer, context);
}

static void socket_connect_done(QIOChannel *ioc, Error *err, void *opaque)
{
    SocketChardev *s = opaque;
    bool unlock_bql = chardev_lock_fe(&s->parent);
    bool wanted = s->connecting != NULL;

    s->connecting = NULL;
    if (!wanted || !s->parent.fe) {
        qio_channel_unref(ioc);
    } else if (ioc) {
        socket_connected(s, ioc);
    } else {
        socket_reconnect_later(s);
    }
    error_free(err);
    chardev_unlock_fe(&s->parent, unlock_bql);
}

static void socket_connect_start(SocketChardev *s)
{
    GMainContext *context =
        s->parent.context ? s->parent.context : s->parent.vm->main_context;

    s->connecting = qio_channel_socket_connect_async(s->addr, context,
                                                     socket_connect_done, s);
}

static void socket_attach(Chardev *chr)
{
    SocketChardev *s = socket_of(chr);

    if (chr->in) {
        return;
    }
    if (s->server) {
        socket_accept_next(s);
    } else if (s->reconnect_ms) {
        socket_connect_start(s);
    }
}

static void socket_detach(Chardev *chr)
{
    SocketChardev *s = socket_of(chr);

    if (s->listener) {
        qio_net_listener_set_client_fn(s->listener, NULL, NULL, NULL);
    }
    socket_clear_timer(s);
    if (s->connecting) {
        qio_connect_cancel(g_steal_pointer(&s->connecting));
    }
    chardev_drop_peer(chr);
    socket_update_filename(s);
}

static void socket_lost(Chardev *chr)
{
    SocketChardev *s = socket_of(chr);

    socket_update_filename(s);
    if (s->server) {
        socket_accept_next(s);
    } else if (s->reconnect_ms) {
        socket_reconnect_later(s);
    }
}

static bool socket_parse_inet(SocketChardev *s, struct json_object *opts,
                              Error **errp)
{
    InetSocketAddress *inet = &s->addr->u.inet;
    uint64_t to = chardev_opt_number(opts, "to", 0);

    s->addr->type = SOCKET_ADDRESS_TYPE_INET;
    inet->host = g_strdup(chardev_opt_str(opts, "host"));
    inet->host = inet->host ? inet->host : g_strdup("");
    inet->port = g_strdup(chardev_opt_str(opts, "port"));
    if (!inet->port) {
        error_setg(errp, "chardev: socket: no port given");
        return false;
    }
    if (to > UINT16_MAX) {
        error_setg(errp, "chardev: socket: to=%" PRIu64 " is not a port", to);
        return false;
    }
    inet->has_to = chardev_opt_str(opts, "to") != NULL;
    inet->to = to;
    inet->has_ipv4 = chardev_opt_str(opts, "ipv4") != NULL;
    inet->ipv4 = chardev_opt_bool(opts, "ipv4", false);
    inet->has_ipv6 = chardev_opt_str(opts, "ipv6") != NULL;
    inet->ipv6 = chardev_opt_bool(opts, "ipv6", false);
    return true;
}

static bool socket_parse_address(SocketChardev *s, struct json_object *opts,
                                 Error **errp)
{
    const char *path = chardev_opt_str(opts, "path");
    const char *fd = chardev_opt_str(opts, "fd");
    bool inet = chardev_opt_str(opts, "host") || chardev_opt_str(opts, "port");

    s->addr = g_new0(SocketAddress, 1);
    if (!!path + !!fd + inet != 1) {
        error_setg(errp, "chardev: socket: needs one of path, fd, or host and "
                         "port");
        return false;
    }
    if (inet) {
        return socket_parse_inet(s, opts, errp);
    }
    if (fd) {
        s->addr->type = SOCKET_ADDRESS_TYPE_FD;
        s->addr->u.fd.str = g_strdup(fd);
        return true;
    }
    s->addr->type = SOCKET_ADDRESS_TYPE_UNIX;
    s->addr->u.q_unix.path = g_strdup(path);
    s->addr->u.q_unix.has_abstract = true;
    s->addr->u.q_unix.abstract = chardev_opt_bool(opts, "abstract", false);
    s->addr->u.q_unix.has_tight = true;
    s->addr->u.q_unix.tight = chardev_opt_bool(opts, "tight", true);
    return true;
}

static bool socket_parse_mode(SocketChardev *s, struct json_object *opts,
                              Error **errp)
{
    const char *seconds = chardev_opt_str(opts, "reconnect");
    const char *ms = chardev_opt_str(opts, "reconnect-ms");
    uint64_t value;

    s->server = chardev_opt_bool(opts, "server", false);
    if (!s->server && chardev_opt_str(opts, "wait")) {
        error_setg(errp, "'wait' option is incompatible with socket in client "
                         "connect mode; add server=on");
        return false;
    }
    if (seconds && ms) {
        error_setg(errp, "'reconnect' and 'reconnect-ms' exclude each other");
        return false;
    }
    value = ms ? chardev_opt_number(opts, "reconnect-ms", 0) :
                 1000 * chardev_opt_number(opts, "reconnect", 0);
    if (value > INT_MAX) {
        error_setg(errp, "'reconnect' is too long");
        return false;
    }
    if (value && s->server) {
        error_setg(errp, "'%s' option is incompatible with socket in server "
                         "listen mode",
                   ms ? "reconnect-ms" : "reconnect");
        return false;
    }
    if (value && s->addr->type == SOCKET_ADDRESS_TYPE_FD) {
        error_setg(errp, "'reconnect' option is incompatible with 'fd'");
        return false;
    }
    s->reconnect_ms = value;
    return true;
}

static bool socket_open(Chardev *chr, struct json_object *opts, Error **errp)
{
    SocketChardev *s = socket_of(chr);
    QIOChannel *ioc = NULL;

    if (!socket_parse_address(s, opts, errp) ||
        !socket_parse_mode(s, opts, errp)) {
        return false;
    }
    if (s->server) {
        s->listener = qio_net_listener_new(s->addr, SOCKET_BACKLOG, errp);
        if (!s->listener) {
            return false;
        }
    }
    if (s->server && chardev_opt_bool(opts, "wait", true)) {
        ioc = qio_net_listener_wait_client(s->listener, errp);
    } else if (!s->server && !s->reconnect_ms) {
        ioc = qio_channel_socket_connect_sync(s->addr, errp);
    } else {
        socket_update_filename(s);
        return true;
    }
    if (!ioc) {
        return false;
    }
    socket_connected(s, ioc);
    return true;
}

static void socket_finalize(Chardev *chr)
{
    SocketChardev *s = socket_of(chr);

    qio_net_listener_free(s->listener);
    qapi_free_SocketAddress(s->addr);
}

static const ChardevOption socket_options[] = {
    { "path", CHARDEV_OPTION_STR },
    { "abstract", CHARDEV_OPTION_BOOL },
    { "tight", CHARDEV_OPTION_BOOL },
    { "host", CHARDEV_OPTION_STR },
    { "port", CHARDEV_OPTION_STR },
    { "to", CHARDEV_OPTION_NUMBER },
    { "ipv4", CHARDEV_OPTION_BOOL },
    { "ipv6", CHARDEV_OPTION_BOOL },
    { "fd", CHARDEV_OPTION_STR },
    { "server", CHARDEV_OPTION_BOOL },
    { "wait", CHARDEV_OPTION_BOOL },
    { "reconnect", CHARDEV_OPTION_NUMBER },
    { "reconnect-ms", CHARDEV_OPTION_NUMBER },
    /* Never delayed: TCP_NODELAY is always on. */
    { "nodelay", CHARDEV_OPTION_BOOL },
    { "delay", CHARDEV_OPTION_UNSUPPORTED },
    { "telnet", CHARDEV_OPTION_UNSUPPORTED },
    { "tn3270", CHARDEV_OPTION_UNSUPPORTED },
    { "websocket", CHARDEV_OPTION_UNSUPPORTED },
    { "tls-creds", CHARDEV_OPTION_UNSUPPORTED },
    { "tls-authz", CHARDEV_OPTION_UNSUPPORTED },
    { NULL },
};

const ChardevClass chardev_class_socket = {
    .name = "socket",
    .options = socket_options,
    .one_connection = true,
    .instance_size = sizeof(SocketChardev),
    .open = socket_open,
    .attach = socket_attach,
    .detach = socket_detach,
    .lost = socket_lost,
    .finalize = socket_finalize,
};
