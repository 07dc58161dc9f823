/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel around a channel that passes bytes through up to a chosen offset
 * of one direction, and there waits, fails, or ends: for tests that need
 * something to happen at just that point. In non-blocking mode, what would
 * wait at the gate has to be tried again; polling knows nothing of it.
 */
#ifndef TESTS_CHANNEL_GATE_H
#define TESTS_CHANNEL_GATE_H

#include "io/channel.h"

typedef enum ChannelGateSide {
    CHANNEL_GATE_READ,
    CHANNEL_GATE_WRITE,
    CHANNEL_GATE__MAX,
} ChannelGateSide;

typedef enum ChannelGateAction {
    CHANNEL_GATE_WAIT, /* until released, or shut down */
    CHANNEL_GATE_FAIL, /* an error naming the offset, from then on */
    CHANNEL_GATE_END,  /* end of input; a write fails with EPIPE */
} ChannelGateAction;

/* Takes over the reference to @inner. Nothing is stopped at first. */
QIOChannel *channel_gate_new(QIOChannel *inner);

/*
 * Octets [0, @offset) pass, then @action. Any thread; an offset that has
 * passed already acts at the next read or write.
 */
void channel_gate_stop_at(QIOChannel *gate, ChannelGateSide side,
                          uint64_t offset, ChannelGateAction action);

/* Lets all further bytes through; wakes whoever waits. */
void channel_gate_release(QIOChannel *gate, ChannelGateSide side);

/* Waits until a thread has arrived at the stop; false on timeout. */
bool channel_gate_wait_arrived(QIOChannel *gate, ChannelGateSide side,
                               unsigned timeout_ms);

/* Octets that have passed. */
uint64_t channel_gate_offset(QIOChannel *gate, ChannelGateSide side);

#endif
