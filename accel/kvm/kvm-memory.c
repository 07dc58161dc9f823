/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory as KVM slots, one for each piece of RAM or ROM in the map. */
#include "qemu/osdep.h"

#include "kvm-int.h"

bool kvm_slot_set(KVMState *kvm, const KVMSlot *slot, bool log, Error **errp)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot->id,
        .flags = (slot->readonly ? KVM_MEM_READONLY : 0) |
                 (log && !slot->readonly ? KVM_MEM_LOG_DIRTY_PAGES : 0),
        .guest_phys_addr = slot->gpa,
        .memory_size = slot->size_bytes,
        .userspace_addr = (uintptr_t)(slot->block->host + slot->offset),
    };

    if (ioctl(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        error_setg_errno(errp, errno, "KVM does not take RAM block '%s' at "
                         "0x%" PRIx64 ", %" PRIu64 " octets",
                         slot->block->id, slot->gpa, slot->size_bytes);
        return false;
    }
    return true;
}

static bool slot_aligned(const MemoryRange *range)
{
    return IS_ALIGNED(range->gpa | range->offset | range->size_bytes,
                      TARGET_PAGE_SIZE);
}

bool kvm_memory_ready(Accel *accel, Error **errp)
{
    KVMState *kvm = accel->opaque;
    const MemoryRange *ranges;
    size_t count;

    ranges = memory_ranges(accel->vm, &count);
    kvm->slots = g_new0(KVMSlot, count);
    for (size_t i = 0; i < count; i++) {
        KVMSlot *slot = &kvm->slots[kvm->slot_count];

        if (!ranges[i].block) {
            continue;
        }
        if (!slot_aligned(&ranges[i])) {
            error_setg(errp, "RAM block '%s' is mapped at 0x%" PRIx64
                       ", not in whole pages, which KVM cannot do",
                       ranges[i].block->id, ranges[i].gpa);
            return false;
        }
        *slot = (KVMSlot){
            .id = kvm->slot_count,
            .gpa = ranges[i].gpa,
            .size_bytes = ranges[i].size_bytes,
            .block = ranges[i].block,
            .offset = ranges[i].offset,
            .readonly = ranges[i].block->rom,
            .dirty = bitmap_new(ranges[i].size_bytes >> TARGET_PAGE_BITS),
        };
        kvm->slot_count++;
        if (!kvm_slot_set(kvm, slot, false, errp)) {
            return false;
        }
    }
    return true;
}

void kvm_memory_free(KVMState *kvm)
{
    for (unsigned i = 0; i < kvm->slot_count; i++) {
        g_free(kvm->slots[i].dirty);
    }
    g_free(kvm->slots);
}
