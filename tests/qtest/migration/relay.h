/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A relay between a source and a destination that stops passing the stream
 * on at a chosen octet. A thread of its own does the work; everything here is
 * for the test's thread.
 */
#ifndef TESTS_QTEST_MIGRATION_RELAY_H
#define TESTS_QTEST_MIGRATION_RELAY_H

typedef struct Relay Relay;

/* A place in a stream: @back octets before the first @bytes. */
typedef struct RelayPlace {
    const char *bytes;
    size_t len, back;
} RelayPlace;

typedef struct RelayPlan {
    /* Nothing behind it goes to the destination; NULL: all does. */
    const RelayPlace *stop_at;
    /* Nothing more is read from the source either, so that its writes block;
     * otherwise all is. */
    bool stop_reading;
    /* The octet there is inverted, and everything passed on after all. */
    bool corrupt;
    /* What the destination says once it has everything is kept. */
    bool keep_answer;
} RelayPlan;

/* The beginnings of records: the first of RAM; at the end of a stream, the
 * announcement of the switchover, a device's section, and what ends it. */
extern const RelayPlace relay_at_ram;
extern const RelayPlace relay_at_switchover;
extern const RelayPlace relay_at_devices;
extern const RelayPlace relay_at_eof;

/* Listens at the unix socket @path; its first client gets to the one at @to,
 * as do later ones, but these are never stopped. Both paths and @plan stay until relay_free(). */
Relay *relay_new(const char *path, const char *to, const RelayPlan *plan);
/* Returns when there is something to keep and, unless the plan is to stop
 * reading, the stream to its very end has come in from the source. */
void relay_wait_stopped(Relay *relay);
/* Returns when the source has ended its stream, or itself. */
void relay_wait_source_ended(Relay *relay);
/* Has passed on what was kept; with @end also that the source has ended its
 * stream, which the destination otherwise never hears. */
void relay_release(Relay *relay, bool end);
/* Has hung up on both sides. */
void relay_cut(Relay *relay);
/* The same, and frees it. */
void relay_free(Relay *relay);

#endif
