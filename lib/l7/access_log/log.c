/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's side: from the rings to lines and books. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

#include "base/clock.h"
#include "receiver.h"
#include "ring.h"
#include "stats/stats.h"
#include "syslog.h"

/* Records of one ring in one call: the control thread has other work too. */
#define BURST_MAX 8192
#define US_PER_S  1000000

struct kept {
	struct access_record *record;
	uint64_t unix_us;
};

struct book {
	struct kept kept[ACCESS_BOOK_MAX];
	uint64_t count; /* of all that were ever kept */
};

struct access_log {
	struct config_access_log config; /* with texts of our own */
	struct receiver receiver;        /* closed: none, or syslog */
	struct access_carrier carrier;
	char host[SYSLOG_HOST_MAX];
	struct access_counters counters;
	struct book books[ACCESS_BOOK_COUNT];
	unsigned ring_count;
	struct access_ring rings[];
};

static void config_free(struct config_access_log *config)
{
	free((void *)(uintptr_t)config->file);
	free((void *)(uintptr_t)config->syslog.tag);
	config->file = config->syslog.tag = NULL;
}

struct access_log *access_log_create(unsigned worker_count)
{
	size_t bytes = sizeof(struct access_log) + worker_count * sizeof(struct access_ring);
	struct access_log *log = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (log == NULL)
		return NULL;
	memset(log, 0, bytes);
	log->receiver.fd = -1;
	log->ring_count = worker_count;
	for (unsigned i = 0; i < worker_count; i++) {
		if (access_ring_init(&log->rings[i]) < 0) {
			access_log_destroy(log);
			return NULL;
		}
	}
	return log;
}

void access_log_destroy(struct access_log *log)
{
	if (log == NULL)
		return;
	for (unsigned i = 0; i < log->ring_count; i++)
		access_ring_finish(&log->rings[i]);
	for (unsigned i = 0; i < ACCESS_BOOK_COUNT; i++)
		for (unsigned j = 0; j < ACCESS_BOOK_MAX; j++)
			free(log->books[i].kept[j].record);
	receiver_close(&log->receiver);
	config_free(&log->config);
	free(log);
}

struct access_ring *access_log_ring(struct access_log *log, unsigned worker)
{
	return &log->rings[worker];
}

static const struct stats_desc descs[] = {
#define COUNTER(name, help) { #name, help },
#include "l7/access.def"
#undef COUNTER
};
const struct stats_set access_stats_set = STATS_SET("access", descs);

void access_log_carry(struct access_log *log, const struct access_carrier *carrier)
{
	log->carrier = *carrier;
}

const struct access_counters *access_log_counters(const struct access_log *log)
{
	return &log->counters;
}

/* Texts that the configuration owns, copied. 0 or -ENOMEM. */
static int config_copy(
	struct config_access_log *copy, const struct config_access_log *config, struct err *err)
{
	*copy = *config;
	copy->file = config->file == NULL ? NULL : strdup(config->file);
	copy->syslog.tag = config->syslog.tag == NULL ? NULL : strdup(config->syslog.tag);
	if ((copy->file == NULL) == (config->file == NULL) &&
		(copy->syslog.tag == NULL) == (config->syslog.tag == NULL))
		return 0;
	config_free(copy);
	return err_set(err, ENOMEM, "no memory for the access log");
}

/* What is open already stays open: a file may have another name by now. */
static bool is_same(const struct access_log *log, const struct config_access_log *config)
{
	if (log->receiver.fd < 0 || config->to != log->config.to)
		return false;
	return config->to == CONFIG_ACCESS_TO_STDOUT || strcmp(log->config.file, config->file) == 0;
}

int access_log_configure(
	struct access_log *log, const struct config_access_log *config, struct err *err)
{
	struct config_access_log copy;
	int status = config_copy(&copy, config, err);

	if (status < 0)
		return status;
	if (config->to == CONFIG_ACCESS_TO_STDOUT && !is_same(log, config))
		status = receiver_open_stdout(&log->receiver, err);
	else if (config->to == CONFIG_ACCESS_TO_FILE && !is_same(log, config))
		status = receiver_open_file(&log->receiver, config->file, err);
	if (status < 0) {
		config_free(&copy);
		return status;
	}
	if (config->to == CONFIG_ACCESS_TO_NONE || config->to == CONFIG_ACCESS_TO_SYSLOG)
		receiver_close(&log->receiver);
	syslog_host(log->host);
	config_free(&log->config);
	log->config = copy;
	return 0;
}

