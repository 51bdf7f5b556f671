/* SPDX-License-Identifier: Apache-2.0 */
/* Schedulers, hashes, affinity and connection IDs of QUIC. */
#include <ctype.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "balance.h"
#include "reader.h"
#include "text.h"

#define TIMEOUT_MAX_MS   86400000
#define KATRAN_BYTES_MIN 2
#define KATRAN_BYTES_MAX 4

/* The first name of a value is the scheduler's own; the others are what users of HAProxy and IPVS
 * call it. */
const struct choice balance_choices[] = {
	{
		.name = "maglev",
		.value = CONFIG_BALANCE_MAGLEV,
		.help = "consistent hashing: few flows move when members come and go",
	},
	{ .name = "mh", .value = CONFIG_BALANCE_MAGLEV, .help = "`maglev`, as in IPVS" },
	{
		.name = "source-hash",
		.value = CONFIG_BALANCE_SOURCE_HASH,
		.help = "by the client's address, as consistently as `maglev`",
	},
	{ .name = "source",
		.value = CONFIG_BALANCE_SOURCE_HASH,
		.help = "`source-hash`, as in HAProxy" },
	{ .name = "sh", .value = CONFIG_BALANCE_SOURCE_HASH, .help = "`source-hash`, as in IPVS" },
	{
		.name = "round-robin",
		.value = CONFIG_BALANCE_ROUND_ROBIN,
		.help = "in turns, by weight and smoothly",
	},
	{ .name = "roundrobin",
		.value = CONFIG_BALANCE_ROUND_ROBIN,
		.help = "`round-robin`, as in HAProxy" },
	{ .name = "wrr", .value = CONFIG_BALANCE_ROUND_ROBIN, .help = "`round-robin`, as in IPVS" },
	{
		.name = "rr",
		.value = CONFIG_BALANCE_RR,
		.help = "in turns, as in IPVS: weights do not count, but 0 still drains",
	},
	{
		.name = "least-requests",
		.value = CONFIG_BALANCE_LEAST_REQUESTS,
		.help = "the member with the fewest requests under way for its weight; without "
			"requests, connections",
	},
	{
		.name = "least-connections",
		.value = CONFIG_BALANCE_LEAST_CONNECTIONS,
		.help = "the member with the fewest connections for its weight, over all cores",
	},
	{
		.name = "leastconn",
		.value = CONFIG_BALANCE_LEAST_CONNECTIONS,
		.help = "`least-connections`, as in HAProxy",
	},
	{ .name = "wlc",
		.value = CONFIG_BALANCE_LEAST_CONNECTIONS,
		.help = "`least-connections`, as in IPVS" },
	{
		.name = "lc",
		.value = CONFIG_BALANCE_LC,
		.help = "the fewest connections, as in IPVS: weights do not count, but 0 still "
			"drains",
	},
	{
		.name = "p2c",
		.value = CONFIG_BALANCE_P2C,
		.help = "the less busy of two members picked at random",
	},
	{ .name = "power-of-two", .value = CONFIG_BALANCE_P2C, .help = "`p2c`" },
	{
		.name = "peak-ewma",
		.value = CONFIG_BALANCE_PEAK_EWMA,
		.help = "l7: of two members picked at random the one with the smaller product of "
			"requests under way and time to the answer; a rise of that time counts at "
			"once, a fall over ten seconds",
	},
	{ .name = "random", .value = CONFIG_BALANCE_RANDOM, .help = "at random, by weight" },
	{
		.name = "ring-hash",
		.value = CONFIG_BALANCE_RING_HASH,
		.help = "consistent hashing on a ring, 160 points for a weight of 1: less even than "
			"`maglev`, and a change of weights moves less",
	},
	{ .name = "ketama", .value = CONFIG_BALANCE_RING_HASH, .help = "`ring-hash`" },
	{ .name = NULL },
};

const char *config_balance_name(enum config_balance balance)
{
	const struct choice *choice = balance_choices;

	while (choice->name != NULL && choice->value != (unsigned)balance)
		choice++;
	return choice->name;
}

const struct choice hash_choices[] = {
	{
		.name = "five-tuple",
		.value = CONFIG_HASH_FIVE_TUPLE,
		.help = "each connection by itself",
	},
	{
		.name = "source-ip",
		.value = CONFIG_HASH_SOURCE_IP,
		.help = "all connections of a client to one member",
	},
	{
		.name = "source-ip-port",
		.value = CONFIG_HASH_SOURCE_IP_PORT,
		.help = "by the client's address and port, over all services",
	},
	{
		.name = "destination",
		.value = CONFIG_HASH_DESTINATION,
		.help = "by the address and port that the client called",
	},
	{
		.name = "quic-cid",
		.value = CONFIG_HASH_QUIC_CID,
		.help = "by the server ID in QUIC's connection ID, so that a client that changes "
			"its address keeps its member; where there is none, `five-tuple`",
	},
	{ .name = NULL },
};

static const struct field affinity_fields[] = {
	{
		.name = "timeout_ms",
		.help = "how long after its last new connection a client keeps its member",
		.type = FIELD_NUMBER,
		.is_required = true,
		.unit = "milliseconds",
		.offset = offsetof(struct config_affinity, timeout_ms),
		.min = 1000,
		.max = TIMEOUT_MAX_MS,
	},
	{
		.name = "prefix4",
		.help = "how much of an IPv4 address tells clients apart",
		.type = FIELD_NUMBER,
		.unit = "bits",
		.offset = offsetof(struct config_affinity, prefix4),
		.min = 1,
		.max = 32,
		.value = 32,
	},
	{
		.name = "prefix6",
		.help = "how much of an IPv6 address tells clients apart",
		.type = FIELD_NUMBER,
		.unit = "bits",
		.offset = offsetof(struct config_affinity, prefix6),
		.min = 1,
		.max = 128,
		.value = 128,
	},
	{ .name = NULL },
};

