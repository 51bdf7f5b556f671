/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "../../../lib/l4/conntrack/table.h"
#include "base/rng.h"
#include "l4/l4.h"
#include "support/support.h"

static const struct hash_key key = { .k0 = 0x5bd1e995, .k1 = 0xc2b2ae3d27d4eb4f };

/* What the table should hold: a list, searched from end to end. */
struct model_row {
	struct packet_tuple client;
	struct packet_tuple member;
	struct conn *conn;
};

struct model {
	struct model_row *rows;
	unsigned count;
};

static struct ip_addr v6_make(uint8_t net, uint32_t host)
{
	struct ip_addr addr = { .bytes = { 0x20, 0x01, 0x0d, 0xb8, net } };

	addr.words_be[3] = rte_cpu_to_be_32(host);
	return addr;
}

/* Few values, so that tuples differ in one field only, and both families, so that they mix. */
static struct packet_tuple tuple_random(struct rng *rng, bool is_v6)
{
	uint32_t host = rng_below(rng, 40);
	uint32_t ours = rng_below(rng, 3);

	return (struct packet_tuple){
		.src = is_v6 ? v6_make(1, host) : ip_from_v4(rte_cpu_to_be_32(0xc6120000 + host)),
		.dst = is_v6 ? v6_make(2, ours) : ip_from_v4(rte_cpu_to_be_32(0xc0000200 + ours)),
		.src_port_be = (uint16_t)rng_below(rng, 30),
		.dst_port_be = (uint16_t)rng_below(rng, 2),
		.protocol = rng_below(rng, 2) ? IPPROTO_TCP : IPPROTO_UDP,
	};
}

static bool tuple_equal(const struct packet_tuple *a, const struct packet_tuple *b)
{
	return ip_equal(&a->src, &b->src) && ip_equal(&a->dst, &b->dst) &&
		a->src_port_be == b->src_port_be && a->dst_port_be == b->dst_port_be &&
		a->protocol == b->protocol;
}

static const struct packet_tuple *row_tuple(const struct model_row *row, enum conn_side side)
{
	return side == CONN_CLIENT ? &row->client : &row->member;
}

static struct conn *model_find(
	const struct model *model, const struct packet_tuple *tuple, enum conn_side side)
{
	for (unsigned i = 0; i < model->count; i++) {
		if (tuple_equal(row_tuple(&model->rows[i], side), tuple))
			return model->rows[i].conn;
	}
	return NULL;
}

static struct conn *table_find(
	struct conntrack *table, const struct packet_tuple *tuple, enum conn_side side)
{
	return conntrack_find(table, conntrack_hash(table, tuple, side), tuple, side);
}

/* Adds a random connection to both, or sees that both have it or are full. */
static void step_add(struct conntrack *table, struct model *model, struct rng *rng)
{
	bool is_v6 = rng_below(rng, 2);
	struct model_row row = {
		.client = tuple_random(rng, is_v6),
		.member = tuple_random(rng, is_v6),
	};

	row.member.protocol = row.client.protocol;
	if (model_find(model, &row.client, CONN_CLIENT) != NULL ||
		model_find(model, &row.member, CONN_MEMBER) != NULL)
		return;
	row.conn = conntrack_add(table, &row.client, &row.member);
	if (model->count == table->max) {
		assert_null(row.conn);
		return;
	}
	assert_non_null(row.conn);
	model->rows[model->count++] = row;
}

static void step_remove(struct conntrack *table, struct model *model, struct rng *rng)
{
	struct model_row *row;

	if (model->count == 0)
		return;
	row = &model->rows[rng_below(rng, model->count)];
	conntrack_remove(table, row->conn);
	*row = model->rows[--model->count];
}

static void step_find(struct conntrack *table, const struct model *model, struct rng *rng)
{
	struct packet_tuple tuple = tuple_random(rng, rng_below(rng, 2));
	enum conn_side side = rng_below(rng, 2);

	assert_ptr_equal(table_find(table, &tuple, side), model_find(model, &tuple, side));
	if (model->count == 0)
		return;
	tuple = *row_tuple(&model->rows[rng_below(rng, model->count)], side);
	assert_ptr_equal(table_find(table, &tuple, side), model_find(model, &tuple, side));
}

static void all_check(struct conntrack *table, const struct model *model)
{
	assert_int_equal(table->used, model->count);
	for (unsigned i = 0; i < model->count; i++) {
		const struct model_row *row = &model->rows[i];

		for (enum conn_side side = CONN_CLIENT; side <= CONN_MEMBER; side++) {
			struct packet_tuple tuple;

			assert_ptr_equal(table_find(table, row_tuple(row, side), side), row->conn);
			conntrack_tuple(table, row->conn, side, &tuple);
			assert_true(tuple_equal(&tuple, row_tuple(row, side)));
		}
	}
}

static unsigned entries_count(const struct conntrack *table)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < table->bucket_count; i++) {
		for (unsigned k = 0; k < BUCKET_ENTRIES; k++)
			count += table->buckets[i].tags[k] != 0;
	}
	return count;
}

/* 100000 random operations at every filling between empty and full, checked one by one. */
static void random_operations_agree_with_a_list(void **state)
{
	struct conntrack *table = conntrack_create(300, key);
	struct rng rng = { .state = 42 };
	struct model model = { .rows = calloc(300, sizeof(struct model_row)) };

	(void)state;
	assert_non_null(table);
	assert_non_null(model.rows);
	for (unsigned i = 0; i < 100000; i++) {
		/* Long spells of growing and of shrinking. */
		unsigned add_share = i / 5000 % 2 ? 2 : 6;
		uint32_t dice = rng_below(&rng, 10);

		if (dice < add_share)
			step_add(table, &model, &rng);
		else if (dice < 8)
			step_remove(table, &model, &rng);
		else
			step_find(table, &model, &rng);
		if (i % 2500 == 0)
			all_check(table, &model);
	}
	all_check(table, &model);
	while (model.count > 0)
		step_remove(table, &model, &rng);
	assert_int_equal(table->used, 0);
	assert_int_equal(entries_count(table), 0);
	free(model.rows);
	conntrack_destroy(table);
}

