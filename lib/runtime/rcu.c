/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rcu.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <rte_rcu_qsbr.h>

struct deferred {
	TAILQ_ENTRY(deferred) link;
	uint64_t token;
	void *object;
	bool (*is_idle)(void *object);
	void (*destroy)(void *object);
};

struct rcu {
	struct rte_rcu_qsbr *qsbr;
	TAILQ_HEAD(, deferred) waiting;
	unsigned count;
};

struct rcu *rcu_create(unsigned reader_count)
{
	struct rcu *rcu = calloc(1, sizeof(*rcu));
	size_t bytes = rte_rcu_qsbr_get_memsize(reader_count);

	if (rcu == NULL)
		return NULL;
	TAILQ_INIT(&rcu->waiting);
	rcu->qsbr = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(bytes, (size_t)RTE_CACHE_LINE_SIZE));
	if (rcu->qsbr == NULL || rte_rcu_qsbr_init(rcu->qsbr, reader_count) != 0) {
		rcu_destroy(rcu);
		return NULL;
	}
	return rcu;
}

static void deferred_finish(struct rcu *rcu, struct deferred *entry)
{
	TAILQ_REMOVE(&rcu->waiting, entry, link);
	rcu->count--;
	entry->destroy(entry->object);
	free(entry);
}

void rcu_destroy(struct rcu *rcu)
{
	struct deferred *entry;

	if (rcu == NULL)
		return;
	while ((entry = TAILQ_FIRST(&rcu->waiting)) != NULL)
		deferred_finish(rcu, entry);
	free(rcu->qsbr);
	free(rcu);
}

void rcu_reader_enter(struct rcu *rcu, unsigned reader)
{
	rte_rcu_qsbr_thread_register(rcu->qsbr, reader);
	rte_rcu_qsbr_thread_online(rcu->qsbr, reader);
}

void rcu_reader_leave(struct rcu *rcu, unsigned reader)
{
	rte_rcu_qsbr_thread_offline(rcu->qsbr, reader);
	rte_rcu_qsbr_thread_unregister(rcu->qsbr, reader);
}

void rcu_reader_quiescent(struct rcu *rcu, unsigned reader)
{
	rte_rcu_qsbr_quiescent(rcu->qsbr, reader);
}

int rcu_defer(
	struct rcu *rcu, void *object, bool (*is_idle)(void *object), void (*destroy)(void *object))
{
	struct deferred *entry = malloc(sizeof(*entry));

	if (entry == NULL)
		return -ENOMEM;
	*entry = (struct deferred){
		.token = rte_rcu_qsbr_start(rcu->qsbr),
		.object = object,
		.is_idle = is_idle,
		.destroy = destroy,
	};
	TAILQ_INSERT_TAIL(&rcu->waiting, entry, link);
	rcu->count++;
	return 0;
}

unsigned rcu_reap(struct rcu *rcu)
{
	struct deferred *entry = TAILQ_FIRST(&rcu->waiting);

	while (entry != NULL) {
		struct deferred *next = TAILQ_NEXT(entry, link);

		/* In order of age: the first whose grace period still runs ends the search. */
		if (rte_rcu_qsbr_check(rcu->qsbr, entry->token, false) != 1)
			break;
		if (entry->is_idle == NULL || entry->is_idle(entry->object))
			deferred_finish(rcu, entry);
		entry = next;
	}
	return rcu->count;
}
