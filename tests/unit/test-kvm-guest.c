/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM with a small unpaged guest: it runs, its state comes out and goes back
 * in, its stores are in the dirty log. Skipped where /dev/kvm is not usable.
 */
#include "qemu/osdep.h"

#include <json-c/json.h>

#include "../../accel/kvm/kvm-int.h"
#include "hw/i386/irqchip.h"
#include "qapi/qapi-types-run-state.h"
#include "system/accel.h"
#include "system/ioport.h"
#include "system/memory.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"

#define RAM_BYTES (8 * MiB)
#define CODE 0x1000
#define PORT_DONE 0xe0

/*
 * 1: incl 0x2000; addl $0x1000,%edi; andl $0x3fffff,%edi; or %edi... then a
 * store to 0x400000+%edi, until %ecx is 0; then out to PORT_DONE and loop.
 */
static const uint8_t guest_code[] = {
    0xff, 0x05, 0x00, 0x20, 0x00, 0x00,       /* 1: incl 0x2000 */
    0x89, 0x8f, 0x00, 0x00, 0x40, 0x00,       /* movl %ecx,0x400000(%edi) */
    0x81, 0xc7, 0x00, 0x20, 0x00, 0x00,       /* addl $0x2000,%edi */
    0x81, 0xe7, 0xff, 0xff, 0x0f, 0x00,       /* andl $0xfffff,%edi */
    0x49,                                     /* decl %ecx */
    0x75, 0xe5,                               /* jnz 1b */
    0xe6, PORT_DONE,                          /* outb %al,$PORT_DONE */
    0x43,                                     /* 2: incl %ebx */
    0xeb, 0xfd,                               /* jmp 2b */
};

typedef struct Guest {
    VM *vm;
    CPUState *cpu;
    RAMBlock *ram;
    bool done; /* [lock: bql] */
} Guest;

static void guest_port_write(void *opaque, uint16_t port, uint32_t value,
                             unsigned size_bytes)
{
    Guest *g = opaque;

    g->done = true;
    g_main_context_wakeup(g->vm->main_context);
}

static const IOPortOps guest_ports = {.write = guest_port_write};

static X86Segment flat_segment(uint32_t selector, uint32_t type)
{
    return (X86Segment){
        .selector = selector,
        .limit = UINT32_MAX,
        .flags = SEG_P | SEG_S | SEG_B | SEG_G | type << SEG_TYPE_SHIFT,
    };
}

static void guest_set_flat(CPUArchState *env, uint32_t loops)
{
    for (unsigned i = 0; i < CPU_NB_SEGS; i++) {
        env->segs[i] = flat_segment(0x10, 3);
    }
    env->segs[R_CS] = flat_segment(8, 11);
    env->cr[0] = CR0_PE_MASK | CR0_ET_MASK;
    env->eip = CODE;
    env->regs[R_ECX] = loops;
    env->regs[R_EDI] = 0;
}

/* NULL: skipped. */
static Guest *guest_new(void)
{
    Guest *g = g_new0(Guest, 1);
    struct json_object *spec = json_object_new_object();
    g_autoptr(Error) err = NULL;
    bool ok;

    g->vm = vm_new(NULL);
    bql_lock(g->vm);
    json_object_object_add(spec, "accel", json_object_new_string("kvm"));
    ok = accel_select(g->vm, &spec, 1, &err);
    json_object_put(spec);
    if (!ok) {
        g_test_skip(error_get_pretty(err));
        bql_unlock(g->vm);
        vm_free(g->vm);
        g_free(g);
        return NULL;
    }
    g->ram = ram_block_new_anon(g->vm, "ram", RAM_BYTES, NULL);
    g_assert_nonnull(g->ram);
    g_assert_true(memory_map_ram(g->vm, 0, g->ram, 0, RAM_BYTES, NULL));
    g_assert_true(ioport_register(g->vm, PORT_DONE, 1, &guest_ports, g,
                                  NULL));
    ok = cpus_create(g->vm, 1, &err);
    g_assert_cmpstr(err ? error_get_pretty(err) : "", ==, "");
    g_assert_true(ok);
    g_assert_true(g->vm->accel->ops->memory_ready(g->vm->accel, NULL));
    g->cpu = cpu_get(g->vm, 0);
    memcpy(g->ram->host + CODE, guest_code, sizeof(guest_code));
    bql_unlock(g->vm);
    return g;
}

static void guest_run(Guest *g, uint32_t loops)
{
    g_autoptr(Error) err = NULL;

    bql_lock(g->vm);
    guest_set_flat(g->cpu->arch, loops);
    cpus_push_state(g->vm, &err);
    g_assert_cmpstr(err ? error_get_pretty(err) : "", ==, "");
    g->done = false;
    g_assert_true(vm_start(g->vm, NULL));
    while (!g->done) {
        g_assert_true(runstate_is_running(g->vm));
        bql_unlock(g->vm);
        g_main_context_iteration(g->vm->main_context, TRUE);
        bql_lock(g->vm);
    }
    g_assert_true(vm_stop(g->vm, RUN_STATE_PAUSED, &err));
    bql_unlock(g->vm);
}

