/* SPDX-License-Identifier: Apache-2.0 */
#ifndef L7_ROUTE_REGEX_H
#define L7_ROUTE_REGEX_H

#include <stdbool.h>

#include "base/err.h"
#include "l7/route.h"

/*
 * Perl-compatible expressions by PCRE2, compiled to machine code where the processor allows it. The
 * work for one match is bounded: an expression that backtracks without end does not fit.
 */
struct regex;

struct regex *regex_create(const char *text, struct err *err);
void regex_destroy(struct regex *regex);
bool regex_fits(const struct regex *regex, struct http_span text, struct route_scratch *scratch);

#endif
