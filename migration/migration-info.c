/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What query-migrate and `info migrate` show. Main loop, BQL held. */
#include "qemu/osdep.h"

#include "migration/migration-internal.h"
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
    ram->precopy_bytes = GET(c->precopy_bytes);
    ram->downtime_bytes = GET(c->downtime_bytes);
    if (status != MIGRATION_STATUS_COMPLETED) {
        ram->remaining =
            (int64_t)(GET(c->remaining_pages) * TARGET_PAGE_SIZE);
        ram->dirty_pages_rate = (int64_t)GET(c->dirty_pages_rate);
    }
    return ram;
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

static void print_ram(const MigrationStats *ram, GString *out)
{
    g_string_append_printf(
        out,
        "transferred ram: %" PRId64 " kbytes\n"
        "throughput: %.2f mbps\n"
        "remaining ram: %" PRId64 " kbytes\n"
        "total ram: %" PRId64 " kbytes\n"
        "duplicate: %" PRId64 " pages\n"
        "normal: %" PRId64 " pages\n"
        "normal bytes: %" PRId64 " kbytes\n"
        "dirty sync count: %" PRId64 "\n"
        "page size: %" PRId64 " kbytes\n"
        "pages-per-second: %" PRIu64 "\n"
        "precopy ram: %" PRIu64 " kbytes\n"
        "downtime ram: %" PRIu64 " kbytes\n",
        ram->transferred >> 10, ram->mbps, ram->remaining >> 10,
        ram->total >> 10, ram->duplicate, ram->normal, ram->normal_bytes >> 10,
        ram->dirty_sync_count, ram->page_size >> 10, ram->pages_per_second,
        ram->precopy_bytes >> 10, ram->downtime_bytes >> 10);
    if (ram->dirty_pages_rate) {
        g_string_append_printf(out, "dirty pages rate: %" PRId64 " pages\n",
                               ram->dirty_pages_rate);
    }
}

void migration_print_status(VM *vm, GString *out)
{
    MigrationInfo *info = migration_info_new(vm);

    for (strList *r = info->blocked_reasons; r; r = r->next) {
        g_string_append_printf(out, "blocked: %s\n", r->value);
    }
    if (info->has_status) {
        g_string_append_printf(out, "Migration status: %s",
                               MigrationStatus_str(info->status));
        if (info->error_desc) {
            g_string_append_printf(out, " (%s)", info->error_desc);
        }
        g_string_append_c(out, '\n');
    } else {
        g_string_append(out, "No migration yet\n");
    }
    if (info->has_total_time) {
        g_string_append_printf(out, "total time: %" PRId64 " ms\n",
                               info->total_time);
    }
    if (info->has_expected_downtime) {
        g_string_append_printf(out, "expected downtime: %" PRId64 " ms\n",
                               info->expected_downtime);
    }
    if (info->has_downtime) {
        g_string_append_printf(out, "downtime: %" PRId64 " ms\n",
                               info->downtime);
    }
    if (info->has_setup_time) {
        g_string_append_printf(out, "setup: %" PRId64 " ms\n",
                               info->setup_time);
    }
    if (info->ram) {
        print_ram(info->ram, out);
    }
    qapi_free_MigrationInfo(info);
}
