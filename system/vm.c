/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VM object: creation, the big lock, calls into the main loop.
 * bql_*() and vm_invoke() are for any thread, the rest for the main thread.
 */
#include "qemu/osdep.h"
#include "system/vm.h"
#include "chardev/char.h"
#include "system/fdset.h"
#include "system-internal.h"

typedef struct VMCall {
    VMInvokeFn fn;
    void *opaque;
} VMCall;

typedef struct VMPrivate {
    VM vm;

    /* [const] */
    GSource *invoke_source;

    /* [lock: invoke_lock] */
    GMutex invoke_lock;
    GQueue calls; /* VMCall * */

    /* [lock: bql] */
    GSList *on_free; /* VMCall *, last registered first */
} VMPrivate;

static VMPrivate *vm_private(VM *vm)
{
    return container_of(vm, VMPrivate, vm);
}

/* --- The lock ----------------------------------------------------------- */

void bql_lock(VM *vm)
{
    g_assert(!bql_locked(vm));
    g_mutex_lock(&vm->bql);
    qatomic_set(&vm->bql_owner, g_thread_self());
}

void bql_unlock(VM *vm)
{
    g_assert(bql_locked(vm));
    qatomic_set(&vm->bql_owner, NULL);
    g_mutex_unlock(&vm->bql);
}

bool bql_locked(VM *vm)
{
    return qatomic_read(&vm->bql_owner) == g_thread_self();
}

void bql_wait(VM *vm, GCond *cond)
{
    g_assert(bql_locked(vm));
    qatomic_set(&vm->bql_owner, NULL);
    g_cond_wait(cond, &vm->bql);
    qatomic_set(&vm->bql_owner, g_thread_self());
}

/* --- Calls into the main loop ------------------------------------------- */

typedef struct InvokeSource {
    GSource source;
    VMPrivate *priv;
} InvokeSource;

static gboolean invoke_dispatch(GSource *source, GSourceFunc callback,
                                gpointer user_data)
{
    VMPrivate *priv = ((InvokeSource *)source)->priv;
    unsigned left;

    g_mutex_lock(&priv->invoke_lock);
    g_source_set_ready_time(source, -1);
    left = priv->calls.length;
    g_mutex_unlock(&priv->invoke_lock);

    /* Calls added from here on wake the source again. */
    while (left--) {
        g_autofree VMCall *call = NULL;

        g_mutex_lock(&priv->invoke_lock);
        call = g_queue_pop_head(&priv->calls);
        g_mutex_unlock(&priv->invoke_lock);
        if (!call) {
            break;
        }
        bql_lock(&priv->vm);
        call->fn(&priv->vm, call->opaque);
        bql_unlock(&priv->vm);
    }
    return G_SOURCE_CONTINUE;
}

void vm_invoke(VM *vm, VMInvokeFn fn, void *opaque)
{
    VMPrivate *priv = vm_private(vm);
    VMCall *call = g_new(VMCall, 1);

    call->fn = fn;
    call->opaque = opaque;
    g_mutex_lock(&priv->invoke_lock);
    g_queue_push_tail(&priv->calls, call);
    g_source_set_ready_time(priv->invoke_source, 0);
    g_mutex_unlock(&priv->invoke_lock);
}

/* --- Birth and death ---------------------------------------------------- */

VM *vm_new(GMainContext *context)
{
    static GSourceFuncs invoke_funcs = {.dispatch = invoke_dispatch};
    VMPrivate *priv = g_new0(VMPrivate, 1);
    VM *vm = &priv->vm;

    vm->main_context =
        g_main_context_ref(context ? context : g_main_context_default());
    vm->smp_cpus = 1;
    vm->autostart = true;
    g_mutex_init(&vm->bql);
    g_mutex_init(&priv->invoke_lock);
    g_queue_init(&priv->calls);

    priv->invoke_source = g_source_new(&invoke_funcs, sizeof(InvokeSource));
    ((InvokeSource *)priv->invoke_source)->priv = priv;
    g_source_set_name(priv->invoke_source, "vm-invoke");
    g_source_attach(priv->invoke_source, vm->main_context);

    vm->globals = global_props_new();
    vm->runstate = runstate_new();
    vm->clock = vm_clock_new(vm);
    vm->memory = guest_memory_new();
    vm->ioports = ioport_map_new();
    vm->objects = object_store_new();
    vm->fdsets = fdsets_new();
    vm->chardevs = chardev_store_new();
    return vm;
}

void vm_on_free(VM *vm, VMInvokeFn fn, void *opaque)
{
    VMPrivate *priv = vm_private(vm);
    VMCall *call = g_new(VMCall, 1);

    call->fn = fn;
    call->opaque = opaque;
    priv->on_free = g_slist_prepend(priv->on_free, call);
}

void vm_free(VM *vm)
{
    VMPrivate *priv = vm_private(vm);

    bql_lock(vm);
    while (priv->on_free) {
        g_autofree VMCall *call = priv->on_free->data;

        priv->on_free = g_slist_delete_link(priv->on_free, priv->on_free);
        call->fn(vm, call->opaque);
    }
    object_store_free(vm);
    bql_unlock(vm);

    chardev_store_free(vm->chardevs);
    g_source_destroy(priv->invoke_source);
    g_source_unref(priv->invoke_source);
    g_queue_clear_full(&priv->calls, g_free);
    fdsets_free(vm->fdsets);
    ioport_map_free(vm->ioports);
    guest_memory_free(vm->memory);
    vm_clock_free(vm->clock);
    runstate_free(vm->runstate);
    global_props_free(vm->globals);
    g_mutex_clear(&priv->invoke_lock);
    g_mutex_clear(&vm->bql);
    g_main_context_unref(vm->main_context);
    g_free(vm->name);
    g_free(priv);
}
