/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server of the qtest protocol: a test program reads and writes guest
 * memory and ports and moves virtual time by lines of text.
 */
#ifndef SYSTEM_QTEST_H
#define SYSTEM_QTEST_H

#include "system/vm.h"

struct Chardev;

/*
 * Serves the protocol on @chr, which must live as long as the VM, until the
 * VM is freed. Requests and replies go to the file @log_path as well; NULL,
 * "none" and "/dev/null" are for no log. Main thread, BQL.
 */
bool qtest_server_add(VM *vm, struct Chardev *chr, const char *log_path,
                      Error **errp);

#endif
