/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The built-in emulator with small guests: speed, paging and page faults,
 * privilege levels, interrupts, string instructions, x87 and the dirty log.
 */
#include "qemu/osdep.h"

#include <json-c/json.h>

#include "qapi/qapi-types-run-state.h"
#include "system/accel.h"
#include "system/clock.h"
#include "system/ioport.h"
#include "system/memory.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"

#define RAM_BYTES (8 * MiB)
#define CODE 0x1000
#define HANDLER (CODE + 0x80)
#define GDT 0x4000
#define IDT 0x5000
#define TSS 0x6000
#define PAGE_DIRECTORY 0x8000
#define PORT_DONE 0xe0
#define PORT_ACK 0xe1

static const uint8_t guest_speed[] = {
    0xb9, 0x80, 0x96, 0x98, 0x00, 0xff, 0x05, 0x00, 0x20, 0x00, 0x00, 0x49,
    0x75, 0xf7, 0xb0, 0x01, 0xe6, 0xe0, 0xf4, 0xeb, 0xfd
};
static const uint8_t guest_pf[] = {
    0xa1, 0x00, 0x00, 0x40, 0x00, 0xa3, 0x08, 0x30, 0x00, 0x00, 0xc7, 0x05,
    0x04, 0x00, 0x40, 0x00, 0x78, 0x56, 0x34, 0x12, 0xb0, 0x01, 0xe6, 0xe0,
    0xf4, 0xeb, 0xfd,
    [0x80] = 0x50, 0x8b, 0x44, 0x24, 0x04, 0xa3, 0x00, 0x30, 0x00, 0x00, 0x0f,
    0x20, 0xd0, 0xa3, 0x04, 0x30, 0x00, 0x00, 0xff, 0x05, 0x0c, 0x30, 0x00,
    0x00, 0xc7, 0x05, 0x04, 0x80, 0x00, 0x00, 0x83, 0x00, 0x40, 0x00, 0x58,
    0x83, 0xc4, 0x04, 0xcf,
};
static const uint8_t guest_ring[] = {
    0x66, 0xb8, 0x28, 0x00, 0x0f, 0x00, 0xd8, 0x6a, 0x23, 0x68, 0x00, 0x70,
    0x00, 0x00, 0x68, 0x02, 0x02, 0x00, 0x00, 0x6a, 0x1b, 0x68, 0x1b, 0x10,
    0x00, 0x00, 0xcf, 0xbb, 0x11, 0x00, 0x00, 0x00, 0xcd, 0x30, 0xb9, 0x22,
    0x00, 0x00, 0x00, 0xfa, 0xeb, 0xfe,
    [0x80] = 0x8b, 0x44, 0x24, 0x04, 0x36, 0xa3, 0x00, 0x30, 0x00, 0x00, 0x8b,
    0x44, 0x24, 0x0c, 0x36, 0xa3, 0x04, 0x30, 0x00, 0x00, 0xcf,
    [0xa0] = 0x8b, 0x04, 0x24, 0x36, 0xa3, 0x08, 0x30, 0x00, 0x00, 0x8b, 0x44,
    0x24, 0x08, 0x36, 0xa3, 0x0c, 0x30, 0x00, 0x00, 0xb0, 0x01, 0xe6, 0xe0,
    0xf4, 0xeb, 0xfd,
};
static const uint8_t guest_irq[] = {
    0xfb, 0xf4, 0x83, 0x3d, 0x00, 0x30, 0x00, 0x00, 0x03, 0x72, 0xf6, 0xfa,
    0xb0, 0x01, 0xe6, 0xe0, 0xf4, 0xeb, 0xfd,
    [0x80] = 0xff, 0x05, 0x00, 0x30, 0x00, 0x00, 0xe6, 0xe1, 0xcf,
};
static const uint8_t guest_string[] = {
    0xbf, 0x03, 0x00, 0x10, 0x00, 0xb9, 0x01, 0x00, 0x20, 0x00, 0xb0, 0x5a,
    0xfc, 0xf3, 0xaa, 0xbe, 0x00, 0x00, 0x10, 0x00, 0xbf, 0x00, 0x00, 0x40,
    0x00, 0xb9, 0x00, 0x10, 0x00, 0x00, 0xf3, 0xa5, 0xbe, 0x04, 0x00, 0x40,
    0x00, 0xbf, 0x04, 0x00, 0x10, 0x00, 0xb9, 0x00, 0x10, 0x00, 0x00, 0xf3,
    0xa6, 0x89, 0x0d, 0x00, 0x30, 0x00, 0x00, 0xdb, 0xe3, 0xdf, 0xe0, 0xa3,
    0x04, 0x30, 0x00, 0x00, 0xb8, 0x07, 0x00, 0x00, 0x00, 0xbb, 0x09, 0x00,
    0x00, 0x00, 0xc7, 0x05, 0x10, 0x30, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00,
    0xf0, 0x0f, 0xb1, 0x1d, 0x10, 0x30, 0x00, 0x00, 0xf0, 0x0f, 0xc1, 0x05,
    0x10, 0x30, 0x00, 0x00, 0xa3, 0x08, 0x30, 0x00, 0x00, 0x0f, 0xa2, 0xb0,
    0x00, 0x31, 0xd2, 0xba, 0x00, 0x00, 0x00, 0x80, 0x31, 0xc0, 0xb9, 0xff,
    0xff, 0xff, 0xff, 0xf7, 0xf9, 0xf4, 0xeb, 0xfd, 0xb0, 0x01, 0xe6, 0xe0,
    0xf4, 0xeb, 0xfd
};
static const uint8_t guest_x87[] = {
    0xdb, 0xe3, 0xdb, 0x05, 0x00, 0x31, 0x00, 0x00, 0xdf, 0x2d, 0x04, 0x31,
    0x00, 0x00, 0xde, 0xf9, 0xdd, 0x15, 0x20, 0x31, 0x00, 0x00, 0xdb, 0x15,
    0x28, 0x31, 0x00, 0x00, 0xd9, 0x3d, 0x2c, 0x31, 0x00, 0x00, 0x66, 0xc7,
    0x05, 0x2e, 0x31, 0x00, 0x00, 0x7f, 0x0f, 0xd9, 0x2d, 0x2e, 0x31, 0x00,
    0x00, 0xdf, 0x1d, 0x30, 0x31, 0x00, 0x00, 0xd9, 0x2d, 0x2c, 0x31, 0x00,
    0x00, 0xd9, 0xe8, 0xd9, 0xee, 0xdf, 0xf1, 0x0f, 0x92, 0x05, 0x34, 0x31,
    0x00, 0x00, 0xd9, 0xeb, 0xda, 0xc1, 0xdb, 0x3d, 0x38, 0x31, 0x00, 0x00,
    0xdd, 0xd8, 0xd9, 0x1d, 0x44, 0x31, 0x00, 0x00, 0xdf, 0xe0, 0x66, 0xa3,
    0x48, 0x31, 0x00, 0x00, 0xdb, 0xe2, 0x66, 0xc7, 0x05, 0x2e, 0x31, 0x00,
    0x00, 0x7b, 0x03, 0xd9, 0x2d, 0x2e, 0x31, 0x00, 0x00, 0xd9, 0xe8, 0xd9,
    0xee, 0xde, 0xf9, 0x90, 0x9b, 0xdb, 0xe3, 0x0f, 0x20, 0xc0, 0x83, 0xc8,
    0x08, 0x0f, 0x22, 0xc0, 0xd9, 0xe8, 0xdf, 0x05, 0x0c, 0x31, 0x00, 0x00,
    0xdd, 0x35, 0x80, 0x31, 0x00, 0x00, 0xdd, 0x25, 0x80, 0x31, 0x00, 0x00,
    0xb0, 0x01, 0xe6, 0xe0, 0xf4, 0xeb, 0xfd, 0xdf, 0xe0, 0x66, 0xa3, 0x4c,
    0x31, 0x00, 0x00, 0x8b, 0x04, 0x24, 0xa3, 0x50, 0x31, 0x00, 0x00, 0xdb,
    0xe2, 0xcf, 0x0f, 0x06, 0xff, 0x05, 0x54, 0x31, 0x00, 0x00, 0xcf
};

