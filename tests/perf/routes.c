/* SPDX-License-Identifier: Apache-2.0 */
/* Time for a routing decision, for tables of growing length: see tools/bench routes --help. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "l7/route.h"

#define PATHS_PER_HOST 10
#define REQUESTS       4096
#define ROUNDS_MAX     99
#define NAME_MAX_BYTES 48
#define NS_PER_S       1e9

struct names {
	char host[NAME_MAX_BYTES];
	char path[NAME_MAX_BYTES];
};

struct request {
	struct http_head *head;
	char host[NAME_MAX_BYTES];
	char target[2 * NAME_MAX_BYTES];
	unsigned pool;
};

static const char *const usual_fields[][2] = {
	{ "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" },
	{ "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" },
	{ "Accept-Language", "en-US,en;q=0.5" },
	{ "Accept-Encoding", "gzip, deflate, br" },
	{ "Cookie", "session=0123456789abcdef; theme=dark; lang=en" },
	{ "Referer", "https://www.example.com/" },
};

static struct http_span span(const char *text)
{
	return (struct http_span){ .data = text, .len = strlen(text) };
}

/* Ten paths for each host: exact ones, prefixes, and one in ten that asks for a cookie, too. */
static void routes_fill(struct config_l7_route *routes, struct names *names, unsigned count)
{
	static struct config_text_match cookie = {
		.name = "theme",
		.test = CONFIG_TEXT_EXACT,
		.text = "dark",
	};

	for (unsigned i = 0; i < count; i++) {
		snprintf(names[i].host, sizeof(names[i].host), "site%u.example.com",
			i / PATHS_PER_HOST);
		snprintf(
			names[i].path, sizeof(names[i].path), "/section%u/api", i % PATHS_PER_HOST);
		routes[i] = (struct config_l7_route){
			.host = names[i].host,
			.path = names[i].path,
			.path_kind = i % 2 == 0 ? CONFIG_PATH_EXACT : CONFIG_PATH_PREFIX,
			.pool = i,
		};
		if (i % PATHS_PER_HOST == 0)
			routes[i].cookies = (struct config_text_matches){ .items = &cookie,
				.count = 1 };
	}
}

static void request_fill(struct request *request, const struct config_l7_route *routes,
	const struct names *names, unsigned at)
{
	struct http_head *head = calloc(1, sizeof(*head));
	bool is_exact = routes[at].path_kind == CONFIG_PATH_EXACT;

	if (head == NULL) {
		fprintf(stderr, "bench routes: out of memory\n");
		exit(1);
	}
	snprintf(request->host, sizeof(request->host), "%s", names[at].host);
	snprintf(request->target, sizeof(request->target), "%s%s", names[at].path,
		is_exact ? "" : "/v1/items");
	head->method = span("GET");
	head->host = span(request->host);
	head->target = span(request->target);
	head->path = head->target;
	for (size_t i = 0; i < sizeof(usual_fields) / sizeof(usual_fields[0]); i++)
		head->fields[head->field_count++] = (struct http_field){
			.name = span(usual_fields[i][0]),
			.value = span(usual_fields[i][1]),
		};
	request->head = head;
	request->pool = at;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_S;
}

/* Nanoseconds for a decision. Every answer is looked at: a wrong one ends the program. */
static double round_run(
	const struct route_table *table, const struct request *requests, unsigned decisions)
{
	struct ip_addr source = ip_from_v4(0x0502000a);
	struct route_scratch *scratch = route_scratch_create();
	double before = seconds_now();

	for (unsigned i = 0; i < decisions; i++) {
		const struct request *request = &requests[i % REQUESTS];
		const struct route *route = route_find(table,
			&(struct route_request){
				.head = request->head,
				.source = &source,
				.scratch = scratch,
			});

		if (route == NULL || route->pool != request->pool) {
			fprintf(stderr, "bench routes: a request took a wrong way\n");
			exit(1);
		}
	}
	before = seconds_now() - before;
	route_scratch_destroy(scratch);
	return before * NS_PER_S / decisions;
}

static int double_compare(const void *a, const void *b)
{
	double first = *(const double *)a;
	double second = *(const double *)b;

	return (first > second) - (first < second);
}

static double case_run(unsigned count, unsigned rounds)
{
	struct config_l7_route *routes = calloc(count, sizeof(*routes));
	struct names *names = calloc(count, sizeof(*names));
	struct request *requests = calloc(REQUESTS, sizeof(*requests));
	struct rng rng = { .state = 1 };
	struct err err = { .text = "out of memory" };
	struct route_table *table = NULL;
	double times[ROUNDS_MAX];

	if (routes != NULL && names != NULL && requests != NULL) {
		routes_fill(routes, names, count);
		table = route_table_create(routes, count, UINT_MAX, &err);
	}
	if (table == NULL) {
		fprintf(stderr, "bench routes: %s\n", err.text);
		exit(1);
	}
	for (unsigned i = 0; i < REQUESTS; i++)
		request_fill(&requests[i], routes, names, rng_below(&rng, count));
	for (unsigned i = 0; i < rounds; i++)
		times[i] = round_run(table, requests, 500 * REQUESTS);
	qsort(times, rounds, sizeof(times[0]), double_compare);
	for (unsigned i = 0; i < REQUESTS; i++)
		free(requests[i].head);
	route_table_destroy(table);
	free(routes);
	free(names);
	free(requests);
	return times[rounds / 2];
}

int main(int argc, char **argv)
{
	static const unsigned counts[] = { 10, 1000, 10000 };
	bool is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
	double first = 0;

	rounds = rounds < 3 ? 3 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
	if (!is_json)
		printf("%-20s %14s %12s\n", "case", "ns/decision", "/10 routes");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		double ns = case_run(counts[i], rounds);

		if (i == 0)
			first = ns;
		if (is_json)
			printf("{\"bench\": \"routes\", \"case\": \"decision, %u routes\", "
			       "\"unit\": \"ns\", \"penstock\": %.1f, \"peer\": \"10 routes\", "
			       "\"peer_value\": %.1f, \"ratio\": %.3f, \"better\": \"lower\"}\n",
				counts[i], ns, first, ns / first);
		else
			printf("%6u routes %21.1f %12.2f\n", counts[i], ns, ns / first);
		fflush(stdout);
	}
	return 0;
}
