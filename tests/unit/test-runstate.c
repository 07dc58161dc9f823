/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of system/runstate.c, runstate-requests.c and daemonize.c. */
#include "qemu/osdep.h"
#include <signal.h>
#include <sys/prctl.h>
#include "qapi/qapi-emit-events.h"
#include "system/daemonize.h"
#include "vm-double.h"

typedef struct Log {
    VM *vm;
    GString *text;
} Log;

static void log_event(void *opaque, int event, struct json_object *obj)
{
    Log *log = opaque;
    struct json_object *data, *reason;

    g_string_append(log->text, QAPIEvent_str(event));
    if (json_object_object_get_ex(obj, "data", &data) &&
        json_object_object_get_ex(data, "reason", &reason)) {
        g_string_append_printf(log->text, ":%s",
                               json_object_get_string(reason));
    }
    g_string_append_c(log->text, ' ');
}

static void log_change(void *opaque, bool running, RunState state)
{
    Log *log = opaque;

    g_assert_true(bql_locked(log->vm));
    for (unsigned i = 0; i < cpus_count(log->vm); i++) {
        g_assert_true(cpu_get(log->vm, i)->parked);
    }
    g_string_append_printf(log->text, "%s%s ", running ? "+" : "-",
                           RunState_str(state));
}

static void log_reset(void *opaque)
{
    g_string_append(((Log *)opaque)->text, "reset ");
}

static void log_powerdown(void *opaque)
{
    g_string_append(((Log *)opaque)->text, "button ");
}

static void start(Log *log, unsigned cpus)
{
    log->vm = double_vm(NULL, cpus);
    log->text = g_string_new(NULL);
    log->vm->events = (QapiEventSink){.emit = log_event, .opaque = log};
    bql_lock(log->vm);
    vm_add_change_state_handler(log->vm, log_change, log);
    vm_add_reset_handler(log->vm, log_reset, log);
    vm_add_powerdown_handler(log->vm, log_powerdown, log);
}

static void finish(Log *log)
{
    bql_unlock(log->vm);
    vm_free(log->vm);
    g_string_free(log->text, TRUE);
}

static void expect(Log *log, const char *want)
{
    g_assert_cmpstr(log->text->str, ==, want);
    g_string_truncate(log->text, 0);
}

/* Runs the main loop until it has written something. */
static void loop_until_log(Log *log)
{
    while (!log->text->len) {
        bql_unlock(log->vm);
        g_main_context_iteration(NULL, TRUE);
        bql_lock(log->vm);
    }
}

static void test_start_stop(void)
{
    Log log;
    RunState old;
    g_autoptr(Error) err = NULL;

    start(&log, 2);
    g_assert_cmpint(runstate_get(log.vm), ==, RUN_STATE_PRELAUNCH);
    g_assert_true(vm_start(log.vm, NULL));
    g_assert_true(vm_start(log.vm, NULL));
    g_assert_true(runstate_is_running(log.vm));
    expect(&log, "RESUME +running ");
    g_assert_true(vm_stop_remember(log.vm, RUN_STATE_FINISH_MIGRATE, &old,
                                   NULL));
    g_assert_cmpint(old, ==, RUN_STATE_RUNNING);
    expect(&log, "-finish-migrate STOP ");
    /* Stopped already: the state changes, nothing else. */
    g_assert_true(vm_stop(log.vm, RUN_STATE_POSTMIGRATE, NULL));
    expect(&log, "");
    g_assert_cmpint(runstate_get(log.vm), ==, RUN_STATE_POSTMIGRATE);
    g_assert_false(vm_stop(log.vm, RUN_STATE_SAVE_VM, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "'postmigrate'"));
    g_assert_nonnull(strstr(error_get_pretty(err), "'save-vm'"));
    g_assert_cmpint(runstate_get(log.vm), ==, RUN_STATE_POSTMIGRATE);
    vm_remove_change_state_handler(log.vm, log_change, &log);
    g_assert_true(vm_start(log.vm, NULL));
    expect(&log, "RESUME ");
    g_assert_true(vm_stop(log.vm, RUN_STATE_PAUSED, NULL));
    finish(&log);
}

