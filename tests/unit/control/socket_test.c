/* SPDX-License-Identifier: Apache-2.0 */
/* The socket itself: clients of all manners, and the file. Time is the fixture's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/rng.h"
#include "fixture.h"

#define VERSION_ANSWER PENSTOCK_VERSION "\n\n"
#define SECOND_US      1000000ull

static char reply[8 << 20];
static size_t reply_len;

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, fixture.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static bool has_work(void)
{
	struct pollfd descriptor = { .fd = control_fd(fixture.control), .events = POLLIN };

	return poll(&descriptor, 1, 0) == 1;
}

/* What the daemon's loop does, until there is nothing left to do. */
static void pump(void)
{
	for (int i = 0; i < 100000 && has_work(); i++)
		control_poll(fixture.control);
}

static void say(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* Adds what is there to the reply. True: the other end has closed. */
static bool hear(int fd)
{
	ssize_t got;

	while ((got = recv(fd, reply + reply_len, sizeof(reply) - reply_len - 1, 0)) > 0)
		reply_len += (size_t)got;
	reply[reply_len] = '\0';
	if (got < 0)
		assert_true(errno == EAGAIN || errno == ECONNRESET);
	return got == 0 || errno == ECONNRESET;
}

/* Takes turns with the daemon until it closes or has nothing more to say. */
static bool converse(int fd)
{
	bool is_closed = false;
	size_t before;

	reply_len = 0;
	do {
		before = reply_len;
		pump();
		is_closed = hear(fd);
	} while (!is_closed && reply_len > before);
	return is_closed;
}

static void assert_exchange(const char *sent, const char *expected)
{
	int fd = dial();

	say(fd, sent, strlen(sent));
	assert_true(converse(fd));
	assert_string_equal(reply, expected);
	close(fd);
}

static void test_one_line_and_the_end(void **state)
{
	(void)state;
	assert_exchange("show version\n", VERSION_ANSWER);
	assert_exchange("show version;show version\n", VERSION_ANSWER VERSION_ANSWER);
	assert_exchange("\n", "\n");
	assert_exchange("set server postgres/198.51.100.10:5432 state ready\n", "\n");
	assert_exchange("show sat\n",
		"error: unknown command \"show sat\"\n"
		"did you mean \"show stat\"?\n\"help\" lists the commands\n\n");
	/* What follows the line is not run. */
	assert_exchange("show version\nshutdown\n", VERSION_ANSWER);
	assert_int_equal(fixture.shutdown_count, 0);
}

static void test_byte_by_byte(void **state)
{
	static const char line[] = "show version\r\n";
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		pump();
		reply_len = 0;
		assert_false(hear(fd));
		assert_int_equal(reply_len, 0);
		say(fd, &line[i], 1);
	}
	assert_true(converse(fd));
	assert_string_equal(reply, VERSION_ANSWER);
	close(fd);
}

static void test_prompt(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "prompt\n", 7);
	assert_false(converse(fd));
	assert_string_equal(reply, "\n> ");
	say(fd, "show version\n", 13);
	assert_false(converse(fd));
	assert_string_equal(reply, VERSION_ANSWER "> ");
	say(fd, "user;show level\nshow level\n\n", 28);
	assert_false(converse(fd));
	assert_string_equal(reply, "\nuser\n\n> user\n\n> \n> ");
	say(fd, "quit;show version\nshow version\n", 31);
	assert_true(converse(fd));
	assert_string_equal(reply, "\n");
	close(fd);
}

static void test_prompt_twice_is_as_before(void **state)
{
	(void)state;
	assert_exchange("prompt;prompt\n", "\n\n");
	assert_exchange("prompt\nprompt\nshow version\n", "\n> \n");
}

/* Many lines in one go: they wait in the socket while answers go out. */
static void test_pipelined_lines(void **state)
{
	char *lines = malloc(1 << 16);
	const char *at;
	int fd = dial(), answers = 0;
	size_t len;

	(void)state;
	assert_non_null(lines);
	strcpy(lines, "prompt\n");
	for (int i = 0; i < 3000; i++)
		strcat(lines + 13 * i, "show version\n");
	len = strlen(lines);
	say(fd, lines, len);
	assert_false(converse(fd));
	for (at = reply; (at = strstr(at, PENSTOCK_VERSION)) != NULL; at++)
		answers++;
	assert_int_equal(answers, 3000);
	assert_string_equal(reply + reply_len - 3, "\n> ");
	free(lines);
	close(fd);
}

