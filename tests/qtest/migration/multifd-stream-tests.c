/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams like those of multifd senders older than 9.2, played to a
 * destination; tests/data/migration/gen-multifd-old.py makes them and says
 * what is in a file. $QTEST_DATA: the folder tests/data.
 */
#include "qemu/osdep.h"
#include <zlib.h>
#include "migration/framework.h"
#include "migration/groups.h"

#define FILE_MAGIC "LMFD"
#define FILE_HEAD_BYTES 8
#define PIECE_HEAD_BYTES 5
#define EXPECTED_MEMORY 255
#define CONNECTIONS 3

/* Any of which a network may make of the sender's writes. */
typedef enum PlayOrder {
    AS_WRITTEN,
    MAIN_FIRST, /* all of it, and then the others */
    MAIN_LAST,
} PlayOrder;

typedef struct StreamCase {
    const char *name; /* of the file, too */
    bool per_section;
    const char *params;
    PlayOrder order;
} StreamCase;

#define ALL_ORDERS(stream, ...)                                                \
    { "multifd-" stream, __VA_ARGS__, AS_WRITTEN },                            \
    { "multifd-" stream "/main-first", __VA_ARGS__, MAIN_FIRST },              \
    { "multifd-" stream "/main-last", __VA_ARGS__, MAIN_LAST }

static const StreamCase cases[] = {
    ALL_ORDERS("8.2", false, NULL),
    ALL_ORDERS("8.1", false, NULL),
    ALL_ORDERS("8.0", true, NULL),
    ALL_ORDERS("8.0-zlib", true, "'multifd-compression': 'zlib'"),
    ALL_ORDERS("9.1", false, NULL),
};

typedef struct Piece {
    uint8_t where;
    uint32_t len;
    const uint8_t *octets;
} Piece;

/* Unpacked; g_free(). */
static uint8_t *read_stream(const StreamCase *c, uLongf *len)
{
    const char *dir = g_getenv("QTEST_DATA");
    g_auto(GStrv) parts = g_strsplit(c->name, "/", 2);
    g_autofree char *path =
        g_strdup_printf("%s/migration/%s.mfd", dir ? dir : ".", parts[0]);
    g_autoptr(GError) gerr = NULL;
    g_autofree char *file = NULL;
    uint8_t *data;
    uint32_t wanted;
    gsize size;

    g_file_get_contents(path, &file, &size, &gerr);
    g_assert_no_error(gerr);
    g_assert_cmpuint(size, >, FILE_HEAD_BYTES);
    g_assert_cmpmem(file, 4, FILE_MAGIC, 4);
    memcpy(&wanted, file + 4, sizeof(wanted));
    *len = GUINT32_FROM_BE(wanted);
    data = g_malloc(*len);
    g_assert_cmpint(uncompress(data, len, (uint8_t *)file + FILE_HEAD_BYTES,
                               size - FILE_HEAD_BYTES), ==, Z_OK);
    g_assert_cmpuint(*len, ==, GUINT32_FROM_BE(wanted));
    return data;
}

/* Refers to @data. */
static GArray *split(const uint8_t *data, size_t len)
{
    GArray *pieces = g_array_new(FALSE, FALSE, sizeof(Piece));

    while (len) {
        Piece piece;

        g_assert_cmpuint(len, >=, PIECE_HEAD_BYTES);
        piece.where = data[0];
        memcpy(&piece.len, data + 1, sizeof(piece.len));
        piece.len = GUINT32_FROM_BE(piece.len);
        piece.octets = data + PIECE_HEAD_BYTES;
        data += PIECE_HEAD_BYTES;
        len -= PIECE_HEAD_BYTES;
        g_assert_cmpuint(len, >=, piece.len);
        data += piece.len;
        len -= piece.len;
        g_array_append_val(pieces, piece);
    }
    return pieces;
}

/* Those of the main channel, the others, or both. */
static void play(const GArray *pieces, QTestClient *const *clients,
                 bool main_channel, bool others)
{
    for (unsigned i = 0; i < pieces->len; i++) {
        const Piece *p = &g_array_index(pieces, Piece, i);

        if (p->where != EXPECTED_MEMORY &&
            (p->where ? others : main_channel)) {
            g_assert_cmpuint(p->where, <, CONNECTIONS);
            g_assert_true(qtest_client_send(clients[p->where], p->octets,
                                            p->len));
        }
    }
}

