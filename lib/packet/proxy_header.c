/* SPDX-License-Identifier: Apache-2.0 */
#include "packet/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>

#include <rte_byteorder.h>
#include <rte_hash_crc.h>

/* Clause numbers are those of proxy-protocol.txt. */
#define SIGNATURE_BYTES 12
#define HEAD_BYTES      16 /* the signature, version and command, family, length */
#define V4_BYTES        12 /* two addresses, two ports */
#define V6_BYTES        36
#define UNIX_BYTES      216
#define TLV_HEAD_BYTES  3
#define CRC_BYTES       4
#define CRC_START       0xffffffffu
#define PORT_MAX        65535
#define PORT_DIGITS     5
#define MAPPED_PREFIX   "::ffff:"

#define VERSION_2     0x20
#define COMMAND_LOCAL 0
#define COMMAND_PROXY 1

enum family {
	FAMILY_UNSPEC = 0x00,
	FAMILY_TCP4 = 0x11,
	FAMILY_UDP4 = 0x12,
	FAMILY_TCP6 = 0x21,
	FAMILY_UDP6 = 0x22,
	FAMILY_UNIX_STREAM = 0x31,
	FAMILY_UNIX_DATAGRAM = 0x32,
};

enum tlv_type {
	TLV_ALPN = 0x01,
	TLV_AUTHORITY = 0x02,
	TLV_CRC32C = 0x03,
};

static const uint8_t signature[SIGNATURE_BYTES] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51,
	0x55, 0x49, 0x54, 0x0a };
static const char v1_start[] = "PROXY ";

struct words {
	const char *at;
	const char *end;
};

/* The next word, of at most IP_TEXT_MAX - 1 bytes, behind exactly one space. False: there is none.
 */
static bool word_next(struct words *words, char word[IP_TEXT_MAX])
{
	const char *space = memchr(words->at, ' ', (size_t)(words->end - words->at));
	size_t len = (size_t)((space != NULL ? space : words->end) - words->at);

	if (len == 0 || len >= IP_TEXT_MAX)
		return false;
	memcpy(word, words->at, len);
	word[len] = '\0';
	words->at += len + (space != NULL);
	return strlen(word) == len;
}

static bool address_next(struct words *words, bool is_v4, struct ip_addr *addr)
{
	char word[IP_TEXT_MAX];
	uint32_t v4_be;

	if (!word_next(words, word))
		return false;
	if (!is_v4)
		return inet_pton(AF_INET6, word, addr->bytes) == 1;
	if (inet_pton(AF_INET, word, &v4_be) != 1)
		return false;
	*addr = ip_from_v4(v4_be);
	return true;
}

static bool port_next(struct words *words, uint16_t *port_be)
{
	char word[IP_TEXT_MAX];
	unsigned port = 0;

	if (!word_next(words, word) || strlen(word) > PORT_DIGITS ||
		(word[0] == '0' && word[1] != '\0'))
		return false;
	for (const char *digit = word; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '9')
			return false;
		port = port * 10 + (unsigned)(*digit - '0');
	}
	*port_be = rte_cpu_to_be_16((uint16_t)port);
	return port <= PORT_MAX;
}

/* 2.1: the line without CR LF, behind "PROXY ". */
static bool v1_line_parse(struct words words, struct proxy_header *header)
{
	struct packet_tuple *tuple = &header->tuple;
	char word[IP_TEXT_MAX];
	bool is_v4, ends_with_space;

	if (!word_next(&words, word))
		return false;
	if (strcmp(word, "UNKNOWN") == 0) {
		header->is_local = true;
		return true;
	}
	is_v4 = strcmp(word, "TCP4") == 0;
	if (!is_v4 && strcmp(word, "TCP6") != 0)
		return false;
	tuple->protocol = IPPROTO_TCP;
	ends_with_space = words.end[-1] == ' ';
	return !ends_with_space && address_next(&words, is_v4, &tuple->src) &&
		address_next(&words, is_v4, &tuple->dst) &&
		port_next(&words, &tuple->src_port_be) && port_next(&words, &tuple->dst_port_be) &&
		words.at == words.end;
}

static int v1_parse(const uint8_t *data, size_t len, struct proxy_header *header)
{
	const char *text = (const char *)data;
	size_t seen = MIN(len, PROXY_HEADER_V1_MAX);
	const char *end = memchr(text, '\n', seen);

	if (end == NULL)
		return seen < PROXY_HEADER_V1_MAX ? PROXY_HEADER_INCOMPLETE
						  : PROXY_HEADER_MALFORMED;
	if (end[-1] != '\r')
		return PROXY_HEADER_MALFORMED;
	if (!v1_line_parse((struct words){ text + strlen(v1_start), end - 1 }, header))
		return PROXY_HEADER_MALFORMED;
	return (int)(end + 1 - text);
}

