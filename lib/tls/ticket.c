/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session tickets (RFC 5077, RFC 8446 4.6.1) under keys that all workers and appliances of a group
 * share: key name, IV, time of issue, the session and a tag.
 */
#include "ticket.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/sha256.h>

#include "tls/hello.h"

#define NAME_BYTES            16
#define KEY_BYTES             32
#define LINE_DIGITS           (2 * (NAME_BYTES + KEY_BYTES))
#define IV_BYTES              12
#define TIME_BYTES            8
#define HEAD_BYTES            (NAME_BYTES + IV_BYTES + TIME_BYTES)
#define TAG_BYTES             16
#define ASSOCIATED_MOST_BYTES (HEAD_BYTES + TICKET_SCOPE_BYTES + TLS_NAME_MAX)
#define LIFETIME_S            86400
#define MS_PER_S              1000
#define FILE_MOST_BYTES       65536

struct ticket_key {
	uint8_t name[NAME_BYTES];
	uint8_t key[KEY_BYTES];
};

struct tls_ticket_keys {
	unsigned references;
	unsigned count; /* the first seals, all of them open */
	struct ticket_key keys[TICKET_KEYS_MOST];
};

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool line_read(const char *line, size_t len, struct ticket_key *key)
{
	uint8_t bytes[NAME_BYTES + KEY_BYTES];

	if (len != LINE_DIGITS)
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		int high = digit(line[2 * i]), low = digit(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(key->name, bytes, NAME_BYTES);
	memcpy(key->key, bytes + NAME_BYTES, KEY_BYTES);
	mbedtls_platform_zeroize(bytes, sizeof(bytes));
	return true;
}

static size_t trimmed(const char *line, size_t len)
{
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	return len;
}

/* The contents are secret: errors name the line alone. */
static int lines_read(struct tls_ticket_keys *keys, const char *text, size_t len, const char *path,
	struct err *err)
{
	unsigned number = 0;

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t step = end == NULL ? len : (size_t)(end - text) + 1;
		size_t line_len = trimmed(text, step);

		number++;
		if (line_len > 0 && text[0] != '#') {
			if (keys->count == TICKET_KEYS_MOST)
				return err_set(err, EINVAL, "%s:%u: more than %u keys", path,
					number, TICKET_KEYS_MOST);
			if (!line_read(text, line_len, &keys->keys[keys->count]))
				return err_set(err, EINVAL,
					"%s:%u: a key is a line of %u hexadecimal digits", path,
					number, LINE_DIGITS);
			keys->count++;
		}
		text += step;
		len -= step;
	}
	if (keys->count == 0)
		return err_set(err, EINVAL, "%s: no key in it", path);
	return 0;
}

struct tls_ticket_keys *tls_ticket_keys_parse(
	const char *text, size_t len, const char *path, struct err *err)
{
	struct tls_ticket_keys *keys = calloc(1, sizeof(*keys));

	if (keys == NULL) {
		err_set(err, ENOMEM, "%s: out of memory", path);
		return NULL;
	}
	keys->references = 1;
	if (lines_read(keys, text, len, path, err) == 0)
		return keys;
	tls_ticket_keys_destroy(keys);
	return NULL;
}

static int check_mode(FILE *file, const char *path, struct err *err)
{
	struct stat status;

	if (fstat(fileno(file), &status) != 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if ((status.st_mode & S_IRWXO) != 0)
		return err_set(err, EACCES,
			"%s: everybody may open this file of ticket keys; chmod o= it", path);
	return 0;
}

struct tls_ticket_keys *tls_ticket_keys_load(const char *path, struct err *err)
{
	struct tls_ticket_keys *keys = NULL;
	FILE *file = fopen(path, "re");
	char *text = calloc(1, FILE_MOST_BYTES);
	size_t len;

	if (file == NULL)
		err_set(err, errno, "%s: %s", path, strerror(errno));
	else if (text == NULL)
		err_set(err, ENOMEM, "%s: out of memory", path);
	else if (check_mode(file, path, err) == 0) {
		len = fread(text, 1, FILE_MOST_BYTES, file);
		keys = tls_ticket_keys_parse(text, len, path, err);
		mbedtls_platform_zeroize(text, FILE_MOST_BYTES);
	}
	if (file != NULL)
		fclose(file);
	free(text);
	return keys;
}

struct tls_ticket_keys *tls_ticket_keys_random(struct err *err)
{
	struct tls_ticket_keys *keys = calloc(1, sizeof(*keys));

	if (keys == NULL) {
		err_set(err, ENOMEM, "TLS: out of memory");
		return NULL;
	}
	keys->references = 1;
	keys->count = 1;
	if (mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, (unsigned char *)&keys->keys[0],
		    sizeof(keys->keys[0])) == 0)
		return keys;
	err_set(err, EIO, "TLS: no random bytes for ticket keys");
	tls_ticket_keys_destroy(keys);
	return NULL;
}

struct tls_ticket_keys *tls_ticket_keys_hold(struct tls_ticket_keys *keys)
{
	keys->references++;
	return keys;
}

void tls_ticket_keys_destroy(struct tls_ticket_keys *keys)
{
	if (keys == NULL || --keys->references > 0)
		return;
	mbedtls_platform_zeroize(keys, sizeof(*keys));
	free(keys);
}

