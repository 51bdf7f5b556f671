# SPDX-License-Identifier: Apache-2.0
"""An IPv6 client of an IPv4 member, each behind a router and a link of its own, with kernels at
both ends: what routers and hosts say is translated, and so are fragments.

    client -- narrow link -- router -- wan [appliance] lan -- router -- narrow link -- member
"""

import json
import socket
import struct

import pytest

from harness import netns, origin
from harness.appliance import Appliance
from harness.network import CLIENT6, LAN, VIP6, Network, server
from harness.origin import body_sha256
from harness.procs import Process, wait_for

MEMBER, MEMBER_ROUTER = "203.0.113.10", "203.0.113.1"
FAR_CLIENT, CLIENT_ROUTER = "2001:db8:9::10", "2001:db8:9::1"
HTTP_PORT, UDP_PORT, CLOSED_PORT = 8080, 7002, 7003
IPV6_MTU_DISCOVER, IPV6_MTU, IPV6_RECVERR, PMTUDISC_DO = 23, 24, 25, 2
MEMBER_MTU, CLIENT_MTU = 1300, 1400
UPLOAD = 300_000


def config(network):
    def one(name, port, protocol):
        return {"name": name, "listen": f"[{VIP6}]:{port}/{protocol}", "mode": "l4",
                "forward": "full-nat", "pool": name}
    kinds = (("http", HTTP_PORT, "tcp"), ("udp", UDP_PORT, "udp"), ("closed", CLOSED_PORT, "udp"))
    return {
        "cores": {"control": 0, "l4": [1], "l7": [], "idle": "adaptive"},
        "memory": {"pages": "auto", "packet_buffers": 32768},
        "ports": network.ports(),
        "routes": [{"to": "203.0.113.0/24", "via": server(10)},
                   {"to": "2001:db8:9::/64", "via": CLIENT6}],
        "pools": {name: {"members": [f"{MEMBER}:{port}"]} for name, port, _ in kinds},
        "services": [one(*kind) for kind in kinds],
    }


class World(Network):
    """The one network, and a host behind each end of it."""

    def __init__(self):
        super().__init__("mixed-")
        try:
            self.far = self._namespace("mixed-far")
            self.member = self._namespace("mixed-member")
            netns.veth(self.client, "f0", self.far, "f1")
            netns.veth(self.servers, "m0", self.member, "m1")
            self.client.add_address("f0", CLIENT_ROUTER + "/64")
            self.far.add_address("f1", FAR_CLIENT + "/64")
            self.far.ip("-6", "route", "add", "default", "via", CLIENT_ROUTER)
            self.servers.add_address("m0", MEMBER_ROUTER + "/24")
            self.member.add_address("m1", MEMBER + "/24")
            self.member.ip("route", "add", "default", "via", MEMBER_ROUTER)
            self.client.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
            self.servers.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        except BaseException:
            self.close()
            raise

    def narrow(self, member=1500, client=1500, is_known=False):
        """MTUs of the links behind the routers, whose hosts know of them or not."""
        self.servers.ip("link", "set", "m0", "mtu", str(member))
        self.client.ip("link", "set", "f0", "mtu", str(client))
        self.member.ip("link", "set", "m1", "mtu", str(member if is_known else 1500))
        self.far.ip("link", "set", "f1", "mtu", str(client if is_known else 1500))
        for namespace in (self.client, self.far):
            namespace.ip("-6", "route", "flush", "cache")
        self.member.ip("route", "flush", "cache")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    made = World()
    process = None
    try:
        process = Process("origin", made.member.command(
            "/usr/bin/python3", origin.__file__, "--name", "far", "--http", MEMBER, str(HTTP_PORT),
            "--udp", MEMBER, str(UDP_PORT)), str(folder / "origin.log"))
        wait_for(lambda: "ready" in process.output(), "the member listens")
        made.daemon = Appliance(made, folder, config(made))
        with made.daemon:
            yield made
    finally:
        if process is not None:
            process.kill()
        made.close()


@pytest.fixture
def world(site):
    site.narrow()
    yield site
    site.narrow()


def forwarded(world):
    return world.daemon.counters()["l4.icmp_errors_forwarded"]


def learned(namespace, *words):
    """The MTU that a host has learned for a destination, or None."""
    found = namespace.ip(*words).split()
    return int(found[found.index("mtu") + 1]) if "mtu" in found else None


def exchange(world, request):
    with world.far.connect(VIP6, HTTP_PORT, timeout=10.0) as sock:
        sock.sendall(request)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    return answer.partition(b"\r\n\r\n")[2]


def upload(world):
    body = b"".join(origin.body_pieces(UPLOAD))
    answer = json.loads(exchange(world, b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                 b"Content-Length: %d\r\n\r\n" % len(body) + body))
    assert (answer["body_bytes"], answer["body_sha256"]) == (UPLOAD, body_sha256(UPLOAD))


