/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of one x86 CPU, whoever executes it: what the sections `cpu_common`
 * v1 and `cpu` v12 carry. Accelerators convert to and from their own form in
 * AccelOps get_state/put_state; see system/cpus.h for who owns it when.
 */
#ifndef TARGET_I386_CPU_H
#define TARGET_I386_CPU_H

#include "qemu/osdep.h"
#include "system/cpus.h"

/* Indices of env->regs. */
enum {
    R_EAX, R_ECX, R_EDX, R_EBX, R_ESP, R_EBP, R_ESI, R_EDI,
    R_R8, CPU_NB_REGS = 16,
};

/* Indices of env->segs. */
enum { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS, CPU_NB_SEGS };

#define CR0_PE_MASK BIT(0)
#define CR0_MP_MASK BIT(1)
#define CR0_EM_MASK BIT(2)
#define CR0_TS_MASK BIT(3)
#define CR0_ET_MASK BIT(4)
#define CR0_NE_MASK BIT(5)
#define CR0_WP_MASK BIT(16)
#define CR0_NW_MASK BIT(29)
#define CR0_CD_MASK BIT(30)
#define CR0_PG_MASK BIT(31)
#define CR4_PSE_MASK BIT(4)
#define CR4_PAE_MASK BIT(5)
#define CR4_PGE_MASK BIT(7)
#define CR4_OSFXSR_MASK BIT(9)
#define CR4_UMIP_MASK BIT(11)
#define CR4_LA57_MASK BIT(12)
#define CR4_OSXSAVE_MASK BIT(18)
#define CR4_SMAP_MASK BIT(21)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define EFLAGS_FIXED BIT(1)
#define EFLAGS_TF BIT(8)
#define EFLAGS_IF BIT(9)
#define EFLAGS_IOPL (3U << 12)
#define EFLAGS_NT BIT(14)
#define EFLAGS_RF BIT(16)
#define EFLAGS_VM BIT(17)

/* X86Segment.flags: the descriptor's second word, bits 8 to 23. */
#define SEG_TYPE_SHIFT 8
#define SEG_S BIT(12)
#define SEG_DPL_SHIFT 13
#define SEG_P BIT(15)
#define SEG_AVL BIT(20)
#define SEG_L BIT(21)
#define SEG_B BIT(22)
#define SEG_G BIT(23)

typedef struct X86Segment {
    uint32_t selector;
    uint64_t base;
    uint32_t limit; /* in bytes, granularity applied */
    uint32_t flags; /* SEG_* */
} X86Segment;

/*
 * Order of env->fpregs, as in the streams of QEMU's accelerators of the same
 * names: under `tcg` by register number (ST(0) is at TOP), under `kvm` by
 * distance from the top (ST(0) comes first). env->fptag is by number always.
 */
typedef struct X86FPReg {
    uint64_t mantissa;
    uint16_t exponent;
} X86FPReg;

/* q[0..1] is XMM, q[0..3] YMM, q[0..7] ZMM. */
typedef struct X86VecReg {
    uint64_t q[8];
} X86VecReg;

typedef struct X86MtrrVar {
    uint64_t base;
    uint64_t mask;
} X86MtrrVar;

/* Who gives the vector of an external interrupt: PIC or APIC. BQL held. */
typedef struct X86IntAck {
    int (*get_vector)(void *opaque); /* -1: nothing after all */
    void *opaque;
} X86IntAck;

#define X86_MCE_BANKS 10
#define X86_CPUID_MAX 64

typedef struct X86CPUIDLeaf {
    uint32_t function;
    uint32_t index;
    bool has_index;
    uint32_t eax, ebx, ecx, edx;
} X86CPUIDLeaf;

