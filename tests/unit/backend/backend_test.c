/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "backend/backend.h"
#include "base/rng.h"
#include "support/support.h"

#define CORES 2

static struct config_member web_members[] = {
	{ .name = "web-1", .port = 80, .weight = 1 },
	{ .name = "web-2", .port = 80, .weight = 2 },
	{ .name = "web-3", .port = 80, .weight = 0 },
};
static struct config_member db_members[] = {
	{ .name = "db-1", .port = 5432, .weight = 1 },
};

struct fixture {
	struct config_member web[3];
	struct config_member db[1];
	struct config_pool pools[2];
	struct config config;
	struct rcu *rcu;
	struct backend_registry *registry;
};

static void fixture_start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->web, web_members, sizeof(f->web));
	memcpy(f->db, db_members, sizeof(f->db));
	for (unsigned i = 0; i < RTE_DIM(f->web); i++)
		f->web[i].address = ip_from_v4(rte_cpu_to_be_32(0xc6336401 + i));
	f->db[0].address = ip_from_v4(rte_cpu_to_be_32(0xc6336420));
	f->pools[0] = (struct config_pool){ .name = "web", .members = f->web, .member_count = 3 };
	f->pools[1] = (struct config_pool){ .name = "db", .members = f->db, .member_count = 1 };
	f->config = (struct config){
		.seed = "",
		.maglev_size = 4093,
		.pools = f->pools,
		.pool_count = 2,
	};
	f->rcu = rcu_create(CORES);
	f->registry = backend_registry_create(CORES, f->rcu);
	assert_non_null(f->rcu);
	assert_non_null(f->registry);
}

static void fixture_stop(struct fixture *f)
{
	rcu_destroy(f->rcu);
	backend_registry_destroy(f->registry);
}

static struct backend_set *set_publish(struct fixture *f)
{
	struct err err;
	struct backend_set *set = backend_set_create(f->registry, &f->config, &err);

	assert_non_null(set);
	backend_registry_commit(f->registry, set);
	return set;
}

/* How many of 10000 hashes go to each member of a pool; counts has room for its members. */
static void picks_count(const struct pool *pool, unsigned *counts)
{
	struct rng rng = { .state = 9 };

	memset(counts, 0, pool->count * sizeof(*counts));
	for (unsigned i = 0; i < 10000; i++) {
		struct balance_query query = { .hash = (uint32_t)rng_next(&rng) };
		struct member *member = pool_pick(pool, &query);

		for (unsigned k = 0; k < pool->count; k++)
			counts[k] += pool->members[k] == member;
	}
}

static void pools_follow_the_configuration(void **state)
{
	struct fixture f;
	struct backend_set *set;
	unsigned counts[3];

	(void)state;
	fixture_start(&f);
	set = set_publish(&f);
	assert_int_equal(set->count, 2);
	assert_string_equal(set->pools[0]->name, "web");
	assert_int_equal(set->pools[0]->count, 3);
	assert_int_equal(set->pools[0]->usable, 2);
	assert_int_equal(set->pools[1]->usable, 1);
	assert_string_equal(set->pools[0]->members[1]->name, "web-2");
	assert_string_equal(set->pools[0]->members[1]->pool_name, "web");
	assert_int_equal(set->pools[0]->members[1]->port_be, rte_cpu_to_be_16(80));
	assert_int_equal(set->pools[0]->members[0]->id, 1);
	assert_int_equal(set->pools[1]->members[0]->id, 4);
	picks_count(set->pools[0], counts);
	assert_in_range(counts[0], 3100, 3567);
	assert_int_equal(counts[0] + counts[1], 10000);
	assert_int_equal(counts[2], 0);
	backend_set_destroy(set);
	fixture_stop(&f);
}

static void members_are_found_by_name(void **state)
{
	struct fixture f;
	struct backend_set *set;
	unsigned index = 99;

	(void)state;
	fixture_start(&f);
	set = set_publish(&f);
	assert_ptr_equal(backend_set_find(set, "db", "db-1", &index), set->pools[1]->members[0]);
	assert_int_equal(index, 1);
	assert_ptr_equal(backend_set_find(set, "web", "web-1", NULL), set->pools[0]->members[0]);
	assert_null(backend_set_find(set, "web", "db-1", &index));
	assert_null(backend_set_find(set, "none", "db-1", &index));
	assert_int_equal(index, 1);
	backend_set_destroy(set);
	fixture_stop(&f);
}

