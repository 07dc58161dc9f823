/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels to a shell command. All bytes go through a pipe channel; this
 * adds the life of the process.
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include "io/channel-file.h"
#include "qemu/thread.h"

/* A command whose output we close has this long to exit by itself. */
#define COMMAND_EXIT_MS 200
/* Between SIGTERM and SIGKILL. */
#define COMMAND_KILL_DELAY_NS (200 * NANOSECONDS_PER_SECOND / 1000)
#define COMMAND_POLL_MS 50

typedef struct QIOChannelCommand {
    QIOChannel parent;
    QIOChannel *pipe; /* [const] */
    char *command;    /* [const] */
    bool writes;      /* [const] we write to it */
    GMutex lock;
    pid_t pid;          /* [lock: lock] 0 once reaped */
    int status;         /* [lock: lock] how it ended, if it was reaped */
    bool shut;          /* [lock: lock] we ended the I/O */
    bool ended;         /* [lock: lock] all it had to say was read */
    int64_t term_at_ns; /* [lock: lock] when SIGTERM was sent, 0: never */
} QIOChannelCommand;

static QIOChannelCommand *command_of(QIOChannel *ioc)
{
    return container_of(ioc, QIOChannelCommand, parent);
}

static int64_t now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

static void command_terminate(QIOChannelCommand *cmd)
{
    g_mutex_lock(&cmd->lock);
    if (cmd->pid && !cmd->term_at_ns) {
        kill(cmd->pid, SIGTERM);
        cmd->term_at_ns = now_ns();
    }
    g_mutex_unlock(&cmd->lock);
}

/* Notes whether the command closed its output and we read all of it. */
static void command_note_end(QIOChannelCommand *cmd)
{
    struct pollfd pfd = {
        .fd = cmd->pipe->ops->poll_fd(cmd->pipe, G_IO_IN),
        .events = POLLIN,
    };

    if (poll(&pfd, 1, 0) == 1 && !(pfd.revents & POLLIN) &&
        (pfd.revents & POLLHUP)) {
        g_mutex_lock(&cmd->lock);
        cmd->ended = true;
        g_mutex_unlock(&cmd->lock);
    }
}

/* One that only writes to us may have done so: close() deals with it. */
static bool command_shutdown(QIOChannel *ioc, QIOChannelShutdown how,
                             Error **errp)
{
    QIOChannelCommand *cmd = command_of(ioc);

    g_mutex_lock(&cmd->lock);
    cmd->shut = true;
    g_mutex_unlock(&cmd->lock);
    if (how == QIO_CHANNEL_SHUTDOWN_BOTH && cmd->writes) {
        command_terminate(cmd);
    } else if (!cmd->writes) {
        command_note_end(cmd);
    }
    return qio_channel_shutdown(cmd->pipe, how, errp);
}

static bool command_set_blocking(QIOChannel *ioc, bool enabled, Error **errp)
{
    return qio_channel_set_blocking(command_of(ioc)->pipe, enabled, errp);
}

/* True once the process ended; *@status then tells how. */
static bool command_reap(QIOChannelCommand *cmd, int *status)
{
    bool reaped;

    g_mutex_lock(&cmd->lock);
    reaped = !cmd->pid || waitpid(cmd->pid, &cmd->status, WNOHANG) != 0;
    if (reaped) {
        cmd->pid = 0;
        *status = cmd->status;
    } else if (cmd->term_at_ns &&
               now_ns() - cmd->term_at_ns > COMMAND_KILL_DELAY_NS) {
        kill(cmd->pid, SIGKILL);
    }
    g_mutex_unlock(&cmd->lock);
    return reaped;
}

/* Waits for the end of the process, or, if not negative, @timeout_ms. */
static bool command_wait(QIOChannelCommand *cmd, int timeout_ms, int *status)
{
    int64_t end_ns = now_ns() + (int64_t)timeout_ms * 1000000;
    bool reaped;
    int pidfd;

    g_mutex_lock(&cmd->lock);
    pidfd = cmd->pid ? pidfd_open(cmd->pid, 0) : -1;
    g_mutex_unlock(&cmd->lock);
    while (!(reaped = command_reap(cmd, status)) &&
           (timeout_ms < 0 || now_ns() < end_ns)) {
        struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

        poll(&pfd, 1, COMMAND_POLL_MS);
    }
    qemu_close(&pidfd);
    return reaped;
}

