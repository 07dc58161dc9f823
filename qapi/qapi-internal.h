/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the runtime's parts: raw access to C variables by descriptor.
 */
#ifndef QAPI_INTERNAL_H
#define QAPI_INTERNAL_H

#include "qapi/type.h"

/* The low @size bytes of @bits into the integer or enum at @var. */
void qapi_store_integer(void *var, unsigned size, uint64_t bits);

/* The integer of @size bytes at @var, sign-extended if @is_signed. */
uint64_t qapi_load_integer(const void *var, unsigned size, bool is_signed);

/* Type of the branch that the union at @obj has; NULL if it is empty. */
const QapiType *qapi_union_branch(const QapiType *type, const char *obj);

#endif
