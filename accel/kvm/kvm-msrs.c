/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers: a table of number and place in CPUArchState. */
#include "qemu/osdep.h"

#include "kvm-int.h"

typedef struct KVMMsr {
    uint32_t number;
    uint16_t offset;
    uint8_t size_bytes;
} KVMMsr;

#define MSR(_number, _member)                                                  \
    {                                                                          \
        _number, offsetof(CPUArchState, _member),                              \
        sizeof(((CPUArchState *)NULL)->_member)                                \
    }
#define MTRR_VAR(_i)                                                           \
    MSR(0x200 + 2 * _i, mtrr_var[_i].base),                                    \
    MSR(0x201 + 2 * _i, mtrr_var[_i].mask)
#define MCE_BANK(_i)                                                           \
    MSR(0x400 + 4 * _i, mce_banks[4 * _i]),                                    \
    MSR(0x401 + 4 * _i, mce_banks[4 * _i + 1]),                                \
    MSR(0x402 + 4 * _i, mce_banks[4 * _i + 2]),                                \
    MSR(0x403 + 4 * _i, mce_banks[4 * _i + 3])

static const KVMMsr msr_table[] = {
    MSR(0x10, tsc),
    MSR(0x174, sysenter_cs),
    MSR(0x175, sysenter_esp),
    MSR(0x176, sysenter_eip),
    MSR(0x277, pat),
    MSR(0xc0000081, star),
    MSR(0xc0000082, lstar),
    MSR(0xc0000083, cstar),
    MSR(0xc0000084, fmask),
    MSR(0xc0000102, kernelgsbase),
    MSR(0xc0000103, tsc_aux),
    MSR(0xc0010117, vm_hsave),
    MSR(0x3b, tsc_adjust),
    MSR(0x6e0, tsc_deadline),
    MSR(0x1a0, msr_ia32_misc_enable),
    MSR(0x3a, msr_ia32_feature_control),
    MSR(0xda0, xss),
    MSR(0xe1, umwait),
    MSR(0x34, msr_smi_count),
    MSR(0x6e1, pkrs),
    MSR(0x48, spec_ctrl),
    MSR(0xc001011f, virt_ssbd),
    MSR(0x122, tsx_ctrl),
    MSR(0x4b564d00, wall_clock_msr),
    MSR(0x4b564d01, system_time_msr),
    MSR(0x4b564d02, async_pf_en_msr),
    MSR(0x4b564d03, steal_time_msr),
    MSR(0x4b564d04, pv_eoi_en_msr),
    MSR(0x4b564d05, poll_control_msr),
    MSR(0x4b564d06, async_pf_int_msr),
    MSR(0x250, mtrr_fixed[0]),
    MSR(0x258, mtrr_fixed[1]),
    MSR(0x259, mtrr_fixed[2]),
    MSR(0x268, mtrr_fixed[3]),
    MSR(0x269, mtrr_fixed[4]),
    MSR(0x26a, mtrr_fixed[5]),
    MSR(0x26b, mtrr_fixed[6]),
    MSR(0x26c, mtrr_fixed[7]),
    MSR(0x26d, mtrr_fixed[8]),
    MSR(0x26e, mtrr_fixed[9]),
    MSR(0x26f, mtrr_fixed[10]),
    MSR(0x2ff, mtrr_deftype),
    MTRR_VAR(0), MTRR_VAR(1), MTRR_VAR(2), MTRR_VAR(3),
    MTRR_VAR(4), MTRR_VAR(5), MTRR_VAR(6), MTRR_VAR(7),
    MSR(0x17a, mcg_status),
    MSR(0x17b, mcg_ctl),
    MCE_BANK(0), MCE_BANK(1), MCE_BANK(2), MCE_BANK(3), MCE_BANK(4),
    MCE_BANK(5), MCE_BANK(6), MCE_BANK(7), MCE_BANK(8), MCE_BANK(9),
};

typedef struct kvm_msrs KVMMsrs;

G_STATIC_ASSERT(ARRAY_SIZE(msr_table) <= KVM_MSRS_MAX);

