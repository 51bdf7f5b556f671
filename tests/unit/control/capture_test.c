/* SPDX-License-Identifier: Apache-2.0 */
/* The command capture, from the workers' taps to the file. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "runtime/core.h"
#include "runtime/tap.h"

#define FILE_MAX    65536
#define FRAME_BYTES 62 /* is padded in the file */

static uint8_t file[FILE_MAX];
static size_t file_len;

static int setup(void **state)
{
	if (fixture_setup(state) != 0)
		return -1;
	snprintf(fixture.capture_path, sizeof(fixture.capture_path), "%s/c.pcapng", fixture.folder);
	return 0;
}

/* A UDP packet to this port comes to the worker, and is dropped there. */
static void packet_come(unsigned core, uint8_t port)
{
	uint8_t bytes[FRAME_BYTES] = { [12] = 8, [14] = 0x45, [23] = 17, [37] = port };
	struct rte_mbuf *m = support_mbuf(bytes, sizeof(bytes));

	if (fixture.cores[core].tap != NULL)
		tap_take(fixture.cores[core].tap, m, 0, fixture.now_us);
	core_drop(&fixture.cores[core], m, DROP_no_service);
	if (fixture.cores[core].tap != NULL)
		tap_commit(fixture.cores[core].tap);
}

static void capture_begin(const char *filter, const char *limits)
{
	char line[256], expected[256];

	snprintf(line, sizeof(line), "capture %s %s %s", filter, fixture.capture_path, limits);
	snprintf(expected, sizeof(expected),
		"capturing to %s; \"show capture\" tells how far it is\n", fixture.capture_path);
	fixture_answer(line, expected);
}

static void assert_state(const char *words)
{
	char expected[256];

	snprintf(expected, sizeof(expected), "file: %s\n%s", fixture.capture_path, words);
	fixture_answer("show capture", expected);
}

static void file_read(void)
{
	FILE *in = fopen(fixture.capture_path, "r");

	assert_non_null(in);
	file_len = fread(file, 1, sizeof(file), in);
	fclose(in);
}

static uint32_t word_at(size_t at)
{
	uint32_t word;

	assert_true(at + 4 <= file_len);
	memcpy(&word, file + at, 4);
	return word;
}

/* Walks over the blocks; returns how many are packets. Each must fit, and say its length twice. */
static unsigned packets_count(void)
{
	unsigned packets = 0;

	file_read();
	assert_int_equal(word_at(0), 0x0a0d0d0a);
	for (size_t at = 0; at < file_len;) {
		uint32_t total = word_at(at + 4);

		assert_true(total >= 12 && total % 4 == 0);
		assert_int_equal(word_at(at + total - 4), total);
		if (word_at(at) == 6) {
			assert_int_equal(word_at(at + 20), FRAME_BYTES);
			assert_int_equal(word_at(at + 24), FRAME_BYTES);
			packets++;
		}
		at += total;
	}
	return packets;
}

static bool file_has(const char *words)
{
	return memmem(file, file_len, words, strlen(words)) != NULL;
}

static void packets_of_all_workers_are_written(void **state)
{
	(void)state;
	packet_come(0, 53);
	capture_begin("udp dst port 53", "");
	packet_come(0, 53);
	packet_come(0, 54);
	packet_come(1, 53);
	control_poll(fixture.control);
	assert_state("state: running\npackets: 2\nlost: 0\n");
	packet_come(1, 53);
	assert_memory_equal(fixture_ask("capture stop"), "file: ", 6);
	assert_state("state: ended\npackets: 3\nlost: 0\nbecause: it was stopped\n");
	assert_null(fixture.cores[0].tap);
	assert_null(fixture.cores[1].tap);
	assert_int_equal(packets_count(), 3);
	assert_true(file_has("dropped: no_service (nothing is served at this address, protocol "
			     "and port), core 1"));
	assert_true(file_has("wan"));
	fixture_answer("capture stop", "error: no capture is running\n");
}

