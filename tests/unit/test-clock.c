/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/clock.c. */
#include "qemu/osdep.h"
#include "system/clock.h"

typedef struct Ticker {
    VM *vm;
    VMTimer *timer;
    unsigned left;
    GString *log;
} Ticker;

static void tick(void *opaque)
{
    Ticker *t = opaque;

    g_assert_true(bql_locked(t->vm));
    g_assert_false(vm_timer_pending(t->timer));
    g_string_append_printf(t->log, "%" PRId64 " ", clock_virtual_ns(t->vm));
    if (t->left && --t->left) {
        vm_timer_mod(t->timer, clock_virtual_ns(t->vm) + 100);
    }
}

static void test_manual(void)
{
    VM *vm = vm_new(NULL);
    GString *log = g_string_new(NULL);
    Ticker a = {.vm = vm, .left = 3, .log = log};
    Ticker b = {.vm = vm, .log = log};

    bql_lock(vm);
    clock_set_manual(vm, true);
    a.timer = vm_timer_new(vm, tick, &a);
    b.timer = vm_timer_new(vm, tick, &b);
    vm_timer_mod(b.timer, 150);
    vm_timer_mod(a.timer, 100);
    g_assert_cmpint(clock_next_deadline_ns(vm), ==, 100);
    g_assert_cmpint(vm_timer_expire_ns(b.timer), ==, 150);

    /* Stopped: time goes on by command, timers do not fire. */
    clock_advance_to(vm, 50);
    g_assert_cmpint(clock_virtual_ns(vm), ==, 50);
    g_assert_cmpuint(log->len, ==, 0);

    clock_enable(vm, true);
    clock_advance_to(vm, 320);
    g_assert_cmpstr(log->str, ==, "100 150 200 300 ");
    g_assert_cmpint(clock_virtual_ns(vm), ==, 320);
    g_assert_cmpint(clock_next_deadline_ns(vm), ==, -1);
    g_assert_cmpint(vm_timer_expire_ns(a.timer), ==, -1);

    vm_timer_mod(a.timer, 400);
    vm_timer_mod(a.timer, 500);
    vm_timer_del(a.timer);
    vm_timer_del(a.timer);
    clock_advance_to(vm, 1000);
    g_assert_cmpstr(log->str, ==, "100 150 200 300 ");
    vm_timer_free(a.timer);
    vm_timer_free(b.timer);
    bql_unlock(vm);
    g_string_free(log, TRUE);
    vm_free(vm);
}

static void test_stop_and_travel(void)
{
    VM *vm = vm_new(NULL);
    int64_t then_ns, now_ns;

    bql_lock(vm);
    g_assert_cmpint(clock_virtual_ns(vm), ==, 0);
    clock_set_virtual_offset_ns(vm, 5000000);
    g_assert_cmpint(clock_virtual_ns(vm), ==, 5000000);
    clock_enable(vm, true);
    then_ns = clock_host_ns();
    while (clock_host_ns() < then_ns + 2000) {
        /* the clock must tell more than its own resolution */
    }
    now_ns = clock_virtual_ns(vm);
    g_assert_cmpint(now_ns, >=, 5002000);
    clock_enable(vm, false);
    now_ns = clock_virtual_ns(vm);
    then_ns = clock_host_ns();
    while (clock_host_ns() < then_ns + 2000) {
    }
    g_assert_cmpint(clock_virtual_ns(vm), ==, now_ns);
    g_assert_cmpint(clock_get_virtual_offset_ns(vm), ==, now_ns);
    bql_unlock(vm);
    vm_free(vm);
}

static void test_real_timer(void)
{
    VM *vm = vm_new(NULL);
    GString *log = g_string_new(NULL);
    Ticker a = {.vm = vm, .log = log};
    int64_t due_ns;

    bql_lock(vm);
    a.timer = vm_timer_new(vm, tick, &a);
    due_ns = 1000000;
    vm_timer_mod(a.timer, due_ns);
    bql_unlock(vm);

    /* Stopped: not even when its time seems to have come. */
    bql_lock(vm);
    clock_set_virtual_offset_ns(vm, due_ns / 2);
    bql_unlock(vm);
    g_assert_false(g_main_context_iteration(NULL, FALSE));
    g_assert_cmpuint(log->len, ==, 0);

    bql_lock(vm);
    clock_enable(vm, true);
    bql_unlock(vm);
    while (!log->len) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_cmpint(atoll(log->str), >=, due_ns);
    bql_lock(vm);
    vm_timer_free(a.timer);
    bql_unlock(vm);
    g_string_free(log, TRUE);
    vm_free(vm);
}

static void set_flag(VM *vm, void *opaque)
{
    g_assert_true(bql_locked(vm));
    (*(unsigned *)opaque)++;
}

static void *invoker(void *opaque)
{
    VM *vm = ((Ticker *)opaque)->vm;

    for (int i = 0; i < 1000; i++) {
        vm_invoke(vm, set_flag, &((Ticker *)opaque)->left);
    }
    return NULL;
}

static void test_invoke(void)
{
    GMainContext *context = g_main_context_new();
    VM *vm = vm_new(context);
    Ticker t = {.vm = vm};
    GThread *thread = g_thread_new("invoker", invoker, &t);

    while (t.left < 1000) {
        g_main_context_iteration(context, TRUE);
    }
    g_thread_join(thread);
    vm_invoke(vm, set_flag, &t.left);
    vm_free(vm);
    g_assert_cmpuint(t.left, ==, 1000);
    g_main_context_unref(context);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock/manual", test_manual);
    g_test_add_func("/clock/stop-and-travel", test_stop_and_travel);
    g_test_add_func("/clock/real-timer", test_real_timer);
    g_test_add_func("/vm/invoke", test_invoke);
    return g_test_run();
}
