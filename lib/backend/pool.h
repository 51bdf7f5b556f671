/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BACKEND_POOL_H
#define BACKEND_POOL_H

#include "backend/backend.h"

/* Indexes over pool->members; NULL when memory is short. */
struct pool_lookup *pool_lookup_create(const struct pool *pool);
void pool_lookup_destroy(struct pool_lookup *lookup);

#endif
