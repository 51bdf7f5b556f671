# SPDX-License-Identifier: Apache-2.0
"""Bonds: the loss of a cable costs a moment, and says so."""

import random
import signal
import socket
import time

import pytest

from harness import config
from harness.appliance import Appliance
from harness.bonded import GUEST, GUEST_OWN, LEGS, Bonded, longest_silence
from harness.members import Members
from harness.network import LAN, LAN6, VIP, VIP6, WAN, WAN6, server6
from harness.procs import wait_for
from harness.servers import ECHO

DEVICES = {
    "af_xdp": ("net_af_xdp1,iface=a1", "net_af_xdp2,iface=a2"),
    "af_packet": ("net_af_packet1,iface=a1,qpairs=1", "net_af_packet2,iface=a2,qpairs=1"),
}
MOST_S = 0.5  # without an answer, where a link's loss is seen; a machine under load included


def settings(devices, bond, l4=(1,)):
    pools = config.pools()
    return {
        "cores": {"control": 0, "l4": list(l4), "l7": [1], "idle": "adaptive"},
        "memory": {"pages": "auto", "packet_buffers": 16384},
        "ports": [
            {"name": "wan", "bond": {"members": ["left", "right"], **bond},
             "addresses": [WAN + "/24", WAN6 + "/64"], "kernel_interface": "kwan"},
            {"name": "left", "device": devices[0]},
            {"name": "right", "device": devices[1]},
            {"name": "lan", "device": "net_af_xdp0,iface=lb1",
             "addresses": [LAN + "/24", LAN6 + "/64"]},
            {"name": "guests", "parent": "wan", "vlan": 10, "addresses": [GUEST_OWN + "/24"]},
        ],
        "pools": {name: pools[name] for name in ("echo", "echo6", "datagrams", "datagrams6")},
        "services": [config.l4("echo", VIP, 7001, "echo"),
                     config.l4("echo6", VIP6, 7001, "echo6"),
                     config.l4("datagrams", VIP, 7002, "datagrams", "udp"),
                     config.l4("datagrams6", VIP6, 7002, "datagrams6", "udp")],
    }


def ports(appliance):
    return {row["port"]: row for row in appliance.table("show ports")}


def roles(appliance):
    rows = ports(appliance)
    return rows["left"]["role"], rows["right"]["role"]


def wait_roles(appliance, *wanted, timeout=10.0):
    wait_for(lambda: roles(appliance) == wanted, f"members are {wanted}", timeout)


def wait_members(appliance):
    for pool in ("echo", "echo6"):
        for name in appliance.servers(pool):
            appliance.wait_state(pool, name, "UP")


class Conversation:
    """A TCP connection that lives through a test; each exchange must come back."""

    def __init__(self, network, vip):
        self.sock = network.client.connect(vip, 7001)
        self.stream = self.sock.makefile("rb")
        assert self.stream.readline().decode().strip() in ECHO
        self.number = 0

    def exchange(self):
        self.number += 1
        text = b"%d\n" % self.number
        self.sock.sendall(text)
        assert self.stream.readline() == text

    def close(self):
        self.stream.close()
        self.sock.close()


@pytest.fixture(scope="module", params=["af_xdp", "af_packet"])
def devices(request):
    return DEVICES[request.param]


@pytest.fixture(scope="module")
def bridged(tmp_path_factory):
    with_members(made := Bonded(tmp_path_factory.mktemp("bridge")), tmp_path_factory)
    yield made
    made.close()


def with_members(network, tmp_path_factory):
    try:
        network.processes += Members(
            network.servers, tmp_path_factory.mktemp("members")).processes.values()
    except BaseException:
        network.close()
        raise


@pytest.fixture(scope="module")
def backup(bridged, devices, tmp_path_factory):
    with Appliance(bridged, tmp_path_factory.mktemp("backup"),
                   settings(devices, {"mode": "active-backup", "primary": "left"})) as daemon:
        wait_members(daemon)
        yield daemon


@pytest.fixture
def mended(bridged, backup):
    yield
    for leg in LEGS:
        bridged.mend(leg)
    wait_roles(backup, "active", "backup")


