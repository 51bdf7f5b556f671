/* SPDX-License-Identifier: Apache-2.0 */
/* P-256 and X25519; other curves stay with mbedTLS, whose P-384 is the faster one. */
#include "override.h"
#include "provider.h"

#include <string.h>

#include <mbedtls/psa_util.h>

/* mbedtls_mpi keeps X25519's numbers in the order of the others. */
static int write_le(const mbedtls_mpi *number, uint8_t bytes[X25519_BYTES])
{
	return mbedtls_mpi_write_binary_le(number, bytes, X25519_BYTES);
}

static int write_point(
	const mbedtls_ecp_group *grp, const mbedtls_ecp_point *Q, uint8_t point[P256_POINT_BYTES])
{
	size_t len;
	int error = mbedtls_ecp_point_write_binary(
		grp, Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, point, P256_POINT_BYTES);

	if (error == 0 && len != P256_POINT_BYTES)
		return MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
	return error;
}

static int p256_gen_public(const mbedtls_ecp_group *grp, const mbedtls_mpi *d, mbedtls_ecp_point *Q)
{
	uint8_t private[P256_BYTES], point[P256_POINT_BYTES];
	int error = mbedtls_mpi_write_binary(d, private, sizeof(private));

	if (error == 0 && p256_public(private, point) < 0)
		error = MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
	explicit_bzero(private, sizeof(private));
	if (error != 0)
		return error;
	return mbedtls_ecp_point_read_binary(grp, Q, point, sizeof(point));
}

static int x25519_gen_public(
	const mbedtls_ecp_group *grp, const mbedtls_mpi *d, mbedtls_ecp_point *Q)
{
	uint8_t private[X25519_BYTES], public[X25519_BYTES];
	int error = write_le(d, private);

	if (error == 0 && x25519_public(private, public) < 0)
		error = MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
	explicit_bzero(private, sizeof(private));
	if (error != 0)
		return error;
	return mbedtls_ecp_point_read_binary(grp, Q, public, sizeof(public));
}

int mbedtls_ecdh_gen_public(mbedtls_ecp_group *grp, mbedtls_mpi *d, mbedtls_ecp_point *Q,
	override_random f_rng, void *p_rng)
{
	int error;

	if (grp->id != MBEDTLS_ECP_DP_SECP256R1 && grp->id != MBEDTLS_ECP_DP_CURVE25519)
		return mbedtls_ecdh_gen_public_plain(grp, d, Q, f_rng, p_rng);
	error = mbedtls_ecp_gen_privkey(grp, d, f_rng, p_rng);
	if (error != 0)
		return error;
	return grp->id == MBEDTLS_ECP_DP_SECP256R1 ? p256_gen_public(grp, d, Q)
						   : x25519_gen_public(grp, d, Q);
}

static int p256_shared(const mbedtls_ecp_group *grp, mbedtls_mpi *z, const mbedtls_ecp_point *Q,
	const mbedtls_mpi *d)
{
	uint8_t private[P256_BYTES], point[P256_POINT_BYTES], secret[P256_BYTES];
	int error = write_point(grp, Q, point);

	if (error == 0)
		error = mbedtls_mpi_write_binary(d, private, sizeof(private));
	if (error == 0 && p256_agree(private, point, secret) < 0)
		error = MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
	if (error == 0)
		error = mbedtls_mpi_read_binary(z, secret, sizeof(secret));
	explicit_bzero(private, sizeof(private));
	explicit_bzero(secret, sizeof(secret));
	return error;
}

static int x25519_shared(mbedtls_mpi *z, const mbedtls_ecp_point *Q, const mbedtls_mpi *d)
{
	uint8_t private[X25519_BYTES], peer[X25519_BYTES], secret[X25519_BYTES];
	int error = write_le(&Q->X, peer);

	if (error == 0)
		error = write_le(d, private);
	if (error == 0 && x25519_agree(private, peer, secret) < 0)
		error = MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
	if (error == 0)
		error = mbedtls_mpi_read_binary_le(z, secret, sizeof(secret));
	explicit_bzero(private, sizeof(private));
	explicit_bzero(secret, sizeof(secret));
	return error;
}

int mbedtls_ecdh_compute_shared(mbedtls_ecp_group *grp, mbedtls_mpi *z, const mbedtls_ecp_point *Q,
	const mbedtls_mpi *d, override_random f_rng, void *p_rng)
{
	switch (grp->id) {
	case MBEDTLS_ECP_DP_SECP256R1:
		return p256_shared(grp, z, Q, d);
	case MBEDTLS_ECP_DP_CURVE25519:
		return x25519_shared(z, Q, d);
	default:
		return mbedtls_ecdh_compute_shared_plain(grp, z, Q, d, f_rng, p_rng);
	}
}

