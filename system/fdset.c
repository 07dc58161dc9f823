/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that clients passed: tables of named ones (any thread) and
 * numbered sets (BQL). Names of files under /dev/fdset/ lead to the sets.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "fdset-internal.h"

/* --- Named descriptors -------------------------------------------------- */

struct FdTable {
    /* [lock: lock] */
    GMutex lock;
    GHashTable *fds; /* char * -> int */
    int pending;     /* came with the request that runs, or -1 */
};

static void close_value(void *value)
{
    int fd = GPOINTER_TO_INT(value);

    if (fd >= 0) {
        close(fd);
    }
}

FdTable *fd_table_new(void)
{
    FdTable *table = g_new0(FdTable, 1);

    g_mutex_init(&table->lock);
    table->pending = -1;
    table->fds =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_value);
    return table;
}

void fd_table_free(FdTable *table)
{
    if (table) {
        g_hash_table_destroy(table->fds);
        qemu_close(&table->pending);
        g_mutex_clear(&table->lock);
        g_free(table);
    }
}

bool fd_table_add(FdTable *table, const char *name, int fd, Error **errp)
{
    if (!name[0] || g_ascii_isdigit(name[0])) {
        close(fd);
        error_setg(errp, "Parameter 'fdname' expects a name not starting "
                         "with a digit");
        return false;
    }
    g_mutex_lock(&table->lock);
    g_hash_table_replace(table->fds, g_strdup(name), GINT_TO_POINTER(fd));
    g_mutex_unlock(&table->lock);
    return true;
}

static int fd_table_steal(FdTable *table, const char *name)
{
    void *key, *value;
    int fd = -1;

    g_mutex_lock(&table->lock);
    if (g_hash_table_steal_extended(table->fds, name, &key, &value)) {
        fd = GPOINTER_TO_INT(value);
        g_free(key);
    }
    g_mutex_unlock(&table->lock);
    return fd;
}

int fd_table_take(FdTable *table, const char *name, Error **errp)
{
    int fd = fd_table_steal(table, name);

    if (fd < 0) {
        error_setg(errp, "File descriptor named '%s' not found", name);
    }
    return fd;
}

bool fd_table_close(FdTable *table, const char *name, Error **errp)
{
    int fd = fd_table_take(table, name, errp);

    if (fd < 0) {
        return false;
    }
    qemu_close(&fd);
    return true;
}

void fd_table_set_pending(FdTable *table, int fd)
{
    g_mutex_lock(&table->lock);
    qemu_close(&table->pending);
    table->pending = fd;
    g_mutex_unlock(&table->lock);
}

