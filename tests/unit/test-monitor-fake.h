/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A chardev, a VM and descriptor tables for tests of the monitors. Included
 * by one source file per test program. Input goes to the front end in its
 * context; output is collected and wakes the main loop.
 */
#ifndef TEST_MONITOR_FAKE_H
#define TEST_MONITOR_FAKE_H

#include "chardev/char.h"
#include "system/fdset.h"

struct Chardev {
    const ChardevFrontend *fe;
    void *opaque;
    GMainContext *context;
    int fd;

    GMutex lock;
    GCond cond;
    /* [lock: lock] */
    GString *out;
    GByteArray *in;
    bool block_writes; /* a peer that does not read */
    unsigned writers;  /* blocked ones */
    bool no_wait;      /* chardev_stop_waiting() */
    unsigned ended;    /* calls of chardev_end_connection() */
};

static inline Chardev *fake_chardev_new(void)
{
    Chardev *chr = g_new0(Chardev, 1);

    chr->fd = -1;
    chr->out = g_string_new(NULL);
    chr->in = g_byte_array_new();
    return chr;
}

static inline void fake_chardev_free(Chardev *chr)
{
    g_string_free(chr->out, TRUE);
    g_byte_array_unref(chr->in);
    g_free(chr);
}

static inline void fake_call(Chardev *chr, GSourceFunc fn)
{
    GSource *source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, fn, chr, NULL);
    g_source_attach(source, chr->context);
    g_source_unref(source);
}

static inline gboolean fake_opened(gpointer chr)
{
    ((Chardev *)chr)->fe->event(((Chardev *)chr)->opaque, CHR_EVENT_OPENED);
    return G_SOURCE_REMOVE;
}

static inline gboolean fake_closed(gpointer chr)
{
    ((Chardev *)chr)->fe->event(((Chardev *)chr)->opaque, CHR_EVENT_CLOSED);
    return G_SOURCE_REMOVE;
}

/* Hands on as much input as the front end takes. */
static inline gboolean fake_input(gpointer opaque)
{
    Chardev *chr = opaque;

    for (;;) {
        size_t room = chr->fe->can_read(chr->opaque);
        g_autofree uint8_t *part = NULL;
        size_t n;

        g_mutex_lock(&chr->lock);
        n = MIN(room, chr->in->len);
        part = g_malloc(n + 1);
        if (n) {
            memcpy(part, chr->in->data, n);
            g_byte_array_remove_range(chr->in, 0, n);
        }
        g_mutex_unlock(&chr->lock);
        if (!n) {
            return G_SOURCE_REMOVE;
        }
        chr->fe->read(chr->opaque, part, n);
    }
}

static inline void fake_send(Chardev *chr, const char *text)
{
    g_mutex_lock(&chr->lock);
    g_byte_array_append(chr->in, (const uint8_t *)text, strlen(text));
    g_mutex_unlock(&chr->lock);
    fake_call(chr, fake_input);
}

static inline size_t fake_unread(Chardev *chr)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) l = g_mutex_locker_new(&chr->lock);

    return chr->in->len;
}

static inline bool fake_take_output(Chardev *chr, const char *expected)
{
    const char *found;

    g_mutex_lock(&chr->lock);
    found = strstr(chr->out->str, expected);
    if (found) {
        g_string_erase(chr->out, 0, found + strlen(expected) - chr->out->str);
    }
    g_mutex_unlock(&chr->lock);
    return found;
}

/* Runs the main loop until @expected came; drops nothing. */
static inline void fake_await(Chardev *chr, const char *expected)
{
    bool found = false;

    while (!found) {
        g_mutex_lock(&chr->lock);
        found = strstr(chr->out->str, expected);
        g_mutex_unlock(&chr->lock);
        g_main_context_iteration(NULL, !found);
    }
}

