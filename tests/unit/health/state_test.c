/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include "health/health.h"

struct row {
	const char *about;
	const char *checks;    /* '+' good, '-' bad */
	const char *expected;  /* the state after each: 'U' or 'D'; lower case: no change */
	unsigned rise, fall;
};

static const struct row rows[] = {
	{ "stays up", "++++", "uuuu", 2, 3 },
	{ "a bad first check takes it down at once", "-", "D", 2, 3 },
	{ "a later bad check does not", "+--", "uuu", 2, 3 },
	{ "fall bad ones in a row do", "+---", "uuuD", 2, 3 },
	{ "a good one in between starts the count again", "+--+--+---", "uuuuuuuuuD", 2, 3 },
	{ "rise good ones bring it back", "-+-++", "DdddU", 2, 3 },
	{ "one is enough where one is configured", "+-+-", "uDUD", 1, 1 },
	{ "down stays down", "-----", "Ddddd", 3, 2 },
	{ "after coming back fall counts anew", "-++--+---", "DdUuuuuuD", 2, 3 },
};

static void walks_the_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct health_state health;

		health_state_init(&health);
		assert_true(health.is_up);
		assert_int_equal(strlen(row->checks), strlen(row->expected));
		for (size_t j = 0; row->checks[j] != '\0'; j++) {
			bool changed = health_state_update(&health, row->rise, row->fall,
				row->checks[j] == '+');
			char seen = health.is_up ? (changed ? 'U' : 'u') : (changed ? 'D' : 'd');

			if (seen != row->expected[j])
				fail_msg("%s: check %zu gives %c", row->about, j, seen);
		}
	}
}

static void finds_members_by_id(void **state)
{
	struct member members[3] = { { .id = 4 }, { .id = 9 }, { .id = 11 } };
	struct member *first[] = { &members[0] };
	struct member *second[] = { &members[1], &members[2] };
	struct pool pools[] = {
		{ .members = first, .count = 1 },
		{ .members = second, .count = 2 },
	};
	struct pool *list[] = { &pools[0], &pools[1] };
	struct backend_set set = { .pools = list, .count = 2 };
	unsigned pool_index = 7;

	(void)state;
	assert_ptr_equal(health_member_find(&set, 11, &pool_index), &members[2]);
	assert_int_equal(pool_index, 1);
	assert_ptr_equal(health_member_find(&set, 4, NULL), &members[0]);
	assert_null(health_member_find(&set, 5, &pool_index));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_the_rows),
		cmocka_unit_test(finds_members_by_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
