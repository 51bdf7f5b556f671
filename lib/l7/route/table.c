/* SPDX-License-Identifier: Apache-2.0 */
#include "l7/route.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../middleware/middleware.h"
#include "base/hash.h"
#include "matcher.h"

/* RFC 1035 2.3.4: no name in a routing table is longer, so no longer host is looked up by name. */
#define HOST_MAX 255

#define ANY_HOST 0 /* index of the host that stands for all the others */

/* Prefixes of one path that rows name: of more, the longest ones count. */
#define PREFIXES_MAX 32

#define NO_ROW UINT32_MAX

enum path_kind { PATH_EXACT, PATH_PREFIX };

/* Rows of one host and path, in the order of the file. */
struct chain {
	uint32_t first;
	uint32_t last;
};

struct row {
	struct route route;
	struct matcher *matcher; /* NULL: takes every request */
	uint32_t next;
};

struct host {
	char *name; /* "example.com", ".suffix" for "*.suffix", "www." for "www.*"; NULL: any */
	size_t len;
	uint64_t hash;
	size_t prefix_max; /* longest prefix of a row: longer ones are not looked for */
	struct chain patterns;
	struct chain any_path;
};

struct path {
	char *text; /* NULL: an empty slot */
	size_t len;
	uint64_t hash; /* of the text alone */
	uint32_t host;
	enum path_kind kind;
	struct chain rows;
};

/* Open addressing with linear probing, at most half full; never changed after creation. */
struct route_table {
	struct hash_key key;
	struct host *hosts;
	uint32_t host_count;
	uint32_t *host_slots; /* index into hosts; 0: empty, as ANY_HOST is not looked up by name */
	struct path *paths;
	uint32_t mask; /* of both tables */
	struct row *rows;
	uint32_t row_count;
	struct json_fields *fields;
	size_t suffix_max; /* longest "*.suffix" */
	size_t prefix_max; /* longest "prefix.*" */
};

static const struct chain chain_empty = { .first = NO_ROW, .last = NO_ROW };

/*
 * Grows byte by byte, so that one pass over a path gives the hashes of all its prefixes (FNV-1a,
 * 64 bits). The table's rows are ours: who aims collisions at them finds probes of the same length.
 */
#define PATH_HASH_START 0xcbf29ce484222325ull

static uint64_t path_hash_add(uint64_t hash, char c)
{
	return (hash ^ (uint8_t)c) * 0x100000001b3ull;
}

static uint64_t path_hash(const char *text, size_t len)
{
	uint64_t hash = PATH_HASH_START;

	for (size_t i = 0; i < len; i++)
		hash = path_hash_add(hash, text[i]);
	return hash;
}

static uint32_t path_slot(
	const struct route_table *table, uint32_t host, enum path_kind kind, uint64_t hash)
{
	uint64_t owner = (uint64_t)host << 1 | kind;

	return (uint32_t)hash_words2(table->key, hash, owner) & table->mask;
}

static struct path *path_find(const struct route_table *table, uint32_t host, enum path_kind kind,
	uint64_t hash, struct http_span text)
{
	uint32_t slot = path_slot(table, host, kind, hash);

	while (table->paths[slot].text != NULL) {
		struct path *path = &table->paths[slot];

		if (path->hash == hash && path->host == host && path->kind == kind &&
			path->len == text.len && memcmp(path->text, text.data, text.len) == 0)
			return path;
		slot = (slot + 1) & table->mask;
	}
	return NULL;
}

static uint32_t host_find(const struct route_table *table, const char *name, size_t len)
{
	uint64_t hash = hash_bytes(table->key, name, len);
	uint32_t slot = (uint32_t)hash & table->mask;

	while (table->host_slots[slot] != 0) {
		const struct host *host = &table->hosts[table->host_slots[slot]];

		if (host->hash == hash && host->len == len && memcmp(host->name, name, len) == 0)
			return table->host_slots[slot];
		slot = (slot + 1) & table->mask;
	}
	return 0;
}

/* What a host is looked up by; see struct host. */
static size_t host_name(const char *text, const char **name)
{
	size_t len = strlen(text);

	*name = text;
	if (strncmp(text, "*.", 2) == 0) {
		*name = text + 1;
		return len - 1;
	}
	return len > 2 && strcmp(text + len - 2, ".*") == 0 ? len - 1 : len;
}