static void test_set(void)
{
    Log log;

    start(&log, 1);
    g_assert_false(runstate_set(log.vm, RUN_STATE_RUNNING, NULL));
    g_assert_true(runstate_set(log.vm, RUN_STATE_INMIGRATE, NULL));
    g_assert_true(runstate_set(log.vm, RUN_STATE_INMIGRATE, NULL));
    g_assert_true(runstate_set(log.vm, RUN_STATE_PAUSED, NULL));
    g_assert_false(runstate_set(log.vm, RUN_STATE_INMIGRATE, NULL));
    g_assert_true(vm_start(log.vm, NULL));
    g_assert_false(runstate_set(log.vm, RUN_STATE_PAUSED, NULL));
    g_assert_true(vm_stop(log.vm, RUN_STATE_PAUSED, NULL));
    finish(&log);
}

static void test_requests(void)
{
    Log log;
    int code = -1;

    start(&log, 2);
    g_assert_true(vm_start(log.vm, NULL));
    g_string_truncate(log.text, 0);
    vm_request_reset(log.vm, SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    loop_until_log(&log);
    expect(&log, "reset RESET:host-qmp-system-reset ");
    g_assert_true(runstate_is_running(log.vm));
    g_assert_cmpuint(double_cpu(log.vm, 0)->puts, ==, 1);
    vm_request_powerdown(log.vm);
    loop_until_log(&log);
    expect(&log, "POWERDOWN button ");

    g_assert_true(vm_stop(log.vm, RUN_STATE_PAUSED, NULL));
    g_string_truncate(log.text, 0);
    vm_request_reset(log.vm, SHUTDOWN_CAUSE_GUEST_RESET);
    loop_until_log(&log);
    expect(&log, "reset RESET:guest-reset ");
    g_assert_cmpint(runstate_get(log.vm), ==, RUN_STATE_PRELAUNCH);

    g_assert_false(vm_shutdown_requested(log.vm, &code));
    vm_request_shutdown_code(log.vm, SHUTDOWN_CAUSE_HOST_ERROR, 3);
    vm_request_shutdown(log.vm, SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    loop_until_log(&log);
    expect(&log, "SHUTDOWN:host-error ");
    g_assert_true(vm_shutdown_requested(log.vm, &code));
    g_assert_cmpint(code, ==, 3);
    finish(&log);
}

static void test_policies(void)
{
    Log log;
    int code;

    start(&log, 1);
    log.vm->no_reboot = true;
    log.vm->no_shutdown = true;
    g_assert_true(vm_start(log.vm, NULL));
    g_string_truncate(log.text, 0);
    vm_request_reset(log.vm, SHUTDOWN_CAUSE_GUEST_RESET);
    loop_until_log(&log);
    while (runstate_is_running(log.vm)) {
        bql_unlock(log.vm);
        g_main_context_iteration(NULL, TRUE);
        bql_lock(log.vm);
    }
    expect(&log, "SHUTDOWN:guest-reset -shutdown STOP ");
    g_assert_false(vm_shutdown_requested(log.vm, &code));
    g_assert_cmpint(runstate_get(log.vm), ==, RUN_STATE_SHUTDOWN);
    vm_request_shutdown(log.vm, SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    loop_until_log(&log);
    g_assert_true(vm_shutdown_requested(log.vm, &code));
    finish(&log);
}

/* A quit that comes while the guest's own shutdown waits is not lost. */
static void test_quit_beats_guest(void)
{
    Log log;
    int code = -1;

    start(&log, 1);
    log.vm->no_shutdown = true;
    g_assert_true(vm_start(log.vm, NULL));
    g_string_truncate(log.text, 0);
    vm_request_shutdown(log.vm, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    vm_request_shutdown_code(log.vm, SHUTDOWN_CAUSE_HOST_SIGNAL, 4);
    vm_request_shutdown(log.vm, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    loop_until_log(&log);
    expect(&log, "SHUTDOWN:host-signal ");
    g_assert_true(vm_shutdown_requested(log.vm, &code));
    g_assert_cmpint(code, ==, 4);
    finish(&log);
}

/* A device model in a vCPU thread stops the VM, as for an I/O error. */
static bool guest_stops(CPUState *cpu, Error **errp)
{
    DoubleCPU *d = cpu->accel_data;

    bql_lock(cpu->vm);
    if (d->counter == 5 && runstate_is_running(cpu->vm)) {
        g_assert_true(vm_stop(cpu->vm, RUN_STATE_IO_ERROR, NULL));
    }
    g_assert_cmpuint(d->counter, <=, 5); /* no instruction after it */
    bql_unlock(cpu->vm);
    return true;
}

static void test_stop_from_vcpu(void)
{
    Log log;

    start(&log, 2);
    double_cpu(log.vm, 0)->guest = guest_stops;
    g_assert_true(vm_start(log.vm, NULL));
    g_string_truncate(log.text, 0);
    loop_until_log(&log);
    expect(&log, "-io-error STOP ");
    g_assert_cmpuint(double_cpu(log.vm, 0)->published, ==, 5);
    finish(&log);
}

static bool guest_fails(CPUState *cpu, Error **errp)
{
    error_setg(errp, "expected by the test: cannot go on");
    return false;
}

static void test_guest_failure(void)
{
    Log log;

    start(&log, 2);
    double_cpu(log.vm, 1)->guest = guest_fails;
    g_assert_true(vm_start(log.vm, NULL));
    g_string_truncate(log.text, 0);
    loop_until_log(&log);
    expect(&log, "-internal-error STOP ");
    finish(&log);
}

static void *other_thread(void *opaque)
{
    Log *log = opaque;

    for (int i = 0; i < 200; i++) {
        bql_lock(log->vm);
        g_assert_true(vm_stop(log->vm, RUN_STATE_PAUSED, NULL));
        g_assert_false(runstate_is_running(log->vm));
        bql_unlock(log->vm);
        g_thread_yield();
    }
    return NULL;
}

/* Two threads start and stop; each stop is complete when it returns. */
static void test_concurrent(void)
{
    Log log;
    GThread *thread;

    start(&log, 2);
    vm_remove_change_state_handler(log.vm, log_change, &log);
    thread = g_thread_new("other", other_thread, &log);
    for (int i = 0; i < 200; i++) {
        g_assert_true(vm_start(log.vm, NULL));
        bql_unlock(log.vm);
        g_thread_yield();
        bql_lock(log.vm);
    }
    bql_unlock(log.vm);
    g_thread_join(thread);
    bql_lock(log.vm);
    g_assert_true(vm_stop(log.vm, RUN_STATE_PAUSED, NULL));
    g_assert_true(cpu_get(log.vm, 0)->parked);
    finish(&log);
}

/*
 * The process that a tie is to be to is the caller's to know: whoever is the
 * parent now may only have taken over when that one ended.
 */
static void test_tie_to_parent(void)
{
    g_autoptr(Error) err = NULL;
    int signo;

    g_assert_true(exit_with_parent_enable(getppid(), NULL));
    g_assert_cmpint(prctl(PR_GET_PDEATHSIG, &signo), ==, 0);
    g_assert_cmpint(signo, ==, SIGTERM);
    g_assert_false(exit_with_parent_enable(getpid(), &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "has ended"));
    g_assert_cmpint(prctl(PR_SET_PDEATHSIG, 0), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/runstate/start-stop", test_start_stop);
    g_test_add_func("/runstate/set", test_set);
    g_test_add_func("/runstate/requests", test_requests);
    g_test_add_func("/runstate/policies", test_policies);
    g_test_add_func("/runstate/quit-beats-guest", test_quit_beats_guest);
    g_test_add_func("/runstate/stop-from-vcpu", test_stop_from_vcpu);
    g_test_add_func("/runstate/guest-failure", test_guest_failure);
    g_test_add_func("/runstate/concurrent", test_concurrent);
    g_test_add_func("/daemonize/tie-to-parent", test_tie_to_parent);
    return g_test_run();
}
