/* SPDX-License-Identifier: Apache-2.0 */
/* The program penstockctl as it was built, against a control module in this process. */
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define WORDS_MAX 16

/* One run of the program. */
static struct {
	char out[1 << 20];
	char err[1 << 16];
	size_t out_len, err_len;
	int code;
} run;

static char program[4096];

static int program_find(void **state)
{
	char self[2048] = "";

	(void)state;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	snprintf(program, sizeof(program), "%s/../app/penstockctl/penstockctl", dirname(self));
	return access(program, X_OK);
}

static void take(int fd, char *bytes, size_t size, size_t *len, bool *is_open)
{
	ssize_t got = read(fd, bytes + *len, size - *len - 1);

	*is_open = got > 0;
	*len += got > 0 ? (size_t)got : 0;
	bytes[*len] = '\0';
}

/* Serves the socket until the program has closed both of its outputs. */
static void serve(int out, int err)
{
	struct pollfd fds[3] = {
		{ .fd = control_fd(fixture.control), .events = POLLIN },
		{ .fd = out, .events = POLLIN },
		{ .fd = err, .events = POLLIN },
	};
	bool is_open = true;

	while (fds[1].fd >= 0 || fds[2].fd >= 0) {
		assert_true(poll(fds, 3, 20000) > 0);
		if (fds[0].revents != 0)
			control_poll(fixture.control);
		if (fds[1].revents != 0) {
			take(out, run.out, sizeof(run.out), &run.out_len, &is_open);
			fds[1].fd = is_open ? out : -1;
		}
		if (fds[2].revents != 0) {
			take(err, run.err, sizeof(run.err), &run.err_len, &is_open);
			fds[2].fd = is_open ? err : -1;
		}
	}
}

static void child_run(char **words, const int input[2], const int out[2], const int err[2])
{
	dup2(input[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	setenv("PENSTOCK_SOCKET", fixture.socket, 1);
	execv(program, words);
	_exit(99);
}

/* line: arguments, parted by '|'. input: for its standard input. */
static void start(const char *line, const char *input)
{
	char copy[8192], *rest = copy, *words[WORDS_MAX + 2] = { program };
	int in[2], out[2], err[2], status, count = 1;
	pid_t child;

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	while (rest != NULL && line[0] != '\0' && count <= WORDS_MAX)
		words[count++] = strsep(&rest, "|");
	run.out_len = 0;
	run.err_len = 0;
	run.out[0] = '\0';
	run.err[0] = '\0';
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], input, strlen(input)), strlen(input));
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		child_run(words, in, out, err);
	close(in[0]);
	close(in[1]);
	close(out[1]);
	close(err[1]);
	serve(out[0], err[0]);
	close(out[0]);
	close(err[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	run.code = WEXITSTATUS(status);
}

static void assert_run(const char *line, int code, const char *out, const char *err)
{
	start(line, "");
	assert_string_equal(run.err, err);
	assert_string_equal(run.out, out);
	assert_int_equal(run.code, code);
}

static void test_answers(void **state)
{
	(void)state;
	assert_run("show|version", 0, PENSTOCK_VERSION "\n", "");
	assert_run("show version", 0, PENSTOCK_VERSION "\n", "");
	assert_run("--json|show|version", 0, "{\n  \"version\": \"" PENSTOCK_VERSION "\"\n}\n", "");
	assert_run(
		"show version; show version", 0, PENSTOCK_VERSION "\n\n" PENSTOCK_VERSION "\n", "");
	assert_run("set|server|postgres/198.51.100.10:5432|state|drain", 0, "", "");
	assert_int_equal(fixture.members[0].admin, MEMBER_DRAIN);
	assert_run("show|config", 0,
		"# penstock.json, configuration 2\n{\n \n  \"pools\": {}\n \n}\n", "");
}

static void test_options_of_the_socket(void **state)
{
	char line[256];

	(void)state;
	snprintf(line, sizeof(line), "-s|%s|-t|5|show|version", fixture.socket);
	assert_run(line, 0, PENSTOCK_VERSION "\n", "");
	snprintf(line, sizeof(line), "--socket=%s/nothing|show|version", fixture.folder);
	start(line, "");
	assert_int_equal(run.code, 3);
	assert_string_equal(run.out, "");
	assert_non_null(strstr(run.err,
		"/nothing: No such file or directory\n"
		"penstockctl: is penstock running? -s PATH names another socket\n"));
}

static void test_failures(void **state)
{
	(void)state;
	assert_run("show|sat", 1, "",
		"error: unknown command \"show sat\"\n"
		"did you mean \"show stat\"?\n\"help\" lists the commands\n");
	/* A watch ends with the first failure. */
	assert_run("-w|1|set", 1, "",
		"error: \"set\" is not a whole command; these begin so:\n"
		"  set server POOL/MEMBER state ready|drain|maint | weight N|N%\n"
		"  set route SERVICE/ROUTE weight POOL=N...\n"
		"  set weight POOL/MEMBER N|N%\n"
		"  set ssl cert NAME\n"
		"  set ssl ocsp-response ANSWER\n");
	assert_run("--json|show|config", 1, "",
		"error: show config takes no \"json\"\nusage: show config\n");
	assert_run("show sat; show version", 1, PENSTOCK_VERSION "\n",
		"error: unknown command \"show sat\"\ndid you mean \"show stat\"?\n"
		"\"help\" lists the commands\n");
	fixture.reload_result = -22;
	assert_run("reload", 1, "",
		"error: penstock.json was not loaded, configuration 2 goes on\n"
		"penstock.json:14: services[2].listen: port 70000 is out of range (1-65535)\n"
		"penstock.json:20: pools.a: no members\n");
}

static void test_usage(void **state)
{
	static const char *const wrong[] = { "--frobnicate", "--watch|0|show|info",
		"--watch|x|show|info", "--watch|-1|show|info", "-t|99999999|show|info", "-s",
		"--json", "-w|1", "show|a\nb" };
	char line[5000] = "show|";

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		start(wrong[i], "");
		assert_int_equal(run.code, 2);
		assert_string_equal(run.out, "");
		assert_true(run.err_len > 0);
	}
	memset(line + 5, 'x', 4090);
	start(line, "");
	assert_int_equal(run.code, 1);
	memset(line + 5, 'x', 4091);
	assert_run(line, 2, "", "penstockctl: a command is one line of at most 4095 bytes\n");
}

