/* SPDX-License-Identifier: Apache-2.0 */
#include "splice.h"

#include <rte_byteorder.h>

#include "base/clock.h"
#include "header.h"
#include "options.h"
#include "send.h"

#define STAGE_FIRST_MS 250u

/* Two packets each: no more than the output has room for. */
#define ADVANCE_MAX (L4_OUT_MAX / 2)

void splices_init(struct splices *splices, struct hash_key secret, uint64_t now_us)
{
	for (unsigned i = 0; i < SPLICE_STAGES; i++)
		TAILQ_INIT(&splices->pending[i]);
	syn_cookies_init(&splices->cookies, secret, now_us);
}

void splice_unpend(struct l4_core *l4, struct splice *splice)
{
	if (!splice_is_pending(splice))
		return;
	TAILQ_REMOVE(&l4->splices.pending[splice->stage], splice, link);
	splice->stage = SPLICE_STAGES;
}

void splice_pend(struct l4_core *l4, struct splice *splice, unsigned stage, uint32_t now_ms)
{
	splice_unpend(l4, splice);
	splice->stage = (uint8_t)stage;
	splice->due_ms = now_ms + (STAGE_FIRST_MS << stage);
	TAILQ_INSERT_TAIL(&l4->splices.pending[stage], splice, link);
}

void splice_start(const struct l4_burst *burst, const struct l4_packet *packet, struct conn *conn)
{
	struct splice *splice = conntrack_splice(burst->l4->table, conn);
	enum config_client_address way = packet->service->client_address;
	uint8_t header[SPLICE_HEADER_MAX];
	const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(
		packet->m, const struct rte_tcp_hdr *, packet->p->l4_offset);

	*splice = (struct splice){
		.client_isn = rte_be_to_cpu_32(tcp->sent_seq),
		.client_address = (uint8_t)way,
		.idle_timeout_ms = packet->service->tcp_idle_timeout_ms,
		.stage = SPLICE_STAGES,
	};
	splice->header_len = (uint8_t)splice_header_write(way, packet_tuple_of(packet->p), header);
	if (splice->header_len > 0)
		splice->flags = SPLICE_HAS_HEADER;
	else if (way == CONFIG_CLIENT_ADDRESS_TOA)
		splice->flags = SPLICE_HAS_TOA;
	conn->forward = FORWARD_SPLICED;
}

void splice_release(struct l4_core *l4, struct conn *conn)
{
	splice_unpend(l4, conntrack_splice(l4->table, conn));
	conn->forward = CONFIG_FORWARD_FULL_NAT;
}

enum drop_reason splice_input(
	const struct l4_burst *burst, struct l4_packet *packet, struct rte_mbuf *m, bool *is_taken)
{
	*is_taken = false;
	if ((packet->p->flags & PACKET_IS_LATER) != 0)
		return DROP_NONE;
	return l4_packet_side(packet) == CONN_CLIENT
		? splice_from_client(burst, packet, m, is_taken)
		: splice_from_member(burst, packet, m, is_taken);
}

static void give_up(const struct l4_burst *burst, struct conn *conn, struct splice *splice)
{
	struct l4_core *l4 = burst->l4;

	splice_client_reset(burst, conn, NULL);
	if ((splice->flags & SPLICE_IS_OPENING) != 0) {
		l4->counters.syn_proxy_timeouts++;
	} else {
		l4->counters.proxy_headers_failed++;
		splice_member_reset(burst, conn, NULL, splice->client_isn + 1 - splice->header_len);
	}
	conn->seen_ms = burst->now_ms;
	conn_advance_tcp(conn, RTE_TCP_RST_FLAG, CONN_CLIENT, NULL);
}

static void overdue_handle(const struct l4_burst *burst, struct splice *splice)
{
	struct conn *conn = conntrack_spliced(burst->l4->table, splice);
	struct l4_core *l4 = burst->l4;
	unsigned stage = splice->stage;

	splice_unpend(l4, splice);
	if ((splice->flags & (SPLICE_IS_OPENING | SPLICE_HAS_HEADER)) == 0 ||
		conn->state == L4_STATE_CLOSED)
		return;
	if (stage + 1 == SPLICE_STAGES) {
		give_up(burst, conn, splice);
		return;
	}
	/* Without a buffer, the next time. */
	if ((splice->flags & SPLICE_IS_OPENING) != 0)
		l4->counters.syn_proxy_retries += splice_syn_send(burst, conn, NULL);
	else
		l4->counters.proxy_headers_resent += splice_ack_send(burst, conn, NULL);
	splice_pend(l4, splice, stage + 1, burst->now_ms);
}

void splices_advance(const struct l4_burst *burst)
{
	unsigned budget = ADVANCE_MAX;

	for (unsigned stage = 0; stage < SPLICE_STAGES; stage++) {
		struct splice_queue *queue = &burst->l4->splices.pending[stage];
		struct splice *splice;

		while (budget > 0 && (splice = TAILQ_FIRST(queue)) != NULL &&
			(int32_t)(burst->now_ms - splice->due_ms) >= 0) {
			overdue_handle(burst, splice);
			budget--;
		}
	}
}