/* Every reason for which a member is out, one after the other, and the pool is empty at the end. */
static void rebuild_leaves_out_who_is_not_usable(void **state)
{
	struct fixture f;
	struct backend_set *set;
	struct backend_set *next;
	unsigned counts[3];

	(void)state;
	fixture_start(&f);
	set = set_publish(&f);
	set->pools[0]->members[0]->health = MEMBER_DOWN;
	next = backend_set_rebuild(set, 0, &f.config);
	assert_non_null(next);
	/* The old set is what it was: workers may still read it. */
	assert_int_equal(set->pools[0]->usable, 2);
	assert_int_equal(next->pools[0]->usable, 1);
	assert_ptr_equal(next->pools[1], set->pools[1]);
	assert_ptr_equal(next->pools[0]->members[0], set->pools[0]->members[0]);
	picks_count(next->pools[0], counts);
	assert_int_equal(counts[1], 10000);
	backend_set_destroy(set);

	next->pools[0]->members[1]->admin = MEMBER_DRAIN;
	set = backend_set_rebuild(next, 0, &f.config);
	assert_non_null(set);
	backend_set_destroy(next);
	assert_int_equal(set->pools[0]->usable, 0);
	assert_null(pool_pick(set->pools[0], &(struct balance_query){ .hash = 1 }));
	assert_non_null(pool_pick(set->pools[1], &(struct balance_query){ .hash = 1 }));

	set->pools[0]->members[1]->admin = MEMBER_MAINT;
	set->pools[0]->members[0]->health = MEMBER_UP;
	next = backend_set_rebuild(set, 0, &f.config);
	assert_non_null(next);
	backend_set_destroy(set);
	picks_count(next->pools[0], counts);
	assert_int_equal(counts[0], 10000);
	backend_set_destroy(next);
	fixture_stop(&f);
}

/* A weight set by hand holds over a reload with the same file, and yields to a changed one. */
static void socket_weight_survives_until_the_file_changes_it(void **state)
{
	struct fixture f;
	struct backend_set *set;
	struct backend_set *next;
	struct member *member;

	(void)state;
	fixture_start(&f);
	set = set_publish(&f);
	member = set->pools[0]->members[2];
	member->weight = 7;
	member->is_weight_overridden = true;
	next = backend_set_rebuild(set, 0, &f.config);
	assert_int_equal(next->pools[0]->usable, 3);
	backend_set_destroy(set);
	backend_set_destroy(next);

	set = set_publish(&f);
	assert_ptr_equal(set->pools[0]->members[2], member);
	assert_int_equal(set->pools[0]->usable, 3);
	assert_int_equal(member->weight, 7);
	assert_true(member->is_weight_overridden);
	backend_set_destroy(set);

	f.web[2].weight = 3;
	set = set_publish(&f);
	assert_int_equal(member->weight, 3);
	assert_int_equal(member->config_weight, 3);
	assert_false(member->is_weight_overridden);
	backend_set_destroy(set);
	fixture_stop(&f);
}

/* A set that is built and thrown away, as by a reload that fails later, changes no member. */
static void an_unpublished_set_changes_nothing(void **state)
{
	struct fixture f;
	struct backend_set *set;
	struct backend_set *failed;
	struct err err;

	(void)state;
	fixture_start(&f);
	set = set_publish(&f);
	f.web[0].weight = 0;
	failed = backend_set_create(f.registry, &f.config, &err);
	assert_int_equal(failed->pools[0]->usable, 1);
	assert_int_equal(set->pools[0]->members[0]->weight, 1);
	assert_true(member_is_usable(set->pools[0]->members[0]));
	backend_set_destroy(failed);
	backend_set_destroy(set);
	fixture_stop(&f);
}

static void a_reload_keeps_state_and_counters(void **state)
{
	struct fixture f;
	struct backend_set *set;
	struct backend_set *next;
	struct member *member;
	struct member_counters sum;

	(void)state;
	fixture_start(&f);
	set = set_publish(&f);
	member = set->pools[0]->members[0];
	member->admin = MEMBER_DRAIN;
	member->health = MEMBER_UP;
	member->cores[0].conns_opened = 5;
	member->cores[1].conns_opened = 1;
	member->cores[1].conns_closed = 2;
	member->cores[1].bytes_out = 1000;
	next = set_publish(&f);
	assert_ptr_equal(next->pools[0]->members[0], member);
	assert_int_equal(next->pools[0]->usable, 1);
	assert_int_equal(member_conns_now(member), 4);
	member_counters_sum(member, &sum);
	assert_int_equal(sum.conns_opened, 6);
	assert_int_equal(sum.conns_closed, 2);
	assert_int_equal(sum.bytes_out, 1000);
	backend_set_destroy(set);
	backend_set_destroy(next);
	fixture_stop(&f);
}

/* The same name at another address is another server. */
static void a_member_that_moves_is_a_new_one(void **state)
{
	struct fixture f;
	struct backend_set *set;
	struct backend_set *next;

	(void)state;
	fixture_start(&f);
	set = set_publish(&f);
	f.web[0].address = ip_from_v4(rte_cpu_to_be_32(0xc6336499));
	next = set_publish(&f);
	assert_int_equal(next->pools[0]->members[0]->id, 5);
	assert_ptr_not_equal(next->pools[0]->members[0], set->pools[0]->members[0]);
	assert_ptr_equal(next->pools[0]->members[1], set->pools[0]->members[1]);
	backend_set_destroy(set);
	backend_set_destroy(next);
	assert_int_equal(rcu_reap(f.rcu), 0);
	fixture_stop(&f);
}

