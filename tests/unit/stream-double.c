/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stand-ins for system/ and migration's control; see the header. */
#include "qemu/osdep.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "io/channel-file.h"
#include "stream-double.h"
#include "system/clock.h"

/* --- the VM --- */

TestVM *test_vm_new(void)
{
    TestVM *t = g_new0(TestVM, 1);
    MigrationConfig config = {
        .zero_page_detection = ZERO_PAGE_DETECTION_LEGACY,
        .send_configuration = true,
        .send_section_footer = true,
        .store_global_state = true,
        .send_switchover_start = true,
    };

    g_mutex_init(&t->vm.bql);
    t->vm.savevm = savevm_registry_new();
    t->vm.migration = &t->source;
    t->vm.incoming = &t->incoming;
    t->source.vm = &t->vm;
    t->source.bql_loan.vm = &t->vm;
    t->source.config = config;
    t->source.old_runstate = RUN_STATE_RUNNING;
    t->incoming.vm = &t->vm;
    t->incoming.config = config;
    g_mutex_init(&t->incoming.rp_mutex);
    g_mutex_init(&t->incoming.error_lock);
    multifd_registry_init(&t->multifd_methods);
    t->source.multifd_methods = &t->multifd_methods;
    t->blocks = g_ptr_array_new();
    return t;
}

void test_vm_free(TestVM *t)
{
    for (unsigned i = 0; i < t->blocks->len; i++) {
        RAMBlock *block = t->blocks->pdata[i];

        munmap(block->host, block->max_bytes);
        g_free(block->dirty);
        g_free(block);
    }
    g_ptr_array_unref(t->blocks);
    savevm_registry_free(t->vm.savevm);
    g_mutex_clear(&t->incoming.rp_mutex);
    g_mutex_clear(&t->incoming.error_lock);
    error_free(t->incoming.error);
    g_mutex_clear(&t->vm.bql);
    g_free(t->populated);
    g_free(t);
}

RAMBlock *test_vm_add_block(TestVM *t, const char *id, uint64_t size_bytes)
{
    RAMBlock *block = g_new0(RAMBlock, 1);

    block->vm = &t->vm;
    g_strlcpy(block->id, id, sizeof(block->id));
    block->host = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    g_assert(block->host != MAP_FAILED);
    madvise(block->host, size_bytes, MADV_HUGEPAGE);
    block->max_bytes = block->used_bytes = size_bytes;
    block->migratable = true;
    block->fd = -1;
    block->dirty = bitmap_new(size_bytes >> TARGET_PAGE_BITS);
    g_ptr_array_add(t->blocks, block);
    return block;
}

void test_vm_store(RAMBlock *block, uint64_t offset, uint8_t value)
{
    qatomic_set_relaxed(&block->host[offset], value);
    ram_block_mark_dirty(block, offset, 1);
}

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

bool ram_block_foreach(VM *vm, RAMBlockFn fn, void *opaque, Error **errp)
{
    TestVM *t = test_vm_of(vm);

    for (unsigned i = 0; i < t->blocks->len; i++) {
        if (!fn(t->blocks->pdata[i], opaque, errp)) {
            return false;
        }
    }
    return true;
}

bool memory_dirty_log_start(VM *vm, Error **errp)
{
    TestVM *t = test_vm_of(vm);

    g_assert(bql_locked(vm) && !t->logging);
    t->log_starts++;
    qatomic_set(&t->logging, true);
    return true;
}

void memory_dirty_log_stop(VM *vm)
{
    qatomic_set(&test_vm_of(vm)->logging, false);
}

void ram_block_mark_dirty(RAMBlock *block, uint64_t offset, uint64_t len_bytes)
{
    if (qatomic_read(&test_vm_of(block->vm)->logging)) {
        bitmap_set_atomic(block->dirty, offset >> TARGET_PAGE_BITS,
                          DIV_ROUND_UP((offset & (TARGET_PAGE_SIZE - 1)) +
                                           len_bytes, TARGET_PAGE_SIZE));
    }
}

bool ram_block_dirty_sync(RAMBlock *block, unsigned long *bitmap,
                          uint64_t *new_pages, Error **errp)
{
    for (uint64_t i = 0; i < BITS_TO_LONGS(ram_block_pages(block)); i++) {
        unsigned long fresh = qatomic_xchg(&block->dirty[i], 0) & ~bitmap[i];

        bitmap[i] |= fresh;
        *new_pages += __builtin_popcountl(fresh);
    }
    return true;
}

bool ram_block_dirty_clear(RAMBlock *block, uint64_t first_page,
                           uint64_t pages, Error **errp)
{
    TestVM *t = test_vm_of(block->vm);

    g_assert(first_page + pages <= ram_block_pages(block));
    t->clears++;
    t->pages_cleared += pages;
    return true;
}

void ram_block_mask_unpopulated(RAMBlock *block, unsigned long *bitmap)
{
    TestVM *t = test_vm_of(block->vm);

    if (t->populated) {
        memcpy(bitmap, t->populated,
               BITS_TO_LONGS(ram_block_pages(block)) * sizeof(*bitmap));
    }
}

uint64_t ram_block_hole_end(const RAMBlock *block, uint64_t offset)
{
    return offset;
}

/* --- the clock --- */

int64_t clock_host_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

int64_t clock_host_ms(void)
{
    return clock_host_ns() / 1000000;
}

int64_t clock_get_virtual_offset_ns(VM *vm)
{
    return test_vm_of(vm)->clock_ns;
}

void clock_set_virtual_offset_ns(VM *vm, int64_t offset_ns)
{
    g_assert(bql_locked(vm));
    test_vm_of(vm)->clock_ns = offset_ns;
}

int64_t clock_get_ticks_bias(VM *vm)
{
    return test_vm_of(vm)->ticks_bias;
}