static void it_ends_by_itself(void **state)
{
	(void)state;
	capture_begin("", "seconds 5 packets 3");
	for (unsigned i = 0; i < 10; i++)
		packet_come(0, 1);
	control_poll(fixture.control);
	assert_state("state: ended\npackets: 3\nlost: 0\nbecause: all packets were taken\n");
	assert_int_equal(packets_count(), 3);
	assert_int_equal(unlink(fixture.capture_path), 0);
	capture_begin("", "packets 3 seconds 5");
	fixture.now_us += 4999999;
	control_poll(fixture.control);
	assert_state("state: running\npackets: 0\nlost: 0\n");
	fixture.now_us += 1;
	packet_come(1, 1);
	control_poll(fixture.control);
	assert_state("state: ended\npackets: 1\nlost: 0\nbecause: the time is over\n");
}

static void what_is_lost_is_told(void **state)
{
	(void)state;
	capture_begin("", "");
	for (unsigned i = 0; i < TAP_RECORDS + 9; i++)
		packet_come(0, 1);
	control_poll(fixture.control);
	assert_state("state: running\npackets: 1024\nlost: 9\n");
	assert_memory_equal(fixture_ask("capture stop"), "file: ", 6);
}

static void what_is_wrong_is_refused(void **state)
{
	static const char usage[] = "usage: capture [FILTER] FILE [packets N] [seconds N]\n";
	char line[256], expected[512];

	(void)state;
	fixture_answer("show capture", "error: nothing was captured yet\n");
	snprintf(expected, sizeof(expected), "error: a file is needed\n%s", usage);
	fixture_answer("capture", expected);
	snprintf(line, sizeof(line), "capture tcp prot 80 %s", fixture.capture_path);
	snprintf(expected, sizeof(expected), "error: filter \"tcp prot 80\": ");
	assert_memory_equal(fixture_ask(line), expected, strlen(expected));
	assert_int_equal(access(fixture.capture_path, F_OK), -1);
	snprintf(expected, sizeof(expected),
		"error: the file is named by its absolute path, not \"c.pcapng\"\n%s", usage);
	fixture_answer("capture tcp c.pcapng", expected);
	fixture_answer("capture /etc/penstock", "error: /etc/penstock: Permission denied\n");
	snprintf(expected, sizeof(expected), "error: packets: 1 to 10000000, not \"0\"\n%s", usage);
	fixture_answer("capture /x packets 0", expected);
	snprintf(expected, sizeof(expected), "error: seconds: 1 to 86400, not \"1h\"\n%s", usage);
	fixture_answer("capture /x packets 5 seconds 1h", expected);
	capture_begin("", "");
	snprintf(line, sizeof(line), "capture %s", fixture.capture_path);
	snprintf(expected, sizeof(expected), "error: a capture to %s is running\n",
		fixture.capture_path);
	fixture_answer(line, expected);
	assert_memory_equal(fixture_ask("capture stop"), "file: ", 6);
	snprintf(expected, sizeof(expected), "error: %s: File exists\n", fixture.capture_path);
	fixture_answer(line, expected);
	fixture_answer("operator; capture /x",
		"\nerror: capture needs the level admin\n"
		"usage: capture [FILTER] FILE [packets N] [seconds N]\n");
}

static void a_silent_worker_stops_the_start(void **state)
{
	char line[256];

	(void)state;
	fixture.silent_core = 1;
	snprintf(line, sizeof(line), "capture %s", fixture.capture_path);
	fixture_answer(line, "error: worker 1 did not answer\n");
	assert_null(fixture.cores[0].tap);
	assert_state("state: ended\npackets: 0\nlost: 0\nbecause: it could not be started\n");
	packet_come(0, 1);
}

/* The process ends in the middle of it. */
static void an_unfinished_capture_is_closed(void **state)
{
	(void)state;
	capture_begin("", "");
	packet_come(0, 1);
	control_destroy(fixture.control);
	fixture.control = NULL;
	fixture.cores[0].tap = NULL;
	assert_int_equal(packets_count(), 1);
}

static int teardown(void **state)
{
	int ret = fixture_teardown(state);

	return ret != 0 ? ret : support_mbufs_check(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(packets_of_all_workers_are_written),
		TEST(it_ends_by_itself),
		TEST(what_is_lost_is_told),
		TEST(what_is_wrong_is_refused),
		TEST(a_silent_worker_stops_the_start),
		TEST(an_unfinished_capture_is_closed),
	};

	return cmocka_run_group_tests(tests, support_eal_start, NULL);
}
