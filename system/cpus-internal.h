/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What cpus.c and cpus-create.c share. */
#ifndef SYSTEM_CPUS_INTERNAL_H
#define SYSTEM_CPUS_INTERNAL_H

#include "system/cpus.h"

struct CPUs {
    /* [const] once the machine is built */
    CPUState **cpu;
    unsigned count;

    /* [lock: bql] */
    GCond parked;       /* with vm->bql: a vCPU parked or came up */
    bool quit;          /* threads are to end */
    unsigned peeks;     /* calls of cpus_peek_begin() not ended yet */
    Error *park_error;  /* first failure to fetch a vCPU's state */
};

/* Makes the vCPU leave vcpu_run() or its wait and look at its fields. BQL. */
void cpu_kick(CPUState *cpu);

/* What each vCPU's thread runs; @opaque is the CPUState. */
void *cpu_thread(void *opaque);

#endif