void clock_set_ticks_bias(VM *vm, int64_t bias)
{
    test_vm_of(vm)->ticks_bias = bias;
}

/* A timer is its deadline here. */
struct VMTimer {
    int64_t expire_ns;
};

VMTimer *vm_timer_new(VM *vm, void (*fn)(void *opaque), void *opaque)
{
    VMTimer *timer = g_new0(VMTimer, 1);

    timer->expire_ns = -1;
    return timer;
}

void vm_timer_free(VMTimer *timer)
{
    g_free(timer);
}

void vm_timer_mod(VMTimer *timer, int64_t expire_virtual_ns)
{
    timer->expire_ns = expire_virtual_ns;
}

void vm_timer_del(VMTimer *timer)
{
    timer->expire_ns = -1;
}

int64_t vm_timer_expire_ns(const VMTimer *timer)
{
    return timer->expire_ns;
}

/* --- control --- */

/* The migration thread hears it from the sender, too. */
void migration_fail(MigrationState *s, Error *err)
{
    error_free(err);
}

bool migration_should_stop(MigrationState *s)
{
    return test_vm_of(s->vm)->should_stop;
}

uint64_t migration_rate_left_bytes(MigrationState *s)
{
    TestVM *t = test_vm_of(s->vm);

    if (t->on_rate) {
        t->on_rate(t);
    }
    if (t->rate_exceeded || t->should_stop) {
        return 0;
    }
    t->rate_exceeded = t->rate_once_bytes;
    return t->rate_once_bytes ? t->rate_once_bytes : UINT64_MAX;
}

void migration_notify_pass(MigrationState *s, uint64_t pass)
{
    test_vm_of(s->vm)->passes = pass;
}

void bql_loan_begin(BQLLoan *loan)
{
    TestVM *t = test_vm_of(loan->vm);

    if (t->on_wait) {
        t->on_wait(t->on_wait_opaque);
    }
}

void bql_loan_end(BQLLoan *loan)
{
}

void migration_incoming_fail(MigrationIncomingState *mis, Error *err)
{
    g_mutex_lock(&mis->error_lock);
    if (mis->error) {
        error_free(err);
    } else {
        mis->error = err;
    }
    g_mutex_unlock(&mis->error_lock);
}

void migration_incoming_stop_reading(MigrationIncomingState *mis)
{
    qatomic_set(&test_vm_of(mis->vm)->stopped_reading, true);
}

bool migration_incoming_open_return_path(MigrationIncomingState *mis,
                                         Error **errp)
{
    test_vm_of(mis->vm)->return_path_opens++;
    mis->to_src = (QEMUFile *)mis; /* open; nothing writes to it here */
    return true;
}

bool migration_incoming_send_pong(MigrationIncomingState *mis, uint32_t value,
                                  Error **errp)
{
    test_vm_of(mis->vm)->pong = value;
    return true;
}

/* --- files --- */

QEMUFile *test_output_new(void)
{
    QIOChannel *ioc = qio_channel_buffer_new(1 * GiB);
    QEMUFile *f = qemu_file_new_output(ioc);

    qio_channel_unref(ioc);
    return f;
}

GByteArray *test_output_take(QEMUFile *f)
{
    GByteArray *octets = g_byte_array_new();
    size_t len_bytes;
    const uint8_t *data;
    Error *err = NULL;

    g_assert(qemu_fflush(f, &err));
    data = qio_channel_buffer_data(qemu_file_channel(f), &len_bytes);
    g_byte_array_append(octets, data, len_bytes);
    g_assert(qemu_fclose(f, NULL));
    return octets;
}

QEMUFile *test_input_new(const void *data, size_t len_bytes)
{
    QIOChannel *ioc = qio_channel_buffer_new(MAX(len_bytes, 1));
    QEMUFile *f;

    if (len_bytes) {
        g_assert(qio_channel_write_all(ioc, data, len_bytes, NULL));
        g_assert(qio_channel_seek(ioc, 0, SEEK_SET, NULL) == 0);
    }
    f = qemu_file_new_input(ioc);
    qio_channel_unref(ioc);
    return f;
}

void test_pair_new(QEMUFile **out, QEMUFile **in)
{
    int fds[2];
    QIOChannel *ioc[2];

    g_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    for (int i = 0; i < 2; i++) {
        ioc[i] = qio_channel_new_fd(fds[i], NULL);
        g_assert(ioc[i]);
    }
    *out = qemu_file_new_output(ioc[0]);
    *in = qemu_file_new_input(ioc[1]);
    qio_channel_unref(ioc[0]);
    qio_channel_unref(ioc[1]);
}

GByteArray *test_octets(const char *text)
{
    GByteArray *octets = g_byte_array_new();

    while (*text) {
        if (*text == '"') {
            const char *end = strchr(text + 1, '"');

            g_assert(end);

            g_byte_array_append(octets, (const uint8_t *)text + 1,
                                end - text - 1);
            text = end + 1;
        } else if (g_ascii_isxdigit(*text)) {
            uint8_t v = g_ascii_xdigit_value(text[0]) << 4 |
                        g_ascii_xdigit_value(text[1]);

            g_byte_array_append(octets, &v, 1);
            text += 2;
        } else {
            text++;
        }
    }
    return octets;
}

void test_assert_octets(const GByteArray *is, const char *text)
{
    g_autoptr(GByteArray) want = test_octets(text);

    g_assert_cmpmem(is->data, is->len, want->data, want->len);
}

void test_assert_error(Error *err, const char *part)
{
    g_assert(err);
    if (!strstr(error_get_pretty(err), part)) {
        g_error("\"%s\" lacks \"%s\"", error_get_pretty(err), part);
    }
    error_free(err);
}
