/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP monitors: prompt, line editing where there is no terminal to leave it
 * to, running of lines, completion. Main loop, BQL held.
 */
#include "qemu/osdep.h"
#include "hmp.h"

#define PROMPT "(qemu) "
#define LINE_MAX_BYTES 4095

typedef struct HmpState {
    GString *line;
    bool terminal;  /* libreadline serves it */
    bool suspended; /* a command is under way */
} HmpState;

void hmp_puts(Monitor *mon, const char *text)
{
    monitor_out_puts(mon->out, text, strlen(text));
}

/* --- Running ------------------------------------------------------------ */

/* The next word of *@p, which is moved behind it; a format ends it too. */
static const char *command_word(const char **p, size_t *len)
{
    const char *start;

    while (g_ascii_isspace(**p)) {
        (*p)++;
    }
    start = *p;
    while (**p && !g_ascii_isspace(**p) && **p != '/') {
        (*p)++;
    }
    *len = *p - start;
    return start;
}

void hmp_run_line(HmpCall *call, const char *line)
{
    const HmpCommand *command;
    const char *p = line;
    const char *start;
    const char *word;
    g_autofree char *typed = NULL;
    size_t len;

    start = word = command_word(&p, &len);
    if (!len && !*p) {
        return;
    }
    command = hmp_find(hmp_command_table, word, len);
    if (command && !command->fn) {
        const char *after = p;

        word = command_word(&after, &len);
        if (len) {
            command = hmp_find(hmp_info_table, word, len);
            p = after;
        } else {
            command = hmp_find(hmp_command_table, "help", 4);
            p = line;
        }
    }
    typed = g_strndup(start, p > start ? p - start : 0);
    if (!command) {
        g_string_append_printf(call->out, "unknown command: '%.64s'\n", typed);
        return;
    }
    call->args = hmp_parse_args(command, typed, p, call->out);
    if (call->args) {
        command->fn(call);
        json_object_put(call->args);
        call->args = NULL;
    }
}

char *monitor_hmp_run(QmpContext *ctx, int cpu_index,
                      const char *command_line)
{
    GString *out = g_string_new(NULL);
    GString *text = g_string_new(NULL);
    HmpCall call = { .ctx = ctx, .cpu_index = cpu_index, .out = out };

    hmp_run_line(&call, command_line);
    for (const char *p = out->str; *p; p++) {
        if (*p == '\n') {
            g_string_append_c(text, '\r');
        }
        g_string_append_c(text, *p);
    }
    g_string_free(out, TRUE);
    return g_string_free(text, FALSE);
}

static void run_interactive(Monitor *mon, const char *line)
{
    QmpContext ctx = { .vm = mon->owner->vm, .mon = mon, .fds = mon->fds };
    HmpCall call = { .ctx = &ctx, .mon = mon, .out = g_string_new(NULL) };

    hmp_run_line(&call, line);
    monitor_out_puts(mon->out, call.out->str, call.out->len);
    g_string_free(call.out, TRUE);
}

void hmp_suspend(Monitor *mon)
{
    mon->hmp->suspended = true;
    if (mon->hmp->terminal) {
        hmp_readline_prompt(mon, false);
    }
}

void hmp_resume(Monitor *mon, const char *text)
{
    hmp_puts(mon, text);
    mon->hmp->suspended = false;
    if (mon->hmp->terminal) {
        hmp_readline_prompt(mon, true);
    } else {
        hmp_puts(mon, PROMPT);
    }
    chardev_accept_input(mon->chr);
}

/* --- Completion --------------------------------------------------------- */

static void add_names(GPtrArray *words, const HmpCommand *table,
                      const char *prefix)
{
    for (; table->name; table++) {
        g_auto(GStrv) names = g_strsplit(table->name, "|", -1);

        for (size_t i = 0; names[i]; i++) {
            if (g_str_has_prefix(names[i], prefix)) {
                g_ptr_array_add(words, g_strdup(names[i]));
            }
        }
    }
}

static void add_words(GPtrArray *words, const HmpCommand *command,
                      char *const *given, unsigned count)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    const char *prefix = given[count];

    command->words((const char *const *)given, count, all);
    for (size_t i = 0; i < all->len; i++) {
        const char *word = g_ptr_array_index(all, i);

        if (g_str_has_prefix(word, prefix)) {
            g_ptr_array_add(words, g_strdup(word));
        }
    }
}

