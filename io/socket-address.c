/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conversions of socket addresses. Any thread. */
#include "qemu/osdep.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include "io/socket-address.h"
#include "qemu/cutils.h"

/* Of names in services(5), upper case besides. */
#define SERVICE_NAME_CHARS \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+/*"

static bool inet_parse_option(InetSocketAddress *inet, const char *option,
                              Error **errp)
{
    g_auto(GStrv) kv = g_strsplit(option, "=", 2);
    const char *value = kv[0] && kv[1] ? kv[1] : "on";
    uint64_t number;

    if (!kv[0] || !*kv[0]) {
        error_setg(errp, "empty option");
        return false;
    }
    if (g_str_equal(kv[0], "ipv4")) {
        inet->has_ipv4 = true;
        return qemu_parse_bool("ipv4", value, &inet->ipv4, errp);
    }
    if (g_str_equal(kv[0], "ipv6")) {
        inet->has_ipv6 = true;
        return qemu_parse_bool("ipv6", value, &inet->ipv6, errp);
    }
    if (g_str_equal(kv[0], "keep-alive")) {
        inet->has_keep_alive = true;
        return qemu_parse_bool("keep-alive", value, &inet->keep_alive, errp);
    }
    if (g_str_equal(kv[0], "to")) {
        if (!qemu_strtou64(value, &number, NULL) || number > UINT16_MAX) {
            error_setg(errp, "option 'to' needs a port number, not '%s'",
                       value);
            return false;
        }
        inet->has_to = true;
        inet->to = number;
        return true;
    }
    error_setg(errp,
               "unknown option '%s'; there are 'to', 'ipv4', 'ipv6' and "
               "'keep-alive'",
               kv[0]);
    return false;
}

/* Splits "host:port" or "[host]:port". */
static bool inet_parse_host_port(InetSocketAddress *inet, const char *str,
                                 Error **errp)
{
    const char *colon;

    if (*str == '[') {
        const char *end = strchr(str, ']');

        if (!end || end[1] != ':') {
            error_setg(errp, "expected [IPV6-ADDRESS]:PORT");
            return false;
        }
        inet->host = g_strndup(str + 1, end - str - 1);
        colon = end + 1;
    } else {
        colon = strchr(str, ':');
        if (!colon) {
            error_setg(errp, "no port; expected HOST:PORT");
            return false;
        }
        inet->host = g_strndup(str, colon - str);
    }
    inet->port = g_strdup(colon + 1);
    if (!*inet->port || strlen(inet->port) > 32) {
        error_setg(errp, "no valid port; expected HOST:PORT");
        return false;
    }
    if (strchr(inet->port, ':')) {
        error_setg(errp, "an IPv6 address needs brackets: [::1]:PORT");
        return false;
    }
    return true;
}

static bool inet_parse(InetSocketAddress *inet, const char *str, Error **errp)
{
    g_auto(GStrv) parts = g_strsplit(str, ",", -1);

    if (!parts[0]) {
        error_setg(errp, "no port; expected HOST:PORT");
        return false;
    }
    if (!inet_parse_host_port(inet, parts[0], errp)) {
        return false;
    }
    for (char **option = parts + 1; *option; option++) {
        if (!inet_parse_option(inet, *option, errp)) {
            return false;
        }
    }
    return true;
}

SocketAddress *socket_parse(const char *str, Error **errp)
{
    g_autoptr(SocketAddress) addr = g_new0(SocketAddress, 1);
    Error *err = NULL;
    const char *rest;

    if (g_str_has_prefix(str, "unix:")) {
        addr->type = SOCKET_ADDRESS_TYPE_UNIX;
        rest = str + strlen("unix:");
        addr->u.q_unix.path = g_strdup(rest);
        if (!*rest) {
            error_setg(&err, "no path");
        }
    } else if (g_str_has_prefix(str, "fd:")) {
        addr->type = SOCKET_ADDRESS_TYPE_FD;
        rest = str + strlen("fd:");
        addr->u.fd.str = g_strdup(rest);
        if (!*rest) {
            error_setg(&err, "no file descriptor");
        }
    } else {
        addr->type = SOCKET_ADDRESS_TYPE_INET;
        rest = g_str_has_prefix(str, "tcp:") ? str + strlen("tcp:") : str;
        inet_parse(&addr->u.inet, rest, &err);
    }
    if (err) {
        error_prepend(&err, "address '%s': ", str);
        error_propagate(errp, err);
        return NULL;
    }
    return g_steal_pointer(&addr);
}

