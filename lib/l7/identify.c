/* SPDX-License-Identifier: Apache-2.0 */
#include "identify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* RFC 9562 5.4: version and variant are fixed bits. */
#define UUID_VERSION_MASK UINT64_C(0xffffffffffff0fff)
#define UUID_VERSION_4    UINT64_C(0x4000)
#define UUID_VARIANT_MASK UINT64_C(0x3fffffffffffffff)
#define UUID_VARIANT      UINT64_C(0x8000000000000000)

static bool is_from(const struct config_request_id *config, const struct ip_addr *peer)
{
	for (size_t i = 0; i < config->from_count; i++)
		if (ip_prefix_contains(&config->from[i], peer))
			return true;
	return false;
}

static bool is_visible(struct http_span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return text.len > 0 && text.len <= REQUEST_ID_MAX;
}

static void uuid_make(char text[REQUEST_ID_MAX + 1], struct rng *rng)
{
	uint64_t high = (rng_next(rng) & UUID_VERSION_MASK) | UUID_VERSION_4;
	uint64_t low = (rng_next(rng) & UUID_VARIANT_MASK) | UUID_VARIANT;

	snprintf(text, REQUEST_ID_MAX + 1, "%08x-%04x-%04x-%04x-%012" PRIx64,
		(unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff),
		(unsigned)(low >> 48), low & UINT64_C(0xffffffffffff));
}

void identify_request(struct identity_marks *marks, const struct config_request_id *config,
	const struct http_head *head, const struct ip_addr *peer, struct rng *rng)
{
	const struct http_field *field = NULL;

	if (config->mode == CONFIG_REQUEST_ID_OFF)
		return;
	if (config->mode == CONFIG_REQUEST_ID_TRUST && is_from(config, peer))
		field = http_find(head, config->header);
	if (field != NULL && is_visible(field->value)) {
		memcpy(marks->request_id, field->value.data, field->value.len);
		marks->request_id[field->value.len] = '\0';
		return;
	}
	uuid_make(marks->request_id, rng);
}

/* Lower case hexadecimal digits, not all of them zero unless that is fine. */
static bool is_hex(const char *text, size_t len, bool may_be_zero)
{
	bool is_zero = true;

	for (size_t i = 0; i < len; i++) {
		if ((text[i] < '0' || text[i] > '9') && (text[i] < 'a' || text[i] > 'f'))
			return false;
		is_zero &= text[i] == '0';
	}
	return may_be_zero || !is_zero;
}

/* Trace Context 3.2.2; of a newer version, which may be longer, the part that is known. */
static bool is_traceparent(struct http_span value)
{
	const char *text = value.data;

	if (value.len < TRACEPARENT_LEN || text[2] != '-' || text[35] != '-' || text[52] != '-')
		return false;
	if (!is_hex(text, 2, true) || memcmp(text, "ff", 2) == 0)
		return false;
	if (value.len > TRACEPARENT_LEN &&
		(memcmp(text, "00", 2) == 0 || text[TRACEPARENT_LEN] != '-'))
		return false;
	return is_hex(text + TRACE_ID_AT, TRACE_ID_LEN, false) && is_hex(text + 36, 16, false) &&
		is_hex(text + 53, 2, true);
}

static unsigned count_of(const struct http_head *head, const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < head->field_count; i++)
		count += http_span_is_nocase(head->fields[i].name, name);
	return count;
}

enum identify_trace identify_trace(
	struct identity_marks *marks, const struct http_head *head, struct rng *rng)
{
	unsigned count = count_of(head, "traceparent");
	uint64_t high, low, parent;

	if (count == 1) {
		struct http_span value = http_find(head, "traceparent")->value;

		if (is_traceparent(value)) {
			memcpy(marks->traceparent, value.data, TRACEPARENT_LEN);
			marks->traceparent[TRACEPARENT_LEN] = '\0';
			marks->is_trace_made = false;
			return IDENTIFY_KEPT;
		}
	}
	high = rng_next(rng);
	low = rng_next(rng) | 1;
	parent = rng_next(rng) | 1;
	snprintf(marks->traceparent, sizeof(marks->traceparent),
		"00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-01", high, low, parent);
	marks->is_trace_made = true;
	return count == 0 ? IDENTIFY_MADE : IDENTIFY_REPLACED;
}

struct http_span identify_trace_id(const struct identity_marks *marks)
{
	bool has_one = marks->traceparent[0] != '\0';

	return (struct http_span){ .data = marks->traceparent + (has_one ? TRACE_ID_AT : 0),
		.len = has_one ? TRACE_ID_LEN : 0 };
}