int mbedtls_ecdsa_sign_restartable(mbedtls_ecp_group *grp, mbedtls_mpi *r, mbedtls_mpi *s,
	const mbedtls_mpi *d, const unsigned char *buf, size_t blen, override_random f_rng,
	void *p_rng, override_random f_rng_blind, void *p_rng_blind,
	mbedtls_ecdsa_restart_ctx *rs_ctx)
{
	uint8_t private[P256_BYTES], signature[2 * P256_BYTES];
	int error;

	if (grp->id != MBEDTLS_ECP_DP_SECP256R1)
		return mbedtls_ecdsa_sign_restartable_plain(
			grp, r, s, d, buf, blen, f_rng, p_rng, f_rng_blind, p_rng_blind, rs_ctx);
	if (mbedtls_ecp_check_privkey(grp, d) != 0)
		return MBEDTLS_ERR_ECP_INVALID_KEY;
	error = mbedtls_mpi_write_binary(d, private, sizeof(private));
	if (error == 0 && p256_sign(private, buf, blen, signature) < 0)
		error = MBEDTLS_ERR_ECP_RANDOM_FAILED;
	explicit_bzero(private, sizeof(private));
	if (error == 0)
		error = mbedtls_mpi_read_binary(r, signature, P256_BYTES);
	if (error == 0)
		error = mbedtls_mpi_read_binary(s, signature + P256_BYTES, P256_BYTES);
	return error;
}

int mbedtls_ecdsa_verify_restartable(mbedtls_ecp_group *grp, const unsigned char *buf, size_t blen,
	const mbedtls_ecp_point *Q, const mbedtls_mpi *r, const mbedtls_mpi *s,
	mbedtls_ecdsa_restart_ctx *rs_ctx)
{
	uint8_t point[P256_POINT_BYTES], signature[2 * P256_BYTES];
	int error;

	if (grp->id != MBEDTLS_ECP_DP_SECP256R1)
		return mbedtls_ecdsa_verify_restartable_plain(grp, buf, blen, Q, r, s, rs_ctx);
	if (mbedtls_mpi_cmp_int(r, 1) < 0 || mbedtls_mpi_cmp_int(s, 1) < 0 ||
		mbedtls_mpi_size(r) > P256_BYTES || mbedtls_mpi_size(s) > P256_BYTES)
		return MBEDTLS_ERR_ECP_VERIFY_FAILED;
	error = write_point(grp, Q, point);
	if (error == 0)
		error = mbedtls_mpi_write_binary(r, signature, P256_BYTES);
	if (error == 0)
		error = mbedtls_mpi_write_binary(s, signature + P256_BYTES, P256_BYTES);
	if (error == 0 && p256_verify(point, buf, blen, signature) != 0)
		error = MBEDTLS_ERR_ECP_VERIFY_FAILED;
	return error;
}

static bool is_p256(psa_key_type_t type, size_t bits)
{
	return type == PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1) && bits == 256;
}

static bool is_x25519(psa_key_type_t type, size_t bits)
{
	return type == PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY) && bits == 255;
}

/* TLS 1.3's key share comes from here. */
psa_status_t mbedtls_psa_ecp_export_public_key(const psa_key_attributes_t *attributes,
	const uint8_t *key_buffer, size_t key_buffer_size, uint8_t *data, size_t data_size,
	size_t *data_length)
{
	psa_key_type_t type = psa_get_key_type(attributes);
	size_t bits = psa_get_key_bits(attributes);

	if (is_p256(type, bits) && key_buffer_size == P256_BYTES && data_size >= P256_POINT_BYTES) {
		*data_length = P256_POINT_BYTES;
		return p256_public(key_buffer, data) < 0 ? PSA_ERROR_INVALID_ARGUMENT : PSA_SUCCESS;
	}
	if (is_x25519(type, bits) && key_buffer_size == X25519_BYTES && data_size >= X25519_BYTES) {
		*data_length = X25519_BYTES;
		return x25519_public(key_buffer, data) < 0 ? PSA_ERROR_INVALID_ARGUMENT
							   : PSA_SUCCESS;
	}
	return mbedtls_psa_ecp_export_public_key_plain(
		attributes, key_buffer, key_buffer_size, data, data_size, data_length);
}

/* And its agreement. */
psa_status_t mbedtls_psa_key_agreement_ecdh(const psa_key_attributes_t *attributes,
	const uint8_t *key_buffer, size_t key_buffer_size, psa_algorithm_t alg,
	const uint8_t *peer_key, size_t peer_key_length, uint8_t *shared_secret,
	size_t shared_secret_size, size_t *shared_secret_length)
{
	psa_key_type_t type = psa_get_key_type(attributes);
	size_t bits = psa_get_key_bits(attributes);
	int result;

	if (!PSA_ALG_IS_ECDH(alg) || shared_secret_size < P256_BYTES ||
		key_buffer_size != P256_BYTES)
		goto plain;
	if (is_p256(type, bits) && peer_key_length == P256_POINT_BYTES && peer_key[0] == 4)
		result = p256_agree(key_buffer, peer_key, shared_secret);
	else if (is_x25519(type, bits) && peer_key_length == X25519_BYTES)
		result = x25519_agree(key_buffer, peer_key, shared_secret);
	else
		goto plain;
	*shared_secret_length = P256_BYTES;
	return result < 0 ? PSA_ERROR_INVALID_ARGUMENT : PSA_SUCCESS;
plain:
	return mbedtls_psa_key_agreement_ecdh_plain(attributes, key_buffer, key_buffer_size, alg,
		peer_key, peer_key_length, shared_secret, shared_secret_size, shared_secret_length);
}
