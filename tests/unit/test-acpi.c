/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of hw/acpi/ged.c, hw/acpi/aml.c, hw/i386/acpi-microvm.c and the ACPI
 * files of hw/nvram/fw_cfg.c.
 */
#include "qemu/osdep.h"

#include <sys/mman.h>

#include "../../migration/qemu-file.h"
#include "../../migration/savevm.h"
#include "hw-double.h"
#include "hw/acpi/aml.h"
#include "hw/acpi/ged.h"
#include "hw/i386/acpi-microvm.h"
#include "io/channel-file.h"
#include "system/runstate.h"

/* --- AML ------------------------------------------------------------------ */

static void assert_octets(GByteArray *got, const char *want, size_t len)
{
    g_assert_cmpmem(got->data, got->len, want, len);
    g_byte_array_unref(got);
}

static void test_aml_data(void)
{
    GByteArray *out = g_byte_array_new();

    aml_put_integer(out, 1);
    aml_put_integer(out, 2);
    aml_put_integer(out, 0x1234);
    aml_put_integer(out, 0xfea00000);
    aml_put_eisa_id(out, "PNP0B00");
    assert_octets(out, "\x01\x0a\x02\x0b\x34\x12\x0c\x00\x00\xa0\xfe"
                  "\x0c\x41\xd0\x0b\x00", 16);
}

/* Lengths count themselves, in one to four octets. */
static void test_aml_length(void)
{
    static const struct {
        unsigned body_bytes;
        const char *octets;
        unsigned octet_count;
    } cases[] = {
        {0x3e, "\x3f", 1},
        {0x3f, "\x41\x04", 2},
        {0xffd, "\x4f\xff", 2},
        {0xffe, "\x81\x00\x01", 3},
        {0x12340, "\x83\x34\x12", 3},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        GByteArray *out = g_byte_array_new();
        AMLBlock block = aml_begin(out, AML_DEVICE, NULL);

        for (unsigned n = 0; n < cases[i].body_bytes; n++) {
            aml_put(block.body, 0xa3, 1);
        }
        aml_end(&block);
        g_assert_cmpuint(out->len, ==, 2 + cases[i].octet_count +
                                           cases[i].body_bytes);
        g_assert_cmpmem(out->data, 2, "\x5b\x82", 2);
        g_assert_cmpmem(out->data + 2, cases[i].octet_count, cases[i].octets,
                        cases[i].octet_count);
        g_byte_array_unref(out);
    }
}

/* --- The event device ----------------------------------------------------- */

static uint32_t read_events(VM *vm)
{
    uint8_t buf[4];

    g_assert_true(memory_read(vm, ACPI_GED_BASE, buf, sizeof(buf)));
    return ldl_le_p(buf);
}

static void write_reg(VM *vm, unsigned reg, uint8_t value)
{
    g_assert_true(memory_write(vm, ACPI_GED_REGS + reg, &value, 1));
}

static void test_ged(void)
{
    VM *vm = hw_double_new(MiB);
    DeviceState *dev = hw_double_add(vm, &acpi_ged_class, NULL);
    ACPIGed *ged = container_of(dev, ACPIGed, dev);
    LineProbe probe = { 0 };
    int code;

    ged->irq = (IRQLine){ line_probe_set, &probe, 0 };
    vm_request_powerdown(vm);
    while (!probe.rises) {
        bql_unlock(vm);
        g_main_context_iteration(vm->main_context, TRUE);
        bql_lock(vm);
    }
    g_assert_cmpuint(probe.rises, ==, 1);
    g_assert_false(probe.level);
    g_assert_cmphex(read_events(vm), ==, ACPI_GED_POWER_BUTTON);
    g_assert_cmphex(read_events(vm), ==, 0); /* reading clears it */

    /* What was not read before a reset is nobody's. */
    vm_request_powerdown(vm);
    while (probe.rises < 2) {
        bql_unlock(vm);
        g_main_context_iteration(vm->main_context, TRUE);
        bql_lock(vm);
    }
    ged->memhp_state.selector = 7;
    device_tree_reset(vm);
    g_assert_cmphex(read_events(vm), ==, 0);
    g_assert_cmpuint(ged->memhp_state.selector, ==, 0);

    write_reg(vm, ACPI_GED_SLEEP_CONTROL, 5 << 2); /* not enabled */
    write_reg(vm, ACPI_GED_SLEEP_CONTROL, 1 << 5 | 3 << 2); /* not S5 */
    write_reg(vm, ACPI_GED_RESET, 1);
    g_assert_false(vm_shutdown_requested(vm, &code));
    write_reg(vm, ACPI_GED_SLEEP_CONTROL, 1 << 5 | 5 << 2);
    while (!vm_shutdown_requested(vm, &code)) {
        bql_unlock(vm);
        g_main_context_iteration(vm->main_context, TRUE);
        bql_lock(vm);
    }
    hw_double_free(vm);
}

