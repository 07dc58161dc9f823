/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What firmware asks the machine: numbered items and named files. BQL. */
#ifndef HW_NVRAM_FW_CFG_H
#define HW_NVRAM_FW_CFG_H

#include "hw/core/device.h"
#include "system/memory.h"

#define FW_CFG_SIGNATURE 0x00
#define FW_CFG_ID 0x01
#define FW_CFG_UUID 0x02
#define FW_CFG_RAM_SIZE 0x03
#define FW_CFG_NB_CPUS 0x05
#define FW_CFG_MAX_CPUS 0x0f
#define FW_CFG_FILE_DIR 0x19
#define FW_CFG_FILE_FIRST 0x20
#define FW_CFG_FILE_SLOTS 32
#define FW_CFG_ITEMS (FW_CFG_FILE_FIRST + FW_CFG_FILE_SLOTS)
#define FW_CFG_FILE_NAME_BYTES 56

typedef struct FwCfg FwCfg;

FwCfg *fw_cfg_from_device(DeviceState *dev);

/* Replaces item @key by a copy of @data. Machine build. */
void fw_cfg_add_bytes(FwCfg *s, unsigned key, const void *data,
                      size_t len_bytes);
/* Little-endian numbers. */
void fw_cfg_add_i16(FwCfg *s, unsigned key, uint16_t value);
void fw_cfg_add_i64(FwCfg *s, unsigned key, uint64_t value);

/* A file; fails if the name is too long or all slots are taken. */
bool fw_cfg_add_file(FwCfg *s, const char *name, const void *data,
                     size_t len_bytes, Error **errp);

/* The files that ACPI firmware reads; they live in blocks of guest RAM. */
typedef enum FwCfgBlob {
    FW_CFG_BLOB_TABLES,
    FW_CFG_BLOB_LOADER,
    FW_CFG_BLOB_RSDP,
    FW_CFG_BLOBS,
} FwCfgBlob;

const char *fw_cfg_blob_name(FwCfgBlob which);

/*
 * The first @len_bytes of @block as a file; its length migrates with the
 * device (subsection `fw_cfg/acpi_mr`). Machine build.
 */
bool fw_cfg_add_blob(FwCfg *s, FwCfgBlob which, RAMBlock *block,
                     uint32_t len_bytes, Error **errp);

#endif
