/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/cpus.c, cpus-create.c and accel.c. */
#include "qemu/osdep.h"
#include "vm-double.h"

static void test_pause_resume(void)
{
    VM *vm = double_vm(NULL, 3);

    bql_lock(vm);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_true(cpu_get(vm, i)->parked);
        g_assert_cmpint(cpu_get(vm, i)->thread_id, >, 0);
    }
    g_assert_null(cpu_get(vm, 3));
    g_assert_null(cpu_current(vm));
    for (int round = 0; round < 100; round++) {
        g_assert_true(cpus_resume(vm, NULL));
        g_assert_true(cpus_pause(vm, NULL));
        for (unsigned i = 0; i < 3; i++) {
            g_assert_true(cpu_get(vm, i)->parked);
            g_assert_cmpuint(double_cpu(vm, i)->published, ==,
                             double_cpu(vm, i)->counter);
        }
    }
    g_assert_true(cpus_push_state(vm, NULL));
    g_assert_cmpuint(double_cpu(vm, 2)->puts, ==, 1);
    bql_unlock(vm);
    vm_free(vm);
}

static bool halt_once(CPUState *cpu, Error **errp)
{
    bql_lock(cpu->vm);
    g_assert_true(cpu_current(cpu->vm) == cpu);
    cpu->halted = true;
    bql_unlock(cpu->vm);
    qatomic_set(&cpu->exit_request, true);
    return true;
}

static bool answer_interrupt(CPUState *cpu, Error **errp)
{
    if (qatomic_read(&cpu->interrupt_request) & CPU_INTERRUPT_HARD) {
        cpu_reset_interrupt(cpu, CPU_INTERRUPT_HARD);
    }
    return halt_once(cpu, errp);
}

/* No interrupt to a halted vCPU gets lost. */
static void test_halt(void)
{
    VM *vm = double_vm(NULL, 1);
    CPUState *cpu = cpu_get(vm, 0);

    bql_lock(vm);
    double_cpu(vm, 0)->guest = answer_interrupt;
    g_assert_true(cpus_resume(vm, NULL));
    bql_unlock(vm);
    for (int i = 0; i < 1000; i++) {
        cpu_interrupt(cpu, CPU_INTERRUPT_HARD);
        while (qatomic_read(&cpu->interrupt_request)) {
            g_thread_yield();
        }
    }
    bql_lock(vm);
    g_assert_true(cpus_pause(vm, NULL));
    g_assert_true(cpu->halted);
    g_assert_cmpuint(double_cpu(vm, 0)->counter, >=, 1000);
    bql_unlock(vm);
    vm_free(vm);
}

/* A vCPU asks for a reset, as it does when it writes to the reset port. */
static bool guest_resets(CPUState *cpu, Error **errp)
{
    bql_lock(cpu->vm);
    if (!cpu->stop) {
        vm_request_reset(cpu->vm, SHUTDOWN_CAUSE_GUEST_RESET);
    }
    bql_unlock(cpu->vm);
    return true;
}

static void reset_seen(void *opaque)
{
    double_cpu(opaque, 0)->guest = NULL;
}

/*
 * A look does not let a vCPU run on that asked for a reset: before the look,
 * or while the look waits for it.
 */
static void test_peek_stop(void)
{
    VM *vm = double_vm(NULL, 2);
    CPUState *cpu = cpu_get(vm, 0);

    bql_lock(vm);
    vm_add_reset_handler(vm, reset_seen, vm);
    double_cpu(vm, 0)->guest = guest_resets;
    g_assert_true(vm_start(vm, NULL));
    for (int i = 0; i < 3; i++) {
        g_assert_true(cpus_peek_begin(vm, NULL));
        g_assert_true(cpu->parked && cpu_get(vm, 1)->parked);
        /* The first look may come before the guest does anything. */
        if (double_cpu(vm, 0)->counter) {
            g_assert_cmpuint(double_cpu(vm, 0)->counter, ==, 1);
            g_assert_true(cpu->stop);
        }
        cpus_peek_end(vm);
        g_assert_false(cpu_get(vm, 1)->parked);
        while (!cpu->stop) {
            bql_unlock(vm);
            g_thread_yield();
            bql_lock(vm);
        }
    }
    g_assert_true(cpu->parked);
    while (double_cpu(vm, 0)->guest) {
        bql_unlock(vm);
        g_main_context_iteration(NULL, TRUE);
        bql_lock(vm);
    }
    g_assert_false(cpu->stop || cpu->parked);
    g_assert_true(vm_stop(vm, RUN_STATE_PAUSED, NULL));
    bql_unlock(vm);
    vm_free(vm);
}

