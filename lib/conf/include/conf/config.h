/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/ip.h"
#include "base/log.h"
#include "conf/access.h"
#include "conf/action.h"
#include "conf/json_body.h"
#include "conf/mode.h"
#include "conf/port.h"
#include "conf/traffic.h"

/*
 * A whole configuration, read and checked: every name refers to something that exists, every
 * number is in range. Immutable after config_load(); owned by the control thread; anything may
 * read it. All strings belong to the config.
 *
 * Where a field's place in the JSON matters to a later step (a certificate that will not load),
 * the struct keeps 'line' and the step reports through config_error().
 */
struct config;

enum config_idle { CONFIG_IDLE_POLL, CONFIG_IDLE_ADAPTIVE };
enum config_forward {
	CONFIG_FORWARD_FULL_NAT,
	CONFIG_FORWARD_NAT,
	CONFIG_FORWARD_DSR_L2,
	CONFIG_FORWARD_DSR_IPIP,
	CONFIG_FORWARD_DSR_GUE,
	CONFIG_FORWARDS,
};
/* When SYNs of a service are answered here, by SYN cookies */
enum config_syn_proxy { CONFIG_SYN_PROXY_OFF, CONFIG_SYN_PROXY_FLOOD, CONFIG_SYN_PROXY_ALWAYS };

/* How a member that sees our address is told of the client's */
enum config_client_address {
	CONFIG_CLIENT_ADDRESS_NONE,
	CONFIG_CLIENT_ADDRESS_PROXY_V1,
	CONFIG_CLIENT_ADDRESS_PROXY_V2,
	CONFIG_CLIENT_ADDRESS_TOA,
};

enum config_oversize { CONFIG_OVERSIZE_FRAGMENT, CONFIG_OVERSIZE_CLAMP_MSS, CONFIG_OVERSIZE_DROP };
enum config_hash {
	CONFIG_HASH_FIVE_TUPLE,
	CONFIG_HASH_SOURCE_IP,
	CONFIG_HASH_SOURCE_IP_PORT,
	CONFIG_HASH_DESTINATION,
	CONFIG_HASH_QUIC_CID, /* what no connection ID decides: as CONFIG_HASH_FIVE_TUPLE */
};
enum config_quic_layout { CONFIG_QUIC_LB, CONFIG_QUIC_KATRAN };
enum config_balance {
	CONFIG_BALANCE_MAGLEV,
	CONFIG_BALANCE_ROUND_ROBIN, /* weighted, smooth */
	CONFIG_BALANCE_LEAST_REQUESTS,
	CONFIG_BALANCE_P2C,
	CONFIG_BALANCE_SOURCE_HASH,
	CONFIG_BALANCE_RR,                /* weights ignored */
	CONFIG_BALANCE_LEAST_CONNECTIONS, /* weighted */
	CONFIG_BALANCE_LC,                /* weights ignored */
	CONFIG_BALANCE_RANDOM,            /* weighted */
	CONFIG_BALANCE_RING_HASH,
	CONFIG_BALANCE_PEAK_EWMA,
	CONFIG_BALANCES,
};
enum config_health {
	CONFIG_HEALTH_NONE,
	CONFIG_HEALTH_TCP,
	CONFIG_HEALTH_HTTP,
	CONFIG_HEALTH_TLS,
	CONFIG_HEALTH_GRPC,
};
enum config_client_auth {
	CONFIG_CLIENT_AUTH_NONE,
	CONFIG_CLIENT_AUTH_OPTIONAL,
	CONFIG_CLIENT_AUTH_REQUIRED
};
#define CONFIG_CIPHERS_ALL 0x1ff
enum config_alpn { CONFIG_ALPN_HTTP1 = 1, CONFIG_ALPN_H2 = 2 };
/* The last: what the member chooses. */
enum config_protocol { CONFIG_PROTOCOL_H1, CONFIG_PROTOCOL_H2, CONFIG_PROTOCOL_ALPN };
enum config_proxy_others { CONFIG_PROXY_OTHERS_REFUSE, CONFIG_PROXY_OTHERS_DIRECT };
enum config_congestion { CONFIG_CONGESTION_CUBIC, CONFIG_CONGESTION_NEWRENO };
enum config_ecn { CONFIG_ECN_ACCEPT, CONFIG_ECN_OFF, CONFIG_ECN_REQUEST };
enum config_announce_when { CONFIG_ANNOUNCE_ALL, CONFIG_ANNOUNCE_ANY };
enum config_memory { CONFIG_MEMORY_AUTO, CONFIG_MEMORY_HUGEPAGES, CONFIG_MEMORY_NORMAL };

