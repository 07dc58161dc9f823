/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP framing and JSON: what is taken, what is refused, what is bounded. */
#include "qemu/osdep.h"
#include "monitor/qmp-parser.h"

#include <json-c/json.h>

typedef struct Seen {
    GString *text; /* values, and errors in parentheses, one per line */
    unsigned count;
    unsigned stop_after; /* 0: never */
} Seen;

static bool on_message(void *opaque, struct json_object *value, Error *err)
{
    Seen *seen = opaque;

    if (err) {
        const char *desc = error_get_pretty(err);
        const char *prefix = "JSON parse error, ";

        if (g_str_has_prefix(desc, prefix)) {
            desc += strlen(prefix);
        }
        g_string_append_printf(seen->text, "(%s)\n", desc);
        error_free(err);
    } else {
        qmp_json_write(seen->text, value, false);
        g_string_append_c(seen->text, '\n');
        json_object_put(value);
    }
    seen->count++;
    return seen->count != seen->stop_after;
}

/* Feeds @input in pieces of @step octets. */
static char *parse_steps(const char *input, size_t len, size_t step)
{
    Seen seen = { .text = g_string_new(NULL) };
    QmpParser *parser = qmp_parser_new(on_message, &seen);

    for (size_t i = 0; i < len; i += step) {
        size_t n = MIN(step, len - i);

        g_assert_cmpuint(
            qmp_parser_feed(parser, (const uint8_t *)input + i, n), ==, n);
    }
    qmp_parser_free(parser);
    return g_string_free(seen.text, FALSE);
}

static void check(const char *input, const char *expected)
{
    g_autofree char *whole = parse_steps(input, strlen(input), SIZE_MAX / 2);
    g_autofree char *single = parse_steps(input, strlen(input), 1);

    g_assert_cmpstr(whole, ==, expected);
    g_assert_cmpstr(single, ==, expected);
}

static void test_values(void)
{
    check("{}[]", "{}\n[]\n");
    check("{\"a\":1,\"b\":[1,2.5,null,true,false]}",
          "{\"a\": 1, \"b\": [1, 2.5, null, true, false]}\n");
    check("null \"x\"'y \"'", "null\n\"x\"\n\"y \\\"\"\n");
    check("18446744073709551615 18446744073709551616 -9223372036854775809 ",
          "18446744073709551615\n1.8446744073709552e+19\n"
          "-9.2233720368547758e+18\n");
    check("-9223372036854775808 1e3 -0 0.1 ",
          "-9223372036854775808\n1000\n0\n0.10000000000000001\n");
    check("1e400 -1e400 ", "1e999\n-1e999\n");
    check("{'a':{'b':[[],{}]}}", "{\"a\": {\"b\": [[], {}]}}\n");
}

static void test_strings(void)
{
    check("\"\\u20ac\\ud83d\\ude00\x7f\\u0001/\\/\"",
          "\"\\u20AC\\uD83D\\uDE00\\u007F\\u0001//\"\n");
    check("\"\\b\\f\\n\\r\\t\\\\\\\"\\'\"",
          "\"\\b\\f\\n\\r\\t\\\\\\\"'\"\n");
    check("\"\\u0000\"", "\"\\u0000\"\n");
    check("\"\xc3\xa4\xf0\x9f\x98\x80\"", "\"\\u00E4\\uD83D\\uDE00\"\n");
    check("\"\\ud800\"", "(\\ud800 is not a valid Unicode character)\n");
    check("\"\\ud83d\\u0041\"",
          "(\\ud83d is not a valid Unicode character)\n");
    check("\"\\u12x4\"", "(\\u12x4 is not a valid Unicode character)\n");
    check("\"\\ufffe\"", "(\\ufffe is not a valid Unicode character)\n");
    check("\"\\u1\"", "(\\u1 is not a valid Unicode character)\n");
    check("\"\\z\"", "(invalid escape sequence in string)\n");
    check("\"\xc3\"", "(invalid UTF-8 sequence in string)\n");
    check("\"\xed\xa0\x80\"", "(invalid UTF-8 sequence in string)\n");
    check("\"\xf4\x90\x80\x80\"", "(invalid UTF-8 sequence in string)\n");
}

