/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_CONN_H
#define TCP_CONN_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_mbuf.h>

#include "base/err.h"
#include "base/ip.h"
#include "cc/cc.h"
#include "runtime/wheel.h"
#include "segment.h"
#include "tcp/tcp.h"

/*
 * RFC 9293 3.3.2. LISTEN has no block; SYN-RECEIVED is an entry of the SYN cache but for a
 * simultaneous open; TIME-WAIT is an entry of its own table.
 *
 *   SYN_SENT -> ESTABLISHED | SYN_RECEIVED | CLOSED
 *   SYN_RECEIVED -> ESTABLISHED | FIN_WAIT_1 | CLOSED
 *   ESTABLISHED -> FIN_WAIT_1 (our FIN left) | CLOSE_WAIT (the peer's came) | CLOSED
 *   FIN_WAIT_1 -> FIN_WAIT_2 (acked) | CLOSING (the peer's FIN) | CLOSED (both: TIME-WAIT)
 *   FIN_WAIT_2 -> CLOSED (TIME-WAIT)
 *   CLOSING -> CLOSED (acked: TIME-WAIT)
 *   CLOSE_WAIT -> LAST_ACK (our FIN left) | CLOSED
 *   LAST_ACK -> CLOSED (acked)
 */
enum conn_state {
	CONN_CLOSED,
	CONN_SYN_SENT,
	CONN_SYN_RECEIVED,
	CONN_ESTABLISHED,
	CONN_FIN_WAIT_1,
	CONN_FIN_WAIT_2,
	CONN_CLOSING,
	CONN_CLOSE_WAIT,
	CONN_LAST_ACK,
};

enum conn_flags {
	CONN_HAS_TS = 1 << 0,
	CONN_HAS_SACK = 1 << 1,
	CONN_FIN_WANTED = 1 << 2, /* tcp_shutdown() was called */
	CONN_FIN_QUEUED = 1 << 3, /* a unit of the send queue carries FIN */
	CONN_FIN_ACKED = 1 << 4,
	CONN_FIN_RECEIVED = 1 << 5, /* in order: nothing follows */
	CONN_WANTS_WRITE = 1 << 6,  /* tcp_write() took less than given */
	CONN_ACK_NOW = 1 << 7,
	CONN_ACK_LATER = 1 << 8, /* the delayed acknowledgment waits */
	CONN_IN_EVENTS = 1 << 9,
	CONN_IN_OUTPUT = 1 << 10,
	CONN_IN_GRAVE = 1 << 11,
	CONN_IN_TABLE = 1 << 12,
	CONN_FINISHED = 1 << 13, /* the protocol is done, the handler still reads */
	CONN_CWND_LIMITED = 1 << 14,
	CONN_TLP_RETRANS = 1 << 15, /* the outstanding tail probe repeated old bytes */
	CONN_REORDERED = 1 << 16,   /* the path has been seen to reorder (RFC 8985 6.2) */
	CONN_DSACK_PENDING = 1 << 17,
	CONN_SYN_RESENT = 1 << 18,
	CONN_CAN_OVERRIDE = 1 << 19, /* sender's SWS avoidance gave way to its timer */
	CONN_ACCEPTED = 1 << 20,     /* opened by the peer */
	CONN_ORPHAN = 1 << 21,       /* tcp_close(): nobody reads any more */
	CONN_FIN_SEEN = 1 << 22,     /* the peer's FIN stands at fin_seq, perhaps behind a hole */
	CONN_HAS_ECN = 1 << 23,      /* agreed on in the handshake (RFC 3168 6.1.1) */
	CONN_ECN_ECHO = 1 << 24,     /* CE came: ECE on all segments until CWR comes */
	CONN_ECN_CWR = 1 << 25,      /* the window fell: CWR on the next new data */
	CONN_CAN_UNDO = 1 << 26,     /* undo_x say how it was before the last recovery */
	CONN_UNDO_STAMPED = 1 << 27, /* undo_ts is set: something was sent again */
	CONN_NAGLE = 1 << 28,
	CONN_MTU_SEARCH = 1 << 29,  /* segments may be smaller than they could be (RFC 4821) */
	CONN_MTU_PROBING = 1 << 30, /* one larger than mss is on its way */
	CONN_TRACED = INT32_MIN,    /* bit 31: a slot of the tracer holds it */
};

