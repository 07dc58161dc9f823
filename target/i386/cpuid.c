/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU model: features of stock's qemu64, less what the accelerator
 * cannot run. The built-in emulator has neither SSE nor long mode.
 */
#include "qemu/osdep.h"

#include "target/i386/cpu.h"

#define SIGNATURE 0x00060fb1U /* family 15, model 107, stepping 1 */

/* FPU DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36
 * CLFLUSH MMX FXSR SSE SSE2 */
#define FEAT_1_EDX 0x078bfbfdU
/* SSE3, CX16, hypervisor */
#define FEAT_1_ECX 0x80002001U
/* SYSCALL NX LM and the copies of leaf 1 AMD has there */
#define FEAT_8000_0001_EDX 0x2193fbfdU
/* LAHF in long mode, SVM is left out: nested guests cannot migrate yet */
#define FEAT_8000_0001_ECX 0x00000001U

/* FPU DE PSE TSC MSR PAE CX8 PGE CMOV */
#define EMU_1_EDX 0x0000a17dU
#define FEAT_APIC BIT(9)

static void cpuid_add(CPUArchState *env, X86CPUIDLeaf leaf)
{
    if (env->cpuid_count < X86_CPUID_MAX) {
        env->cpuid[env->cpuid_count++] = leaf;
    }
}

static const X86CPUIDLeaf *cpuid_lookup(const X86CPUIDLeaf *leaves,
                                        unsigned count, uint32_t function,
                                        uint32_t index)
{
    for (unsigned i = 0; i < count; i++) {
        if (leaves[i].function == function &&
            (!leaves[i].has_index || leaves[i].index == index)) {
            return &leaves[i];
        }
    }
    return NULL;
}

X86CPUIDLeaf x86_cpuid_find(const CPUArchState *env, uint32_t function,
                            uint32_t index)
{
    const X86CPUIDLeaf *leaf =
        cpuid_lookup(env->cpuid, env->cpuid_count, function, index);
    X86CPUIDLeaf none = {.function = function, .index = index};

    return leaf ? *leaf : none;
}

static void cpuid_add_vendor(CPUArchState *env, uint32_t function,
                             uint32_t max)
{
    cpuid_add(env, (X86CPUIDLeaf){
        .function = function,
        .eax = max,
        .ebx = 0x68747541, /* "Auth" */
        .edx = 0x69746e65, /* "enti" */
        .ecx = 0x444d4163, /* "cAMD" */
    });
}

static void cpuid_add_brand(CPUArchState *env)
{
    char text[48] = "Lighter Virtual CPU";
    uint32_t words[12];

    memcpy(words, text, sizeof(words));
    for (unsigned i = 0; i < 3; i++) {
        cpuid_add(env, (X86CPUIDLeaf){
            .function = 0x80000002 + i,
            .eax = words[4 * i],
            .ebx = words[4 * i + 1],
            .ecx = words[4 * i + 2],
            .edx = words[4 * i + 3],
        });
    }
}

void x86_cpuid_fill(CPUArchState *env, const X86CPUIDLeaf *host,
                    unsigned host_count, unsigned cpu_index, unsigned cpus)
{
    const X86CPUIDLeaf *h1 = cpuid_lookup(host, host_count, 1, 0);
    const X86CPUIDLeaf *he = cpuid_lookup(host, host_count, 0x80000001, 0);
    const X86CPUIDLeaf *kvm = cpuid_lookup(host, host_count, 0x40000000, 0);

    env->cpuid_count = 0;
    cpuid_add_vendor(env, 0, 1);
    cpuid_add(env, (X86CPUIDLeaf){
        .function = 1,
        .eax = SIGNATURE,
        /* APIC id, logical CPUs, 64-octet lines */
        .ebx = cpu_index << 24 | MIN(cpus, 255u) << 16 | 8 << 8,
        .ecx = h1 ? FEAT_1_ECX & (h1->ecx | BIT(31)) : 0,
        /* The in-kernel APIC is there even where it is not listed. */
        .edx = h1 ? FEAT_1_EDX & (h1->edx | FEAT_APIC) : EMU_1_EDX,
    });
    if (kvm) {
        cpuid_add(env, *kvm);
        kvm = cpuid_lookup(host, host_count, 0x40000001, 0);
        if (kvm) {
            cpuid_add(env, *kvm);
        }
    }
    cpuid_add_vendor(env, 0x80000000, 0x80000008);
    cpuid_add(env, (X86CPUIDLeaf){
        .function = 0x80000001,
        .eax = SIGNATURE,
        .ecx = he ? FEAT_8000_0001_ECX & he->ecx : 0,
        .edx = he ? FEAT_8000_0001_EDX & he->edx : 0,
    });
    cpuid_add_brand(env);
    cpuid_add(env, (X86CPUIDLeaf){
        .function = 0x80000008,
        .eax = h1 ? 40 | 48 << 8 : 32 | 32 << 8, /* address widths */
    });
    env->regs[R_EDX] = SIGNATURE;
}
