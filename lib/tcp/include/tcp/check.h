/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_CHECK_H
#define TCP_CHECK_H

#include "base/err.h"
#include "tcp/tcp.h"

/*
 * Verifies what must hold for every connection between two calls of the stack: the send queue is
 * one stretch of sequence space from the first unacknowledged byte on and its sums agree with its
 * units, what was received ahead of a hole is in order and within the window, buffers held add up,
 * and whoever waits for the peer has a timer. For simulations and fuzz targets: it walks
 * everything. 0, or -EINVAL and words for the first thing that does not hold.
 */
int tcp_check(const struct tcp_stack *stack, struct err *err);

#endif