typedef struct Guest {
    VM *vm;
    CPUState *cpu;
    RAMBlock *ram;
    bool done; /* [lock: bql] */
    unsigned vectors;
} Guest;

static void guest_port_write(void *opaque, uint16_t port, uint32_t value,
                             unsigned size_bytes)
{
    Guest *g = opaque;

    if (port == PORT_DONE) {
        g->done = true;
        g_main_context_wakeup(g->vm->main_context);
    } else if (g->vectors < 3) {
        /* The handler ran: the next interrupt. */
        cpu_interrupt(g->cpu, CPU_INTERRUPT_HARD);
    }
}

static const IOPortOps guest_ports = {.write = guest_port_write};

static int guest_get_vector(void *opaque)
{
    Guest *g = opaque;

    cpu_reset_interrupt(g->cpu, CPU_INTERRUPT_HARD);
    g->vectors++;
    return 0x20;
}

static uint32_t guest_word(const Guest *g, uint32_t gpa)
{
    uint32_t value;

    memcpy(&value, g->ram->host + gpa, 4);
    return value;
}

static void guest_poke(Guest *g, uint32_t gpa, uint64_t value)
{
    memcpy(g->ram->host + gpa, &value, 8);
}

static void guest_gate(Guest *g, unsigned vector, uint32_t handler,
                       unsigned dpl)
{
    uint64_t low = 0x00080000 | (handler & 0xffff);
    uint64_t high = (handler & 0xffff0000) | 0x8e00 | dpl << 13;

    guest_poke(g, IDT + 8 * vector, high << 32 | low);
}

