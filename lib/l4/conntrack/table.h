/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L4_CONNTRACK_TABLE_H
#define L4_CONNTRACK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <rte_prefetch.h>

#include "base/hash.h"
#include "conn.h"
#include "splice.h"

/*
 * The connections of one worker, found by the tuple of a packet from either side. An index of
 * buckets of one cache line holds 16-bit tags and numbers of connections; a tuple has two buckets
 * that it may be in, and an insertion moves an entry out of its way if both are full (cuckoo
 * hashing). So a packet costs two cache misses, both prefetched over the burst: bucket and
 * connection. The hash is keyed: nobody outside can fill one bucket.
 *
 * The index is half full when all connections are in use.
 */
#define BUCKET_ENTRIES 8

struct conntrack_bucket {
	uint16_t tags[BUCKET_ENTRIES];    /* 0: empty */
	uint32_t entries[BUCKET_ENTRIES]; /* number of the connection * 2 + side */
} __rte_cache_aligned;

static_assert(sizeof(struct conntrack_bucket) == 64, "a bucket is one cache line");

/* Address space that takes memory only where it is touched. */
struct region {
	void *base;
	size_t bytes;
};

struct conntrack {
	struct conntrack_bucket *buckets;
	struct conn *conns;
	struct conn_v6 *v6;
	struct splice *splices; /* of the same number; memory comes with the first touch */
	struct hash_key key;
	uint32_t bucket_count;
	uint32_t max;
	uint32_t used;
	uint32_t fresh; /* conns[fresh..] were never in use */
	uint32_t free;  /* head of the free list */
	struct region regions[4];
};

/* NULL when memory is short. max: 1 .. 2^30. */
struct conntrack *conntrack_create(uint32_t max, struct hash_key key);
void conntrack_destroy(struct conntrack *table);

/* Finds in both buckets; the full search behind conntrack_guess(). */
struct conn *conntrack_find(struct conntrack *table, uint64_t hash,
	const struct packet_tuple *tuple, enum conn_side side);

/*
 * Enters a connection: the tuples of what the client and what the member send; without the latter
 * (NULL) it is one-sided. The caller made sure that neither is in the table, and fills in all but
 * tuples, protocol and the flags that follow from them. NULL when no connection is free or an index
 * entry finds no place.
 */
struct conn *conntrack_add(struct conntrack *table, const struct packet_tuple *client,
	const struct packet_tuple *member);
void conntrack_remove(struct conntrack *table, struct conn *conn);

/*
 * The connection to give up for one with this hash: in one of its two buckets, expired, closed or
 * never answered, in this order, then the one that was idle longest. NULL: none such.
 */
struct conn *conntrack_victim(struct conntrack *table, uint64_t hash, uint32_t now_ms);

/* What a packet from this side would carry; all zero for the member of a one-sided one. */
void conntrack_tuple(const struct conntrack *table, const struct conn *conn, enum conn_side side,
	struct packet_tuple *tuple);

static inline struct conn_v6 *conntrack_v6(const struct conntrack *table, const struct conn *conn)
{
	return &table->v6[conn - table->conns];
}

static inline struct splice *conntrack_splice(
	const struct conntrack *table, const struct conn *conn)
{
	return &table->splices[conn - table->conns];
}

static inline struct conn *conntrack_spliced(
	const struct conntrack *table, const struct splice *splice)
{
	return &table->conns[splice - table->splices];
}

static inline uint64_t conntrack_hash(
	const struct conntrack *table, const struct packet_tuple *tuple, enum conn_side side)
{
	uint64_t rest = (uint64_t)tuple->src_port_be << 48 | (uint64_t)tuple->dst_port_be << 32 |
		(uint64_t)tuple->protocol << 8 | (uint64_t)side;
	uint64_t words[5];

	if (ip_is_v4(&tuple->src))
		return hash_words2(table->key,
			(uint64_t)ip_v4_be(&tuple->src) << 32 | ip_v4_be(&tuple->dst), rest);
	words[0] = tuple->src.halves[0];
	words[1] = tuple->src.halves[1];
	words[2] = tuple->dst.halves[0];
	words[3] = tuple->dst.halves[1];
	words[4] = rest;
	return hash_words5(table->key, words);
}

