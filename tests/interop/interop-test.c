/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrations between ours and stock QEMU, both ways: a running guest on a
 * microvm, and memory of known contents on the machine `none`, compared
 * octet by octet. Skips where there is no stock QEMU: it looks for
 * $LIGHTER_STOCK_QEMU, then in $PATH, for 7.2 or later.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "migration/framework.h"

#define RAM_BYTES (64 * MiB)
#define NO_STOCK "no stock qemu-system-x86_64 of 7.2 or later in $PATH or "    \
                 "$LIGHTER_STOCK_QEMU (Debian: apt-get install -t "            \
                 "bookworm-backports qemu-system-x86)"

/* What main() found; the tests run one after the other. */
static char *stock_binary;

static bool is_stock(const char *path)
{
    const char *const argv[] = { path, "--version", NULL };
    const char *version;
    int status, major = 0, minor = 0;
    g_autofree char *text = NULL;

    if (access(path, X_OK) != 0) {
        return false;
    }
    text = qtest_run(argv, &status);
    version = strstr(text, "version ");
    return status == 0 && version && !strstr(text, "Lighter") &&
           sscanf(version, "version %d.%d", &major, &minor) == 2 &&
           (major > 7 || (major == 7 && minor >= 2));
}

static char *find_stock(void)
{
    const char *named = g_getenv("LIGHTER_STOCK_QEMU");
    g_auto(GStrv) folders = NULL;

    if (named) {
        return is_stock(named) ? g_strdup(named) : NULL;
    }
    folders = g_strsplit(g_getenv("PATH") ? g_getenv("PATH") : "", ":", -1);
    for (char **folder = folders; *folder; folder++) {
        char *path = g_build_filename(*folder, "qemu-system-x86_64", NULL);

        if (is_stock(path)) {
            return path;
        }
        g_free(path);
    }
    return NULL;
}

/* False: skipped. */
static bool set_direction(bool from_stock)
{
    const char *ours = g_getenv("QTEST_QEMU_BINARY");

    if (!stock_binary) {
        g_test_skip(NO_STOCK);
        return false;
    }
    g_setenv("QTEST_QEMU_BINARY_SRC", from_stock ? stock_binary : ours, 1);
    g_setenv("QTEST_QEMU_BINARY_DST", from_stock ? ours : stock_binary, 1);
    return true;
}

/* --- A running guest ------------------------------------------------------------- */

#define MULTIFD .caps = "multifd"
#define PER_SECTION "-global migration.multifd-flush-after-each-section=on"

/* Destination and source may differ in what a refusal looks like. */
static const MigrateCase guest_cases[] = {
    { .name = "tcp", .listen = "tcp:127.0.0.1:0" },
    { .name = "tcp-return-path", .listen = "tcp:127.0.0.1:0",
      .caps = "return-path" },
    { .name = "unix", .listen = "unix:@D/mig" },
    { .name = "fd", .listen = "fd:fd-mig" },
    { .name = "channels", .listen = "unix:@D/mig", .channels = true },
    { .name = "paused", .listen = "unix:@D/mig", .paused = true },
    { .name = "no-zero-pages", .listen = "unix:@D/mig",
      .src_params = "'zero-page-detection': 'none'" },
    { .name = "file", .listen = "file:@D/stream", .stored = true },
    { .name = "file-offset", .listen = "file:@D/stream,offset=4096",
      .stored = true },
    { .name = "exec", .connect = "exec:cat > @D/stream",
      .listen = "exec:cat @D/stream", .stored = true },
    { .name = "uuid", .listen = "unix:@D/mig", .caps = "validate-uuid",
      .src_args = "-uuid 11111111-1111-1111-1111-111111111111",
      .dst_args = "-uuid 11111111-1111-1111-1111-111111111111" },
    { .name = "multifd", .listen = "tcp:127.0.0.1:0", MULTIFD },
    { .name = "multifd-five", .listen = "unix:@D/mig", MULTIFD,
      .params = "'multifd-channels': 5" },
    { .name = "multifd-zlib", .listen = "unix:@D/mig", MULTIFD,
      .params = "'multifd-compression': 'zlib'" },
    { .name = "multifd-zstd", .listen = "tcp:127.0.0.1:0", MULTIFD,
      .params = "'multifd-compression': 'zstd'" },
    { .name = "multifd-legacy", .listen = "unix:@D/mig", MULTIFD,
      .src_params = "'zero-page-detection': 'legacy'" },
    { .name = "multifd-no-zero-pages", .listen = "unix:@D/mig", MULTIFD,
      .src_params = "'zero-page-detection': 'none'" },
    { .name = "multifd-paused", .listen = "unix:@D/mig", MULTIFD,
      .paused = true },
    { .name = "multifd-section", .listen = "unix:@D/mig", MULTIFD,
      .src_args = PER_SECTION, .dst_args = PER_SECTION },
    { .name = "multifd-section-zstd", .listen = "tcp:127.0.0.1:0", MULTIFD,
      .params = "'multifd-compression': 'zstd', 'multifd-channels': 5",
      .src_args = PER_SECTION, .dst_args = PER_SECTION },
    { .name = "refused-uuid", .listen = "unix:@D/mig",
      .caps = "validate-uuid return-path", .outcome = MIGRATE_FAILS,
      .src_args = "-uuid 11111111-1111-1111-1111-111111111111",
      .dst_args = "-uuid 22222222-2222-2222-2222-222222222222" },
    { .name = "refused-ram", .listen = "unix:@D/mig",
      .caps = "return-path", .outcome = MIGRATE_FAILS,
      .dst_args = "-object memory-backend-ram,id=other,size=120M "
                  "-machine memory-backend=other -m 120M" },
};

