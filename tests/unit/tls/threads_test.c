/* SPDX-License-Identifier: Apache-2.0 */
/* Workers side by side, each with contexts of its own; what a thread had is freed with it. */
#include "tls/tls.h"

#include <pthread.h>
#include <stdint.h>

#include "loop.h"
#include "support/support.h"

#define THREADS    3
#define HANDSHAKES 20

static void handshakes_run(struct loop *f)
{
	for (unsigned i = 0; i < HANDSHAKES; i++) {
		loop_stop(f);
		loop_set_version(
			f, i % 2 == 0 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2);
		loop_start(f);
		loop_connect(f);
		loop_exchange(f);
	}
}

/* Asserts here end the program, which is a failure as well. */
static void *worker(void *arg)
{
	struct err err;
	void *state;

	assert_int_equal(tls_thread_init(&err), 0);
	assert_int_equal(loop_set_up(&state), 0);
	handshakes_run(state);
	assert_int_equal(loop_tear_down(&state), 0);
	tls_thread_finish();
	return arg;
}

static void threads_do_not_meet(void **state)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, worker, (void *)(i + 1)), 0);
	handshakes_run(*state);
	for (uintptr_t i = 0; i < THREADS; i++) {
		void *result;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_int_equal((uintptr_t)result, i + 1);
	}
	/* This thread goes on. */
	handshakes_run(*state);
}

/* As the appliance does it: the control thread makes a context, a worker uses it. */
static void *use(void *arg)
{
	struct err err;

	assert_int_equal(tls_thread_init(&err), 0);
	handshakes_run(arg);
	tls_thread_finish();
	return arg;
}

static void contexts_may_move_to_their_worker(void **state)
{
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, use, *state), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(threads_do_not_meet),
		LOOP_TEST(contexts_may_move_to_their_worker),
	};

	return cmocka_run_group_tests(tests, loop_group_set_up, loop_group_tear_down);
}
