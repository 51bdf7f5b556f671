/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_common.h>

#include "stack.h"
#include "tracer.h"

static const char *const states[] = {
	[CONN_CLOSED] = "CLOSED",
	[CONN_SYN_SENT] = "SYN-SENT",
	[CONN_SYN_RECEIVED] = "SYN-RECEIVED",
	[CONN_ESTABLISHED] = "ESTABLISHED",
	[CONN_FIN_WAIT_1] = "FIN-WAIT-1",
	[CONN_FIN_WAIT_2] = "FIN-WAIT-2",
	[CONN_CLOSING] = "CLOSING",
	[CONN_CLOSE_WAIT] = "CLOSE-WAIT",
	[CONN_LAST_ACK] = "LAST-ACK",
};

static const char *const kinds[] = {
#define EVENT(id, name, help) [TCP_TRACE_##id] = (name),
#include "tcp/trace.def"
#undef EVENT
};

static const char *const causes[] = {
	[TRACE_RTO] = "rto",
	[TRACE_RACK] = "rack",
	[TRACE_DUPACK] = "dupack",
	[TRACE_TLP] = "tlp",
	[TRACE_SYN] = "syn",
};

static const char *const recoveries[] = {
	[RECOVERY_NONE] = "none",
	[RECOVERY_FAST] = "fast",
	[RECOVERY_RTO] = "rto",
	[RECOVERY_CWR] = "cwr",
};

static const char *const timers[] = {
	[LOSS_NONE] = "none",
	[LOSS_RTO] = "rto",
	[LOSS_TLP] = "tlp",
	[LOSS_REORDER] = "reorder",
	[LOSS_PERSIST] = "persist",
	[LOSS_SYN] = "syn",
	[TRACE_TIMER_ACK] = "ack",
	[TRACE_TIMER_KEEPALIVE] = "keepalive",
	[TRACE_TIMER_LIFE] = "life",
	[TRACE_TIMER_PACE] = "pace",
};

static const char *const reasons[] = {
	[TCP_CLOSED_DONE] = "done",
	[TCP_CLOSED_RESET] = "reset",
	[TCP_CLOSED_TIMEOUT] = "timeout",
	[TCP_CLOSED_ABORTED] = "aborted",
	[TCP_CLOSED_UNREACHABLE] = "unreachable",
	[TCP_CLOSED_NO_MEMORY] = "no memory",
};

static const char *name_of(const char *const *names, size_t count, unsigned index)
{
	return index < count ? names[index] : "";
}

#define NAME(names, index) name_of(names, RTE_DIM(names), index)

const char *conn_state_name(unsigned state)
{
	return NAME(states, state);
}

const char *tcp_trace_kind_name(uint8_t kind)
{
	return NAME(kinds, kind);
}

const char *tcp_trace_detail(const struct tcp_trace_event *event)
{
	switch (event->kind) {
	case TCP_TRACE_BEGIN:
	case TCP_TRACE_STATE:
		return conn_state_name(event->detail);
	case TCP_TRACE_RETRANSMIT:
		return NAME(causes, event->detail);
	case TCP_TRACE_RECOVERY:
	case TCP_TRACE_UNDO:
		return NAME(recoveries, event->detail);
	case TCP_TRACE_TIMER:
		return NAME(timers, event->detail);
	default:
		return "";
	}
}

const char *tcp_trace_reason(const struct tcp_trace_event *event)
{
	if (event->kind != TCP_TRACE_STATE || event->detail != CONN_CLOSED)
		return "";
	return NAME(reasons, event->more);
}
