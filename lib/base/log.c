/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

struct level {
	const char *name;
	const char *colour;
	int syslog_priority;
};

static const struct level levels[] = {
	[LOG_LEVEL_ERROR] = { .name = "error", .colour = "\033[31m", .syslog_priority = 3 },
	[LOG_LEVEL_WARNING] = { .name = "warning", .colour = "\033[33m", .syslog_priority = 4 },
	[LOG_LEVEL_NOTICE] = { .name = "notice", .colour = "\033[1m", .syslog_priority = 5 },
	[LOG_LEVEL_INFO] = { .name = "info", .colour = "", .syslog_priority = 6 },
	[LOG_LEVEL_DEBUG] = { .name = "debug", .colour = "\033[2m", .syslog_priority = 7 },
};

/* Set once by log_init() before threads start; the level is a plain word. */
static struct {
	int fd;
	enum log_level level;
	bool is_journal;
	bool is_coloured;
} sink = { .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO };

void log_init(FILE *out, enum log_level level)
{
	sink.fd = fileno(out);
	sink.level = level;
	sink.is_journal = getenv("JOURNAL_STREAM") != NULL;
	sink.is_coloured = isatty(sink.fd) != 0 && getenv("NO_COLOR") == NULL;
}

void log_set_level(enum log_level level)
{
	sink.level = level;
}

static int prefix_write(char *line, size_t size, const struct level *level)
{
	struct timespec now;
	struct tm utc;
	char stamp[32];

	if (sink.is_journal)
		return snprintf(line, size, "<%d>", level->syslog_priority);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	if (sink.is_coloured)
		return snprintf(line, size, "%s.%03ldZ %s%-7s\033[0m ", stamp,
			now.tv_nsec / 1000000, level->colour, level->name);
	return snprintf(line, size, "%s.%03ldZ %-7s ", stamp, now.tv_nsec / 1000000, level->name);
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t len;
	va_list args;
	int words;

	if (level > sink.level)
		return;
	len = (size_t)prefix_write(line, sizeof(line), &levels[level]);
	va_start(args, format);
	words = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	if (words > 0)
		len += (size_t)words;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	/* A log that cannot be written must not stop the appliance. */
	if (write(sink.fd, line, len) < 0)
		return;
}