static void test_longest_line(void **state)
{
	char line[4200];
	int fd = dial();

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "show version", 12);
	line[4095] = '\n';
	line[4096] = '\0';
	assert_exchange(line, VERSION_ANSWER);
	line[4095] = ' ';
	line[4096] = '\n';
	say(fd, line, 4097);
	assert_true(converse(fd));
	assert_string_equal(reply, "error: the line is too long\n\n");
	close(fd);
}

static void test_endless_line(void **state)
{
	char part[4096];
	int fd = dial();

	(void)state;
	memset(part, 'x', sizeof(part));
	for (int i = 0; i < 8; i++) {
		if (send(fd, part, sizeof(part), MSG_NOSIGNAL) < 0)
			break;
		pump();
	}
	assert_true(converse(fd));
	assert_string_equal(reply, "error: the line is too long\n\n");
	close(fd);
}

static void test_nul_in_a_line(void **state)
{
	static const char line[] = "show version\0;shutdown\n";
	int fd = dial();

	(void)state;
	say(fd, line, sizeof(line) - 1);
	assert_true(converse(fd));
	assert_string_equal(reply,
		"error: unknown command \"show version?\"\n"
		"did you mean \"show version\"?\n\"help\" lists the commands\n\n\n");
	close(fd);
}

static void test_garbage(void **state)
{
	struct rng rng = { .state = 1 };

	(void)state;
	for (int i = 0; i < 300; i++) {
		char bytes[512];
		int fd = dial();

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (char)(rng_next(&rng) % 160);
		say(fd, "prompt\n", 7);
		say(fd, bytes, sizeof(bytes));
		converse(fd);
		assert_memory_equal(reply, "\n> ", 3);
		close(fd);
		pump();
	}
	assert_int_equal(fixture.shutdown_count, 0);
	assert_exchange("show version\n", VERSION_ANSWER);
}

/* Half a command is another command. */
static void test_unfinished_line_is_not_run(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "shutdown", 8);
	pump();
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(converse(fd));
	assert_string_equal(reply, "");
	assert_int_equal(fixture.shutdown_count, 0);
	close(fd);
}

static void test_client_that_half_closes(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "show version\n", 13);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_true(converse(fd));
	assert_string_equal(reply, VERSION_ANSWER);
	close(fd);
}

static void test_client_that_leaves(void **state)
{
	int fd = dial();

	(void)state;
	fixture.l4_conn_count = 50000;
	say(fd, "show conns\n", 11);
	control_poll(fixture.control);
	close(fd);
	pump();
	assert_exchange("show version\n", VERSION_ANSWER);
}

static void test_long_answer(void **state)
{
	int fd = dial();
	size_t lines = 0;

	(void)state;
	fixture.l4_conn_count = 20000;
	say(fd, "show conns l4\n", 14);
	assert_true(converse(fd));
	for (size_t i = 0; i < reply_len; i++)
		lines += reply[i] == '\n';
	assert_int_equal(lines, 1 + 20000 + 1);
	close(fd);
}

/* It is cut off when it has taken nothing for ten seconds, and nobody else waits for it. */
static void test_slow_reader(void **state)
{
	int fd = dial(), few = 1024;

	(void)state;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof(few)), 0);
	fixture.l4_conn_count = 50000;
	say(fd, "show conns l4\n", 14);
	pump();
	assert_false(has_work());
	assert_exchange("show version\n", VERSION_ANSWER);
	fixture.now_us += 9 * SECOND_US;
	control_poll(fixture.control);
	/* Taking something starts the time anew. */
	assert_true(recv(fd, reply, 100000, 0) > 0);
	pump();
	fixture.now_us += 9 * SECOND_US;
	control_poll(fixture.control);
	reply_len = 0;
	assert_false(hear(fd));
	pump();
	fixture.now_us += 10 * SECOND_US;
	control_poll(fixture.control);
	reply_len = 0;
	assert_true(hear(fd));
	assert_null(strstr(reply, "\n\n"));
	close(fd);
}

static void test_client_that_says_nothing(void **state)
{
	int fd = dial();

	(void)state;
	pump();
	fixture.now_us += 9 * SECOND_US;
	say(fd, "show ver", 8);
	control_poll(fixture.control);
	assert_false(hear(fd));
	fixture.now_us += 1 * SECOND_US;
	control_poll(fixture.control);
	reply_len = 0;
	assert_true(hear(fd));
	assert_int_equal(reply_len, 0);
	close(fd);
}

static void test_prompt_may_wait_longer(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "prompt\n", 7);
	assert_false(converse(fd));
	fixture.now_us += 599 * SECOND_US;
	say(fd, "show version\n", 13);
	assert_false(converse(fd));
	fixture.now_us += 599 * SECOND_US;
	control_poll(fixture.control);
	assert_false(hear(fd));
	fixture.now_us += 1 * SECOND_US;
	control_poll(fixture.control);
	assert_true(hear(fd));
	close(fd);
}

