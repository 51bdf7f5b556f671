/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"

struct item {
	char *name;
	struct tls_certificate *certificate;
};

struct tls_store {
	size_t count;
	size_t capacity;
	struct item items[];
};

struct tls_store *tls_store_create(size_t capacity, struct err *err)
{
	struct tls_store *store = calloc(1, sizeof(*store) + capacity * sizeof(store->items[0]));

	if (store == NULL)
		err_set(err, ENOMEM, "no memory for certificates");
	else
		store->capacity = capacity;
	return store;
}

void tls_store_destroy(struct tls_store *store)
{
	if (store == NULL)
		return;
	for (size_t i = 0; i < store->count; i++) {
		free(store->items[i].name);
		tls_certificate_destroy(store->items[i].certificate);
	}
	free(store);
}

int tls_store_add(struct tls_store *store, const char *name, struct tls_certificate *certificate)
{
	char *copy = store->count < store->capacity ? strdup(name) : NULL;

	if (copy == NULL) {
		tls_certificate_destroy(certificate);
		return -ENOMEM;
	}
	store->items[store->count++] = (struct item){ .name = copy, .certificate = certificate };
	return 0;
}

size_t tls_store_count(const struct tls_store *store)
{
	return store->count;
}

struct tls_certificate *tls_store_at(const struct tls_store *store, size_t index, const char **name)
{
	if (name != NULL)
		*name = store->items[index].name;
	return store->items[index].certificate;
}

int tls_store_find(const struct tls_store *store, const char *name)
{
	for (size_t i = 0; i < store->count; i++)
		if (strcmp(store->items[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}
