/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `-accel tcg`, alias x86emu: guest code run by libx86emu. One vCPU, 16- and
 * 32-bit code with paging and x87, no MMX or SSE.
 */
#include "qemu/osdep.h"

#include <json-c/json.h>

#include "qapi/qapi-types-run-state.h"
#include "system/accel.h"
#include "system/runstate.h"
#include "../accel-int.h"
#include "x86emu-int.h"

static bool x86emu_init(Accel *accel, struct json_object *props, Error **errp)
{
    json_object_object_foreach(props, key, value)
    {
        const char *text = json_object_get_string(value);

        if (!strcmp(key, "thread") && !strcmp(text, "single")) {
            continue;
        }
        error_setg(errp, strcmp(key, "thread")
                             ? "property '%s' of this accelerator is not known"
                             : "property '%s' can only be 'single'", key);
        return false;
    }
    return true;
}

static bool x86emu_vcpu_init(CPUState *cpu, Error **errp)
{
    X86Emu *e;

    if (cpu->vm->smp_cpus > 1) {
        error_setg(errp, "accelerator tcg runs one CPU, -smp asks for %u; "
                   "use -smp 1 or -accel kvm", cpu->vm->smp_cpus);
        return false;
    }
    e = g_new0(X86Emu, 1);
    e->cpu = cpu;
    e->vm = cpu->vm;
    e->env = cpu->arch;
    e->emu = x86emu_new(0, 0);
    e->emu->_private = e;
    x86emu_set_memio_handler(e->emu, emu_memio);
    x86emu_set_code_handler(e->emu, emu_code_hook);
    x86emu_set_intr_handler(e->emu, emu_intr_hook);
    cpu->accel_data = e;
    x86_cpuid_fill(cpu->arch, NULL, 0, cpu->index, 1);
    return emu_state_load(e, errp);
}

static void x86emu_vcpu_destroy(CPUState *cpu)
{
    X86Emu *e = cpu->accel_data;

    x86emu_done(e->emu);
    error_free(e->error);
    g_free(e);
    cpu->accel_data = NULL;
}

/* BQL */
static bool x86emu_has_work(CPUState *cpu)
{
    const X86Emu *e = cpu->accel_data;
    uint32_t irq = qatomic_read(&cpu->interrupt_request);

    if (e->triple) {
        return false;
    }
    return (irq & CPU_INTERRUPT_NMI) ||
           ((irq & CPU_INTERRUPT_HARD) &&
            (e->emu->x86.spc.FLAGS & EFLAGS_IF));
}

static void take_interrupt(X86Emu *e)
{
    CPUState *cpu = e->cpu;
    uint32_t irq = qatomic_read(&cpu->interrupt_request);
    int vector = -1;

    if (!irq || e->shadow) {
        return;
    }
    if (irq & CPU_INTERRUPT_NMI) {
        cpu_reset_interrupt(cpu, CPU_INTERRUPT_NMI);
        emu_deliver(e, EXC_NMI, false);
        return;
    }
    if (!(irq & CPU_INTERRUPT_HARD) ||
        !(e->emu->x86.spc.FLAGS & EFLAGS_IF)) {
        return;
    }
    bql_lock(cpu->vm);
    /* Unless the line went down meanwhile. */
    if (qatomic_read(&cpu->interrupt_request) & CPU_INTERRUPT_HARD) {
        if (e->env->int_ack.get_vector) {
            vector = e->env->int_ack.get_vector(e->env->int_ack.opaque);
        } else {
            cpu_reset_interrupt(cpu, CPU_INTERRUPT_HARD);
        }
    }
    bql_unlock(cpu->vm);
    if (vector >= 0) {
        emu_deliver(e, vector, false);
    }
}

/* After HLT or a shutdown; the loop above us decides when to go on. */
static void x86emu_idle(X86Emu *e)
{
    CPUState *cpu = e->cpu;

    e->hlt = false;
    bql_lock(cpu->vm);
    cpu->halted = true;
    if (e->triple) {
        vm_request_reset(cpu->vm, SHUTDOWN_CAUSE_GUEST_RESET);
    }
    bql_unlock(cpu->vm);
}

static bool x86emu_vcpu_run(CPUState *cpu, Error **errp)
{
    X86Emu *e = cpu->accel_data;

    while (!qatomic_read(&cpu->exit_request) && !e->triple) {
        take_interrupt(e);
        if (!e->error && !e->triple) {
            x86emu_run(e->emu, 0);
            if (e->emu->x86.intr_type) {
                /* The fetch itself failed: nothing was executed. */
                emu_intr_hook(e->emu, e->emu->x86.intr_nr,
                              e->emu->x86.intr_type);
                e->emu->x86.intr_type = 0;
            }
        }
        if (e->error) {
            error_propagate(errp, g_steal_pointer(&e->error));
            return false;
        }
        if (e->hlt) {
            break;
        }
    }
    if (e->hlt || e->triple) {
        x86emu_idle(e);
    }
    return true;
}

static void x86emu_vcpu_kick(CPUState *cpu)
{
    qatomic_set(&cpu->exit_request, true);
}

static bool x86emu_get_state(CPUState *cpu, Error **errp)
{
    emu_state_save(cpu->accel_data);
    return true;
}

static bool x86emu_put_state(CPUState *cpu, Error **errp)
{
    return emu_state_load(cpu->accel_data, errp);
}

const AccelOps x86emu_accel_ops = {
    .name = "tcg",
    .alias = "x86emu",
    .type_name = "tcg-accel",
    .description = "built-in emulator",
    .init = x86emu_init,
    .vcpu_init = x86emu_vcpu_init,
    .vcpu_destroy = x86emu_vcpu_destroy,
    .vcpu_run = x86emu_vcpu_run,
    .vcpu_kick = x86emu_vcpu_kick,
    .get_state = x86emu_get_state,
    .put_state = x86emu_put_state,
    .has_work = x86emu_has_work,
};
