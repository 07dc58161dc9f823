/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subsections of the section `cpu`: each is written where its value is not
 * what a reader assumes without it. Those our CPU has no state for are
 * unknown to the loader, which refuses them by name.
 */
#include "qemu/osdep.h"

#include "machine.h"

/* Subsection "cpu/@_id" of the fields given, written where @_cond holds. */
#define SUBSECTION(_id, _cond, ...)                                            \
    static bool _id##_needed(void *opaque)                                     \
    {                                                                          \
        const CPUArchState *env = opaque;                                      \
                                                                               \
        return _cond;                                                          \
    }                                                                          \
    static const VMStateDescription vmstate_##_id = {                          \
        .name = "cpu/" #_id,                                                   \
        .version_id = 1,                                                       \
        .minimum_version_id = 1,                                               \
        .needed = _id##_needed,                                                \
        .fields = (const VMStateField[]){                                      \
            __VA_ARGS__, VMSTATE_END_OF_LIST(),                                \
        },                                                                     \
    };

SUBSECTION(exception_info, env->exception_pending,
           ENV_U8(exception_pending), ENV_U8(exception_injected),
           ENV_U8(exception_has_payload), ENV_U64(exception_payload))
SUBSECTION(async_pf_msr, env->async_pf_en_msr != 0, ENV_U64(async_pf_en_msr))
SUBSECTION(async_pf_int_msr, env->async_pf_int_msr != 0,
           ENV_U64(async_pf_int_msr))
SUBSECTION(async_pv_eoi_msr, env->pv_eoi_en_msr != 0, ENV_U64(pv_eoi_en_msr))
SUBSECTION(steal_time_msr, env->steal_time_msr != 0, ENV_U64(steal_time_msr))
SUBSECTION(poll_control_msr, env->poll_control_msr != 1,
           ENV_U64(poll_control_msr))
SUBSECTION(fpop_ip_dp, env->fpop || env->fpip || env->fpdp,
           ENV_U16(fpop), ENV_U64(fpip), ENV_U64(fpdp))
SUBSECTION(msr_tsc_adjust, env->tsc_adjust != 0, ENV_U64(tsc_adjust))
SUBSECTION(msr_tscdeadline, env->tsc_deadline != 0, ENV_U64(tsc_deadline))
SUBSECTION(msr_ia32_misc_enable, env->msr_ia32_misc_enable != 1,
           ENV_U64(msr_ia32_misc_enable))
SUBSECTION(msr_ia32_feature_control, env->msr_ia32_feature_control != 0,
           ENV_U64(msr_ia32_feature_control))

static bool avx512_needed(void *opaque)
{
    const CPUArchState *env = opaque;
    uint64_t any = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(env->opmask_regs); i++) {
        any |= env->opmask_regs[i];
    }
    for (unsigned i = 0; i < ARRAY_SIZE(env->xmm_regs); i++) {
        for (unsigned j = i < 16 ? 4 : 0; j < 8; j++) {
            any |= env->xmm_regs[i].q[j];
        }
    }
    return any != 0;
}

