/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The `ram` section: its table of handlers. */
#include "qemu/osdep.h"

#include "migration/ram.h"
#include "migration/stream-format.h"

static const SaveVMHandlers ram_handlers = {
    .save_setup = ram_save_setup,
    .save_live_iterate = ram_save_iterate,
    .save_live_needs_part = ram_save_needs_part,
    .save_live_complete = ram_save_complete,
    .save_pending = ram_save_pending,
    .save_cleanup = ram_save_cleanup,
    .load_setup = ram_load_setup,
    .load_state = ram_load_state,
    .load_cleanup = ram_load_cleanup,
};

bool ram_migration_init(VM *vm, Error **errp)
{
    return savevm_register_live(vm, RAM_SECTION_NAME, RAM_SECTION_VERSION,
                                &ram_handlers, vm, errp);
}
