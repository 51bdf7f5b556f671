/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/param.h>

#include "internal.h"

size_t h2_output(struct h2_session *session, const char **data)
{
	if (session->out_len == 0) {
		ssize_t len = nghttp2_session_mem_send(session->nghttp2, &session->out);

		if (len < 0) {
			h2_fail(session, H2_FAILED_memory);
			return 0;
		}
		session->out_len = (size_t)len;
	}
	*data = (const char *)session->out;
	return session->out_len;
}

void h2_output_take(struct h2_session *session, size_t len)
{
	session->out += len;
	session->out_len -= len;
}

bool h2_is_done(const struct h2_session *session)
{
	return session->out_len == 0 && !nghttp2_session_want_write(session->nghttp2) &&
		(session->is_terminated || !nghttp2_session_want_read(session->nghttp2));
}

enum h2_failure h2_failure(const struct h2_session *session)
{
	return session->failure;
}

unsigned h2_stream_count(const struct h2_session *session)
{
	return session->stream_count;
}

bool h2_is_in_head(const struct h2_session *session)
{
	return session->assembly != NULL;
}

bool h2_is_going(const struct h2_session *session)
{
	return session->is_going || session->is_terminated ||
		!nghttp2_session_check_request_allowed(session->nghttp2);
}

unsigned h2_free_streams(const struct h2_session *session)
{
	unsigned theirs = nghttp2_session_get_remote_settings(
		session->nghttp2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	unsigned max = MIN(theirs, session->params.max_streams);

	return max > session->stream_count ? max - session->stream_count : 0;
}

void h2_drain(struct h2_session *session)
{
	static const uint8_t mark[8] = { 'd', 'r', 'a', 'i', 'n' };

	if (session->is_draining)
		return;
	session->is_draining = true;
	nghttp2_submit_shutdown_notice(session->nghttp2);
	nghttp2_submit_ping(session->nghttp2, NGHTTP2_FLAG_NONE, mark);
	h2_wake(session);
}

bool h2_is_drain_seen(const struct h2_session *session)
{
	return session->is_drain_seen;
}

void h2_drain_finish(struct h2_session *session)
{
	if (session->is_drain_final)
		return;
	session->is_draining = session->is_drain_final = true;
	nghttp2_submit_goaway(session->nghttp2, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(session->nghttp2), NGHTTP2_NO_ERROR, NULL,
		0);
	h2_wake(session);
}

bool h2_has_settings(const struct h2_session *session)
{
	return session->has_settings;
}

bool h2_takes_connect(const struct h2_session *session)
{
	return nghttp2_session_get_remote_settings(
		       session->nghttp2, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}
