/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON of QMP clients. First octet: in pieces of how many octets it comes;
 * that makes no difference, and what is written of a value is read as it.
 */
#include "qemu/osdep.h"

#include <json-c/json.h>

#include "fuzz.h"
#include "monitor/qmp-parser.h"

static bool on_message(void *opaque, struct json_object *value, Error *err)
{
    GString *seen = opaque;

    if (err) {
        /* As the client gets it. */
        value = json_object_new_string(error_get_pretty(err));
        error_free(err);
        g_string_append_c(seen, '(');
    }
    qmp_json_write(seen, value, false);
    json_object_put(value);
    g_string_append_c(seen, '\n');
    return true;
}

static char *parse(const uint8_t *data, size_t len_bytes, size_t step)
{
    GString *seen = g_string_new(NULL);
    QmpParser *parser = qmp_parser_new(on_message, seen);

    for (size_t i = 0; i < len_bytes; i += MIN(step, len_bytes - i)) {
        size_t n = MIN(step, len_bytes - i);

        g_assert(qmp_parser_feed(parser, data + i, n) == n);
    }
    qmp_parser_free(parser);
    return g_string_free(seen, FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    FuzzInput in = { data, len_bytes };
    size_t step = fuzz_take_u8(&in);
    g_autofree char *whole = parse(in.data, in.len_bytes, SIZE_MAX);
    g_autofree char *pieces = parse(in.data, in.len_bytes, step + 1);

    g_assert(g_str_is_ascii(whole));
    g_assert(!strcmp(whole, pieces));
    if (!strchr(whole, '(')) {
        g_autofree char *again = parse((uint8_t *)whole, strlen(whole),
                                       SIZE_MAX);
        g_autofree char *same = parse((uint8_t *)again, strlen(again),
                                      SIZE_MAX);

        /* Once more, because -0.0 is written as -0, which is an integer. */
        g_assert(!strcmp(again, same));
    }
    return 0;
}
