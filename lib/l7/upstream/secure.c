/* SPDX-License-Identifier: Apache-2.0 */
/* TLS toward members: contexts of the pools, and the handshake of a connection. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "../core.h"
#include "upstream.h"

/* Of one pool and L7 worker. */
struct worker_contexts {
	struct tls_context *requests;
	struct tls_context *checks; /* health checks speak HTTP/1.1, whatever requests do */
};

struct l7_pool_tls {
	unsigned worker_count;
	struct worker_contexts workers[];
};

/* By CONFIG_ALPN_* or-ed: what is offered, in our order. */
static const char *const alpn[][3] = {
	[0] = { NULL },
	[CONFIG_ALPN_HTTP1] = { "http/1.1", NULL },
	[CONFIG_ALPN_H2] = { "h2", NULL },
	[CONFIG_ALPN_H2 | CONFIG_ALPN_HTTP1] = { "h2", "http/1.1", NULL },
};

static void params_fill(struct tls_client_context_params *params, const struct config *config,
	const struct config_pool *pool)
{
	const struct config_pool_tls *tls = &pool->tls;

	*params = (struct tls_client_context_params){
		.ca_path = tls->verify ? tls->ca : NULL,
		.name = tls->server_name,
		.min_version = tls->min_version,
		.max_version = tls->max_version,
		.alpn = alpn[tls->alpn % RTE_DIM(alpn)],
		.peers = pool->member_count,
	};
	if (tls->certificate == UINT_MAX)
		return;
	params->chain_path = config->certificates[tls->certificate].chain_path;
	params->key_path = config->certificates[tls->certificate].key_path;
}

static int contexts_create(struct worker_contexts *contexts,
	struct tls_client_context_params params, bool is_grpc, struct err *err)
{
	contexts->requests = tls_context_create_client(&params, err);
	params.alpn = alpn[is_grpc ? CONFIG_ALPN_H2 : CONFIG_ALPN_HTTP1];
	contexts->checks = tls_context_create_client(&params, err);
	return contexts->requests == NULL || contexts->checks == NULL ? -EINVAL : 0;
}

struct l7_pool_tls *l7_pool_tls_create(const struct config *config, const struct config_pool *pool,
	unsigned worker_count, struct err *err)
{
	struct tls_client_context_params params;
	struct l7_pool_tls *tls = calloc(1, sizeof(*tls) + worker_count * sizeof(tls->workers[0]));

	if (tls == NULL) {
		err_set(err, ENOMEM, "no memory for TLS of a pool");
		return NULL;
	}
	params_fill(&params, config, pool);
	tls->worker_count = worker_count;
	for (unsigned i = 0; i < worker_count; i++) {
		if (contexts_create(&tls->workers[i], params,
			    pool->health.type == CONFIG_HEALTH_GRPC, err) < 0) {
			l7_pool_tls_destroy(tls);
			return NULL;
		}
	}
	return tls;
}

static void contexts_destroy(struct worker_contexts *contexts)
{
	tls_context_destroy(contexts->requests);
	tls_context_destroy(contexts->checks);
}

void l7_pool_tls_destroy(struct l7_pool_tls *tls)
{
	if (tls == NULL)
		return;
	for (unsigned i = 0; i < tls->worker_count; i++)
		contexts_destroy(&tls->workers[i]);
	free(tls);
}

bool l7_pool_tls_is_idle(const struct l7_pool_tls *tls)
{
	for (unsigned i = 0; i < tls->worker_count; i++)
		if (tls_context_sessions(tls->workers[i].requests) > 0 ||
			tls_context_sessions(tls->workers[i].checks) > 0)
			return false;
	return true;
}

struct tls_context *l7_pool_tls_checks(const struct l7_pool_tls *tls, unsigned worker)
{
	return tls->workers[worker].checks;
}

struct tls_context *upstream_context(struct l7_core *l7, const struct config_pool *config)
{
	const struct snapshot *snapshot = l7->snapshot;

	if (!config->has_tls)
		return NULL;
	return snapshot->pool_tls[config - snapshot->config->pools]->workers[l7->worker].requests;
}

int upstream_open_transport(struct l7_core *l7, struct transport *transport, struct tcp_conn *tcp,
	const struct member *member, struct tls_context *context)
{
	if (context != NULL)
		return transport_init_tls_client(transport, tcp, context, l7->records, member->id);
	transport_init_plain(transport, tcp);
	return 0;
}

static void count_failure(
	struct l7_core *l7, struct member_counters *member, struct transport *transport)
{
	struct l7_counters *counters = &l7->counters;

	counters->upstream_tls_failures++;
	member->tls_failures++;
	switch (tls_session_unverified(transport->tls)) {
	case TLS_VERIFIED:
		return;
	case TLS_UNTRUSTED:
		counters->upstream_tls_untrusted++;
		break;
	case TLS_OUT_OF_DATE:
		counters->upstream_tls_out_of_date++;
		break;
	case TLS_WRONG_NAME:
		counters->upstream_tls_wrong_name++;
		break;
	case TLS_UNFIT:
		counters->upstream_tls_unfit++;
		break;
	}
	member->tls_unverified++;
}

bool upstream_is_h2_chosen(const struct transport *transport)
{
	const char *chosen = transport->tls == NULL ? NULL : tls_session_alpn(transport->tls);

	return chosen != NULL && strcmp(chosen, "h2") == 0;
}

/* RFC 9293 3.6.1: a close with bytes unread would be a reset. */
void upstream_close_failed(struct tcp_conn *tcp)
{
	tcp_consume(tcp, tcp_readable(tcp));
	tcp_close(tcp);
}

bool upstream_has_tls_failed(const struct upstream *upstream)
{
	return upstream->h2 != NULL ? upstream->h2->transport.is_failed
				    : upstream->transport.is_failed;
}

enum tls_result upstream_handshake(
	struct l7_core *l7, const struct member *member, struct transport *transport, bool needs_h2)
{
	struct member_counters *counters = &member->cores[l7->core->index];
	enum tls_result result;

	if (transport->tls == NULL)
		return TLS_OK;
	result = transport_handshake(transport);
	if (result == TLS_AGAIN && !tcp_is_eof(transport->tcp))
		return TLS_AGAIN;
	if (result != TLS_OK || (needs_h2 && !upstream_is_h2_chosen(transport))) {
		transport->is_failed = true;
		count_failure(l7, counters, transport);
		return TLS_FAILED;
	}
	l7->counters.upstream_tls_handshakes++;
	if (tls_session_is_resumed(transport->tls))
		l7->counters.upstream_tls_resumed++;
	return TLS_OK;
}
