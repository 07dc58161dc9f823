/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requests of the qtest protocol as a table. Each gets its words and
 * appends its reply; a test that polls memory sends millions of reads of one
 * octet, so nothing here allocates for small data.
 */
#include "qemu/osdep.h"
#include "system/clock.h"
#include "system/ioport.h"
#include "system/memory.h"
#include "qtest-internal.h"

#define MAX_ARGS 3
#define CHUNK_BYTES 4096

typedef struct QTestCommand {
    const char *name;
    unsigned min_args;
    unsigned max_args;
    unsigned size_bytes; /* of a sized access */
    bool manual_clock;   /* exists only where tests move time */
    /*
     * @num are the words as numbers (0 where one is none), @arg as text.
     * Returns false for words that mean nothing: the reply is FAIL.
     */
    bool (*fn)(VM *vm, const struct QTestCommand *cmd, char **arg,
               const uint64_t *num, GString *out);
} QTestCommand;

static const char hex_digits[] = "0123456789abcdef";

static void append_hex(GString *out, const uint8_t *buf, size_t len_bytes)
{
    size_t at = out->len;

    g_string_set_size(out, at + 2 * len_bytes);
    for (size_t i = 0; i < len_bytes; i++) {
        out->str[at++] = hex_digits[buf[i] >> 4];
        out->str[at++] = hex_digits[buf[i] & 15];
    }
}

static void append_ok(GString *out)
{
    g_string_append_len(out, "OK\n", 3);
}

/* Whether @len_bytes of data may be asked for at once. */
static bool data_size_ok(uint64_t len_bytes)
{
    return len_bytes > 0 && len_bytes <= QTEST_MAX_DATA_BYTES;
}

static bool cmd_endianness(VM *vm, const QTestCommand *cmd, char **arg,
                           const uint64_t *num, GString *out)
{
    g_string_append(out, "OK little\n");
    return true;
}

static bool cmd_read(VM *vm, const QTestCommand *cmd, char **arg,
                     const uint64_t *num, GString *out)
{
    uint8_t buf[CHUNK_BYTES];
    uint64_t gpa = num[0];
    uint64_t left = num[1];

    if (!data_size_ok(left)) {
        return false;
    }
    g_string_append_len(out, "OK 0x", 5);
    while (left) {
        size_t chunk = MIN(left, sizeof(buf));

        memory_read(vm, gpa, buf, chunk);
        append_hex(out, buf, chunk);
        gpa += chunk;
        left -= chunk;
    }
    g_string_append_c(out, '\n');
    return true;
}

/* Data that is shorter than the size is continued with zeros. */
static bool cmd_write(VM *vm, const QTestCommand *cmd, char **arg,
                      const uint64_t *num, GString *out)
{
    g_autofree uint8_t *buf = NULL;
    const char *text = arg[2];
    size_t digits;

    if (!data_size_ok(num[1]) || strncmp(text, "0x", 2)) {
        return false;
    }
    text += 2;
    digits = strlen(text);
    if (digits > 2 * num[1]) {
        return false;
    }
    buf = g_malloc0(num[1]);
    for (size_t i = 0; i < digits; i++) {
        int digit = g_ascii_xdigit_value(text[i]);

        if (digit < 0) {
            return false;
        }
        buf[i / 2] |= i % 2 ? digit : digit << 4;
    }
    memory_write(vm, num[0], buf, num[1]);
    append_ok(out);
    return true;
}

static bool cmd_b64read(VM *vm, const QTestCommand *cmd, char **arg,
                        const uint64_t *num, GString *out)
{
    g_autofree uint8_t *buf = NULL;
    g_autofree char *text = NULL;

    if (!data_size_ok(num[1])) {
        return false;
    }
    buf = g_malloc(num[1]);
    memory_read(vm, num[0], buf, num[1]);
    text = g_base64_encode(buf, num[1]);
    g_string_append(out, "OK ");
    g_string_append(out, text);
    g_string_append_c(out, '\n');
    return true;
}

static bool cmd_b64write(VM *vm, const QTestCommand *cmd, char **arg,
                         const uint64_t *num, GString *out)
{
    size_t len_bytes;

    if (!data_size_ok(num[1]) || !arg[2][0]) {
        return false;
    }
    g_base64_decode_inplace(arg[2], &len_bytes);
    if (len_bytes != num[1]) {
        return false;
    }
    memory_write(vm, num[0], arg[2], len_bytes);
    append_ok(out);
    return true;
}

static bool cmd_memset(VM *vm, const QTestCommand *cmd, char **arg,
                       const uint64_t *num, GString *out)
{
    uint8_t buf[CHUNK_BYTES];
    uint64_t gpa = num[0];
    uint64_t left = num[1];

    /* Not held in memory, but it takes time. */
    if (left > 1024 * QTEST_MAX_DATA_BYTES) {
        return false;
    }
    memset(buf, (int)(num[2] & 0xff), sizeof(buf));
    while (left) {
        size_t chunk = MIN(left, sizeof(buf));

        memory_write(vm, gpa, buf, chunk);
        gpa += chunk;
        left -= chunk;
    }
    append_ok(out);
    return true;
}

static bool cmd_read_sized(VM *vm, const QTestCommand *cmd, char **arg,
                           const uint64_t *num, GString *out)
{
    uint64_t value = 0;

    memory_read(vm, num[0], &value, cmd->size_bytes);
    g_string_append_printf(out, "OK 0x%016" PRIx64 "\n",
                           GUINT64_FROM_LE(value));
    return true;
}

