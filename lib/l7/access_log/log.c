/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's side: from the rings to lines and books. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "ring.h"

/* As much as a pipe takes at once when it says that it takes something. */
#define WRITE_MOST 4096
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
	struct config_access_log config;
	char *path; /* of the open file, or NULL */
	int fd;     /* < 0: nobody wants lines */
	uint64_t lost;
	struct book books[ACCESS_BOOK_COUNT];
	unsigned ring_count;
	struct access_ring rings[];
};

struct access_log *access_log_create(unsigned worker_count)
{
	size_t bytes = sizeof(struct access_log) + worker_count * sizeof(struct access_ring);
	struct access_log *log = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (log == NULL)
		return NULL;
	memset(log, 0, bytes);
	log->fd = -1;
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
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	free(log);
}

struct access_ring *access_log_ring(struct access_log *log, unsigned worker)
{
	return &log->rings[worker];
}

static int target_open(const struct config_access_log *config, struct err *err)
{
	int fd;

	if (config->to == CONFIG_ACCESS_TO_STDOUT)
		return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	fd = open(config->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		0640);
	if (fd < 0)
		return err_set(err, errno, "the access log %s cannot be opened: %s", config->file,
			strerror(errno));
	return fd;
}

int access_log_configure(
	struct access_log *log, const struct config_access_log *config, struct err *err)
{
	bool is_to_file = config->to == CONFIG_ACCESS_TO_FILE;
	bool is_same = is_to_file && log->path != NULL && strcmp(log->path, config->file) == 0;
	char *path = is_to_file && !is_same ? strdup(config->file) : NULL;
	int fd = -1;

	if (config->to != CONFIG_ACCESS_TO_NONE && !is_same) {
		fd = target_open(config, err);
		if (fd < 0 || (is_to_file && path == NULL)) {
			free(path);
			return fd < 0 ? fd : -ENOMEM;
		}
	}
	log->config = *config;
	log->config.file = NULL;
	if (is_same)
		return 0;
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	log->fd = fd;
	log->path = path;
	return 0;
}

int access_log_reopen(struct access_log *log, struct err *err)
{
	struct config_access_log config = log->config;
	int fd;

	if (log->path == NULL)
		return 0;
	config.file = log->path;
	fd = target_open(&config, err);
	if (fd < 0)
		return fd;
	close(log->fd);
	log->fd = fd;
	return 0;
}

static bool has_room(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLOUT };

	return poll(&poller, 1, 0) == 1 && (poller.revents & POLLOUT) != 0;
}

/* A line as a whole or not at all: a reader that stands still costs lines, and no time. */
static void line_write(struct access_log *log, const char *text, size_t len)
{
	if (!has_room(log->fd) || write(log->fd, text, len) != (ssize_t)len)
		log->lost++;
}

static void line_make(struct access_log *log, const struct access_record *record, uint64_t unix_us)
{
	static char text[8 * ACCESS_RECORD_MAX];
	FILE *out = fmemopen(text, sizeof(text), "w");
	long len;

	if (out == NULL) {
		log->lost++;
		return;
	}
	access_format(out, &log->config, record, unix_us);
	fputc('\n', out);
	len = ftell(out);
	fclose(out);
	line_write(log, text, (size_t)len);
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
	if (log->fd >= 0)
		line_make(log, record, unix_us);
}

void access_log_poll(struct access_log *log, uint64_t now_us)
{
	const struct access_record *record;
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
		}
	}
}

uint64_t access_log_lost(const struct access_log *log)
{
	return log->lost;
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