/* Index of a row's host, made on first use; negative on error. */
static int64_t host_add(struct route_table *table, const char *text, struct err *err)
{
	const char *name;
	size_t len = host_name(text, &name);
	struct host *host = &table->hosts[table->host_count];
	uint32_t index, slot;

	if (len == 0 || len > HOST_MAX)
		return err_set(err, EINVAL, "host \"%s\" of a route has no possible length", text);
	index = host_find(table, name, len);
	if (index != 0)
		return index;
	*host = (struct host){ .name = strndup(name, len),
		.len = len,
		.patterns = chain_empty,
		.any_path = chain_empty };
	if (host->name == NULL)
		return err_set(err, ENOMEM, "no memory for the routing table");
	host->hash = hash_bytes(table->key, name, len);
	slot = (uint32_t)host->hash & table->mask;
	while (table->host_slots[slot] != 0)
		slot = (slot + 1) & table->mask;
	table->host_slots[slot] = table->host_count;
	if (name[0] == '.' && len > table->suffix_max)
		table->suffix_max = len;
	if (name[len - 1] == '.' && len > table->prefix_max)
		table->prefix_max = len;
	return table->host_count++;
}

static void chain_add(struct route_table *table, struct chain *chain, uint32_t row)
{
	if (chain->first == NO_ROW)
		chain->first = row;
	else
		table->rows[chain->last].next = row;
	chain->last = row;
}

/* The chain of an exact path or a prefix, made on first use. NULL when memory is short. */
static struct chain *path_add(
	struct route_table *table, uint32_t host_index, enum path_kind kind, const char *text)
{
	struct http_span span = { .data = text, .len = strlen(text) };
	uint64_t hash = path_hash(span.data, span.len);
	struct host *host = &table->hosts[host_index];
	struct path *path = path_find(table, host_index, kind, hash, span);
	uint32_t slot = path_slot(table, host_index, kind, hash);

	if (path != NULL)
		return &path->rows;
	while (table->paths[slot].text != NULL)
		slot = (slot + 1) & table->mask;
	path = &table->paths[slot];
	*path = (struct path){ .text = strdup(text),
		.len = span.len,
		.hash = hash,
		.host = host_index,
		.kind = kind,
		.rows = chain_empty };
	if (path->text == NULL)
		return NULL;
	if (kind == PATH_PREFIX && span.len > host->prefix_max)
		host->prefix_max = span.len;
	return &path->rows;
}

static bool is_pattern(const struct config_l7_route *route)
{
	return route->path != NULL &&
		(route->path_kind == CONFIG_PATH_TEMPLATE || route->path_kind == CONFIG_PATH_REGEX);
}

/* The row's own part: what it asks for and what it says. */
static int row_fill(struct route_table *table, uint32_t index, const struct config_l7_route *route,
	struct err *err)
{
	struct row *row = &table->rows[index];
	struct err why = { .text = "" };

	*row = (struct row){
		.route = { .config = route, .pool = route->pool, .index = index },
		.next = NO_ROW,
	};
	if (route->split_count > 0) {
		row->route.pool = UINT_MAX;
		row->route.weights = calloc(route->split_count, sizeof(*row->route.weights));
		if (row->route.weights == NULL)
			return err_set(err, ENOMEM, "no memory for the routing table");
	}
	for (size_t i = 0; i < route->split_count; i++)
		row->route.weights[i] = route->splits[i].weight;
	row->matcher = matcher_create(&route->conditions, table->fields, &why);
	if (is_pattern(route) && why.text[0] == '\0')
		row->route.pattern = path_pattern_create(route, &why);
	if (why.text[0] == '\0')
		row->route.actions = actions_create(route, &why);
	return why.text[0] == '\0' ? 0 : err_set(err, EINVAL, "%s", why.text);
}

static int route_add(
	struct route_table *table, const struct config_l7_route *route, struct err *err)
{
	uint32_t row = table->row_count++;
	struct chain *chain;
	int64_t host = ANY_HOST;

	if (row_fill(table, row, route, err) < 0)
		return -EINVAL;
	if (route->host != NULL)
		host = host_add(table, route->host, err);
	if (host < 0)
		return (int)host;
	if (is_pattern(route))
		chain = &table->hosts[host].patterns;
	else if (route->path == NULL)
		chain = &table->hosts[host].any_path;
	else
		chain = path_add(table, (uint32_t)host,
			route->path_kind == CONFIG_PATH_EXACT ? PATH_EXACT : PATH_PREFIX,
			route->path);
	if (chain == NULL)
		return err_set(err, ENOMEM, "no memory for the routing table");
	chain_add(table, chain, row);
	return 0;
}

