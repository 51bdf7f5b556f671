/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_ACCESS_LOG_H
#define L7_ACCESS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/ip.h"
#include "conf/config.h"
#include "http/message.h"
#include "l7/l7.h"
#include "stats/stats.h"

/*
 * What is left of a request when it has ended. Workers put records into rings of their own; the
 * control thread takes them out, writes lines, and keeps the slow and the malformed ones. A full
 * ring loses records, and counts them: a worker never waits.
 */
enum access_text {
	ACCESS_SERVICE,
	ACCESS_METHOD,
	ACCESS_HOST,
	ACCESS_TARGET,
	ACCESS_ROUTE,
	ACCESS_POOL,
	ACCESS_MEMBER,
	ACCESS_USER_AGENT,
	ACCESS_REFERER,
	ACCESS_SNI,
	ACCESS_TLS,
	ACCESS_REQUEST_ID,
	ACCESS_TRACE_ID,
	ACCESS_RAW, /* a malformed head, as far as it was read */
	ACCESS_TEXT_COUNT,
};

#define ACCESS_NEVER UINT32_MAX /* of durations: it never came so far */

struct access_record {
	uint32_t bytes; /* of the record with its texts; a multiple of 8 */
	uint16_t status;
	uint8_t version; /* 10, 11, 20; 0: no HTTP, a connection that was passed through */
	uint8_t tries;
	uint8_t hedge;   /* 0: none, 1: lost, 2: won */
	uint8_t ending;  /* enum l7_ending */
	uint8_t refusal; /* enum http_refusal */
	bool is_refusal_by_member;
	uint16_t client_port, vip_port;
	uint32_t raw_at;     /* the offending byte's place in the text ACCESS_RAW */
	uint64_t refused_at; /* its place in the connection */
	struct ip_addr client, vip;
	uint64_t begun_us; /* the worker's clock */
	uint32_t handshake_us, header_us, queue_us, connect_us, first_us, total_us;
	uint64_t bytes_in, bytes_out;
	uint16_t lens[ACCESS_TEXT_COUNT];
	char texts[]; /* one behind the other, without NUL */
};

#define ACCESS_RECORD_MAX 4096

/* A text of a record: where it stands in it. */
struct http_span access_text(const struct access_record *record, enum access_text text);

/* One worker writes, the control thread reads. */
struct access_ring;

/* A record of len bytes, a multiple of 8, copied; false: the ring is full. The worker. */
bool access_ring_put(struct access_ring *ring, const struct access_record *record);

struct access_log;

/* All of these: control thread. NULL: no memory. */
struct access_log *access_log_create(unsigned worker_count);
void access_log_destroy(struct access_log *log);
struct access_ring *access_log_ring(struct access_log *log, unsigned worker);

/*
 * What the configuration says from now on; config is copied. When its file cannot be opened the old
 * one stays in use: -errno, and words.
 */
int access_log_configure(
	struct access_log *log, const struct config_access_log *config, struct err *err);

/* The file was renamed: opens it anew. On failure the old one stays. */
int access_log_reopen(struct access_log *log, struct err *err);

/* Takes what the workers wrote; some times a second. Returns how many records: 0 once none is left.
 */
unsigned access_log_poll(struct access_log *log, uint64_t now_us);

struct access_counters {
#define COUNTER(name, help) uint64_t name;
#include "l7/access.def"
#undef COUNTER
};
extern const struct stats_set access_stats_set;
const struct access_counters *access_log_counters(const struct access_log *log);

/* Who brings datagrams to a syslog server, by the appliance's own ports. Control thread. */
struct access_carrier {
	/* The most bytes of a datagram to dst; 0: there is no way to it now. */
	size_t (*room)(void *ctx, const struct ip_addr *dst);
	/* One datagram, which is copied. False: it is lost. */
	bool (*send)(
		void *ctx, const struct ip_addr *dst, uint16_t port, const char *data, size_t len);
	void *ctx;
};

/* carrier is copied; without one, lines to syslog are lost. */
void access_log_carry(struct access_log *log, const struct access_carrier *carrier);

enum access_book { ACCESS_SLOW, ACCESS_ERRORS, ACCESS_BOOK_COUNT };
#define ACCESS_BOOK_MAX 64

/* The index-th youngest of a book, or NULL past the last; *unix_us: when it began. */
const struct access_record *access_log_kept(
	const struct access_log *log, enum access_book book, unsigned index, uint64_t *unix_us);

/* One line, without its end, as config has it. unix_us: when the request began. */
void access_format(FILE *out, const struct config_access_log *config,
	const struct access_record *record, uint64_t unix_us);

#endif
