/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "capture.h"
#include "client.h"
#include "listener.h"
#include "session.h"
#include "ssl_update.h"

#define CLIENTS_MAX 32
#define EVENTS_MAX  16

struct control {
	struct control_params params;
	struct listener listener;
	int epoll_fd;
	int timer_fd; /* every second: time-outs and samples */
	struct core_samples samples;
	struct capture *capture;
	struct ssl_update update;
	struct client clients[CLIENTS_MAX];
};

/* Whose event it is: a client's index, or one of these. */
enum { SOURCE_LISTENER = CLIENTS_MAX, SOURCE_TIMER, SOURCE_CAPTURE };

static uint64_t now(const struct control *control)
{
	return control->params.ops->now_us(control->params.ctx);
}

static int watch(struct control *control, int fd, uint32_t source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = source };

	return epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int timer_open(struct control *control)
{
	struct itimerspec second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };

	control->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (control->timer_fd < 0)
		return -1;
	return timerfd_settime(control->timer_fd, 0, &second, NULL);
}

static int events_open(struct control *control)
{
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (control->epoll_fd < 0 || timer_open(control) < 0)
		return -errno;
	if (watch(control, control->listener.fd, SOURCE_LISTENER) < 0 ||
		watch(control, control->timer_fd, SOURCE_TIMER) < 0 ||
		watch(control, capture_fd(control->capture), SOURCE_CAPTURE) < 0)
		return -errno;
	return 0;
}

struct control *control_create(
	const struct control_params *params, const struct config *config, struct err *err)
{
	struct control *control = calloc(1, sizeof(*control));
	int ret;

	if (control == NULL) {
		err_set(err, ENOMEM, "stats socket: out of memory");
		return NULL;
	}
	control->params = *params;
	control->epoll_fd = -1;
	control->timer_fd = -1;
	control->listener.fd = -1;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	control->capture = capture_create(&control->params);
	if (control->capture == NULL) {
		err_set(err, ENOMEM, "stats socket: out of memory");
		goto fail;
	}
	if (listener_open(&control->listener, &config->stats, err) < 0)
		goto fail;
	ret = events_open(control);
	if (ret == 0)
		return control;
	err_set(err, -ret, "stats socket: %s", strerror(-ret));
fail:
	control_destroy(control);
	return NULL;
}

void control_destroy(struct control *control)
{
	if (control == NULL)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		client_destroy(&control->clients[i]);
	capture_destroy(control->capture);
	ssl_update_clear(&control->update);
	listener_close(&control->listener);
	if (control->timer_fd >= 0)
		close(control->timer_fd);
	if (control->epoll_fd >= 0)
		close(control->epoll_fd);
	free(control);
}

int control_fd(const struct control *control)
{
	return control->epoll_fd;
}

static void samples_take(struct control *control, uint64_t now_us)
{
	struct core_samples *samples = &control->samples;
	const struct core *core;

	if (samples->taken_us != 0 && now_us - samples->taken_us < CLOCK_US_PER_S)
		return;
	for (unsigned i = 0; i < RUNTIME_WORKERS_MAX; i++) {
		struct core_sample *sample = &samples->cores[i];
		uint64_t busy, idle;

		core = control->params.ops->core(control->params.ctx, i);
		if (core == NULL)
			break;
		busy = stats_read(&core->counters.busy_cycles);
		idle = stats_read(&core->counters.idle_cycles);
		*sample = (struct core_sample){ .busy_cycles = busy,
			.idle_cycles = idle,
			.busy_delta = busy - sample->busy_cycles,
			.idle_delta = idle - sample->idle_cycles };
	}
	samples->taken_us = now_us;
}

static struct client *client_find_free(struct control *control)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	}
	return NULL;
}

static void refuse(int fd)
{
	static const char words[] = CONTROL_ERROR_PREFIX
		"too many connections to the stats socket\n\n";

	if (send(fd, words, sizeof(words) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("stats socket: %s", strerror(errno));
	close(fd);
}

/* Interest follows what the client waits for; done ones go. */
static void client_settle(struct control *control, struct client *client, uint64_t now_us)
{
	uint32_t wanted = client_wanted_events(client);
	struct epoll_event event = { .events = wanted,
		.data.u32 = (uint32_t)(client - control->clients) };

	if (client_is_done(client, now_us)) {
		client_destroy(client);
		return;
	}
	if (client->events == wanted)
		return;
	if (epoll_ctl(control->epoll_fd, client->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
		    client->fd, &event) < 0) {
		client_destroy(client);
		return;
	}
	client->events = wanted;
}

static void accept_all(struct control *control, uint64_t now_us)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		int fd = accept4(control->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct client *client;

		if (fd < 0)
			return;
		client = client_find_free(control);
		if (client == NULL) {
			refuse(fd);
			continue;
		}
		client_init(client, fd, now_us);
		session_init(&client->session, &control->params, &control->samples,
			control->capture, &control->update);
		client_run(client, now_us);
		client_settle(control, client, now_us);
	}
}

static void timer_take(struct control *control)
{
	uint64_t ticks;

	if (read(control->timer_fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		log_warning("stats socket: timer: %s", strerror(errno));
}

static void event_take(struct control *control, uint32_t source, uint64_t now_us)
{
	if (source == SOURCE_LISTENER) {
		accept_all(control, now_us);
	} else if (source == SOURCE_TIMER) {
		timer_take(control);
	} else if (source < CLIENTS_MAX && control->clients[source].fd >= 0) {
		client_run(&control->clients[source], now_us);
		client_settle(control, &control->clients[source], now_us);
	}
}

/*
 * A last try before the cut: Linux calls a Unix socket writable only when most of its buffer was
 * read, so a reader may have taken something without an event for us.
 */
static void time_out(struct control *control, uint64_t now_us)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0 || !client_is_done(client, now_us))
			continue;
		if (client->output != NULL)
			client_run(client, now_us);
		client_settle(control, client, now_us);
	}
}

void control_poll(struct control *control)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now_us = now(control);
	int count = epoll_wait(control->epoll_fd, events, EVENTS_MAX, 0);

	samples_take(control, now_us);
	for (int i = 0; i < count; i++)
		event_take(control, events[i].data.u32, now_us);
	/* Its descriptor only wakes us. */
	capture_poll(control->capture);
	time_out(control, now_us);
}

void control_run(struct control *control, const char *line, FILE *out)
{
	struct session *session = calloc(1, sizeof(*session));
	size_t len = strcspn(line, "\n");
	const char *payload = line[len] == '\n' ? line + len + 1 : NULL;

	if (session == NULL || len > CONTROL_LINE_MAX) {
		fputs(CONTROL_ERROR_PREFIX "the line is too long\n\n", out);
		free(session);
		return;
	}
	session_init(
		session, &control->params, &control->samples, control->capture, &control->update);
	if (!session_wants_payload(line, &len))
		payload = NULL;
	session_start(session, line, len);
	session->payload = payload;
	while (session_step(session, out))
		;
	session_destroy(session);
	free(session);
}
