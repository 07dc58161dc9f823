/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads: their loop, parking and waking them, interrupts.
 *
 * No request is lost: who wants something sets it, then exit_request, then
 * kicks; the thread clears exit_request first and looks at the wishes after.
 */
#include "qemu/osdep.h"
#include "qemu/thread.h"
#include "system/accel.h"
#include "system/runstate.h"
#include "cpus-internal.h"
#include "runstate-internal.h"

unsigned cpus_count(VM *vm)
{
    return vm->cpus ? vm->cpus->count : 0;
}

CPUState *cpu_get(VM *vm, unsigned index)
{
    return index < cpus_count(vm) ? vm->cpus->cpu[index] : NULL;
}

CPUState *cpu_current(VM *vm)
{
    GThread *self = g_thread_self();

    for (unsigned i = 0; i < cpus_count(vm); i++) {
        if (vm->cpus->cpu[i]->thread == self) {
            return vm->cpus->cpu[i];
        }
    }
    return NULL;
}

/* --- The thread --------------------------------------------------------- */

/* BQL */
static void cpu_park(CPUState *cpu)
{
    const AccelOps *ops = cpu->vm->accel->ops;
    CPUs *cpus = cpu->vm->cpus;
    Error *err = NULL;

    if (ops->get_state && !ops->get_state(cpu, &err)) {
        error_prepend(&err, "CPU %d: ", cpu->index);
        error_propagate(&cpus->park_error, err);
    }
    cpu->parked = true;
    g_cond_broadcast(&cpus->parked);
}

/* BQL. Waits until there is something to run; false: the thread is to end. */
static bool cpu_wait(CPUState *cpu)
{
    const AccelOps *ops = cpu->vm->accel->ops;
    CPUs *cpus = cpu->vm->cpus;

    for (;;) {
        qatomic_set(&cpu->exit_request, false);
        if (cpus->quit) {
            return false;
        }
        if (cpu->stop || cpus->peeks) {
            if (!cpu->parked) {
                cpu_park(cpu);
            }
        } else if (ops->vcpu_run &&
                   (!cpu->halted || (ops->has_work && ops->has_work(cpu)))) {
            cpu->halted = false;
            return true;
        }
        bql_wait(cpu->vm, &cpu->wake);
    }
}

/* BQL not held; the guest is in a state that cannot go on. */
static void cpu_failed(CPUState *cpu, Error *err)
{
    error_prepend(&err, "CPU %d: ", cpu->index);
    error_report_err(err);
    bql_lock(cpu->vm);
    cpu->stop = true;
    if (runstate_is_running(cpu->vm)) {
        vm_stop(cpu->vm, RUN_STATE_INTERNAL_ERROR, NULL);
    }
    bql_unlock(cpu->vm);
}

void *cpu_thread(void *opaque)
{
    CPUState *cpu = opaque;
    VM *vm = cpu->vm;
    const AccelOps *ops = vm->accel->ops;
    Error *err = NULL;
    bool initialised;

    bql_lock(vm);
    cpu->thread = g_thread_self();
    initialised = !ops->vcpu_init || ops->vcpu_init(cpu, &err);
    if (!initialised) {
        error_prepend(&err, "CPU %d: ", cpu->index);
        error_propagate(&vm->cpus->park_error, g_steal_pointer(&err));
    }
    cpu->parked = true;
    qatomic_set(&cpu->thread_id, qemu_get_thread_id());
    g_cond_broadcast(&vm->cpus->parked);

    while (cpu_wait(cpu)) {
        bool ok;

        bql_unlock(vm);
        ok = ops->vcpu_run(cpu, &err);
        if (!ok) {
            cpu_failed(cpu, g_steal_pointer(&err));
        }
        bql_lock(vm);
    }
    if (initialised && ops->vcpu_destroy) {
        ops->vcpu_destroy(cpu);
    }
    bql_unlock(vm);
    return NULL;
}

/* --- Requests ----------------------------------------------------------- */

void cpu_kick(CPUState *cpu)
{
    const AccelOps *ops = cpu->vm->accel->ops;

    qatomic_set(&cpu->exit_request, true);
    if (ops->vcpu_kick && cpu->thread != g_thread_self()) {
        ops->vcpu_kick(cpu);
    }
    g_cond_broadcast(&cpu->wake);
}

/* Wakes all to look at what they were asked for; waits until they parked. */
static bool cpus_wait_parked(VM *vm, Error **errp)
{
    CPUState *self = cpu_current(vm);
    CPUs *cpus = vm->cpus;

    for (unsigned i = 0; i < cpus->count; i++) {
        cpu_kick(cpus->cpu[i]);
    }
    for (unsigned i = 0; i < cpus->count; i++) {
        CPUState *cpu = cpus->cpu[i];

        while (cpu != self && !cpu->parked) {
            bql_wait(vm, &cpus->parked);
        }
    }
    if (cpus->park_error) {
        error_propagate(errp, g_steal_pointer(&cpus->park_error));
        return false;
    }
    return true;
}

bool cpus_pause(VM *vm, Error **errp)
{
    for (unsigned i = 0; i < cpus_count(vm); i++) {
        vm->cpus->cpu[i]->stop = true;
    }
    return !vm->cpus || cpus_wait_parked(vm, errp);
}

static void cpu_unpark(CPUState *cpu)
{
    cpu->parked = false;
    g_cond_broadcast(&cpu->wake);
}

bool cpus_resume(VM *vm, Error **errp)
{
    for (unsigned i = 0; i < cpus_count(vm); i++) {
        vm->cpus->cpu[i]->stop = false;
        cpu_unpark(vm->cpus->cpu[i]);
    }
    return true;
}

/*
 * The wish is the CPUs', not each one's `stop`: that one may set while it is
 * waited for, and then it has to stay.
 */
bool cpus_peek_begin(VM *vm, Error **errp)
{
    g_assert(!cpu_current(vm));
    if (!vm->cpus) {
        return true;
    }
    /* A start meanwhile would take away what is waited for. */
    runstate_begin(vm);
    vm->cpus->peeks++;
    if (!cpus_wait_parked(vm, errp)) {
        cpus_peek_end(vm);
        return false;
    }
    return true;
}

void cpus_peek_end(VM *vm)
{
    if (!vm->cpus) {
        return;
    }
    if (--vm->cpus->peeks == 0) {
        for (unsigned i = 0; i < vm->cpus->count; i++) {
            if (!vm->cpus->cpu[i]->stop) {
                cpu_unpark(vm->cpus->cpu[i]);
            }
        }
    }
    runstate_end(vm);
}

void cpu_interrupt(CPUState *cpu, uint32_t mask)
{
    bool had_bql = bql_locked(cpu->vm);

    if (!had_bql) {
        bql_lock(cpu->vm); /* or it may fall asleep just now */
    }
    qatomic_fetch_or(&cpu->interrupt_request, mask);
    cpu_kick(cpu);
    if (!had_bql) {
        bql_unlock(cpu->vm);
    }
}

void cpu_reset_interrupt(CPUState *cpu, uint32_t mask)
{
    qatomic_fetch_and(&cpu->interrupt_request, ~mask);
}

bool cpus_push_state(VM *vm, Error **errp)
{
    if (!vm->accel || !vm->accel->ops->put_state) {
        return true;
    }
    for (unsigned i = 0; i < cpus_count(vm); i++) {
        if (!vm->accel->ops->put_state(vm->cpus->cpu[i], errp)) {
            error_prepend(errp, "CPU %u: ", i);
            return false;
        }
    }
    return true;
}