static void test_help_and_version(void **state)
{
	(void)state;
	assert_run("--version", 0, "penstockctl " PENSTOCK_VERSION "\n", "");
	start("--help", "");
	assert_int_equal(run.code, 0);
	assert_memory_equal(run.out, "usage: penstockctl ", 19);
	start("--commands", "");
	assert_int_equal(run.code, 0);
	assert_non_null(strstr(run.out, "\nshow drops [all] [json]\n"));
}

static void test_lines_from_standard_input(void **state)
{
	(void)state;
	start("", "show version\n# a remark\n\n  show version  \nquit\nshutdown\n");
	assert_string_equal(run.out, PENSTOCK_VERSION "\n" PENSTOCK_VERSION "\n");
	assert_int_equal(run.code, 0);
	assert_int_equal(fixture.shutdown_count, 0);
	start("", "show sat\nshow version\n");
	assert_int_equal(run.code, 1);
	assert_string_equal(run.out, PENSTOCK_VERSION "\n");
}

static void test_long_answer(void **state)
{
	size_t lines = 0;

	(void)state;
	fixture.l4_conn_count = 5000;
	start("show|conns|l4", "");
	assert_int_equal(run.code, 0);
	for (size_t i = 0; i < run.out_len; i++)
		lines += run.out[i] == '\n';
	assert_int_equal(lines, 5001);
}

/* A terminal must not act on what a client of the appliance put into a request. */
static void test_no_control_characters(void **state)
{
	(void)state;
	start("show|conns|l7", "");
	assert_non_null(strstr(run.out, "GET /a?[2Jb\n"));
	assert_null(strchr(run.out, '\033'));
}

/* A listener that closes at once: an answer that breaks off is no answer. */
static void test_broken_off(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	static const char part[] = "# half\n";
	char line[256], command[] = "show version\n";
	pid_t child;

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/half.sock", fixture.folder);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	child = fork();
	if (child == 0) {
		fd = accept(listener, NULL, NULL);
		/* All of it: to close with something unread is a reset. */
		if (recv(fd, command, sizeof(command) - 1, MSG_WAITALL) < 0 ||
			send(fd, part, sizeof(part) - 1, 0) < 0)
			_exit(1);
		_exit(0);
	}
	snprintf(line, sizeof(line), "-s|%.100s|show|version", address.sun_path);
	assert_run(
		line, 3, "# half\n", "penstockctl: the connection ended before the answer did\n");
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(listener);
	assert_int_equal(unlink(address.sun_path), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_options_of_the_socket),
		TEST(test_failures),
		TEST(test_usage),
		TEST(test_help_and_version),
		TEST(test_lines_from_standard_input),
		TEST(test_long_answer),
		TEST(test_no_control_characters),
		TEST(test_broken_off),
	};

	return cmocka_run_group_tests(tests, program_find, NULL);
}
