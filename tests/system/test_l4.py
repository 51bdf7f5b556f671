# SPDX-License-Identifier: Apache-2.0
"""Layer 4: spread, affinity and integrity of TCP and UDP over both IP versions."""

import collections
import random
import socket
import time

import pytest

from harness.network import CLIENTS, LAN, VIP, VIP6
from harness.procs import wait_for
from harness.servers import ECHO

FLOWS = 240


def ask_tcp(client, vip, port=7001, source=None):
    """The name of the member that took a new connection, after one echo through it."""
    with client.connect(vip, port, source=source) as sock:
        stream = sock.makefile("rwb")
        name = stream.readline().decode().strip()
        stream.write(b"ping\n")
        stream.flush()
        assert stream.readline() == b"ping\n"
        return name


def ask_udp(client, vip, port=7002, payload=b"ping"):
    with client.udp(vip, port) as sock:
        sock.send(payload)
        name, _, echoed = sock.recv(65536).partition(b" ")
        assert echoed == payload
        return name.decode()


def assert_spread(counts):
    """Every member, with a share within five standard deviations of an equal one."""
    assert set(counts) == set(ECHO)
    share = FLOWS / len(ECHO)
    for member, count in counts.items():
        assert abs(count - share) < 5 * (share * (1 - 1 / len(ECHO))) ** 0.5, (member, counts)


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_tcp_spreads_over_members(everywhere, vip):
    assert_spread(collections.Counter(ask_tcp(everywhere.client, vip) for _ in range(FLOWS)))


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_udp_spreads_over_members(everywhere, vip):
    assert_spread(collections.Counter(ask_udp(everywhere.client, vip) for _ in range(FLOWS)))


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_a_udp_flow_stays_with_its_member(everywhere, vip):
    with everywhere.client.udp(vip, 7002) as sock:
        names = set()
        for number in range(50):
            sock.send(b"%d" % number)
            name, _, echoed = sock.recv(65536).partition(b" ")
            assert echoed == b"%d" % number
            names.add(name)
    assert len(names) == 1


def test_udp_payload_of_every_kind_of_length(everywhere):
    noise = random.Random(7)
    for length in [0, 1, 2, 3, 17, 63, 64, 65, 511, 1000, 1471, 1465]:
        payload = noise.randbytes(min(length, 1464))
        assert ask_udp(everywhere.client, VIP, payload=payload) in ECHO


def test_source_ip_hash_ignores_the_port(site):
    taken = {source: {ask_tcp(site.client, VIP, 7003, source) for _ in range(6)}
             for source in CLIENTS}
    assert all(len(names) == 1 for names in taken.values()), taken
    assert len(set.union(*taken.values())) > 1


def test_members_see_the_local_address(site):
    with site.client.connect(VIP, 8080) as sock:
        sock.sendall(b"GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    assert f'"peer": "{LAN}"' in text


def test_half_close_passes_both_ways(site):
    with site.client.connect(VIP, 7001) as sock:
        stream = sock.makefile("rb")
        assert stream.readline().decode().strip() in ECHO
        sock.sendall(b"x" * 100_000)
        sock.shutdown(socket.SHUT_WR)
        assert stream.read() == b"x" * 100_000


def test_closed_flows_leave_the_table(site):
    before = site.appliance.counters()["l4.conns_closed"]
    for _ in range(20):
        ask_tcp(site.client, VIP)
    wait_for(lambda: site.appliance.counters()["l4.conns_closed"] >= before + 20,
             "closed connections are counted and removed", 15)


def test_unknown_port_is_dropped_and_counted(site):
    before = site.appliance.drops()["no_service"]
    with site.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(5):
            sock.sendto(b"nobody", (VIP, 7999))
    wait_for(lambda: site.appliance.drops()["no_service"] == before + 5, "five drops are counted")


def test_service_without_a_member_drops_and_counts(site):
    before = site.appliance.drops()["no_backend"]
    started = time.monotonic()
    with pytest.raises(OSError):
        site.client.connect(VIP, 7009, timeout=0.5)
    assert time.monotonic() - started < 5
    wait_for(lambda: site.appliance.drops()["no_backend"] > before, "the drop is counted")


def test_many_connections_at_once(everywhere):
    socks = [everywhere.client.connect(VIP, 7001) for _ in range(300)]
    try:
        for number, sock in enumerate(socks):
            sock.sendall(b"%d\n" % number)
        for number, sock in enumerate(socks):
            stream = sock.makefile("rb")
            assert stream.readline().decode().strip() in ECHO
            assert stream.readline() == b"%d\n" % number
    finally:
        for sock in socks:
            sock.close()
