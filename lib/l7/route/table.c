/* SPDX-License-Identifier: Apache-2.0 */
#include "l7/route.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* RFC 1035 2.3.4: no name in a routing table is longer, so no longer host is looked up by name. */
#define HOST_MAX 255

#define ANY_HOST 0 /* index of the host that stands for all the others */

enum path_kind { PATH_EXACT, PATH_PREFIX };

struct host {
	char *name;            /* "example.com", ".suffix" for "*.suffix"; NULL: any */
	size_t len;
	uint64_t hash;
	size_t prefix_max;     /* longest prefix of a row: longer ones are not looked for */
	int any_path;          /* pool, or -1 */
};

struct path {
	char *text;            /* NULL: an empty slot */
	size_t len;
	uint64_t hash;         /* of the text alone */
	uint32_t host;
	enum path_kind kind;
	int pool;
};

/* Open addressing with linear probing, at most half full; never changed after creation. */
struct route_table {
	struct hash_key key;
	struct host *hosts;
	uint32_t host_count;
	uint32_t *host_slots;  /* index into hosts; 0: empty, as ANY_HOST is not looked up by name */
	struct path *paths;
	uint32_t mask;         /* of both tables */
	size_t suffix_max;     /* longest "*.suffix" */
};

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

static uint32_t path_slot(const struct route_table *table, uint32_t host, enum path_kind kind,
	uint64_t hash)
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

/* Index of a row's host, made on first use; negative on error. */
static int64_t host_add(struct route_table *table, const char *text, struct err *err)
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 1 : text;
	size_t len = strlen(name);
	struct host *host = &table->hosts[table->host_count];
	uint32_t index, slot;

	if (len == 0 || len > HOST_MAX)
		return err_set(err, EINVAL, "host \"%s\" of a route has no possible length", text);
	index = host_find(table, name, len);
	if (index != 0)
		return index;
	*host = (struct host){ .name = strdup(name), .len = len, .any_path = -1 };
	if (host->name == NULL)
		return err_set(err, ENOMEM, "no memory for the routing table");
	host->hash = hash_bytes(table->key, name, len);
	slot = (uint32_t)host->hash & table->mask;
	while (table->host_slots[slot] != 0)
		slot = (slot + 1) & table->mask;
	table->host_slots[slot] = table->host_count;
	if (name[0] == '.' && len > table->suffix_max)
		table->suffix_max = len;
	return table->host_count++;
}

static int path_add(struct route_table *table, uint32_t host_index,
	const struct config_l7_route *route, struct err *err)
{
	enum path_kind kind = route->is_path_exact ? PATH_EXACT : PATH_PREFIX;
	struct http_span text = { .data = route->path, .len = strlen(route->path) };
	uint64_t hash = path_hash(text.data, text.len);
	struct host *host = &table->hosts[host_index];
	uint32_t slot = path_slot(table, host_index, kind, hash);

	if (path_find(table, host_index, kind, hash, text) != NULL)
		return 0;
	while (table->paths[slot].text != NULL)
		slot = (slot + 1) & table->mask;
	table->paths[slot] = (struct path){ .text = strdup(route->path), .len = text.len,
		.hash = hash, .host = host_index, .kind = kind, .pool = (int)route->pool };
	if (table->paths[slot].text == NULL)
		return err_set(err, ENOMEM, "no memory for the routing table");
	if (kind == PATH_PREFIX && text.len > host->prefix_max)
		host->prefix_max = text.len;
	return 0;
}

static int route_add(struct route_table *table, const struct config_l7_route *route,
	struct err *err)
{
	int64_t host = ANY_HOST;

	if (route->host != NULL)
		host = host_add(table, route->host, err);
	if (host < 0)
		return (int)host;
	if (route->path != NULL)
		return path_add(table, (uint32_t)host, route, err);
	if (table->hosts[host].any_path < 0)
		table->hosts[host].any_path = (int)route->pool;
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
	if (table->hosts == NULL || table->host_slots == NULL || table->paths == NULL)
		return -ENOMEM;
	table->hosts[ANY_HOST].any_path = -1;
	table->host_count = 1;
	return 0;
}