/* Gone from the file, but a core has a connection: the memory stays until that has ended. */
static void a_member_goes_after_its_last_connection(void **state)
{
	struct fixture f;
	struct backend_set *set;
	struct member *member;

	(void)state;
	fixture_start(&f);
	rcu_reader_enter(f.rcu, 0);
	set = set_publish(&f);
	member = set->pools[1]->members[0];
	member->cores[0].conns_opened = 1;
	backend_set_destroy(set);
	f.config.pool_count = 1;
	set = set_publish(&f);
	assert_null(backend_set_find(set, "db", "db-1", NULL));
	assert_int_equal(member->admin, MEMBER_MAINT);

	assert_int_equal(rcu_reap(f.rcu), 1); /* the grace period has not passed */
	rcu_reader_quiescent(f.rcu, 0);
	assert_int_equal(rcu_reap(f.rcu), 1); /* a connection is open */
	assert_string_equal(member->name, "db-1");
	member->cores[0].conns_closed = 1;
	assert_int_equal(rcu_reap(f.rcu), 0);
	rcu_reader_leave(f.rcu, 0);
	backend_set_destroy(set);
	fixture_stop(&f);
}

/* The load that balancing asks for: requests where there are some, else connections. */
static void least_requests_reads_the_members_load(void **state)
{
	struct fixture f;
	struct backend_set *set;
	struct balance_cursor cursor = { 0 };
	struct balance_query query = { .cursor = &cursor };
	struct member **members;

	(void)state;
	fixture_start(&f);
	f.pools[0].balance = CONFIG_BALANCE_LEAST_REQUESTS;
	f.web[1].weight = 1;
	set = set_publish(&f);
	members = set->pools[0]->members;
	members[0]->cores[0].conns_opened = 3;
	members[1]->cores[1].conns_opened = 2;
	assert_ptr_equal(pool_pick(set->pools[0], &query), members[1]);
	assert_ptr_equal(pool_pick(set->pools[0], &query), members[1]);
	/* Nine kept connections, but only one request under way. */
	members[0]->cores[0].conns_opened = 9;
	members[0]->cores[0].requests = 20;
	members[0]->cores[0].requests_done = 19;
	assert_ptr_equal(pool_pick(set->pools[0], &query), members[0]);
	assert_ptr_equal(pool_pick(set->pools[0], &query), members[0]);
	backend_set_destroy(set);
	fixture_stop(&f);
}

static void every_algorithm_of_the_configuration_builds(void **state)
{
	static const enum config_balance all[] = {
		CONFIG_BALANCE_MAGLEV,
		CONFIG_BALANCE_ROUND_ROBIN,
		CONFIG_BALANCE_LEAST_REQUESTS,
		CONFIG_BALANCE_P2C,
		CONFIG_BALANCE_SOURCE_HASH,
	};
	struct rng rng = { .state = 1 };

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(all); i++) {
		struct balance_cursor cursor = { 0 };
		struct balance_query query = { .cursor = &cursor, .rng = &rng };
		struct backend_set *set;
		struct fixture f;

		fixture_start(&f);
		f.pools[1].balance = all[i];
		set = set_publish(&f);
		assert_ptr_equal(pool_pick(set->pools[1], &query), set->pools[1]->members[0]);
		backend_set_destroy(set);
		fixture_stop(&f);
	}
}

static void a_bad_table_size_is_an_error_with_words(void **state)
{
	struct fixture f;
	struct err err;

	(void)state;
	fixture_start(&f);
	f.config.maglev_size = 65536;
	assert_null(backend_set_create(f.registry, &f.config, &err));
	assert_non_null(strstr(err.text, "pool web"));
	assert_non_null(strstr(err.text, "65536"));
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_follow_the_configuration),
		cmocka_unit_test(members_are_found_by_name),
		cmocka_unit_test(rebuild_leaves_out_who_is_not_usable),
		cmocka_unit_test(socket_weight_survives_until_the_file_changes_it),
		cmocka_unit_test(an_unpublished_set_changes_nothing),
		cmocka_unit_test(a_reload_keeps_state_and_counters),
		cmocka_unit_test(a_member_that_moves_is_a_new_one),
		cmocka_unit_test(a_member_goes_after_its_last_connection),
		cmocka_unit_test(least_requests_reads_the_members_load),
		cmocka_unit_test(every_algorithm_of_the_configuration_builds),
		cmocka_unit_test(a_bad_table_size_is_an_error_with_words),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
