/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "ranges.h"

#define SETS 256u
#define WAYS 4u

/* Fragments that wait: of one datagram, and of all. */
#define WAIT_EACH_MAX 16
#define WAIT_MAX      512

static_assert(WAIT_EACH_MAX < L4_FRAGMENTS_OUT, "the first one takes all that wait along");

/*
 * From a datagram's first fragment to come. Short: in IPv4 the identification of a fast sender
 * comes around within seconds (RFC 4963).
 */
#define LIFETIME_US (2 * CLOCK_US_PER_S)

/* A fragment that waits; next is its number + 1, 0 ends the list. */
struct waiting {
	struct rte_mbuf *m;
	uint16_t next;
};

struct datagram {
	struct ip_addr src;
	struct ip_addr dst;
	uint64_t deadline_us;
	uint32_t id;
	uint32_t end; /* bytes in all; 0: the last fragment has not come */
	uint16_t src_port_be;
	uint16_t dst_port_be;
	uint16_t first_wait; /* number + 1 */
	uint16_t last_wait;  /* number + 1 */
	uint8_t wait_count;
	uint8_t key_protocol; /* as in the name of the datagram: IPv6 has none */
	uint8_t protocol;     /* the first fragment's */
	bool is_used;
	bool has_first;
	enum drop_reason refusal; /* of all that still comes; DROP_NONE: none */
	struct ranges ranges;
	TAILQ_ENTRY(datagram) age;
};

TAILQ_HEAD(datagram_ages, datagram);

struct fragment_table {
	struct core *core;
	struct l4_counters *counters;
	struct hash_key key;
	struct datagram_ages ages; /* oldest first; all live equally long */
	uint16_t free_wait;        /* number + 1 */
	struct waiting waits[WAIT_MAX];
	struct datagram sets[SETS][WAYS];
};

struct fragment_table *fragment_table_create(
	struct core *core, struct l4_counters *counters, struct hash_key key)
{
	struct fragment_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->core = core;
	table->counters = counters;
	table->key = key;
	TAILQ_INIT(&table->ages);
	for (uint16_t i = 0; i < WAIT_MAX - 1; i++)
		table->waits[i].next = i + 2;
	table->free_wait = 1;
	return table;
}

/* The fragment that has waited longest, or NULL. */
static struct rte_mbuf *wait_take(struct fragment_table *table, struct datagram *datagram)
{
	uint16_t number = datagram->first_wait;
	struct waiting *waiting;

	if (number == 0)
		return NULL;
	waiting = &table->waits[number - 1];
	datagram->first_wait = waiting->next;
	datagram->wait_count--;
	waiting->next = table->free_wait;
	table->free_wait = number;
	return waiting->m;
}

static bool wait_put(struct fragment_table *table, struct datagram *datagram, struct rte_mbuf *m)
{
	uint16_t number = table->free_wait;

	if (number == 0 || datagram->wait_count == WAIT_EACH_MAX)
		return false;
	table->free_wait = table->waits[number - 1].next;
	table->waits[number - 1] = (struct waiting){ .m = m };
	if (datagram->first_wait == 0)
		datagram->first_wait = number;
	else
		table->waits[datagram->last_wait - 1].next = number;
	datagram->last_wait = number;
	datagram->wait_count++;
	return true;
}

static void waits_drop(
	struct fragment_table *table, struct datagram *datagram, enum drop_reason reason)
{
	struct rte_mbuf *m;

	while ((m = wait_take(table, datagram)) != NULL)
		core_drop(table->core, m, reason);
}

static void datagram_forget(
	struct fragment_table *table, struct datagram *datagram, enum drop_reason reason)
{
	waits_drop(table, datagram, reason);
	TAILQ_REMOVE(&table->ages, datagram, age);
	datagram->is_used = false;
}

void fragment_table_destroy(struct fragment_table *table)
{
	struct datagram *datagram;

	if (table == NULL)
		return;
	while ((datagram = TAILQ_FIRST(&table->ages)) != NULL)
		datagram_forget(table, datagram, DROP_fragment_timeout);
	free(table);
}

void fragment_table_expire(struct fragment_table *table, uint64_t now_us)
{
	struct datagram *datagram;

	while ((datagram = TAILQ_FIRST(&table->ages)) != NULL && datagram->deadline_us <= now_us)
		datagram_forget(table, datagram, DROP_fragment_timeout);
}

static uint8_t key_protocol(const struct packet *p)
{
	return p->flags & PACKET_IS_V6 ? 0 : p->protocol;
}

static bool is_of(const struct datagram *datagram, const struct packet *p)
{
	return datagram->is_used && datagram->id == p->fragment_id &&
		datagram->key_protocol == key_protocol(p) && ip_equal(&datagram->src, &p->src) &&
		ip_equal(&datagram->dst, &p->dst);
}

