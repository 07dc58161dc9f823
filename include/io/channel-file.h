/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels over files, inherited descriptors, commands and memory. */
#ifndef IO_CHANNEL_FILE_H
#define IO_CHANNEL_FILE_H

#include "io/channel.h"

/*
 * open(2) of a regular file or block device, which is SEEKABLE; a FIFO or a
 * socket is an error. O_CLOEXEC is added to @flags.
 */
QIOChannel *qio_channel_file_new_path(const char *path, int flags, mode_t mode,
                                      Error **errp);

/* As above for an open descriptor, which it takes over (also on failure). */
QIOChannel *qio_channel_file_new_fd(int fd, const char *name, Error **errp);

/*
 * A channel of the class that fits the descriptor: a connected stream
 * socket, a file, or (pipes, terminals, ...) as qio_channel_pipe_new(). Takes
 * @fd over, also on failure. It must be open for what the channel is used for.
 */
QIOChannel *qio_channel_new_fd(int fd, Error **errp);

/*
 * A channel that reads @read_fd and writes @write_fd, either of them -1 for
 * neither. Takes both over. Has SHUTDOWN, and DUPLEX where both are given.
 * Writing to a pipe without a reader raises SIGPIPE unless it is ignored.
 */
QIOChannel *qio_channel_pipe_new(int read_fd, int write_fd, const char *name,
                                 Error **errp);

/*
 * Runs `/bin/sh -c @command` with a pipe to its input (@flags O_WRONLY), from
 * its output (O_RDONLY), or both (O_RDWR). Close waits for it and fails if it
 * did; a shutdown of both directions makes it end (SIGTERM, then SIGKILL).
 */
QIOChannel *qio_channel_command_new(const char *command, int flags,
                                    Error **errp);

/*
 * Memory with a file's semantics: one position for reads and writes, and it
 * grows by writing up to @limit_bytes. Use qio_channel_seek() to read back.
 */
QIOChannel *qio_channel_buffer_new(size_t limit_bytes);
/* The content of a buffer channel; valid until the next write or close. */
const uint8_t *qio_channel_buffer_data(QIOChannel *ioc, size_t *len_bytes);

#endif