static gpointer command_reaper_thread(gpointer opaque)
{
    RETRY_ON_EINTR(waitpid(GPOINTER_TO_INT(opaque), NULL, 0));
    return NULL;
}

/* Without a thread for it, it stays a zombie until this process ends. */
static void command_reap_later(GPid pid)
{
    GThread *thread = qemu_thread_try_create(
        "exec-reap", command_reaper_thread, GINT_TO_POINTER(pid), NULL);

    if (thread) {
        g_thread_unref(thread);
    }
}

/*
 * Closes our ends of a command that only writes. It is let live on if it
 * said all it had to say; else it is ended, in a bounded time. Returns its
 * status.
 */
static int command_close_reader(QIOChannelCommand *cmd)
{
    int status = 0;

    command_note_end(cmd);
    qio_channel_close(cmd->pipe, NULL);
    if (command_wait(cmd, COMMAND_EXIT_MS, &status)) {
        return status;
    }
    if (cmd->ended) {
        command_reap_later(cmd->pid);
        cmd->pid = 0;
        return 0;
    }
    command_terminate(cmd);
    command_wait(cmd, -1, &status);
    return status;
}

/* Whether the status only says that we stopped reading, or killed it. */
static bool command_status_expected(QIOChannelCommand *cmd, int status)
{
    int sig = 0;

    if (status == 0 || cmd->term_at_ns) {
        return true;
    }
    if (WIFSIGNALED(status)) {
        sig = WTERMSIG(status);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) > 128) {
        sig = WEXITSTATUS(status) - 128; /* how a shell reports it */
    }
    return sig == SIGPIPE && !cmd->writes;
}

