/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/param.h>

#include "internal.h"

static struct h2_node *node_add(struct h2_session *session, struct h2_queue *queue)
{
	struct h2_node *node = h2_alloc(session, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->next = NULL;
	node->at = node->used = 0;
	if (queue->tail != NULL)
		queue->tail->next = node;
	else
		queue->head = node;
	queue->tail = node;
	return node;
}

size_t h2_queue_put(
	struct h2_session *session, struct h2_queue *queue, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct h2_node *node = queue->tail;
		size_t step;

		if (node == NULL || node->used == sizeof(node->data))
			node = node_add(session, queue);
		if (node == NULL)
			break;
		step = MIN(len - done, sizeof(node->data) - node->used);
		memcpy(node->data + node->used, data + done, step);
		node->used += step;
		done += step;
	}
	queue->len += done;
	return done;
}

size_t h2_queue_peek(const struct h2_queue *queue, const char **data)
{
	const struct h2_node *node = queue->head;

	if (node == NULL)
		return 0;
	*data = node->data + node->at;
	return node->used - node->at;
}

void h2_queue_take(struct h2_session *session, struct h2_queue *queue, size_t len)
{
	queue->len -= len;
	while (queue->head != NULL) {
		struct h2_node *node = queue->head;
		size_t step = MIN(len, node->used - node->at);

		node->at += step;
		len -= step;
		if (node->at < node->used)
			return;
		queue->head = node->next;
		if (queue->head == NULL)
			queue->tail = NULL;
		h2_free(session, node);
	}
}

void h2_queue_clear(struct h2_session *session, struct h2_queue *queue)
{
	h2_queue_take(session, queue, queue->len);
}