enum conn_events {
	EVENT_ACCEPT = 1 << 0,
	EVENT_CONNECTED = 1 << 1,
	EVENT_READABLE = 1 << 2,
	EVENT_WRITABLE = 1 << 3,
	EVENT_CLOSED = 1 << 4,
};

/* What loss_at_us stands for. */
enum loss_timer {
	LOSS_NONE,
	LOSS_RTO,
	LOSS_TLP,     /* RFC 8985 7.2 */
	LOSS_REORDER, /* RFC 8985 6.3 */
	LOSS_PERSIST,
	LOSS_SYN,
};

enum recovery {
	RECOVERY_NONE,
	RECOVERY_FAST, /* RFC 6675 by RACK's judgment, or RFC 6582 without SACK; PRR */
	RECOVERY_RTO,
	RECOVERY_CWR, /* the window falls for ECN alone; PRR */
};

/*
 * One connection. Owned by its stack, on its core. Outside of the two hot lines stands what moves
 * with data too, but not with every lookup; the cold rest follows.
 */
struct tcp_conn {
	/* Hot: lookup and the sequence variables. */
	struct ip_addr remote;
	struct ip_addr local;
	uint16_t remote_port_be;
	uint16_t local_port_be;
	uint32_t flags; /* enum conn_flags */
	uint32_t rcv_nxt;
	uint32_t snd_una;
	uint32_t snd_nxt; /* highest sent, never moves back */
	uint8_t state;    /* enum conn_state: conn_set_state() */
	uint8_t recovery; /* enum recovery */
	uint8_t snd_wscale;
	uint8_t rcv_wscale;
	struct tcp_conn *hash_next; /* once out of the table: the next grave */

	/* Hot: queues and windows. */
	struct tcp_stack *stack;
	struct rte_mbuf *rx_head; /* in order, chained by mbuf->next */
	struct rte_mbuf *rx_tail;
	struct rte_mbuf *tx_head; /* unacknowledged units, chained by tx_unit.next */
	struct rte_mbuf *tx_tail;
	struct rte_mbuf *tx_unsent; /* the first that was never sent */
	uint32_t rx_bytes;          /* in order, not consumed */
	uint32_t rcv_adv;           /* right edge of the window that we advertised */
	uint32_t snd_wnd;
	uint32_t flight; /* sequence space believed to be on the way */

	/* Warm. */
	struct rte_mbuf *ooo_head; /* segments ahead of a hole, by rx_unit.next, in order */
	uint32_t ts_recent;
	uint32_t ts_recent_ms;
	uint32_t ts_offset;
	uint32_t last_ack_sent;
	uint32_t lost_bytes; /* marked lost and not sent again */
	uint32_t sacked_bytes;
	uint32_t tx_bytes; /* payload in the send queue */
	uint32_t unsent_bytes;
	uint32_t tx_units;
	uint32_t srtt_us;
	uint32_t rttvar_us;
	uint32_t rto_us;   /* without backoff */
	uint16_t mss;      /* payload of a full segment, options taken off */
	uint16_t peer_mss; /* as in its SYN */
	uint16_t ooo_count;
	uint8_t backoff;
	uint8_t dupacks;
	uint8_t events;     /* enum conn_events */
	uint8_t loss_timer; /* enum loss_timer */
	uint8_t close_reason;
	uint8_t sack_recent_count : 4;
	uint8_t window_steps : 4; /* doublings of the receive window (rx_tune.c) */
	bool waits_for_pace;      /* output waits for pace_at_us */
	uint8_t keepalive_sent;   /* probes that were not answered */
	uint8_t reo_mult;         /* of the reordering window, less one (RFC 8985 6.2.4) */
	uint8_t reo_persist;      /* recoveries until it falls back */
	struct cc cc;
	struct wheel_timer timer;
	uint64_t loss_at_us; /* UINT64_MAX: not running; so are the next two */
	uint64_t ack_at_us;
	uint64_t life_at_us;  /* connect's or FIN-WAIT-2's end, or keep-alive */
	uint64_t pace_at_us;  /* when new data may leave again */
	uint64_t rto_base_us; /* the retransmission timer counts from here */
	uint32_t last_send_ms;
	uint32_t heard_ms; /* the last acknowledgment, for giving up */

