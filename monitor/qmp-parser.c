/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Framing of QMP input: octets to tokens, tokens to messages. A message ends
 * where its brackets balance (or close more than was open); only then its
 * tokens are looked at as a whole. Runs in the monitors' I/O thread.
 */
#include "qemu/osdep.h"
#include "monitor/qmp-parser.h"
#include "qmp-lexer.h"

typedef enum LexState {
    LEX_START,
    LEX_STRING,
    LEX_STRING_ESCAPE, /* after a backslash */
    LEX_KEYWORD,
    LEX_SIGN,       /* -     a digit must follow */
    LEX_ZERO,       /* 0     no digit may follow */
    LEX_DIGITS,     /* 12    */
    LEX_POINT,      /* 12.   a digit must follow */
    LEX_FRACTION,   /* 12.3  */
    LEX_EXP,        /* 12e   a sign or digit must follow */
    LEX_EXP_SIGN,   /* 12e+  a digit must follow */
    LEX_EXP_DIGITS, /* 12e+3 */
    LEX_RECOVERY,   /* after an error: skip to what may be a new start */
} LexState;

struct QmpParser {
    QmpParserEmit emit;
    void *opaque;

    LexState state;
    char quote;         /* that opened the string */
    GByteArray *text;   /* of all tokens of the message so far */
    size_t token_start; /* of the one being read */
    GArray *tokens;     /* QmpToken */
    int braces;
    int brackets;
};

/* Keep buffers of up to this size between messages. */
#define KEEP_BYTES (64 * KiB)

static void clear_message(QmpParser *parser)
{
    if (parser->text->len > KEEP_BYTES) {
        g_byte_array_unref(parser->text);
        parser->text = g_byte_array_new();
    }
    if (parser->tokens->len > KEEP_BYTES / sizeof(QmpToken)) {
        g_array_unref(parser->tokens);
        parser->tokens = g_array_new(FALSE, FALSE, sizeof(QmpToken));
    }
    g_byte_array_set_size(parser->text, 0);
    g_array_set_size(parser->tokens, 0);
    parser->token_start = 0;
    parser->braces = 0;
    parser->brackets = 0;
}

QmpParser *qmp_parser_new(QmpParserEmit emit, void *opaque)
{
    QmpParser *parser = g_new0(QmpParser, 1);

    parser->emit = emit;
    parser->opaque = opaque;
    parser->text = g_byte_array_new();
    parser->tokens = g_array_new(FALSE, FALSE, sizeof(QmpToken));
    return parser;
}

void qmp_parser_free(QmpParser *parser)
{
    if (parser) {
        g_byte_array_unref(parser->text);
        g_array_unref(parser->tokens);
        g_free(parser);
    }
}

void qmp_parser_reset(QmpParser *parser)
{
    clear_message(parser);
    parser->state = LEX_START;
}

static bool emit_error(QmpParser *parser, Error *err)
{
    clear_message(parser);
    return parser->emit(parser->opaque, NULL, err);
}

/*
 * A keyword or number that goes on for ever: told now, not at an end that
 * may never come.
 */
static bool long_word(QmpParser *parser)
{
    const char *text = (char *)parser->text->data + parser->token_start;
    Error *err = NULL;

    error_setg(&err, "JSON parse error, more than %d characters without an "
               "end, from '%.*s' on; send commands as JSON objects, like "
               "{\"execute\": \"query-status\"}", QMP_PARSER_MAX_WORD_BYTES,
               QMP_ERROR_TEXT_MAX, text);
    parser->state = LEX_RECOVERY;
    return emit_error(parser, err);
}

/* The text since token_start is no token. */
static bool bad_token(QmpParser *parser)
{
    const char *text = (char *)parser->text->data + parser->token_start;
    size_t len = parser->text->len - parser->token_start;
    Error *err = NULL;

    error_setg(&err, "JSON parse error, stray '%.*s'",
               (int)MIN(len, QMP_ERROR_TEXT_MAX), text);
    parser->state = LEX_RECOVERY;
    return emit_error(parser, err);
}

