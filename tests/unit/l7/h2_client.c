/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct h2_reply *reply_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *ctx)
{
	struct h2_reply *reply = reply_of(session, frame->hd.stream_id);
	char *out;
	size_t used, size;

	(void)flags;
	(void)ctx;
	if (reply == NULL)
		return 0;
	if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
		reply->status = (unsigned)atoi((const char *)value);
		reply->interim += reply->status < 200;
		return 0;
	}
	out = frame->headers.cat == NGHTTP2_HCAT_HEADERS && reply->body_len > 0 ? reply->trailers
										: reply->fields;
	size = out == reply->trailers ? sizeof(reply->trailers) : sizeof(reply->fields);
	used = strlen(out);
	snprintf(out + used, size - used, "%.*s: %.*s\n", (int)name_len, name, (int)value_len,
		value);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
	size_t len, void *ctx)
{
	struct h2_reply *reply = reply_of(session, id);

	(void)flags;
	(void)ctx;
	for (size_t i = 0; i < len; i++) {
		if (reply->body_len + i < sizeof(reply->body) - 1)
			reply->body[reply->body_len + i] = (char)data[i];
		reply->is_good &= (char)data[i] == world_byte(reply->body_len + i);
	}
	reply->body_len += len;
	if (reply->is_paused)
		reply->unread += len;
	else
		nghttp2_session_consume(session, id, len);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_client *client = ctx;
	struct h2_reply *reply = reply_of(session, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_GOAWAY) {
		client->goaways++;
		client->goaway_id = frame->goaway.last_stream_id;
		client->goaway_code = frame->goaway.error_code;
	}
	if (reply != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
		(frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
		reply->is_end = true;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct h2_reply *reply = reply_of(session, id);

	(void)ctx;
	reply->is_closed = true;
	reply->code = code;
	return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t size,
	uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct h2_reply *reply = source->ptr;
	size_t len = size;

	(void)session;
	(void)id;
	(void)ctx;
	if (reply->is_held || (reply->is_open && reply->generated == reply->generate))
		return NGHTTP2_ERR_DEFERRED;
	if (len > reply->generate - reply->generated)
		len = (size_t)(reply->generate - reply->generated);
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)world_byte(reply->generated + i);
	reply->generated += len;
	if (reply->generated == reply->generate && !reply->is_open)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

struct h2_client *h2_client_open_window(struct world *world, int32_t window)
{
	struct h2_client *client = calloc(1, sizeof(*client));
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_option_new(&option);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_session_client_new2(&client->session, callbacks, client, option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	nghttp2_submit_settings(client->session, 0, NULL, 0);
	nghttp2_session_set_local_window_size(client->session, 0, 0, window);
	client->world = world;
	client->client = client_open(world, 80);
	client->client->is_exact = true;
	h2_client_run(client, 5);
	return client;
}

struct h2_client *h2_client_open(struct world *world)
{
	return h2_client_open_window(world, 1 << 24);
}

void h2_client_free(struct h2_client *client)
{
	client_free(client->client);
	nghttp2_session_del(client->session);
	free(client);
}

void h2_client_run(struct h2_client *client, unsigned ms)
{
	static char bytes[65536];

	for (unsigned i = 0; i < ms; i++) {
		const uint8_t *out;
		ssize_t len;
		size_t taken;

		while ((len = nghttp2_session_mem_send(client->session, &out)) > 0)
			client_send_bytes(client->client, out, (size_t)len);
		world_run(client->world, 1);
		while ((taken = client_take(client->client, bytes, sizeof(bytes))) > 0)
			nghttp2_session_mem_recv(client->session, (uint8_t *)bytes, taken);
	}
}

static size_t split(const char *fields, nghttp2_nv *nva)
{
	size_t count = 0;

	while (*fields != '\0') {
		const char *colon = strchr(fields + 1, ':');
		const char *feed = strchr(fields, '\n');

		nva[count++] = (nghttp2_nv){ .name = (uint8_t *)fields,
			.namelen = (size_t)(colon - fields),
			.value = (uint8_t *)colon + 2,
			.valuelen = (size_t)(feed - colon - 2) };
		fields = feed + 1;
	}
	return count;
}

struct h2_reply *h2_client_request(struct h2_client *client, const char *method, const char *host,
	const char *path, const char *fields, uint64_t body_bytes)
{
	struct h2_reply *reply = &client->replies[client->count++];
	nghttp2_data_provider body = { .source.ptr = reply, .read_callback = read_body };
	char pseudo[1024];
	nghttp2_nv nva[32];
	size_t count;

	assert_true(client->count < H2_STREAMS_MAX);
	snprintf(pseudo, sizeof(pseudo), ":method: %s\n:scheme: http\n:authority: %s\n:path: %s\n",
		method, host, path);
	count = split(pseudo, nva);
	count += split(fields, nva + count);
	reply->is_good = true;
	reply->is_paused = client->is_paused;
	reply->generate = body_bytes;
	reply->id = nghttp2_submit_request(
		client->session, NULL, nva, count, body_bytes > 0 ? &body : NULL, reply);
	assert_true(reply->id > 0);
	return reply;
}

void h2_client_goes_on(struct h2_client *client, struct h2_reply *reply)
{
	nghttp2_session_resume_data(client->session, reply->id);
}

void h2_client_resume(struct h2_client *client, struct h2_reply *reply)
{
	reply->is_paused = false;
	nghttp2_session_consume(client->session, reply->id, reply->unread);
	reply->unread = 0;
}
