/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables of `microvm`: DSDT, FADT (hardware-reduced), MADT and XSDT per
 * ACPI 6.4 chapter 5, and the script by which firmware loads them (QEMU's
 * table-loader commands). Names and sizes of the blocks are those of QEMU
 * 10.0's microvm. BQL, machine build.
 */
#include "qemu/osdep.h"
#include "hw/acpi/aml.h"
#include "hw/acpi/ged.h"
#include "hw/i386/acpi-microvm.h"
#include "qemu/cutils.h"
#include "system/memory.h"

#define FILE_TABLES "etc/acpi/tables"
#define FILE_RSDP "etc/acpi/rsdp"
#define FILE_LOADER "etc/table-loader"
#define TABLES_MAX_BYTES (2 * MiB)
#define LOADER_MAX_BYTES (64 * KiB)
#define RSDP_MAX_BYTES (4 * KiB)

/* Commands of the loader. */
#define LOADER_ENTRY_BYTES 128
#define LOADER_NAME_BYTES 56
enum { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER, LOADER_ADD_CHECKSUM };
enum { LOADER_ZONE_HIGH = 1, LOADER_ZONE_FSEG };

/* In a table's header. */
#define TABLE_HEADER_BYTES 36
#define TABLE_LENGTH 4
#define TABLE_CHECKSUM 9

#define FADT_BYTES 268
#define FADT_DSDT 40
#define FADT_FLAGS 112
#define FADT_RESET_REG 116
#define FADT_RESET_VALUE 128
#define FADT_X_DSDT 140
#define FADT_SLEEP_CONTROL 244
#define FADT_SLEEP_STATUS 256
#define FADT_FLAG_RESET_REG BIT(10)
#define FADT_FLAG_HW_REDUCED BIT(20)

#define RSDP_BYTES 36

typedef struct ACPIBuild {
    GByteArray *tables;
    GByteArray *rsdp;
    GByteArray *loader;
} ACPIBuild;

/* --- The loader's script ----------------------------------------------------- */

static void put_file_name(GByteArray *out, const char *name)
{
    char field[LOADER_NAME_BYTES] = { 0 };

    g_strlcpy(field, name, sizeof(field));
    g_byte_array_append(out, (uint8_t *)field, sizeof(field));
}

/* Pads the command that began at @start. */
static void loader_end_entry(ACPIBuild *b, unsigned start)
{
    while (b->loader->len < start + LOADER_ENTRY_BYTES) {
        aml_put(b->loader, 0, 1);
    }
}

static void loader_allocate(ACPIBuild *b, const char *name, uint32_t align,
                            uint8_t zone)
{
    unsigned start = b->loader->len;

    aml_put(b->loader, LOADER_ALLOCATE, 4);
    put_file_name(b->loader, name);
    aml_put(b->loader, align, 4);
    aml_put(b->loader, zone, 1);
    loader_end_entry(b, start);
}

/* Octets at @offset of @name become a pointer into the tables. */
static void loader_add_pointer(ACPIBuild *b, const char *name,
                               uint32_t offset, uint8_t size_bytes)
{
    unsigned start = b->loader->len;

    aml_put(b->loader, LOADER_ADD_POINTER, 4);
    put_file_name(b->loader, name);
    put_file_name(b->loader, FILE_TABLES);
    aml_put(b->loader, offset, 4);
    aml_put(b->loader, size_bytes, 1);
    loader_end_entry(b, start);
}

/* The octet at @at makes those from @first on sum up to zero. */
static void loader_add_checksum(ACPIBuild *b, const char *name, uint32_t at,
                                uint32_t first, uint32_t len_bytes)
{
    unsigned start = b->loader->len;

    aml_put(b->loader, LOADER_ADD_CHECKSUM, 4);
    put_file_name(b->loader, name);
    aml_put(b->loader, at, 4);
    aml_put(b->loader, first, 4);
    aml_put(b->loader, len_bytes, 4);
    loader_end_entry(b, start);
}

/* --- Tables ------------------------------------------------------------------ */

