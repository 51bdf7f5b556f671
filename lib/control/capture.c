/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "base/clock.h"
#include "pcapng.h"
#include "runtime/tap.h"

#define CALL_TIMEOUT_MS 200
#define POLL_MS         10
#define RECORDS_A_TURN  4096 /* of one worker, so that others get their turn */
#define COMMENT_MAX     256

struct capture {
	const struct control_params *params;
	int timer_fd; /* ticks while a capture runs */
	FILE *file;   /* NULL: none runs */
	struct bpf_program program;
	struct tap *taps[RUNTIME_WORKERS_MAX]; /* by worker; NULL: not listened to */
	uint64_t packets_left;
	uint64_t deadline_us;
	uint64_t wall_us; /* what the workers' clock lacks to the time since 1970 */
	struct capture_state state;
};

struct capture *capture_create(const struct control_params *params)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (capture == NULL)
		return NULL;
	capture->params = params;
	capture->state.end = "";
	capture->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (capture->timer_fd >= 0)
		return capture;
	free(capture);
	return NULL;
}

int capture_fd(const struct capture *capture)
{
	return capture->timer_fd;
}

static void timer_set(struct capture *capture, unsigned ms)
{
	struct itimerspec spec = {
		.it_interval.tv_nsec = (long)ms * 1000000,
		.it_value.tv_nsec = (long)ms * 1000000,
	};

	timerfd_settime(capture->timer_fd, 0, &spec, NULL);
}

static uint64_t now(const struct capture *capture)
{
	return capture->params->ops->now_us(capture->params->ctx);
}

/* On the worker: arg is its tap, or NULL. */
static void tap_hang(struct control_worker *worker, void *arg)
{
	worker->core->tap = arg;
}

static int tap_set(const struct capture *capture, unsigned core, struct tap *tap)
{
	return capture->params->ops->call(
		capture->params->ctx, core, tap_hang, tap, CALL_TIMEOUT_MS);
}

/* What became of the packet, for a human who reads it in Wireshark. */
static void comment_make(char comment[COMMENT_MAX], const struct tap_record *record, unsigned core)
{
	switch ((enum tap_verdict)record->verdict) {
	case TAP_DROPPED:
		snprintf(comment, COMMENT_MAX, "dropped: %s (%s), core %u",
			drop_stats_set.descs[record->reason].name,
			drop_stats_set.descs[record->reason].help, core);
		break;
	case TAP_FORWARDED:
		snprintf(comment, COMMENT_MAX, "forwarded to member %s, core %u", record->member,
			core);
		break;
	case TAP_REPLIED:
		snprintf(comment, COMMENT_MAX, "reply of member %s, core %u", record->member, core);
		break;
	case TAP_TO_STACK:
		snprintf(comment, COMMENT_MAX, "to the TCP stack, core %u", core);
		break;
	default:
		snprintf(comment, COMMENT_MAX, "taken in, core %u", core);
		break;
	}
}

static void record_write(struct capture *capture, const struct tap_record *record, unsigned core)
{
	char comment[COMMENT_MAX];
	struct pcapng_packet packet = {
		.interface = record->port,
		.time_us = record->time_us + capture->wall_us,
		.bytes = record->bytes,
		.len = record->len,
		.wire_len = record->wire_len,
		.comment = comment,
	};

	if (record->verdict == TAP_PASSED || capture->packets_left == 0)
		return;
	comment_make(comment, record, core);
	pcapng_packet(capture->file, &packet);
	capture->packets_left--;
	capture->state.written++;
}

static void records_take(struct capture *capture)
{
	uint64_t lost = 0;

	for (unsigned core = 0; core < RUNTIME_WORKERS_MAX; core++) {
		struct tap *tap = capture->taps[core];
		const struct tap_record *record;

		if (tap == NULL)
			continue;
		for (unsigned i = 0; i < RECORDS_A_TURN && (record = tap_peek(tap)) != NULL; i++) {
			record_write(capture, record, core);
			tap_release(tap);
		}
		lost += tap_lost(tap);
	}
	capture->state.lost = lost;
}

/* Takes the taps from the workers. A worker that does not answer keeps its own: memory is lost
 * rather than freed under it. */
static void taps_unhang(struct capture *capture)
{
	for (unsigned core = 0; core < RUNTIME_WORKERS_MAX; core++) {
		if (capture->taps[core] != NULL && tap_set(capture, core, NULL) < 0)
			capture->taps[core] = NULL;
	}
}

static void taps_free(struct capture *capture)
{
	for (unsigned core = 0; core < RUNTIME_WORKERS_MAX; core++) {
		tap_destroy(capture->taps[core]);
		capture->taps[core] = NULL;
	}
}