/* Each error, then whether the next command is understood. */
static void test_errors(void)
{
    check("garbage\n1 ", "(invalid keyword 'garbage')\n1\n");
    check("@\n1 ", "(stray '@')\n1\n");
    check("@ foo\n1 ", "(stray '@')\n1\n");
    check("@\tfoo\n1 ", "(stray '@')\n1\n");
    check("{\"a\":NaN}1 ", "(stray 'N')\n(expecting value)\n1\n");
    check("{\"a\":01}1 ", "(stray '01')\n(expecting value)\n1\n");
    check("{\"a\":-}1 ", "(stray '-}')\n");
    check("{\"a\":-}{}", "(stray '-}')\n{}\n");
    check("{\"a\":1.}{}", "(stray '1.}')\n{}\n");
    check("{\"a\":.5}{}", "(stray '.')\n(expecting value)\n{}\n");
    check("1.5.5 ", "1.5\n(stray '.')\n");
    check("{a:1}{}", "(invalid keyword 'a')\n{}\n");
    check("{1:2}{}", "(key is not a string in object)\n{}\n");
    check("{\"a\" 1}{}", "(missing : in object pair)\n{}\n");
    check("{\"a\":}{}", "(expecting value)\n{}\n");
    check("{\"a\":1 \"b\":2}{}", "(expected separator in dict)\n{}\n");
    check("[1 2]{}", "(expected separator in list)\n{}\n");
    check("[1,]{}", "(expecting value)\n{}\n");
    check("{\"a\":1,}{}", "(expecting value)\n{}\n");
    check("{\"a\":1,\"a\":2}{}", "(duplicate key)\n{}\n");
    check("}{}", "(expecting value)\n{}\n");
    check(",{}", "(expecting value)\n{}\n");
    check("{\"x\n{}", "(stray '\"x\n')\n{}\n");
    check("{\"a\":[1}]{}", "(expected separator in list)\n{}\n");
    check("{\"a\":1]{}", "(expected separator in dict)\n{}\n");
}

static void test_odd_octets(void)
{
    g_autofree char *ff = parse_steps("{\"x\":\"y\xff{}", 10, 1);
    g_autofree char *nul = parse_steps("\0{}", 3, 3);

    g_assert_cmpstr(ff, ==, "(stray '\"y\xff')\n{}\n");
    g_assert_cmpstr(nul, ==, "(stray '')\n{}\n");
}

static void test_nesting(void)
{
    g_autoptr(GString) input = g_string_new(NULL);
    g_autofree char *fits = NULL;
    g_autofree char *deep = NULL;

    for (int i = 0; i < QMP_PARSER_MAX_NESTING; i++) {
        g_string_append_c(input, '[');
    }
    for (int i = 0; i < QMP_PARSER_MAX_NESTING; i++) {
        g_string_append_c(input, ']');
    }
    fits = parse_steps(input->str, input->len, 4096);
    g_assert_true(g_str_has_prefix(fits, "[[["));
    g_assert_cmpuint(strlen(fits), ==, input->len + 1);

    g_string_insert_c(input, 0, '[');
    deep = parse_steps(input->str, input->len, 4096);
    g_assert_true(g_str_has_prefix(
        deep, "(JSON nesting depth limit exceeded)\n(expecting value)\n"));
}

static void test_token_count(void)
{
    g_autoptr(GString) input = g_string_new("[");
    g_autofree char *out = NULL;

    for (size_t i = 0; i < QMP_PARSER_MAX_TOKENS / 2 + 1; i++) {
        g_string_append(input, "1,");
    }
    out = parse_steps(input->str, input->len, 4096);
    g_assert_true(g_str_has_prefix(out,
                                   "(JSON token count limit exceeded)\n"));
}

/* An endless string is dropped at the limit; then commands work again. */
static void test_size(void)
{
    Seen seen = { .text = g_string_new(NULL) };
    QmpParser *parser = qmp_parser_new(on_message, &seen);
    uint8_t block[64 * 1024];

    memset(block, 'x', sizeof(block));
    qmp_parser_feed(parser, (const uint8_t *)"{\"a\":\"", 6);
    for (size_t i = 0; i <= QMP_PARSER_MAX_BYTES / sizeof(block); i++) {
        g_assert_cmpuint(qmp_parser_feed(parser, block, sizeof(block)), ==,
                         sizeof(block));
    }
    g_assert_cmpstr(seen.text->str, ==, "(JSON token size limit exceeded)\n");
    qmp_parser_feed(parser, (const uint8_t *)"\n{}", 3);
    g_assert_true(g_str_has_suffix(seen.text->str, ")\n{}\n"));
    qmp_parser_free(parser);
    g_string_free(seen.text, TRUE);
}