def ask(world, payload):
    with world.far.udp(VIP6, UDP_PORT, timeout=1.0) as sock:
        sock.send(payload)
        return sock.recv(65536).partition(b" ")[2]


def test_the_client_learns_of_the_members_link(world):
    world.narrow(member=MEMBER_MTU)
    before = forwarded(world)
    upload(world)
    assert forwarded(world) > before
    # IPv6 has 20 bytes more to take off.
    assert learned(world.far, "-6", "route", "get", VIP6) == MEMBER_MTU + 20


def test_the_member_learns_of_the_clients_link(world):
    world.narrow(client=CLIENT_MTU)
    before = forwarded(world)
    body = exchange(world, b"GET /bytes/%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                    % UPLOAD)
    assert body == b"".join(origin.body_pieces(UPLOAD))
    assert forwarded(world) > before
    assert learned(world.member, "route", "get", LAN) == CLIENT_MTU - 20


def test_a_link_too_narrow_for_ipv6_cuts_what_comes(world):
    """RFC 7915 5.1: the client goes down to 1280 bytes, which routers in IPv4 may fragment."""
    world.narrow(member=1000)
    upload(world)
    assert learned(world.far, "-6", "route", "get", VIP6) == 1280


def test_a_datagram_too_large_is_told_by_the_socket(world):
    world.narrow(member=MEMBER_MTU)
    with world.far.udp(VIP6, UDP_PORT) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO)
        sock.send(bytes(1452))
        wait_for(lambda: sock.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU) == MEMBER_MTU + 20,
                 "the client learns the path MTU")
    with world.far.udp(VIP6, UDP_PORT) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO)
        sock.send(b"y" * (MEMBER_MTU + 20 - 48))
        assert sock.recv(2048).partition(b" ")[2] == b"y" * (MEMBER_MTU + 20 - 48)


@pytest.mark.parametrize("links", [{}, {"member": MEMBER_MTU}, {"client": CLIENT_MTU}],
                         ids=["wide", "narrow-member", "narrow-client"])
@pytest.mark.parametrize("length", [1500, 4000, 9000])
def test_fragments_arrive_both_ways(world, length, links):
    # A cable takes in no more than what it may send: the hosts keep to it.
    world.narrow(**links, is_known=True)
    assert ask(world, b"first") == b"first"
    before = world.daemon.counters()["l4.fragments_gathered"]
    payload = bytes(at % 251 for at in range(length))
    # The sender's first datagram may be what teaches it how small pieces must be.
    for _ in range(5):
        try:
            assert ask(world, payload) == payload
            break
        except TimeoutError:
            continue
    else:
        pytest.fail("no datagram came back")
    assert world.daemon.counters()["l4.fragments_gathered"] - before >= 4


def error_of(sock):
    """(errno, ICMPv6 type, code, who told it) out of the socket's queue."""
    queued = []
    wait_for(lambda: queued.extend(error_take(sock)) or queued, "an error is queued")
    data, ancillary = queued
    for level, kind, value in ancillary:
        if (level, kind) == (socket.IPPROTO_IPV6, IPV6_RECVERR):
            errno, source, icmp_type, code = struct.unpack_from("IBBB", value)
            assert source == 3  # SO_EE_ORIGIN_ICMP6
            offender = socket.inet_ntop(socket.AF_INET6, value[16 + 8:16 + 24])
            return errno, icmp_type, code, offender, data
    raise AssertionError("no error in the queue")


def error_take(sock):
    try:
        return sock.recvmsg(2048, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)[:2]
    except BlockingIOError:
        return ()


@pytest.mark.parametrize("hops, port, expected", [(64, CLOSED_PORT, (1, 4)), (3, UDP_PORT, (3, 0))],
                         ids=["closed-port", "hops"])
def test_what_the_members_side_says_reaches_the_socket(world, hops, port, expected):
    """Port unreachable of the member, and time exceeded of the router in front of it."""
    with world.far.udp(VIP6, port) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        before = forwarded(world)
        sock.send(b"anybody?")
        _, icmp_type, code, offender, data = error_of(sock)
    assert (icmp_type, code) == expected
    assert (offender, data) == (VIP6, b"anybody?")
    assert forwarded(world) == before + 1


def test_what_the_clients_side_says_reaches_the_member(world):
    """A socket of the client's that is gone: the member's kernel refuses its own to go on."""
    with world.member.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:
        member.settimeout(5)
        member.bind((MEMBER, CLOSED_PORT))
        with world.far.udp(VIP6, CLOSED_PORT) as client:
            client.send(b"question")
            data, peer = member.recvfrom(100)
            assert data == b"question" and peer[0] == LAN
        member.connect(peer)
        member.send(b"answer")
        with pytest.raises(ConnectionRefusedError):
            member.recv(100)
