/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAMES_H
#define NAMES_H

#include <stdint.h>

#include "tls_internal.h"

/*
 * From a host name to the certificates that have it, exactly or by a wildcard, in one look-up each,
 * however many there are. Built once, then read only; points into the certificates.
 */
struct name_slot {
	const char *name; /* NULL: empty */
	uint16_t len;
	struct tls_certificate *certificate;
};

/* Walks over the slots of one name. */
struct name_walk {
	const struct name_index *index;
	const char *name;
	size_t len;
	size_t at;
};

/* 0 or -ENOMEM. The certificates are borrowed. */
int name_index_create(
	struct name_index *index, struct tls_certificate *const *certificates, size_t count);
void name_index_destroy(struct name_index *index);

/* name: in lower case, and valid for the walk. */
struct name_walk name_walk_begin(const struct name_index *index, const char *name, size_t len);
/* The next certificate that has this name; NULL: no more. */
struct tls_certificate *name_walk_next(struct name_walk *walk);

#endif