static X86Segment flat_segment(uint32_t selector, uint32_t type)
{
    return (X86Segment){
        .selector = selector,
        .limit = UINT32_MAX,
        .flags = SEG_P | SEG_S | SEG_B | SEG_G | type << SEG_TYPE_SHIFT,
    };
}

static void guest_set_flat(Guest *g)
{
    CPUArchState *env = g->cpu->arch;

    guest_poke(g, GDT + 0x08, 0x00cf9b000000ffff);
    guest_poke(g, GDT + 0x10, 0x00cf93000000ffff);
    guest_poke(g, GDT + 0x18, 0x00cffb000000ffff);
    guest_poke(g, GDT + 0x20, 0x00cff3000000ffff);
    guest_poke(g, GDT + 0x28, 0x0000890060000067);
    guest_poke(g, TSS + 4, 0x0000001000007f00); /* ESP0, SS0 */
    for (unsigned i = 0; i < CPU_NB_SEGS; i++) {
        env->segs[i] = flat_segment(0x10, 3);
    }
    env->segs[R_CS] = flat_segment(8, 11);
    env->gdt = (X86Segment){.base = GDT, .limit = 0x2f};
    env->idt = (X86Segment){.base = IDT, .limit = 0x7ff};
    env->cr[0] = CR0_PE_MASK | CR0_ET_MASK;
    env->eip = CODE;
    env->regs[R_ESP] = 0x7f00;
    guest_gate(g, 0, HANDLER, 0);
    guest_gate(g, 13, CODE + 0xa0, 0);
    guest_gate(g, 14, HANDLER, 0);
    guest_gate(g, 0x20, HANDLER, 0);
    guest_gate(g, 0x30, HANDLER, 3);
}

static Guest *guest_new(const uint8_t *code, size_t code_bytes)
{
    Guest *g = g_new0(Guest, 1);
    struct json_object *spec = json_object_new_object();

    g->vm = vm_new(NULL);
    bql_lock(g->vm);
    json_object_object_add(spec, "accel", json_object_new_string("x86emu"));
    g_assert_true(accel_select(g->vm, &spec, 1, NULL));
    json_object_put(spec);
    g->ram = ram_block_new_anon(g->vm, "ram", RAM_BYTES, NULL);
    g_assert_nonnull(g->ram);
    g_assert_true(memory_map_ram(g->vm, 0, g->ram, 0, RAM_BYTES, NULL));
    g_assert_true(ioport_register(g->vm, PORT_DONE, 2, &guest_ports, g,
                                  NULL));
    g_assert_true(cpus_create(g->vm, 1, NULL));
    g->cpu = cpu_get(g->vm, 0);
    cpu_x86_set_int_ack(g->cpu, (X86IntAck){guest_get_vector, g});
    memcpy(g->ram->host + CODE, code, code_bytes);
    guest_set_flat(g);
    bql_unlock(g->vm);
    return g;
}

static void guest_run(Guest *g)
{
    bql_lock(g->vm);
    g_assert_true(cpus_push_state(g->vm, NULL));
    g_assert_true(vm_start(g->vm, NULL));
    while (!g->done) {
        g_assert_true(runstate_is_running(g->vm));
        bql_unlock(g->vm);
        g_main_context_iteration(g->vm->main_context, TRUE);
        bql_lock(g->vm);
    }
    g_assert_true(vm_stop(g->vm, RUN_STATE_PAUSED, NULL));
    bql_unlock(g->vm);
}

