/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware configuration device: selector 0x510, data 0x511, DMA 0x514.
 * Layout: QEMU's docs/specs/fw_cfg.rst. Section `fw_cfg` v2. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"
#include "hw/nvram/fw_cfg.h"
#include "qemu/cutils.h"
#include "system/ioport.h"
#include "system/memory.h"

#define FW_CFG_PORT 0x510
#define FW_CFG_DMA_PORT 0x514
#define FW_CFG_INVALID 0xffff
#define FW_CFG_DMA_SIGNATURE 0x51454d5520434647ULL /* "QEMU CFG" */
#define FW_CFG_DMA_ERROR 0x01
#define FW_CFG_DMA_READ 0x02
#define FW_CFG_DMA_SKIP 0x04
#define FW_CFG_DMA_SELECT 0x08
#define FW_CFG_DMA_WRITE 0x10
#define FW_CFG_DIR_ENTRY_BYTES 64

typedef struct FwCfgItem {
    uint8_t *data;
    uint32_t len_bytes;
    RAMBlock *block; /* what data belongs to; NULL: it is the item's own */
} FwCfgItem;

struct FwCfg {
    DeviceState dev;
    FwCfgItem items[FW_CFG_ITEMS];
    unsigned files;
    char names[FW_CFG_FILE_SLOTS][FW_CFG_FILE_NAME_BYTES];
    uint16_t cur_entry;
    uint32_t cur_offset;
    uint64_t dma_addr;
    FwCfgItem *blobs[FW_CFG_BLOBS];    /* NULL: no such file */
    uint64_t blob_bytes[FW_CFG_BLOBS]; /* only while saved or loaded */
};

FwCfg *fw_cfg_from_device(DeviceState *dev)
{
    return container_of(dev, FwCfg, dev);
}

void fw_cfg_add_bytes(FwCfg *s, unsigned key, const void *data,
                      size_t len_bytes)
{
    FwCfgItem *item = &s->items[key];

    if (!item->block) {
        g_free(item->data);
    }
    item->block = NULL;
    item->data = g_malloc(len_bytes);
    memcpy(item->data, data, len_bytes);
    item->len_bytes = len_bytes;
}

void fw_cfg_add_i16(FwCfg *s, unsigned key, uint16_t value)
{
    uint8_t buf[2];

    stw_le_p(buf, value);
    fw_cfg_add_bytes(s, key, buf, sizeof(buf));
}

void fw_cfg_add_i64(FwCfg *s, unsigned key, uint64_t value)
{
    uint8_t buf[8];

    stq_le_p(buf, value);
    fw_cfg_add_bytes(s, key, buf, sizeof(buf));
}

/* be32 count, then per file be32 size, be16 key, be16 0, name. */
static void fw_cfg_build_directory(FwCfg *s)
{
    size_t len_bytes = 4 + s->files * FW_CFG_DIR_ENTRY_BYTES;
    g_autofree uint8_t *dir = g_malloc0(len_bytes);

    stl_be_p(dir, s->files);
    for (unsigned i = 0; i < s->files; i++) {
        uint8_t *entry = dir + 4 + i * FW_CFG_DIR_ENTRY_BYTES;

        stl_be_p(entry, s->items[FW_CFG_FILE_FIRST + i].len_bytes);
        stw_be_p(entry + 4, FW_CFG_FILE_FIRST + i);
        memcpy(entry + 8, s->names[i], FW_CFG_FILE_NAME_BYTES);
    }
    fw_cfg_add_bytes(s, FW_CFG_FILE_DIR, dir, len_bytes);
}

/* The item of the next file, whose contents are the caller's to set. */
static FwCfgItem *fw_cfg_new_file(FwCfg *s, const char *name, Error **errp)
{
    if (strlen(name) >= FW_CFG_FILE_NAME_BYTES) {
        error_setg(errp, "fw_cfg file name '%s' is longer than %d bytes",
                   name, FW_CFG_FILE_NAME_BYTES - 1);
        return NULL;
    }
    if (s->files == FW_CFG_FILE_SLOTS) {
        error_setg(errp, "fw_cfg has no slot left for file '%s'", name);
        return NULL;
    }
    strcpy(s->names[s->files], name);
    return &s->items[FW_CFG_FILE_FIRST + s->files++];
}