/* Runs the main loop until @expected came; drops output up to its end. */
static inline void fake_expect(Chardev *chr, const char *expected)
{
    while (!fake_take_output(chr, expected)) {
        g_main_context_iteration(NULL, TRUE);
    }
}

bool chardev_connect(Chardev *chr, const ChardevFrontend *fe, void *opaque,
                     GMainContext *context, Error **errp)
{
    if (chr->fe) {
        error_setg(errp, "in use");
        return false;
    }
    chr->fe = fe;
    chr->opaque = opaque;
    chr->context = context;
    return true;
}

void chardev_disconnect(Chardev *chr)
{
    g_assert_nonnull(chr->fe);
    chr->fe = NULL;
}

void chardev_accept_input(Chardev *chr)
{
    fake_call(chr, fake_input);
}

void chardev_write(Chardev *chr, const void *buf, size_t len_bytes)
{
    g_mutex_lock(&chr->lock);
    chr->writers++;
    g_main_context_wakeup(NULL);
    while (chr->block_writes && !chr->no_wait) {
        g_cond_wait(&chr->cond, &chr->lock);
    }
    chr->writers--;
    g_string_append_len(chr->out, buf, len_bytes);
    g_mutex_unlock(&chr->lock);
    g_main_context_wakeup(NULL);
}

void chardev_stop_waiting(Chardev *chr)
{
    g_mutex_lock(&chr->lock);
    chr->no_wait = true;
    g_cond_broadcast(&chr->cond);
    g_mutex_unlock(&chr->lock);
}

void chardev_end_connection(Chardev *chr)
{
    g_mutex_lock(&chr->lock);
    chr->ended++;
    g_mutex_unlock(&chr->lock);
}

int chardev_take_fd(Chardev *chr)
{
    int fd = chr->fd;

    chr->fd = -1;
    return fd;
}

void chardev_foreach(VM *vm, void (*fn)(const char *, const char *, bool,
                                        void *), void *opaque)
{
}

Chardev *chardev_by_id(VM *vm, const char *id)
{
    return NULL;
}

/* --- The VM ------------------------------------------------------------- */

void bql_lock(VM *vm)
{
    g_mutex_lock(&vm->bql);
    vm->bql_owner = g_thread_self();
}

void bql_unlock(VM *vm)
{
    vm->bql_owner = NULL;
    g_mutex_unlock(&vm->bql);
}

typedef struct FakeCall {
    VM *vm;
    VMInvokeFn fn;
    void *opaque;
} FakeCall;

static inline gboolean fake_invoke(gpointer opaque)
{
    FakeCall *call = opaque;

    bql_lock(call->vm);
    call->fn(call->vm, call->opaque);
    bql_unlock(call->vm);
    return G_SOURCE_REMOVE;
}

void vm_invoke(VM *vm, VMInvokeFn fn, void *opaque)
{
    FakeCall *call = g_new(FakeCall, 1);

    *call = (FakeCall){ vm, fn, opaque };
    g_idle_add_full(G_PRIORITY_DEFAULT, fake_invoke, call, g_free);
}

static inline VM *fake_vm_new(void)
{
    VM *vm = g_new0(VM, 1);

    vm->main_context = g_main_context_ref(g_main_context_default());
    return vm;
}

static inline void fake_vm_free(VM *vm)
{
    g_main_context_unref(vm->main_context);
    g_free(vm);
}

/* --- Descriptors -------------------------------------------------------- */

struct FdTable {
    int pending;
};

FdTable *fd_table_new(void)
{
    FdTable *table = g_new(FdTable, 1);

    table->pending = -1;
    return table;
}

void fd_table_free(FdTable *table)
{
    qemu_close(&table->pending);
    g_free(table);
}

void fd_table_set_pending(FdTable *table, int fd)
{
    qemu_close(&table->pending);
    table->pending = fd;
}

int fd_table_take_pending(FdTable *table, Error **errp)
{
    int fd = table->pending;

    table->pending = -1;
    return fd;
}

#endif
