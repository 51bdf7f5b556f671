/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and flows, copied from the workers piece by piece. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <rte_byteorder.h>

#include "commands.h"

/* Rows a call: some microseconds of a worker's time. */
#define L4_ROWS  128
#define L7_ROWS  32
#define TCP_ROWS 64

/* Pools in which a member of the same name is looked for. */
#define MEMBER_IDS_MAX 64

static const struct table_column l4_columns[] = {
	{ .name = "layer" },
	{ .name = "proto" },
	{ .name = "client" },
	{ .name = "vip" },
	{ .name = "local" },
	{ .name = "member" },
	{ .name = "state" },
	{ .name = "idle_ms", .is_number = true },
	{ .name = "timeout_ms", .is_number = true },
	{ .name = "packets_in", .is_number = true },
	{ .name = "packets_out", .is_number = true },
	{ .name = "core", .is_number = true },
};

static const struct table_column l7_columns[] = {
	{ .name = "layer" },
	{ .name = "service" },
	{ .name = "client" },
	{ .name = "vip" },
	{ .name = "member" },
	{ .name = "state" },
	{ .name = "age_ms", .is_number = true },
	{ .name = "requests", .is_number = true },
	{ .name = "bytes_in", .is_number = true },
	{ .name = "bytes_out", .is_number = true },
	{ .name = "srtt_us", .is_number = true },
	{ .name = "core", .is_number = true },
	{ .name = "request" },
};

static const struct table_column tcp_columns[] = {
	{ .name = "layer" },
	{ .name = "peer" },
	{ .name = "local" },
	{ .name = "state" },
	{ .name = "srtt_us", .is_number = true },
	{ .name = "rttvar_us", .is_number = true },
	{ .name = "rto_us", .is_number = true },
	{ .name = "cwnd", .is_number = true },
	{ .name = "ssthresh", .is_number = true },
	{ .name = "mss", .is_number = true },
	{ .name = "retransmissions", .is_number = true },
	{ .name = "send_queued", .is_number = true },
	{ .name = "receive_queued", .is_number = true },
	{ .name = "core", .is_number = true },
};

static const struct table_column silent_columns[] = {
	{ .name = "layer" },
	{ .name = "core", .is_number = true },
	{ .name = "error" },
};

enum layer { LAYER_L4, LAYER_L7, LAYER_TCP, LAYER_END };

struct layer_ops {
	const char *name;
	const struct table_column *columns;
	unsigned column_count;
	unsigned rows_max;
};

static const struct layer_ops layers[] = {
	[LAYER_L4] = { .name = "l4",
		.columns = l4_columns,
		.column_count = sizeof(l4_columns) / sizeof(l4_columns[0]),
		.rows_max = L4_ROWS },
	[LAYER_L7] = { .name = "l7",
		.columns = l7_columns,
		.column_count = sizeof(l7_columns) / sizeof(l7_columns[0]),
		.rows_max = L7_ROWS },
	[LAYER_TCP] = { .name = "tcp",
		.columns = tcp_columns,
		.column_count = sizeof(tcp_columns) / sizeof(tcp_columns[0]),
		.rows_max = TCP_ROWS },
};

/* Which connections are wanted; what is not given fits all. */
struct filter {
	bool has_client, has_vip, has_member;
	struct ip_prefix client;
	struct ip_addr vip, member;
	const char *member_name;
	uint32_t member_ids[MEMBER_IDS_MAX]; /* in all pools, with that name */
	unsigned member_id_count;
	const char *state;
	uint64_t port; /* of the service; 0: any */
	uint8_t protocol;
};

/* How far the walk has come: over the layers, over the cores, over a worker's table. */
struct walk {
	struct filter filter;
	enum layer layer;
	bool is_wanted[LAYER_END];
	unsigned core;
	uint32_t cursor;
	uint64_t left; /* rows still to print */
	struct table table;
	unsigned got, max; /* of one call */
	bool is_over;      /* that worker has no more */
	union {
		struct l4_conn_row l4[L4_ROWS];
		struct l7_conn_row l7[L7_ROWS];
		struct tcp_info tcp[TCP_ROWS];
	} rows;
};

static void walk_destroy(void *state)
{
	struct walk *walk = state;

	table_destroy(&walk->table);
	free(walk);
}

/* On the worker. */
static void take(struct control_worker *worker, void *arg)
{
	struct walk *walk = arg;

	if (walk->layer == LAYER_L4 && worker->l4 != NULL)
		walk->got = l4_conn_dump(
			worker->l4, &walk->cursor, walk->rows.l4, walk->max, worker->now_us);
	if (walk->layer == LAYER_L7 && worker->l7 != NULL)
		walk->got = l7_conn_dump(
			worker->l7, &walk->cursor, walk->rows.l7, walk->max, worker->now_us);
	walk->is_over = walk->got == 0;
	if (walk->layer == LAYER_TCP && worker->l7 != NULL) {
		walk->got = tcp_dump(l7_tcp(worker->l7), &walk->cursor, walk->rows.tcp, walk->max);
		walk->is_over = walk->cursor == TCP_DUMP_END;
	}
}

