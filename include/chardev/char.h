/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices: byte pipes to the host for serial ports and monitors.
 * Backends: socket (client, server; tcp, unix), stdio, file, null, pty-less.
 *
 * The front end's handlers run in its context: the main loop with the BQL
 * held, or, for monitors, the monitor's I/O thread without it.
 */
#ifndef CHARDEV_CHAR_H
#define CHARDEV_CHAR_H

#include "system/vm.h"

struct json_object;
typedef struct Chardev Chardev;
typedef struct ChardevStore ChardevStore;

typedef enum ChardevEvent {
    CHR_EVENT_OPENED, /* a peer is there */
    CHR_EVENT_CLOSED, /* it went away */
} ChardevEvent;

typedef struct ChardevFrontend {
    /* How many octets read() would take now; 0 stops reading. */
    size_t (*can_read)(void *opaque);
    void (*read)(void *opaque, const uint8_t *buf, size_t len_bytes);
    void (*event)(void *opaque, ChardevEvent event);
    /*
     * NULL, or whether something that came in is still being answered: an
     * end of input is then acted on only after chardev_accept_input(), so
     * that a client which sends, closes its sending side and reads gets all
     * replies.
     */
    bool (*busy)(void *opaque);
    /*
     * NULL, or the peer may take octets again, or is gone, after
     * chardev_write_some() did not take all.
     */
    void (*writable)(void *opaque);
} ChardevFrontend;

ChardevStore *chardev_store_new(void);
void chardev_store_free(ChardevStore *store);

/*
 * Creates one from -chardev's options (keyval object: "backend", "id", ...);
 * for a server with wait=on returns when the first client is there.
 */
Chardev *chardev_new(VM *vm, struct json_object *opts, Error **errp);

/*
 * Parses the argument of -chardev ("socket,id=c0,path=P,server=on"): a comma
 * in a value is doubled, a bare word switches on, or off after "no". Returns
 * a new reference for chardev_new(), or NULL.
 */
struct json_object *chardev_opts_parse(const char *params, Error **errp);

/*
 * Creates one from the short form of -serial, -monitor, -qmp: "stdio",
 * "null", "file:PATH", "unix:PATH[,server=on][,wait=off]",
 * "tcp:HOST:PORT[,...]", "chardev:ID", "mon:stdio".
 */
Chardev *chardev_new_from_spec(VM *vm, const char *id, const char *spec,
                               Error **errp);

/* Names of the backends, NULL after the last. */
const char *chardev_backend_name(size_t index);

Chardev *chardev_by_id(VM *vm, const char *id);

/*
 * Connects the one front end. @context NULL: main loop. An already connected
 * peer shows as CHR_EVENT_OPENED from within. Fails if it is in use. Clients
 * of a server are accepted from now on (until then they wait).
 */
bool chardev_connect(Chardev *chr, const ChardevFrontend *fe, void *opaque,
                     GMainContext *context, Error **errp);
/*
 * No handler runs any more when this returns; a socket's peer is dropped. Do
 * not hold a lock that the handlers take, other than, for the main loop's,
 * the BQL.
 */
void chardev_disconnect(Chardev *chr);

/* Tells the backend that can_read() may have changed. Any thread. */
void chardev_accept_input(Chardev *chr);

/*
 * Writes everything, waiting for a slow peer as long as it is connected and
 * chardev_stop_waiting() is not called; what has no peer vanishes. Any thread
 * that may wait, never one with the BQL or with a lock that handlers take.
 * A front end uses either this or chardev_write_some().
 */
void chardev_write(Chardev *chr, const void *buf, size_t len_bytes);

/*
 * Writes what the peer takes at once and returns how much that is; all of it
 * if there is no peer. After less than @len_bytes the front end's writable()
 * follows. Front ends of the main loop; BQL held.
 */
size_t chardev_write_some(Chardev *chr, const void *buf, size_t len_bytes);

/*
 * Until the next chardev_connect(), chardev_write() drops what it would have
 * to wait for, including a call that waits now. Any thread.
 */
void chardev_stop_waiting(Chardev *chr);

/*
 * Hangs up on the peer; the front end's CHR_EVENT_CLOSED follows from the
 * context. Without a connection (stdio) further output vanishes. Any thread;
 * takes no lock that is held while handlers run.
 */
void chardev_end_connection(Chardev *chr);

/*
 * The descriptors that came with the last input (SCM_RIGHTS), one by one, for
 * the caller to close; -1: none. The next input that brings some closes those
 * not taken. Any thread.
 */
int chardev_take_fd(Chardev *chr);

/* For query-chardev: calls @fn with id, file name, and whether open. */
void chardev_foreach(VM *vm,
                     void (*fn)(const char *id, const char *filename,
                                bool frontend_open, void *opaque),
                     void *opaque);

#endif
