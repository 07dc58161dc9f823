/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Birth and death of vCPUs. Main thread, BQL. */
#include "qemu/osdep.h"
#include "qemu/thread.h"
#include "system/accel.h"
#include "system/runstate.h"
#include "cpus-internal.h"

const ObjectClass cpu_class = {
    .name = "cpu",
    .abstract = true,
    .instance_size = sizeof(CPUState),
};

static void cpu_reset(void *opaque)
{
    CPUState *cpu = opaque;

    qatomic_set(&cpu->interrupt_request, 0);
    cpu->halted = false;
    cpu_arch_reset(cpu);
}

static void cpus_destroy_with_vm(VM *vm, void *opaque)
{
    cpus_destroy(vm);
}

static void cpu_start_thread(CPUState *cpu)
{
    VM *vm = cpu->vm;
    g_autofree char *accel = g_ascii_strup(vm->accel->ops->name, -1);
    g_autofree char *name =
        g_strdup_printf("CPU %d/%s", cpu->index,
                        vm->accel->ops->vcpu_run ? accel : "DUMMY");

    /* Without a name of its own it has the process's. */
    cpu->thread =
        qemu_thread_create(vm->debug_threads ? name : NULL, cpu_thread, cpu);
    while (!qatomic_read(&cpu->thread_id)) {
        bql_wait(vm, &vm->cpus->parked);
    }
}

static void cpu_free(CPUState *cpu)
{
    if (cpu->arch) {
        cpu_arch_free(cpu);
    }
    g_cond_clear(&cpu->wake);
    object_free(&cpu->parent);
}

static CPUState *cpu_new(VM *vm, unsigned index, Error **errp)
{
    Object *obj = object_new(vm, cpu_arch_class, NULL, errp);
    CPUState *cpu;

    if (!obj) {
        return NULL;
    }
    cpu = container_of(obj, CPUState, parent);
    cpu->vm = vm;
    cpu->index = (int)index;
    cpu->stop = true;
    g_cond_init(&cpu->wake);
    cpu->arch = cpu_arch_new(cpu, errp);
    if (!cpu->arch ||
        !object_store_add(vm, "/machine/unattached", obj, errp)) {
        cpu_free(cpu);
        return NULL;
    }
    return cpu;
}

bool cpus_create(VM *vm, unsigned count, Error **errp)
{
    CPUs *cpus;

    g_assert(vm->accel && !vm->cpus);
    cpus = g_new0(CPUs, 1);
    cpus->cpu = g_new0(CPUState *, count);
    g_cond_init(&cpus->parked);
    vm->cpus = cpus;
    vm_on_free(vm, cpus_destroy_with_vm, NULL);

    for (unsigned i = 0; i < count; i++) {
        CPUState *cpu = cpu_new(vm, i, errp);

        if (!cpu) {
            cpus_destroy(vm);
            return false;
        }
        cpus->cpu[cpus->count++] = cpu;
        cpu_start_thread(cpu);
        if (cpus->park_error) {
            error_propagate(errp, g_steal_pointer(&cpus->park_error));
            cpus_destroy(vm);
            return false;
        }
    }
    /* Not before all went well: handlers cannot be taken back. */
    for (unsigned i = 0; i < count; i++) {
        vm_add_reset_handler(vm, cpu_reset, cpus->cpu[i]);
    }
    return true;
}

void cpus_destroy(VM *vm)
{
    CPUs *cpus = vm->cpus;

    if (!cpus) {
        return;
    }
    cpus->quit = true;
    for (unsigned i = 0; i < cpus->count; i++) {
        cpu_kick(cpus->cpu[i]);
    }
    for (unsigned i = 0; i < cpus->count; i++) {
        bql_unlock(vm);
        g_thread_join(cpus->cpu[i]->thread);
        bql_lock(vm);
    }
    for (unsigned i = 0; i < cpus->count; i++) {
        cpu_free(cpus->cpu[i]);
    }
    vm->cpus = NULL;
    error_free(cpus->park_error);
    g_cond_clear(&cpus->parked);
    g_free(cpus->cpu);
    g_free(cpus);
}