char *socket_address_to_string(const SocketAddress *addr)
{
    switch (addr->type) {
    case SOCKET_ADDRESS_TYPE_INET:
        if (strchr(addr->u.inet.host, ':')) {
            return g_strdup_printf("tcp:[%s]:%s", addr->u.inet.host,
                                   addr->u.inet.port);
        }
        return g_strdup_printf("tcp:%s:%s", addr->u.inet.host,
                               addr->u.inet.port);
    case SOCKET_ADDRESS_TYPE_UNIX:
        return g_strconcat("unix:", addr->u.q_unix.path, NULL);
    case SOCKET_ADDRESS_TYPE_FD:
        return g_strconcat("fd:", addr->u.fd.str, NULL);
    default:
        return g_strdup("unknown");
    }
}

static SocketAddress *address_from_inet(const struct sockaddr *sa,
                                        socklen_t len_bytes, Error **errp)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    SocketAddress *addr;
    int ret = getnameinfo(sa, len_bytes, host, sizeof(host), port, sizeof(port),
                          NI_NUMERICHOST | NI_NUMERICSERV);

    if (ret != 0) {
        error_setg(errp, "cannot name a socket's address: %s",
                   gai_strerror(ret));
        return NULL;
    }
    addr = g_new0(SocketAddress, 1);
    addr->type = SOCKET_ADDRESS_TYPE_INET;
    addr->u.inet.host = g_strdup(host);
    addr->u.inet.port = g_strdup(port);
    if (sa->sa_family == AF_INET) {
        addr->u.inet.has_ipv4 = addr->u.inet.ipv4 = true;
    } else {
        addr->u.inet.has_ipv6 = addr->u.inet.ipv6 = true;
    }
    return addr;
}

static SocketAddress *address_from_unix(const struct sockaddr_un *un,
                                        socklen_t len_bytes)
{
    size_t path_len = len_bytes - offsetof(struct sockaddr_un, sun_path);
    SocketAddress *addr = g_new0(SocketAddress, 1);
    UnixSocketAddress *out = &addr->u.q_unix;

    addr->type = SOCKET_ADDRESS_TYPE_UNIX;
    if (len_bytes <= offsetof(struct sockaddr_un, sun_path)) {
        out->path = g_strdup("");
    } else if (un->sun_path[0]) {
        out->path = g_strndup(un->sun_path, path_len);
    } else {
        out->path = g_strndup(un->sun_path + 1, path_len - 1);
        out->has_abstract = out->abstract = true;
        out->has_tight = true;
        out->tight = path_len < sizeof(un->sun_path);
    }
    return addr;
}

static SocketAddress *socket_name(int fd, bool remote, Error **errp)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t len_bytes = sizeof(ss);
    int ret = remote ? getpeername(fd, (struct sockaddr *)&ss, &len_bytes) :
                       getsockname(fd, (struct sockaddr *)&ss, &len_bytes);

    if (ret < 0) {
        error_setg_errno(errp, errno, "cannot get a socket's address");
        return NULL;
    }
    switch (ss.ss_family) {
    case AF_INET:
    case AF_INET6:
        return address_from_inet((struct sockaddr *)&ss, len_bytes, errp);
    case AF_UNIX:
        return address_from_unix((struct sockaddr_un *)&ss, len_bytes);
    default:
        error_setg(errp, "a socket of address family %d; TCP or UNIX is needed",
                   ss.ss_family);
        return NULL;
    }
}

SocketAddress *socket_local_address(int fd, Error **errp)
{
    return socket_name(fd, false, errp);
}

SocketAddress *socket_remote_address(int fd, Error **errp)
{
    return socket_name(fd, true, errp);
}

static bool inet_family(const InetSocketAddress *addr, int *family,
                        Error **errp)
{
    bool v4_off = addr->has_ipv4 && !addr->ipv4;
    bool v6_off = addr->has_ipv6 && !addr->ipv6;
    bool v4_on = addr->has_ipv4 && addr->ipv4;
    bool v6_on = addr->has_ipv6 && addr->ipv6;

    if (v4_off && v6_off) {
        error_setg(errp, "ipv4 and ipv6 cannot both be off");
        return false;
    }
    if (v4_on == v6_on && !v4_off && !v6_off) {
        *family = AF_UNSPEC;
    } else {
        *family = v6_on || v4_off ? AF_INET6 : AF_INET;
    }
    return true;
}