static void guest_free(Guest *g)
{
    vm_free(g->vm);
    g_free(g);
}

static void test_runs(void)
{
    Guest *g = guest_new();
    uint32_t count;

    if (!g) {
        return;
    }
    guest_run(g, 1000);
    memcpy(&count, g->ram->host + 0x2000, 4);
    g_assert_cmpuint(count, ==, 1000);
    g_assert_cmphex(g->cpu->arch->regs[R_ECX], ==, 0);
    /* In the endless loop after the port. */
    g_assert_cmphex(g->cpu->arch->eip, >=, CODE + 0x1d);
    g_assert_cmphex(g->cpu->arch->eip, <=, CODE + sizeof(guest_code));
    g_assert_cmphex(g->cpu->arch->segs[R_CS].flags & SEG_B, ==, SEG_B);
    guest_free(g);
}

static void test_state_round_trip(void)
{
    Guest *g = guest_new();
    CPUArchState *before;

    if (!g) {
        return;
    }
    guest_run(g, 10);
    bql_lock(g->vm);
    g->cpu->arch->xmm_regs[3].q[1] = 0x1122334455667788;
    g->cpu->arch->regs[R_ESI] = 0xabcdef;
    g->cpu->arch->sysenter_eip = 0x4567;
    before = g_new(CPUArchState, 1);
    *before = *g->cpu->arch;
    g_assert_true(cpus_push_state(g->vm, NULL));
    g->cpu->arch->xmm_regs[3].q[1] = 0;
    g->cpu->arch->regs[R_ESI] = 0;
    g->cpu->arch->sysenter_eip = 0;
    g_assert_true(g->vm->accel->ops->get_state(g->cpu, NULL));
    g_assert_cmphex(g->cpu->arch->xmm_regs[3].q[1], ==, 0x1122334455667788);
    g_assert_cmphex(g->cpu->arch->regs[R_ESI], ==, 0xabcdef);
    g_assert_cmphex(g->cpu->arch->sysenter_eip, ==, 0x4567);
    g_assert_cmphex(g->cpu->arch->tsc, >=, before->tsc);
    g_assert_true(!memcmp(g->cpu->arch->segs, before->segs,
                          sizeof(before->segs)));
    g_assert_true(!memcmp(g->cpu->arch->dr, before->dr, sizeof(before->dr)));
    g_assert_cmphex(g->cpu->arch->apic_base, ==, before->apic_base);
    g_free(before);
    bql_unlock(g->vm);
    guest_free(g);
}

/*
 * Registers leave and enter KVM as they are in its XSAVE area, the top one
 * first: so they are in stock's streams under KVM.
 */
static void test_x87_order(void)
{
    Guest *g = guest_new();
    CPUArchState *env;
    KVMCpu *kc;
    uint8_t area[KVM_XSAVE_BYTES] = {0};

    if (!g) {
        return;
    }
    kc = g->cpu->accel_data;
    env = g->cpu->arch;
    if (!kc->kvm->has_xsave) {
        g_test_skip("this KVM has no XSAVE");
        guest_free(g);
        return;
    }
    bql_lock(g->vm);
    env->fpus = 6 << 11;
    env->fptag = 0xc0;
    for (unsigned i = 0; i < 8; i++) {
        env->fpregs[i] = (X86FPReg){1ULL << 63 | i, 0x3fff + i};
    }
    g_assert_true(cpus_push_state(g->vm, NULL));
    g_assert_cmpint(ioctl(kc->fd, KVM_GET_XSAVE, area), ==, 0);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmpuint(area[32 + 16 * i], ==, i);
        g_assert_cmphex(area[32 + 16 * i + 8], ==, (0x3fff + i) & 0xff);
    }
    memset(env->fpregs, 0, sizeof(env->fpregs));
    g_assert_true(g->vm->accel->ops->get_state(g->cpu, NULL));
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(env->fpregs[i].mantissa, ==, 1ULL << 63 | i);
    }
    g_assert_cmphex(env->fptag, ==, 0xc0);
    bql_unlock(g->vm);
    guest_free(g);
}

