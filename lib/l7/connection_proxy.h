/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONNECTION_PROXY_H
#define CONNECTION_PROXY_H

struct connection;
struct l7_listener;

/* The PROXY protocol in front of a client's connection: who may, and must, begin with it. */

enum connection_proxy_rule {
	CONNECTION_PROXY_NONE,     /* the client speaks for itself */
	CONNECTION_PROXY_EXPECTED, /* a header comes first */
	CONNECTION_PROXY_REFUSED,  /* it may not come here; counted */
};

/* What holds for a new connection, by the address that TCP saw. */
enum connection_proxy_rule connection_proxy_rule(
	const struct connection *connection, const struct l7_listener *listener);

/*
 * Reads the header, of bytes that TCP has, before TLS: 1 when it is done and the client's address
 * is in the connection's tuple, 0 when more must come, -EPROTO when there is none or it is broken
 * (counted).
 */
int connection_proxy_read(struct connection *connection);

#endif
