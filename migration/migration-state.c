/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The edge table of both sides and the one function that moves along it.
 *
 * Entered by main, the migration thread and the loading thread. The generated
 * docs/devel/migration/states.rst shows the same table.
 */
#include "qemu/osdep.h"

#include "migration/migration-state.h"
#include "trace-events.h"

#define SRC MIGRATION_SIDE_SOURCE
#define DST MIGRATION_SIDE_DESTINATION
#define ST(name) MIGRATION_STATUS_##name
#define EV(name) MIGRATION_EV_##name
#define VM_(name) MIGRATION_VM_##name

const MigrationEdge migration_edges[] = {
    { SRC, ST(NONE), EV(START), ST(SETUP), VM_(UNCHANGED), "main" },
    { SRC, ST(COMPLETED), EV(START), ST(SETUP), VM_(UNCHANGED), "main" },
    { SRC, ST(FAILED), EV(START), ST(SETUP), VM_(UNCHANGED), "main" },
    { SRC, ST(CANCELLED), EV(START), ST(SETUP), VM_(UNCHANGED), "main" },

    { SRC, ST(SETUP), EV(CONNECTED), ST(ACTIVE), VM_(UNCHANGED), "mig" },
    { SRC, ST(SETUP), EV(FAIL), ST(FAILED), VM_(UNCHANGED), "main" },
    { SRC, ST(SETUP), EV(CANCEL), ST(CANCELLING), VM_(UNCHANGED), "main" },

    { SRC, ST(ACTIVE), EV(SWITCHOVER), ST(DEVICE), VM_(STOPPED), "mig" },
    { SRC, ST(ACTIVE), EV(FAIL), ST(FAILED), VM_(RESTORED), "main" },
    { SRC, ST(ACTIVE), EV(CANCEL), ST(CANCELLING), VM_(UNCHANGED), "main" },

    { SRC, ST(DEVICE), EV(DONE), ST(COMPLETED), VM_(STOPPED), "main" },
    { SRC, ST(DEVICE), EV(FAIL), ST(FAILED), VM_(RESTORED), "main" },
    { SRC, ST(DEVICE), EV(CANCEL), ST(CANCELLING), VM_(UNCHANGED), "main" },
    /* All was sent and no answer came: the destination may have the guest. */
    { SRC, ST(DEVICE), EV(LOST), ST(FAILED), VM_(STOPPED), "main" },

    { SRC, ST(CANCELLING), EV(CANCEL_DONE), ST(CANCELLED), VM_(RESTORED),
      "main" },
    /* The cancel came too late: the destination has the guest. */
    { SRC, ST(CANCELLING), EV(DONE), ST(COMPLETED), VM_(STOPPED), "main" },
    { SRC, ST(CANCELLING), EV(LOST), ST(FAILED), VM_(STOPPED), "main" },

    { DST, ST(NONE), EV(START), ST(SETUP), VM_(UNCHANGED), "main" },
    { DST, ST(SETUP), EV(CONNECTED), ST(ACTIVE), VM_(UNCHANGED), "main" },
    { DST, ST(SETUP), EV(FAIL), ST(FAILED), VM_(STOPPED), "main" },
    { DST, ST(ACTIVE), EV(DONE), ST(COMPLETED), VM_(STARTS), "main" },
    { DST, ST(ACTIVE), EV(FAIL), ST(FAILED), VM_(STOPPED), "main" },
};

const size_t migration_edges_count = ARRAY_SIZE(migration_edges);

const char *MigrationEvent_str(MigrationEvent event)
{
    static const char *const names[] = {
        [MIGRATION_EV_START] = "start",
        [MIGRATION_EV_CONNECTED] = "connected",
        [MIGRATION_EV_SWITCHOVER] = "switchover",
        [MIGRATION_EV_DONE] = "done",
        [MIGRATION_EV_FAIL] = "fail",
        [MIGRATION_EV_CANCEL] = "cancel",
        [MIGRATION_EV_CANCEL_DONE] = "cancel-done",
        [MIGRATION_EV_LOST] = "lost",
    };

    g_assert((unsigned)event < ARRAY_SIZE(names));
    return names[event];
}

void migration_machine_init(MigrationMachine *m, MigrationSide side,
                            void (*on_change)(void *opaque,
                                              MigrationStatus status),
                            void *opaque)
{
    m->side = side;
    m->status = MIGRATION_STATUS_NONE;
    m->on_change = on_change;
    m->opaque = opaque;
    g_mutex_init(&m->lock);
    g_cond_init(&m->changed);
}

void migration_machine_destroy(MigrationMachine *m)
{
    g_mutex_clear(&m->lock);
    g_cond_clear(&m->changed);
}

const MigrationEdge *migration_edge_find(MigrationSide side,
                                         MigrationStatus from,
                                         MigrationEvent event)
{
    for (size_t i = 0; i < migration_edges_count; i++) {
        const MigrationEdge *edge = &migration_edges[i];

        if (edge->side == side && edge->from == from && edge->event == event) {
            return edge;
        }
    }
    return NULL;
}

bool migration_advance(MigrationMachine *m, MigrationEvent event, Error **errp)
{
    const MigrationEdge *edge;
    MigrationStatus from;

    g_mutex_lock(&m->lock);
    from = m->status;
    edge = migration_edge_find(m->side, from, event);
    if (edge) {
        m->status = edge->to;
        g_cond_broadcast(&m->changed);
    }
    g_mutex_unlock(&m->lock);

    if (!edge) {
        error_setg(errp, "the %s of a migration cannot take '%s' while '%s'",
                   m->side == MIGRATION_SIDE_SOURCE ? "source" : "destination",
                   MigrationEvent_str(event), MigrationStatus_str(from));
        return false;
    }
    trace_migration_state(m->side == MIGRATION_SIDE_SOURCE ? "source"
                                                           : "destination",
                          MigrationEvent_str(event), MigrationStatus_str(from),
                          MigrationStatus_str(edge->to));
    if (m->on_change) {
        m->on_change(m->opaque, edge->to);
    }
    return true;
}

MigrationStatus migration_status(MigrationMachine *m)
{
    MigrationStatus status;

    g_mutex_lock(&m->lock);
    status = m->status;
    g_mutex_unlock(&m->lock);
    return status;
}