static void guest_free(Guest *g)
{
    vm_free(g->vm);
    g_free(g);
}

static void test_counts(void)
{
    Guest *g = guest_new(guest_speed, sizeof(guest_speed));
    int64_t begin = clock_host_ns();

    guest_run(g);
    g_test_message("%.1f million instructions a second",
                   30e9 / (clock_host_ns() - begin));
    g_assert_cmpuint(guest_word(g, 0x2000), ==, 10000000);
    g_assert_cmpuint(g->cpu->arch->regs[R_ECX], ==, 0);
    guest_free(g);
}

/* rdtsc; mov [0x2000], eax; mov [0x2004], edx; mov dx, PORT_DONE; out */
static const uint8_t guest_tsc[] = {
    0x0f, 0x31,
    0xa3, 0x00, 0x20, 0x00, 0x00,
    0x89, 0x15, 0x04, 0x20, 0x00, 0x00,
    0x66, 0xba, PORT_DONE & 0xff, PORT_DONE >> 8,
    0xee,
    0xf4,
};

/*
 * A stream of stock QEMU's TCG has no counter with the CPU, but ticks ahead
 * of the clock: the guest's counter must not run backwards.
 */
static void test_tsc_from_ticks(void)
{
    Guest *g = guest_new(guest_tsc, sizeof(guest_tsc));
    int64_t bias = 5000000000000;
    uint64_t tsc;

    bql_lock(g->vm);
    clock_set_ticks_bias(g->vm, bias);
    g->cpu->arch->tsc = 0;
    bql_unlock(g->vm);
    guest_run(g);
    tsc = guest_word(g, 0x2000) | (uint64_t)guest_word(g, 0x2004) << 32;
    g_assert_cmpuint(tsc, >=, bias);
    g_assert_cmpuint(tsc, <, bias + 100 * NANOSECONDS_PER_SECOND);
    g_assert_cmpint(clock_get_ticks_bias(g->vm), ==, bias);
    guest_free(g);
}

static void test_page_fault(void)
{
    Guest *g = guest_new(guest_pf, sizeof(guest_pf));
    uint64_t paddr;

    guest_poke(g, PAGE_DIRECTORY, 0x83); /* 4 MiB at 0, next not there */
    memset(g->ram->host + 0x400000, 0x77, 16);
    g->cpu->arch->cr[0] |= CR0_PG_MASK | CR0_WP_MASK;
    g->cpu->arch->cr[3] = PAGE_DIRECTORY;
    g->cpu->arch->cr[4] = CR4_PSE_MASK;
    guest_run(g);
    g_assert_cmphex(guest_word(g, 0x3000), ==, 0); /* read, not present */
    g_assert_cmphex(guest_word(g, 0x3004), ==, 0x400000);
    g_assert_cmpuint(guest_word(g, 0x300c), ==, 1);
    g_assert_true(cpu_arch_translate(g->cpu, 0x400004, &paddr));
    g_assert_cmphex(paddr, ==, 0x400004);
    g_assert_cmphex(guest_word(g, 0x3008), ==, 0x77777777);
    g_assert_cmphex(guest_word(g, 0x400004), ==, 0x12345678);
    /* Accessed and dirty bits of the 4 MiB entry. */
    g_assert_cmphex(guest_word(g, PAGE_DIRECTORY + 4) & 0x60, ==, 0x60);
    g_assert_false(cpu_arch_translate(g->cpu, 0x900000, &paddr));
    guest_free(g);
}

static void test_rings(void)
{
    Guest *g = guest_new(guest_ring, sizeof(guest_ring));

    guest_run(g);
    g_assert_cmphex(guest_word(g, 0x3000), ==, 0x1b);   /* CS of ring 3 */
    g_assert_cmphex(guest_word(g, 0x3004), ==, 0x7000); /* its ESP */
    g_assert_cmphex(guest_word(g, 0x3008), ==, 0);      /* #GP of CLI */
    g_assert_cmphex(guest_word(g, 0x300c), ==, 0x1b);
    g_assert_cmphex(g->cpu->arch->regs[R_EBX], ==, 0x11);
    g_assert_cmphex(g->cpu->arch->regs[R_ECX], ==, 0x22);
    guest_free(g);
}