#define CONFIG_CORES_MAX 64

/* "cores" */
struct config_cores {
	unsigned control;              /* "control": CPU of the control thread, default 0 */
	unsigned l4[CONFIG_CORES_MAX]; /* "l4": CPU numbers, one L4 worker each, default [1] or
					* [0] on one CPU */
	unsigned l4_count;
	unsigned l7[CONFIG_CORES_MAX]; /* "l7": CPU numbers; a CPU in both lists runs both
					* loops. Default: the same as "l4" */
	unsigned l7_count;
	enum config_idle idle;  /* "idle": default "adaptive" */
	unsigned idle_after_us; /* "idle_after_us": empty polls before the first sleep */
	unsigned idle_sleep_us; /* "idle_sleep_us": 50 */
};

/* "memory" */
struct config_memory_settings {
	enum config_memory pages; /* "pages": auto takes hugepages where there are some */
	unsigned size_mb;         /* "size_mb": 0 = what packet_buffers need */
	unsigned packet_buffers;  /* "packet_buffers": mbufs, default 65536 */
};

/* "routes"[]: static; longest prefix wins */
struct config_route {
	struct ip_prefix to;
	struct ip_addr via;
	unsigned port; /* index into ports: the one whose prefix holds via */
	int line;
};

/* "neighbors"[]: static ARP and NDP entries */
struct config_neighbor {
	struct ip_addr address;
	uint8_t mac[6];
	unsigned port;
	int line;
};

/* "announce": usable VIPs as routes of the kernel, for a routing daemon to take from there */
struct config_announce {
	unsigned table;    /* "table": routing table, 100 */
	unsigned protocol; /* "protocol": their mark, 80 */
	enum config_announce_when when;
};

/* "certificates"[] */
struct config_certificate {
	const char *name;
	const char *chain_path; /* absolute: relative ones count from the file's folder */
	const char *key_path;
	const char *ocsp_path;   /* "ocsp": NULL: chain_path with ".ocsp" behind it, if any */
	const char *ocsp_issuer; /* "ocsp_issuer": likewise with ".issuer" */
	int line;
};

#define CONFIG_QUIC_ID_MAX 15 /* bytes of a server ID */

/* What connection IDs of QUIC call a member. */
struct config_quic_id {
	uint8_t len; /* 0: none */
	uint8_t bytes[CONFIG_QUIC_ID_MAX];
};

struct config_member {
	struct ip_addr address;
	uint16_t port;                 /* 0: the one that the client's packet has (L4) */
	const char *name;              /* "name", default "ADDRESS:PORT" */
	unsigned weight;               /* 0-256, default 1; 0 drains */
	unsigned tier;                 /* "tier": 0-15, 0 is asked first */
	struct config_quic_id quic_id; /* "quic_server_id" */
	int line;
};

struct config_health_check {
	enum config_health type;
	unsigned interval_ms; /* 2000 */
	unsigned timeout_ms;  /* 1000 */
	unsigned rise;        /* 2 */
	unsigned fall;        /* 3 */
	const char *path;     /* http: "/" */
	const char *host;     /* http: Host header, default the member's endpoint */
	unsigned expect;      /* http: status, 200; 0 = any 2xx or 3xx */
	const char *service;  /* grpc: of grpc.health.v1, "" = the whole server */
};

/* "tls" of a pool */
struct config_pool_tls {
	bool verify;             /* "verify": true */
	const char *ca;          /* "ca": NULL without verify */
	const char *server_name; /* "server_name": SNI, and verified; NULL without verify */
	unsigned certificate;    /* "certificate": index; UINT_MAX: none */
	unsigned min_version;    /* 0x0303 (TLS 1.2) or 0x0304 */
	unsigned max_version;
	unsigned alpn; /* "alpn": CONFIG_ALPN_* or-ed, never 0 */
};

