# SPDX-License-Identifier: Apache-2.0
"""Two appliances with one configuration behind a router with ECMP: one dies, and its flows go on.

    client ---- router ==== appliances 1 and 2 ==== servers, each a Linux by itself
                  `------------------------------------'  their answers
"""

import socket
import struct

import pytest

from harness import fabric, netns, origin
from harness.appliance import ROOT
from harness.fabric import Fabric
from harness.fleet import SEED, Fleet
from harness.procs import Process, wait_for

SETUP = f"{ROOT}/tools/server-setup"
SERVERS = 3
FLOWS = 24
# One with a table of connections, one without, of each IP version.
VIPS = [(fabric.VIP, 7001), (fabric.VIP, 7011), (fabric.VIP6, 7001), (fabric.VIP6, 7011)]
TCP_INFO_RETRANS_TOTAL_AT = 100  # tcpi_total_retrans, linux/tcp.h


def member(number):
    return f"198.51.100.{100 + number}"


def member6(number):
    return f"2001:db8:2::10{number}"


class DirectFabric(Fabric):
    """Servers that answer the router directly, and not through the appliances."""

    def _connect(self):
        super()._connect()
        self.processes = []
        self.direct = [self._namespace(f"fabric-server-{n}") for n in range(1, SERVERS + 1)]
        for number, space in enumerate(self.direct, 1):
            netns.veth(space, "s0", self.servers, f"d{number}")
            self.servers.ip("link", "set", f"d{number}", "master", "s0")
            netns.veth(space, "r0", self.router, f"rs{number}")
            space.add_address("s0", member(number) + "/24")
            space.add_address("s0", member6(number) + "/64")
            for device, end, host in (("r0", space, 2), (f"rs{number}", self.router, 1)):
                end.add_address(device, f"198.18.{number}.{host}/24")
                end.add_address(device, f"2001:db8:18:{number}::{host}/64")
            space.ip("route", "add", "default", "via", f"198.18.{number}.1")
            space.ip("-6", "route", "add", "default", "via", f"2001:db8:18:{number}::1")
            space.run(SETUP, "--mode", "dsr-l2", "--vip", fabric.VIP, "--vip", fabric.VIP6,
                      "--device", "s0")

    def serve(self, folder):
        for number, space in enumerate(self.direct, 1):
            words = [word for vip, port in VIPS for word in ("--tcp", vip, str(port))]
            process = Process(f"server-{number}", space.command(
                "/usr/bin/python3", origin.__file__, "--name", f"server-{number}", *words),
                f"{folder}/server-{number}.log")
            self.processes.append(process)
            wait_for(lambda: "ready" in process.output(), f"server {number} listens")

    def close(self):
        for process in self.processes:
            process.kill()
        super().close()


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    made = DirectFabric()
    try:
        made.serve(tmp_path_factory.mktemp("servers"))
        yield made
    finally:
        made.close()


def settings(side, members=SERVERS):
    numbers = range(1, members + 1)

    def service(vip, port):
        host = f"[{vip}]" if ":" in vip else vip
        return {"name": f"echo{6 if ':' in vip else 4}-{port}", "listen": f"{host}:{port}/tcp",
                "mode": "l4", "forward": "dsr-l2", "pool": "v6" if ":" in vip else "v4",
                "stateless": port == 7011}

    return {
        "cores": {"control": 0, "l4": [1], "l7": [], "idle": "adaptive"},
        "memory": {"pages": "auto", "packet_buffers": 16384},
        "seed": SEED,
        "ports": side.ports(),
        "routes": [{"to": "0.0.0.0/0", "via": fabric.ROUTER}, {"to": "::/0", "via": fabric.ROUTER6}],
        "announce": {"table": 100},
        "pools": {"v4": {"members": [f"{member(n)}:7001" for n in numbers]},
                  "v6": {"members": [f"[{member6(n)}]:7001" for n in numbers]}},
        "services": [service(vip, port) for vip, port in VIPS],
    }


@pytest.fixture
def fleet(net, tmp_path):
    made = Fleet(net, tmp_path, settings)
    yield made
    made.close()


class Connection:
    """A long one, that says something from time to time."""

    def __init__(self, net, vip, port, source_port):
        source = fabric.CLIENT6 if ":" in vip else fabric.CLIENT
        self.key = (vip, port, source_port)
        self.sock = net.client.connect(vip, port, timeout=20.0, source=source,
                                       source_port=source_port)
        self.stream = self.sock.makefile("rwb")
        self.member = self.stream.readline().decode().strip()
        self.turn = 0

    def say(self):
        self.turn += 1
        self.stream.write(b"%d\n" % self.turn)
        self.stream.flush()

    def hear(self):
        assert self.stream.readline() == b"%d\n" % self.turn, self.key

    def retransmissions(self):
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
        return struct.unpack_from("=I", info, TCP_INFO_RETRANS_TOTAL_AT)[0]