static const MigrateCase tcg_cases[] = {
    { .name = "none", .listen = "tcp:127.0.0.1:0", MULTIFD },
    { .name = "zstd", .listen = "unix:@D/mig", MULTIFD,
      .params = "'multifd-compression': 'zstd'" },
};

static void run_guest(const MigrateCase *c, bool from_stock)
{
    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        g_test_skip("a microvm of both sides needs /dev/kvm");
        return;
    }
    if (set_direction(from_stock)) {
        migrate_run_case(c);
    }
}

/* The same for processors that are programs. */
static void run_tcg(const MigrateCase *c, bool from_stock)
{
    if (set_direction(from_stock)) {
        g_setenv("QTEST_ACCEL", "tcg", TRUE);
        migrate_run_case(c);
        g_unsetenv("QTEST_ACCEL");
    }
}

static void test_tcg_from_stock(const void *c)
{
    run_tcg(c, true);
}

static void test_tcg_to_stock(const void *c)
{
    run_tcg(c, false);
}

static void test_guest_from_stock(const void *c)
{
    run_guest(c, true);
}

static void test_guest_to_stock(const void *c)
{
    run_guest(c, false);
}

/* There and back: what stock sends on is what ours sent. */
static void test_round_trip(void)
{
    MigrateCase c = { .name = "x", .listen = "unix:@D/mig", .quick = true };
    MigrateTest *t;

    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        g_test_skip("a microvm of both sides needs /dev/kvm");
        return;
    }
    if (!set_direction(false)) {
        return;
    }
    t = migrate_test_new(&c);
    migrate_start_source(t);
    for (int hop = 0; hop < 4; hop++) {
        unlink(t->dst_serial);
        g_assert_true(set_direction(hop % 2));
        t->src_is_ours = hop % 2 == 0;
        t->dst_is_ours = !t->src_is_ours;
        migrate_again(t);
        qtest_quit(t->src);
        t->src = g_steal_pointer(&t->dst);
        rename(t->dst_serial, t->src_serial);
    }
    migrate_test_free(t);
}

/* --- Memory alone ----------------------------------------------------------------- */

typedef struct MemoryCase {
    const char *name;
    const char *listen;
    const char *connect;
    bool stored;
    const char *param; /* of the source */
    const char *multifd; /* with multifd: parameters of both */
} MemoryCase;

static const MemoryCase memory_cases[] = {
    { "tcp", "tcp:127.0.0.1:0" },
    { "unix", "unix:@D/mig" },
    { "file", "file:@D/stream", NULL, true },
    { "exec", "exec:cat @D/stream", "exec:cat > @D/stream", true },
    { "no-zero-pages", "unix:@D/mig", NULL, false,
      "'zero-page-detection': 'none'" },
};