static void test_interrupts(void)
{
    Guest *g = guest_new(guest_irq, sizeof(guest_irq));

    /* Pending before the guest enables interrupts. */
    bql_lock(g->vm);
    cpu_interrupt(g->cpu, CPU_INTERRUPT_HARD);
    bql_unlock(g->vm);
    guest_run(g);
    g_assert_cmpuint(guest_word(g, 0x3000), ==, 3);
    g_assert_cmpuint(g->vectors, ==, 3);
    guest_free(g);
}

static void test_strings_and_dirty(void)
{
    Guest *g = guest_new(guest_string, sizeof(guest_string));
    unsigned long *map = bitmap_new(RAM_BYTES >> TARGET_PAGE_BITS);
    uint64_t pages = 0;

    bql_lock(g->vm);
    g_assert_true(memory_dirty_log_start(g->vm, NULL));
    bql_unlock(g->vm);
    guest_run(g);
    g_assert_cmphex(g->ram->host[0x100002], ==, 0);
    g_assert_cmphex(g->ram->host[0x100003], ==, 0x5a);
    g_assert_cmphex(g->ram->host[0x300003], ==, 0x5a);
    g_assert_cmphex(g->ram->host[0x300004], ==, 0);
    g_assert_cmpuint(guest_word(g, 0x3000), ==, 0); /* compared to the end */
    g_assert_cmphex(guest_word(g, 0x3004) & 0xffff, ==, 0);
    g_assert_cmpuint(guest_word(g, 0x3008), ==, 9);
    g_assert_cmpuint(guest_word(g, 0x3010), ==, 16);
    /* The division overflowed and went to the guest's handler. */
    g_assert_true(ram_block_dirty_sync(g->ram, map, &pages, NULL));
    g_assert_true(test_bit(0x100, map));
    g_assert_true(test_bit(0x300, map));
    g_assert_false(test_bit(0x301, map));
    g_assert_true(test_bit(0x403, map));
    g_assert_false(test_bit(0x404, map));
    g_assert_cmpuint(bitmap_count(map, 0x100, 0x800), ==, 0x201 + 4);
    bql_lock(g->vm);
    memory_dirty_log_stop(g->vm);
    bql_unlock(g->vm);
    g_free(map);
    guest_free(g);
}

static void test_x87(void)
{
    Guest *g = guest_new(guest_x87, sizeof(guest_x87));
    const CPUArchState *env = g->cpu->arch;

    guest_gate(g, 7, CODE + 0xb6, 0);
    guest_gate(g, 16, CODE + 0xa3, 0);
    guest_poke(g, 0x3100, 7);
    guest_poke(g, 0x3104, 2);
    guest_poke(g, 0x310c, 5);
    guest_run(g);
    g_assert_cmphex(guest_word(g, 0x3120), ==, 0); /* 7 / 2, a double */
    g_assert_cmphex(guest_word(g, 0x3124), ==, 0x400c0000);
    g_assert_cmpuint(guest_word(g, 0x3128), ==, 4); /* to nearest, even */
    g_assert_cmpuint(guest_word(g, 0x3130), ==, 3); /* towards zero */
    g_assert_cmpuint(guest_word(g, 0x3134), ==, 1); /* 0 is below 1 */
    g_assert_cmphex(guest_word(g, 0x3138), ==, 0);  /* moved if below: 1 */
    g_assert_cmphex(guest_word(g, 0x313c), ==, 0x80000000);
    g_assert_cmphex(guest_word(g, 0x3140), ==, 0x3fff);
    /* An empty stack was popped: the indefinite number, IE and SF. */
    g_assert_cmphex(guest_word(g, 0x3144), ==, 0xffc00000);
    g_assert_cmphex(guest_word(g, 0x3148) & 0x41, ==, 0x41);
    /* The division by zero that was not masked came up at FWAIT. */
    g_assert_cmphex(guest_word(g, 0x314c) & 0x84, ==, 0x84);
    g_assert_cmphex(guest_word(g, 0x3150), ==, CODE + 0x7c);
    g_assert_cmpuint(guest_word(g, 0x3154), ==, 1); /* TS: one #NM */
    /* Saved, cleared, loaded again: what a migration would carry. */
    g_assert_cmphex(env->fpuc, ==, 0x37f);
    g_assert_cmphex(env->fpus & 0x3800, ==, 6 << 11);
    g_assert_cmphex(env->fptag, ==, 0xc0);
    g_assert_cmphex(env->fpregs[7].exponent, ==, 0x3fff); /* 1 */
    g_assert_cmphex(env->fpregs[6].mantissa, ==, 0xa000000000000000);
    g_assert_cmphex(env->fpregs[6].exponent, ==, 0x4001); /* 5 */
    g_assert_true(x86_cpuid_find(env, 1, 0).edx & 1);
    guest_free(g);
}

