/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `-accel qtest`: no instruction is ever executed; a test drives devices
 * over a socket and moves the clock. CPU state is what was put there.
 */
#include "qemu/osdep.h"

#include <json-c/json.h>

#include "system/accel.h"
#include "target/i386/cpu.h"
#include "../accel-int.h"

static bool qtest_init(Accel *accel, struct json_object *props, Error **errp)
{
    json_object_object_foreach(props, key, value)
    {
        (void)value;
        error_setg(errp, "property '%s' of this accelerator is not known",
                   key);
        return false;
    }
    return true;
}

static bool qtest_vcpu_init(CPUState *cpu, Error **errp)
{
    x86_cpuid_fill(cpu->arch, NULL, 0, cpu->index, cpu->vm->smp_cpus);
    return true;
}

/* vcpu_run is not there: the thread only waits. arch is the state itself. */
const AccelOps qtest_accel_ops = {
    .name = "qtest",
    .type_name = "qtest-accel",
    .description = "runs nothing, driven by tests",
    .manual_clock = true,
    .init = qtest_init,
    .vcpu_init = qtest_vcpu_init,
};
