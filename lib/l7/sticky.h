/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STICKY_H
#define STICKY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "base/rng.h"
#include "http/message.h"

/*
 * A cookie of ours that names a member. Whoever has it learns nothing from it and cannot make
 * another one: a nonce, the member under a mask that only the key gives, and a tag over both. Any
 * worker, and any appliance with the same key, reads it.
 */
#define STICKY_TOKEN_LEN  32  /* characters of base64url */
#define STICKY_COOKIE_MAX 512 /* of a whole Set-Cookie value */

/* token: STICKY_TOKEN_LEN characters, not terminated. nonce: any number that does not repeat. */
void sticky_token_write(
	struct hash_key key, uint64_t nonce, uint64_t member_hash, char token[STICKY_TOKEN_LEN]);

/* False for anything that was not made with that key. */
bool sticky_token_read(struct hash_key key, struct http_span token, uint64_t *member_hash);

/* Drained members keep their clients; those that are down, ejected or in maintenance do not. */
bool sticky_may_stay(const struct member *member);

/*
 * The member that the request's cookie names, as long as it may keep its clients: drained ones may,
 * those that are down, ejected or in maintenance may not. NULL: none.
 */
struct member *sticky_member(const struct pool *pool, const struct http_head *head);

/* The value of Set-Cookie for a client of that member; its length. */
size_t sticky_cookie_write(const struct config_sticky *config, const struct member *member,
	bool is_tls, struct rng *rng, char out[STICKY_COOKIE_MAX]);

#endif
