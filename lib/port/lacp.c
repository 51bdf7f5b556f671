/* SPDX-License-Identifier: Apache-2.0 */
#include "port/lacp.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

#define SHORT_TIMEOUT_US (3 * CLOCK_US_PER_S)
#define LONG_TIMEOUT_US  (90 * CLOCK_US_PER_S)
#define FAST_US          CLOCK_US_PER_S
#define SLOW_US          (30 * CLOCK_US_PER_S)
#define WAIT_US          (2 * CLOCK_US_PER_S)
#define WINDOW_US        CLOCK_US_PER_S
#define WINDOW_MAX       3

#define INFO_LEN       20 /* of its TLV */
#define COLLECTOR_LEN  16
#define TLV_ACTOR      1
#define TLV_PARTNER    2
#define TLV_COLLECTOR  3
#define SUBTYPE        1
#define VERSION        1
#define AT_TYPE        12
#define AT_SUBTYPE     14
#define AT_VERSION     15
#define AT_ACTOR       16
#define AT_PARTNER     36
#define AT_COLLECTOR   56
#define INFO_STATE     16 /* in a TLV */
#define STATE_COMPARED (LACP_ACTIVITY | LACP_TIMEOUT | LACP_SYNC | LACP_AGGREGATION)

static const uint8_t slow_multicast[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x02 };
static const uint8_t slow_type[2] = { 0x88, 0x09 };

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void info_get(struct lacp_info *info, const uint8_t *tlv)
{
	info->system_priority = get16(tlv + 2);
	memcpy(info->system, tlv + 4, sizeof(info->system));
	info->key = get16(tlv + 10);
	info->port_priority = get16(tlv + 12);
	info->port = get16(tlv + 14);
	info->state = tlv[INFO_STATE];
}

static void info_put(uint8_t *tlv, uint8_t type, const struct lacp_info *info)
{
	tlv[0] = type;
	tlv[1] = INFO_LEN;
	put16(tlv + 2, info->system_priority);
	memcpy(tlv + 4, info->system, sizeof(info->system));
	put16(tlv + 10, info->key);
	put16(tlv + 12, info->port_priority);
	put16(tlv + 14, info->port);
	tlv[INFO_STATE] = info->state;
}

static bool is_same_system(const struct lacp_info *a, const struct lacp_info *b)
{
	return a->system_priority == b->system_priority && a->key == b->key &&
		memcmp(a->system, b->system, sizeof(a->system)) == 0;
}

static bool is_same_end(const struct lacp_info *a, const struct lacp_info *b)
{
	return is_same_system(a, b) && a->port_priority == b->port_priority && a->port == b->port &&
		((a->state ^ b->state) & LACP_AGGREGATION) == 0;
}

void lacp_init(
	struct lacp_port *port, const struct lacp_info *actor, const uint8_t mac[6], bool is_fast)
{
	*port = (struct lacp_port){ .actor = *actor };
	port->actor.state = LACP_ACTIVITY | LACP_AGGREGATION | LACP_DEFAULTED |
		(is_fast ? LACP_TIMEOUT : 0);
	memcpy(port->mac, mac, sizeof(port->mac));
}

/* 6.4.8, recordDefault: nothing is known of a partner. */
static void partner_forget(struct lacp_port *port)
{
	port->partner = (struct lacp_info){ .state = 0 };
	port->actor.state |= LACP_DEFAULTED;
	port->is_selected = false;
}

static void rx_set(struct lacp_port *port, enum lacp_rx rx, uint64_t now_us)
{
	port->rx = rx;
	port->actor.state &= (uint8_t)~LACP_EXPIRED;
	switch (rx) {
	case LACP_RX_DISABLED:
		port->partner.state &= (uint8_t)~LACP_SYNC;
		port->is_selected = false;
		break;
	case LACP_RX_EXPIRED:
		port->partner.state &= (uint8_t)~LACP_SYNC;
		port->partner.state |= LACP_TIMEOUT;
		port->actor.state |= LACP_EXPIRED;
		port->rx_until_us = now_us + SHORT_TIMEOUT_US;
		port->must_send = true;
		break;
	case LACP_RX_DEFAULTED:
		partner_forget(port);
		break;
	case LACP_RX_CURRENT:
		port->actor.state &= (uint8_t)~LACP_DEFAULTED;
		port->rx_until_us = now_us +
			((port->actor.state & LACP_TIMEOUT) != 0 ? SHORT_TIMEOUT_US
								 : LONG_TIMEOUT_US);
		break;
	}
}