static void test_too_many_clients(void **state)
{
	int fds[33];

	(void)state;
	for (int i = 0; i < 33; i++) {
		fds[i] = dial();
		pump();
	}
	assert_true(converse(fds[32]));
	assert_string_equal(reply, "error: too many connections to the stats socket\n\n");
	say(fds[7], "show version\n", 13);
	assert_true(converse(fds[7]));
	assert_string_equal(reply, VERSION_ANSWER);
	for (int i = 0; i < 33; i++)
		close(fds[i]);
	pump();
	assert_exchange("show version\n", VERSION_ANSWER);
}

/* A second control on a path of the fixture's folder. */
static struct control *open_at(const char *name, unsigned mode, const char *group, struct err *err)
{
	static const struct control_ops no_ops;
	static char path[256];
	struct control_params params = { .ops = &no_ops };
	struct config config = {
		.stats = { .socket = path, .socket_mode = mode, .socket_group = group }
	};

	snprintf(path, sizeof(path), "%s/%s", fixture.folder, name);
	return control_create(&params, &config, err);
}

static void path_of(char path[256], const char *name)
{
	snprintf(path, 256, "%s/%s", fixture.folder, name);
}

static void test_mode_and_removal(void **state)
{
	struct stat status;
	struct control *control;
	struct err err;
	char path[256];

	(void)state;
	control = open_at("mode.sock", 0640, NULL, &err);
	assert_non_null(control);
	path_of(path, "mode.sock");
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 0777, 0640);
	control_destroy(control);
	assert_int_equal(stat(path, &status), -1);
}

static void test_folder_is_made(void **state)
{
	struct control *control;
	struct err err;
	char path[256];

	(void)state;
	control = open_at("new/s.sock", 0600, NULL, &err);
	assert_non_null(control);
	control_destroy(control);
	path_of(path, "new");
	assert_int_equal(rmdir(path), 0);
	assert_null(open_at("no/such/s.sock", 0600, NULL, &err));
	assert_non_null(strstr(err.text, "/no/such: No such file or directory"));
}

static void test_socket_in_use(void **state)
{
	struct err err;

	(void)state;
	assert_null(open_at("s.sock", 0600, NULL, &err));
	assert_non_null(strstr(err.text, "s.sock: another process answers on it"));
	assert_exchange("show version\n", VERSION_ANSWER);
}

static void test_stale_socket_is_replaced(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct control *control;
	char path[256];
	struct err err;

	(void)state;
	path_of(path, "stale.sock");
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	control = open_at("stale.sock", 0600, NULL, &err);
	assert_non_null(control);
	control_destroy(control);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_other_files_stay(void **state)
{
	struct control *control;
	struct err err;
	char path[256];
	int fd;

	(void)state;
	path_of(path, "file");
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_null(open_at("file", 0600, NULL, &err));
	assert_non_null(strstr(err.text, "/file: the file exists and is no socket"));
	assert_int_equal(unlink(path), 0);
	/* A file that took our socket's place is not ours to remove. */
	control = open_at("file", 0600, NULL, &err);
	assert_non_null(control);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	control_destroy(control);
	assert_int_equal(unlink(path), 0);
}

static void test_bad_settings(void **state)
{
	char name[128];
	struct err err;

	(void)state;
	assert_null(open_at("g.sock", 0600, "no-such-group", &err));
	assert_string_equal(err.text, "stats socket: there is no group \"no-such-group\"");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_null(open_at(name, 0600, NULL, &err));
	assert_non_null(strstr(err.text, "the path is longer than 107 bytes"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_line_and_the_end),
		TEST(test_byte_by_byte),
		TEST(test_prompt),
		TEST(test_prompt_twice_is_as_before),
		TEST(test_pipelined_lines),
		TEST(test_longest_line),
		TEST(test_endless_line),
		TEST(test_nul_in_a_line),
		TEST(test_garbage),
		TEST(test_unfinished_line_is_not_run),
		TEST(test_client_that_half_closes),
		TEST(test_client_that_leaves),
		TEST(test_long_answer),
		TEST(test_slow_reader),
		TEST(test_client_that_says_nothing),
		TEST(test_prompt_may_wait_longer),
		TEST(test_too_many_clients),
		TEST(test_mode_and_removal),
		TEST(test_folder_is_made),
		TEST(test_socket_in_use),
		TEST(test_stale_socket_is_replaced),
		TEST(test_other_files_stay),
		TEST(test_bad_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