static unsigned table_begin(ACPIBuild *b, const char *signature,
                            uint8_t revision)
{
    unsigned start = b->tables->len;

    g_byte_array_append(b->tables, (const uint8_t *)signature, 4);
    aml_put(b->tables, 0, 4); /* length */
    aml_put(b->tables, revision, 1);
    aml_put(b->tables, 0, 1); /* checksum */
    g_byte_array_append(b->tables, (const uint8_t *)"LIGHTRMICROVM ", 14);
    aml_put(b->tables, 1, 4);
    g_byte_array_append(b->tables, (const uint8_t *)"LGTR", 4);
    aml_put(b->tables, 1, 4);
    return start;
}

static void table_end(ACPIBuild *b, unsigned start)
{
    uint32_t len_bytes = b->tables->len - start;

    stl_le_p(b->tables->data + start + TABLE_LENGTH, len_bytes);
    loader_add_checksum(b, FILE_TABLES, start + TABLE_CHECKSUM, start,
                        len_bytes);
}

static void dsdt_add_device(GByteArray *out, const char *name,
                            const char *eisa_id, GByteArray *resources)
{
    AMLBlock dev = aml_begin(out, AML_DEVICE, name);

    aml_put_name(dev.body, "_HID");
    aml_put_eisa_id(dev.body, eisa_id);
    if (resources) {
        aml_put_crs(dev.body, resources);
    }
    aml_end(&dev);
}

static void dsdt_add_fw_cfg(GByteArray *out)
{
    AMLBlock dev = aml_begin(out, AML_DEVICE, "FWCF");
    GByteArray *resources = g_byte_array_new();

    aml_put_name(dev.body, "_HID");
    aml_put_string(dev.body, "QEMU0002");
    aml_put_name(dev.body, "_STA");
    aml_put_integer(dev.body, 0xb); /* there, works, not shown */
    aml_res_io(resources, 0x510, 12);
    aml_put_crs(dev.body, resources);
    aml_end(&dev);
}

/* Local0 = the events; if it was the button, Notify(PWRB, 0x80). */
static void dsdt_add_event_method(GByteArray *out)
{
    static const uint8_t store[] = { 0x70, 'E', 'S', 'E', 'L', 0x60 };
    static const uint8_t button[] = { 0x7b, 0x60, 0x0a,
                                      ACPI_GED_POWER_BUTTON, 0x00 };
    static const uint8_t notify[] = { 0x86, 'P', 'W', 'R', 'B', 0x0a, 0x80 };
    AMLBlock method = aml_begin(out, AML_METHOD, "_EVT");
    AMLBlock cond;

    aml_put(method.body, 0x09, 1); /* one argument, serialized */
    g_byte_array_append(method.body, store, sizeof(store));
    cond = aml_begin(method.body, AML_IF, NULL);
    g_byte_array_append(cond.body, button, sizeof(button));
    g_byte_array_append(cond.body, notify, sizeof(notify));
    aml_end(&cond);
    aml_end(&method);
}

static void dsdt_add_ged(GByteArray *out)
{
    static const uint8_t region[] = { 0x5b, 0x80, 'E', 'R', 'E', 'G', 0 };
    AMLBlock dev = aml_begin(out, AML_DEVICE, "GED_");
    GByteArray *resources = g_byte_array_new();
    AMLBlock field;

    aml_put_name(dev.body, "_HID");
    aml_put_string(dev.body, "ACPI0013");
    aml_put_name(dev.body, "_UID");
    aml_put_string(dev.body, "GED");
    aml_res_gsi(resources, MICROVM_GED_GSI);
    aml_put_crs(dev.body, resources);
    g_byte_array_append(dev.body, region, sizeof(region));
    aml_put_integer(dev.body, ACPI_GED_BASE);
    aml_put_integer(dev.body, 4);
    field = aml_begin(dev.body, AML_FIELD, "EREG");
    aml_put(field.body, 0x43, 1); /* 32 bits at once */
    g_byte_array_append(field.body, (const uint8_t *)"ESEL", 4);
    aml_put(field.body, 32, 1);
    aml_end(&field);
    dsdt_add_event_method(dev.body);
    aml_end(&dev);
}