static bool emit_message(QmpParser *parser)
{
    struct json_object *value = NULL;
    Error *err = NULL;

    qmp_tokens_to_value((QmpToken *)(void *)parser->tokens->data,
                        parser->tokens->len, (char *)parser->text->data,
                        &value, &err);
    clear_message(parser);
    return parser->emit(parser->opaque, value, err);
}

/* The text since token_start is a token. */
static bool end_token(QmpParser *parser, QmpTokenType type)
{
    QmpToken token = {
        .start = parser->token_start,
        .len_bytes = parser->text->len - parser->token_start,
        .type = type,
    };
    Error *err = NULL;

    parser->state = LEX_START;
    parser->braces += type == QMP_TOKEN_LCURLY;
    parser->braces -= type == QMP_TOKEN_RCURLY;
    parser->brackets += type == QMP_TOKEN_LSQUARE;
    parser->brackets -= type == QMP_TOKEN_RSQUARE;
    if (parser->tokens->len >= QMP_PARSER_MAX_TOKENS) {
        error_setg(&err, "JSON token count limit exceeded");
    } else if (parser->braces + parser->brackets > QMP_PARSER_MAX_NESTING) {
        error_setg(&err, "JSON nesting depth limit exceeded");
    }
    if (err) {
        return emit_error(parser, err);
    }
    g_array_append_val(parser->tokens, token);
    parser->token_start = parser->text->len;
    if (parser->braces >= 0 && parser->brackets >= 0 &&
        parser->braces + parser->brackets > 0) {
        return true;
    }
    return emit_message(parser);
}

static int structural(uint8_t c)
{
    switch (c) {
    case '{':
        return QMP_TOKEN_LCURLY;
    case '}':
        return QMP_TOKEN_RCURLY;
    case '[':
        return QMP_TOKEN_LSQUARE;
    case ']':
        return QMP_TOKEN_RSQUARE;
    case ':':
        return QMP_TOKEN_COLON;
    case ',':
        return QMP_TOKEN_COMMA;
    default:
        return -1;
    }
}

static bool lex_start(QmpParser *parser, uint8_t c)
{
    int type = structural(c);

    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        return true;
    }
    g_byte_array_append(parser->text, &c, 1);
    if (type >= 0) {
        return end_token(parser, type);
    }
    if (c == '"' || c == '\'') {
        parser->quote = c;
        parser->state = LEX_STRING;
    } else if (c == '-') {
        parser->state = LEX_SIGN;
    } else if (c == '0') {
        parser->state = LEX_ZERO;
    } else if (g_ascii_isdigit(c)) {
        parser->state = LEX_DIGITS;
    } else if (g_ascii_islower(c)) {
        parser->state = LEX_KEYWORD;
    } else {
        return bad_token(parser);
    }
    return true;
}

/* After an error: to the next line, bracket, colon or comma. */
static bool lex_recovery(QmpParser *parser, uint8_t c)
{
    if (structural(c) >= 0 || c >= 0xfe) {
        parser->state = LEX_START;
        return lex_start(parser, c);
    }
    if (c < ' ' && c != '\t') {
        parser->state = LEX_START;
    }
    return true;
}

static bool lex_string(QmpParser *parser, uint8_t c)
{
    g_byte_array_append(parser->text, &c, 1);
    if (c < ' ' || c >= 0xfe) {
        return bad_token(parser);
    }
    if (parser->state == LEX_STRING_ESCAPE) {
        parser->state = LEX_STRING;
    } else if (c == '\\') {
        parser->state = LEX_STRING_ESCAPE;
    } else if (c == (uint8_t)parser->quote) {
        return end_token(parser, QMP_TOKEN_STRING);
    }
    return true;
}

/*
 * The state after @c in a number, LEX_START where the number is complete
 * without it, LEX_RECOVERY where it makes no number.
 */
