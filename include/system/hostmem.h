/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory-backend-ram, -file and -memfd: host memory that a machine can use
 * as RAM. Created with -object or object-add, mapped at creation.
 */
#ifndef SYSTEM_HOSTMEM_H
#define SYSTEM_HOSTMEM_H

#include "qom/object.h"
#include "system/memory.h"

extern const ObjectClass memory_backend_class;
extern const ObjectClass memory_backend_ram_class;
extern const ObjectClass memory_backend_file_class;
extern const ObjectClass memory_backend_memfd_class;

/*
 * Makes the backend's memory a RAM block of @vm named after @block_id (the
 * backend's id if NULL). A backend serves one machine. Machine build, BQL.
 */
RAMBlock *memory_backend_take(Object *backend, const char *block_id,
                              Error **errp);

uint64_t memory_backend_size_bytes(const Object *backend);

#endif
