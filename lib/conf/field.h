/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_FIELD_H
#define CONF_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_pool;
struct node;
struct reader;

/*
 * A key of the configuration is one row here. Reading, defaults, ranges, the errors, the JSON
 * Schema and the reference page all come from these rows, so that none can disagree.
 */
enum field_type {
	FIELD_NUMBER,   /* unsigned; min and max are its range */
	FIELD_NUMBER64, /* uint64_t */
	FIELD_BOOL,     /* bool */
	FIELD_CHOICE,   /* an enum or unsigned, one of choices */
	FIELD_TEXT,     /* what kind->read makes of a string */
	FIELD_OBJECT, /* the struct at offset, by table; has_offset: a bool that says it is there */
	FIELD_NUMBERS, /* list: unsigned[max items] at offset; item_max is the range of each */
	FIELD_CHOICES, /* list: unsigned, the choices' values or-ed */
	FIELD_TEXTS,   /* list: pointer to what kind->read makes, kind->size each */
	FIELD_OBJECTS, /* list: pointer to structs, by table; with kind: or a text instead */
	FIELD_MAP,     /* object of objects: pointer to structs, by table */
};

struct choice {
	const char *name;
	unsigned value;
	const char *help;
};

/* A kind of string: its grammar in words and as a pattern, and the function that takes it. */
struct text_kind {
	const char *what;    /* in the reference: "ADDRESS:PORT" */
	const char *pattern; /* ECMA 262, for the schema; NULL: any */
	size_t size;         /* of what read writes, where it stands in lists */
	/* Writes to target, or adds a problem at node. Defaults, which are right, have none. */
	void (*read)(
		struct reader *reader, const struct node *node, const char *text, void *target);
};

struct field {
	const char *name;
	const char *help;
	enum field_type type;
	bool is_required;
	const char *unit;
	const char *only; /* "l4" or "l7, tcp": for services of these modes alone */
	size_t offset;
	size_t count_offset; /* lists and maps: size_t, FIELD_NUMBERS: unsigned */
	size_t has_offset;   /* FIELD_OBJECT: 0 when nobody asks */
	uint64_t min;        /* numbers: the range; lists and maps: how many */
	uint64_t max;        /* lists and maps: 0 = any number */
	uint64_t item_max;
	uint64_t value;               /* the default of numbers, booleans and choices */
	const char *text;             /* the default of texts; of lists, in words */
	const struct choice *choices; /* up to the one without a name */
	const struct text_kind *kind;
	const struct table *table;
};

struct table {
	const char *name; /* in the schema's $defs */
	const char *help;
	const struct field *fields;         /* up to the one without a name */
	size_t size;                        /* of the struct, where it stands in lists and maps */
	size_t line_offset;                 /* int: the line of the object; 0 = none */
	size_t key_offset;                  /* FIELD_MAP: const char *: its name */
	const struct text_kind *key_kind;   /* FIELD_MAP: for the schema; check checks it */
	const struct text_kind *short_form; /* a string instead of the object; target: the struct */
	/* Checks over several fields of one object, after all were read. May be NULL. */
	void (*check)(struct reader *reader, const struct node *node, void *object);
};

/* The whole file, and a file of routes that a service names. */
extern const struct table config_table;
extern const struct table routes_file_table;

extern const struct table cores_table;
extern const struct table memory_table;
extern const struct table tcp_table;
extern const struct table log_table;
extern const struct table access_log_table;
extern const struct table syslog_table;
extern const struct table request_id_table;
extern const struct choice trace_context_choices[];
extern const struct table stats_table;
extern const struct table port_table;
extern const struct table bond_table;
extern const struct table route_table;
extern const struct table neighbor_table;
extern const struct table announce_table;
extern const struct table certificate_table;
extern const struct table pool_table;
extern const struct table service_table;
extern const struct table h2_table;
extern const struct table tunnel_table;
extern const struct choice service_mode_choices[];
extern const struct table json_body_table;
extern const struct table tls_table; /* struct config_service */
extern const struct table pool_tls_table;

/* The key is for services of that mode. */
bool field_is_for(const struct field *field, const char *mode);

/* Of TLS toward clients, and toward members as well. */
#define TLS_1_2 0x0303
#define TLS_1_3 0x0304
extern const struct choice tls_version_choices[];
extern const struct choice tls_max_version_choices[];
extern const struct choice tls_alpn_choices[];
extern const struct text_kind certificate_kind; /* unsigned: index into certificates */

/* A pool's protocol is what its TLS offers, where it has TLS. */
void pool_tls_check(struct reader *reader, const struct node *node, struct config_pool *pool);

#endif
