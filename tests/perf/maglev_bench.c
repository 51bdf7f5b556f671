/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maglev tables: how long one takes to build, and how many slots change when backends leave.
 * Prints a line "BACKENDS SIZE REMOVED BUILD_US CHANGED_PCT COLLATERAL_PCT" per row of the table.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "balance/maglev.h"
#include "base/rng.h"

#define BACKENDS_MAX 1000
#define NAME_BYTES   24
#define NS_PER_S     1000000000ll
#define NS_PER_US    1000

struct row {
	unsigned backends;
	uint32_t size;
	unsigned removed;
};

static const struct row rows[] = {
	{ 1000, 65537, 1 },
	{ 1000, 65537, 10 },
	{ 1000, 65537, 50 },
	{ 1000, 655373, 1 },
	{ 1000, 655373, 10 },
	{ 100, 65537, 1 },
	{ 10, 65537, 1 },
	{ 100, 4093, 1 },
};

struct bench {
	char names[BACKENDS_MAX][NAME_BYTES];
	struct maglev_backend backends[BACKENDS_MAX];
	bool is_out[BACKENDS_MAX];
	uint16_t *before;
	uint16_t *after;
	struct rng rng;
	unsigned trials;
};

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static bool table_build(struct bench *bench, const struct row *row, uint16_t *slots)
{
	const struct hash_key key = { .k0 = 0x243f6a8885a308d3ull, .k1 = 0x13198a2e03707344ull };

	return maglev_build(bench->backends, row->backends, key, slots, row->size) == 0;
}

static void backends_remove(struct bench *bench, const struct row *row)
{
	memset(bench->is_out, 0, sizeof(bench->is_out));
	for (unsigned left = row->removed; left > 0;) {
		uint32_t at = rng_below(&bench->rng, row->backends);

		if (bench->is_out[at])
			continue;
		bench->is_out[at] = true;
		bench->backends[at].weight = 0;
		left--;
	}
}

static int time_compare(const void *a, const void *b)
{
	long long left = *(const long long *)a;
	long long right = *(const long long *)b;

	return left < right ? -1 : left > right;
}

/* Each trial builds a table, takes backends out at random, and builds again. */
static bool row_run(struct bench *bench, const struct row *row)
{
	long long *times = calloc(bench->trials, sizeof(*times));
	unsigned long long changed = 0, collateral = 0;
	double slots = (double)row->size * bench->trials;
	bool is_good = times != NULL;

	for (unsigned trial = 0; is_good && trial < bench->trials; trial++) {
		for (unsigned i = 0; i < row->backends; i++)
			bench->backends[i] = (struct maglev_backend){ bench->names[i], 1, 0, 0 };
		times[trial] = now_ns();
		is_good = table_build(bench, row, bench->before);
		times[trial] = now_ns() - times[trial];
		backends_remove(bench, row);
		is_good = is_good && table_build(bench, row, bench->after);
		for (uint32_t i = 0; is_good && i < row->size; i++) {
			bool has_changed = bench->before[i] != bench->after[i];

			changed += has_changed;
			collateral += has_changed && !bench->is_out[bench->before[i]];
		}
	}
	if (is_good) {
		qsort(times, bench->trials, sizeof(*times), time_compare);
		printf("%u %u %u %.1f %.3f %.3f\n", row->backends, row->size, row->removed,
			(double)times[bench->trials / 2] / NS_PER_US, 100 * (double)changed / slots,
			100 * (double)collateral / slots);
	}
	free(times);
	return is_good;
}

int main(int argc, char **argv)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	bool is_good;

	if (bench == NULL)
		return 1;
	bench->trials = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 9;
	bench->rng.state = 42;
	bench->before = malloc(655373 * sizeof(uint16_t));
	bench->after = malloc(655373 * sizeof(uint16_t));
	is_good = bench->before != NULL && bench->after != NULL && bench->trials > 0 &&
		bench->trials <= 10000;
	for (unsigned i = 0; i < BACKENDS_MAX; i++)
		snprintf(bench->names[i], NAME_BYTES, "198.51.%u.%u:80", 100 + i / 250, i % 250);
	for (unsigned i = 0; is_good && i < sizeof(rows) / sizeof(rows[0]); i++)
		is_good = row_run(bench, &rows[i]);
	free(bench->before);
	free(bench->after);
	free(bench);
	return is_good ? 0 : 1;
}
