/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORLD_H
#define WORLD_H

#include "support/support.h"

#include <stdbool.h>

#include "conf/config.h"

#include "l7/l7.h"
#include "packet/proxy_header.h"
#include "tls/tls.h"

/*
 * An L7 worker and a second TCP stack joined back to back in virtual time: the second one plays
 * all clients and all members. One worker, one VIP with plain HTTP at port 80, TLS at port 443
 * when asked for; packets take LINK_US each way.
 */
#define WORLD_LINK_US 100

#define WORLD_VIP    "203.0.113.10"
#define WORLD_CLIENT "198.51.100.77"

enum world_pool { POOL_MAIN, POOL_OTHER, POOL_EMPTY, POOL_COUNT };
enum world_member { MEMBER_A, MEMBER_B, MEMBER_C, MEMBER_COUNT }; /* A and B: main, C: other */

/* A member's server: gives one answer to each request, as raw bytes. */
struct server {
	struct world *world;
	struct ip_addr address;
	uint16_t port;
	bool is_refusing;           /* no listener: RST to SYN */
	bool is_silent;             /* answers nothing at all, not even SYN */
	bool is_holding;            /* takes requests and does not answer */
	bool closes;                /* FIN behind the answer */
	bool aborts;                /* RST behind the answer */
	unsigned aborts_on_request; /* so many times: RST instead of an answer */
	bool is_stuck;              /* accepts and reads nothing */
	bool answers_early;         /* at the head, without reading the body */
	bool echoes;                /* the request's body as chunked answer, while it comes */
	const char *answer;         /* head and body; NULL: 200 with the member's letter */
	uint64_t extra_bytes;       /* generated body behind 'answer' */
	bool is_h2; /* speaks HTTP/2; then of the above: refusing, silent, holding, stuck */
	struct tls_context
		*tls; /* speaks TLS; then of the above: refusing, silent, stuck, answer, closes */
	bool cuts;    /* tls: a FIN behind the answer, and no close_notify */
	unsigned tls_failures;
	const char *trailers; /* is_h2: one "name: value\n" behind the body */
	const char *message;  /* is_h2: instead of a generated body, message_len bytes */
	size_t message_len;
	bool tunnels;       /* agrees to a WebSocket, and sends its bytes back */
	bool is_raw;        /* speaks no HTTP: sends back what comes */
	bool expects_proxy; /* a PROXY header comes first: see proxy; not with TLS or HTTP/2 */
	bool is_wrong;      /* tunnels: with the wrong Sec-WebSocket-Accept */
	char tail[16];      /* tunnels: the last bytes that came */
	unsigned eofs;      /* tunnels: ends that came */
	bool goes_away;     /* is_h2: GOAWAY behind every request */
	unsigned resets;    /* is_h2: streams that the proxy reset */
	struct proxy_header proxy; /* expects_proxy: the last one; its values end with the call */
	char proxy_authority[256];
	unsigned accepted;
	unsigned open;
	unsigned requests;
	char head[8192];         /* the last request's head, as written by the proxy */
	char trailers_seen[256]; /* the last request's, as "name=value\n" each */
	uint64_t body_bytes;
	uint32_t body_sum;
};

/* A client's connection. Bytes that come are kept up to a limit, counted and summed in any case. */
struct client {
	struct world *world;
	struct tcp_conn *tcp;
	bool is_connected;
	bool is_closed;
	bool is_eof;
	bool is_paused;  /* does not read */
	bool is_exact;   /* reads only what it can keep */
	bool is_closing; /* FIN once everything was sent */
	enum tcp_close_reason reason;
	char *sending;
	size_t sending_len, sending_at;
	uint64_t generate_left; /* generated body bytes behind 'sending' */
	uint64_t generated;
	char received[65536]; /* always ends in NUL */
	size_t received_len;
	uint64_t total;
};

struct world {
	uint64_t now_us;
	struct core core;
	struct core peer_core;
	struct config config;
	struct config_pool pools[POOL_COUNT];
	struct config_member members[MEMBER_COUNT];
	struct config_service services[2];
	struct config_port port;
	struct ip_prefix port_prefix;
	struct ip_addr local;
	struct config_l7_route routes[8];
	struct rcu *rcu;
	struct backend_registry *backend_registry;
	struct service_registry *service_registry;
	struct snapshot snapshot;
	struct backend_set *set;
	struct service_table *table;
	struct l7_listener *listeners[2];
	struct l7_pool_tls *pool_tls[POOL_COUNT];
	struct l7_core *l7;
	struct tcp_stack *peer;
	struct server servers[MEMBER_COUNT];
	struct wire *wires[2]; /* to the worker, to the peer */
	struct server_conn *server_conns;
	struct h2_server_conn *h2_server_conns;
	struct tls_server_conn *tls_server_conns;
	struct config *loaded;                  /* by world_routes_load() */
	void (*each_turn)(struct world *world); /* a test's own part of the loop, or NULL */
	void *user;
};

struct world_options {
	const char *chain_path, *key_path; /* for TLS at port 443 */
	struct config_http_limits http;    /* zero fields: a test's defaults */
	struct config_h2 h2;               /* max_streams 0: the configuration's defaults */
	bool trust_forwarded;
	uint32_t max_connections;
	struct access_ring *access;
	enum config_health health;
	const struct config_tls_host *tls_hosts;
	size_t tls_host_count;
};

struct world *world_create(const struct world_options *options);

/* Ends everything and checks that the books are balanced: connections, members, listeners. */
void world_destroy(struct world *world);

/* Publishes a snapshot with the world's configuration as it stands now. */
void world_publish(struct world *world, bool is_new_config);

/*
 * Publishes these routes instead of the world's: the inside of the list as in a file, ' stands for
 * ". Pools are "main", "other" and "empty".
 */
void world_routes_load(struct world *world, const char *routes);

/* cmocka's fixture: a world without special options. */
int world_setup(void **state);
/* The same with members that speak HTTP/2. */
int world_setup_h2(void **state);
int world_teardown(void **state);
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

/* Sends a request and checks that the text comes; forgets what came before. */
void world_exchange(struct client *client, const char *request, const char *text);

/* Lets virtual time pass. */
void world_run(struct world *world, unsigned ms);

/* The same until the text has come, or ms have passed: true if it came. */
bool world_expect(struct client *client, const char *text, unsigned ms);

/* A server that is stuck reads again, and answers what has come meanwhile: late. */
void server_resume(struct server *server);

struct member *world_member(struct world *world, enum world_member member);
struct member_counters world_member_counters(struct world *world, enum world_member member);
struct service_counters world_service_counters(struct world *world);

struct client *client_open(struct world *world, uint16_t port);
void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const void *data, size_t len);
size_t client_take(struct client *client, void *data, size_t max); /* of what was received */
void client_generate(struct client *client, uint64_t bytes);
void client_resume(struct client *client);
void client_clear(struct client *client); /* forgets what was received */
void client_abort(struct client *client);
void client_free(struct client *client);

/* Byte i of every generated body, and the sum that servers keep. */
static inline char world_byte(uint64_t i)
{
	return (char)('a' + (i * 7 + i / 251) % 26);
}

#endif