static void mux_set(struct lacp_port *port, enum lacp_mux mux, uint64_t now_us)
{
	static const uint8_t states[] = {
		[LACP_MUX_DETACHED] = 0,
		[LACP_MUX_WAITING] = 0,
		[LACP_MUX_ATTACHED] = LACP_SYNC,
		[LACP_MUX_COLLECTING] = LACP_SYNC | LACP_COLLECTING,
		[LACP_MUX_DISTRIBUTING] = LACP_SYNC | LACP_COLLECTING | LACP_DISTRIBUTING,
	};

	port->mux = mux;
	port->actor.state &= (uint8_t) ~(LACP_SYNC | LACP_COLLECTING | LACP_DISTRIBUTING);
	port->actor.state |= states[mux];
	if (mux == LACP_MUX_WAITING)
		port->wait_until_us = now_us + WAIT_US;
	else
		port->must_send = true;
}

void lacp_link_set(struct lacp_port *port, bool is_up, uint64_t now_us)
{
	if (is_up == (port->rx != LACP_RX_DISABLED))
		return;
	rx_set(port, is_up ? LACP_RX_EXPIRED : LACP_RX_DISABLED, now_us);
	if (!is_up)
		mux_set(port, LACP_MUX_DETACHED, now_us);
	port->periodic_us = now_us;
}

static bool is_lacpdu(const uint8_t *frame, size_t len)
{
	return len >= LACP_FRAME_LEN &&
		memcmp(frame, slow_multicast, sizeof(slow_multicast)) == 0 &&
		memcmp(frame + AT_TYPE, slow_type, sizeof(slow_type)) == 0 &&
		frame[AT_SUBTYPE] == SUBTYPE && frame[AT_VERSION] >= VERSION &&
		frame[AT_ACTOR] == TLV_ACTOR && frame[AT_ACTOR + 1] == INFO_LEN &&
		frame[AT_PARTNER] == TLV_PARTNER && frame[AT_PARTNER + 1] == INFO_LEN;
}

/* 6.4.9, recordPDU: in step when the partner means this very link, or wants it alone. */
static bool is_in_step(
	const struct lacp_port *port, const struct lacp_info *theirs, const struct lacp_info *ours)
{
	bool is_kept = (theirs->state & LACP_ACTIVITY) != 0 ||
		((port->actor.state & LACP_ACTIVITY) != 0 && (ours->state & LACP_ACTIVITY) != 0);
	bool is_alone = (theirs->state & LACP_AGGREGATION) == 0;

	return is_kept && (theirs->state & LACP_SYNC) != 0 &&
		(is_alone || is_same_end(ours, &port->actor));
}

bool lacp_input(struct lacp_port *port, const uint8_t *frame, size_t len, uint64_t now_us)
{
	struct lacp_info theirs;
	struct lacp_info ours; /* as the partner sees it */

	if (!is_lacpdu(frame, len) || port->rx == LACP_RX_DISABLED)
		return false;
	info_get(&theirs, frame + AT_ACTOR);
	info_get(&ours, frame + AT_PARTNER);
	if (!is_same_end(&theirs, &port->partner))
		port->is_selected = false;
	if (!is_same_end(&ours, &port->actor) ||
		((ours.state ^ port->actor.state) & STATE_COMPARED) != 0)
		port->must_send = true;
	port->partner = theirs;
	if (!is_in_step(port, &theirs, &ours))
		port->partner.state &= (uint8_t)~LACP_SYNC;
	rx_set(port, LACP_RX_CURRENT, now_us);
	return true;
}

/* Two ends of one system are a cable from us to us. */
static bool is_usable(const struct lacp_port *port)
{
	return (port->rx == LACP_RX_CURRENT || port->rx == LACP_RX_EXPIRED) &&
		(port->actor.state & LACP_DEFAULTED) == 0 &&
		memcmp(port->actor.system, port->partner.system, sizeof(port->actor.system)) != 0;
}

static bool goes_with(const struct lacp_port *port, const struct lacp_port *other)
{
	if (port == other)
		return true;
	return is_usable(other) &&
		(port->partner.state & other->partner.state & LACP_AGGREGATION) != 0 &&
		is_same_system(&port->partner, &other->partner);
}

/* How good the group of a port is: its size, and that it is in use already. */
static unsigned group_value(struct lacp_port *const ports[], unsigned count, unsigned first)
{
	unsigned value = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!goes_with(ports[first], ports[i]))
			continue;
		value += ports[i]->rx == LACP_RX_CURRENT ? 4 : 2;
		value |= ports[i]->is_selected;
	}
	return value;
}

void lacp_select(struct lacp_port *const ports[], unsigned count)
{
	const struct lacp_port *best = NULL;
	unsigned best_value = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned value = is_usable(ports[i]) ? group_value(ports, count, i) : 0;

		if (value > best_value) {
			best_value = value;
			best = ports[i];
		}
	}
	for (unsigned i = 0; i < count; i++)
		ports[i]->is_selected = best != NULL && goes_with(best, ports[i]);
}

