/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_MATCH_H
#define CONF_MATCH_H

#include "conf/config.h"
#include "field.h"

extern const struct text_kind match_method_kind; /* const char *, in lists */
extern const struct table match_text_table;      /* struct config_text_match, by name */

/* False, with a problem at node, for an expression that does not compile. */
bool match_regex_check(struct reader *reader, const struct node *node, const char *text);

/* RFC 9110 5.6.2 */
bool match_is_token(const char *text);

/* Names to lower case, and problems of names that cannot be. node: the map, or NULL. */
void match_headers_check(
	struct reader *reader, const struct node *node, struct config_text_matches *headers);

#endif