/* "pools": { name: ... } */
struct config_pool {
	const char *name;
	enum config_balance balance;   /* default maglev */
	enum config_protocol protocol; /* "protocol": L7, default h1; with TLS by "alpn" */
	bool has_tls;                  /* "tls": L7, toward members */
	struct config_pool_tls tls;
	struct config_member *members;
	size_t member_count;
	struct config_health_check health;
	unsigned connect_timeout_ms;     /* L7: 3000 */
	unsigned response_timeout_ms;    /* L7: to the response head, 30000 */
	unsigned idle_timeout_ms;        /* L7: kept upstream connections, 60000 */
	unsigned max_idle_connections;   /* L7: kept per worker and member, 64 */
	unsigned slow_start_ms;          /* "slow_start_ms": 0 = at once */
	unsigned second_chance_ms;       /* "second_chance_ms": 60000; 0 = none */
	unsigned tier_min_pct;           /* "tier_min_pct": 0 = the last one */
	struct config_attribute hash_on; /* L7: for consistent schedulers */
	struct config_sticky sticky;     /* L7 */
	struct config_retry retry;       /* L7 */
	struct config_outlier outlier;
	struct config_pool_limits limits;          /* L7 */
	enum config_client_address client_address; /* "client_address": L7, none or proxy-* */
	int line;
};

enum config_path {
	CONFIG_PATH_PREFIX, /* on segment borders */
	CONFIG_PATH_EXACT,
	CONFIG_PATH_TEMPLATE, /* "/users/{id}" */
	CONFIG_PATH_REGEX,
};

enum config_text_test {
	CONFIG_TEXT_PRESENT,
	CONFIG_TEXT_ABSENT,
	CONFIG_TEXT_EXACT,
	CONFIG_TEXT_PREFIX,
	CONFIG_TEXT_SUFFIX,
	CONFIG_TEXT_CONTAINS,
	CONFIG_TEXT_REGEX,
	CONFIG_TEXT_RANGE,
};

/* What a header field, query parameter, cookie or field of a JSON body must be: { name: TEXT or an
 * object } */
struct config_text_match {
	const char *name; /* header fields: lower case */
	enum config_text_test test;
	const char *text;
	uint64_t min; /* "range": both ends included */
	uint64_t max;
	bool is_present; /* "present": asked for, while it is the only key */
	int line;
};

struct config_text_matches {
	struct config_text_match *items;
	size_t count;
};

/* "split"[] */
struct config_split {
	unsigned pool;
	unsigned weight;
	int line;
};

/* "affinity" of a service */
struct config_affinity {
	unsigned timeout_ms; /* 0: no affinity */
	unsigned prefix4;    /* "prefix4": 32 */
	unsigned prefix6;    /* "prefix6": 128 */
};

/* "quic" of a service */
struct config_quic {
	enum config_quic_layout layout;
	unsigned server_id_bytes; /* quic-lb: 1-15 */
	unsigned config_id;       /* quic-lb: 0-6 */
};

/* "user_agent": what a User-Agent looks like */
#define CONFIG_AGENT_MOBILE  1
#define CONFIG_AGENT_TABLET  2
#define CONFIG_AGENT_DESKTOP 4
#define CONFIG_AGENT_BOT     8
#define CONFIG_AGENT_TOOL    16
#define CONFIG_AGENT_OTHER   32

