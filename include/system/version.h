/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our version (LIGHTER_VERSION, from the file VERSION) and the release of
 * QEMU whose interfaces we speak: what query-version reports, because
 * clients choose commands by it.
 */
#ifndef SYSTEM_VERSION_H
#define SYSTEM_VERSION_H

#define QEMU_COMPAT_MAJOR 10
#define QEMU_COMPAT_MINOR 0
#define QEMU_COMPAT_MICRO 2
#define QEMU_COMPAT_VERSION "10.0.2"

#endif
