/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BALANCE_MAGLEV_H
#define BALANCE_MAGLEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

/*
 * Maglev consistent hashing (Eisenbud et al., NSDI 2016, 3.4) with weights: a backend's weight is
 * accumulated every turn, and it claims a slot whenever the sum reaches the largest weight.
 */
#define MAGLEV_EMPTY UINT16_MAX

struct maglev_backend {
	const char *name; /* identity: the table depends on names and weights, not on order */
	uint32_t weight;  /* 0: gets no slot */
	/* Filled in by maglev_build(). */
	uint32_t offset;
	uint32_t skip;
};

/* offset = h1(name) mod size, skip = h2(name) mod (size - 1) + 1. */
void maglev_permute(struct maglev_backend *backend, uint32_t size, struct hash_key key);

/*
 * Fills slots[0..size) with indexes into backends, for given offsets and skips, backends taking
 * turns in the order given; MAGLEV_EMPTY everywhere without a usable backend. size is a prime from
 * 3 to 2^24; count < MAGLEV_EMPTY. 0, -EINVAL or -ENOMEM.
 */
int maglev_fill(
	const struct maglev_backend *backends, size_t count, uint16_t *slots, uint32_t size);

/* Both, with backends taken in the order of their names. */
int maglev_build(struct maglev_backend *backends, size_t count, struct hash_key key,
	uint16_t *slots, uint32_t size);

/* True when size is a prime that a table may have. */
bool maglev_is_size(uint32_t size);

#endif
