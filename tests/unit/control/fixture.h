/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "control/control.h"
#include "l7/access_log.h"
#include "support/support.h"
#include "tcp/trace.h"

/*
 * A control module over two services, two pools with three members, two workers and one port, all
 * made up, with a clock that stands still. One at a time.
 */
#define FIXTURE_CORES   2
#define FIXTURE_MEMBERS 3

struct tls_store;

struct fixture {
	struct control *control;
	struct stats_registry *stats;
	struct core cores[FIXTURE_CORES];
	struct member members[FIXTURE_MEMBERS];
	struct member_counters member_counters[FIXTURE_MEMBERS];
	struct service_counters service_counters[2];
	uint64_t now_us;
	uint64_t config_generation;
	int reload_result;
	int pool_changed_result;
	unsigned pool_changed_count;
	unsigned pool_changed_index;
	unsigned shutdown_count;
	struct access_log *access; /* of one worker */
	unsigned silent_core;      /* does not answer calls */
	bool has_trace;            /* tcp_trace_start() was called, and so often tcp_trace_seek() */
	unsigned trace_seeks;
	struct tcp_trace_filter trace_filter;
	int trace_result;       /* of tcp_trace_start() */
	unsigned l4_conn_count; /* rows of worker 0 */
	unsigned traced_flags;  /* of the last packet that a worker traced */
	unsigned traced_port;
	char capture_path[96]; /* the one file that commands may create; "": none */
	bool is_plan_empty;    /* the file of a plan has no services */
	uint32_t plan_kept_id; /* the member that a plan keeps */
	unsigned configs_destroyed;
	struct tls_store *certificates; /* none, but a test may put others in place */
	unsigned certificates_replaced;
	char folder[64];
	char socket[96];
};

extern struct fixture fixture;

/* cmocka's setup and teardown of every test. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The answer to a line, without its last empty line. Valid until the next call. */
const char *fixture_ask(const char *line);

/* The answer must be this one, or have this part. */
void fixture_answer(const char *line, const char *expected);
void fixture_answer_has(const char *line, const char *part);

#endif
