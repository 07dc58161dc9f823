/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's dirty log. With manual clear, a page reported once is reported again
 * until it is re-protected, which happens just before it is read for
 * sending; only pages that were reported are re-protected, so that none
 * written since then is lost.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"

bool kvm_dirty_log_start(Accel *accel, Error **errp)
{
    KVMState *kvm = accel->opaque;

    for (unsigned i = 0; i < kvm->slot_count; i++) {
        KVMSlot *slot = &kvm->slots[i];

        memset(slot->dirty, 0,
               BITS_TO_LONGS(slot->size_bytes >> TARGET_PAGE_BITS) *
                   sizeof(unsigned long));
        if (!kvm_slot_set(kvm, slot, true, errp)) {
            kvm_dirty_log_stop(accel);
            return false;
        }
    }
    return true;
}

void kvm_dirty_log_stop(Accel *accel)
{
    KVMState *kvm = accel->opaque;

    for (unsigned i = 0; i < kvm->slot_count; i++) {
        /* Logging on costs speed, nothing else: nobody to tell. */
        kvm_slot_set(kvm, &kvm->slots[i], false, NULL);
    }
}

/* slot->dirty into block->dirty, which may start in the middle of a word. */
static void slot_merge(KVMSlot *slot)
{
    uint64_t pages = slot->size_bytes >> TARGET_PAGE_BITS;
    uint64_t first = slot->offset >> TARGET_PAGE_BITS;

    if (first % BITS_PER_LONG == 0) {
        for (uint64_t i = 0; i < BITS_TO_LONGS(pages); i++) {
            if (slot->dirty[i]) {
                qatomic_fetch_or(&slot->block->dirty[first / BITS_PER_LONG +
                                                     i],
                                 slot->dirty[i]);
            }
        }
        return;
    }
    for (uint64_t page = find_next_bit(slot->dirty, pages, 0); page < pages;
         page = find_next_bit(slot->dirty, pages, page + 1)) {
        set_bit_atomic(first + page, slot->block->dirty);
    }
}

static bool slot_sync(KVMState *kvm, KVMSlot *slot, Error **errp)
{
    struct kvm_dirty_log log = {
        .slot = slot->id,
        .dirty_bitmap = slot->dirty,
    };

    if (ioctl(kvm->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0) {
        error_setg_errno(errp, errno, "KVM_GET_DIRTY_LOG of RAM block '%s'",
                         slot->block->id);
        return false;
    }
    slot_merge(slot);
    return true;
}

bool kvm_dirty_log_sync(Accel *accel, RAMBlock *block, Error **errp)
{
    KVMState *kvm = accel->opaque;
    bool ok = true;

    g_mutex_lock(&kvm->slots_lock);
    for (unsigned i = 0; ok && i < kvm->slot_count; i++) {
        if (kvm->slots[i].block == block && !kvm->slots[i].readonly) {
            ok = slot_sync(kvm, &kvm->slots[i], errp);
        }
    }
    g_mutex_unlock(&kvm->slots_lock);
    return ok;
}

/* Pages [@first, @end) of the slot. Whole words only, as the kernel wants. */
static bool slot_clear(KVMState *kvm, KVMSlot *slot, uint64_t first,
                       uint64_t end, Error **errp)
{
    uint64_t pages = slot->size_bytes >> TARGET_PAGE_BITS;
    uint64_t start = ROUND_DOWN(first, BITS_PER_LONG);
    uint64_t count = MIN(ROUND_UP(end, BITS_PER_LONG), pages) - start;
    g_autofree unsigned long *map = NULL;
    struct kvm_clear_dirty_log clear = {
        .slot = slot->id,
        .first_page = start,
        .num_pages = count,
    };

    if (find_next_bit(slot->dirty, end, first) == end) {
        return true;
    }
    map = bitmap_new(count);
    for (uint64_t page = find_next_bit(slot->dirty, end, first); page < end;
         page = find_next_bit(slot->dirty, end, page + 1)) {
        set_bit(page - start, map);
    }
    clear.dirty_bitmap = map;
    if (ioctl(kvm->vm_fd, KVM_CLEAR_DIRTY_LOG, &clear) < 0) {
        error_setg_errno(errp, errno, "KVM_CLEAR_DIRTY_LOG of RAM block '%s'",
                         slot->block->id);
        return false;
    }
    bitmap_clear(slot->dirty, first, end - first);
    return true;
}

bool kvm_dirty_log_clear(Accel *accel, RAMBlock *block, uint64_t first_page,
                         uint64_t pages, Error **errp)
{
    KVMState *kvm = accel->opaque;
    bool ok = true;

    if (!kvm->manual_clear) {
        return true; /* KVM_GET_DIRTY_LOG re-protected them */
    }
    g_mutex_lock(&kvm->slots_lock);
    for (unsigned i = 0; ok && i < kvm->slot_count; i++) {
        KVMSlot *slot = &kvm->slots[i];
        uint64_t base = slot->offset >> TARGET_PAGE_BITS;
        uint64_t limit = base + (slot->size_bytes >> TARGET_PAGE_BITS);
        uint64_t first = MAX(first_page, base);
        uint64_t end = MIN(first_page + pages, limit);

        if (slot->block == block && !slot->readonly && first < end) {
            ok = slot_clear(kvm, slot, first - base, end - base, errp);
        }
    }
    g_mutex_unlock(&kvm->slots_lock);
    return ok;
}
