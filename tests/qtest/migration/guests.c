/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests of migration tests; see tests/guest/. */
#include "qemu/osdep.h"
#include "migration/guests.h"
#include "guest/pattern.h"

#define PAGE_BYTES 4096

char *guest_image(const char *name)
{
    const char *dir = g_getenv("QTEST_GUESTS");

    if (!dir) {
        g_error("set QTEST_GUESTS to the folder with the guests' images");
    }
    return g_build_filename(dir, name, NULL);
}

static void add(GPtrArray *args, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void add(GPtrArray *args, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_ptr_array_add(args, g_strdup_vprintf(fmt, ap));
    va_end(ap);
}

static void add_accel(GPtrArray *args)
{
    const char *accel = g_getenv("QTEST_ACCEL");

    if (accel) {
        add(args, "-accel");
        add(args, "%s", accel);
        return;
    }
    add(args, "-accel");
    add(args, "kvm");
    add(args, "-accel");
    add(args, "tcg");
}

/* --- The boot sector ------------------------------------------------------ */

static void q35_add_args(const Guest *guest, const char *dir, GPtrArray *args)
{
    const char *machine = g_getenv("QTEST_QEMU_MACHINE_TYPE");
    g_autofree char *image = guest_image("bootsect.img");

    add_accel(args);
    add(args, "-machine");
    add(args, "%s,", machine ? machine : "q35");
    add(args, "-drive");
    add(args, "if=none,id=d0,file=%s,format=raw,readonly=on", image);
    add(args, "-device");
    add(args, "ide-hd,drive=d0,secs=1,cyls=1,heads=1");
}

static void q35_wait_alive(QTest *qts, const char *serial)
{
    gint64 deadline =
        g_get_monotonic_time() + QTEST_TIMEOUT_S * G_TIME_SPAN_SECOND;

    qtest_wait_file(serial, "A");
    /* Two passes over all pages show on the last one. */
    while (qtest_readb(qts, guest_q35.to - PAGE_BYTES) < 2) {
        if (g_get_monotonic_time() > deadline) {
            g_error("the boot sector does not get through its memory");
        }
        g_usleep(1000);
    }
}

static void q35_assert_whole(const Guest *guest, const uint8_t *ram)
{
    uint64_t pages = (guest->to - guest->from) / PAGE_BYTES;
    unsigned edges = 0;

    for (uint64_t i = 1; i < pages; i++) {
        uint8_t before = ram[(i - 1) * PAGE_BYTES];
        uint8_t here = ram[i * PAGE_BYTES];

        if (before == here) {
            continue;
        }
        if (before != (uint8_t)(here + 1) || edges++) {
            g_error("page at 0x%" PRIx64 " holds 0x%02x after 0x%02x, edges "
                    "before: %u", guest->from + i * PAGE_BYTES, here, before,
                    edges);
        }
    }
}

static void q35_assert_no_errors(const char *serial)
{
    g_autofree char *text = NULL;
    gsize len;

    g_assert_true(g_file_get_contents(serial, &text, &len, NULL));
    g_assert_cmpuint(strspn(text, "AB"), ==, len);
}

const Guest guest_q35 = {
    .name = "q35",
    .ram_bytes = 150 * MiB,
    .from = 1 * MiB,
    .to = 100 * MiB,
    .busy_at = 1 * MiB,
    .rounds_bandwidth = 400000000,
    .add_args = q35_add_args,
    .wait_alive = q35_wait_alive,
    .assert_whole = q35_assert_whole,
    .assert_no_errors = q35_assert_no_errors,
};

/* --- The pattern guest ---------------------------------------------------- */

#define PATTERN_FIRST_PAGE 512
#define PATTERN_PAGES 4096
static const uint16_t places[] = PATTERN_PLACES;

static void microvm_add_args(const Guest *guest, const char *dir,
                             GPtrArray *args)
{
    g_autofree char *source = guest_image("pattern.bios");
    g_autofree char *image = g_build_filename(dir, "pattern.bios", NULL);
    g_autofree char *data = NULL;
    g_autoptr(GError) gerr = NULL;
    PatternParams *params;
    gsize len;

    if (!g_file_get_contents(source, &data, &len, &gerr)) {
        g_error("%s", gerr->message);
    }
    params = memmem(data, len, PATTERN_MAGIC, strlen(PATTERN_MAGIC));
    g_assert_nonnull(params);
    params->first_page = PATTERN_FIRST_PAGE;
    params->hot_pages = PATTERN_PAGES;
    params->pages_per_tick = 1024;
    g_file_set_contents(image, data, (gssize)len, &gerr);
    g_assert_no_error(gerr);

    add_accel(args);
    add(args, "-machine");
    add(args, "microvm,acpi=off,pit=on,pic=on,rtc=on,isa-serial=on");
    add(args, "-bios");
    add(args, "%s", image);
}

static void microvm_wait_alive(QTest *qts, const char *serial)
{
    qtest_wait_file(serial, "pass 1 ");
}

static uint32_t pattern_at(const uint8_t *ram, uint32_t page, uint32_t place)
{
    uint32_t value;

    memcpy(&value, ram + (uint64_t)page * PAGE_BYTES + places[place],
           sizeof(value));
    return value;
}

static void microvm_assert_whole(const Guest *guest, const uint8_t *ram)
{
    uint32_t inverse = 1;
    uint32_t pass;

    /* 40503 is odd, so the pass can be had from a word: Newton's inverse. */
    for (int i = 0; i < 5; i++) {
        inverse *= 2 - 40503u * inverse;
    }
    pass = (pattern_at(ram, 0, 0) ^ pattern_word(PATTERN_FIRST_PAGE, 0, 0)) *
           inverse;
    g_assert_cmpuint(pass, >, 0);
    g_assert_cmpuint(pass, <, 10000000);
    for (uint32_t page = 0, edges = 0; page < PATTERN_PAGES; page++) {
        for (uint32_t i = 0; i < ARRAY_SIZE(places); i++) {
            uint32_t number = PATTERN_FIRST_PAGE + page;
            uint32_t value = pattern_at(ram, page, i);

            if (value == pattern_word(number, pass, i)) {
                continue;
            }
            /* Here the pass that was under way ends. */
            if (edges++ || value != pattern_word(number, --pass, i)) {
                g_error("page %u at %u holds 0x%08x, not what pass %u leaves "
                        "(0x%08x)", number, places[i], value, pass,
                        pattern_word(number, pass, i));
            }
        }
    }
}

static void microvm_assert_no_errors(const char *serial)
{
    g_autofree char *text = NULL;
    gsize len;
    const char *p;

    g_assert_true(g_file_get_contents(serial, &text, &len, NULL));
    for (p = text; (p = strstr(p, " errors ")); p += 8) {
        if (p[8] && strspn(p + 8, "0") != strcspn(p + 8, "\r\n")) {
            g_error("the guest found its memory damaged: %.200s", text);
        }
    }
}

const Guest guest_microvm = {
    .name = "microvm",
    .ram_bytes = 128 * MiB,
    .from = PATTERN_FIRST_PAGE * PAGE_BYTES,
    .to = (PATTERN_FIRST_PAGE + PATTERN_PAGES) * PAGE_BYTES,
    .busy_at = PATTERN_FIRST_PAGE * PAGE_BYTES,
    .rounds_bandwidth = 50000000,
    .add_args = microvm_add_args,
    .wait_alive = microvm_wait_alive,
    .assert_whole = microvm_assert_whole,
    .assert_no_errors = microvm_assert_no_errors,
};

const Guest *guest_choose(bool mixed)
{
    const char *name = g_getenv("QTEST_GUEST");

    if (!name) {
        return mixed ? &guest_microvm : &guest_q35;
    }
    if (g_str_equal(name, "q35")) {
        return &guest_q35;
    }
    if (g_str_equal(name, "microvm")) {
        return &guest_microvm;
    }
    g_error("QTEST_GUEST is '%s', not q35 or microvm", name);
}