bool fw_cfg_add_file(FwCfg *s, const char *name, const void *data,
                     size_t len_bytes, Error **errp)
{
    FwCfgItem *item = fw_cfg_new_file(s, name, errp);

    if (!item) {
        return false;
    }
    fw_cfg_add_bytes(s, item - s->items, data, len_bytes);
    fw_cfg_build_directory(s);
    return true;
}

static const char *const fw_cfg_blob_names[FW_CFG_BLOBS] = {
    [FW_CFG_BLOB_TABLES] = "etc/acpi/tables",
    [FW_CFG_BLOB_LOADER] = "etc/table-loader",
    [FW_CFG_BLOB_RSDP] = "etc/acpi/rsdp",
};

const char *fw_cfg_blob_name(FwCfgBlob which)
{
    return fw_cfg_blob_names[which];
}

bool fw_cfg_add_blob(FwCfg *s, FwCfgBlob which, RAMBlock *block,
                     uint32_t len_bytes, Error **errp)
{
    FwCfgItem *item = fw_cfg_new_file(s, fw_cfg_blob_name(which), errp);

    if (!item) {
        return false;
    }
    *item = (FwCfgItem){ block->host, len_bytes, block };
    s->blobs[which] = item;
    fw_cfg_build_directory(s);
    return true;
}

/* Architecture-local keys have bit 15 set; there are none. */
static const FwCfgItem *fw_cfg_current(const FwCfg *s)
{
    return s->cur_entry < FW_CFG_ITEMS ? &s->items[s->cur_entry] : NULL;
}

static void fw_cfg_select(FwCfg *s, uint16_t key)
{
    s->cur_offset = 0;
    s->cur_entry = (key & 0x3fff) < FW_CFG_ITEMS && !(key & 0x8000)
                       ? key & 0x3fff
                       : FW_CFG_INVALID;
}

static void fw_cfg_write(void *opaque, uint16_t port, uint32_t value,
                         unsigned size_bytes)
{
    if (port == FW_CFG_PORT && size_bytes == 2) {
        fw_cfg_select(opaque, value);
    }
}

static uint32_t fw_cfg_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    FwCfg *s = opaque;
    const FwCfgItem *item = fw_cfg_current(s);
    uint32_t value = 0;

    if (port == FW_CFG_PORT && size_bytes != 1) {
        return 0;
    }
    if (item && s->cur_offset < item->len_bytes) {
        value = item->data[s->cur_offset++];
    }
    return value;
}

static const IOPortOps fw_cfg_ops = {
    .name = "fwcfg",
    .read = fw_cfg_read,
    .write = fw_cfg_write,
    .max_access_bytes = 2,
};

/* Copies out what the item has and zeros beyond its end. */
static bool fw_cfg_dma_read(FwCfg *s, uint64_t gpa, uint32_t len_bytes)
{
    static const uint8_t zeros[4096];
    const FwCfgItem *item = fw_cfg_current(s);
    VM *vm = s->dev.parent.vm;

    while (len_bytes) {
        const uint8_t *from = zeros;
        uint32_t n = MIN(len_bytes, sizeof(zeros));

        if (item && s->cur_offset < item->len_bytes) {
            from = item->data + s->cur_offset;
            n = MIN(len_bytes, item->len_bytes - s->cur_offset);
            s->cur_offset += n;
        }
        if (!memory_write(vm, gpa, from, n)) {
            return false;
        }
        gpa += n;
        len_bytes -= n;
    }
    return true;
}

/* be32 control, be32 length, be64 address; control is the answer. */
static void fw_cfg_dma(FwCfg *s)
{
    VM *vm = s->dev.parent.vm;
    uint64_t request_gpa = s->dma_addr;
    uint8_t request[16];
    uint8_t answer[4];
    uint32_t control;
    uint32_t len_bytes;
    bool ok = true;

    s->dma_addr = 0;
    if (!memory_read(vm, request_gpa, request, sizeof(request))) {
        stl_be_p(answer, FW_CFG_DMA_ERROR);
        memory_write(vm, request_gpa, answer, sizeof(answer));
        return;
    }
    control = ldl_be_p(request);
    len_bytes = ldl_be_p(request + 4);
    if (control & FW_CFG_DMA_SELECT) {
        fw_cfg_select(s, control >> 16);
    }
    if (control & FW_CFG_DMA_READ) {
        ok = fw_cfg_dma_read(s, ldq_be_p(request + 8), len_bytes);
    } else if (control & FW_CFG_DMA_WRITE) {
        ok = false; /* no item can be written */
    } else if (control & FW_CFG_DMA_SKIP) {
        s->cur_offset = MIN((uint64_t)s->cur_offset + len_bytes, UINT32_MAX);
    }
    stl_be_p(answer, ok ? 0 : FW_CFG_DMA_ERROR);
    memory_write(vm, request_gpa, answer, sizeof(answer));
}