/* What a request must be beside its host and path: all that is given must fit. */
#define CONFIG_CONDITIONS                                                                          \
	const char **methods; /* any of them */                                                    \
	size_t method_count;                                                                       \
	struct config_text_matches headers; /* all of them, as all of the next ones */             \
	struct config_text_matches query;                                                          \
	struct config_text_matches cookies;                                                        \
	struct config_text_matches tls;  /* names are those of conf/fact.def */                    \
	struct config_text_matches json; /* names are JSON pointers (RFC 6901) */                  \
	struct ip_prefix *sources;       /* "source": any of them */                               \
	size_t source_count;                                                                       \
	unsigned agents; /* CONFIG_AGENT_* or-ed; 0: any */                                        \
	bool has_grpc;                                                                             \
	const char **alpns; /* tls-passthrough: the client offers any of them */                   \
	size_t alpn_count;                                                                         \
	const char *grpc_service; /* NULL: any */                                                  \
	const char *grpc_method;  /* NULL: any */                                                  \
	unsigned share;           /* parts of CONFIG_SHARE_WHOLE */                                \
	struct config_conditions *any_of;                                                          \
	size_t any_of_count; /* 0: not asked for, as the next ones */                              \
	struct config_conditions *all_of;                                                          \
	size_t all_of_count;                                                                       \
	struct config_conditions *none_of;                                                         \
	size_t none_of_count

struct config_conditions {
	CONFIG_CONDITIONS;
	int line;
};

/* A row of the routing table */
struct config_l7_route {
	const char *host; /* NULL: any; "example.com", "*.example.com" or "www.*", lower case */
	const char *path; /* NULL: any */
	enum config_path path_kind;
	union {
		struct {
			CONFIG_CONDITIONS;
		};
		struct config_conditions conditions; /* the same */
	};
	const char *name; /* NULL: none */
	unsigned pool;    /* index into pools; UINT_MAX: see split, or the actions answer */
	struct config_split *splits;
	size_t split_count;
	struct config_retry retry; /* is_set: instead of the pool's */
	bool has_fallback;
	unsigned fallback; /* "fallback": index into pools */
	struct config_attribute split_by;
	struct config_mirror mirror;
	struct config_actions actions;
	int line;
};

/* "tunnels" of a service */
struct config_tunnels {
	bool websocket;            /* "websocket": true */
	unsigned idle_timeout_ms;  /* "idle_timeout_ms": 3600000 */
	unsigned close_timeout_ms; /* "close_timeout_ms": 5000 */
};

/* "h2": what one connection of HTTP/2 may do; max_* of frames are for each 10 seconds */
struct config_h2 {
	unsigned max_streams;             /* 100 */
	unsigned stream_window_bytes;     /* 65535 */
	unsigned connection_window_bytes; /* 262144 */
	unsigned max_memory_bytes;        /* 8 MB */
	unsigned max_resets;              /* 200 */
	unsigned max_errors;              /* 100 */
	unsigned max_continuations;       /* in one header section, 8 */
	unsigned max_settings;            /* 50 */
	unsigned max_pings;               /* 100 */
	unsigned max_priorities;          /* 200 */
	unsigned max_window_updates;      /* 1000 */
	unsigned max_empty_frames;        /* 100 */
};

struct config_http_limits {
	unsigned header_timeout_ms; /* "header_timeout_ms": absolute, 10000 */
	unsigned idle_timeout_ms;   /* "idle_timeout_ms": between requests, 60000 */
	unsigned body_timeout_ms;   /* "body_timeout_ms": without progress, 30000 */
	unsigned max_header_bytes;  /* "max_header_bytes": 16384 */
	unsigned max_header_fields; /* "max_header_fields": 100 */
	unsigned max_target_bytes;  /* "max_target_bytes": 8192 */
	uint64_t max_body_bytes;    /* "max_body_bytes": 0 = no limit */
};

enum config_source_check {
	CONFIG_SOURCE_CHECK_NONE,
	CONFIG_SOURCE_CHECK_LOOSE,
	CONFIG_SOURCE_CHECK_STRICT,
};
enum config_ip_options { CONFIG_IP_OPTIONS_DROP, CONFIG_IP_OPTIONS_PASS };

/* "acl": networks without host bits, no one in both lists; files are read in already */
struct config_acl {
	struct ip_prefix *allow; /* not empty: who is in no list may not come */
	size_t allow_count;
	struct ip_prefix *deny;
	size_t deny_count;
};

/* "limits" of a service; rates of 0 are no limit */
struct config_limits {
	unsigned packets_per_s;
	unsigned connections_per_s; /* TCP services */
	unsigned source_packets_per_s;
	unsigned source_connections_per_s;
	unsigned burst_ms; /* "burst_ms": 1000 */
};