int fd_table_take_pending(FdTable *table, Error **errp)
{
    int fd;

    g_mutex_lock(&table->lock);
    fd = table->pending;
    table->pending = -1;
    g_mutex_unlock(&table->lock);
    if (fd < 0) {
        error_setg(errp, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

/* What this process opens itself is closed by an exec, what it got is not. */
static bool is_inherited(uint64_t number)
{
    int flags;

    if (number <= STDERR_FILENO || number > INT_MAX) {
        return false;
    }
    flags = fcntl((int)number, F_GETFD);
    return flags >= 0 && !(flags & FD_CLOEXEC);
}

int fd_resolve(FdTable *table, const char *name, Error **errp)
{
    uint64_t number;
    int fd;

    if (table) {
        fd = fd_table_steal(table, name);
        if (fd < 0) {
            error_setg(errp, "File descriptor named '%s' has not been found",
                       name);
            error_append_hint(errp, "Pass it with getfd first.\n");
        }
        return fd;
    }
    if (!qemu_strtou64(name, &number, NULL) || !is_inherited(number)) {
        error_setg(errp,
                   "'%s' is not the number of an inherited file descriptor",
                   name);
        return -1;
    }
    return (int)number;
}

/* --- Numbered sets ------------------------------------------------------ */

static void fdset_fd_free(void *opaque)
{
    FdSetFd *entry = opaque;

    qemu_close(&entry->fd);
    g_free(entry->opaque);
    g_free(entry);
}

static void fdset_free(void *opaque)
{
    FdSet *set = opaque;

    g_ptr_array_free(set->fds, TRUE);
    g_free(set);
}

FdSets *fdsets_new(void)
{
    FdSets *sets = g_new0(FdSets, 1);

    sets->sets = g_ptr_array_new_with_free_func(fdset_free);
    return sets;
}

void fdsets_free(FdSets *sets)
{
    if (sets) {
        g_ptr_array_free(sets->sets, TRUE);
        g_free(sets);
    }
}

static FdSet *fdset_find(FdSets *sets, int64_t id)
{
    for (unsigned i = 0; i < sets->sets->len; i++) {
        FdSet *set = sets->sets->pdata[i];

        if (set->id == id) {
            return set;
        }
    }
    return NULL;
}

/* The lowest number not taken; the sets are sorted. */
static int64_t fdset_free_id(FdSets *sets)
{
    int64_t id = 0;

    for (unsigned i = 0; i < sets->sets->len; i++) {
        FdSet *set = sets->sets->pdata[i];

        if (set->id != id) {
            break;
        }
        id++;
    }
    return id;
}

int64_t fdset_add(FdSets *sets, const int64_t *id, int fd, const char *opaque)
{
    int64_t set_id = id ? *id : fdset_free_id(sets);
    FdSet *set = fdset_find(sets, set_id);
    FdSetFd *entry = g_new0(FdSetFd, 1);

    if (!set) {
        unsigned at = 0;

        while (at < sets->sets->len &&
               ((FdSet *)sets->sets->pdata[at])->id < set_id) {
            at++;
        }
        set = g_new0(FdSet, 1);
        set->id = set_id;
        set->fds = g_ptr_array_new_with_free_func(fdset_fd_free);
        g_ptr_array_insert(sets->sets, at, set);
    }
    entry->fd = fd;
    entry->opaque = g_strdup(opaque);
    g_ptr_array_add(set->fds, entry);
    return set_id;
}

bool fdset_remove(FdSets *sets, int64_t id, const int64_t *fd, Error **errp)
{
    FdSet *set = fdset_find(sets, id);
    bool found = set && !fd;

    for (unsigned i = 0; set && fd && i < set->fds->len; i++) {
        FdSetFd *entry = set->fds->pdata[i];

        if (entry->fd == *fd) {
            g_ptr_array_remove_index(set->fds, i);
            found = true;
            break;
        }
    }
    if (!found) {
        if (fd) {
            error_setg(errp,
                       "File descriptor named 'fdset-id:%" PRId64
                       ", fd:%" PRId64 "' not found",
                       id, *fd);
        } else {
            error_setg(errp,
                       "File descriptor named 'fdset-id:%" PRId64
                       "' not found",
                       id);
        }
        return false;
    }
    if (!fd || !set->fds->len) {
        g_ptr_array_remove(sets->sets, set);
    }
    return true;
}

/* --- Opening ------------------------------------------------------------ */

static int fdset_dup(FdSets *sets, const char *number, int flags,
                     Error **errp)
{
    const int mask = O_ACCMODE | O_DIRECT;
    uint64_t id;
    FdSet *set = NULL;

    if (qemu_strtou64(number, &id, NULL) && id <= INT64_MAX) {
        set = fdset_find(sets, (int64_t)id);
    }
    if (!set) {
        error_setg(errp, "there is no fd set '%s'; make it with add-fd",
                   number);
        return -1;
    }
    for (unsigned i = 0; i < set->fds->len; i++) {
        FdSetFd *entry = set->fds->pdata[i];
        int have = fcntl(entry->fd, F_GETFL);
        int fd;

        if (have < 0 || (have & mask) != (flags & mask)) {
            continue;
        }
        fd = fcntl(entry->fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
            error_setg_errno(errp, errno, "cannot duplicate fd %d", entry->fd);
        }
        return fd;
    }
    error_setg_errno(errp, EACCES,
                     "fd set %s has no descriptor that is open for %s%s",
                     number,
                     (flags & O_ACCMODE) == O_RDONLY ? "reading only (O_RDONLY)"
                     : (flags & O_ACCMODE) == O_WRONLY
                         ? "writing only (O_WRONLY)"
                         : "reading and writing (O_RDWR)",
                     flags & O_DIRECT ? " with O_DIRECT" : "");
    return -1;
}

int fdset_open(VM *vm, const char *path, int flags, int mode, Error **errp)
{
    int fd;

    if (g_str_has_prefix(path, "/dev/fdset/")) {
        return fdset_dup(vm->fdsets, path + strlen("/dev/fdset/"), flags,
                         errp);
    }
    fd = RETRY_ON_EINTR(open(path, flags | O_CLOEXEC, mode));
    if (fd < 0) {
        error_setg_errno(errp, errno, "cannot open '%s'", path);
    }
    return fd;
}