struct route_table *route_table_create(const struct config_l7_route *routes, size_t count,
	unsigned default_pool, struct err *err)
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
	if (table->hosts[ANY_HOST].any_path < 0 && default_pool != UINT_MAX)
		table->hosts[ANY_HOST].any_path = (int)default_pool;
	return table;
fail:
	route_table_destroy(table);
	return NULL;
}

void route_table_destroy(struct route_table *table)
{
	if (table == NULL)
		return;
	for (uint32_t i = 0; i < table->host_count; i++)
		free(table->hosts[i].name);
	for (uint32_t i = 0; table->paths != NULL && i <= table->mask; i++)
		free(table->paths[i].text);
	free(table->hosts);
	free(table->host_slots);
	free(table->paths);
	free(table);
}

/*
 * The longest prefix on a segment border: ends with '/', or the path goes on with one or ends
 * there. One pass, a look-up at each border, and none behind the longest prefix that the host has.
 */
static int prefix_find(const struct route_table *table, uint32_t host, struct http_span path)
{
	size_t prefix_max = table->hosts[host].prefix_max;
	uint64_t hash = PATH_HASH_START;
	int pool = -1;

	for (size_t i = 0; i < path.len && i < prefix_max; i++) {
		const struct path *found;
		bool is_border = path.data[i] == '/' || i + 1 == path.len ||
				 path.data[i + 1] == '/';

		hash = path_hash_add(hash, path.data[i]);
		if (!is_border)
			continue;
		found = path_find(table, host, PATH_PREFIX, hash,
			(struct http_span){ .data = path.data, .len = i + 1 });
		if (found != NULL)
			pool = found->pool;
	}
	return pool;
}

static int find_in_host(const struct route_table *table, uint32_t host, struct http_span path,
	uint64_t hash)
{
	const struct path *exact = path_find(table, host, PATH_EXACT, hash, path);
	int pool;

	if (exact != NULL)
		return exact->pool;
	pool = prefix_find(table, host, path);
	return pool >= 0 ? pool : table->hosts[host].any_path;
}

/* Rows of "*.suffix", the longest first: at each dot but one that starts the name. */
static int find_by_suffix(const struct route_table *table, struct http_span host,
	struct http_span path, uint64_t hash)
{
	size_t at = host.len > table->suffix_max ? host.len - table->suffix_max : 1;

	for (; at < host.len; at++) {
		uint32_t index;
		int pool;

		if (host.data[at] != '.')
			continue;
		index = host_find(table, host.data + at, host.len - at);
		pool = index != 0 ? find_in_host(table, index, path, hash) : -1;
		if (pool >= 0)
			return pool;
	}
	return -1;
}

/* By name: a host without a row for the path leaves it to the next wider one. */
static int find_by_name(const struct route_table *table, struct http_span host,
	struct http_span path, uint64_t hash)
{
	uint32_t index;
	int pool = -1;

	if (host.len > 1 && host.data[host.len - 1] == '.')
		host.len--; /* the same name, written as absolute */
	if (host.len == 0 || host.len > HOST_MAX || host.data[0] == '.')
		return -1;
	index = host_find(table, host.data, host.len);
	if (index != 0)
		pool = find_in_host(table, index, path, hash);
	return pool >= 0 ? pool : find_by_suffix(table, host, path, hash);
}

int route_find(const struct route_table *table, struct http_span host, struct http_span path)
{
	uint64_t hash = path_hash(path.data, path.len);
	int pool = -1;

	if (table->host_count > 1)
		pool = find_by_name(table, host, path, hash);
	return pool >= 0 ? pool : find_in_host(table, ANY_HOST, path, hash);
}