/* --- Language ------------------------------------------------------------- */

/* More resources than fit the octet that a length could be. */
static void test_long_crs(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    GByteArray *resources = g_byte_array_new();

    while (resources->len < 298) {
        aml_put(resources, 0xa5, 1);
    }
    aml_put_crs(out, resources);
    /* Name _CRS, Buffer, PkgLength of two octets, WordConst 300, data */
    g_assert_cmpuint(out->len, ==, 5 + 1 + 2 + 3 + 300);
    g_assert_cmpint(memcmp(out->data, "\x08_CRS\x11\x41\x13\x0b\x2c\x01\xa5",
                           12), ==, 0);
    g_assert_cmpint(memcmp(out->data + 5 + 1 + 2 + 3 + 297, "\xa5\x79\0", 3),
                    ==, 0);
}

/* --- Tables --------------------------------------------------------------- */

typedef struct Board {
    VM *vm;
    DeviceState *fw_cfg;
    RAMBlock *tables, *loader, *rsdp;
} Board;

static Board board_new(unsigned cpus)
{
    const MicrovmACPI what = {
        .cpus = cpus, .ioapic2 = true, .rtc = true, .serial = true,
    };
    Board b = { .vm = hw_double_new(MiB) };

    b.fw_cfg = hw_double_add(b.vm, &fw_cfg_class, NULL);
    x86_board(b.vm->machine)->fw_cfg = fw_cfg_from_device(b.fw_cfg);
    g_assert_true(microvm_add_acpi(b.vm->machine, &what, NULL));
    b.tables = ram_block_by_id(b.vm, "/rom@etc/acpi/tables");
    b.loader = ram_block_by_id(b.vm, "/rom@etc/table-loader");
    b.rsdp = ram_block_by_id(b.vm, "/rom@etc/acpi/rsdp");
    g_assert_cmpuint(b.tables->used_bytes, ==, 4096);
    g_assert_cmpuint(b.loader->used_bytes, ==, 4096);
    g_assert_cmpuint(b.rsdp->used_bytes, ==, 4096);
    return b;
}

/* What firmware does with the script, the tables staying at @base. */
static void run_loader(Board *b, uint64_t base)
{
    for (const uint8_t *e = b->loader->host; ldl_le_p(e); e += 128) {
        bool in_rsdp = !strcmp((const char *)e + 4, "etc/acpi/rsdp");
        uint8_t *file = in_rsdp ? b->rsdp->host : b->tables->host;

        g_assert_true(in_rsdp ||
                      !strcmp((const char *)e + 4, "etc/acpi/tables"));
        if (ldl_le_p(e) == 2) {
            uint8_t *at = file + ldl_le_p(e + 116);

            g_assert_cmpstr((const char *)e + 60, ==, "etc/acpi/tables");
            if (e[120] == 8) {
                stq_le_p(at, ldq_le_p(at) + base);
            } else {
                g_assert_cmpuint(e[120], ==, 4);
                stl_le_p(at, ldl_le_p(at) + base);
            }
        } else if (ldl_le_p(e) == 3) {
            uint8_t sum = 0;

            g_assert_cmphex(file[ldl_le_p(e + 60)], ==, 0);
            for (uint32_t i = 0; i < ldl_le_p(e + 68); i++) {
                sum += file[ldl_le_p(e + 64) + i];
            }
            file[ldl_le_p(e + 60)] = -sum;
        }
    }
}

static const uint8_t *check_table(Board *b, uint64_t address,
                                  const char *signature)
{
    const uint8_t *table = b->tables->host + address;
    uint8_t sum = 0;

    g_assert_cmpmem(table, 4, signature, 4);
    for (uint32_t i = 0; i < ldl_le_p(table + 4); i++) {
        sum += table[i];
    }
    g_assert_cmphex(sum, ==, 0);
    return table;
}

