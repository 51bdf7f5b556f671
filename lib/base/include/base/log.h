/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdio.h>

/*
 * Log lines of the cold paths: control thread and start-up. Workers never log; they count.
 *
 * One line an event: time, level, words. Under journald (JOURNAL_STREAM set) the line carries the
 * "<N>" priority prefix of sd-daemon(3) instead of time and level. Colour only on a terminal and
 * without NO_COLOR.
 */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Call once before threads start. out is borrowed. */
void log_init(FILE *out, enum log_level level);
void log_set_level(enum log_level level);

/* Any cold thread: a line is written with one write(2). */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