static void rx_advance(struct lacp_port *port, uint64_t now_us)
{
	if (port->rx == LACP_RX_CURRENT && now_us >= port->rx_until_us)
		rx_set(port, LACP_RX_EXPIRED, now_us);
	else if (port->rx == LACP_RX_EXPIRED && now_us >= port->rx_until_us)
		rx_set(port, LACP_RX_DEFAULTED, now_us);
}

/* One step of the mux machine; false: it stays. */
static bool mux_step(struct lacp_port *port, uint64_t now_us)
{
	bool is_synced = port->is_selected && (port->partner.state & LACP_SYNC) != 0;
	bool is_heard = is_synced && (port->partner.state & LACP_COLLECTING) != 0;
	enum lacp_mux next = port->mux;

	switch (port->mux) {
	case LACP_MUX_DETACHED:
		next = port->is_selected ? LACP_MUX_WAITING : next;
		break;
	case LACP_MUX_WAITING:
		if (!port->is_selected)
			next = LACP_MUX_DETACHED;
		else if (now_us >= port->wait_until_us)
			next = LACP_MUX_ATTACHED;
		break;
	case LACP_MUX_ATTACHED:
		if (!port->is_selected)
			next = LACP_MUX_DETACHED;
		else if (is_synced)
			next = LACP_MUX_COLLECTING;
		break;
	case LACP_MUX_COLLECTING:
		if (!is_synced)
			next = LACP_MUX_ATTACHED;
		else if (is_heard)
			next = LACP_MUX_DISTRIBUTING;
		break;
	case LACP_MUX_DISTRIBUTING:
		next = is_heard ? next : LACP_MUX_COLLECTING;
		break;
	}
	if (next == port->mux)
		return false;
	mux_set(port, next, now_us);
	return true;
}

/* 6.4.13: as often as the partner wants it, and to none that is known as often as we do. */
static void periodic_advance(struct lacp_port *port, uint64_t now_us)
{
	const struct lacp_info *end = port->rx == LACP_RX_DEFAULTED ? &port->actor : &port->partner;
	bool is_fast = (end->state & LACP_TIMEOUT) != 0;

	if (port->rx == LACP_RX_DISABLED)
		return;
	if (now_us >= port->periodic_us || (is_fast && !port->is_fast)) {
		port->must_send = true;
		port->periodic_us = now_us + (is_fast ? FAST_US : SLOW_US);
	}
	port->is_fast = is_fast;
}

void lacp_advance(struct lacp_port *port, uint64_t now_us)
{
	rx_advance(port, now_us);
	while (mux_step(port, now_us))
		;
	periodic_advance(port, now_us);
}

bool lacp_output(struct lacp_port *port, uint8_t frame[LACP_FRAME_LEN], uint64_t now_us)
{
	if (!port->must_send || port->rx == LACP_RX_DISABLED)
		return false;
	if (now_us - port->window_us >= WINDOW_US) {
		port->window_us = now_us;
		port->in_window = 0;
	}
	if (port->in_window == WINDOW_MAX)
		return false;
	port->in_window++;
	port->must_send = false;
	memset(frame, 0, LACP_FRAME_LEN);
	memcpy(frame, slow_multicast, sizeof(slow_multicast));
	memcpy(frame + sizeof(slow_multicast), port->mac, sizeof(port->mac));
	memcpy(frame + AT_TYPE, slow_type, sizeof(slow_type));
	frame[AT_SUBTYPE] = SUBTYPE;
	frame[AT_VERSION] = VERSION;
	info_put(frame + AT_ACTOR, TLV_ACTOR, &port->actor);
	info_put(frame + AT_PARTNER, TLV_PARTNER, &port->partner);
	frame[AT_COLLECTOR] = TLV_COLLECTOR;
	frame[AT_COLLECTOR + 1] = COLLECTOR_LEN;
	return true;
}

const char *lacp_state_name(const struct lacp_port *port)
{
	static const char *const names[] = {
		[LACP_MUX_DETACHED] = "detached",
		[LACP_MUX_WAITING] = "waiting",
		[LACP_MUX_ATTACHED] = "attached",
		[LACP_MUX_COLLECTING] = "collecting",
		[LACP_MUX_DISTRIBUTING] = "distributing",
	};

	if (port->rx == LACP_RX_DISABLED)
		return "disabled";
	if (port->rx == LACP_RX_DEFAULTED)
		return "no partner";
	return port->rx == LACP_RX_EXPIRED ? "expired" : names[port->mux];
}
