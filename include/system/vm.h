/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machine: the root that everything hangs off.
 *
 * There is no "current" machine. A VM is passed to whoever needs it, and two
 * of them can live (and migrate to each other) in one process.
 *
 * The lock. vm->bql protects devices, run state, the object and chardev
 * tables, and the migration objects' monitor-facing fields. Main loop
 * callbacks, vCPU threads on their way into a device, and the migration
 * thread at the switchover take it explicitly; nothing holds it while it
 * waits for a peer. It does not protect guest RAM or dirty bitmaps.
 */
#ifndef SYSTEM_VM_H
#define SYSTEM_VM_H

#include "qapi/error.h"
#include "qapi/event-sink.h"
#include "qemu/uuid.h"

typedef struct VM VM;

struct VM {
    /* [const] from creation */
    GMainContext *main_context; /* where vm_invoke() and timers run */

    /* [const] once the machine is built */
    char *name;           /* -name, or NULL */
    QemuUUID uuid;        /* zeros if none was given */
    bool debug_threads;   /* -name ...,debug-threads=on */
    unsigned smp_cpus;    /* -smp */
    uint64_t ram_size_bytes;
    bool autostart;       /* no -S */
    bool nodefaults;      /* only the devices that were asked for */
    bool no_reboot;       /* a guest reset is a shutdown */
    bool no_shutdown;     /* a guest shutdown only stops it */

    /* [const] pointers; each object states its own locking */
    struct RunStateMachine *runstate;  /* system/runstate.h */
    struct VMClock *clock;             /* system/clock.h */
    struct GuestMemory *memory;        /* system/memory.h */
    struct IOPortMap *ioports;         /* system/ioport.h */
    struct ObjectStore *objects;       /* qom/object.h */
    struct ChardevStore *chardevs;     /* chardev/char.h */
    struct FdSets *fdsets;             /* system/fdset.h */
    struct CPUs *cpus;                 /* system/cpus.h */
    struct Accel *accel;               /* system/accel.h */
    struct Machine *machine;           /* hw/core/boards.h */
    struct DeviceTree *devices;        /* hw/core/device.h */
    struct YankRegistry *yank;         /* system/yank.h; may be NULL */
    struct GlobalProps *globals;       /* system/globals.h: -global, compat */
    struct SaveVMRegistry *savevm;     /* migration/register.h */
    struct MigrationState *migration;  /* migration/misc.h */
    struct MigrationIncomingState *incoming; /* migration/misc.h */

    /* [const] where events go; NULL emit before there is a monitor */
    QapiEventSink events;

    /* The lock; see above. */
    GMutex bql;
    GThread *bql_owner; /* [atomic] for bql_locked() only */
};

/*
 * A VM with its lock, run state, clock, memory, ports, objects, chardevs,
 * descriptor sets and globals. What lies above this layer (migration_init(),
 * machine, accelerator, CPUs) is made by the caller. @context NULL means
 * GLib's default. Main thread.
 */
VM *vm_new(GMainContext *context);

/*
 * Takes all of it down; the only place that says in which order. First the
 * vm_on_free() handlers, last registered first, which undoes the build:
 * vCPUs (cpus_create()), devices (machine_init()), the accelerator
 * (accel_select()), the machine (machine_create()). Then what vm_new() made.
 * Both migration sides must be at rest (migration_shutdown()) and monitors
 * gone. Main thread, BQL not held.
 */
void vm_free(VM *vm);

/*
 * Lets an object of a higher layer go with its VM: @fn(vm, @opaque) runs
 * once from vm_free(), BQL held. BQL.
 */
typedef void (*VMInvokeFn)(VM *vm, void *opaque);
void vm_on_free(VM *vm, VMInvokeFn fn, void *opaque);

/* Not recursive; taking it twice aborts. */
void bql_lock(VM *vm);
void bql_unlock(VM *vm);

/* Whether the calling thread holds the lock; for assertions. */
bool bql_locked(VM *vm);

/* Waits for @cond with the BQL released meanwhile, as g_cond_wait(). */
void bql_wait(VM *vm, GCond *cond);

/*
 * Runs @fn(vm, @opaque) once from the main loop with the BQL held. Any
 * thread. A call that has not run when the VM is freed is dropped.
 */
void vm_invoke(VM *vm, VMInvokeFn fn, void *opaque);

#endif
