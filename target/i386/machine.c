/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sections `cpu_common` v1 and `cpu` v12: layout per appendices A.1 and A.2
 * of the stream format. Every octet is checked before the accelerator sees
 * it.
 */
#include "qemu/osdep.h"

#include "machine.h"
#include "migration/register.h"
#include "system/cpus.h"

static const VMStateField segment_fields[] = {
    VMSTATE_UINT32(selector, X86Segment),
    VMSTATE_UINT64(base, X86Segment),
    VMSTATE_UINT32(limit, X86Segment),
    VMSTATE_UINT32(flags, X86Segment),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_segment = {
    .name = "segment",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = segment_fields,
};

/*
 * One x87 register, as peers describe it: ten octets in one field. Which one
 * fpregs[0] is depends on who ran the guest; see X86FPReg.
 */
static bool fpreg_get(QEMUFile *f, void *pv, size_t size_bytes,
                      const VMStateField *field, Error **errp)
{
    X86FPReg *reg = pv;

    return vmstate_info_uint64.get(f, &reg->mantissa, 8, field, errp) &&
           vmstate_info_uint16.get(f, &reg->exponent, 2, field, errp);
}

static bool fpreg_put(QEMUFile *f, const void *pv, size_t size_bytes,
                      const VMStateField *field, Error **errp)
{
    const X86FPReg *reg = pv;

    return vmstate_info_uint64.put(f, &reg->mantissa, 8, field, errp) &&
           vmstate_info_uint16.put(f, &reg->exponent, 2, field, errp);
}

static const VMStateInfo vmstate_info_fpreg = {
    .name = "tmp",
    .get = fpreg_get,
    .put = fpreg_put,
};

static const VMStateField fpreg_fields[] = {
    {
        .name = "tmp",
        .size = 10,
        .info = &vmstate_info_fpreg,
        .flags = VMS_SINGLE,
    },
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_fpreg = {
    .name = "fpreg",
    .fields = fpreg_fields,
};

static const VMStateField mtrr_var_fields[] = {
    VMSTATE_UINT64(base, X86MtrrVar),
    VMSTATE_UINT64(mask, X86MtrrVar),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_mtrr_var = {
    .name = "mtrr_var",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = mtrr_var_fields,
};

static const VMStateField xmm_reg_fields[] = {
    VEC_QUAD(0),
    VEC_QUAD(1),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_xmm_reg = {
    .name = "xmm_reg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = xmm_reg_fields,
};

static const VMStateField ymmh_reg_fields[] = {
    VEC_QUAD(2),
    VEC_QUAD(3),
    VMSTATE_END_OF_LIST(),
};
static const VMStateDescription vmstate_ymmh_reg = {
    .name = "ymmh_reg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = ymmh_reg_fields,
};

/* --- cpu_common ---------------------------------------------------------- */

static bool common_pre_save(void *opaque, Error **errp)
{
    CPUArchState *env = opaque;

    env->halted = env->cpu->halted;
    env->interrupt_request = qatomic_read(&env->cpu->interrupt_request);
    return true;
}

static bool common_post_load(void *opaque, int version_id, Error **errp)
{
    CPUArchState *env = opaque;
    CPUState *cpu = env->cpu;

    cpu->halted = env->halted;
    /* A request to leave the CPU loop has no meaning on this side. */
    qatomic_set(&cpu->interrupt_request, env->interrupt_request & ~1u);
    return true;
}

static const VMStateField common_fields[] = {
    VMSTATE_UINT32(halted, CPUArchState),
    VMSTATE_UINT32(interrupt_request, CPUArchState),
    VMSTATE_END_OF_LIST(),
};

const VMStateDescription vmstate_x86_cpu_common = {
    .name = "cpu_common",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = common_pre_save,
    .post_load = common_post_load,
    .fields = common_fields,
};

/* --- cpu ----------------------------------------------------------------- */

static bool cpu_pre_save(void *opaque, Error **errp)
{
    CPUArchState *env = opaque;

    env->hflags = x86_cpu_compute_hflags(env);
    env->fpregs_format = 0;
    return true;
}

static bool cpu_pre_load(void *opaque, Error **errp)
{
    x86_cpu_default_subsections(opaque);
    return true;
}

static bool cpu_post_load(void *opaque, int version_id, Error **errp)
{
    CPUArchState *env = opaque;

    if (env->fpregs_format != 0) {
        error_setg(errp,
                   "field env.fpregs_format_vmstate is %u, only 0 is known",
                   env->fpregs_format);
        return false;
    }
    if (env->interrupt_injected < -1 || env->interrupt_injected > 255) {
        error_setg(errp, "field env.interrupt_injected is %d, no vector",
                   env->interrupt_injected);
        return false;
    }
    if (env->exception_nr < -1 || env->exception_nr > 31) {
        error_setg(errp, "field env.exception_nr is %d, no exception",
                   env->exception_nr);
        return false;
    }
    if (env->a20_mask != -1 && env->a20_mask != ~(1 << 20)) {
        error_setg(errp, "field env.a20_mask is 0x%x, no state of line A20",
                   (unsigned)env->a20_mask);
        return false;
    }
    env->eflags |= EFLAGS_FIXED;
    return true;
}

static const VMStateField cpu_fields[] = {
    ENV_U64_ARRAY(regs, CPU_NB_REGS),
    ENV_U64(eip),
    ENV_U64(eflags),
    ENV_U32(hflags),
    ENV_U16(fpuc),
    ENV_U16_AS(fpus, "env.fpus_vmstate"),
    ENV_U16_AS(fptag, "env.fptag_vmstate"),
    ENV_U16_AS(fpregs_format, "env.fpregs_format_vmstate"),
    ENV_STRUCT_ARRAY(fpregs, 0, 8, 0, vmstate_fpreg),
    ENV_STRUCT_ARRAY(segs, 0, CPU_NB_SEGS, 0, vmstate_segment),
    ENV_STRUCT(ldt, vmstate_segment, X86Segment),
    ENV_STRUCT(tr, vmstate_segment, X86Segment),
    ENV_STRUCT(gdt, vmstate_segment, X86Segment),
    ENV_STRUCT(idt, vmstate_segment, X86Segment),
    ENV_U32(sysenter_cs),
    ENV_U64(sysenter_esp),
    ENV_U64(sysenter_eip),
    ENV_U64(cr[0]),
    ENV_U64(cr[2]),
    ENV_U64(cr[3]),
    ENV_U64(cr[4]),
    ENV_U64_ARRAY(dr, 8),
    ENV_I32(a20_mask),
    ENV_U32(mxcsr),
    ENV_STRUCT_ARRAY(xmm_regs, 0, 16, 0, vmstate_xmm_reg),
    ENV_U64(efer),
    ENV_U64(star),
    ENV_U64(lstar),
    ENV_U64(cstar),
    ENV_U64(fmask),
    ENV_U64(kernelgsbase),
    ENV_U32(smbase),
    ENV_U64(pat),
    ENV_U32(hflags2),
    ENV_U64(vm_hsave),
    ENV_U64(vm_vmcb),
    ENV_U64(tsc_offset),
    ENV_U64(intercept),
    ENV_U16(intercept_cr_read),
    ENV_U16(intercept_cr_write),
    ENV_U16(intercept_dr_read),
    ENV_U16(intercept_dr_write),
    ENV_U32(intercept_exceptions),
    ENV_U8(v_tpr),
    ENV_U64_ARRAY(mtrr_fixed, 11),
    ENV_U64(mtrr_deftype),
    ENV_STRUCT_ARRAY(mtrr_var, 0, 8, 0, vmstate_mtrr_var),
    ENV_I32(interrupt_injected),
    ENV_U32(mp_state),
    ENV_U64(tsc),
    ENV_I32(exception_nr),
    ENV_U8(soft_interrupt),
    ENV_U8(nmi_injected),
    ENV_U8(nmi_pending),
    ENV_U8(has_error_code),
    ENV_U32(sipi_vector),
    ENV_U64(mcg_cap),
    ENV_U64(mcg_status),
    ENV_U64(mcg_ctl),
    ENV_U64_ARRAY(mce_banks, X86_MCE_BANKS * 4),
    ENV_U64(tsc_aux),
    ENV_U64(system_time_msr),
    ENV_U64(wall_clock_msr),
    ENV_FIELD(xcr0, 12, uint64, uint64_t),
    ENV_FIELD(xstate_bv, 12, uint64, uint64_t),
    ENV_STRUCT_ARRAY(xmm_regs, 0, 16, 12, vmstate_ymmh_reg),
    VMSTATE_END_OF_LIST(),
};

const VMStateDescription vmstate_x86_cpu = {
    .name = "cpu",
    .version_id = 12,
    .minimum_version_id = 11,
    .pre_save = cpu_pre_save,
    .pre_load = cpu_pre_load,
    .post_load = cpu_post_load,
    .fields = cpu_fields,
    .subsections = x86_cpu_subsections,
};

bool x86_cpu_register_vmstate(CPUState *cpu, Error **errp)
{
    uint32_t instance = cpu->index;

    if (!vmstate_register(cpu->vm, NULL, instance, &vmstate_x86_cpu_common,
                          cpu->arch, errp)) {
        return false;
    }
    if (!vmstate_register(cpu->vm, NULL, instance, &vmstate_x86_cpu,
                          cpu->arch, errp)) {
        vmstate_unregister(cpu->vm, &vmstate_x86_cpu_common, cpu->arch);
        return false;
    }
    return true;
}

void x86_cpu_unregister_vmstate(CPUState *cpu)
{
    vmstate_unregister(cpu->vm, &vmstate_x86_cpu, cpu->arch);
    vmstate_unregister(cpu->vm, &vmstate_x86_cpu_common, cpu->arch);
}