static void add_dsdt(ACPIBuild *b, const MicrovmACPI *what)
{
    unsigned start = table_begin(b, "DSDT", 2);
    AMLBlock scope = aml_begin(b->tables, AML_SCOPE, "_SB_");
    AMLBlock package;
    GByteArray *resources;

    dsdt_add_fw_cfg(scope.body);
    if (what->serial) {
        resources = g_byte_array_new();
        aml_res_io(resources, 0x3f8, 8);
        aml_res_irq(resources, 4);
        dsdt_add_device(scope.body, "COM1", "PNP0501", resources);
    }
    if (what->rtc) {
        resources = g_byte_array_new();
        aml_res_io(resources, 0x70, 8);
        aml_res_irq(resources, 8);
        dsdt_add_device(scope.body, "RTC_", "PNP0B00", resources);
    }
    dsdt_add_device(scope.body, "PWRB", "PNP0C0C", NULL);
    dsdt_add_ged(scope.body);
    aml_end(&scope);
    aml_put_name(b->tables, "_S5_");
    package = aml_begin(b->tables, AML_PACKAGE, NULL);
    aml_put(package.body, 4, 1);
    aml_put_integer(package.body, ACPI_GED_SLEEP_TYPE_S5);
    aml_put(package.body, 0, 3);
    aml_end(&package);
    table_end(b, start);
}

/* A generic address: an octet in memory. */
static void put_register(uint8_t *at, uint64_t gpa)
{
    at[0] = 0; /* memory */
    at[1] = 8; /* bits */
    stq_le_p(at + 4, gpa);
}

static void add_fadt(ACPIBuild *b, uint32_t dsdt)
{
    unsigned start = table_begin(b, "FACP", 5);
    uint8_t *fadt;

    g_byte_array_set_size(b->tables, start + FADT_BYTES);
    fadt = b->tables->data + start;
    memset(fadt + TABLE_HEADER_BYTES, 0, FADT_BYTES - TABLE_HEADER_BYTES);
    stl_le_p(fadt + FADT_DSDT, dsdt);
    stl_le_p(fadt + FADT_FLAGS, FADT_FLAG_RESET_REG | FADT_FLAG_HW_REDUCED);
    put_register(fadt + FADT_RESET_REG, ACPI_GED_REGS + ACPI_GED_RESET);
    fadt[FADT_RESET_VALUE] = ACPI_GED_RESET_VALUE;
    stq_le_p(fadt + FADT_X_DSDT, dsdt);
    put_register(fadt + FADT_SLEEP_CONTROL,
                 ACPI_GED_REGS + ACPI_GED_SLEEP_CONTROL);
    put_register(fadt + FADT_SLEEP_STATUS,
                 ACPI_GED_REGS + ACPI_GED_SLEEP_STATUS);
    loader_add_pointer(b, FILE_TABLES, start + FADT_DSDT, 4);
    loader_add_pointer(b, FILE_TABLES, start + FADT_X_DSDT, 8);
    table_end(b, start);
}

static void madt_add_ioapic(GByteArray *out, uint8_t id, uint32_t gpa,
                            uint32_t first_gsi)
{
    aml_put(out, 1, 1);
    aml_put(out, 12, 1);
    aml_put(out, id, 2);
    aml_put(out, gpa, 4);
    aml_put(out, first_gsi, 4);
}

static void add_madt(ACPIBuild *b, const MicrovmACPI *what)
{
    unsigned start = table_begin(b, "APIC", 3);

    aml_put(b->tables, 0xfee00000, 4);
    aml_put(b->tables, 1, 4); /* there are 8259s as well */
    for (unsigned i = 0; i < what->cpus; i++) {
        aml_put(b->tables, 0, 1); /* local APIC */
        aml_put(b->tables, 8, 1);
        aml_put(b->tables, i, 1);
        aml_put(b->tables, i, 1);
        aml_put(b->tables, 1, 4); /* enabled */
    }
    madt_add_ioapic(b->tables, 0, MICROVM_IOAPIC_BASE, 0);
    if (what->ioapic2) {
        madt_add_ioapic(b->tables, 1, MICROVM_IOAPIC2_BASE,
                        MACHINE_GSI_COUNT);
    }
    aml_put(b->tables, 2, 1); /* ISA line 0 comes in at input 2 */
    aml_put(b->tables, 10, 1);
    aml_put(b->tables, 0, 2);
    aml_put(b->tables, 2, 4);
    aml_put(b->tables, 0, 2);
    aml_put(b->tables, 4, 1); /* NMI: LINT1 of every CPU */
    aml_put(b->tables, 6, 1);
    aml_put(b->tables, 0xff, 1);
    aml_put(b->tables, 0, 2);
    aml_put(b->tables, 1, 1);
    table_end(b, start);
}

