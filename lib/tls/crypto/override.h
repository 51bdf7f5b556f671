/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVERRIDE_H
#define OVERRIDE_H

/*
 * mbedTLS's functions whose place ours take: the build gives each of them, in its own source file,
 * the name NAME_plain (see meson.build), and the name itself is ours. Contracts are mbedTLS's.
 */
#include <stdbool.h>

#include <mbedtls/chachapoly.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/gcm.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <mbedtls/ssl.h>
#include <psa/crypto.h>

typedef int (*override_random)(void *, unsigned char *, size_t);

int mbedtls_gcm_setkey_plain(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher,
	const unsigned char *key, unsigned keybits);
void mbedtls_gcm_free_plain(mbedtls_gcm_context *ctx);
int mbedtls_gcm_crypt_and_tag_plain(mbedtls_gcm_context *ctx, int mode, size_t length,
	const unsigned char *iv, size_t iv_len, const unsigned char *add, size_t add_len,
	const unsigned char *input, unsigned char *output, size_t tag_len, unsigned char *tag);

/* In mbedTLS it is static. */
int chachapoly_crypt_and_tag(mbedtls_chachapoly_context *ctx, mbedtls_chachapoly_mode_t mode,
	size_t length, const unsigned char nonce[12], const unsigned char *aad, size_t aad_len,
	const unsigned char *input, unsigned char *output, unsigned char tag[16]);

int mbedtls_internal_sha256_process_plain(
	mbedtls_sha256_context *ctx, const unsigned char data[64]);

int mbedtls_ecdh_gen_public_plain(mbedtls_ecp_group *grp, mbedtls_mpi *d, mbedtls_ecp_point *Q,
	override_random f_rng, void *p_rng);
int mbedtls_ecdh_compute_shared_plain(mbedtls_ecp_group *grp, mbedtls_mpi *z,
	const mbedtls_ecp_point *Q, const mbedtls_mpi *d, override_random f_rng, void *p_rng);
int mbedtls_ecdsa_sign_restartable_plain(mbedtls_ecp_group *grp, mbedtls_mpi *r, mbedtls_mpi *s,
	const mbedtls_mpi *d, const unsigned char *buf, size_t blen, override_random f_rng,
	void *p_rng, override_random f_rng_blind, void *p_rng_blind,
	mbedtls_ecdsa_restart_ctx *rs_ctx);
int mbedtls_ecdsa_verify_restartable_plain(mbedtls_ecp_group *grp, const unsigned char *buf,
	size_t blen, const mbedtls_ecp_point *Q, const mbedtls_mpi *r, const mbedtls_mpi *s,
	mbedtls_ecdsa_restart_ctx *rs_ctx);
/* In mbedTLS they are static, or declared in private headers. */
int mbedtls_ecdsa_verify_restartable(mbedtls_ecp_group *grp, const unsigned char *buf, size_t blen,
	const mbedtls_ecp_point *Q, const mbedtls_mpi *r, const mbedtls_mpi *s,
	mbedtls_ecdsa_restart_ctx *rs_ctx);
psa_status_t mbedtls_psa_ecp_export_public_key_plain(const psa_key_attributes_t *attributes,
	const uint8_t *key_buffer, size_t key_buffer_size, uint8_t *data, size_t data_size,
	size_t *data_length);
psa_status_t mbedtls_psa_ecp_export_public_key(const psa_key_attributes_t *attributes,
	const uint8_t *key_buffer, size_t key_buffer_size, uint8_t *data, size_t data_size,
	size_t *data_length);
psa_status_t mbedtls_psa_key_agreement_ecdh_plain(const psa_key_attributes_t *attributes,
	const uint8_t *key_buffer, size_t key_buffer_size, psa_algorithm_t alg,
	const uint8_t *peer_key, size_t peer_key_length, uint8_t *shared_secret,
	size_t shared_secret_size, size_t *shared_secret_length);
psa_status_t mbedtls_psa_key_agreement_ecdh(const psa_key_attributes_t *attributes,
	const uint8_t *key_buffer, size_t key_buffer_size, psa_algorithm_t alg,
	const uint8_t *peer_key, size_t peer_key_length, uint8_t *shared_secret,
	size_t shared_secret_size, size_t *shared_secret_length);

int mbedtls_rsa_complete_plain(mbedtls_rsa_context *ctx);
void mbedtls_rsa_free_plain(mbedtls_rsa_context *ctx);
int mbedtls_rsa_private_plain(mbedtls_rsa_context *ctx, override_random f_rng, void *p_rng,
	const unsigned char *input, unsigned char *output);

/*
 * OCSP stapling, which mbedTLS does not have: called from where it writes and reads messages.
 * tls_staple: the answer for the certificate that ssl's handshake shows, or NULL; is_taken: the
 * client gets it now. Not set: there is none.
 */
extern const unsigned char *(*tls_staple)(
	mbedtls_ssl_context *ssl, const mbedtls_x509_crt *own, bool is_taken, size_t *len);
/* The client's status_request extension came. */
void tls_status_asked(mbedtls_ssl_context *ssl, const unsigned char *data, size_t len);
/* TLS 1.2: the ServerHello's extension; returns its length, at most 4. Then the message: 0, or an
 * error as from any message that is written. */
size_t tls_status_extension(mbedtls_ssl_context *ssl, unsigned char *out);
int tls_status_message(mbedtls_ssl_context *ssl);
/* TLS 1.3: the extensions of the first CertificateEntry, where out has none still; returns how many
 * bytes there are now behind their length. */
size_t tls_status_entry(mbedtls_ssl_context *ssl, unsigned char *out, const unsigned char *end);

#endif