static void fw_cfg_dma_write(void *opaque, uint16_t port, uint32_t value,
                             unsigned size_bytes)
{
    FwCfg *s = opaque;

    if (size_bytes != 4) {
        return;
    }
    value = GUINT32_SWAP_LE_BE(value);
    if (port == FW_CFG_DMA_PORT) {
        s->dma_addr = (uint64_t)value << 32;
    } else if (port == FW_CFG_DMA_PORT + 4) {
        s->dma_addr |= value;
        fw_cfg_dma(s);
    }
}

static uint32_t fw_cfg_dma_read_port(void *opaque, uint16_t port,
                                     unsigned size_bytes)
{
    unsigned at = port - FW_CFG_DMA_PORT;
    uint32_t value = 0;
    uint8_t buf[8];

    stq_be_p(buf, FW_CFG_DMA_SIGNATURE);
    for (unsigned i = 0; i < size_bytes && at + i < sizeof(buf); i++) {
        value |= (uint32_t)buf[at + i] << (8 * i);
    }
    return value;
}

static const IOPortOps fw_cfg_dma_ops = {
    .name = "fwcfg.dma",
    .read = fw_cfg_dma_read_port,
    .write = fw_cfg_dma_write,
    .max_access_bytes = 4,
};

static bool fw_cfg_realize(DeviceState *dev, Error **errp)
{
    static const uint8_t id[4] = { 3 }; /* ports and DMA */
    FwCfg *s = container_of(dev, FwCfg, dev);
    VM *vm = dev->parent.vm;

    fw_cfg_add_bytes(s, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_bytes(s, FW_CFG_ID, id, sizeof(id));
    fw_cfg_add_bytes(s, FW_CFG_UUID, vm->uuid.data, sizeof(vm->uuid.data));
    fw_cfg_add_i64(s, FW_CFG_RAM_SIZE, vm->ram_size_bytes);
    fw_cfg_add_i16(s, FW_CFG_NB_CPUS, vm->smp_cpus);
    fw_cfg_add_i16(s, FW_CFG_MAX_CPUS, vm->smp_cpus);
    fw_cfg_build_directory(s);
    return ioport_register(vm, FW_CFG_PORT, 2, &fw_cfg_ops, s, errp) &&
           ioport_register(vm, FW_CFG_DMA_PORT, 8, &fw_cfg_dma_ops, s, errp);
}

static void fw_cfg_unrealize(DeviceState *dev)
{
    FwCfg *s = container_of(dev, FwCfg, dev);

    for (unsigned i = 0; i < FW_CFG_ITEMS; i++) {
        if (!s->items[i].block) {
            g_clear_pointer(&s->items[i].data, g_free);
        }
    }
}

static void fw_cfg_reset(DeviceState *dev)
{
    FwCfg *s = container_of(dev, FwCfg, dev);

    s->dma_addr = 0;
    fw_cfg_select(s, FW_CFG_SIGNATURE);
}

static bool fw_cfg_is_version_1(void *opaque, int version_id)
{
    return version_id == 1;
}

static bool fw_cfg_is_version_2(void *opaque, int version_id)
{
    return version_id >= 2;
}

/* Version 1 had 16 bits: they are the low ones of a zeroed field. */
static bool fw_cfg_pre_load(void *opaque, Error **errp)
{
    FwCfg *s = opaque;

    s->cur_offset = 0;
    s->dma_addr = 0;
    return true;
}

static const VMStateDescription vmstate_fw_cfg_dma = {
    .name = "fw_cfg/dma",
    .fields = (const VMStateField[]){
        VMSTATE_UINT64(dma_addr, FwCfg),
        VMSTATE_END_OF_LIST(),
    },
};

/* --- Lengths of the ACPI files, which may differ between builds ---------- */

static bool fw_cfg_acpi_needed(void *opaque)
{
    FwCfg *s = opaque;

    return s->blobs[FW_CFG_BLOB_TABLES] != NULL;
}

static bool fw_cfg_acpi_pre_save(void *opaque, Error **errp)
{
    FwCfg *s = opaque;

    for (unsigned i = 0; i < FW_CFG_BLOBS; i++) {
        s->blob_bytes[i] = s->blobs[i] ? s->blobs[i]->len_bytes : 0;
    }
    return true;
}

static bool fw_cfg_acpi_post_load(void *opaque, int version_id, Error **errp)
{
    FwCfg *s = opaque;

    for (unsigned i = 0; i < FW_CFG_BLOBS; i++) {
        uint64_t size_bytes = s->blob_bytes[i];
        FwCfgItem *item = s->blobs[i];

        if (!item && size_bytes) {
            error_setg(errp, "the source has the file '%s', this machine "
                       "does not; use acpi=on on both sides",
                       fw_cfg_blob_name(i));
            return false;
        }
        if (item && size_bytes > item->block->used_bytes) {
            error_setg(errp, "file '%s' has 0x%" PRIx64 " octets, its block "
                       "'%s' only 0x%" PRIx64, fw_cfg_blob_name(i),
                       size_bytes, item->block->id, item->block->used_bytes);
            return false;
        }
    }
    for (unsigned i = 0; i < FW_CFG_BLOBS; i++) {
        if (s->blobs[i]) {
            s->blobs[i]->len_bytes = s->blob_bytes[i];
        }
    }
    fw_cfg_build_directory(s);
    return true;
}

#define FW_CFG_SIZE(_name, _blob)                                              \
    {                                                                          \
        .name = (_name),                                                       \
        .offset = offsetof(FwCfg, blob_bytes[_blob]),                          \
        .size = sizeof(uint64_t),                                              \
        .info = &vmstate_info_uint64,                                          \
    }

static const VMStateDescription vmstate_fw_cfg_acpi_mr = {
    .name = "fw_cfg/acpi_mr",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = fw_cfg_acpi_needed,
    .pre_save = fw_cfg_acpi_pre_save,
    .post_load = fw_cfg_acpi_post_load,
    .fields = (const VMStateField[]){
        FW_CFG_SIZE("table_mr_size", FW_CFG_BLOB_TABLES),
        FW_CFG_SIZE("linker_mr_size", FW_CFG_BLOB_LOADER),
        FW_CFG_SIZE("rsdp_mr_size", FW_CFG_BLOB_RSDP),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription *const fw_cfg_subsections[] = {
    &vmstate_fw_cfg_dma,
    &vmstate_fw_cfg_acpi_mr,
    NULL,
};

static const VMStateDescription vmstate_fw_cfg = {
    .name = "fw_cfg",
    .version_id = 2,
    .minimum_version_id = 1,
    .pre_load = fw_cfg_pre_load,
    .fields = (const VMStateField[]){
        VMSTATE_UINT16(cur_entry, FwCfg),
        {
            .name = "cur_offset",
            .offset = offsetof(FwCfg, cur_offset),
            .size = sizeof(uint16_t),
            .info = &vmstate_info_uint16,
            .field_exists = fw_cfg_is_version_1,
        },
        {
            .name = "cur_offset",
            .offset = offsetof(FwCfg, cur_offset),
            .size = sizeof(uint32_t),
            .version_id = 2,
            .info = &vmstate_info_uint32,
            .field_exists = fw_cfg_is_version_2,
        },
        VMSTATE_END_OF_LIST(),
    },
    .subsections = fw_cfg_subsections,
};

const DeviceClass fw_cfg_class = {
    .parent = {
        .name = "fw_cfg_io",
        .parent = &device_class,
        .instance_size = sizeof(FwCfg),
        .description = "firmware configuration",
    },
    .realize = fw_cfg_realize,
    .unrealize = fw_cfg_unrealize,
    .reset = fw_cfg_reset,
    .vmsd = &vmstate_fw_cfg,
};
