/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DOUBLES_H
#define DOUBLES_H

#include "service/service.h"

const struct service_table *doubles_services(void);

#endif
