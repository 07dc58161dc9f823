/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/qtest-commands.c. */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "io/channel-socket.h"
#include "system/clock.h"
#include "system/ioport.h"
#include "system/memory.h"
#include "system/qtest.h"
#include "../../system/qtest-internal.h"

static uint32_t port_read(void *opaque, uint16_t port, unsigned size_bytes)
{
    return *(uint32_t *)opaque;
}

static void port_write(void *opaque, uint16_t port, uint32_t value,
                       unsigned size_bytes)
{
    *(uint32_t *)opaque = value;
}

static const IOPortOps port_ops = {
    .read = port_read,
    .write = port_write,
    .max_access_bytes = 4,
};

static void expect(VM *vm, const char *request, const char *reply)
{
    g_autofree char *line = g_strdup(request);
    g_autoptr(GString) out = g_string_new(NULL);

    qtest_execute(vm, line, out);
    g_assert_cmpint(out->str[out->len - 1], ==, '\n');
    g_string_truncate(out, out->len - 1);
    if (strcmp(out->str, reply)) {
        g_error("'%s' gives '%s', not '%s'", request, out->str, reply);
    }
}

static VM *start(uint32_t *port)
{
    VM *vm = vm_new(NULL);
    RAMBlock *ram = ram_block_new_anon(vm, "ram", 64 * KiB, NULL);

    g_assert_true(memory_map_ram(vm, 0, ram, 0, 64 * KiB, NULL));
    g_assert_true(ioport_register(vm, 0x70, 4, &port_ops, port, NULL));
    bql_lock(vm);
    return vm;
}

static void finish(VM *vm)
{
    bql_unlock(vm);
    vm_free(vm);
}

static void test_memory(void)
{
    uint32_t port = 0;
    VM *vm = start(&port);

    expect(vm, "endianness", "OK little");
    expect(vm, "writeq 0x10 0x1122334455667788", "OK");
    expect(vm, "read 0x10 0x1", "OK 0x88");
    expect(vm, "read 0x10 0x9", "OK 0x887766554433221100");
    expect(vm, "readq 0x10", "OK 0x1122334455667788");
    expect(vm, "readl 0x10", "OK 0x0000000055667788");
    expect(vm, "readw 18", "OK 0x0000000000005566");
    expect(vm, "readb 0x17", "OK 0x0000000000000011");
    expect(vm, "writeb 0x17 0x1ff", "OK");
    expect(vm, "readq 0x10", "OK 0xff22334455667788");
    expect(vm, "writew 0x10 0xabcd", "OK");
    expect(vm, "writel 0x12 0", "OK");
    expect(vm, "readq 0x10", "OK 0xff2200000000abcd");
    expect(vm, "write 0x20 4 0x0aBc", "OK");
    expect(vm, "read 0x20 4", "OK 0x0abc0000");
    expect(vm, "memset 0x0 0x10000 0x5a", "OK");
    expect(vm, "b64read 0xfffe 2", "OK Wlo=");
    expect(vm, "b64write 0x3 3 QUJD", "OK");
    expect(vm, "read 0x2 5", "OK 0x5a4142435a");
    expect(vm, "readb 0x10000", "OK 0x00000000000000ff");
    finish(vm);
}

static void test_ports(void)
{
    uint32_t port = 0;
    VM *vm = start(&port);

    expect(vm, "outl 0x70 0x12345678", "OK");
    g_assert_cmphex(port, ==, 0x12345678);
    expect(vm, "inb 0x70", "OK 0x0078");
    expect(vm, "inw 0x71", "OK 0x5678");
    expect(vm, "inl 0x70", "OK 0x12345678");
    expect(vm, "inb 0x1000", "OK 0x00ff");
    finish(vm);
}

static void test_clock(void)
{
    uint32_t port = 0;
    VM *vm = start(&port);

    expect(vm, "clock_step 5", "FAIL Unknown command 'clock_step'");
    clock_set_manual(vm, true);
    clock_enable(vm, true);
    expect(vm, "clock_step 5", "OK 5");
    expect(vm, "clock_set 100", "OK 100");
    expect(vm, "clock_set 7", "OK 100");
    expect(vm, "clock_step", "OK 100");
    expect(vm, "clock_step 0x8000000000000000",
           "FAIL Invalid argument of 'clock_step'");
    finish(vm);
}

