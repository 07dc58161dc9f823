/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VM's monitors: their I/O thread, their list, and the way events take
 * to them. Set up and torn down in the main thread.
 */
#include "qemu/osdep.h"
#include "qemu/thread.h"
#include "monitor-internal.h"

static gpointer monitors_io_thread(gpointer opaque)
{
    Monitors *monitors = opaque;

    g_main_context_push_thread_default(monitors->io_context);
    g_main_loop_run(monitors->io_loop);
    g_main_context_pop_thread_default(monitors->io_context);
    return NULL;
}

static void monitors_event(void *opaque, int event,
                           struct json_object *event_obj)
{
    Monitors *monitors = opaque;

    event_limiter_add(monitors->limiter, event_obj);
}

static void monitors_deliver(void *opaque, struct json_object *event)
{
    qmp_monitors_emit(opaque, event);
}

Monitors *monitors_new(VM *vm)
{
    Monitors *monitors = g_new0(Monitors, 1);

    monitors->vm = vm;
    monitors->list = g_ptr_array_new();
    g_mutex_init(&monitors->lock);
    monitors->io_context = g_main_context_new();
    monitors->io_loop = g_main_loop_new(monitors->io_context, FALSE);
    monitors->limiter = event_limiter_new(event_rates, monitors->io_context,
                                          monitors_deliver, monitors);
    monitors->io_thread = qemu_thread_create("mon-io", monitors_io_thread,
                                             monitors);
    vm->events = (QapiEventSink){
        .emit = monitors_event,
        .opaque = monitors,
    };
    return monitors;
}

static gboolean quit_loop(gpointer opaque)
{
    g_main_loop_quit(opaque);
    return G_SOURCE_REMOVE;
}

static void io_invoke(Monitors *monitors, GSourceFunc fn, void *opaque)
{
    GSource *source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, fn, opaque, NULL);
    g_source_attach(source, monitors->io_context);
    g_source_unref(source);
}

void monitor_io_call(Monitor *mon, GSourceFunc fn)
{
    io_invoke(mon->owner, fn, mon);
}

static void monitor_free(Monitor *mon)
{
    if (mon->mode == MONITOR_MODE_READLINE) {
        bql_lock(mon->owner->vm);
        hmp_monitor_stop(mon);
        bql_unlock(mon->owner->vm);
    }
    monitor_out_free(mon->out);
    if (mon->attached) {
        chardev_disconnect(mon->chr);
    }
    if (mon->mode == MONITOR_MODE_CONTROL) {
        qmp_monitor_free(mon);
    }
    fd_table_free(mon->fds);
    g_mutex_clear(&mon->lock);
    g_free(mon);
}

/* Lets the call of monitors_dispatch() that may be on its way arrive. */
static void wait_for_dispatch(Monitors *monitors)
{
    bool dispatching;

    for (;;) {
        g_mutex_lock(&monitors->lock);
        dispatching = monitors->dispatching;
        g_mutex_unlock(&monitors->lock);
        if (!dispatching) {
            return;
        }
        g_main_context_iteration(monitors->vm->main_context, TRUE);
    }
}

void monitors_free(Monitors *monitors)
{
    monitors->vm->events = (QapiEventSink){ 0 };
    io_invoke(monitors, quit_loop, monitors->io_loop);
    g_thread_join(monitors->io_thread);
    for (size_t i = 0; i < monitors->list->len; i++) {
        qmp_monitor_drop_requests(g_ptr_array_index(monitors->list, i));
    }
    wait_for_dispatch(monitors);
    for (size_t i = 0; i < monitors->list->len; i++) {
        monitor_free(g_ptr_array_index(monitors->list, i));
    }
    g_ptr_array_unref(monitors->list);
    event_limiter_free(monitors->limiter);
    g_main_loop_unref(monitors->io_loop);
    g_main_context_unref(monitors->io_context);
    g_mutex_clear(&monitors->lock);
    g_free(monitors);
}

bool monitor_add(Monitors *monitors, Chardev *chr, MonitorMode mode,
                 bool pretty, Error **errp)
{
    Monitor *mon = g_new0(Monitor, 1);

    mon->owner = monitors;
    mon->chr = chr;
    mon->mode = mode;
    mon->pretty = pretty;
    mon->in_fd = -1;
    mon->fds = fd_table_new();
    g_mutex_init(&mon->lock);
    g_queue_init(&mon->requests);

    /* In the list first: a client may be there at once. */
    g_mutex_lock(&monitors->lock);
    g_ptr_array_add(monitors->list, mon);
    g_mutex_unlock(&monitors->lock);
    return mode == MONITOR_MODE_CONTROL ? qmp_monitor_start(mon, errp)
                                        : hmp_monitor_start(mon, errp);
}
