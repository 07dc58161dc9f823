/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character device over the process's standard input and output. A terminal
 * is put into raw mode and back at the end, whichever way the process exits.
 */
#include "qemu/osdep.h"
#include <termios.h>
#include "chardev/chardev-internal.h"
#include "io/channel-file.h"

/* There is one terminal per process, and atexit() handlers get no argument. */
static struct {
    struct termios saved;
    bool raw;        /* [atomic] saved is to be restored */
    bool used;       /* [atomic] one device has stdio */
    bool registered; /* main thread */
} stdio_terminal;

typedef struct StdioChardev {
    Chardev parent;
    bool owns_stdio; /* [const] once open */
} StdioChardev;

static void stdio_restore(void)
{
    if (qatomic_xchg(&stdio_terminal.raw, false)) {
        tcsetattr(STDIN_FILENO, TCSANOW, &stdio_terminal.saved);
    }
}

static void stdio_make_raw(bool allow_signal)
{
    struct termios tty;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &tty) < 0) {
        return;
    }
    stdio_terminal.saved = tty;
    qatomic_set(&stdio_terminal.raw, true);
    if (!stdio_terminal.registered) {
        stdio_terminal.registered = true;
        atexit(stdio_restore);
    }
    tty.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR |
                     ICRNL | IXON);
    tty.c_oflag |= OPOST; /* messages of the process share the terminal */
    tty.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!allow_signal) {
        tty.c_lflag &= ~ISIG;
    }
    tty.c_cflag &= ~(CSIZE | PARENB);
    tty.c_cflag |= CS8;
    tty.c_cc[VMIN] = 1;
    tty.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &tty);
}

/* A channel over a duplicate: the number itself stays what it is. */
static QIOChannel *stdio_channel(int fd, bool output, Error **errp)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    if (copy < 0) {
        error_setg_errno(errp, errno, "chardev: stdio: standard %s is not open",
                         output ? "output" : "input");
        return NULL;
    }
    if (isatty(copy)) {
        return qio_channel_pipe_new(output ? -1 : copy, output ? copy : -1,
                                    output ? "stdout" : "stdin", errp);
    }
    return qio_channel_new_fd(copy, errp);
}

static bool stdio_open(Chardev *chr, struct json_object *opts, Error **errp)
{
    StdioChardev *s = container_of(chr, StdioChardev, parent);
    QIOChannel *in, *out;

    if (qatomic_xchg(&stdio_terminal.used, true)) {
        error_setg(errp, "cannot use stdio by multiple character devices");
        return false;
    }
    s->owns_stdio = true;
    in = stdio_channel(STDIN_FILENO, false, errp);
    if (!in) {
        return false;
    }
    out = stdio_channel(STDOUT_FILENO, true, errp);
    if (!out) {
        qio_channel_unref(in);
        return false;
    }
    stdio_make_raw(chardev_opt_bool(opts, "signal", true));
    chardev_set_peer(chr, in, out);
    return true;
}

static void stdio_finalize(Chardev *chr)
{
    StdioChardev *s = container_of(chr, StdioChardev, parent);

    if (s->owns_stdio) {
        stdio_restore();
        qatomic_set(&stdio_terminal.used, false);
    }
}

static const ChardevOption stdio_options[] = {
    { "signal", CHARDEV_OPTION_BOOL },
    { NULL },
};

const ChardevClass chardev_class_stdio = {
    .name = "stdio",
    .options = stdio_options,
    .instance_size = sizeof(StdioChardev),
    .open = stdio_open,
    .finalize = stdio_finalize,
};
