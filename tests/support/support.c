/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "packet/packet.h"

#define MBUF_COUNT      16383
#define MBUF_DATA_BYTES 2048

static struct rte_mempool *mbufs;

int support_eal_start(void **state)
{
	static int started;
	char *args[] = {
		"test",
		"--no-huge",
		"--no-shconf",
		"--no-pci",
		"--no-telemetry",
		"-m",
		"256",
		"--lcores",
		"0@0",
		"--log-level",
		"error",
	};

	RTE_SET_USED(state);
	if (started)
		return 0;
	started = 1;
	if (rte_eal_init(RTE_DIM(args), args) >= 0)
		return 0;
	fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
	return -1;
}

struct rte_mempool *support_mbufs(void)
{
	if (mbufs == NULL)
		mbufs = rte_pktmbuf_pool_create("test", MBUF_COUNT, 0, PACKET_PRIV_BYTES,
			RTE_PKTMBUF_HEADROOM + MBUF_DATA_BYTES, 0);
	assert_non_null(mbufs);
	return mbufs;
}

int support_mbufs_check(void **state)
{
	unsigned missing;

	RTE_SET_USED(state);
	if (mbufs == NULL)
		return 0;
	missing = rte_mempool_in_use_count(mbufs);
	if (missing > 0)
		fprintf(stderr, "%u mbufs leaked\n", missing);
	return missing == 0 ? 0 : -1;
}

struct rte_mbuf *support_mbuf(const void *data, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(support_mbufs());
	char *room;

	assert_non_null(m);
	memset(rte_mbuf_to_priv(m), 0, PACKET_PRIV_BYTES);
	room = rte_pktmbuf_append(m, (uint16_t)len);
	assert_non_null(room);
	memcpy(room, data, len);
	return m;
}

size_t support_hex(const char *hex, uint8_t *out, size_t max)
{
	size_t len = 0;

	while (*hex != '\0') {
		char digits[3] = { 0 };

		if (isspace((unsigned char)*hex)) {
			hex++;
			continue;
		}
		digits[0] = hex[0];
		digits[1] = hex[1];
		assert_true(
			isxdigit((unsigned char)digits[0]) && isxdigit((unsigned char)digits[1]));
		assert_true(len < max);
		out[len++] = (uint8_t)strtoul(digits, NULL, 16);
		hex += 2;
	}
	return len;
}
