/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subsections of the section `cpu`: each is written where its value is not
 * what a reader assumes without it. Those our CPU has no state for are
 * unknown to the loader, which refuses them by name.
 */
#include "qemu/osdep.h"

#include "machine.h"

static bool exception_info_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->exception_pending;
}
static const VMStateField exception_info_fields[] = {
    ENV_U8(exception_pending),
    ENV_U8(exception_injected),
    ENV_U8(exception_has_payload),
    ENV_U64(exception_payload),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_exception_info = {
    .name = "cpu/exception_info",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = exception_info_needed,
    .fields = exception_info_fields,
};

static bool async_pf_msr_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->async_pf_en_msr != 0;
}
static const VMStateField async_pf_msr_fields[] = {
    ENV_U64(async_pf_en_msr),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_async_pf_msr = {
    .name = "cpu/async_pf_msr",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = async_pf_msr_needed,
    .fields = async_pf_msr_fields,
};

static bool async_pf_int_msr_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->async_pf_int_msr != 0;
}
static const VMStateField async_pf_int_msr_fields[] = {
    ENV_U64(async_pf_int_msr),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_async_pf_int_msr = {
    .name = "cpu/async_pf_int_msr",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = async_pf_int_msr_needed,
    .fields = async_pf_int_msr_fields,
};

static bool async_pv_eoi_msr_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->pv_eoi_en_msr != 0;
}
static const VMStateField async_pv_eoi_msr_fields[] = {
    ENV_U64(pv_eoi_en_msr),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_async_pv_eoi_msr = {
    .name = "cpu/async_pv_eoi_msr",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = async_pv_eoi_msr_needed,
    .fields = async_pv_eoi_msr_fields,
};

static bool steal_time_msr_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->steal_time_msr != 0;
}
static const VMStateField steal_time_msr_fields[] = {
    ENV_U64(steal_time_msr),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_steal_time_msr = {
    .name = "cpu/steal_time_msr",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = steal_time_msr_needed,
    .fields = steal_time_msr_fields,
};

static bool poll_control_msr_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->poll_control_msr != 1;
}
static const VMStateField poll_control_msr_fields[] = {
    ENV_U64(poll_control_msr),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_poll_control_msr = {
    .name = "cpu/poll_control_msr",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = poll_control_msr_needed,
    .fields = poll_control_msr_fields,
};

static bool fpop_ip_dp_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->fpop || env->fpip || env->fpdp;
}
static const VMStateField fpop_ip_dp_fields[] = {
    ENV_U16(fpop),
    ENV_U64(fpip),
    ENV_U64(fpdp),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_fpop_ip_dp = {
    .name = "cpu/fpop_ip_dp",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = fpop_ip_dp_needed,
    .fields = fpop_ip_dp_fields,
};

static bool msr_tsc_adjust_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->tsc_adjust != 0;
}
static const VMStateField msr_tsc_adjust_fields[] = {
    ENV_U64(tsc_adjust),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_msr_tsc_adjust = {
    .name = "cpu/msr_tsc_adjust",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = msr_tsc_adjust_needed,
    .fields = msr_tsc_adjust_fields,
};

static bool msr_tscdeadline_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->tsc_deadline != 0;
}
static const VMStateField msr_tscdeadline_fields[] = {
    ENV_U64(tsc_deadline),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_msr_tscdeadline = {
    .name = "cpu/msr_tscdeadline",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = msr_tscdeadline_needed,
    .fields = msr_tscdeadline_fields,
};

static bool msr_ia32_misc_enable_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->msr_ia32_misc_enable != 1;
}
static const VMStateField msr_ia32_misc_enable_fields[] = {
    ENV_U64(msr_ia32_misc_enable),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_msr_ia32_misc_enable = {
    .name = "cpu/msr_ia32_misc_enable",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = msr_ia32_misc_enable_needed,
    .fields = msr_ia32_misc_enable_fields,
};

static bool msr_ia32_feature_control_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->msr_ia32_feature_control != 0;
}
static const VMStateField msr_ia32_feature_control_fields[] = {
    ENV_U64(msr_ia32_feature_control),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_msr_ia32_feature_control = {
    .name = "cpu/msr_ia32_feature_control",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = msr_ia32_feature_control_needed,
    .fields = msr_ia32_feature_control_fields,
};

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

#define VEC_QUAD(_i)                                                           \
    {                                                                          \
        .name = "_q_ZMMReg[" #_i "]",                                          \
        .offset = offsetof(X86VecReg, q[_i]),                                  \
        .size = sizeof(uint64_t),                                              \
        .info = &vmstate_info_uint64,                                          \
        .flags = VMS_SINGLE,                                                   \
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

static bool xss_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->xss != 0;
}
static const VMStateField xss_fields[] = {
    ENV_U64(xss),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_xss = {
    .name = "cpu/xss",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = xss_needed,
    .fields = xss_fields,
};

static bool umwait_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->umwait != 0;
}
static const VMStateField umwait_fields[] = {
    ENV_U32(umwait),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_umwait = {
    .name = "cpu/umwait",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = umwait_needed,
    .fields = umwait_fields,
};

static bool tsc_khz_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->tsc_khz != 0;
}
static const VMStateField tsc_khz_fields[] = {
    ENV_I64(tsc_khz),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_tsc_khz = {
    .name = "cpu/tsc_khz",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = tsc_khz_needed,
    .fields = tsc_khz_fields,
};

static bool msr_smi_count_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->msr_smi_count != 0;
}
static const VMStateField msr_smi_count_fields[] = {
    ENV_U64(msr_smi_count),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_msr_smi_count = {
    .name = "cpu/msr_smi_count",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = msr_smi_count_needed,
    .fields = msr_smi_count_fields,
};

static bool pkru_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->pkru != 0;
}
static const VMStateField pkru_fields[] = {
    ENV_U32(pkru),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_pkru = {
    .name = "cpu/pkru",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = pkru_needed,
    .fields = pkru_fields,
};

static bool pkrs_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->pkrs != 0;
}
static const VMStateField pkrs_fields[] = {
    ENV_U32(pkrs),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_pkrs = {
    .name = "cpu/pkrs",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = pkrs_needed,
    .fields = pkrs_fields,
};

static bool spec_ctrl_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->spec_ctrl != 0;
}
static const VMStateField spec_ctrl_fields[] = {
    ENV_U64(spec_ctrl),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_spec_ctrl = {
    .name = "cpu/spec_ctrl",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = spec_ctrl_needed,
    .fields = spec_ctrl_fields,
};

static bool virt_ssbd_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->virt_ssbd != 0;
}
static const VMStateField virt_ssbd_fields[] = {
    ENV_U64(virt_ssbd),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_virt_ssbd = {
    .name = "cpu/virt_ssbd",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = virt_ssbd_needed,
    .fields = virt_ssbd_fields,
};

static bool msr_tsx_ctrl_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->tsx_ctrl != 0;
}
static const VMStateField msr_tsx_ctrl_fields[] = {
    ENV_U32(tsx_ctrl),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_msr_tsx_ctrl = {
    .name = "cpu/msr_tsx_ctrl",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = msr_tsx_ctrl_needed,
    .fields = msr_tsx_ctrl_fields,
};

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

static bool triple_fault_needed(void *opaque)
{
    const CPUArchState *env = opaque;

    return env->triple_fault_pending != 0;
}
static const VMStateField triple_fault_fields[] = {
    ENV_U8(triple_fault_pending),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_triple_fault = {
    .name = "cpu/triple_fault",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = triple_fault_needed,
    .fields = triple_fault_fields,
};

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
