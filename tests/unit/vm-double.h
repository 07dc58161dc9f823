/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An accelerator for tests of run state and vCPU threads: its "guest" counts
 * in a loop. One test program includes this once.
 */
#ifndef TESTS_UNIT_VM_DOUBLE_H
#define TESTS_UNIT_VM_DOUBLE_H

#include <json-c/json.h>
#include "system/accel.h"
#include "system/runstate.h"

typedef struct DoubleCPU {
    uint64_t counter;   /* [own: vCPU thread] */
    uint64_t published; /* what get_state() stored */
    unsigned puts;
    unsigned kicks;     /* [atomic] */
    bool get_fails;     /* [lock: bql] get_state() does */
    /* Run by the vCPU's thread in each round; false: the guest fails. */
    bool (*guest)(CPUState *cpu, Error **errp);
} DoubleCPU;

static bool double_init(Accel *accel, struct json_object *props, Error **errp)
{
    struct json_object *fail = NULL;

    if (json_object_object_get_ex(props, "fail", &fail)) {
        error_setg(errp, "told to fail");
        return false;
    }
    return true;
}

static bool double_vcpu_init(CPUState *cpu, Error **errp)
{
    cpu->accel_data = g_new0(DoubleCPU, 1);
    return true;
}

static void double_vcpu_destroy(CPUState *cpu)
{
    g_free(cpu->accel_data);
}

static bool double_run(CPUState *cpu, Error **errp)
{
    DoubleCPU *d = cpu->accel_data;

    while (!qatomic_read(&cpu->exit_request)) {
        d->counter++;
        if (d->guest && !d->guest(cpu, errp)) {
            return false;
        }
        if (qatomic_read(&cpu->interrupt_request) & CPU_INTERRUPT_HARD) {
            break;
        }
        g_thread_yield();
    }
    return true;
}

static void double_kick(CPUState *cpu)
{
    DoubleCPU *d = cpu->accel_data;

    qatomic_fetch_add(&d->kicks, 1);
}

static bool double_get(CPUState *cpu, Error **errp)
{
    DoubleCPU *d = cpu->accel_data;

    if (d->get_fails) {
        error_setg(errp, "told to keep its state");
        return false;
    }
    d->published = d->counter;
    return true;
}

static bool double_put(CPUState *cpu, Error **errp)
{
    ((DoubleCPU *)cpu->accel_data)->puts++;
    return true;
}

static bool double_has_work(CPUState *cpu)
{
    return qatomic_read(&cpu->interrupt_request) & CPU_INTERRUPT_HARD;
}

static const AccelOps double_accel = {
    .name = "kvm",
    .alias = "double",
    .type_name = "kvm-accel",
    .init = double_init,
    .vcpu_init = double_vcpu_init,
    .vcpu_destroy = double_vcpu_destroy,
    .vcpu_run = double_run,
    .vcpu_kick = double_kick,
    .get_state = double_get,
    .put_state = double_put,
    .has_work = double_has_work,
};

const AccelOps *const accel_table[] = {&double_accel, NULL};

/* target/'s part */
static const ObjectClass double_cpu_class = {
    .name = "double-cpu",
    .parent = &cpu_class,
};
const ObjectClass *const cpu_arch_class = &double_cpu_class;

struct CPUArchState *cpu_arch_new(CPUState *cpu, Error **errp)
{
    return g_malloc0(1);
}

void cpu_arch_free(CPUState *cpu)
{
    g_free(cpu->arch);
}

void cpu_arch_reset(CPUState *cpu)
{
    ((DoubleCPU *)cpu->accel_data)->counter = 0;
}

static VM *double_vm(GMainContext *context, unsigned cpus)
{
    struct json_object *spec = json_tokener_parse("{'accel': 'double'}");
    VM *vm = vm_new(context);

    bql_lock(vm);
    g_assert_true(accel_select(vm, &spec, 1, NULL));
    g_assert_true(cpus_create(vm, cpus, NULL));
    bql_unlock(vm);
    json_object_put(spec);
    return vm;
}

static DoubleCPU *double_cpu(VM *vm, unsigned index)
{
    return cpu_get(vm, index)->accel_data;
}

#endif