static void assert_memory(MigrateTest *t, const GArray *pieces)
{
    const Piece *wanted = &g_array_index(pieces, Piece, pieces->len - 1);
    g_autofree char *path = migrate_text(t, "@D/dump");
    g_autofree char *ram = NULL;
    gsize len;

    g_assert_cmpuint(wanted->where, ==, EXPECTED_MEMORY);
    qtest_qmp_ok(t->dst, "{'execute': 'pmemsave', 'arguments': {'val': 0, "
                 "'size': %u, 'filename': '%s'}}", wanted->len, path);
    g_assert_true(g_file_get_contents(path, &ram, &len, NULL));
    g_assert_cmpuint(len, ==, wanted->len);
    for (uint32_t at = 0; at < len; at += 4096) {
        if (memcmp(ram + at, wanted->octets + at, 4096) != 0) {
            uint32_t is, should;

            memcpy(&is, ram + at, sizeof(is));
            memcpy(&should, wanted->octets + at, sizeof(should));
            g_error("page %u begins with 0x%08x, should with 0x%08x",
                    at / 4096, GUINT32_FROM_BE(is), GUINT32_FROM_BE(should));
        }
    }
}

static void start_destination(MigrateTest *t, const StreamCase *c)
{
    static const char *const args[] = {
        "-machine", "none,memory-backend=ram", "-m", "256K", "-nodefaults",
        "-S", "-object", "memory-backend-ram,id=ram,size=256K", "-incoming",
        "defer", NULL, "migration.multifd-flush-after-each-section=on", NULL
    };
    const char *all[ARRAY_SIZE(args)];

    memcpy(all, args, sizeof(args));
    if (c->per_section) {
        all[ARRAY_SIZE(args) - 3] = "-global";
    }
    t->dst = qtest_start(qtest_binary("_DST"), t->dir, "target", all);
    migrate_set_cap(t->dst, "events", true);
    migrate_set_cap(t->dst, "multifd", true);
    if (c->params) {
        qtest_qmp_ok(t->dst, "{'execute': 'migrate-set-parameters', "
                     "'arguments': { %s }}", c->params);
    }
    migrate_listen(t);
}

static void run_stream(const void *data)
{
    const StreamCase *c = data;
    MigrateCase m = { .name = c->name, .listen = "unix:@D/mig",
                      .stays = true };
    MigrateTest *t = migrate_test_new(&m);
    g_autofree char *path = migrate_text(t, "@D/mig");
    QTestClient *clients[CONNECTIONS];
    uLongf len;
    g_autofree uint8_t *stream = read_stream(c, &len);
    g_autoptr(GArray) pieces = split(stream, len);

    start_destination(t, c);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        clients[i] = qtest_client_connect(path);
    }
    play(pieces, clients, c->order != MAIN_LAST, c->order == AS_WRITTEN);
    play(pieces, clients, false, c->order != AS_WRITTEN);
    play(pieces, clients, c->order == MAIN_LAST, false);
    migrate_wait_status(t->dst, "completed");
    assert_memory(t, pieces);
    migrate_assert_run_state(t->dst, "paused");
    migrate_assert_holds(t->dst, &t->dst_holds);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        qtest_client_free(clients[i]);
    }
    migrate_test_free(t);
}

/* A per-round stream where sections are expected, and the reverse. */
static void run_mismatch(const void *data)
{
    const StreamCase *c = data;
    MigrateCase m = { .name = c->name, .listen = "unix:@D/mig",
                      .stays = true };
    MigrateTest *t = migrate_test_new(&m);
    g_autofree char *path = migrate_text(t, "@D/mig");
    g_autofree char *error = NULL;
    QTestClient *clients[CONNECTIONS];
    uLongf len;
    g_autofree uint8_t *stream = read_stream(c, &len);
    g_autoptr(GArray) pieces = split(stream, len);

    if (!t->dst_is_ours) {
        g_test_skip("stock QEMU hangs, or loses pages");
        migrate_test_free(t);
        return;
    }
    start_destination(t, c);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        clients[i] = qtest_client_connect(path);
    }
    for (unsigned i = 0; i < pieces->len; i++) {
        const Piece *p = &g_array_index(pieces, Piece, i);

        /* Until it hangs up. */
        if (p->where == EXPECTED_MEMORY ||
            !qtest_client_send(clients[p->where], p->octets, p->len)) {
            break;
        }
    }
    migrate_end_destination(t, MIGRATE_DST_FAILED);
    error = migrate_error(t->dst);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error, "multifd-flush-after-each-section"));
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        qtest_client_free(clients[i]);
    }
    migrate_test_free(t);
}

static const StreamCase mismatches[] = {
    { "multifd-8.0/mismatch", false, NULL, AS_WRITTEN },
    { "multifd-8.1/mismatch", true, NULL, AS_WRITTEN },
    { "multifd-9.1/mismatch", true, NULL, AS_WRITTEN },
};

void migration_add_multifd_stream_tests(void)
{
    migrate_add_table("stream/", cases, ARRAY_SIZE(cases), sizeof(cases[0]),
                      run_stream);
    migrate_add_table("stream/", mismatches, ARRAY_SIZE(mismatches),
                      sizeof(mismatches[0]), run_mismatch);
}
