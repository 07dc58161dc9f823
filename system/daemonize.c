/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Background processes and pid files. Main thread, at the start. */
#include "qemu/osdep.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "system/daemonize.h"

bool daemonize_start(int *ready_fd, Error **errp)
{
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0) {
        error_setg_errno(errp, errno, "cannot make a pipe to the daemon");
        return false;
    }
    pid = fork();
    if (pid < 0) {
        error_setg_errno(errp, errno, "cannot start the daemon");
        close(fds[0]);
        close(fds[1]);
        return false;
    }
    if (pid > 0) {
        char ready;

        close(fds[1]);
        _exit(RETRY_ON_EINTR(read(fds[0], &ready, 1)) == 1 ? 0 : 1);
    }
    close(fds[0]);
    setsid();
    umask(027);
    *ready_fd = fds[1];
    return true;
}

bool daemonize_ready(int ready_fd, Error **errp)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null_fd < 0 || chdir("/") < 0) {
        error_setg_errno(errp, errno, "cannot detach from the terminal");
        return false;
    }
    for (int fd = 0; fd <= 2; fd++) {
        dup2(null_fd, fd);
    }
    if (null_fd > 2) {
        close(null_fd);
    }
    if (RETRY_ON_EINTR(write(ready_fd, "", 1)) != 1) {
        error_setg_errno(errp, errno, "cannot tell the parent process");
        return false;
    }
    close(ready_fd);
    return true;
}

bool pidfile_create(const char *path, Error **errp)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    g_autofree char *text = g_strdup_printf("%d\n", getpid());
    /* Stays open, and so locked, until the process ends. */
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);

    if (fd < 0) {
        error_setg_errno(errp, errno, "cannot create the pid file '%s'", path);
        return false;
    }
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        error_setg(errp, "pid file '%s' belongs to a running process", path);
        close(fd);
        return false;
    }
    if (ftruncate(fd, 0) < 0 ||
        write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        error_setg_errno(errp, errno, "cannot write the pid file '%s'", path);
        close(fd);
        return false;
    }
    return true;
}

bool exit_with_parent_enable(Error **errp)
{
    pid_t parent = getppid();

    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) {
        error_setg_errno(errp, errno, "cannot tie to the parent process");
        return false;
    }
    /* It may have ended before the kernel knew of our wish. */
    if (getppid() != parent) {
        error_setg(errp, "the parent process has ended already");
        return false;
    }
    return true;
}