static bool cmd_write_sized(VM *vm, const QTestCommand *cmd, char **arg,
                            const uint64_t *num, GString *out)
{
    uint64_t value = GUINT64_TO_LE(num[1]);

    memory_write(vm, num[0], &value, cmd->size_bytes);
    append_ok(out);
    return true;
}

static bool cmd_in(VM *vm, const QTestCommand *cmd, char **arg,
                   const uint64_t *num, GString *out)
{
    if (num[0] > UINT16_MAX) {
        return false;
    }
    g_string_append_printf(
        out, "OK 0x%04x\n",
        ioport_read(vm, (uint16_t)num[0], cmd->size_bytes));
    return true;
}

static bool cmd_out(VM *vm, const QTestCommand *cmd, char **arg,
                    const uint64_t *num, GString *out)
{
    if (num[0] > UINT16_MAX) {
        return false;
    }
    ioport_write(vm, (uint16_t)num[0], (uint32_t)num[1], cmd->size_bytes);
    append_ok(out);
    return true;
}

static bool reply_time(VM *vm, GString *out)
{
    g_string_append_printf(out, "OK %" PRIi64 "\n", clock_virtual_ns(vm));
    return true;
}

/* Without an argument: to the next timer. */
static bool cmd_clock_step(VM *vm, const QTestCommand *cmd, char **arg,
                           const uint64_t *num, GString *out)
{
    int64_t now_ns = clock_virtual_ns(vm);
    int64_t target_ns = clock_next_deadline_ns(vm);

    if (arg[0]) {
        if (num[0] > (uint64_t)(INT64_MAX - now_ns)) {
            return false;
        }
        target_ns = now_ns + (int64_t)num[0];
    }
    if (target_ns > now_ns) {
        clock_advance_to(vm, target_ns);
    }
    return reply_time(vm, out);
}

static bool cmd_clock_set(VM *vm, const QTestCommand *cmd, char **arg,
                          const uint64_t *num, GString *out)
{
    if (num[0] > INT64_MAX) {
        return false;
    }
    clock_advance_to(vm, (int64_t)num[0]);
    return reply_time(vm, out);
}

static const QTestCommand commands[] = {
    /* What is asked most comes first. */
    {"read", 2, 2, 0, false, cmd_read},
    {"readq", 1, 1, 8, false, cmd_read_sized},
    {"readb", 1, 1, 1, false, cmd_read_sized},
    {"readw", 1, 1, 2, false, cmd_read_sized},
    {"readl", 1, 1, 4, false, cmd_read_sized},
    {"writeb", 2, 2, 1, false, cmd_write_sized},
    {"writew", 2, 2, 2, false, cmd_write_sized},
    {"writel", 2, 2, 4, false, cmd_write_sized},
    {"writeq", 2, 2, 8, false, cmd_write_sized},
    {"inb", 1, 1, 1, false, cmd_in},
    {"inw", 1, 1, 2, false, cmd_in},
    {"inl", 1, 1, 4, false, cmd_in},
    {"outb", 2, 2, 1, false, cmd_out},
    {"outw", 2, 2, 2, false, cmd_out},
    {"outl", 2, 2, 4, false, cmd_out},
    {"write", 3, 3, 0, false, cmd_write},
    {"memset", 3, 3, 0, false, cmd_memset},
    {"b64read", 2, 2, 0, false, cmd_b64read},
    {"b64write", 3, 3, 0, false, cmd_b64write},
    {"endianness", 0, 0, 0, false, cmd_endianness},
    {"clock_step", 0, 1, 0, true, cmd_clock_step},
    {"clock_set", 1, 1, 0, true, cmd_clock_set},
};

static const QTestCommand *find_command(VM *vm, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (!strcmp(commands[i].name, name)) {
            return commands[i].manual_clock && !clock_is_manual(vm)
                       ? NULL
                       : &commands[i];
        }
    }
    return NULL;
}

/* Cuts the next word off *@at; NULL at the end. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " ");
    size_t len = strcspn(word, " ");

    if (!len) {
        return NULL;
    }
    *at = word + len + (word[len] ? 1 : 0);
    word[len] = '\0';
    return word;
}

/* All words but the data of the writes are numbers. */
static bool parse_numbers(const QTestCommand *cmd, char **arg, unsigned args,
                          uint64_t *num)
{
    bool data_last = cmd->fn == cmd_write || cmd->fn == cmd_b64write;

    for (unsigned i = 0; i < args - (data_last ? 1 : 0); i++) {
        char *end;

        errno = 0;
        num[i] = g_ascii_strtoull(arg[i], &end, 0);
        if (errno || *end || end == arg[i] || arg[i][0] == '-') {
            return false;
        }
    }
    return true;
}

void qtest_execute(VM *vm, char *line, GString *out)
{
    char *arg[MAX_ARGS + 1] = {NULL};
    uint64_t num[MAX_ARGS] = {0};
    char *name = next_word(&line);
    const QTestCommand *cmd = find_command(vm, name ? name : "");
    size_t reply_at = out->len;
    unsigned args = 0;

    if (!cmd) {
        g_string_append_printf(out, "FAIL Unknown command '%s'\n",
                               name ? name : "");
        return;
    }
    while (args <= MAX_ARGS && (arg[args] = next_word(&line))) {
        args++;
    }
    if (args < cmd->min_args || args > cmd->max_args) {
        g_string_append_printf(out, "FAIL '%s' takes %u to %u arguments\n",
                               name, cmd->min_args, cmd->max_args);
        return;
    }
    if (!parse_numbers(cmd, arg, args, num) ||
        !cmd->fn(vm, cmd, arg, num, out)) {
        g_string_truncate(out, reply_at);
        g_string_append_printf(out, "FAIL Invalid argument of '%s'\n", name);
    }
}
