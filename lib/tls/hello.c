/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/hello.h"

#include <ctype.h>
#include <string.h>
#include <sys/param.h>

#define HEAD_BYTES         5 /* of a record: RFC 8446 5.1 */
#define RECORD_MOST_BYTES  16384
#define MESSAGE_HEAD_BYTES 4
#define MESSAGE_MOST_BYTES 16384
#define RANDOM_BYTES       32
#define CONTENT_HANDSHAKE  22
#define CLIENT_HELLO       1
#define VERSION_1_2        0x0303
#define VERSION_1_3        0x0304

enum extension { SERVER_NAME = 0, ALPN = 16, SUPPORTED_VERSIONS = 43 };

/* A place in the message, or in a part of it; the records' heads are passed over. */
struct cursor {
	const uint8_t *at;
	size_t in_record; /* bytes left in this record */
	size_t left;      /* bytes left in the part */
	bool is_bad;      /* something reached behind the part's end */
};

static size_t read_u16(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

static void take(struct cursor *c, uint8_t *out, size_t len)
{
	if (len > c->left) {
		c->is_bad = true;
		c->left = 0;
		return;
	}
	c->left -= len;
	while (len > 0) {
		size_t step = MIN(len, c->in_record);

		if (step == 0) {
			c->in_record = read_u16(c->at + 3);
			c->at += HEAD_BYTES;
			continue;
		}
		if (out != NULL) {
			memcpy(out, c->at, step);
			out += step;
		}
		c->at += step;
		c->in_record -= step;
		len -= step;
	}
}

static void skip(struct cursor *c, size_t len)
{
	take(c, NULL, len);
}

static size_t take_u8(struct cursor *c)
{
	uint8_t byte = 0;

	take(c, &byte, 1);
	return byte;
}

static size_t take_u16(struct cursor *c)
{
	uint8_t bytes[2] = { 0 };

	take(c, bytes, sizeof(bytes));
	return read_u16(bytes);
}

/* The next len bytes as a part of their own; c goes on behind them. */
static struct cursor take_part(struct cursor *c, size_t len)
{
	struct cursor part = *c;

	part.left = MIN(len, c->left);
	skip(c, len);
	part.is_bad |= c->is_bad;
	return part;
}

size_t tls_name_lower(char *out, const uint8_t *name, size_t len)
{
	if (len > TLS_NAME_MAX)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum(name[i]) && name[i] != '-' && name[i] != '.' && name[i] != '_')
			return 0;
		out[i] = (char)tolower(name[i]);
	}
	return len;
}

/* RFC 6066 3. A name that is no host name counts as none. */
static bool read_server_name(struct cursor *part, struct tls_hello *hello)
{
	struct cursor list = take_part(part, take_u16(part));
	uint8_t name[TLS_NAME_MAX];

	while (list.left > 0 && !list.is_bad) {
		size_t type = take_u8(&list), len = take_u16(&list);

		if (type != 0 || len > sizeof(name)) {
			skip(&list, len);
			continue;
		}
		take(&list, name, len);
		if (list.is_bad || hello->sni_len > 0)
			return false;
		hello->sni_len = tls_name_lower(hello->sni, name, len);
		hello->sni[hello->sni_len] = '\0';
	}
	return !list.is_bad && part->left == 0;
}

/* RFC 7301 3.1 */
static bool read_alpn(struct cursor *part, struct tls_hello *hello)
{
	struct cursor list = take_part(part, take_u16(part));

	while (list.left > 0 && !list.is_bad) {
		size_t len = take_u8(&list);

		if (len == 0 || hello->alpn_len + 1 + len > sizeof(hello->alpn)) {
			skip(&list, len);
			continue;
		}
		hello->alpn[hello->alpn_len] = (uint8_t)len;
		take(&list, hello->alpn + hello->alpn_len + 1, len);
		hello->alpn_len += 1 + len;
	}
	return !list.is_bad && part->left == 0;
}

/* RFC 8446 4.2.1: where it is there, it alone counts. */
static bool read_versions(struct cursor *part, struct tls_hello *hello)
{
	struct cursor list = take_part(part, take_u8(part));

	hello->offers_1_2 = false;
	while (list.left > 0 && !list.is_bad) {
		size_t version = take_u16(&list);

		hello->offers_1_2 |= version == VERSION_1_2;
		hello->offers_1_3 |= version == VERSION_1_3;
	}
	return !list.is_bad && part->left == 0;
}