def test_the_backup_takes_nothing_in_twice(bridged, backup):
    """The switch floods what it does not know by both cables."""
    bridged.switch.run("bridge", "link", "set", "dev", "p1", "learning", "off")
    bridged.switch.run("bridge", "link", "set", "dev", "p2", "learning", "off")
    bridged.switch.ip("link", "set", "br0", "type", "bridge", "fdb_flush")
    try:
        with bridged.client.udp(VIP, 7002, timeout=0.3) as sock:
            sock.send(b"once")
            assert sock.recv(100).endswith(b" once")
            with pytest.raises(TimeoutError):
                sock.recv(100)
    finally:
        for leg in LEGS:
            bridged.switch.run("bridge", "link", "set", "dev", leg, "learning", "on")


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_traffic_goes_on_when_the_active_cable_is_cut(bridged, backup, mended, vip):
    wait_roles(backup, "active", "backup")
    before = ports(backup)
    talk = Conversation(bridged, vip)
    talk.exchange()
    with bridged.client.udp(vip, 7002) as sock:
        assert longest_silence(sock, lambda: bridged.cut("p1")) < MOST_S
        talk.exchange()
        rows = ports(backup)
        assert (rows["left"]["role"], rows["right"]["role"]) == ("down", "active")
        assert (rows["left"]["link"], rows["wan"]["link"]) == ("down", "up")
        # Back to the primary: its switch port is up before frames for us are sent there.
        assert longest_silence(sock, lambda: bridged.mend("p1")) < MOST_S
    wait_roles(backup, "active", "backup")
    talk.exchange()
    talk.close()
    rows = ports(backup)
    assert {name: rows[name]["failovers"] - before[name]["failovers"]
            for name in ("wan", "left", "right")} == {"wan": 2, "left": 1, "right": 1}


def arp_announced(sock, addresses):
    """Waits for a gratuitous ARP for each of the addresses."""
    wanted = {socket.inet_aton(address) for address in addresses}
    while wanted:
        frame = sock.recv(2048)
        if frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42]:
            wanted.discard(frame[28:32])


def na_announced(sock, address):
    wanted = socket.inet_pton(socket.AF_INET6, address)
    while True:
        frame = sock.recv(2048)
        if frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 136 and \
                frame[62:78] == wanted:
            return


def test_the_new_way_is_announced(bridged, backup, mended):
    sights = []
    for _ in range(2):
        sock = bridged.client.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        sock.bind(("c0", 0))
        sock.settimeout(5.0)
        sights.append(sock)
    bridged.cut("p1")
    arp_announced(sights[0], [VIP, WAN])
    na_announced(sights[1], VIP6)
    for sock in sights:
        sock.close()


def test_vlans_are_carried(bridged, backup, mended):
    ping = lambda: bridged.guest.run(
        "ping", "-n", "-c", "3", "-i", "0.05", "-W", "2", "-I", GUEST, GUEST_OWN)
    assert " 0% packet loss" in ping()
    bridged.cut("p1")
    wait_roles(backup, "down", "active")
    assert " 0% packet loss" in ping()
    row = ports(backup)["guests"]
    assert (row["parent"], row["vlan"], row["link"]) == ("wan", 10, "up")


def test_an_interface_that_is_set_down_is_a_cut_cable(bridged, backup, mended):
    talk = Conversation(bridged, VIP)
    for state, wanted in (("down", ("down", "active")), ("up", ("active", "backup"))):
        bridged.appliance.ip("link", "set", "a1", state)
        wait_roles(backup, *wanted)
        talk.exchange()
    talk.close()


def test_the_kernel_is_beside_the_bond(bridged, backup, mended):
    """What is not the appliance's goes to the kernel and back, whichever member is in use."""
    rows = ports(backup)
    assert rows["wan"]["mac"] in bridged.appliance.ip("link", "show", "kwan")
    with bridged.appliance.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((WAN, 179))
        listener.listen()
        listener.settimeout(5.0)
        for event in (lambda: None, lambda: bridged.cut("p1")):
            event()
            with bridged.client.connect(WAN, 179) as near:
                far, _ = listener.accept()
                far.sendall(b"hello")
                far.close()
                assert near.recv(100) == b"hello"


