/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/control.h"

/*
 * Packets from the workers' taps into a file. One capture at a time: it is a look inside, and what
 * it costs the workers shall be bounded. Control thread.
 */
struct capture;

#define CAPTURE_PATH_MAX    512
#define CAPTURE_PACKETS_MAX 10000000u
#define CAPTURE_SECONDS_MAX 86400u

struct capture_request {
	const char *filter; /* pcap-filter(7); "": all */
	const char *path;   /* absolute, of a file that is not there yet */
	uint64_t packets;
	uint64_t seconds;
};

struct capture_state {
	bool is_running;
	char path[CAPTURE_PATH_MAX]; /* "": there was none yet */
	uint64_t written;
	uint64_t lost;   /* fitted the filter, and found no room */
	const char *end; /* why it ended, in words; "" while it runs */
};

/* params is borrowed. NULL when memory or descriptors are short. */
struct capture *capture_create(const struct control_params *params);

/* The workers have ended, or the capture has. NULL is fine. */
void capture_destroy(struct capture *capture);

/* Readable when there may be something to write. */
int capture_fd(const struct capture *capture);

/* Writes what has come, and ends the capture when it is time. */
void capture_poll(struct capture *capture);

/* 0, or a negative errno and words: -EBUSY while another runs, -EINVAL for the filter. */
int capture_start(struct capture *capture, const struct capture_request *request, struct err *err);

/* False: none was running. */
bool capture_stop(struct capture *capture);

void capture_state(const struct capture *capture, struct capture_state *state);

#endif
