/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that a reset puts (back) into guest memory: kernels, initrds,
 * firmware, boot sectors. BQL.
 */
#ifndef HW_CORE_LOADER_H
#define HW_CORE_LOADER_H

#include "system/vm.h"

typedef struct RomList RomList;

RomList *rom_list_new(void);
void rom_list_free(RomList *list);

/*
 * Keeps a copy of @data for guest-physical @gpa. Fails, naming both images,
 * if it overlaps one that is there already or nothing is mapped there.
 */
bool rom_add_blob(VM *vm, const char *name, uint64_t gpa, const void *data,
                  size_t len_bytes, Error **errp);

/*
 * Writes all images, ROM included. Nothing while the VM waits for an
 * incoming migration: what is not sent must stay untouched zeros there.
 */
void rom_list_write(VM *vm);

/* How many images there are. */
size_t rom_list_count(VM *vm);

/*
 * Reads a whole file of at most @max_bytes; *@data is freed with g_free().
 * The error names @what ("kernel") and the file.
 */
bool loader_read_file(const char *what, const char *path, size_t max_bytes,
                      uint8_t **data, size_t *len_bytes, Error **errp);

#endif
