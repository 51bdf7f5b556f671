/* SPDX-License-Identifier: Apache-2.0 */
#include "document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "position.h"
#include "problems.h"

#define FIRST_BYTES 16384

/* Returns a string to free, or NULL with errno set: EFBIG above DOCUMENT_MAX_BYTES. */
static char *descriptor_read(int fd, size_t *len)
{
	size_t capacity = FIRST_BYTES;
	char *text = malloc(capacity);
	ssize_t got = 1;

	*len = 0;
	while (text != NULL && got != 0) {
		char *more;

		got = read(fd, text + *len, capacity - 1 - *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		*len += (size_t)got;
		if (*len > DOCUMENT_MAX_BYTES) {
			errno = EFBIG;
			break;
		}
		if (*len < capacity - 1)
			continue;
		capacity *= 2;
		more = realloc(text, capacity);
		if (more == NULL)
			break;
		text = more;
	}
	if (text != NULL && got == 0) {
		text[*len] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

static char *file_read(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct stat status;
	int code;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0) {
		errno = S_ISDIR(status.st_mode) ? EISDIR : EFBIG;
		if (!S_ISDIR(status.st_mode) && status.st_size <= (off_t)DOCUMENT_MAX_BYTES)
			text = descriptor_read(fd, len);
	}
	code = errno;
	close(fd);
	errno = code;
	return text;
}

static void unreadable_report(const struct document *document, int code, const struct node *blame,
	struct problems *problems)
{
	char words[128];

	if (code == EFBIG)
		snprintf(words, sizeof(words), "the file is larger than %u MiB",
			DOCUMENT_MAX_BYTES >> 20);
	else
		snprintf(words, sizeof(words), "%s", strerror(code));
	if (blame != NULL)
		problem_add(problems, blame, "cannot read \"%s\": %s", document->path, words);
	else
		problem_add_line(problems, document, 0, "cannot read: %s", words);
}

/* What jansson would call an unexpected token, or would not notice. */
static bool has_plain_fault(const struct document *document, struct problems *problems)
{
	const char *nul = memchr(document->text, '\0', document->len);

	if (strspn(document->text, " \t\r\n") == document->len) {
		problem_add_line(problems, document, 0, "the file is empty");
		return true;
	}
	if (nul != NULL) {
		problem_add_line(problems, document,
			position_line(document->text, (size_t)(nul - document->text)),
			"a NUL byte; this is no text file");
		return true;
	}
	if (strncmp(document->text, "\xef\xbb\xbf", 3) == 0) {
		problem_add_line(problems, document, 1,
			"the file begins with a byte order mark; save it as UTF-8 without one");
		return true;
	}
	return false;
}

static void document_parse(
	struct arena *arena, struct document *document, struct problems *problems)
{
	json_error_t error;

	if (has_plain_fault(document, problems))
		return;
	document->json = json_loadb(document->text, document->len, 0, &error);
	if (document->json == NULL && error.text[0] == '\0') {
		/* jansson has no words for short memory. */
		problem_add_line(problems, document, 0, "out of memory");
		return;
	}
	if (document->json == NULL) {
		problem_add_line(
			problems, document, error.line, "column %d: %s", error.column, error.text);
		return;
	}
	document->root = position_scan(arena, document, problems);
}

static struct document *document_find(const struct document_list *list, const char *path)
{
	struct document *document;

	SLIST_FOREACH(document, list, link)
	{
		if (strcmp(document->path, path) == 0)
			return document;
	}
	return NULL;
}

/* Into the list, with its text, where there is one. */
static struct document *document_add(struct arena *arena, struct document_list *list,
	const char *path, const struct node *blame, struct problems *problems)
{
	struct document *document = arena_alloc(arena, sizeof(*document));
	struct document *last = SLIST_FIRST(list);

	document->path = arena_copy(arena, path, strlen(path));
	document->order = last != NULL ? last->order + 1 : 0;
	SLIST_INSERT_HEAD(list, document, link);
	document->text = file_read(path, &document->len);
	if (document->text == NULL)
		unreadable_report(document, errno, blame, problems);
	return document;
}

struct document *document_load(struct arena *arena, struct document_list *list, const char *path,
	const struct node *blame, struct problems *problems)
{
	struct document *document = document_find(list, path);

	if (document == NULL)
		document = document_add(arena, list, path, blame, problems);
	if (document->text != NULL && !document->is_parsed) {
		document->is_parsed = true;
		document_parse(arena, document, problems);
	}
	return document->root != NULL ? document : NULL;
}

struct document *document_load_text(struct arena *arena, struct document_list *list,
	const char *path, const struct node *blame, struct problems *problems)
{
	struct document *document = document_find(list, path);

	if (document == NULL)
		document = document_add(arena, list, path, blame, problems);
	if (document->text == NULL)
		return NULL;
	if (memchr(document->text, '\0', document->len) == NULL)
		return document;
	problem_add_line(problems, document, 0, "a NUL byte; this is no text file");
	return NULL;
}

void document_list_clear(struct document_list *list)
{
	struct document *document;

	while ((document = SLIST_FIRST(list)) != NULL) {
		SLIST_REMOVE_HEAD(list, link);
		json_decref(document->json);
		free(document->text);
	}
}
