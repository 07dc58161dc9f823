/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Line editing, history and completion by libreadline for the one HMP
 * monitor on the terminal. Input comes through the chardev and is handed on
 * octet by octet; output goes through the monitor's queue, so that it keeps
 * its order with what commands print. Main loop, BQL held.
 */
#include "qemu/osdep.h"
#include "hmp.h"

/* Wants stdio.h before it. */
#include <readline/readline.h>
#include <readline/history.h>

#define PROMPT "(qemu) "
#define HISTORY_LINES 500

/*
 * libreadline has one state per process and its callbacks carry no argument,
 * so this is where the monitor that uses it is found.
 */
static struct {
    Monitor *mon; /* NULL: free */
    void (*line)(Monitor *mon, const char *line);
    FILE *stream;
    const uint8_t *input;
    size_t input_bytes;
    bool shown;
    char **words; /* of the completion under way */
    size_t next_word;
} terminal;

static ssize_t stream_write(void *cookie, const char *buf, size_t len_bytes)
{
    monitor_out_puts(terminal.mon->out, buf, len_bytes);
    return len_bytes;
}

static int next_octet(FILE *unused)
{
    if (!terminal.input_bytes) {
        return EOF;
    }
    terminal.input_bytes--;
    return *terminal.input++;
}

static int input_available(void)
{
    return terminal.input_bytes > 0;
}

static void line_entered(char *line)
{
    fflush(terminal.stream);
    if (!line) {
        hmp_puts(terminal.mon, "\n");
        return;
    }
    if (*line) {
        add_history(line);
    }
    terminal.line(terminal.mon, line);
    free(line);
}

static char *next_word(const char *text, int state)
{
    if (!state) {
        g_autofree char *line = g_strndup(rl_line_buffer, rl_point);

        g_strfreev(terminal.words);
        terminal.words = hmp_complete(line);
        terminal.next_word = 0;
    }
    if (!terminal.words[terminal.next_word]) {
        return NULL;
    }
    /* libreadline frees it with free() */
    return strdup(terminal.words[terminal.next_word++]);
}

static char **complete(const char *text, int start, int end)
{
    rl_attempted_completion_over = 1;
    return rl_completion_matches(text, next_word);
}

typedef struct StdioSearch {
    VM *vm;
    Chardev *chr;
    bool is_stdio;
} StdioSearch;

static void check_stdio(const char *id, const char *filename,
                        bool frontend_open, void *opaque)
{
    StdioSearch *search = opaque;

    if (chardev_by_id(search->vm, id) == search->chr) {
        search->is_stdio = !strcmp(filename, "stdio");
    }
}

bool hmp_readline_start(Monitor *mon, void (*line)(Monitor *mon,
                                                   const char *line))
{
    static const cookie_io_functions_t functions = { .write = stream_write };
    StdioSearch search = { .vm = mon->owner->vm, .chr = mon->chr };

    chardev_foreach(search.vm, check_stdio, &search);
    if (terminal.mon || !search.is_stdio || !isatty(STDIN_FILENO) ||
        !isatty(STDOUT_FILENO)) {
        return false;
    }
    terminal.mon = mon;
    terminal.line = line;
    terminal.stream = fopencookie(mon, "w", functions);
    rl_instream = stdin;
    rl_outstream = terminal.stream;
    rl_readline_name = "qemu";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    /*
     * The chardev has put the terminal into raw mode; libreadline would take
     * that for a wish not to echo.
     */
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_tty_set_echoing(1);
    rl_getc_function = next_octet;
    rl_input_available_hook = input_available;
    rl_attempted_completion_function = complete;
    rl_basic_word_break_characters = " ";
    stifle_history(HISTORY_LINES);
    return true;
}

void hmp_readline_prompt(Monitor *mon, bool show)
{
    if (show && !terminal.shown) {
        rl_callback_handler_install(PROMPT, line_entered);
    } else if (!show && terminal.shown) {
        rl_callback_handler_remove();
    }
    terminal.shown = show;
    fflush(terminal.stream);
}

void hmp_readline_input(Monitor *mon, const uint8_t *buf, size_t len_bytes)
{
    terminal.input = buf;
    terminal.input_bytes = len_bytes;
    while (terminal.input_bytes && terminal.shown) {
        rl_callback_read_char();
    }
    terminal.input_bytes = 0;
    fflush(terminal.stream);
}

void hmp_readline_stop(Monitor *mon)
{
    hmp_readline_prompt(mon, false);
    rl_outstream = stdout;
    fclose(terminal.stream);
    g_strfreev(terminal.words);
    clear_history();
    memset(&terminal, 0, sizeof(terminal));
}
