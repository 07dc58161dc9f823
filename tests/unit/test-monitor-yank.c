/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be yanked: registration, the commands, all or nothing. */
#include "qemu/osdep.h"
#include "qapi/qapi-commands-misc.h"
#include "qapi/qapi-types-error.h"
#include "system/yank.h"

static VMInvokeFn on_free;
static void *on_free_opaque;

void vm_on_free(VM *vm, VMInvokeFn fn, void *opaque)
{
    on_free = fn;
    on_free_opaque = opaque;
}

static void count(void *opaque)
{
    (*(int *)opaque)++;
}

static void yank(VM *vm, const YankInstance *a, const YankInstance *b,
                 bool ok)
{
    QmpContext ctx = { .vm = vm };
    YankInstanceList second = { .value = (YankInstance *)b };
    YankInstanceList first = { .value = (YankInstance *)a,
                               .next = b ? &second : NULL };
    QmpYankArgs args = { .instances = &first };
    Error *err = NULL;

    g_assert_true(qmp_yank(&ctx, &args, &err) == ok);
    if (!ok) {
        g_assert_cmpstr(error_get_pretty(err), ==, "Instance not found");
        g_assert_cmpint(error_get_class(err), ==,
                        QAPI_ERROR_CLASS_DEVICENOTFOUND);
        error_free(err);
    }
}

static void test_yank(void)
{
    VM *vm = g_new0(VM, 1);
    YankInstance migration = { .type = YANK_INSTANCE_TYPE_MIGRATION };
    YankInstance chardev = { .type = YANK_INSTANCE_TYPE_CHARDEV };
    YankInstanceList *list = NULL;
    QmpContext ctx = { .vm = vm };
    int yanked = 0;

    chardev.u.chardev.id = (char *)"c0";
    yank(vm, &migration, NULL, false); /* no registry: nothing to find */
    yank_init(vm);
    g_assert_true(yank_register_instance(vm, &migration, NULL));
    g_assert_false(yank_register_instance(vm, &migration, NULL));
    yank_register_function(vm, &migration, count, &yanked);
    yank_register_function(vm, &migration, count, &yanked);

    yank(vm, &migration, &chardev, false);
    g_assert_cmpint(yanked, ==, 0);
    yank(vm, &migration, NULL, true);
    g_assert_cmpint(yanked, ==, 2);

    g_assert_true(yank_register_instance(vm, &chardev, NULL));
    yank(vm, &migration, &chardev, true);
    g_assert_cmpint(yanked, ==, 4);
    g_assert_true(qmp_query_yank(&ctx, &list, NULL));
    g_assert_nonnull(list->next);
    g_assert_null(list->next->next);
    qapi_free_YankInstanceList(list);

    yank_unregister_function(vm, &migration, count, &yanked);
    yank(vm, &migration, NULL, true);
    g_assert_cmpint(yanked, ==, 5);
    yank_unregister_function(vm, &migration, count, &yanked);
    yank_unregister_instance(vm, &migration);
    yank(vm, &migration, NULL, false);

    on_free(vm, on_free_opaque); /* frees the chardev's entry */
    g_assert_null(vm->yank);
    g_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/yank", test_yank);
    return g_test_run();
}