/* "accept_proxy" of a service: L7 */
struct config_accept_proxy {
	struct ip_prefix *from;          /* "from": whose connections begin with a PROXY header */
	size_t from_count;               /* 0: the key is not there, and nobody's do */
	enum config_proxy_others others; /* "others": default "refuse" */
};

/* "syn_proxy" of a service: full-nat, TCP */
struct config_syn_guard {
	enum config_syn_proxy when; /* "when": default "off" */
	unsigned syns_per_s;        /* "syns_per_s": 10000; "flood" */
};

/* "guard" */
struct config_guard {
	struct config_acl acl;                 /* of all services */
	enum config_source_check source_check; /* default none */
	enum config_ip_options ip_options;     /* "ip_options": default drop */
	unsigned sources;                      /* "sources": of each worker, 65536 */
	unsigned icmp_per_s; /* "icmp_per_s": of each worker, 10000; 0: no limit */
};

/* How clients are spoken to over TLS. */
struct config_tls_policy {
	unsigned min_version;                /* 0x0303 (TLS 1.2) or 0x0304 */
	unsigned max_version;                /* "max_version": likewise */
	unsigned ciphers;                    /* "ciphers": bits as enum tls_suite of lib/tls */
	enum config_client_auth client_auth; /* "client_certificates" */
	const char *client_ca;               /* "client_ca": NULL without them */
	const char *client_crl;              /* "client_crl": NULL: none */
	unsigned client_depth;               /* "client_depth": 1 is no intermediates */
	unsigned alpn; /* "alpn": CONFIG_ALPN_* or-ed, in our order; default all */
};

/* "tls.hosts"[] of a service */
struct config_tls_host {
	struct config_tls_policy policy; /* what is not given is as the service has it */
	const char **names;              /* "example.com" or "*.example.com", lower case */
	size_t name_count;
	const char *joined_names; /* the same, separated by spaces */
	int line;
};

/* "services"[] */
struct config_service {
	const char *name;
	struct ip_addr address; /* "listen": "ADDRESS:PORT/tcp|udp|sctp" */
	uint16_t port;          /* of a range the first; 0: all ports, up to 65535 */
	uint16_t port_max;      /* the last, or the same */
	uint8_t protocol;       /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	enum config_mode mode;
	/* l4 */
	enum config_forward forward;
	enum config_hash hash;
	bool is_stateless;             /* "stateless": dsr modes with maglev */
	enum config_oversize oversize; /* "oversize": default "fragment" */
	unsigned gue_variant;          /* "gue_variant": 0 or 1 */
	unsigned gue_port;             /* "gue_port": 6080 */
	struct ip_prefix outer_source; /* "outer_source": all zero = a local address */
	unsigned pool;                 /* index into pools; l7: the default pool or UINT_MAX */
	unsigned tcp_idle_timeout_ms;  /* "tcp_idle_timeout_ms": established, 900000 */
	unsigned udp_idle_timeout_ms;  /* "udp_idle_timeout_ms": 30000 */
	struct config_affinity affinity;
	struct config_quic quic;
	unsigned sctp_idle_timeout_ms; /* "sctp_idle_timeout_ms": 900000 */
	struct config_syn_guard syn_proxy;
	enum config_client_address client_address; /* "client_address": default "none" */
	/* l7 */
	bool is_tls;
	unsigned *certificates; /* indexes; the first answers unknown names */
	size_t certificate_count;
	struct config_tls_policy tls_policy;
	struct config_tls_host *tls_hosts; /* "hosts": other policies for some names */
	size_t tls_host_count;
	unsigned tls_unknown_names;     /* "unknown_names": 1: refuse */
	const char *tls_ticket_keys;    /* "ticket_keys": NULL: made at the first load */
	const char *tls_key_log;        /* "key_log": NULL: none */
	struct config_l7_route *routes; /* in file order */
	size_t route_count;
	struct config_http_limits http;
	struct config_h2 h2;
	struct config_tunnels tunnels;
	struct config_json_body json_body;
	bool prior_knowledge; /* "prior_knowledge": HTTP/2 without TLS, true */
	bool trust_forwarded; /* "trust_forwarded": keep the client's X-Forwarded-* */
	struct config_accept_proxy accept_proxy;
	struct config_passthrough passthrough;
	struct config_request_id request_id;
	enum config_trace_context trace_context; /* "trace_context": default "pass" */
	/* both */
	struct config_acl acl;
	struct config_limits limits;
	int line;
};

