/* SPDX-License-Identifier: Apache-2.0 */
/* The input up to a NUL byte is a configuration; what follows is the file "routes.json". */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[] = "/tmp/penstock-config-fuzz-XXXXXX";
static char config_path[sizeof(folder) + 16];
static char routes_path[sizeof(folder) + 16];

static void folder_leave(void)
{
	remove(config_path);
	remove(routes_path);
	rmdir(folder);
}

static void folder_enter(void)
{
	static int is_entered;

	if (is_entered)
		return;
	is_entered = 1;
	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(config_path, sizeof(config_path), "%s/c.json", folder);
	snprintf(routes_path, sizeof(routes_path), "%s/routes.json", folder);
	atexit(folder_leave);
}

static void file_write(const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(name, "w");

	if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = len > 0 ? memchr(data, 0, len) : NULL;
	size_t config_len = nul != NULL ? (size_t)(nul - data) : len;
	struct config_errors errors = { .lines = NULL };
	struct config *config;

	folder_enter();
	file_write(config_path, data, config_len);
	if (nul != NULL)
		file_write(routes_path, nul + 1, len - config_len - 1);
	else
		remove(routes_path);
	config = config_load(config_path, &errors);
	assert((config != NULL) == (errors.count == 0));
	for (size_t i = 0; i < errors.count; i++)
		assert(strchr(errors.lines[i], '\n') == NULL);
	config_destroy(config);
	config_errors_clear(&errors);
	return 0;
}