const struct table affinity_table = {
	.name = "affinity",
	.help = "New connections of a client, or of its network, go where its last one went.",
	.fields = affinity_fields,
};

static const struct choice layout_choices[] = {
	{
		.name = "quic-lb",
		.value = CONFIG_QUIC_LB,
		.help = "draft-ietf-quic-load-balancers in plain text: configuration ID, server ID, "
			"nonce",
	},
	{
		.name = "katran",
		.value = CONFIG_QUIC_KATRAN,
		.help = "Katran's versions 1, 2 and 3: server IDs of 2, 3 and 4 bytes",
	},
	{ .name = NULL },
};

static const struct field quic_fields[] = {
	{
		.name = "layout",
		.help = "how servers make connection IDs",
		.type = FIELD_CHOICE,
		.is_required = true,
		.offset = offsetof(struct config_quic, layout),
		.choices = layout_choices,
		.value = CONFIG_QUIC_LB,
	},
	{
		.name = "server_id_bytes",
		.help = "quic-lb: length of a server ID",
		.type = FIELD_NUMBER,
		.unit = "bytes",
		.offset = offsetof(struct config_quic, server_id_bytes),
		.min = 1,
		.max = CONFIG_QUIC_ID_MAX,
		.value = 2,
	},
	{
		.name = "config_id",
		.help = "quic-lb: the configuration ID in the upper three bits of the first byte",
		.type = FIELD_NUMBER,
		.offset = offsetof(struct config_quic, config_id),
		.max = 6,
	},
	{ .name = NULL },
};

const struct table quic_table = {
	.name = "quic",
	.help = "How connection IDs of QUIC name the member.",
	.fields = quic_fields,
};

static int digit_value(char digit)
{
	if (!isxdigit((unsigned char)digit))
		return -1;
	return isdigit((unsigned char)digit) ? digit - '0'
					     : tolower((unsigned char)digit) - 'a' + 10;
}

static void quic_id_read(
	struct reader *reader, const struct node *node, const char *text, void *target)
{
	size_t len = strlen(text);
	struct config_quic_id id = { .len = (uint8_t)(len / 2) };
	bool is_good = len > 0 && len % 2 == 0 && len / 2 <= CONFIG_QUIC_ID_MAX;

	for (size_t i = 0; is_good && i < len; i++) {
		int digit = digit_value(text[i]);

		is_good = digit >= 0;
		id.bytes[i / 2] = (uint8_t)(id.bytes[i / 2] << 4 | (digit & 15));
	}
	if (is_good)
		*(struct config_quic_id *)target = id;
	else
		problem_add(&reader->problems, node,
			"expected 1 to %d bytes in hexadecimal, found \"%.40s\"",
			CONFIG_QUIC_ID_MAX, text);
}

const struct text_kind quic_id_kind = {
	.what = "bytes in hexadecimal",
	.pattern = "^([0-9A-Fa-f]{2}){1,15}$",
	.read = quic_id_read,
};

static bool is_layout_length(const struct config_quic *quic, unsigned len)
{
	if (quic->layout == CONFIG_QUIC_KATRAN)
		return len >= KATRAN_BYTES_MIN && len <= KATRAN_BYTES_MAX;
	return len == quic->server_id_bytes;
}

/* Every server ID must be one that the layout can name, and some member must have one. */
static void quic_ids_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const struct config_pool *pool = &reader->config->pools[service->pool];
	size_t named = 0;

	for (size_t i = 0; i < pool->member_count; i++) {
		const struct config_member *member = &pool->members[i];

		named += member->quic_id.len > 0;
		if (member->quic_id.len == 0 ||
			is_layout_length(&service->quic, member->quic_id.len))
			continue;
		problem_add(&reader->problems, node_get(node, "quic"),
			"the quic_server_id of member %s of pool \"%s\" has %u bytes, which the "
			"layout has not",
			member->name, pool->name, member->quic_id.len);
		return;
	}
	if (named == 0)
		problem_add(&reader->problems, node_get(node, "hash"),
			"no member of pool \"%s\" has a quic_server_id", pool->name);
}

void balance_check(
	struct reader *reader, const struct node *node, const struct config_service *service)
{
	const struct node *quic = node_get(node, "quic");
	const struct node *hash = node_get(node, "hash");
	bool is_quic = node_is_text(hash, "quic-cid");

	if (service->affinity.timeout_ms > 0 && service->is_stateless)
		problem_add(&reader->problems, node_get(node, "affinity"),
			"\"stateless\" remembers nothing, clients neither");
	if (service->affinity.timeout_ms > 0 && service->forward == CONFIG_FORWARD_NAT)
		problem_add(&reader->problems, node_get(node, "affinity"),
			"by \"nat\" a flow's core follows from the client's port, so that none would "
			"know all of a client; use \"hash\": \"source-ip\"");
	if (quic != NULL && !is_quic)
		problem_add_key(&reader->problems, quic, "is for \"hash\": \"quic-cid\" only");
	if (is_quic && quic == NULL)
		problem_add_missing(&reader->problems, node, "quic",
			"\"hash\": \"quic-cid\" needs to know how connection IDs are made");
	if (is_quic && service->protocol == IPPROTO_TCP)
		problem_add(&reader->problems, hash, "QUIC runs over udp");
	if (is_quic && quic != NULL && service->pool != UINT_MAX)
		quic_ids_check(reader, node, service);
}