	/* RACK and PRR. */
	uint64_t rack_sent_us;
	uint32_t rack_end;
	uint32_t rack_rtt_us;
	uint32_t rack_fack; /* highest end that was ever acknowledged or SACKed */
	uint32_t min_rtt_us;
	uint32_t recover; /* recovery ends when this is acknowledged */
	uint32_t prr_delivered;
	uint32_t prr_out;
	uint32_t prr_flight;
	uint32_t tlp_end;   /* end of the probe's episode */
	uint32_t dup_bytes; /* without SACK: what duplicate ACKs say has left the path */

	/* Undo (undo.c), and the search for a larger MTU (mtu.c). */
	uint32_t undo_cwnd;
	uint32_t undo_ssthresh;
	uint32_t undo_ts; /* our timestamp at the first retransmission of the episode */
	uint32_t mtu_probe_end;
	uint32_t mtu_at_ms;      /* when to probe next */
	uint16_t undo_left;      /* retransmissions not reported as needless */
	uint16_t mtu_probe_size; /* payload, like the next */
	uint16_t mss_high;       /* no larger one is tried */
	uint16_t user_timeout_s; /* 0: the stack's */
	uint32_t retransmissions;

	/* Cold. */
	const struct tcp_handler *handler;
	void *handler_ctx;
	STAILQ_ENTRY(tcp_conn) event_link;
	STAILQ_ENTRY(tcp_conn) output_link;
	TAILQ_ENTRY(tcp_conn) queue_link; /* in with_ooo, or in lingering once finished */
	union {
		uint32_t iss;      /* until the handshake is done */
		uint32_t round_ts; /* from then on: our timestamp when rx_tune()'s round began */
	};
	uint32_t snd_wl1;
	uint32_t snd_wl2;
	uint32_t snd_wnd_max;
	uint32_t last_challenge_ms;
	union {
		uint32_t fin_seq;     /* with CONN_FIN_SEEN */
		uint32_t round_bytes; /* until then: what was read by then, its low bits */
	};
	uint32_t sack_recent[SACK_BLOCKS_MAX]; /* a byte of each block, newest first (RFC 2018) */
	struct sack_block dsack;
	uint64_t bytes_in;
	uint64_t bytes_acked;
};

static_assert(offsetof(struct tcp_conn, stack) == 64, "lookup needs one cache line");
static_assert(offsetof(struct tcp_conn, ooo_head) == 128, "the hot part is two cache lines");
static_assert(sizeof(struct tcp_conn) <= 512, "an idle connection stays under 512 bytes");

/*
 * A piece of the send queue: one mbuf, sent as one segment, with the headers in its headroom. What
 * the queue knows of it lives in the keeper's line of the private area. While a port or a ring
 * holds the mbuf, too, its reference count says so and the queue writes nothing into it, be it
 * data or fields of the mbuf: data_off and len here are what counts once it was sent.
 */
struct tx_unit {
	struct rte_mbuf *next;
	uint64_t sent_us; /* the last transmission */
	uint32_t seq;
	uint16_t len;      /* payload */
	uint16_t data_off; /* of the payload in the mbuf's buffer */
	uint8_t flags;     /* enum unit_flags */
	uint8_t sends;     /* transmissions, saturating */
};