/* Every compression with every way to find zero pages, and the levels. */
#define MULTIFD_ZERO(method, zero, transport, uri)                             \
    { "multifd-" method "-" zero "-" transport, uri, NULL, false,              \
      "'zero-page-detection': '" zero "'",                                     \
      "'multifd-channels': 3, 'multifd-compression': '" method "'" }
#define MULTIFD_METHOD(method, transport, uri)                                 \
    MULTIFD_ZERO(method, "none", transport, uri),                              \
    MULTIFD_ZERO(method, "legacy", transport, uri),                            \
    MULTIFD_ZERO(method, "multifd", transport, uri)
#define MULTIFD_TRANSPORT(transport, uri)                                      \
    MULTIFD_METHOD("none", transport, uri),                                    \
    MULTIFD_METHOD("zlib", transport, uri),                                    \
    MULTIFD_METHOD("zstd", transport, uri)
#define MULTIFD_LEVEL(method, level)                                           \
    { "multifd-" method "-level-" level, "unix:@D/mig", NULL, false,           \
      "'multifd-" method "-level': " level,                                    \
      "'multifd-channels': 2, 'multifd-compression': '" method "'" }
#define MULTIFD_CHANNELS(n)                                                    \
    { "multifd-channels-" n, "tcp:127.0.0.1:0", NULL, false, NULL,             \
      "'multifd-channels': " n }

static const MemoryCase multifd_cases[] = {
    MULTIFD_TRANSPORT("tcp", "tcp:127.0.0.1:0"),
    MULTIFD_TRANSPORT("unix", "unix:@D/mig"),
    MULTIFD_LEVEL("zlib", "0"),
    MULTIFD_LEVEL("zlib", "9"),
    MULTIFD_LEVEL("zstd", "0"),
    MULTIFD_LEVEL("zstd", "20"),
    MULTIFD_CHANNELS("1"),
    MULTIFD_CHANNELS("16"),
};

/* Pages of zeroes, noise, text, and noise with one octet only. g_free(). */
static uint8_t *memory_contents(void)
{
    uint8_t *ram = g_malloc0(RAM_BYTES);
    GRand *rand = g_rand_new_with_seed(7);

    for (uint64_t page = 0; page < RAM_BYTES / 4096; page++) {
        uint8_t *p = ram + page * 4096;

        switch (page % 4) {
        case 1:
            for (int i = 0; i < 4096; i += 4) {
                uint32_t word = g_rand_int(rand);

                memcpy(p + i, &word, 4);
            }
            break;
        case 2:
            memset(p, 'a' + (int)(page / 4 % 26), 4096);
            break;
        case 3:
            p[page / 4 % 4096] = 1;
            break;
        }
    }
    g_rand_free(rand);
    return ram;
}

static QTest *memory_start(MigrateTest *t, const MemoryCase *m, bool source)
{
    const char *name = source ? "source" : "target";
    g_autofree char *object = g_strdup_printf(
        "memory-backend-file,id=ram,size=64M,mem-path=%s/%s.ram,share=on",
        t->dir, name);
    const char *const args[] = {
        "-machine", "none,memory-backend=ram", "-m", "64M", "-nodefaults",
        "-object", object, source ? NULL : "-incoming", "defer", NULL
    };
    QTest *qts = qtest_start(qtest_binary(source ? "_SRC" : "_DST"), t->dir,
                             name, args);

    migrate_set_cap(qts, "events", true);
    if (m->multifd) {
        migrate_set_cap(qts, "multifd", true);
        qtest_qmp_ok(qts, "{'execute': 'migrate-set-parameters', "
                     "'arguments': { %s }}", m->multifd);
    }
    return qts;
}

static void check_memory(MigrateTest *t, QTest *qts, const uint8_t *wanted)
{
    g_autofree char *path = migrate_text(t, "@D/dump");
    g_autofree char *data = NULL;
    gsize len;

    qtest_qmp_ok(qts, "{'execute': 'pmemsave', 'arguments': {'val': 0, "
                 "'size': %" PRIu64 ", 'filename': '%s'}}",
                 (uint64_t)RAM_BYTES, path);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpuint(len, ==, RAM_BYTES);
    for (uint64_t at = 0; at < RAM_BYTES; at += 4096) {
        if (memcmp(data + at, wanted + at, 4096) != 0) {
            g_error("the page at 0x%" PRIx64 " arrived otherwise", at);
        }
    }
}

