/* SPDX-License-Identifier: Apache-2.0 */
/* Capturing packets with their verdicts. */
#include "../capture.h"

#include <errno.h>
#include <string.h>

#include "../pairs.h"
#include "commands.h"

#define PACKETS_DEFAULT 10000
#define SECONDS_DEFAULT 60

/* Takes "NAME N" off the end of the words. 0, or -EINVAL; untouched when it is not there. */
static int limit_take(struct request *request, const char *name, uint64_t max, uint64_t *value)
{
	unsigned count = request->count;

	if (count < 3 || strcmp(request->words[count - 2], name) != 0)
		return 0;
	if (number_parse(request->words[count - 1], max, value) < 0 || *value == 0)
		return request_fail(request, EINVAL, "%s: 1 to %llu, not \"%.40s\"", name,
			(unsigned long long)max, request->words[count - 1]);
	request->count -= 2;
	return 0;
}

/* The words of the filter as one text again. */
static void filter_join(struct request *request, char *filter, size_t size)
{
	size_t len = 0;

	filter[0] = '\0';
	for (unsigned i = 0; i + 1 < request->count && len < size; i++)
		len += (size_t)snprintf(
			filter + len, size - len, "%s%s", i > 0 ? " " : "", request->words[i]);
}

int command_capture(struct request *request)
{
	char filter[CONTROL_LINE_MAX + 1];
	struct capture_request wanted = {
		.filter = filter,
		.packets = PACKETS_DEFAULT,
		.seconds = SECONDS_DEFAULT,
	};
	int ret;

	/* In any order, before anything else is looked at. */
	for (unsigned i = 0; i < 2; i++) {
		ret = limit_take(request, "packets", CAPTURE_PACKETS_MAX, &wanted.packets);
		if (ret == 0)
			ret = limit_take(request, "seconds", CAPTURE_SECONDS_MAX, &wanted.seconds);
		if (ret < 0)
			return ret;
	}
	if (request->count == 0)
		return request_fail(request, EINVAL, "a file is needed");
	wanted.path = request->words[request->count - 1];
	filter_join(request, filter, sizeof(filter));
	ret = capture_start(request->session->capture, &wanted, &request->err);
	if (ret == 0)
		fprintf(request->out, "capturing to %s; \"show capture\" tells how far it is\n",
			wanted.path);
	return ret;
}

static int state_print(struct request *request)
{
	struct pairs pairs = { .out = request->out, .is_json = request->is_json };
	struct capture_state state;

	capture_state(request->session->capture, &state);
	if (state.path[0] == '\0')
		return request_fail(request, ENOENT, "nothing was captured yet");
	pair_text(&pairs, "file", state.path);
	pair_text(&pairs, "state", state.is_running ? "running" : "ended");
	pair_number(&pairs, "packets", state.written);
	pair_number(&pairs, "lost", state.lost);
	if (!state.is_running)
		pair_text(&pairs, "because", state.end);
	pairs_end(&pairs);
	return 0;
}

int command_capture_stop(struct request *request)
{
	if (!capture_stop(request->session->capture))
		return request_fail(request, ENOENT, "no capture is running");
	return state_print(request);
}

int command_show_capture(struct request *request)
{
	return state_print(request);
}
