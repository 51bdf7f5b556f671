/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBER_H
#define PROBER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/objpool.h"
#include "base/rng.h"
#include "health/health.h"
#include "http/h1.h"
#include "http/h2.h"
#include "runtime/wheel.h"
#include "tls/tls.h"

#define BUCKETS     1024
#define CHECK_BYTES 8192 /* the request, later the head of the answer */

/* A member under watch. All facts are copies: it may leave the configuration at any time. */
struct probe {
	struct health_core *health;
	struct check *check;      /* running now, or NULL */
	struct wheel_timer timer; /* the next start */
	uint64_t generation;      /* of the last snapshot that had it */
	uint64_t started_us;      /* the last start, made up before the first */
	uint32_t member_id;
	uint32_t interval_ms;
	unsigned pool_index; /* in the adopted snapshot */
	struct ip_addr address;
	uint16_t port;
	LIST_ENTRY(probe) link;
};

/* A check that is running. */
struct check {
	struct health_core *health;
	struct probe *probe;
	struct tcp_conn *conn;    /* NULL: over */
	struct wheel_timer timer; /* time-out */
	bool is_http;
	bool is_grpc;
	enum config_client_address client_address;
	bool is_connected;           /* TCP */
	struct tls_context *context; /* NULL: plain */
	struct tls_session *tls;     /* NULL until connected */
	unsigned expect;
	struct h1_parser *parser; /* from health->parsers, once connected */
	/* Of gRPC: */
	struct h2_session *h2; /* once connected */
	struct h2_stream *call;
	size_t memory_bytes; /* that the session holds */
	uint8_t answer[64];
	size_t answer_len;
	size_t request_len;
	char buffer[CHECK_BYTES];
};

struct health_core {
	struct health_params params;
	struct wheel *wheel;
	const struct snapshot *snapshot; /* of this turn; checks start in it only */
	uint64_t generation;
	uint64_t now_us;
	struct rng rng;
	struct objpool *probes;
	struct objpool *checks;
	struct objpool *parsers;
	LIST_HEAD(, probe) buckets[BUCKETS];
};

/* 0; -EAGAIN: not now for want of something of ours. The outcome goes to probe_finish(). */
int check_start(struct probe *probe, const struct config_health_check *config);

/* Without a report. */
void check_cancel(struct check *check);

/* The check is over: reports, and arms the next start. */
void probe_finish(struct probe *probe, bool is_ok, const char *detail);

#endif