/* Looks nest, and stopped vCPUs stay so. */
static void test_peek_nested(void)
{
    VM *vm = double_vm(NULL, 2);

    bql_lock(vm);
    g_assert_true(cpus_peek_begin(vm, NULL));
    cpus_peek_end(vm);
    g_assert_true(cpu_get(vm, 0)->parked && cpu_get(vm, 0)->stop);
    g_assert_true(vm_start(vm, NULL));
    g_assert_true(cpus_peek_begin(vm, NULL));
    g_assert_true(cpus_peek_begin(vm, NULL));
    cpus_peek_end(vm);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(cpu_get(vm, i)->parked);
        g_assert_cmpuint(double_cpu(vm, i)->published, ==,
                         double_cpu(vm, i)->counter);
    }
    cpus_peek_end(vm);
    g_assert_false(cpu_get(vm, 0)->parked || cpu_get(vm, 1)->parked);
    g_assert_true(vm_stop(vm, RUN_STATE_PAUSED, NULL));
    bql_unlock(vm);
    vm_free(vm);
}

static unsigned rounds; /* [atomic] of the guest */

static bool guest_counts(CPUState *cpu, Error **errp)
{
    qatomic_fetch_add(&rounds, 1);
    return true;
}

/* Where a state cannot be told there is no look, and the guest runs on. */
static void test_peek_fails(void)
{
    VM *vm = double_vm(NULL, 2);
    g_autoptr(Error) err = NULL;
    unsigned before;

    bql_lock(vm);
    double_cpu(vm, 0)->guest = guest_counts;
    double_cpu(vm, 1)->get_fails = true;
    g_assert_true(vm_start(vm, NULL));
    g_assert_false(cpus_peek_begin(vm, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "CPU 1: "));
    for (unsigned i = 0; i < 2; i++) {
        g_assert_false(cpu_get(vm, i)->parked || cpu_get(vm, i)->stop);
    }
    before = qatomic_read(&rounds);
    bql_unlock(vm);
    while (qatomic_read(&rounds) == before) {
        g_thread_yield();
    }
    bql_lock(vm);
    /* A stop leaves it stopped, whether it could be told or not. */
    g_assert_false(vm_stop(vm, RUN_STATE_PAUSED, NULL));
    g_assert_cmpint(runstate_get(vm), ==, RUN_STATE_PAUSED);
    g_assert_true(cpu_get(vm, 0)->parked && cpu_get(vm, 1)->parked);
    bql_unlock(vm);
    vm_free(vm);
}

static void test_names(void)
{
    struct json_object *spec = json_tokener_parse("{'accel': 'kvm'}");
    VM *vm = vm_new(NULL);
    g_autofree char *path = NULL;
    g_autofree char *name = NULL;

    vm->debug_threads = true;
    bql_lock(vm);
    g_assert_true(accel_select(vm, &spec, 1, NULL));
    g_assert_true(cpus_create(vm, 1, NULL));
    path = g_strdup_printf("/proc/self/task/%d/comm",
                           cpu_get(vm, 0)->thread_id);
    bql_unlock(vm);
    g_assert_true(g_file_get_contents(path, &name, NULL, NULL));
    g_assert_cmpstr(name, ==, "CPU 0/KVM\n");
    json_object_put(spec);
    vm_free(vm);
}

static void test_accel_fallback(void)
{
    struct json_object *specs[] = {
        json_tokener_parse("{'accel': 'nope'}"),
        json_tokener_parse("{'accel': 'kvm', 'fail': 'on'}"),
        json_tokener_parse("{'accel': 'double'}"),
    };
    VM *vm = vm_new(NULL);
    g_autoptr(Error) err = NULL;

    bql_lock(vm);
    g_assert_false(accel_select(vm, specs, 2, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "nope: invalid"));
    g_assert_nonnull(strstr(error_get_pretty(err), "kvm: told to fail"));
    g_assert_true(accel_select(vm, specs, 3, NULL));
    g_assert_true(vm->accel->ops == &double_accel);
    bql_unlock(vm);
    vm_free(vm);
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        json_object_put(specs[i]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpus/pause-resume", test_pause_resume);
    g_test_add_func("/cpus/halt", test_halt);
    g_test_add_func("/cpus/peek/stop", test_peek_stop);
    g_test_add_func("/cpus/peek/nested", test_peek_nested);
    g_test_add_func("/cpus/peek/fails", test_peek_fails);
    g_test_add_func("/cpus/names", test_names);
    g_test_add_func("/accel/fallback", test_accel_fallback);
    return g_test_run();
}