static LexState number_next(LexState state, uint8_t c)
{
    bool digit = g_ascii_isdigit(c);
    bool exp = c == 'e' || c == 'E';

    switch (state) {
    case LEX_SIGN:
        return c == '0' ? LEX_ZERO : digit ? LEX_DIGITS : LEX_RECOVERY;
    case LEX_ZERO:
        return digit ? LEX_RECOVERY :
               c == '.' ? LEX_POINT : exp ? LEX_EXP : LEX_START;
    case LEX_DIGITS:
        return digit ? LEX_DIGITS :
               c == '.' ? LEX_POINT : exp ? LEX_EXP : LEX_START;
    case LEX_POINT:
        return digit ? LEX_FRACTION : LEX_RECOVERY;
    case LEX_FRACTION:
        return digit ? LEX_FRACTION : exp ? LEX_EXP : LEX_START;
    case LEX_EXP:
        return c == '+' || c == '-' ? LEX_EXP_SIGN :
               digit ? LEX_EXP_DIGITS : LEX_RECOVERY;
    case LEX_EXP_SIGN:
        return digit ? LEX_EXP_DIGITS : LEX_RECOVERY;
    case LEX_EXP_DIGITS:
        return digit ? LEX_EXP_DIGITS : LEX_START;
    default:
        g_assert_not_reached();
    }
}

/* *@again: @c is not part of the number and yet to be looked at. */
static bool lex_number(QmpParser *parser, uint8_t c, bool *again)
{
    LexState state = parser->state;
    LexState next = number_next(state, c);

    if (next == LEX_START) {
        *again = true;
        return end_token(parser, state == LEX_ZERO || state == LEX_DIGITS
                                     ? QMP_TOKEN_INTEGER
                                     : QMP_TOKEN_FLOAT);
    }
    g_byte_array_append(parser->text, &c, 1);
    parser->state = next;
    return next == LEX_RECOVERY ? bad_token(parser) : true;
}

static bool word_is_long(const QmpParser *parser)
{
    return parser->state != LEX_START && parser->state != LEX_STRING &&
           parser->state != LEX_STRING_ESCAPE &&
           parser->state != LEX_RECOVERY &&
           parser->text->len - parser->token_start >
               QMP_PARSER_MAX_WORD_BYTES;
}

static bool lex_octet(QmpParser *parser, uint8_t c, bool *again)
{
    *again = false;
    if (word_is_long(parser)) {
        *again = true;
        return long_word(parser);
    }
    switch (parser->state) {
    case LEX_START:
        return lex_start(parser, c);
    case LEX_STRING:
    case LEX_STRING_ESCAPE:
        return lex_string(parser, c);
    case LEX_RECOVERY:
        return lex_recovery(parser, c);
    case LEX_KEYWORD:
        if (!g_ascii_islower(c)) {
            *again = true;
            return end_token(parser, QMP_TOKEN_KEYWORD);
        }
        g_byte_array_append(parser->text, &c, 1);
        return true;
    default:
        return lex_number(parser, c, again);
    }
}

/* How many octets only make the string in hand longer. */
static size_t plain_run(const QmpParser *parser, const uint8_t *buf,
                        size_t len_bytes)
{
    size_t i = 0;

    if (parser->state == LEX_STRING) {
        while (i < len_bytes && buf[i] >= ' ' && buf[i] < 0xfe &&
               buf[i] != '\\' && buf[i] != (uint8_t)parser->quote) {
            i++;
        }
    }
    return i;
}

size_t qmp_parser_feed(QmpParser *parser, const uint8_t *buf,
                       size_t len_bytes)
{
    size_t used = 0;
    bool go_on = true;

    while (used < len_bytes && go_on) {
        size_t run = plain_run(parser, buf + used, len_bytes - used);
        bool again;

        if (parser->text->len + run >= QMP_PARSER_MAX_BYTES) {
            Error *err = NULL;

            error_setg(&err, "JSON token size limit exceeded");
            parser->state = LEX_RECOVERY;
            go_on = emit_error(parser, err);
        } else if (run) {
            g_byte_array_append(parser->text, buf + used, run);
            used += run;
        } else {
            go_on = lex_octet(parser, buf[used], &again);
            used += !again;
        }
    }
    return used;
}