static_assert(sizeof(struct tx_unit) <= PACKET_KEEPER_BYTES, "fits the keeper's line");

enum unit_flags {
	UNIT_FIN = 1 << 0,
	UNIT_IN_FLIGHT = 1 << 1, /* counted in conn->flight */
	UNIT_SACKED = 1 << 2,
	UNIT_LOST = 1 << 3, /* to be sent again, counted in conn->lost_bytes */
};

static inline struct tx_unit *unit_of(struct rte_mbuf *m)
{
	return packet_keeper_of(m);
}

static inline char *unit_payload(struct rte_mbuf *m)
{
	return (char *)m->buf_addr + unit_of(m)->data_off;
}

static inline uint32_t unit_span(const struct tx_unit *unit)
{
	return unit->len + (unit->flags & UNIT_FIN);
}

static inline uint32_t unit_end(const struct tx_unit *unit)
{
	return unit->seq + unit_span(unit);
}

/* conn.c: life of a connection */
struct conn_tuple {
	const struct ip_addr *remote;
	const struct ip_addr *local;
	uint16_t remote_port_be;
	uint16_t local_port_be;
};

uint32_t conn_hash(const struct tcp_stack *stack, const struct conn_tuple *tuple);
struct tcp_conn *conn_find(
	const struct tcp_stack *stack, const struct conn_tuple *tuple, uint32_t hash);

/* A zeroed block in the table, or NULL: the limit (counted as refused_limit) or no memory. */
struct tcp_conn *conn_create(struct tcp_stack *stack, const struct conn_tuple *tuple);

struct conn_start {
	uint32_t iss;
	uint32_t irs;
	uint32_t window;        /* the peer's, unscaled in a SYN */
	struct options options; /* of the peer's SYN; TS only if we use it */
};

/* Both SYNs are known: sets what was agreed. */
void conn_agree(struct tcp_conn *conn, const struct conn_start *start);
void conn_set_state(struct tcp_conn *conn, enum conn_state state);
const char *conn_state_name(unsigned state);

/* The protocol is over: leaves the table, frees queues; the handler hears of it from dispatch. */
void conn_end(struct tcp_conn *conn, enum tcp_close_reason reason);

/* Both sides closed in order; is_waiting: through TIME-WAIT. What was received stays readable. */
void conn_finish(struct tcp_conn *conn, bool is_waiting);
void conn_bury(struct tcp_conn *conn);
void conn_raise(struct tcp_conn *conn, unsigned events);
void conn_want_output(struct tcp_conn *conn);
/* Tells a writer that waits, when half of its buffer is free. */
void conn_writable_check(struct tcp_conn *conn);
/* For an MTU toward the peer: the floors of IPv4 and IPv6 hold. */
void conn_set_path_mss(struct tcp_conn *conn, uint32_t mtu);
/* The largest payload that peer, port and buffers take. */
uint16_t conn_mss_limit(const struct tcp_conn *conn);

static inline bool conn_is_dead(const struct tcp_conn *conn)
{
	return conn->state == CONN_CLOSED;
}

/* receive.c: segments of a connection. Takes ownership of seg->m. */
void conn_receive(struct tcp_conn *conn, struct segment *seg);

/* syn_sent.c */
void syn_sent_receive(struct tcp_conn *conn, struct segment *seg);

/* rx_queue.c: received bytes */
#define RX_COPY_BYTES 256 /* so small a payload is copied rather than let pin a buffer */
/* Keeps len bytes from offset on; frees what is cut. len > 0 and all inside the chain. */
struct rte_mbuf *payload_slice(struct rte_mbuf *m, uint32_t offset, uint32_t len);
void rx_append(struct tcp_conn *conn, struct rte_mbuf *m);
/* May in-order data be taken in, as memory stands? */
bool rx_has_room(const struct tcp_conn *conn, const struct rte_mbuf *m);
void rx_take(struct tcp_conn *conn, size_t len);
/* Takes the first buffer out, all of its bytes included, and hands it over. */
struct rte_mbuf *rx_pop(struct tcp_conn *conn);
void rx_clear(struct tcp_conn *conn);
uint32_t rx_window(const struct tcp_conn *conn);
/* Is the window worth an update of its own: small before, larger by two segments now? While it is
 * wide the acknowledgments of data tell of it soon enough. */
