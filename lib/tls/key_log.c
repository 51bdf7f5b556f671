/* SPDX-License-Identifier: Apache-2.0 */
#include "key_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <mbedtls/platform_util.h>

#define RANDOM_BYTES 32
#define LABEL_MOST   32
/* The longest hash of a suite: SHA-384; TLS 1.2's master secret has as many bytes. */
#define SECRET_MOST 48
#define LINE_MOST   (LABEL_MOST + 2 * RANDOM_BYTES + 2 * SECRET_MOST + 4)

static const char *label_of(mbedtls_ssl_key_export_type type)
{
	switch (type) {
	case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET:
		return "CLIENT_RANDOM";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET:
		return "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET:
		return "SERVER_HANDSHAKE_TRAFFIC_SECRET";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET:
		return "CLIENT_TRAFFIC_SECRET_0";
	case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET:
		return "SERVER_TRAFFIC_SECRET_0";
	default:
		return NULL;
	}
}

static char *put_hex(char *at, const unsigned char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	return at;
}

/* One write() for a line, so that lines of several workers do not mix. */
static void line_write(void *ctx, mbedtls_ssl_key_export_type type, const unsigned char *secret,
	size_t secret_len, const unsigned char client_random[RANDOM_BYTES],
	const unsigned char server_random[RANDOM_BYTES], mbedtls_tls_prf_types prf)
{
	const char *label = label_of(type);
	const int *descriptor = ctx;
	char line[LINE_MOST], *at;

	(void)server_random;
	(void)prf;
	if (label == NULL || secret_len > SECRET_MOST)
		return;
	at = stpcpy(line, label);
	*at++ = ' ';
	at = put_hex(at, client_random, RANDOM_BYTES);
	*at++ = ' ';
	at = put_hex(at, secret, secret_len);
	*at++ = '\n';
	/* A full disk loses lines of a file that is for looking at traffic: nothing else suffers.
	 */
	if (write(*descriptor, line, (size_t)(at - line)) < 0)
		errno = 0;
	mbedtls_platform_zeroize(line, sizeof(line));
}

int key_log_open(const char *path, struct err *err)
{
	int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return descriptor >= 0 ? descriptor : err_set(err, errno, "%s: %s", path, strerror(errno));
}

void key_log_attach(mbedtls_ssl_context *ssl, int *descriptor)
{
	mbedtls_ssl_set_export_keys_cb(ssl, line_write, descriptor);
}