/* False and an error if @status is a failure. */
static bool command_check(QIOChannelCommand *cmd, int status, Error **errp)
{
    if (command_status_expected(cmd, status)) {
        return true;
    }
    if (WIFSIGNALED(status)) {
        error_setg(errp, "command '%s' was killed by signal %d (%s)",
                   cmd->command, WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        error_setg(errp, "command '%s' failed with exit status %d",
                   cmd->command, WEXITSTATUS(status));
    }
    return false;
}

/*
 * The other end of a pipe is gone. True if that is because the command ended,
 * and not by our doing; *@status tells how.
 */
static bool command_has_ended(QIOChannelCommand *cmd, int *status)
{
    bool shut;

    g_mutex_lock(&cmd->lock);
    shut = cmd->shut;
    g_mutex_unlock(&cmd->lock);
    return !shut && command_wait(cmd, COMMAND_EXIT_MS, status);
}

static ssize_t command_readv(QIOChannel *ioc, const struct iovec *iov,
                             size_t niov, int **fds, size_t *nfds,
                             Error **errp)
{
    QIOChannelCommand *cmd = command_of(ioc);
    ssize_t n = cmd->pipe->ops->readv(cmd->pipe, iov, niov, fds, nfds, errp);
    int status = 0;

    /* A command that failed has not said all it had to say. */
    if (n == 0 && command_has_ended(cmd, &status) &&
        !command_check(cmd, status, errp)) {
        return -1;
    }
    return n;
}

static ssize_t command_writev(QIOChannel *ioc, const struct iovec *iov,
                              size_t niov, const int *fds, size_t nfds,
                              Error **errp)
{
    QIOChannelCommand *cmd = command_of(ioc);
    Error *err = NULL, *reason = NULL;
    ssize_t n = cmd->pipe->ops->writev(cmd->pipe, iov, niov, fds, nfds, &err);
    int status = 0;

    if (n == -1 && command_has_ended(cmd, &status)) {
        if (command_check(cmd, status, &reason)) {
            error_setg(&reason, "command '%s' ended without an error before "
                                "it had read everything", cmd->command);
        }
        error_free(err);
        err = reason;
    }
    error_propagate(errp, err);
    return n;
}

static bool command_close(QIOChannel *ioc, Error **errp)
{
    QIOChannelCommand *cmd = command_of(ioc);
    int status = 0;

    if (cmd->writes) {
        qio_channel_close(cmd->pipe, NULL);
        command_wait(cmd, -1, &status);
    } else {
        status = command_close_reader(cmd);
    }
    return command_check(cmd, status, errp);
}

static int command_poll_fd(QIOChannel *ioc, GIOCondition condition)
{
    QIOChannel *pipe = command_of(ioc)->pipe;

    return pipe->ops->poll_fd(pipe, condition);
}

static int command_wake_fd(QIOChannel *ioc, GIOCondition condition)
{
    QIOChannel *pipe = command_of(ioc)->pipe;

    return pipe->ops->wake_fd(pipe, condition);
}

static void command_finalize(QIOChannel *ioc)
{
    QIOChannelCommand *cmd = command_of(ioc);

    qio_channel_unref(cmd->pipe);
    g_mutex_clear(&cmd->lock);
    g_free(cmd->command);
    g_free(cmd);
}

static const QIOChannelOps command_ops = {
    .type = "command",
    .readv = command_readv,
    .writev = command_writev,
    .shutdown = command_shutdown,
    .set_blocking = command_set_blocking,
    .close = command_close,
    .poll_fd = command_poll_fd,
    .wake_fd = command_wake_fd,
    .finalize = command_finalize,
};

/* [0]: the child's end, numbered above the standard streams; [1]: ours. */
static bool command_pipe(int ends[2], bool child_reads, Error **errp)
{
    int fds[2], child;

    if (pipe2(fds, O_CLOEXEC) < 0) {
        error_setg_errno(errp, errno, "cannot make a pipe");
        return false;
    }
    child = fcntl(fds[child_reads ? 0 : 1], F_DUPFD_CLOEXEC, 3);
    if (child < 0) {
        error_setg_errno(errp, errno, "cannot make a pipe");
        qemu_close(&fds[0]);
        qemu_close(&fds[1]);
        return false;
    }
    qemu_close(&fds[child_reads ? 0 : 1]);
    ends[0] = child;
    ends[1] = fds[child_reads ? 1 : 0];
    return true;
}

static void command_file_action(posix_spawn_file_actions_t *actions, int fd,
                                int target)
{
    if (fd >= 0) {
        posix_spawn_file_actions_adddup2(actions, fd, target);
    } else {
        posix_spawn_file_actions_addopen(actions, target, "/dev/null", O_RDWR,
                                         0);
    }
}

/* Returns the process, or -1. Signals are as in a fresh process. */
static pid_t command_spawn(const char *command, int in_fd, int out_fd,
                           Error **errp)
{
    const char *argv[] = { "/bin/sh", "-c", command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    pid_t pid = -1;
    int ret;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawn_file_actions_init(&actions);
    command_file_action(&actions, in_fd, STDIN_FILENO);
    command_file_action(&actions, out_fd, STDOUT_FILENO);
    ret = posix_spawn(&pid, argv[0], &actions, &attr, (char *const *)argv,
                      environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (ret != 0) {
        error_setg_errno(errp, ret, "cannot run command '%s'", command);
        return -1;
    }
    return pid;
}

QIOChannel *qio_channel_command_new(const char *command, int flags,
                                    Error **errp)
{
    g_autofree char *name = g_strconcat("exec:", command, NULL);
    int mode = flags & O_ACCMODE;
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    QIOChannelCommand *cmd;
    QIOChannel *pipe = NULL;
    pid_t pid = -1;

    if ((mode == O_RDONLY || command_pipe(in, true, errp)) &&
        (mode == O_WRONLY || command_pipe(out, false, errp))) {
        pipe = qio_channel_pipe_new(out[1], in[1], name, errp);
        in[1] = out[1] = -1;
    }
    if (pipe) {
        pid = command_spawn(command, in[0], out[0], errp);
    }
    qemu_close(&in[0]);
    qemu_close(&in[1]);
    qemu_close(&out[0]);
    qemu_close(&out[1]);
    if (pid < 0) {
        qio_channel_unref(pipe);
        return NULL;
    }

    cmd = g_new0(QIOChannelCommand, 1);
    g_mutex_init(&cmd->lock);
    cmd->pipe = pipe;
    cmd->pid = pid;
    cmd->writes = mode != O_RDONLY;
    cmd->command = g_strdup(command);
    qio_channel_init(&cmd->parent, &command_ops, pipe->features, name);
    return &cmd->parent;
}