int access_log_reopen(struct access_log *log, struct err *err)
{
	if (log->config.to != CONFIG_ACCESS_TO_FILE)
		return 0;
	return receiver_open_file(&log->receiver, log->config.file, err);
}

/* A datagram is a line, without its end; what does not fit in one packet is cut. */
static bool datagram_send(struct access_log *log, const char *text, size_t len)
{
	const struct config_syslog *config = &log->config.syslog;
	const struct access_carrier *carrier = &log->carrier;
	size_t room = carrier->room == NULL ? 0 : carrier->room(carrier->ctx, &config->address);

	if (room == 0)
		return false;
	log->counters.lines_cut += len > room;
	return carrier->send(carrier->ctx, &config->address, config->port, text, MIN(len, room));
}

static void line_make(struct access_log *log, const struct access_record *record, uint64_t unix_us)
{
	static char text[LINE_MAX_BYTES];
	bool is_syslog = log->config.to == CONFIG_ACCESS_TO_SYSLOG;
	FILE *out = fmemopen(text, sizeof(text), "w");
	bool is_taken = false;
	long len;

	if (out != NULL) {
		if (is_syslog)
			syslog_head(
				out, &log->config.syslog, log->host, unix_us + record->total_us);
		access_format(out, &log->config, record, unix_us);
		if (!is_syslog)
			fputc('\n', out);
		len = ftell(out);
		fclose(out);
		is_taken = is_syslog ? datagram_send(log, text, (size_t)len)
				     : receiver_write(&log->receiver, text, (size_t)len);
	}
	log->counters.lines += is_taken;
	log->counters.lines_lost += !is_taken;
}

static void keep(struct book *book, const struct access_record *record, uint64_t unix_us)
{
	struct kept *kept = &book->kept[book->count % ACCESS_BOOK_MAX];
	struct access_record *copy = malloc(record->bytes);

	if (copy == NULL)
		return;
	memcpy(copy, record, record->bytes);
	free(kept->record);
	*kept = (struct kept){ .record = copy, .unix_us = unix_us };
	book->count++;
}

static void record_take(
	struct access_log *log, const struct access_record *record, uint64_t wall_offset_us)
{
	uint64_t unix_us = record->begun_us + wall_offset_us;

	if (record->refusal != HTTP_REFUSED_NOT)
		keep(&log->books[ACCESS_ERRORS], record, unix_us);
	else if (record->version != 0 && record->total_us >= log->config.slow_ms * CLOCK_US_PER_MS)
		keep(&log->books[ACCESS_SLOW], record, unix_us);
	if (log->config.to != CONFIG_ACCESS_TO_NONE)
		line_make(log, record, unix_us);
}

unsigned access_log_poll(struct access_log *log, uint64_t now_us)
{
	const struct access_record *record;
	unsigned taken = 0;
	struct timespec wall;
	uint64_t offset_us;

	clock_gettime(CLOCK_REALTIME, &wall);
	offset_us = (uint64_t)wall.tv_sec * US_PER_S + (uint64_t)wall.tv_nsec / 1000 - now_us;
	for (unsigned i = 0; i < log->ring_count; i++) {
		struct access_ring *ring = &log->rings[i];

		for (unsigned j = 0; j < BURST_MAX; j++) {
			record = access_ring_peek(ring);
			if (record == NULL)
				break;
			record_take(log, record, offset_us);
			access_ring_take(ring, record);
			taken++;
		}
	}
	return taken;
}

const struct access_record *access_log_kept(const struct access_log *log,
	enum access_book book_index, unsigned index, uint64_t *unix_us)
{
	const struct book *book = &log->books[book_index];
	const struct kept *kept;

	if (index >= ACCESS_BOOK_MAX || index >= book->count)
		return NULL;
	kept = &book->kept[(book->count - 1 - index) % ACCESS_BOOK_MAX];
	*unix_us = kept->unix_us;
	return kept->record;
}
