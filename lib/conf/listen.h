/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_LISTEN_H
#define CONF_LISTEN_H

#include "reader.h"

/* "listen" of a service; the target is the struct config_service itself. */
extern const struct text_kind listen_kind;

/* "ADDRESS:PORT/PROTOCOL" or "ADDRESS:LOW-HIGH/PROTOCOL", or NULL where that was not read. */
const char *listen_words(struct reader *reader, const struct config_service *service);

/* Tells of ports that two services want. listens[i] is what services[i] has at "listen". */
void listen_ranges_check(struct reader *reader, const struct node *const *listens);

#endif