def test_both_down_and_back(bridged, backup, mended):
    talk = Conversation(bridged, VIP)
    talk.exchange()
    before = backup.drops()["bond_down"]
    for leg in LEGS:
        bridged.cut(leg)
    wait_roles(backup, "down", "down")
    rows = ports(backup)
    assert (rows["wan"]["link"], rows["guests"]["link"], rows["lan"]["link"]) == \
        ("down", "down", "up")
    # What it has to say of itself finds no way out, and is counted.
    backup.ctl("reload")
    wait_for(lambda: backup.drops()["bond_down"] > before, "the frames are counted")
    bridged.mend("p2")
    wait_roles(backup, "down", "active")
    talk.exchange()
    talk.close()


def test_the_bond_is_shown(backup):
    rows = ports(backup)
    assert (rows["wan"]["role"], rows["wan"]["driver"]) == ("active-backup", "net_bonding")
    assert {rows[name]["bond"] for name in ("left", "right")} == {"wan"}
    assert {rows[name]["mac"] for name in ("left", "right", "guests")} == {rows["wan"]["mac"]}
    assert (rows["lan"]["bond"], rows["lan"]["role"], rows["lan"]["failovers"]) == ("", "", 0)
    text = backup.ctl("show ports")
    assert "active-backup" in text and "failovers" in text


SLOW = bytes.fromhex("0180c2000002" "020000000099" "8809")


def slow_frames(seed):
    """LACPDUs, markers and neither, cut short or full of noise."""
    rng = random.Random(seed)
    for length in (14, 15, 16, 60, 124, 1500):
        for subtype in (0, 1, 2, 10, 255):
            for _ in range(4):
                yield (SLOW + bytes([subtype, 1]) + rng.randbytes(1500))[:length]
    for _ in range(100):  # well-formed, but for what is said
        pair = b"".join(bytes([kind, 20]) + rng.randbytes(18) for kind in (1, 2))
        yield (SLOW + bytes([1, 1]) + pair + bytes([3, 16])).ljust(124, b"\0")


def disturb(network, leg, appliance):
    with network.switch.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((leg, 0))
        before = ports(appliance)["left" if leg == "p1" else "right"]["rx_packets"]
        frames = list(slow_frames(802))
        for frame in frames:
            sock.send(frame)
        wait_for(lambda: ports(appliance)["left" if leg == "p1" else "right"]["rx_packets"] >=
                 before + len(frames), "the frames came in")


def test_slow_protocols_disturb_nothing(bridged, backup):
    wait_roles(backup, "active", "backup")
    for leg in LEGS:
        disturb(bridged, leg, backup)
    talk = Conversation(bridged, VIP)
    talk.exchange()
    talk.close()
    assert roles(backup) == ("active", "backup")


def test_a_plain_port_tells_of_its_link_as_well(bridged, backup):
    try:
        for state in ("down", "up"):
            bridged.servers.ip("link", "set", "s0", state)
            wait_for(lambda wanted=state: ports(backup)["lan"]["link"] == wanted, f"lan is {state}")
    finally:
        bridged.servers.ip("link", "set", "s0", "up")
        for number in ECHO.values():  # the kernel took them with the link
            bridged.servers.ip("address", "replace", server6(number) + "/64", "dev", "s0", "nodad")
    wait_members(backup)


def test_a_reload_changes_no_bond(backup):
    whole = backup.config
    try:
        other = config.changed(whole)
        other["ports"][0]["bond"]["primary"] = "right"
        backup.write(other)
        done = backup.run_ctl("reload")
        assert done.returncode != 0 and "ports" in done.stdout + done.stderr
        backup.write(whole)
        backup.ctl("reload")
    finally:
        backup.write(whole)


@pytest.fixture(scope="module")
def ovs(tmp_path_factory):
    with_members(made := Bonded(tmp_path_factory.mktemp("ovs"), "ovs"), tmp_path_factory)
    yield made
    made.close()


@pytest.fixture(scope="module", params=["af_xdp-pairs", "af_packet"])
def aggregate(ovs, request, tmp_path_factory):
    device, _, pairs = request.param.partition("-")
    with Appliance(ovs, tmp_path_factory.mktemp("lacp"), settings(
            DEVICES[device], {"mode": "lacp"}, (0, 1) if pairs else (1,))) as daemon:
        wait_members(daemon)
        wait_distributing(ovs, daemon)
        yield daemon


