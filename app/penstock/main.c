/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>

#include "app.h"
#include "base/log.h"

/* Exit codes; penstock(8) lists them too. */
enum exit_code {
	EXIT_DONE = 0,   /* ended in order, or the file is valid */
	EXIT_RUN = 1,    /* could not start, or not go on */
	EXIT_USAGE = 2,  /* wrong arguments */
	EXIT_CONFIG = 3, /* the configuration is invalid */
};

struct options {
	const char *config_path;
	bool is_check;
	bool is_verbose;
};

static void usage_print(FILE *out)
{
	fputs("Usage: penstock -c FILE [-v]\n"
	      "       penstock --check FILE\n"
	      "\n"
	      "Load balancer for layer 4 and layer 7 that owns its NICs through DPDK.\n"
	      "\n"
	      "  -c, --config FILE  run with this configuration\n"
	      "      --check FILE   check a configuration, print all its errors, and exit\n"
	      "      --schema       print the configuration's JSON Schema and exit\n"
	      "  -v, --verbose      log more, DPDK's own words included\n"
	      "  -V, --version      print the version and exit\n"
	      "  -h, --help         print this text and exit\n"
	      "\n"
	      "SIGTERM drains connections and ends, SIGHUP loads the configuration again.\n"
	      "Exit codes: 0 ended in order or valid, 1 cannot run, 2 usage, 3 invalid configuration.\n"
	      "See penstock(8), penstock.json(5) and penstockctl(1).\n",
		out);
}

/* Returns -1 to go on, or the exit code. */
static int options_read(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", required_argument, NULL, 'k' },
		{ "schema", no_argument, NULL, 's' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:vVh", longs, NULL)) != -1) {
		switch (option) {
		case 'k':
			options->is_check = true;
			options->config_path = optarg;
			break;
		case 'c':
			options->config_path = optarg;
			break;
		case 's':
			config_schema_print(stdout);
			return EXIT_DONE;
		case 'v':
			options->is_verbose = true;
			break;
		case 'V':
			puts("penstock " PENSTOCK_VERSION);
			return EXIT_DONE;
		case 'h':
			usage_print(stdout);
			return EXIT_DONE;
		default:
			usage_print(stderr);
			return EXIT_USAGE;
		}
	}
	if (options->config_path == NULL || optind < argc) {
		usage_print(stderr);
		return EXIT_USAGE;
	}
	return -1;
}

static struct config *config_read(const struct options *options)
{
	struct config_errors errors = { 0 };
	struct config *config = config_load(options->config_path, &errors);

	if (config != NULL && options->is_check)
		app_check(config, &errors);
	if (errors.count > 0) {
		config_destroy(config);
		config = NULL;
	}
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.lines[i]);
	if (config == NULL)
		fprintf(stderr, "%s: %zu error%s\n", options->config_path, errors.count,
			errors.count == 1 ? "" : "s");
	for (size_t i = 0; config != NULL && i < config->warnings.count; i++)
		fprintf(stderr, "warning: %s\n", config->warnings.lines[i]);
	config_errors_clear(&errors);
	return config;
}

/* Signals come by signalfd to the control thread alone; threads made later inherit the mask. */
static void signals_block(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int run(const struct options *options, struct config *config)
{
	struct app *app = calloc(1, sizeof(*app));
	struct err err = { .text = "" };
	int status;

	if (app == NULL) {
		config_destroy(config);
		return EXIT_RUN;
	}
	app->config_path = options->config_path;
	signals_block();
	status = eal_start(config, options->is_verbose, &err);
	if (status < 0) {
		log_error("%s", err.text);
		config_destroy(config);
		free(app);
		return EXIT_RUN;
	}
	status = app_compose(app, config, &err);
	if (status == 0)
		status = app_supervise(app, &err);
	if (status < 0)
		log_error("%s", err.text);
	app_release(app);
	rte_eal_cleanup();
	free(app);
	if (status == 0)
		log_notice("ended");
	return status < 0 ? EXIT_RUN : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct config *config;
	int code = options_read(argc, argv, &options);

	if (code >= 0)
		return code;
	log_init(stderr, options.is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	config = config_read(&options);
	if (config == NULL)
		return EXIT_CONFIG;
	if (!options.is_check)
		return run(&options, config);
	printf("%s is valid\n", options.config_path);
	config_destroy(config);
	return EXIT_DONE;
}
