/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "info registers": one CPU's state as text, in stock QEMU's layout. */
#include "qemu/osdep.h"

#include "target/i386/cpu.h"

static bool dump_is_64bit(const CPUArchState *env)
{
    return (env->efer & EFER_LMA) && (env->segs[R_CS].flags & SEG_L);
}

static void dump_general(const CPUArchState *env, GString *out)
{
    static const char names[16][5] = {
        "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP",
        "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15",
    };
    static const uint8_t order[8] = {
        R_EAX, R_EBX, R_ECX, R_EDX, R_ESI, R_EDI, R_EBP, R_ESP,
    };
    bool wide = dump_is_64bit(env);

    for (unsigned i = 0; i < (wide ? 16 : 8); i++) {
        uint64_t value = env->regs[i < 8 ? order[i] : i];

        if (wide) {
            g_string_append_printf(out, "%s=%016" PRIx64, names[i], value);
        } else {
            g_string_append_printf(out, "E%s=%08x", names[i] + 1,
                                   (uint32_t)value);
        }
        g_string_append_c(out, i % 4 == 3 ? '\n' : ' ');
    }
}

static void dump_flags(const CPUState *cpu, GString *out)
{
    static const struct {
        uint8_t bit;
        char letter;
    } flags[] = {{10, 'D'}, {11, 'O'}, {7, 'S'}, {6, 'Z'},
                 {4, 'A'},  {2, 'P'},  {0, 'C'}};
    const CPUArchState *env = cpu->arch;

    if (dump_is_64bit(env)) {
        g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=%08x [",
                               env->eip, (uint32_t)env->eflags);
    } else {
        g_string_append_printf(out, "EIP=%08x EFL=%08x [",
                               (uint32_t)env->eip, (uint32_t)env->eflags);
    }
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        bool set = (env->eflags >> flags[i].bit) & 1;

        g_string_append_c(out, set ? flags[i].letter : '-');
    }
    g_string_append_printf(out, "] CPL=%u II=%u A20=%u SMM=0 HLT=%u\n",
                           (env->segs[R_SS].flags >> SEG_DPL_SHIFT) & 3,
                           env->interrupt_shadow ? 1 : 0,
                           cpu_x86_get_a20(env) ? 1 : 0, cpu->halted ? 1 : 0);
}

static void dump_segment(const CPUArchState *env, const char *name,
                         const X86Segment *s, GString *out)
{
    int width = dump_is_64bit(env) ? 16 : 8;

    g_string_append_printf(out, "%-3s=%04x %0*" PRIx64 " %08x %08x\n", name,
                           s->selector, width, s->base, s->limit, s->flags);
}

static void dump_table(const CPUArchState *env, const char *name,
                       const X86Segment *s, GString *out)
{
    int width = dump_is_64bit(env) ? 16 : 8;

    g_string_append_printf(out, "%s=     %0*" PRIx64 " %08x\n", name, width,
                           s->base, s->limit);
}

static void dump_control(const CPUArchState *env, GString *out)
{
    int width = dump_is_64bit(env) ? 16 : 8;

    g_string_append_printf(out,
                           "CR0=%08x CR2=%0*" PRIx64 " CR3=%0*" PRIx64
                           " CR4=%08x\n",
                           (uint32_t)env->cr[0], width, env->cr[2], width,
                           env->cr[3], (uint32_t)env->cr[4]);
    for (unsigned i = 0; i < 4; i++) {
        g_string_append_printf(out, "DR%u=%016" PRIx64 " ", i, env->dr[i]);
    }
    g_string_append_printf(out, "\nDR6=%016" PRIx64 " DR7=%016" PRIx64 "\n",
                           env->dr[6], env->dr[7]);
    g_string_append_printf(out, "EFER=%016" PRIx64 "\n", env->efer);
}

static void dump_fpu(const CPUArchState *env, GString *out)
{
    unsigned xmm = dump_is_64bit(env) ? 16 : 8;

    g_string_append_printf(out,
                           "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n",
                           env->fpuc, env->fpus, (env->fpus >> 11) & 7,
                           env->fptag, env->mxcsr);
    for (unsigned i = 0; i < 8; i++) {
        g_string_append_printf(out, "FPR%u=%016" PRIx64 " %04x%c", i,
                               env->fpregs[i].mantissa,
                               env->fpregs[i].exponent, i % 2 ? '\n' : ' ');
    }
    for (unsigned i = 0; i < xmm; i++) {
        g_string_append_printf(out, "XMM%02u=%016" PRIx64 " %016" PRIx64 "%c",
                               i, env->xmm_regs[i].q[1],
                               env->xmm_regs[i].q[0], i % 2 ? '\n' : ' ');
    }
}

void cpu_arch_dump(CPUState *cpu, GString *out)
{
    static const char names[CPU_NB_SEGS][4] = {"ES", "CS", "SS",
                                               "DS", "FS", "GS"};
    const CPUArchState *env = cpu->arch;

    dump_general(env, out);
    dump_flags(cpu, out);
    for (unsigned i = 0; i < CPU_NB_SEGS; i++) {
        dump_segment(env, names[i], &env->segs[i], out);
    }
    dump_segment(env, "LDT", &env->ldt, out);
    dump_segment(env, "TR", &env->tr, out);
    dump_table(env, "GDT", &env->gdt, out);
    dump_table(env, "IDT", &env->idt, out);
    dump_control(env, out);
    dump_fpu(env, out);
}
