/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON as QMP clients write it: an incremental parser that finds the
 * messages in a stream of octets, and the writer of replies.
 *
 * Over RFC 8259 the parser takes single-quoted strings and a sequence of
 * values without separators. After an error it goes on with what follows,
 * as stock QEMU does, so that a client may resynchronise.
 */
#ifndef MONITOR_QMP_PARSER_H
#define MONITOR_QMP_PARSER_H

#include "qemu/osdep.h"
#include "qapi/error.h"

struct json_object;

/* Bounds on one message; more is an error and the message is dropped. */
#define QMP_PARSER_MAX_BYTES (64 * MiB)
#define QMP_PARSER_MAX_TOKENS (256 * KiB)
#define QMP_PARSER_MAX_NESTING 1024
/* On a keyword or number; a string may fill the message. */
#define QMP_PARSER_MAX_WORD_BYTES 1024

typedef struct QmpParser QmpParser;

/*
 * Gets a message (@value may be NULL: JSON null) or, with @err not NULL, what
 * is wrong. Both become the callee's. False makes qmp_parser_feed() return.
 */
typedef bool (*QmpParserEmit)(void *opaque, struct json_object *value,
                              Error *err);

/* No locking: a parser belongs to one thread at a time. */
QmpParser *qmp_parser_new(QmpParserEmit emit, void *opaque);
void qmp_parser_free(QmpParser *parser);

/* Parses and returns how many octets were used: all unless told to stop. */
size_t qmp_parser_feed(QmpParser *parser, const uint8_t *buf,
                       size_t len_bytes);

/* Forgets a message that has begun. */
void qmp_parser_reset(QmpParser *parser);

/*
 * Appends @value as ASCII: on one line, or over several with four spaces per
 * level. No newline at the end.
 */
void qmp_json_write(GString *out, struct json_object *value, bool pretty);

#endif
