/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_BUCKET_H
#define L7_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Token buckets by key, in memory of a fixed size, shared by all workers without locks: a limit is
 * that of the appliance, exactly, whichever workers its requests come to. A bucket is one word, the
 * time at which it will be full again (GCRA), changed by compare-and-swap; what that costs is one
 * cache line, which moves between cores for a key that several of them ask for.
 *
 * Where the table is full, the bucket of the set that is full again first makes room: a full one is
 * the same as none, so nothing is lost until more keys than that are busy at once.
 */
struct bucket_table;

/* Buckets for about so many keys. NULL when memory is short. Control thread. */
struct bucket_table *bucket_table_create(size_t keys);
void bucket_table_destroy(struct bucket_table *table);

/* The key of len bytes, which nobody outside can aim at another one's. */
uint64_t bucket_key(const struct bucket_table *table, const void *data, size_t len);

struct bucket_rate {
	uint64_t interval_ns; /* between two tokens */
	uint64_t depth_ns;    /* the interval times as many as there can be at once */
};

struct bucket_result {
	bool is_taken;
	bool is_evicted;   /* a bucket that was in use made room */
	uint64_t left;     /* tokens */
	uint64_t wait_ns;  /* until there is a token; 0 when one was taken */
	uint64_t reset_ns; /* until the bucket is full */
};

/* Takes a token. is_dry: only tells what would happen. Any worker. */
struct bucket_result bucket_take(struct bucket_table *table, uint64_t key,
	const struct bucket_rate *rate, uint64_t now_ns, bool is_dry);

#endif
