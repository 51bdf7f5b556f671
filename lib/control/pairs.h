/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAIRS_H
#define PAIRS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * "Key: value" lines, or the members of one JSON object. Fill in out and is_json, zero the rest;
 * pairs_end() closes the object. Control thread.
 */
struct pairs {
	FILE *out;
	bool is_json;
	bool has_some;
};

void pair_text(struct pairs *pairs, const char *key, const char *text);
void pair_format(struct pairs *pairs, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4))); /* 255 bytes at most */
void pair_number(struct pairs *pairs, const char *key, uint64_t number);
void pair_bool(struct pairs *pairs, const char *key, bool value); /* text: yes or no */
void pairs_end(struct pairs *pairs);

#endif
