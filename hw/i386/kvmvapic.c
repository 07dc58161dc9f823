/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of the TPR access optimisation for 32-bit Windows. The optimisation
 * is not there; its section `kvm-tpr-opt` v1 is, since a peer expects one
 * per machine, and what a peer sends is kept and sent on. BQL.
 */
#include "qemu/osdep.h"
#include "hw/core/device-classes.h"

typedef struct VAPICHandlers {
    uint32_t set_tpr, set_tpr_eax, get_tpr[8], get_tpr_stack;
} VAPICHandlers;

typedef struct GuestROMState {
    uint32_t vaddr, fixup_start, fixup_end, vapic_vaddr, vapic_size;
    uint32_t vcpu_shift, real_tpr_addr;
    VAPICHandlers up, mp;
} GuestROMState;

typedef struct VAPICDevice {
    DeviceState dev;
    GuestROMState rom_state;
    uint32_t state, real_tpr_addr, rom_state_vaddr, vapic_paddr;
    uint32_t rom_state_paddr;
} VAPICDevice;

static const VMStateDescription vmstate_vapic_handlers = {
    .name = "kvmvapic-handlers",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UINT32(set_tpr, VAPICHandlers),
        VMSTATE_UINT32(set_tpr_eax, VAPICHandlers),
        VMSTATE_UINT32_ARRAY(get_tpr, VAPICHandlers, 8),
        VMSTATE_UINT32(get_tpr_stack, VAPICHandlers),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription vmstate_vapic_guest_rom = {
    .name = "kvmvapic-guest-rom",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_UNUSED(8),
        VMSTATE_UINT32(vaddr, GuestROMState),
        VMSTATE_UINT32(fixup_start, GuestROMState),
        VMSTATE_UINT32(fixup_end, GuestROMState),
        VMSTATE_UINT32(vapic_vaddr, GuestROMState),
        VMSTATE_UINT32(vapic_size, GuestROMState),
        VMSTATE_UINT32(vcpu_shift, GuestROMState),
        VMSTATE_UINT32(real_tpr_addr, GuestROMState),
        VMSTATE_STRUCT(up, GuestROMState, 0, vmstate_vapic_handlers,
                       VAPICHandlers),
        VMSTATE_STRUCT(mp, GuestROMState, 0, vmstate_vapic_handlers,
                       VAPICHandlers),
        VMSTATE_END_OF_LIST(),
    },
};

static const VMStateDescription vmstate_vapic = {
    .name = "kvm-tpr-opt",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]){
        VMSTATE_STRUCT(rom_state, VAPICDevice, 0, vmstate_vapic_guest_rom,
                       GuestROMState),
        VMSTATE_UINT32(state, VAPICDevice),
        VMSTATE_UINT32(real_tpr_addr, VAPICDevice),
        VMSTATE_UINT32(rom_state_vaddr, VAPICDevice),
        VMSTATE_UINT32(vapic_paddr, VAPICDevice),
        VMSTATE_UINT32(rom_state_paddr, VAPICDevice),
        VMSTATE_END_OF_LIST(),
    },
};

static void kvmvapic_reset(DeviceState *dev)
{
    VAPICDevice *vapic = container_of(dev, VAPICDevice, dev);

    vapic->state = 0;
    vapic->vapic_paddr = 0;
}

const DeviceClass kvmvapic_class = {
    .parent = {
        .name = "kvmvapic",
        .parent = &device_class,
        .instance_size = sizeof(VAPICDevice),
        .description = "state of the TPR access optimisation",
    },
    .reset = kvmvapic_reset,
    .vmsd = &vmstate_vapic,
};
