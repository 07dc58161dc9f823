/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UUIDs in RFC 4122 octet order, as the stream carries them. */
#ifndef QEMU_UUID_H
#define QEMU_UUID_H

#define UUID_STR_LEN 37

typedef struct QemuUUID {
    uint8_t data[16];
} QemuUUID;

/* Parses 8-4-4-4-12 hexadecimal digits; false if @str is anything else. */
bool qemu_uuid_parse(const char *str, QemuUUID *uuid);

void qemu_uuid_unparse(const QemuUUID *uuid, char out[UUID_STR_LEN]);

bool qemu_uuid_is_null(const QemuUUID *uuid);

#endif