/* "tcp": the L7 workers' stacks */
struct config_tcp {
	enum config_congestion congestion; /* "congestion": default "cubic" */
	enum config_ecn ecn;               /* "ecn": default "accept" */
	unsigned user_timeout_ms;          /* "user_timeout_ms": 120000 */
	unsigned keepalive_ms;             /* "keepalive_ms": 0 = none */
	unsigned keepalive_interval_ms;    /* "keepalive_interval_ms": 75000 */
	unsigned keepalive_count;          /* "keepalive_count": 9 */
	unsigned time_wait_ms;             /* "time_wait_ms": 60000 */
	unsigned send_buffer;              /* "send_buffer_bytes": 262144 */
	unsigned receive_window;           /* "receive_window_bytes": 262144 */
	unsigned receive_window_max;       /* "receive_window_max_bytes": 4194304 */
	unsigned max_half_open;            /* "max_half_open": per worker, 16384 */
	bool nagle;                        /* "nagle": false */
	bool pacing;                       /* "pacing": false */
};

/* "log" */
struct config_log {
	enum log_level level; /* "level": default "info" */
};

/* "stats" */
struct config_stats {
	const char *socket;       /* "socket": default "/run/penstock/penstock.sock" */
	unsigned socket_mode;     /* "mode": "0660" */
	const char *socket_group; /* "group": NULL = the process's own */
};

/* All that is wrong with a file: "PATH:LINE: JSON.PATH: words". Grows; owned by the caller. */
struct config_errors {
	char **lines;
	size_t count;
	size_t capacity;
};

struct config {
	const char *path; /* the file, as given */
	char *text;       /* its bytes as read, for show config */
	const char *seed; /* "seed": keys Maglev over a fleet, default "" */
	struct config_cores cores;
	struct config_memory_settings memory;
	struct config_port *ports;
	size_t port_count;
	struct config_route *routes;
	size_t route_count;
	struct config_neighbor *neighbors;
	size_t neighbor_count;
	struct ip_addr *local_addresses; /* sources toward members; default: all port addresses */
	size_t local_address_count;
	unsigned local_port_min; /* "local_ports": "1024-65535"; cut into worker slices */
	unsigned local_port_max;
	unsigned max_connections;     /* "max_connections": L4 flows per worker, 1048576 */
	unsigned maglev_size;         /* "maglev_size": a prime, 65537 */
	unsigned drain_timeout_ms;    /* "drain_timeout_ms": at shutdown, 10000 */
	unsigned neighbor_timeout_ms; /* "neighbor_timeout_ms": reachable time, 30000 */
	struct config_guard guard;
	bool has_announce;
	struct config_announce announce;
	struct config_certificate *certificates;
	size_t certificate_count;
	struct config_pool *pools;
	size_t pool_count;
	struct config_service *services;
	size_t service_count;
	struct config_tcp tcp;
	struct config_log log;
	struct config_access_log access_log;
	struct config_stats stats;
	struct config_errors warnings; /* likewise: what may be meant, and is a trap */
	void *arena;                   /* owns all of the above but the warnings */
};

/* The name of a scheduler, as lib/balance and statistics call it. Any thread. */
const char *config_balance_name(enum config_balance balance);

/*
 * Reads and checks a file (and the route files that it names). Returns a config, or NULL with at
 * least one line in errors. Control thread.
 */
struct config *config_load(const char *path, struct config_errors *errors);
void config_destroy(struct config *config);

void config_error(struct config_errors *errors, const char *file, int line, const char *json_path,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
void config_errors_clear(struct config_errors *errors);

/* Generated from the field tables: the JSON Schema (draft 2020-12) and the reference page. */
void config_schema_print(FILE *out);
void config_reference_print(FILE *out);

#endif
