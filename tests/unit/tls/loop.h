/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_TLS_LOOP_H
#define TEST_TLS_LOOP_H

#include "tls/tls.h"

#include <mbedtls/ssl.h>

#include "issue.h"

#define PIPE_BYTES 131072

/* One direction in memory. */
struct pipe {
	uint8_t data[PIPE_BYTES];
	size_t start;
	size_t len;
	size_t room; /* at most so many bytes lie in it */
	size_t step; /* at most so many move at once */
};

/* mbedTLS's own client on the one end, a session on the other. */
struct loop {
	struct tls_context *context;
	struct tls_session *session;
	mbedtls_ssl_config config;
	mbedtls_ssl_context client;
	struct pipe to_server, to_client;
	mbedtls_ssl_session saved;
	unsigned tickets;
	size_t sent; /* by the server */
};

extern const struct tls_io loop_io;

/*
 * "first.example"; "a.second.example" and "*.second.example"; and, with RSA, "b.second.example" and
 * "third.example".
 */
extern struct issue loop_first, loop_second, loop_third;

/* cmocka: of the group, and of each test. */
int loop_group_set_up(void **state);
int loop_group_tear_down(void **state);
int loop_set_up(void **state);
int loop_tear_down(void **state);

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_set_up, loop_tear_down)

/* It must load; the caller's. */
struct tls_certificate *loop_certificate(const struct issue *issue);

size_t loop_put(struct pipe *pipe, const uint8_t *data, size_t len);
struct tls_context *loop_context(unsigned min_version);
/* What loop_context() is made of; and a new context of such. Between loop_stop() and loop_start().
 */
struct tls_context_params loop_params(void);
void loop_use(struct loop *f, const struct tls_context_params *params);

/* A new connection; what the client is to be like is set in between. */
void loop_start(struct loop *f);
void loop_stop(struct loop *f);
void loop_set_version(struct loop *f, mbedtls_ssl_protocol_version version);

/* Both ends in turn; returns the server's last word, and the client's in *client. */
enum tls_result loop_shake(struct loop *f, int *client);
/* It must succeed. */
void loop_connect(struct loop *f);
/* The client's read; it passes over tickets, and keeps the last one's session. */
int loop_client_read(struct loop *f, void *data, size_t max);
/* Words to and fro. */
void loop_exchange(struct loop *f);

#endif