static void capture_end(struct capture *capture, const char *why)
{
	timer_set(capture, 0);
	taps_unhang(capture);
	records_take(capture);
	taps_free(capture);
	if (fclose(capture->file) != 0)
		why = "the file could not be written";
	capture->file = NULL;
	pcap_freecode(&capture->program);
	capture->state.is_running = false;
	capture->state.end = why;
}

void capture_destroy(struct capture *capture)
{
	if (capture == NULL)
		return;
	if (capture->file != NULL) {
		records_take(capture);
		taps_free(capture);
		fclose(capture->file);
		pcap_freecode(&capture->program);
	}
	close(capture->timer_fd);
	free(capture);
}

void capture_poll(struct capture *capture)
{
	uint64_t ticks;

	if (read(capture->timer_fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		return;
	if (capture->file == NULL)
		return;
	records_take(capture);
	if (fflush(capture->file) != 0)
		capture_end(capture, "the file could not be written");
	else if (capture->packets_left == 0)
		capture_end(capture, "all packets were taken");
	else if (now(capture) >= capture->deadline_us)
		capture_end(capture, "the time is over");
}

static int filter_compile(struct capture *capture, const char *filter, struct err *err)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, TAP_BYTES_MAX);
	int ret = 0;

	if (pcap == NULL)
		return err_set(err, ENOMEM, "out of memory");
	if (pcap_compile(pcap, &capture->program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
		ret = err_set(err, EINVAL, "filter \"%.100s\": %s", filter, pcap_geterr(pcap));
	pcap_close(pcap);
	return ret;
}

static int file_open(struct capture *capture, const char *path, struct err *err)
{
	const struct config *config = capture->params->ops->snapshot(capture->params->ctx)->config;
	int fd;

	if (capture->params->ops->file_create == NULL)
		return err_set(err, EPERM, "no files can be written here");
	if (path[0] != '/' || strlen(path) >= CAPTURE_PATH_MAX)
		return err_set(err, EINVAL,
			"the file is named by its absolute path, not \"%.100s\"", path);
	fd = capture->params->ops->file_create(capture->params->ctx, path);
	if (fd < 0)
		return err_set(err, -fd, "%s: %s", path, strerror(-fd));
	capture->file = fdopen(fd, "w");
	if (capture->file == NULL) {
		close(fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	pcapng_section(capture->file, "penstock " PENSTOCK_VERSION);
	for (size_t i = 0; i < config->port_count; i++)
		pcapng_interface(capture->file, config->ports[i].name, TAP_BYTES_MAX);
	return 0;
}

/* 0, or -errno: then the taps that are there already stay for capture_end(). */
static int taps_hang(struct capture *capture, struct err *err)
{
	for (unsigned core = 0; core < RUNTIME_WORKERS_MAX; core++) {
		struct tap *tap;

		if (capture->params->ops->core(capture->params->ctx, core) == NULL)
			return 0;
		tap = tap_create(capture->program.bf_insns);
		if (tap == NULL)
			return err_set(err, ENOMEM, "out of memory");
		if (tap_set(capture, core, tap) < 0) {
			tap_destroy(tap);
			return err_set(err, ETIMEDOUT, "worker %u did not answer", core);
		}
		capture->taps[core] = tap;
	}
	return 0;
}

static uint64_t wall_us_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * CLOCK_US_PER_S + (uint64_t)time.tv_nsec / 1000;
}

int capture_start(struct capture *capture, const struct capture_request *request, struct err *err)
{
	int ret;

	if (capture->file != NULL)
		return err_set(err, EBUSY, "a capture to %s is running", capture->state.path);
	ret = filter_compile(capture, request->filter, err);
	if (ret < 0)
		return ret;
	ret = file_open(capture, request->path, err);
	if (ret < 0) {
		pcap_freecode(&capture->program);
		return ret;
	}
	capture->state = (struct capture_state){ .is_running = true, .end = "" };
	memcpy(capture->state.path, request->path, strlen(request->path) + 1);
	capture->packets_left = request->packets;
	capture->deadline_us = now(capture) + request->seconds * CLOCK_US_PER_S;
	capture->wall_us = wall_us_now() - now(capture);
	ret = taps_hang(capture, err);
	if (ret < 0)
		capture_end(capture, "it could not be started");
	else
		timer_set(capture, POLL_MS);
	return ret;
}

bool capture_stop(struct capture *capture)
{
	if (capture->file == NULL)
		return false;
	capture_end(capture, "it was stopped");
	return true;
}

void capture_state(const struct capture *capture, struct capture_state *state)
{
	*state = capture->state;
}