static int table_allocate(struct route_table *table, size_t count)
{
	uint32_t slots = 16;

	while (slots < 2 * (count + 1))
		slots *= 2;
	table->mask = slots - 1;
	table->hosts = calloc(count + 1, sizeof(*table->hosts));
	table->host_slots = calloc(slots, sizeof(*table->host_slots));
	table->paths = calloc(slots, sizeof(*table->paths));
	/* One more for the default. */
	table->rows = calloc(count + 1, sizeof(*table->rows));
	table->fields = json_fields_create();
	if (table->hosts == NULL || table->host_slots == NULL || table->paths == NULL ||
		table->rows == NULL || table->fields == NULL)
		return -ENOMEM;
	table->hosts[ANY_HOST].patterns = chain_empty;
	table->hosts[ANY_HOST].any_path = chain_empty;
	table->host_count = 1;
	return 0;
}

/* Behind all rows: what none of them takes. */
static void default_add(struct route_table *table, unsigned pool)
{
	uint32_t row = table->row_count++;

	table->rows[row] = (struct row){ .route.pool = pool, .next = NO_ROW };
	chain_add(table, &table->hosts[ANY_HOST].any_path, row);
}

struct route_table *route_table_create(
	const struct config_l7_route *routes, size_t count, unsigned default_pool, struct err *err)
{
	struct route_table *table = calloc(1, sizeof(*table));

	if (table == NULL || count >= UINT32_MAX / 4 || table_allocate(table, count) < 0) {
		err_set(err, ENOMEM, "no memory for the routing table");
		goto fail;
	}
	table->key = hash_key_from_seed("route");
	for (size_t i = 0; i < count; i++)
		if (route_add(table, &routes[i], err) < 0)
			goto fail;
	if (default_pool != UINT_MAX)
		default_add(table, default_pool);
	return table;
fail:
	route_table_destroy(table);
	return NULL;
}

void route_table_destroy(struct route_table *table)
{
	if (table == NULL)
		return;
	for (uint32_t i = 0; i < table->row_count; i++) {
		free(table->rows[i].route.weights);
		matcher_destroy(table->rows[i].matcher);
		path_pattern_destroy(table->rows[i].route.pattern);
		actions_destroy(table->rows[i].route.actions);
	}
	for (uint32_t i = 0; i < table->host_count; i++)
		free(table->hosts[i].name);
	for (uint32_t i = 0; table->paths != NULL && i <= table->mask; i++)
		free(table->paths[i].text);
	json_fields_destroy(table->fields);
	free(table->rows);
	free(table->hosts);
	free(table->host_slots);
	free(table->paths);
	free(table);
}

/* A request on its way through the table. */
struct search {
	const struct route_table *table;
	const struct route_request *request;
	struct http_span path;
	uint64_t path_hash;
};

const struct route route_needs_body = { .pool = UINT_MAX };

/* The first row of the chain whose conditions hold, or may yet hold. */
static const struct route *chain_search(const struct search *search, struct chain chain)
{
	const struct row *rows = search->table->rows;

	for (uint32_t at = chain.first; at != NO_ROW; at = rows[at].next) {
		const struct row *row = &rows[at];
		enum holds holds;

		if (row->route.pattern != NULL &&
			!path_pattern_fits(
				row->route.pattern, search->path, search->request->scratch))
			continue;
		holds = row->matcher == NULL ? HOLDS : matcher_holds(row->matcher, search->request);
		if (holds == HOLDS)
			return &row->route;
		if (holds == HOLDS_UNKNOWN && search->request->body == ROUTE_BODY_UNREAD)
			return &route_needs_body;
	}
	return NULL;
}

/*
 * Prefixes on a segment border: they end with '/', or the path goes on with one or ends there. One
 * pass, a look-up at each border, and none behind the longest prefix that the host has. The longest
 * comes first to its turn.
 */
