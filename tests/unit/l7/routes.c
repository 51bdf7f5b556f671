/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as a file has them, through the reader of configurations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peers.h"

#define FRAME                                                                                      \
	"{'ports':[{'name':'p','device':'d','addresses':['192.0.2.2/24']}],"                       \
	"'pools':{'main':{'members':['192.0.2.11:8080']},"                                         \
	"'other':{'members':['192.0.2.13:8080']},'empty':{'members':['192.0.2.14:1']}},"           \
	"'services':[{'name':'web','listen':'" WORLD_VIP ":80/tcp','mode':'l7','routes':[%s]}]}"

static void json_write(const char *path, const char *routes)
{
	FILE *file = fopen(path, "w");
	char *text = NULL;

	assert_non_null(file);
	assert_true(asprintf(&text, FRAME, routes) > 0);
	for (char *c = text; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	free(text);
}

void world_routes_load(struct world *world, const char *routes)
{
	char path[] = "/tmp/penstock-routes-XXXXXX";
	int fd = mkstemp(path);
	struct config_errors errors = { 0 };
	struct config *old = world->loaded;

	assert_true(fd >= 0);
	close(fd);
	json_write(path, routes);
	world->loaded = config_load(path, &errors);
	unlink(path);
	if (world->loaded == NULL)
		fail_msg("%s", errors.lines[0]);
	for (unsigned i = 0; i < 2; i++) {
		world->services[i].routes = world->loaded->services[0].routes;
		world->services[i].route_count = world->loaded->services[0].route_count;
		world->services[i].json_body = world->loaded->services[0].json_body;
	}
	world_publish(world, true);
	/* Nobody may be left in the old routes: tests let their requests end first. */
	world_run(world, 1);
	config_destroy(old);
}
