/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_CC_CC_H
#define TCP_CC_CC_H

#include <stdint.h>

/*
 * Congestion control: how the window grows and how far it falls. When to send, what is lost and
 * the course of a recovery (PRR) belong to the stack. A new algorithm: one file and a row in cc.c.
 */
struct cc {
	uint32_t cwnd;     /* bytes */
	uint32_t ssthresh; /* bytes */
	uint32_t mss;
	uint32_t acked; /* bytes acknowledged since cwnd last grew, congestion avoidance */
	/* CUBIC only; an algorithm that needs other state makes a union of this. */
	uint32_t w_max;
	uint32_t w_max_prior; /* as it was before the last loss */
	uint32_t cwnd_prior;  /* likewise (RFC 9438 4.1.2) */
	uint32_t w_est;
	uint32_t k_ms;
	uint32_t epoch_ms; /* start of the growth epoch, 0: none yet */
};

struct cc_ops {
	const char *name;
	/* cwnd, ssthresh and mss are set. */
	void (*init)(struct cc *cc);
	/* New data was acknowledged while the window was in use, outside of recovery. */
	void (*on_ack)(struct cc *cc, uint32_t acked, uint32_t srtt_us, uint64_t now_us);
	/* Loss: sets ssthresh from what is sent and not acknowledged (RFC 5681's FlightSize); the
	 * stack moves cwnd. */
	void (*on_loss)(struct cc *cc, uint32_t flight, uint64_t now_us);
	/* That loss was none (the stack has put back cwnd and ssthresh). */
	void (*on_undo)(struct cc *cc);
	/* Nothing was sent for longer than the RTO. */
	void (*on_idle)(struct cc *cc);
};

extern const struct cc_ops cc_cubic;
extern const struct cc_ops cc_newreno;

/* By name; NULL: unknown. */
const struct cc_ops *cc_find(const char *name);

/* RFC 6928: ten segments, but no more than about 15 KB. */
uint32_t cc_initial_window(uint32_t mss);

/* Exponential growth up to ssthresh (RFC 5681 3.1 with L = 2, RFC 3465); returns what is left of
 * acked for congestion avoidance. */
uint32_t cc_slow_start(struct cc *cc, uint32_t acked);

#endif