bool rx_window_has_opened(const struct tcp_conn *conn);

/* rx_tune.c: how large the receive window may get */
uint32_t rx_window_limit(const struct tcp_conn *conn);
void rx_tune_start(struct tcp_conn *conn);
/* Data came: adapts the window once a round trip. */
void rx_tune(struct tcp_conn *conn, const struct segment *seg);

/* ooo.c: segments ahead of a hole */
/* Queues the payload m at seq, in the window; the first that brought a byte wins. Takes m. */
void ooo_insert(struct tcp_conn *conn, struct rte_mbuf *m, uint32_t seq);
/* Moves what is in order now to the receive queue. */
void ooo_drain(struct tcp_conn *conn);
void ooo_clear(struct tcp_conn *conn);
/* Gives up the queue of the connection whose hole is the oldest; there is one. */
void ooo_evict(struct tcp_stack *stack);
unsigned ooo_blocks(struct tcp_conn *conn, struct sack_block *blocks, unsigned max);
/* For tcp_check(): are the entries apart, in order and in the window? Adds up their buffers. */
int ooo_check(const struct tcp_conn *conn, uint32_t *mbufs, struct err *err);

/* tx_queue.c: bytes to send */
size_t tx_write(struct tcp_conn *conn, const uint8_t *data, size_t len);
/* May this received buffer, one of ready_bytes, join the queue as it is: full enough, nobody
 * else's, with room for headers in front? */
bool tx_can_adopt(const struct tcp_conn *conn, const struct rte_mbuf *m, uint32_t ready_bytes);
void tx_adopt(struct tcp_conn *conn, struct rte_mbuf *m);
bool tx_queue_fin(struct tcp_conn *conn);
/* Fills an unsent unit up to len from those behind it; true: it is that long now. */
bool tx_grow(struct tcp_conn *conn, struct rte_mbuf *m, uint16_t len);
/* Cuts a unit in two, the first of first_len bytes. False: no mbuf. */
bool tx_split(struct tcp_conn *conn, struct rte_mbuf *m, uint16_t first_len);
void tx_clear(struct tcp_conn *conn);
void tx_unit_leave_flight(struct tcp_conn *conn, struct tx_unit *unit);
void tx_unit_unlost(struct tcp_conn *conn, struct tx_unit *unit);
void tx_unit_mark_lost(struct tcp_conn *conn, struct tx_unit *unit);

/* ack.c: what the peer acknowledges. False: the segment must not be processed further. */
bool ack_receive(struct tcp_conn *conn, const struct segment *seg);

/* What one acknowledgment told. */
struct ack_news {
	uint32_t acked;     /* sequence space, cumulative */
	uint32_t delivered; /* newly acked or SACKed */
	uint32_t rtt_us;    /* 0: no sample */
	bool is_ambiguous;  /* a unit that was sent again is among them */
	bool is_dsack;
	bool is_duplicate; /* RFC 5681's duplicate acknowledgment */
	bool has_sacked;   /* units were newly SACKed */
	bool has_original; /* a unit that counted as lost arrived without being sent again */
	uint32_t dsack_end;
};

/* sack.c: the sender's scoreboard */
void sack_apply(struct tcp_conn *conn, const struct segment *seg, struct ack_news *news);

/* rack.c (RFC 8985 6) */
void rack_update(struct tcp_conn *conn, const struct tx_unit *unit, const struct segment *seg);
void rack_detect(struct tcp_conn *conn);
/* The peer has seen something twice: perhaps it was only late (6.2.4). */
void rack_on_dsack(struct tcp_conn *conn);
void rack_on_recovered(struct tcp_conn *conn);

