/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's loop: sleeps in epoll, wakes for signals, the socket, probes and a tick. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker.h"

#define TICK_MS         50
#define EVENTS_MAX      8
#define QUIET_US        (500 * CLOCK_US_PER_MS) /* an L4 flow that sends nothing so long may go */
#define FINITE_QUIET_US (200 * CLOCK_US_PER_MS) /* a capture file that gives nothing has ended */
#define NS_PER_MS       1000000

struct supervisor {
	struct app *app;
	int epoll_fd;
	int signal_fd;
	int timer_fd;
	int link_fd;           /* links of the kernel's; -1 without bonds */
	uint64_t deadline_us;  /* of the drain; 0: not draining */
	uint64_t last_packets; /* received by all workers */
	uint64_t last_traffic_us;
	uint64_t last_forwarded; /* by all L4 workers: health probes are not among them */
	uint64_t last_forwarded_us;
	bool is_over;
};

static int watch(const struct supervisor *s, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int links_watch(struct supervisor *s, struct err *err)
{
	if (s->app->bond_count == 0)
		return 0;
	s->link_fd = port_link_watch();
	if (s->link_fd < 0)
		return err_set(err, -s->link_fd, "the kernel's links cannot be watched: %s",
			strerror(-s->link_fd));
	if (watch(s, s->link_fd) < 0)
		return err_set(err, errno, "the control thread cannot wait for links: %s",
			strerror(errno));
	return 0;
}

static int descriptors_open(struct supervisor *s, struct err *err)
{
	struct itimerspec tick = {
		.it_value.tv_nsec = TICK_MS * NS_PER_MS,
		.it_interval.tv_nsec = TICK_MS * NS_PER_MS,
	};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (s->epoll_fd < 0 || s->signal_fd < 0 || s->timer_fd < 0 ||
		timerfd_settime(s->timer_fd, 0, &tick, NULL) < 0 || watch(s, s->signal_fd) < 0 ||
		watch(s, s->timer_fd) < 0 || watch(s, s->app->results_fd) < 0 ||
		watch(s, control_fd(s->app->control)) < 0)
		return err_set(err, errno, "the control thread cannot wait for events: %s",
			strerror(errno));
	return links_watch(s, err);
}

static void descriptors_close(struct supervisor *s)
{
	if (s->link_fd >= 0)
		close(s->link_fd);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->timer_fd >= 0)
		close(s->timer_fd);
}

static void drain_start(struct supervisor *s, const char *reason)
{
	const struct snapshot *snapshot = atomic_load(&s->app->snapshot);
	unsigned timeout_ms = snapshot->config->drain_timeout_ms;

	if (s->deadline_us != 0) {
		log_notice("%s again: stopping at once", reason);
		s->is_over = true;
		return;
	}
	log_notice("%s: draining connections for at most %u ms", reason, timeout_ms);
	notify_systemd("STOPPING=1");
	s->deadline_us = clock_now_us() + timeout_ms * CLOCK_US_PER_MS;
	s->last_forwarded_us = clock_now_us();
	atomic_store(&s->app->is_draining, true);
	/* First of all: routers send new clients elsewhere from here on. */
	app_announce(s->app);
}

static void reload_run(struct app *app)
{
	struct config_errors errors = { 0 };

	notify_systemd("RELOADING=1");
	if (app_reload(app, &errors) < 0) {
		for (size_t i = 0; i < errors.count; i++)
			log_error("%s", errors.lines[i]);
		log_error("%s was not loaded: the running configuration stays", app->config_path);
	}
	config_errors_clear(&errors);
	notify_systemd("READY=1");
}

/* logrotate's way: the file has another name by now. */
static void log_reopen(struct app *app)
{
	struct err err = { .text = "" };

	if (access_log_reopen(app->access, &err) < 0)
		log_error("%s: the old file stays in use", err.text);
}

static void signals_take(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload_run(s->app);
		else if (info.ssi_signo == SIGUSR1)
			log_reopen(s->app);
		else
			drain_start(s, strsignal((int)info.ssi_signo));
	}
}

struct load {
	uint64_t l4_conns;
	uint64_t l7_conns;
};

