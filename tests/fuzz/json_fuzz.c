/* SPDX-License-Identifier: Apache-2.0 */
/* A body of JSON: the same result however it is cut, and texts within their bounds. */
#include <stdlib.h>
#include <string.h>

#include "http/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const pointers[] = { "/a", "/a/b", "/a/0", "/0", "/0/a/b", "/~1", "/" };
#define COUNT (sizeof(pointers) / sizeof(pointers[0]))

static enum json_result scan_all(
	struct json_scan *scan, const uint8_t *data, size_t size, size_t step)
{
	enum json_result result = JSON_GOOD;

	for (size_t at = 0; at < size && result == JSON_GOOD; at += step) {
		size_t len = size - at < step ? size - at : step;
		/* A copy of its own: reading behind it is seen. */
		char *copy = malloc(len);

		if (copy == NULL)
			abort();
		memcpy(copy, data + at, len);
		result = json_scan_add(scan, copy, len);
		free(copy);
	}
	return result == JSON_GOOD ? json_scan_end(scan) : result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_limits limits = { .max_depth = 8, .max_values = 1000 };
	struct json_fields *fields = json_fields_create();
	void *memory[2] = { malloc(json_scan_bytes()), malloc(json_scan_bytes()) };
	struct json_scan *scans[2];
	enum json_result results[2];

	if (fields == NULL || memory[0] == NULL || memory[1] == NULL)
		abort();
	for (size_t i = 0; i < COUNT; i++) {
		if (json_fields_add(fields, pointers[i], true) != (int)i)
			abort();
	}
	for (unsigned i = 0; i < 2; i++) {
		scans[i] = json_scan_begin(memory[i], fields, &limits);
		results[i] = scan_all(scans[i], data, size, i == 0 ? size + 1 : 1 + size % 7);
	}
	if (results[0] != results[1])
		abort();
	for (unsigned i = 0; i < COUNT && results[0] == JSON_GOOD; i++) {
		struct json_value a = json_scan_value(scans[0], i);
		struct json_value b = json_scan_value(scans[1], i);

		if (a.is_there != b.is_there || a.is_scalar != b.is_scalar || a.whole != b.whole ||
			a.text.len != b.text.len || a.text.len > JSON_TEXT_MAX ||
			memcmp(a.text.data, b.text.data, a.text.len) != 0)
			abort();
	}
	free(memory[0]);
	free(memory[1]);
	json_fields_destroy(fields);
	return 0;
}
