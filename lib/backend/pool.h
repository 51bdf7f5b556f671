/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_POOL_H
#define BACKEND_POOL_H

#include "backend/backend.h"

/* Indexes over pool->members; NULL when memory is short. */
struct pool_lookup *pool_lookup_create(const struct pool *pool);
void pool_lookup_destroy(struct pool_lookup *lookup);

/*
 * Takes the weight of members whose tier is not asked. backends: of the pool's members, without
 * weight those that are not usable.
 */
void pool_tiers_apply(const struct config_pool *config, struct balance_backend *backends);

#endif
