/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request of the qtest protocol, apart from how it arrives. BQL. */
#ifndef SYSTEM_QTEST_INTERNAL_H
#define SYSTEM_QTEST_INTERNAL_H

#include "system/vm.h"

/* Most octets that one request may read or write. */
#define QTEST_MAX_DATA_BYTES (16 * MiB)
/* Hexadecimal data, a command, an address and a size. */
#define QTEST_MAX_LINE_BYTES (2 * QTEST_MAX_DATA_BYTES + 256)

/*
 * Executes @line, which is ended by a zero and gets written to, and appends
 * the reply with its newline to @out.
 */
void qtest_execute(VM *vm, char *line, GString *out);

#endif