static const VMStateField zmmh_reg_fields[] = {
    VEC_QUAD(4),
    VEC_QUAD(5),
    VEC_QUAD(6),
    VEC_QUAD(7),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_zmmh_reg = {
    .name = "zmmh_reg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = zmmh_reg_fields,
};
static const VMStateField hi16_zmm_reg_fields[] = {
    VEC_QUAD(0),
    VEC_QUAD(1),
    VEC_QUAD(2),
    VEC_QUAD(3),
    VEC_QUAD(4),
    VEC_QUAD(5),
    VEC_QUAD(6),
    VEC_QUAD(7),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_hi16_zmm_reg = {
    .name = "hi16_zmm_reg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = hi16_zmm_reg_fields,
};
static const VMStateField avx512_fields[] = {
    ENV_U64_ARRAY(opmask_regs, 8),
    ENV_STRUCT_ARRAY(xmm_regs, 0, 16, 0, vmstate_zmmh_reg),
    ENV_STRUCT_ARRAY(xmm_regs, 16, 16, 0, vmstate_hi16_zmm_reg),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_avx512 = {
    .name = "cpu/avx512",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = avx512_needed,
    .fields = avx512_fields,
};

SUBSECTION(xss, env->xss != 0, ENV_U64(xss))
SUBSECTION(umwait, env->umwait != 0, ENV_U32(umwait))
SUBSECTION(tsc_khz, env->tsc_khz != 0, ENV_I64(tsc_khz))
SUBSECTION(msr_smi_count, env->msr_smi_count != 0, ENV_U64(msr_smi_count))
SUBSECTION(pkru, env->pkru != 0, ENV_U32(pkru))
SUBSECTION(pkrs, env->pkrs != 0, ENV_U32(pkrs))
SUBSECTION(spec_ctrl, env->spec_ctrl != 0, ENV_U64(spec_ctrl))
SUBSECTION(virt_ssbd, env->virt_ssbd != 0, ENV_U64(virt_ssbd))
SUBSECTION(msr_tsx_ctrl, env->tsx_ctrl != 0, ENV_U32(tsx_ctrl))

static bool pdptrs_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->pdptrs_valid;
}
static const VMStateField pdptrs_fields[] = {
    ENV_U64_ARRAY(pdptrs, 4),
    VMSTATE_END_OF_LIST(),
};
static bool pdptrs_post_load(void *opaque, int version_id, Error **errp)
{
    CPUArchState *env = opaque;

    env->pdptrs_valid = 1;
    return true;
}
static const VMStateDescription vmstate_pdptrs = {
    .name = "cpu/pdptrs",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = pdptrs_post_load,
    .needed = pdptrs_needed,
    .fields = pdptrs_fields,
};

SUBSECTION(triple_fault, env->triple_fault_pending != 0,
           ENV_U8(triple_fault_pending))

const VMStateDescription *const x86_cpu_subsections[] = {
    &vmstate_exception_info,
    &vmstate_async_pf_msr,
    &vmstate_async_pf_int_msr,
    &vmstate_async_pv_eoi_msr,
    &vmstate_steal_time_msr,
    &vmstate_poll_control_msr,
    &vmstate_fpop_ip_dp,
    &vmstate_msr_tsc_adjust,
    &vmstate_msr_tscdeadline,
    &vmstate_msr_ia32_misc_enable,
    &vmstate_msr_ia32_feature_control,
    &vmstate_avx512,
    &vmstate_xss,
    &vmstate_umwait,
    &vmstate_tsc_khz,
    &vmstate_msr_smi_count,
    &vmstate_pkru,
    &vmstate_pkrs,
    &vmstate_spec_ctrl,
    &vmstate_virt_ssbd,
    &vmstate_msr_tsx_ctrl,
    &vmstate_pdptrs,
    &vmstate_triple_fault,
    NULL,
};

void x86_cpu_default_subsections(CPUArchState *env)
{
    env->exception_pending = 0;
    env->exception_injected = 0;
    env->exception_has_payload = 0;
    env->exception_payload = 0;
    env->async_pf_en_msr = 0;
    env->async_pf_int_msr = 0;
    env->pv_eoi_en_msr = 0;
    env->steal_time_msr = 0;
    env->poll_control_msr = 1;
    env->fpop = 0;
    env->fpip = 0;
    env->fpdp = 0;
    env->tsc_adjust = 0;
    env->tsc_deadline = 0;
    env->msr_ia32_misc_enable = 1;
    env->msr_ia32_feature_control = 0;
    memset(env->opmask_regs, 0, sizeof(env->opmask_regs));
    memset(env->xmm_regs, 0, sizeof(env->xmm_regs));
    env->xss = 0;
    env->umwait = 0;
    env->tsc_khz = 0;
    env->msr_smi_count = 0;
    env->pkru = 0;
    env->pkrs = 0;
    env->spec_ctrl = 0;
    env->virt_ssbd = 0;
    env->tsx_ctrl = 0;
    memset(env->pdptrs, 0, sizeof(env->pdptrs));
    env->pdptrs_valid = 0;
    env->triple_fault_pending = 0;
}
