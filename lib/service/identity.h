/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_IDENTITY_H
#define SERVICE_IDENTITY_H

#include "service/service.h"

/* The service's lasting part by name, made if it is new; NULL when memory is short. */
struct service_identity *registry_identity_get(struct service_registry *registry, const char *name);

#endif