static void test_tables(void)
{
    const uint64_t base = 0x3f00000;
    Board b = board_new(3);
    const uint8_t *xsdt, *fadt, *madt;
    uint8_t sum = 0;

    run_loader(&b, base);
    g_assert_cmpmem(b.rsdp->host, 8, "RSD PTR ", 8);
    for (unsigned i = 0; i < 36; i++) {
        sum += b.rsdp->host[i];
    }
    g_assert_cmphex(sum, ==, 0);
    xsdt = check_table(&b, ldq_le_p(b.rsdp->host + 24) - base, "XSDT");
    g_assert_cmpuint(ldl_le_p(xsdt + 4), ==, 36 + 2 * 8);
    fadt = check_table(&b, ldq_le_p(xsdt + 36) - base, "FACP");
    madt = check_table(&b, ldq_le_p(xsdt + 44) - base, "APIC");
    check_table(&b, ldq_le_p(fadt + 140) - base, "DSDT");
    g_assert_cmphex(ldl_le_p(fadt + 40), ==, ldq_le_p(fadt + 140));
    g_assert_cmphex(ldl_le_p(fadt + 112), ==, 0x100400);
    g_assert_cmphex(ldq_le_p(fadt + 120), ==, 0xfea00202);
    g_assert_cmphex(ldq_le_p(fadt + 248), ==, 0xfea00200);
    /* Three CPUs, two I/O APICs, an override, an NMI. */
    g_assert_cmpuint(ldl_le_p(madt + 4), ==, 44 + 3 * 8 + 2 * 12 + 10 + 6);
    hw_double_free(b.vm);
}

/* --- The section of fw_cfg ------------------------------------------------ */

static int save_fw_cfg(Board *b)
{
    int fd = memfd_create("fw_cfg", MFD_CLOEXEC);
    QIOChannel *ioc = qio_channel_file_new_fd(dup(fd), "test", NULL);
    QEMUFile *f = qemu_file_new_output(ioc);

    g_assert_true(vmstate_save_state(f, fw_cfg_class.vmsd, b->fw_cfg, NULL,
                                     NULL));
    g_assert_true(qemu_fclose(f, NULL));
    qio_channel_unref(ioc);
    return fd;
}

/* Ends @fd. */
static bool load_fw_cfg(DeviceState *fw_cfg, int fd, Error **errp)
{
    QIOChannel *ioc = qio_channel_file_new_fd(fd, "test", NULL);
    QEMUFile *f;
    bool ok;

    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    f = qemu_file_new_input(ioc);
    ok = vmstate_load_state(f, fw_cfg_class.vmsd, fw_cfg, 2, errp);
    qemu_fclose(f, NULL);
    qio_channel_unref(ioc);
    return ok;
}

/* The length of the tables as the directory of files has it. */
static uint32_t tables_bytes(VM *vm)
{
    uint8_t dir[4 + 64];

    ioport_write(vm, 0x510, FW_CFG_FILE_DIR, 2);
    for (size_t i = 0; i < sizeof(dir); i++) {
        dir[i] = ioport_read(vm, 0x511, 1);
    }
    g_assert_cmpstr((char *)dir + 12, ==, "etc/acpi/tables");
    return ldl_be_p(dir + 4);
}

static void test_fw_cfg_section(void)
{
    Board from = board_new(5), to = board_new(1);
    VM *plain = hw_double_new(MiB);
    DeviceState *no_files = hw_double_add(plain, &fw_cfg_class, NULL);
    g_autoptr(Error) err = NULL;
    int fd = save_fw_cfg(&from);
    int fd2 = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int fd3;

    g_assert_cmpuint(tables_bytes(from.vm), ==, tables_bytes(to.vm) + 32);
    g_assert_true(load_fw_cfg(to.fw_cfg, fd, NULL));
    g_assert_cmpuint(tables_bytes(from.vm), ==, tables_bytes(to.vm));
    g_assert_false(load_fw_cfg(no_files, fd2, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "acpi=on"));
    g_clear_pointer(&err, error_free);

    /* More than the block has: the last of the numbers is of the RSDP. */
    fd3 = save_fw_cfg(&from);
    g_assert_cmpint(pwrite(fd3, "\x10\x01", 2, lseek(fd3, 0, SEEK_END) - 2),
                    ==, 2);
    g_assert_false(load_fw_cfg(to.fw_cfg, fd3, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "/rom@etc/acpi/rsdp"));
    hw_double_free(plain);
    hw_double_free(to.vm);
    hw_double_free(from.vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi/aml-data", test_aml_data);
    g_test_add_func("/acpi/aml-length", test_aml_length);
    g_test_add_func("/acpi/ged", test_ged);
    g_test_add_func("/acpi/long-crs", test_long_crs);
    g_test_add_func("/acpi/tables", test_tables);
    g_test_add_func("/acpi/fw-cfg-section", test_fw_cfg_section);
    return g_test_run();
}
