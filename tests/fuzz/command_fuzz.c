/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stats socket as a client sees it: the first byte says in how large pieces the rest is sent.
 * Whatever that is, each answer ends in an empty line and the next client is served.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../unit/control/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void finish(void)
{
	fixture_teardown(NULL);
}

static void begin_once(void)
{
	if (fixture.control != NULL)
		return;
	MUST(fixture_setup(NULL) == 0);
	atexit(finish);
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, fixture.socket);
	MUST(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* Takes what there is; returns its end: the last two bytes. */
static void hear(int fd, char last[2])
{
	static char bytes[65536];
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		if (got == 1)
			last[0] = last[1];
		else
			last[0] = bytes[got - 2];
		last[1] = bytes[got - 1];
	}
}

static void pump(int fd, char last[2])
{
	struct pollfd work = { .fd = control_fd(fixture.control), .events = POLLIN };

	for (int i = 0; i < 1000 && poll(&work, 1, 0) == 1; i++) {
		control_poll(fixture.control);
		hear(fd, last);
	}
}

static void serve_one(const uint8_t *data, size_t len, size_t piece)
{
	char last[2] = "";
	int fd = dial();

	while (len > 0) {
		size_t part = len < piece ? len : piece;

		if (send(fd, data, part, MSG_NOSIGNAL) < 0)
			break;
		data += part;
		len -= part;
		pump(fd, last);
	}
	shutdown(fd, SHUT_WR);
	pump(fd, last);
	/* Nothing, an empty line, or a prompt. */
	MUST(last[1] == '\0' || last[1] == '\n' || (last[0] == '>' && last[1] == ' '));
	close(fd);
	pump(fd, last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t version[] = "show version\n";

	if (len == 0 || len > 16384)
		return 0;
	begin_once();
	serve_one(data + 1, len - 1, data[0] == 0 ? 16384 : data[0]);
	serve_one(version, sizeof(version) - 1, sizeof(version));
	return 0;
}