int ticket_sealer_init(struct ticket_sealer *sealer, const struct tls_ticket_keys *keys,
	const char *scope, mbedtls_ctr_drbg_context *random)
{
	int error;

	*sealer = (struct ticket_sealer){ .keys = keys, .random = random };
	error = mbedtls_sha256((const unsigned char *)scope, strlen(scope), sealer->scope, 0);
	if (error != 0)
		return error;
	for (unsigned i = 0; i < keys->count; i++) {
		mbedtls_gcm_init(&sealer->ciphers[i]);
		error = mbedtls_gcm_setkey(&sealer->ciphers[i], MBEDTLS_CIPHER_ID_AES,
			keys->keys[i].key, 8 * KEY_BYTES);
		if (error != 0)
			return error;
	}
	return 0;
}

void ticket_sealer_finish(struct ticket_sealer *sealer)
{
	for (unsigned i = 0; i < TICKET_KEYS_MOST; i++)
		mbedtls_gcm_free(&sealer->ciphers[i]);
}

/* Of the wall clock, since appliances of a group share no other. */
static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * MS_PER_S + (uint64_t)now.tv_nsec / 1000000;
}

/* What the tag covers besides the session: returns its length. */
static size_t associated(const struct ticket_sealer *sealer, const unsigned char *head,
	unsigned char out[ASSOCIATED_MOST_BYTES])
{
	size_t sni_len = sealer->sni == NULL ? 0 : strlen(sealer->sni);

	memcpy(out, head, HEAD_BYTES);
	memcpy(out + HEAD_BYTES, sealer->scope, TICKET_SCOPE_BYTES);
	if (sni_len > 0)
		memcpy(out + HEAD_BYTES + TICKET_SCOPE_BYTES, sealer->sni, sni_len);
	return HEAD_BYTES + TICKET_SCOPE_BYTES + sni_len;
}

int ticket_write(void *ctx, const mbedtls_ssl_session *session, unsigned char *start,
	const unsigned char *end, size_t *len, uint32_t *lifetime_s)
{
	struct ticket_sealer *sealer = ctx;
	unsigned char bound[ASSOCIATED_MOST_BYTES], *body = start + HEAD_BYTES;
	uint64_t issued_ms = now_ms();
	size_t body_len;
	int error;

	if ((size_t)(end - start) < HEAD_BYTES + TAG_BYTES)
		return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
	error = mbedtls_ssl_session_save(
		session, body, (size_t)(end - body) - TAG_BYTES, &body_len);
	if (error == 0)
		error = mbedtls_ctr_drbg_random(sealer->random, start + NAME_BYTES, IV_BYTES);
	if (error != 0)
		return error;
	memcpy(start, sealer->keys->keys[0].name, NAME_BYTES);
	for (unsigned i = 0; i < TIME_BYTES; i++)
		start[NAME_BYTES + IV_BYTES + i] = (unsigned char)(issued_ms >>
			(8 * (TIME_BYTES - 1 - i)));
	error = mbedtls_gcm_crypt_and_tag(&sealer->ciphers[0], MBEDTLS_GCM_ENCRYPT, body_len,
		start + NAME_BYTES, IV_BYTES, bound, associated(sealer, start, bound), body, body,
		TAG_BYTES, body + body_len);
	*len = HEAD_BYTES + body_len + TAG_BYTES;
	*lifetime_s = LIFETIME_S;
	return error;
}

static int find_key(const struct tls_ticket_keys *keys, const unsigned char *name)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (memcmp(keys->keys[i].name, name, NAME_BYTES) == 0)
			return (int)i;
	return -1;
}

int ticket_parse(void *ctx, mbedtls_ssl_session *session, unsigned char *ticket, size_t len)
{
	struct ticket_sealer *sealer = ctx;
	unsigned char bound[ASSOCIATED_MOST_BYTES], *body = ticket + HEAD_BYTES;
	uint64_t issued_ms = 0, age_ms;
	int error, key;

	if (len < HEAD_BYTES + TAG_BYTES)
		return MBEDTLS_ERR_SSL_INVALID_MAC;
	key = find_key(sealer->keys, ticket);
	if (key < 0)
		return MBEDTLS_ERR_SSL_INVALID_MAC;
	len -= HEAD_BYTES + TAG_BYTES;
	error = mbedtls_gcm_auth_decrypt(&sealer->ciphers[key], len, ticket + NAME_BYTES, IV_BYTES,
		bound, associated(sealer, ticket, bound), body + len, TAG_BYTES, body, body);
	if (error != 0)
		return MBEDTLS_ERR_SSL_INVALID_MAC;
	for (unsigned i = 0; i < TIME_BYTES; i++)
		issued_ms = issued_ms << 8 | ticket[NAME_BYTES + IV_BYTES + i];
	age_ms = now_ms() - issued_ms;
	/* A clock that is a little behind the issuer's makes it very old, and it is then of no use.
	 */
	if (age_ms > (uint64_t)LIFETIME_S * MS_PER_S)
		return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
	error = mbedtls_ssl_session_load(session, body, len);
	/* mbedTLS compares with the client's word by a clock that starts at each machine's boot. */
	if (error == 0 && session->MBEDTLS_PRIVATE(tls_version) == MBEDTLS_SSL_VERSION_TLS1_3)
		session->MBEDTLS_PRIVATE(ticket_creation_time) = mbedtls_ms_time() -
			(mbedtls_ms_time_t)age_ms;
	sealer->is_opened = error == 0;
	return error;
}
