/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state machine of both sides: one table of edges, one way to move.
 *
 * Callers name what happened (an event), never the state they want. An event
 * without an edge from the current state is an error that names both, and
 * changes nothing.
 */
#ifndef MIGRATION_MIGRATION_STATE_H
#define MIGRATION_MIGRATION_STATE_H

#include "qapi/qapi-types-migration.h"
#include "system/vm.h"

typedef enum MigrationEvent {
    MIGRATION_EV_START,       /* migrate, or a listening destination */
    MIGRATION_EV_CONNECTED,   /* source: header sent; dest.: channel is here */
    MIGRATION_EV_SWITCHOVER,  /* guest stopped, devices follow */
    MIGRATION_EV_DONE,        /* everything is over and acknowledged */
    MIGRATION_EV_FAIL,
    MIGRATION_EV_CANCEL,      /* asked to */
    MIGRATION_EV_CANCEL_DONE, /* cleaned up after */
    MIGRATION_EV_LOST,        /* nobody can tell who has the guest */
    MIGRATION_EV__MAX,
} MigrationEvent;

typedef enum MigrationSide {
    MIGRATION_SIDE_SOURCE,
    MIGRATION_SIDE_DESTINATION,
} MigrationSide;

/* What the guest does once the edge is taken. */
typedef enum MigrationVMAfter {
    MIGRATION_VM_UNCHANGED,
    MIGRATION_VM_STOPPED,
    MIGRATION_VM_RESTORED, /* back to the run state before migrate */
    MIGRATION_VM_STARTS,   /* as the source had it */
} MigrationVMAfter;

typedef struct MigrationEdge {
    MigrationSide side;
    MigrationStatus from;
    MigrationEvent event;
    MigrationStatus to;
    MigrationVMAfter vm_after;
    const char *who; /* threads that may: "main", "mig", "load", "rp" */
} MigrationEdge;

extern const MigrationEdge migration_edges[];
extern const size_t migration_edges_count;

const char *MigrationEvent_str(MigrationEvent event);

typedef struct MigrationMachine {
    MigrationSide side; /* [const] */
    GMutex lock;
    MigrationStatus status; /* [lock: lock] */
    GCond changed;          /* with lock, for those who wait */
    /* [const] called after each move, lock not held, in the mover's thread */
    void (*on_change)(void *opaque, MigrationStatus status);
    void *opaque;
} MigrationMachine;

void migration_machine_init(MigrationMachine *m, MigrationSide side,
                            void (*on_change)(void *opaque,
                                              MigrationStatus status),
                            void *opaque);
void migration_machine_destroy(MigrationMachine *m);

/* The only way to move. Any thread that the edge names. */
bool migration_advance(MigrationMachine *m, MigrationEvent event,
                       Error **errp);

MigrationStatus migration_status(MigrationMachine *m);

/* The edge from @from on @event, or NULL. */
const MigrationEdge *migration_edge_find(MigrationSide side,
                                         MigrationStatus from,
                                         MigrationEvent event);

#endif
