/* SPDX-License-Identifier: Apache-2.0 */
#include "sticky.h"

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>

#include "attribute.h"

/* The key gives two: for the mask, and for the tag. */
#define MASK_LABEL 0x6d61736bull
#define TAG_LABEL  0x746167ull

/* All in network order. */
struct token {
	uint64_t nonce_be;
	uint64_t masked_be;
	uint64_t tag_be;
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct hash_key subkey(struct hash_key key, uint64_t label)
{
	return (struct hash_key){ .k0 = key.k0 ^ label, .k1 = key.k1 };
}

static uint64_t mask_of(struct hash_key key, uint64_t nonce_be)
{
	return hash_bytes(subkey(key, MASK_LABEL), &nonce_be, sizeof(nonce_be));
}

static uint64_t tag_of(struct hash_key key, const struct token *token)
{
	return hash_bytes(subkey(key, TAG_LABEL), token, offsetof(struct token, tag_be));
}

/* RFC 4648 5: 24 bytes are 32 digits. */
static void encode(const uint8_t *bytes, char text[STICKY_TOKEN_LEN])
{
	for (unsigned i = 0; i < STICKY_TOKEN_LEN / 4; i++) {
		uint32_t group = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 |
			bytes[3 * i + 2];

		for (unsigned k = 0; k < 4; k++)
			text[4 * i + k] = digits[group >> (18 - 6 * k) & 63];
	}
}

static bool decode(const char *text, uint8_t *bytes)
{
	for (unsigned i = 0; i < STICKY_TOKEN_LEN / 4; i++) {
		uint32_t group = 0;

		for (unsigned k = 0; k < 4; k++) {
			const char *digit = text[4 * i + k] == '\0'
				? NULL
				: strchr(digits, text[4 * i + k]);

			if (digit == NULL)
				return false;
			group = group << 6 | (uint32_t)(digit - digits);
		}
		for (unsigned k = 0; k < 3; k++)
			bytes[3 * i + k] = (uint8_t)(group >> (16 - 8 * k));
	}
	return true;
}

void sticky_token_write(
	struct hash_key key, uint64_t nonce, uint64_t member_hash, char text[STICKY_TOKEN_LEN])
{
	struct token token = { .nonce_be = rte_cpu_to_be_64(nonce) };

	token.masked_be = rte_cpu_to_be_64(member_hash ^ mask_of(key, token.nonce_be));
	token.tag_be = rte_cpu_to_be_64(tag_of(key, &token));
	encode((const uint8_t *)&token, text);
}

bool sticky_token_read(struct hash_key key, struct http_span text, uint64_t *member_hash)
{
	struct token token;

	if (text.len != STICKY_TOKEN_LEN || !decode(text.data, (uint8_t *)&token))
		return false;
	/* One comparison of words: how much of a forged tag is right does not show in time. */
	if (rte_be_to_cpu_64(token.tag_be) != tag_of(key, &token))
		return false;
	*member_hash = rte_be_to_cpu_64(token.masked_be) ^ mask_of(key, token.nonce_be);
	return true;
}

bool sticky_may_stay(const struct member *member)
{
	return member->admin != MEMBER_MAINT && member->health != MEMBER_DOWN &&
		!member->outlier.is_ejected;
}

struct member *sticky_member(const struct pool *pool, const struct http_head *head)
{
	const struct config_sticky *config = &pool->config->sticky;
	const struct config_attribute attribute = { .kind = CONFIG_ATTRIBUTE_COOKIE,
		.name = config->cookie };
	const struct attribute_request request = { .head = head };
	struct http_span value;
	uint64_t hash;

	if (!attribute_find(&attribute, &request, &value) ||
		!sticky_token_read(config->key, value, &hash))
		return NULL;
	for (unsigned i = 0; i < pool->count; i++) {
		struct member *member = pool->members[i];

		if (member->name_hash == hash)
			return sticky_may_stay(member) ? member : NULL;
	}
	return NULL;
}

size_t sticky_cookie_write(const struct config_sticky *config, const struct member *member,
	bool is_tls, struct rng *rng, char out[STICKY_COOKIE_MAX])
{
	static const char *const same_sites[] = {
		[CONFIG_SAME_SITE_LAX] = "Lax",
		[CONFIG_SAME_SITE_STRICT] = "Strict",
		[CONFIG_SAME_SITE_NONE] = "None",
	};
	bool is_secure = config->secure == CONFIG_SECURE_ALWAYS ||
		(config->secure == CONFIG_SECURE_AUTO && is_tls);
	char token[STICKY_TOKEN_LEN];
	char age[32] = "";
	int len;

	sticky_token_write(config->key, rng_next(rng), member->name_hash, token);
	if (config->max_age_s > 0)
		snprintf(age, sizeof(age), "; Max-Age=%u", config->max_age_s);
	len = snprintf(out, STICKY_COOKIE_MAX, "%s=%.*s; Path=%s%s; SameSite=%s%s%s",
		config->cookie, STICKY_TOKEN_LEN, token, config->path, age,
		same_sites[config->same_site], is_secure ? "; Secure" : "",
		config->http_only ? "; HttpOnly" : "");
	return len < 0 || len >= STICKY_COOKIE_MAX ? 0 : (size_t)len;
}