static void datagram_start(struct fragment_table *table, struct datagram *datagram,
	const struct packet *p, uint64_t now_us)
{
	if (datagram->is_used)
		datagram_forget(table, datagram, DROP_fragment_limit);
	*datagram = (struct datagram){
		.src = p->src,
		.dst = p->dst,
		.id = p->fragment_id,
		.key_protocol = key_protocol(p),
		.deadline_us = now_us + LIFETIME_US,
		.is_used = true,
		.refusal = DROP_NONE,
	};
	TAILQ_INSERT_TAIL(&table->ages, datagram, age);
}

/* The fragment's datagram: known, or in place of a free one, or of the oldest of its set. */
static struct datagram *datagram_get(
	struct fragment_table *table, const struct packet *p, uint64_t now_us)
{
	struct datagram *set = table->sets[packet_fragment_hash(p, table->key) % SETS];
	struct datagram *place = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		if (is_of(&set[i], p))
			return &set[i];
		if (place->is_used && (!set[i].is_used || set[i].deadline_us < place->deadline_us))
			place = &set[i];
	}
	datagram_start(table, place, p, now_us);
	return place;
}

/* One more word about the whole length must agree with what was said before. */
static bool is_end_good(struct datagram *datagram, const struct packet *p)
{
	uint32_t end = (uint32_t)p->fragment_offset + p->fragment_len;
	const struct ranges *ranges = &datagram->ranges;

	if (datagram->end != 0)
		return p->flags & PACKET_HAS_MORE ? end < datagram->end : end == datagram->end;
	if (p->flags & PACKET_HAS_MORE)
		return true;
	if (ranges->count > 0 && ranges->at[ranges->count - 1].to > end)
		return false;
	datagram->end = end;
	return true;
}

/* RFC 5722, RFC 8200 4.5: who overlaps fragments has no good intentions. */
static enum drop_reason fragment_check(
	struct fragment_table *table, struct datagram *datagram, const struct packet *p)
{
	enum drop_reason reason = DROP_NONE;

	if (datagram->refusal != DROP_NONE)
		return datagram->refusal;
	switch (ranges_add(&datagram->ranges, p->fragment_offset,
		(uint32_t)p->fragment_offset + p->fragment_len)) {
	case RANGES_NEW:
		if (!is_end_good(datagram, p))
			reason = DROP_fragment_invalid;
		break;
	case RANGES_KNOWN:
		/* The network doubled it: no reason to refuse the others. */
		return DROP_fragment_overlap;
	case RANGES_OVERLAP:
		reason = DROP_fragment_overlap;
		break;
	case RANGES_FULL:
		reason = DROP_fragment_limit;
		break;
	}
	if (reason != DROP_NONE) {
		datagram->refusal = reason;
		waits_drop(table, datagram, reason);
	}
	return reason;
}

static bool is_complete(const struct datagram *datagram)
{
	const struct ranges *ranges = &datagram->ranges;

	return datagram->has_first && datagram->end != 0 && ranges->count == 1 &&
		ranges->at[0].to == datagram->end;
}

/* From now on, it is a packet of its flow. */
static struct rte_mbuf *fragment_adopt(struct fragment_table *table,
	const struct datagram *datagram, struct rte_mbuf *m, struct hash_key key)
{
	struct packet *p = packet_of(m);

	p->src_port_be = datagram->src_port_be;
	p->dst_port_be = datagram->dst_port_be;
	p->protocol = datagram->protocol;
	p->flow_hash = packet_flow_hash(p, key);
	table->counters->fragments_gathered++;
	return m;
}

static uint16_t first_run(struct fragment_table *table, struct datagram *datagram,
	struct rte_mbuf *m, struct hash_key key, struct rte_mbuf **out)
{
	const struct packet *p = packet_of(m);
	struct rte_mbuf *waiting;
	uint16_t count = 0;

	datagram->has_first = true;
	datagram->src_port_be = p->src_port_be;
	datagram->dst_port_be = p->dst_port_be;
	datagram->protocol = p->protocol;
	out[count++] = fragment_adopt(table, datagram, m, key);
	while ((waiting = wait_take(table, datagram)) != NULL)
		out[count++] = fragment_adopt(table, datagram, waiting, key);
	return count;
}

uint16_t fragment_table_run(struct fragment_table *table, struct rte_mbuf *m, struct hash_key key,
	struct rte_mbuf **out, uint64_t now_us)
{
	const struct packet *p = packet_of(m);
	struct datagram *datagram;
	enum drop_reason reason;
	uint16_t count = 0;

	fragment_table_expire(table, now_us);
	datagram = datagram_get(table, p, now_us);
	reason = fragment_check(table, datagram, p);
	if (reason != DROP_NONE) {
		core_drop(table->core, m, reason);
	} else if (p->fragment_offset == 0) {
		count = first_run(table, datagram, m, key, out);
	} else if (datagram->has_first) {
		out[count++] = fragment_adopt(table, datagram, m, key);
	} else if (wait_put(table, datagram, m)) {
		table->counters->fragments_held++;
	} else {
		datagram->refusal = DROP_fragment_limit;
		waits_drop(table, datagram, DROP_fragment_limit);
		core_drop(table->core, m, DROP_fragment_limit);
	}
	if (is_complete(datagram))
		datagram_forget(table, datagram, DROP_fragment_timeout);
	return count;
}
