# SPDX-License-Identifier: Apache-2.0
"""One cable with VLANs for clients and servers: by software on AF_XDP, by offloads on AF_PACKET.

                                    .- vlan10 client
    lb0 [appliance] ==== t0 switch -+- vlan20 servers
                                    `- vlan0  neighbor, whose frames have a tag of priority alone
"""

import socket

import pytest

from harness import config, netns, tag
from harness.appliance import Appliance
from harness.members import Members
from harness.network import CLIENT, CLIENT6, LAN, LAN6, VIP, VIP6, WAN, WAN6, server, server6
from harness.procs import Process, wait_for
from harness.servers import ECHO

OWN, NEIGHBOR = "203.0.113.2", "203.0.113.10"
FRAMES = 7


class Trunk(netns.Namespaces):
    def __init__(self, folder):
        super().__init__()
        self.process = None
        try:
            self.appliance = self._namespace("trunk-appliance")
            self.switch = self._namespace("trunk-switch")
            self.client = self._namespace("trunk-client")
            self.servers = self._namespace("trunk-servers")
            self.neighbor = self._namespace("trunk-neighbor")
            self._connect(folder)
        except BaseException:
            self.close()
            raise

    def _connect(self, folder):
        for space in (self.appliance, self.switch):
            space.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                      "net.ipv6.conf.default.disable_ipv6=1")
        netns.veth(self.switch, "t0", self.appliance, "lb0")
        self.process = Process(
            "tag", self.switch.command("/usr/bin/python3", tag.__file__, "t0", "0", "10", "20"),
            f"{folder}/tag.log")
        wait_for(lambda: "ready" in self.process.output(), "the switch works")
        for vlan, space, addresses in (
                (10, self.client, [CLIENT + "/24", CLIENT6 + "/64"]),
                (20, self.servers, [f(n) for n in ECHO.values() for f in (
                    lambda n: server(n) + "/24", lambda n: server6(n) + "/64")]),
                (0, self.neighbor, [NEIGHBOR + "/24"])):
            self.switch.ip("link", "set", f"vlan{vlan}", "netns", space.name)
            space.ip("link", "set", f"vlan{vlan}", "up")
            for address in addresses:
                space.add_address(f"vlan{vlan}", address)

    def close(self):
        if self.process:
            self.process.kill()
        super().close()


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    made = Trunk(tmp_path_factory.mktemp("trunk"))
    members = None
    try:
        members = Members(made.servers, tmp_path_factory.mktemp("members"))
        yield made
    finally:
        if members:
            members.close()
        made.close()


def settings(device, l4):
    pools = config.pools()
    return {
        "cores": {"control": 0, "l4": l4, "l7": [1], "idle": "adaptive"},
        "memory": {"pages": "auto", "packet_buffers": 16384},
        "ports": [
            {"name": "wan", "parent": "trunk", "vlan": 10,
             "addresses": [WAN + "/24", WAN6 + "/64"]},
            {"name": "trunk", "device": device, "addresses": [OWN + "/24"]},
            {"name": "lan", "parent": "trunk", "vlan": 20,
             "addresses": [LAN + "/24", LAN6 + "/64"]},
        ],
        "pools": {name: pools[name] for name in ("echo", "echo6", "datagrams", "datagrams6")},
        "services": [config.l4("echo", VIP, 7001, "echo"),
                     config.l4("echo6", VIP6, 7001, "echo6"),
                     config.l4("datagrams", VIP, 7002, "datagrams", "udp"),
                     config.l4("datagrams6", VIP6, 7002, "datagrams6", "udp")],
    }


@pytest.fixture(scope="module", params=["software", "software-pairs", "offload"])
def appliance(trunk, request, tmp_path_factory):
    device, l4 = {
        "software": ("net_af_xdp0,iface=lb0", [1]),
        "software-pairs": ("net_af_xdp0,iface=lb0", [0, 1]),
        "offload": ("net_af_packet0,iface=lb0,qpairs=1", [1]),
    }[request.param]
    with Appliance(trunk, tmp_path_factory.mktemp("vlan"), settings(device, l4)) as daemon:
        for pool in ("echo", "echo6"):
            for name in daemon.servers(pool):
                daemon.wait_state(pool, name, "UP")
        yield daemon


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_tcp_passes_from_vlan_to_vlan(trunk, appliance, vip):
    blob = b"x" * 200_000
    for _ in range(6):
        with trunk.client.connect(vip, 7001) as sock:
            stream = sock.makefile("rb")
            assert stream.readline().decode().strip() in ECHO
            sock.sendall(blob)
            sock.shutdown(socket.SHUT_WR)
            assert stream.read() == blob


@pytest.mark.parametrize("vip, largest", [(VIP, 1472), (VIP6, 1452)], ids=["ipv4", "ipv6"])
def test_the_tag_takes_nothing_of_the_mtu(trunk, appliance, vip, largest):
    with trunk.client.udp(vip, 7002) as sock:
        # The answer has the member's name, 6 letters and a space, before it.
        sock.send(b"y" * (largest - 7))
        name, _, echoed = sock.recv(65536).partition(b" ")
        assert name.decode() in ECHO and echoed == b"y" * (largest - 7)
    assert appliance.counters()["l4.fragments_gathered"] == 0


def test_the_port_itself_has_the_frames_without_a_vlan(trunk, appliance):
    """And with a tag that is of no VLAN: what the neighbor sends is marked with a priority."""
    assert "3 received" in trunk.neighbor.run("ping", "-n", "-c", "3", "-i", "0.05", "-W", "2", OWN)


def test_foreign_tags_are_dropped_and_counted(trunk, appliance):
    with trunk.switch.entered():
        raw = tag.raw_open("t0")
    frame = bytes.fromhex("ffffffffffff" "020000000099" "0806") + bytes(46)
    before = appliance.drops()
    for _ in range(FRAMES):
        raw.send(tag.tagged(frame, 99))
        raw.send(tag.tagged(tag.tagged(frame, 10), 10))
    raw.close()
    wait_for(lambda: appliance.drops()["vlan_unknown"] == before["vlan_unknown"] + FRAMES,
             "frames of an unknown VLAN are counted")
    wait_for(lambda: appliance.drops()["vlan_stacked"] == before["vlan_stacked"] + FRAMES,
             "frames with two tags are counted")


def test_vlans_are_shown_as_ports(trunk, appliance):
    with trunk.client.connect(VIP, 7001) as sock:
        assert sock.makefile("r").readline().strip() in ECHO
    rows = {row["port"]: row for row in appliance.table("show ports")}
    assert {name: (row["parent"], row["vlan"]) for name, row in rows.items()} == {
        "wan": ("trunk", 10), "trunk": ("", 0), "lan": ("trunk", 20)}
    for name in ("wan", "lan"):
        assert rows[name]["mac"] == rows["trunk"]["mac"] and rows[name]["link"] == "up"
        for key in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes"):
            assert rows[name][key] > 0
    assert {row["port"] for row in appliance.table("show neigh")} >= {"wan", "lan"}
