/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gives each file named on the command line, or found in a folder named
 * there, to a fuzz target: as libFuzzer would, but once and without it.
 */
#include "qemu/osdep.h"

#include <stdio.h>

#include "fuzz.h"

/* No input may take that long, whatever slows it down. */
#define INPUT_MAX_SECONDS 30

static void replay_file(const char *path)
{
    g_autoptr(GError) gerr = NULL;
    g_autofree char *contents = NULL;
    uint8_t *exact;
    gsize len;

    if (!g_file_get_contents(path, &contents, &len, &gerr)) {
        g_error("%s", gerr->message);
    }
    printf("%s\n", path);
    fflush(stdout);
    /* Not an octet more, not even a NUL. */
    exact = malloc(len);
    memcpy(exact, contents, len);
    alarm(INPUT_MAX_SECONDS);
    g_assert(LLVMFuzzerTestOneInput(exact, len) == 0);
    alarm(0);
    free(exact);
}

static unsigned replay(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    unsigned n = 0;

    if (!dir) {
        replay_file(path);
        return 1;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);

        n += replay(inner);
    }
    g_dir_close(dir);
    return n;
}

int main(int argc, char **argv)
{
    unsigned n = 0;

    for (int i = 1; i < argc; i++) {
        n += replay(argv[i]);
    }
    printf("%u inputs\n", n);
    if (!n) {
        fprintf(stderr, "no inputs: name files or folders of them\n");
        return 1;
    }
    return 0;
}
