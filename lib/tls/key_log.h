/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEY_LOG_H
#define KEY_LOG_H

#include <mbedtls/ssl.h>

#include "base/err.h"

/* Opens or makes the file, for appending, for its owner alone. A descriptor or -errno. */
int key_log_open(const char *path, struct err *err);

/* Lets the secrets of ssl go to *descriptor, which outlives it, in NSS's format. */
void key_log_attach(mbedtls_ssl_context *ssl, int *descriptor);

#endif
