/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU state: the octets of its sections against those of stock QEMU 10.0.2
 * at reset, a round trip, damaged input; the page walk.
 */
#include "qemu/osdep.h"

#include <json-c/json.h>
#include <sys/mman.h>

#include "../../migration/qemu-file.h"
#include "../../migration/savevm.h"
#include "../../target/i386/machine.h"
#include "io/channel-file.h"
#include "target/i386/cpu.h"

#define CPU_SECTION_BYTES 1817

/* Octets other than zero in stock's section `cpu` of a CPU after reset. */
static const struct {
    unsigned offset;
    const char *hex;
} stock_reset[] = {
    {21, "060fb1"},
    {134, "fff0"},
    {143, "02"},
    {147, "40037f"},
    {250, "ffff000093"},
    {258, "f0"},
    {264, "ffff"},
    {270, "ffff00009b"},
    {290, "ffff000093"},
    {310, "ffff000093"},
    {330, "ffff000093"},
    {350, "ffff000093"},
    {370, "ffff000082"},
    {390, "ffff00008b"},
    {410, "ffff"},
    {430, "ffff"},
    {460, "60000010"},
    {540, "ffff0ff0"},
    {550, "0400ffffffff00001f80"},
    {865, "03"},
    {869, "0704060007040600000101"},
    {1149, "ffffffff"},
    {1165, "ffffffff"},
    {1181, "0100010a"},
    {1193, "ffffffffffffffffffffffffffffffff"},
    {1233, "ffffffffffffffff"},
    {1265, "ffffffffffffffff"},
    {1297, "ffffffffffffffff"},
    {1329, "ffffffffffffffff"},
    {1361, "ffffffffffffffff"},
    {1393, "ffffffffffffffff"},
    {1425, "ffffffffffffffff"},
    {1457, "ffffffffffffffff"},
    {1489, "ffffffffffffffff"},
    {1552, "01"},
};

static CPUState *test_cpu_new(void)
{
    CPUState *cpu = g_new0(CPUState, 1);

    cpu_arch_new(cpu, NULL);
    x86_cpuid_fill(cpu->arch, NULL, 0, 0, 1);
    return cpu;
}

static void test_cpu_free(CPUState *cpu)
{
    cpu_arch_free(cpu);
    g_free(cpu);
}

static int test_file_new(void)
{
    int fd = memfd_create("vmstate", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* What @vmsd writes for @env. */
static GByteArray *test_save(const VMStateDescription *vmsd,
                             CPUArchState *env)
{
    int fd = test_file_new();
    QIOChannel *ioc = qio_channel_file_new_fd(dup(fd), "test", NULL);
    QEMUFile *f = qemu_file_new_output(ioc);
    GByteArray *out = g_byte_array_new();
    ssize_t len;

    g_assert_true(vmstate_save_state(f, vmsd, env, NULL, NULL));
    g_assert_true(qemu_fclose(f, NULL));
    qio_channel_unref(ioc);
    g_byte_array_set_size(out, 65536);
    len = pread(fd, out->data, out->len, 0);
    g_assert_cmpint(len, >=, 0);
    g_byte_array_set_size(out, len);
    close(fd);
    return out;
}

static bool test_load(const VMStateDescription *vmsd, CPUArchState *env,
                      const GByteArray *in, Error **errp)
{
    int fd = test_file_new();
    QIOChannel *ioc = qio_channel_file_new_fd(fd, "test", NULL);
    QEMUFile *f;
    bool ok;

    g_assert_cmpint(pwrite(fd, in->data, in->len, 0), ==, in->len);
    f = qemu_file_new_input(ioc);
    ok = vmstate_load_state(f, vmsd, env, vmsd->version_id, errp);
    qemu_fclose(f, NULL);
    qio_channel_unref(ioc);
    return ok;
}

static void test_reset_octets(void)
{
    static const char subsection[] = "\x05\x14" "cpu/poll_control_msr";
    CPUState *cpu = test_cpu_new();
    GByteArray *got = test_save(&vmstate_x86_cpu, cpu->arch);
    uint8_t want[CPU_SECTION_BYTES] = {0};

    for (size_t i = 0; i < ARRAY_SIZE(stock_reset); i++) {
        const char *hex = stock_reset[i].hex;

        for (unsigned j = 0; hex[2 * j]; j++) {
            want[stock_reset[i].offset + j] =
                g_ascii_xdigit_value(hex[2 * j]) << 4 |
                g_ascii_xdigit_value(hex[2 * j + 1]);
        }
    }
    g_assert_cmpuint(got->len, ==, CPU_SECTION_BYTES + 34);
    for (unsigned i = 0; i < CPU_SECTION_BYTES; i++) {
        if (got->data[i] != want[i]) {
            g_test_message("octet %u is 0x%02x, not 0x%02x", i, got->data[i],
                           want[i]);
            g_test_fail();
        }
    }
    g_assert_cmpmem(got->data + CPU_SECTION_BYTES, sizeof(subsection) - 1,
                    subsection, sizeof(subsection) - 1);
    g_byte_array_unref(got);
    got = test_save(&vmstate_x86_cpu_common, cpu->arch);
    g_assert_cmpuint(got->len, ==, 8);
    g_byte_array_unref(got);
    test_cpu_free(cpu);
}

static void fill_state(CPUArchState *env)
{
    for (unsigned i = 0; i < CPU_NB_REGS; i++) {
        env->regs[i] = 0x0101010101010101 * i;
    }
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned j = 0; j < 8; j++) {
            env->xmm_regs[i].q[j] = i << 8 | j;
        }
    }
    env->fpregs[7].exponent = 0x3fff;
    env->segs[R_GS].base = 0xffff800000001234;
    env->pdptrs[3] = 9;
    env->pdptrs_valid = 1;
    env->exception_pending = 1;
    env->exception_payload = 0xdead;
    env->tsc_khz = 2000000;
    env->msr_ia32_misc_enable = 0x850089;
    env->pkru = 0x55555554;
    env->xss = 1;
    env->umwait = 3;
    env->fpip = 0x1234;
    env->tsc_adjust = 7;
    env->tsc_deadline = 8;
    env->steal_time_msr = 0x1001;
}

