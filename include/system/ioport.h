/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 64 KiB of x86 I/O ports. */
#ifndef SYSTEM_IOPORT_H
#define SYSTEM_IOPORT_H

#include "system/vm.h"

typedef struct IOPortMap IOPortMap;

typedef struct IOPortOps {
    /* What people see in a list of the ports; NULL: nothing in particular. */
    const char *name;
    /* @port is absolute; @size_bytes 1, 2 or 4; BQL held. */
    uint32_t (*read)(void *opaque, uint16_t port, unsigned size_bytes);
    void (*write)(void *opaque, uint16_t port, uint32_t value,
                  unsigned size_bytes);
    /*
     * Largest access the device takes, 1, 2 or 4; wider ones are split.
     * 0 means 1.
     */
    unsigned max_access_bytes;
} IOPortOps;

/* Claims ports; fails if another device has one of them. Machine build. */
bool ioport_register(VM *vm, uint16_t first, unsigned count,
                     const IOPortOps *ops, void *opaque, Error **errp);

/*
 * The first region at *@port or above: where it starts, and how many ports
 * from there on are the same device's. Returns the IOPortOps' name, "device"
 * if it has none; NULL: no region. BQL.
 */
const char *ioport_next_region(VM *vm, unsigned *port, unsigned *count);

/*
 * One access by a vCPU or by qtest; takes the BQL by itself unless the
 * caller holds it. Unclaimed ports read as ones.
 */
uint32_t ioport_read(VM *vm, uint16_t port, unsigned size_bytes);
void ioport_write(VM *vm, uint16_t port, uint32_t value, unsigned size_bytes);

#endif
