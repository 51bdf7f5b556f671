/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_TAP_H
#define RUNTIME_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "stats/drop.h"

/*
 * What a worker shows of the packets that come to it, to whoever captures: copies of those that a
 * filter fits, each with what became of it. The control thread makes a tap, hangs it into
 * core->tap by a call on the worker, and reads it; the worker fills it. Single producer, single
 * consumer, bounded: what finds no room is counted and not shown.
 *
 * A packet's copy is made when it comes in, its verdict follows within the same burst. Packets
 * that go on to another worker are shown by that one.
 */
#define TAP_BYTES_MAX  2048 /* of a packet that are kept */
#define TAP_RECORDS    1024
#define TAP_BURST_MAX  256 /* packets without a verdict at a time */
#define TAP_MEMBER_MAX 64  /* a member's name, and a NUL */

enum tap_verdict {
	TAP_TAKEN,     /* none was given: it ended here as intended, or waits for an address */
	TAP_DROPPED,   /* reason */
	TAP_FORWARDED, /* to member */
	TAP_REPLIED,   /* of member, to its client */
	TAP_TO_STACK,  /* to this worker's TCP stack */
	TAP_PASSED,    /* to another worker, which shows it: not to be shown */
};

struct tap_record {
	uint64_t time_us;  /* the worker's clock */
	uint32_t wire_len; /* bytes on the wire, and kept here */
	uint32_t len;
	uint16_t reason; /* enum drop_reason */
	uint8_t verdict; /* enum tap_verdict */
	uint8_t port;
	char member[TAP_MEMBER_MAX];
	uint8_t bytes[TAP_BYTES_MAX];
};

struct tap;
struct bpf_insn;

/* program: as pcap_compile() makes it for Ethernet; borrowed. NULL when memory is short. Control
 * thread, while no worker has the tap. */
struct tap *tap_create(const struct bpf_insn *program);
void tap_destroy(struct tap *tap);

/* Worker: a whole frame came in, or was taken over from another worker. Leaves it as it is. */
void tap_take(struct tap *tap, struct rte_mbuf *m, unsigned port, uint64_t now_us);

/* Worker: what becomes of it; the last word counts, but for TAP_PASSED, which must be the only
 * one. Packets that are not shown are passed over. member: for TAP_FORWARDED and TAP_REPLIED. */
void tap_settle(
	struct tap *tap, const struct rte_mbuf *m, enum tap_verdict verdict, const char *member);
void tap_drop(struct tap *tap, const struct rte_mbuf *m, enum drop_reason reason);

/* Worker, at the end of a burst: verdicts are final. */
void tap_commit(struct tap *tap);

/* Control thread: the oldest record, or NULL. Valid until tap_release(). */
const struct tap_record *tap_peek(struct tap *tap);
void tap_release(struct tap *tap);

/* Packets that the filter fitted and that found no room. Any thread. */
uint64_t tap_lost(const struct tap *tap);

#endif