/* 2.2.4: over the whole header, with the checksum's own bytes taken as zero. */
static bool is_checksum_right(const uint8_t *data, size_t len, size_t sum_at)
{
	uint32_t crc = CRC_START;
	uint32_t sum_be;

	for (size_t i = 0; i < len; i++) {
		bool is_sum = i >= sum_at && i < sum_at + CRC_BYTES;

		crc = rte_hash_crc_1byte(is_sum ? 0 : data[i], crc);
	}
	memcpy(&sum_be, data + sum_at, sizeof(sum_be));
	return rte_be_to_cpu_32(sum_be) == ~crc;
}

static bool tlvs_parse(const uint8_t *data, size_t at, size_t len, struct proxy_header *header)
{
	while (at < len) {
		struct proxy_value value;

		if (len - at < TLV_HEAD_BYTES)
			return false;
		value.len = (uint16_t)(data[at + 1] << 8 | data[at + 2]);
		value.data = data + at + TLV_HEAD_BYTES;
		if (value.len > len - at - TLV_HEAD_BYTES)
			return false;
		if (data[at] == TLV_ALPN && value.len <= PROXY_ALPN_MAX)
			header->alpn = value;
		else if (data[at] == TLV_AUTHORITY && value.len <= PROXY_AUTHORITY_MAX)
			header->authority = value;
		else if (data[at] == TLV_CRC32C &&
			(value.len != CRC_BYTES ||
				!is_checksum_right(data, len, at + TLV_HEAD_BYTES)))
			return false;
		at += TLV_HEAD_BYTES + value.len;
	}
	return true;
}

/* Returns how many bytes the addresses take, or < 0. */
static int addresses_parse(
	uint8_t family, const uint8_t *data, size_t len, struct proxy_header *header)
{
	struct packet_tuple *tuple = &header->tuple;
	bool is_v4 = family == FAMILY_TCP4 || family == FAMILY_UDP4;
	size_t bytes = is_v4 ? V4_BYTES : V6_BYTES;

	switch (family) {
	case FAMILY_UNSPEC:
		header->is_local = true;
		return 0;
	case FAMILY_UNIX_STREAM:
	case FAMILY_UNIX_DATAGRAM:
		header->is_local = true;
		return len < UNIX_BYTES ? -1 : UNIX_BYTES;
	case FAMILY_TCP4:
	case FAMILY_TCP6:
		tuple->protocol = IPPROTO_TCP;
		break;
	case FAMILY_UDP4:
	case FAMILY_UDP6:
		tuple->protocol = IPPROTO_UDP;
		break;
	default:
		return -1;
	}
	if (len < bytes)
		return -1;
	if (is_v4) {
		uint32_t pair[2];

		memcpy(pair, data, sizeof(pair));
		tuple->src = ip_from_v4(pair[0]);
		tuple->dst = ip_from_v4(pair[1]);
	} else {
		tuple->src = ip_from_v6(data);
		tuple->dst = ip_from_v6(data + sizeof(tuple->src));
	}
	memcpy(&tuple->src_port_be, data + bytes - 4, sizeof(tuple->src_port_be));
	memcpy(&tuple->dst_port_be, data + bytes - 2, sizeof(tuple->dst_port_be));
	return (int)bytes;
}

static int v2_parse(const uint8_t *data, size_t len, struct proxy_header *header)
{
	size_t total;
	int bytes;

	if (len < HEAD_BYTES)
		return PROXY_HEADER_INCOMPLETE;
	total = HEAD_BYTES + (size_t)(data[14] << 8 | data[15]);
	if (data[12] != (VERSION_2 | COMMAND_LOCAL) && data[12] != (VERSION_2 | COMMAND_PROXY))
		return PROXY_HEADER_MALFORMED;
	if (total > PROXY_HEADER_MAX)
		return PROXY_HEADER_MALFORMED;
	if (len < total)
		return PROXY_HEADER_INCOMPLETE;
	/* 2.2: whatever follows is to be skipped. */
	if (data[12] == (VERSION_2 | COMMAND_LOCAL)) {
		header->is_local = true;
		return (int)total;
	}
	bytes = addresses_parse(data[13], data + HEAD_BYTES, total - HEAD_BYTES, header);
	/* Without a family nobody says how long the addresses are, and so where TLVs begin. */
	if (bytes < 0 ||
		(bytes > 0 && !tlvs_parse(data, HEAD_BYTES + (size_t)bytes, total, header)))
		return PROXY_HEADER_MALFORMED;
	return (int)total;
}

