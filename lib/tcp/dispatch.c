/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"

/*
 * Handlers run from here only, when no segment is in the middle of being processed: so they may
 * call anything on any connection. A block that dies meanwhile stays until tcp_advance() ends.
 */

static unsigned event_take(struct tcp_conn *conn, unsigned event)
{
	unsigned taken = conn->events & event;

	conn->events &= (uint8_t)~event;
	return taken;
}

static void accept_run(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	if (stack->params.ops->accept(stack->params.ctx, conn) == 0)
		return;
	conn->handler = NULL;
	if (!conn_is_dead(conn))
		conn_send_reset(conn);
	conn_end(conn, TCP_CLOSED_ABORTED);
}

static void closed_run(struct tcp_conn *conn)
{
	const struct tcp_handler *handler = conn->handler;

	if (conn->flags & CONN_IN_GRAVE)
		return;
	conn->handler = NULL;
	if (handler != NULL && handler->on_closed != NULL)
		handler->on_closed(conn, conn->handler_ctx, conn->close_reason);
	conn_bury(conn);
}

/* A handler may close or replace itself in any call: conn->handler is read anew for each. */
static void conn_dispatch(struct tcp_conn *conn)
{
	if (event_take(conn, EVENT_ACCEPT))
		accept_run(conn);
	if (event_take(conn, EVENT_CONNECTED) && !conn_is_dead(conn) && conn->handler != NULL &&
		conn->handler->on_connected != NULL)
		conn->handler->on_connected(conn, conn->handler_ctx);
	if (event_take(conn, EVENT_READABLE) && conn->handler != NULL &&
		(!conn_is_dead(conn) || conn->flags & CONN_FINISHED) &&
		conn->handler->on_readable != NULL)
		conn->handler->on_readable(conn, conn->handler_ctx);
	if (event_take(conn, EVENT_WRITABLE) && conn->handler != NULL && !conn_is_dead(conn) &&
		conn->handler->on_writable != NULL)
		conn->handler->on_writable(conn, conn->handler_ctx);
	if (event_take(conn, EVENT_CLOSED))
		closed_run(conn);
}

void stack_dispatch(struct tcp_stack *stack)
{
	struct tcp_conn *conn;

	while ((conn = STAILQ_FIRST(&stack->events)) != NULL) {
		STAILQ_REMOVE_HEAD(&stack->events, event_link);
		conn->flags &= ~(uint32_t)CONN_IN_EVENTS;
		conn_dispatch(conn);
	}
}