/* fstpt 0x3100; fstpt 0x3110 */
static const uint8_t guest_x87_pop[] = {
    0xdb, 0x3d, 0x00, 0x31, 0x00, 0x00,
    0xdb, 0x3d, 0x10, 0x31, 0x00, 0x00,
    0xb0, 0x01, 0xe6, PORT_DONE, 0xf4, 0xeb, 0xfd,
};

/*
 * What stock's TCG sends of a guest that did fld1 and fldpi: registers by
 * number. The top one must come off first here.
 */
static void test_x87_from_stock(void)
{
    static const X86FPReg pi = {0xc90fdaa22168c235, 0x4000};
    static const X86FPReg one = {0x8000000000000000, 0x3fff};
    Guest *g = guest_new(guest_x87_pop, sizeof(guest_x87_pop));
    CPUArchState *env = g->cpu->arch;

    env->fpuc = 0x37f;
    env->fpus = 0x3000;
    env->fptag = 0xc0;
    env->fpregs[6] = pi;
    env->fpregs[7] = one;
    guest_run(g);
    g_assert_cmpmem(g->ram->host + 0x3100, 8, &pi.mantissa, 8);
    g_assert_cmpmem(g->ram->host + 0x3108, 2, &pi.exponent, 2);
    g_assert_cmpmem(g->ram->host + 0x3110, 8, &one.mantissa, 8);
    g_assert_cmpmem(g->ram->host + 0x3118, 2, &one.exponent, 2);
    g_assert_cmphex(env->fptag, ==, 0);
    guest_free(g);
}

/* --- What the emulated CPU does not have -------------------------------------- */

/*
 * Twice each: pxor %xmm0,%xmm0 and wrmsr of EFER. The handlers step over
 * them and count.
 */
static const uint8_t guest_lacks[] = {
    0x66, 0x0f, 0xef, 0xc0,
    0xb9, 0x80, 0x00, 0x00, 0xc0,
    0xb8, 0x00, 0x01, 0x00, 0x00,
    0x31, 0xd2,
    0x0f, 0x30,
    0x66, 0x0f, 0xef, 0xc0,
    0x0f, 0x30,
    0xb0, 0x01, 0xe6, PORT_DONE, 0xf4, 0xeb, 0xfd,
    /* #UD: incl 0x3000; addl $4,(%esp); iret */
    [0x80] = 0xff, 0x05, 0x00, 0x30, 0x00, 0x00, 0x83, 0x04, 0x24, 0x04, 0xcf,
    /* #GP: incl 0x3004; addl $4,%esp; addl $2,(%esp); iret */
    [0xa0] = 0xff, 0x05, 0x04, 0x30, 0x00, 0x00, 0x83, 0xc4, 0x04,
    0x83, 0x04, 0x24, 0x02, 0xcf,
};

static void test_lacks(void)
{
    Guest *g;

    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("*MMX or SSE*-accel kvm*");
        g_test_trap_assert_stderr("*long mode*-accel kvm*");
        g_test_trap_assert_stderr_unmatched("*MMX or SSE*MMX or SSE*");
        g_test_trap_assert_stderr_unmatched("*long mode*long mode*");
        return;
    }
    g = guest_new(guest_lacks, sizeof(guest_lacks));
    guest_gate(g, 6, HANDLER, 0);
    guest_run(g);
    g_assert_cmpuint(guest_word(g, 0x3000), ==, 2);
    g_assert_cmpuint(guest_word(g, 0x3004), ==, 2);
    g_assert_cmphex(g->cpu->arch->efer, ==, 0);
    guest_free(g);
}

static void test_cpuid(void)
{
    Guest *g = guest_new(guest_lacks, sizeof(guest_lacks));
    X86CPUIDLeaf one = x86_cpuid_find(g->cpu->arch, 1, 0);
    X86CPUIDLeaf ext = x86_cpuid_find(g->cpu->arch, 0x80000001, 0);

    /* MMX, FXSR, SSE, SSE2; SSE3 and later; long mode, NX, SYSCALL */
    g_assert_cmphex(one.edx & (BIT(23) | BIT(24) | BIT(25) | BIT(26)), ==, 0);
    g_assert_cmphex(one.ecx, ==, 0);
    g_assert_cmphex(ext.edx & (BIT(29) | BIT(20) | BIT(11)), ==, 0);
    g_assert_cmphex(one.edx & 1, ==, 1);
    guest_free(g);
}

