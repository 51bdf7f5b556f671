# SPDX-License-Identifier: Apache-2.0
"""IPv4 options and IPv6 extension headers that kernels send, by the policy that is configured."""

import socket

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from harness.network import CLIENT, VIP, VIP6
from harness.procs import wait_for
from test_guard import guarded, reload_with  # noqa: F401 (a fixture)
from test_l4 import ask_tcp
from test_protocols import play

# Router alert, stream identifier, end of the list.
OPTIONS = bytes.fromhex("9404000088041234")
DESTINATION = bytes.fromhex("0000010400000000")  # PadN; the kernel fills in what follows


def options_set(sock):
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, OPTIONS)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, DESTINATION)


def tcp_with_options(site, vip):
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    sock = site.client.socket(family, socket.SOCK_STREAM)
    sock.settimeout(2)
    options_set(sock)
    try:
        sock.connect((vip, 7001))
        sock.sendall(b"with options\n")
        return sock.recv(100)
    finally:
        sock.close()


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_options_pass_where_they_may(guarded, vip):
    reload_with(guarded, {"ip_options": "pass"})
    before = guarded.appliance.drops()
    assert tcp_with_options(guarded, vip)
    after = guarded.appliance.drops()
    assert after["parse_ip_options"] == before["parse_ip_options"]
    assert ask_tcp(guarded.client, vip)


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_options_are_dropped_by_default(guarded, vip):
    before = guarded.appliance.drops()["parse_ip_options"]
    with pytest.raises(OSError):
        tcp_with_options(guarded, vip)
    assert guarded.appliance.drops()["parse_ip_options"] > before
    assert ask_tcp(guarded.client, vip)


def test_the_member_gets_them_also_in_fragments(guarded):
    reload_with(guarded, {"ip_options": "pass"})
    with play(guarded, 7150) as member, guarded.client.udp(VIP, 7150) as client:
        member.setsockopt(socket.IPPROTO_IP, 6, 1)  # IP_RECVOPTS
        options_set(client)
        for length in (100, 4000):
            client.send(bytes(length))
            data, ancillary, _, peer = member.recvmsg(65536, 256)
            assert data == bytes(length)
            assert [value for level, kind, value in ancillary
                    if level == socket.IPPROTO_IP] == [OPTIONS]
            member.sendto(b"got it", peer)
            assert client.recv(100) == b"got it"


def test_a_source_route_goes_nowhere(guarded):
    reload_with(guarded, {"ip_options": "pass"})
    before = guarded.appliance.drops()["parse_source_route"]
    routed = IP(src=CLIENT, dst=VIP, options=[Raw(bytes.fromhex("830704c6336409"))]) / \
        UDP(sport=4000, dport=7001) / Raw(b"by way of another")
    with guarded.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.sendto(bytes(routed), (VIP, 0))
    wait_for(lambda: guarded.appliance.drops()["parse_source_route"] == before + 1, "it is counted")
