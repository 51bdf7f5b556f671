/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_SUPPORT_H
#define SUPPORT_SUPPORT_H

/* cmocka.h needs these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_mbuf.h>

/* Starts EAL without hugepages, devices or files; once a process. Use as cmocka group setup. */
int support_eal_start(void **state);

/* A pool of mbufs as the daemon's, made on first use; needs support_eal_start(). */
struct rte_mempool *support_mbufs(void);

/* Fails the test when mbufs are missing from the pool. Use as cmocka teardown of every test. */
int support_mbufs_check(void **state);

/* An mbuf with these bytes. */
struct rte_mbuf *support_mbuf(const void *data, size_t len);

/* "45 00 00 1c ..." (spaces and newlines ignored) to bytes; returns the length. */
size_t support_hex(const char *hex, uint8_t *out, size_t max);

#endif
