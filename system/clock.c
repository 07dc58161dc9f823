/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual time and the timers on it. Virtual time is the host's monotonic
 * clock plus an offset while the guest runs, a constant while it is stopped,
 * and a number that commands move in manual mode. A timerfd in the VM's main
 * context wakes the main loop for the earliest timer.
 */
#include "qemu/osdep.h"
#include <sys/timerfd.h>
#include <time.h>
#include <glib-unix.h>
#include "system/clock.h"
#include "system-internal.h"

struct VMClock {
    /* [const] */
    VM *vm;
    int fd;
    GSource *source;

    /* [lock: lock]; written with the BQL held as well */
    GMutex lock;
    bool running;
    bool manual;
    int64_t offset_ns; /* to host time if it moves by itself, else the time */

    /* [lock: bql] */
    VMTimer *first; /* armed timers, earliest first */
    int64_t ticks_bias;
};

struct VMTimer {
    /* [const] */
    VM *vm;
    void (*fn)(void *opaque);
    void *opaque;

    /* [lock: bql] */
    int64_t expire_ns; /* -1: not armed */
    VMTimer *next;
};

int64_t clock_host_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

int64_t clock_host_ms(void)
{
    return clock_host_ns() / 1000000;
}

/* [lock: lock] held */
static int64_t virtual_ns_locked(const VMClock *clock)
{
    if (clock->running && !clock->manual) {
        return clock->offset_ns + clock_host_ns();
    }
    return clock->offset_ns;
}

/* [lock: lock] held */
static void set_virtual_ns_locked(VMClock *clock, int64_t now_ns)
{
    bool moves = clock->running && !clock->manual;

    clock->offset_ns = moves ? now_ns - clock_host_ns() : now_ns;
}

int64_t clock_virtual_ns(VM *vm)
{
    VMClock *clock = vm->clock;
    int64_t now_ns;

    g_mutex_lock(&clock->lock);
    now_ns = virtual_ns_locked(clock);
    g_mutex_unlock(&clock->lock);
    return now_ns;
}

