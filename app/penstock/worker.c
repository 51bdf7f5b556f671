/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "base/clock.h"
#include "tls/tls.h"

#define CALL_NONE    0u
#define CALL_WAITING 1u
#define CALL_RUNNING 2u
#define CALL_DONE    3u

#define CALL_POLL_US 20

/* Adopts a snapshot: cheap when only member states changed. */
static void snapshot_adopt(struct worker *w, const struct snapshot *snapshot)
{
	w->snapshot = snapshot;
	if (w->config_generation == snapshot->config_generation)
		return;
	w->config_generation = snapshot->config_generation;
	/* One worker announces: the others' ports are the same. */
	if (w->neigh != NULL)
		neigh_apply(w->neigh, snapshot->net, w->core.l4_index == 0, w->now_us);
}

/* A bond's traffic takes another way: switches learn of it by what one worker sends. */
static __rte_noinline void ports_announce(struct worker *w, const struct snapshot *snapshot)
{
	neigh_announce(w->neigh, snapshot->net, atomic_exchange(&w->app->announce_ports, 0));
}

static void drain_begin(struct worker *w)
{
	w->is_draining = true;
	if (w->l7 != NULL)
		l7_drain(w->l7, w->now_us);
}

static unsigned ports_poll(struct worker *w)
{
	struct rte_mbuf *frames[PORT_BURST];
	unsigned total = 0;

	for (unsigned i = 0; i < w->app->device_count; i++) {
		uint16_t count;

		if (!w->has_queue[i])
			continue;
		count = port_rx(&w->app->ports[i], w->tx[i].queue, &w->core, frames);
		if (count == 0)
			continue;
		if (w->app->ports[i].vlans != NULL)
			trunk_frames(w, i, frames, count);
		else if (i < w->app->port_count)
			dispatch_frames(w, i, frames, count);
		else
			exception_return(w, i, frames, count);
		total += count;
	}
	return total;
}

static void ports_flush(struct worker *w)
{
	for (unsigned i = 0; i < w->app->device_count; i++) {
		if (w->has_queue[i])
			port_tx_flush(&w->tx[i]);
	}
}

static void call_answer(struct worker *w)
{
	struct control_worker view = {
		.core = &w->core,
		.l4 = w->l4,
		.l7 = w->l7,
		.neigh = w->neigh,
		.now_us = w->now_us,
	};
	unsigned expected = CALL_WAITING;

	if (atomic_load_explicit(&w->call.state, memory_order_relaxed) != CALL_WAITING)
		return;
	if (!atomic_compare_exchange_strong(&w->call.state, &expected, CALL_RUNNING))
		return;
	w->call.fn(&view, w->call.arg);
	atomic_store_explicit(&w->call.state, CALL_DONE, memory_order_release);
}

/* One turn of the loop. Returns how many packets it handled. */
static unsigned turn_run(struct worker *w)
{
	const struct snapshot *snapshot = atomic_load_explicit(
		&w->app->snapshot, memory_order_acquire);
	unsigned work;

	w->now_us = clock_now_us();
	if (snapshot != w->snapshot)
		snapshot_adopt(w, snapshot);
	if (w->core.l4_index == 0 &&
		atomic_load_explicit(&w->app->announce_ports, memory_order_relaxed) != 0)
		ports_announce(w, snapshot);
	if (atomic_load_explicit(&w->app->is_draining, memory_order_relaxed) && !w->is_draining)
		drain_begin(w);
	if (w->l7 != NULL)
		l7_begin(w->l7, snapshot, w->now_us);
	work = dispatch_rings(w);
	if (w->l4 != NULL) {
		work += ports_poll(w);
		neigh_tick(w->neigh, snapshot->net, w->now_us);
		l4_tick(w->l4, snapshot, w->now_us);
		dispatch_l4_advance(w);
	}
	if (w->l7 != NULL) {
		health_advance(w->health, snapshot, w->now_us);
		l7_advance(w->l7, w->now_us);
	}
	ports_flush(w);
	call_answer(w);
	rcu_reader_quiescent(w->app->rcu, w->core.index);
	return work;
}

/* Out of work for a while: gives the CPU away for a moment. Longer than any burst's spacing, far
 * shorter than any timer. */
static void idle_wait(struct worker *w, const struct config_cores *cores)
{
	struct timespec pause = { .tv_nsec = (long)cores->idle_sleep_us * 1000 };

	if (w->idle_since_us == 0)
		w->idle_since_us = w->now_us;
	if (cores->idle == CONFIG_IDLE_POLL ||
		w->now_us - w->idle_since_us < cores->idle_after_us) {
		rte_pause();
		return;
	}
	w->core.counters.sleeps++;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static void turn_account(struct worker *w, unsigned work)
{
	uint64_t tsc = rte_rdtsc();
	uint64_t spent = tsc - w->turn_tsc;

	w->turn_tsc = tsc;
	w->core.counters.loops++;
	if (work > 0)
		w->core.counters.busy_cycles += spent;
	else
		w->core.counters.idle_cycles += spent;
}

int worker_main(void *arg)
{
	struct worker *w = arg;
	const struct config_cores *cores = &w->app->boot->cores;

	if (w->l7 != NULL && tls_thread_init(NULL) < 0)
		return -1;
	rcu_reader_enter(w->app->rcu, w->core.index);
	atomic_store(&w->is_running, true);
	w->turn_tsc = rte_rdtsc();
	while (!atomic_load_explicit(&w->app->must_stop, memory_order_relaxed)) {
		unsigned work = turn_run(w);

		if (work > 0)
			w->idle_since_us = 0;
		else
			idle_wait(w, cores);
		turn_account(w, work);
	}
	atomic_store(&w->is_running, false);
	rcu_reader_leave(w->app->rcu, w->core.index);
	if (w->l7 != NULL)
		tls_thread_finish();
	return 0;
}

int worker_run(struct worker *worker, void (*fn)(struct control_worker *worker, void *arg),
	void *arg, unsigned timeout_ms)
{
	struct timespec pause = { .tv_nsec = CALL_POLL_US * 1000 };
	uint64_t deadline_us = clock_now_us() + timeout_ms * CLOCK_US_PER_MS;
	unsigned expected = CALL_WAITING;

	worker->call.fn = fn;
	worker->call.arg = arg;
	atomic_store_explicit(&worker->call.state, CALL_WAITING, memory_order_release);
	while (atomic_load_explicit(&worker->call.state, memory_order_acquire) != CALL_DONE) {
		/* Withdrawn only while it has not begun: arg may live on this stack. */
		if (clock_now_us() > deadline_us &&
			atomic_compare_exchange_strong(&worker->call.state, &expected, CALL_NONE))
			return -ETIMEDOUT;
		expected = CALL_WAITING;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	atomic_store(&worker->call.state, CALL_NONE);
	return 0;
}