static void test_bad(void)
{
    static const char *const invalid[] = {
        "read 0 0",           "read 0 0x100000000",
        "read x 1",           "read 0 -1",
        "read 0 1x",          "read 0 99999999999999999999",
        "write 0 1 0x1g",     "write 0 1 12",
        "write 0 1 0x123",    "b64write 0 4 QUJD",
        "inb 0x10000",        "memset 0 0xffffffffffffffff 0",
    };
    uint32_t port = 0;
    VM *vm = start(&port);

    for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
        g_auto(GStrv) words = g_strsplit(invalid[i], " ", 2);
        g_autofree char *want =
            g_strdup_printf("FAIL Invalid argument of '%s'", words[0]);

        expect(vm, invalid[i], want);
    }
    expect(vm, "", "FAIL Unknown command ''");
    expect(vm, "   ", "FAIL Unknown command ''");
    expect(vm, "frob 1 2 3 4 5", "FAIL Unknown command 'frob'");
    expect(vm, "read 1", "FAIL 'read' takes 2 to 2 arguments");
    expect(vm, "read 1 2 3", "FAIL 'read' takes 2 to 2 arguments");
    expect(vm, "write 1 2 3 4 5 6", "FAIL 'write' takes 3 to 3 arguments");
    finish(vm);
}

static void run_loop(VM *vm)
{
    bql_unlock(vm);
    g_main_context_iteration(vm->main_context, FALSE);
    bql_lock(vm);
}

/*
 * A client that asks and does not read: the main loop goes on, no request is
 * executed meanwhile, and all replies come once it reads.
 */
static void test_slow_client(void)
{
    const unsigned count = 400;
    const size_t reply_bytes = strlen("OK 0x") + 2 * 60000 + 1;
    uint32_t port = 0;
    VM *vm = start(&port);
    g_autofree char *dir = g_dir_make_tmp("test-qtest-XXXXXX", NULL);
    g_autofree char *uri = g_strdup_printf("unix:%s/q", dir);
    g_autofree char *spec = g_strconcat(uri, ",server=on,wait=off", NULL);
    g_autofree char *path = g_build_filename(dir, "q", NULL);
    g_autofree char *reply = g_malloc(reply_bytes);
    g_autoptr(SocketAddress) addr = socket_parse(uri, NULL);
    g_autoptr(GString) asks = g_string_new(NULL);
    Chardev *chr = chardev_new_from_spec(vm, "q", spec, NULL);
    QIOChannel *ioc;

    g_assert_true(qtest_server_add(vm, chr, NULL, NULL));
    ioc = qio_channel_socket_connect_sync(addr, NULL);
    for (unsigned i = 0; i < count; i++) {
        g_string_append(asks, "read 0 60000\n");
    }
    g_string_append(asks, "outl 0x70 77\n");
    g_assert_true(qio_channel_write_all(ioc, asks->str, asks->len, NULL));
    for (unsigned i = 0; i < 1000; i++) {
        run_loop(vm);
    }
    g_assert_cmpuint(port, ==, 0);
    qio_channel_set_blocking(ioc, false, NULL);
    for (size_t got = 0; got < count * reply_bytes + 3;) {
        ssize_t n = qio_channel_read(ioc, reply, reply_bytes, NULL);

        g_assert_cmpint(n, !=, 0);
        g_assert_cmpint(n, !=, -1);
        got += n > 0 ? n : 0;
        run_loop(vm);
    }
    g_assert_cmpuint(port, ==, 77);
    qio_channel_unref(ioc);
    finish(vm);
    unlink(path);
    rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qtest/memory", test_memory);
    g_test_add_func("/qtest/ports", test_ports);
    g_test_add_func("/qtest/slow-client", test_slow_client);
    g_test_add_func("/qtest/clock", test_clock);
    g_test_add_func("/qtest/bad", test_bad);
    return g_test_run();
}
