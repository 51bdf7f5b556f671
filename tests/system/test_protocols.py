# SPDX-License-Identifier: Apache-2.0
"""ICMP errors, fragments, SCTP and ranges of ports, with kernels at both ends."""

import random
import socket

import pytest
from scapy.layers.inet import IP
from scapy.layers.sctp import (SCTP, SCTPChunkCookieAck, SCTPChunkCookieEcho, SCTPChunkData,
                               SCTPChunkInit, SCTPChunkInitAck, SCTPChunkSACK, SCTPChunkShutdown,
                               SCTPChunkShutdownAck, SCTPChunkShutdownComplete)

from harness import servers
from harness.network import CLIENT, LAN, VIP, VIP6, server
from harness.procs import wait_for
from test_l4 import ask_udp

PLAYED = server(servers.PLAYED)


def forwarded(site):
    return site.appliance.counters()["l4.icmp_errors_forwarded"]


@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_a_closed_port_is_told_to_the_client(everywhere, vip):
    before = forwarded(everywhere)
    with everywhere.client.udp(vip, 7004) as sock:
        sock.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            sock.recv(100)
    assert forwarded(everywhere) > before


def play(site, port):
    sock = site.network.servers.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(5)
    sock.bind((PLAYED, port))
    return sock


def test_a_client_that_is_gone_is_told_to_the_member(everywhere):
    with play(everywhere, 7150) as member:
        with everywhere.client.udp(VIP, 7150) as client:
            client.send(b"question")
            data, peer = member.recvfrom(100)
            assert data == b"question" and peer[0] == LAN
        member.connect(peer)
        member.send(b"answer")
        with pytest.raises(ConnectionRefusedError):
            member.recv(100)


def test_a_range_of_ports_keeps_the_port(site):
    for port in (7100, 7142, 7199):
        with play(site, port) as member, site.client.udp(VIP, port) as client:
            client.send(b"to %d" % port)
            data, peer = member.recvfrom(100)
            assert data == b"to %d" % port
            member.sendto(b"from %d" % port, peer)
            # The socket is connected: it takes answers from the port that it asked only.
            assert client.recv(100) == b"from %d" % port


@pytest.mark.parametrize("length", [1473, 4000, 15000])
@pytest.mark.parametrize("vip", [VIP, VIP6], ids=["ipv4", "ipv6"])
def test_fragments_arrive_both_ways(everywhere, vip, length):
    # Few packets wait for a neighbor's address, fewer than a long datagram has fragments.
    for _ in range(30):
        ask_udp(everywhere.client, vip)
    before = everywhere.appliance.counters()["l4.fragments_gathered"]
    payload = random.Random(length).randbytes(length)
    for _ in range(8):
        assert ask_udp(everywhere.client, vip, payload=payload) in servers.ECHO
    # Two at least each way.
    gathered = everywhere.appliance.counters()["l4.fragments_gathered"] - before
    assert gathered >= 8 * 2 * 2


def test_fragments_to_an_l7_listener_are_dropped(site):
    before = site.appliance.drops()["fragment_unassembled"]
    segment = bytes.fromhex("9c4000500000000100000000500220000000000000000000")
    with site.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.sendto(bytes(IP(src=CLIENT, dst=VIP, proto=6, flags="MF", id=9)) + segment,
                    (VIP, 0))
    wait_for(lambda: site.appliance.drops()["fragment_unassembled"] == before + 1, "it is counted")


class SctpEnd:
    """One end of an association, in words; the checksum is scapy's."""

    def __init__(self, namespace, address):
        self.sock = namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_SCTP)
        self.sock.settimeout(5)
        self.sock.bind((address, 0))

    def send(self, to, source_port, port, tag, *chunks):
        packet = SCTP(sport=source_port, dport=port, tag=tag)
        for chunk in chunks:
            packet = packet / chunk
        self.sock.sendto(bytes(packet), (to, 0))

    def receive(self):
        """(IP header, packet); its checksum is right."""
        packet = IP(self.sock.recv(65536))
        sctp = packet[SCTP]
        again = SCTP(bytes(sctp))
        again.chksum = None
        assert SCTP(bytes(again)).chksum == sctp.chksum
        return packet, sctp

    def close(self):
        self.sock.close()


def test_an_sctp_association_through_nat(everywhere):
    client = SctpEnd(everywhere.client, CLIENT)
    member = SctpEnd(everywhere.network.servers, PLAYED)
    port = random.randrange(20000, 60000)
    setup = {"a_rwnd": 65536, "n_out_streams": 4, "n_in_streams": 4}
    data = SCTPChunkData(tsn=1, stream_id=1, stream_seq=0, data=b"over NAT", beginning=1, ending=1)
    steps = [
        (client, 0, (SCTPChunkInit(init_tag=11, init_tsn=1, **setup),)),
        (member, 11, (SCTPChunkInitAck(init_tag=22, init_tsn=9, **setup),)),
        (client, 22, (SCTPChunkCookieEcho(cookie=b"c" * 40),)),
        (member, 11, (SCTPChunkCookieAck(),)),
        (client, 22, (data,)),
        (member, 11, (SCTPChunkSACK(cumul_tsn_ack=1, a_rwnd=65536),)),
    ]
    end = [
        (client, 22, (SCTPChunkShutdown(cumul_tsn_ack=9),)),
        (member, 11, (SCTPChunkShutdownAck(),)),
        (client, 22, (SCTPChunkShutdownComplete(),)),
    ]
    local = None

    def run(sender, tag, chunks):
        nonlocal local
        if sender is client:
            client.send(VIP, port, 7005, tag, *chunks)
            packet, sctp = member.receive()
            assert (packet.src, sctp.dport) == (LAN, 7005)
            assert local in (None, sctp.sport)
            local = sctp.sport
        else:
            member.send(LAN, 7005, local, tag, *chunks)
            packet, sctp = client.receive()
            assert (packet.src, sctp.sport, sctp.dport) == (VIP, 7005, port)
        assert sctp.tag == tag
        assert bytes(sctp)[12:] == b"".join(bytes(chunk) for chunk in chunks)

    def state():
        rows = [line.split() for line in everywhere.appliance.ctl("show conns").splitlines()]
        return [row for row in rows if "sctp" in row and f"{CLIENT}:{port}" in row]

    try:
        for step in steps:
            run(*step)
        assert "ESTABLISHED" in state()[0]
        for step in end:
            run(*step)
        assert "CLOSED" in state()[0]
    finally:
        client.close()
        member.close()
