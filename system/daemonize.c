/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Background processes, pid files and whose rights a process has. Main
 * thread, at the start.
 */
#include "qemu/osdep.h"
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "system/daemonize.h"

bool daemonize_start(Daemon *daemon, Error **errp)
{
    int fds[2];
    pid_t pid;

    daemon->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (daemon->null_fd < 0) {
        error_setg_errno(errp, errno, "cannot open /dev/null");
        return false;
    }
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
    daemon->ready_fd = fds[1];
    return true;
}

bool daemonize_ready(const Daemon *daemon, Error **errp)
{
    if (chdir("/") < 0) {
        error_setg_errno(errp, errno, "cannot detach from the terminal");
        return false;
    }
    for (int fd = 0; fd <= 2; fd++) {
        dup2(daemon->null_fd, fd);
    }
    if (daemon->null_fd > 2) {
        close(daemon->null_fd);
    }
    if (RETRY_ON_EINTR(write(daemon->ready_fd, "", 1)) != 1) {
        error_setg_errno(errp, errno, "cannot tell the parent process");
        return false;
    }
    close(daemon->ready_fd);
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

/* "UID:GID", both in decimal and not the number that means "unchanged". */
static bool parse_ids(const char *text, uid_t *uid, gid_t *gid)
{
    uint64_t id[2];

    for (int i = 0; i < 2; i++) {
        char *end;

        if (!g_ascii_isdigit(*text)) {
            return false;
        }
        id[i] = g_ascii_strtoull(text, &end, 10);
        if (id[i] >= UINT32_MAX || *end != (i ? '\0' : ':')) {
            return false;
        }
        text = end + 1;
    }
    *uid = (uid_t)id[0];
    *gid = (gid_t)id[1];
    return true;
}

bool process_user_parse(const char *text, ProcessUser *user, Error **errp)
{
    ProcessUser parsed = { .given = true };
    const struct passwd *entry = getpwnam(text);

    if (entry) {
        parsed.name = g_strdup(text);
        parsed.uid = entry->pw_uid;
        parsed.gid = entry->pw_gid;
    } else if (!parse_ids(text, &parsed.uid, &parsed.gid)) {
        error_setg(errp, "user '%s' does not exist and is not UID:GID", text);
        return false;
    }
    g_free(user->name);
    *user = parsed;
    return true;
}

bool process_change_user(const ProcessUser *user, Error **errp)
{
    g_autofree char *who = user->name
                               ? g_strdup(user->name)
                               : g_strdup_printf("%u:%u", user->uid,
                                                 user->gid);

    if ((user->name ? initgroups(user->name, user->gid)
                    : setgroups(1, &user->gid)) < 0 ||
        setgid(user->gid) < 0 || setuid(user->uid) < 0) {
        error_setg_errno(errp, errno, "-run-with user=%s: cannot become this "
                         "user", who);
        return false;
    }
    if (user->uid != 0 && setuid(0) == 0) {
        error_setg(errp, "-run-with user=%s: the rights of root did not go "
                   "away", who);
        return false;
    }
    return true;
}

bool process_change_root(const char *path, Error **errp)
{
    if (chroot(path) < 0 || chdir("/") < 0) {
        error_setg_errno(errp, errno, "-run-with chroot=%s: cannot make this "
                         "folder the root", path);
        return false;
    }
    return true;
}

bool exit_with_parent_enable(pid_t parent, Error **errp)
{
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
