/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The buffered stream: what goes in comes out, errors stick. */
#include "qemu/osdep.h"

#include "migration/qemu-file.h"
#include "stream-double.h"

static void test_small(void)
{
    QEMUFile *f = test_output_new();
    g_autoptr(GByteArray) octets = NULL;
    char str[256];

    qemu_put_byte(f, 0x12);
    qemu_put_be16(f, 0x3456);
    qemu_put_be32(f, 0x789abcde);
    qemu_put_be64(f, 0x0102030405060708);
    qemu_put_counted_string(f, "ram");
    g_assert_cmpuint(qemu_file_transferred(f), ==, 19);
    octets = test_output_take(f);
    test_assert_octets(octets, "12 3456 789abcde 0102030405060708 03 \"ram\"");

    f = test_input_new(octets->data, octets->len);
    g_assert_cmpint(qemu_peek_byte(f), ==, 0x12);
    g_assert_cmphex(qemu_get_byte(f), ==, 0x12);
    g_assert_cmphex(qemu_get_be16(f), ==, 0x3456);
    g_assert_cmphex(qemu_get_be32(f), ==, 0x789abcde);
    g_assert_cmphex(qemu_get_be64(f), ==, 0x0102030405060708);
    g_assert_true(qemu_get_counted_string(f, str));
    g_assert_cmpstr(str, ==, "ram");
    g_assert_cmpuint(qemu_file_transferred(f), ==, 19);
    g_assert_cmpint(qemu_peek_byte(f), ==, -1);
    g_assert_true(qemu_file_ok(f, NULL));
    g_assert_true(qemu_fclose(f, NULL));
}

/* The first of three lacking octets makes an error that stays. */
static void test_premature_end(void)
{
    QEMUFile *f = test_input_new("\x11\x22", 2);
    uint8_t buf[4] = { 9, 9, 9, 9 };
    char str[256];
    Error *err = NULL;

    g_assert_cmpuint(qemu_get_buffer(f, buf, 4), ==, 2);
    g_assert_cmphex(buf[1], ==, 0x22);
    g_assert_cmphex(buf[2], ==, 0);
    g_assert_cmphex(buf[3], ==, 0);
    g_assert_false(qemu_file_ok(f, &err));
    test_assert_error(err, "input ends early, after 2 octets");
    g_assert_cmphex(qemu_get_be64(f), ==, 0);
    g_assert_false(qemu_get_counted_string(f, str));
    g_assert_cmpstr(str, ==, "");
    err = NULL;
    g_assert_false(qemu_fclose(f, &err));
    error_free(err);
}

static void test_skip_past_end(void)
{
    QEMUFile *f = test_input_new("\x11\x22", 2);

    qemu_file_skip(f, 3);
    g_assert_false(qemu_file_ok(f, NULL));
    g_assert_false(qemu_fclose(f, NULL));
}

static void *write_thread(void *opaque)
{
    QEMUFile *f = opaque;
    static uint8_t pages[64][4096];

    for (size_t i = 0; i < sizeof(pages); i++) {
        ((uint8_t *)pages)[i] = i * 7 + i / 4096;
    }
    /* More vector entries than one write takes, and adjacent ones. */
    for (unsigned i = 0; i < 4096; i++) {
        qemu_put_be64(f, i);
        qemu_put_buffer_async(f, pages[i % 64], 2048);
        qemu_put_buffer_async(f, pages[i % 64] + 2048, 2048);
    }
    /* Larger than any buffer. */
    qemu_put_buffer(f, pages, sizeof(pages));
    g_assert_true(qemu_fflush(f, NULL));
    return NULL;
}