def talk(connections):
    for connection in connections:
        connection.say()
    for connection in connections:
        connection.hear()


@pytest.fixture
def connections(net):
    made = []
    yield made
    for connection in made:
        connection.sock.close()


def owned(pair, connections):
    """Those of a list, all to services with a table, that the appliance has in its table."""
    clients = {(row["vip"], row["client"]) for row in pair.daemon.table("show conns l4")}

    def end(address, port):
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    def client(connection):
        vip, port, source_port = connection.key
        source = fabric.CLIENT6 if ":" in vip else fabric.CLIENT
        return end(vip, port), end(source, source_port)

    return [connection for connection in connections if client(connection) in clients]


def start_both(fleet):
    pairs = fleet.start(1), fleet.start(2)
    for vip, address in ((fabric.VIP, fabric.wan), (fabric.VIP6, fabric.wan6)):
        fleet.wait_hops(address(1), address(2), vip=vip)
    return pairs


def open_all(net, connections, vips):
    for vip, port in vips:
        connections += [Connection(net, vip, port, 20000 + n) for n in range(FLOWS)]
    assert {connection.member for connection in connections} == {"server-1", "server-2", "server-3"}


def test_the_connections_of_one_that_dies_go_on(net, fleet, connections):
    first, second = start_both(fleet)
    open_all(net, connections, VIPS)
    talk(connections)
    with_table = [one for one in connections if one.key[1] == 7001]
    of_first, of_second = owned(first, with_table), owned(second, with_table)
    assert len(of_first) + len(of_second) == len(with_table)
    assert len(of_first) > 4 and len(of_second) > 4
    stateless_before = second.daemon.counters()["l4.packets_stateless"]
    first.daemon.process.kill()
    # The survivor's notice nothing, whatever the router has heard by now.
    talk(of_second)
    fleet.wait_hops(fabric.wan(2))
    fleet.wait_hops(fabric.wan6(2), vip=fabric.VIP6)
    # Those of the dead one go on with their members, or the echo would be a reset.
    talk(connections)
    assert [one.key for one in of_second if one.retransmissions() > 0] == []
    # They were not entered: that would let anyone fill the table with forged segments.
    assert owned(second, of_first) == []
    counters = second.daemon.counters()
    assert counters["l4.packets_stateless"] - stateless_before >= len(of_first) + 2 * FLOWS
    assert second.daemon.drops()["no_conn"] == 0


def test_a_change_of_members_after_a_takeover_moves_no_connection(net, fleet, connections):
    fleet.make_settings = lambda side: settings(side, SERVERS - 1)
    first, second = fleet.start(1), fleet.start(2)
    fleet.wait_hops(fabric.wan(1), fabric.wan(2))
    connections += [Connection(net, fabric.VIP, 7001, 21000 + n) for n in range(2 * FLOWS)]
    assert {connection.member for connection in connections} == {"server-1", "server-2"}
    of_first = owned(first, connections)
    assert len(of_first) > 4
    first.daemon.process.kill()
    fleet.wait_hops(fabric.wan(2))
    # A third of the slots gets the new member; flows that no table knows get a second chance.
    second.daemon.write(settings(second.side, SERVERS))
    second.daemon.reload_by_signal()
    talk(connections)
    talk(connections)
    assert second.daemon.counters()["l4.second_chances"] > 0
    late = [Connection(net, fabric.VIP, 7001, 22000 + n) for n in range(FLOWS)]
    connections += late
    assert "server-3" in {connection.member for connection in late}


def test_a_flow_has_the_same_member_on_both(net, fleet, connections):
    """Asked of each, without traffic: every tuple, not only those that the router gives it."""
    pairs = start_both(fleet)
    for vip, port in VIPS:
        host = f"[{vip}]" if ":" in vip else vip
        source = f"[{fabric.CLIENT6}]" if ":" in vip else fabric.CLIENT
        chosen = [[pair.daemon.table(f"trace tcp {source}:{30000 + n} {host}:{port}")
                   for n in range(20)] for pair in pairs]
        members = [[row["member"] for row in answers] for answers in chosen]
        assert members[0] == members[1]
        assert len(set(members[0])) == SERVERS