static void test_one_cpu(void)
{
    VM *vm = vm_new(NULL);
    struct json_object *spec = json_object_new_object();
    g_autoptr(Error) err = NULL;

    bql_lock(vm);
    json_object_object_add(spec, "accel", json_object_new_string("x86emu"));
    g_assert_true(accel_select(vm, &spec, 1, NULL));
    json_object_put(spec);
    vm->smp_cpus = 2;
    g_assert_false(cpus_create(vm, 2, &err));
    g_assert_cmpstr(error_get_pretty(err), ==,
                    "CPU 0: accelerator tcg runs one CPU, -smp asks for 2; use "
                    "-smp 1 or -accel kvm");
    bql_unlock(vm);
    vm_free(vm);
}

/*
 * Instructions with a short way past the library: each runs with and, so that
 * the library gets it, behind a segment prefix that changes nothing.
 */
typedef struct FastCase {
    const char *name;
    uint8_t code[8];
    uint8_t code_bytes;
    bool logic; /* AF is undefined */
} FastCase;

static const FastCase fast_cases[] = {
    {"add", {0x01, 0xd8}, 2},
    {"add load", {0x03, 0x06}, 2},
    {"add store", {0x01, 0x06}, 2},
    {"or", {0x09, 0xd8}, 2, true},
    {"and", {0x23, 0xc3}, 2, true},
    {"sub", {0x29, 0xd8}, 2},
    {"sub store", {0x29, 0x46, 0x04}, 3},
    {"xor", {0x31, 0xd8}, 2, true},
    {"cmp", {0x39, 0xd8}, 2},
    {"cmp load", {0x3b, 0x06}, 2},
    {"inc", {0x40}, 1},
    {"dec", {0x48}, 1},
    {"push", {0x53}, 1},
    {"add imm8", {0x83, 0xc0, 0x80}, 3},
    {"sub imm8", {0x83, 0xe8, 0x7f}, 3},
    {"cmp imm32", {0x81, 0xf8, 0xff, 0xff, 0xff, 0x7f}, 6},
    {"xor imm32", {0x81, 0x36, 0x01, 0x00, 0x00, 0x80}, 6, true},
    {"test", {0x85, 0xd8}, 2, true},
    {"mov load", {0x8b, 0x46, 0x04}, 3},
    {"lea", {0x8d, 0x84, 0x98, 0x78, 0x56, 0x34, 0x12}, 7},
    {"mov imm32", {0xc7, 0x06, 0x78, 0x56, 0x34, 0x12}, 6},
    {"inc store", {0xff, 0x06}, 2},
    {"dec reg", {0xff, 0xc8}, 2},
};

static const uint32_t fast_values[] = {
    0, 1, 0x7f, 0x80, 0x7fffffff, 0x80000000, 0xffffff80, 0xffffffff,
};

typedef struct FastCode {
    uint8_t *at;
    bool prefix;
} FastCode;

static void fast_emit(FastCode *c, const void *code, size_t code_bytes)
{
    memcpy(c->at, code, code_bytes);
    c->at += code_bytes;
}

static void fast_emit_case(FastCode *c, const uint8_t *code, size_t bytes,
                           uint32_t a, uint32_t b)
{
    static const uint8_t store[] = {
        0x9c, 0x59, 0x89, 0x0f,       /* flags */
        0x89, 0x47, 0x04,             /* EAX */
        0x8b, 0x0e, 0x89, 0x4f, 0x08, /* what ESI points to */
        0x83, 0xc7, 0x0c,
    };

    fast_emit(c, "\xb8", 1);
    fast_emit(c, &a, 4);
    fast_emit(c, "\xbb", 1);
    fast_emit(c, &b, 4);
    fast_emit(c, "\x89\x1e\x89\x46\x04", 5);
    fast_emit(c, b & 1 ? "\xf9" : "\xf8", 1); /* STC, CLC */
    fast_emit(c, "\x3e", c->prefix);
    fast_emit(c, code, bytes);
    fast_emit(c, store, sizeof(store));
}