static bool read_extension(struct cursor *c, unsigned *seen, struct tls_hello *hello)
{
	size_t type = take_u16(c);
	struct cursor part = take_part(c, take_u16(c));
	unsigned bit = type == SERVER_NAME   ? 1
		: type == ALPN               ? 2
		: type == SUPPORTED_VERSIONS ? 4
					     : 0;

	/* RFC 8446 4.2: no extension comes twice. */
	if (part.is_bad || (*seen & bit) != 0)
		return false;
	*seen |= bit;
	switch (type) {
	case SERVER_NAME:
		return read_server_name(&part, hello);
	case ALPN:
		return read_alpn(&part, hello);
	case SUPPORTED_VERSIONS:
		return read_versions(&part, hello);
	default:
		return true;
	}
}

/* RFC 8446 4.1.2. c: the message behind its own head. */
static bool read_message(struct cursor *c, struct tls_hello *hello)
{
	struct cursor extensions;
	unsigned seen = 0;

	hello->offers_1_2 = take_u16(c) >= VERSION_1_2;
	skip(c, RANDOM_BYTES);
	skip(c, take_u8(c));
	skip(c, take_u16(c));
	skip(c, take_u8(c));
	if (c->left == 0)
		return !c->is_bad;
	extensions = take_part(c, take_u16(c));
	while (extensions.left > 0 && !extensions.is_bad)
		if (!read_extension(&extensions, &seen, hello))
			return false;
	return !extensions.is_bad && c->left == 0;
}

/* Is all of the message there? Counts its bytes over the records, which are not trusted. */
static enum tls_hello_result measure(const uint8_t *data, size_t len, size_t *message_len)
{
	uint8_t head[MESSAGE_HEAD_BYTES];
	size_t have = 0;

	for (size_t at = 0; at < len;) {
		size_t body, there;

		if (data[at] != CONTENT_HANDSHAKE || (at + 1 < len && data[at + 1] != 3))
			return TLS_HELLO_INVALID;
		if (len - at < HEAD_BYTES)
			break;
		body = read_u16(data + at + 3);
		if (body == 0 || body > RECORD_MOST_BYTES)
			return TLS_HELLO_INVALID;
		at += HEAD_BYTES;
		there = MIN(body, len - at);
		for (size_t i = 0; i < there && have + i < sizeof(head); i++)
			head[have + i] = data[at + i];
		have += there;
		if (have > 0 && head[0] != CLIENT_HELLO)
			return TLS_HELLO_INVALID;
		if (have >= sizeof(head)) {
			*message_len = (size_t)head[1] << 16 | read_u16(head + 2);
			if (*message_len > MESSAGE_MOST_BYTES)
				return TLS_HELLO_TOO_LONG;
			if (have >= sizeof(head) + *message_len)
				return TLS_HELLO_COMPLETE;
		}
		at += there;
	}
	return len < TLS_HELLO_MOST_BYTES ? TLS_HELLO_MORE : TLS_HELLO_TOO_LONG;
}

enum tls_hello_result tls_hello_parse(const uint8_t *data, size_t len, struct tls_hello *hello)
{
	struct cursor c = { .at = data };
	size_t message_len = 0;
	enum tls_hello_result result = measure(data, len, &message_len);

	memset(hello, 0, sizeof(*hello));
	if (result != TLS_HELLO_COMPLETE)
		return result;
	c.left = MESSAGE_HEAD_BYTES + message_len;
	skip(&c, MESSAGE_HEAD_BYTES);
	if (read_message(&c, hello))
		return TLS_HELLO_COMPLETE;
	memset(hello, 0, sizeof(*hello));
	return TLS_HELLO_INVALID;
}

bool tls_hello_offers(const struct tls_hello *hello, const char *protocol)
{
	size_t wanted = strlen(protocol);

	for (size_t at = 0; at < hello->alpn_len; at += 1u + hello->alpn[at])
		if (hello->alpn[at] == wanted &&
			memcmp(hello->alpn + at + 1, protocol, wanted) == 0)
			return true;
	return false;
}
