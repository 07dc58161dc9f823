/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMUFile: a buffered, one-directional stream over a channel.
 *
 * One thread uses a QEMUFile at a time; only qemu_file_shutdown() and the
 * byte counter may be used from others. Errors stick: after the first one
 * every put is dropped and every get returns zeros, so that code which moves
 * many small fields checks once, with qemu_file_ok(), where it matters.
 */
#ifndef MIGRATION_QEMU_FILE_H
#define MIGRATION_QEMU_FILE_H

#include "io/channel.h"

typedef struct QEMUFile QEMUFile;

/* Keep a reference to @ioc. */
QEMUFile *qemu_file_new_output(QIOChannel *ioc);
QEMUFile *qemu_file_new_input(QIOChannel *ioc);

/*
 * Flushes (output) and frees; does not close the channel. The sticky error,
 * or that of the flush, goes to *@errp.
 */
bool qemu_fclose(QEMUFile *f, Error **errp);

QIOChannel *qemu_file_channel(QEMUFile *f);

/* False, and a copy of the sticky error in *@errp, if there is one. */
bool qemu_file_ok(QEMUFile *f, Error **errp);
/* Takes @err over; kept only if it is the first. */
void qemu_file_set_error(QEMUFile *f, Error *err);

/* Makes blocked and later I/O fail. Any thread. */
void qemu_file_shutdown(QEMUFile *f);

/*
 * @begin is called before each access to the channel, which may block without
 * limit, and @end after it: for a thread that must not keep a lock meanwhile.
 * Both by the using thread; what they do must leave the sticky error alone.
 */
typedef void QEMUFileWaitFn(void *opaque);
void qemu_file_set_wait_hooks(QEMUFile *f, QEMUFileWaitFn *begin,
                              QEMUFileWaitFn *end, void *opaque);

/* Octets put or got so far (buffered ones included). Any thread. */
uint64_t qemu_file_transferred(QEMUFile *f);

/* --- output --- */
void qemu_put_buffer(QEMUFile *f, const void *buf, size_t len_bytes);
/*
 * Puts octets without copying: @buf must stay readable until the next
 * qemu_fflush(). Runs that lie next to each other in memory become one
 * vector entry.
 */
void qemu_put_buffer_async(QEMUFile *f, const void *buf, size_t len_bytes);
void qemu_put_byte(QEMUFile *f, uint8_t v);
void qemu_put_be16(QEMUFile *f, uint16_t v);
void qemu_put_be32(QEMUFile *f, uint32_t v);
void qemu_put_be64(QEMUFile *f, uint64_t v);
/* One length octet, then the text; at most 255 octets. */
void qemu_put_counted_string(QEMUFile *f, const char *str);
bool qemu_fflush(QEMUFile *f, Error **errp);
/*
 * For tight loops: room for @len_bytes (at most QEMU_FILE_RESERVE_MAX_BYTES)
 * to be written directly, then qemu_file_commit() with how many were. Never
 * NULL; after an error what is written there is dropped. No other call on @f
 * comes between.
 */
#define QEMU_FILE_RESERVE_MAX_BYTES (64 * KiB)
uint8_t *qemu_file_reserve(QEMUFile *f, size_t len_bytes);
void qemu_file_commit(QEMUFile *f, size_t len_bytes);

/* --- input --- */
size_t qemu_get_buffer(QEMUFile *f, void *buf, size_t len_bytes);
/*
 * At least @len_bytes of upcoming input without consuming them; *@buf is
 * valid until the next call on @f. @len_bytes is at most
 * QEMU_FILE_PEEK_MAX_BYTES. Returns how many are there: less than asked only
 * at the end of input.
 */
#define QEMU_FILE_PEEK_MAX_BYTES (64 * KiB)
size_t qemu_peek_buffer(QEMUFile *f, const uint8_t **buf, size_t len_bytes);
/*
 * One read into the vector, past the buffer, which must be empty (nothing to
 * peek without reading). 0 at the end of input and on errors.
 */
size_t qemu_file_readv(QEMUFile *f, const struct iovec *iov, unsigned niov);
/*
 * Gives back octets of the latest qemu_file_readv(): a tail of it, in stream
 * order, in one or more calls. Room for QEMU_FILE_UNGET_MAX_BYTES.
 */
#define QEMU_FILE_UNGET_MAX_BYTES (512 * KiB)
void qemu_file_unget(QEMUFile *f, const void *buf, size_t len_bytes);
/* Before anything else: octets that were read from the channel already. */
void qemu_file_preload(QEMUFile *f, const void *buf, size_t len_bytes);
/* Octets that can be got without reading. */
size_t qemu_file_buffered(const QEMUFile *f);
void qemu_file_skip(QEMUFile *f, size_t len_bytes);
uint8_t qemu_get_byte(QEMUFile *f);
/* The next octet, not consumed; -1 at the end of input. */
int qemu_peek_byte(QEMUFile *f);
uint16_t qemu_get_be16(QEMUFile *f);
uint32_t qemu_get_be32(QEMUFile *f);
uint64_t qemu_get_be64(QEMUFile *f);
/* NUL-terminates @str, room for 256; false on error. */
bool qemu_get_counted_string(QEMUFile *f, char str[256]);

#endif
