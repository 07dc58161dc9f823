/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87, SSE, AVX and AVX-512 registers: the XSAVE area in its standard format,
 * with offsets as CPUID leaf 0xd gives them.
 */
#include "qemu/osdep.h"

#include "kvm-int.h"

#define FX_FCW 0
#define FX_FSW 2
#define FX_FTW 4
#define FX_FOP 6
#define FX_FIP 8
#define FX_FDP 16
#define FX_MXCSR 24
#define FX_ST 32
#define FX_XMM 160
#define XSAVE_BV 512
#define XF_YMM 2
#define XF_OPMASK 5
#define XF_ZMM_HI256 6
#define XF_HI16_ZMM 7
#define XF_PKRU 9
#define XF_LEGACY 3ULL

/* Copies between the area and the state; @put tells the direction. */
static void area_copy(uint8_t *area, size_t offset, void *member,
                      size_t size_bytes, bool put)
{
    if (put) {
        memcpy(area + offset, member, size_bytes);
    } else {
        memcpy(member, area + offset, size_bytes);
    }
}

static void fx_copy(uint8_t *area, CPUArchState *env, bool put)
{
    uint8_t tags = env->fptag;

    area_copy(area, FX_FCW, &env->fpuc, 2, put);
    area_copy(area, FX_FSW, &env->fpus, 2, put);
    area_copy(area, FX_FTW, &tags, 1, put);
    env->fptag = tags;
    area_copy(area, FX_FOP, &env->fpop, 2, put);
    area_copy(area, FX_FIP, &env->fpip, 8, put);
    area_copy(area, FX_FDP, &env->fpdp, 8, put);
    area_copy(area, FX_MXCSR, &env->mxcsr, 4, put);
    for (unsigned i = 0; i < 8; i++) {
        area_copy(area, FX_ST + 16 * i, &env->fpregs[i].mantissa, 8, put);
        area_copy(area, FX_ST + 16 * i + 8, &env->fpregs[i].exponent, 2, put);
    }
    for (unsigned i = 0; i < 16; i++) {
        area_copy(area, FX_XMM + 16 * i, &env->xmm_regs[i].q[0], 16, put);
    }
}

static void extended_copy(const KVMState *kvm, uint8_t *area,
                          CPUArchState *env, bool put)
{
    const uint32_t *at = kvm->xsave_offset;

    for (unsigned i = 0; i < 16; i++) {
        X86VecReg *reg = &env->xmm_regs[i];

        if (at[XF_YMM]) {
            area_copy(area, at[XF_YMM] + 16 * i, &reg->q[2], 16, put);
        }
        if (at[XF_ZMM_HI256]) {
            area_copy(area, at[XF_ZMM_HI256] + 32 * i, &reg->q[4], 32, put);
        }
        if (at[XF_HI16_ZMM]) {
            area_copy(area, at[XF_HI16_ZMM] + 64 * i,
                      env->xmm_regs[16 + i].q, 64, put);
        }
    }
    if (at[XF_OPMASK]) {
        area_copy(area, at[XF_OPMASK], env->opmask_regs, 64, put);
    }
    if (at[XF_PKRU]) {
        area_copy(area, at[XF_PKRU], &env->pkru, 4, put);
    }
}

/* KVMs without XSAVE. */
static bool fpu_get(KVMCpu *kc, Error **errp)
{
    CPUArchState *env = kc->cpu->arch;
    struct kvm_fpu fpu;

    if (ioctl(kc->fd, KVM_GET_FPU, &fpu) < 0) {
        return kvm_cpu_fail("KVM_GET_FPU", errp);
    }
    env->fpuc = fpu.fcw;
    env->fpus = fpu.fsw;
    env->fptag = fpu.ftwx;
    env->fpop = fpu.last_opcode;
    env->fpip = fpu.last_ip;
    env->fpdp = fpu.last_dp;
    env->mxcsr = fpu.mxcsr;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(&env->fpregs[i].mantissa, fpu.fpr[i], 8);
        memcpy(&env->fpregs[i].exponent, fpu.fpr[i] + 8, 2);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(env->xmm_regs[i].q, fpu.xmm[i], 16);
    }
    return true;
}

static bool fpu_put(KVMCpu *kc, Error **errp)
{
    const CPUArchState *env = kc->cpu->arch;
    struct kvm_fpu fpu = {
        .fcw = env->fpuc,
        .fsw = env->fpus,
        .ftwx = env->fptag,
        .last_opcode = env->fpop,
        .last_ip = env->fpip,
        .last_dp = env->fpdp,
        .mxcsr = env->mxcsr,
    };

    for (unsigned i = 0; i < 8; i++) {
        memcpy(fpu.fpr[i], &env->fpregs[i].mantissa, 8);
        memcpy(fpu.fpr[i] + 8, &env->fpregs[i].exponent, 2);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(fpu.xmm[i], env->xmm_regs[i].q, 16);
    }
    if (ioctl(kc->fd, KVM_SET_FPU, &fpu) < 0) {
        return kvm_cpu_fail("KVM_SET_FPU", errp);
    }
    return true;
}

bool kvm_fpu_get(KVMCpu *kc, Error **errp)
{
    g_autofree struct kvm_xsave *xsave = g_malloc0(KVM_XSAVE_BYTES);
    CPUArchState *env = kc->cpu->arch;
    uint8_t *area = (uint8_t *)xsave;

    if (!kc->kvm->has_xsave) {
        return fpu_get(kc, errp);
    }
    if (ioctl(kc->fd, KVM_GET_XSAVE, xsave) < 0) {
        return kvm_cpu_fail("KVM_GET_XSAVE", errp);
    }
    fx_copy(area, env, false);
    area_copy(area, XSAVE_BV, &env->xstate_bv, 8, false);
    extended_copy(kc->kvm, area, env, false);
    return true;
}

bool kvm_fpu_put(KVMCpu *kc, Error **errp)
{
    g_autofree struct kvm_xsave *xsave = g_malloc0(KVM_XSAVE_BYTES);
    CPUArchState *env = kc->cpu->arch;
    uint8_t *area = (uint8_t *)xsave;
    /* Senders without XSAVE leave it 0, with registers that count. */
    uint64_t xstate_bv = env->xstate_bv | XF_LEGACY;

    if (!kc->kvm->has_xsave) {
        return fpu_put(kc, errp);
    }
    fx_copy(area, env, true);
    area_copy(area, XSAVE_BV, &xstate_bv, 8, true);
    extended_copy(kc->kvm, area, env, true);
    if (ioctl(kc->fd, KVM_SET_XSAVE, xsave) < 0) {
        return kvm_cpu_fail("KVM does not take the FPU and vector state "
                            "(KVM_SET_XSAVE)", errp);
    }
    return true;
}
