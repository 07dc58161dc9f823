/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * release-ram: what each kind of memory gives back, and when a migration
 * does so.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "io/channel-socket.h"
#include "migration-pair.h"
#include "system/runstate.h"

#define BLOCK_BYTES (4 * MiB)
#define FILL 0x5a
#ifndef F_SEAL_FUTURE_WRITE /* Linux 5.1 */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* --- Kinds of memory ------------------------------------------------------ */

/* The second half of @fd, mapped and filled. */
static RAMBlock file_block(int fd, bool shared, bool named)
{
    RAMBlock block = {
        .id = "m",
        .max_bytes = BLOCK_BYTES,
        .used_bytes = BLOCK_BYTES,
        .fd = fd,
        .fd_offset = BLOCK_BYTES,
        .shared = shared,
        .named_file = named,
    };

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, 2 * BLOCK_BYTES), ==, 0);
    g_assert_cmpint(pwrite(fd, "before", 6, 0), ==, 6);
    block.host = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
                      shared ? MAP_SHARED : MAP_PRIVATE, fd, BLOCK_BYTES);
    g_assert_true(block.host != MAP_FAILED);
    memset(block.host, FILL, BLOCK_BYTES);
    return block;
}

#define PAGEMAP_PRESENT BIT_ULL(63)
#define PAGEMAP_SWAPPED BIT_ULL(62)

/* Of the mapping: what it makes this process take. */
static uint64_t resident_bytes(const RAMBlock *block)
{
    uint64_t page_bytes = sysconf(_SC_PAGESIZE);
    size_t n = block->max_bytes / page_bytes;
    g_autofree uint64_t *entries = g_new(uint64_t, n);
    off_t at = (off_t)((uintptr_t)block->host / page_bytes * 8);
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t bytes = 0;

    g_assert_cmpint(pread(fd, entries, n * 8, at), ==, (ssize_t)n * 8);
    close(fd);
    for (size_t i = 0; i < n; i++) {
        if (entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) {
            bytes += page_bytes;
        }
    }
    return bytes;
}

static bool all_are(const uint8_t *p, size_t bytes, uint8_t value)
{
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

static void check_released(RAMBlock *block, uint8_t now)
{
    Error *err = NULL;

    g_assert_cmpuint(resident_bytes(block), ==, block->max_bytes);
    if (!ram_block_release(block, &err)) {
        g_error("%s", error_get_pretty(err));
    }
    g_assert_cmpuint(resident_bytes(block), ==, 0);
    g_assert_true(all_are(block->host, block->max_bytes, now));
}

static void check_before(int fd)
{
    char text[6];
    struct stat st;

    g_assert_cmpint(pread(fd, text, 6, 0), ==, 6);
    g_assert_cmpint(memcmp(text, "before", 6), ==, 0);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 2 * BLOCK_BYTES);
}

static uint64_t file_bytes(int fd)
{
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    return (uint64_t)st.st_blocks * 512;
}

static void test_anonymous(void)
{
    RAMBlock block = { .id = "m", .max_bytes = BLOCK_BYTES, .fd = -1 };

    for (int shared = 0; shared < 2; shared++) {
        block.shared = shared;
        block.host = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
                          MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE),
                          -1, 0);
        g_assert_true(block.host != MAP_FAILED);
        memset(block.host, FILL, BLOCK_BYTES);
        check_released(&block, 0);
        munmap(block.host, BLOCK_BYTES);
    }
}

/* Nobody else was given it: what it takes goes, what is not the block's stays. */
static void test_memfd(void)
{
    for (int shared = 0; shared < 2; shared++) {
        int fd = memfd_create("m", MFD_CLOEXEC);
        RAMBlock block = file_block(fd, shared, false);

        /* A page that is only read takes memory of the file, too. */
        if (!shared) {
            g_assert_cmpint(pwrite(fd, "x", 1, BLOCK_BYTES), ==, 1);
        }
        check_released(&block, 0);
        check_before(fd);
        munmap(block.host, BLOCK_BYTES);
        if (shared) {
            Error *err = NULL;

            g_assert_true(ram_block_release(&block, &err));
            g_assert_cmpuint(file_bytes(fd), <=, 4 * KiB);
        }
        close(fd);
    }
}

