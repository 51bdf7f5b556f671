/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_ROUTE_REGEX_H
#define L7_ROUTE_REGEX_H

#include <stdbool.h>

#include "base/err.h"
#include "conf/action.h"
#include "l7/route.h"

/*
 * Perl-compatible expressions by PCRE2, compiled to machine code where the processor allows it. The
 * work for one match is bounded: an expression that backtracks without end does not fit, and the
 * scratch remembers that it gave up.
 */
struct regex;

struct regex *regex_create(const char *text, struct err *err);
void regex_destroy(struct regex *regex);
bool regex_fits(const struct regex *regex, struct http_span text, struct route_scratch *scratch);

/*
 * The first place that fits, and what each group of it took; "" for those that took nothing. 0: it
 * does not fit, and groups are as they were.
 */
unsigned regex_groups(const struct regex *regex, struct http_span text,
	struct route_scratch *scratch, struct http_span groups[CONFIG_GROUPS_MAX]);

#endif
