/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#define SLOTS_MIN 16

/* The ranges of an address and protocol: count of them from first on, by port; then all ports. */
struct group {
	uint32_t first;
	uint32_t count;
	const struct service *all; /* NULL: none */
	const struct service *any; /* one of them, for address and protocol */
};

struct service_ranges {
	const struct service **sorted;
	struct group *groups;
	uint32_t *slots; /* open addressing: number of the group + 1, 0: empty */
	uint32_t mask;
	uint32_t count;
	uint32_t group_count;
};

static bool is_range(const struct service *service)
{
	return service->port != service->port_max;
}

static bool is_at(const struct service *service, const struct ip_addr *address, uint8_t protocol)
{
	return service->protocol == protocol && ip_equal(&service->address, address);
}

const struct service *service_ranges_find(const struct service_ranges *ranges,
	const struct ip_addr *address, uint16_t port_be, uint8_t protocol)
{
	uint32_t at = service_hash(address, 0, protocol) & ranges->mask;
	uint16_t port = rte_be_to_cpu_16(port_be);
	const struct group *group = NULL;
	uint32_t low = 0;
	uint32_t high;

	for (; ranges->slots[at] != 0; at = (at + 1) & ranges->mask) {
		group = &ranges->groups[ranges->slots[at] - 1];
		if (is_at(group->any, address, protocol))
			break;
	}
	if (ranges->slots[at] == 0)
		return NULL;
	/* The last one that does not begin behind the port. */
	high = group->count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (ranges->sorted[group->first + middle]->port <= port)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0 && ranges->sorted[group->first + low - 1]->port_max >= port)
		return ranges->sorted[group->first + low - 1];
	return group->all;
}

void service_ranges_destroy(struct service_ranges *ranges)
{
	if (ranges == NULL)
		return;
	free(ranges->sorted);
	free(ranges->groups);
	free(ranges->slots);
	free(ranges);
}

/* Port 0, which stands for all, goes last. */
static int service_compare(const void *left, const void *right)
{
	const struct service *a = *(const struct service *const *)left;
	const struct service *b = *(const struct service *const *)right;
	int order = memcmp(&a->address, &b->address, sizeof(a->address));

	if (order != 0)
		return order;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port != b->port)
		return (uint16_t)(a->port - 1) < (uint16_t)(b->port - 1) ? -1 : 1;
	return 0;
}

static struct service_ranges *ranges_alloc(uint32_t count)
{
	struct service_ranges *ranges = calloc(1, sizeof(*ranges));
	uint32_t slots = RTE_MAX((uint32_t)SLOTS_MIN, rte_align32pow2(2 * count));

	if (ranges == NULL)
		return NULL;
	ranges->sorted = calloc(count, sizeof(*ranges->sorted));
	ranges->groups = calloc(count, sizeof(*ranges->groups));
	ranges->slots = calloc(slots, sizeof(*ranges->slots));
	ranges->mask = slots - 1;
	if (ranges->sorted != NULL && ranges->groups != NULL && ranges->slots != NULL)
		return ranges;
	service_ranges_destroy(ranges);
	return NULL;
}

static struct group *group_start(struct service_ranges *ranges, uint32_t first)
{
	const struct service *service = ranges->sorted[first];
	uint32_t at = service_hash(&service->address, 0, service->protocol) & ranges->mask;
	struct group *group = &ranges->groups[ranges->group_count++];

	while (ranges->slots[at] != 0)
		at = (at + 1) & ranges->mask;
	ranges->slots[at] = ranges->group_count;
	*group = (struct group){ .first = first, .any = service };
	return group;
}

static int overlap_report(const struct service *a, const struct service *b, struct err *err)
{
	char text[IP_TEXT_MAX];

	return err_set(err, EEXIST, "services %s and %s both listen on port %u of %s",
		a->config->name, b->config->name, b->port, ip_format(&b->address, text));
}

static int groups_make(struct service_ranges *ranges, struct err *err)
{
	struct group *group = NULL;

	for (uint32_t i = 0; i < ranges->count; i++) {
		const struct service *service = ranges->sorted[i];
		const struct service *last = i > 0 ? ranges->sorted[i - 1] : NULL;

		if (group == NULL || !is_at(group->any, &service->address, service->protocol)) {
			group = group_start(ranges, i);
			last = NULL;
		}
		if (last != NULL &&
			(last->port == service->port ||
				(service->port != 0 && last->port_max >= service->port)))
			return overlap_report(last, service, err);
		if (service->port == 0)
			group->all = service;
		else
			group->count++;
	}
	return 0;
}

int service_ranges_create(const struct service *services, unsigned count,
	struct service_ranges **made, struct err *err)
{
	struct service_ranges *ranges;
	uint32_t range_count = 0;
	int status;

	*made = NULL;
	for (unsigned i = 0; i < count; i++)
		range_count += is_range(&services[i]);
	if (range_count == 0)
		return 0;
	ranges = ranges_alloc(range_count);
	if (ranges == NULL)
		return err_set(err, ENOMEM, "no memory for %u ranges of ports", range_count);
	for (unsigned i = 0; i < count; i++) {
		if (is_range(&services[i]))
			ranges->sorted[ranges->count++] = &services[i];
	}
	qsort(ranges->sorted, range_count, sizeof(*ranges->sorted), service_compare);
	status = groups_make(ranges, err);
	if (status < 0)
		service_ranges_destroy(ranges);
	else
		*made = ranges;
	return status;
}
