/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives an emulator process from a test: starts it, talks QMP and the qtest
 * protocol to it, and insists that it ends well. Failures abort the test.
 */
#ifndef TESTS_LIBQTEST_H
#define TESTS_LIBQTEST_H

#include <json-c/json.h>

typedef struct QTest QTest;
typedef struct QTestClient QTestClient;

/* Longest wait for anything an emulator should do, in seconds. */
#define QTEST_TIMEOUT_S 60

/*
 * $QTEST_QEMU_BINARY; with @side "_SRC" or "_DST" the one of that side, if
 * there is one.
 */
const char *qtest_binary(const char *side);
/* False: stock QEMU. */
bool qtest_binary_is_ours(const char *binary);

/*
 * Runs a program that ends by itself; returns what it said on stdout and
 * stderr (g_free()). @status: its exit status, or minus the signal.
 */
char *qtest_run(const char *const *argv, int *status);

/*
 * Starts @binary with @args (a NULL-ended array), its sockets and serial
 * files in @dir; @name tells source and destination apart. QMP is
 * negotiated when it returns.
 */
QTest *qtest_start(const char *binary, const char *dir, const char *name,
                   const char *const *args);

/* Ends it with SIGTERM and checks that its exit status is 0. */
void qtest_quit(QTest *qts);

/* Waits for it to end by itself and checks its exit status. */
void qtest_wait_exit(QTest *qts, int expected_status);

/* Whether it has ended, by itself or otherwise. */
bool qtest_ended(const QTest *qts);

/* Kills it, as a host that loses power would. */
void qtest_kill(QTest *qts);

int qtest_pid(const QTest *qts);

/* What it printed so far (stderr); free with g_free(). */
char *qtest_stderr(const QTest *qts);

/*
 * Sends a request made by printf-like @fmt and returns the whole reply
 * ("return" or "error"). Events that arrive meanwhile are kept.
 */
struct json_object *qtest_qmp(QTest *qts, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

/* As qtest_qmp(), also passing a descriptor. */
struct json_object *qtest_qmp_fd(QTest *qts, int fd, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);

/* The value of "return"; a reference. Aborts on an error reply. */
struct json_object *qtest_qmp_return(QTest *qts, const char *fmt, ...)
    G_GNUC_PRINTF(2, 3);

/* Aborts unless the reply is a success. */
void qtest_qmp_ok(QTest *qts, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Aborts unless the reply is an error; returns its text (g_free()). */
char *qtest_qmp_error(QTest *qts, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Waits for an event of this name, also one that came before. */
struct json_object *qtest_wait_event(QTest *qts, const char *name);

/* Names of all events seen so far, statuses of MIGRATION as
 * "MIGRATION:active"; separated by blanks. g_free(). */
char *qtest_event_history(const QTest *qts);

/* When the last event of this name was sent; it must have been seen. */
int64_t qtest_event_time_us(const QTest *qts, const char *name);

/* Guest-physical memory through the qtest socket. */
uint8_t qtest_readb(QTest *qts, uint64_t gpa);
uint32_t qtest_readl(QTest *qts, uint64_t gpa);
void qtest_writeb(QTest *qts, uint64_t gpa, uint8_t value);
void qtest_writel(QTest *qts, uint64_t gpa, uint32_t value);
/* One line of the protocol and its reply after "OK "; g_free(). */
char *qtest_command(QTest *qts, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* What an HMP command prints; g_free(). */
char *qtest_hmp(QTest *qts, const char *command);

/*
 * A connection of a test's own, for talk that is not well formed. Sending
 * returns false when the other side is gone; qtest_client_line() NULL.
 */
QTestClient *qtest_client_new(int fd);
QTestClient *qtest_client_connect(const char *path);
bool qtest_client_send(QTestClient *client, const void *data, size_t len);
/* Single quotes become double ones. */
bool qtest_client_puts(QTestClient *client, const char *text);
char *qtest_client_line(QTestClient *client);
void qtest_client_free(QTestClient *client);

/* A new folder for a test's files; freeing removes it and its files. */
char *qtest_folder_new(void);
void qtest_folder_free(char *dir);

/* Whether the file holds @text; waits until it does, or aborts. */
bool qtest_file_has(const char *path, const char *text);
void qtest_wait_file(const char *path, const char *text);

#endif