int proxy_header_parse(const uint8_t *data, size_t len, struct proxy_header *header)
{
	*header = (struct proxy_header){ 0 };
	if (memcmp(data, signature, MIN(len, SIGNATURE_BYTES)) == 0)
		return v2_parse(data, len, header);
	if (memcmp(data, v1_start, MIN(len, strlen(v1_start))) == 0)
		return v1_parse(data, len, header);
	return PROXY_HEADER_MISSING;
}

static size_t v1_write(const struct proxy_header *header, char *out, size_t size)
{
	const struct packet_tuple *tuple = &header->tuple;
	bool is_v4 = ip_is_v4(&tuple->src) && ip_is_v4(&tuple->dst);
	char src[IP_TEXT_MAX], dst[IP_TEXT_MAX];
	int len;

	if (header->is_local || tuple->protocol != IPPROTO_TCP)
		len = snprintf(out, size, "%sUNKNOWN\r\n", v1_start);
	else
		len = snprintf(out, size, "%s%s %s%s %s%s %u %u\r\n", v1_start,
			is_v4 ? "TCP4" : "TCP6",
			!is_v4 && ip_is_v4(&tuple->src) ? MAPPED_PREFIX : "",
			ip_format(&tuple->src, src),
			!is_v4 && ip_is_v4(&tuple->dst) ? MAPPED_PREFIX : "",
			ip_format(&tuple->dst, dst), rte_be_to_cpu_16(tuple->src_port_be),
			rte_be_to_cpu_16(tuple->dst_port_be));
	return (size_t)len < size ? (size_t)len : 0;
}

static size_t value_write(enum tlv_type type, const struct proxy_value *value, uint8_t *out)
{
	if (value->len == 0)
		return 0;
	out[0] = (uint8_t)type;
	out[1] = (uint8_t)(value->len >> 8);
	out[2] = (uint8_t)value->len;
	memcpy(out + TLV_HEAD_BYTES, value->data, value->len);
	return TLV_HEAD_BYTES + value->len;
}

static size_t addresses_write(const struct packet_tuple *tuple, uint8_t *out)
{
	size_t at = 0;

	if (ip_is_v4(&tuple->src) && ip_is_v4(&tuple->dst)) {
		uint32_t pair[2] = { ip_v4_be(&tuple->src), ip_v4_be(&tuple->dst) };

		memcpy(out, pair, sizeof(pair));
		at = sizeof(pair);
	} else {
		memcpy(out, tuple->src.bytes, sizeof(tuple->src));
		memcpy(out + sizeof(tuple->src), tuple->dst.bytes, sizeof(tuple->dst));
		at = 2 * sizeof(tuple->src);
	}
	memcpy(out + at, &tuple->src_port_be, sizeof(tuple->src_port_be));
	memcpy(out + at + 2, &tuple->dst_port_be, sizeof(tuple->dst_port_be));
	return at + 4;
}

static uint8_t family_of(const struct packet_tuple *tuple)
{
	bool is_v4 = ip_is_v4(&tuple->src) && ip_is_v4(&tuple->dst);

	if (tuple->protocol == IPPROTO_TCP)
		return is_v4 ? FAMILY_TCP4 : FAMILY_TCP6;
	return is_v4 ? FAMILY_UDP4 : FAMILY_UDP6;
}

static size_t v2_write(const struct proxy_header *header, uint8_t *out, size_t size)
{
	size_t at = HEAD_BYTES;
	size_t most = HEAD_BYTES + V6_BYTES + 2 * TLV_HEAD_BYTES + (size_t)header->alpn.len +
		header->authority.len;

	if (size < most)
		return 0;
	memcpy(out, signature, sizeof(signature));
	out[12] = VERSION_2 | (header->is_local ? COMMAND_LOCAL : COMMAND_PROXY);
	out[13] = header->is_local ? FAMILY_UNSPEC : family_of(&header->tuple);
	if (!header->is_local) {
		at += addresses_write(&header->tuple, out + at);
		at += value_write(TLV_ALPN, &header->alpn, out + at);
		at += value_write(TLV_AUTHORITY, &header->authority, out + at);
	}
	out[14] = (uint8_t)((at - HEAD_BYTES) >> 8);
	out[15] = (uint8_t)(at - HEAD_BYTES);
	return at;
}

size_t proxy_header_write(
	const struct proxy_header *header, unsigned version, uint8_t *out, size_t size)
{
	return version == 1 ? v1_write(header, (char *)out, size) : v2_write(header, out, size);
}
