/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The fast primitives, as bytes: all that the accelerated build knows of the libraries behind it.
 * override_*.c put them in the place of mbedTLS's own; whatever they cannot do stays with
 * mbedTLS. Any thread; an object belongs to one thread at a time. Numbers are big-endian but
 * for X25519 (RFC 7748). Functions that return int: 0, or -1 when the operation is impossible
 * with this input or memory is short.
 */

struct aead_op {
	const uint8_t *iv;
	size_t iv_len; /* AES-GCM: 12 is the fast one, any is right; ChaCha20: always 12 */
	const uint8_t *aad;
	size_t aad_len;
	const uint8_t *in;
	uint8_t *out; /* in itself, or nothing of it */
	size_t len;
	uint8_t *tag; /* written, also when decrypting: comparing is the caller's */
	size_t tag_len;
};

struct aes_gcm_key;

/* bits: 128, 192 or 256. NULL when memory is short. */
struct aes_gcm_key *aes_gcm_key_create(const uint8_t *key, unsigned bits);
/* Clears it; NULL is fine. */
void aes_gcm_key_destroy(struct aes_gcm_key *key);
void aes_gcm_encrypt(const struct aes_gcm_key *key, const struct aead_op *op);
void aes_gcm_decrypt(const struct aes_gcm_key *key, const struct aead_op *op);

void chacha20_poly1305_encrypt(const uint8_t key[32], const struct aead_op *op);
void chacha20_poly1305_decrypt(const uint8_t key[32], const struct aead_op *op);

/* One block into a SHA-256 state. False: this CPU cannot. */
bool sha256_block(uint32_t state[8], const uint8_t block[64]);
/* One block into a SHA-512 state, which SHA-384 has, too. */
void sha512_block(uint64_t state[8], const uint8_t block[128]);

/* Points are uncompressed: 4, X, Y. */
#define P256_BYTES       32
#define P256_POINT_BYTES 65
int p256_public(const uint8_t private[P256_BYTES], uint8_t point[P256_POINT_BYTES]);
int p256_agree(const uint8_t private[P256_BYTES], const uint8_t peer[P256_POINT_BYTES],
	uint8_t secret[P256_BYTES]);
/* ECDSA over a hash of any length; signature: r, s. */
int p256_sign(const uint8_t private[P256_BYTES], const uint8_t *hash, size_t hash_len,
	uint8_t signature[2 * P256_BYTES]);
/* 0: good, 1: bad. */
int p256_verify(const uint8_t point[P256_POINT_BYTES], const uint8_t *hash, size_t hash_len,
	const uint8_t signature[2 * P256_BYTES]);

#define X25519_BYTES 32
int x25519_public(const uint8_t private[X25519_BYTES], uint8_t public[X25519_BYTES]);
int x25519_agree(const uint8_t private[X25519_BYTES], const uint8_t peer[X25519_BYTES],
	uint8_t secret[X25519_BYTES]);
/* A part of provider_thread_finish(). */
void x25519_thread_finish(void);

struct rsa_number {
	const uint8_t *data;
	size_t len;
};

struct rsa_parts {
	struct rsa_number n, e, d, p, q, dp, dq, qp;
};

struct rsa_key;

struct rsa_key *rsa_key_create(const struct rsa_parts *parts);
void rsa_key_destroy(struct rsa_key *key);
/* The private operation, without padding: len bytes (the modulus's) each way. */
int rsa_key_private(struct rsa_key *key, const uint8_t *in, uint8_t *out, size_t len);

/* Frees what the calling thread has cached; it may go on and cache anew. */
void provider_thread_finish(void);

#endif
