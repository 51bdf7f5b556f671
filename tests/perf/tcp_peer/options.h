/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TCP_PEER_OPTIONS_H
#define TCP_PEER_OPTIONS_H

#include "peer.h"

/* The words behind EAL's. 0, or -1 when the usage was printed. */
int options_read(struct peer *peer, int argc, char **argv);

#endif