static void test_round_trip(void)
{
    CPUState *from = test_cpu_new(), *to = test_cpu_new();
    g_autoptr(Error) err = NULL;
    GByteArray *first, *second;

    fill_state(from->arch);
    first = test_save(&vmstate_x86_cpu, from->arch);
    to->arch->spec_ctrl = 1; /* an absent subsection means its default */
    test_load(&vmstate_x86_cpu, to->arch, first, &err);
    g_assert_cmpstr(err ? error_get_pretty(err) : "", ==, "");
    g_assert_cmphex(to->arch->spec_ctrl, ==, 0);
    g_assert_cmpmem(to->arch->xmm_regs, sizeof(to->arch->xmm_regs),
                    from->arch->xmm_regs, sizeof(from->arch->xmm_regs));
    g_assert_cmpuint(to->arch->pdptrs_valid, ==, 1);
    second = test_save(&vmstate_x86_cpu, to->arch);
    g_assert_cmpmem(first->data, first->len, second->data, second->len);
    g_byte_array_unref(first);
    g_byte_array_unref(second);
    test_cpu_free(from);
    test_cpu_free(to);
}

/* Readers of descriptions know an x87 register as one field. */
static void test_fpregs_described(void)
{
    CPUState *cpu = test_cpu_new();
    QIOChannel *ioc = qio_channel_file_new_fd(test_file_new(), "test", NULL);
    QEMUFile *f = qemu_file_new_output(ioc);
    struct json_object *desc = json_object_new_object();

    g_assert_true(vmstate_save_state(f, &vmstate_x86_cpu, cpu->arch, desc,
                                     NULL));
    g_assert_true(qemu_fclose(f, NULL));
    qio_channel_unref(ioc);
    g_assert_nonnull(strstr(
        json_object_to_json_string_ext(desc, JSON_C_TO_STRING_PLAIN),
        "{\"vmsd_name\":\"fpreg\",\"version\":0,\"fields\":["
        "{\"name\":\"tmp\",\"type\":\"tmp\",\"size\":10}]}"));
    json_object_put(desc);
    test_cpu_free(cpu);
}

static void test_refused(void)
{
    static const struct {
        unsigned offset;
        uint8_t value;
        const char *name;
    } cases[] = {
        {155, 1, "fpregs_format"},
        {1149, 0x7f, "interrupt_injected"},
        {1165, 0x70, "exception_nr"},
        {552, 0x12, "a20_mask"},
        {CPU_SECTION_BYTES + 6, 'X', "cpu/Xoll_control_msr"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CPUState *cpu = test_cpu_new();
        GByteArray *bytes = test_save(&vmstate_x86_cpu, cpu->arch);
        g_autoptr(Error) err = NULL;

        bytes->data[cases[i].offset] = cases[i].value;
        g_assert_false(test_load(&vmstate_x86_cpu, cpu->arch, bytes, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), cases[i].name));
        g_byte_array_unref(bytes);
        test_cpu_free(cpu);
    }
}

/* --- Page walk ------------------------------------------------------------ */

typedef struct Tables {
    uint8_t mem[0x8000];
    unsigned marks;
} Tables;

static bool tables_read(void *opaque, uint64_t gpa, void *buf,
                        size_t len_bytes)
{
    Tables *t = opaque;

    if (gpa + len_bytes > sizeof(t->mem)) {
        return false;
    }
    memcpy(buf, t->mem + gpa, len_bytes);
    return true;
}

