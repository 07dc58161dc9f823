/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option arguments of the form key=value,key.sub=value,list.0=value.
 */
#ifndef QAPI_KEYVAL_H
#define QAPI_KEYVAL_H

#include "qapi/error.h"

#include <json-c/json.h>

/* Longest key, and longest @params in bytes. */
#define KEYVAL_MAX_KEY 127
#define KEYVAL_MAX_PARAMS (1024 * 1024)

/*
 * Parses @params into nested JSON objects and arrays whose leaves are
 * strings; feed it to qapi_parse_T() with QAPI_PARSE_KEYVAL.
 *
 * A comma in a value is written ",,". With @implied_key, a first element
 * without '=' is that key's value. A key given twice keeps the last value.
 * "a.b" is member b of object a; when all below "a" are numbers from 0 on,
 * "a" is an array. With @help, a bare "help" or "?" sets *@help (else it is
 * false) and is left out; without, it is an error like any bare word.
 *
 * Returns a new reference, NULL on error.
 */
struct json_object *keyval_parse(const char *params, const char *implied_key,
                                 bool *help, Error **errp);

#endif