static KVMMsrs *msrs_alloc(void)
{
    return g_malloc0(sizeof(KVMMsrs) +
                     KVM_MSRS_MAX * sizeof(struct kvm_msr_entry));
}

void kvm_msrs_probe(KVMCpu *kc)
{
    g_autofree KVMMsrs *list = msrs_alloc();

    for (unsigned i = 0; i < ARRAY_SIZE(msr_table); i++) {
        list->nmsrs = 1;
        list->entries[0].index = msr_table[i].number;
        /* Some can be read by a guest's model that cannot write them. */
        if (ioctl(kc->fd, KVM_GET_MSRS, list) == 1 &&
            ioctl(kc->fd, KVM_SET_MSRS, list) == 1) {
            kc->msrs[kc->msr_count++] = i;
        }
    }
}

static KVMMsrs *msrs_new(const KVMCpu *kc)
{
    KVMMsrs *list = msrs_alloc();

    list->nmsrs = kc->msr_count;
    for (unsigned i = 0; i < kc->msr_count; i++) {
        list->entries[i].index = msr_table[kc->msrs[i]].number;
    }
    return list;
}

/* KVM did @done of the MSRs and stopped at the next one. */
static bool msrs_done(const KVMCpu *kc, const char *verb, int done_count,
                      const KVMMsrs *list, Error **errp)
{
    if (done_count < 0) {
        return kvm_cpu_fail(verb, errp);
    }
    if ((unsigned)done_count < kc->msr_count) {
        error_setg(errp, "%s: KVM refuses MSR 0x%x (value 0x%" PRIx64 ")",
                   verb, list->entries[done_count].index,
                   (uint64_t)list->entries[done_count].data);
        return false;
    }
    return true;
}

static bool is_mtrr_mask(uint32_t number)
{
    return number >= 0x201 && number <= 0x20f && (number & 1);
}

/*
 * Address bits above those of the guest's processor, up to bit 51. KVM has
 * them clear in the masks of variable MTRRs and refuses them set; the stream
 * has them set, so that a wider processor on the other side reads the mask
 * right.
 */
static uint64_t mtrr_mask_top_bits(const KVMCpu *kc)
{
    X86CPUIDLeaf leaf = x86_cpuid_find(kc->cpu->arch, 0x80000008, 0);
    unsigned phys_bits = MIN(leaf.eax & 0xff, 52);

    if (!phys_bits) {
        phys_bits = 36;
    }
    return (BIT_ULL(52) - 1) & ~(BIT_ULL(phys_bits) - 1);
}

bool kvm_msrs_get(KVMCpu *kc, Error **errp)
{
    g_autofree KVMMsrs *list = msrs_new(kc);
    uint8_t *env = (uint8_t *)kc->cpu->arch;
    int done_count = ioctl(kc->fd, KVM_GET_MSRS, list);

    if (!msrs_done(kc, "KVM_GET_MSRS", done_count, list, errp)) {
        return false;
    }
    for (unsigned i = 0; i < kc->msr_count; i++) {
        const KVMMsr *msr = &msr_table[kc->msrs[i]];
        uint64_t value = list->entries[i].data;

        if (is_mtrr_mask(msr->number)) {
            value |= mtrr_mask_top_bits(kc);
        }
        memcpy(env + msr->offset, &value, msr->size_bytes);
    }
    return true;
}

bool kvm_msrs_put(KVMCpu *kc, Error **errp)
{
    g_autofree KVMMsrs *list = msrs_new(kc);
    const uint8_t *env = (const uint8_t *)kc->cpu->arch;
    int done_count;

    for (unsigned i = 0; i < kc->msr_count; i++) {
        const KVMMsr *msr = &msr_table[kc->msrs[i]];
        uint64_t value = 0;

        memcpy(&value, env + msr->offset, msr->size_bytes);
        if (is_mtrr_mask(msr->number)) {
            value &= ~mtrr_mask_top_bits(kc);
        }
        list->entries[i].data = value;
    }
    done_count = ioctl(kc->fd, KVM_SET_MSRS, list);
    return msrs_done(kc, "KVM_SET_MSRS", done_count, list, errp);
}
