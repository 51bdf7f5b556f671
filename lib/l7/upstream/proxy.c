/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol toward members. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "../connection.h"
#include "../core.h"
#include "packet/proxy_header.h"
#include "upstream.h"

static struct proxy_value value_of(const char *data, size_t len, size_t max)
{
	if (data == NULL || len == 0 || len > max)
		return (struct proxy_value){ .len = 0 };
	return (struct proxy_value){ .data = (const uint8_t *)data, .len = (uint16_t)len };
}

/* What the client asked for in TLS, whether it ends here or passes through. */
static void values_fill(struct proxy_header *header, const struct stream *stream)
{
	const struct tls_session *tls = stream->connection->transport.tls;
	const char *sni = tls == NULL ? NULL : tls_session_sni(tls);
	const char *alpn = tls == NULL ? NULL : tls_session_alpn(tls);
	struct http_span host;

	if (sni != NULL)
		header->authority = value_of(sni, strlen(sni), PROXY_AUTHORITY_MAX);
	if (alpn != NULL)
		header->alpn = value_of(alpn, strlen(alpn), PROXY_ALPN_MAX);
	if (!stream->is_raw)
		return;
	host = inlet_head(&stream->request)->host;
	header->authority = value_of(host.data, host.len, PROXY_AUTHORITY_MAX);
}

int upstream_proxy_send(struct upstream *upstream)
{
	unsigned version = upstream->client_address == CONFIG_CLIENT_ADDRESS_PROXY_V1 ? 1 : 2;
	struct proxy_header header = { .is_local = false };
	uint8_t bytes[PROXY_HEADER_MAX];
	size_t len;

	if (upstream->client_address == CONFIG_CLIENT_ADDRESS_NONE)
		return 0;
	header.tuple = upstream->stream->connection->tuple;
	header.tuple.protocol = IPPROTO_TCP;
	values_fill(&header, upstream->stream);
	len = proxy_header_write(&header, version, bytes, sizeof(bytes));
	/* Nothing is queued yet: where it does not fit, memory is short. */
	if (len == 0 || tcp_write(upstream->transport.tcp, bytes, len) < len)
		return -ENOMEM;
	upstream->l7->counters.proxy_sent++;
	return 0;
}
