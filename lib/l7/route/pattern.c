/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that no hash finds: templates and expressions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "matcher.h"
#include "regex.h"

struct path_pattern {
	const char *template; /* of the configuration; NULL: an expression */
	struct regex *regex;
};

struct path_pattern *path_pattern_create(const struct config_l7_route *route, struct err *err)
{
	struct path_pattern *pattern = calloc(1, sizeof(*pattern));

	if (pattern == NULL) {
		err_set(err, ENOMEM, "no memory for the routing table");
		return NULL;
	}
	if (route->path_kind == CONFIG_PATH_TEMPLATE) {
		pattern->template = route->path;
		return pattern;
	}
	pattern->regex = regex_create(route->path, err);
	if (pattern->regex != NULL)
		return pattern;
	free(pattern);
	return NULL;
}

void path_pattern_destroy(struct path_pattern *pattern)
{
	if (pattern == NULL)
		return;
	regex_destroy(pattern->regex);
	free(pattern);
}

static size_t segment_len(const char *data, size_t left)
{
	const char *slash = left > 0 ? memchr(data, '/', left) : NULL;

	return slash != NULL ? (size_t)(slash - data) : left;
}

/* Segment by segment; "{name}" takes any one that is not empty, and groups if they are asked for.
 */
static bool template_fits(const char *template, struct http_span path, struct http_span *groups)
{
	unsigned group = 1;
	size_t left = strlen(template);
	const char *at = path.data;
	size_t path_left = path.len;

	while (left > 0 && path_left > 0) {
		size_t want, have;

		if (*template != '/' || *at != '/')
			return false;
		want = segment_len(template + 1, left - 1);
		have = segment_len(at + 1, path_left - 1);
		if (want > 0 && template[1] == '{'
				? have == 0
				: want != have || memcmp(template + 1, at + 1, want) != 0)
			return false;
		if (groups != NULL && want > 0 && template[1] == '{' && group < CONFIG_GROUPS_MAX)
			groups[group++] = (struct http_span){ .data = at + 1, .len = have };
		template += 1 + want;
		left -= 1 + want;
		at += 1 + have;
		path_left -= 1 + have;
	}
	return left == 0 && path_left == 0;
}

bool path_pattern_fits(
	const struct path_pattern *pattern, struct http_span path, struct route_scratch *scratch)
{
	return pattern->template != NULL ? template_fits(pattern->template, path, NULL)
					 : regex_fits(pattern->regex, path, scratch);
}

void path_pattern_groups(const struct path_pattern *pattern, struct http_span path,
	struct route_scratch *scratch, struct http_span groups[CONFIG_GROUPS_MAX])
{
	groups[0] = path;
	if (pattern->template != NULL)
		template_fits(pattern->template, path, groups);
	else
		regex_groups(pattern->regex, path, scratch, groups);
}
