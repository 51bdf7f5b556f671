/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include <stdint.h>

#include "base/ip.h"
#include "field.h"

/* Kinds of strings, and what their target is. */
extern const struct text_kind text_any;          /* const char *; not empty */
extern const struct text_kind text_may_be_empty; /* const char * */
extern const struct text_kind text_ignored;      /* nothing is written */
extern const struct text_kind text_name;         /* const char * */
extern const struct text_kind text_member_name;  /* const char * */
extern const struct text_kind text_address;      /* struct ip_addr: unicast */
extern const struct text_kind text_port_address; /* struct ip_prefix: ours, with its link */
extern const struct text_kind text_network;      /* struct ip_prefix without host bits */
extern const struct text_kind text_interface;    /* const char *: of the kernel */
extern const struct text_kind text_mac;          /* uint8_t[6] */
extern const struct text_kind text_file;         /* const char *: absolute path */
extern const struct text_kind text_socket;       /* const char *: absolute path */
extern const struct text_kind text_mode;         /* unsigned: "0660" */
extern const struct text_kind text_host;         /* const char *: lower case */
extern const struct text_kind text_url_path;     /* const char * */
extern const struct text_kind text_request_path; /* const char *; with a query, if any */
extern const struct text_kind text_server_name;  /* const char *: lower case */
extern const struct text_kind text_header_host;  /* const char *: HOST or HOST:PORT */

/* An address that could not be read stays all zero, which no unicast address is. */
static inline bool text_is_read(const struct ip_addr *addr)
{
	return (addr->halves[0] | addr->halves[1]) != 0;
}

/* "ADDRESS:PORT" of a unicast address and a port 1-65535, or a problem at node and false. */
bool text_endpoint_read(struct reader *reader, const struct node *node, const char *text,
	struct ip_addr *addr, uint16_t *port);

/* The prefix with its host bits cleared. */
struct ip_prefix text_network_of(const struct ip_prefix *prefix);

/* For names that are keys. */
#define TEXT_NAME_WORDS "name of 1-63 letters, digits, \"_\", \".\" and \"-\""
bool text_is_name(const char *text);

/* Decimal digits alone, at most max; -1 otherwise. */
long text_number(const char *text, long max);

#endif