/* The user's file: others may have it open, or mean to. */
static void test_named(void)
{
    for (int shared = 0; shared < 2; shared++) {
        g_autofree char *path = NULL;
        int fd = g_file_open_tmp("release-XXXXXX", &path, NULL);
        RAMBlock block = file_block(fd, shared, true);
        g_autofree uint8_t *buf = g_malloc(BLOCK_BYTES);

        /* a private mapping's own pages go, and the file shows again */
        check_released(&block, shared ? FILL : 0);
        check_before(fd);
        g_assert_cmpint(pread(fd, buf, BLOCK_BYTES, BLOCK_BYTES), ==,
                        BLOCK_BYTES);
        g_assert_true(all_are(buf, BLOCK_BYTES, shared ? FILL : 0));
        munmap(block.host, BLOCK_BYTES);
        close(fd);
        g_unlink(path);
    }
}

/* An error is told, and nothing is lost half-way. */
static void test_cannot(void)
{
    int fd = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    RAMBlock block = file_block(fd, true, false);
    Error *err = NULL;

    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), ==, 0);
    g_assert_false(ram_block_release(&block, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), "cannot empty the file"));
    error_free(err);
    g_assert_true(all_are(block.host, BLOCK_BYTES, FILL));
    munmap(block.host, BLOCK_BYTES);
    close(fd);
}

/* Skips aloud where the limit forbids it. Sanitizers make mlock() a no-op. */
static bool lock_memory(uint8_t *p, size_t bytes)
{
    if (syscall(SYS_mlock, p, bytes) < 0) {
        g_test_skip("RLIMIT_MEMLOCK does not let memory be locked");
        return false;
    }
    return true;
}

/* Each kind: what the first page says, and what is left of it. */
static void test_first(void)
{
    for (int kind = 0; kind < 6; kind++) {
        bool shared = kind & 1, file = kind >= 2, named = kind >= 4;
        int fd = file ? memfd_create("m", MFD_CLOEXEC) : -1;
        RAMBlock block = { .id = "m", .max_bytes = BLOCK_BYTES, .fd = -1,
                           .shared = shared };
        bool lost = false;
        Error *err = NULL;

        if (file) {
            block = file_block(fd, shared, named);
        } else {
            block.host = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
                              MAP_ANONYMOUS |
                                  (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);
            g_assert_true(block.host != MAP_FAILED);
            memset(block.host, FILL, BLOCK_BYTES);
        }
        g_assert_true(ram_block_release_first(&block, &lost, &err));
        g_assert_cmpint(lost, ==, !(shared && named));
        g_assert_true(all_are(block.host, 4096, lost ? 0 : FILL));
        g_assert_true(all_are(block.host + 4096, BLOCK_BYTES - 4096, FILL));
        munmap(block.host, BLOCK_BYTES);
        if (file) {
            close(fd);
        }
    }
}

/* Locked memory: nothing of it goes, nor of the file that is under it. */
static void test_first_locked(void)
{
    int fd = memfd_create("m", MFD_CLOEXEC);
    RAMBlock block = file_block(fd, false, false);
    bool lost = false;
    Error *err = NULL;
    char x = 0;

    g_assert_cmpint(pwrite(fd, "x", 1, BLOCK_BYTES), ==, 1);
    if (lock_memory(block.host, 4096)) {
        g_assert_false(ram_block_release_first(&block, &lost, &err));
        g_assert_nonnull(strstr(error_get_pretty(err), "does not take it"));
        g_assert_nonnull(strstr(error_get_hint(err), "locked"));
        error_free(err);
        g_assert_false(lost);
        g_assert_true(all_are(block.host, BLOCK_BYTES, FILL));
        g_assert_cmpint(pread(fd, &x, 1, BLOCK_BYTES), ==, 1);
        g_assert_cmpint(x, ==, 'x');
    }
    munmap(block.host, BLOCK_BYTES);
    close(fd);
}

/* --- When ----------------------------------------------------------------- */

static Pair *release_pair(void)
{
    Pair *p = pair_new();

    bql_lock(p->src.vm);
    set_cap(&p->src, MIGRATION_CAPABILITY_RELEASE_RAM, true);
    bql_unlock(p->src.vm);
    return p;
}

static void check_start_fails(Side *side, const char *part)
{
    Error *err = NULL;

    bql_lock(side->vm);
    g_assert_false(vm_start(side->vm, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), part));
    error_free(err);
    g_assert_false(runstate_is_running(side->vm));
    bql_unlock(side->vm);
}

