/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tokens of a QMP message; shared by qmp-parser.c and qmp-json-tree.c. */
#ifndef MONITOR_QMP_LEXER_H
#define MONITOR_QMP_LEXER_H

#include "qemu/osdep.h"
#include "qapi/error.h"

#include <json-c/json.h>

typedef enum QmpTokenType {
    QMP_TOKEN_LCURLY,
    QMP_TOKEN_RCURLY,
    QMP_TOKEN_LSQUARE,
    QMP_TOKEN_RSQUARE,
    QMP_TOKEN_COLON,
    QMP_TOKEN_COMMA,
    QMP_TOKEN_STRING, /* text with its quotes */
    QMP_TOKEN_INTEGER,
    QMP_TOKEN_FLOAT,
    QMP_TOKEN_KEYWORD,
} QmpTokenType;

typedef struct QmpToken {
    uint32_t start; /* of its text */
    uint32_t len_bytes;
    QmpTokenType type;
} QmpToken;

/* Longest part of bad input that an error repeats. */
#define QMP_ERROR_TEXT_MAX 64

/*
 * Makes the value that @count tokens over @text spell. All of them must be
 * used. On success *@value is a new reference or NULL for JSON null.
 */
bool qmp_tokens_to_value(const QmpToken *tokens, size_t count,
                         const char *text, struct json_object **value,
                         Error **errp);

#endif
