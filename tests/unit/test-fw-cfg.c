/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of hw/nvram/fw_cfg.c. */
#include "qemu/osdep.h"
#include "hw/nvram/fw_cfg.h"
#include "hw-double.h"

static void test_ports(void)
{
    VM *vm = hw_double_new(MiB);
    FwCfg *s = fw_cfg_from_device(hw_double_add(vm, &fw_cfg_class, NULL));
    uint8_t dir[4 + 64];

    for (const char *p = "QEMU"; *p; p++) {
        g_assert_cmphex(ioport_read(vm, 0x511, 1), ==, *p);
    }
    g_assert_cmphex(ioport_read(vm, 0x511, 1), ==, 0);
    g_assert_true(fw_cfg_add_file(s, "etc/x", "abc", 3, NULL));
    ioport_write(vm, 0x510, FW_CFG_FILE_DIR, 2);
    for (size_t i = 0; i < sizeof(dir); i++) {
        dir[i] = ioport_read(vm, 0x511, 1);
    }
    g_assert_cmpuint(ldl_be_p(dir), ==, 1);
    g_assert_cmpuint(ldl_be_p(dir + 4), ==, 3);
    g_assert_cmpuint(ldw_be_p(dir + 8), ==, FW_CFG_FILE_FIRST);
    g_assert_cmpstr((char *)dir + 12, ==, "etc/x");
    ioport_write(vm, 0x510, FW_CFG_FILE_FIRST, 2);
    g_assert_cmphex(ioport_read(vm, 0x511, 1), ==, 'a');
    ioport_write(vm, 0x510, 0x7777, 2); /* no such item */
    g_assert_cmphex(ioport_read(vm, 0x511, 1), ==, 0);
    hw_double_free(vm);
}

static void test_dma(void)
{
    VM *vm = hw_double_new(MiB);
    FwCfg *s = fw_cfg_from_device(hw_double_add(vm, &fw_cfg_class, NULL));
    uint8_t request[16];
    uint8_t got[8];

    g_assert_true(fw_cfg_add_file(s, "etc/x", "abcdef", 6, NULL));
    stl_be_p(request, (FW_CFG_FILE_FIRST << 16) | 0x0a);
    stl_be_p(request + 4, sizeof(got));
    stq_be_p(request + 8, 0x2000);
    memset(got, 0xee, sizeof(got));
    g_assert_true(memory_write(vm, 0x2000, got, sizeof(got)));
    g_assert_true(memory_write(vm, 0x1000, request, sizeof(request)));
    ioport_write(vm, 0x518, GUINT32_SWAP_LE_BE(0x1000), 4);
    g_assert_true(memory_read(vm, 0x2000, got, sizeof(got)));
    g_assert_cmpmem(got, sizeof(got), "abcdef\0\0", 8);
    g_assert_true(memory_read(vm, 0x1000, request, 4));
    g_assert_cmphex(ldl_be_p(request), ==, 0);

    /* A destination outside memory is an error in the control word. */
    stl_be_p(request, (FW_CFG_FILE_FIRST << 16) | 0x0a);
    stq_be_p(request + 8, 0x40000000);
    g_assert_true(memory_write(vm, 0x1000, request, sizeof(request)));
    ioport_write(vm, 0x518, GUINT32_SWAP_LE_BE(0x1000), 4);
    g_assert_true(memory_read(vm, 0x1000, request, 4));
    g_assert_cmphex(ldl_be_p(request), ==, 1);
    hw_double_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fw-cfg/ports", test_ports);
    g_test_add_func("/fw-cfg/dma", test_dma);
    return g_test_run();
}