static void check_migrate_fails(Side *side, const char *part)
{
    Error *err = NULL;

    bql_lock(side->vm);
    g_assert_false(migration_source_allowed(side->vm->migration, &err));
    g_assert_nonnull(strstr(error_get_pretty(err), part));
    error_free(err);
    bql_unlock(side->vm);
}

static void check_gone(Pair *p)
{
    side_check(&p->src, "completed", false, NULL);
    g_assert_cmpuint(resident_bytes(p->src.ram), ==, 0);
    check_start_fails(&p->src, "release-ram");
    check_migrate_fails(&p->src, "previous migration");
    /* A reset makes it look new, but there is no way back. */
    bql_lock(p->src.vm);
    g_assert_true(runstate_set(p->src.vm, RUN_STATE_PRELAUNCH, NULL));
    bql_unlock(p->src.vm);
    check_start_fails(&p->src, "release-ram");
    check_migrate_fails(&p->src, "release-ram");
    g_assert_true(all_are(p->src.ram->host, PAIR_RAM_BYTES, 0));
}

/* As pair_new() filled it, all of it there. */
static void check_kept(Pair *p)
{
    g_assert_cmpuint(resident_bytes(p->src.ram), ==, PAIR_RAM_BYTES);
    for (size_t i = 0; i < PAIR_RAM_BYTES; i += 64) {
        uint8_t want = (uint8_t)(i >> 12) ^ FILL;

        g_assert_cmpuint(p->src.ram->host[i], ==, want);
    }
}

static void test_success(void)
{
    Pair *p = release_pair();
    g_autofree uint8_t *before = g_malloc(PAIR_RAM_BYTES);

    memcpy(before, p->src.ram->host, PAIR_RAM_BYTES);
    check_kept(p);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_gone(p);
    side_check(&p->dst, "completed", true, NULL);
    g_assert_cmpint(memcmp(before, p->dst.ram->host, PAIR_RAM_BYTES), ==, 0);
    pair_free(p);
}

/* All is there, and `cont` takes the guest back. */
static void check_can_continue(Pair *p)
{
    Error *err = NULL;

    side_check(&p->src, "completed", false, NULL);
    check_kept(p);
    bql_lock(p->src.vm);
    g_assert_cmpint(runstate_get(p->src.vm), ==, RUN_STATE_POSTMIGRATE);
    if (!vm_start(p->src.vm, &err)) {
        g_error("%s", error_get_pretty(err));
    }
    g_assert_true(runstate_is_running(p->src.vm));
    bql_unlock(p->src.vm);
    check_kept(p);
}

static Pair *one_way_pair(void)
{
    Pair *p = release_pair();

    bql_lock(p->src.vm);
    set_cap(&p->src, MIGRATION_CAPABILITY_RETURN_PATH, false);
    bql_unlock(p->src.vm);
    return p;
}

/* Nobody can answer: all may be well, but the source cannot know. */
static void test_no_return_path(void)
{
    Pair *p = one_way_pair();

    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->dst, "completed", true, NULL);
    check_can_continue(p);
    pair_free(p);
}

/* The destination fails when the source has long sent all. */
static void test_no_return_path_failed(void)
{
    uint64_t all_bytes = stream_bytes();
    Pair *p = one_way_pair();

    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_READ, all_bytes - 1000,
                         CHANNEL_GATE_WAIT);
    pair_start(p);
    side_wait(&p->src);
    channel_gate_stop_at(p->dst.gate, CHANNEL_GATE_READ, all_bytes - 1000,
                         CHANNEL_GATE_FAIL);
    side_wait(&p->dst);
    side_check(&p->dst, "failed", false, "");
    check_can_continue(p);
    pair_free(p);
}

/* Nobody is there yet. */
static void test_file(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("release-XXXXXX", &path, NULL);
    Pair *p = release_pair();
    MigrationAddress *addr;
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    bool ok;

    close(fd);
    addr = migration_address_new(uri, NULL, true, NULL);
    g_assert_nonnull(addr);
    bql_lock(p->src.vm);
    ok = migration_source_start(p->src.vm->migration, addr, NULL, NULL);
    g_assert_true(ok);
    bql_unlock(p->src.vm);
    qapi_free_MigrationAddress(addr);
    side_wait(&p->src);
    check_can_continue(p);
    g_unlink(path);
    pair_free(p);
}