static void load_add(struct control_worker *worker, void *arg)
{
	struct load *load = arg;

	if (worker->l4 != NULL)
		load->l4_conns += l4_conn_count(worker->l4);
	if (worker->l7 != NULL)
		load->l7_conns += l7_conn_count(worker->l7);
}

static struct load load_measure(struct app *app)
{
	struct load load = { 0 };

	for (unsigned i = 0; i < app->worker_count; i++)
		(void)worker_run(app->workers[i], load_add, &load, TICK_MS);
	return load;
}

/* Remembers when a sum of counters last grew. */
static void growth_note(uint64_t sum, uint64_t *last, uint64_t *last_us, uint64_t now_us)
{
	if (sum == *last)
		return;
	*last = sum;
	*last_us = now_us;
}

static void traffic_note(struct supervisor *s, uint64_t now_us)
{
	uint64_t packets = 0;
	uint64_t forwarded = 0;

	for (unsigned i = 0; i < s->app->worker_count; i++) {
		const struct worker *w = s->app->workers[i];

		packets += stats_read(&w->core.counters.rx_packets);
		if (w->l4 != NULL)
			forwarded += stats_read(&l4_counters(w->l4)->packets_forwarded);
	}
	growth_note(packets, &s->last_packets, &s->last_traffic_us, now_us);
	growth_note(forwarded, &s->last_forwarded, &s->last_forwarded_us, now_us);
}

static void drain_check(struct supervisor *s, uint64_t now_us)
{
	struct load load = load_measure(s->app);
	bool is_quiet = now_us - s->last_forwarded_us >= QUIET_US;

	if (load.l7_conns == 0 && (load.l4_conns == 0 || is_quiet)) {
		log_notice("all connections are drained");
		s->is_over = true;
	} else if (now_us >= s->deadline_us) {
		log_warning("drain time is over: %llu L4 and %llu L7 connections are cut",
			(unsigned long long)load.l4_conns, (unsigned long long)load.l7_conns);
		s->is_over = true;
	}
}

/* With capture files for ports the process is a function: it ends when the input has. */
static bool has_input_ended(const struct supervisor *s, uint64_t now_us)
{
	for (unsigned i = 0; i < s->app->port_count; i++) {
		if (!s->app->ports[i].is_finite)
			return false;
	}
	return s->app->port_count > 0 && now_us - s->last_traffic_us >= FINITE_QUIET_US;
}

static void tick_take(struct supervisor *s)
{
	uint64_t expirations;
	uint64_t now_us = clock_now_us();

	if (read(s->timer_fd, &expirations, sizeof(expirations)) < 0)
		return;
	rcu_reap(s->app->rcu);
	access_log_poll(s->app->access, now_us);
	app_bonds_poll(s->app, now_us);
	app_eject(s->app, now_us);
	app_warm(s->app, now_us);
	traffic_note(s, now_us);
	if (s->app->shutdown_requested && s->deadline_us == 0)
		drain_start(s, "shutdown command");
	if (s->deadline_us != 0)
		drain_check(s, now_us);
	else if (has_input_ended(s, now_us))
		s->is_over = true;
}

static void links_take(struct supervisor *s)
{
	port_link_drain(s->link_fd);
	app_bonds_poll(s->app, clock_now_us());
}

static void events_take(struct supervisor *s)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(s->epoll_fd, events, EVENTS_MAX, -1);

	for (int i = 0; i < count; i++) {
		int fd = events[i].data.fd;

		if (fd == s->signal_fd)
			signals_take(s);
		else if (fd == s->timer_fd)
			tick_take(s);
		else if (fd == s->link_fd)
			links_take(s);
		else if (fd == s->app->results_fd)
			app_take_results(s->app);
		else
			control_poll(s->app->control);
	}
}

int app_supervise(struct app *app, struct err *err)
{
	struct supervisor s = {
		.app = app,
		.epoll_fd = -1,
		.signal_fd = -1,
		.timer_fd = -1,
		.link_fd = -1,
		.last_traffic_us = clock_now_us(),
	};
	int status = descriptors_open(&s, err);

	if (status == 0) {
		notify_systemd("READY=1");
		log_notice("penstock " PENSTOCK_VERSION " is ready: %u L4 and %u L7 workers",
			app->l4_count, app->l7_count);
		while (!s.is_over)
			events_take(&s);
	}
	descriptors_close(&s);
	return status;
}