static void test_irqchip(void)
{
    Guest *g = guest_new();
    APICState apic, apic2;
    I8259State pic, pic2;
    I8254State pit, pit2;
    IOAPICState ioapic;
    Accel *accel;

    if (!g) {
        return;
    }
    accel = g->vm->accel;
    bql_lock(g->vm);
    g_assert_true(accel->ops->irqchip_get(accel, IRQCHIP_I8259, 1, &pic,
                                          NULL));
    pic.imr = 0x5a;
    pic.irq_base = 0x28;
    g_assert_true(accel->ops->irqchip_put(accel, IRQCHIP_I8259, 1, &pic,
                                          NULL));
    g_assert_true(accel->ops->irqchip_get(accel, IRQCHIP_I8259, 1, &pic2,
                                          NULL));
    g_assert_true(!memcmp(&pic, &pic2, sizeof(pic)));
    g_assert_true(accel->ops->irqchip_get(accel, IRQCHIP_I8254, 0, &pit,
                                          NULL));
    pit.channels[2].mode = 3;
    pit.channels[2].count = 0x1234;
    g_assert_true(accel->ops->irqchip_put(accel, IRQCHIP_I8254, 0, &pit,
                                          NULL));
    g_assert_true(accel->ops->irqchip_get(accel, IRQCHIP_I8254, 0, &pit2,
                                          NULL));
    g_assert_cmpint(pit2.channels[2].count, ==, 0x1234);
    g_assert_cmpuint(pit2.channels[2].mode, ==, 3);
    g_assert_true(accel->ops->irqchip_get(accel, IRQCHIP_IOAPIC, 0, &ioapic,
                                          NULL));
    g_assert_true(accel->ops->irqchip_put(accel, IRQCHIP_IOAPIC, 0, &ioapic,
                                          NULL));
    g_assert_true(cpus_push_state(g->vm, NULL));
    g_assert_true(accel->ops->irqchip_get(accel, IRQCHIP_APIC, 0, &apic,
                                          NULL));
    apic.apicbase = 0xfee00900;
    apic.spurious_vec = 0x1ff;
    apic.tpr = 0x20;
    apic.lvt[5] = 0x10041;
    g_assert_true(accel->ops->irqchip_put(accel, IRQCHIP_APIC, 0, &apic,
                                          NULL));
    g_assert_true(accel->ops->irqchip_get(accel, IRQCHIP_APIC, 0, &apic2,
                                          NULL));
    g_assert_cmphex(apic2.spurious_vec, ==, 0x1ff);
    g_assert_cmphex(apic2.tpr, ==, 0x20);
    g_assert_cmphex(apic2.lvt[5], ==, 0x10041);
    bql_unlock(g->vm);
    guest_free(g);
}

static void test_dirty_log(void)
{
    Guest *g = guest_new();
    unsigned long *map = bitmap_new(RAM_BYTES >> TARGET_PAGE_BITS);
    uint64_t pages = 0;

    if (!g) {
        g_free(map);
        return;
    }
    guest_run(g, 10);
    bql_lock(g->vm);
    g_assert_true(memory_dirty_log_start(g->vm, NULL));
    bql_unlock(g->vm);
    guest_run(g, 10);
    g_assert_true(ram_block_dirty_sync(g->ram, map, &pages, NULL));
    /* Ten of every second page from 4 MiB on, and the counter's. */
    g_assert_cmpuint(pages, ==, 11);
    g_assert_true(test_bit(0x2, map));
    g_assert_true(test_bit(0x400, map));
    g_assert_false(test_bit(0x401, map));
    g_assert_true(test_bit(0x412, map));
    /* Sent pages are dirty again only when they are written again. */
    g_assert_true(ram_block_dirty_clear(g->ram, 0,
                                        RAM_BYTES >> TARGET_PAGE_BITS, NULL));
    memset(map, 0, RAM_BYTES >> TARGET_PAGE_BITS >> 3);
    pages = 0;
    g_assert_true(ram_block_dirty_sync(g->ram, map, &pages, NULL));
    g_assert_cmpuint(pages, ==, 0);
    guest_run(g, 3);
    g_assert_true(ram_block_dirty_sync(g->ram, map, &pages, NULL));
    g_assert_cmpuint(pages, ==, 4);
    bql_lock(g->vm);
    memory_dirty_log_stop(g->vm);
    bql_unlock(g->vm);
    g_free(map);
    guest_free(g);
}

static void test_refused_options(void)
{
    static const char *const options[][2] = {
        {"kernel-irqchip", "split"},
        {"dirty-ring-size", "4096"},
        {"shadow", "1"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        VM *vm = vm_new(NULL);
        struct json_object *spec = json_object_new_object();
        g_autoptr(Error) err = NULL;

        json_object_object_add(spec, "accel", json_object_new_string("kvm"));
        json_object_object_add(spec, options[i][0],
                               json_object_new_string(options[i][1]));
        bql_lock(vm);
        g_assert_false(accel_select(vm, &spec, 1, &err));
        bql_unlock(vm);
        g_assert_nonnull(strstr(error_get_pretty(err), options[i][0]));
        json_object_put(spec);
        vm_free(vm);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kvm/runs", test_runs);
    g_test_add_func("/kvm/state-round-trip", test_state_round_trip);
    g_test_add_func("/kvm/x87-order", test_x87_order);
    g_test_add_func("/kvm/irqchip", test_irqchip);
    g_test_add_func("/kvm/dirty-log", test_dirty_log);
    g_test_add_func("/kvm/refused-options", test_refused_options);
    return g_test_run();
}
