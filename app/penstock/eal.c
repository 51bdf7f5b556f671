/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_version.h>

#include "app.h"
#include "base/log.h"
#include "port/kernel.h"

#define ARGS_MAX          (32 + 4 * NEIGH_PORTS_MAX)
#define ARG_MAX           1024
#define MBUF_BYTES        2560ull /* data room, headers and pool overhead */
#define ACL_NETWORK_BYTES 2560ull /* in rte_acl, measured with 10 000 */
#define BASE_MB           128ull  /* rings, tables and what drivers take */
#define MB                (1024ull * 1024ull)
#define PAGES_FOLDER      "/sys/kernel/mm/hugepages"

struct arguments {
	int count;
	char *values[ARGS_MAX];
};

static void __attribute__((format(printf, 2, 3)))
argument_add(struct arguments *args, const char *format, ...)
{
	char text[ARG_MAX];
	va_list words;

	va_start(words, format);
	vsnprintf(text, sizeof(text), format, words);
	va_end(words);
	if (args->count < ARGS_MAX - 1)
		args->values[args->count++] = strdup(text);
}

static unsigned long long number_read(const char *folder, const char *name)
{
	char path[512];
	unsigned long long value = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", PAGES_FOLDER, folder, name);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

/* Free hugepages of all sizes, in megabytes. */
static unsigned long long hugepages_free_mb(void)
{
	unsigned long long total = 0;
	struct dirent *entry;
	DIR *folder = opendir(PAGES_FOLDER);

	if (folder == NULL)
		return 0;
	while ((entry = readdir(folder)) != NULL) {
		unsigned long long kb;

		if (sscanf(entry->d_name, "hugepages-%llukB", &kb) == 1)
			total += number_read(entry->d_name, "free_hugepages") * kb / 1024;
	}
	closedir(folder);
	return total;
}

/* What the access lists take, twice: a reload builds the new beside the old. */
static unsigned long long acl_bytes(const struct config *config)
{
	unsigned long long networks = config->guard.acl.allow_count + config->guard.acl.deny_count;

	for (size_t i = 0; i < config->service_count; i++)
		networks += config->services[i].acl.allow_count +
			config->services[i].acl.deny_count;
	return 2 * networks * ACL_NETWORK_BYTES;
}

/* What bonds keep for each member. */
static unsigned long long bond_bytes(const struct config *config)
{
	unsigned long long bytes = 0;

	for (size_t i = 0; i < config->port_count; i++) {
		const struct config_port *port = &config->ports[i];

		if (port->has_bond)
			bytes += PORT_BOND_DESCRIPTOR_BYTES * port->bond.member_count *
				config->cores.l4_count * port->tx_descriptors;
	}
	return bytes;
}

static unsigned long long need_mb(const struct config *config)
{
	if (config->memory.size_mb > 0)
		return config->memory.size_mb;
	return config->memory.packet_buffers * MBUF_BYTES / MB + acl_bytes(config) / MB +
		bond_bytes(config) / MB + BASE_MB;
}

static int memory_choose(struct arguments *args, const struct config *config, struct err *err)
{
	unsigned long long need = need_mb(config);
	unsigned long long there = hugepages_free_mb();

	if (config->memory.pages != CONFIG_MEMORY_NORMAL && there >= need) {
		argument_add(args, "--in-memory");
		return 0;
	}
	if (config->memory.pages == CONFIG_MEMORY_HUGEPAGES)
		return err_set(err, ENOMEM,
			"memory.pages is \"hugepages\", but %llu MB of them are free and %llu MB are "
			"needed; reserve some: echo %llu > /proc/sys/vm/nr_hugepages",
			there, need, (need + 1) / 2);
	if (config->memory.pages == CONFIG_MEMORY_AUTO)
		log_notice("%llu MB of hugepages are free and %llu MB are needed: "
			   "running on normal pages, which is slower",
			there, need);
	argument_add(args, "--no-huge");
	argument_add(args, "--no-shconf");
	argument_add(args, "-m");
	argument_add(args, "%llu", need);
	return 0;
}

/* "0@2,1@3": lcore 0 is the control thread, 1.. the workers in the order of worker_create(). */
static void cores_choose(struct arguments *args, const struct config_cores *cores)
{
	char text[ARG_MAX];
	size_t len = (size_t)snprintf(text, sizeof(text), "0@%u", cores->control);
	unsigned cpus[RUNTIME_WORKERS_MAX];
	unsigned count = app_worker_cpus(cores, cpus);

	for (unsigned i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ",%u@%u", i + 1, cpus[i]);
	argument_add(args, "--lcores");
	argument_add(args, "%s", text);
}

static void devices_choose(struct arguments *args, const struct config *config)
{
	bool has_pci = false;

	for (size_t i = 0; i < config->port_count; i++) {
		const char *device = config->ports[i].device;
		bool is_virtual = device == NULL || strncmp(device, "net_", 4) == 0;

		if (device != NULL) {
			argument_add(args, is_virtual ? "--vdev" : "--allow");
			argument_add(args, "%s", device);
		}
		has_pci |= !is_virtual;
		if (config->ports[i].kernel_interface == NULL)
			continue;
		argument_add(args, "--vdev");
		argument_add(
			args, PORT_KERNEL_VDEV, (unsigned)i, config->ports[i].kernel_interface);
	}
	if (!has_pci) {
		argument_add(args, "--no-pci");
		argument_add(args, "--iova-mode=va");
	}
}

int eal_start(const struct config *config, bool is_verbose, struct err *err)
{
	struct arguments args = { .count = 0 };
	int status;

	argument_add(&args, "penstock");
	cores_choose(&args, &config->cores);
	devices_choose(&args, config);
	argument_add(&args, "--no-telemetry");
	/* Several instances may run on one machine. */
	argument_add(&args, "--file-prefix=penstock-%ld", (long)getpid());
	argument_add(&args, "--log-level=%s", is_verbose ? "info" : "error");
	/* It tries what its members may not have, and is heard about it otherwise. */
	if (!is_verbose)
		argument_add(&args, "--log-level=pmd.net.bond:critical");
	status = memory_choose(&args, config, err);
	if (status == 0 && is_verbose) {
		for (int i = 1; i < args.count; i++)
			log_info("EAL argument %s", args.values[i]);
	}
	/* EAL keeps pointers into the vector, so it is never freed once handed over. */
	if (status == 0 && rte_eal_init(args.count, args.values) < 0)
		status = err_set(err, rte_errno,
			"DPDK (%s) does not start: %s; 'penstock -v' shows its own words",
			rte_version(), rte_strerror(rte_errno));
	return status;
}