/* recovery.c */
void recovery_on_ack(struct tcp_conn *conn, const struct ack_news *news);
void recovery_enter_rto(struct tcp_conn *conn);
void recovery_enter_fast(struct tcp_conn *conn);
uint32_t recovery_pipe(const struct tcp_conn *conn);

/* ECE came: the window falls, once a round trip (RFC 3168 6.1.2). */
void recovery_enter_cwr(struct tcp_conn *conn, uint32_t acked);
static inline bool recovery_is_for_loss(const struct tcp_conn *conn)
{
	return conn->recovery == RECOVERY_FAST || conn->recovery == RECOVERY_RTO;
}

/* undo.c: recoveries that turn out needless */
/* Before cwnd and ssthresh fall. */
void undo_begin(struct tcp_conn *conn);
void undo_note_resent(struct tcp_conn *conn);
/* Judges an acknowledgment; what a needless recovery took is given back. */
void undo_on_ack(struct tcp_conn *conn, const struct segment *seg, const struct ack_news *news);

/* mtu.c: path MTU (RFC 1191, RFC 8201, RFC 4821) */
void mtu_icmp_too_big(struct tcp_conn *conn, uint16_t mtu);
/* Time-outs in a row may mean that large segments vanish. */
void mtu_on_timeout(struct tcp_conn *conn);
/* Sends a probe when one is due and there is enough to send. False: no mbuf. */
bool mtu_probe_try(struct tcp_conn *conn);
void mtu_on_ack(struct tcp_conn *conn);
/* Is the probe all that was lost? Then smaller ones repeat it, and it says nothing of congestion.
 */
bool mtu_probe_is_lost(struct tcp_conn *conn);
void mtu_probe_fail(struct tcp_conn *conn);

/* ecn.c (RFC 3168) */
/* The ECN bits of the segment's IP header. */
uint8_t ecn_codepoint(const struct segment *seg);
void ecn_receive(struct tcp_conn *conn, const struct segment *seg);

/* pace.c */
#define PACE_TICK_US 1000u
bool pace_allows(struct tcp_conn *conn);
void pace_charge(struct tcp_conn *conn, uint32_t len);

/* keepalive.c (RFC 9293 3.8.4) */
void keepalive_start(struct tcp_conn *conn);
void keepalive_expire(struct tcp_conn *conn);

/* rtt.c (RFC 6298) */
void rtt_sample(struct tcp_conn *conn, uint32_t rtt_us);
uint64_t rto_backed_off_us(const struct tcp_conn *conn);

/* output.c */
void conn_output(struct tcp_conn *conn);
void conn_send_ack(struct tcp_conn *conn);
void conn_send_challenge(struct tcp_conn *conn);
void conn_send_reset(struct tcp_conn *conn);
/* An empty segment with a number that the peer has: it has to answer. */
void conn_send_probe(struct tcp_conn *conn, uint32_t seq);
void conn_send_syn(struct tcp_conn *conn);
bool conn_transmit(struct tcp_conn *conn, struct rte_mbuf *m);
/* Everything but flags and payload. An acknowledgment rides along: none waits any more. */
void conn_segment_start(struct tcp_conn *conn, struct segment_out *out);
/* Keeps the books of a unit that leaves. */
void conn_unit_sent(struct tcp_conn *conn, struct tx_unit *unit);
uint32_t conn_timestamp(const struct tcp_conn *conn);

/* timers.c */
void conn_timer_init(struct tcp_conn *conn);
void conn_timer_update(struct tcp_conn *conn);
void conn_loss_timer_set(struct tcp_conn *conn, enum loss_timer what, uint64_t at_us);
/* Chooses among RTO, TLP and persist after output or an acknowledgment. */
void conn_loss_timer_rearm(struct tcp_conn *conn);
void conn_delay_ack(struct tcp_conn *conn);

#endif
