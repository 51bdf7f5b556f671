/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads, sends and pieces of answers of one client before the others have their turn. */
#define STEPS_PER_TURN 32

void client_init(struct client *client, int fd, uint64_t now_us)
{
	client->fd = fd;
	client->is_ending = false;
	client->is_broken = false;
	client->is_eof = false;
	client->events = 0;
	client->deadline_us = now_us + CLIENT_LINE_TIMEOUT_US;
	client->input_len = 0;
	client->output = NULL;
	client->output_len = 0;
	client->output_sent = 0;
	client->is_in_payload = false;
	client->payload = NULL;
	client->payload_len = 0;
}

/* A Unix socket that is closed with unread input resets its peer: take the rest in first. */
static void drain(int fd)
{
	char scrap[4096];

	for (int i = 0; i < 16; i++) {
		if (recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) <= 0)
			break;
	}
}

static void payload_free(struct client *client)
{
	free(client->payload);
	client->payload = NULL;
	client->payload_len = 0;
	client->is_in_payload = false;
}

void client_destroy(struct client *client)
{
	if (client->fd < 0)
		return;
	drain(client->fd);
	close(client->fd);
	session_destroy(&client->session);
	free(client->output);
	client->output = NULL;
	payload_free(client);
	client->fd = -1;
}

static void output_free(struct client *client)
{
	free(client->output);
	client->output = NULL;
	client->output_len = 0;
	client->output_sent = 0;
}

/* False: the socket takes no more now. */
static bool send_some(struct client *client, uint64_t now_us)
{
	size_t left = client->output_len - client->output_sent;
	ssize_t sent = 0;

	if (left > 0)
		sent = send(client->fd, client->output + client->output_sent, left,
			MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0) {
		client->is_broken = errno != EAGAIN && errno != EINTR;
		return false;
	}
	client->output_sent += (size_t)sent;
	client->deadline_us = now_us + CLIENT_SEND_TIMEOUT_US;
	if (client->output_sent == client->output_len)
		output_free(client);
	return true;
}

/* The line is done: the next prompt, or the end. */
static void line_finish(struct client *client, FILE *out)
{
	if (client->session.is_quitting || !client->session.is_interactive)
		client->is_ending = true;
	else
		fputs(CONTROL_PROMPT, out);
}

static void step(struct client *client, uint64_t now_us)
{
	FILE *out = open_memstream(&client->output, &client->output_len);

	if (out == NULL) {
		client->is_broken = true;
		return;
	}
	if (!session_step(&client->session, out)) {
		payload_free(client);
		line_finish(client, out);
	}
	if (fclose(out) != 0)
		client->is_broken = true;
	client->output_sent = 0;
	client->deadline_us = now_us + CLIENT_SEND_TIMEOUT_US;
}

static bool has_line(const struct client *client)
{
	return memchr(client->input, '\n', client->input_len) != NULL;
}

/* The length of the input's first line, without bytes that would hide the rest of it. */
static size_t line_clean(struct client *client)
{
	char *end = memchr(client->input, '\n', client->input_len);
	size_t len = (size_t)(end - client->input);

	for (size_t i = 0; i < len; i++) {
		if (client->input[i] == '\0')
			client->input[i] = '?';
	}
	return len;
}

static void line_drop(struct client *client, size_t len)
{
	client->input_len -= len + 1;
	memmove(client->input, client->input + len + 1, client->input_len);
}

static void line_take(struct client *client)
{
	size_t len = line_clean(client), command_len = len;

	client->is_in_payload = session_wants_payload(client->input, &command_len);
	session_start(&client->session, client->input, command_len);
	line_drop(client, len);
}

static void refuse(struct client *client, const char *answer)
{
	client->output = strdup(answer);
	client->output_len = client->output != NULL ? strlen(client->output) : 0;
	client->output_sent = 0;
	client->is_ending = true;
}

/* False: there is nothing to read now. */
static bool receive(struct client *client)
{
	size_t room = sizeof(client->input) - client->input_len;
	ssize_t got;

	if (room == 0) {
		refuse(client, CONTROL_ERROR_PREFIX "the line is too long\n\n");
		return true;
	}
	got = recv(client->fd, client->input + client->input_len, room, MSG_DONTWAIT);
	if (got < 0) {
		client->is_broken = errno != EAGAIN && errno != EINTR;
		return false;
	}
	client->is_eof = got == 0;
	client->input_len += (size_t)got;
	return got > 0;
}

static void payload_refuse(struct client *client, const char *answer)
{
	payload_free(client);
	client->session.rest = NULL;
	refuse(client, answer);
}

/* A line of it; the empty one ends it. */
static void payload_take(struct client *client)
{
	size_t len = line_clean(client);
	char *grown;

	if (len == 0 || (len == 1 && client->input[0] == '\r')) {
		client->is_in_payload = false;
		client->session.payload = client->payload;
		line_drop(client, len);
		return;
	}
	if (client->payload_len + len + 1 > CONTROL_PAYLOAD_MAX) {
		payload_refuse(client, CONTROL_ERROR_PREFIX "the payload is too long\n\n");
		return;
	}
	grown = realloc(client->payload, client->payload_len + len + 2);
	if (grown == NULL) {
		payload_refuse(client, CONTROL_ERROR_PREFIX "out of memory\n\n");
		return;
	}
	memcpy(grown + client->payload_len, client->input, len);
	client->payload = grown;
	client->payload_len += len + 1;
	grown[client->payload_len - 1] = '\n';
	grown[client->payload_len] = '\0';
	line_drop(client, len);
}

static bool payload_advance(struct client *client)
{
	if (has_line(client)) {
		payload_take(client);
		return true;
	}
	if (!client->is_eof)
		return receive(client);
	payload_refuse(
		client, CONTROL_ERROR_PREFIX "the payload has no end, which is an empty line\n\n");
	return true;
}

static bool is_mid_line(const struct client *client)
{
	return client->session.is_running || client->session.rest != NULL;
}

static void deadline_renew(struct client *client, uint64_t now_us)
{
	if (client->output == NULL && client->session.is_interactive)
		client->deadline_us = now_us + CLIENT_IDLE_TIMEOUT_US;
}

/* One thing at a time; false: wait for the socket. */
static bool advance(struct client *client, uint64_t now_us)
{
	if (client->output != NULL)
		return send_some(client, now_us);
	if (client->is_in_payload)
		return payload_advance(client);
	if (is_mid_line(client)) {
		step(client, now_us);
		return true;
	}
	if (client->is_ending)
		return false;
	if (has_line(client)) {
		line_take(client);
		return true;
	}
	deadline_renew(client, now_us);
	return !client->is_eof && receive(client);
}

void client_run(struct client *client, uint64_t now_us)
{
	for (int i = 0; i < STEPS_PER_TURN && !client->is_broken; i++) {
		if (!advance(client, now_us))
			break;
	}
}

bool client_is_done(const struct client *client, uint64_t now_us)
{
	bool is_idle = client->output == NULL && !is_mid_line(client);

	if (client->is_broken || now_us >= client->deadline_us)
		return true;
	return is_idle && (client->is_ending || (client->is_eof && !has_line(client)));
}

uint32_t client_wanted_events(const struct client *client)
{
	bool is_ready = !client->is_in_payload && is_mid_line(client);
	bool has_work = client->output != NULL || is_ready || has_line(client);

	return has_work ? EPOLLOUT : EPOLLIN;
}