static void add_xsdt(ACPIBuild *b, const uint32_t *tables, unsigned count)
{
    unsigned start = table_begin(b, "XSDT", 1);

    for (unsigned i = 0; i < count; i++) {
        loader_add_pointer(b, FILE_TABLES, b->tables->len, 8);
        aml_put(b->tables, tables[i], 8);
    }
    table_end(b, start);
}

static void add_rsdp(ACPIBuild *b, uint32_t xsdt)
{
    g_byte_array_append(b->rsdp, (const uint8_t *)"RSD PTR ", 8);
    aml_put(b->rsdp, 0, 1); /* checksum of the first 20 */
    g_byte_array_append(b->rsdp, (const uint8_t *)"LIGHTR", 6);
    aml_put(b->rsdp, 2, 1); /* revision */
    aml_put(b->rsdp, 0, 4); /* no RSDT */
    aml_put(b->rsdp, RSDP_BYTES, 4);
    aml_put(b->rsdp, xsdt, 8);
    aml_put(b->rsdp, 0, 4); /* checksum of all, three reserved */
    loader_add_checksum(b, FILE_RSDP, 8, 0, 20);
    loader_add_pointer(b, FILE_RSDP, 24, 8);
    loader_add_checksum(b, FILE_RSDP, 32, 0, RSDP_BYTES);
}

static void build_all(ACPIBuild *b, const MicrovmACPI *what)
{
    uint32_t tables[2];
    uint32_t dsdt, xsdt;

    loader_allocate(b, FILE_RSDP, 16, LOADER_ZONE_FSEG);
    loader_allocate(b, FILE_TABLES, 64, LOADER_ZONE_HIGH);
    dsdt = b->tables->len;
    add_dsdt(b, what);
    tables[0] = b->tables->len;
    add_fadt(b, dsdt);
    tables[1] = b->tables->len;
    add_madt(b, what);
    xsdt = b->tables->len;
    add_xsdt(b, tables, ARRAY_SIZE(tables));
    add_rsdp(b, xsdt);
}

/* --- Blocks and files ---------------------------------------------------------- */

static bool add_blob(Machine *machine, FwCfgBlob which, const GByteArray *data,
                     uint64_t max_bytes, Error **errp)
{
    VM *vm = machine->parent.vm;
    FwCfg *fw_cfg = x86_board(machine)->fw_cfg;
    g_autofree char *id = g_strdup_printf("/rom@%s", fw_cfg_blob_name(which));
    RAMBlock *block = ram_block_new_anon(vm, id, max_bytes, errp);

    if (!block) {
        return false;
    }
    block->resizable = true;
    block->rom = true;
    block->used_bytes = ROUND_UP(data->len, TARGET_PAGE_SIZE);
    memcpy(block->host, data->data, data->len);
    return fw_cfg_add_blob(fw_cfg, which, block, data->len, errp);
}

bool microvm_add_acpi(Machine *machine, const MicrovmACPI *what, Error **errp)
{
    ACPIBuild b = {
        .tables = g_byte_array_new(),
        .rsdp = g_byte_array_new(),
        .loader = g_byte_array_new(),
    };
    bool ok;

    build_all(&b, what);
    ok = add_blob(machine, FW_CFG_BLOB_TABLES, b.tables, TABLES_MAX_BYTES,
                  errp) &&
         add_blob(machine, FW_CFG_BLOB_LOADER, b.loader, LOADER_MAX_BYTES,
                  errp) &&
         add_blob(machine, FW_CFG_BLOB_RSDP, b.rsdp, RSDP_MAX_BYTES, errp);
    g_byte_array_unref(b.tables);
    g_byte_array_unref(b.rsdp);
    g_byte_array_unref(b.loader);
    return ok;
}
