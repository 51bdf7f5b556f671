/* SPDX-License-Identifier: Apache-2.0 */
/* VLANs: which port a tagged frame came by, and the tag of one that leaves. */
#include "worker.h"

/* The port that a frame's VLAN is, without the tag from now on; -1: it was dropped. */
static int frame_sort(struct worker *w, unsigned port, struct rte_mbuf *m)
{
	const struct port *carrier = &w->app->ports[port];
	enum drop_reason reason;
	uint16_t vlan;
	int number = -1;

	reason = packet_untag(m, &vlan);
	if (reason == DROP_NONE) {
		number = port_vlan_find(carrier, port, vlan);
		reason = number < 0 ? DROP_vlan_unknown : DROP_NONE;
	}
	if (reason != DROP_NONE) {
		if (w->core.tap != NULL)
			tap_take(w->core.tap, m, port, w->now_us);
		core_drop(&w->core, m, reason);
		return -1;
	}
	if (vlan != 0) {
		w->vlans[number].rx_packets++;
		w->vlans[number].rx_bytes += m->pkt_len;
	}
	return number;
}

/* VLANs are handled one after the other, so that each has a burst; order within one stays. */
void trunk_frames(struct worker *w, unsigned port, struct rte_mbuf **frames, uint16_t count)
{
	struct rte_mbuf *burst[PORT_BURST];
	uint8_t numbers[PORT_BURST];
	uint16_t left = 0;

	for (uint16_t i = 0; i < count; i++) {
		int number = frame_sort(w, port, frames[i]);

		if (number < 0)
			continue;
		numbers[left] = (uint8_t)number;
		frames[left++] = frames[i];
	}
	while (left > 0) {
		uint8_t number = numbers[0];
		uint16_t same = 0;
		uint16_t others = 0;

		for (uint16_t i = 0; i < left; i++) {
			if (numbers[i] == number) {
				burst[same++] = frames[i];
				continue;
			}
			numbers[others] = numbers[i];
			frames[others++] = frames[i];
		}
		dispatch_frames(w, number, burst, same);
		left = others;
	}
}

int trunk_tag(struct worker *w, unsigned port, struct rte_mbuf *frame)
{
	const struct port *vlan = &w->app->ports[port];

	w->vlans[port].tx_packets++;
	w->vlans[port].tx_bytes += frame->pkt_len;
	if (port_vlan_tag(vlan, frame))
		return (int)vlan->parent;
	core_drop(&w->core, frame, DROP_mbuf_exhausted);
	return -1;
}
