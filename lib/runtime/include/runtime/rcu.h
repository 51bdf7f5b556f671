/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_RCU_H
#define RUNTIME_RCU_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Snapshots and their end. Workers are the readers: each registers, and says once a loop that it
 * holds nothing. The control thread publishes by pointer and hands old objects over here; they are
 * freed after a grace period (rte_rcu_qsbr.h) and, if they say so, once nothing uses them any more.
 */
struct rcu;

struct rcu *rcu_create(unsigned reader_count);

/* NULL is fine. Everything deferred is destroyed at once: workers must have ended. */
void rcu_destroy(struct rcu *rcu);

/* Reader's side, on its own core. */
void rcu_reader_enter(struct rcu *rcu, unsigned reader);
void rcu_reader_leave(struct rcu *rcu, unsigned reader);
void rcu_reader_quiescent(struct rcu *rcu, unsigned reader);

/*
 * Control thread. Takes the object over: destroy(object) is called from rcu_reap() after a grace
 * period, and not before is_idle(object), where given, says true. 0 or -ENOMEM.
 */
int rcu_defer(struct rcu *rcu, void *object, bool (*is_idle)(void *object),
	void (*destroy)(void *object));

/* Control thread, now and then: destroys what may go. Returns how many objects still wait. */
unsigned rcu_reap(struct rcu *rcu);

#endif
