/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "support/support.h"

/* A file as the log's sink; *state. Terminals' colours are off: it is none. */
static int sink_open(void **state)
{
	*state = tmpfile();
	return *state != NULL ? 0 : -1;
}

static int sink_close(void **state)
{
	log_init(stderr, LOG_LEVEL_INFO);
	return fclose(*state);
}

/* What was written since the last time, at most size - 1 bytes. */
static const char *sink_read(FILE *sink, char *text, size_t size)
{
	size_t len;

	rewind(sink);
	len = fread(text, 1, size - 1, sink);
	text[len] = '\0';
	rewind(sink);
	assert_int_equal(ftruncate(fileno(sink), 0), 0);
	assert_int_equal(lseek(fileno(sink), 0, SEEK_SET), 0);
	return text;
}

static void test_plain(void **state)
{
	char text[4096];

	unsetenv("JOURNAL_STREAM");
	log_init(*state, LOG_LEVEL_INFO);
	log_warning("port %s is down", "wan");
	sink_read(*state, text, sizeof(text));
	/* 2026-01-02T03:04:05.678Z warning port wan is down */
	assert_int_equal(strlen(text), 24 + 1 + 8 + 17);
	assert_int_equal(text[10], 'T');
	assert_int_equal(text[19], '.');
	assert_string_equal(text + 23, "Z warning port wan is down\n");
}

static void test_journal(void **state)
{
	char text[4096];

	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init(*state, LOG_LEVEL_DEBUG);
	unsetenv("JOURNAL_STREAM");
	log_error("a");
	log_warning("b");
	log_notice("c");
	log_info("d");
	log_debug("e");
	assert_string_equal(
		sink_read(*state, text, sizeof(text)), "<3>a\n<4>b\n<5>c\n<6>d\n<7>e\n");
}

static void test_level(void **state)
{
	char text[4096];

	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init(*state, LOG_LEVEL_WARNING);
	unsetenv("JOURNAL_STREAM");
	log_notice("not this");
	log_warning("this");
	log_set_level(LOG_LEVEL_NOTICE);
	log_notice("now this");
	log_info("not this");
	assert_string_equal(sink_read(*state, text, sizeof(text)), "<4>this\n<5>now this\n");
}

static void test_long_line(void **state)
{
	char words[4000];
	char text[4096];

	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init(*state, LOG_LEVEL_INFO);
	unsetenv("JOURNAL_STREAM");
	log_info("%s", words);
	log_info("next");
	sink_read(*state, text, sizeof(text));
	assert_int_equal(strcspn(text, "\n"), 2047 - 1);
	assert_string_equal(text + 2047, "<6>next\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, sink_open, sink_close),
		cmocka_unit_test_setup_teardown(test_journal, sink_open, sink_close),
		cmocka_unit_test_setup_teardown(test_level, sink_open, sink_close),
		cmocka_unit_test_setup_teardown(test_long_line, sink_open, sink_close),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
