/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors as objects, passed out through the last argument.
 *
 * A function that can fail is `bool f(..., Error **errp)`: it returns false
 * if and only if it set *errp. @errp may be NULL, when the caller only wants
 * to know whether. The first error wins: setting one over another is a bug
 * and aborts.
 */
#ifndef QAPI_ERROR_H
#define QAPI_ERROR_H

#include <glib.h>

typedef struct Error Error;

/*
 * Makes a new error in *@errp. The text is one line without a final dot;
 * it names what is wrong and what would be right.
 */
void error_setg(Error **errp, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* As error_setg(), with ": " and the text of @os_errno added. */
void error_setg_errno(Error **errp, int os_errno, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);

/* As error_setg(), for an error class; a QapiErrorClass, 0 is GenericError. */
void error_set(Error **errp, int qapi_error_class, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);

/* Puts text in front of an error that is set; nothing without one. */
void error_prepend(Error *const *errp, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

/* Adds a line that tells a person what to do; shown by error_report_err(). */
void error_append_hint(Error *const *errp, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

/* Moves @src to *@dst; frees @src where @dst is NULL or already set. */
void error_propagate(Error **dst, Error *src);

Error *error_copy(const Error *err);

/* @err must not be NULL; the text lives as long as @err. */
const char *error_get_pretty(const Error *err);

/* What error_append_hint() said, for people; NULL: nothing. As long as @err. */
const char *error_get_hint(const Error *err);

int error_get_class(const Error *err);

/* The errno of error_setg_errno(), 0 where there was none. */
int error_get_errno(const Error *err);

/* NULL is fine. */
void error_free(Error *err);

/*
 * Prints to stderr as `qemu-system-x86_64: text`, then the hint, and frees.
 * For the monitor and the tops of threads only.
 */
void error_report_err(Error *err);

/* Print one line to stderr with the program's name in front. */
void error_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
void warn_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Error, error_free)

#endif
