/* SPDX-License-Identifier: Apache-2.0 */
/* AES-GCM and ChaCha20-Poly1305 by intel-ipsec-mb's direct interface. */
#include "provider.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>

struct aes_gcm_key {
	struct gcm_key_data data; /* the library wants it at a multiple of 64 */
	aes_gcm_enc_dec_t encrypt, decrypt;
	aes_gcm_init_var_iv_t start;
	aes_gcm_enc_dec_update_t encrypt_more, decrypt_more;
	aes_gcm_enc_dec_finalize_t encrypt_end, decrypt_end;
};

/* Only its table of functions is used, which nobody writes to after the start. */
static IMB_MGR *manager;
static pthread_once_t manager_once = PTHREAD_ONCE_INIT;

static void manager_start(void)
{
	manager = alloc_mb_mgr(0);
	if (manager != NULL)
		init_mb_mgr_auto(manager, NULL);
}

static const IMB_MGR *manager_get(void)
{
	pthread_once(&manager_once, manager_start);
	return manager;
}

static void choose(struct aes_gcm_key *key, const IMB_MGR *m, unsigned bits)
{
	switch (bits) {
	case 128:
		key->encrypt = m->gcm128_enc, key->decrypt = m->gcm128_dec;
		key->start = m->gcm128_init_var_iv;
		key->encrypt_more = m->gcm128_enc_update, key->decrypt_more = m->gcm128_dec_update;
		key->encrypt_end = m->gcm128_enc_finalize,
		key->decrypt_end = m->gcm128_dec_finalize;
		break;
	case 192:
		key->encrypt = m->gcm192_enc, key->decrypt = m->gcm192_dec;
		key->start = m->gcm192_init_var_iv;
		key->encrypt_more = m->gcm192_enc_update, key->decrypt_more = m->gcm192_dec_update;
		key->encrypt_end = m->gcm192_enc_finalize,
		key->decrypt_end = m->gcm192_dec_finalize;
		break;
	default:
		key->encrypt = m->gcm256_enc, key->decrypt = m->gcm256_dec;
		key->start = m->gcm256_init_var_iv;
		key->encrypt_more = m->gcm256_enc_update, key->decrypt_more = m->gcm256_dec_update;
		key->encrypt_end = m->gcm256_enc_finalize,
		key->decrypt_end = m->gcm256_dec_finalize;
		break;
	}
}

static void expand(const IMB_MGR *m, const uint8_t *bytes, unsigned bits, struct gcm_key_data *data)
{
	if (bits == 128)
		m->gcm128_pre(bytes, data);
	else if (bits == 192)
		m->gcm192_pre(bytes, data);
	else
		m->gcm256_pre(bytes, data);
}

struct aes_gcm_key *aes_gcm_key_create(const uint8_t *bytes, unsigned bits)
{
	const IMB_MGR *m = manager_get();
	size_t size = (sizeof(struct aes_gcm_key) + 63) / 64 * 64;
	struct aes_gcm_key *key;

	if (m == NULL)
		return NULL;
	key = aligned_alloc(64, size);
	if (key == NULL)
		return NULL;
	memset(key, 0, size);
	choose(key, m, bits);
	expand(m, bytes, bits, &key->data);
	return key;
}

void aes_gcm_key_destroy(struct aes_gcm_key *key)
{
	if (key == NULL)
		return;
	explicit_bzero(key, sizeof(*key));
	free(key);
}

void aes_gcm_encrypt(const struct aes_gcm_key *key, const struct aead_op *op)
{
	struct gcm_context_data context;

	if (op->iv_len == IMB_GCM_IV_DATA_LEN) {
		key->encrypt(&key->data, &context, op->out, op->in, op->len, op->iv, op->aad,
			op->aad_len, op->tag, op->tag_len);
		return;
	}
	key->start(&key->data, &context, op->iv, op->iv_len, op->aad, op->aad_len);
	key->encrypt_more(&key->data, &context, op->out, op->in, op->len);
	key->encrypt_end(&key->data, &context, op->tag, op->tag_len);
}

void aes_gcm_decrypt(const struct aes_gcm_key *key, const struct aead_op *op)
{
	struct gcm_context_data context;

	if (op->iv_len == IMB_GCM_IV_DATA_LEN) {
		key->decrypt(&key->data, &context, op->out, op->in, op->len, op->iv, op->aad,
			op->aad_len, op->tag, op->tag_len);
		return;
	}
	key->start(&key->data, &context, op->iv, op->iv_len, op->aad, op->aad_len);
	key->decrypt_more(&key->data, &context, op->out, op->in, op->len);
	key->decrypt_end(&key->data, &context, op->tag, op->tag_len);
}

void chacha20_poly1305_encrypt(const uint8_t key[32], const struct aead_op *op)
{
	const IMB_MGR *m = manager_get();
	struct chacha20_poly1305_context_data context;

	m->chacha20_poly1305_init(key, &context, op->iv, op->aad, op->aad_len);
	m->chacha20_poly1305_enc_update(key, &context, op->out, op->in, op->len);
	m->chacha20_poly1305_finalize(&context, op->tag, op->tag_len);
}

void chacha20_poly1305_decrypt(const uint8_t key[32], const struct aead_op *op)
{
	const IMB_MGR *m = manager_get();
	struct chacha20_poly1305_context_data context;

	m->chacha20_poly1305_init(key, &context, op->iv, op->aad, op->aad_len);
	m->chacha20_poly1305_dec_update(key, &context, op->out, op->in, op->len);
	m->chacha20_poly1305_finalize(&context, op->tag, op->tag_len);
}
