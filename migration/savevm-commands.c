/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands: records by which the source steers the destination. One table
 * says which there are, how long they are and what they do.
 *
 * Migration thread (send) and loading thread (load).
 */
#include "qemu/osdep.h"

#include "migration/savevm-registry.h"

#define LENGTH_VARIES (-1)

typedef struct CommandType {
    const char *name;
    int length_bytes;
    /* Loading thread. NULL: refused by name. */
    bool (*load)(MigrationIncomingState *mis, QEMUFile *f, Error **errp);
} CommandType;

static void send_command(QEMUFile *f, StreamCommandNumber command,
                         uint16_t length_bytes)
{
    qemu_put_byte(f, QEMU_VM_COMMAND);
    qemu_put_be16(f, command);
    qemu_put_be16(f, length_bytes);
}

void savevm_send_open_return_path(QEMUFile *f)
{
    send_command(f, MIG_CMD_OPEN_RETURN_PATH, 0);
}

void savevm_send_ping(QEMUFile *f, uint32_t value)
{
    send_command(f, MIG_CMD_PING, 4);
    qemu_put_be32(f, value);
}

void savevm_send_switchover_start(QEMUFile *f)
{
    send_command(f, MIG_CMD_SWITCHOVER_START, 0);
}

bool loadvm_answers(MigrationIncomingState *mis)
{
    bool open;

    g_mutex_lock(&mis->rp_mutex);
    open = mis->to_src != NULL;
    g_mutex_unlock(&mis->rp_mutex);
    return open;
}

static bool load_open_return_path(MigrationIncomingState *mis, QEMUFile *f,
                                  Error **errp)
{
    /* Asked for again: it stays open. */
    return loadvm_answers(mis) ||
           migration_incoming_open_return_path(mis, errp);
}

static bool load_ping(MigrationIncomingState *mis, QEMUFile *f, Error **errp)
{
    uint32_t value = qemu_get_be32(f);

    if (!qemu_file_ok(f, errp)) {
        return false;
    }
    if (!loadvm_answers(mis)) {
        error_setg(errp, "PING %" PRIu32 " came before "
                   "OPEN_RETURN_PATH", value);
        return false;
    }
    return migration_incoming_send_pong(mis, value, errp);
}

static bool load_switchover_start(MigrationIncomingState *mis, QEMUFile *f,
                                  Error **errp)
{
    return true;
}

static const CommandType commands[MIG_CMD__MAX] = {
    [MIG_CMD_OPEN_RETURN_PATH] = {
        "OPEN_RETURN_PATH", 0, load_open_return_path,
    },
    [MIG_CMD_PING] = { "PING", 4, load_ping },
    [MIG_CMD_POSTCOPY_ADVISE] = { "POSTCOPY_ADVISE", LENGTH_VARIES, NULL },
    [MIG_CMD_POSTCOPY_LISTEN] = { "POSTCOPY_LISTEN", 0, NULL },
    [MIG_CMD_POSTCOPY_RUN] = { "POSTCOPY_RUN", 0, NULL },
    [MIG_CMD_POSTCOPY_RAM_DISCARD] = {
        "POSTCOPY_RAM_DISCARD", LENGTH_VARIES, NULL,
    },
    [MIG_CMD_PACKAGED] = { "PACKAGED", 4, NULL },
    [MIG_CMD_ENABLE_COLO] = { "ENABLE_COLO", 0, NULL },
    [MIG_CMD_POSTCOPY_RESUME] = { "POSTCOPY_RESUME", 0, NULL },
    [MIG_CMD_RECV_BITMAP] = { "RECV_BITMAP", LENGTH_VARIES, NULL },
    [MIG_CMD_SWITCHOVER_START] = {
        "SWITCHOVER_START", 0, load_switchover_start,
    },
};

bool loadvm_command(MigrationIncomingState *mis, QEMUFile *f, Error **errp)
{
    uint16_t number = qemu_get_be16(f);
    uint16_t length_bytes = qemu_get_be16(f);
    const CommandType *type;

    if (!qemu_file_ok(f, errp)) {
        return false;
    }
    if (number >= MIG_CMD__MAX || !commands[number].name) {
        error_setg(errp, "command %u is unknown here", number);
        return false;
    }
    type = &commands[number];
    if (type->length_bytes != LENGTH_VARIES &&
        type->length_bytes != length_bytes) {
        error_setg(errp, "command %s has length %u, must be %d",
                   type->name, length_bytes, type->length_bytes);
        return false;
    }
    if (!type->load) {
        error_setg(errp, "command %s is not supported here; "
                   "turn off the source's capability that sends it",
                   type->name);
        return false;
    }
    return type->load(mis, f, errp);
}
