/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS costs a server: Penstock's sessions and OpenSSL's, in memory, with one and the same
 * OpenSSL client. Only the server's calls are counted, in CPU time of this thread. One line of JSON
 * for each case and server: {"case","unit","server","value"}, value in CPU microseconds per unit.
 * Usage: penstock-bench-tls [HANDSHAKES [MEGABYTES]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls/tls.h"

#define NAME          "bench.example"
#define RECORD_BYTES  16383 /* the most that mbedTLS puts in a record of TLS 1.3 */
#define BATCH_RECORDS 32
#define MOST_STEPS    16 /* of a handshake, until it must be over */
#define NS_PER_US     1000.0
#define BYTES_PER_MB  1e6

struct bench_case {
	const char *name;
	int version;
	bool is_rsa;
	bool is_resumed;
	const char *groups;
	const char *suite; /* records only; NULL: a handshake */
	size_t record_bytes;
	bool is_decrypting;
};

static const struct bench_case cases[] = {
	{ .name = "1.3 ECDSA P-256, X25519", .version = TLS1_3_VERSION, .groups = "X25519" },
	{ .name = "1.3 ECDSA P-256, P-256", .version = TLS1_3_VERSION, .groups = "P-256" },
	{ .name = "1.3 RSA-2048, X25519",
		.version = TLS1_3_VERSION,
		.groups = "X25519",
		.is_rsa = true },
	{ .name = "1.2 ECDSA P-256, X25519", .version = TLS1_2_VERSION, .groups = "X25519:P-256" },
	{ .name = "1.3 resumed, X25519",
		.version = TLS1_3_VERSION,
		.groups = "X25519",
		.is_resumed = true },
	{ .name = "1.2 resumed",
		.version = TLS1_2_VERSION,
		.groups = "X25519:P-256",
		.is_resumed = true },
	{ .name = "AES-128-GCM encrypt 16 KB",
		.suite = "TLS_AES_128_GCM_SHA256",
		.record_bytes = RECORD_BYTES },
	{ .name = "AES-128-GCM encrypt 1 KB",
		.suite = "TLS_AES_128_GCM_SHA256",
		.record_bytes = 1024 },
	{ .name = "AES-128-GCM decrypt 16 KB",
		.suite = "TLS_AES_128_GCM_SHA256",
		.record_bytes = RECORD_BYTES,
		.is_decrypting = true },
	{ .name = "AES-128-GCM decrypt 1 KB",
		.suite = "TLS_AES_128_GCM_SHA256",
		.record_bytes = 1024,
		.is_decrypting = true },
	{ .name = "AES-256-GCM encrypt 16 KB",
		.suite = "TLS_AES_256_GCM_SHA384",
		.record_bytes = RECORD_BYTES },
	{ .name = "ChaCha20 encrypt 16 KB",
		.suite = "TLS_CHACHA20_POLY1305_SHA256",
		.record_bytes = RECORD_BYTES },
	{ .name = "ChaCha20 encrypt 1 KB",
		.suite = "TLS_CHACHA20_POLY1305_SHA256",
		.record_bytes = 1024 },
};

/* One connection: the client, and one of the two servers. BIOs are named after who reads them. */
struct link {
	SSL *client;
	BIO *to_client, *to_server;
	SSL *openssl;
	struct tls_session *penstock;
	uint64_t cpu_ns; /* the server's */
};

struct server {
	const char *name;
	struct tls_context *penstock[2]; /* by is_rsa */
	SSL_CTX *openssl[2];
};

static char folder[] = "/tmp/penstock-bench-tls.XXXXXX";

static void die(const char *what)
{
	fprintf(stderr, "bench-tls: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static uint64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static size_t io_receive(void *ctx, uint8_t *data, size_t max)
{
	struct link *link = ctx;
	int got = BIO_read(link->to_server, data, (int)max);

	return got > 0 ? (size_t)got : 0;
}

static size_t io_send(void *ctx, const uint8_t *data, size_t len)
{
	struct link *link = ctx;
	int sent = BIO_write(link->to_client, data, (int)len);

	return sent > 0 ? (size_t)sent : 0;
}

static const struct tls_io io = { .receive = io_receive, .send = io_send };

static void path_of(char *path, size_t size, bool is_rsa, const char *ending)
{
	snprintf(path, size, "%s/%s.%s", folder, is_rsa ? "rsa" : "ecdsa", ending);
}

static X509 *certificate_make(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)NAME, -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	if (X509_sign(certificate, key, EVP_sha256()) == 0)
		die("no certificate");
	return certificate;
}

static void certificate_write(bool is_rsa)
{
	EVP_PKEY *key = is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *certificate = certificate_make(key);
	char path[128];
	FILE *file;

	path_of(path, sizeof(path), is_rsa, "pem");
	file = fopen(path, "w");
	if (file == NULL || PEM_write_X509(file, certificate) != 1 || fclose(file) != 0)
		die(path);
	path_of(path, sizeof(path), is_rsa, "key");
	file = fopen(path, "w");
	if (file == NULL || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1 ||
		fclose(file) != 0)
		die(path);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static struct tls_context *penstock_context(bool is_rsa)
{
	char chain[128], key[128];
	struct tls_certificate *certificate;
	struct tls_context_params params = {
		.certificates = &certificate,
		.certificate_count = 1,
		.policy = { .min_version = 0x0303 },
	};
	struct tls_context *context;
	struct err err;

	path_of(chain, sizeof(chain), is_rsa, "pem");
	path_of(key, sizeof(key), is_rsa, "key");
	certificate = tls_certificate_load(chain, key, &err);
	context = certificate == NULL ? NULL : tls_context_create(&params, &err);
	if (context == NULL)
		die(err.text);
	tls_certificate_destroy(certificate);
	return context;
}

static SSL_CTX *openssl_context(bool is_rsa)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	char chain[128], key[128];

	path_of(chain, sizeof(chain), is_rsa, "pem");
	path_of(key, sizeof(key), is_rsa, "key");
	if (context == NULL || SSL_CTX_use_certificate_chain_file(context, chain) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		die("OpenSSL's server does not start");
	/* As many as Penstock sends. */
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)NAME, sizeof(NAME));
	/* Tickets only: a cache would cost it, and Penstock has none. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return context;
}

static SSL_CTX *client_context(const struct bench_case *row)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int version = row->suite != NULL ? TLS1_3_VERSION : row->version;

	if (context == NULL || SSL_CTX_set_min_proto_version(context, version) != 1 ||
		SSL_CTX_set_max_proto_version(context, version) != 1)
		die("no client");
	if (row->groups != NULL && SSL_CTX_set1_groups_list(context, row->groups) != 1)
		die("no groups");
	if (row->suite == NULL)
		SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
	else if (SSL_CTX_set_ciphersuites(context, row->suite) != 1)
		die("no suites");
	SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM");
	return context;
}

static void link_open(struct link *link, SSL_CTX *client, const struct server *server, bool is_rsa)
{
	*link = (struct link){ .client = SSL_new(client) };
	link->to_client = BIO_new(BIO_s_mem());
	link->to_server = BIO_new(BIO_s_mem());
	if (link->client == NULL || link->to_client == NULL || link->to_server == NULL)
		die("out of memory");
	BIO_set_mem_eof_return(link->to_client, -1);
	BIO_set_mem_eof_return(link->to_server, -1);
	SSL_set_bio(link->client, link->to_client, link->to_server);
	SSL_set_connect_state(link->client);
	SSL_set_tlsext_host_name(link->client, NAME);
	link->cpu_ns -= cpu_now_ns();
	if (server->openssl[0] != NULL) {
		link->openssl = SSL_new(server->openssl[is_rsa]);
		BIO_up_ref(link->to_client);
		BIO_up_ref(link->to_server);
		SSL_set_bio(link->openssl, link->to_server, link->to_client);
		SSL_set_accept_state(link->openssl);
	} else {
		link->penstock = tls_session_create(server->penstock[is_rsa], &io, link);
	}
	link->cpu_ns += cpu_now_ns();
}

static void link_close(struct link *link)
{
	link->cpu_ns -= cpu_now_ns();
	if (link->openssl != NULL) {
		/* As if it had ended in order: else the session is thought bad. */
		SSL_set_shutdown(link->openssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(link->openssl);
	}
	tls_session_destroy(link->penstock);
	link->cpu_ns += cpu_now_ns();
	SSL_set_shutdown(link->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(link->client);
}

static bool server_shake(struct link *link)
{
	bool is_done;

	link->cpu_ns -= cpu_now_ns();
	if (link->openssl != NULL)
		is_done = SSL_do_handshake(link->openssl) == 1;
	else
		is_done = tls_handshake(link->penstock) == TLS_OK;
	link->cpu_ns += cpu_now_ns();
	return is_done;
}

static void link_shake(struct link *link)
{
	bool is_client_done = false, is_server_done = false;
	char byte;

	for (unsigned step = 0; step < MOST_STEPS && !(is_client_done && is_server_done); step++) {
		if (!is_client_done)
			is_client_done = SSL_do_handshake(link->client) == 1;
		if (!is_server_done)
			is_server_done = server_shake(link);
	}
	if (!is_client_done || !is_server_done)
		die("a handshake does not come to its end");
	/* The ticket. */
	if (SSL_read(link->client, &byte, 1) > 0)
		die("unexpected bytes");
}

static SSL_SESSION *handshake(SSL_CTX *client, const struct server *server,
	const struct bench_case *row, SSL_SESSION *resumed, uint64_t *cpu_ns)
{
	SSL_SESSION *session;
	struct link link;

	link_open(&link, client, server, row->is_rsa);
	if (resumed != NULL)
		SSL_set_session(link.client, resumed);
	link_shake(&link);
	if ((SSL_session_reused(link.client) == 1) != (resumed != NULL))
		die("a session is resumed, or is not, against expectation");
	session = SSL_get1_session(link.client);
	SSL_SESSION_free(resumed);
	link_close(&link);
	*cpu_ns += link.cpu_ns;
	return session;
}

static double handshakes(const struct server *server, const struct bench_case *row, unsigned count)
{
	SSL_CTX *client = client_context(row);
	SSL_SESSION *session = NULL;
	uint64_t cpu_ns = 0;

	if (row->is_resumed)
		session = handshake(client, server, row, NULL, &cpu_ns);
	cpu_ns = 0;
	for (unsigned i = 0; i < count; i++) {
		session = handshake(client, server, row, row->is_resumed ? session : NULL, &cpu_ns);
		if (!row->is_resumed)
			SSL_SESSION_free(session);
	}
	if (row->is_resumed)
		SSL_SESSION_free(session);
	SSL_CTX_free(client);
	return (double)cpu_ns / NS_PER_US / count;
}

static int server_write(struct link *link, const void *data, size_t len)
{
	if (link->openssl != NULL)
		return SSL_write(link->openssl, data, (int)len);
	return tls_write(link->penstock, data, len);
}

static int server_read(struct link *link, void *data, size_t len)
{
	if (link->openssl != NULL)
		return SSL_read(link->openssl, data, (int)len);
	return tls_read(link->penstock, data, len);
}

static void batch_encrypt(struct link *link, char *data, size_t len)
{
	link->cpu_ns -= cpu_now_ns();
	for (unsigned i = 0; i < BATCH_RECORDS; i++)
		if (server_write(link, data, len) != (int)len)
			die("a record is not taken");
	link->cpu_ns += cpu_now_ns();
	for (unsigned i = 0; i < BATCH_RECORDS; i++)
		if (SSL_read(link->client, data, (int)len) != (int)len)
			die("a record does not arrive");
}

static void batch_decrypt(struct link *link, char *data, size_t len)
{
	for (unsigned i = 0; i < BATCH_RECORDS; i++)
		if (SSL_write(link->client, data, (int)len) != (int)len)
			die("a record is not taken");
	link->cpu_ns -= cpu_now_ns();
	for (unsigned i = 0; i < BATCH_RECORDS; i++)
		if (server_read(link, data, len) != (int)len)
			die("a record does not arrive");
	link->cpu_ns += cpu_now_ns();
}

static double records(const struct server *server, const struct bench_case *row, unsigned megabytes)
{
	double bytes = (double)megabytes * BYTES_PER_MB, done = 0;
	SSL_CTX *client = client_context(row);
	static char data[RECORD_BYTES];
	struct link link;

	link_open(&link, client, server, false);
	link_shake(&link);
	link.cpu_ns = 0;
	while (done < bytes) {
		if (row->is_decrypting)
			batch_decrypt(&link, data, row->record_bytes);
		else
			batch_encrypt(&link, data, row->record_bytes);
		done += (double)(BATCH_RECORDS * row->record_bytes);
	}
	link_close(&link);
	SSL_CTX_free(client);
	return (double)link.cpu_ns / NS_PER_US / (done / BYTES_PER_MB);
}

static void run(const struct server *server, unsigned count, unsigned megabytes)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bench_case *row = &cases[i];
		double cost = row->suite == NULL ? handshakes(server, row, count)
						 : records(server, row, megabytes);

		printf("{\"case\": \"%s\", \"unit\": \"%s\", \"server\": \"%s\", \"value\": %.3f}\n",
			row->name, row->suite == NULL ? "handshake" : "MB", server->name, cost);
		fflush(stdout);
	}
}

static void folder_remove(void)
{
	static const char *const endings[] = { "pem", "key" };
	char path[128];

	for (unsigned i = 0; i < 4; i++) {
		path_of(path, sizeof(path), i / 2 == 1, endings[i % 2]);
		unlink(path);
	}
	rmdir(folder);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	unsigned megabytes = argc > 2 ? (unsigned)atoi(argv[2]) : 200;
	struct server openssl = { .name = "openssl" }, penstock = { .name = "penstock" };
	struct err err;

	if (tls_global_init(&err) < 0 || count == 0 || megabytes == 0 || mkdtemp(folder) == NULL)
		die("does not start");
	for (unsigned is_rsa = 0; is_rsa < 2; is_rsa++) {
		certificate_write(is_rsa);
		penstock.penstock[is_rsa] = penstock_context(is_rsa);
		openssl.openssl[is_rsa] = openssl_context(is_rsa);
	}
	folder_remove();
	run(&penstock, count, megabytes);
	run(&openssl, count, megabytes);
	for (unsigned is_rsa = 0; is_rsa < 2; is_rsa++) {
		tls_context_destroy(penstock.penstock[is_rsa]);
		SSL_CTX_free(openssl.openssl[is_rsa]);
	}
	return 0;
}
