/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP commands: their table, their arguments, what a handler is given. */
#ifndef MONITOR_HMP_H
#define MONITOR_HMP_H

#include "monitor-internal.h"

typedef struct HmpCall HmpCall;

typedef struct HmpCommand {
    const char *name; /* "stop|s": with other names of the same */
    /*
     * "name:type,...". Types: s F string, S rest of the line, i l integer
     * expression of 32 or 64 bits, b on/off, -x flag, / format (hexadecimal
     * and 4 octets, /b: 1, where it does not say). A type with '?' at its end
     * may be left out.
     */
    const char *args;
    const char *params; /* the arguments as help shows them */
    const char *help;
    /* Main thread, BQL. Prints to call->out; errors too. */
    void (*fn)(HmpCall *call);
    /*
     * Adds static words that fit behind the @count arguments @given. May be
     * NULL. `help` shows them, too.
     */
    void (*words)(const char *const *given, unsigned count,
                  GPtrArray *words);
    /* What values there are behind @word, if not words. May be NULL. */
    const char *(*kind)(const char *word);
} HmpCommand;

/* Ended by a NULL name. A NULL fn stands for the table below `info`. */
extern const HmpCommand hmp_command_table[];
extern const HmpCommand hmp_info_table[];

struct HmpCall {
    QmpContext *ctx;
    Monitor *mon; /* NULL: not interactive, must not wait */
    int cpu_index;
    struct json_object *args; /* by name */
    GString *out;
};

/* --- Parsing: hmp-parse.c ----------------------------------------------- */

/* The command that @name is a name of; NULL if none. */
const HmpCommand *hmp_find(const HmpCommand *table, const char *name,
                           size_t len);

/*
 * Parses @line (after the command's @typed name) into an object; NULL and a
 * message in @out on error.
 */
struct json_object *hmp_parse_args(const HmpCommand *command,
                                   const char *typed, const char *line,
                                   GString *out);

/* Reads an integer expression at *@p; false: told in @out. */
bool hmp_parse_expr(const char **p, int64_t *value, GString *out);

/* --- Running: hmp.c ----------------------------------------------------- */

/* Runs one line; output in call->out. */
void hmp_run_line(HmpCall *call, const char *line);

/* Stops reading @mon's lines until hmp_resume(), which prints @text. */
void hmp_suspend(Monitor *mon);
void hmp_resume(Monitor *mon, const char *text);

void hmp_puts(Monitor *mon, const char *text);

/* Words that complete the last one of @line; NULL-ended, g_strfreev(). */
char **hmp_complete(const char *line);

/* --- For commands: hmp-cmds.c ------------------------------------------- */

/*
 * Runs a QMP command. @args is taken (NULL: none). False: the error is
 * printed. @ret may be NULL.
 */
bool hmp_qmp(HmpCall *call, const char *command, struct json_object *args,
             struct json_object **ret);
/* The migration parameter @name; NULL if there is none. */
const QapiMember *hmp_find_parameter(const char *name);
/* How the values of @name, which there is, are written. Static. */
const char *hmp_parameter_kind(const char *name);
/* Prints @err with its hint and frees it. */
void hmp_error(HmpCall *call, Error *err);
/* NULL if the argument was left out. */
const char *hmp_str(const HmpCall *call, const char *name);
int64_t hmp_int(const HmpCall *call, const char *name);
bool hmp_flag(const HmpCall *call, const char *name);
/* Members of a reply; "" or 0 where there is none. */
const char *reply_str(struct json_object *object, const char *name);
int64_t reply_int(struct json_object *object, const char *name);
bool reply_bool(struct json_object *object, const char *name);

/* --- Line editing on a terminal: hmp-readline.c ------------------------- */

/* Whether libreadline can serve @mon: stdio that is a terminal. */
bool hmp_readline_start(Monitor *mon, void (*line)(Monitor *mon,
                                                   const char *line));
void hmp_readline_stop(Monitor *mon);
void hmp_readline_input(Monitor *mon, const uint8_t *buf, size_t len_bytes);
/* Between suspension and prompt. */
void hmp_readline_prompt(Monitor *mon, bool show);

#endif
