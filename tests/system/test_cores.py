# SPDX-License-Identifier: Apache-2.0
"""Two L4 workers, and packets that arrive at the queue of the wrong one."""

import pytest

from harness import config
from harness.appliance import Appliance
from harness.members import Members
from harness.network import Network, VIP, VIP6
from harness.servers import ECHO

FLOWS = 40
TURNS = 5


@pytest.fixture(scope="module")
def net():
    made = Network("cores-")
    yield made
    made.close()


@pytest.fixture(scope="module")
def members(net, tmp_path_factory):
    made = Members(net.servers, tmp_path_factory.mktemp("members"))
    yield made
    made.close()


def start(net, folder, ports):
    pools = config.pools()
    return Appliance(net, folder, {
        "cores": {"control": 0, "l4": [0, 1], "l7": [1], "idle": "adaptive"},
        "memory": {"pages": "auto", "packet_buffers": 32768},
        "ports": ports,
        # Without health checks: every reply on the wire is one of a client's flow.
        "pools": {name: {"members": pools[name]["members"]}
                  for name in ("echo", "echo6", "datagrams", "datagrams6")},
        "services": [config.l4("echo", VIP, 7001, "echo"),
                     config.l4("echo6", VIP6, 7001, "echo6"),
                     config.l4("datagrams", VIP, 7002, "datagrams", "udp"),
                     config.l4("datagrams6", VIP6, 7002, "datagrams6", "udp")],
    })


@pytest.fixture
def one_queue(net, members, tmp_path):
    """Whatever arrives does so at worker 0."""
    with start(net, tmp_path, net.ports()) as daemon:
        yield daemon


@pytest.fixture
def two_queues(net, members, tmp_path):
    """The kernel spreads packets over the queues by a hash that nobody here knows."""
    ports = [{**port, "device": f"net_af_packet{n},iface=lb{n},qpairs=2"}
             for n, port in enumerate(net.ports())]
    with start(net, tmp_path, ports) as daemon:
        yield daemon


def flows_udp(client, vip):
    """Exchanges datagrams, and leaves the flows in the appliance's table."""
    for _ in range(FLOWS):
        with client.udp(vip, 7002) as sock:
            for turn in range(TURNS):
                sock.send(b"%d" % turn)
                name, _, echoed = sock.recv(2048).partition(b" ")
                assert name.decode() in ECHO and echoed == b"%d" % turn


def flows_tcp(client, vip):
    socks = [client.connect(vip, 7001) for _ in range(FLOWS)]
    try:
        streams = [sock.makefile("rwb") for sock in socks]
        for stream in streams:
            assert stream.readline().decode().strip() in ECHO
        for turn in range(TURNS):
            for stream in streams:
                stream.write(b"%d\n" % turn)
                stream.flush()
            for stream in streams:
                assert stream.readline() == b"%d\n" % turn
    finally:
        for sock in socks:
            sock.close()


def replies_by_core(appliance):
    """{core: packets of members in the flows that the core owns}"""
    counts = {0: 0, 1: 0}
    for row in appliance.table("show conns l4"):
        counts[row["core"]] += row["packets_out"]
    return counts


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_replies_at_the_wrong_queue_change_cores(net, one_queue, vip):
    flows_udp(net.client, vip)
    replies = replies_by_core(one_queue)
    assert sum(replies.values()) == FLOWS * TURNS
    assert min(replies.values()) > 0
    # What belongs to worker 1 goes over the ring, packet by packet, and so did the requests.
    counters = one_queue.counters()
    assert counters["core.ring_out_replies"] == replies[1]
    assert counters["core.ring_out_l4"] == replies[1]
    flows_tcp(net.client, vip)
    assert one_queue.counters()["core.ring_out_replies"] > replies[1]
    drops = one_queue.drops()
    assert drops["ring_full"] == 0 and drops["no_conn"] == 0


def test_both_workers_receive_and_hand_over(net, two_queues):
    for vip in (VIP, VIP6):
        flows_udp(net.client, vip)
        flows_tcp(net.client, vip)
    counters = two_queues.counters()
    # About half of each kind, in flows of five packets: far from none and from all.
    sent = 2 * FLOWS * TURNS
    assert sent / 10 < counters["core.ring_out_replies"] < 4 * sent
    assert sent / 10 < counters["core.ring_out_l4"] < 4 * sent
    assert counters["core.ring_in_packets"] <= counters["core.ring_out_packets"]
    # These devices have no RSS, so that no port can be chosen by it.
    assert counters["l4.local_ports_steered"] == counters["l4.local_ports_unsteered"] == 0
    drops = two_queues.drops()
    assert drops["ring_full"] == 0 and drops["no_conn"] == 0