typedef struct CPUArchState {
    /* cpu_common */
    uint32_t halted;            /* as saved; CPUState.halted rules */
    uint32_t interrupt_request; /* as saved */

    /* cpu */
    uint64_t regs[CPU_NB_REGS];
    uint64_t eip;
    uint64_t eflags;
    uint32_t hflags; /* derived when saved, ignored when loaded */
    uint16_t fpuc;
    uint16_t fpus; /* TOP included */
    uint16_t fptag; /* bit set: register in use */
    uint16_t fpregs_format;
    X86FPReg fpregs[8];
    X86Segment segs[CPU_NB_SEGS];
    X86Segment ldt;
    X86Segment tr;
    X86Segment gdt; /* base and limit only */
    X86Segment idt;
    uint32_t sysenter_cs;
    uint64_t sysenter_esp;
    uint64_t sysenter_eip;
    uint64_t cr[5];
    uint64_t dr[8];
    int32_t a20_mask; /* -1, or with bit 20 clear */
    uint32_t mxcsr;
    X86VecReg xmm_regs[32];
    uint64_t efer;
    uint64_t star;
    uint64_t lstar;
    uint64_t cstar;
    uint64_t fmask;
    uint64_t kernelgsbase;
    uint32_t smbase;
    uint64_t pat;
    uint32_t hflags2;
    uint64_t vm_hsave;
    uint64_t vm_vmcb;
    uint64_t tsc_offset;
    uint64_t intercept;
    uint16_t intercept_cr_read;
    uint16_t intercept_cr_write;
    uint16_t intercept_dr_read;
    uint16_t intercept_dr_write;
    uint32_t intercept_exceptions;
    uint8_t v_tpr;
    uint64_t mtrr_fixed[11];
    uint64_t mtrr_deftype;
    X86MtrrVar mtrr_var[8];
    int32_t interrupt_injected; /* vector, -1 for none */
    uint32_t mp_state;          /* KVM_MP_STATE_* */
    uint64_t tsc;
    int32_t exception_nr; /* -1 for none */
    uint8_t soft_interrupt;
    uint8_t nmi_injected;
    uint8_t nmi_pending;
    uint8_t has_error_code;
    uint32_t sipi_vector;
    uint64_t mcg_cap;
    uint64_t mcg_status;
    uint64_t mcg_ctl;
    uint64_t mce_banks[X86_MCE_BANKS * 4];
    uint64_t tsc_aux;
    uint64_t system_time_msr;
    uint64_t wall_clock_msr;
    uint64_t xcr0;
    uint64_t xstate_bv;

    /* Subsections. */
    uint8_t exception_pending;
    uint8_t exception_injected;
    uint8_t exception_has_payload;
    uint64_t exception_payload;
    uint64_t async_pf_en_msr;
    uint64_t async_pf_int_msr;
    uint64_t pv_eoi_en_msr;
    uint64_t steal_time_msr;
    uint64_t poll_control_msr;
    uint16_t fpop;
    uint64_t fpip;
    uint64_t fpdp;
    uint64_t tsc_adjust;
    uint64_t tsc_deadline;
    uint64_t msr_ia32_misc_enable;
    uint64_t msr_ia32_feature_control;
    uint64_t opmask_regs[8];
    uint64_t xss;
    uint32_t umwait;
    int64_t tsc_khz; /* 0: not the accelerator's to say */
    uint64_t msr_smi_count;
    uint32_t pkru;
    uint32_t pkrs;
    uint64_t spec_ctrl;
    uint64_t virt_ssbd;
    uint32_t tsx_ctrl;
    uint64_t pdptrs[4];
    uint8_t pdptrs_valid;
    uint8_t triple_fault_pending;

    /* Not in any section. */
    CPUState *cpu;        /* [const] whose this is */
    uint64_t apic_base;   /* MSR 0x1b */
    int32_t error_code;   /* of exception_nr */
    uint8_t interrupt_shadow;
    X86IntAck int_ack;    /* [const] once the machine is built */
    /* [const] set by the accelerator in vcpu_init() */
    X86CPUIDLeaf cpuid[X86_CPUID_MAX];
    unsigned cpuid_count;
    uint64_t poll_control_default;
} CPUArchState;

/* Classes below &cpu_class. */
extern const ObjectClass x86_cpu_class;
extern const ObjectClass x86_cpu_max_class;

/* Board build. */
void cpu_x86_set_int_ack(CPUState *cpu, X86IntAck ack);

/* Address line 20. All vCPUs parked or the vCPU's own thread; BQL. */
void cpu_x86_set_a20(CPUState *cpu, bool on);

static inline bool cpu_x86_get_a20(const CPUArchState *env)
{
    return env->a20_mask == -1;
}

/* Registers `cpu_common` and `cpu` under the vCPU's index. Board build. */
bool x86_cpu_register_vmstate(CPUState *cpu, Error **errp);
void x86_cpu_unregister_vmstate(CPUState *cpu);

/* QEMU's TCG flags word from the state, as receivers expect it. */
uint32_t x86_cpu_compute_hflags(const CPUArchState *env);

/* --- CPUID --------------------------------------------------------------- */

/*
 * Fills env->cpuid with the default model. @host_count leaves at @host mask
 * what is offered; NULL means the built-in emulator's own limits.
 */
void x86_cpuid_fill(CPUArchState *env, const X86CPUIDLeaf *host,
                    unsigned host_count, unsigned cpu_index, unsigned cpus);
/* The leaf a guest sees; zeros where the model has none. */
X86CPUIDLeaf x86_cpuid_find(const CPUArchState *env, uint32_t function,
                            uint32_t index);

/* --- Page walk ----------------------------------------------------------- */

#define PG_P BIT(0)
#define PG_RW BIT(1)
#define PG_US BIT(2)
#define PG_A BIT(5)
#define PG_D BIT(6)
#define PG_PS BIT(7)

typedef enum X86Access { X86_READ, X86_WRITE, X86_EXEC } X86Access;

typedef struct X86Walk {
    /* Where entries are read and marked; NULL set_bits: nothing is marked. */
    bool (*read)(void *opaque, uint64_t gpa, void *buf, size_t len_bytes);
    bool (*set_bits)(void *opaque, uint64_t gpa, uint8_t bits);
    void *opaque;
    uint64_t cr0, cr3, cr4, efer;
    uint64_t a20_mask;
    bool ignore_rights; /* debugger's view */
} X86Walk;

typedef struct X86WalkResult {
    uint64_t paddr;
    bool writable; /* a store needs no further walk: R/W, D is set */
    uint32_t error_code; /* of #PF where the walk failed */
} X86WalkResult;

/* 32-bit, PAE and 4- or 5-level tables. False: #PF with ->error_code. */
bool x86_walk(const X86Walk *w, uint64_t vaddr, X86Access access, bool user,
              X86WalkResult *result);

#endif