static struct packet_tuple tuple_numbered(uint32_t number, enum conn_side side)
{
	return (struct packet_tuple){
		.src = ip_from_v4(rte_cpu_to_be_32(0xc6120000 + number / 1000)),
		.dst = ip_from_v4(rte_cpu_to_be_32(0xc0000201 + side)),
		.src_port_be = (uint16_t)(number % 1000),
		.dst_port_be = 80,
		.protocol = IPPROTO_TCP,
	};
}

/* Every connection that the table was made for finds room, at several sizes. */
static void it_fills_to_the_last_connection(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 7, 64, 1000, 50000 };

	(void)state;
	for (unsigned s = 0; s < RTE_DIM(sizes); s++) {
		struct conntrack *table = conntrack_create(sizes[s], key);
		struct packet_tuple client;
		struct packet_tuple member;

		for (uint32_t i = 0; i <= sizes[s]; i++) {
			struct conn *conn;

			client = tuple_numbered(i, CONN_CLIENT);
			member = tuple_numbered(i, CONN_MEMBER);
			conn = conntrack_add(table, &client, &member);
			if (i == sizes[s])
				assert_null(conn);
			else
				assert_non_null(conn);
		}
		assert_int_equal(entries_count(table), 2 * sizes[s]);
		for (uint32_t i = 0; i < sizes[s]; i++) {
			client = tuple_numbered(i, CONN_CLIENT);
			assert_non_null(table_find(table, &client, CONN_CLIENT));
		}
		conntrack_destroy(table);
	}
	conntrack_destroy(NULL);
}

/* An index that is fuller than it should ever be: what does not fit leaves nothing behind. */
static void a_full_index_refuses_cleanly(void **state)
{
	struct conntrack *table = conntrack_create(1000, key);
	uint32_t entered = 0;

	(void)state;
	table->bucket_count = 40; /* 320 entries: 160 connections at most */
	for (uint32_t i = 0; i < 1000; i++) {
		struct packet_tuple client = tuple_numbered(i, CONN_CLIENT);
		struct packet_tuple member = tuple_numbered(i, CONN_MEMBER);

		entered += conntrack_add(table, &client, &member) != NULL;
	}
	assert_in_range(entered, 140, 160);
	assert_int_equal(table->used, entered);
	assert_int_equal(entries_count(table), 2 * entered);
	conntrack_destroy(table);
}

static void tags_are_compared_eight_at_a_time(void **state)
{
	struct conntrack_bucket bucket = { .tags = { 7, 0, 7, 0xffff, 8, 0x0700, 0, 7 } };

	(void)state;
	assert_int_equal(bucket_match(&bucket, 7), 0x85);
	assert_int_equal(bucket_match(&bucket, 0), 0x42);
	assert_int_equal(bucket_match(&bucket, 0xffff), 0x08);
	assert_int_equal(bucket_match(&bucket, 9), 0);
}

static struct conn *numbered_add(
	struct conntrack *table, uint32_t number, enum l4_state conn_state, uint32_t seen_ms)
{
	struct packet_tuple client = tuple_numbered(number, CONN_CLIENT);
	struct packet_tuple member = tuple_numbered(number, CONN_MEMBER);
	struct conn *conn = conntrack_add(table, &client, &member);

	assert_non_null(conn);
	conn->state = conn_state;
	conn->seen_ms = seen_ms;
	conn->timeout_ms = 1000;
	return conn;
}

/* With two buckets everything is near: the order of preference shows. */
static void victims_are_expired_then_closed_then_new(void **state)
{
	struct conntrack *table = conntrack_create(4, key);
	struct conn *open;
	struct conn *fresh;
	struct conn *closed;
	struct conn *expired;
	uint64_t hash;

	(void)state;
	open = numbered_add(table, 0, L4_STATE_ESTABLISHED, 100);
	/* A hash whose two choices are the two buckets. */
	for (hash = 0; bucket_first(table, hash) == bucket_second(table, hash);)
		hash += 0x0123456789abcdef;
	assert_null(conntrack_victim(table, hash, 500));
	fresh = numbered_add(table, 1, L4_STATE_NEW, 100);
	assert_ptr_equal(conntrack_victim(table, hash, 500), fresh);
	closed = numbered_add(table, 2, L4_STATE_CLOSED, 300);
	assert_ptr_equal(conntrack_victim(table, hash, 500), closed);
	expired = numbered_add(table, 3, L4_STATE_ESTABLISHED, 0);
	assert_ptr_equal(conntrack_victim(table, hash, 1000), expired);
	conntrack_remove(table, expired);
	conntrack_remove(table, open);
	expired = numbered_add(table, 3, L4_STATE_CLOSED, 200);
	/* Of two closed ones, the one that was idle longer. */
	assert_ptr_equal(conntrack_victim(table, hash, 500), expired);
	conntrack_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_a_list),
		cmocka_unit_test(it_fills_to_the_last_connection),
		cmocka_unit_test(a_full_index_refuses_cleanly),
		cmocka_unit_test(tags_are_compared_eight_at_a_time),
		cmocka_unit_test(victims_are_expired_then_closed_then_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
