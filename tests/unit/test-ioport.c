/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/ioport.c. */
#include "qemu/osdep.h"
#include "system/ioport.h"

typedef struct TestDevice {
    VM *vm;
    GString *log;
} TestDevice;

static uint32_t dev_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    TestDevice *dev = opaque;

    g_assert_true(bql_locked(dev->vm));
    g_string_append_printf(dev->log, "r%x.%u ", port, size_bytes);
    return 0xa0b0c000u + port;
}

static void dev_write(void *opaque, uint16_t port, uint32_t value,
                      unsigned size_bytes)
{
    TestDevice *dev = opaque;

    g_assert_true(bql_locked(dev->vm));
    g_string_append_printf(dev->log, "w%x.%u=%x ", port, size_bytes, value);
}

static const IOPortOps byte_ops = {.read = dev_read, .write = dev_write};
static const IOPortOps wide_ops = {
    .read = dev_read,
    .write = dev_write,
    .max_access_bytes = 4,
};

static void expect_log(TestDevice *dev, const char *want)
{
    g_assert_cmpstr(dev->log->str, ==, want);
    g_string_truncate(dev->log, 0);
}

static void test_access(void)
{
    VM *vm = vm_new(NULL);
    TestDevice dev = {.vm = vm, .log = g_string_new(NULL)};

    g_assert_true(ioport_register(vm, 0x10, 4, &byte_ops, &dev, NULL));
    g_assert_true(ioport_register(vm, 0x20, 4, &wide_ops, &dev, NULL));

    g_assert_cmphex(ioport_read(vm, 0x11, 1), ==, 0x11);
    expect_log(&dev, "r11.1 ");
    g_assert_cmphex(ioport_read(vm, 0x20, 4), ==, 0xa0b0c020);
    expect_log(&dev, "r20.4 ");
    g_assert_cmphex(ioport_read(vm, 0x10, 4), ==, 0x13121110);
    expect_log(&dev, "r10.1 r11.1 r12.1 r13.1 ");
    /* The last octet of one device, then a hole. */
    g_assert_cmphex(ioport_read(vm, 0x13, 2), ==, 0xff13);
    g_assert_cmphex(ioport_read(vm, 0x1e, 4), ==, 0xc020ffff);
    expect_log(&dev, "r13.1 r20.2 ");
    ioport_write(vm, 0x12, 0xffeeddcc, 2);
    ioport_write(vm, 0x20, 0x12345678, 2);
    expect_log(&dev, "w12.1=cc w13.1=dd w20.2=5678 ");

    bql_lock(vm);
    g_assert_cmphex(ioport_read(vm, 0x10, 1), ==, 0x10);
    bql_unlock(vm);
    vm_free(vm);
    g_string_free(dev.log, TRUE);
}

static void test_edges(void)
{
    VM *vm = vm_new(NULL);
    TestDevice dev = {.vm = vm, .log = g_string_new(NULL)};

    g_assert_true(ioport_register(vm, 0xffff, 1, &byte_ops, &dev, NULL));
    g_assert_cmphex(ioport_read(vm, 0xffff, 4), ==, 0xffffffff);
    expect_log(&dev, "rffff.1 ");
    g_assert_cmphex(ioport_read(vm, 0x500, 2), ==, 0xffff);
    ioport_write(vm, 0x500, 1, 4);
    expect_log(&dev, "");
    vm_free(vm);
    g_string_free(dev.log, TRUE);
}

static void test_claims(void)
{
    VM *vm = vm_new(NULL);
    Error *err = NULL;

    g_assert_true(ioport_register(vm, 0x60, 1, &byte_ops, NULL, NULL));
    g_assert_false(ioport_register(vm, 0x5e, 4, &byte_ops, NULL, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "0x60"));
    error_free(g_steal_pointer(&err));
    g_assert_false(ioport_register(vm, 0xfff0, 0x11, &byte_ops, NULL, &err));
    error_free(g_steal_pointer(&err));
    /* The failed claim left nothing behind. */
    g_assert_true(ioport_register(vm, 0x5e, 2, &byte_ops, NULL, NULL));
    vm_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioport/access", test_access);
    g_test_add_func("/ioport/edges", test_edges);
    g_test_add_func("/ioport/claims", test_claims);
    return g_test_run();
}
