/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/globals.c. */
#include "qemu/osdep.h"
#include "system/globals.h"

static const GlobalProp compat[] = {
    {"dev", "speed", "1"},
    {"dev", "speed", "2"},
    {"other", "speed", "9"},
    {NULL, NULL, NULL},
};

static bool collect(const GlobalProp *prop, void *opaque, Error **errp)
{
    g_string_append_printf(opaque, "%s=%s ", prop->property, prop->value);
    return true;
}

static bool refuse(const GlobalProp *prop, void *opaque, Error **errp)
{
    error_setg(errp, "no");
    return false;
}

static void test_order(void)
{
    VM *vm = vm_new(NULL);
    g_autoptr(GString) got = g_string_new(NULL);

    globals_add_user(vm, "dev", "speed", "7");
    globals_add_compat(vm, compat);
    g_assert_true(globals_apply(vm, "dev", collect, got, NULL));
    g_assert_cmpstr(got->str, ==, "speed=1 speed=2 speed=7 ");
    vm_free(vm);
}

static void test_failure(void)
{
    VM *vm = vm_new(NULL);
    g_autoptr(Error) err = NULL;

    globals_add_user(vm, "dev", "speed", "7");
    g_assert_false(globals_apply(vm, "dev", refuse, NULL, &err));
    g_assert_cmpstr(error_get_pretty(err), ==, "-global dev.speed=7: no");
    vm_free(vm);
}

static bool is_other(const char *name)
{
    return !strcmp(name, "other");
}

static void test_unused(void)
{
    VM *vm = vm_new(NULL);
    g_autoptr(GString) got = g_string_new(NULL);

    if (g_test_subprocess()) {
        globals_add_compat(vm, compat);
        globals_add_user(vm, "dev", "speed", "7");
        globals_add_user(vm, "dve", "speed", "8");
        globals_add_user(vm, "other", "speed", "9");
        g_assert_true(globals_apply(vm, "dev", collect, got, NULL));
        globals_warn_unused(vm, is_other);
    } else {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("*global dve.speed has invalid class name*"
                                  "global other.speed=9 not used*");
        g_test_trap_assert_stderr_unmatched("*global dev*");
    }
    vm_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/globals/order", test_order);
    g_test_add_func("/globals/failure", test_failure);
    g_test_add_func("/globals/unused", test_unused);
    return g_test_run();
}
