/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM with a machine `none`, on which tests put single devices. */
#ifndef TESTS_UNIT_HW_DOUBLE_H
#define TESTS_UNIT_HW_DOUBLE_H

#include <json-c/json.h>
#include "hw/core/boards.h"
#include "hw/core/device-classes.h"
#include "migration/misc.h"
#include "qemu/cutils.h"
#include "system/clock.h"
#include "system/ioport.h"
#include "system/memory.h"

/* BQL held and virtual time moved by hand when it returns. */
static inline VM *hw_double_new(uint64_t ram_bytes)
{
    VM *vm = vm_new(NULL);
    struct json_object *opts = json_object_new_object();
    Error *err = NULL;

    json_object_object_add(opts, "type", json_object_new_string("none"));
    bql_lock(vm);
    clock_set_manual(vm, true);
    clock_enable(vm, true);
    vm->ram_size_bytes = ram_bytes;
    vm->smp_cpus = 1;
    if (!machine_create(vm, opts, &err) || !migration_init(vm, &err) ||
        !machine_init(vm, &err)) {
        g_error("%s", error_get_pretty(err));
    }
    json_object_put(opts);
    return vm;
}

static inline void hw_double_free(VM *vm)
{
    machine_free(vm);
    bql_unlock(vm);
    migration_shutdown(vm);
    migration_free(vm);
    vm_free(vm);
}

/* Counts what arrives on one interrupt line. */
typedef struct LineProbe {
    bool level;
    unsigned rises;
} LineProbe;

static inline void line_probe_set(void *opaque, unsigned n, bool level)
{
    LineProbe *probe = opaque;

    probe->rises += level && !probe->level;
    probe->level = level;
}

static inline DeviceState *hw_double_add(VM *vm, const DeviceClass *klass,
                                         const DeviceProp *props)
{
    Error *err = NULL;
    DeviceState *dev = device_create(vm, klass, props, &err);

    if (!dev) {
        g_error("%s", error_get_pretty(err));
    }
    return dev;
}

#endif
