/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error objects: a text, a class for QMP, an errno, a hint for people.
 * Any thread; an Error belongs to whoever holds the pointer.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"

struct Error {
    char *msg;
    GString *hint;
    int qapi_error_class;
    int os_errno;
};

static void G_GNUC_PRINTF(4, 0)
    error_setv(Error **errp, int qapi_error_class, int os_errno,
               const char *fmt, va_list ap)
{
    int saved_errno = errno;
    Error *err;

    if (!errp) {
        return;
    }
    g_assert(!*errp);

    err = g_new0(Error, 1);
    err->msg = g_strdup_vprintf(fmt, ap);
    err->qapi_error_class = qapi_error_class;
    err->os_errno = os_errno;
    if (os_errno) {
        g_autofree char *msg = err->msg;

        err->msg = g_strdup_printf("%s: %s", msg, g_strerror(os_errno));
    }
    *errp = err;
    errno = saved_errno;
}

void error_setg(Error **errp, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_setv(errp, 0, 0, fmt, ap);
    va_end(ap);
}

void error_setg_errno(Error **errp, int os_errno, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_setv(errp, 0, os_errno, fmt, ap);
    va_end(ap);
}

void error_set(Error **errp, int qapi_error_class, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_setv(errp, qapi_error_class, 0, fmt, ap);
    va_end(ap);
}

void error_prepend(Error *const *errp, const char *fmt, ...)
{
    g_autofree char *prefix = NULL;
    g_autofree char *msg = NULL;
    va_list ap;

    if (!errp || !*errp) {
        return;
    }
    va_start(ap, fmt);
    prefix = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    msg = (*errp)->msg;
    (*errp)->msg = g_strconcat(prefix, msg, NULL);
}

void error_append_hint(Error *const *errp, const char *fmt, ...)
{
    va_list ap;

    if (!errp || !*errp) {
        return;
    }
    if (!(*errp)->hint) {
        (*errp)->hint = g_string_new(NULL);
    }
    va_start(ap, fmt);
    g_string_append_vprintf((*errp)->hint, fmt, ap);
    va_end(ap);
}

void error_propagate(Error **dst, Error *src)
{
    if (!src) {
        return;
    }
    if (dst && !*dst) {
        *dst = src;
    } else {
        error_free(src);
    }
}

Error *error_copy(const Error *err)
{
    Error *copy = g_new0(Error, 1);

    copy->msg = g_strdup(err->msg);
    copy->hint = err->hint ? g_string_new(err->hint->str) : NULL;
    copy->qapi_error_class = err->qapi_error_class;
    copy->os_errno = err->os_errno;
    return copy;
}

const char *error_get_pretty(const Error *err)
{
    return err->msg;
}

int error_get_class(const Error *err)
{
    return err->qapi_error_class;
}

const char *error_get_hint(const Error *err)
{
    return err->hint ? err->hint->str : NULL;
}

int error_get_errno(const Error *err)
{
    return err->os_errno;
}

void error_free(Error *err)
{
    if (err) {
        g_free(err->msg);
        if (err->hint) {
            g_string_free(err->hint, TRUE);
        }
        g_free(err);
    }
}

static const char *error_program_name(void)
{
    return g_get_prgname() ? g_get_prgname() : "lighter";
}

void error_report_err(Error *err)
{
    fprintf(stderr, "%s: %s\n", error_program_name(), err->msg);
    if (err->hint) {
        bool ended = g_str_has_suffix(err->hint->str, "\n");

        fprintf(stderr, "%s%s", err->hint->str, ended ? "" : "\n");
    }
    error_free(err);
}

static void G_GNUC_PRINTF(2, 0)
    error_vreport(const char *prefix, const char *fmt, va_list ap)
{
    g_autofree char *msg = g_strdup_vprintf(fmt, ap);

    fprintf(stderr, "%s: %s%s\n", error_program_name(), prefix, msg);
}

void error_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_vreport("", fmt, ap);
    va_end(ap);
}

void warn_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_vreport("warning: ", fmt, ap);
    va_end(ap);
}

#ifdef QEMU_TSAN_H
const char *__tsan_default_suppressions(void)
{
    return TSAN_SUPPRESSIONS;
}
#endif
