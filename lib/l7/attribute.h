/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTRIBUTE_H
#define ATTRIBUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "conf/config.h"
#include "http/message.h"

/*
 * What a request is told apart by: the client's address, the path, a header field, a cookie or a
 * parameter of the query. The first of several with the name counts; nothing is decoded.
 */
struct attribute_request {
	const struct http_head *head;
	const struct ip_addr *source;
};

/* The value, or false where the request has none. The span is the request's, or source's. */
bool attribute_find(const struct config_attribute *attribute,
	const struct attribute_request *request, struct http_span *value);

/* A keyed hash of the value; false, and hash untouched, where there is none. */
bool attribute_hash(const struct config_attribute *attribute,
	const struct attribute_request *request, struct hash_key key, uint32_t *hash);

#endif
