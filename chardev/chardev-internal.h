/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the backends and the common part of character devices share.
 *
 * Locks, outermost first: the BQL, fe_lock, lock; and write_lock, lock.
 */
#ifndef CHARDEV_INTERNAL_H
#define CHARDEV_INTERNAL_H

#include "chardev/char.h"
#include "io/channel.h"

#include <json-c/json.h>

typedef enum ChardevOptionType {
    CHARDEV_OPTION_STR,
    CHARDEV_OPTION_BOOL,
    CHARDEV_OPTION_NUMBER,
    CHARDEV_OPTION_UNSUPPORTED, /* QEMU has it, we do not; "off" is fine */
} ChardevOptionType;

typedef struct ChardevOption {
    const char *name;
    ChardevOptionType type;
} ChardevOption;

typedef struct ChardevClass {
    const char *name;
    const ChardevOption *options; /* ended by a NULL name */
    bool one_connection;          /* both directions end together */
    size_t instance_size;         /* starts with a Chardev */
    /* Options are known and well formed. */
    bool (*open)(Chardev *chr, struct json_object *opts, Error **errp);
    /* The front end came; fe_lock. May be NULL, as the next ones. */
    void (*attach)(Chardev *chr);
    /* The front end goes; fe_lock, any thread. */
    void (*detach)(Chardev *chr);
    /* The peer is gone, the front end knows; fe_lock, in the context. */
    void (*lost)(Chardev *chr);
    void (*finalize)(Chardev *chr);
} ChardevClass;

struct Chardev {
    const ChardevClass *klass; /* [const] */
    VM *vm;                    /* [const] */
    char *id;                  /* [const] */

    GRecMutex fe_lock; /* held while handlers run */
    const ChardevFrontend *fe; /* [lock: fe_lock] NULL: not connected */
    void *opaque;              /* [lock: fe_lock] */
    GMainContext *context;     /* [lock: fe_lock] NULL: main loop */
    QIOChannel *in;            /* [lock: fe_lock] */
    GSource *watch;            /* [lock: fe_lock] on in */
    GSource *out_watch;        /* [lock: fe_lock] owes writable(), or NULL */
    bool watch_reads;          /* [lock: fe_lock] else for hang-up only */
    bool ended;                /* [lock: fe_lock] input is over, told later */
    bool opened;               /* [lock: fe_lock] the front end was told */

    GMutex lock;
    QIOChannel *out;  /* [lock: lock] */
    char *filename;   /* [lock: lock] as query-chardev shows it */
    int *fds;         /* [lock: lock] received */
    size_t nfds;      /* [lock: lock] */
    GSource *kick;    /* [lock: lock] re-evaluates watch, while connected */
    bool fe_open;     /* [lock: lock] */
    bool no_wait;     /* [lock: lock] output that would wait is lost */
    int no_wait_fd;   /* [const] eventfd, readable while no_wait */

    GMutex write_lock;
};

extern const ChardevClass chardev_class_file;
extern const ChardevClass chardev_class_null;
extern const ChardevClass chardev_class_socket;
extern const ChardevClass chardev_class_stdio;

/* Options by name; they have passed the checks. NULL or @def if absent. */
const char *chardev_opt_str(struct json_object *opts, const char *name);
bool chardev_opt_bool(struct json_object *opts, const char *name, bool def);
uint64_t chardev_opt_number(struct json_object *opts, const char *name,
                            uint64_t def);

void chardev_set_filename(Chardev *chr, const char *filename);

/*
 * Takes the BQL, for a main loop front end whose caller does not hold it, and
 * fe_lock. Returns what chardev_unlock_fe() needs.
 */
bool chardev_lock_fe(Chardev *chr);
void chardev_unlock_fe(Chardev *chr, bool unlock_bql);

/*
 * Sets the peer's channels (references are taken over; either may be NULL)
 * and tells the front end. fe_lock.
 */
void chardev_set_peer(Chardev *chr, QIOChannel *in, QIOChannel *out);
void chardev_drop_peer(Chardev *chr);

/* For char.c: lifetime of the common part. */
void chardev_io_init(Chardev *chr);
void chardev_io_destroy(Chardev *chr);

#endif