static void test_multifd(void)
{
    Pair *p = release_pair();
    QIOChannel *src[2], *dst[2]; /* gates could not be looked into */
    Side *sides[2] = { &p->src, &p->dst };
    MigrationParameters params = {
        .has_multifd_channels = true,
        .multifd_channels = 1,
    };

    for (int i = 0; i < 2; i++) {
        QmpContext ctx = { .vm = sides[i]->vm };

        bql_lock(sides[i]->vm);
        set_cap(sides[i], MIGRATION_CAPABILITY_MULTIFD, true);
        g_assert_true(qmp_migrate_set_parameters(&ctx, &params, NULL));
        bql_unlock(sides[i]->vm);
    }
    for (int i = 0; i < 2; i++) {
        g_assert_true(qio_channel_pair_new(&src[i], &dst[i], NULL));
        bql_lock(p->dst.vm);
        migration_incoming_channel(p->dst.vm->incoming, dst[i]);
        bql_unlock(p->dst.vm);
        qio_channel_unref(dst[i]);
    }
    bql_lock(p->src.vm);
    migration_source_start_channels(p->src.vm->migration, src);
    bql_unlock(p->src.vm);
    for (int i = 0; i < 2; i++) {
        qio_channel_unref(src[i]);
    }
    side_wait(&p->src);
    side_wait(&p->dst);
    check_gone(p);
    side_check(&p->dst, "completed", true, NULL);
    pair_free(p);
}

/* --- What the host does not take back -------------------------------------- */

/*
 * Once more in a process of its own, which must say @says on stderr. True:
 * this is that process, else all is done.
 */
static bool here_says(const char *says)
{
    if (g_test_subprocess()) {
        return true;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr(says);
    return false;
}

static bool can_lock(void)
{
    uint8_t *p = mmap(NULL, PAIR_RAM_BYTES, PROT_READ | PROT_WRITE,
                      MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    bool can;

    g_assert_true(p != MAP_FAILED);
    can = lock_memory(p, PAIR_RAM_BYTES);
    munmap(p, PAIR_RAM_BYTES);
    return can;
}

/* With @lock_bytes of RAM from @at on locked, it goes to the end. */
static Pair *run_locked(size_t at, size_t lock_bytes)
{
    Pair *p = release_pair();

    g_assert_true(lock_memory(p->src.ram->host + at, lock_bytes));
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->dst, "completed", true, NULL);
    return p;
}

/* Nothing is lost, and nothing says that it were. */
static void test_locked(void)
{
    if (can_lock() && here_says("*memory of block 'ram' stays*locked*")) {
        Pair *p = run_locked(0, PAIR_RAM_BYTES);

        check_can_continue(p);
        pair_free(p);
    }
}

/* The host would take the end of it. */
static void test_locked_start(void)
{
    if (can_lock() && here_says("*memory of block 'ram' stays*locked*")) {
        Pair *p = run_locked(0, 4096);

        check_can_continue(p);
        pair_free(p);
    }
}

/* What is before it has gone, and the guest with it. */
static void test_locked_end(void)
{
    if (can_lock() && here_says("*some of block 'ram' stays*locked*")) {
        Pair *p = run_locked(PAIR_RAM_BYTES / 2, PAIR_RAM_BYTES / 2);

        side_check(&p->src, "completed", false, NULL);
        g_assert_cmpuint(resident_bytes(p->src.ram), ==, PAIR_RAM_BYTES / 2);
        check_start_fails(&p->src, "release-ram");
        pair_free(p);
    }
}

/* One block stays, another goes. */
static void test_locked_block(void)
{
    if (can_lock() && here_says("*memory of block 'ram' stays*locked*")) {
        Pair *p = release_pair();
        RAMBlock *small;

        small = ram_block_new_anon(p->src.vm, "small", 64 * KiB, NULL);
        ram_block_new_anon(p->dst.vm, "small", 64 * KiB, NULL);
        memset(small->host, FILL, 64 * KiB);
        g_assert_true(lock_memory(p->src.ram->host, PAIR_RAM_BYTES));
        pair_start(p);
        side_wait(&p->src);
        side_wait(&p->dst);
        side_check(&p->src, "completed", false, NULL);
        check_kept(p);
        g_assert_cmpuint(resident_bytes(small), ==, 0);
        check_start_fails(&p->src, "release-ram");
        pair_free(p);
    }
}

/* Memory is not taken away under a guest that someone started. */
static void test_started_here(void)
{
    if (here_says("*block 'ram' stays: the guest was started here again*")) {
        Pair *p = release_pair();

        pair_start_to_answer(p);
        bql_lock(p->src.vm);
        g_assert_true(vm_start(p->src.vm, NULL));
        bql_unlock(p->src.vm);
        channel_gate_release(p->dst.gate, CHANNEL_GATE_WRITE);
        side_wait(&p->src);
        side_wait(&p->dst);
        check_kept(p);
        pair_free(p);
    }
}

/* --- At no other time ------------------------------------------------------ */

/* As long as the destination has not said it, nothing goes. */
static void test_not_before(void)
{
    Pair *p = release_pair();

    pair_start_to_answer(p);
    check_kept(p);
    channel_gate_release(p->dst.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->src);
    side_wait(&p->dst);
    check_gone(p);
    pair_free(p);
}

static void test_failure(void)
{
    Pair *p = release_pair();

    channel_gate_stop_at(p->src.gate, CHANNEL_GATE_WRITE, PAIR_RAM_BYTES / 2,
                         CHANNEL_GATE_FAIL);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "failed", true, "");
    check_kept(p);
    pair_free(p);
}