/* In odd sizes out of a socket: direct reads, buffered ones, peeks, skips. */
static void test_pair(void)
{
    QEMUFile *out, *in;
    GThread *thread;
    g_autofree uint8_t *big = g_malloc(64 * 4096);
    uint8_t page[4096];

    test_pair_new(&out, &in);
    thread = g_thread_new("writer", write_thread, out);
    for (unsigned i = 0; i < 4096; i++) {
        const uint8_t *p;

        if (i % 3 == 0) {
            g_assert_cmpuint(qemu_peek_buffer(in, &p, 8), >=, 8);
            g_assert_cmphex(p[7], ==, i & 0xff);
        }
        g_assert_cmpuint(qemu_get_be64(in), ==, i);
        if (i % 5 == 0) {
            qemu_file_skip(in, 4096);
            continue;
        }
        g_assert_cmpuint(qemu_get_buffer(in, page, 4096), ==, 4096);
        for (unsigned j = 0; j < 4096; j += 511) {
            unsigned at = i % 64 * 4096 + j;

            g_assert_cmphex(page[j], ==, (uint8_t)(at * 7 + at / 4096));
        }
    }
    g_assert_cmpuint(qemu_get_buffer(in, big, 64 * 4096), ==, 64 * 4096);
    for (unsigned j = 0; j < 64 * 4096; j++) {
        g_assert_cmphex(big[j], ==, (uint8_t)(j * 7 + j / 4096));
    }
    g_thread_join(thread);
    g_assert_cmpuint(qemu_file_transferred(in), ==,
                     qemu_file_transferred(out));
    g_assert_true(qemu_fclose(out, NULL));
    g_assert_cmpint(qemu_peek_byte(in), ==, -1);
    g_assert_true(qemu_fclose(in, NULL));
}

static void test_peek_max(void)
{
    g_autofree uint8_t *data = g_malloc0(QEMU_FILE_PEEK_MAX_BYTES + 10);
    QEMUFile *f = test_input_new(data, QEMU_FILE_PEEK_MAX_BYTES + 10);
    const uint8_t *p;

    qemu_file_skip(f, 5);
    g_assert_cmpuint(qemu_peek_buffer(f, &p, QEMU_FILE_PEEK_MAX_BYTES), >=,
                     QEMU_FILE_PEEK_MAX_BYTES);
    qemu_file_skip(f, QEMU_FILE_PEEK_MAX_BYTES);
    g_assert_cmpuint(qemu_peek_buffer(f, &p, 100), ==, 5);
    g_assert_true(qemu_fclose(f, NULL));
}

static void test_reserve(void)
{
    QEMUFile *f = test_output_new();
    g_autoptr(GByteArray) octets = NULL;

    for (int i = 0; i < 100; i++) {
        uint8_t *p = qemu_file_reserve(f, QEMU_FILE_RESERVE_MAX_BYTES);

        memset(p, i, QEMU_FILE_RESERVE_MAX_BYTES);
        qemu_file_commit(f, 10000);
    }
    octets = test_output_take(f);
    g_assert_cmpuint(octets->len, ==, 1000000);
    for (int i = 0; i < 1000000; i++) {
        g_assert_cmpuint(octets->data[i], ==, i / 10000);
    }
}

/* The first write error is kept; what follows is dropped. */
static void test_write_error(void)
{
    QEMUFile *out, *in;
    Error *err = NULL;
    g_autofree uint8_t *zeros = g_malloc0(1 << 20);

    test_pair_new(&out, &in);
    qemu_file_shutdown(out);
    qemu_put_buffer(out, zeros, 1 << 20);
    qemu_put_buffer_async(out, zeros, 1 << 20);
    g_assert_false(qemu_fflush(out, &err));
    g_assert_nonnull(err);
    error_free(err);
    err = NULL;
    error_setg(&err, "second");
    qemu_file_set_error(out, err);
    err = NULL;
    g_assert_false(qemu_fclose(out, &err));
    g_assert_null(strstr(error_get_pretty(err), "second"));
    error_free(err);
    qemu_fclose(in, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qemu-file/small", test_small);
    g_test_add_func("/qemu-file/premature-end", test_premature_end);
    g_test_add_func("/qemu-file/skip-past-end", test_skip_past_end);
    g_test_add_func("/qemu-file/pair", test_pair);
    g_test_add_func("/qemu-file/peek-max", test_peek_max);
    g_test_add_func("/qemu-file/reserve", test_reserve);
    g_test_add_func("/qemu-file/write-error", test_write_error);
    return g_test_run();
}
