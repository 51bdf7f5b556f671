/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "l4/l4.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define NOBODY          UINT32_MAX

/*
 * Anonymous memory in transparent huge pages where the kernel gives them: random access to a
 * million connections would otherwise miss the TLB each time. Pages come with the first touch.
 */
static void *region_map(struct region *region, size_t bytes)
{
	char *start;

	region->bytes = RTE_ALIGN_CEIL(bytes, HUGE_PAGE_BYTES) + HUGE_PAGE_BYTES;
	region->base = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (region->base == MAP_FAILED) {
		region->base = NULL;
		return NULL;
	}
	start = RTE_PTR_ALIGN_CEIL((char *)region->base, HUGE_PAGE_BYTES);
	/* A kernel without huge pages refuses: small ones do as well. */
	madvise(start, region->bytes - HUGE_PAGE_BYTES, MADV_HUGEPAGE);
	return start;
}

struct conntrack *conntrack_create(uint32_t max, struct hash_key key)
{
	struct conntrack *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	/* Two entries a connection, and as much room again. */
	table->bucket_count = RTE_MAX(max * 2ull * 2 / BUCKET_ENTRIES, 2ull);
	table->max = max;
	table->free = NOBODY;
	table->key = key;
	table->buckets = region_map(
		&table->regions[0], table->bucket_count * sizeof(table->buckets[0]));
	table->conns = region_map(&table->regions[1], max * sizeof(table->conns[0]));
	table->v6 = region_map(&table->regions[2], max * sizeof(table->v6[0]));
	table->splices = region_map(&table->regions[3], max * sizeof(table->splices[0]));
	if (table->buckets == NULL || table->conns == NULL || table->v6 == NULL ||
		table->splices == NULL) {
		conntrack_destroy(table);
		return NULL;
	}
	/*
	 * The first few flows would touch every huge page of the index, milliseconds each: better
	 * now. Connections fill up from the start and take their pages one after the other.
	 */
	memset(table->buckets, 0, table->bucket_count * sizeof(table->buckets[0]));
	return table;
}

void conntrack_destroy(struct conntrack *table)
{
	if (table == NULL)
		return;
	for (unsigned i = 0; i < RTE_DIM(table->regions); i++) {
		if (table->regions[i].base != NULL)
			munmap(table->regions[i].base, table->regions[i].bytes);
	}
	free(table);
}

static struct conn *bucket_find(struct conntrack *table, const struct conntrack_bucket *bucket,
	uint64_t hash, const struct packet_tuple *tuple, enum conn_side side)
{
	unsigned hits = bucket_match(bucket, bucket_tag(hash));

	for (; hits != 0; hits &= hits - 1) {
		uint32_t entry = bucket->entries[__builtin_ctz(hits)];
		struct conn *conn = &table->conns[entry >> 1];

		if ((entry & 1) == (uint32_t)side && conn_matches(table, conn, tuple, side))
			return conn;
	}
	return NULL;
}

struct conn *conntrack_find(struct conntrack *table, uint64_t hash,
	const struct packet_tuple *tuple, enum conn_side side)
{
	struct conn *conn = bucket_find(table, bucket_first(table, hash), hash, tuple, side);

	if (conn != NULL)
		return conn;
	return bucket_find(table, bucket_second(table, hash), hash, tuple, side);
}

void conntrack_tuple(const struct conntrack *table, const struct conn *conn, enum conn_side side,
	struct packet_tuple *tuple)
{
	const struct conn_v6 *v6 = conntrack_v6(table, conn);

	if (conn_is_v6(conn, side)) {
		tuple->src = v6->addresses[side].remote;
		tuple->dst = v6->addresses[side].ours;
	} else {
		tuple->src = ip_from_v4(conn->addresses[side].remote_be);
		tuple->dst = ip_from_v4(conn->addresses[side].ours_be);
	}
	tuple->src_port_be = conn->ports[side].remote_be;
	tuple->dst_port_be = conn->ports[side].ours_be;
	tuple->protocol = conn->protocol;
}

static uint64_t entry_hash(const struct conntrack *table, uint32_t entry)
{
	enum conn_side side = entry & 1;
	struct packet_tuple tuple;

	conntrack_tuple(table, &table->conns[entry >> 1], side, &tuple);
	return conntrack_hash(table, &tuple, side);
}

static bool bucket_put(struct conntrack_bucket *bucket, uint16_t tag, uint32_t entry)
{
	unsigned empty = bucket_match(bucket, 0);
	unsigned at;

	if (empty == 0)
		return false;
	at = (unsigned)__builtin_ctz(empty);
	bucket->tags[at] = tag;
	bucket->entries[at] = entry;
	return true;
}

/* Makes room in a full bucket: moves one of its entries to where that one may be as well. */
static bool bucket_relieve(struct conntrack *table, struct conntrack_bucket *bucket)
{
	for (unsigned i = 0; i < BUCKET_ENTRIES; i++) {
		uint64_t hash = entry_hash(table, bucket->entries[i]);
		struct conntrack_bucket *other = bucket_first(table, hash);

		if (other == bucket)
			other = bucket_second(table, hash);
		if (other != bucket && bucket_put(other, bucket->tags[i], bucket->entries[i])) {
			bucket->tags[i] = 0;
			return true;
		}
	}
	return false;
}

