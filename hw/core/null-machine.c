/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine `none`: RAM at 0 if -m asks for some, and nothing else. */
#include "qemu/osdep.h"
#include "hw/core/boards.h"
#include "hw/core/machine-classes.h"
#include "system/memory.h"

static bool null_machine_init(Machine *machine, Error **errp)
{
    VM *vm = machine->parent.vm;

    if (machine->boot.kernel_path) {
        error_setg(errp, "The -kernel parameter is not supported by machine "
                   "'none'");
        return false;
    }
    return !machine->ram ||
           memory_map_ram(vm, 0, machine->ram, 0, machine->ram->used_bytes,
                          errp);
}

const MachineClass null_machine_class = {
    .parent = {
        .name = "none-machine",
        .parent = &machine_base_class,
        .instance_size = sizeof(Machine),
        .description = "empty machine",
    },
    .name = "none",
    .description = "empty machine",
    .max_cpus = 1,
    .default_ram_id = "ram",
    .init = null_machine_init,
};
