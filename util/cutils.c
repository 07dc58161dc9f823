/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers, sizes and booleans as people write them. Any thread. */
#include "qemu/osdep.h"
#include "qemu/cutils.h"

bool qemu_strtou64(const char *str, uint64_t *result, Error **errp)
{
    const char *digits = str;
    int base = 10;
    char *end;

    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
        base = 16;
        digits += 2;
    }
    /* strtoull() takes blanks and signs, which we do not. */
    if (!g_ascii_isxdigit(digits[0])) {
        error_setg(errp, "'%s' is not a number", str);
        return false;
    }
    errno = 0;
    *result = strtoull(digits, &end, base);
    if (*end || end == digits) {
        error_setg(errp, "'%s' is not a number", str);
        return false;
    }
    if (errno == ERANGE) {
        error_setg(errp, "'%s' is too large for 64 bits", str);
        return false;
    }
    return true;
}

static int size_suffix_shift(char c)
{
    static const char suffixes[] = "BKMGTPE";
    const char *p = c ? strchr(suffixes, g_ascii_toupper(c)) : NULL;

    return p ? (int)(p - suffixes) * 10 : -1;
}

static bool strtosz_decimal(const char *str, int default_shift,
                            uint64_t *result_bytes, Error **errp)
{
    int shift = default_shift;
    double fraction = 0;
    uint64_t whole;
    char *end;

    errno = 0;
    whole = strtoull(str, &end, 10);
    if (errno == ERANGE) {
        goto too_large;
    }
    if (*end == '.') {
        double scale = 0.1;

        for (end++; g_ascii_isdigit(*end); end++, scale /= 10) {
            fraction += (*end - '0') * scale;
        }
    }
    if (*end) {
        shift = size_suffix_shift(*end);
        if (shift < 0 || end[1]) {
            error_setg(errp,
                       "'%s' is not a size: use a number with an optional "
                       "suffix B, K, M, G, T, P or E", str);
            return false;
        }
    }
    if (fraction > 0 && shift == 0) {
        error_setg(errp, "'%s' is not a whole number of bytes", str);
        return false;
    }
    if (shift && whole >> (64 - shift)) {
        goto too_large;
    }
    *result_bytes = (whole << shift) +
                    (uint64_t)(fraction * (double)(1ULL << shift));
    return true;

too_large:
    error_setg(errp, "'%s' is too large for 64 bits", str);
    return false;
}

static bool strtosz_shift(const char *str, int default_shift,
                          uint64_t *result_bytes, Error **errp)
{
    if (str[0] == '0' && (str[1] == 'x' || str[1] == 'X')) {
        return qemu_strtou64(str, result_bytes, errp);
    }
    if (!g_ascii_isdigit(str[0])) {
        error_setg(errp,
                   "'%s' is not a size: use a number with an optional "
                   "suffix B, K, M, G, T, P or E", str);
        return false;
    }
    return strtosz_decimal(str, default_shift, result_bytes, errp);
}

bool qemu_strtosz(const char *str, uint64_t *result_bytes, Error **errp)
{
    return strtosz_shift(str, 0, result_bytes, errp);
}

bool qemu_strtosz_MiB(const char *str, uint64_t *result_bytes, Error **errp)
{
    return strtosz_shift(str, 20, result_bytes, errp);
}

bool qemu_parse_bool(const char *name, const char *str, bool *result,
                     Error **errp)
{
    static const char *const words[] = { "off", "on", "no",    "yes",
                                         "false", "true", "n", "y" };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (g_str_equal(str, words[i])) {
            *result = i & 1;
            return true;
        }
    }
    error_setg(errp, "Parameter '%s' expects 'on' or 'off'", name);
    return false;
}

bool id_wellformed(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    while (g_ascii_isalnum(*id) || (*id && strchr("-._", *id))) {
        id++;
    }
    return !*id;
}