static bool entry_insert(struct conntrack *table, uint64_t hash, uint32_t entry)
{
	struct conntrack_bucket *first = bucket_first(table, hash);
	struct conntrack_bucket *second = bucket_second(table, hash);
	uint16_t tag = bucket_tag(hash);

	if (bucket_put(first, tag, entry) || bucket_put(second, tag, entry))
		return true;
	if (bucket_relieve(table, first))
		return bucket_put(first, tag, entry);
	return bucket_relieve(table, second) && bucket_put(second, tag, entry);
}

static bool bucket_clear(struct conntrack_bucket *bucket, uint16_t tag, uint32_t entry)
{
	unsigned hits = bucket_match(bucket, tag);

	for (; hits != 0; hits &= hits - 1) {
		unsigned at = (unsigned)__builtin_ctz(hits);

		if (bucket->entries[at] == entry) {
			bucket->tags[at] = 0;
			return true;
		}
	}
	return false;
}

static void entry_remove(struct conntrack *table, uint32_t entry)
{
	uint64_t hash = entry_hash(table, entry);
	uint16_t tag = bucket_tag(hash);

	if (!bucket_clear(bucket_first(table, hash), tag, entry))
		bucket_clear(bucket_second(table, hash), tag, entry);
}

static struct conn *conn_get(struct conntrack *table)
{
	struct conn *conn;

	if (table->free != NOBODY) {
		conn = &table->conns[table->free];
		table->free = conn->next_free;
	} else if (table->fresh < table->max) {
		conn = &table->conns[table->fresh++];
	} else {
		return NULL;
	}
	table->used++;
	return conn;
}

static void conn_put(struct conntrack *table, struct conn *conn)
{
	conn->protocol = 0;
	conn->next_free = table->free;
	table->free = (uint32_t)(conn - table->conns);
	table->used--;
}

static void side_set(struct conntrack *table, struct conn *conn, enum conn_side side,
	const struct packet_tuple *tuple)
{
	if (!ip_is_v4(&tuple->src)) {
		struct conn_v6 *v6 = conntrack_v6(table, conn);

		conn->flags |= (uint8_t)(1u << side);
		v6->addresses[side].remote = tuple->src;
		v6->addresses[side].ours = tuple->dst;
	} else {
		conn->addresses[side].remote_be = ip_v4_be(&tuple->src);
		conn->addresses[side].ours_be = ip_v4_be(&tuple->dst);
	}
	conn->ports[side].remote_be = tuple->src_port_be;
	conn->ports[side].ours_be = tuple->dst_port_be;
}

struct conn *conntrack_add(struct conntrack *table, const struct packet_tuple *client,
	const struct packet_tuple *member)
{
	struct conn *conn = conn_get(table);
	uint32_t entry;

	if (conn == NULL)
		return NULL;
	*conn = (struct conn){
		.protocol = client->protocol,
		.flags = member == NULL ? CONN_IS_ONE_SIDED | CONN_HAS_ANSWER : 0,
	};
	side_set(table, conn, CONN_CLIENT, client);
	if (member != NULL)
		side_set(table, conn, CONN_MEMBER, member);
	entry = (uint32_t)(conn - table->conns) << 1;
	if (!entry_insert(table, conntrack_hash(table, client, CONN_CLIENT), entry | CONN_CLIENT)) {
		conn_put(table, conn);
		return NULL;
	}
	if (member == NULL ||
		entry_insert(
			table, conntrack_hash(table, member, CONN_MEMBER), entry | CONN_MEMBER))
		return conn;
	entry_remove(table, entry | CONN_CLIENT);
	conn_put(table, conn);
	return NULL;
}

void conntrack_remove(struct conntrack *table, struct conn *conn)
{
	uint32_t entry = (uint32_t)(conn - table->conns) << 1;

	entry_remove(table, entry | CONN_CLIENT);
	if (!conn_is_one_sided(conn))
		entry_remove(table, entry | CONN_MEMBER);
	conn_put(table, conn);
}

/* How readily a connection is given up; 0: not at all. */
static unsigned victim_rank(const struct conn *conn, uint32_t now_ms)
{
	if (conn_is_expired(conn, now_ms))
		return 3;
	if (conn->state == L4_STATE_CLOSED)
		return 2;
	return conn->state == L4_STATE_NEW ? 1 : 0;
}

struct conn *conntrack_victim(struct conntrack *table, uint64_t hash, uint32_t now_ms)
{
	struct conntrack_bucket *buckets[2] = {
		bucket_first(table, hash),
		bucket_second(table, hash),
	};
	struct conn *victim = NULL;
	unsigned best = 0;

	for (unsigned i = 0; i < 2 * BUCKET_ENTRIES; i++) {
		const struct conntrack_bucket *bucket = buckets[i / BUCKET_ENTRIES];
		struct conn *conn = &table->conns[bucket->entries[i % BUCKET_ENTRIES] >> 1];
		unsigned rank;

		if (bucket->tags[i % BUCKET_ENTRIES] == 0)
			continue;
		rank = victim_rank(conn, now_ms);
		if (rank == 0 || rank < best)
			continue;
		if (rank == best && conn_idle_ms(conn, now_ms) <= conn_idle_ms(victim, now_ms))
			continue;
		victim = conn;
		best = rank;
	}
	return victim;
}
