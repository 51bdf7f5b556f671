/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "support/support.h"

static void test_words_and_code(void **state)
{
	struct err err = { .text = "before" };

	(void)state;
	assert_int_equal(err_set(&err, EINVAL, "%s is %d", "x", 5), -EINVAL);
	assert_string_equal(err.text, "x is 5");
}

static void test_nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ENOMEM, "%s", "lost"), -ENOMEM);
}

static void test_long_words_are_cut(void **state)
{
	char words[ERR_TEXT_MAX + 100];
	struct err err;

	(void)state;
	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	assert_int_equal(err_set(&err, EIO, "%s", words), -EIO);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_int_equal(strspn(err.text, "w"), ERR_TEXT_MAX - 1);
}

/* The usual way: the words of a lower step become part of those of a higher one. */
static void test_words_may_contain_words(void **state)
{
	struct err inner;
	struct err outer;

	(void)state;
	err_set(&inner, EIO, "cannot read");
	assert_int_equal(err_set(&outer, EIO, "site.pem: %s", inner.text), -EIO);
	assert_string_equal(outer.text, "site.pem: cannot read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_and_code),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_long_words_are_cut),
		cmocka_unit_test(test_words_may_contain_words),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
