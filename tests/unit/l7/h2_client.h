/* SPDX-License-Identifier: Apache-2.0 */
#ifndef H2_CLIENT_H
#define H2_CLIENT_H

#include <nghttp2/nghttp2.h>

#include "world.h"

#define H2_STREAMS_MAX 256

/* What came on one stream, and what goes. */
struct h2_reply {
	int32_t id;
	unsigned status;
	unsigned interim;  /* 1xx heads */
	char fields[1024]; /* "name: value\n" of the final head */
	char trailers[256];
	char body[256]; /* its beginning */
	uint64_t body_len;
	bool is_good; /* so far the body is the generated one */
	bool is_end;  /* END_STREAM came */
	bool is_closed;
	uint32_t code;     /* of RST_STREAM, or 0 */
	uint64_t generate; /* body bytes to send */
	uint64_t generated;
	bool is_held;   /* the body does not go out */
	bool is_open;   /* more may follow what was to be sent: no END_STREAM */
	bool is_paused; /* the window is not opened */
	uint64_t unread;
};

/* nghttp2 as a client over a connection of the world's. */
struct h2_client {
	struct world *world;
	struct client *client;
	nghttp2_session *session;
	struct h2_reply replies[H2_STREAMS_MAX];
	unsigned count;
	unsigned goaways;
	int32_t goaway_id;
	uint32_t goaway_code;
	bool is_paused; /* windows of new streams stay shut */
};

/*
 * By prior knowledge, on the plain port. window: of the connection, for all streams together;
 * without it so large that one paused stream does not keep the others out.
 */
struct h2_client *h2_client_open(struct world *world);
struct h2_client *h2_client_open_window(struct world *world, int32_t window);
void h2_client_free(struct h2_client *client);

/* Lets virtual time pass, and bytes with it. */
void h2_client_run(struct h2_client *client, unsigned ms);

/* fields: "name: value\n" beside the pseudo-header fields. body_bytes 0: none. */
struct h2_reply *h2_client_request(struct h2_client *client, const char *method, const char *host,
	const char *path, const char *fields, uint64_t body_bytes);

/* There is more to be sent, or the end. */
void h2_client_goes_on(struct h2_client *client, struct h2_reply *reply);

/* The paused stream's window opens, now and from now on. */
void h2_client_resume(struct h2_client *client, struct h2_reply *reply);

#endif