static const struct route *prefixes_search(const struct search *search, uint32_t host)
{
	struct http_span path = search->path;
	size_t prefix_max = search->table->hosts[host].prefix_max;
	uint64_t hash = PATH_HASH_START;
	struct chain found[PREFIXES_MAX];
	const struct route *route = NULL;
	unsigned count = 0;

	for (size_t i = 0; i < path.len && i < prefix_max; i++) {
		const struct path *prefix;
		bool is_border = path.data[i] == '/' || i + 1 == path.len ||
			path.data[i + 1] == '/';

		hash = path_hash_add(hash, path.data[i]);
		if (!is_border)
			continue;
		prefix = path_find(search->table, host, PATH_PREFIX, hash,
			(struct http_span){ .data = path.data, .len = i + 1 });
		if (prefix != NULL)
			found[count++ % PREFIXES_MAX] = prefix->rows;
	}
	for (unsigned left = count < PREFIXES_MAX ? count : PREFIXES_MAX; left > 0 && route == NULL;
		left--)
		route = chain_search(search, found[--count % PREFIXES_MAX]);
	return route;
}

static const struct route *host_search(const struct search *search, uint32_t host)
{
	const struct path *exact = path_find(
		search->table, host, PATH_EXACT, search->path_hash, search->path);
	const struct route *route = NULL;

	if (exact != NULL)
		route = chain_search(search, exact->rows);
	if (route == NULL)
		route = chain_search(search, search->table->hosts[host].patterns);
	if (route == NULL)
		route = prefixes_search(search, host);
	if (route == NULL)
		route = chain_search(search, search->table->hosts[host].any_path);
	return route;
}

static const struct route *name_search(const struct search *search, const char *name, size_t len)
{
	uint32_t index = host_find(search->table, name, len);

	return index != 0 ? host_search(search, index) : NULL;
}

/* Rows of "*.suffix", the longest first: at each dot but one that starts the name. */
static const struct route *suffixes_search(const struct search *search, struct http_span host)
{
	size_t max = search->table->suffix_max;
	const struct route *route = NULL;

	for (size_t at = host.len > max ? host.len - max : 1; at < host.len && route == NULL;
		at++) {
		if (host.data[at] == '.')
			route = name_search(search, host.data + at, host.len - at);
	}
	return route;
}

/* Rows of "prefix.*", the longest first: up to each dot that something follows. */
static const struct route *host_prefixes_search(const struct search *search, struct http_span host)
{
	size_t max = search->table->prefix_max;
	const struct route *route = NULL;

	for (size_t len = host.len - 1 < max ? host.len - 1 : max; len > 1 && route == NULL;
		len--) {
		if (host.data[len - 1] == '.')
			route = name_search(search, host.data, len);
	}
	return route;
}

/* By name: a host without a row for the request leaves it to the next wider one. */
static const struct route *names_search(const struct search *search, struct http_span host)
{
	const struct route *route;

	if (host.len > 1 && host.data[host.len - 1] == '.')
		host.len--; /* the same name, written as absolute */
	if (host.len == 0 || host.len > HOST_MAX || host.data[0] == '.')
		return NULL;
	route = name_search(search, host.data, host.len);
	if (route == NULL)
		route = suffixes_search(search, host);
	return route != NULL ? route : host_prefixes_search(search, host);
}

const struct route *route_find(const struct route_table *table, const struct route_request *request)
{
	struct http_span path = request->head->path;
	struct search search = {
		.table = table,
		.request = request,
		.path = path,
		.path_hash = path_hash(path.data, path.len),
	};
	const struct route *route = NULL;

	if (table->host_count > 1)
		route = names_search(&search, request->head->host);
	return route != NULL ? route : host_search(&search, ANY_HOST);
}

const struct json_fields *route_table_fields(const struct route_table *table)
{
	return json_fields_count(table->fields) > 0 ? table->fields : NULL;
}

const struct route *route_table_at(const struct route_table *table, unsigned index)
{
	return index < table->row_count ? &table->rows[index].route : NULL;
}

void route_weight_set(const struct route *route, size_t split, uint32_t weight)
{
	__atomic_store_n(&route->weights[split], weight, __ATOMIC_RELAXED);
}

uint32_t route_weight(const struct route *route, size_t split)
{
	return __atomic_load_n(&route->weights[split], __ATOMIC_RELAXED);
}

unsigned route_pool(const struct route *route, uint32_t random)
{
	const struct config_l7_route *config = route->config;
	uint64_t sum = 0;
	uint64_t at;

	if (route->pool != UINT_MAX)
		return route->pool;
	for (size_t i = 0; i < config->split_count; i++)
		sum += route_weight(route, i);
	at = (random * sum) >> 32;
	for (size_t i = 0; i < config->split_count; i++) {
		uint32_t weight = route_weight(route, i);

		if (at < weight)
			return config->splits[i].pool;
		at -= weight;
	}
	/* They were changed meanwhile. */
	return config->splits[config->split_count - 1].pool;
}
