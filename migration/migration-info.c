/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What query-migrate shows. Main loop, BQL held. */
#include "qemu/osdep.h"

#include "migration/migration-internal.h"
#include "migration/multifd-recv.h"
#include "migration/multifd-send.h"
#include "system/clock.h"
#include "system/memory.h"

#define GET(field) qatomic_read_relaxed(&(field))

static MigrationStats *stats_new(MigrationState *s)
{
    MigrationCounters *c = &s->counters;
    MigrationStats *ram = g_new0(MigrationStats, 1);
    MigrationStatus status = migration_status(&s->machine);

    ram->transferred = (int64_t)GET(c->transferred_bytes);
    ram->total = (int64_t)GET(c->total_ram_bytes);
    ram->duplicate = (int64_t)GET(c->zero_pages);
    ram->normal = (int64_t)GET(c->normal_pages);
    ram->normal_bytes = ram->normal * (int64_t)TARGET_PAGE_SIZE;
    __atomic_load(&s->times.mbps, &ram->mbps, __ATOMIC_RELAXED);
    ram->dirty_sync_count = (int64_t)GET(c->dirty_sync_count);
    ram->page_size = (int64_t)TARGET_PAGE_SIZE;
    ram->pages_per_second = GET(s->times.pages_per_second);
    ram->dirty_sync_missed_zero_copy = GET(c->missed_zero_copy);
    ram->multifd_bytes = GET(c->multifd_bytes);
    ram->precopy_bytes = GET(c->precopy_bytes);
    ram->downtime_bytes = GET(c->downtime_bytes);
    if (status != MIGRATION_STATUS_COMPLETED) {
        ram->remaining =
            (int64_t)(GET(c->remaining_pages) * TARGET_PAGE_SIZE);
        ram->dirty_pages_rate = (int64_t)GET(c->dirty_pages_rate);
    }
    return ram;
}

static MultiFDChannelInfo *channel_info(uint8_t id, const char *thread,
                                        const MultiFDTally *tally)
{
    MultiFDChannelInfo *c = g_new0(MultiFDChannelInfo, 1);

    c->id = id;
    c->thread = g_strdup(thread);
    c->packets = GET(tally->packets);
    c->bytes = GET(tally->bytes);
    c->normal = GET(tally->normal_pages);
    c->zero = GET(tally->zero_pages);
    return c;
}

/* What is there now, or was when it ended. */
static MultiFDChannelInfoList *now_or_last(MultiFDChannelInfoList *now,
                                           const MultiFDChannelInfoList *last)
{
    return now || !last ? now : QAPI_CLONE(MultiFDChannelInfoList, last);
}

MultiFDChannelInfoList *migration_source_channels(MigrationState *s)
{
    MultiFDChannelInfoList *list = NULL, **tail = &list;

    g_mutex_lock(&s->file_lock);
    for (unsigned i = 0;
         s->multifd && i < multifd_send_channels(s->multifd); i++) {
        const MultiFDSendParams *p = multifd_send_channel(s->multifd, i);

        QAPI_LIST_APPEND(tail, channel_info(p->id, p->name, &p->sent));
    }
    g_mutex_unlock(&s->file_lock);
    return now_or_last(list, s->last_channels);
}

MultiFDChannelInfoList *migration_incoming_channels(
    MigrationIncomingState *mis)
{
    MultiFDChannelInfoList *list = NULL, **tail = &list;

    g_mutex_lock(&mis->file_lock);
    for (unsigned i = 0;
         mis->multifd && i < multifd_recv_channels(mis->multifd); i++) {
        const MultiFDRecvParams *p = multifd_recv_channel(mis->multifd, i);

        QAPI_LIST_APPEND(tail, channel_info(p->id, p->name, &p->received));
    }
    g_mutex_unlock(&mis->file_lock);
    return now_or_last(list, mis->last_channels);
}

static char *error_text(GMutex *lock, Error *const *error)
{
    char *text;

    g_mutex_lock(lock);
    text = *error ? g_strdup(error_get_pretty(*error)) : NULL;
    g_mutex_unlock(lock);
    return text;
}

static void fill_source(MigrationState *s, MigrationInfo *info)
{
    bool under_way = false;

    info->has_status = true;
    info->status = migration_status(&s->machine);
    switch (info->status) {
    case MIGRATION_STATUS_ACTIVE:
    case MIGRATION_STATUS_DEVICE:
    case MIGRATION_STATUS_CANCELLING:
        under_way = true;
        info->has_total_time = true;
        info->total_time = clock_host_ms() - GET(s->times.start_ms);
        info->has_expected_downtime = true;
        info->expected_downtime = GET(s->times.expected_downtime_ms);
        break;
    case MIGRATION_STATUS_COMPLETED:
        under_way = true;
        info->has_total_time = true;
        info->total_time = GET(s->times.total_ms);
        info->has_downtime = true;
        info->downtime = GET(s->times.downtime_ms);
        break;
    default:
        break;
    }
    if (under_way) {
        info->has_setup_time = true;
        info->setup_time = GET(s->times.setup_ms);
        info->ram = stats_new(s);
    }
    info->x_multifd_channels = migration_source_channels(s);
    if (info->status != MIGRATION_STATUS_COMPLETED &&
        info->status != MIGRATION_STATUS_CANCELLED) {
        info->error_desc = error_text(&s->error_lock, &s->error);
    }
}

static void fill_incoming(MigrationIncomingState *mis, MigrationInfo *info)
{
    info->has_status = true;
    info->status = migration_status(&mis->machine);
    if (info->status != MIGRATION_STATUS_COMPLETED && mis->listen_addresses) {
        info->socket_address =
            QAPI_CLONE(SocketAddressList, mis->listen_addresses);
    }
    info->x_multifd_channels = migration_incoming_channels(mis);
    if (info->status == MIGRATION_STATUS_FAILED) {
        info->error_desc = error_text(&mis->error_lock, &mis->error);
    }
}

MigrationInfo *migration_info_new(VM *vm)
{
    MigrationInfo *info = g_new0(MigrationInfo, 1);
    strList **tail = &info->blocked_reasons;
    const char *reason;

    /* A guest that came here may leave again: then that is the news. */
    if (migration_status(&vm->migration->machine) != MIGRATION_STATUS_NONE) {
        fill_source(vm->migration, info);
    } else if (migration_status(&vm->incoming->machine) !=
               MIGRATION_STATUS_NONE) {
        fill_incoming(vm->incoming, info);
    }
    for (unsigned i = 0;
         (reason = migration_blocker_reason(vm->migration, i)) != NULL; i++) {
        QAPI_LIST_APPEND(tail, g_strdup(reason));
    }
    return info;
}