/* Accounts for every octet of a stream, or fails. */
static void analyze(MigrateTest *t)
{
    const char *script = g_getenv("QTEST_ANALYZE");
    g_autofree char *path = migrate_text(t, "@D/stream");
    g_autofree char *python = g_find_program_in_path("python3");
    const char *const argv[] = { python, "-B", script, "-f", path, NULL };
    g_autofree char *said = NULL;
    int status;

    if (!script || !python || !g_file_test(path, G_FILE_TEST_EXISTS)) {
        return;
    }
    said = qtest_run(argv, &status);
    if (status != 0) {
        g_error("%s does not understand the stream: %.1000s", script, said);
    }
}

static void run_memory(const MemoryCase *m, bool from_stock)
{
    MigrateCase c = { .name = m->name, .listen = m->listen,
                      .connect = m->connect, .stored = m->stored };
    MigrateTest *t;
    g_autofree uint8_t *ram = NULL;
    g_autofree char *path = NULL;

    if (!set_direction(from_stock)) {
        return;
    }
    ram = memory_contents();
    t = migrate_test_new(&c);
    path = migrate_text(t, "@D/source.ram");
    g_assert_true(g_file_set_contents(path, (char *)ram, RAM_BYTES, NULL));
    t->src = memory_start(t, m, true);
    check_memory(t, t->src, ram);
    if (m->param) {
        qtest_qmp_ok(t->src, "{'execute': 'migrate-set-parameters', "
                     "'arguments': { %s }}", m->param);
    }
    if (!m->stored) {
        t->dst = memory_start(t, m, false);
        migrate_listen(t);
    }
    migrate_go_fast(t);
    migrate_begin(t);
    migrate_wait_status(t->src, "completed");
    if (m->stored) {
        analyze(t);
        t->dst = memory_start(t, m, false);
        migrate_listen(t);
    }
    migrate_wait_status(t->dst, "completed");
    check_memory(t, t->dst, ram);
    migrate_test_free(t);
}

static void test_memory_from_stock(const void *m)
{
    run_memory(m, true);
}

static void test_memory_to_stock(const void *m)
{
    run_memory(m, false);
}

/* Both directions of a case, from "/interop/WAY-KIND/NAME" on. */
static void add(const char *kind, const char *name, const void *data,
                void (*from_stock)(const void *data),
                void (*to_stock)(const void *data))
{
    g_autofree char *from =
        g_strdup_printf("/interop/from-stock%s-%s", kind, name);
    g_autofree char *to =
        g_strdup_printf("/interop/to-stock%s-%s", kind, name);

    g_test_add_data_func(from, data, from_stock);
    g_test_add_data_func(to, data, to_stock);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    stock_binary = find_stock();
    for (size_t i = 0; i < ARRAY_SIZE(guest_cases); i++) {
        add(g_str_has_prefix(guest_cases[i].name, "multifd") ? "-multifd/guest"
                                                             : "/guest",
            guest_cases[i].name, &guest_cases[i],
            test_guest_from_stock, test_guest_to_stock);
    }
    for (size_t i = 0; i < ARRAY_SIZE(memory_cases); i++) {
        add("/memory", memory_cases[i].name, &memory_cases[i],
            test_memory_from_stock, test_memory_to_stock);
    }
    for (size_t i = 0; i < ARRAY_SIZE(multifd_cases); i++) {
        add("-multifd/memory", multifd_cases[i].name, &multifd_cases[i],
            test_memory_from_stock, test_memory_to_stock);
    }
    for (size_t i = 0; i < ARRAY_SIZE(tcg_cases); i++) {
        add("-multifd/tcg", tcg_cases[i].name, &tcg_cases[i],
            test_tcg_from_stock, test_tcg_to_stock);
    }
    g_test_add_func("/interop/round-trip", test_round_trip);
    return g_test_run();
}
