/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The accelerators' tables, for accel-table.c. */
#ifndef ACCEL_INT_H
#define ACCEL_INT_H

#include "system/accel.h"

extern const AccelOps kvm_accel_ops;
extern const AccelOps x86emu_accel_ops;
extern const AccelOps qtest_accel_ops;

#endif