/* The destination has all, and refuses it. */
static void test_refused(void)
{
    Pair *p = release_pair();

    bql_lock(p->src.vm);
    g_assert_true(vm_stop(p->src.vm, RUN_STATE_SUSPENDED, NULL));
    bql_unlock(p->src.vm);
    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "failed", false, "refused the migration");
    check_kept(p);
    bql_lock(p->src.vm);
    g_assert_true(vm_start(p->src.vm, NULL));
    bql_unlock(p->src.vm);
    pair_free(p);
}

/* Nobody knows: it can be taken back. */
static void test_unknown(void)
{
    Pair *p = release_pair();

    p->src.vm->migration->answer_wait_ms = 1;
    pair_start_to_answer(p);
    side_cancel(&p->src);
    side_wait(&p->src);
    side_check(&p->src, "failed", false, "the outcome is unknown");
    check_kept(p);
    bql_lock(p->src.vm);
    g_assert_true(vm_start(p->src.vm, NULL));
    bql_unlock(p->src.vm);
    channel_gate_release(p->dst.gate, CHANNEL_GATE_WRITE);
    side_wait(&p->dst);
    pair_free(p);
}

/* Off unless asked for. */
static void test_off(void)
{
    Pair *p = pair_new();

    pair_start(p);
    side_wait(&p->src);
    side_wait(&p->dst);
    side_check(&p->src, "completed", false, NULL);
    check_kept(p);
    bql_lock(p->src.vm);
    g_assert_true(vm_start(p->src.vm, NULL));
    bql_unlock(p->src.vm);
    pair_free(p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/release-ram/memory/anonymous", test_anonymous);
    g_test_add_func("/release-ram/memory/memfd", test_memfd);
    g_test_add_func("/release-ram/memory/named", test_named);
    g_test_add_func("/release-ram/memory/cannot", test_cannot);
    g_test_add_func("/release-ram/memory/first", test_first);
    g_test_add_func("/release-ram/memory/first-locked", test_first_locked);
    g_test_add_func("/release-ram/success", test_success);
    g_test_add_func("/release-ram/no-return-path/completed",
                    test_no_return_path);
    g_test_add_func("/release-ram/no-return-path/failed",
                    test_no_return_path_failed);
    g_test_add_func("/release-ram/file", test_file);
    g_test_add_func("/release-ram/locked/all", test_locked);
    g_test_add_func("/release-ram/locked/start", test_locked_start);
    g_test_add_func("/release-ram/locked/end", test_locked_end);
    g_test_add_func("/release-ram/locked/block", test_locked_block);
    g_test_add_func("/release-ram/started-here", test_started_here);
    g_test_add_func("/release-ram/multifd", test_multifd);
    g_test_add_func("/release-ram/not-before", test_not_before);
    g_test_add_func("/release-ram/failure", test_failure);
    g_test_add_func("/release-ram/refused", test_refused);
    g_test_add_func("/release-ram/unknown", test_unknown);
    g_test_add_func("/release-ram/off", test_off);
    return g_test_run();
}