/* CMP, then a jump over MOV EAX. */
static void fast_emit_jump(FastCode *c, unsigned condition, bool wide,
                           uint32_t a, uint32_t b)
{
    uint8_t code[16] = {0x39, 0xd8}, *at = code + 2;

    if (c->prefix) {
        *at++ = 0x3e;
    }
    if (wide) {
        memcpy(at, (uint8_t[]){0x0f, 0x80 + condition, 5, 0, 0, 0}, 6);
        at += 6;
    } else {
        memcpy(at, (uint8_t[]){0x70 + condition, 5}, 2);
        at += 2;
    }
    memcpy(at, (uint8_t[]){0xb8, 0x78, 0x56, 0x34, 0x12}, 5);
    fast_emit_case(c, code, at + 5 - code, a, b);
}

static unsigned fast_emit_all(FastCode *c)
{
    unsigned n = 0;

    for (size_t i = 0; i < 64; i++) {
        uint32_t a = fast_values[i / 8], b = fast_values[i % 8];

        for (size_t k = 0; k < ARRAY_SIZE(fast_cases); k++, n++) {
            fast_emit_case(c, fast_cases[k].code, fast_cases[k].code_bytes,
                           a, b);
        }
        for (unsigned k = 0; k < 32; k++, n++) {
            fast_emit_jump(c, k & 15, k & 16, a, b);
        }
    }
    return n;
}

static void fast_compare(Guest *g, unsigned count)
{
    unsigned each = ARRAY_SIZE(fast_cases) + 32;

    for (unsigned i = 0; i < count; i++) {
        const FastCase *one = i % each < ARRAY_SIZE(fast_cases)
                                  ? &fast_cases[i % each] : NULL;
        uint32_t mask = one && one->logic ? ~0x10U : UINT32_MAX;
        uint32_t fast = 0x100000 + 12 * i, slow = 0x200000 + 12 * i;

        if (((guest_word(g, fast) ^ guest_word(g, slow)) & mask) ||
            guest_word(g, fast + 4) != guest_word(g, slow + 4) ||
            guest_word(g, fast + 8) != guest_word(g, slow + 8)) {
            g_error("%s, values %u: flags %x, not %x; EAX %x, not %x; "
                    "memory %x, not %x", one ? one->name : "jump", i / each,
                    guest_word(g, fast), guest_word(g, slow),
                    guest_word(g, fast + 4), guest_word(g, slow + 4),
                    guest_word(g, fast + 8), guest_word(g, slow + 8));
        }
    }
}

static void test_fast_equals_library(void)
{
    static const uint8_t end[] = {0xb0, 0x01, 0xe6, 0xe0, 0xf4};
    Guest *g = guest_new(end, sizeof(end));
    FastCode c = {.at = g->ram->host + 0x300000};
    unsigned count = 0;

    for (unsigned pass = 0; pass < 2; pass++) {
        uint32_t edi = 0x100000 * (pass + 1), esi = 0x3000, esp = 0x600000;

        c.prefix = pass;
        fast_emit(&c, "\xbf", 1);
        fast_emit(&c, &edi, 4);
        fast_emit(&c, "\xbe", 1);
        fast_emit(&c, &esi, 4);
        fast_emit(&c, "\xbc", 1);
        fast_emit(&c, &esp, 4);
        count = fast_emit_all(&c);
    }
    fast_emit(&c, end, sizeof(end));
    g_assert_true(c.at < g->ram->host + 0x500000);
    g->cpu->arch->eip = 0x300000;
    guest_run(g);
    fast_compare(g, count);
    g_assert_cmpuint(guest_word(g, 0x100000 + 12 * count - 12), !=, 0);
    guest_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86-emu/counts", test_counts);
    g_test_add_func("/x86-emu/tsc-from-ticks", test_tsc_from_ticks);
    g_test_add_func("/x86-emu/page-fault", test_page_fault);
    g_test_add_func("/x86-emu/rings", test_rings);
    g_test_add_func("/x86-emu/interrupts", test_interrupts);
    g_test_add_func("/x86-emu/strings-and-dirty", test_strings_and_dirty);
    g_test_add_func("/x86-emu/x87", test_x87);
    g_test_add_func("/x86-emu/x87-from-stock", test_x87_from_stock);
    g_test_add_func("/x86-emu/lacks", test_lacks);
    g_test_add_func("/x86-emu/cpuid", test_cpuid);
    g_test_add_func("/x86-emu/one-cpu", test_one_cpu);
    g_test_add_func("/x86-emu/fast-equals-library", test_fast_equals_library);
    return g_test_run();
}
