/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "stream.h"

/* A page for people; programs read the status. Nothing of the request is in it. */
#define PAGE                                                                                       \
	"<!doctype html><html><head><title>%u %s</title></head>"                                   \
	"<body><h1>%u %s</h1></body></html>\n"

size_t response_write(char *out, size_t size, const struct response *response)
{
	const char *reason = http_status_reason(response->status);
	const char *connection = "";
	char page[256];
	int page_len, len;

	if (response->is_close)
		connection = "Connection: close\r\n";
	else if (response->minor == 0)
		connection = "Connection: keep-alive\r\n";
	page_len = snprintf(page, sizeof(page), PAGE, response->status, reason, response->status,
		reason);
	len = snprintf(out, size,
		"HTTP/1.1 %u %s\r\n"
		"Content-Type: text/html\r\n"
		"Cache-Control: no-store\r\n"
		"Content-Length: %d\r\n"
		"%s\r\n%s",
		response->status, reason, page_len, connection, response->is_head ? "" : page);
	return (size_t)len;
}