/* Errors repeat only a little of what was bad. */
static void test_garbage(void)
{
    size_t len = 10 * MiB;
    g_autofree char *garbage = g_malloc(len + 1);
    g_autofree char *out = NULL;

    memset(garbage, 'x', len);
    garbage[len] = '\n';
    out = parse_steps(garbage, len + 1, 4096);
    g_assert_true(g_str_has_prefix(out, "(more than 1024 characters"));
    g_assert_cmpuint(strlen(out), <, 300);

    g_clear_pointer(&out, g_free);
    memset(garbage, '@', len);
    out = parse_steps(garbage, len + 1, 4096);
    g_assert_cmpstr(out, ==, "(stray '@')\n");
}

/*
 * Letters or digits that do not end are told of at once and only once; then
 * the next line is understood.
 */
static void test_endless_word(void)
{
    static const char *const starts[] = { "", "{\"a\":", "{\"a\":-1.", "1e" };

    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        Seen seen = { .text = g_string_new(NULL) };
        QmpParser *parser = qmp_parser_new(on_message, &seen);
        uint8_t block[QMP_PARSER_MAX_WORD_BYTES + 2];

        memset(block, i < 2 ? 'x' : '7', sizeof(block));
        qmp_parser_feed(parser, (const uint8_t *)starts[i],
                        strlen(starts[i]));
        g_assert_cmpuint(seen.count, ==, 0);
        for (int turn = 0; turn < 3; turn++) {
            g_assert_cmpuint(qmp_parser_feed(parser, block, sizeof(block)),
                             ==, sizeof(block));
            g_assert_cmpuint(seen.count, ==, 1);
        }
        g_assert_true(g_str_has_prefix(seen.text->str, "(more than 1024 "));
        qmp_parser_feed(parser, (const uint8_t *)"\n{}", 3);
        g_assert_true(g_str_has_suffix(seen.text->str, ")\n{}\n"));
        qmp_parser_free(parser);
        g_string_free(seen.text, TRUE);
    }
}

/* As long as a keyword or number may be. */
static void test_long_word(void)
{
    g_autoptr(GString) input = g_string_new("0.");
    g_autofree char *out = NULL;

    while (input->len < QMP_PARSER_MAX_WORD_BYTES) {
        g_string_append_c(input, '0');
    }
    g_string_append_c(input, ' ');
    out = parse_steps(input->str, input->len, 7);
    g_assert_cmpstr(out, ==, "0\n");
}

/* The callee can stop it, and what was not used is not lost. */
static void test_stop(void)
{
    Seen seen = { .text = g_string_new(NULL), .stop_after = 2 };
    QmpParser *parser = qmp_parser_new(on_message, &seen);
    const uint8_t *input = (const uint8_t *)"1 2 3 ";
    size_t used = qmp_parser_feed(parser, input, 6);

    g_assert_cmpuint(seen.count, ==, 2);
    g_assert_cmpuint(used, <, 6);
    used += qmp_parser_feed(parser, input + used, 6 - used);
    g_assert_cmpuint(used, ==, 6);
    g_assert_cmpstr(seen.text->str, ==, "1\n2\n3\n");

    qmp_parser_feed(parser, (const uint8_t *)"{\"half", 6);
    qmp_parser_reset(parser);
    qmp_parser_feed(parser, (const uint8_t *)"4 ", 2);
    g_assert_true(g_str_has_suffix(seen.text->str, "3\n4\n"));
    qmp_parser_free(parser);
    g_string_free(seen.text, TRUE);
}

static void test_pretty(void)
{
    struct json_object *value = json_tokener_parse(
        "{\"a\":{},\"b\":[],\"c\":[1,{\"d\":2}]}");
    GString *out = g_string_new(NULL);

    qmp_json_write(out, value, true);
    g_assert_cmpstr(out->str, ==,
                    "{\n    \"a\": {\n    },\n    \"b\": [\n    ],\n"
                    "    \"c\": [\n        1,\n        {\n"
                    "            \"d\": 2\n        }\n    ]\n}");
    g_string_free(out, TRUE);
    json_object_put(value);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/parser/values", test_values);
    g_test_add_func("/qmp/parser/strings", test_strings);
    g_test_add_func("/qmp/parser/errors", test_errors);
    g_test_add_func("/qmp/parser/odd-octets", test_odd_octets);
    g_test_add_func("/qmp/parser/nesting", test_nesting);
    g_test_add_func("/qmp/parser/token-count", test_token_count);
    g_test_add_func("/qmp/parser/size", test_size);
    g_test_add_func("/qmp/parser/garbage", test_garbage);
    g_test_add_func("/qmp/parser/endless-word", test_endless_word);
    g_test_add_func("/qmp/parser/long-word", test_long_word);
    g_test_add_func("/qmp/parser/stop", test_stop);
    g_test_add_func("/qmp/writer/pretty", test_pretty);
    return g_test_run();
}