static void endpoint_add(struct table *table, const struct ip_addr *address, uint16_t port)
{
	char text[IP_ENDPOINT_MAX];

	table_cell(table, "%s", ip_endpoint_format(address, port, text));
}

static const char *l4_state_name(uint8_t state)
{
	static const char *const names[] = {
		[L4_STATE_NEW] = "NEW",
		[L4_STATE_ESTABLISHED] = "ESTABLISHED",
		[L4_STATE_FIN] = "FIN",
		[L4_STATE_CLOSED] = "CLOSED",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static void l4_add(struct table *table, const struct l4_conn_row *row, unsigned core)
{
	table_cell(table, "l4");
	table_cell(table, "%s", ip_protocol_name(row->protocol));
	endpoint_add(table, &row->client, row->client_port);
	endpoint_add(table, &row->vip, row->vip_port);
	endpoint_add(table, &row->local, row->local_port);
	endpoint_add(table, &row->member, row->member_port);
	table_cell(table, "%s", l4_state_name(row->state));
	table_cell(table, "%" PRIu32, row->idle_ms);
	table_cell(table, "%" PRIu32, row->timeout_ms);
	table_cell(table, "%" PRIu64, row->packets_in);
	table_cell(table, "%" PRIu64, row->packets_out);
	table_cell(table, "%u", core);
}

static void l7_add(struct table *table, const struct l7_conn_row *row, unsigned core)
{
	const struct packet_tuple *tuple = &row->tcp.tuple;

	table_cell(table, "l7");
	table_cell(table, "%s", row->service);
	endpoint_add(table, &tuple->src, rte_be_to_cpu_16(tuple->src_port_be));
	endpoint_add(table, &tuple->dst, rte_be_to_cpu_16(tuple->dst_port_be));
	table_cell(table, "%s", row->member);
	table_cell(table, "%s", row->tcp.state);
	table_cell(table, "%" PRIu32, row->age_ms);
	table_cell(table, "%" PRIu64, row->requests);
	table_cell(table, "%" PRIu64, row->tcp.bytes_in);
	table_cell(table, "%" PRIu64, row->tcp.bytes_out);
	table_cell(table, "%" PRIu32, row->tcp.srtt_us);
	table_cell(table, "%u", core);
	table_cell(table, "%s", row->request);
}

static void tcp_add(struct table *table, const struct tcp_info *row, unsigned core)
{
	table_cell(table, "tcp");
	endpoint_add(table, &row->tuple.src, rte_be_to_cpu_16(row->tuple.src_port_be));
	endpoint_add(table, &row->tuple.dst, rte_be_to_cpu_16(row->tuple.dst_port_be));
	table_cell(table, "%s", row->state);
	table_cell(table, "%" PRIu32, row->srtt_us);
	table_cell(table, "%" PRIu32, row->rttvar_us);
	table_cell(table, "%" PRIu32, row->rto_us);
	table_cell(table, "%" PRIu32, row->cwnd);
	/* None yet: slow start goes on until a loss. */
	if (row->ssthresh == UINT32_MAX)
		table_cell(table, "%s", "");
	else
		table_cell(table, "%" PRIu32, row->ssthresh);
	table_cell(table, "%" PRIu32, row->mss);
	table_cell(table, "%" PRIu32, row->retransmissions);
	table_cell(table, "%" PRIu32, row->send_queued);
	table_cell(table, "%" PRIu32, row->receive_queued);
	table_cell(table, "%u", core);
}

/* What all layers' rows have. */
static bool ends_fit(const struct filter *filter, const struct ip_addr *client,
	const struct ip_addr *vip, uint16_t port)
{
	return (!filter->has_client || ip_prefix_contains(&filter->client, client)) &&
		(!filter->has_vip || ip_equal(&filter->vip, vip)) &&
		(filter->port == 0 || filter->port == port);
}

static bool state_fits(const struct filter *filter, const char *state)
{
	return filter->state == NULL || strcasecmp(filter->state, state) == 0;
}

static bool id_fits(const struct filter *filter, uint32_t id)
{
	for (unsigned i = 0; i < filter->member_id_count; i++) {
		if (filter->member_ids[i] == id)
			return true;
	}
	return filter->member_name == NULL;
}

static bool l4_fits(const struct filter *filter, const struct l4_conn_row *row)
{
	if (!ends_fit(filter, &row->client, &row->vip, row->vip_port) ||
		(filter->protocol != 0 && filter->protocol != row->protocol) ||
		!state_fits(filter, l4_state_name(row->state)))
		return false;
	if (filter->has_member)
		return ip_equal(&filter->member, &row->member);
	return id_fits(filter, row->member_id);
}

static bool l7_fits(const struct filter *filter, const struct l7_conn_row *row)
{
	const struct packet_tuple *tuple = &row->tcp.tuple;
	struct ip_addr member;
	uint16_t port;

	if (!ends_fit(filter, &tuple->src, &tuple->dst, rte_be_to_cpu_16(tuple->dst_port_be)) ||
		(filter->protocol != 0 && filter->protocol != IPPROTO_TCP) ||
		!state_fits(filter, row->tcp.state))
		return false;
	if (filter->has_member)
		return ip_endpoint_parse(row->member, &member, &port) == 0 &&
			ip_equal(&filter->member, &member);
	return filter->member_name == NULL || strcmp(row->member, filter->member_name) == 0;
}

/* A member is the peer of a connection of ours. */
static bool tcp_fits(const struct filter *filter, const struct tcp_info *row)
{
	const struct packet_tuple *tuple = &row->tuple;
	char text[IP_ENDPOINT_MAX];

	if (!ends_fit(filter, &tuple->src, &tuple->dst, rte_be_to_cpu_16(tuple->dst_port_be)) ||
		(filter->protocol != 0 && filter->protocol != IPPROTO_TCP) ||
		!state_fits(filter, row->state))
		return false;
	if (filter->has_member)
		return ip_equal(&filter->member, &tuple->src);
	ip_endpoint_format(&tuple->src, rte_be_to_cpu_16(tuple->src_port_be), text);
	return filter->member_name == NULL || strcmp(text, filter->member_name) == 0;
}

static void rows_add(struct walk *walk)
{
	for (unsigned i = 0; i < walk->got && walk->left > 0; i++) {
		if (walk->layer == LAYER_L4) {
			if (!l4_fits(&walk->filter, &walk->rows.l4[i]))
				continue;
			l4_add(&walk->table, &walk->rows.l4[i], walk->core);
		} else if (walk->layer == LAYER_TCP) {
			if (!tcp_fits(&walk->filter, &walk->rows.tcp[i]))
				continue;
			tcp_add(&walk->table, &walk->rows.tcp[i], walk->core);
		} else {
			if (!l7_fits(&walk->filter, &walk->rows.l7[i]))
				continue;
			l7_add(&walk->table, &walk->rows.l7[i], walk->core);
		}
		walk->left--;
	}
}

static void columns_set(struct walk *walk)
{
	table_columns(&walk->table, layers[walk->layer].columns, layers[walk->layer].column_count);
}

/* A worker that does not answer is a row too: the answer has begun, and the others have rows. */
static int silent_add(struct walk *walk, FILE *out)
{
	int ret = table_flush(&walk->table, out);

	table_columns(&walk->table, silent_columns, 3);
	table_cell(&walk->table, "%s", layers[walk->layer].name);
	table_cell(&walk->table, "%u", walk->core);
	table_cell(&walk->table, "the worker did not answer");
	if (table_flush(&walk->table, out) < 0)
		ret = -ENOMEM;
	columns_set(walk);
	return ret;
}

/* The next layer that was asked for; false: that was the last. */
static bool layer_next(struct walk *walk, unsigned from)
{
	for (unsigned i = from; i < LAYER_END; i++) {
		if (!walk->is_wanted[i])
			continue;
		walk->layer = (enum layer)i;
		walk->core = 0;
		walk->cursor = 0;
		columns_set(walk);
		return true;
	}
	return false;
}

/* One call on one worker. */
static int walk_step(struct request *request, struct walk *walk)
{
	unsigned rows_max = layers[walk->layer].rows_max;
	int ret = 0;

	if (walk->left == 0)
		return table_end(&walk->table, request->out);
	if (request_core(request, walk->core) == NULL) {
		ret = table_flush(&walk->table, request->out);
		if (ret < 0 || !layer_next(walk, walk->layer + 1))
			return ret < 0 ? ret : table_end(&walk->table, request->out);
		return COMMAND_AGAIN;
	}
	walk->got = 0;
	walk->is_over = true;
	walk->max = rows_max;
	if (request_call(request, walk->core, take, walk) < 0)
		ret = silent_add(walk, request->out);
	else
		rows_add(walk);
	if (walk->is_over) {
		walk->core++;
		walk->cursor = 0;
	}
	if (ret == 0)
		ret = table_flush(&walk->table, request->out);
	return ret < 0 ? ret : COMMAND_AGAIN;
}

static int client_take(struct request *request, struct filter *filter, const char *word)
{
	filter->has_client = true;
	return ip_prefix_parse(word, &filter->client) == 0
		? 0
		: request_fail(request, EINVAL,
			  "a client is ADDRESS or ADDRESS/LENGTH, not \"%.60s\"", word);
}

static int vip_take(struct request *request, struct filter *filter, const char *word)
{
	filter->has_vip = true;
	return ip_parse(word, &filter->vip) == 0
		? 0
		: request_fail(request, EINVAL, "a vip is an address, not \"%.60s\"", word);
}

static int port_take(struct request *request, struct filter *filter, const char *word)
{
	if (number_parse(word, UINT16_MAX, &filter->port) == 0 && filter->port > 0)
		return 0;
	return request_fail(request, EINVAL, "a port is a number from 1, not \"%.40s\"", word);
}

static int member_take(struct request *request, struct filter *filter, const char *word)
{
	const struct backend_set *set = request_snapshot(request)->backends;

	filter->has_member = ip_parse(word, &filter->member) == 0;
	if (filter->has_member)
		return 0;
	filter->member_name = word;
	for (unsigned i = 0; i < set->count; i++) {
		for (unsigned j = 0; j < set->pools[i]->count; j++) {
			const struct member *member = set->pools[i]->members[j];

			if (strcmp(member->name, word) == 0 &&
				filter->member_id_count < MEMBER_IDS_MAX)
				filter->member_ids[filter->member_id_count++] = member->id;
		}
	}
	if (filter->member_id_count > 0)
		return 0;
	return request_fail(request, ENOENT, "there is no member \"%.60s\"", word);
}

static int protocol_take(struct request *request, struct filter *filter, const char *word)
{
	if (strcmp(word, "tcp") == 0)
		filter->protocol = IPPROTO_TCP;
	else if (strcmp(word, "udp") == 0)
		filter->protocol = IPPROTO_UDP;
	else if (strcmp(word, "sctp") == 0)
		filter->protocol = IPPROTO_SCTP;
	else
		return request_fail(
			request, EINVAL, "a proto is tcp, udp or sctp, not \"%.40s\"", word);
	return 0;
}

static int state_take(struct request *request, struct filter *filter, const char *word)
{
	(void)request;
	filter->state = word;
	return 0;
}

static const struct {
	const char *word;
	int (*take)(struct request *request, struct filter *filter, const char *word);
} filters[] = {
	{ "client", client_take },
	{ "vip", vip_take },
	{ "port", port_take },
	{ "member", member_take },
	{ "proto", protocol_take },
	{ "state", state_take },
};

/* A filter's word and its value, or the limit's. */
static int argument_take(
	struct request *request, struct walk *walk, const char *word, const char *value)
{
	if (strcmp(word, "limit") == 0) {
		if (number_parse(value, UINT32_MAX, &walk->left) == 0)
			return 0;
		return request_fail(request, EINVAL, "a limit is a number, not \"%.40s\"", value);
	}
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if (strcmp(word, filters[i].word) == 0)
			return filters[i].take(request, &walk->filter, value);
	}
	return request_fail(request, EINVAL, "\"%.40s\" is not understood", word);
}

static int arguments_parse(struct request *request, struct walk *walk)
{
	unsigned i = 0;
	int ret = 0;

	for (unsigned layer = 0; layer < LAYER_END && request->count > 0; layer++) {
		walk->is_wanted[layer] = strcmp(request->words[0], layers[layer].name) == 0;
		i += walk->is_wanted[layer];
	}
	if (i == 0)
		walk->is_wanted[LAYER_L4] = walk->is_wanted[LAYER_L7] = true;
	walk->left = UINT64_MAX;
	for (; i + 1 < request->count && ret == 0; i += 2)
		ret = argument_take(request, walk, request->words[i], request->words[i + 1]);
	if (ret == 0 && i < request->count)
		ret = request_fail(
			request, EINVAL, "\"%.40s\" is not understood", request->words[i]);
	return ret;
}

int command_show_conns(struct request *request)
{
	struct walk *walk = request->state;
	int ret;

	if (walk != NULL)
		return walk_step(request, walk);
	walk = calloc(1, sizeof(*walk));
	if (walk == NULL)
		return -ENOMEM;
	request->state = walk;
	request->state_destroy = walk_destroy;
	ret = arguments_parse(request, walk);
	if (ret == 0)
		ret = table_init(&walk->table, request->is_json);
	if (ret < 0)
		return ret;
	layer_next(walk, LAYER_L4);
	return walk_step(request, walk);
}

int command_show_sess(struct request *request)
{
	return command_show_conns(request);
}
