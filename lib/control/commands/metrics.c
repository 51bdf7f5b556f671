/* SPDX-License-Identifier: Apache-2.0 */
/* All figures in the text exposition format of Prometheus, version 0.0.4. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "commands.h"

/* A set of counters that are kept per core, by where they stand in struct core. */
static const struct {
	const struct stats_set *set;
	size_t offset;
} core_sets[] = {
	{ .set = &core_stats_set, .offset = offsetof(struct core, counters) },
	{ .set = &drop_stats_set, .offset = offsetof(struct core, drops) },
};

static void label_print(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n') {
			fputs("\\n", out);
			continue;
		}
		if (*value == '"' || *value == '\\')
			fputc('\\', out);
		fputc(*value, out);
	}
	fputc('"', out);
}

static void family_print(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void counter_family_print(
	FILE *out, const struct stats_set *set, unsigned index, char *name, size_t size)
{
	snprintf(name, size, "penstock_%s_%s_total", set->prefix, set->descs[index].name);
	family_print(out, name, "counter", set->descs[index].help);
}

static void core_sets_print(const struct request *request)
{
	const struct core *core;
	char name[128];

	for (unsigned i = 0; i < sizeof(core_sets) / sizeof(core_sets[0]); i++) {
		const struct stats_set *set = core_sets[i].set;
		/* "none" of the drop reasons is no reason. */
		unsigned first = set == &drop_stats_set ? 1 : 0;

		for (unsigned j = first; j < set->count; j++) {
			counter_family_print(request->out, set, j, name, sizeof(name));
			for (unsigned k = 0; (core = request_core(request, k)) != NULL; k++) {
				const uint64_t *values = (const uint64_t *)(const void
						*)((const char *)core + core_sets[i].offset);

				fprintf(request->out, "%s{core=\"%u\"} %" PRIu64 "\n", name,
					core->index, stats_read(&values[j]));
			}
		}
	}
}

/* Sets that have labels of their own are printed elsewhere. */
static bool has_labels(const struct stats_set *set)
{
	return set == &core_stats_set || set == &drop_stats_set || set == &service_stats_set ||
		set == &member_stats_set;
}

static void sum_visit(
	void *ctx, const struct stats_set *set, const struct stats_desc *desc, uint64_t sum)
{
	FILE *out = ctx;
	char name[128];

	if (has_labels(set))
		return;
	counter_family_print(out, set, (unsigned)(desc - set->descs), name, sizeof(name));
	fprintf(out, "%s %" PRIu64 "\n", name, sum);
}

static void services_print(FILE *out, const struct service_table *services)
{
	unsigned count = service_table_count(services);
	char name[128];

	for (unsigned i = 0; i < service_stats_set.count && count > 0; i++) {
		counter_family_print(out, &service_stats_set, i, name, sizeof(name));
		for (unsigned j = 0; j < count; j++) {
			const struct service *service = service_table_at(services, j);
			struct service_counters sum;

			service_counters_sum(service->identity, &sum);
			fprintf(out, "%s{", name);
			label_print(out, "service", service->identity->name);
			fprintf(out, "} %" PRIu64 "\n", ((const uint64_t *)&sum)[i]);
		}
	}
}

static void pools_print(FILE *out, const struct backend_set *set)
{
	char name[128];

	for (unsigned i = 0; i < pool_stats_set.count; i++) {
		counter_family_print(out, &pool_stats_set, i, name, sizeof(name));
		for (unsigned j = 0; j < set->count; j++) {
			struct pool_counters sum;

			pool_counters_sum(set->pools[j]->identity, &sum);
			fprintf(out, "%s{", name);
			label_print(out, "pool", set->pools[j]->name);
			fprintf(out, "} %" PRIu64 "\n", ((const uint64_t *)&sum)[i]);
		}
	}
}

static uint64_t member_ejected(const struct member *member)
{
	return member->outlier.is_ejected;
}

static uint64_t member_ejections(const struct member *member)
{
	return member->outlier.ejections;
}

static uint64_t member_up(const struct member *member)
{
	return member_is_usable(member);
}

static uint64_t member_weight(const struct member *member)
{
	return member->weight;
}

static const struct {
	const char *name;
	const char *help;
	uint64_t (*value)(const struct member *member);
} member_gauges[] = {
	{ .name = "penstock_member_usable",
		.help = "1: the member gets new work",
		.value = member_up },
	{ .name = "penstock_member_weight", .help = "weight in effect", .value = member_weight },
	{ .name = "penstock_member_conns",
		.help = "connections to the member now",
		.value = member_conns_now },
	{ .name = "penstock_member_ejected",
		.help = "1: left out since its answers fail",
		.value = member_ejected },
	{ .name = "penstock_member_ejections",
		.help = "how often it was left out since its answers failed",
		.value = member_ejections },
};

static void member_print(FILE *out, const char *name, const struct member *member, uint64_t value)
{
	fprintf(out, "%s{", name);
	label_print(out, "pool", member->pool_name);
	fputc(',', out);
	label_print(out, "member", member->name);
	fprintf(out, "} %" PRIu64 "\n", value);
}

static void member_counters_print(FILE *out, const struct backend_set *set)
{
	char name[128];

	for (unsigned i = 0; i < member_stats_set.count; i++) {
		counter_family_print(out, &member_stats_set, i, name, sizeof(name));
		for (unsigned j = 0; j < set->count; j++) {
			for (unsigned k = 0; k < set->pools[j]->count; k++) {
				const struct member *member = set->pools[j]->members[k];
				struct member_counters sum;

				member_counters_sum(member, &sum);
				member_print(out, name, member, ((const uint64_t *)&sum)[i]);
			}
		}
	}
}

static void member_gauges_print(FILE *out, const struct backend_set *set)
{
	for (unsigned i = 0; i < sizeof(member_gauges) / sizeof(member_gauges[0]); i++) {
		family_print(out, member_gauges[i].name, "gauge", member_gauges[i].help);
		for (unsigned j = 0; j < set->count; j++) {
			for (unsigned k = 0; k < set->pools[j]->count; k++) {
				const struct member *member = set->pools[j]->members[k];

				member_print(out, member_gauges[i].name, member,
					member_gauges[i].value(member));
			}
		}
	}
}

static uint64_t port_up(const struct control_port_info *info)
{
	return info->is_up;
}

static uint64_t port_failovers(const struct control_port_info *info)
{
	return info->failovers;
}

static const struct {
	const char *name;
	const char *type;
	const char *help;
	uint64_t (*value)(const struct control_port_info *info);
} port_families[] = {
	{ .name = "penstock_port_up",
		.type = "gauge",
		.help = "1: the link is up; of a bond: a member is in use",
		.value = port_up },
	{ .name = "penstock_port_failovers_total",
		.type = "counter",
		.help = "traffic was moved off this member; of a bond: off any",
		.value = port_failovers },
};

static void ports_print(const struct request *request)
{
	const struct control_params *params = request->params;
	struct control_port_info info;

	for (unsigned i = 0; i < sizeof(port_families) / sizeof(port_families[0]); i++) {
		family_print(request->out, port_families[i].name, port_families[i].type,
			port_families[i].help);
		for (unsigned j = 0; params->ops->port(params->ctx, j, &info); j++) {
			fprintf(request->out, "%s{", port_families[i].name);
			label_print(request->out, "port", info.name);
			fprintf(request->out, "} %" PRIu64 "\n", port_families[i].value(&info));
		}
	}
}

static void gauge_print(FILE *out, const char *name, const char *help, uint64_t value)
{
	family_print(out, name, "gauge", help);
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void process_print(const struct request *request, const struct snapshot *snapshot)
{
	FILE *out = request->out;
	uint64_t uptime_us = request_now_us(request) - request->params->started_us;

	family_print(out, "penstock_build_info", "gauge", "1, with the version as label");
	fprintf(out, "penstock_build_info{version=\"%s\"} 1\n", PENSTOCK_VERSION);
	gauge_print(out, "penstock_uptime_seconds", "seconds since the start",
		uptime_us / CLOCK_US_PER_S);
	gauge_print(out, "penstock_config_generation", "grows with every loaded configuration",
		snapshot->config_generation);
	gauge_print(out, "penstock_snapshot_generation", "grows with every publication to workers",
		snapshot->generation);
}

int command_show_metrics(struct request *request)
{
	const struct snapshot *snapshot = request_snapshot(request);

	process_print(request, snapshot);
	ports_print(request);
	core_sets_print(request);
	stats_registry_walk(request->params->stats, sum_visit, request->out);
	services_print(request->out, snapshot->services);
	pools_print(request->out, snapshot->backends);
	member_counters_print(request->out, snapshot->backends);
	member_gauges_print(request->out, snapshot->backends);
	return 0;
}
