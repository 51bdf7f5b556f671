/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <stdbool.h>

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

/*
 * PEM or DER into what is empty still. Before PEM's end there is a NUL, which len does not count. 0
 * or mbedTLS's error; of chains also how many certificates could not be read.
 */
int certificate_parse_chain(mbedtls_x509_crt *chain, const void *data, size_t len);
int certificate_parse_key(mbedtls_pk_context *key, const void *data, size_t len);

/* By name and signature. */
bool certificate_is_signed_by(mbedtls_x509_crt *crt, mbedtls_x509_crt *issuer);

/* "2026-01-31T12:00:00Z" */
#define CERTIFICATE_TIME_BYTES 24
void certificate_time_format(char text[CERTIFICATE_TIME_BYTES], const mbedtls_x509_time *time);

/* A name as text, cut to size; every byte is printable ASCII. */
void certificate_name_format(char *text, size_t size, const mbedtls_x509_name *name);

/* Lower-case hexadecimal, cut to size. */
void certificate_hex_format(char *text, size_t size, const unsigned char *data, size_t len);

#endif