/* Sets the timerfd for the first timer. BQL. */
static void clock_rearm(VMClock *clock)
{
    struct itimerspec spec = {0};

    if (clock->first && clock->running && !clock->manual) {
        int64_t host_ns = clock->first->expire_ns - clock->offset_ns;

        /* Zero would disarm it; the past fires at once. */
        host_ns = MAX(host_ns, 1);
        spec.it_value.tv_sec = host_ns / NANOSECONDS_PER_SECOND;
        spec.it_value.tv_nsec = host_ns % NANOSECONDS_PER_SECOND;
    }
    timerfd_settime(clock->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void clock_run_expired(VMClock *clock)
{
    int64_t now_ns = clock_virtual_ns(clock->vm);

    while (clock->running && clock->first &&
           clock->first->expire_ns <= now_ns) {
        VMTimer *timer = clock->first;

        clock->first = timer->next;
        timer->expire_ns = -1;
        timer->fn(timer->opaque); /* may free it */
    }
}

static gboolean clock_fd_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    VMClock *clock = opaque;
    uint64_t count;

    bql_lock(clock->vm);
    if (read(fd, &count, sizeof(count)) == sizeof(count)) {
        clock_run_expired(clock);
    }
    clock_rearm(clock);
    bql_unlock(clock->vm);
    return G_SOURCE_CONTINUE;
}

void clock_enable(VM *vm, bool running)
{
    VMClock *clock = vm->clock;
    int64_t now_ns;

    g_mutex_lock(&clock->lock);
    now_ns = virtual_ns_locked(clock);
    clock->running = running;
    set_virtual_ns_locked(clock, now_ns);
    g_mutex_unlock(&clock->lock);
    clock_rearm(clock);
}

int64_t clock_get_virtual_offset_ns(VM *vm)
{
    return clock_virtual_ns(vm);
}

int64_t clock_get_ticks_bias(VM *vm)
{
    return vm->clock->ticks_bias;
}

void clock_set_ticks_bias(VM *vm, int64_t bias)
{
    vm->clock->ticks_bias = bias;
}

void clock_set_virtual_offset_ns(VM *vm, int64_t offset_ns)
{
    VMClock *clock = vm->clock;

    g_mutex_lock(&clock->lock);
    set_virtual_ns_locked(clock, offset_ns);
    g_mutex_unlock(&clock->lock);
    clock_rearm(clock);
}

void clock_set_manual(VM *vm, bool manual)
{
    VMClock *clock = vm->clock;
    int64_t now_ns;

    g_mutex_lock(&clock->lock);
    now_ns = virtual_ns_locked(clock);
    clock->manual = manual;
    set_virtual_ns_locked(clock, now_ns);
    g_mutex_unlock(&clock->lock);
    clock_rearm(clock);
}

bool clock_is_manual(VM *vm)
{
    return vm->clock->manual;
}

void clock_advance_to(VM *vm, int64_t target_ns)
{
    VMClock *clock = vm->clock;

    g_assert(clock->manual);
    while (clock->offset_ns < target_ns) {
        int64_t next_ns = clock_next_deadline_ns(vm);
        int64_t step_ns = target_ns;

        if (clock->running && next_ns >= 0 && next_ns < target_ns) {
            step_ns = MAX(next_ns, clock->offset_ns);
        }
        g_mutex_lock(&clock->lock);
        clock->offset_ns = step_ns;
        g_mutex_unlock(&clock->lock);
        clock_run_expired(clock);
    }
}

int64_t clock_next_deadline_ns(VM *vm)
{
    return vm->clock->first ? vm->clock->first->expire_ns : -1;
}

/* --- Timers ------------------------------------------------------------- */

VMTimer *vm_timer_new(VM *vm, void (*fn)(void *opaque), void *opaque)
{
    VMTimer *timer = g_new0(VMTimer, 1);

    timer->vm = vm;
    timer->fn = fn;
    timer->opaque = opaque;
    timer->expire_ns = -1;
    return timer;
}

void vm_timer_free(VMTimer *timer)
{
    if (timer) {
        vm_timer_del(timer);
        g_free(timer);
    }
}

/* Whether @timer was the first one. */
static bool timer_unlink(VMTimer *timer)
{
    VMTimer **link = &timer->vm->clock->first;
    bool was_first = *link == timer;

    if (timer->expire_ns < 0) {
        return false;
    }
    while (*link != timer) {
        link = &(*link)->next;
    }
    *link = timer->next;
    timer->expire_ns = -1;
    return was_first;
}

void vm_timer_mod(VMTimer *timer, int64_t expire_virtual_ns)
{
    VMClock *clock = timer->vm->clock;
    VMTimer **link = &clock->first;
    bool rearm = timer_unlink(timer);

    timer->expire_ns = MAX(expire_virtual_ns, 0);
    while (*link && (*link)->expire_ns <= timer->expire_ns) {
        link = &(*link)->next;
    }
    timer->next = *link;
    *link = timer;
    if (rearm || clock->first == timer) {
        clock_rearm(clock);
    }
}

void vm_timer_del(VMTimer *timer)
{
    if (timer_unlink(timer)) {
        clock_rearm(timer->vm->clock);
    }
}

bool vm_timer_pending(const VMTimer *timer)
{
    return timer->expire_ns >= 0;
}

int64_t vm_timer_expire_ns(const VMTimer *timer)
{
    return timer->expire_ns;
}

/* --- Birth and death ---------------------------------------------------- */

VMClock *vm_clock_new(VM *vm)
{
    VMClock *clock = g_new0(VMClock, 1);

    clock->vm = vm;
    g_mutex_init(&clock->lock);
    clock->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (clock->fd < 0) {
        g_error("timerfd_create: %s", g_strerror(errno));
    }
    clock->source = g_unix_fd_source_new(clock->fd, G_IO_IN);
    g_source_set_name(clock->source, "vm-clock");
    (g_source_set_callback)(clock->source, G_SOURCE_FUNC(clock_fd_ready),
                            clock, NULL);
    g_source_attach(clock->source, vm->main_context);
    return clock;
}

void vm_clock_free(VMClock *clock)
{
    g_source_destroy(clock->source);
    g_source_unref(clock->source);
    qemu_close(&clock->fd);
    g_mutex_clear(&clock->lock);
    g_free(clock);
}
