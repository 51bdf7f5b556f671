/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "reader.h"

/* The folder's part of a path, with the slash; "" for the working folder. */
static char *folder_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return arena_copy(arena, path, slash != NULL ? (size_t)(slash - path) + 1 : 0);
}

/* With a slash behind it. What realpath cannot tell stays as it is. */
static char *absolute_folder_of(struct arena *arena, const char *folder)
{
	char resolved[PATH_MAX];

	if (realpath(folder[0] != '\0' ? folder : ".", resolved) == NULL)
		return arena_copy(arena, folder, strlen(folder));
	return arena_format(arena, "%s%s", resolved, strcmp(resolved, "/") == 0 ? "" : "/");
}

static void config_read(struct reader *reader, const char *path)
{
	struct config *config = arena_alloc(reader->arena, sizeof(*config));
	const struct document *document;

	reader->config = config;
	reader->folder = folder_of(reader->arena, path);
	reader->absolute_folder = absolute_folder_of(reader->arena, reader->folder);
	document = document_load(reader->arena, &reader->documents, path, NULL, &reader->problems);
	if (document == NULL)
		return;
	config->arena = reader->arena;
	config->path = document->path;
	config->text = arena_copy(reader->arena, document->text, document->len);
	table_read(reader, &config_table, document->root, config);
}

/* Gives back all but a faultless config's own memory. */
static struct config *reader_finish(struct reader *reader, struct config_errors *errors)
{
	struct config *config = reader->config;
	bool is_good = reader->problems.count == 0 && config != NULL && config->text != NULL;

	problems_report(&reader->problems, errors);
	if (is_good)
		problems_report(&reader->warnings, &config->warnings);
	document_list_clear(&reader->documents);
	if (!is_good)
		arena_destroy(reader->arena);
	free(reader);
	return is_good ? config : NULL;
}

struct config *config_load(const char *path, struct config_errors *errors)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (reader != NULL)
		reader->arena = arena_create(&reader->out_of_memory);
	if (reader == NULL || reader->arena == NULL) {
		free(reader);
		config_error(errors, path, 0, NULL, "out of memory");
		return NULL;
	}
	reader->problems.arena = reader->warnings.arena = reader->arena;
	SLIST_INIT(&reader->documents);
	if (setjmp(reader->out_of_memory) == 0) {
		config_read(reader, path);
	} else {
		config_error(errors, path, 0, NULL, "out of memory");
		reader->config = NULL;
	}
	return reader_finish(reader, errors);
}

void config_destroy(struct config *config)
{
	if (config == NULL)
		return;
	config_errors_clear(&config->warnings);
	arena_destroy(config->arena);
}