def wait_distributing(ovs, aggregate):
    wait_for(lambda: {ports(aggregate)[name]["lacp"] for name in ("left", "right")} ==
             {"distributing"}, "both members are distributing", 15.0)
    wait_for(lambda: set(ovs.lacp()[0].values()) == {"current attached"},
             "the switch has both in its aggregate", 15.0)


def test_lacp_is_agreed_with_open_vswitch(ovs, aggregate):
    rows = ports(aggregate)
    _, system = ovs.lacp()
    for name in ("left", "right"):
        assert (rows[name]["role"], rows[name]["bond"], rows[name]["partner"]) == \
            ("active", "wan", system)
    assert (rows["wan"]["role"], rows["wan"]["link"]) == ("lacp", "up")


def test_lacp_spreads_flows_over_both_members(ovs, aggregate):
    before = ports(aggregate)
    for _ in range(40):
        talk = Conversation(ovs, VIP)
        talk.exchange()
        talk.close()
    rows = ports(aggregate)
    for name in ("left", "right"):
        assert rows[name]["tx_packets"] - before[name]["tx_packets"] >= 20


@pytest.mark.parametrize("leg, name, other", [("p1", "left", "right"), ("p2", "right", "left")])
def test_lacp_survives_the_loss_of_a_member(ovs, aggregate, leg, name, other):
    wait_distributing(ovs, aggregate)
    before = ports(aggregate)
    talks = [Conversation(ovs, vip) for vip in (VIP, VIP6) for _ in range(4)]
    with ovs.client.udp(VIP, 7002) as sock:
        assert longest_silence(sock, lambda: ovs.cut(leg)) < MOST_S
        for talk in talks:
            talk.exchange()
        rows = ports(aggregate)
        assert (rows[name]["role"], rows[name]["lacp"]) == ("down", "disabled")
        assert (rows[other]["role"], rows["wan"]["link"]) == ("active", "up")
        assert longest_silence(sock, lambda: ovs.mend(leg)) < MOST_S
    wait_distributing(ovs, aggregate)
    for talk in talks:
        talk.exchange()
        talk.close()
    rows = ports(aggregate)
    assert {row: rows[row]["failovers"] - before[row]["failovers"]
            for row in ("wan", name, other)} == {"wan": 1, name: 1, other: 0}


def test_lacp_notices_a_switch_that_is_silent(ovs, aggregate):
    """Its links stay up: three seconds without a word end the agreement."""
    wait_distributing(ovs, aggregate)
    ovs.ovs.child.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        wait_for(lambda: ports(aggregate)["wan"]["link"] == "down", "the bond is down", 8.0)
        assert time.monotonic() - began < 5.0
        rows = ports(aggregate)
        assert {rows[name]["link"] for name in ("left", "right")} == {"up"}
        assert {rows[name]["role"] for name in ("left", "right")} == {"backup"}
    finally:
        ovs.ovs.child.send_signal(signal.SIGCONT)
    wait_distributing(ovs, aggregate)
    talk = Conversation(ovs, VIP)
    talk.exchange()
    talk.close()


def test_lacp_forgets_what_cannot_be(ovs, aggregate):
    """Noise on a member's cable may cost that member, and it comes back by itself."""
    wait_distributing(ovs, aggregate)
    disturb(ovs, "p1", aggregate)
    wait_distributing(ovs, aggregate)
    talk = Conversation(ovs, VIP)
    talk.exchange()
    talk.close()


def test_members_get_their_addresses_back(tmp_path):
    made = Bonded(tmp_path, "spare")

    def links():
        return [made.appliance.ip("link", "show", name).split("link/ether ")[1].split()[0]
                for name in ("a1", "a2")]
    try:
        before = links()
        assert before[0] != before[1]
        with Appliance(made, tmp_path, settings(DEVICES["af_xdp"], {"mode": "lacp"})) as daemon:
            assert links() == [before[0]] * 2
            assert daemon.stop() == 0
        assert links() == before
        assert "PROMISC" not in made.appliance.ip("link", "show", "a1")
    finally:
        made.close()