/* A number, or what may be the name of a service. */
static bool port_check(const char *port, bool passive, Error **errp)
{
    uint64_t number;

    if (!*port) {
        error_setg(errp, "the port is missing");
        return false;
    }
    if (!g_ascii_isdigit(*port)) {
        if (!g_ascii_isalpha(*port) ||
            port[strspn(port, SERVICE_NAME_CHARS)] != '\0') {
            error_setg(errp, "'%s' is neither a port number nor the name of "
                             "a service", port);
            return false;
        }
        return true;
    }
    if (!qemu_strtou64(port, &number, NULL) || number > UINT16_MAX) {
        error_setg(errp, "'%s' is not a port number (0 to 65535)", port);
        return false;
    }
    if (!number && !passive) {
        error_setg(errp, "port 0 is for listening only, to be given a free "
                         "one");
        return false;
    }
    return true;
}

bool socket_address_check(const SocketAddress *addr, bool passive,
                          Error **errp)
{
    const InetSocketAddress *inet = &addr->u.inet;
    struct sockaddr_un un;
    socklen_t len_bytes;
    Error *err = NULL;
    int family;

    switch (addr->type) {
    case SOCKET_ADDRESS_TYPE_INET:
        if (!*inet->host && !passive) {
            error_setg(&err, "the host is missing");
        } else if (inet_family(inet, &family, &err)) {
            port_check(inet->port, passive, &err);
        }
        if (err) {
            error_prepend(&err, "address '%s:%s': ", inet->host, inet->port);
            error_propagate(errp, err);
        }
        return !err;
    case SOCKET_ADDRESS_TYPE_UNIX:
        return socket_unix_to_sockaddr(&addr->u.q_unix, &un, &len_bytes, errp);
    case SOCKET_ADDRESS_TYPE_FD:
        if (!*addr->u.fd.str) {
            error_setg(errp, "the name or number of the file descriptor is "
                             "missing");
            return false;
        }
        return true;
    default:
        error_setg(errp, "socket address type '%s' is not supported",
                   SocketAddressType_str(addr->type));
        return false;
    }
}

struct addrinfo *socket_resolve(const InetSocketAddress *addr, bool passive,
                                Error **errp)
{
    const char *host = *addr->host ? addr->host : NULL;
    const char *port = addr->port;
    struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM,
        .ai_flags = passive ? AI_PASSIVE : 0,
    };
    struct addrinfo *list = NULL;
    int ret;

    if (!inet_family(addr, &hints.ai_family, errp)) {
        return NULL;
    }
    if (addr->has_numeric && addr->numeric) {
        hints.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
    }
    if (!port_check(port, passive, errp)) {
        return NULL;
    }
    ret = getaddrinfo(host, port, &hints, &list);
    if (ret != 0) {
        error_setg(errp, "address resolution failed for %s:%s: %s", addr->host,
                   port, ret == EAI_SYSTEM ? strerror(errno) :
                                             gai_strerror(ret));
        return NULL;
    }
    return list;
}

bool socket_unix_to_sockaddr(const UnixSocketAddress *addr,
                             struct sockaddr_un *un, socklen_t *len_bytes,
                             Error **errp)
{
    bool abstract = addr->has_abstract && addr->abstract;
    size_t len = strlen(addr->path);
    /* An abstract name has a zero in front, a path one at its end. */
    size_t max = sizeof(un->sun_path) - 1;

    if (!len) {
        error_setg(errp, "the path of a UNIX socket is empty");
        return false;
    }
    if (len > max) {
        error_setg(errp, "UNIX socket path '%s' is too long (at most %zu bytes)",
                   addr->path, max);
        return false;
    }
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + (abstract ? 1 : 0), addr->path, len);
    *len_bytes = sizeof(*un);
    if (abstract && (!addr->has_tight || addr->tight)) {
        *len_bytes = offsetof(struct sockaddr_un, sun_path) + 1 + len;
    }
    return true;
}

int socket_fd_number(const FdSocketAddress *addr, Error **errp)
{
    uint64_t number;

    if (!g_ascii_isdigit(*addr->str) ||
        !qemu_strtou64(addr->str, &number, NULL) || number > INT_MAX) {
        error_setg(errp, "'%s' is not the number of a file descriptor",
                   addr->str);
        return -1;
    }
    if (fcntl(number, F_GETFD) < 0) {
        error_setg(errp, "file descriptor %s is not open", addr->str);
        return -1;
    }
    return number;
}