char **hmp_complete(const char *line)
{
    g_autofree char *copy = g_strdup(line);
    g_auto(GStrv) parts = g_strsplit(g_strchug(copy), " ", -1);
    unsigned count = g_strv_length(parts);
    GPtrArray *words = g_ptr_array_new();
    const HmpCommand *command;

    if (count <= 1) {
        add_names(words, hmp_command_table, count ? parts[0] : "");
    } else {
        command = hmp_find(hmp_command_table, parts[0], strlen(parts[0]));
        if (command && !command->fn && count == 2) {
            add_names(words, hmp_info_table, parts[1]);
        } else if (command && !strncmp(command->name, "help", 4)) {
            add_names(words, count == 2 ? hmp_command_table : hmp_info_table,
                      parts[count - 1]);
        } else if (command && command->words) {
            add_words(words, command, parts + 1, count - 2);
        }
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

/* --- Input -------------------------------------------------------------- */

static void simple_line_end(Monitor *mon)
{
    g_autofree char *line = g_strdup(mon->hmp->line->str);

    g_string_truncate(mon->hmp->line, 0);
    hmp_puts(mon, "\n");
    run_interactive(mon, line);
    if (!mon->hmp->suspended) {
        hmp_puts(mon, PROMPT);
    }
}

static void simple_octet(Monitor *mon, uint8_t c)
{
    GString *line = mon->hmp->line;
    char echo[2] = { (char)c, 0 };

    switch (c) {
    case '\r':
    case '\n':
        simple_line_end(mon);
        break;
    case 0x08:
    case 0x7f:
        if (line->len) {
            g_string_truncate(line, line->len - 1);
            hmp_puts(mon, "\b \b");
        }
        break;
    case 0x03: /* ^C and ^U begin anew */
    case 0x15:
        g_string_truncate(line, 0);
        hmp_puts(mon, "\r\x1b[K" PROMPT);
        break;
    default:
        if (c >= ' ' && line->len < LINE_MAX_BYTES) {
            g_string_append_c(line, (char)c);
            hmp_puts(mon, echo);
        }
        break;
    }
}

static size_t hmp_can_read(void *opaque)
{
    Monitor *mon = opaque;

    /* One by one: a command may suspend the monitor. */
    return !mon->hmp->suspended && !monitor_out_is_long(mon->out);
}

static bool hmp_busy(void *opaque)
{
    Monitor *mon = opaque;

    return monitor_out_is_busy(mon->out) || mon->hmp->suspended;
}

static void hmp_read(void *opaque, const uint8_t *buf, size_t len_bytes)
{
    Monitor *mon = opaque;

    if (mon->hmp->terminal) {
        hmp_readline_input(mon, buf, len_bytes);
        return;
    }
    for (size_t i = 0; i < len_bytes; i++) {
        simple_octet(mon, buf[i]);
    }
}

static void hmp_event(void *opaque, ChardevEvent event)
{
    Monitor *mon = opaque;

    g_string_truncate(mon->hmp->line, 0);
    monitor_out_clear(mon->out);
    if (event == CHR_EVENT_OPENED) {
        hmp_puts(mon, "Lighter " LIGHTER_VERSION " monitor - type 'help' for "
                      "more information\n");
        if (!mon->hmp->terminal && !mon->hmp->suspended) {
            hmp_puts(mon, PROMPT);
        }
    }
}

/* --- Life --------------------------------------------------------------- */

static void hmp_accept_input(VM *vm, void *opaque)
{
    Monitor *mon = opaque;

    chardev_accept_input(mon->chr);
}

static void hmp_drained(void *opaque)
{
    Monitor *mon = opaque;

    vm_invoke(mon->owner->vm, hmp_accept_input, mon);
}

bool hmp_monitor_start(Monitor *mon, Error **errp)
{
    static const ChardevFrontend frontend = {
        .can_read = hmp_can_read,
        .read = hmp_read,
        .event = hmp_event,
        .busy = hmp_busy,
    };

    mon->hmp = g_new0(HmpState, 1);
    mon->hmp->line = g_string_new(NULL);
    mon->out = monitor_out_new(mon->chr, hmp_drained, mon);
    mon->hmp->terminal = hmp_readline_start(mon, run_interactive);
    mon->attached = chardev_connect(mon->chr, &frontend, mon, NULL, errp);
    if (mon->attached && mon->hmp->terminal) {
        hmp_readline_prompt(mon, true);
    }
    return mon->attached;
}

void hmp_monitor_stop(Monitor *mon)
{
    if (mon->hmp_timer) {
        g_source_destroy(mon->hmp_timer);
        g_clear_pointer(&mon->hmp_timer, g_source_unref);
    }
    if (mon->hmp->terminal) {
        hmp_readline_stop(mon);
    }
    g_string_free(mon->hmp->line, TRUE);
    g_clear_pointer(&mon->hmp, g_free);
}