static bool tables_set_bits(void *opaque, uint64_t gpa, uint8_t bits)
{
    Tables *t = opaque;

    t->mem[gpa] |= bits;
    t->marks++;
    return true;
}

static void put(Tables *t, uint64_t gpa, uint64_t value, unsigned bytes)
{
    memcpy(t->mem + gpa, &value, bytes);
}

static void test_walk_32(void)
{
    Tables *t = g_new0(Tables, 1);
    X86WalkResult r;
    X86Walk w = {
        .read = tables_read, .set_bits = tables_set_bits, .opaque = t,
        .cr0 = CR0_PE_MASK | CR0_PG_MASK, .cr3 = 0x1000,
        .cr4 = CR4_PSE_MASK, .a20_mask = UINT64_MAX,
    };

    put(t, 0x1000, 0x2000 | PG_P | PG_RW | PG_US, 4);
    put(t, 0x2000 + 4 * 5, 0x7777000 | PG_P | PG_US, 4);
    put(t, 0x1004, 0x00c00000 | PG_P | PG_RW | PG_PS | 1 << 13, 4);

    g_assert_true(x86_walk(&w, 0x5123, X86_READ, true, &r));
    g_assert_cmphex(r.paddr, ==, 0x7777123);
    g_assert_false(r.writable);
    g_assert_cmphex(t->mem[0x2000 + 20] & (PG_A | PG_D), ==, PG_A);
    /* Read-only: users never, the kernel unless WP is set. */
    g_assert_false(x86_walk(&w, 0x5123, X86_WRITE, true, &r));
    g_assert_cmphex(r.error_code, ==, PG_P | PG_RW | PG_US);
    g_assert_true(x86_walk(&w, 0x5123, X86_WRITE, false, &r));
    g_assert_cmphex(t->mem[0x2000 + 20] & PG_D, ==, PG_D);
    w.cr0 |= CR0_WP_MASK;
    g_assert_false(x86_walk(&w, 0x5123, X86_WRITE, false, &r));
    g_assert_cmphex(r.error_code, ==, PG_P | PG_RW);
    /* 4 MiB page of the kernel's beyond 4 GiB. */
    g_assert_true(x86_walk(&w, 0x456789, X86_READ, false, &r));
    g_assert_cmphex(r.paddr, ==, 0x100c56789);
    g_assert_false(x86_walk(&w, 0x456789, X86_READ, true, &r));
    g_assert_cmphex(r.error_code, ==, PG_P | PG_US);
    g_assert_false(x86_walk(&w, 0x6000, X86_READ, false, &r));
    g_assert_cmphex(r.error_code, ==, 0);
    g_free(t);
}

static void test_walk_pae_and_64(void)
{
    Tables *t = g_new0(Tables, 1);
    X86WalkResult r;
    X86Walk w = {
        .read = tables_read, .opaque = t,
        .cr0 = CR0_PE_MASK | CR0_PG_MASK, .cr3 = 0x1020,
        .cr4 = CR4_PAE_MASK, .a20_mask = UINT64_MAX, .ignore_rights = true,
    };

    put(t, 0x1020 + 8 * 3, 0x2000 | PG_P, 8);
    put(t, 0x2000, 0x3000 | PG_P, 8);
    put(t, 0x2008, 0x123400000 | PG_P | PG_PS, 8);
    put(t, 0x3000 + 8, 0x800000567f000000 | PG_P, 8);
    g_assert_true(x86_walk(&w, 0xc0001abc, X86_READ, false, &r));
    g_assert_cmphex(r.paddr, ==, 0x567f000abc);
    g_assert_true(x86_walk(&w, 0xc0212345, X86_READ, false, &r));
    g_assert_cmphex(r.paddr, ==, 0x123412345);
    g_assert_cmpuint(t->marks, ==, 0);

    w.efer = EFER_LMA;
    w.cr3 = 0x4000;
    put(t, 0x4000 + 8 * 256, 0x5000 | PG_P, 8);
    put(t, 0x5000, 0x2000 | PG_P, 8);
    g_assert_true(x86_walk(&w, 0xffff800000001abc, X86_READ, false, &r));
    g_assert_cmphex(r.paddr, ==, 0x567f000abc);
    g_assert_false(x86_walk(&w, 0x1abc, X86_READ, false, &r));
    g_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86-cpu/reset-octets", test_reset_octets);
    g_test_add_func("/x86-cpu/round-trip", test_round_trip);
    g_test_add_func("/x86-cpu/fpregs-described", test_fpregs_described);
    g_test_add_func("/x86-cpu/refused", test_refused);
    g_test_add_func("/x86-cpu/walk-32", test_walk_32);
    g_test_add_func("/x86-cpu/walk-pae-and-64", test_walk_pae_and_64);
    return g_test_run();
}
