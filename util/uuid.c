/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UUID text. Any thread. */
#include "qemu/osdep.h"
#include "qemu/uuid.h"

static bool uuid_dash_at(size_t pos)
{
    return pos == 8 || pos == 13 || pos == 18 || pos == 23;
}

bool qemu_uuid_parse(const char *str, QemuUUID *uuid)
{
    size_t octet = 0;

    if (strlen(str) != UUID_STR_LEN - 1) {
        return false;
    }
    for (size_t i = 0; i < UUID_STR_LEN - 1;) {
        if (uuid_dash_at(i)) {
            if (str[i++] != '-') {
                return false;
            }
            continue;
        }
        if (!g_ascii_isxdigit(str[i]) || !g_ascii_isxdigit(str[i + 1])) {
            return false;
        }
        uuid->data[octet++] = (uint8_t)(g_ascii_xdigit_value(str[i]) << 4 |
                                        g_ascii_xdigit_value(str[i + 1]));
        i += 2;
    }
    return true;
}

void qemu_uuid_unparse(const QemuUUID *uuid, char out[UUID_STR_LEN])
{
    size_t pos = 0;

    for (size_t i = 0; i < sizeof(uuid->data); i++) {
        if (uuid_dash_at(pos)) {
            out[pos++] = '-';
        }
        g_snprintf(out + pos, 3, "%02x", uuid->data[i]);
        pos += 2;
    }
}

bool qemu_uuid_is_null(const QemuUUID *uuid)
{
    static const QemuUUID null_uuid;

    return memcmp(uuid, &null_uuid, sizeof(null_uuid)) == 0;
}