/* First and second choice. */
static inline struct conntrack_bucket *bucket_first(const struct conntrack *table, uint64_t hash)
{
	return &table->buckets[((hash >> 32) * table->bucket_count) >> 32];
}

static inline struct conntrack_bucket *bucket_second(const struct conntrack *table, uint64_t hash)
{
	uint32_t low = (uint32_t)hash * 0x9e3779b1u;

	return &table->buckets[((uint64_t)low * table->bucket_count) >> 32];
}

static inline uint16_t bucket_tag(uint64_t hash)
{
	uint16_t tag = (uint16_t)hash;

	return tag == 0 ? 1 : tag;
}

/* Bit i: tags[i] is this tag. All eight are compared at once. */
static inline unsigned bucket_match(const struct conntrack_bucket *bucket, uint16_t tag)
{
	typedef uint16_t tag_vector __attribute__((vector_size(16), may_alias));
	typedef uint64_t half_vector __attribute__((vector_size(16)));
	half_vector hits = (half_vector)(*(const tag_vector *)bucket->tags == tag);

	/* One bit of each hit, moved side by side into the uppermost lane. */
	return (unsigned)(((hits[0] & 0x0008000400020001ull) * 0x0001000100010001ull) >> 48) |
		(unsigned)(((hits[1] & 0x0008000400020001ull) * 0x0001000100010001ull) >> 48) << 4;
}

static inline bool conn_matches_v6(const struct conntrack *table, const struct conn *conn,
	const struct packet_tuple *tuple, enum conn_side side)
{
	const struct conn_v6 *v6 = conntrack_v6(table, conn);

	return ip_equal(&v6->addresses[side].remote, &tuple->src) &&
		ip_equal(&v6->addresses[side].ours, &tuple->dst);
}

/* True when a packet with this tuple from this side belongs to the connection, which is in use. */
static inline bool conn_matches(const struct conntrack *table, const struct conn *conn,
	const struct packet_tuple *tuple, enum conn_side side)
{
	const struct conn_addresses *addresses = &conn->addresses[side];
	bool is_v6 = !ip_is_v4(&tuple->src);

	if (((conn->ports[side].remote_be ^ tuple->src_port_be) |
		    (conn->ports[side].ours_be ^ tuple->dst_port_be) |
		    (conn->protocol ^ tuple->protocol)) != 0 ||
		conn_is_v6(conn, side) != is_v6)
		return false;
	if (is_v6)
		return conn_matches_v6(table, conn, tuple, side);
	return ((addresses->remote_be ^ ip_v4_be(&tuple->src)) |
		       (addresses->ours_be ^ ip_v4_be(&tuple->dst))) == 0;
}

static inline void conntrack_prefetch(const struct conntrack *table, uint64_t hash)
{
	rte_prefetch0(bucket_first(table, hash));
}

/*
 * The connection that is probably meant, without a look at it: a tag can be somebody else's, and
 * an entry can be in its second bucket. Prefetches it.
 */
static inline struct conn *conntrack_guess(const struct conntrack *table, uint64_t hash, bool is_v6)
{
	const struct conntrack_bucket *bucket = bucket_first(table, hash);
	unsigned hits = bucket_match(bucket, bucket_tag(hash));
	struct conn *conn;

	if (hits == 0) {
		rte_prefetch0(bucket_second(table, hash));
		return NULL;
	}
	conn = &table->conns[bucket->entries[__builtin_ctz(hits)] >> 1];
	rte_prefetch0(conn);
	if (is_v6)
		rte_prefetch0(conntrack_v6(table, conn));
	return conn;
}

#endif
