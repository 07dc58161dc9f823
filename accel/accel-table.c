/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All accelerators, in the order help texts list them. */
#include "qemu/osdep.h"

#include "accel-int.h"

const AccelOps *const accel_table[] = {
    &kvm_accel_ops,
    &x86emu_accel_ops,
    &qtest_accel_ops,
    NULL,
};
